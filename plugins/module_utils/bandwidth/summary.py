# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a measurement says: by interface, by process, by peer, and what belongs to none."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections

from ansible_collections.rescue.remote_login.plugins.module_utils import host, netlink
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    attribution,
    interfaces,
    owners,
    packets,
    processes,
    queues,
    rates,
    wire,
)

PEERS_LIMIT, PIDS_LIMIT = 10, 1000
# From here on a client gets its ports, where the system does not set it otherwise.
CLIENTS_PORT = 32768
HEADERS = "headers of packets, and packets without data"
REPEATED = "data that was sent again"
UNEXPLAINED = "not explained"


class Account(object):
    """What was moved in each step in which something was: {step: [tx, rx]}."""

    def __init__(self):
        self.steps = {}

    def add(self, steps):
        for number, (tx, rx) in steps.items():
            moved = self.steps.setdefault(number, [0.0, 0.0])
            moved[0] += tx
            moved[1] += rx

    def scale(self, way, factor):
        for moved in self.steps.values():
            moved[way] *= factor

    def sum(self, way):
        return sum(moved[way] for moved in self.steps.values())

    def total(self):
        return self.sum(0) + self.sum(1)

    def moved(self, way, count):
        return [self.steps.get(number, (0, 0))[way] for number in range(count)]


def sum_of(accounts):
    total = Account()
    for account in accounts:
        total.add(account.steps)
    return total


class Summary(object):
    """The result of one window."""

    def __init__(self, seen, top, stated_bps):
        self.seen, self.top, self.stated_bps = seen, top, stated_bps
        self.whose = attribution.Attribution(seen)
        first = seen.samples[0][0]
        self.ends = [sample[0] - first for sample in seen.samples[1:]]
        self.span_s = self.ends[-1]
        self.accounts, self.peers, self.unknown = {}, {}, {}
        self.part_of = collections.defaultdict(set)
        self.inner = Account()
        self._sort_flows()

    def _account(self, table, key):
        if key not in table:
            table[key] = Account()
        return table[key]

    def _sort_flows(self):
        flows = []
        for flow in wire.once(self.seen):
            flow.count_headers()
            name = self.whose.interface(flow)
            if name in self.seen.outer:
                flows.append((flow, name))
        # What a tunnel carries passes the outer interface in other packets, which are counted.
        self.counted = [pair for pair in flows if not self.whose.inner(pair[0])]
        wire.correct(self.seen, self.counted)
        for flow, _name in flows:
            self._put_down(flow)

    def _put_down(self, flow):
        pid, holders, how = self.whose.owner(flow)
        if pid is None:
            account = self._account(self.unknown, (how, self._peer(flow)))
        else:
            self.part_of[pid].update(holders)
            account = self._account(self.accounts, (pid, self._peer(flow)))
        account.add(flow.steps)
        self._account(self.peers, (flow.remote[0], pid)).add(flow.steps)
        if self.whose.inner(flow):
            self.inner.add(flow.steps)

    def _peer(self, flow):
        """(address, protocol, local port, port) of the other end. Of the ports only the one of a service counts: a
        client takes another one each time."""
        flow = self.whose.whole(flow)
        local, remote = flow.local[1], flow.remote[1]
        if local == remote:
            return flow.remote[0], flow.protocol, local, remote
        # Those that are too many to be told apart have no port of their own.
        if not remote:
            return flow.remote[0], flow.protocol, local, None
        # Of two ports that clients take, the smaller one says nothing.
        clients = flow.protocol == packets.TCP and min(local, remote) >= CLIENTS_PORT
        if self.seen.listens(flow) or (local < remote and not clients):
            return flow.remote[0], flow.protocol, local, None
        return flow.remote[0], flow.protocol, None, remote

    # --- the parts of the result ---

    def result(self):
        interfaces_found = self._interfaces()
        processes_found, rest = self._processes()
        if not processes_found and self.seen.before.hidden:
            processes_found = rest = None  # there may be some, but none can be seen
        return {
            "status": "ok",
            "started_at": host.iso_time(self.seen.started_at),
            "duration_s": round(self.span_s, 3),
            "interfaces": interfaces_found,
            "processes": processes_found,
            "other_processes": rest,
            "peers": self._peers(),
            "unattributed": self._unattributed(),
            "missing": dict(self.seen.problems),
        }

    def _rates(self, account):
        """{tx_bytes, rx_bytes, tx_bps, …, rates, peak} of what was moved."""
        sent, received = [account.moved(way, len(self.ends)) for way in (0, 1)]
        tx, rx = [rates.of(moved, self.ends, self.span_s) for moved in (sent, received)]
        both = rates.of([a + b for a, b in zip(sent, received)], self.ends, self.span_s)
        found = {}
        for name, part in (("tx", tx), ("rx", rx), ("total", both)):
            found[name + "_bytes"], found[name + "_bps"] = part["bytes"], part["bps"]
            found[name + "_peak_bps"] = part["peak_bps"]
            for seconds in rates.SPANS_S:
                found["%s_last_%ds_bps" % (name, seconds)] = part["last_%ds_bps" % seconds]
        return found

    def _interfaces(self):
        waiting, found = queues.look(), []
        for link in sorted(self.seen.links.values(), key=lambda link: link["index"]):
            counters = [sample[1].get(link["name"]) for sample in self.seen.samples]
            if link["kind"] == "loopback" or None in counters:
                continue
            account = Account()
            for number, (before, after) in enumerate(zip(counters, counters[1:])):
                # A driver that starts anew counts from nothing.
                grown = [max(0, after.get(name, 0) - before.get(name, 0)) for name in ("tx_bytes", "rx_bytes")]
                account.add({number: grown})
            entry = {"name": link["name"], "kind": link["kind"], "outer": link["name"] in self.seen.outer}
            entry.update(self._rates(account))
            entry.update(self._of_link(link, counters, waiting.get(link["index"]), entry))
            found.append(entry)
        return found

    def _of_link(self, link, counters, queue, moved):
        """What can pass by a link, what share of that did, and what was dropped."""
        most, source = interfaces.capacity(link, queue, self.stated_bps)
        found = {"capacity_from": source, "queue": queue and queue["kind"]}
        for way in ("tx", "rx"):
            found["capacity_%s_bps" % way] = most[way]
            found["%s_share" % way] = round(moved[way + "_bps"] / float(most[way]), 4) if most[way] else None
            for name in ("packets", "dropped", "errors"):
                key = "%s_%s" % (way, name)
                found[key] = counters[-1].get(key, 0) - counters[0].get(key, 0)
        old = self.seen.queues.get(link["index"])
        known = queue and old and None not in (queue["drops"], old["drops"])
        found["queue_drops"] = max(0, queue["drops"] - old["drops"]) if known else None
        found["queue_backlog_bytes"] = queue and queue["backlog_bytes"]
        return found

    def _processes(self):
        by_process = collections.defaultdict(list)
        for (pid, peer), account in self.accounts.items():
            by_process[self._identity(pid)].append((pid, peer, account))
        entries = []
        for parts in by_process.values():
            account = sum_of([part[2] for part in parts])
            entries.append((account.total(), account, parts))
        entries.sort(key=lambda entry: -entry[0])
        found = [self._process(account, parts) for _total, account, parts in entries[: self.top]]
        silent = processes.look_closer(found)
        if silent is not None:
            self.seen.problems["programs"] = silent
        rest = sum_of([entry[1] for entry in entries[self.top :]])
        return found, dict(self._rates(rest), count=max(0, len(entries) - self.top))

    def _identity(self, pid):
        """A process that has ended is one of many short ones, as a script starts them: these are told together."""
        if pid in self.seen.after.states or owners.state(pid) is not None:
            return pid
        state = self.state(pid)
        return (state.name, state.parent) if state else pid

    def state(self, pid):
        before = self.seen.before.states
        looks = self.seen.after.states, before
        return next((look[pid] for look in looks if look.get(pid)), None) or self.seen.callers.state(pid, before)

    def _glance(self, pid):
        looks = self.seen.callers.glances, self.seen.after.glances, self.seen.before.glances
        return next((look[pid] for look in looks if look.get(pid)), None)

    def _process(self, account, parts):
        pids = sorted({pid for pid, _peer, _account in parts})
        entry = processes.describe(pids[-1], self.state(pids[-1]), self._glance(pids[-1]))
        entry["instances"] = len(pids)
        entry["shared_with"] = sorted(set().union(*[self.part_of[pid] for pid in pids]) - set(pids))
        entry.update(self._rates(account))
        by_peer = collections.defaultdict(list)
        for _pid, peer, moved in parts:
            by_peer[peer].append(moved)
        entry["peers"] = self._places(by_peer)
        return entry

    def _places(self, by_peer):
        """The other ends of a process or of a reason, the busiest first."""
        found = sorted(((sum_of(moved), peer) for peer, moved in by_peer.items()), key=lambda pair: -pair[0].total())
        return [dict(place(peer), **self._rates(account)) for account, peer in found[:PEERS_LIMIT]]

    def _peers(self):
        by_address = collections.defaultdict(list)
        for (address, pid), account in self.peers.items():
            by_address[address].append((pid, account))
        found = [(sum_of([part[1] for part in parts]), address) for address, parts in by_address.items()]
        found.sort(key=lambda pair: -pair[0].total())
        return [self._peer_of(address, account, by_address[address]) for account, address in found[: self.top]]

    def _peer_of(self, address, account, parts):
        pids = sorted({pid for pid, _account in parts if pid is not None})
        return dict(self._rates(account), address=text_of(address), pids=pids[:PIDS_LIMIT])

    # --- what belongs to no process ---

    def _unattributed(self):
        """[{reason, peers, …rates}]: the sum of processes and these is what passed the outer links."""
        beside = self._beside_the_data()
        by_reason = collections.defaultdict(lambda: collections.defaultdict(list))
        for (reason, peer), account in self.unknown.items():
            by_reason[reason][peer].append(account)
        found = []
        for reason, by_peer in by_reason.items():
            account = sum_of([moved for parts in by_peer.values() for moved in parts])
            found.append(dict(self._rates(account), reason=reason, peers=self._places(by_peer)))
        found.sort(key=lambda entry: -entry["total_bytes"])
        return [entry for entry in found + beside if entry["tx_bytes"] or entry["rx_bytes"]]

    def _beside_the_data(self):
        """What passes besides the data of known flows: headers, repeats; and what is left."""
        headers, repeated, left = [dict.fromkeys(wire.WAYS, 0.0) for _number in range(3)]
        for (_name, number), way in wire.ways(self.seen, self.counted).items():
            headers[wire.WAYS[number]] += way.headers() if self.seen.ring is not None else 0
            repeated[wire.WAYS[number]] += way.repeated
            left[wire.WAYS[number]] += way.left() + (way.headers() if self.seen.ring is None else 0)
        for number, way in enumerate(wire.WAYS):
            # What the tunnels carried has been put down to processes already.
            self._take_from(attribution.TUNNEL, number, self.inner.sum(number))
            for reason in (attribution.TUNNEL,) + attribution.DRAWN:
                if left[way] < 0:
                    left[way] += self._take_from(reason, number, -left[way])
            if left[way] < 0:
                # More than passed cannot have been data: the estimate of the headers was too high.
                taken = min(headers[way], -left[way])
                headers[way], left[way] = headers[way] - taken, left[way] + taken
        return [self._entry(HEADERS, headers), self._entry(REPEATED, repeated), self._entry(UNEXPLAINED, left)]

    def _take_from(self, reason, way, size):
        """Make what has this reason smaller by so much; return what could be taken."""
        accounts = [account for (why, _peer), account in self.unknown.items() if why.startswith(reason)]
        there = sum(account.sum(way) for account in accounts)
        taken = min(size, there)
        for account in accounts if taken > 0 else []:
            account.scale(way, 1 - taken / there)
        return max(0, taken)

    def _entry(self, reason, moved):
        entry = {"reason": reason, "peers": []}
        for way in ("tx", "rx"):
            entry[way + "_bytes"] = int(round(moved[way]))  # noqa: RUF046 - a float in Python 2.7
            entry[way + "_bps"] = rates.bits(moved[way], self.span_s)
        entry["total_bytes"] = entry["tx_bytes"] + entry["rx_bytes"]
        entry["total_bps"] = entry["tx_bps"] + entry["rx_bps"]
        return entry


def text_of(address):
    """An address in words; None for those that are too many to be told apart."""
    return netlink.address(address) if any(bytearray(address)) else None


def place(peer):
    address, protocol, local_port, port = peer
    name = attribution.PROTOCOLS.get(protocol, str(protocol)) if not isinstance(protocol, tuple) else None
    if protocol not in packets.WITH_PORTS:
        local_port = port = None
    return {"address": text_of(address), "protocol": name, "local_port": local_port, "port": port}
