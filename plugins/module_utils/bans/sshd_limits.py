# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd itself does with a client that it does not want: penalties, MaxStartups, and its use of libwrap."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets, system_log
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses

JOURNAL_LINES = 2000
# What is in the log from before the attempt is history.
RECENT_S = 180
BINARY_LIMIT_BYTES = 16 * 1024 * 1024
# Since 9.8 the daemon hands each connection to a program of its own, whose path is compiled in.
HELPER = re.compile(r"\0(/[\w./-]+/sshd-session)\0")
USES_LIBWRAP = re.compile(r"\0libwrap\.so\.\d|/etc/hosts\.deny\0")
# 'sshd: /usr/sbin/sshd -D [listener] 2 of 10-100 startups'
TITLE = re.compile(r"^sshd: .*\[listener\] (?P<current>\d+) of (?P<begin>\d+)-(?P<full>\d+) startups")
DROP = re.compile(
    r"(?:error: )?drop connection #\d+ from \[(?P<address>[0-9A-Fa-f.:]+)\]:\d+"
    r" on \[[0-9A-Fa-f.:]+\]:\d+ (?P<reason>.+)$"
)
THROTTLING = re.compile(r"(?:error: )?(?P<event>beginning|exited) MaxStartups throttling")
NEW_PENALTY = re.compile(
    r"(?:srclimit_penalise: )?(?:ipv[46]: )?(?:new|updated?) (?P<network>[0-9A-Fa-f.:]+/\d+)"
    r".*penalty (?:of|to) (?P<seconds>\d+) seconds for (?:penalty: )?(?P<reason>.+)$"
)


def look(clients):
    """{startups, penalties, log_unavailable}: what the daemon's title and the log say of these [(text, network)]."""
    now = time.time()
    lines, unavailable = system_log.of_sshd(now, 20 * RECENT_S, JOURNAL_LINES)
    drops = [drop for drop in drops_in(lines) if any(_is(drop["address"], wanted) for _text, wanted in clients)]
    recent = [drop for drop in drops if now - drop["at"] < RECENT_S]
    startups = _startups(lines)
    startups["dropped"] = _last([drop for drop in recent if "startups" in drop["reason"].lower()])
    full = startups["current"] is not None and startups["current"] >= startups["begin"]
    startups["now"] = full or startups["dropped"] is not None
    penalty = _last([drop for drop in recent if drop["reason"].startswith("penalty")])
    return {
        "startups": startups,
        "penalties": {"dropped": penalty, "now": penalty is not None, "given": _given(lines, clients, now)},
        "log_unavailable": unavailable,
    }


def _is(address, wanted):
    return addresses.network(address) == wanted


def _last(drops):
    return dict(drops[-1], at=host.iso_time(drops[-1]["at"])) if drops else None


def drops_in(lines):
    """The connections that the daemon has turned away: [{at, address, reason}]."""
    found = [(when, DROP.match(message)) for when, message in lines]
    return [dict(match.groupdict(), at=when) for when, match in found if match]


def _given(lines, clients, now):
    """The penalties of these clients in the log that still run."""
    found = []
    for when, message in lines:
        match = NEW_PENALTY.match(message)
        held = match and any(addresses.holds(addresses.network(match.group("network")), net) for _text, net in clients)
        if held and when + int(match.group("seconds")) > now:
            until = host.iso_time(when + int(match.group("seconds")))
            found.append({"network": match.group("network"), "until": until, "reason": match.group("reason")})
    return found


# --- MaxStartups ---


def _startups(lines):
    """How many connections are not logged in yet, by the title of the daemon or by counting its children."""
    events = [match.group("event") for match in (THROTTLING.match(message) for _when, message in lines) if match]
    answer = {"current": None, "begin": None, "full": None, "throttling": events[-1] == "beginning" if events else None}
    for pid in host.pids():
        words = sockets.arguments(pid)
        match = TITLE.match(words[0]) if words else None
        if match and executable(pid) is not None:
            answer.update((name, int(number)) for name, number in match.groupdict().items())
    return answer


def executable(pid):
    """The path of the sshd that a process of root's runs, or None."""
    status = host.status_of("/proc/%d" % pid)
    target = (host.link_target("/proc/%d/exe" % pid) or "").replace(" (deleted)", "")
    return target if status and status.st_uid == 0 and os.path.basename(target) == "sshd" else None


# --- libwrap ---


def uses_libwrap():
    """The program that asks libwrap about a client, or None; and why that is not known, or None."""
    running = [pid for pid in host.pids() if executable(pid)]
    path = executable(running[0]) if running else host.which("sshd")
    if path is None:
        return None, None
    # A running program can be read also where its file has been replaced or is gone.
    text = host.read("/proc/%d/exe" % running[0] if running else path, limit=BINARY_LIMIT_BYTES)
    if text.error:
        return None, text.error
    programs = [(path, text.text)]
    programs += [(name, host.read(name, limit=BINARY_LIMIT_BYTES).text) for name in HELPER.findall(text.text)]
    return next((name for name, words in programs if USES_LIBWRAP.search(words)), None), None
