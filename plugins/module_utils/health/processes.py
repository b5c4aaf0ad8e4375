# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the daemon, and the user behind it, can still get a process and a file descriptor."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host, limits_conf, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.health import cgroups

# The child that takes the connection and the one without privileges; for a user one of their own and the shell.
CONNECTION_TASKS = 2
SESSION_TASKS = 3
HELPERS = ("/usr/lib/openssh", "/usr/libexec/openssh", "/usr/lib/ssh", "/usr/libexec")
# accept, a pair of sockets to the child, a pipe for its end.
CONNECTION_FILES = 5
SYSTEM_ROOM = 4
# What the user's side of a login needs: sshd's process of the user, and the shell.
USER_TASKS = 2
# Below this a session ends before its shell runs, tried with OpenSSH 9.2 and 10.0: {item: (least, unit)}.
# Memory is counted in KiB, the processor's time in minutes.
SESSION_NEEDS = {
    "as": (20000, "KiB"),
    "cpu": (1, "minutes"),
    "data": (1500, "KiB"),
    "nofile": (14, "open files"),
    "stack": (64, "KiB"),
}
# The programs of their own that take a connection since 9.8 have more files open.
SPLIT_FILES = 17
# sshd's own words for a process or descriptor that it did not get, at the start of a line.
# A name that a stranger chose can hold a colon as well: what stands before one is a single word.
COMPLAINT = re.compile(
    r"^(?:error: |fatal: )?(?:"
    r"(?:\w+: )?fork(?:ing)?: (?:Resource temporarily unavailable|Cannot allocate memory)"
    r"|fork of unprivileged child failed"
    r"|(?:\w+: )?(?:accept|(?:reexec |monitor_)?socketpair|pipe(?:\(\))?): Too many open files(?: in system)?"
    r"|\w+: (?:Cannot allocate memory|out of memory)$"
    r")"
)


def look(pid, user, mounts, sshd_lines, pam_stack):
    """Tasks and descriptors of the host, the daemon and the user, and what of them has run out."""
    answer = {
        "count": task_count(),
        "pid_max": cgroups.number("/proc/sys/kernel", "pid_max"),
        "threads_max": cgroups.number("/proc/sys/kernel", "threads-max"),
        "groups": cgroups.tasks(pid or "self", mounts),
        "daemon_files": daemon_files(pid),
        "files": system_files(),
        "user": user_tasks(user, mounts, pam_stack),
        "session_limits": session_limits(pid, user, pam_stack),
        "complaints": [{"at": host.iso_time(when), "text": text} for when, text in sshd_lines if COMPLAINT.match(text)][
            -5:
        ],
    }
    answer["obstacles"] = obstacles(answer, user)
    return answer


def task_count():
    """How many tasks the kernel runs: the last field but one of loadavg."""
    found = re.search(r" \d+/(\d+) \d+\s*$", host.read("/proc/loadavg").text)
    return int(found.group(1)) if found else None


def daemon_files(pid):
    """{limit, used, room} of the daemon's descriptors, or None."""
    limit = limit_of(host.read("/proc/%s/limits" % pid).text, "Max open files") if pid else None
    used = len(host.names_in("/proc/%s/fd" % pid)) if pid else 0
    return {"limit": limit, "used": used, "room": max(0, limit - used)} if limit and used else None


def limit_of(text, name):
    """The soft limit of this name in a limits file, or None where there is none."""
    found = re.search(r"^%s +(\d+) " % re.escape(name), text, re.M)
    return int(found.group(1)) if found else None


def system_files():
    words = host.read("/proc/sys/fs/file-nr").text.split()
    return {"used": int(words[0]), "limit": int(words[2])} if len(words) == 3 else None


def user_tasks(user, mounts, pam_stack):
    """{uid, count, limit, place, group}: the tasks that the user has, and those that the user may have."""
    if user is None:
        return None
    files = limit_files(pam_stack)
    limit = limits_conf.effective("nproc", user, files)
    group = None
    if any(entry["module"] == "pam_systemd.so" for entry in pam_stack):
        group = slice_of(user["uid"], mounts)
    return {"uid": user["uid"], "count": tasks_of(user["uid"]), "limit": limit, "group": group}


def tasks_of(uid):
    """How many tasks (threads included, as the kernel counts them) a user has."""
    total = 0
    for pid in host.pids():
        status = host.status_of("/proc/%d" % pid)
        if status is not None and status.st_uid == uid:
            total += len(host.names_in("/proc/%d/task" % pid))
    return total


def slice_of(uid, mounts):
    """The scarcest limit on tasks of the slice that systemd puts the user's sessions in, or None."""
    found = []
    for folder in cgroups.folders(1, "pids", mounts)[0]:
        for name in ("user.slice", "user.slice/user-%d.slice" % uid):
            entry = cgroups.tasks_of("%s/%s" % (folder, name))
            found += [entry] if entry else []
    return min(found, key=lambda entry: entry["room"]) if found else None


def session_limits(pid, user, pam_stack):
    """[{item, value, least, unit, file, line}]: the limits that leave a session too little to come to its shell.

    What pam_limits sets for root, who is bound only by name, binds root as well.
    """
    if user is None:
        return []
    files, answer = limit_files(pam_stack), []
    for item, (least, unit) in sorted(SESSION_NEEDS.items()):
        if item == "as":
            # Each process of a connection maps what the daemon does.
            least = max(least, size_of(pid))
        if item == "nofile" and is_split():
            least = SPLIT_FILES
        limit = limits_conf.effective(item, user, files)
        if limit and limit["value"] is not None and limit["value"] < least:
            answer.append(dict(limit, item=item, least=least, unit=unit))
    return answer


def limit_files(pam_stack):
    """The files of limits that a session goes by; none where PAM does not ask pam_limits."""
    found = [entry["arguments"] for entry in pam_stack if entry["module"] == "pam_limits.so"]
    return limits_conf.files_of([word for arguments in found for word in arguments]) if found else []


def size_of(pid):
    """The address space of a process in KiB, 0 where that is not known."""
    found = re.search(r"^VmSize:\s+(\d+) kB$", host.read("/proc/%s/status" % pid).text, re.M) if pid else None
    return int(found.group(1)) if found else 0


# --- what has run out ---


def obstacles(found, user):
    """[{what, detail, explains}]: what keeps sshd from starting a process or opening a file for this login."""
    answer = []
    for group in found["groups"]:
        if group["room"] < SESSION_TASKS:
            text = "%(current)d of at most %(limit)d tasks in %(group)s" % group
            answer.append(_lack("tasks", text, group["room"], user))
    for name in ("pid_max", "threads_max"):
        if found["count"] and found[name] and found[name] - found["count"] < SYSTEM_ROOM:
            text = "%d tasks, and kernel.%s is %d" % (
                found["count"],
                name.replace("threads_m", "threads-m"),
                found[name],
            )
            answer.append(_lack("tasks", text, found[name] - found["count"], user))
    files = found["daemon_files"]
    if files and files["room"] < CONNECTION_FILES:
        text = "the daemon has %(used)d files open and may have %(limit)d" % files
        explains = ["banner_timed_out", "closed_before_banner", "key_exchange_failed", "key_exchange_timed_out"]
        explains += ["auth_denied", "session_failed"]  # the limit is handed down
        answer.append({"what": "files", "detail": text, "explains": explains})
    return answer + _of_user(found["user"]) + [_of_session(limit) for limit in found["session_limits"]]


def _lack(what, text, room, user):
    if room >= CONNECTION_TASKS and is_split():
        return {"what": what, "detail": text, "explains": ["key_exchange_failed", "auth_denied", "session_failed"]}
    if room >= CONNECTION_TASKS:
        # root's session needs no further process than the shell.
        late = ["session_failed"] if user is None or user["uid"] != 0 else []
        return {"what": what, "detail": text, "explains": late}
    explains = ["closed_before_banner", "banner_timed_out", "key_exchange_failed", "key_exchange_timed_out"]
    return {"what": what, "detail": text, "explains": explains + ["session_failed"]}


def is_split():
    """Whether sshd hands a connection to programs of their own, as since 9.8; then each needs one more process."""
    return any(host.status_of("%s/sshd-session" % folder) is not None for folder in HELPERS)


def _of_user(tasks):
    if tasks is None or tasks["uid"] == 0:
        return []  # neither limit binds root
    answer, limit, group = [], tasks["limit"], tasks["group"]
    if limit and limit["value"] is not None and tasks["count"] + USER_TASKS > limit["value"]:
        text = "the user has %d tasks and may have %d (%s line %d)" % (
            tasks["count"], limit["value"], limit["file"], limit["line"],
        )  # fmt: skip
        answer.append({"what": "user tasks", "detail": text, "explains": ["session_failed", "auth_denied"]})
    if group and group["room"] < USER_TASKS:
        text = "%(current)d of at most %(limit)d tasks in %(group)s" % group
        answer.append({"what": "user tasks", "detail": text, "explains": ["session_failed"]})
    return answer


def _of_session(limit):
    text = "the session may have %(value)d %(unit)s (%(item)s: %(file)s line %(line)d) and needs some %(least)d" % limit
    return {"what": "session limit", "detail": text, "explains": ["session_failed"]}


# --- the daemon ---


def daemon():
    """The process of the sshd that has run longest and takes connections, or None."""
    network = host.link_target("/proc/self/ns/net")
    found = []
    for pid in host.pids():
        status = host.status_of("/proc/%d" % pid)
        program = (host.link_target("/proc/%d/exe" % pid) or "").replace(" (deleted)", "")
        if status is None or status.st_uid != 0 or os.path.basename(program) != "sshd":
            continue
        title = " ".join(sockets.arguments(pid))
        session = title.startswith("sshd:") and not title.startswith("sshd: /") and "[listener]" not in title
        if not session and host.link_target("/proc/%d/ns/net" % pid) in (network, None):
            found.append(pid)
    return min(found) if found else None
