# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section health: is there room, memory, processes and time enough for this login, and do labels allow it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import os
import re
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host, pam_stack, system_log, view
from ansible_collections.rescue.remote_login.plugins.module_utils.account import settings
from ansible_collections.rescue.remote_login.plugins.module_utils.health import (
    cgroups,
    kernel_log,
    memory,
    mounts,
    names,
    processes,
    selinux,
    storage,
)

# The attempt that is diagnosed was made shortly before.
RECENT_S = 300
LOG_LINES = 1000
# With fewer tasks waiting for each processor a login still comes through in a second or two.
WAITING_PER_CPU = 30
# Percent of the time in which tasks, or all tasks, wait: for a processor, for disks, for memory.
STALLED = (("cpu", "some", 80), ("io", "full", 60), ("memory", "full", 40))
# Less than this share of one processor makes a login take seconds.
SCARCE_CPUS = 0.05
# Looking takes up to storage.PATIENCE_S and stuck.TOGETHER_S of it, and to end what does not answer.
STORAGE_S = 15
RANDOM = "/proc/sys/kernel/random"


def gather(login):
    """Look at the health of the host for a login attempt: {port, addresses, user, clients}."""
    now = time.time()
    missing = {}
    table, error = mounts.table()
    if error:
        return {"status": "unchecked", "reason": error}
    lookups, user = names.look(login)
    user = user or names.local_account(login.get("user") or "root")
    kernel, reason = kernel_log.read(now)
    if reason:
        missing["memory.oom_kills"] = reason
    lines, reason = system_log.of_sshd(now, RECENT_S, LOG_LINES)
    if reason:
        missing["processes.complaints"] = reason
    pid = processes.daemon()
    phases, _fatal = pam_stack.read_stack(settings.pam_service(login, pid))
    stack = [line for phase in pam_stack.PHASES for line in phases[phase]]
    evidence = {
        "status": "ok",
        "missing": missing,
        "user": {name: user[name] for name in ("name", "uid", "home")} if user else None,
        "lookups": lookups,
        "storage": _storage(pid, user, table, stack, kernel, missing),
        "memory": memory.look(pid, table, kernel, now),
        "processes": processes.look(pid, user, table, lines, stack),
        "load": load(pid, table),
        "random": randomness(),
        "clock": clock(now, login.get("controller_time")),
    }
    evidence["selinux"], reason = selinux.look(login, pid, kernel, now)
    if reason:
        missing["selinux.denials"] = reason
    if not host.is_root():
        missing["processes.daemon_files"] = "needs root: what a process has open is shown to nobody else"
    evidence["killed"] = killed(evidence["memory"], pid)
    return evidence


def _storage(pid, user, table, stack, kernel, missing):
    """The file systems as the daemon and its sessions see them, where it has mounts of its own; None is in missing."""

    def look():
        own, _error = mounts.table()
        return storage.look(user, own, stack, kernel)

    apart = view.asked(pid, look, STORAGE_S) if view.is_apart(pid) else {"value": None, "late": False}
    if apart["late"]:
        # A second look, from here, would take as long.
        missing["storage"] = "the file systems that sshd sees did not answer within %d s" % STORAGE_S
        return None
    found = apart["value"] or storage.look(user, table, stack, kernel)
    outer = mounts.table(1)[0] if view.is_apart(pid, 1) else []
    for entry in found["read_only"]:
        outside = mounts.holding(entry["paths"][0], outer)
        entry["sshd_only"] = bool(outside) and not mounts.is_read_only(outside)
    return found


def killed(found, pid):
    """What the OOM killer means for a login: {text, explains} of the latest sshd that it took lately, or None."""
    kills = found["oom_sshd"]
    if not kills:
        return None
    last = kills[-1]
    where = "for want of room in its group" if last["limit"] else "for want of memory"
    explains = ["closed_before_banner", "banner_timed_out", "key_exchange_failed", "key_exchange_timed_out"]
    explains.append("session_failed")
    if pid is None:
        explains.append("refused")
    text = "the kernel killed %s (pid %d) %s at %s" % (last["program"], last["pid"], where, last["at"])
    return {"text": text, "explains": explains}


# --- load ---


def load(pid, table):
    """How busy the host is, and what the daemon may have of it."""
    words = host.read("/proc/loadavg").text.split()
    averages = [float(word) for word in words[:3] if re.match(r"\d+\.\d+$", word)]
    pressure = {name: parse_pressure(host.read("/proc/pressure/%s" % name).text) for name in ("cpu", "io", "memory")}
    cpus = cpu_count()
    answer = {"averages": averages, "cpus": cpus, "pressure": pressure, "quota": cgroups.cpu(pid or "self", table)}
    answer["per_cpu"] = round(averages[0] / cpus, 1) if averages and cpus else None
    answer["high"] = is_high(answer)
    return answer


def cpu_count():
    try:
        return os.sysconf("SC_NPROCESSORS_ONLN")
    except (ValueError, OSError):
        return None


def parse_pressure(text):
    """{some, full} of a file of /proc/pressure: percent of the last 10 seconds; None where the kernel has none."""
    found = re.findall(r"^(some|full) avg10=(\d+\.\d+) ", text, re.M)
    return {kind: float(share) for kind, share in found} or None


def is_high(found):
    """Whether so much waits that a login does, too. A high load of tasks that only sleep in the kernel is none."""
    stalled = {
        name: found["pressure"][name].get(kind, 0) >= percent
        for name, kind, percent in STALLED
        if found["pressure"][name]
    }
    busy = found["per_cpu"] is not None and found["per_cpu"] >= WAITING_PER_CPU and stalled.get("cpu", True)
    quota = found["quota"]
    starved = bool(quota and quota["cpus"] < SCARCE_CPUS and quota["throttled"])
    return starved or busy or stalled.get("io", False) or stalled.get("memory", False)


# --- randomness and time ---


def randomness():
    """Whether the kernel can give random numbers, without which no key exchange begins."""
    entropy, size = cgroups.number(RANDOM, "entropy_avail"), cgroups.number(RANDOM, "poolsize")
    return {"entropy_bits": entropy, "pool_bits": size, "ready": random_ready()}


def random_ready():
    """Whether the generator was seeded since the boot; None where this Python cannot ask without waiting."""
    if not hasattr(os, "getrandom"):
        return None
    try:
        return bool(os.getrandom(1, os.GRND_NONBLOCK))
    except OSError as error:
        return False if error.errno == errno.EAGAIN else None


def clock(now, controller_time=None):
    """The time of this host, since when it runs, whether it is synchronised, and how far ahead of the controller's.

    What Ansible takes to come here counts into that: some seconds say nothing.
    """
    uptime = host.read("/proc/uptime").text.split()
    seconds = int(float(uptime[0])) if uptime and re.match(r"\d+\.\d+$", uptime[0]) else None
    synchronized = host.status_of("/run/systemd/timesync/synchronized") is not None or None
    offset = None if controller_time is None else int(now - controller_time)
    return {"now": host.iso_time(now), "uptime_s": seconds, "synchronized": synchronized, "offset_s": offset}
