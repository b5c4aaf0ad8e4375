# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section firewall: what the packet filters do with the login, and which rule does it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type


def gather(login):
    """Look at the packet filters for a login attempt: {port, addresses, user, clients}."""
    return {"status": "unchecked", "reason": "not there yet"}


def verdict(packet):
    """The fate of a new TCP or UDP connection's first packet by the rulesets of this network namespace.

    ``packet``: {protocol, source, destination, port, interface}; interface and destination may be None.
    Returns {verdict: accept|drop|reject|unknown, reject_with, rule, path, blockers, reason}.
    """
    return {"verdict": "unknown", "reason": "not there yet"}
