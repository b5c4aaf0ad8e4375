# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the unit of sshd takes away from it: files by mounts of its own, capabilities, system calls, users."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import pwd
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

# What makes files look different, with the places that a setting is about where it does not name them.
HOMES, EVERYWHERE = ("/home", "/root", "/run/user"), ("/",)
MOUNTS = {
    "ProtectHome": HOMES,
    "PrivateTmp": ("/tmp", "/var/tmp"),
    "PrivateDevices": ("/dev",),
    "ProtectSystem": ("/usr", "/boot", "/efi", "/etc"),
    "RootDirectory": EVERYWHERE,
    "RootImage": EVERYWHERE,
    "RootEphemeral": EVERYWHERE,
    "MountImages": EVERYWHERE,
    "ExtensionImages": EVERYWHERE,
    "ExtensionDirectories": EVERYWHERE,
    "PrivateMounts": EVERYWHERE,
    "MountFlags": EVERYWHERE,
    "DynamicUser": EVERYWHERE,
    "TemporaryFileSystem": None,
    "InaccessiblePaths": None,
    "InaccessibleDirectories": None,
    "ReadOnlyPaths": None,
    "ReadOnlyDirectories": None,
    "ReadWritePaths": None,
    "BindPaths": None,
    "BindReadOnlyPaths": None,
    "NoExecPaths": None,
}
RIGHTS = (
    "CapabilityBoundingSet",
    "SystemCallFilter",
    "SystemCallErrorNumber",
    "SystemCallArchitectures",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictSUIDSGID",
    "MemoryDenyWriteExecute",
    "LockPersonality",
    "NoNewPrivileges",
    "PrivateUsers",
    "SecureBits",
    "User",
    "Group",
    "SELinuxContext",
    "AppArmorProfile",
)
# These can stand more than once and add up; of the others the last line counts.
ADDING_UP = tuple(name for name, places in MOUNTS.items() if places is None) + (
    "CapabilityBoundingSet",
    "SystemCallFilter",
    "RestrictAddressFamilies",
)
OFF = ("no", "false", "off", "0", "")
# By their numbers in the kernel's masks.
CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE"
    " NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT"
    " SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL"
    " SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split()
# For every connection sshd locks a process into an empty folder, and has it take the groups and number of its user.
NEEDED = ("SYS_CHROOT", "SETGID", "SETUID")
NEEDED_CALLS = ("chroot", "setgroups", "setresgid", "setresuid")
LIMIT = 40


def settings(files, names):
    """[{name, value, file, line}] of the lines of a unit's files that set one of these, as they count in the end."""
    found = []
    for path in files:
        section = None
        for number, line in enumerate(host.read(path, limit=256 * 1024).text.replace("\\\n", "  ").split("\n"), 1):
            heading = re.match(r"\s*\[(\w+)\]\s*$", line)
            section = heading.group(1) if heading else section
            match = re.match(r"\s*(\w+)\s*=\s*(.*?)\s*$", line)
            if match is None or section != "Service" or match.group(1) not in names:
                continue
            name, value = match.groups()
            if not value and name not in ADDING_UP:
                continue  # no value for a switch, and systemd passes over it
            if name not in ADDING_UP or not value:
                found = [entry for entry in found if entry["name"] != name]
            if value.lower() not in OFF:
                found.append({"name": name, "value": value[:200], "file": path, "line": number})
    return found[:LIMIT]


def in_words(entries):
    return ["%(name)s=%(value)s (%(file)s line %(line)d)" % entry for entry in entries]


def mount_settings(files, paths):
    """In words the settings that make these paths look different; all about mounts where none of them names one."""
    found = settings(files, MOUNTS)
    about = [entry for entry in found if any(concerns(entry, path) for path in paths)]
    return in_words(about or found)


def concerns(entry, path):
    """Whether a setting is about a place above or below a path, or the path itself."""
    places = MOUNTS[entry["name"]]
    if entry["name"] == "ProtectSystem" and entry["value"].lower() == "strict":
        places = EVERYWHERE
    if places is None:
        # Some name two places, SOURCE:DESTINATION:OPTIONS; a sign before it is for one that need not be there.
        words = [part for word in entry["value"].split() for part in word.lstrip("-+").split(":")]
        places = [word for word in words if word.startswith("/")]
    return any((path + "/").startswith(place.rstrip("/") + "/") for place in places)


# --- what it may do ---


def confinement(pid, service, separation_user="sshd"):
    """{settings, mounts, lacks, filtered, calls, users, problem}: what the unit keeps from the daemon.

    ``problem``: why no login can work so, or None.
    """
    rights, mounts = [in_words(settings(service["unit_files"], names)) for names in (RIGHTS, MOUNTS)]
    evidence = {"settings": rights, "mounts": mounts, "lacks": [], "filtered": None}
    evidence.update(calls=[], users=None, problem=None)
    status, first = status_of(pid), status_of(1)
    if status is None:
        return evidence
    lacking = [name for number, name in enumerate(CAPABILITIES) if not status["capabilities"] >> number & 1]
    outside = first["capabilities"] if first else 0
    # What the whole host has not got is nothing that the unit takes away.
    taken = [name for name in lacking if outside >> CAPABILITIES.index(name) & 1]
    filtered = bool(first) and status["filters"] > first["filters"]
    calls = blocked_calls(service["system_calls"] or "") if filtered else []
    evidence.update(lacks=["CAP_%s" % name for name in taken], filtered=filtered, calls=calls)
    evidence["users"] = unmapped(pid, separation_user)
    needed = ["CAP_%s" % name for name in NEEDED if name in lacking]
    evidence["problem"] = problem(needed, calls, evidence["users"])
    return evidence


def problem(needed, calls, users):
    """Why no login can work, in words, or None."""
    if needed:
        return "sshd has not got %s" % ", ".join(needed)
    if calls:
        return "sshd may not call %s" % ", ".join(calls)
    if users:
        return "sshd lives among users of its own, and %s is not one of them" % users
    return None


def status_of(pid):
    """{capabilities, filters} of a process, or None where nobody can see them."""
    text = host.read("/proc/%s/status" % pid).text if pid else ""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", text, re.M)
    if found is None:
        return None
    counted = re.search(r"^Seccomp_filters:\s*(\d+)$", text, re.M) or re.search(r"^Seccomp:\s*(\d+)$", text, re.M)
    return {"capabilities": int(found.group(1), 16), "filters": int(counted.group(1)) if counted else 0}


def blocked_calls(text):
    """Those of the calls that sshd needs that a SystemCallFilter, as systemd writes it out, does not let it make."""
    words = {word.partition(":")[0] for word in text.lstrip("~").split()}
    if not words:
        return []
    denies = text.startswith("~")
    return [name for name in NEEDED_CALLS if (name in words) == denies]


def unmapped(pid, name):
    """The user without rights that sshd needs, where the daemon's user namespace has not got it; else None."""
    own, its = [host.link_target("/proc/%s/ns/user" % one) for one in ("self", pid)]
    if own is None or its is None or own == its:
        return None
    try:
        number = pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
    ranges = [line.split() for line in host.read("/proc/%d/uid_map" % pid).text.splitlines()]
    covered = any(len(words) == 3 and int(words[0]) <= number < int(words[0]) + int(words[2]) for words in ranges)
    return None if covered or not ranges else "%s (number %d)" % (name, number)
