# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcomes of a probe, and the rung of the login path on which each one ends."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

RUNG_OF = {
    "name_not_resolved": "resolve",
    "no_route": "route",
    "timed_out": "port",
    "refused": "port",
    "closed_before_banner": "banner",
    "banner_timed_out": "banner",
    "not_ssh": "banner",
    "key_exchange_failed": "key_exchange",
    "key_exchange_timed_out": "key_exchange",
    "host_key_changed": "host_key",
    "auth_denied": "auth",
    "session_failed": "session",
    "ok": "session",
}
