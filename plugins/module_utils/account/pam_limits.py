# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pam_limits: how many sessions a user may have at once, and what leaves a session too little to start."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host

FILE = "/etc/security/limits.conf"
FOLDER = "/etc/security/limits.d"
ITEMS = ("maxlogins", "maxsyslogins")
# With less than this of a resource neither sshd's own part of a session nor a shell gets anywhere.
FLOORS = {
    "as": (8000, "KiB of address space"),
    "cpu": (1, "minutes of processor time"),
    "data": (512, "KiB of data"),
    "nofile": (8, "open files"),
    "stack": (16, "KiB of stack"),
}
UTMP = ("/run/utmp", "/var/run/utmp")
# Of a record of utmp: type, process, line, id, user.
RECORD = struct.Struct("=hxxi32s4s32s")
RECORD_SIZE = 384
USER_PROCESS = 7
UTMP_LIMIT_BYTES = 4 * 1024 * 1024


def judge(arguments, subject):
    """(return value or None, reason) of pam_limits for one more session of the user."""
    named = [word.partition("=")[2] for word in arguments if word.startswith("conf=")]
    files = [named[-1]] if named else usual_files()
    starved = too_little(files, subject)
    if starved:
        return "perm_denied", starved
    limit = limit_for(files, subject)
    if limit is None:
        return "success", None
    place = "%(file)s line %(line)d allows %(value)d sessions" % limit
    if limit["value"] == 0:
        return "perm_denied", place
    users = logged_in()
    if users is None:
        return None, "%s, and who is logged in cannot be read" % place
    if limit["item"] == "maxlogins":
        users = [name for name in users if name == subject["user"]]
    count = len(users) + (0 if "utmp_early" in arguments else 1)
    if count > limit["value"]:
        return "perm_denied", "%s, and %d are open" % (place, len(users))
    return "success", None


def usual_files():
    return [FILE] + [os.path.join(FOLDER, name) for name in host.names_in(FOLDER) if name.endswith(".conf")]


def too_little(files, subject):
    """The line that leaves a session too little to start, in words; None where there is none."""
    for item in sorted(FLOORS):
        floor, words = FLOORS[item]
        for kind in ("soft", "hard"):
            limit = limit_for(files, subject, (item,), (kind, "-"))
            if limit is not None and limit["value"] < floor:
                return "%s line %d allows %d %s, too little for a session" % (
                    limit["file"],
                    limit["line"],
                    limit["value"],
                    words,
                )
    return None


def limit_for(files, subject, items=ITEMS, kinds=("soft", "hard", "-")):
    """The limit that counts for the user: one that names it before one for a group, before one for all."""
    best = None
    for path in files:
        for number, line in enumerate(host.read(path).text.split("\n"), 1):
            words = line.partition("#")[0].split()
            if len(words) != 4 or words[1] not in kinds or words[2] not in items:
                continue
            if not re.match(r"(-1|-|unlimited|infinity|\d+)$", words[3]):
                continue
            rank = rank_of(words[0], subject)
            if rank is None or (best is not None and best["rank"] < rank):
                continue
            value = int(words[3]) if words[3].isdigit() else None
            best = {"rank": rank, "file": path, "line": number, "item": words[2], "value": value}
    return best if best is not None and best["value"] is not None else None


def rank_of(domain, subject):
    """How closely a domain names the user: 0 by name, 1 by group, 3 as anybody; None where it does not."""
    account = subject["account"]
    groups = account["groups"] or []
    if domain == subject["user"]:
        return 0
    numbers = re.match(r"(\d{0,10}):(\d{0,10})$", domain)
    if numbers and account["uid"]:
        return 0 if _in_range(account["uid"], *numbers.groups()) else None
    if domain.startswith("@") and domain[1:] in groups:
        return 1
    if domain.startswith("%") and domain[1:] in groups:
        return 2
    # Root is meant only where it is named.
    return 3 if domain in ("*", "%") and account["uid"] != 0 else None


def _in_range(uid, least, most):
    """Whether a range of uids holds one: without its beginning it is a single one, without its end all above."""
    if not least:
        return most != "" and uid == int(most)
    return uid >= int(least) and (not most or uid <= int(most))


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
