# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line and the configuration of Ansible say where the inventory says nothing."""

from __future__ import annotations

import os
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleError


def connection_defaults() -> dict[str, Any]:
    """Connection, user and key file of a host whose variables name none."""
    options = context.CLIARGS
    connection = options.get("connection") or C.DEFAULT_TRANSPORT
    return {
        "connection": connection,
        "user": options.get("remote_user") or C.DEFAULT_REMOTE_USER,
        "private_key_file": options.get("private_key_file") or C.DEFAULT_PRIVATE_KEY_FILE,
        "ssh_args": {
            "ansible_ssh_args": _configured("ssh_args"),
            "ansible_ssh_common_args": options.get("ssh_common_args") or _configured("ssh_common_args"),
            "ansible_ssh_extra_args": options.get("ssh_extra_args") or _configured("ssh_extra_args"),
        },
    }


def _configured(name: str) -> str | None:
    """A setting of the ssh connection plugin from ansible.cfg or the environment."""
    try:
        value = C.config.get_config_value(name, plugin_type="connection", plugin_name="ssh")
    except AnsibleError:  # the plugin was not loaded yet, so that its settings are not known
        value = os.environ.get(f"ANSIBLE_{name.upper()}")
    return str(value) if value else None
