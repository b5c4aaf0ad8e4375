# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory, and whom the kernel killed for want of it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.health import cgroups

# Less than this the kernel cannot give to a login without taking it from somebody.
SCARCE_BYTES = 24 * 1024 * 1024
SCARCE_SHARE = 0.01
# A login needs some 4 MiB in sshd's own group.
LOGIN_BYTES = 1024 * 1024
OOM_RECENT_S = 300
KILLS_SHOWN = 20
CONTAINER_MARKS = ("/run/systemd/container", "/run/.containerenv", "/.dockerenv")
PROGRAMS = ("sshd", "sshd-session", "sshd-auth")
VICTIM = re.compile(r"^(?P<kind>(?:Memory cgroup out|Out) of memory): Kill(?:ed)? process"
                    r" (?P<pid>\d+) \((?P<program>.*?)\)"
                    r"|^Killed process (?P<old_pid>\d+) \((?P<old_program>.*?)\)")  # fmt: skip
GROUP = re.compile(r"^oom-kill:.*[,:]task_memcg=(?P<group>[^,]*)")
OLD_GROUP = re.compile(r"^Task in (?P<group>\S+) killed as a result of limit of ")


def look(pid, mounts, kernel, now):
    """Memory of the host and of the daemon's groups, and the latest kills."""
    numbers = parse_meminfo(host.read("/proc/meminfo").text)
    answer = {
        "total_bytes": numbers.get("MemTotal"),
        "available_bytes": available(numbers),
        "free_bytes": numbers.get("MemFree"),
        "swap_total_bytes": numbers.get("SwapTotal"),
        "swap_free_bytes": numbers.get("SwapFree"),
        "groups": cgroups.memory(pid or "self", mounts),
    }
    kills = [kill for kill in parse_kills(kernel) if is_here(kill["group"], own_root())]
    recent = [kill for kill in kills if now - kill["at"] < OOM_RECENT_S]
    answer["oom_kills"] = [dict(kill, at=host.iso_time(kill["at"])) for kill in kills[-KILLS_SHOWN:]]
    answer["oom_recent"] = [dict(kill, at=host.iso_time(kill["at"])) for kill in recent[-KILLS_SHOWN:]]
    answer["oom_sshd"] = [kill for kill in answer["oom_recent"] if kill["program"] in PROGRAMS]
    answer["scarce"] = is_scarce(answer)
    answer["full_group"] = next((group for group in answer["groups"] if group["room_bytes"] < LOGIN_BYTES), None)
    return answer


def parse_meminfo(text):
    return {name: int(size) * 1024 for name, size in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.M)}


def available(numbers):
    """What programs can still get. Kernels before 3.14 do not say; then what is free or holds files."""
    if "MemAvailable" in numbers:
        return numbers["MemAvailable"]
    if "MemFree" not in numbers:
        return None
    return numbers["MemFree"] + numbers.get("Cached", 0) + numbers.get("Buffers", 0) - numbers.get("Shmem", 0)


def is_scarce(memory):
    """Whether hardly any memory is left, neither as such nor as swap."""
    if not memory["total_bytes"] or memory["available_bytes"] is None:
        return None
    floor = max(SCARCE_BYTES, SCARCE_SHARE * memory["total_bytes"])
    swap, left = memory["swap_total_bytes"] or 0, memory["swap_free_bytes"] or 0
    return memory["available_bytes"] < floor and (swap == 0 or left < 0.05 * swap)


def own_root():
    """The group that holds this whole host: '' for the kernel's own root, None where nobody can tell."""
    path = cgroups.membership(1).get("memory") or cgroups.membership(1).get("") or ""
    root = re.sub(r"/init\.scope$", "", path).rstrip("/")
    contained = any(host.status_of(mark) is not None for mark in CONTAINER_MARKS)
    return None if contained and root == "" else root


def is_here(group, root):
    """Whether a task of this group was one of this host's; the ring buffer is shared by all containers."""
    if not root:
        return root == ""
    return group is not None and (group == root or group.startswith(root + "/"))


def parse_kills(kernel):
    """[{at, pid, program, group, limit}]; ``limit``: it was a group that had no room, not the host."""
    found, group = [], None
    for when, line in kernel:
        named = GROUP.match(line) or OLD_GROUP.match(line)
        victim = VICTIM.match(line)
        if named:
            group = named.group("group")
        elif victim:
            parts = victim.groupdict()
            number, program = parts["pid"] or parts["old_pid"], parts["program"] or parts["old_program"]
            limited = (parts["kind"] or "").startswith("Memory cgroup")
            kill = {"at": when, "pid": int(number), "program": program, "group": group, "limit": limited}
            if not (found and found[-1]["pid"] == kill["pid"]):
                found.append(kill)
    return found
