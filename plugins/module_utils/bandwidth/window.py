# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurement: everything is opened, looked at from time to time while the window lasts, and closed."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import resource
import struct
import time

from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    callers,
    clock,
    datagrams,
    flows,
    interfaces,
    namespaces,
    owners,
    packets,
    queues,
    ring,
    syscalls,
    tcp,
)

# Rates are told over steps of this length, as iftop's shortest is.
STEP_S = 2
# More than these are not told apart.
FLOWS_LIMIT = 20000
DESCRIPTORS = 16384
# How often buffers are emptied, and at first, until it is known how much comes.
TICK_S, FIRST_TICKS_S, FIRST_TICKS = 0.5, 0.05, 3
# Below this share of what can be looked at, more is kept again.
TOO_FEW = 0.2
# So little, as a share of its time, a look may be late.
EXACT = 0.003
# A look at all connections that takes a greater share of a step than this is only had at both ends of the window.
AFFORDABLE = 0.02


class Window(object):
    """All that was seen while it lasted. Whatever cannot be had stands in ``problems`` with its reason."""

    def __init__(self, duration_s, wanted):
        self.duration_s = duration_s
        _open_more()
        self.problems = {}
        self.flows, self.samples = {}, []
        self.step = 0
        self.links, error = interfaces.look()
        self._problem("interfaces", error)
        self.others, error = namespaces.others()
        self._problem("network namespaces", error)
        self.outer = self._chosen(wanted)
        self.tunnels = interfaces.tunnels(self.links)
        self.queues = queues.look()
        self.before = owners.look()
        self._problem("processes", self.before.problem)
        self.after = self.before
        self.callers = callers.Callers()
        self.counters = self._counters()
        self.tables = {}
        self._look_at_tables()
        self.ring = self._ring()
        self.affordable = True

    def _chosen(self, wanted):
        names = self.names()
        missing = sorted(set(wanted) - set(names))
        if missing:
            self._problem("interfaces", "there is no %s" % ", ".join(missing))
        if wanted:
            return [name for name in wanted if name in names]
        return interfaces.outer(self.links, self.others, "network namespaces" not in self.problems)

    def _look_at_tables(self):
        # Where connections cannot be counted their packets are, and need a socket as datagrams do.
        # So do those that ended meanwhile, where the kernel does not tell whose they were.
        with_tcp = not self.tells_ended() or callers.TCP_EVENT in self.callers.problems
        for number in [None] + list(self.others):
            try:
                table = self._in_namespace(number, lambda: datagrams.look(with_tcp))
            except syscalls.FAILURES as error:
                self._problem("sockets of other network namespaces", _said(error))
                continue
            if number in self.tables:
                self.tables[number].merge(table)
            else:
                self.tables[number] = table

    def tells_ended(self):
        """Whether the kernel tells of each connection, of those as well that end meanwhile."""
        places = [None] + list(self.others)
        return all(number in self.counters and self.counters[number].tells_ended for number in places)

    def may_forward(self):
        return interfaces.may_forward(self.links, self.others)

    def names(self):
        return {link["name"]: link for link in self.links.values()}

    def _problem(self, what, reason):
        if reason:
            self.problems.setdefault(what, reason)

    def _ring(self):
        by_name = self.names()
        try:
            inner = [name for name in sorted(self.before.tunnels) if name in by_name] + self.tunnels
            seen = self.outer + [name for name in inner if name not in self.outer and by_name[name]["up"]]
            tcp_share = ring.TCP_AS_REST
            if self.tells_ended():
                tcp_share = ring.FORWARDED_TCP_SHARE if self.may_forward() else ring.TCP_SHARE
            return ring.Ring([by_name[name]["index"] for name in seen], tcp_share)
        except ring.Unsupported as error:
            self._problem("packets", str(error))
            return None

    def _counters(self):
        """{namespace: tcp.Counters}."""
        found = {}
        try:
            found[None] = tcp.Counters()
        except syscalls.FAILURES as error:
            self._problem("connections", _said(error))
            return found
        for number in self.others:
            try:
                found[number] = self._in_namespace(number, tcp.Counters)
            except syscalls.FAILURES as error:
                self._problem("connections of other network namespaces", _said(error))
        return found

    def close(self):
        self.callers.close()
        for counters in self.counters.values():
            counters.close()
        if self.ring is not None:
            self.ring.close()
        for descriptor in self.others.values():
            os.close(descriptor)

    # --- the course of it ---

    def run(self):
        self.started_at = time.time()
        if self.ring is not None:
            self.ring.begin()
        # In the order in which each step ends, so that all are as long.
        self._look_at_interfaces()
        self.noted_at = self.samples[0][0]
        for number, counters in list(self.counters.items()):
            self._begin(number, counters)
        begun = self.samples[0][0]
        ends = steps(self.duration_s)
        for number, end in enumerate(ends):
            self.step = number
            self._wait(begun + end)
            self._finish_step(last=end == ends[-1])
        self.after = owners.look()
        self._look_at_tables()

    def _begin(self, number, counters):
        try:
            self._in_namespace(number, counters.begin)
        except syscalls.FAILURES as error:
            self._problem("connections", _said(error))
            self.counters.pop(number).close()

    def _wait(self, until):
        while True:
            now = clock.now()
            if now >= until:
                return
            tick = FIRST_TICKS_S if now < self.samples[0][0] + FIRST_TICKS * FIRST_TICKS_S else TICK_S
            time.sleep(max(0, min(tick, until - now)))
            self._empty_buffers()

    def _empty_buffers(self):
        for counters in self.counters.values():
            counters.drain()
        self.callers.take()
        if self.ring is not None:
            self._adapt(*self.ring.take())

    def _adapt(self, come, elapsed):
        """Keep such a share of the packets as can be looked at."""
        too_many = come / (ring.PACKETS_PER_SECOND * max(elapsed, 0.01))
        # In a moment so short that nothing may have come out of the ring yet little says nothing.
        if not self.ring.samples or (too_many <= 1 and (too_many >= TOO_FEW or elapsed < TICK_S / 2)):
            return
        before = self.ring.filters[-1]
        wanted = ring.adapted(before, self.ring.usual_share, self.ring.mean_length, too_many)
        if wanted != before[1:]:
            self.ring.keep(*wanted)

    def _finish_step(self, last):
        """The interfaces, the packets and the connections are each looked at in the same order at the end of a step."""
        self._look_at_interfaces()
        if self.ring is not None:
            if last:
                self.ring.stop()
            self.ring.take()
        if last or self.affordable:
            begun = clock.processor_time_s()
            self._note_connections()
            self.affordable = clock.processor_time_s() - begun < AFFORDABLE * STEP_S
        self.callers.take()
        if self.ring is not None:
            if last:
                self.ring.take_last()
            self._note_packets(self.ring.step())

    def _look_at_interfaces(self):
        found, error = interfaces.look()
        self._problem("interfaces", error)
        self.samples.append((clock.now(), {link["name"]: link["counters"] for link in found.values()}))

    def _note_connections(self):
        noted_at, self.noted_at = self.noted_at, self.samples[-1][0]
        for number, counters in self.counters.items():
            try:
                moved = self._in_namespace(number, counters.step)
            except syscalls.FAILURES as error:
                self._problem("connections", _said(error))
                continue
            factor = stretched(self.noted_at - noted_at, counters.span_s)
            for entry in moved:
                flow = self._flow((number, packets.TCP, entry.local, entry.remote))
                flow.inode = entry.inode or flow.inode
                flow.repeated += entry.repeated
                flow.timestamps = entry.timestamps
                flow.add(self.step, entry.sent * factor, entry.received * factor)

    def _flow(self, key, sampled=False):
        """The flow of this name: (namespace, or interface if ``sampled``; protocol; local; remote)."""
        if key not in self.flows and len(self.flows) >= FLOWS_LIMIT:
            key = key[:3] + ((b"", 0),)
        if key not in self.flows and len(self.flows) >= 2 * FLOWS_LIMIT:
            key = key[:2] + ((b"", 0), (b"", 0))
        flow = self.flows.get(key)
        if flow is None:
            place, protocol, local, remote = key
            flow = flows.Flow(None, protocol, local, remote, None, place, True) if sampled else flows.Flow(*key)
            self.flows[key] = flow
        return flow

    def connected(self):
        """The other ends of all connections that the kernel has counted, of those as well on which nothing moved."""
        found = {entry.remote for counters in self.counters.values() for entry in counters.last.values()}
        found.update(flow.remote for flow in self.flows.values() if flow.protocol == packets.TCP and not flow.sampled)
        return found

    def listens(self, flow):
        """Whether this end of a connection is the one that waits for connections."""
        own = self.counters.get(flow.namespace)
        return own is not None and flow.protocol == packets.TCP and flow.local[1] in own.listening

    def _in_namespace(self, number, function):
        """The answer of a function that is called in a network namespace; None is one's own."""
        if number is None:
            return function()
        with syscalls.network_namespace(self.others[number]):
            return function()

    def _note_packets(self, seen):
        by_index = {link["index"]: link["name"] for link in self.links.values()}
        for (way, index, kind, protocol, addresses, ports), moved in seen.items():
            size, count, payload, looked = moved
            outgoing = way == ring.OUT
            half = len(addresses) // 2
            numbers = struct.unpack("!HH", ports) if len(ports) == 4 else (0, 0)
            ends = [(addresses[:half], numbers[0]), (addresses[half:], numbers[1])]
            local, remote = ends if outgoing else reversed(ends)
            key = by_index.get(index), protocol if protocol is not None else ("link", kind), local, remote
            flow = self._flow(key, sampled=True)
            flow.add(self.step, payload if outgoing else 0, 0 if outgoing else payload)
            place = 0 if outgoing else 2
            if protocol == packets.TCP:
                behind = flow.bare.setdefault(self.step, [0, 0])
                behind[place // 2] += max(0, size - count * (packets.IPV4 if half == 4 else packets.IPV6).size)
            flow.wire[place] += size
            flow.wire[place + 1] += count
            flow.looked[place // 2] += looked
            flow.others = flow.others or way == ring.OTHERS


def stretched(wanted_s, real_s):
    """By what to multiply what was counted in another time than the interfaces were."""
    factor = wanted_s / real_s if real_s > 0 else 1
    return factor if EXACT < abs(factor - 1) < 0.5 else 1


def steps(duration_s):
    """When each step ends, counted from the start: the last ones are whole."""
    ends = []
    end = duration_s
    while end > 0:
        ends.append(end)
        end -= STEP_S
    return ends[::-1]


def _open_more():
    """Hundreds of containers and processors need more descriptors than a process has at first. It is our own alone."""
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    except (ValueError, resource.error):
        pass


def _said(error):
    return str(getattr(error, "strerror", None) or error)
