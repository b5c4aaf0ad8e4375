# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of some interfaces through a ring shared with the kernel, of which a filter keeps a known share."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import mmap
import socket
import struct
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host, packet_filter
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import clock, packets, syscalls

SOL_PACKET, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, TPACKET_V3 = 263, 5, 6, 10, 2
PACKET_OTHERHOST, PACKET_OUTGOING = 3, 4
# Which way a packet went: come in, gone out, come in although it is meant for another machine.
IN, OUT, OTHERS = 0, 1, 2
WAYS = {PACKET_OUTGOING: OUT, PACKET_OTHERHOST: OTHERS}
ETH_P_ALL = 3
KEPT_BYTES = 96
BLOCK_BYTES, BLOCKS, FRAME_BYTES, BLOCK_TIMEOUT_MS = 64 * 1024, 32, 2048, 60
# struct tpacket_hdr_v1 of a block: whose it is, how many packets, where the first is.
BLOCK_AT = 8
BLOCK, USER = struct.Struct("=III"), 1
# struct tpacket3_hdr: next, seconds, nanoseconds, kept bytes, bytes, …, network header; behind it struct sockaddr_ll:
# protocol, interface, kind of packet.
FRAME = struct.Struct("=IIIII6xH22xHi2xB")
# A packet of IPv4 without options, and how much stands before its data.
USUAL_KIND, USUAL_FIRST = socket.htons(packets.ETH_P_IP), 0x45
USUAL = struct.Struct("!BxHxxHxBxx12s")
USUAL_BYTES, USUAL_PROTOCOLS = 28, {packets.TCP: 20, packets.UDP: 28}
INTERFACES_LIMIT = 64
# How many flows are told apart in one step; behind the second limit not even their own ends are.
FLOWS_LIMIT, ENDS_LIMIT = 4000, 5000
# How many packets a second are looked at at most, and the share of the TCP packets at first.
PACKETS_PER_SECOND = 3000
TCP_SHARE = 256
# Where packets of others may pass: of these the kernel counts no connection here.
FORWARDED_TCP_SHARE = 16
# Instead of a share of its own: TCP is kept as all the rest is.
TCP_AS_REST = 1
TCP_BYTE = b"\x06"
LARGEST_SIZE, LARGEST_SHARE = 1 << 24, 1 << 16


class Unsupported(OSError):
    """Why packets cannot be looked at."""


def keeping(interfaces, size, tcp_share):
    """The program: what comes by these interfaces. Of TCP one packet in ``tcp_share`` (none: nothing, 1: as the rest);
    of the rest a packet of n bytes with the probability n/size (none: all)."""
    lines = [(None, packet_filter.LOAD_WORD, packet_filter.INTERFACE, None, None)]
    lines += [(None, packet_filter.IF_EQUAL, index, "wanted", None) for index in interfaces]
    lines += [
        (None, packet_filter.RETURN, 0, None, None),
        ("wanted", packet_filter.LOAD_HALF, packet_filter.PROTOCOL, None, None),
        (None, packet_filter.IF_EQUAL, packets.ETH_P_IPV6, "ipv6", None),
        (None, packet_filter.IF_EQUAL, packets.ETH_P_IP, None, "rest"),
        (None, packet_filter.LOAD_BYTE, 9, None, None),
        (None, packet_filter.IF_EQUAL, packets.TCP, "tcp", "rest"),
        ("ipv6", packet_filter.LOAD_BYTE, 6, None, None),
        (None, packet_filter.IF_EQUAL, packets.TCP, "tcp", "rest"),
    ]
    if tcp_share == TCP_AS_REST:
        lines += [("tcp", packet_filter.GO_TO, 0, "rest", None)]
    elif tcp_share:
        lines += [
            ("tcp", packet_filter.LOAD_WORD, packet_filter.RANDOM, None, None),
            (None, packet_filter.ONLY_BITS, tcp_share - 1, None, None),
            (None, packet_filter.IF_EQUAL, 0, "keep", "drop"),
        ]
    else:
        lines += [("tcp", packet_filter.GO_TO, 0, "drop", None)]
    if size:
        lines += [
            ("rest", packet_filter.LOAD_LENGTH, 0, None, None),
            (None, packet_filter.KEEP_ASIDE, 0, None, None),
            (None, packet_filter.LOAD_WORD, packet_filter.RANDOM, None, None),
            (None, packet_filter.ONLY_BITS, size - 1, None, None),
            (None, packet_filter.IF_AT_LEAST_THE_OTHER, 0, "drop", "keep"),
        ]
    else:
        lines += [("rest", packet_filter.GO_TO, 0, "keep", None)]
    lines += [("keep", packet_filter.RETURN, KEPT_BYTES, None, None), ("drop", packet_filter.RETURN, 0, None, None)]
    return packet_filter.assembled(lines)


def adapted(filter_in_force, usual_share, mean_length, too_many):
    """(size, TCP's share) with which so many times fewer packets are kept; powers of two, as the filter needs them."""
    _since, size, tcp_share = filter_in_force
    wanted = (size or mean_length) * too_many
    size = 0
    if wanted > mean_length:
        size = min(1 << int(wanted).bit_length(), LARGEST_SIZE)
    if tcp_share > TCP_AS_REST:
        times = 1 << int(too_many).bit_length() if too_many > 1 else 1
        tcp_share = min(tcp_share * times, LARGEST_SHARE) if size else usual_share
    return size, tcp_share


class Ring(object):
    """The packets of these interfaces, added up by flow and direction."""

    def __init__(self, interfaces, tcp_share=TCP_SHARE):
        if host.status_of("/proc/net/packet") is None:
            raise Unsupported("the kernel has no packet sockets (af_packet is not loaded)")
        self.usual_share = tcp_share
        self.interfaces, self.left_out = interfaces[:INTERFACES_LIMIT], len(interfaces[INTERFACES_LIMIT:])
        self.filters, self.samples = [], True
        self.flows, self.usual, self.first_fragments = {}, {}, {}
        self.position = self.taken = self.lost = 0
        # By the clock that packets are stamped with.
        self.begun, self.ended = time.time(), None
        self.mean_length, self.taken_at = 1024, clock.now()
        try:
            self.channel = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        except (OSError, socket.error) as error:
            raise Unsupported("no packet socket: %s" % (error.strerror or error))
        try:
            # The filter first, so that nothing else ever is in the ring.
            self.keep(0, tcp_share)
            self.channel.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
            frames = BLOCK_BYTES // FRAME_BYTES * BLOCKS
            asked = (BLOCK_BYTES, BLOCKS, FRAME_BYTES, frames, BLOCK_TIMEOUT_MS, 0, 0)
            self.channel.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack("=7I", *asked))
            self.memory = mmap.mmap(self.channel.fileno(), BLOCK_BYTES * BLOCKS)
        except syscalls.FAILURES as error:
            self.channel.close()
            raise Unsupported("no ring of packets: %s" % (getattr(error, "strerror", None) or error))

    def keep(self, size, tcp_share):
        """Keep another share from now on."""
        try:
            packet_filter.attach(self.channel, keeping(self.interfaces, size, tcp_share))
        except (OSError, socket.error):
            # An old kernel cannot draw lots: then all of it, or none of TCP.
            self.samples, size, tcp_share = False, 0, TCP_AS_REST if tcp_share == TCP_AS_REST else 0
            packet_filter.attach(self.channel, keeping(self.interfaces, size, tcp_share))
        self.filters.append((time.time(), size, tcp_share))

    def begin(self):
        """Count what comes from now on."""
        self.begun = time.time()

    def stop(self):
        """Let nothing more in."""
        self.ended = time.time()
        packet_filter.attach(self.channel, [(packet_filter.RETURN, 0, 0, 0)])

    def take_last(self):
        """Take what is left behind the stop, when the kernel has closed its block."""
        time.sleep(2 * BLOCK_TIMEOUT_MS / 1000.0)
        self.take()

    def close(self):
        self.memory.close()
        self.channel.close()

    def take(self):
        """Add up what has come since the last time; return how many packets that were and how many seconds.

        Never more are looked at than are affordable. Those that were seen stand for those that were not.
        """
        now = clock.now()
        elapsed, self.taken_at = now - self.taken_at, now
        flows, self.flows, self.usual = self.flows, {}, {}
        looked, passed, affordable = 0, self._dropped(), PACKETS_PER_SECOND * max(elapsed, 0.01)
        for _number in range(BLOCKS):
            place = self.position * BLOCK_BYTES
            status, count, first = BLOCK.unpack_from(self.memory, place + BLOCK_AT)
            if not status & USER:
                break
            if looked < affordable:
                self._add(self.memory[place : place + BLOCK_BYTES], first, count)
                looked += count
            else:
                passed += count
            struct.pack_into("=I", self.memory, place + BLOCK_AT, 0)
            self.position = (self.position + 1) % BLOCKS
        self.taken += looked
        self.lost += passed
        seen, self.flows = self.flows, flows
        # Of those that were looked at all may be from before the window.
        count = sum(moved[1] for moved in seen.values())
        if count:
            self.mean_length = max(1, int(sum(moved[0] for moved in seen.values()) / count))
        self._merge(seen, (looked + passed) / float(looked) if looked else 1)
        return looked + passed, elapsed

    def _merge(self, seen, factor):
        for key, moved in seen.items():
            if key not in self.flows and len(self.flows) >= FLOWS_LIMIT:
                key = together(key, len(self.flows))
            entry = self.flows.setdefault(key, [0, 0, 0, 0])
            for place in range(3):
                entry[place] += moved[place] * factor
            entry[3] += moved[3]

    def _dropped(self):
        """How many packets found no room since the last question."""
        data = self.channel.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12)
        return struct.unpack_from("=I", data, 4)[0] if len(data) >= 8 else 0

    def share_at(self, seconds):
        """(size, TCP's share) of the filter that was in force then."""
        for since, size, tcp_share in reversed(self.filters):
            if seconds >= since:
                return size, tcp_share
        return self.filters[0][1:]

    def _add(self, data, place, count):
        """The packets of one block."""
        since, size, tcp_share = self.filters[-1]
        if len(data) >= place + FRAME.size:
            seconds, fraction = FRAME.unpack_from(data, place)[1:3]
            changing = self.ended is not None or seconds + fraction / 1e9 < max(since, self.begun)
        for _number in range(count):
            if place + FRAME.size > len(data):
                break
            following, seconds, fraction, kept, length, network, kind, interface, way = FRAME.unpack_from(data, place)
            if changing:
                when = seconds + fraction / 1e9
                if not self.begun <= when <= (self.ended or when):
                    place += following
                    continue
                size, tcp_share = self.share_at(when)
            begin = place + network
            entry, payload, is_tcp = self._entry(data, begin, kept, length, kind, interface, way)
            weight = tcp_share if is_tcp and tcp_share > TCP_AS_REST else max(1.0, size / float(length or 1))
            entry[0] += weight * length
            entry[1] += weight
            entry[2] += weight * payload
            entry[3] += 1
            if not following:
                break
            place += following

    def _entry(self, data, begin, kept, length, kind, interface, way):
        """(what this packet's flow has moved, the bytes of data in it, whether the filter has taken it for TCP)."""
        if kind != USUAL_KIND or kept < USUAL_BYTES or begin + USUAL_BYTES > len(data):
            return self._entry_of_any(data, begin, kept, length, kind, interface, way)
        # Most packets are like this, and there are many.
        first, total, fragment, protocol, ends = USUAL.unpack_from(data, begin)
        if (
            first != USUAL_FIRST
            or fragment & packets.ANY_FRAGMENT
            or total != length
            or protocol not in USUAL_PROTOCOLS
        ):
            return self._entry_of_any(data, begin, kept, length, kind, interface, way)
        name = way, interface, protocol, ends
        entry = self.usual.get(name)
        if entry is None:
            key = WAYS.get(way, IN), interface, packets.ETH_P_IP, protocol, ends[:8], ends[8:]
            entry = self.usual[name] = self._of_flow(key)
        return entry, length - USUAL_PROTOCOLS[protocol], protocol == packets.TCP

    def _entry_of_any(self, data, begin, kept, length, kind, interface, way):
        kind = socket.ntohs(kind)
        packet = packets.parse(data, begin, min(begin + kept, len(data)), length, kind)
        way = WAYS.get(way, IN)
        if packet is None:
            return self._of_flow((way, interface, kind, None, b"", b"")), length, False
        protocol, addresses, ports, payload, fragment = packet
        if fragment is not None:
            ports = self._ports_of(addresses, protocol, ports, fragment)
        key = way, interface, kind, protocol, addresses, ports
        return self._of_flow(key), payload, taken_for_tcp(data, begin, kind)

    def _of_flow(self, key):
        entry = self.flows.get(key)
        if entry is None:
            key = key if len(self.flows) < FLOWS_LIMIT else together(key, len(self.flows))
            entry = self.flows.setdefault(key, [0, 0, 0, 0])
        return entry

    def _ports_of(self, addresses, protocol, ports, fragment):
        """The ports of a fragment: only the first one has them, and all have its identification."""
        name = addresses, protocol, fragment[0]
        if fragment[1]:
            if len(self.first_fragments) >= FLOWS_LIMIT:
                self.first_fragments.clear()
            self.first_fragments[name] = ports
            return ports
        return self.first_fragments.get(name, b"")

    def step(self):
        """{flow: [bytes from the IP header on, packets, bytes of data, packets looked at]} since the last step."""
        flows, self.flows = self.flows, {}
        return flows


def taken_for_tcp(data, begin, kind):
    """What the filter has said, which looks at the place where the protocol stands without options before."""
    place = {packets.ETH_P_IP: 9, packets.ETH_P_IPV6: 6}.get(kind)
    return place is not None and data[begin + place : begin + place + 1] == TCP_BYTE


def together(key, count):
    """The flow in which those are added up that are too many to be told apart: all with this end on this host."""
    way, interface, kind, protocol, addresses, ports = key
    if count >= ENDS_LIMIT:
        return key[:4] + (b"", b"")
    half = len(addresses) // 2
    if way == OUT:
        addresses, ports = addresses[:half] + b"\0" * half, ports[:2] + b"\0" * len(ports[2:])
    else:
        addresses, ports = b"\0" * half + addresses[half:], b"\0" * len(ports[:2]) + ports[2:]
    return way, interface, kind, protocol, addresses, ports
