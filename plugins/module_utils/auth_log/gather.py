# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section auth_log: what the host itself wrote about the last login attempts, the probe's own among them."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host, system_log
from ansible_collections.rescue.remote_login.plugins.module_utils.auth_log import attempts, lines

JOURNAL_LINES = 3000
SINCE_S = 7 * 86400
SHOWN_ATTEMPTS = 50
SHOWN_SOURCES = 20
SHOWN_COMPLAINTS = 10
SHOWN_UNNAMED = 3
# The attempt that is diagnosed was made shortly before.
UNNAMED_S = 180


def gather(login):
    """Read the newest lines of sshd for a login attempt: {port, addresses, user, clients, client_ports}."""
    now = time.time()
    entries, source, problems = system_log.newest_of_sshd(now, SINCE_S, JOURNAL_LINES)
    if source is None:
        return {"status": "unchecked", "reason": "; ".join(problems) or "no log of this system can be read"}
    found, complaints = attempts.group(entries)
    evidence = {"status": "ok", "missing": {}, "source": _source(entries, source), "other_logs": problems}
    evidence["own_attempt"] = _own(found, login, now, evidence["missing"])
    started = max([entry["at"] for entry in entries if entry["message"].startswith("Server listening on ")] or [0])
    evidence["unnamed"] = unnamed(complaints, max(started, now - UNNAMED_S))
    marked = [attempt for attempt in found if attempt.get("own")]
    last = [attempt for attempt in found[-SHOWN_ATTEMPTS:] if attempt not in marked]
    chosen = sorted(marked + last, key=lambda attempt: attempt["at"])
    evidence.update(
        attempts=[attempts.shown(attempt) for attempt in chosen],
        attempts_counted=len(found),
        sources=attempts.sources(found, SHOWN_SOURCES),
        complaints=[
            {"time": host.iso_time(entry["at"]), "line": entry["message"][: attempts.SHOWN_LINE]}
            for entry in complaints[-SHOWN_COMPLAINTS:]
        ],
    )
    return evidence


def _own(found, login, now, missing):
    """The first client's attempt in full; those of the others are marked as well."""
    first = None
    ports = list(login.get("client_ports") or [])
    for number, client in enumerate(login["clients"]):
        port = ports[number] if number < len(ports) else 0
        attempt, told = attempts.own(found, client, port, login["user"], now)
        if attempt is not None:
            attempt["own"] = True
        if number == 0 and attempt is not None:
            first = attempts.in_full(attempt, told)
        elif number == 0:
            missing["own_attempt"] = told
    if not login["clients"]:
        missing["own_attempt"] = "it is not known from where the probe came"
    return first


def unnamed(complaints, since):
    """What sshd has complained of since then without saying whose connection it was, the newest first."""
    found = []
    for entry in reversed(complaints):
        line = entry["message"][: attempts.SHOWN_LINE]
        if entry["at"] >= since and not lines.DAEMON.match(line) and line not in [one["line"] for one in found]:
            found.append({"time": host.iso_time(entry["at"]), "line": line})
    return found[:SHOWN_UNNAMED]


def _source(entries, source):
    times = [entry["at"] for entry in entries]
    first, last = (host.iso_time(min(times)), host.iso_time(max(times))) if times else (None, None)
    return dict(source, lines=len(entries), first_at=first, last_at=last)
