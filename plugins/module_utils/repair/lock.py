# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forget an account's failed logins, and lift the lock of its password where that is asked for."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import stat
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import files, steps
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair

FAILLOCK_CONF = "/etc/security/faillock.conf"
FAILLOCK_DIR = "/var/run/faillock"
PAM = "/etc/pam.d"
# One record of pam_faillock: source, flags, time.
RECORD_BYTES = 64
SHADOW = "/etc/shadow"
SHADOW_LIMIT_BYTES = 8 * 1024 * 1024
# A hash as crypt(3) writes it: with its method, or of the oldest kinds.
HASH = re.compile(r"^(?:\$[0-9a-zA-Z-]+\$[^:!*\s]{8,}|_[./0-9A-Za-z]{19}|[./0-9A-Za-z]{13})\Z")
DAY_S = 86400


# --- failed logins ---


def tally_folders():
    """Where pam_faillock counts here: the usual folder, and what the configuration and the PAM stacks name."""
    found = [FAILLOCK_DIR]
    found += re.findall(r"^\s*dir\s*=\s*(/\S+)", host.read(FAILLOCK_CONF).text, re.M)
    for name in host.names_in(PAM):
        for line in host.read(os.path.join(PAM, name)).text.splitlines():
            if "pam_faillock" in line and not line.lstrip().startswith("#"):
                found += re.findall(r"\bdir=(/[^\s\]]+)", line)
    return [path for number, path in enumerate(found) if path not in found[:number]]


def failures(user):
    """[(folder, number of failed logins)] of pam_faillock, only where there are any."""
    counted = []
    for folder in tally_folders():
        status = host.status_of(os.path.join(folder, user), follow=False)
        if status is not None and stat.S_ISREG(status.st_mode) and status.st_size >= RECORD_BYTES:
            counted.append((folder, status.st_size // RECORD_BYTES))
    return counted


def forget(folder, user):
    """(words, what does it) that reset the count in one folder."""
    if host.which("faillock") is None:
        path = os.path.join(folder, user)
        return "empty %s" % path, lambda: _empty(path)
    command = ["faillock", "--user", user, "--reset"]
    if folder != FAILLOCK_DIR:
        command[1:1] = ["--dir", folder]
    return " ".join(command), lambda: steps.run(command)


def _empty(path):
    """What faillock --reset does, where the tool is missing."""
    if files.untrusted_folder(os.path.realpath(os.path.dirname(path)) + "/x"):
        raise CannotRepair("%s is left alone: others than root can change its folder" % path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise CannotRepair("%s is left alone: it is no ordinary tally" % path)
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CannotRepair("%s cannot be emptied: %s" % (path, error.strerror))


def old_failures(user):
    """The count of pam_tally2, or 0 where it is not there."""
    if host.which("pam_tally2") is None:
        return 0
    return parse_tally2(host.run(["pam_tally2", "-u", user]).out, user)


def parse_tally2(text, user):
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == user and words[1].isdigit():
            return int(words[1])
    return 0


def forget_old(user):
    command = ["pam_tally2", "-r", "-u", user]
    return " ".join(command), lambda: steps.run(command)


# --- the password and the account ---


def shadow_entry(user):
    """The fields of the account in the local shadow file, or None."""
    for line in host.read(SHADOW, limit=SHADOW_LIMIT_BYTES).text.split("\n"):
        fields = line.split(":")
        if fields[0] == user and len(fields) >= 8:
            return fields
    return None


def password_state(fields):
    """'unknown', 'usable', 'empty', 'none' (no password can match), or 'locked' (a '!' before a password)."""
    if fields is None:
        return "unknown"
    value = fields[1]
    if value == "":
        return "empty"
    if value.startswith("!"):
        return "locked" if HASH.match(value.lstrip("!")) else "none"
    return "usable" if HASH.match(value) else "none"


def unlock_password(user):
    """(words, what does it) that take the '!' away."""
    command = ["usermod", "-U", user]
    return " ".join(command), lambda: _unlock(command, user)


def _unlock(command, user):
    for _attempt in range(2):  # RHEL's passwd -l puts two of them
        steps.run(command)
        if password_state(shadow_entry(user)) == "usable":
            return
    raise CannotRepair("the password of %s is still locked after '%s'" % (user, " ".join(command)), changed=True)


def expired_on(fields, now=None):
    """The day on which the account expired as YYYY-MM-DD, or None."""
    value = fields[7] if fields else ""
    if not re.match(r"[0-9]{1,6}\Z", value):
        return None
    seconds = int(value) * DAY_S
    if seconds > (time.time() if now is None else now):
        return None
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
