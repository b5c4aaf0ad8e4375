# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that sshd locks a session into, and what it asks of the path there."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host

LINKS_LIMIT = 200


def expanded(pattern, account):
    """A path of the configuration with what stands for the user filled in."""
    values = {
        "%": "%",
        "h": account["home"]["path"] or "/",
        "u": account["user"],
        "U": str(account["uid"]),
    }
    return re.sub("%(.)", lambda found: values.get(found.group(1), found.group(0)), pattern)


def look(settings, account):
    """{path, problem} of ChrootDirectory, or None where there is none."""
    setting = settings["chrootdirectory"]
    if setting["value"] in ("none", ""):
        return None
    path, found = expanded(setting["value"], account), None
    place = {name: setting[name] for name in ("file", "line", "text")}
    # What sshd does itself takes no program.
    if not settings["forcecommand"]["value"].startswith("internal-sftp"):
        found = shell_problem(path, (account.get("shell") or {}).get("path") or "/bin/sh")
    return dict(place, path=path, problem=problem(path) or found)


def shell_problem(path, shell):
    """What is wrong with the user's shell inside the folder, or None."""
    status = host.status_of(inside(path, shell), follow=False)
    if status is None:
        return "the shell %s is not inside of %s" % (shell, path)
    return None if status.st_mode & 0o111 else "the shell %s inside of %s is not executable" % (shell, path)


def inside(root, path):
    """Where a path leads for a process that is locked into a folder: its links stay inside."""
    parts, place = [part for part in path.split("/") if part], ""
    for _step in range(LINKS_LIMIT):
        if not parts:
            break
        part = parts.pop(0)
        if part == "..":
            place = place.rpartition("/")[0]
            continue
        target = host.link_target("%s%s/%s" % (root, place, part))
        if target is None:
            place = place if part == "." else "%s/%s" % (place, part)
            continue
        place = "" if target.startswith("/") else place
        parts = [word for word in target.split("/") if word] + parts
    return root + place


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
