# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gathering modules have in common: the login attempt as arguments, one section as the result."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rescue.remote_login.plugins.module_utils import sections

LOGIN = (
    "port", "addresses", "user", "clients", "client_ports", "method", "key_fingerprint", "agent_fingerprints",
    "controller_time", "link_capacity_bps",
)  # fmt: skip
LOGIN_ARGUMENTS = {
    "port": {"type": "int", "default": 22},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "user": {"type": "str", "default": "root"},
    "clients": {"type": "list", "elements": "str", "default": []},
    "client_ports": {"type": "list", "elements": "int", "default": []},
    "method": {"type": "str"},
    "key_fingerprint": {"type": "str", "no_log": False},
    "agent_fingerprints": {"type": "list", "elements": "str", "default": []},
    "controller_time": {"type": "float"},
    "link_capacity_bps": {"type": "int"},
    # Longer than any section waits for what it asks: on a busy host fail2ban alone gets 26 seconds.
    "timeout": {"type": "int", "default": 45},
}


def module_for_login(**more):
    """An AnsibleModule with the arguments of a login attempt, and that attempt."""
    module = AnsibleModule(argument_spec=dict(LOGIN_ARGUMENTS, **more), supports_check_mode=True)
    login = {key: module.params[key] for key in LOGIN}
    if not 0 < login["port"] < 65536:
        module.fail_json(msg="port must be between 1 and 65535, not %d" % login["port"])
    return module, login


def run_info_module(section):
    """Gather one section and return it at the top level of the result."""
    exit_with_section(section, *module_for_login())


def exit_with_section(section, module, login):
    module.exit_json(changed=False, **sections.gather_one(section, login, module.params["timeout"]))
