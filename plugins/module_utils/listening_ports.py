# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section listening_ports: which program waits on which address and port."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import sockets


def gather(login):
    """Every listening TCP and unconnected UDP socket. The login attempt makes no difference here."""
    entries, error, hidden = sockets.listening()
    if error:
        return {"status": "unchecked", "reason": error}
    missing = {"ports.pid": hidden} if hidden else {}
    return {"status": "ok", "missing": missing, "ports": entries}
