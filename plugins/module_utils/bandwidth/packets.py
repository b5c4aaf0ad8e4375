# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One packet as it passes an interface, from its IP header on: whose it is and how much it carries."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import struct

ETH_P_IP, ETH_P_IPV6, ETH_P_VLAN, ETH_P_QINQ = 0x0800, 0x86DD, 0x8100, 0x88A8
VLAN = struct.Struct("!HH")
ICMP, TCP, UDP, DCCP, ICMPV6, SCTP, UDPLITE = 1, 6, 17, 33, 58, 132, 136
WITH_PORTS = frozenset((TCP, UDP, DCCP, SCTP, UDPLITE))
# What the kernel itself puts the packets of its tunnels in: IP, IPv6, GRE, IPsec.
TUNNELLED = frozenset((4, 41, 47, 50, 51))
UDP_HEADER_BYTES = 8
# Where the header of TCP tells its own length.
TCP_LENGTH_AT = 12
# Headers of IPv6 that stand before the one that counts: hop-by-hop, routing, destination; fragment; authentication.
OPTIONS, FRAGMENT, AUTHENTICATION = frozenset((0, 43, 60)), 44, 51
EXTENSIONS_LIMIT = 8
MORE_FRAGMENTS, FRAGMENT_OFFSET = 0x2000, 0x1FFF
ANY_FRAGMENT = MORE_FRAGMENTS | FRAGMENT_OFFSET
IPV4 = struct.Struct("!BBHHHBBH8s")
IPV6 = struct.Struct("!IHBB32s")
EXTENSION = struct.Struct("!BBHI")

# A packet is (protocol, addresses, ports, payload, fragment): source and destination as they stand in the header,
# source and destination port as four bytes or nothing, the bytes behind the headers of IP, UDP and TCP, and for a
# fragment (its identification, whether it is the first).


def parse(data, start, end, length, kind):
    """The packet whose first bytes are data[start:end], of so many bytes in all; None where it is none of IP."""
    if kind in (ETH_P_VLAN, ETH_P_QINQ) and end - start >= VLAN.size:
        # A tag that no hardware has taken off.
        return parse(data, start + VLAN.size, end, length - VLAN.size, VLAN.unpack_from(data, start)[1])
    if kind == ETH_P_IP:
        return _ipv4(data, start, end, length)
    if kind == ETH_P_IPV6:
        return _ipv6(data, start, end, length)
    return None


def _ipv4(data, start, end, length):
    if end - start < IPV4.size:
        return None
    first, _tos, total, identification, place, _ttl, protocol, _sum, addresses = IPV4.unpack_from(data, start)
    header = (first & 0x0F) * 4
    if first >> 4 != 4 or header < IPV4.size:
        return None
    # A short frame is filled up; a packet that the kernel has put together can be longer than the field tells.
    size = total if header <= total < length else length
    fragment = None
    if place & ANY_FRAGMENT:
        fragment = identification, not place & FRAGMENT_OFFSET
    return _inner(data, start + header, end, size - header, protocol, addresses, fragment)


def _ipv6(data, start, end, length):
    if end - start < IPV6.size:
        return None
    first, size, protocol, _hops, addresses = IPV6.unpack_from(data, start)
    if first >> 28 != 6:
        return None
    left = size if 0 < size < length - IPV6.size else length - IPV6.size
    place, fragment = start + IPV6.size, None
    for _number in range(EXTENSIONS_LIMIT):
        if (protocol not in OPTIONS and protocol not in (FRAGMENT, AUTHENTICATION)) or end - place < EXTENSION.size:
            break
        following, units, offset, identification = EXTENSION.unpack_from(data, place)
        if protocol == FRAGMENT:
            fragment, header = (identification, offset < 8), EXTENSION.size
        else:
            header = (units + 2) * 4 if protocol == AUTHENTICATION else (units + 1) * 8
        protocol, place, left = following, place + header, left - header
        if fragment and not fragment[1]:
            break  # what follows is the middle of something
    return _inner(data, place, end, left, protocol, addresses, fragment)


def _inner(data, place, end, left, protocol, addresses, fragment):
    """What stands behind the IP header."""
    ports = b""
    if protocol in WITH_PORTS and (fragment is None or fragment[1]) and place >= 0 and place + 4 <= end:
        ports = data[place : place + 4]
        if protocol == UDP:
            left -= UDP_HEADER_BYTES
        elif protocol == TCP and place + TCP_LENGTH_AT < end:
            left -= (bytearray(data[place + TCP_LENGTH_AT : place + TCP_LENGTH_AT + 1])[0] >> 4) * 4
    return protocol, addresses, ports, max(0, left), fragment
