# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line and the configuration of Ansible say where the inventory says nothing."""

from __future__ import annotations

from typing import Any

from ansible import constants as C
from ansible import context


def connection_defaults() -> dict[str, Any]:
    """Connection, user and key file of a host whose variables name none."""
    options = context.CLIARGS
    connection = options.get("connection") or C.DEFAULT_TRANSPORT
    return {
        "connection": connection,
        "user": options.get("remote_user") or C.DEFAULT_REMOTE_USER,
        "private_key_file": options.get("private_key_file") or C.DEFAULT_PRIVATE_KEY_FILE,
    }
