# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What iptables and ipset say of an address: rules in banners' chains, and elements of banners' sets."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re
import shlex
import socket

from ansible_collections.rescue.remote_login.plugins.module_utils import banners, host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses, fail2ban, packet_filter

PROGRAMS = {"ip": "iptables", "ip6": "ip6tables"}
APPEND = re.compile(r"^-A (?P<chain>\S+)(?P<rest> .*)$")
SOURCE = re.compile(r"(?P<negated> !)? -s (?P<source>[0-9A-Fa-f.:/]+)")
PORTS = re.compile(r"(?P<negated> !)? --dports? (?P<ports>\S+)")
BUILT_IN = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
MATCH_SET = re.compile(r" --match-set (?P<name>\S+) \S*src")


def find(wanted, port):
    """The entries that name an address, and why they could not be looked for, or None."""
    family = "ip6" if wanted.family == socket.AF_INET6 else "ip"
    found, reason, tables = [], None, []
    for program in programs(family):
        result = host.run([program + "-save"], timeout=packet_filter.PATIENCE_S, limit=packet_filter.RULES_LIMIT_BYTES)
        if result.rc != 0:
            reason = result.error or "%s-save: %s" % (program, result.err.strip()[: packet_filter.TEXT_LIMIT])
            continue
        rules = parse(result.out)
        tables.append(rules)
        found += in_rules(rules, wanted, port, program, family)
    sets, error = _in_sets(wanted, port, tables)
    return found + sets, reason or error


def programs(family):
    """The iptables programs whose rules are loaded in this network, one for each kind of table."""
    name, found = PROGRAMS[family], []
    for kind, present in (("nft", packet_filter.has_nf_tables()), ("legacy", packet_filter.has_legacy_tables(family))):
        own = "%s-%s" % (name, kind)
        if not present:
            continue
        if host.which(own + "-save"):
            found.append(own)
        elif host.which(name + "-save") and _kind_of(name) == kind:
            found.append(name)
    return found


def _kind_of(program):
    """An old iptables does not say which it is: then it is the legacy one."""
    return "nft" if "nf_tables" in host.run([program, "-V"]).out else "legacy"


def parse(text):
    """[(table, chain, rest of the rule)] from the output of iptables-save."""
    rules, table = [], None
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
            continue
        match = APPEND.match(line)
        if match:
            rules.append((table, match.group("chain"), match.group("rest")))
    return rules


def in_rules(rules, wanted, port, program, family):
    """The rules in banners' chains that name an address."""
    found, owners, covering = [], {}, {}
    for table, chain, rest in rules:
        if chain not in owners:
            owners[chain] = banners.owner(chain)
        source = SOURCE.search(rest) if owners[chain] else None
        if source is None or source.group("negated"):
            continue
        if not addresses.holds(addresses.network(source.group("source")), wanted):
            continue
        if chain not in covering:
            covering[chain] = chain_covers(rules, table, chain, port)
        more = dict(owners[chain], chain=chain, text="-A %s%s" % (chain, rest))
        more["element"] = addresses.text(addresses.network(source.group("source")))
        more["covers_login"] = covering[chain] and covers(rest, port)
        more["remove"] = [program, "-w", "-t", table, "-D", chain] + shlex.split(rest)
        found.append(packet_filter.entry(program, family, table, **more))
    return found


def covers(rest, port):
    """Whether a rule's ports hold a port."""
    if " -p udp" in rest or " -p icmp" in rest:
        return False
    for match in PORTS.finditer(rest):
        held = fail2ban.covers(match.group("ports"), port) is not False
        if held == bool(match.group("negated")):
            return False
    return True


def chain_covers(rules, table, chain, port, depth=0):
    """Whether packets to a port come to a chain: one of the kernel's, or one that a rule for them jumps to."""
    if chain in BUILT_IN:
        return True
    ends = (" -j %s" % chain, " -g %s" % chain)
    jumps = [rule for rule in rules if rule[0] == table and rule[2].endswith(ends) and covers(rule[2], port)]
    return depth < 16 and any(chain_covers(rules, table, rule[1], port, depth + 1) for rule in jumps)


# --- ipset ---


def _in_sets(wanted, port, tables):
    if host.which("ipset") is None or not packet_filter.has_ipset():
        return [], None
    listed = host.run(["ipset", "list", "-n"])
    if listed.rc != 0:
        return [], listed.error or "ipset: %s" % listed.err.strip()[: packet_filter.TEXT_LIMIT]
    found = []
    for name in listed.out.split():
        whose = banners.owner(name)
        if whose is None or host.run(["ipset", "test", name, addresses.text(wanted)]).rc != 0:
            continue
        saved = host.run(
            ["ipset", "save", name], timeout=packet_filter.PATIENCE_S, limit=packet_filter.RULES_LIMIT_BYTES
        )
        for element in parse_elements(saved.out, wanted):
            more = dict(whose, set=name, element=element, text="%s in ipset %s" % (element, name))
            more["covers_login"] = set_covers(tables, name, port)
            more["remove"] = ["ipset", "del", name, element]
            found.append(packet_filter.entry("ipset", "ip6" if ":" in element else "ip", None, **more))
    return found, None


def parse_elements(text, wanted):
    """The elements of a saved set that hold an address."""
    shown = addresses.text(wanted)
    words = [line.split() for line in text.splitlines() if line.startswith("add ") and (shown in line or "/" in line)]
    elements = [line[2] for line in words if len(line) > 2]
    return [element for element in elements if addresses.holds(addresses.network(element), wanted)]


def set_covers(tables, name, port):
    """Whether a rule that looks at packets to a port uses a set; None where no rule of iptables uses it."""
    users = []
    for rules in tables:
        for table, chain, rest in rules:
            match = MATCH_SET.search(rest)
            if match and match.group("name") == name:
                users.append(covers(rest, port) and chain_covers(rules, table, chain, port))
    return any(users) if users else None
