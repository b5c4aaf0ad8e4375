# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passed the outer interfaces, as their counters tell, against what was seen of it: data, headers, repeats."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import packets

ETHERNET_BYTES, IPV4_BYTES, IPV6_BYTES, TCP_BYTES, TIMESTAMPS_BYTES = 14, 20, 40, 20, 12
WAYS = ("tx", "rx")
# How far, in standard deviations, the counters may correct what was drawn by lot.
DEVIATIONS = 3.0
# Of an interface with more TCP than this the counters say too little of the rest.
SHARE_SEEN = 0.5


class Way(object):
    """One direction of one interface."""

    def __init__(self, size, count):
        self.size, self.count = size, count
        # What the kernel counted of connections, and what was seen as packets with all their headers.
        self.data = self.repeated = 0.0
        self.seen = self.seen_data = self.seen_packets = 0.0
        self.looked = 0
        self.weight = self.weighted_header = 0.0

    def add(self, flow, number):
        data = (flow.tx, flow.rx)[number]
        if not flow.sampled:
            self.data += data
            self.repeated += flow.repeated if number == 0 else 0
            self.weight += flow.tx + flow.rx
            self.weighted_header += (flow.tx + flow.rx) * header_of(flow)
            return
        size, count = flow.wire[2 * number : 2 * number + 2]
        self.seen += size + ETHERNET_BYTES * count
        self.seen_data += data
        self.seen_packets += count
        self.looked += flow.looked[number]

    def headers(self):
        """What stands before the data in all packets, those without data as well."""
        usual = self.weighted_header / self.weight if self.weight else 0
        return self.seen - self.seen_data + max(0, self.count - self.seen_packets) * usual

    def left(self):
        """What the interface has counted and nothing accounts for; less than nothing where too much was seen."""
        return self.size - self.data - self.seen_data - self.headers() - self.repeated


def once(seen):
    """The flows, without those of TCP that are known twice: by the kernel's counts, and by packets."""
    flows = list(seen.flows.values())
    if seen.ring is None:
        return flows
    if seen.tells_ended():
        # Of a container's connection the packets may have another address and port on this side.
        known = seen.connected()
        return [flow for flow in flows if not (flow.protocol == packets.TCP and flow.sampled and flow.remote in known)]
    # What has ended is counted up to the last look at best, while all of its packets were seen.
    there = {(entry.local[1], entry.remote) for each in seen.counters.values() for entry in each.last.values()}
    return [
        flow
        for flow in flows
        if flow.protocol != packets.TCP or flow.sampled != ((flow.local[1], flow.remote) in there)
    ]


def header_of(flow):
    """What stands before the data of each packet of a connection."""
    outer = ETHERNET_BYTES + (IPV4_BYTES if len(flow.local[0]) == 4 else IPV6_BYTES)
    return outer + TCP_BYTES + (TIMESTAMPS_BYTES if flow.timestamps else 0)


def ways(seen, counted):
    """{(interface, 0 for sent or 1 for received): Way} of the outer interfaces, of (flow, interface) pairs."""
    found = {}
    before, after = seen.samples[0][1], seen.samples[-1][1]
    for name in seen.outer:
        for number, way in enumerate(WAYS):
            sizes, counts = [
                after.get(name, {}).get(way + part, 0) - before.get(name, {}).get(way + part, 0)
                for part in ("_bytes", "_packets")
            ]
            found[name, number] = Way(max(0, sizes), max(0, counts))
    for flow, name in counted:
        for number in range(len(WAYS)):
            if (name, number) in found:
                found[name, number].add(flow, number)
    return found


def _correct_few(seen, counted):
    """Packets of TCP without a connection are known by few of them, and cannot have been more than is left."""
    for (name, number), way in ways(seen, counted).items():
        few = [flow for flow, other in counted if other == name and flow.sampled and flow.protocol == packets.TCP]
        size = sum(flow.wire[2 * number] + ETHERNET_BYTES * flow.wire[2 * number + 1] for flow in few)
        left = way.left()
        for flow in few if size > 0 and left < 0 else []:
            flow.scale(number, max(0.0, 1 + left / float(size)))


def correct(seen, counted):
    """Where packets were drawn by lot, let the interface's own counters correct their sum as far as chance may err."""
    if seen.ring is None:
        return
    _correct_few(seen, counted)
    if not (seen.ring.lost or any(size for _since, size, _share in seen.ring.filters)):
        return
    for (name, number), way in ways(seen, counted).items():
        if not way.looked or way.seen < SHARE_SEEN * way.size:
            continue
        most = DEVIATIONS / way.looked**0.5
        factor = (way.seen + way.left()) / way.seen
        factor = min(max(factor, 1 - most), 1 + most)
        for flow, other in counted:
            if other == name and flow.sampled:
                flow.scale(number, factor)
