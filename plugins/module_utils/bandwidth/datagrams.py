# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of everything but TCP, from /proc."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import re
import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import packets

TABLE_LIMIT_BYTES = 64 * 1024 * 1024
# Where the ports stand the tables of raw sockets have the protocol, those of ping sockets the identification.
UDP_TABLES = (("udp", packets.UDP), ("udp6", packets.UDP), ("udplite", packets.UDPLITE), ("udplite6", packets.UDPLITE))
TCP_TABLES = (("tcp", packets.TCP), ("tcp6", packets.TCP))
RAW_TABLES = ("raw", "raw6")
PING_TABLES = (("icmp", packets.ICMP), ("icmp6", packets.ICMPV6))
# The protocol of a raw socket that sends IP headers of its own.
RAW = 255
DIGITS = re.compile(r"^[0-9]+$")
ANY = (b"\0" * 4, b"\0" * 16)

Socket = collections.namedtuple("Socket", "protocol local remote inode")


def look(with_tcp=False):
    """The sockets in the network namespace that this process is in: a Table."""
    table = Table(own_addresses())
    for name, protocol in UDP_TABLES + PING_TABLES + (TCP_TABLES if with_tcp else ()):
        for entry in parse(_text(name), protocol):
            table.add(entry)
    for name in RAW_TABLES:
        for entry in parse(_text(name), None):
            table.raw.setdefault(entry.local[1], []).append(entry.inode)
    table.packet = parse_packet_sockets(_text("packet"))
    return table


def _text(name):
    return host.read("/proc/self/net/%s" % name, limit=TABLE_LIMIT_BYTES).text


def own_addresses():
    """The addresses of this network namespace, as bytes."""
    found = {socket.inet_aton(text) for text in sockets.parse_fib_trie(_text("fib_trie"))}
    for line in _text("if_inet6").splitlines():
        try:
            found.add(_from_digits(line.split()[0]))
        except (IndexError, ValueError, TypeError):
            continue
    return found


def _from_digits(digits):
    data = bytes(bytearray(int(digits[place : place + 2], 16) for place in range(0, 32, 2)))
    if len(data) != 16:
        raise ValueError(digits)
    return data


def parse(text, protocol):
    """The sockets in a table of /proc/net; the protocol of a raw one stands where others have their port."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        try:
            local, remote = _place(fields[1]), _place(fields[2])
            found.append(Socket(local[1] if protocol is None else protocol, local, remote, int(fields[9])))
        except (IndexError, ValueError, struct.error):
            continue  # a line that the kernel would not write
    return found


def _place(text):
    """(address as bytes, port) of 'ADDRESS:PORT' as the kernel prints it; IPv4 on an IPv6 socket is IPv4."""
    digits, _colon, port = text.partition(":")
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    if len(words) not in (1, 4):
        raise ValueError(text)
    data = struct.pack("=%dI" % len(words), *words)
    return (data[12:] if data.startswith(b"\0" * 10 + b"\xff\xff") else data), int(port, 16)


def parse_packet_sockets(text):
    """The inodes of the sockets that send and see whole frames."""
    found = []
    for line in text.splitlines()[1:]:
        word = line.split()[-1:]
        if word and DIGITS.match(word[0]):
            found.append(int(word[0]))
    return found


class Table(object):
    """The sockets of one network namespace, to be found by what stands in a packet."""

    def __init__(self, addresses):
        self.addresses = addresses
        self.connected, self.bound = {}, {}
        self.raw, self.packet = {}, []

    def add(self, entry):
        if not entry.inode:
            return  # a connection that has ended, and waits for late packets
        if entry.remote[1]:
            self.connected.setdefault((entry.protocol, entry.local, entry.remote), []).append(entry.inode)
            if entry.protocol == packets.TCP:
                return  # it is no listener
        self.bound.setdefault((entry.protocol, entry.local), []).append(entry.inode)

    def inodes(self, protocol, local, remote):
        """The sockets that send and receive such packets, the more particular first; empty where there is none."""
        found = self.connected.get((protocol, local, remote)) or self.bound.get((protocol, local))
        if found:
            return found
        for address in ANY:
            # A socket of IPv6 takes IPv4 as well, but not the other way round.
            if len(address) >= len(local[0]):
                found = self.bound.get((protocol, (address, local[1])))
                if found:
                    return found
        return self.raw.get(protocol, [])

    def whole_frames(self):
        """The sockets by which a process sends what it has put together itself."""
        return self.packet + self.raw.get(RAW, [])

    def merge(self, later):
        """Add the sockets that were there at a later look."""
        self.addresses |= later.addresses
        for mine, its in ((self.connected, later.connected), (self.bound, later.bound), (self.raw, later.raw)):
            for key, inodes in its.items():
                kept = mine.setdefault(key, [])
                kept.extend(inode for inode in inodes if inode not in kept)
        self.packet.extend(inode for inode in later.packet if inode not in self.packet)
