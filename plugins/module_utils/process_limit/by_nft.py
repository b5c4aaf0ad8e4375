# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit as a table of nftables of its own, made, changed and removed as one transaction each."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit.groups import PREFIX, USUAL_PLACE
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit.state import (
    Found,
    Unusable,
    burst_bytes,
    look,
    note,
    noted,
    run,
)

# What nft says where there is no such table, and where the kernel can have none.
ABSENT = re.compile(r"No such file or directory|(?:Operation|Protocol|Address family) not supported")
PRIORITY = -150  # as mangle: before what filters, and after connection tracking
BASE = (("out", "output", "sent", "sport", "dport"), ("in", "input", "received", "dport", "sport"))


class Nft(object):
    name = "nft"
    pairs_limit = 1000

    def usable(self):
        return host.which("nft") is not None

    def find(self, key):
        """The limit that is in force for a key, or None; raises Unusable where that cannot be told."""
        text = look(["nft", "list", "table", "inet", PREFIX + key], ABSENT)
        return None if text is None else parse(text)

    def apply(self, key, rate_bps, group, sockets):
        """Make or change the limit. ``group``: groups.Group."""
        reasons = []
        for name in spellings(group):
            try:
                run(["nft", script(PREFIX + key, rate_bps, group, name, sockets)])
                return
            except Unusable as error:
                reasons.append(str(error))
        raise Unusable(reasons[-1])

    def remove(self, key):
        run(["nft", "delete", "table", "inet", PREFIX + key])

    def lifting(self, key):
        """The command that lifts the limit later."""
        return [host.which("nft"), "delete", "table", "inet", PREFIX + key]


def spellings(group):
    """How nft may want the group's path: from where it looks for the hierarchy, or from where it is mounted."""
    if re.search(r'["\x00-\x1f]', group.path):
        raise Unusable("nft cannot take the name of the control group %r" % group.path)
    found = [os.path.relpath(group.path, USUAL_PLACE), os.path.relpath(group.path, group.place)]
    return [name for number, name in enumerate(found) if not name.startswith("..") and name not in found[:number]]


def script(table, rate_bps, group, name, sockets):
    """The one transaction that replaces the table."""
    level = len(os.path.relpath(group.path, group.place).split("/"))
    lines = ["add table inet %s" % table, "delete table inet %s" % table, "add table inet %s" % table]
    lines += ["add set inet %s ports { type inet_proto . inet_service; }" % table]
    for family in ("4", "6"):
        address = "ipv%s_addr" % family
        kind = "inet_proto . %s . inet_service . %s . inet_service" % (address, address)
        lines.append("add set inet %s pairs%s { type %s; }" % (table, family, kind))
    lines += elements(table, sockets)
    limit = "limit rate over %d bytes/second burst %d bytes" % (rate_bps // 8, burst_bytes(rate_bps))
    for base, hook, police, own, other in BASE:
        lines.append("add chain inet %s %s" % (table, police))
        lines.append('add rule inet %s %s %s counter drop comment "%s"' % (table, police, limit, note(rate_bps, group)))
        lines.append("add chain inet %s %s { type filter hook %s priority %d; }" % (table, base, hook, PRIORITY))
        rule = "add rule inet %s %s " % (table, base)
        ends = ("saddr", "daddr") if own == "sport" else ("daddr", "saddr")
        # This one alone is counted: the others would match without the kernel knowing whose a packet is.
        lines.append('%ssocket cgroupv2 level %d "%s" counter goto %s comment "seen"' % (rule, level, name, police))
        lines.append("%smeta l4proto . th %s @ports goto %s" % (rule, own, police))
        for family, set_name in (("ip", "pairs4"), ("ip6", "pairs6")):
            match = "meta l4proto . %s %s . th %s . %s %s . th %s" % (family, ends[0], own, family, ends[1], other)
            lines.append("%s%s @%s goto %s" % (rule, match, set_name, police))
    return "\n".join(lines)


def elements(table, sockets):
    """The lines that fill the sets."""
    lines = []
    ports = ["%s . %d" % entry for entry in sockets.ports]
    four = ["%s . %s . %d . %s . %d" % entry for entry in sockets.pairs if ":" not in entry[1]]
    six = ["%s . %s . %d . %s . %d" % entry for entry in sockets.pairs if ":" in entry[1]]
    for name, listed in (("ports", ports), ("pairs4", four), ("pairs6", six)):
        if listed:
            lines.append("add element inet %s %s { %s }" % (table, name, ", ".join(listed)))
    return lines


def parse(text):
    """Found, from what nft lists of the table."""
    rate, number = noted(text)
    seen = re.findall(r'^\s*socket cgroupv2 .*counter packets (\d+) bytes \d+ goto \w+ comment "seen"$', text, re.M)
    return Found(rate, number, sum(map(int, seen)))
