# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pam_limits: how many sessions a user may have at once."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, limits_conf

UTMP = ("/run/utmp", "/var/run/utmp")
# Of a record of utmp: type, process, line, id, user.
RECORD = struct.Struct("=hxxi32s4s32s")
RECORD_SIZE = 384
USER_PROCESS = 7
UTMP_LIMIT_BYTES = 4 * 1024 * 1024


def judge(arguments, subject):
    """(return value or None, reason) of pam_limits for one more session of the user."""
    files, answer = limits_conf.files_of(arguments), ("success", None)
    account = subject["account"]
    user = {"name": subject["user"], "uid": account["uid"], "groups": account["groups"] or []}
    for item in limits_conf.LOGINS:
        limit = limits_conf.effective(item, user, files)
        if limit is not None and limit["value"] is not None and answer[0] != "perm_denied":
            answer = _refusal(limit, item, arguments, subject["user"]) or answer
    return answer


def _refusal(limit, item, arguments, user):
    """(return value or None, reason) where one more session is too many, or nobody can tell; else None."""
    place = "%(file)s line %(line)d allows %(value)d sessions" % limit
    if limit["value"] == 0:
        return "perm_denied", place
    users = logged_in()
    if users is None:
        return None, "%s, and who is logged in cannot be read" % place
    if item == "maxlogins":
        users = [name for name in users if name == user]
    count = len(users) + (0 if "utmp_early" in arguments else 1)
    return ("perm_denied", "%s, and %d are open" % (place, len(users))) if count > limit["value"] else None


def logged_in():
    """The users of the open sessions, each as often as it has one; None where nobody can tell."""
    path = next((name for name in UTMP if host.status_of(name) is not None), None)
    if path is None:
        return None
    try:
        with open(path, "rb") as handle:
            data = handle.read(UTMP_LIMIT_BYTES)
    except (IOError, OSError):
        return None
    found = []
    for at in range(0, len(data) - RECORD_SIZE + 1, RECORD_SIZE):
        kind, pid, _line, _id, name = RECORD.unpack_from(data, at)
        if kind == USER_PROCESS and host.status_of("/proc/%d" % pid) is not None:
            found.append(name.partition(b"\0")[0].decode("utf-8", "replace"))
    return found
