# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a file is, as the process that uses it sees it, and who could have put it there.

A process may have another root folder than this one, and whoever is at home there may be hostile: no link of theirs
leads out of it.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import contextlib
import grp
import os
import pwd
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host

MOUNTS_LIMIT_BYTES = 8 * 1024 * 1024
LINKS_LIMIT = 256
# What a system with packages of its own has.
PACKAGES = ("/var/lib/dpkg/info", "/var/lib/rpm")
# Python 2.7 has no name for it: a descriptor that only stands for a place. Nothing is opened by it.
O_PATH = 0x200000


# --- as the process sees it ---


def view_of(pid, executable):
    """The process whose view of the files tells what this one runs: itself, or this one that looks.

    A daemon that has only locked itself up in a folder was started from without. And that a folder is called a root
    makes nothing in it more trustworthy, but where root has set up a system of its own there.
    """
    root = host.link_target("/proc/%d/root" % pid)
    its, ours = (host.link_target("/proc/%s/ns/mnt" % one) for one in (pid, "self"))
    if executable is None or root in (None, "/") or its is None or its != ours:
        return pid
    own = any(only_root_writes(os.getpid(), root + lists) for lists in PACKAGES)
    return pid if own and executable.startswith(root + "/") else os.getpid()


def as_seen(pid, path):
    """A path that the kernel has told, as the process itself knows it: without the folder that is its root."""
    root = host.link_target("/proc/%d/root" % pid)
    return path[len(root) :] if path and root and root != "/" and path.startswith(root + "/") else path


def has_own_root(pid):
    """Whether the process sees another root folder than this one, as in a container; None where it cannot be seen."""
    its, ours = host.status_of("/proc/%d/root/" % pid), host.status_of("/")
    return None if its is None or ours is None else (its.st_dev, its.st_ino) != (ours.st_dev, ours.st_ino)


def resolved(pid, path):
    """Where a path leads once its links are followed, as the process would: a container's links stay in it."""
    done, rest = "/", [part for part in path.split("/") if part]
    for _step in range(LINKS_LIMIT):
        if not rest:
            break
        part = rest.pop(0)
        if part in (".", ".."):
            done = os.path.dirname(done) if part == ".." else done
            continue
        place = os.path.join(done, part)
        target = host.link_target(native("/proc/%d/root%s" % (pid, place)))
        if target is None:
            done = place
        else:
            done = "/" if target.startswith("/") else done
            rest = [name for name in target.split("/") if name] + rest
    return done


@contextlib.contextmanager
def held(pid, path):
    """Another path of what is there: it leads to that alone, whatever is put in its place meanwhile. "": nothing is."""
    descriptor = _descriptor(pid, resolved(pid, path))
    try:
        yield "" if descriptor is None else "/proc/self/fd/%d" % descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _descriptor(pid, path):
    """Go down a path on which there is no link any more."""
    # The root folder itself is a link of the kernel's.
    found = _opened("/proc/%d/root/" % pid, O_PATH)
    for part in path.split("/"):
        if part and found is not None:
            above = found
            found = _opened(native("/proc/self/fd/%d/%s" % (above, part)), O_PATH | os.O_NOFOLLOW)
            os.close(above)
    return found


def _opened(path, flags):
    try:
        return os.open(path, flags)
    except (OSError, ValueError):
        return None


def native(path):
    """A path as this Python hands it to the kernel: the old one would refuse a name that is not ASCII."""
    return path if isinstance(path, str) else path.encode("utf-8")


def status_of(pid, path):
    """What stat says of a file as the process sees it, or None."""
    with held(pid, path) as name:
        return host.status_of(name)


def read(pid, path, limit):
    """The host.Text of a file as the process sees it."""
    with held(pid, path) as name:
        return host.read(name, limit=limit)


# --- on which file system ---


def mount_of(pid, path):
    """{kind, place, options} of the file system that a path is in, as the process sees it; of none they are None."""
    found = {"kind": None, "place": None, "options": ""}
    for line in host.read("/proc/%d/mountinfo" % pid, limit=MOUNTS_LIMIT_BYTES).text.splitlines() if path else []:
        before, _dash, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(rest) < 3:
            continue
        place = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), fields[4])
        below = path == place or path.startswith(place.rstrip("/") + "/")
        if below and len(place) >= len(found["place"] or ""):
            found = {"kind": rest[0], "place": place, "options": rest[2]}
    return found


def in_image(path, mount):
    """Whether a container's image has brought a file (False: it was put there since); None where it cannot be told."""
    upper = re.search(r"(?:^|,)upperdir=([^,]+)", mount["options"])
    if mount["kind"] != "overlay" or mount["place"] != "/" or upper is None or host.status_of(upper.group(1)) is None:
        return None
    return host.status_of(native(upper.group(1) + path), follow=False) is None


# --- who may write there ---


def described(pid, path, mount):
    """{writable_place, hidden, only_root_writes, file_system, mounted_at}"""
    return {
        "writable_place": writable_place(pid, path, mount["place"]),
        "hidden": [part for part in (path or "").split("/") if part.startswith(".") and part.strip(".")],
        "only_root_writes": only_root_writes(pid, path),
        "file_system": mount["kind"],
        "mounted_at": mount["place"],
    }


def writable_place(pid, path, top):
    """The file or the folder on the way to it that everybody may write to, or None; up to where it is mounted."""
    while path and path != "/":
        status = status_of(pid, path)
        if status is not None and status.st_mode & stat.S_IWOTH:
            return path
        if path == top:
            return None
        path = os.path.dirname(path)
    return None


def only_root_writes(pid, path):
    """Whether nobody but root can have put a file where it is; None where it cannot be seen."""
    if not path or status_of(pid, path) is None:
        return None
    while True:
        status = status_of(pid, path)
        # Debian's /usr/local was writable for the group staff for long, in which there is nobody.
        by_group = status is not None and status.st_mode & stat.S_IWGRP and status.st_gid != 0
        shared = status is None or status.st_mode & stat.S_IWOTH or (by_group and has_members(pid, status.st_gid))
        if shared or status.st_uid != 0:
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


def has_members(pid, gid):
    """Whether anybody is in a group, as far as can be known: of a container's groups that is not asked."""
    if has_own_root(pid) is not False:
        return True
    try:
        members = grp.getgrgid(gid).gr_mem
    except KeyError:
        return True
    return bool(members) or any(user.pw_gid == gid for user in pwd.getpwall())
