# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits of the control groups that a process is in, its own and those above it, version 1 and 2."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

# Above this a limit of version 1 means none.
NO_LIMIT_BYTES = 1 << 60
NUMBER = re.compile(r"\d+$")


def membership(pid):
    """{controller: path} of a process; the key '' is the one hierarchy of version 2."""
    found = {}
    for line in host.read("/proc/%s/cgroup" % pid).text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for name in parts[1].split(","):
                found[name] = parts[2]
    return found


def folders(pid, controller, mounts):
    """The folders that hold the limits of a process, its own first, and the version; ([], None) where none is seen."""
    groups = membership(pid)
    candidates = [(1, controller, "cgroup"), (2, "", "cgroup2")]
    for version, key, fstype in candidates:
        for mount in mounts:
            fits = mount["fstype"] == fstype and (version == 2 or controller in mount["super_options"])
            if key not in groups or not fits:
                continue
            found = _chain(groups[key], mount)
            if found:
                return found, version
    return [], None


def _chain(path, mount):
    """The folder of a group and those above it, up to the mount point."""
    # In a container the group's path is the one outside, and the mount shows only a part of the tree.
    root = mount["root"].rstrip("/")
    if (path != root and not path.startswith(root + "/")) or "/.." in path:
        return []
    parts = [part for part in path[len(root) :].split("/") if part]
    point = mount["mount_point"].rstrip("/")
    return ["/".join([point] + parts[:size]) for size in range(len(parts), -1, -1)]


def number(folder, name):
    """The number in a file of a group, or None where there is none or no limit."""
    text = host.read("%s/%s" % (folder, name), limit=4096).text.strip()
    return int(text) if NUMBER.match(text) else None


def value(folder, name, key):
    """The number behind a key in a file of a group such as memory.events, or None."""
    text = host.read("%s/%s" % (folder, name), limit=65536).text
    found = re.search(r"^%s (\d+)$" % re.escape(key), text, re.M)
    return int(found.group(1)) if found else None


def tasks(pid, mounts):
    """[{group, limit, current, room}] of every limit on the number of tasks that the process is under."""
    found = []
    for folder in folders(pid, "pids", mounts)[0]:
        entry = tasks_of(folder)
        if entry:
            found.append(entry)
    return found


def tasks_of(folder):
    """The limit on tasks of one group, or None where it has none."""
    limit, current = number(folder, "pids.max"), number(folder, "pids.current")
    if limit is None or current is None:
        return None
    refused = value(folder, "pids.events", "max")
    return {"group": folder, "limit": limit, "current": current, "room": max(0, limit - current), "refused": refused}


def memory(pid, mounts):
    """[{group, limit_bytes, used_bytes, room_bytes, oom_kills}] of every limit on memory that the process is under."""
    chain, version = folders(pid, "memory", mounts)
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control", "total_inactive_file")
    if version == 2:
        names = ("memory.max", "memory.current", "memory.events", "inactive_file")
    found = []
    for folder in chain:
        limit, used = number(folder, names[0]), number(folder, names[1])
        if limit is None or used is None or limit >= NO_LIMIT_BYTES:
            continue
        # What was read from files is given back as soon as somebody needs the room.
        spare = value(folder, "memory.stat", names[3]) or 0
        room = max(0, limit - max(0, used - spare))
        kills = value(folder, names[2], "oom_kill")
        entry = {"group": folder, "limit_bytes": limit, "used_bytes": used, "room_bytes": room}
        found.append(dict(entry, oom_kills=kills))
    return found


def cpu(pid, mounts):
    """The scarcest share of processors that a quota leaves the process: {group, cpus, throttled}, or None."""
    chain, version = folders(pid, "cpu", mounts)
    found = []
    for folder in chain:
        if version == 2:
            words = host.read("%s/cpu.max" % folder, limit=4096).text.split()
            quota, period = [int(word) if NUMBER.match(word) else None for word in (words + ["", ""])[:2]]
        else:
            quota, period = number(folder, "cpu.cfs_quota_us"), number(folder, "cpu.cfs_period_us")
        if quota and period:
            throttled = value(folder, "cpu.stat", "nr_throttled")
            found.append({"group": folder, "cpus": round(quota / float(period), 4), "throttled": throttled})
    return min(found, key=lambda entry: entry["cpus"]) if found else None
