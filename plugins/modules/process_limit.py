#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: process_limit
short_description: Lower the rate of one process or unit, or end it, but never the way in
version_added: 0.1.0
description:
  - Acts on the one process or the one unit of systemd that is named, and on the processes that it has started.
  - A process is named by its pid together with its start, so that another process that has got the same pid meanwhile
    is never touched.
  - An SSH server in any shape, the first process, what this very run was started from, what holds the port of the
    login or a connection to it, the tunnel or proxy that logins come through, and what a host needs to let anybody in
    (such as C(systemd-logind), C(dbus-daemon) or C(NetworkManager)) are left alone. So is a unit that holds one of
    them, or whose end would bring about the end of one. The module then fails before anything is changed.
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.changing_module
options:
  pid:
    description: The process. Needs O(start_ticks).
    type: int
  start_ticks:
    description:
      - When the process was started, in clock ticks since the host's start, as M(rescue.remote_login.bandwidth_info)
        tells it. It is field 22 of C(/proc/PID/stat).
    type: int
  unit:
    description: The unit of systemd, with its ending C(.service), C(.scope), C(.slice) or C(.socket).
    type: str
  action:
    description:
      - V(lower) lets it send no more than O(rate_bps), and receive no more than that. What is beyond is dropped, to
        which TCP adapts. It holds until V(restore) or the next start of the host, for a unit until the unit's own.
      - V(restore) takes that back, also once the process has ended.
      - V(stop_unit) stops the unit, or the unit that the process belongs to.
      - V(terminate) asks the process, or all of the unit, to end (SIGTERM), waits, and tells whether it has ended.
      - V(kill) ends it without asking (SIGKILL).
    type: str
    choices: [kill, lower, restore, stop_unit, terminate]
    default: lower
  rate_bps:
    description: The rate for O(action=lower), in bits a second, at least 8000. It holds for each direction by itself.
    type: int
  port:
    description: The port that people log in to, TCP, V(1) to V(65535). What holds it is left alone.
    type: int
    default: 22
  wait:
    description: For how many seconds to wait for the end with O(action=terminate) and O(action=kill), V(0) to V(300).
    type: int
    default: 10
notes:
  - It needs root.
  - A rate is lowered by C(nft) or C(iptables) with a table or chains of its own, which tell packets by the control
    group (version 2) of who sent them. The host's own rules, queues and units stay as they are. Where the kernel cannot
    do that, it says so and changes nothing.
  - Those of a process in a network of its own, such as a container has, are put into that network, by C(nft) only.
  - A program that sends datagrams gets C(EPERM) for those that are dropped.
  - What arrives has used the link already. A limit slows down senders that adapt to losses, as TCP does.
seealso:
  - module: rescue.remote_login.bandwidth_info
requirements:
  - Linux. Nothing needs to be installed beside Python 2.7 or 3.6 and later, but for a limit C(nft) or C(iptables).
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Let the backup send one megabit a second and no more
  rescue.remote_login.process_limit:
    unit: backup.service
    rate_bps: 1000000
  become: true

- name: Slow down the process that was measured
  rescue.remote_login.process_limit:
    pid: "{{ measured.processes[0].pid }}"
    start_ticks: "{{ measured.processes[0].start_ticks }}"
    rate_bps: 5000000
  become: true

- name: Take that back
  rescue.remote_login.process_limit:
    pid: "{{ measured.processes[0].pid }}"
    start_ticks: "{{ measured.processes[0].start_ticks }}"
    action: restore
  become: true

- name: Ask it to end, and wait half a minute for that
  rescue.remote_login.process_limit:
    pid: 4711
    start_ticks: 7102470
    action: terminate
    wait: 30
  become: true
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["limit process 4711 (curl) to 1000000 bit/s in each direction"]
detail:
  description: What was done, and what is worth knowing of it, as one line.
  returned: success
  type: str
  sample: "limit process 4711 (curl) to 1000000 bit/s in each direction; until it is restored or the host starts anew"
pids:
  description: The processes that this was about.
  returned: success
  type: list
  elements: int
  sample: [4711, 4712]
ended:
  description: Whether nothing of it runs any more. V(null) in check mode, where that would be the aim.
  returned: success
  type: bool
  sample: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import act
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit.target import Refused

RANGES = (
    ("pid", 1, 2**31),
    ("start_ticks", 0, 2**63),
    ("rate_bps", 8000, 10**12),
    ("port", 1, 65535),
    ("wait", 0, 300),
)


def main():
    module = AnsibleModule(
        argument_spec={
            "pid": {"type": "int"},
            "start_ticks": {"type": "int"},
            "unit": {"type": "str"},
            "action": {"type": "str", "default": "lower", "choices": sorted(act.ACTIONS)},
            "rate_bps": {"type": "int"},
            "port": {"type": "int", "default": 22},
            "wait": {"type": "int", "default": 10},
        },
        mutually_exclusive=[("pid", "unit")],
        required_one_of=[("pid", "unit")],
        required_together=[("pid", "start_ticks")],
        required_if=[("action", "lower", ["rate_bps"])],
        supports_check_mode=True,
    )
    for name, low, high in RANGES:
        if module.params[name] is not None and not low <= module.params[name] <= high:
            words = "%s must be between %d and %d, not %d"
            module.fail_json(msg=words % (name, low, high, module.params[name]), changed=False)
    if not host.is_root():
        module.fail_json(msg="the processes of others can be acted on by root only", changed=False)
    try:
        module.exit_json(**act.act(module.params, module.check_mode))
    except Refused as reason:
        module.fail_json(msg=reason.args[0], changed=reason.changed)


if __name__ == "__main__":
    main()
