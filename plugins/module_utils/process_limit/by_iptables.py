# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit as chains of iptables and ip6tables of its own, for a system whose nft does not know control groups."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import hashlib
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit.state import (
    Found,
    Unusable,
    burst_bytes,
    look,
    note,
    noted,
    run,
)

# What iptables says, and what nft says, where there is no such table, and where the kernel can have none.
UNSUPPORTED = r"(?:Operation|Protocol|Address family) not supported"
ABSENT = re.compile(r"do you need to insmod|No chain/target/match by that name|" + UNSUPPORTED)
NO_TABLE = re.compile(r"No such file or directory|" + UNSUPPORTED)
HIDDEN = "is incompatible, use 'nft' tool"
HOOKS = (("o", "s", "OUTPUT"), ("i", "r", "INPUT"))


class Iptables(object):
    name = "iptables"
    pairs_limit = 100  # each is a rule, and each rule a command

    def usable(self):
        return host.which("iptables") is not None

    def find(self, key):
        """The limit that is in force for a key, or None; raises Unusable where that cannot be told."""
        return parse(rules_of("iptables"), chain_of(key))

    def apply(self, key, rate_bps, group, sockets):
        """Make the limit, or make it anew."""
        self._clear(key)
        try:
            for tool in tools():
                for words in rules(tool, key, rate_bps, group, sockets):
                    run([tool, "-w", "-t", "mangle"] + words)
        except Unusable:
            self._clear(key)
            raise

    def remove(self, key):
        self._clear(key)
        for tool in tools():
            if parse(rules_of(tool), chain_of(key)) is not None:
                raise Unusable("%s: the chains %s* could not be removed" % (tool, chain_of(key)))

    def lifting(self, key):
        return None

    def _clear(self, key):
        chain = chain_of(key)
        for tool in tools():
            for own, _police, hook in HOOKS:
                attempt([tool, "-w", "-t", "mangle", "-D", hook, "-j", chain + own])
            for action in ("-F", "-X"):
                for part in "oisr":
                    attempt([tool, "-w", "-t", "mangle", action, chain + part])


def attempt(command):
    """Remove what may not be there. One that gets no answer, as while others hold the lock, is not gone on with."""
    error = host.run(command).error
    if error:
        raise Unusable(error)


def rules_of(tool):
    """The rules with their counters; none where the kernel has no such table."""
    try:
        return look([tool, "-w", "-t", "mangle", "-v", "-S"], ABSENT) or ""
    except Unusable as error:
        if HIDDEN not in str(error) or host.which("nft") is None:
            raise
    # nft has put something into the table that iptables cannot show. Chains have the same names there.
    return look(["nft", "list", "table", "ip6" if tool == "ip6tables" else "ip", "mangle"], NO_TABLE) or ""


def tools():
    """Without IPv6 in the kernel there is nothing to limit for ip6tables."""
    six = host.which("ip6tables") and host.status_of("/proc/net/if_inet6") is not None
    return ["iptables", "ip6tables"] if six else ["iptables"]


def chain_of(key):
    return "rllimit_%s_" % digest(key)


def digest(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def rules(tool, key, rate_bps, group, sockets):
    """The arguments of all commands, the jump into the chains last."""
    chain, made = chain_of(key), []
    rate = max(1, rate_bps // 8)
    # The kernel counts in steps, and takes no burst below what a second brings.
    limit = ["-m", "hashlimit", "--hashlimit-above", "%db/s" % rate]
    limit += ["--hashlimit-burst", "%db" % max(burst_bytes(rate_bps), rate + rate // 16 + 1024)]
    comment = ["-m", "comment", "--comment", note(rate_bps, group)]
    for own, police, hook in HOOKS:
        # The kernel keeps a limit under its name for a while, so that one of another rate needs another name.
        name = "%s%s" % (digest("%s %d" % (key, rate_bps)), police)
        made += [["-N", chain + police], ["-N", chain + own]]
        made.append(["-A", chain + police] + limit + ["--hashlimit-name", name] + comment + ["-j", "DROP"])
        made.append(["-A", chain + own, "-m", "cgroup", "--path", group.name.lstrip("/"), "-g", chain + police])
        made += [["-A", chain + own] + match + ["-g", chain + police] for match in matches(tool, hook, sockets)]
    return made + [["-I", hook, "1", "-j", chain + own] for own, _police, hook in HOOKS]


def matches(tool, hook, sockets):
    """What picks out the connections that were made before."""
    own, other = ("--sport", "--dport") if hook == "OUTPUT" else ("--dport", "--sport")
    near, far = ("-s", "-d") if hook == "OUTPUT" else ("-d", "-s")
    found = [["-p", protocol, own, str(port)] for protocol, port in sockets.ports]
    for protocol, address, port, peer, peer_port in sockets.pairs:
        if (":" in address) == (tool == "ip6tables"):
            found.append(["-p", protocol, near, address, far, peer, own, str(port), other, str(peer_port)])
    return found


def parse(text, chain):
    """Found, from what iptables -v -S prints; None where the chains are not, or not wholly, in force."""
    lines = [line for line in text.splitlines() if chain in line]
    jumps = [hook for own, _police, hook in HOOKS for line in lines if jump(line, hook, chain + own)]
    if not lines:
        return None
    rate, number = noted("\n".join(lines)) if len(jumps) == len(HOOKS) else (None, None)
    # Of the control group's rules alone: the others match without the kernel knowing whose a packet is.
    group_rule = re.compile(r"-A %s[oi] -m cgroup .* -c (\d+) \d+ (?:-g|-j) " % re.escape(chain))
    seen = [group_rule.match(line.strip()) for line in lines]
    return Found(rate, number, sum(int(match.group(1)) for match in seen if match))


def jump(line, hook, chain):
    return re.match(r"-A %s (?:-c \d+ \d+ )?-j %s(?: -c \d+ \d+)?$" % (hook, re.escape(chain)), line.strip())
