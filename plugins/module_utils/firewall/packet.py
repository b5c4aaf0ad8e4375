# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A packet as the filters see it, and truth with three values: True, False, and None for 'nobody knows'."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import copy
import socket

PROTOCOLS = {
    "icmp": 1,
    "igmp": 2,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "ipv6-icmp": 58,
    "icmpv6": 58,
    "ospf": 89,
    "comp": 108,
    "vrrp": 112,
    "sctp": 132,
    "udplite": 136,
}
TCP_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128}
CT_STATES = {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}
CT_STATUSES = {"expected": 1, "seen-reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32, "dying": 512}


class Interval(object):
    """A number of which only the bounds are known."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def is_within(self, low, high):
        """Whether the number is from low to high."""
        if high < self.low or low > self.high:
            return False
        return True if low <= self.low and high >= self.high else None

    def compared(self, compare, number):
        truths = [compare(bound, number) for bound in (self.low, self.high)]
        return truths[0] if truths[0] == truths[1] else None


# A client's own port: no program takes a lower one without being told to.
CLIENT_PORT = Interval(1024, 65535)
# The whole length of a packet: the handshake carries options only, the lists of algorithms nearly fill a packet.
HANDSHAKE_BYTES, DATA_BYTES = Interval(40, 100), Interval(1000, 1500)
FIRST_DATA = "SSH-2.0-"


def negated(truth):
    return None if truth is None else not truth


def every(truths):
    """Whether all hold; one that does not settles it, whatever is not known of the others."""
    unknown = False
    for truth in truths:
        if truth is False:
            return False
        unknown = unknown or truth is None
    return None if unknown else True


def some(truths):
    """Whether one holds."""
    unknown = False
    for truth in truths:
        if truth:
            return True
        unknown = unknown or truth is None
    return None if unknown else False


def number_of(address):
    """An address as a number, or None where it is none."""
    address = address.split("%")[0]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return int(binascii.hexlify(socket.inet_pton(family, address)), 16)
    except (socket.error, ValueError, UnicodeError):
        return None


def address_of(number, version6):
    """An address as it is written."""
    digits = "%032x" % number if version6 else "%08x" % number
    return socket.inet_ntop(socket.AF_INET6 if version6 else socket.AF_INET, binascii.unhexlify(digits))


class Packet(object):
    """One packet of a TCP or UDP connection at one point of its way. What is None is not known."""

    def __init__(self, protocol, source, destination, source_port, destination_port, interface=None):
        address = source or destination or ""
        self.version = 6 if ":" in address else 4
        self.protocol = PROTOCOLS[protocol]
        self.source, self.destination = source, destination
        self.source_port, self.destination_port = source_port, destination_port
        self.flags = TCP_FLAGS["syn"]
        self.length, self.data = HANDSHAKE_BYTES, ""
        # An empty name is what a filter sees where there is no such interface.
        self.input, self.output = interface, ""
        # The bridge, while the packet is at a port of it.
        self.bridge = ""
        self.mark = 0
        self.connection_mark = 0
        # Connection tracking looks at a packet between the hooks of priority -300 and -150.
        self.tracked, self.untracked = False, False
        self.connection_state, self.connection_status = CT_STATES["new"], 0
        self.direction = 0
        self.original = (source, destination, source_port, destination_port)
        # Whether the kernel takes the packet for its own; another machine's is forwarded.
        self.translated, self.translated_by = False, None
        # Where the connection goes by a translation that its first packet has found: (address, port).
        self.known_translation = None
        # What rules on the way put into sets: [(set, value)].
        self.added = []

    def copy(self):
        other = copy.copy(self)
        other.added = list(self.added)
        return other

    def with_data(self):
        """The same packet of a connection that is known by now, with what both sides say first."""
        other = self.copy()
        other.flags = TCP_FLAGS["psh"] | TCP_FLAGS["ack"]
        other.length, other.data = DATA_BYTES, FIRST_DATA
        return other

    def is_client_port(self, field):
        """Whether this is the client's own port, and not known."""
        return getattr(self, field) is None and (field == "source_port") == (self.direction == 0)

    def state(self):
        """What connection tracking says of the packet, as nft and iptables number it."""
        if self.untracked:
            return CT_STATES["untracked"]
        return self.connection_state if self.tracked else CT_STATES["invalid"]

    def translate(self, address, port):
        """Destination address and port after DNAT or REDIRECT; an address of None is kept."""
        self.redirect(address or self.destination, port)

    def redirect(self, address, port):
        """The same, with an address that is not known where it is None."""
        self.destination, self.destination_port = address, port
        self.translated = True
        self.connection_status |= CT_STATUSES["dnat"]
