# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matches of iptables: whether the words of a rule, up to its target, hold for a packet."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import packet as packets

TARGET_OPTIONS = ("-j", "--jump", "-g", "--goto")
OPTION_WORD = re.compile(r"--?[A-Za-z]")
# What takes a word that an operator has made up: it may look like an option.
FREE_WORDS = ("--comment", "--string", "--hex-string", "--name", "--hashlimit-name", "--path", "--helper", "--label",
              "--timer", "--nfacct-name", "-i", "-o", "--physdev-in", "--physdev-out")  # fmt: skip
# What says nothing by itself, or goes with an option that does.
SILENT = ("--comment", "--rsource", "--rdest", "--mask", "--name", "--seconds", "--hitcount", "--rttl", "--reap",
          "--limit-burst", "--connlimit-mask", "--connlimit-saddr", "--connlimit-daddr",
          "--limit-iface-in", "--return-nomatch", "--update-counters", "--update-subcounters", "--validmark",
          "--accept-local", "--invert", "--loose")  # fmt: skip
# A shorter string may stand in a header by chance.
WORDS_AT_LEAST = 4
WHOLE = ("255.255.255.255", ":".join(["ffff"] * 8))
# What a match says that cannot hold, with a '!' before it or without.
NEVER = object()
STATES = {"INVALID": 1, "ESTABLISHED": 2, "RELATED": 4, "NEW": 8, "UNTRACKED": 64}
ADDRESS_TYPES = {"UNSPEC": 0, "UNICAST": 1, "LOCAL": 2, "BROADCAST": 3, "ANYCAST": 4, "MULTICAST": 5,
                 "BLACKHOLE": 6, "UNREACHABLE": 7, "PROHIBIT": 8, "THROW": 9}  # fmt: skip


class Line(object):
    """The match part of one rule: [(negated, module, option, value)], and the words of its target."""

    def __init__(self, words):
        self.options, self.modules = [], []
        module, negated, at = None, False, 0
        while at < len(words) and words[at] not in TARGET_OPTIONS:
            word = words[at]
            at += 1
            if word == "!":
                negated = True
                continue
            if word in ("-m", "--match"):
                module = words[at]
                self.modules.append(module)
                at += 1
                continue
            end = at + 1 if word in FREE_WORDS else _values_end(words, at)
            self.options.append((negated, module, word, words[at:end]))
            at, negated = end, False
        self.target = words[at:]
        if not self.target and any(word in TARGET_OPTIONS for word in words):
            raise ValueError("where the target stands is not understood")
        self._values = {}

    def values(self, module):
        if module not in self._values:
            of_module = [option for option in self.options if option[1] == module]
            self._values[module] = {word: value[0] if value else True for _negated, _of, word, value in of_module}
        return self._values[module]


def _values_end(words, at):
    """Where the values of an option end. iptables-save writes no option that could be taken for one of them."""
    while at < len(words) and words[at] != "!" and not OPTION_WORD.match(words[at]):
        at += 1
    return at


def value_after(words, option):
    """The word that follows an option, or None."""
    return words[words.index(option) + 1] if option in words[:-1] else None


def judge(line, packet, world, notes):
    """(truth, reason)."""
    unknown = None
    for module in line.modules:
        if module in EXTENSION_HEADERS:
            return False, None
        truth = reverse_path(line, packet, world) if module == "rpfilter" else module in MODULES or None
        if truth is False:
            return False, None
        if truth is None:
            unknown = unknown or "match %s" % module
    for negated, module, option, value in line.options:
        if option in SILENT:
            continue
        truth = _option(option, value, module, line, packet, world)
        if truth is NEVER:
            return False, None
        truth = packets.negated(truth) if negated else truth
        if truth is False:
            return False, None
        if truth is None:
            unknown = unknown or "%s%s" % ("match %s " % module if module else "", " ".join([option] + value))
        elif not negated and option in ("-s", "-d", "--src-range", "--match-set", "--source", "--destination"):
            _note(option, value, notes)
    return None if unknown else True, unknown


def _note(option, value, notes):
    """Remember that the rule speaks of this very source or destination, and by which set."""
    if option == "--match-set":
        notes["set"] = value[0]
        notes["saddr" if value[1].startswith("src") else "daddr"] = True
    elif value[0] not in ("0.0.0.0/0", "::/0"):
        notes["daddr" if option in ("-d", "--destination") else "saddr"] = True


def _option(option, value, module, line, packet, world):
    judged = OPTIONS.get((module, option)) or OPTIONS.get((None, option))
    if judged is None:
        return None
    try:
        return judged(value, packet, world, line.values(module))
    except (ValueError, IndexError, TypeError):
        return None


# --- addresses, interfaces, protocols ---


def covers_network(network, address):
    """Whether ADDRESS[/LENGTH or /MASK] holds an address; None where it cannot be told."""
    if address is None:
        return None
    start, _slash, mask = network.partition("/")
    bits = 128 if ":" in start else 32
    if (":" in start) != (":" in address):
        return False
    if mask and not mask.isdigit():
        ones = packets.number_of(mask)
    else:
        length = int(mask or bits)
        ones = ((1 << length) - 1) << (bits - length)
    first, number = packets.number_of(start), packets.number_of(address)
    if first is None or number is None or ones is None:
        return None
    return first & ones == number & ones


def _source(value, packet, _world, _others):
    return covers_network(value[0], packet.source)


def _destination(value, packet, _world, _others):
    return covers_network(value[0], packet.destination)


def covers_interface(pattern, name):
    if name is None:
        return None
    return name.startswith(pattern[:-1]) if pattern.endswith("+") else name == pattern


def _input(value, packet, _world, _others):
    return covers_interface(value[0], packet.input)


def _output(value, packet, _world, _others):
    return covers_interface(value[0], packet.output)


def _protocol(value, packet, _world, _others):
    name = value[0].lower()
    if name in ("all", "0"):
        return True
    number = int(name) if name.isdigit() else packets.PROTOCOLS.get(name)
    return None if number is None else number == packet.protocol


def _range(field):
    def judge_range(value, packet, _world, _others):
        address = getattr(packet, field)
        low, _dash, high = value[0].partition("-")
        if address is None:
            return None
        return packets.number_of(low) <= packets.number_of(address) <= packets.number_of(high or low)

    return judge_range


def _address_type(field):
    def judge_type(value, packet, world, others):
        address = getattr(packet, field)
        if "--limit-iface-in" in others or "--limit-iface-out" in others or address is None:
            return None
        found, wanted = world.address_type(address), value[0].split(",")
        if found is None:
            return None
        return _is_of_types6(address, found, wanted) if packet.version == 6 else _is_of_types(found, wanted)

    return judge_type


def _is_of_types(found, wanted):
    return found in [ADDRESS_TYPES[name] for name in wanted]


def _is_of_types6(address, found, wanted):
    """Of IPv6 the kernel wants all that the address itself shows, and one of what the routes say."""
    multicast, unspecified = found == ADDRESS_TYPES["MULTICAST"], packets.number_of(address) == 0
    shown = {"MULTICAST": multicast, "UNICAST": not multicast and not unspecified, "UNSPEC": unspecified}
    if not all(shown[name] for name in wanted if name in shown):
        return False
    routed = [name for name in wanted if name in ("LOCAL", "ANYCAST", "UNREACHABLE")]
    return not routed or _is_of_types(found, routed)


# --- ports and flags ---


def covers_port(ports, packet, field):
    """Whether a list of ports and ranges (22,80:90) covers a port of the packet."""
    port = getattr(packet, field)
    truths = []
    for part in ports.split(","):
        low, colon, high = part.partition(":")
        low, high = int(low or 0), int(high or 65535) if colon else int(low)
        if packet.is_client_port(field):
            truths.append(packets.CLIENT_PORT.is_within(low, high))
        elif port is None:
            truths.append(True if (low, high) == (0, 65535) else None)
        else:
            truths.append(low <= port <= high)
    return packets.some(truths)


def _source_port(value, packet, _world, _others):
    return covers_port(value[0], packet, "source_port")


def _destination_port(value, packet, _world, _others):
    return covers_port(value[0], packet, "destination_port")


def _either_port(value, packet, _world, _others):
    return packets.some(covers_port(value[0], packet, field) for field in ("source_port", "destination_port"))


def _bits(names, every):
    if names == "NONE":
        return 0
    total = 0
    for name in names.split(","):
        total |= every if name == "ALL" else packets.TCP_FLAGS[name.lower()]
    return total


def _tcp_flags(value, packet, _world, _others):
    return packet.flags & _bits(value[0], 63) == _bits(value[1], 63)


def _syn(_value, packet, _world, _others):
    return packet.flags & 0x17 == packets.TCP_FLAGS["syn"]


def _length(value, packet, _world, _others):
    low, colon, high = value[0].partition(":")
    return packet.length.is_within(int(low or 0), int(high or 65535) if colon else int(low))


def _string(value, packet, _world, others):
    """Whether a packet has these words: headers have none, and of what is said only the beginning is known."""
    if len(value[0]) < WORDS_AT_LEAST or "--hex-string" in others:
        return None
    return value[0].lower() in packet.data.lower() if "--icase" in others else value[0] in packet.data


def _yes(_value, _packet, _world, _others):
    return True


# --- connection tracking, marks, sets ---


def _state(value, packet, _world, _others):
    found = packet.state()
    for name in value[0].split(","):
        if name == "DNAT" and packet.tracked and packet.connection_status & packets.CT_STATUSES["dnat"]:
            return True
        if name == "SNAT" and packet.direction:
            return None
        if STATES.get(name, 0) & found:
            return True
    return False


def _original(judged):
    """A match of an address or port as the client has sent it, before any translation."""

    def judge_original(value, packet, world, others):
        return judged(value, packets.Packet("tcp", *packet.original), world, others)

    return _tracked(judge_original)


def _tracked(judged):
    """A match that never holds where connection tracking has not seen the packet, negated or not."""

    def judge_tracked(value, packet, world, others):
        if packet.untracked or not packet.tracked:
            return NEVER
        return judged(value, packet, world, others)

    return judge_tracked


def _mark(field):
    def judge_mark(value, packet, _world, _others):
        wanted, _slash, mask = value[0].partition("/")
        found = getattr(packet, field)
        return None if found is None else found & int(mask or "0xffffffff", 0) == int(wanted, 0)

    return judge_mark


def _set(value, packet, world, others):
    if set(others) - {"--match-set", "--return-nomatch", "--update-counters", "--update-subcounters"}:
        return None
    return world.in_ipset(value[0], value[1].split(","), packet)


def _recent_place(packet, others):
    """The list and the address that the match recent works on; None where only a part of the address counts."""
    address = packet.destination if "--rdest" in others else packet.source
    if address is None or others.get("--mask", WHOLE[0]) not in WHOLE or "--rttl" in others:
        return None
    return ("recent", others.get("--name", "DEFAULT")), address


def _recent_set(_value, packet, _world, others):
    place = _recent_place(packet, others)
    if place:
        packet.added.append(place + (True,))
    return True


def _recent_check(_value, packet, world, others):
    place = _recent_place(packet, others)
    if place is None:
        return None
    more = packet.added.count(place + (True,))
    return world.seen_recently(place[0][1], place[1], others.get("--seconds"), others.get("--hitcount"), more)


def _connection_limit(over):
    """Whether more connections than this are there: what all sources have together is a bound."""

    def judge_limit(value, packet, world, others):
        several = others.get("--connlimit-mask", "32") not in ("32", "128") or "--connlimit-daddr" in others
        count = world.connections_at_most(None if several else packet.source)
        return None if count is None or count + 1 > int(value[0]) else not over

    return judge_limit


def _no(_value, _packet, _world, _others):
    return False


def _packet_type(value, _packet, _world, _others):
    return value[0] in ("unicast", "host")


def reverse_path(line, packet, world):
    """The match rpfilter: whether the way back leads through the interface that the packet has come by."""
    if packet.input is None or packet.source is None:
        return None
    options = line.values("rpfilter")
    back = world.interface_to(packet.source)
    found = bool(back) if "--loose" in options else back == packet.input
    found = found or packet.input == "lo"
    return not found if "--invert" in options else found


# Matches of headers of IPv6 that the first packets of a connection do not have.
EXTENSION_HEADERS = {"rt", "frag", "hbh", "dst", "mh"}
MODULES = {"tcp", "udp", "multiport", "conntrack", "state", "comment", "mark", "connmark", "addrtype", "iprange", "set",
           "recent", "pkttype", "icmp", "icmp6", "ipv6-icmp", "limit", "hashlimit", "connlimit", "mac", "length", "ttl",
           "hl", "time", "owner", "statistic", "string", "u32", "bpf", "dscp", "tos", "tcpmss", "physdev",
           "rpfilter", "cgroup", "quota", "helper", "esp", "ah", "sctp", "dccp"}  # fmt: skip
# (module or None, option) -> what judges it. An option that is not here is not known.
OPTIONS = {
    (None, "-s"): _source,
    (None, "--source"): _source,
    (None, "-d"): _destination,
    (None, "--destination"): _destination,
    (None, "-i"): _input,
    (None, "-o"): _output,
    (None, "-p"): _protocol,
    (None, "-f"): _no,
    (None, "--src-range"): _range("source"),
    (None, "--dst-range"): _range("destination"),
    (None, "--src-type"): _address_type("source"),
    (None, "--dst-type"): _address_type("destination"),
    (None, "--sport"): _source_port,
    (None, "--dport"): _destination_port,
    (None, "--sports"): _source_port,
    (None, "--dports"): _destination_port,
    (None, "--ports"): _either_port,
    (None, "--tcp-flags"): _tcp_flags,
    (None, "--syn"): _syn,
    (None, "--state"): _state,
    (None, "--ctstate"): _state,
    ("mark", "--mark"): _mark("mark"),
    ("connmark", "--mark"): _tracked(_mark("connection_mark")),
    (None, "--match-set"): _set,
    (None, "--pkt-type"): _packet_type,
    ("recent", "--set"): _recent_set,
    ("length", "--length"): _length,
    ("string", "--string"): _string,
    ("string", "--algo"): _yes,
    ("string", "--from"): _yes,
    ("string", "--to"): _yes,
    ("string", "--icase"): _yes,
    ("conntrack", "--ctorigsrc"): _original(_source),
    ("conntrack", "--ctorigdst"): _original(_destination),
    ("conntrack", "--ctorigsrcport"): _original(_source_port),
    ("conntrack", "--ctorigdstport"): _original(_destination_port),
    ("connlimit", "--connlimit-above"): _connection_limit(True),
    ("connlimit", "--connlimit-upto"): _connection_limit(False),
    ("recent", "--rcheck"): _recent_check,
    ("recent", "--update"): _recent_check,
    ("recent", "--remove"): _recent_check,
}
