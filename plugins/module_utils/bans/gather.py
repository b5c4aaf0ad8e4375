# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section bans: who keeps this client out by name, and why."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type


def gather(login):
    """Look for bans of the clients of a login attempt: {port, addresses, user, clients}."""
    return {"status": "unchecked", "reason": "not there yet"}
