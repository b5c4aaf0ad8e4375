# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd and the kernel have said lately: bounded, with times, and sure to be theirs."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import re
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host

LOG_FILES = ("/var/log/auth.log", "/var/log/secure", "/var/log/messages", "/var/log/syslog")
TAIL_BYTES = 256 * 1024
OUTPUT_BYTES = 4 * 1024 * 1024
# The attempt that is diagnosed was made shortly before.
RECENT_S = 300
LINES = 1000
MESSAGE_LIMIT = 400
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
SYSLOG = re.compile(
    r"^(?:(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S*|(?P<month>\w{3}) +(?P<day>\d+) (?P<clock>\d\d:\d\d:\d\d))"
    r" \S+ sshd(?:-session|-auth)?\[\d+\]: (?P<message>.*)$"
)
KERNEL = re.compile(r"^(?:<\d+>)?\[ *(?P<when>\d+\.\d+)\](?:\[[^\]]*\])? (?P<message>.*)$")


def of_sshd(now):
    """[(when, message)] of sshd in the last minutes, oldest first, and why there are none, or None."""
    if host.status_of("/run/systemd/journal") is not None and host.which("journalctl"):
        matches = []
        for name in ("sshd", "sshd-session", "sshd-auth"):
            matches += ["_COMM=%s" % name, "_UID=0", "+"]
        since = "--since=-%ds" % RECENT_S
        command = ["journalctl", "--no-pager", "-q", "-b", since, "-n", str(LINES), "-o", "json"] + matches[:-1]
        result = host.run(command, timeout=6, limit=OUTPUT_BYTES)
        if result.rc == 0:
            return parse_journal(result.out), None
        return [], result.error or result.err.strip()[:MESSAGE_LIMIT]
    for path in LOG_FILES:
        tail = host.read(path, limit=TAIL_BYTES, tail=True)
        if not tail.error:
            return [line for line in parse_log(tail.text, now) if now - line[0] < RECENT_S], None
    return [], "no log of this system can be read"


def parse_journal(text):
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            message, when = entry["MESSAGE"], int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        except (ValueError, KeyError, TypeError):
            continue
        if hasattr(message, "splitlines"):
            found.append((when, message[:MESSAGE_LIMIT]))
    return found


def parse_log(text, now):
    """[(when, message)] of sshd in a syslog file, whose times are local and may lack the year."""
    found = []
    for line in text.splitlines():
        match = SYSLOG.match(line[: 2 * MESSAGE_LIMIT])
        when = _time(match, now) if match else None
        if when is not None:
            found.append((when, match.group("message")[:MESSAGE_LIMIT]))
    return found


def _time(match, now):
    try:
        if match.group("iso"):
            # The zone is that of this host in every log that it writes itself.
            return time.mktime(time.strptime(match.group("iso"), "%Y-%m-%dT%H:%M:%S"))
        hour, minute, second = [int(part) for part in match.group("clock").split(":")]
        day = (MONTHS.index(match.group("month")) + 1, int(match.group("day")), hour, minute, second, 0, 0, -1)
        year = time.localtime(now).tm_year
        when = time.mktime((year,) + day)
        return when if when <= now + 86400 else time.mktime((year - 1,) + day)
    except (ValueError, OverflowError):
        return None


def of_kernel(now):
    """[(when, message)] that the kernel's ring buffer holds, oldest first, and why there are none, or None."""
    result = host.run(["dmesg"], timeout=5, limit=OUTPUT_BYTES)
    if result.rc != 0:
        return [], result.error or result.err.strip()[:MESSAGE_LIMIT]
    uptime = host.read("/proc/uptime").text.split()
    try:
        booted = now - float(uptime[0])
    except (IndexError, ValueError):
        return [], "the time since the boot is not known"
    return parse_kernel(result.out, booted), None


def parse_kernel(text, booted):
    found = [KERNEL.match(line) for line in text.splitlines()]
    return [(booted + float(match.group("when")), match.group("message")[: 4 * MESSAGE_LIMIT])
            for match in found if match]  # fmt: skip
