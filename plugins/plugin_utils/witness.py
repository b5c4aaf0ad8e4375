# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both ends at once: which hosts watch for the vantage's packets while it tries again, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils import targets
from ansible_collections.rescue.remote_login.plugins.plugin_utils.evidence import said

# The vantage's second try waits so long for each address: time for three SYNs, after 0, 1 and 3 seconds.
PROBE_TIMEOUT_S = 3.5
REPEATED_AFTER_MS = (1000, 3000, 7000, 15000)
# A watch that nobody ends lasts so long, and longer in a big batch, because all start before the vantage tries again.
LONGEST_S, MOST_S = 120, 900
# Maximum segment sizes that fit every path and that no usual client announces: one a host, so that a host that sees
# the packets to another one does not take them for its own.
FIRST_MARK, MARKS = 1101, 99
# What the second try takes over from the login attempt: no user and no secret.
KEPT = ("name", "address", "port", "use_ssh_config")

Variables = Mapping[str, Any]


def plan(
    merged: Mapping[str, Any], all_variables: Mapping[str, Variables], looks: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """host -> how to watch there, for the hosts where it tells something and where somebody got inside.

    ``looks`` has the names of the variables in which the looks inside were registered, each with its way.
    """
    chosen: dict[str, dict[str, Any]] = {}
    for host, case in merged.items():
        first = case["outside"][0] if case["outside"] else {}
        found = [(name, way) for name, way in looks.items() if (all_variables[host].get(name) or {}).get("inside")]
        if not found or not tells_something(first, all_variables[host][found[0][0]]["inside"]):
            continue
        way = found[0][1]
        tried = first["addresses"]
        chosen[host] = {
            "vantage": first["vantage"],
            "way": "oob" if way == "oob" else "connection",
            "become": {"oob": case["oob_become"], "connection": case["become"]}.get(way, False),
            "port": case["login"]["port"],
            "clients": [entry["client_address"] for entry in tried if entry.get("client_address")],
            "addresses": [entry["address"] for entry in tried],
            "mark": FIRST_MARK + len(chosen) % MARKS,
        }
    for entry in chosen.values():
        entry["duration"] = min(LONGEST_S + len(chosen), MOST_S)
    return chosen


def tells_something(first: Mapping[str, Any], inside: Mapping[str, Any]) -> bool:
    """Whether it is open on which side of the host's network interface a login ends."""
    outcome, tried = first.get("outcome"), first.get("addresses") or []
    if outcome == "timed_out":
        return True
    answers = [(entry["address"], entry["answered_by"]) for entry in tried if entry.get("answered_by")]
    if outcome == "no_route":
        return bool(answers)  # else the vantage itself knows no way, and no packet has left it
    if outcome == "refused":
        login = (inside.get("sshd") or {}).get("login") or {}
        # Where nobody listens the refusal is the host's own.
        elsewhere = any(answer.get("from") not in (None, address) for address, answer in answers)
        return elsewhere or login.get("listens_on_address") is True
    return False


def targets_of(
    chosen: Mapping[str, Mapping[str, Any]],
    all_variables: Mapping[str, Variables],
    vantage: str,
    defaults: Variables,
) -> list[dict[str, Any]]:
    """What a vantage tries again: connections without a login, each twice, as one may be refused at its first SYN."""
    found: list[dict[str, Any]] = []
    for host, entry in chosen.items():
        if entry["vantage"] == vantage:
            attempt = targets.target(host, all_variables[host], defaults)
            again: dict[str, Any] = {key: attempt[key] for key in KEPT if key in attempt}
            again.update(authenticate=False, timeout=PROBE_TIMEOUT_S, max_segment_size=entry["mark"])
            found += [again, again]
    return found


def section(
    host: str,
    chosen: Mapping[str, Mapping[str, Any]],
    looks: Sequence[Mapping[str, Any]],
    probes: Sequence[tuple[str, Mapping[str, Any]]],
) -> dict[str, Any] | None:
    """The evidence packet_witness of a host, or None where nobody watched.

    ``looks``: what came of fetching and of starting, in this order.
    """
    if host not in chosen:
        return None
    seen = next((dict(look["witness"]) for look in looks if look.get("witness")), None)
    if seen is None:
        told = [look for look in looks if not look.get("skipped")]
        return {"status": "unchecked", "reason": said(told[0]) if told else "nobody watched"}
    if seen.get("status") != "ok":
        return seen
    probe = _probe_of(host, chosen, probes)
    if not probe["syns"]:
        reason = f"the vantage {probe['vantage']} did not try again: {probe['error'] or probe['outcome']}"
        return {"status": "unchecked", "reason": reason}
    return {**seen, "probe": probe}


def _probe_of(
    host: str, chosen: Mapping[str, Mapping[str, Any]], probes: Sequence[tuple[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    """The vantage's second try: {vantage, outcome, syns, error}. Results are told apart by their place."""
    vantage = chosen[host]["vantage"]
    probe = next((answer for name, answer in probes if name == vantage), {})
    mine = [name for name, entry in chosen.items() if entry["vantage"] == vantage]
    results = list(probe.get("results") or [])
    if len(results) != 2 * len(mine):
        return {"vantage": vantage, "outcome": None, "syns": 0, "error": said(probe)}
    place = 2 * mine.index(host)
    both = results[place : place + 2]
    sent = sum(_syns_of(entry) for result in both for entry in result.get("addresses") or [])
    return {"vantage": vantage, "outcome": both[0]["outcome"], "syns": sent, "error": both[0].get("error")}


def _syns_of(tried: Mapping[str, Any]) -> int:
    """How many SYNs a connection attempt has sent at least, by the time that it took."""
    if tried.get("outcome") == "timed_out":
        return 1 + sum(after < (tried.get("connect_ms") or 0) for after in REPEATED_AFTER_MS)
    return 1 if tried.get("outcome") == "connected" or tried.get("answered_by") else 0
