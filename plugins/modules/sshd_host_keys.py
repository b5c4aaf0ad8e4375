#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: sshd_host_keys
short_description: Make missing host keys of sshd, and set owner and mode of those that are there
version_added: 0.1.0
description:
  - Makes the host keys that the configuration names and that do not exist, of the type that the file's name tells, else
    Ed25519. Where the configuration names none, the usual three are made when sshd has no usable key at all.
  - Gives private keys to C(root:root) with mode 0600. On RHEL the group C(ssh_keys) may keep reading them (0640).
  - Writes the public half beside a private key where it is missing.
  - A key that exists is never replaced, not even an empty or broken one, because clients know the host by it. It is
    told, with what to type.
  - After that sshd is started where it does not run. A daemon that runs is left as it is.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.start
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.changing_module
notes:
  - It needs root, and C(ssh-keygen) to make a key.
seealso:
  - module: rescue.remote_login.sshd_info
"""

EXAMPLES = r"""
- name: Give the host its keys
  rescue.remote_login.sshd_host_keys:
  become: true
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key", "systemctl start ssh.service"]
told:
  description: What only a person may do.
  returned: success
  type: list
  elements: str
  sample: []
detail:
  description: Both as one line.
  returned: success
  type: str
  sample: "chown root:root /etc/ssh/ssh_host_rsa_key; chmod 0600 /etc/ssh/ssh_host_rsa_key"
"""

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import module_for_login
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import host_keys, start, steps
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather


def main():
    module, login = module_for_login(**start.ARGUMENTS)
    steps.attempt(module, lambda done: repair(module, login, done))


def repair(module, login, done):
    evidence = gather.gather(login)
    check(evidence)
    planned, told = host_keys.plan(evidence)
    if told and not planned and evidence["host_keys_usable"] is False:
        raise CannotRepair("; ".join(told))
    steps.take(planned, module, done)
    after = [] if module.check_mode else told_after(login, planned)
    started, waits = start.finish(module, login, start.as_if(evidence, keys=True)) if planned else ([], [])
    told += waits
    before = [dict(key, path=key["path"]) for key in evidence["host_keys"]]
    module.exit_json(
        changed=bool(planned),
        steps=done + started,
        told=told,
        detail="; ".join(done + started + told) or "the host keys are as they should be",
        diff={"before": {"keys": before}, "after": {"keys": after or before, "done": done}},
    )


def check(evidence):
    """Raise where sshd cannot be asked for its keys."""
    if evidence["status"] != "ok":
        raise CannotRepair(evidence["reason"])
    if not evidence["installed"]:
        raise CannotRepair("sshd is not installed")
    if not host.is_root():
        raise CannotRepair("host keys can be repaired by root only")
    if evidence["config"] is None:
        raise CannotRepair(evidence["missing"]["host_keys"])


def told_after(login, planned):
    """The keys after the repair; raises where sshd still has none."""
    evidence = gather.gather(login)
    if planned and evidence["status"] == "ok" and evidence["host_keys_usable"] is False:
        said = ", ".join("%(path)s %(problem)s" % key for key in evidence["host_keys"] if key["problem"])
        raise CannotRepair("sshd still has no usable host key: %s" % said, changed=True)
    return evidence.get("host_keys") or []


if __name__ == "__main__":
    main()
