# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal or the log says of the daemon's last start: the reason in its own words."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host, system_log

LOG_FILES = system_log.LOG_FILES
TAIL_BYTES = 128 * 1024
JOURNAL_LINES = 60
MESSAGE_LIMIT = 400
# The best witness first: what sshd says of itself, then what systemd could not do for it, then how it ended.
# Each stands at the start of its line, for further on in a line are the words of strangers.
WITNESSES = [
    re.compile(pattern)
    for pattern in (
        r"/\S+:? line \d+: ",
        r"(sshd: )?no hostkeys available|Missing privilege separation|/\S+ must be owned by root"
        r"|Privilege separation user|\S+: error while loading|unknown option",
        r"error: Bind to port ",
        r"fatal: (?!.*( from | port \d|\[preauth\]))|/\S+: (terminating|No such file)",
        r".*(Failed at step|Failed to (execute|locate|set up|spawn|run)|Unable to locate|has a bad unit file)"
        r"|.*(oom-kill|OOM killer|timed out\. )",
        r"\S+: (Main|Control) process exited",
        r"\S+: (Failed with result|Start request repeated)",
    )
]
# systemd's word for a new start, and sshd's own last word.
OVERTAKING_S = 0.05
ATTEMPT = re.compile(r"Starting |Received signal 15; terminating")
BIND = re.compile(r"error: Bind to port (?P<port>\d+) on (?P<address>\S+) failed: (?P<error>[^.]+)")


def messages(manager, unit):
    """The last lines about the daemon, oldest first, and why there are none, or None."""
    if manager == "systemd" and unit:
        result = host.run(
            ["journalctl", "--no-pager", "-q", "-b", "-n", str(JOURNAL_LINES), "-o", "json"] + matches(unit)
        )
        if result.rc == 0:
            return parse_journal(result.out), None
        return [], result.error or result.err.strip()[:MESSAGE_LIMIT]
    for path in LOG_FILES:
        tail = host.read(path, limit=TAIL_BYTES, tail=True)
        if not tail.error:
            return parse_log(tail.text), None
    return [], "no log of this system can be read"


def matches(unit):
    """What the journal has of a unit, and of root's sshd: a process that ended at once is not put down to its unit."""
    return ["_SYSTEMD_UNIT=%s" % unit, "+", "UNIT=%s" % unit, "_PID=1", "+", "SYSLOG_IDENTIFIER=sshd", "_UID=0"]


def parse_journal(text):
    """[(when, message)] from the output of journalctl -o json, in the order in which they were sent."""
    lines = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if not isinstance(entry, dict) or entry.get("_COMM", "sshd") not in ("sshd", "systemd", "(sshd)"):
            continue  # anybody may write under the name of sshd
        message = system_log.message_text(entry.get("MESSAGE"))
        if message:
            sent = str(entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry.get("__REALTIME_TIMESTAMP") or "")
            lines.append((int(sent) / 1e6 if re.match(r"[0-9]+$", sent) else 0.0, message[:MESSAGE_LIMIT]))
    return sorted(lines, key=lambda line: line[0])


def parse_log(text):
    """[(0, message)] of sshd in a syslog file; its order is all that counts."""
    found = re.findall(r"\bsshd(?:-session)?\[\d+\]: ([^\n]+)", text)
    return [(0.0, message[:MESSAGE_LIMIT]) for message in found[-JOURNAL_LINES:]]


def last_attempt(lines):
    """The messages since the daemon was last started or ended: what came before is history."""
    marks = [number for number, (_when, message) in enumerate(lines) if ATTEMPT.match(message)]
    if not marks:
        return [message for _when, message in lines]
    started = lines[marks[-1]][0]
    # What the new process says can overtake systemd's word that it is being started.
    overtaking = [message for when, message in lines[: marks[-1]] if when and started - when < OVERTAKING_S]
    return overtaking + [message for _when, message in lines[marks[-1] :]]


def reason(lines):
    """The line that says best why the daemon does not run, or None: the newest of the best witness."""
    for witness in WITNESSES:
        for line in reversed(lines):
            if witness.match(line):
                return line
    return None


def bind_failures(lines):
    """Where sshd could not listen: [{port, address, error}], newest last."""
    found = []
    for line in lines:
        match = BIND.match(line)
        if match:
            failure = dict(match.groupdict(), port=int(match.group("port")), error=match.group("error").strip())
            if failure not in found:
                found.append(failure)
    return found
