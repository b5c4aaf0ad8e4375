# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose the bytes are: for each flow its process, or why none is known, and whether it uses an outer link."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink, routing
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    callers,
    datagrams,
    interfaces,
    owners,
    packets,
)

ROUTES_LIMIT = 4096
LOOPBACK = "lo"
# Protocols in which the kernel itself sends much.
KERNEL_SPEAKS = frozenset((packets.ICMP, packets.ICMPV6))
NOT_LISTED = "its process is not to be seen"
FORWARDED = "passes through this host"
ENDED = "its connection has ended, and the kernel does not tell whose it was"
NOT_FOR_US = "meant for other machines"
MADE = "no connection accounts for it: made by hand, with a raw or a packet socket"
STRAY = "no connection accounts for it: others have sent it here, or it answers them"
MAKERS_LIMIT = 5
# What is known from a few packets only, and so gives way to what was counted.
DRAWN = (MADE, STRAY, FORWARDED)
TUNNEL = "packets in which the kernel carries those of a tunnel"
PROTOCOLS = {
    1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre", 50: "esp", 51: "ah",
    58: "icmp6", 132: "sctp", 136: "udplite",
}  # fmt: skip


class Attribution(object):
    """Answers for the flows of one window."""

    def __init__(self, window):
        self.window = window
        self.ways, self.by_name = {}, window.names()
        self.senders = self.devices = self.by_ends = self.ports_of_tunnels = None
        self.forwards, self.came_in = window.may_forward(), _came_in(window)
        self.tables = _Tables(window)
        self.chosen = {}

    # --- which way ---

    def interface(self, flow):
        """The name of the link that a flow uses; None where it stays within this host or its containers."""
        if self.inner(flow):
            return self._usual()
        return flow.interface if flow.interface is not None else self._route(flow)

    def inner(self, flow):
        """Whether the kernel carries these packets in those of a tunnel."""
        name = flow.interface if flow.interface is not None else self._route(flow)
        return name in self.window.tunnels and name not in self.window.outer

    def _route(self, flow):
        address = flow.remote[0]
        if address not in self.ways:
            self.ways[address] = self._way(address) if len(self.ways) < ROUTES_LIMIT else self._usual()
        return self.ways[address]

    def _way(self, address):
        text = netlink.address(address)
        route = routing.to(text) if text else {"interface": None, "local": True}
        if route["local"]:
            return LOOPBACK if LOOPBACK in self.window.outer else None
        if route["interface"] is None or route["interface"] in self.window.tunnels:
            return route["interface"]
        carriers = self._carriers(route["interface"])
        if carriers:
            return carriers[0]
        kind = (self.by_name.get(route["interface"]) or {}).get("kind")
        # By what is not known to end here it leaves somehow.
        return None if kind in interfaces.INNER | interfaces.PAIRED else self._usual()

    def _usual(self):
        return self.window.outer[0] if self.window.outer else None

    def _carriers(self, name):
        """The outer links below a link: itself, what it stands on, the ports that it gathers."""
        if name in self.window.outer:
            return [name]
        link = self.by_name.get(name)
        if link is None:
            return []
        below = [link["lower"]] if link["lower"] else []
        below += sorted(port["name"] for port in self.by_name.values() if port["master"] == name)
        return [carrier for other in below if other != name for carrier in self._carriers(other)]

    # --- whose ---

    def owner(self, flow):
        """(pid, all pids that have a part in it, how it is known) or (None, [], why it is not)."""
        flow = self.whole(flow)
        if self.carried(flow):
            return None, [], TUNNEL
        ways = self._by_socket, self._by_event, self._by_table, self._by_tunnel, self._by_likeness, self._by_raw_socket
        for find in ways:
            holders, how = find(flow)
            if holders:
                return self._choose(holders), holders, how
        return None, [], self._why_not(flow)

    def _choose(self, holders):
        key = tuple(holders)
        if key not in self.chosen:
            self.chosen[key] = owners.choose(holders, self.window.before.states, self.window.after.states)
        return self.chosen[key]

    def whole(self, flow):
        """For fragments whose first one was not seen the flow with ports between the same two."""
        if flow.protocol not in packets.WITH_PORTS or flow.local[1] or flow.remote[1]:
            return flow
        if self.by_ends is None:
            self.by_ends = {}
            for other in self.window.flows.values():
                if other.sampled and other.remote[1]:
                    key = other.protocol, other.local[0], other.remote[0]
                    best = self.by_ends.get(key)
                    if best is None or best.tx + best.rx < other.tx + other.rx:
                        self.by_ends[key] = other
        return self.by_ends.get((flow.protocol, flow.local[0], flow.remote[0]), flow)

    def _by_socket(self, flow):
        """The socket that the kernel itself has named, or one that speaks with just this peer."""
        if flow.inode:
            return self._holders([flow.inode]), "socket"
        return self._holders(self.tables.connected.get((flow.protocol, flow.local, flow.remote)) or []), "socket"

    def _by_event(self, flow):
        """Who closed the connection, or sent such a datagram while the kernel told of each."""
        if flow.protocol == packets.TCP:
            pid = self.window.callers.connections.get((flow.local, flow.remote))
        else:
            ports = struct.pack("!HH", flow.local[1], flow.remote[1]) if flow.protocol in packets.WITH_PORTS else b""
            pid = self.window.callers.datagrams.get((flow.protocol, flow.remote[0], ports))
        return ([pid], "event") if pid else ([], None)

    def _by_likeness(self, flow):
        """What waited long in a queue was sent by somebody who is gone; others like it may still be sending."""
        if not flow.tx or not flow.remote[1] or flow.local[0] not in self.tables.at_address:
            return [], None
        pid = self._senders().get((flow.protocol, flow.remote))
        return ([pid], "another to the same peer") if pid else ([], None)

    def _by_raw_socket(self, flow):
        """Who has sent there with headers of his own: of these the kernel tells no protocol and no ports."""
        if not flow.sampled or not flow.tx or (flow.local[0] not in self.tables.at_address and self._passes(flow)):
            return [], None
        pid = self.window.callers.datagrams.get((datagrams.RAW, flow.remote[0], b""))
        return ([pid], "event") if pid else ([], None)

    def _passes(self, flow):
        """Whether packets from elsewhere may pass this host, and so much came in by any interface."""
        return self.forwards and (flow.wire[0] <= self.came_in or flow.rx > flow.tx)

    def _senders(self):
        """{(protocol, other end): the last one that the kernel told to have sent there}."""
        if self.senders is None:
            self.senders = {}
            for (protocol, address, ports), pid in self.window.callers.datagrams.items():
                if len(ports) == 4:
                    self.senders[protocol, (address, struct.unpack("!HH", ports)[1])] = pid
        return self.senders

    def _by_table(self, flow):
        """A socket that takes datagrams from anybody; of containers also where their address is translated."""
        for table in self.tables.at(flow.local[0]):
            holders = self._holders(table.inodes(flow.protocol, flow.local, flow.remote))
            # The kernel's own answers to a ping are nobody's, though some daemon has a socket for such packets.
            if holders and (flow.protocol not in KERNEL_SPEAKS or (len(holders) == 1 and not self._told_of(flow))):
                return holders, "socket"
        return self._holders(self.tables.behind(flow.protocol, flow.local[1], flow.remote)), "translated address"

    def _told_of(self, flow):
        """Whether the kernel would have told who has sent such a packet."""
        return callers.LOOKUP_EVENTS[len(flow.local[0]) > 4][0] not in self.window.callers.problems

    def _by_tunnel(self, flow):
        """A virtual machine, or whoever else has the tunnel by which the same packets came in or went out."""
        device = self._devices().get((flow.protocol, flow.remote, flow.local[1]))
        return self._pids_of(device), "tunnel"

    def _devices(self):
        """{(protocol, other end, own port): tunnel of a process that the packets pass as well}."""
        if self.devices is None:
            self.devices = {}
            held = set(self.window.before.tunnels) | set(self.window.after.tunnels)
            for flow in self.window.flows.values():
                if flow.interface in held:
                    # Seen from there, the peer is on this side.
                    self.devices[flow.protocol, flow.local, flow.remote[1]] = flow.interface
        return self.devices

    def _pids_of(self, device):
        return [pid for look in (self.window.before, self.window.after) for pid in look.tunnels.get(device, [])]

    def _holders(self, inodes):
        found = []
        for inode in inodes:
            for look in (self.window.before, self.window.after):
                found.extend(pid for pid in look.sockets.get(inode, []) if pid not in found)
        return found

    def carried(self, flow):
        """Whether these are packets in which the kernel itself carries those of a tunnel."""
        if flow.protocol in packets.TUNNELLED:
            return True
        return flow.protocol == packets.UDP and bool({flow.local[1], flow.remote[1]} & self._tunnel_ports())

    def _tunnel_ports(self):
        """The ports of UDP at which the kernel itself listens for tunnels."""
        if self.ports_of_tunnels is None:
            bound = self.tables.own.bound if self.tables.own and self.window.tunnels else {}
            self.ports_of_tunnels = {
                local[1]
                for (protocol, local), inodes in bound.items()
                if protocol == packets.UDP and local[1] and not self._holders(inodes)
            }
        return self.ports_of_tunnels

    def _why_not(self, flow):
        if isinstance(flow.protocol, tuple):
            return "not IP (EtherType 0x%04x)" % flow.protocol[1]
        if flow.protocol in KERNEL_SPEAKS:
            return "ICMP of the kernel itself"
        own = flow.local[0] in self.tables.at_address
        if flow.others and self.by_name.get(flow.interface, {}).get("master") is None:
            return NOT_FOR_US
        if not own and self._passes(flow):
            return FORWARDED
        if flow.protocol == packets.TCP and flow.inode:
            return "the socket is the kernel's, or " + NOT_LISTED
        if flow.protocol == packets.TCP and not flow.sampled:
            return ENDED
        if flow.protocol == packets.TCP and self._all_connections_are_known():
            # The lower port is that of the service. A flood of requests is answered by the kernel.
            served = flow.local[1] <= flow.remote[1] or not flow.remote[1]
            return STRAY if own and flow.rx and served else MADE + self._makers()
        if not own and flow.tx:
            return MADE + self._makers()
        return NOT_LISTED if own else NOT_FOR_US

    def _all_connections_are_known(self):
        """Whether a packet of TCP that belongs to none of those that the kernel has told of belongs to none at all."""
        return self.window.tells_ended() and not any(each.problems for each in self.window.counters.values())

    def _makers(self):
        """The processes that can send whatever they like, in words."""
        inodes = [inode for table in self.window.tables.values() for inode in table.whole_frames()]
        pids = sorted(set(self._holders(inodes)) - {os.getpid(), os.getppid()})
        states = self.window.after.states
        names = ["%s (%d)" % (states[pid].name, pid) for pid in pids[:MAKERS_LIMIT] if states.get(pid)]
        return "; such sockets have: " + ", ".join(names) if names else ""


class _Tables(object):
    """The sockets of all network namespaces, put together so that each packet is looked up once."""

    def __init__(self, window):
        self.own = window.tables.get(None)
        self.connected, self.at_address, self.by_port = {}, {}, {}
        for number, table in sorted(window.tables.items(), key=lambda pair: (pair[0] is not None, pair[0])):
            for key, inodes in table.connected.items():
                self.connected.setdefault(key, []).extend(inodes)
            for address in table.addresses:
                self.at_address.setdefault(address, []).append(table)
            if number is not None:
                self._note_ports(table)

    def _note_ports(self, table):
        for (protocol, local, remote), inodes in table.connected.items():
            self.by_port.setdefault((protocol, local[1], remote), []).extend(inodes)
        for (protocol, local), inodes in table.bound.items():
            self.by_port.setdefault((protocol, local[1], None), []).extend(inodes)

    def at(self, address):
        """The tables of the namespaces that have this address; what is meant for many this host may take, too."""
        found = self.at_address.get(address, [])
        return found if found or self.own is None or not for_many(address) else [self.own]

    def behind(self, protocol, port, remote):
        """The sockets of containers whose address is translated on the way while their port is kept."""
        if not port:
            return []
        return self.by_port.get((protocol, port, remote)) or self.by_port.get((protocol, port, None)) or []


def _came_in(window):
    """How many bytes all interfaces have received, those to containers as well; without end where one tells nothing."""
    before, after = window.samples[0][1], window.samples[-1][1]
    names = [link["name"] for link in window.links.values() if link["kind"] != "loopback"]
    counters = [(before.get(name) or {}).get("rx_bytes") for name in names]
    later = [(after.get(name) or {}).get("rx_bytes") for name in names]
    if None in counters + later:
        return float("inf")
    return sum(max(0, new - old) for old, new in zip(counters, later))


def for_many(address):
    """Whether packets to this address are meant for more than one machine: a group, or all in a network."""
    first = bytearray(address[:1])
    if len(address) == 4:
        return first[0] >= 224 or address.endswith(b"\xff")
    return first == bytearray(b"\xff")
