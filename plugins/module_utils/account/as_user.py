# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a user's files with the user's own rights, as sshd does: then no link leads to what is not the user's."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os

from ansible_collections.rescue.remote_login.plugins.module_utils import children


def run(account, function, timeout):
    """(what the function returns, None), or (None, why not). It runs in a process that has only the user's rights."""

    def look():
        become(account)
        return function()

    answer = children.ask({"look": look}, timeout)["look"]
    return answer["value"], "the files of the user did not answer in time" if answer["late"] else answer["error"]


def become(account):
    """Take on the user's groups and number; root keeps its own."""
    if account["uid"] == 0:
        return
    os.initgroups(account["user"], account["gid"])
    os.setresgid(account["gid"], account["gid"], account["gid"])
    os.setresuid(account["uid"], account["uid"], account["uid"])
