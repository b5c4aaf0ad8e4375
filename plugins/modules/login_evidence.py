#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: login_evidence
short_description: Every section of the evidence inside a host, in one round trip
version_added: 0.1.0
description:
  - Gathers all sections at once, each in a process of its own with a time-out of its own.
  - A section that fails, hangs or is refused is C(unchecked) with its reason; the others are there all the same.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
options:
  sections:
    description: The sections to gather; without it, all but V(bandwidth), which takes some seconds to measure.
    type: list
    elements: str
    choices: [account, auth_log, bandwidth, bans, firewall, health, listening_ports, network, sshd]
seealso:
  - module: rescue.remote_login.account_info
  - module: rescue.remote_login.auth_log_info
  - module: rescue.remote_login.bandwidth_info
  - module: rescue.remote_login.fail2ban_info
  - module: rescue.remote_login.firewall_info
  - module: rescue.remote_login.health_info
  - module: rescue.remote_login.sshd_info
  - module: rescue.remote_login.listening_ports_info
  - module: rescue.remote_login.network_info
  - module: rescue.remote_login.ssh_probe
"""

EXAMPLES = r"""
- name: Look from inside
  rescue.remote_login.login_evidence:
    port: 22
    addresses: [192.0.2.10]
    user: alice
    clients: [198.51.100.7]
  become: true
  register: inside
"""

RETURN = r"""
inside:
  description: The sections by name, each with C(status) and either its data or a C(reason).
  returned: always
  type: dict
  sample: {"sshd": {"status": "ok", "running": true}, "listening_ports": {"status": "unchecked", "reason": "no /proc"}}
collected_at:
  description: When it was gathered by the host's own clock, ISO 8601 in UTC.
  returned: always
  type: str
  sample: "2026-11-21T00:54:58Z"
"""

import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sections
from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import module_for_login


def main():
    names = sorted(sections.SECTIONS)
    module, login = module_for_login(sections={"type": "list", "elements": "str", "choices": names})
    inside = sections.gather(module.params["sections"] or sections.USUAL, login, module.params["timeout"])
    module.exit_json(changed=False, inside=inside, collected_at=host.iso_time(time.time()))


if __name__ == "__main__":
    main()
