# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a port is opened for: an address, a network, or anybody. Python 2.7 has no ipaddress."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import re
import socket
import struct

ANY = "any"
# How many addresses of a network are tried.
SAMPLES_LIMIT = 32
WRITTEN = {"ipv4": r"(?<![\w.:])\d+(?:\.\d+){3}(?![\w.:])", "ipv6": r"(?<![\w.:])[0-9a-fA-F]*:[0-9a-fA-F:]+(?![\w.:])"}
# Whose packet is tried where the port is opened for everybody: nobody's in particular, but a public address.
ANYBODY = {"ipv4": "192.5.5.5", "ipv6": "2620:10a:80aa::5"}


class Source(collections.namedtuple("Source", "family text sample")):
    """``family``: ipv4 or ipv6; ``text``: the address or network as packet filters write it, None for everybody;
    ``sample``: an address of it, whose packets are tried."""

    __slots__ = ()

    @property
    def everybody(self):
        return self.text is None

    @property
    def words(self):
        return self.text or {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}[self.family]


def parse(words):
    """The sources that these words mean, without duplicates; raises ValueError with the reason."""
    if not words:
        raise ValueError("source is empty: name addresses or networks, or 'any' for everybody")
    found = []
    for word in words:
        for source in _parse_one(word.strip()):
            if source not in found:
                found.append(source)
    return found


def _parse_one(word):
    if word == ANY:
        return [Source(family, None, ANYBODY[family]) for family in ("ipv4", "ipv6")]
    address, slash, bits = word.partition("/")
    # The zone of a link-local address belongs to the machine that wrote it down.
    address = re.sub(r"%[^%/]*\Z", "", address)
    family, size = ("ipv6", 128) if ":" in address else ("ipv4", 32)
    try:
        packed = socket.inet_pton(socket.AF_INET6 if size == 128 else socket.AF_INET, address)
    except (socket.error, ValueError, TypeError):
        raise ValueError("source %r is no address and no network in CIDR notation (names are not resolved)" % word)
    if not slash:
        bits = str(size)
    if not re.match(r"[0-9]{1,3}\Z", bits) or int(bits) > size:
        raise ValueError("source %r: the prefix length must be between 0 and %d" % (word, size))
    if address.lower().startswith("::ffff:") and "." in address:
        raise ValueError("source %r is an IPv4 address in disguise; write %s" % (word, address[7:]))
    return [_source(family, packed, int(bits), size, word)]


def _source(family, packed, bits, size, word):
    number = 0
    for part in struct.unpack("=%dB" % len(packed), packed):
        number = number << 8 | part
    host_bits = number & ((1 << (size - bits)) - 1)
    address = _printed(number, size)
    if host_bits:
        network = _printed(number - host_bits, size)
        raise ValueError("source %r has host bits set; write %s/%d or %s" % (word, network, bits, address))
    if bits == 0:
        return Source(family, None, ANYBODY[family])
    if bits == size:
        return Source(family, address, address)
    sample = number + 1 if size - bits > 1 else number
    return Source(family, "%s/%d" % (address, bits), _printed(sample, size))


def _printed(number, size):
    parts = [number >> shift & 0xFF for shift in range(size - 8, -1, -8)]
    family = socket.AF_INET6 if size == 128 else socket.AF_INET
    return socket.inet_ntop(family, struct.pack("=%dB" % len(parts), *parts))


def holds(network, address):
    """Whether a network or address, as text, holds an address; False for what is neither."""
    try:
        (source,) = _parse_one(network.strip())
        (member,) = _parse_one(address)
    except ValueError:
        return False
    if source.family != member.family:
        return False
    if source.text is None:
        return True
    size = 128 if source.family == "ipv6" else 32
    bits = int(source.text.partition("/")[2] or size)
    return _number(source.text.partition("/")[0]) >> (size - bits) == _number(member.text) >> (size - bits)


def samples(source, rules):
    """Addresses of a source whose packets are tried: of a network also those that rules, as text, tell apart."""
    found = [source.sample]
    if source.text is None or "/" not in source.text:
        return found
    for written in re.findall(WRITTEN[source.family] + r"(?:/\d+)?", rules):
        try:
            (part,) = _parse_one(written)
        except ValueError:
            continue  # text of another kind
        if part.sample not in found and holds(source.text, part.sample):
            found.append(part.sample)
        if len(found) == SAMPLES_LIMIT:
            break
    return found


def neighbour(address):
    """Another address of the same network."""
    return _printed(_number(address) ^ 1, 128 if ":" in address else 32)


def _number(address):
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    number = 0
    for part in struct.unpack("=%dB" % len(packed), packed):
        number = number << 8 | part
    return number
