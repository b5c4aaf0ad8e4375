# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the link is full by which a login comes in and its answers leave, and who fills it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import time

from ansible_collections.rescue.remote_login.plugins.module_utils import links, routing
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import limits, waiting

IPV4, IPV6 = 0x0800, 0x86DD
# A link counts as full where so much of its capacity is used; where packets also wait all the time, get lost or are
# sent again, from a smaller share on: senders that give way to losses do not reach the whole.
FULL, NEARLY_FULL = 0.95, 0.85
# Some packets are always lost or sent again. This share of them is no longer usual.
USUAL_LOSS = 0.01
# So much that is sent again on a way of which nobody knows the capacity is a sign that something on it is full.
MUCH_LOSS, BUSY_BPS = 0.05, 500000
# A login gets through a queue that holds it up for less, and in spite of fewer losses.
LONG_S, MANY_LOST = 1, 0.05
# Who moves a smaller share of what passes does not tell what fills a link.
TOLD = 0.2
# Of links that stand on each other so many at most.
DEPTH = 4
WAYS = ("tx", "rx")


class Before(object):
    """What is noted at the begin of the window: the links that the login passes, and their limits."""

    def __init__(self, login, outer):
        self.client = (login.get("clients") or [None])[0]
        self.route = routing.to(self.client, port=login.get("port")) if self.client else {"interface": None}
        self.protocol = IPV6 if ":" in (self.client or "") else IPV4
        found = links.all_links()[0] if self.route["interface"] else {}
        self.links = chain(self.route["interface"], found, outer)
        self.limits, self.time = self.look(), time.time()

    def look(self):
        """{name of the link: {tx: [Limit], rx: [Limit]}}."""
        return {link["name"]: limits.look(link["index"], self.protocol) for link in self.links}


def chain(name, found, outer):
    """A link and those that it stands on: the parent of a VLAN, the ports of a bridge or bond that lead out."""
    if name is None:
        return []
    concerned, by_name = [], {link["name"]: link for link in found.values()}
    names = [name]
    for _number in range(DEPTH):
        concerned += [by_name[each] for each in names if each in by_name and by_name[each] not in concerned]
        below = {by_name[each]["lower"] for each in names if each in by_name}
        below |= {link["name"] for link in found.values() if link["master"] in names and link["name"] in outer}
        names = sorted(below - {None})
    return [link for link in concerned if link["kind"] != "loopback"]


def of(before, measured, flows):
    """What the login meets: {client, interface, saturated, …}. ``saturated`` is None where that cannot be known."""
    found = {"client": before.client, "interface": before.route["interface"], "saturated": None, "why_unknown": None}
    found.update(dict.fromkeys(("link", "way", "sign", "share", "rate_bps", "capacity_bps", "capacity_from")))
    found.update(
        dict.fromkeys(
            ("drops", "backlog_bytes", "tx_saturated", "rx_saturated", "percent", "resent_percent", "holds_up")
        ),
        signs=[],
        top=None,
    )
    found.update(answers_lost=False, packets_lost=False)
    if not before.links:
        found["why_unknown"] = "no client is known" if before.client is None else "no link leads to the client"
        return found
    after, elapsed_s = before.look(), time.time() - before.time
    again = repeats(flows, measured["duration_s"])
    signs = _signs(before, measured, after, elapsed_s, again)
    found["signs"] = signs
    if not signs:
        found["why_unknown"] = "%s was not there all the time" % found["interface"]
        return found
    for way in WAYS:
        states = [sign["full"] for sign in signs if sign["way"] == way]
        found[way + "_saturated"] = True if True in states else False if False in states else None
    # Of several the fullest.
    worst = max(signs, key=lambda sign: (sign["full"] is True, sign["full"] is False, sign["share"] or 0))
    found.update({key: worst[key] for key in worst if key != "full"}, saturated=worst["full"])
    if any(sign["full"] and sign["holds_up"] and sign["way"] == worst["way"] for sign in signs):
        found["holds_up"] = True
    # In Python 2 a rounded number is still no whole one.
    found["percent"] = int(round(100 * worst["share"])) if worst["share"] is not None else None  # noqa: RUF046
    found["resent_percent"] = round(100 * again["share"], 1)
    certain = worst["full"] is True and worst["sign"] != "repeats"
    # What a full link of this host's own making holds up is the answer to ARP as well, and then nothing comes in.
    found["answers_lost"] = certain and worst["way"] == "tx" and found["holds_up"] is not False
    found["packets_lost"] = found["rx_saturated"] is True or (found["answers_lost"] and found["holds_up"] is True)
    if worst["full"] is None:
        found["why_unknown"] = "nothing tells how much can pass by %s" % found["interface"]
    found["top"] = top(measured, found["way"], {link["name"] for link in before.links}, found["rate_bps"] or 0)
    return found


def repeats(flows, duration_s):
    """{rate_bps, share} of what the TCP connections of this host have sent again."""
    sent = sum(flow.tx for flow in flows)
    again = sum(flow.repeated for flow in flows)
    return {"rate_bps": int(8 * sent / duration_s), "share": round(again / float(sent + again), 4) if again else 0.0}


# --- what tells that a link is full ---


def _signs(before, measured, after, elapsed_s, again):
    """For each link and way each sign: {link, way, sign, share, rate_bps, capacity_bps, …, full}."""
    found = []
    counted = {entry["name"]: entry for entry in measured["interfaces"]}
    for link in before.links:
        for way in WAYS:
            old, new = before.limits[link["name"]][way], after[link["name"]][way]
            pairs = list(zip(old, new)) if [one.name for one in old] == [one.name for one in new] else []
            queue = [_at_limit(pair, elapsed_s, again if way == "tx" else None) for pair in pairs]
            if link["name"] in counted:
                found.append(_at_capacity(counted[link["name"]], way, queue, again if way == "tx" else None))
            found += [sign for sign in queue if sign["capacity_bps"]]
            for sign in found:
                sign.setdefault("link", link["name"])
                sign.setdefault("way", way)
    return found


def _at_limit(pair, elapsed_s, again):
    """How far a limit of the host's own is used: a queueing discipline, a class or a policer."""
    old, new = pair
    sign = _blank(new.name)
    sign["capacity_bps"] = new.rate_bps
    if None not in (old.bytes, new.bytes):
        sign["rate_bps"] = max(0, int(8 * (new.bytes - old.bytes) / elapsed_s))
    if None not in (old.drops, new.drops):
        sign["drops"] = max(0, new.drops - old.drops)
    if None not in (old.backlog, new.backlog):
        # A queue that stands was there at both ends.
        sign["backlog_bytes"] = min(old.backlog, new.backlog)
    sign["holds_up"] = _holds_up(sign, new, max(0, (new.packets or 0) - (old.packets or 0)))
    return _judged(sign, bool(sign["drops"] or sign["backlog_bytes"] or _lost(again)))


def _holds_up(sign, limit, packets):
    """Whether a login would not get past this place while it is full: it waits too long, or gets lost."""
    if limit.fair:
        return False
    if sign["drops"] is None or sign["rate_bps"] is None:
        return None
    waits = 8.0 * (sign["backlog_bytes"] or 0) / max(1, sign["rate_bps"])
    return waits > LONG_S or sign["drops"] > MANY_LOST * (packets + sign["drops"])


def _at_capacity(counted, way, queues, again):
    """How far the capacity of a link is used, where it is known; else what its own queue tells."""
    sign = _blank(counted["capacity_from"])
    sign["rate_bps"] = counted[way + "_bps"]
    first = queues[0] if queues else _blank(None)
    sign["drops"], sign["backlog_bytes"] = first["drops"], first["backlog_bytes"]
    standing = bool(sign["backlog_bytes"] and sign["drops"] > USUAL_LOSS * counted[way + "_packets"])
    if counted["capacity_from"] in ("stated", "link"):
        sign["capacity_bps"] = counted["capacity_%s_bps" % way]
        return _judged(sign, bool(standing or _lost(again)))
    if any(queue["capacity_bps"] for queue in queues):
        return sign
    # Without a limit packets wait in a queue, and are dropped there, where the link is slower than its senders.
    if standing:
        return dict(sign, sign="queue", capacity_from=None, full=True, holds_up=first["holds_up"])
    if again and again["share"] > MUCH_LOSS and sign["rate_bps"] > BUSY_BPS:
        return dict(sign, sign="repeats", capacity_from=None, full=True)
    return sign


def _blank(source):
    sign = dict.fromkeys(("share", "rate_bps", "capacity_bps", "drops", "backlog_bytes", "full", "holds_up"))
    return dict(sign, sign="capacity", capacity_from=source)


def _lost(again):
    return bool(again and again["share"] > USUAL_LOSS)


def _judged(sign, pressed):
    if sign["capacity_bps"] and sign["rate_bps"] is not None:
        sign["share"] = round(sign["rate_bps"] / float(sign["capacity_bps"]), 4)
        sign["full"] = sign["share"] >= (NEARLY_FULL if pressed else FULL)
    return sign


# --- who fills it ---


def top(measured, way, names, rate_bps):
    """Who moves most by these links that way: {process, pid, start_ticks, bps, peer, …}, or None.

    Where most of it belongs to no process, that is told: it is forwarded, or made by hand.
    """
    entries = [_by_these(entry, way, names) for entry in measured["processes"] or []]
    strangers = [_by_these(entry, way, names) for entry in measured["unattributed"]]
    most = max(entries, key=lambda entry: entry[0]) if entries else (0, None, None)
    other = max(strangers, key=lambda entry: entry[0]) if strangers else (0, None, None)
    bps, entry, peer = most if most[0] >= other[0] else other
    # A connection that does not move on is in no count, and its packets look as if they were another host's.
    open_who = way == "tx" and (bps < TOLD * rate_bps or (peer and peer["protocol"] == "tcp" and not entry.get("pid")))
    waits = waiting.first(lambda address: _leads(address) in names) if open_who else None
    # As much as the link carries in a second.
    if waits and 8 * waits["waiting_bytes"] > rate_bps:
        bps, entry, peer = None, waits, dict(waits["peers"][0], tx_bps=None)
    elif not bps:
        return None
    found = {"bps": bps, "peer": peer["address"], "peer_bps": peer[way + "_bps"], "protocol": peer["protocol"]}
    found["waiting_bytes"] = entry.get("waiting_bytes")
    found.update(port=peer["port"], local_port=peer["local_port"])
    found.update(peers=len(entry["peers"]), reason=entry.get("reason"))
    for key in ("pid", "name", "start_ticks", "started_at", "command", "user", "unit", "container", "instances"):
        found[key] = entry.get(key)
    # What starts one short process after the other is to be stopped, not one of those.
    found["started_by"] = (entry.get("parents") or [None])[0]
    found["exists"] = entry.get("exists")
    return found


def _by_these(entry, way, names):
    """(bits a second to or from peers that these links lead to, the entry, the first of those peers)."""
    peers = [peer for peer in entry["peers"] if peer["address"] and _leads(peer["address"]) in names]
    peers.sort(key=lambda peer: -peer[way + "_bps"])
    bps = sum(peer[way + "_bps"] for peer in peers)
    # Of many peers only the first ones are told.
    if len(peers) == len(entry["peers"]):
        bps = max(bps, entry[way + "_bps"])
    return (bps, entry, peers[0]) if peers else (0, entry, None)


def _leads(address):
    return routing.to(address)["interface"]
