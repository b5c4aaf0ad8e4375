#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: sshd_config_line
short_description: Restore or comment out the lines of sshd's configuration that sshd itself refuses
version_added: 0.1.0
description:
  - Comments out the lines that C(sshd -t) names, in the main file or in an included one, until the configuration is
    valid. A line that sshd takes is never touched.
  - A line that only has its keyword misspelt is restored instead, where the file that the package keeps as a pattern
    (C(/usr/share/openssh/sshd_config)) or a backup that this module made has exactly one line with the same arguments
    and the right keyword, and no other line sets that keyword.
  - It first tries that on copies of all files. The real ones are replaced when the copies are valid, keep their owner,
    mode, SELinux context and ACL, and a backup stays beside each of them. When sshd complains all the same, the former
    files are put back.
  - A line without which people could get in who could not before is left alone, and the module fails and names it. Such
    are C(Match), C(Include), C(AllowUsers) and its kin, C(AuthenticationMethods), C(ForceCommand) and the like, and
    C(PermitRootLogin), C(PasswordAuthentication) and other switches unless the rest of the configuration is at least
    as strict. What a misspelt keyword stands for is judged by its likeness. See C(docs/remedies.md).
  - It also makes the directory for privilege separation, sets its owner and mode, and makes the system user of sshd,
    where sshd cannot do without.
  - After that sshd is started where it does not run. A daemon that runs is left as it is.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.start
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.changing_module
notes:
  - It needs root.
seealso:
  - module: rescue.remote_login.sshd_info
  - module: rescue.remote_login.sshd_service
"""

EXAMPLES = r"""
- name: Get a broken configuration out of the way
  rescue.remote_login.sshd_config_line:
  become: true
"""

RETURN = r"""
lines:
  description: >-
    The lines that were commented out or restored, or would be in check mode. C(restored) is the line that took the
    place of a bad one, C(restored_from) the file that had it; both are V(null) for a line that was commented out.
  returned: success
  type: list
  elements: dict
  sample: [{"file": "/etc/ssh/sshd_config.d/50-x.conf", "line": 3, "text": "MaxSessions many",
    "message": "MaxSessions integer value invalid.", "restored": null, "restored_from": null}]
backups:
  description: The copy of each changed file as it was.
  returned: success
  type: dict
  sample: {"/etc/ssh/sshd_config": "/etc/ssh/sshd_config.remote-login-20260131T101500Z"}
steps:
  description: What else was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["mkdir -m 0755 /run/sshd", "systemctl start ssh.service"]
detail:
  description: What was done, in words.
  returned: success
  type: str
  sample: "commented out /etc/ssh/sshd_config line 12 (PrintMotdd yes); systemctl start ssh.service"
"""

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import module_for_login
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import separation, sshd_config, start, steps
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather

# Whether a line was restored.
WORDS = {
    False: "commented out %(file)s line %(line)d (%(text)s)",
    True: "restored %(file)s line %(line)d (%(text)s) to '%(restored)s' as in %(restored_from)s",
}


def main():
    module, login = module_for_login(**start.ARGUMENTS)
    steps.attempt(module, lambda done: repair(module, login, done))


def repair(module, login, done):
    """Look at everything first, then change it; ``done`` keeps what was done, also that before a failure."""
    evidence = gather.gather(login)
    command = command_of(evidence)
    tree, lines = sshd_config.plan(command, login["port"], module.tmpdir)
    planned = separation.plan(evidence)
    steps.take(planned, module, done)
    backups = sshd_config.carry_out(tree, command) if lines and not module.check_mode else {}
    imagined = start.as_if(evidence, config=True, separation=True)
    words = [WORDS[line["restored"] is not None] % line for line in lines]
    done[:0] = words + ["%s was kept as %s" % pair for pair in sorted(backups.items())]
    started, told = start.finish(module, login, imagined) if lines or planned else ([], [])
    if lines and evidence["running"]:
        # A reload is left to people: it would have sshd read whatever else was changed as well.
        told.append("sshd still goes by what it read before; to have it read its files: %s" % reload_command(evidence))
    module.exit_json(
        changed=bool(lines or planned),
        lines=lines,
        backups=backups,
        steps=[name for name, _act in planned] + started,
        detail="; ".join(done + started + told) or "nothing is wrong with the configuration",
        diff=sshd_config.texts(tree) + [shown(evidence, planned)] if planned else sshd_config.texts(tree),
    )


def command_of(evidence):
    """The command that starts the daemon; raises where sshd cannot be asked."""
    if evidence["status"] != "ok":
        raise CannotRepair(evidence["reason"])
    if not evidence["installed"]:
        raise CannotRepair("sshd is not installed")
    if not host.is_root():
        raise CannotRepair("the configuration can be repaired by root only")
    if evidence["config"] is None:
        raise CannotRepair(evidence["missing"]["config"])
    for reason in (evidence["broken_binary"], evidence["bad_options"]):
        if reason:
            raise CannotRepair("sshd cannot test its configuration: %s" % reason)
    return evidence["config"]["command"]


def reload_command(evidence):
    manager = ["systemctl", "reload", evidence["unit"]] if evidence["manager"] == "systemd" else None
    return " ".join(manager or ["service", evidence["unit"] or "ssh", "reload"])


def shown(evidence, planned):
    """What a diff shows of the privilege separation."""
    before = evidence["privilege_separation"]
    return {"before": {"problem": before["problem"]}, "after": {"done": [name for name, _act in planned]}}


if __name__ == "__main__":
    main()
