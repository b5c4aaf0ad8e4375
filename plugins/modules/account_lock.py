#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: account_lock
short_description: Forget an account's failed logins, and lift the lock of its password where asked
version_added: 0.1.0
description:
  - Resets the failed logins that C(pam_faillock) and C(pam_tally2) have counted for the account, in every folder that
    the PAM stacks and C(faillock.conf) name. Where the tool C(faillock) is missing, the tally itself is emptied.
  - A password that an administrator has locked (a C(!) before it) stays locked unless O(password=true), and always when
    no password is behind the lock, because the account would then have an empty one.
  - An expired account is somebody's decision. It is told and never overridden.
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.changing_module
options:
  user:
    description: The account that is locked.
    type: str
    required: true
  password:
    description: Lift the lock of the password as well.
    type: bool
    default: false
notes:
  - It needs root. No password and no hash of one is returned.
requirements:
  - Linux. Nothing needs to be installed beside Python 2.7 or 3.6 and later.
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Let ops try again
  rescue.remote_login.account_lock:
    user: ops
  become: true
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["faillock --user ops --reset"]
told:
  description: What keeps the account out besides, and is left to a person.
  returned: success
  type: list
  elements: str
  sample: ["the account expired on 2026-01-31: chage -E -1 ops"]
detail:
  description: Both as one line.
  returned: success
  type: str
  sample: "faillock --user ops --reset"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import accounts, lock, steps
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair


def main():
    module = AnsibleModule(
        argument_spec={
            "user": {"type": "str", "required": True},
            # A switch, no secret.
            "password": {"type": "bool", "default": False, "no_log": False},
        },
        supports_check_mode=True,
    )
    steps.attempt(module, lambda done: unlock(module, done))


def unlock(module, done):
    user = accounts.find(module.params["user"]).pw_name
    if not host.is_root():
        raise CannotRepair("an account can be unlocked by root only")
    before = state(user)
    planned = [lock.forget(folder, user) for folder, _number in lock.failures(user)]
    if lock.old_failures(user):
        planned.append(lock.forget_old(user))
    if before["password"] == "locked" and module.params["password"]:
        planned.append(lock.unlock_password(user))
    steps.take(planned, module, done)
    told = left_alone(user, before, module.params["password"])
    after = state(user) if not module.check_mode else expected(before, module.params["password"])
    module.exit_json(
        changed=bool(planned),
        steps=done,
        told=told,
        detail="; ".join(done + told) or "the account is not locked",
        diff={"before": before, "after": after},
    )


def state(user):
    """What a diff shows."""
    counted = sum(number for _folder, number in lock.failures(user))
    return {
        "failures": counted + lock.old_failures(user),
        "password": lock.password_state(lock.shadow_entry(user)),
    }


def expected(before, password):
    """What check mode says of the state after the steps."""
    lifted = before["password"] == "locked" and password
    return {"failures": 0, "password": "usable" if lifted else before["password"]}


def left_alone(user, before, password):
    """What keeps the account out and is somebody's decision."""
    told = []
    if before["password"] == "locked" and not password:
        told.append("the password is locked, and stays so without password=true (remote_login_unlock_password)")
    fields = lock.shadow_entry(user)
    if before["password"] == "none" and (password or fields[1].startswith("!")):
        # Where sshd does without PAM, the bare '!' keeps keys out as well.
        words = "there is no password to unlock: passwd %s sets one, usermod -p '*' %s lets keys in, and keys only"
        told.append(words % (user, user))
    expired = lock.expired_on(fields)
    if expired:
        told.append("the account expired on %s: chage -E -1 %s" % (expired, user))
    return told


if __name__ == "__main__":
    main()
