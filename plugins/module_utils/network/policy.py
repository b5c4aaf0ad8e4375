# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy routing: the rules that choose a table, and the routes that refuse. By rtnetlink."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, netlink, routing

RTM_GETROUTE, RTM_GETRULE = 26, 34
FIB_RULE_HEADER = struct.Struct("=BBBBBBBBI")
FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_PRIORITY, FRA_FWMARK, FRA_TABLE, FRA_FWMASK, FRA_OIFNAME = 1, 2, 3, 6, 10, 15, 16, 17
FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE = 20, 22, 23, 24
FIB_RULE_INVERT = 0x2
ACTIONS = {1: "lookup", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
TABLES = {253: "default", 254: "main", 255: "local"}
# What every host has: (table, priority).
USUAL = ((255, 0), (254, 32766), (253, 32767))
REFUSING = {6: "blackhole", 7: "unreachable", 8: "prohibit"}
LIMIT = 64


def rules(family):
    """(the rules that not every host has, as ip would print them, with mark and table; why not all or None)."""
    bodies, error = netlink.dump(RTM_GETRULE, FIB_RULE_HEADER.pack(family, 0, 0, 0, 0, 0, 0, 0, 0))
    found = [parse_rule(body) for body in bodies if len(body) >= FIB_RULE_HEADER.size]
    unusual = [rule for rule in found if (rule["table"], rule["priority"]) not in USUAL or rule["selects"]]
    return unusual[:LIMIT], error


def parse_rule(body):
    """One rule: {priority, table, mark, selects, text}."""
    _family, to_bits, from_bits, _tos, table, _r1, _r2, action, flags = FIB_RULE_HEADER.unpack_from(body)
    values = netlink.table_of(body[FIB_RULE_HEADER.size :])
    table = netlink.number(values.get(FRA_TABLE)) or table
    priority = netlink.number(values.get(FRA_PRIORITY)) or 0
    words = ["not"] if flags & FIB_RULE_INVERT else []
    if from_bits:
        words.append("from %s/%d" % (netlink.address(values.get(FRA_SRC)), from_bits))
    if to_bits:
        words.append("to %s/%d" % (netlink.address(values.get(FRA_DST)), to_bits))
    words += _selectors(values)
    text = "%d: %s %s" % (priority, " ".join(words) or "from all", ACTIONS.get(action, "action %d" % action))
    if action == 1:
        text += " %s" % TABLES.get(table, table)
    mark = netlink.number(values.get(FRA_FWMARK))
    return {"priority": priority, "table": table, "mark": mark or None, "selects": bool(words), "text": text}


def _selectors(values):
    """What else than addresses a rule looks at."""
    words = []
    for name, number in (("iif", FRA_IIFNAME), ("oif", FRA_OIFNAME)):
        if values.get(number):
            words.append("%s %s" % (name, netlink.text(values[number])))
    if netlink.number(values.get(FRA_FWMARK)):
        words.append("fwmark 0x%x/0x%x" % tuple(netlink.number(values.get(n)) or 0 for n in (FRA_FWMARK, FRA_FWMASK)))
    if netlink.number(values.get(FRA_IP_PROTO)):
        words.append("ipproto %d" % netlink.number(values[FRA_IP_PROTO]))
    for name, number in (("sport", FRA_SPORT_RANGE), ("dport", FRA_DPORT_RANGE)):
        if len(values.get(number, b"")) == 4:
            words.append("%s %d-%d" % ((name,) + struct.unpack("=HH", values[number])))
    if len(values.get(FRA_UID_RANGE, b"")) == 8:
        words.append("uidrange %d-%d" % struct.unpack("=II", values[FRA_UID_RANGE]))
    return words


def refusing(client):
    """The routes of any table that refuse packets to a client, as ip would print them, the narrowest first."""
    family = routing.family_of(client)
    found = []
    for kind in sorted(REFUSING):
        payload = routing.RTMSG.pack(family, 0, 0, 0, 0, 0, 0, kind, 0)
        bodies, _error = netlink.dump(RTM_GETROUTE, payload, strict=True)
        found += parse_refusing(bodies, kind, client)
    found.sort(key=lambda route: -route[0])
    return [text for _bits, text in found[:LIMIT]]


def parse_refusing(bodies, kind, client):
    """[(length of the prefix, text)] of the routes of this kind among the messages of a dump that cover a client."""
    found = []
    for body in bodies:
        if len(body) < routing.RTMSG.size:
            continue
        header = routing.RTMSG.unpack_from(body)
        bits, table = header[1], header[4]
        # The kernel's own default for IPv6 without a route is no route of anybody's, and old kernels list all types.
        if header[7] != kind or (bits == 0 and header[5] == 2 and table == 255):
            continue
        values = netlink.table_of(body[routing.RTMSG.size :])
        destination = netlink.address(values.get(routing.RTA_DST))
        if bits and not covers(destination, bits, client):
            continue
        number = netlink.number(values.get(routing.RTA_TABLE)) or table
        place = "%s/%d" % (destination, bits) if bits else "default"
        found.append((bits, "%s %s table %s" % (REFUSING[kind], place, TABLES.get(number, number))))
    return found


def covers(network, bits, address):
    """Whether an address is in a network."""
    if network is None:
        return False
    one, other = [socket.inet_pton(routing.family_of(text), text.split("%")[0]) for text in (network, address)]
    if len(one) != len(other):
        return False
    whole, rest = divmod(bits, 8)
    if one[:whole] != other[:whole]:
        return False
    return not rest or (bytearray(one)[whole] ^ bytearray(other)[whole]) >> (8 - rest) == 0


def has_default(family):
    """Whether any table has a default route that leads somewhere; None where that is not known."""
    if family == socket.AF_INET:
        text = host.read("/proc/net/route", limit=32 * 1024 * 1024)
        if text.error:
            return None
        lines = [line.split() for line in text.text.splitlines()[1:]]
        # Only the main table is here: a default route of another one shows by asking for the way.
        return any(len(line) > 7 and line[1] == line[7] == "00000000" and line[0] != "*" for line in lines)
    text = host.read("/proc/net/ipv6_route", limit=32 * 1024 * 1024)
    if text.error:
        return None
    lines = [line.split() for line in text.text.splitlines()]
    return any(len(line) > 9 and line[1] == "00" and line[0] == "0" * 32 and line[9] != "lo" for line in lines)
