#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: authorized_keys_permissions
short_description: Set owner and mode of a user's authorized_keys and its folders as sshd wants them
version_added: 0.1.0
description:
  - Takes the right to write from group and others on the user's home, on C(.ssh) and on the files that
    C(AuthorizedKeysFile) names below the home, and gives them to the user where sshd would refuse their owner or could
    not read them.
  - Nothing else is touched, no key is added, and no symbolic link is followed. Everything is opened once and changed by
    its descriptor.
  - What could be somebody else's is not given to the user. A file with several names (hard links), a file that holds
    anything but public keys, a folder that holds more than keys, the home of another account and a folder of the system
    are left alone, and the module says what to look at.
  - Files outside the home are only told.
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.changing_module
options:
  user:
    description: The user whose keys sshd does not take.
    type: str
    required: true
notes:
  - It needs root.
requirements:
  - Linux. Nothing needs to be installed beside Python 2.7 or 3.6 and later.
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Have sshd take the keys of ops again
  rescue.remote_login.authorized_keys_permissions:
    user: ops
  become: true
"""

RETURN = r"""
steps:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["/home/ops/.ssh: ops:1000 0770 -> ops:1000 0750"]
told:
  description: What only a person may change or judge. Where others could write until now, they may have added keys.
  returned: success
  type: list
  elements: str
  sample: []
detail:
  description: Both as one line.
  returned: success
  type: str
  sample: "/home/ops/.ssh: ops:1000 0770 -> ops:1000 0750"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import accounts, authorized_keys
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather


def main():
    module = AnsibleModule(argument_spec={"user": {"type": "str", "required": True}}, supports_check_mode=True)
    changes = []
    try:
        repair(module, changes)
    except CannotRepair as reason:
        module.fail_json(
            msg="; ".join(words(changes) + [reason.args[0]]), changed=bool(changes) and not module.check_mode
        )


def repair(module, changes):
    account = accounts.find(module.params["user"])
    if not host.is_root():
        raise CannotRepair("owners and modes can be repaired by root only")
    values = settings(account)
    if values.get("strictmodes", "yes").lower() == "no":
        finish(module, [], ["StrictModes is no: sshd takes the keys whatever owner and mode they have"])
    inside, outside = authorized_keys.paths(values.get("authorizedkeysfile"), account)
    told = [problem for problem in map(authorized_keys.look_at, outside) if problem]
    if inside:
        work = authorized_keys.Repair(account, module.check_mode)
        work.changes = changes
        work.run(inside)
        told += work.told
        if work.exposed:
            told.append("others could write to %s: look whose keys are in %s" % (work.exposed[0], inside[0]))
    if told and not changes:
        raise CannotRepair("; ".join(told))
    finish(module, changes, told)


def settings(account):
    """What sshd says of this user's login, as far as it can be asked."""
    login = {"port": 22, "addresses": [], "user": account.pw_name, "clients": []}
    return (gather.gather(login).get("config") or {}).get("effective") or {}


def words(changes):
    return ["%s: %s -> %s" % change for change in changes]


def finish(module, changes, told):
    module.exit_json(
        changed=bool(changes),
        steps=words(changes),
        told=told,
        detail="; ".join(words(changes) + told) or "owners and modes are as sshd wants them",
        diff={
            "before": {path: before for path, before, _after in changes},
            "after": {path: after for path, _before, after in changes},
        },
    )


if __name__ == "__main__":
    main()
