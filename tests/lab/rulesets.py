# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rulesets of both kinds for the host of kernel.py, most of them about the very connection that is tried.

A rule that is not about it is passed by, and a ruleset of such rules says nothing of the verdict: so every match is
made to hold for the connection more often than not, and what ends its way is common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

from kernel import CLIENTS, HOSTS

Draw = Callable[[st.SearchStrategy[Any]], Any]
Item = TypeVar("Item")
IP = {4: "ip", 6: "ip6"}
# What holds the first client, and what does not, as single addresses, networks and ranges. None overlaps another.
ADDRESSES = {4: CLIENTS[4][0], 6: CLIENTS[6][0]}
HOLDS = {
    4: ["10.99.0.1", "10.99.0.0/30", "10.99.0.0/24", "10.0.0.0/8"],
    6: ["fd99::1", "fd99::/126", "fd99::/64", "fd00::/8"],
}
RANGES = {4: "10.99.0.1-10.99.0.6", 6: "fd99::1-fd99::6"}
OTHERS = {
    4: ["192.0.2.7", "198.51.100.0/24", "203.0.113.9", "172.16.0.0/12"],
    6: ["2001:db8::7", "2001:db8:1::/48", "2001:db8:2::9", "2001:db8:f000::/36"],
}
OTHER_RANGES = {4: "100.64.0.1-100.64.0.9", 6: "2001:db8:3::1-2001:db8:3::9"}
MASKS = {4: "255.255.255.0", 6: "ffff:ffff:ffff:ffff::"}
NETWORKS = {4: ("10.99.0.0", "192.0.2.0"), 6: ("fd99::", "2001:db8::")}
REJECTS = {
    4: ["icmp port-unreachable", "icmp host-unreachable", "icmp net-unreachable", "icmp prot-unreachable",
        "icmp net-prohibited", "icmp host-prohibited", "icmp admin-prohibited"],
    6: ["icmpv6 port-unreachable", "icmpv6 no-route", "icmpv6 admin-prohibited", "icmpv6 addr-unreachable",
        "icmpv6 policy-fail", "icmpv6 reject-route"],
}  # fmt: skip
REJECTS_OF_BOTH = ["tcp reset", "icmpx port-unreachable", "icmpx admin-prohibited", "icmpx no-route",
                   "icmpx host-unreachable"]  # fmt: skip
# What the JSON or the text of a rule calls an answer -> what arrives.
CODES = {
    4: {"net-unreachable": 0, "no-route": 0, "host-unreachable": 1, "prot-unreachable": 2, "proto-unreachable": 2,
        "port-unreachable": 3, "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13},
    6: {"no-route": 0, "admin-prohibited": 1, "adm-prohibited": 1, "addr-unreachable": 3, "host-unreachable": 3,
        "port-unreachable": 4, "policy-fail": 5, "reject-route": 6},
}  # fmt: skip


def answer_of(reject_with: str, version: int) -> str:
    """What a client gets for the words that a rule rejects with."""
    words = reject_with.replace(" ", "-")
    if words == "tcp-reset":
        return "tcp reset"
    for start in ("icmpx-", "icmpv6-", "icmp6-", "icmp-"):
        words = words.removeprefix(start)
    return f"icmp 3 {CODES[4][words]}" if version == 4 else f"icmpv6 1 {CODES[6][words]}"


@dataclass(frozen=True)
class Ruleset:
    """What is loaded, and the connections that are tried on it: (IP version, client, host address)."""

    nft: str
    # (program, its input)
    iptables: tuple[tuple[str, str], ...]
    ipset: str
    connections: tuple[tuple[int, str, str], ...]

    def commands(self) -> list[tuple[list[str], str]]:
        sets = [(["ipset", "restore"], self.ipset)] if self.ipset else []
        tables = [(["nft", "-f", "-"], self.nft)] if self.nft else []
        return sets + tables + [([program], text) for program, text in self.iptables]

    def __str__(self) -> str:
        programs = "\n".join(f"## {program}\n{text}" for program, text in self.iptables)
        return f"## ipset\n{self.ipset}\n## nft\n{self.nft}\n{programs}"


class Maker:
    """What both kinds of rulesets are drawn with."""

    def __init__(self, draw: Draw, version: int, old_nft: bool) -> None:
        self.draw, self.version, self.old_nft = draw, version, old_nft

    def one(self, *items: Item) -> Item:
        chosen: Item = self.draw(st.sampled_from(items))
        return chosen

    def chance(self, percent: int) -> bool:
        return bool(self.draw(st.integers(0, 99)) >= 100 - percent)

    def number(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    def some(self, items: list[str], least: int = 1) -> list[str]:
        drawn: list[str] = self.draw(st.lists(st.sampled_from(items), min_size=least, max_size=3, unique=True))
        return drawn

    def weighted(self, *choices: tuple[int, Item]) -> Item:
        return self.one(*[item for weight, item in choices for _again in range(weight)])

    def addresses(self, holds: bool, ranges: bool = False) -> list[str]:
        """Addresses and networks that do not overlap, one of which holds the first client or none does."""
        others = OTHERS[self.version] + ([OTHER_RANGES[self.version]] if ranges else [])
        own = HOLDS[self.version] + ([RANGES[self.version]] if ranges else [])
        return self.some(others, 0 if holds else 1) + ([self.one(*own)] if holds else [])

    def host(self, holds: bool) -> str:
        return HOSTS[self.version][0] if holds else self.one(HOSTS[self.version][1], OTHERS[self.version][0])


# --- nftables ---


def claims(text: str) -> set[Any]:
    """The protocols that a part of a rule of nft is for."""
    words = set(text.replace(",", " ").split())
    found: set[Any] = {name for name in ("tcp", "udp") if name in words or f"{name}]" in words}
    found |= {"tcp"} if {"th", "6"} & words or "@th" in text else set()
    found |= {"icmp"} if {"icmp", "icmpv6"} & words and "reject" not in words else set()
    found |= {4} if {"ip", "ipv4", "icmp"} & words and "icmpx" not in words else set()
    return found | ({6} if {"ip6", "ipv6", "icmpv6"} & words else set())


class Nft(Maker):
    """Tables of nftables, as text."""

    def __init__(self, draw: Draw, version: int, old_nft: bool) -> None:
        super().__init__(draw, version, old_nft)
        self.main_version = version

    def table(self, number: int) -> str:
        self.version = self.main_version
        family = self.weighted((4, "inet"), (3, IP[self.version]), (1, IP[10 - self.version]), (2, "netdev"))
        self.family = family
        self.version = {"ip": 4, "ip6": 6}.get(family, self.version)
        self.sets: dict[str, list[str]] = {}
        self.hooks = self._hooks(family)
        self.chains = [f"c{at}" for at in range(self.number(0, 3))]
        definitions = self._set_definitions()
        bodies = []
        for at, name in enumerate(self.chains):
            bodies.append(self._chain(name, "", None, self.chains[at + 1 :], 0, 4))
        for at, hook in enumerate(self.hooks):
            bodies.append(self._base_chain(f"b{at}", hook))
        if family != "netdev" and self.chance(15):
            bodies.append(self._nat_chain())
        if family != "netdev" and self.chance(20):
            bodies.append(self._elsewhere())
        return f"table {family} t{number} {{\n{''.join(definitions)}{''.join(bodies)}}}\n"

    def _hooks(self, family: str) -> list[str]:
        if family == "netdev":
            return ["ingress"]
        hooks = [self.weighted((6, "input"), (3, "prerouting"), (1, "output"))]
        if self.chance(35):
            hooks.append(self.weighted((5, "input"), (3, "prerouting"), (1, "output"), (1, "ingress")))
        return hooks if family == "inet" else [hook for hook in hooks if hook != "ingress"]

    def _base_chain(self, name: str, hook: str) -> str:
        device = ' device "h0"' if hook == "ingress" else ""
        names = ["filter", "raw", "mangle", "security"] if not device and self.family != "netdev" else ["0"]
        priority = self.one(*names, "-250", "-5", "10") if self.chance(60) else names[0]
        policy = self.weighted((8, "accept"), (2, "drop"))
        head = f"type filter hook {hook}{device} priority {priority}; policy {policy};"
        return self._chain(name, head, hook, self.chains, 1, 6)

    def _elsewhere(self) -> str:
        """A chain that a packet for the host never meets."""
        hook = self.one("forward", "postrouting")
        head = f"type filter hook {hook} priority filter; policy {'drop' if hook == 'forward' else 'accept'};"
        return f"  chain other {{\n    {head}\n    tcp dport 22 drop\n  }}\n"

    def _nat_chain(self) -> str:
        rules = [self._joined(self._matches("prerouting"), self._translation()) for _rule in range(self.number(1, 2))]
        lines = "".join(f"    {rule}\n" for rule in rules)
        return f"  chain nat {{\n    type nat hook prerouting priority dstnat;\n{lines}  }}\n"

    def _translation(self) -> str:
        ip = IP[self.version]
        inet = f" {ip}" if self.family == "inet" else ""
        host = HOSTS[self.version][1]
        told = f"[{host}]" if self.version == 6 else host
        choices = ["redirect to :2222", "redirect to :8022", "redirect to :tcp dport map { 22 : 2222, 80 : 8080 }"]
        if self.family in ("inet", ip):
            choices += [
                f"dnat{inet} to {host}",
                f"dnat{inet} to {told}:2222",
                f"dnat{inet} to {CLIENTS[self.version][1]}",
            ]
        guard = f"meta nfproto ipv{self.version} " if inet else ""
        choice = self.one(*choices)
        return f"tcp dport 22 {choice}" if choice.startswith("redirect") else f"{guard}tcp dport 22 {choice}"

    def _chain(self, name: str, head: str, hook: str | None, below: list[str], least: int, most: int) -> str:
        rules = [self._rule(hook, below) for _rule in range(self.number(least, most))]
        lines = [f"    {line}\n" for line in [head, *rules] if line]
        return f"  chain {name} {{\n{''.join(lines)}  }}\n"

    def _rule(self, hook: str | None, below: list[str]) -> str:
        hooks = [hook] if hook else self.hooks
        if self.chance(12):
            return self._verdict_map(hooks, below)
        return self._joined(self._matches(*hooks), f"{self._statements(hooks)}{self._verdict(hooks, below)}")

    def _joined(self, matches: list[str], rest: str) -> str:
        """One rule; nft refuses one for two protocols at once, so a match that would be for another is left out."""
        kept, claimed = [], claims(rest) | {"ip": {4}, "ip6": {6}}.get(self.family, set())
        for match in matches:
            together = claimed | claims(match)
            if len(together & {4, 6}) < 2 and len(together & {"tcp", "udp", "icmp"}) < 2:
                claimed = together
                kept.append(match)
        return " ".join([*kept, rest]).strip()

    # --- statements ---

    def _statements(self, hooks: list[str]) -> str:
        if not self.chance(25):
            return ""
        choices = ["counter ", "counter ", 'log prefix "x: " ', "meta mark set 0x1 ", "meta mark set 0x12 "]
        choices += ["meta mark set tcp dport map { 22 : 0x1, 80 : 0x2 } "]
        if "ingress" not in hooks:
            choices += ["ct mark set 0x1 ", "meta mark set ct mark ", "ct mark set meta mark "]
        if set(hooks) <= {"prerouting", "output"}:
            choices += ["notrack "]
        if "seen" in self.sets:
            choices += [f"add @seen {{ {IP[self.version]} saddr }} ", f"update @seen {{ {IP[self.version]} saddr }} "]
        return self.one(*choices)

    def _verdict(self, hooks: list[str], below: list[str]) -> str:
        rejects = "reject" if not self.old_nft or not {"ingress"} & set(hooks) else "drop"
        jumps = [f"jump {name}" for name in below] + [f"goto {name}" for name in below[-1:]]
        kind = self.weighted(
            (6, "accept"), (3, "drop"), (4, rejects), (1, "return"), (1, "continue"), (2, ""), (5, "jump")
        )
        if kind == "jump":
            return self.one(*jumps) if jumps else "drop"
        return self._reject() if kind == "reject" else kind

    def _reject(self) -> str:
        if self.chance(20):
            return "reject"
        if self.family in ("ip", "ip6"):
            version = 4 if self.family == "ip" else 6
            told = self.one("tcp reset", *REJECTS[version])
        else:
            told = self.one(*REJECTS_OF_BOTH)
        guard = "meta l4proto tcp " if told == "tcp reset" else ""
        kind, _space, code = told.partition(" ")
        return f"{guard}reject with {told}" if kind == "tcp" else f"reject with {kind} type {code}"

    def _verdict_map(self, hooks: list[str], below: list[str]) -> str:
        ip = IP[self.version]
        verdicts = [
            self.one("accept", "drop", "drop", "return", *[f"jump {name}" for name in below]) for _pair in range(3)
        ]
        if "verdicts" in self.sets and self.chance(40):
            return f"{ip} saddr vmap @verdicts"
        address = self.one(*HOLDS[self.version])
        choices = [
            f"tcp dport vmap {{ 22 : {verdicts[0]}, 80 : {verdicts[1]} }}",
            f"tcp dport vmap {{ 20-25 : {verdicts[0]}, 8000-9000 : {verdicts[1]} }}",
            f"tcp dport vmap {{ 23-79 : {verdicts[0]}, 443 : {verdicts[1]} }}",
            f"{ip} saddr vmap {{ {address} : {verdicts[0]}, {OTHERS[self.version][0]} : {verdicts[1]} }}",
            f"meta l4proto vmap {{ tcp : {verdicts[0]}, udp : {verdicts[1]} }}",
            f'iifname vmap {{ "lo" : accept, "h0" : {verdicts[0]}, "d0" : {verdicts[1]} }}',
            f"{ip} saddr . tcp dport vmap {{ {ADDRESSES[self.version]} . 22 : {verdicts[0]} }}",
            f"meta mark vmap {{ 0x0 : {verdicts[0]}, 0x1 : {verdicts[1]} }}",
            f"meta protocol vmap {{ ip : {verdicts[0]}, ip6 : {verdicts[1]} }}",
        ]
        if not self.old_nft:
            choices.append(f"tcp dport vmap {{ 80 : {verdicts[0]}, * : {verdicts[1]} }}")
        if "ingress" not in hooks:
            states = f"established : accept, related : accept, invalid : drop, new : {verdicts[0]}"
            choices += [f"ct state vmap {{ {states} }}", "ct state vmap { established : accept, invalid : drop }"]
        return self.one(*choices)

    # --- sets ---

    def _set_definitions(self) -> list[str]:
        kinds = ["addresses", "intervals", "ports", "pairs", "names", "seen", "verdicts", "merged", "timed", "squares"]
        chosen: list[str] = self.draw(st.lists(st.sampled_from(kinds), max_size=4, unique=True))
        return [getattr(self, f"_{kind}")() for kind in chosen]

    def _set(self, name: str, kind: str, extra: str, elements: list[str], word: str = "set") -> str:
        self.sets[name] = elements
        told = f" elements = {{ {', '.join(elements)} }};" if elements else ""
        return f"  {word} {name} {{ type {kind};{extra}{told} }}\n"

    def _type(self) -> str:
        return f"ipv{self.version}_addr"

    def _addresses(self) -> str:
        own = [ADDRESSES[self.version]] if self.chance(60) else []
        return self._set("addresses", self._type(), "", [OTHERS[self.version][0], *own])

    def _timed(self) -> str:
        own = [f"{ADDRESSES[self.version]} timeout 1h"] if self.chance(60) else []
        return self._set("timed", self._type(), " flags timeout;", [f"{OTHERS[self.version][0]} timeout 2h", *own])

    def _intervals(self) -> str:
        return self._set("intervals", self._type(), " flags interval;", self.addresses(self.chance(60), ranges=True))

    def _merged(self) -> str:
        elements = self.some(HOLDS[self.version] + OTHERS[self.version])
        return self._set("merged", self._type(), " flags interval; auto-merge;", elements)

    def _ports(self) -> str:
        elements = self.some(["80", "443", "8000-9000"]) + ([self.one("22", "20-25")] if self.chance(60) else [])
        return self._set("ports", "inet_service", " flags interval;", elements)

    def _pairs(self) -> str:
        own = [f"{ADDRESSES[self.version]} . 22"] if self.chance(60) else []
        others = [f"{OTHERS[self.version][0]} . 22", f"{ADDRESSES[self.version]} . 80"]
        return self._set("pairs", f"{self._type()} . inet_service", "", others + own)

    def _squares(self) -> str:
        own = self.some([f"{self.one(*HOLDS[self.version])} . 20-25"], 0)
        others = [f"{OTHERS[self.version][1]} . 1-1023", f"{OTHERS[self.version][0]} . 22"]
        return self._set("squares", f"{self._type()} . inet_service", " flags interval;", others + own)

    def _names(self) -> str:
        return self._set("names", "ifname", "", self.some(['"d0"', '"h0"', '"eth0"']))

    def _seen(self) -> str:
        return self._set("seen", self._type(), " flags dynamic, timeout; timeout 1m; size 1024;", [])

    def _verdicts(self) -> str:
        verdict = self.one("drop", "accept", *[f"jump {name}" for name in self.chains])
        own = [f"{self.one(*HOLDS[self.version])} : {verdict}"] if self.chance(60) else []
        elements = [f"{OTHERS[self.version][1]} : drop", *own]
        return self._set("verdicts", f"{self._type()} : verdict", " flags interval;", elements, "map")

    # --- matches ---

    def _matches(self, *hooks: str) -> list[str]:
        count = self.weighted((3, 1), (3, 2), (1, 3), (1, 0))
        kinds = [(5, self._port), (5, self._address), (2, self._meta), (2, self._flags), (2, self._mark), (2, self._raw),
                 (3, self._concatenation), (1, self._of_others), (1, self._source_port)]  # fmt: skip
        if "ingress" not in hooks:
            kinds += [(4, self._state), (2, self._fib)]
        if "output" not in hooks:
            kinds.append((3, self._interface))
        found = [self.weighted(*kinds)() for _match in range(count)]
        if self.chance(2):
            found.append(self._rare(hooks))
        return found

    def _port(self) -> str:
        field = self.one("tcp dport", "th dport")
        field = f"meta l4proto tcp {field}" if field.startswith("th") else field
        if "ports" in self.sets and self.chance(40):
            return f"{field} {self.one('', '!= ')}@ports"
        if self.chance(70):
            return f"{field} {self.one('22', '20-25', '{ 22, 80 }', '{ 1-1023, 8080 }', '!= 80', '< 1024', '>= 22', '!= { 80, 443 }', '<= 22')}"
        return f"{field} {self.one('80', '23-79', '{ 80, 443 }', '!= 22', '> 22', '!= 20-25', '!= { 22, 80 }')}"

    def _source_port(self) -> str:
        return self.one("tcp sport >= 1024", "tcp sport 1024-65535", "tcp sport 513-65535", "tcp sport < 1024",
                        "tcp sport { 22, 53 }", "tcp sport != 1-1023", "tcp sport != 22")  # fmt: skip

    def _address(self) -> str:
        ip, holds = IP[self.version], self.chance(65)
        field = self.one(f"{ip} saddr", f"{ip} saddr", f"{ip} daddr")
        negated = self.weighted((3, ""), (1, "!= "))
        wanted = holds != bool(negated)
        if field.endswith("daddr"):
            return f"{field} {negated}{self.host(wanted)}"
        named = [name for name in ("addresses", "intervals", "merged", "timed", "seen") if name in self.sets]
        if named and self.chance(45):
            return f"{field} {negated}@{self.one(*named)}"
        form = self.one("single", "range", "set", "mask", "order")
        if form == "range":
            return f"{field} {negated}{(RANGES if wanted else OTHER_RANGES)[self.version]}"
        if form == "set":
            return f"{field} {negated}{{ {', '.join(self.addresses(wanted, ranges=True))} }}"
        if form == "mask":
            return f"{field} & {MASKS[self.version]} {'!=' if negated else '=='} {NETWORKS[self.version][not wanted]}"
        if form == "order":
            return f"{field} {'<' if wanted else '>'} {'10.99.0.5' if self.version == 4 else 'fd99::5'}"
        return f"{field} {negated}{self.one(*(HOLDS if wanted else OTHERS)[self.version])}"

    def _meta(self) -> str:
        ip = "ip protocol" if self.version == 4 else "ip6 nexthdr"
        hits = ["meta l4proto tcp", "meta l4proto { tcp, udp }", "meta l4proto != udp", f"{ip} tcp", "meta pkttype host",
                self._ethertype(self.version), "meta l4proto 6", f"{ip} {{ tcp, udp }}"]  # fmt: skip
        misses = ["meta l4proto udp", f"{ip} udp", "meta pkttype { broadcast, multicast }", f"{ip} != tcp",
                  self._ethertype(10 - self.version), "meta l4proto { udp, icmp }"]  # fmt: skip
        if self.family == "inet":
            hits.append(f"meta nfproto ipv{self.version}")
            misses.append(f"meta nfproto ipv{10 - self.version}")
        return self.one(*(hits if self.chance(70) else misses))

    def _ethertype(self, version: int) -> str:
        # An old nft loads it in a table inet, and lists the rule without it.
        return "meta mark 0x0" if self.old_nft else f"meta protocol {IP[version]}"

    def _interface(self) -> str:
        if "names" in self.sets and self.chance(40):
            return f"iifname {self.one('', '!= ')}@names"
        hits = ['iifname "h0"', 'iifname "h*"', 'iifname { "h0", "d0" }', 'iif "h0"', 'iifname != "lo"', "iif != lo",
                'iifname != { "d0", "lo" }']  # fmt: skip
        misses = ['iifname "lo"', 'iifname "d*"', 'iif "d0"', 'iifname != "h0"', 'iifname != "h*"', 'iifname "h00"']
        return self.one(*(hits if self.chance(70) else misses))

    def _flags(self) -> str:
        hits = ["tcp flags syn", "tcp flags & (fin|syn|rst|ack) == syn", "tcp flags & syn != 0", "tcp flags == syn",
                "tcp flags & (syn|ack) == syn", "tcp flags != ack", "tcp flags { syn, ack }", "tcp flags & ack == 0"]  # fmt: skip
        misses = ["tcp flags ack", "tcp flags & (fin|syn) == (fin|syn)", "tcp flags != syn", "tcp flags & (syn|ack) == ack",
                  "tcp flags & (fin|syn|rst|psh|ack|urg) == 0", "tcp flags { fin, rst }"]  # fmt: skip
        return self.one(*(hits if self.chance(65) else misses))

    def _mark(self) -> str:
        return self.one("meta mark 0x1", "meta mark 0x0", "meta mark & 0xf == 0x2", "meta mark != 0x1", "meta mark > 0x0",
                        "meta mark { 0x1, 0x12 }", "meta mark & 0x10 != 0x0")  # fmt: skip

    def _raw(self) -> str:
        if self.family in ("ip", "ip6") and not self.old_nft:
            own = (self.family == "ip") == (self.version == 4)
            source = "@nh,96,32 0x0a630001" if self.family == "ip" else "@nh,64,16 0xfd99"
            return self.one(source, "@th,16,16 22", "@th,16,8 0") if own else "@th,16,16 22"
        if self.family in ("ip", "ip6"):
            return "@th,16,16 22"
        return self.one(
            "meta l4proto tcp @th,16,16 22", "meta l4proto tcp @th,16,16 != 22", "meta l4proto tcp @th,16,8 0x0"
        )

    def _concatenation(self) -> str:
        ip, address = IP[self.version], self.one(ADDRESSES[self.version], OTHERS[self.version][0])
        network = self.one(*HOLDS[self.version], OTHERS[self.version][1])
        named = [
            f"{ip} saddr . tcp dport {self.one('', '!= ')}@{name}" for name in ("pairs", "squares") if name in self.sets
        ]
        if named and self.chance(60):
            return self.one(*named)
        return self.one(
            f"{ip} saddr . tcp dport {{ {address} . 22, {OTHERS[self.version][2]} . 80 }}",
            f"{ip} saddr . tcp dport {{ {network} . 20-25 }}",
            f"{ip} saddr . {ip} daddr {{ {address} . {HOSTS[self.version][0]} }}",
            f"meta l4proto . th dport {{ tcp . {self.one('22', '80')}, udp . 53 }}",
            f'iifname . {ip} saddr {{ "h0" . {address} }}',
        )

    def _of_others(self) -> str:
        return self.one("udp dport 22", "icmp type echo-request", "icmpv6 type echo-request", "udp dport { 53, 22 }",
                        f"{IP[10 - self.version]} saddr {OTHERS[10 - self.version][0]}")  # fmt: skip

    def _state(self) -> str:
        hits = ["ct state new", "ct state { new, established }", "ct state new,related", "ct state != established",
                "ct direction original", "ct mark 0x0", "ct state != invalid",
                "ct direction original"]  # fmt: skip
        misses = ["ct state established,related", "ct state invalid", "ct state untracked", "ct status dnat",
                  "ct mark 0x1", "ct direction reply", "ct state { established, related }"]  # fmt: skip
        return self.one(*(hits if self.chance(60) else misses))

    def _fib(self) -> str:
        choices = ["fib daddr type local", "fib daddr type != local", "fib daddr type { local, broadcast }",
                   "fib saddr type unicast", "fib saddr type local", "fib saddr type != unicast"]  # fmt: skip
        if self.hooks == ["prerouting"] and not self.chains:
            choices += ["fib saddr . iif oif missing", "fib saddr . iif oif exists", "fib saddr oif exists",
                        "fib daddr . iif type local"]  # fmt: skip
        return self.one(*choices)

    def _rare(self, hooks: tuple[str, ...]) -> str:
        """What hardly can be told, or needs a look at more than the rules."""
        choices = ["limit rate 100/second", "limit rate over 100/second", "meta length < 100", "meta cpu >= 0",
                   "numgen random mod 2 0", "quota over 100 mbytes", "quota until 100 mbytes"]  # fmt: skip
        choices.append("ip ttl 64" if self.version == 4 else "ip6 hoplimit 64")
        if "ingress" not in hooks:
            choices += ["ct count over 1000", "ct count 1000"]
        return self.one(*choices)


# --- iptables ---

IPTABLES_HOOKS = {
    "filter": ["INPUT", "FORWARD", "OUTPUT"],
    "raw": ["PREROUTING", "OUTPUT"],
    "mangle": ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
    "nat": ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
    "security": ["INPUT", "FORWARD", "OUTPUT"],
}
# Where a packet for the host comes by.
OWN_HOOKS = {"filter": "INPUT", "raw": "PREROUTING", "mangle": "PREROUTING", "nat": "PREROUTING", "security": "INPUT"}
IPTABLES_REJECTS = {
    4: ["tcp-reset", "icmp-port-unreachable", "icmp-host-unreachable", "icmp-net-unreachable", "icmp-proto-unreachable",
        "icmp-net-prohibited", "icmp-host-prohibited", "icmp-admin-prohibited"],
    6: ["tcp-reset", "icmp6-port-unreachable", "icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable",
        "icmp6-policy-fail", "icmp6-reject-route"],
}  # fmt: skip


class Iptables(Maker):
    """The input of iptables-restore, or of ip6tables-restore."""

    def __init__(self, draw: Draw, version: int, old_nft: bool, sets: list[str]) -> None:
        super().__init__(draw, version, old_nft)
        self.sets = sets

    def text(self) -> str:
        tables = self.draw(st.lists(st.sampled_from(["raw", "mangle", "nat", "security"]), max_size=1, unique=True))
        if not tables or self.chance(80):
            tables = [*tables, "filter"]
        return "".join(self._table(table) for table in tables)

    def _table(self, table: str) -> str:
        self.name = table
        own = [f"U{at}" for at in range(self.number(0, 3))]
        lines = [f"*{table}"]
        for chain in IPTABLES_HOOKS[table]:
            percent = 0 if table == "nat" else {"INPUT": 25, "FORWARD": 50, "PREROUTING": 15, "OUTPUT": 6}.get(chain, 0)
            lines.append(f":{chain} {'DROP' if self.chance(percent) else 'ACCEPT'} [0:0]")
        lines += [f":{chain} - [0:0]" for chain in own]
        for at, chain in enumerate(own):
            lines += [self._rule(chain, own[at + 1 :]) for _rule in range(self.number(0, 4))]
        lines += [self._rule(OWN_HOOKS[table], own) for _rule in range(self.number(1, 6))]
        if table == "filter" and self.chance(20):
            lines += [f"-A FORWARD -p tcp --dport 22 -j {self.one('DROP', 'REJECT')}", self._reply_rule()]
        return "\n".join([*lines, "COMMIT\n"])

    def _reply_rule(self) -> str:
        match = self.one("-p tcp --sport 22", "-m conntrack --ctstate ESTABLISHED,RELATED", "-o h0",
                         "-m conntrack --ctstate NEW", f"-d {ADDRESSES[self.version]}", "-p udp")  # fmt: skip
        return f"-A OUTPUT {match} -j {self.one('ACCEPT', 'DROP', 'REJECT')}"

    def _rule(self, chain: str, below: list[str]) -> str:
        count = self.weighted((3, 1), (3, 2), (1, 3), (1, 0))
        kinds = [(5, self._port), (5, self._address), (3, self._interface), (3, self._state), (2, self._flags),
                 (2, self._mark), (1, self._type), (1, self._range), (1, self._of_others), (1, self._recent), (1, self._source_port)]  # fmt: skip
        kinds += [(4, self._set)] if self.sets else []
        matches = []
        for judge in dict.fromkeys(self.weighted(*kinds) for _match in range(count)):
            matches.append(judge())
        if self.chance(2):
            matches.append(self._rare(chain))
        needs_tcp = any(" --dport" in match or "tcp" in match for match in matches)
        target = self._target(chain, below)
        # One protocol a rule, which comes first.
        protocols = [match for match in matches if match.startswith(("-p", "! -p"))][:1]
        if target.endswith("tcp-reset") or self.name == "nat" or needs_tcp:
            protocols = [match for match in protocols if match.startswith("-p tcp")] or ["-p tcp"]
        rest = [match for match in matches if not match.startswith(("-p", "! -p"))]
        words = [*protocols, *rest, target]
        return " ".join(["-A", chain, *[word for word in words if word]])

    def _target(self, chain: str, below: list[str]) -> str:
        if self.name == "nat":
            return self._translation(below)
        kinds = [(6, "-j ACCEPT"), (3, "-j DROP"), (1, "-j RETURN"), (1, "-j LOG --log-prefix \"a b\""),
                 (1, "-j MARK --set-xmark 0x1/0xffffffff"), (1, "-j MARK --or-mark 0x2"), (1, "-j MARK --set-mark 0x12"),
                 (1, "-j CONNMARK --set-mark 0x1"), (1, "-j CONNMARK --save-mark"), (1, "-j CONNMARK --restore-mark"),
                 (1, "")]  # fmt: skip
        kinds += [(3, f"-j {name}") for name in below] + [(2, f"-g {name}") for name in below[-1:]]
        if self.name == "filter":
            kinds += [(4, f"-j REJECT --reject-with {self.one(*IPTABLES_REJECTS[self.version])}"), (1, "-j REJECT")]
        if self.name == "raw":
            kinds += [(2, "-j CT --notrack"), (1, "-j NOTRACK")]
        if f"addresses{self.version}" in self.sets:
            kinds += [
                (1, f"-j SET --add-set addresses{self.version} src"),
                (1, f"-j SET --del-set addresses{self.version} src"),
            ]
        return self.weighted(*kinds)

    def _translation(self, below: list[str]) -> str:
        host = HOSTS[self.version][1]
        told = f"[{host}]" if self.version == 6 else host
        return self.one("-j REDIRECT --to-ports 2222", "-j REDIRECT --to-ports 8022", f"-j DNAT --to-destination {host}",
                        f"-j DNAT --to-destination {told}:2222", "-j RETURN", "-j ACCEPT", "-j REDIRECT",
                        *[f"-j {name}" for name in below])  # fmt: skip

    # --- matches ---

    def _port(self) -> str:
        if self.chance(70):
            return self.one("-p tcp -m tcp --dport 22", "-p tcp -m tcp --dport 20:25", "-p tcp -m multiport --dports 22,80",
                            "-p tcp -m multiport --dports 80,20:25", "-p tcp -m tcp ! --dport 80", "-p tcp",
                            "-p tcp -m multiport ! --dports 80,443", "! -p udp", "-p tcp -m tcp --dport :1023")  # fmt: skip
        return self.one("-p tcp -m tcp --dport 80", "-p tcp -m tcp ! --dport 22", "-p tcp -m multiport --dports 80,443",
                        "-p udp", "! -p tcp", "-p tcp -m tcp --dport 23:", "-p udp -m udp --dport 22")  # fmt: skip

    def _source_port(self) -> str:
        return "-p tcp -m tcp " + self.one("--sport 1024:65535", "--sport 513:", "! --sport 1024:65535", "--sport 22",
                                           "--sport :1023", "! --sport 22")  # fmt: skip

    def _address(self) -> str:
        holds, negated = self.chance(65), self.weighted((3, ""), (1, "! "))
        wanted = holds != bool(negated)
        if self.chance(25):
            return f"{negated}-d {self.host(wanted)}"
        return f"{negated}-s {self.one(*(HOLDS if wanted else OTHERS)[self.version])}"

    def _interface(self) -> str:
        return self.one("-i h0", "-i h+", "! -i lo", "-i d0", "! -i h+", "-i lo", "! -i d+")

    def _state(self) -> str:
        return self.one("-m conntrack --ctstate NEW", "-m state --state NEW", "-m conntrack ! --ctstate INVALID",
                        "-m conntrack --ctstate NEW,RELATED", "-m conntrack --ctstate RELATED,ESTABLISHED",
                        "-m conntrack --ctstate INVALID", "-m state --state ESTABLISHED", "-m conntrack ! --ctstate NEW",
                        "-m conntrack --ctstate UNTRACKED", "-m conntrack --ctstate DNAT")  # fmt: skip

    def _flags(self) -> str:
        return self.one("-p tcp -m tcp --syn", "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", "-p tcp -m tcp ! --syn",
                        "-p tcp -m tcp --tcp-flags ALL SYN", "-p tcp -m tcp --tcp-flags SYN,ACK ACK",
                        "-p tcp -m tcp --tcp-flags ALL NONE")  # fmt: skip

    def _mark(self) -> str:
        return self.one("-m mark --mark 0x1", "-m mark ! --mark 0x1", "-m mark --mark 0x2/0x2", "-m connmark --mark 0x1",
                        "-m mark --mark 0x0", "-m connmark ! --mark 0x1")  # fmt: skip

    def _type(self) -> str:
        return self.one("-m addrtype --dst-type LOCAL", "-m addrtype ! --dst-type LOCAL", "-m addrtype --src-type UNICAST",
                        "-m addrtype --src-type LOCAL", "-m addrtype --dst-type LOCAL,MULTICAST",
                        "-m pkttype --pkt-type unicast", "-m pkttype ! --pkt-type multicast",
                        '-m comment --comment "one -j DROP"')  # fmt: skip

    def _range(self) -> str:
        holds = self.chance(65)
        return f"-m iprange {'' if holds else '! '}--src-range {(RANGES if self.chance(60) else OTHER_RANGES)[self.version]}"

    def _of_others(self) -> str:
        if self.version == 6:
            return self.one("-p udp -m udp --dport 53", "-p ipv6-icmp -m icmp6 --icmpv6-type 128")
        return self.one("-p udp -m udp --dport 53", "-p icmp -m icmp --icmp-type 8", "-f")

    def _recent(self) -> str:
        return self.one("-m recent --set --name A --rsource", "-m recent --rcheck --seconds 60 --name A --rsource",
                        "-m recent --update --seconds 60 --hitcount 4 --name A --rsource",
                        "-m recent ! --rcheck --name A --rsource")  # fmt: skip

    def _set(self) -> str:
        name = self.one(*self.sets)
        if name.startswith("ports"):
            return f"-p tcp -m set {self.one('', '! ')}--match-set {name} dst"
        two = name.startswith(("pairs", "netports"))
        direction, head = ("src,dst", "-p tcp ") if two else ("src", "")
        return f"{head}-m set {self.weighted((3, ''), (1, '! '))}--match-set {name} {direction}"

    def _rare(self, chain: str) -> str:
        choices = ["-m limit --limit 100/sec --limit-burst 100", "-m length --length 40:100",
                   "-m statistic --mode random --probability 0.5", "-p tcp -m connlimit --connlimit-above 500",
                   "-m time --timestart 00:00 --timestop 23:59"]  # fmt: skip
        if self.version == 4:
            choices += ["-m ttl --ttl-eq 64", '-m u32 --u32 "6&0xFF=6"', "-m mac --mac-source 02:00:00:00:00:01"]
        return self.one(*choices)


def ipsets(maker: Maker) -> tuple[str, list[str]]:
    """The input of ipset restore, and the names of the sets that a rule may name."""
    version = maker.version
    family = "inet" if version == 4 else "inet6"
    client, other = ADDRESSES[version], OTHERS[version][0]
    lines, names = [], []
    definitions = {
        f"addresses{version}": (f"hash:ip family {family}", [other], [client]),
        f"nets{version}": (f"hash:net family {family}", [OTHERS[version][1]], [maker.one(*HOLDS[version])]),
        f"pairs{version}": (f"hash:ip,port family {family}", [f"{client},tcp:80"], [f"{client},tcp:22"]),
        f"netports{version}": (f"hash:net,port family {family}", [f"{other},tcp:22"], [f"{HOLDS[version][2]},tcp:22"]),
        "ports": ("bitmap:port range 0-1023", ["80"], ["22"]),
    }
    for name in maker.some(sorted(definitions), 0):
        kind, others, own = definitions[name]
        members = others + (own if maker.chance(60) else [])
        lines += [f"create {name} {kind}"] + [f"add {name} {member}" for member in members]
        names.append(name)
    listed = [name for name in names if name.startswith(("addresses", "nets"))]
    if listed and maker.chance(30):
        lines += [f"create list{version} list:set"] + [f"add list{version} {name}" for name in listed]
        names.append(f"list{version}")
    return "".join(f"{line}\n" for line in lines), names


@st.composite
def rulesets(draw: Draw, old_nft: bool = False) -> Ruleset:
    """Rulesets of nftables, of iptables in both flavours, and of several of them at once."""
    version = draw(st.sampled_from([4, 6]))
    kinds: tuple[str, ...] = draw(
        st.sampled_from([("nft",), ("nft",), ("nft",), ("iptables-nft",), ("iptables-legacy",), ("iptables-legacy",),
                         ("nft", "iptables-legacy"), ("nft", "iptables-nft"), ("iptables-nft", "iptables-legacy")])
    )  # fmt: skip
    tables, sets, programs = "", "", []
    if "nft" in kinds:
        maker = Nft(draw, version, old_nft)
        tables = "".join(maker.table(number) for number in range(maker.number(1, 2)))
    names: list[str] = []
    if len(kinds) > 1 or "nft" not in kinds:
        sets, names = ipsets(Maker(draw, version, old_nft))
    for kind in kinds:
        if kind != "nft":
            program = kind.replace("iptables", "ip6tables" if version == 6 else "iptables") + "-restore"
            programs.append((program, Iptables(draw, version, old_nft, names).text()))
    connections = [(version, CLIENTS[version][0], HOSTS[version][0])]
    if draw(st.booleans()):
        connections.append((version, CLIENTS[version][1], HOSTS[version][draw(st.integers(0, 1))]))
    if "nft" in kinds and draw(st.booleans()):
        connections.append((10 - version, CLIENTS[10 - version][0], HOSTS[10 - version][0]))
    return Ruleset(tables, tuple(programs), sets, tuple(connections))
