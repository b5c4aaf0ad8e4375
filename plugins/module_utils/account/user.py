# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who the user is: the files first, then what else the name service knows."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import os
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.sockets import user_name

PASSWD, GROUP, SHELLS, SWITCH = "/etc/passwd", "/etc/group", "/etc/shells", "/etc/nsswitch.conf"
# A directory server that does not answer must leave time for the rest of the section.
PATIENCE_S = 4
FILE_LIMIT_BYTES = 16 * 1024 * 1024
LOCAL_SOURCES = ("files", "compat", "systemd", "altfiles", "db", "extrausers")
REFUSING = {"nologin": "refuses every login", "false": "refuses every login"}
RESTRICTED = {"git-shell": "serves Git only", "scponly": "copies files only", "rssh": "copies files only"}
SHELL_NAMES = re.compile(
    r"^(r?bash|da?sh|sh|m?ksh(93|88)?|zsh\d?|fish|t?csh|ash|busybox|yash|tmux|screen|xonsh|nu|pwsh)$"
)
NO_SHELL = dict.fromkeys(("path", "exists", "executable", "in_etc_shells", "known", "refuses", "problem"))
NO_HOME = dict.fromkeys(("path", "exists", "is_directory", "mode", "owner", "reachable", "blocked_at"))
# What says that there is no home; anything else that it cannot be looked at.
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
# ST_NOEXEC of statvfs.
NOEXEC = 8
# Looking at a file system whose server is gone can wait forever.
REMOTE_SYSTEMS = re.compile(r"^(nfs4?|cifs|smb3|autofs|afs|ceph|glusterfs|lustre|9p|fuse\..*)$")


def look(name, missing):
    """{exists, from, uid, gid, groups, shell, home} of a user; ``None`` for what could not be found out."""
    entry, source = _entry(name, missing)
    account = {"exists": None if "exists" in missing else entry is not None, "from": source, "uid": None, "gid": None}
    account.update(groups=[], group_ids=[], password_field=None, shell=dict(NO_SHELL), home=dict(NO_HOME))
    if entry is None:
        return account
    uid, gid = _number(entry[2]), _number(entry[3])
    account.update({"uid": uid, "gid": gid, "password_field": entry[1]})
    account["groups"], account["group_ids"] = _groups(name, gid, source, missing)
    identity = (uid, set(account["group_ids"]))
    account["shell"] = shell_of(entry[6], identity)
    account["home"] = home_of(entry[5], identity, missing)
    return account


def _number(text):
    return int(text) if re.match(r"[0-9]{1,10}$", text) else None


def _entry(name, missing):
    """The fields of the user's line, and where it stands: files or nss."""
    text = host.read(PASSWD, limit=FILE_LIMIT_BYTES)
    fields = find_line(text.text, name, 7)
    if fields is not None:
        return fields, "files"
    answer = host.run(["getent", "passwd", "--", name], timeout=PATIENCE_S)
    if answer.rc == 0:
        fields = find_line(answer.out, name, 7)
        return fields, "nss" if fields else None
    if answer.rc != 2:
        # 2 says that there is no such user; anything else, that nobody can tell.
        said = answer.error or answer.err.strip()[:200] or "getent ended with %s" % answer.rc
        missing["exists"] = said
    elif text.error:
        missing["exists"] = text.error
    return None, None


def find_line(text, name, count):
    """The fields of the first line about a name in a file of lines with colons, or None."""
    start = name + ":"
    for line in text.split("\n"):
        if line.startswith(start) and ":" not in name:
            fields = line.rstrip("\r").split(":")
            return fields[:count] if len(fields) >= count else None
    return None


# --- groups ---


def _groups(name, gid, source, missing):
    """The names and the numbers of all the user's groups."""
    names, numbers = [], [gid] if gid is not None else []
    for line in host.read(GROUP, limit=FILE_LIMIT_BYTES).text.split("\n"):
        fields = line.strip().split(":")
        if len(fields) != 4 or _number(fields[2]) is None:
            continue
        number = int(fields[2])
        if number == gid or name in [member.strip() for member in fields[3].split(",")]:
            names.append(fields[0])
            numbers.append(number)
    if source == "nss" or others_know("group"):
        more = host.run(["id", "-Gn", "--", name], timeout=PATIENCE_S)
        known = host.run(["id", "-G", "--", name], timeout=PATIENCE_S) if more.rc == 0 else more
        if known.rc == 0:
            names += [found for found in more.out.split() if found not in names]
            numbers += [int(found) for found in known.out.split() if found.isdigit()]
        else:
            missing["groups"] = more.error or known.error or more.err.strip()[:200] or "id gave no answer"
    return names, sorted(set(numbers))


def others_know(database):
    """Whether the name service has sources for a database beside the files."""
    for line in host.read(SWITCH).text.split("\n"):
        words = line.partition("#")[0].replace(":", " ", 1).split()
        if words[:1] == [database]:
            sources = [word for word in words[1:] if re.match(r"\w+$", word)]
            return any(word not in LOCAL_SOURCES for word in sources)
    return False


# --- what the user may reach ---


def may(status, identity, bit):
    """Whether somebody with this uid and these groups has a permission (4, 2, 1), by the mode alone."""
    uid, groups = identity
    if uid == 0:
        return bit != 1 or stat.S_ISDIR(status.st_mode) or bool(status.st_mode & 0o111)
    if status.st_uid == uid:
        return bool(status.st_mode & bit << 6)
    if status.st_gid in groups:
        return bool(status.st_mode & bit << 3)
    return bool(status.st_mode & bit)


def closed_folder(path, identity):
    """The first folder on the way to a path that somebody cannot pass, or None."""
    parts = os.path.realpath(path).split(os.sep)[1:-1]
    for number in range(len(parts) + 1):
        folder = os.sep + os.sep.join(parts[:number])
        status = host.status_of(folder)
        if status is not None and not may(status, identity, 1):
            return folder
    return None


# --- shell ---


def shell_of(path, identity):
    """The shell: is it there, may it be run, and does it let anybody in?"""
    path = path or "/bin/sh"
    status = host.status_of(path)
    regular = status is not None and stat.S_ISREG(status.st_mode)
    listed = host.read(SHELLS)
    names = {os.path.basename(path), os.path.basename(os.path.realpath(path))}
    shell = {
        "path": path,
        "exists": status is not None,
        # As sshd judges it: anybody's permission will do.
        "executable": bool(regular and status.st_mode & 0o111),
        "in_etc_shells": None if listed.error else path in listed.text.split("\n"),
        "known": any(SHELL_NAMES.match(name) for name in names),
        "refuses": None,
        "problem": None,
    }
    for known in (REFUSING, RESTRICTED):
        for name in names & set(known):
            shell["refuses"] = known[name]
    if shell["executable"]:
        shell["problem"] = _why_it_does_not_run(path, status, identity)
    return shell


def _why_it_does_not_run(path, status, identity):
    closed = closed_folder(path, identity)
    if closed:
        return "the user may not pass %s" % closed
    if not may(status, identity, 1):
        return "the user may not execute it"
    if no_programs_at(path):
        return "its file system is mounted noexec"
    first = host.read(path, limit=256).text.split("\n")[0]
    if first.startswith("#!"):
        interpreter = (first[2:].split() or [""])[0]
        if host.status_of(interpreter) is None:
            return "its interpreter %s does not exist" % interpreter[:200]
        if no_programs_at(interpreter):
            return "the file system of its interpreter %s is mounted noexec" % interpreter[:200]
    elif status.st_size == 0:
        return "it is empty"
    return None


def no_programs_at(path):
    """Whether the file system of a path is mounted so that no program on it can be started."""
    try:
        return bool(os.statvfs(path).f_flag & NOEXEC)
    except OSError:
        return False


# --- home ---


def home_of(path, identity, missing):
    """The home directory, and whether the user can get into it."""
    home = dict(NO_HOME, path=path)
    remote = remote_mount(path)
    if remote:
        missing["home"] = "%s is on a file system of type %s, which is not looked at" % (path, remote)
        return home
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        if number is not None and number not in NOT_THERE:
            # What serves it is gone, or lets nobody but its owner look: that is not the same as no home.
            missing["home"] = "%s cannot be looked at: %s" % (path, os.strerror(number))
            return home
        home["exists"] = home["is_directory"] = home["reachable"] = False
        return home
    home["exists"] = True
    home["is_directory"] = stat.S_ISDIR(status.st_mode)
    home["mode"], home["owner"] = "%04o" % stat.S_IMODE(status.st_mode), user_name(status.st_uid)
    home["blocked_at"] = closed_folder(path, identity)
    if home["blocked_at"] is None and not (home["is_directory"] and may(status, identity, 1)):
        home["blocked_at"] = path
    home["reachable"] = home["blocked_at"] is None
    return home


def remote_mount(path):
    """The type of the network file system that a path lies on, or None."""
    best, kind = "", None
    for line in host.read("/proc/self/mounts").text.split("\n"):
        fields = line.split()
        if len(fields) < 3:
            continue
        place = fields[1].replace("\\040", " ")
        if (path + "/").startswith(place.rstrip("/") + "/") and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind if kind and REMOTE_SYSTEMS.match(kind) else None
