# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file systems that a login of this user writes to: room, inodes, quota, and whether they can be written to."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import stat
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import children, host
from ansible_collections.rescue.remote_login.plugins.module_utils.health import mounts, stuck

PATIENCE_S = 4
NEW_S = 180
# Hardly anything can be written any more.
FULL_BYTES = 1024 * 1024
FULL_INODES = 16
FULL_SHARE = 0.05
NOT_ASKED = {"value": None, "error": "it is mounted on demand, and is not now"}
SYSTEM_PATHS = ("/", "/run", "/tmp", "/var", "/var/lib", "/var/log", "/var/log/audit", "/var/tmp")
# Modules that end the login where they cannot write, and where they write.
WRITERS = {
    "pam_lastlog.so": ("session", "/var/log/lastlog"),
    "pam_mkhomedir.so": ("session", "home"),
    "pam_oddjob_mkhomedir.so": ("session", "home"),
    "pam_tally.so": (None, "/var/log/faillog"),
    "pam_tally2.so": (None, "/var/log/tallylog"),
    "pam_tmpdir.so": ("session", "/tmp"),
}
COMPLAINT = re.compile(
    r"[Rr]emounting filesystem read-only|forced readonly|[Ss]hutdown|I/O error|[-\w]+ error \(device"
)


def look(user, table, stack, kernel):
    """{filesystems, full, no_inodes, read_only, hangs, refused_by}, each judged for this user."""
    paths = wanted_paths(user)
    # A mere look does not mount what is mounted on demand.
    mounted = [path for path in paths if (mounts.holding(path, table) or {}).get("fstype") != "autofs"]
    asked = children.ask({path: _question(path) for path in mounted}, PATIENCE_S)
    stuck_at = stuck.places([path for path in mounted if asked[path]["hangs"]])
    stuck_at.update({path: asked[path]["value"]["real"] for path in mounted if is_broken(asked[path])})
    wanted = mounts.wanted_options(host.read("/etc/fstab", limit=65536).text)
    found = []
    for path in sorted(paths):
        answer = dict(asked.get(path, NOT_ASKED), stuck_at=stuck_at.get(path))
        found.append(entry(path, paths[path], answer, table, wanted, user))
    answer = {"filesystems": found}
    for name, problem in (("full", "full"), ("no_inodes", "no inodes"), ("read_only", "read-only"), ("hangs", "hangs")):
        answer[name] = by_mount([fs for fs in found if problem in fs["problems"]])
    # A root that nobody wants to be written to is a matter of taste where all else lies elsewhere.
    answer["read_only"] = [
        dict(fs, reason=said_by_kernel(fs["device"], kernel))
        for fs in answer["read_only"]
        if fs["paths"] != ["/"] or "/" in wanted
    ]
    answer["refused_by"] = refusals(stack, found, user)
    return answer


def wanted_paths(user):
    """{path: what a login does there}."""
    paths = dict.fromkeys(SYSTEM_PATHS, "system")
    if user and user["home"].startswith("/"):
        paths[user["home"]] = "home"
    return paths


def _question(path):
    return lambda: measure(path)


def measure(path):
    """What the file system of a path says of itself, or of the nearest folder above that there is."""
    real = os.path.realpath(path)
    try:
        while not is_folder(real) and real != "/":
            real = os.path.dirname(real)
        status = os.statvfs(real)
    except OSError as error:
        if error.errno not in host.BROKEN:
            raise
        return {"real": real, "broken": error.strerror}
    return {
        "real": real,
        "exists": os.path.isdir(path),
        "changed_at": os.stat(real).st_ctime,
        "block": status.f_frsize,
        "blocks": status.f_blocks,
        "free": status.f_bfree,
        "available": status.f_bavail,
        "inodes": status.f_files,
        "inodes_free": status.f_ffree,
        "inodes_available": status.f_favail,
    }


def is_folder(path):
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError as error:
        if error.errno in host.BROKEN:
            raise
        return False


def is_broken(answer):
    return bool(answer["value"]) and "broken" in answer["value"]


def entry(path, purpose, answer, table, wanted, user):
    """What is known of the file system that holds a path, with its problems for this user."""
    sizes = None if is_broken(answer) else answer["value"]
    mount = mounts.holding(sizes["real"] if sizes else answer["stuck_at"] or path, table) or {}
    options = mount.get("options", []) + [
        word for word in mount.get("super_options", []) if word == "ro" or "=" in word
    ]
    found = {
        "path": path,
        "purpose": purpose,
        "exists": sizes["exists"] if sizes else None,
        # Where no home can be filled, an empty one stays behind from the attempt that is diagnosed.
        "new": sizes["exists"] is False or time.time() - sizes["changed_at"] < NEW_S if sizes else None,
        "mount_point": mount.get("mount_point"),
        "device": mount.get("device"),
        "fstype": mount.get("fstype"),
        "options": ",".join(word for word in options if "/" not in word)[:200],
        "error": answer["value"]["broken"] if is_broken(answer) else answer["error"],
        "problems": ["hangs"] if answer["stuck_at"] else [],
    }
    if sizes:
        found.update(room(sizes, purpose == "home" and user["uid"] != 0))
        found["problems"] += shortages(found)
    if mount and mounts.is_read_only(mount) and not mounts.is_meant_read_only(mount, wanted):
        found["problems"].append("read-only")
    return found


def room(sizes, ordinary):
    """Sizes in bytes; what is reserved for root counts only for root."""
    free = sizes["available"] if ordinary else sizes["free"]
    inodes = sizes["inodes_available"] if ordinary else sizes["inodes_free"]
    return {
        "size_bytes": sizes["blocks"] * sizes["block"],
        "free_bytes": free * sizes["block"],
        "inodes": sizes["inodes"],
        "inodes_free": inodes,
    }


def shortages(found):
    """What has run out. A file system without a fixed number of inodes says 0 of 0, or none once it is full."""
    size, free = found["size_bytes"], found["free_bytes"]
    if size and free < FULL_BYTES and free <= FULL_SHARE * size:
        return ["full"]
    total, left = found["inodes"], found["inodes_free"]
    if total and left < FULL_INODES and left <= FULL_SHARE * total:
        return ["no inodes"]
    return []


def said_by_kernel(device, kernel):
    """The last line in which the kernel complains of a device, or None."""
    names = {os.path.basename(device or ""), os.path.basename(os.path.realpath(device or "/"))} - {""}
    for _when, line in reversed(kernel):
        if COMPLAINT.search(line) and names & set(re.findall(r"[\w-]+", line)):
            return line[:300]
    return None


def by_mount(found):
    """Each mount once, with the paths of a login that are on it; the home first."""
    answer = []
    for one in sorted(found, key=lambda fs: (fs["purpose"] != "home", fs["path"])):
        same = [known for known in answer if known["mount_point"] == one["mount_point"]]
        if same:
            same[0]["paths"].append(one["path"])
            continue
        shown = ("mount_point", "device", "fstype", "options", "free_bytes", "size_bytes", "inodes", "inodes_free")
        answer.append(
            dict([(name, one.get(name)) for name in shown], paths=[one["path"]], home=one["purpose"] == "home")
        )
    return answer


# --- who refuses the login for it ---


def refusals(stack, found, user):
    """[{module, file, line, path, mount_point, problem}]: the PAM modules that end a login where they cannot write."""
    answer = []
    for line in stack:
        kind, place = WRITERS.get(line["module"], (None, None))
        if (
            place is None
            or line["actions"].get("default") not in ("bad", "die")
            or kind not in (None, line["phase"])
            or "noupdate" in line["arguments"]
        ):
            continue
        holder = _holder(place, line, found, user)
        problems = [name for name in holder["problems"] if name != "hangs"] if holder else []
        if problems:
            told = {"module": line["module"].replace(".so", ""), "file": line["file"], "line": line["line"]}
            told.update(path=holder["path"], mount_point=holder["mount_point"], problem=problems[0])
            if told not in answer:
                answer.append(told)
    return answer


def _holder(place, line, found, user):
    """The file system that a module writes to for this login, or None where it need not."""
    if place == "home":
        return next((fs for fs in found if fs["purpose"] == "home" and fs["new"]), None)
    named = [word.partition("=")[2] for word in line["arguments"] if re.match("file=/", word)]
    folder = os.path.dirname(named[0] if named else place) if place != "/tmp" else place
    inside = [fs for fs in found if folder == fs["path"] or folder.startswith(fs["path"].rstrip("/") + "/")]
    return max(inside, key=lambda fs: len(fs["path"])) if inside else None
