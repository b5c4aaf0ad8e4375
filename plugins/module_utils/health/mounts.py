# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted where, by the kernel's own list and by /etc/fstab: parsers that touch no file system but /proc."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

# What can never be written to, so that it is no fault that it is not.
READ_ONLY_TYPES = ("squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs")
LIMIT = 40000
# A host of many containers has thousands of mounts, each with long options.
TABLE_BYTES = 32 * 1024 * 1024
OCTAL = re.compile(r"\\([0-7]{3})")


def table(pid="self"):
    """Every mount of a process's namespace, in the order in which they were mounted, and why not, or None."""
    text = host.read("/proc/%s/mountinfo" % pid, limit=TABLE_BYTES)
    return parse(text.text), None if text.text else text.error


def parse(text):
    """[{mount_point, root, device, fstype, options, super_options}] of a mountinfo."""
    found = []
    for line in text.splitlines()[:LIMIT]:
        before, dash, behind = line.partition(" - ")
        fields, more = before.split(" "), behind.split(" ")
        if not dash or len(fields) < 6 or len(more) < 3:
            continue
        found.append(
            {
                "root": plain(fields[3]),
                "mount_point": plain(fields[4]),
                "options": fields[5].split(","),
                "fstype": more[0],
                "device": plain(more[1]),
                "super_options": more[2].split(","),
            }
        )
    return found


def plain(text):
    r"""A name as it is: the kernel writes a space as \040."""
    return OCTAL.sub(lambda found: chr(int(found.group(1), 8)), text)


def holding(path, mounts):
    """The mount that holds a path: the longest mount point above it, and of several at one place the newest."""
    best = None
    for mount in mounts:
        point = mount["mount_point"]
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and (best is None or len(point) >= len(best["mount_point"])):
            best = mount
    return best


def wanted_options(text):
    """{mount point: [options]} of an fstab: how the administrator wants it."""
    found = {}
    for line in text.splitlines()[:LIMIT]:
        words = line.partition("#")[0].split()
        if len(words) >= 4:
            found[plain(words[1])] = words[3].split(",")
    return found


def is_read_only(mount):
    return "ro" in mount["options"] or "ro" in mount["super_options"] or "emergency_ro" in mount["super_options"]


def is_meant_read_only(mount, wanted):
    """Whether it is no fault that this mount cannot be written to."""
    return mount["fstype"] in READ_ONLY_TYPES or "ro" in wanted.get(mount["mount_point"], [])
