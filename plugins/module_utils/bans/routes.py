# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes that lead nowhere: fail2ban's action 'route' bans an address so. From /proc alone."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, routing
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses

RTF_REJECT = 0x200
REFUSALS = ("blackhole", "prohibit", "unreachable")
TABLE_LIMIT_BYTES = 32 * 1024 * 1024


def find(wanted):
    """The route of just this address or network that leads nowhere: {address, type, remove}, or None."""
    error = routing.to(addresses.text(wanted).partition("/")[0])["error"]
    if error not in REFUSALS or wanted not in _refused(wanted.family):
        return None
    text = addresses.text(wanted)
    return {"address": text, "type": error, "remove": ["ip", "route", "del", error, text]}


def _refused(family):
    if family == socket.AF_INET:
        return parse_ipv4(host.read("/proc/net/route", limit=TABLE_LIMIT_BYTES).text)
    return parse_ipv6(host.read("/proc/net/ipv6_route", limit=TABLE_LIMIT_BYTES).text)


def parse_ipv4(text):
    """The networks of the refusing routes in /proc/net/route, which has numbers in the host's byte order."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[0] != "*":
            continue  # one that leads somewhere has an interface
        address, mask = [socket.inet_ntoa(struct.pack("=I", int(fields[number], 16))) for number in (1, 7)]
        found.append(addresses.network("%s/%s" % (address, mask)))
    return found


def parse_ipv6(text):
    """The networks of the refusing routes in /proc/net/ipv6_route."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 9 and int(fields[8], 16) & RTF_REJECT and len(fields[0]) == 32:
            address = socket.inet_ntop(socket.AF_INET6, binascii.unhexlify(fields[0]))
            found.append(addresses.network("%s/%d" % (address, int(fields[1], 16))))
    return found
