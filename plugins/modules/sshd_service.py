#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: sshd_service
short_description: Unmask, enable and start sshd, and wait until it listens
version_added: 0.1.0
description:
  - Does what is missing of C(unmask), C(enable) and C(start), under the name that the unit or init script has here, and
    waits until the daemon listens.
  - Before it changes anything it looks for what a start would fail for (a wrong configuration, no usable host key, a
    port that is taken), and then fails with that reason and changes nothing.
  - A daemon that runs is never restarted.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.changing_module
options:
  wait:
    description: How many seconds to wait for the daemon to listen.
    type: int
    default: 15
notes:
  - It needs root. With systemd it runs C(systemctl), else C(update-rc.d) or C(chkconfig), and the init script.
seealso:
  - module: rescue.remote_login.sshd_info
"""

EXAMPLES = r"""
- name: Bring sshd back
  rescue.remote_login.sshd_service:
  become: true
"""

RETURN = r"""
steps:
  description: The commands that were run, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["systemctl unmask ssh.service", "systemctl start ssh.service"]
detail:
  description: What was done, in words.
  returned: success
  type: str
  sample: "systemctl start ssh.service; sshd listens on port 22"
listening:
  description: The TCP sockets on which sshd listens now.
  returned: success
  type: list
  elements: dict
  sample: [{"address": "0.0.0.0", "port": 22, "pid": 613, "program": "sshd", "v6only": null}]
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import module_for_login
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather, service


def main():
    module, login = module_for_login(wait={"type": "int", "default": 15})
    try:
        bring_back(module, login)
    except service.CannotStart as reason:
        module.fail_json(msg=str(reason), changed=reason.changed)


def bring_back(module, login):
    before = gather.gather(login)
    steps = service.plan(before)
    words = [" ".join(step) for step in steps]
    after = before
    if steps and not module.check_mode:
        service.carry_out(steps)
        after = service.wait_until_listening(login, module.params["wait"])
    if steps and module.check_mode:
        detail = "would run: " + "; ".join(words)
    else:
        ports = sorted({entry["port"] for entry in after["listening"] or []})
        listens = "sshd listens on port %s" % ", ".join(str(port) for port in ports)
        detail = "; ".join(words + [listens])
    module.exit_json(
        changed=bool(steps),
        steps=words,
        detail=detail,
        listening=after["listening"],
        diff={
            "before": service.shown(before),
            "after": expected(before) if module.check_mode else service.shown(after),
        },
    )


def expected(before):
    """What check mode says of the state after the steps."""
    return dict(service.shown(before), masked=False, starts_at_boot=True, running=True)


if __name__ == "__main__":
    main()
