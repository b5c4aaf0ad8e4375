# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packets of a TCP handshake as they pass a network interface: a kernel filter for one port, and a parser.

Packets are taken from the network header on (SOCK_DGRAM), so that it does not matter what is below IP. The
kernel has taken a VLAN tag off before it shows a packet here.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, netlink, packet_filter
from ansible_collections.rescue.remote_login.plugins.module_utils.packet_filter import (
    IF_ANY_BIT,
    IF_EQUAL,
    LOAD_BYTE,
    LOAD_BYTE_AT,
    LOAD_HALF,
    LOAD_HALF_AT,
    LOAD_HEADER_LENGTH,
    PROTOCOL,
    RETURN,
)
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.connect import ICMP_NAMES

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
TCP, ICMP, ICMPV6 = 6, 1, 58
SYN, RST, ACK = 0x02, 0x04, 0x10
ICMP_UNREACHABLE, ICMPV6_UNREACHABLE = 3, 1
TCP_OPTION_END, TCP_OPTION_NOTHING, TCP_OPTION_MSS = 0, 1, 2
SOL_PACKET, PACKET_STATISTICS = 263, 6
PACKET_OUTGOING = 4
# IP and TCP headers with all their options, or an ICMP error with the packet that it answers.
KEPT_BYTES = 160
RECEIVE_BUFFER_BYTES = 1024 * 1024


def open_channel(port):
    """A packet socket on all interfaces that gets the handshake packets of a TCP port only.

    Raises OSError or socket.error, with the reason in words.
    """
    # Asking for a packet socket would make the kernel load the missing module: looking changes nothing.
    if host.status_of("/proc/net/packet") is None:
        raise OSError("the kernel has no packet sockets (af_packet is not loaded)")
    channel = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    try:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        packet_filter.attach(channel, handshake_filter(port))
        channel.setblocking(False)
        # What came before the filter was there is in the queue: parse() leaves it out, and it is not missed either.
        lost_packets(channel)
    except Exception:
        channel.close()
        raise
    return channel


def handshake_filter(port):
    """The filter: TCP from or to the port with SYN or RST, and every ICMP 'unreachable'."""
    return packet_filter.assembled(
        [
            (None, LOAD_HALF, PROTOCOL, None, None),
            (None, IF_EQUAL, ETH_P_IP, "ipv4", None),
            (None, IF_EQUAL, ETH_P_IPV6, "ipv6", "drop"),
            # IPv4. A later fragment has no TCP header.
            ("ipv4", LOAD_HALF, 6, None, None),
            (None, IF_ANY_BIT, 0x1FFF, "drop", None),
            (None, LOAD_HEADER_LENGTH, 0, None, None),
            (None, LOAD_BYTE, 9, None, None),
            (None, IF_EQUAL, TCP, "tcp", None),
            (None, IF_EQUAL, ICMP, None, "drop"),
            (None, LOAD_BYTE_AT, 0, None, None),
            (None, IF_EQUAL, ICMP_UNREACHABLE, "keep", "drop"),
            ("tcp", LOAD_HALF_AT, 0, None, None),
            (None, IF_EQUAL, port, "flags", None),
            (None, LOAD_HALF_AT, 2, None, None),
            (None, IF_EQUAL, port, None, "drop"),
            ("flags", LOAD_BYTE_AT, 13, None, None),
            (None, IF_ANY_BIT, SYN | RST, "keep", "drop"),
            # IPv6, without extension headers, which no handshake has.
            ("ipv6", LOAD_BYTE, 6, None, None),
            (None, IF_EQUAL, TCP, "tcp6", None),
            (None, IF_EQUAL, ICMPV6, None, "drop"),
            (None, LOAD_BYTE, 40, None, None),
            (None, IF_EQUAL, ICMPV6_UNREACHABLE, "keep", "drop"),
            ("tcp6", LOAD_HALF, 40, None, None),
            (None, IF_EQUAL, port, "flags6", None),
            (None, LOAD_HALF, 42, None, None),
            (None, IF_EQUAL, port, None, "drop"),
            ("flags6", LOAD_BYTE, 53, None, None),
            (None, IF_ANY_BIT, SYN | RST, "keep", "drop"),
            ("keep", RETURN, KEPT_BYTES, None, None),
            ("drop", RETURN, 0, None, None),
        ]
    )


def receive(channel):
    """The next packet: (data, protocol, interface, outgoing, sender's MAC); None when there is none to be read now."""
    try:
        data, sender = channel.recvfrom(KEPT_BYTES)
    except (OSError, socket.error):
        return None
    interface, protocol, kind = sender[:3]
    # The loopback and tunnels have none.
    mac = netlink.hardware_address(sender[4]) if len(sender) > 4 and any(bytearray(sender[4])) else None
    return data, protocol, interface, kind == PACKET_OUTGOING, mac


def lost_packets(channel):
    """How many packets the kernel could not deliver since this was last asked; None where it does not say."""
    try:
        return struct.unpack("=II", channel.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
    except (OSError, socket.error, struct.error):
        return None


# --- the parser ---


def parse(data, protocol):
    """A packet of the handshake, or None for any other.

    {kind, source, source_port, destination, destination_port, sequence, mss}. An ICMP error has the addresses and
    ports of the packet that it answers, and a name in ``kind``.
    """
    try:
        if protocol == ETH_P_IP:
            return _parse_ipv4(data)
        if protocol == ETH_P_IPV6:
            return _parse_ipv6(data)
    except struct.error:
        pass  # a packet that ends in the middle of a header
    return None


def _parse_ipv4(data):
    first, offset, next_header = struct.unpack_from("!B5xHxB", data)
    length = (first & 0x0F) * 4
    if first >> 4 != 4 or length < 20 or offset & 0x1FFF:
        return None
    if next_header == TCP:
        return _parse_tcp(data[length:], _addresses(socket.AF_INET, data, 12, 4))
    if next_header == ICMP:
        return _parse_error(data[length:], "ICMP", ICMP_UNREACHABLE)
    return None


def _parse_ipv6(data):
    first, next_header = struct.unpack_from("!B5xB", data)
    if first >> 4 != 6:
        return None
    if next_header == TCP:
        return _parse_tcp(data[40:], _addresses(socket.AF_INET6, data, 8, 16))
    if next_header == ICMPV6:
        return _parse_error(data[40:], "ICMPv6", ICMPV6_UNREACHABLE)
    return None


def _addresses(family, data, offset, size):
    """Source and destination, which stand one behind the other in both headers."""
    source, destination = data[offset : offset + size], data[offset + size : offset + 2 * size]
    if len(destination) < size:
        raise struct.error("no room for the addresses")
    return socket.inet_ntop(family, source), socket.inet_ntop(family, destination)


def _parse_tcp(data, addresses):
    source_port, destination_port, sequence, length, flags = struct.unpack_from("!HHI4xBB", data)
    kind = "RST" if flags & RST else None
    if flags & (SYN | RST) == SYN:
        kind = "SYN-ACK" if flags & ACK else "SYN"
    if kind is None:
        return None
    return {
        "kind": kind,
        "source": addresses[0],
        "source_port": source_port,
        "destination": addresses[1],
        "destination_port": destination_port,
        "sequence": sequence,
        "mss": _mss(data[20 : (length >> 4) * 4]) if kind == "SYN" else None,
    }


def _mss(options):
    """The maximum segment size among the TCP options, or None."""
    while len(options) >= 2:
        kind, size = struct.unpack_from("!BB", options)
        if kind == TCP_OPTION_NOTHING:
            options = options[1:]
            continue
        if kind == TCP_OPTION_END or size < 2:
            return None
        if kind == TCP_OPTION_MSS and size == 4 and len(options) >= 4:
            return struct.unpack_from("!H", options, 2)[0]
        options = options[size:]
    return None


def _parse_error(data, family, unreachable):
    """An ICMP error about a TCP packet, by the first bytes of that packet, which it carries."""
    kind, code = struct.unpack_from("!BB", data)
    if kind != unreachable:
        return None
    inner = data[8:]
    first = struct.unpack_from("!B", inner)[0]
    if family == "ICMP":
        length, addresses = (first & 0x0F) * 4, _addresses(socket.AF_INET, inner, 12, 4)
        next_header = struct.unpack_from("!B", inner, 9)[0]
    else:
        length, addresses = 40, _addresses(socket.AF_INET6, inner, 8, 16)
        next_header = struct.unpack_from("!B", inner, 6)[0]
    if next_header != TCP:
        return None
    source_port, destination_port, sequence = struct.unpack_from("!HHI", inner, length)
    name = ICMP_NAMES.get((family, kind, code), "type %d code %d" % (kind, code))
    return {
        "kind": "%s %s" % (family, name),
        "source": addresses[0],
        "source_port": source_port,
        "destination": addresses[1],
        "destination_port": destination_port,
        "sequence": sequence,
        "mss": None,
    }
