# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rulesets of iptables, from the text of iptables-save, as chains that a packet can walk."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import re

from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import iptables_matches as matches
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.walk import Chain

HOOKS = {
    "PREROUTING": "prerouting",
    "INPUT": "input",
    "FORWARD": "forward",
    "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}
# The priority of a table at a hook is fixed in the kernel.
PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
HARMLESS = (
    "LOG", "NFLOG", "ULOG", "CLASSIFY", "TCPMSS", "TOS", "DSCP", "TTL", "HL", "SECMARK", "CONNSECMARK", "TRACE",
    "AUDIT", "CHECKSUM", "RATEEST", "IDLETIMER", "LED", "ECN", "TCPOPTSTRIP", "TEE", "HMARK",
)  # fmt: skip
REJECT_DEFAULT = {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"}
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


class Rule(object):
    """One line of iptables-save; ``number`` is its place in the chain."""

    def __init__(self, text, number, world):
        self.text, self.number, self.line, self.world = text, number, number, world
        self.handle = None
        self.comment = None
        self.notes = {}
        self._line = None

    def run(self, packet, certain):
        """(matched, verdict, reason): whether the packet matches, what the rule then says, and what is not known."""
        self.notes = {}
        try:
            if self._line is None:
                self._line = matches.Line(words(self.text)[2:])  # without -A CHAIN
            matched, reason = matches.judge(self._line, packet, self.world, self.notes)
            if matched is False:
                return False, None, None
            return matched, self._verdict(self._line.target, packet, certain and matched is True), reason
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            return None, ("unknown", "the line is not understood"), "the line is not understood"

    def _verdict(self, rest, packet, sure):
        """What the target says; a side effect is only carried out by a rule that surely matches."""
        if len(rest) < 2:
            return None
        option, name, options = rest[0], rest[1], rest[2:]
        if option in ("-g", "--goto"):
            return ("goto", name)
        if name in ("ACCEPT", "DROP", "RETURN"):
            return (name.lower(), None)
        if name in HARMLESS:
            return None
        if name in TARGETS:
            return TARGETS[name](self, options, packet, sure)
        # A target of the kernel is written in capitals, but so may a chain be: the walk knows the chains.
        return ("jump", name)

    def _reject(self, options, packet, _sure):
        told = matches.value_after(options, "--reject-with") or REJECT_DEFAULT[packet.version]
        return ("reject", told)

    def _mark(self, options, packet, sure):
        packet.mark = _marked(options, packet.mark) if sure else None

    def _connection_mark(self, options, packet, sure):
        if packet.untracked or not packet.tracked:
            return
        if "--restore-mark" in options:
            masked = any(word in options for word in ("--mask", "--nfmask", "--ctmask"))
            packet.mark = packet.connection_mark if sure and not masked else None
        elif "--save-mark" in options:
            masked = any(word in options for word in ("--mask", "--nfmask", "--ctmask"))
            packet.connection_mark = packet.mark if sure and not masked else None
        else:
            packet.connection_mark = _marked(options, packet.connection_mark) if sure else None

    def _set(self, options, packet, sure):
        """Later rules may ask for the set. What is taken out of it may still be in a network that stays in."""
        for option in ("--add-set", "--del-set"):
            if option in options[:-2]:
                at = options.index(option)
                name, directions = options[at + 1], options[at + 2].split(",")
                known = sure and option == "--add-set" and self.world.in_ipset(name, directions, packet) is not None
                packet.added.append((("ipset", name), directions, True if known else None))

    def _notrack(self, _options, packet, sure):
        if sure:
            packet.untracked = not packet.tracked
            return None
        return ("unknown", "NOTRACK of a packet that may match")

    def _ct(self, options, packet, sure):
        return self._notrack(options, packet, sure) if "--notrack" in options else None

    def _dnat(self, options, packet, sure):
        told = matches.value_after(options, "--to-destination") or ""
        found = re.match(r"^\[?([0-9a-fA-F.:]*?)\]?(?::(\d+))?$", told) if "-" not in told else None
        if found is None or not sure or (packet.version == 6 and ":" in told and "[" not in told and found.group(2)):
            found = re.match(r"^([0-9a-fA-F:]+)()$", told) if sure and packet.version == 6 else None
        if found is None:
            packet.destination = None
            packet.translate(None, None)
        else:
            port = int(found.group(2)) if found.group(2) else packet.destination_port
            packet.translate(found.group(1) or None, port)
        return ("accept", None)

    def _redirect(self, options, packet, sure):
        told = matches.value_after(options, "--to-ports")
        port = packet.destination_port if told is None else int(told) if told.isdigit() else None
        packet.redirect(self.world.address_of_interface(packet), port if sure else None)
        return ("accept", None)

    def _snat(self, _options, _packet, _sure):
        return ("accept", None)

    def _queue(self, options, _packet, _sure):
        number = matches.value_after(options, "--queue-num") or "0"
        listening = self.world.queue_has_reader(int(number)) if number.isdigit() else None
        if "--queue-balance" not in options and listening is False:
            return ("accept" if "--queue-bypass" in options else "drop", None)
        return ("unknown", "the program that reads queue %s decides" % number)

    def _unknown(self, _options, _packet, _sure):
        return ("unknown", "the target %s" % self._line.target[1])


def _marked(options, old):
    """The mark after MARK or CONNMARK; None where it cannot be told."""
    told = matches.value_after(options, "--set-xmark") or matches.value_after(options, "--set-mark")
    if told is not None:
        value, _slash, mask = told.partition("/")
        value, mask = int(value, 0), int(mask, 0) if mask else 0xFFFFFFFF
        return None if old is None else (old & ~mask & 0xFFFFFFFF) ^ value
    for option, change in BITWISE.items():
        told = matches.value_after(options, option)
        if told is not None and old is not None:
            return change(old, int(told, 0))
    return None


BITWISE = {
    "--and-mark": lambda old, value: old & value,
    "--or-mark": lambda old, value: old | value,
    "--xor-mark": lambda old, value: old ^ value,
}
TARGETS = {
    "REJECT": Rule._reject,
    "MARK": Rule._mark,
    "CONNMARK": Rule._connection_mark,
    "NOTRACK": Rule._notrack,
    "CT": Rule._ct,
    "DNAT": Rule._dnat,
    "REDIRECT": Rule._redirect,
    "SET": Rule._set,
    "SNAT": Rule._snat,
    "MASQUERADE": Rule._snat,
    "NETMAP": Rule._unknown,
    "NFQUEUE": Rule._queue,
    "QUEUE": Rule._queue,
    "SYNPROXY": Rule._unknown,
    "TPROXY": Rule._unknown,
    "TARPIT": Rule._unknown,
}


def words(text):
    """A line of iptables-save as arguments; strings with blanks are quoted there."""
    if '"' not in text:
        return text.split()
    found = []
    for quoted, plain in WORD.findall(text):
        found.append(plain or re.sub(r"\\(.)", r"\1", quoted))
    return found


def chains(text, backend, version, world):
    """Every chain in the output of iptables-save (version 4) or ip6tables-save (6), with its rules."""
    family = "ip6" if version == 6 else "ip"
    table, found = None, collections.OrderedDict()
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":") and table:
            name, policy = line[1:].split()[:2]
            found[(table, name)] = _chain(backend, family, table, name, policy)
        elif line.startswith("-A ") and table:
            chain = found.get((table, line.split(None, 2)[1]))
            if chain is not None:
                chain.rules.append(Rule(line.strip(), len(chain.rules) + 1, world))
    siblings = {}
    for (table, name), chain in found.items():
        chain.siblings = siblings.setdefault(table, {})
        chain.siblings[name] = chain
    return list(found.values())


def _chain(backend, family, table, name, policy):
    if policy == "-":
        return Chain(backend, family, table, name)
    hook, kind, priority = HOOKS.get(name), "nat" if table == "nat" else "filter", PRIORITIES.get(table, 0)
    return Chain(backend, family, table, name, hook, priority, kind, policy.lower())
