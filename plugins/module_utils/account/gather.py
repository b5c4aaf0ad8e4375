# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section account: what the host has to say on the user of this login."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import grp
import pwd

from ansible_collections.rescue.remote_login.plugins.module_utils.account import authorized_keys, policy


def gather(login):
    missing = {}
    account = _account(login["user"])
    evidence = {"status": "ok", "missing": missing}
    evidence.update(account)
    evidence["rules"] = policy.look(login, account, missing)
    evidence["keys"] = authorized_keys.look(login, account, evidence["rules"], missing)
    return evidence


def _account(user):
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return {
            "user": user,
            "exists": False,
            "uid": None,
            "gid": None,
            "groups": [],
            "home": {"path": None},
            "shell": {},
        }
    groups = [group.gr_name for group in grp.getgrall() if user in group.gr_mem or group.gr_gid == entry.pw_gid]
    return {
        "user": user,
        "exists": True,
        "uid": entry.pw_uid,
        "gid": entry.pw_gid,
        "groups": groups,
        "home": {"path": entry.pw_dir},
        "shell": {"path": entry.pw_shell},
    }
