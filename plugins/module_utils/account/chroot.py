# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that sshd locks a session into, and what it asks of it: root's on all of its path, and the shell inside."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host


def expanded(pattern, account):
    """A path of the configuration with what stands for the user filled in."""
    values = {
        "%": "%",
        "h": account["home"]["path"] or "/",
        "u": account["user"],
        "U": str(account["uid"]),
    }
    return re.sub("%(.)", lambda found: values.get(found.group(1), found.group(0)), pattern)


def look(setting, account):
    """{path, problem} of ChrootDirectory, or None where there is none."""
    if setting["value"] in ("none", ""):
        return None
    path = expanded(setting["value"], account)
    place = {name: setting[name] for name in ("file", "line", "text")}
    return dict(place, path=path, problem=problem(path))


def problem(path):
    """What sshd finds wrong with the path, from the root on; None where it is content."""
    if not path.startswith("/"):
        return "%s is not an absolute path" % path
    parts = [part for part in path.split("/") if part]
    for number in range(len(parts) + 1):
        folder = "/" + "/".join(parts[:number])
        status = host.status_of(folder)
        if status is None:
            return "%s does not exist" % folder
        if not stat.S_ISDIR(status.st_mode):
            return "%s is not a directory" % folder
        if status.st_uid != 0:
            return "%s belongs to the user with number %d, not to root" % (folder, status.st_uid)
        if status.st_mode & 0o022:
            return "%s can be written by others than root (mode %04o)" % (folder, stat.S_IMODE(status.st_mode))
    return None


def lacks(path, program):
    """Whether a program cannot be found inside the folder. No symbolic link is followed out of it."""
    inner = os.path.join(path, program.lstrip("/"))
    return host.status_of(inner, follow=False) is None
