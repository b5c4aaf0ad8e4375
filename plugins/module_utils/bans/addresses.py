# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and networks: whether one holds the other. Python 2.7 has no ipaddress."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import collections
import socket

# number: the address as one integer, with the bits behind the prefix cleared.
Network = collections.namedtuple("Network", "family number length")
BITS = {socket.AF_INET: 32, socket.AF_INET6: 128}
MAPPED = 0xFFFF << 32


def network(text):
    """The network that a text like 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32 stands for; None for any other text."""
    address, slash, length = text.strip().partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        number = int(binascii.hexlify(socket.inet_pton(family, address.partition("%")[0])), 16)
        prefix = _prefix(length, BITS[family]) if slash else BITS[family]
    except (OSError, socket.error, ValueError, UnicodeError):
        return None
    if family == socket.AF_INET6 and number >> 32 == 0xFFFF and prefix >= 96:
        # An IPv4 client of an IPv6 socket.
        family, number, prefix = socket.AF_INET, number - MAPPED, prefix - 96
    spare = BITS[family] - prefix
    return Network(family, number >> spare << spare, prefix)


def _prefix(text, bits):
    """The length of a prefix, given as such or as a netmask."""
    if text.isdigit() and len(text) < 4 and int(text) <= bits:
        return int(text)
    mask = int(binascii.hexlify(socket.inet_pton(socket.AF_INET, text)), 16)
    length = bin(mask).count("1")
    if bits != 32 or mask != (0xFFFFFFFF << 32 - length) & 0xFFFFFFFF:
        raise ValueError("not a netmask")
    return length


def holds(outer, inner):
    """Whether a network holds another one, or is it."""
    if outer is None or inner is None or outer.family != inner.family or outer.length > inner.length:
        return False
    return outer.number == inner.number >> BITS[inner.family] - outer.length << BITS[inner.family] - outer.length


def is_single(found):
    """Whether a network is one address."""
    return found.length == BITS[found.family]


def text(found):
    """A network as people write it: without a prefix where it is one address."""
    size = BITS[found.family] // 8
    packed = binascii.unhexlify("%0*x" % (2 * size, found.number))
    address = socket.inet_ntop(found.family, packed)
    return address if is_single(found) else "%s/%d" % (address, found.length)
