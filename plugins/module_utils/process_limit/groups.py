# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups of the unified hierarchy, by which the packet filter knows whose packets are whose.

A unit has a group anyway. A single process gets one below its own, so that systemd goes on counting it to its unit.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import stat

try:
    import ctypes
except ImportError:  # a small Python leaves it out
    ctypes = None

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import target as targets

PREFIX = "remote_login_limit_"
USUAL_PLACE = "/sys/fs/cgroup"
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
PASSES, FOLDERS_LIMIT = 20, 50000


class Groups(object):
    """The unified hierarchy; ``place`` is where it is mounted, None where it is not (yet)."""

    def __init__(self):
        self.place, self.top = parse_mounts(host.read("/proc/self/mountinfo", limit=8 * 1024 * 1024).text)

    def why_not(self):
        """Why there are none here, or None."""
        kinds = host.read("/proc/filesystems").text.split()
        if self.place is None and "cgroup2" not in kinds:
            return "this kernel has no control groups of the second version"
        if self.place is None and ctypes is None:
            return "the control groups are not mounted, and this Python, without ctypes, cannot do it for itself"
        return None

    def mount(self):
        """Make the hierarchy visible where it is mounted nowhere, to this process alone: no mount of the host's."""
        if self.place is not None:
            return
        library = ctypes.CDLL(None, use_errno=True)
        # Mounting it takes over the options of the whole hierarchy. This one is what systemd mounts it with.
        done = library.unshare(CLONE_NEWNS) == 0
        done = done and library.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None) == 0
        flags = ctypes.c_ulong(0)
        done = done and library.mount(b"cgroup2", USUAL_PLACE.encode(), b"cgroup2", flags, b"nsdelegate") == 0
        if not done:
            reason = os.strerror(ctypes.get_errno())
            raise targets.Refused("the control groups cannot be mounted for a moment: %s" % reason)
        self.place, self.top = USUAL_PLACE, "/"

    def path(self, group):
        """The folder of a group as /proc/PID/cgroup names it, or None where it cannot be seen."""
        if self.place is None or not targets.is_within(group, self.top):
            return None
        inner = group[len(self.top.rstrip("/")) :].strip("/")
        return os.path.join(self.place, inner) if inner else self.place

    def number(self, group):
        """The kernel's number of a group, another one once it was made anew; None where there is none."""
        status = host.status_of(self.path(group) or "")
        return status.st_ino if status is not None and stat.S_ISDIR(status.st_mode) else None

    def own(self, target):
        """The group that holds the target and nothing else, or None."""
        if target.pid is None:
            return target.group if target.group and self.number(target.group) else None
        group = unified_group(target.pid)
        everybody = {pid for pid in host.pids() if targets.is_within(unified_group(pid), group)}
        alone = group not in (None, "/") and everybody == set(target.members)
        return group if alone and PREFIX not in group else None

    def child(self, target):
        """The group that the target's processes are in, or shall be moved to."""
        group = unified_group(target.pid or min(target.members))
        if group is None:
            raise targets.Refused("the control group of %s cannot be seen" % target.words)
        if group.rpartition("/")[2] == PREFIX + target.key:
            return group
        if PREFIX in group:
            raise targets.Refused("%s is limited already, as a child of %s" % (target.words, group.rpartition("/")[2]))
        return "%s/%s%s" % (group.rstrip("/"), PREFIX, target.key)

    def outside(self, target, group):
        """The processes of the target that are not in the group; those of another unit stay where they are."""
        parent = os.path.dirname(group) or "/"
        return [pid for pid in sorted(target.members) if unified_group(pid) == parent]

    def apart(self, target, group):
        """The processes of the target that stay in other groups."""
        near = (os.path.dirname(group) or "/", group)
        return [pid for pid in sorted(target.members) if unified_group(pid) not in near]

    def fill(self, target, group):
        """Make the group and move the target's processes there, until none has been missed.

        Where that fails halfway it is left so: whoever asked knows whether the group had been there before.
        """
        path = self.path(group)
        if path is None:
            raise targets.Refused("the control group %s cannot be reached here" % group)
        try:
            if not os.path.isdir(path):
                os.mkdir(path, 0o755)
            self._move_all(target, group, path)
        except (OSError, IOError) as error:
            reason = error.strerror or error
            raise targets.Refused("%s cannot be given a control group of its own: %s" % (target.words, reason))

    def _move_all(self, target, group, path):
        parent = os.path.dirname(group) or "/"
        for _number in range(PASSES):
            members = targets.members_now(target, targets.states_of_all())
            left = [pid for pid in members if unified_group(pid) == parent]
            if not left:
                return
            for pid in left:
                put(path, pid)
        raise targets.Refused("%s starts processes faster than they can be limited" % target.words)

    def empty(self, group):
        """Move all processes of a group back to the one above it, and remove it."""
        path = self.path(group)
        if path is None or not os.path.isdir(path):
            return
        above = os.path.dirname(path)
        for _number in range(PASSES):
            for word in host.read(os.path.join(path, "cgroup.procs")).text.split():
                put(above, int(word))
            try:
                os.rmdir(path)
                return
            except OSError as error:
                reason = error.strerror
        raise targets.Refused("the control group %s cannot be removed: %s" % (group, reason), changed=True)

    def left_over(self, key):
        """The groups that were made for a target, wherever they are."""
        found = []
        for looked, (folder, names, _files) in enumerate(os.walk(self.place or "/nonexistent")):
            if PREFIX + key in names:
                inner = os.path.relpath(os.path.join(folder, PREFIX + key), self.place)
                found.append("%s/%s" % (self.top.rstrip("/"), inner))
            if looked > FOLDERS_LIMIT:
                break
        return found


def unified_group(pid):
    return targets.parse_group(host.read("/proc/%d/cgroup" % pid, limit=65536).text, kinds=("",))


def put(path, pid):
    """Put a process into a group. One that has ended meanwhile needs no place."""
    try:
        descriptor = os.open(os.path.join(path, "cgroup.procs"), os.O_WRONLY)
        try:
            os.write(descriptor, b"%d" % pid if str is bytes else str(pid).encode())
        finally:
            os.close(descriptor)
    except OSError:
        if host.process_fields(pid):
            raise


def parse_mounts(text):
    """(where the unified hierarchy is mounted and can be written to, which of its groups is seen there)."""
    for line in text.splitlines():
        before, _dash, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) > 5 and kind[:1] == ["cgroup2"] and "rw" in fields[5].split(","):
            return unquoted(fields[4]), unquoted(fields[3])
    return None, "/"


def unquoted(text):
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
