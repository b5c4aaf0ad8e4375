# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of sshd put together to login attempts, and the probe's own among them."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.auth_log import lines

# Which of the results that the lines of one attempt tell is that of the attempt.
RESULTS = (
    "accepted",
    "dropped",
    "refused",
    "timed_out",
    "no_common_algorithm",
    "bad_protocol",
    "invalid_user",
    "failed",
    "disconnected_before_auth",
)
KEPT_LINES = 30
SHOWN_LINES = 20
SHOWN_LINE = 400
SHOWN_USER = 100
# A process may live for days; a number is given to a new process only after a while.
SAME_PROCESS_S = 60
# Without the port of its connection, an attempt counts as the probe's when it was made not longer ago than this.
RECENT_S = 600
SAME_PORT_S = 3600


def group(entries):
    """(attempts, complaints that are about no attempt), both in the order of the log."""
    found, complaints, by_pid, by_connection = [], [], {}, {}
    for entry in entries:
        message = entry["message"]
        if lines.DAEMON.match(message):
            complaints += [entry] if lines.COMPLAINT.match(message) else []
            continue
        if message.startswith("debug"):
            continue
        said = lines.read(message) or {}
        pid = _pid(entry, said)
        attempt = _attempt_of(by_pid.get(pid), by_connection, said, entry["at"])
        if attempt is None:
            attempt = _new(entry["at"])
            found.append(attempt)
        if said.get("result") != "dropped":
            by_pid[pid] = attempt  # what the daemon turns away has no process of its own
        _add(attempt, entry, said)
        if attempt["address"] and attempt["port"]:
            by_connection[attempt["address"], attempt["port"]] = attempt
    for attempt in found:
        if not _is_whole(attempt) and not attempt["joined"]:
            lost = [line for line in attempt["lines"] if lines.COMPLAINT.match(line)]
            complaints += [{"at": attempt["at"], "message": line} for line in lost]
    whole = [_finished(attempt) for attempt in found if _is_whole(attempt)]
    return whole, sorted(complaints, key=lambda entry: entry["at"])


def _is_whole(attempt):
    return bool(attempt["results"] or attempt["address"])


def _pid(entry, said):
    """The process that a line is about; since 9.9 the daemon names one that took too long."""
    if said.get("pid") is None:
        return entry["pid"]
    return "".join(entry["pid"].rpartition("/")[:2]) + said["pid"]


def _new(at):
    return {
        "at": at,
        "last_at": at,
        "address": None,
        "port": None,
        "user": None,
        "method": None,
        "results": set(),
        "lines": [],
        "joined": False,
    }


def _attempt_of(attempt, by_connection, said, at):
    """The attempt that a line belongs to, or None for a new one."""
    connection = (said.get("address"), said.get("port"))
    if said.get("result") == "dropped":
        attempt = None
    if attempt is not None and _another(attempt, connection, at):
        attempt = None
    same = by_connection.get(connection)
    if same is None or same is attempt or at - same["last_at"] > SAME_PROCESS_S:
        return attempt
    # After the login a process of the user's writes on, and what it said first may have named no connection.
    if attempt is not None and not attempt["address"] and not attempt["results"]:
        same["lines"] += attempt["lines"]
        attempt["joined"] = True
        attempt = None
    return attempt or same


def _another(attempt, connection, at):
    """Whether this process has the number of an earlier one: another connection, or long after the end of that."""
    address, port = connection
    if address and attempt["address"] and address != attempt["address"]:
        return True
    if port and attempt["port"] and port != attempt["port"]:
        return True
    return "accepted" not in attempt["results"] and at - attempt["last_at"] > SAME_PROCESS_S * 10


def _add(attempt, entry, said):
    attempt["last_at"] = entry["at"]
    if len(attempt["lines"]) < KEPT_LINES:
        attempt["lines"].append(entry["message"])
    else:
        attempt["lines"][-1] = entry["message"]  # how it ended
    for name in ("address", "port", "user"):
        attempt[name] = said[name] if attempt[name] is None and said.get(name) is not None else attempt[name]
    if said.get("result") in ("accepted", "failed") and said["method"]:
        attempt["method"] = said["method"]
    if said.get("result"):
        attempt["results"].add(said["result"])


def _finished(attempt):
    results = attempt.pop("results")
    del attempt["joined"]
    if not results - {"closed"}:
        results = {"disconnected_before_auth"}
    result = next((name for name in RESULTS if name in results), None)
    reasons = lines.reasons(attempt["lines"], result == "accepted")
    user = attempt["user"]
    return dict(
        attempt,
        result=result,
        user=user if user is None else user[:SHOWN_USER],
        reasons=[reason[:SHOWN_LINE] for reason in reasons[:5]],
    )


# --- the probe's own ---


def own(attempts, client, port, user, now):
    """(the probe's attempt from this client, how it was recognised), or (None, why it was not)."""
    address = lines.canonical(client)
    if address is None:
        return None, "it is not known from where the probe came"
    from_there = [attempt for attempt in attempts if attempt["address"] == address]
    if port:
        same = [one for one in from_there if one["port"] == port and now - one["at"] < SAME_PORT_S]
        if same:
            return same[-1], "address and port"
        # Some lines name no port, such as those of libwrap.
        from_there = [one for one in from_there if one["port"] is None]
    recent = [one for one in from_there if now - one["last_at"] < RECENT_S and one["user"] in (user, None)]
    if recent:
        return recent[-1], "address and time"
    told = "user %s from %s%s" % (user, client, " port %d" % port if port else " in the last minutes")
    return _without_address(attempts, user, now) or (None, "no line of the log is about %s" % told)


def _without_address(attempts, user, now):
    """PAM's refusals bear no address: they count where all of the last minutes say the same of the same user."""
    recent = [one for one in attempts if one["address"] is None and one["user"] == user]
    recent = [one for one in recent if now - one["last_at"] < RECENT_S]
    if recent and len({tuple(one["reasons"][:1]) for one in recent}) == 1:
        return recent[-1], "user and time"
    return None


def shown(attempt):
    """An attempt as the evidence has it."""
    reasons = attempt["reasons"]
    return {
        "time": host.iso_time(attempt["at"]),
        "address": attempt["address"],
        "port": attempt["port"],
        "user": attempt["user"],
        "method": attempt["method"],
        "result": attempt["result"],
        "reason": reasons[0] if reasons else None,
        "own": attempt.get("own", False),
    }


def in_full(attempt, matched_by):
    """The probe's attempt, with the lines themselves."""
    shown_lines = [line[:SHOWN_LINE] for line in attempt["lines"]]
    if len(shown_lines) > SHOWN_LINES:
        shown_lines = shown_lines[: SHOWN_LINES // 2] + shown_lines[-SHOWN_LINES // 2 :]
    by = lines.refused_by(attempt["lines"])
    return dict(shown(attempt), reasons=attempt["reasons"], lines=shown_lines, matched_by=matched_by, refused_by=by)


def sources(attempts, limit):
    """From where the attempts came, the busiest first."""
    counted = {}
    for attempt in attempts:
        count = counted.setdefault(attempt["address"], {"attempts": 0, "accepted": 0, "last_at": 0})
        count["attempts"] += 1
        count["accepted"] += attempt["result"] == "accepted"
        count["last_at"] = max(count["last_at"], attempt["last_at"])
    busiest = sorted(counted, key=lambda address: (-counted[address]["attempts"], address or ""))
    return [
        dict(counted[address], address=address, last_at=host.iso_time(counted[address]["last_at"]))
        for address in busiest[:limit]
    ]
