# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failed logins that were counted: the files of pam_faillock and pam_tally2."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import stat
import struct
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host

FAILLOCK_CONF = "/etc/security/faillock.conf"
FAILLOCK_FOLDER = "/var/run/faillock"
TALLYLOG = "/var/log/tallylog"
DEFAULTS = {"deny": 3, "fail_interval": 900, "unlock_time": 600, "root_unlock_time": None}
# One failure: where it came from, the state of the record, when.
RECORD = struct.Struct("=52sHHQ")
VALID, FROM_HOST, FROM_TTY = 1, 2, 4
RECORDS_LIMIT = 4096
# One user, at the place of its uid: source, reserved, count, time.
TALLY = struct.Struct("=52sHHQ")
NUMBERS = ("deny", "fail_interval", "unlock_time", "root_unlock_time")


def bytes_at(path, offset, size):
    """Some bytes of a regular file, and why there are none, or None; no link is followed and nothing waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        return b"", getattr(error, "strerror", None) or str(error)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b"", "it is not a regular file"
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size), None
    except OSError as error:
        return b"", str(error)
    finally:
        os.close(descriptor)


# --- pam_faillock ---


def faillock_settings(arguments):
    """The settings of pam_faillock: its configuration file, then the arguments of its line."""
    settings = dict(DEFAULTS, dir=FAILLOCK_FOLDER, even_deny_root=False, local_users_only=False, admin_group=None)
    named = [word.partition("=")[2] for word in arguments if word.startswith("conf=")]
    text = host.read(named[-1] if named else FAILLOCK_CONF).text
    lines = [line.partition("#")[0].strip() for line in text.split("\n")]
    for word in [line for line in lines if line] + [word for word in arguments if not word.startswith("conf=")]:
        name, _equals, value = [part.strip() for part in word.partition("=")]
        if name in NUMBERS:
            number = 0 if value == "never" else _number(value)
            settings[name] = settings[name] if number is None else number
            settings["even_deny_root"] = settings["even_deny_root"] or name == "root_unlock_time"
        elif name in ("dir", "admin_group") and value:
            settings[name] = value
        elif name in ("even_deny_root", "local_users_only"):
            settings[name] = True
    return settings


def _number(text):
    return int(text) if re.match(r"[0-9]{1,9}$", text) else None


def faillock(name, account, arguments, now=None):
    """How pam_faillock judges the user: {count, locked, …}; ``locked`` is None where nobody can tell."""
    settings = faillock_settings(arguments)
    path = os.path.join(settings["dir"], name)
    answer = {"by": "pam_faillock", "file": path, "count": 0, "locked": False, "reason": None, "until": None}
    answer.update({key: settings[key] for key in ("deny", "unlock_time", "fail_interval", "even_deny_root")})
    answer["sources"] = []
    if "/" in name or (settings["local_users_only"] and account["from"] != "files"):
        return answer
    data, reason = bytes_at(path, 0, RECORD.size * RECORDS_LIMIT)
    if reason and host.status_of(path, follow=False) is not None:
        return dict(answer, locked=None, count=None, reason="%s: %s" % (path, reason))
    admin = account["uid"] == 0 or settings["admin_group"] in (account["groups"] or [])
    return dict(answer, **judge_faillock(data, settings, admin, time.time() if now is None else now))


def judge_faillock(data, settings, admin, now):
    """What the records of a file come to."""
    records = [RECORD.unpack_from(data, at) for at in range(0, len(data) - RECORD.size + 1, RECORD.size)]
    valid = [record for record in records if record[2] & VALID]
    latest = max([record[3] for record in valid] or [0])
    counted = [record for record in valid if latest - record[3] < settings["fail_interval"]]
    unlock = settings["unlock_time"]
    if admin and settings["root_unlock_time"] is not None:
        unlock = settings["root_unlock_time"]
    over = bool(settings["deny"]) and len(counted) >= settings["deny"]
    spared = admin and not settings["even_deny_root"]
    locked = over and not spared and not (unlock and latest + unlock < now)
    sources = [record[0].partition(b"\0")[0].decode("utf-8", "replace") for record in counted]
    return {
        "count": len(counted),
        "locked": locked,
        "latest": host.iso_time(latest) if latest else None,
        "until": host.iso_time(latest + unlock) if locked and unlock else None,
        "sources": sorted(set(sources))[:10],
    }


# --- pam_tally2 ---


def tally2(name, account, arguments, now=None):
    """How pam_tally2 judges the user."""
    values = dict(word.partition("=")[::2] for word in arguments)
    path = values.get("file") or TALLYLOG
    deny, unlock = _number(values.get("deny", "0")) or 0, _number(values.get("unlock_time", "0")) or 0
    root_unlock = _number(values.get("root_unlock_time", ""))
    even_root = "even_deny_root" in values or root_unlock is not None
    answer = {"by": "pam_tally2", "file": path, "count": 0, "locked": False, "reason": None, "until": None}
    answer.update(deny=deny, unlock_time=unlock, fail_interval=None, even_deny_root=even_root, sources=[])
    if account["uid"] is None:
        return dict(answer, locked=None, reason="the uid of %s is not known" % name)
    if "magic_root" in values:
        return answer  # it spares whoever is checked by a program of root's, as sshd is
    data, reason = bytes_at(path, account["uid"] * TALLY.size, TALLY.size)
    if reason and host.status_of(path, follow=False) is not None:
        return dict(answer, locked=None, count=None, reason="%s: %s" % (path, reason))
    if len(data) < TALLY.size:
        return answer
    source, _reserved, count, latest = TALLY.unpack(data)
    now = time.time() if now is None else now
    admin = account["uid"] == 0
    unlock = root_unlock if admin and root_unlock is not None else unlock
    # The attempt itself is counted before it is judged.
    locked = bool(deny) and count + 1 > deny and (even_root or not admin) and not (unlock and latest + unlock <= now)
    return dict(
        answer,
        count=count,
        locked=locked,
        latest=host.iso_time(latest) if latest else None,
        until=host.iso_time(latest + unlock) if locked and unlock else None,
        sources=[source.partition(b"\0")[0].decode("utf-8", "replace")] if count else [],
    )
