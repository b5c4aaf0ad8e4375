# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The patterns of sshd: wildcards, lists with negation, networks, and user@host."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import re
import socket

BITS = {socket.AF_INET: 32, socket.AF_INET6: 128}


class Inconsistent(ValueError):
    """An address with bits behind its prefix: sshd takes the whole list for an error."""


def matches(text, pattern):
    """Whether a text fits one pattern, in which only * and ? mean something.

    The places that are reached go along together: a pattern of many stars must not make the search long.
    """
    reached = {0}
    for part in pattern:
        if part == "*":
            reached = set(range(min(reached), len(text) + 1)) if reached else reached
        else:
            reached = {place + 1 for place in reached if place < len(text) and part in ("?", text[place])}
    return len(text) in reached


def matches_list(text, patterns):
    """1 where a comma-separated list holds the text, -1 where a negated pattern does, 0 else."""
    found = 0
    for pattern in patterns.split(","):
        if pattern.startswith("!"):
            if matches(text, pattern[1:]):
                return -1
        elif matches(text, pattern):
            found = 1
    return found


def matches_groups(groups, patterns):
    """Whether a list of Match Group is about somebody with these groups: one that is negated decides."""
    results = [matches_list(group, patterns) for group in groups]
    return -1 not in results and 1 in results


# --- addresses ---


def number_of(address):
    """(family, number) of an IP address, or None. An IPv4 client of an IPv6 socket is an IPv4 client."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        number = int(binascii.hexlify(socket.inet_pton(family, address.partition("%")[0])), 16)
    except (OSError, socket.error, ValueError, UnicodeError):
        return None
    if family == socket.AF_INET6 and number >> 32 == 0xFFFF:
        return socket.AF_INET, number & 0xFFFFFFFF
    return family, number


def network_of(text):
    """(family, number, bits) of an address or network; None for another text. Raises Inconsistent."""
    address, slash, length = text.partition("/")
    found = number_of(address)
    if found is None or (slash and not re.match(r"[0-9]{1,3}\Z", length)):
        return None
    bits = BITS[found[0]]
    prefix = int(length) if slash else bits
    if prefix > bits:
        return None
    if found[1] & ((1 << bits - prefix) - 1):
        raise Inconsistent(text)
    return found[0], found[1], prefix


def address_in_list(address, patterns):
    """1 where a list of networks and wildcards holds an address, -1 where a negated one does, 0 else."""
    wanted, found = number_of(address), 0
    for pattern in patterns.split(","):
        negated = pattern.startswith("!")
        pattern = pattern[1:] if negated else pattern
        network = network_of(pattern)
        if network is None:
            inside = matches(address, pattern)
        else:
            spare = BITS[network[0]] - network[2]
            inside = wanted is not None and wanted[0] == network[0] and wanted[1] >> spare == network[1] >> spare
        if inside and negated:
            return -1
        found = 1 if inside else found
    return found


def is_host(name, address, patterns):
    """Whether a list of names, wildcards and networks holds a client. Raises Inconsistent."""
    by_address = address_in_list(address, patterns)
    if by_address == -1:
        return False
    by_name = matches_list(name.lower(), patterns.lower())
    return by_name != -1 and (by_name == 1 or by_address == 1)


def is_user(user, name, address, pattern):
    """Whether a word of AllowUsers and the like, user or user@host, is about this login. Raises Inconsistent."""
    if "@" not in pattern:
        return matches(user, pattern)
    who, _at, where = pattern.rpartition("@")
    return matches(user, who) and is_host(name, address, where)
