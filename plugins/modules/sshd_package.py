#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: sshd_package
short_description: Install the SSH server where it is missing
version_added: 0.1.0
description:
  - Installs C(openssh-server) with C(apt-get), C(dnf), C(yum) or C(zypper) where no sshd binary is found, and installs
    it anew where the package manager believes that it is there.
  - With C(apt-get) it first asks what would happen, and fails when a package would be removed or another one than
    OpenSSH's own would be upgraded. Lists of packages are refreshed only when they do not know the package.
  - It waits a minute for a package manager that is at work, and never breaks its lock.
  - After that sshd is enabled and started where it does not run, as M(rescue.remote_login.sshd_service) does.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.start
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.changing_module
notes:
  - It needs root, and a repository that can be reached.
seealso:
  - module: rescue.remote_login.sshd_service
"""

EXAMPLES = r"""
- name: Install the SSH server where it is missing
  rescue.remote_login.sshd_package:
  become: true
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["dnf -q -y install openssh-server", "systemctl start sshd.service"]
detail:
  description: The same as one line.
  returned: success
  type: str
  sample: "dnf -q -y install openssh-server; systemctl start sshd.service"
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import module_for_login
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import package, start, steps
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather


def main():
    module, login = module_for_login(**start.ARGUMENTS)
    steps.attempt(module, lambda done: install(module, login, done))


def install(module, login, done):
    evidence = gather.gather(login)
    if evidence["status"] != "ok":
        raise CannotRepair(evidence["reason"])
    planned = [] if evidence["installed"] else package.plan()
    steps.take(planned, module, done)
    started, told = [], []
    if planned and module.check_mode:
        told = ["then enable and start sshd where its package does not"] if module.params["start"] else []
    elif planned:
        check_installed(login)
        started, told = start.finish(module, login, None, enable=True)
    module.exit_json(
        changed=bool(planned),
        steps=done + started,
        detail="; ".join(done + started + told) or "%s is there" % evidence["binary"],
        diff={"before": {"binary": evidence["binary"]}, "after": {"binary": evidence["binary"], "done": done}},
    )


def check_installed(login):
    if not gather.gather(login)["installed"]:
        raise CannotRepair("the package was installed, and there is still no sshd", changed=True)


if __name__ == "__main__":
    main()
