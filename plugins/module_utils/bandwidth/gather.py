# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section bandwidth: which process sends and receives how much, to and from whom, by which link."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import children
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    callers,
    clock,
    names,
    summary,
    verdict,
    window,
)

# A diagnosis has a short look only.
SAMPLE_S = 3
SAMPLE_TOP = 5
# What opening, closing and describing may take besides the window itself where much hangs, and then asking for names.
MARGIN_S, NAMES_S = 18, 5
ANSWER_LIMIT_BYTES = 16 * 1024 * 1024


# What the kernel's events are asked for.
EVENTS = dict.fromkeys([name for name, _condition in callers.LOOKUP_EVENTS], "senders of datagrams")
EVENTS[callers.TCP_EVENT] = "processes of connections that end"
NO_INTERFACE = "no interface that is up leads out of this host"


def gather(login):
    """A short look for the diagnosis of a login attempt."""
    return measure(SAMPLE_S, SAMPLE_TOP, [], login.get("link_capacity_bps"), login)


def gather_within(wanted):
    """The module's answer, within its duration and a margin even if something hangs: {status, reason, …}."""
    limit = wanted["duration_s"] + MARGIN_S
    question = (wanted["duration_s"], wanted["top"], wanted["interfaces"], wanted["link_capacity_bps"])
    answer = children.ask({"bandwidth": lambda: measure(*question)}, limit, ANSWER_LIMIT_BYTES)["bandwidth"]
    if answer["error"] is not None:
        reason = "did not finish within %g s" % limit if answer["late"] else answer["error"]
        return {"status": "unchecked", "reason": reason}
    found = answer["value"]
    if wanted["resolve"] and found["status"] == "ok":
        names.add(found, NAMES_S)
    return found


def measure(duration_s, top, wanted, capacity_bps, login=None):
    """Look for so many seconds at these interfaces (none: those that lead out of this host).

    ``login``: an attempt of which is to be told whether the link that it uses is full.
    """
    begun = clock.processor_time_s()
    seen = window.Window(duration_s, wanted)
    try:
        if not seen.outer:
            return {"status": "unchecked", "reason": seen.problems.get("interfaces") or NO_INTERFACE}
        before = verdict.Before(login, seen.outer) if login else None
        with clock.in_time():
            seen.run()
    finally:
        seen.close()
    counted = summary.Summary(seen, top, capacity_bps)
    # Without what it costs to say of the busiest processes who they are.
    used = clock.processor_time_s() - begun
    found = counted.result()
    if before is not None:
        found["login"] = verdict.of(before, found, seen.flows.values())
    found["method"] = dict(method(seen), processor_time_s=round(used, 3))
    return found


def method(seen):
    """How it was measured, and what cannot be seen that way."""
    blind = ["%s: %s" % pair for pair in sorted(seen.problems.items())]
    blind += ["%s (%s): %s" % (EVENTS[name], name, why) for name, why in sorted(seen.callers.problems.items())]
    for _number, counters in sorted(seen.counters.items(), key=lambda pair: pair[0] or 0):
        blind += ["%s: %s" % pair for pair in sorted(counters.problems.items())]
    if seen.ring is not None and seen.ring.lost > seen.ring.taken:
        blind.append("packets: %d came too fast to be looked at; those that were stand for them" % seen.ring.lost)
    if seen.ring is not None and not seen.ring.samples:
        blind.append("packets: this kernel cannot draw lots, so of too many the first ones are looked at")
    if seen.ring is not None and seen.ring.left_out:
        blind.append("packets: those of %d more interfaces were not looked at" % seen.ring.left_out)
    return {
        "connections": "sock_diag" if None in seen.counters else None,
        "datagrams": "packet ring" if seen.ring is not None else None,
        "ended": ended(seen),
        "share_of_packets": share(seen.ring),
        "namespaces": len(seen.tables),
        "blind_spots": blind,
    }


def ended(seen):
    """How connections that ended meanwhile were put down to a process."""
    if seen.callers.births is not None:
        return "kernel events"
    return None if seen.before.hidden else "listening sockets"


def share(packet_ring):
    """What was kept of the packets: 'all', or of what lengths all."""
    if packet_ring is None:
        return None
    size = max(entry[1] for entry in packet_ring.filters)
    return "a packet of n bytes with the probability n/%d" % size if size else "all"
