# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What StrictModes asks of a file and of every folder above it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import grp
import os
import pwd
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host


def chain(path, home, uid, own_group):
    """[{path, mode, owner, problem}] of a file and the folders above it, up to the home or to /, links resolved."""
    path, home = os.path.realpath(path), os.path.realpath(home) if home else None
    found = []
    while True:
        found.append(_link(path, uid, own_group))
        if (path == home and len(found) > 1) or path == "/":
            return found
        path = os.path.dirname(path)


def _link(path, uid, own_group):
    status = host.status_of(path)
    if status is None:
        return {"path": path, "mode": None, "owner": None, "problem": "cannot be looked at"}
    mode, owner = stat.S_IMODE(status.st_mode), status.st_uid
    problem = None
    if owner not in (0, uid):
        problem = "belongs to %s" % user_name(owner)
    elif mode & 0o002:
        problem = "can be written by everybody"
    elif mode & 0o020 and not (own_group and is_own_group(status, uid)):
        problem = "can be written by the group %s" % group_name(status.st_gid)
    return {"path": path, "mode": "%04o" % mode, "owner": user_name(owner), "problem": problem}


def is_own_group(status, uid):
    """Whether nobody but the user is in the group of a file: then Debian and Ubuntu let the group write to it."""
    try:
        members = grp.getgrgid(status.st_gid).gr_mem
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        return False
    primary = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == status.st_gid]
    return all(number == uid for number in primary) and members in ([], [owner]) and bool(primary or members)


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return "user number %d" % uid


def group_name(gid):
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return "number %d" % gid


def why_not_read(path, error):
    """What keeps this process from a file: the first folder on the way that it may not search, or the file."""
    parts = [part for part in path.split("/") if part]
    if error == errno.EACCES:
        for number in range(len(parts)):
            folder = "/" + "/".join(parts[:number])
            if not os.access(folder, os.X_OK):
                return "%s cannot be entered by the user%s" % (folder, _of(folder))
        return "%s cannot be read by the user%s" % (path, _of(path))
    return "%s: %s" % (path, os.strerror(error))


def _of(path):
    status = host.status_of(path)
    if status is None:
        return ""
    return " (mode %04o, owner %s)" % (stat.S_IMODE(status.st_mode), user_name(status.st_uid))
