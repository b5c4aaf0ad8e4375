# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import unittest

from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import (
    gather,
    iptables,
    iptables_matches,
    nft,
)
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.world import World

DROP = {"drop": None}
CLIENT, ADDRESS = "10.0.0.9", "10.0.0.2"
SAVED = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n%s\nCOMMIT\n"


class Here(World):
    """A host with this address on eth0, and all the world behind it."""

    def route(self, address):
        local = address == ADDRESS
        return {"interface": "lo" if local else "eth0", "source": ADDRESS, "local": local,
                "type": "local" if local else "unicast", "error": None}  # fmt: skip

    def in_ipset(self, name, directions, packet):
        return name == "clients"


class OfTwoLinks(Here):
    """The same, with the address on another link than the way back leads by."""

    def _holder(self, address):
        return "net1"


class Bridged(Here):
    """The same, with the address on a bridge of these ports."""

    def __init__(self, *ports):
        Here.__init__(self)
        names = ("br0",) + ports
        self._links = {name: {"name": name, "kind": "device", "master": "br0"} for name in names}
        self._links["br0"].update(kind="bridge", master=None)

    def route(self, address):
        return dict(Here.route(self, address), interface="lo" if address == ADDRESS else "br0")


def judged(chains, world=None, **packet):
    asked = {"protocol": "tcp", "source": CLIENT, "destination": ADDRESS, "port": 22, "interface": None}
    return gather.judge(chains, world or Here(), dict(asked, **packet))


def chain(hook, *statements, **more):
    """A base chain as nft lists it, with one rule of these statements."""
    place = {"family": more.get("family", "inet"), "table": "t"}
    base = dict(place, name=hook, hook=hook, type="filter", prio=0, policy=more.get("policy", "accept"))
    if "device" in more:
        base["dev"] = more["device"]
    return [{"chain": base}, {"rule": dict(place, chain=hook, handle=7, expr=list(statements))}]


def equal(left, right):
    return {"match": {"op": "==", "left": left, "right": right}}


def of_nft(entries, world, **packet):
    chains = nft.chains({"nftables": entries}, world)
    for each in chains:
        for rule in each.rules:
            rule.text = "rule of %s" % each.name
    return judged(chains, world, **packet)


def of_iptables(*rules):
    world = Here()
    return judged(iptables.chains(SAVED % "\n".join(rules), "iptables-legacy", 4, world), world)


def options_of(text):
    """The options of a rule as they are understood, and the words of its target."""
    line = iptables_matches.Line(iptables.words(text))
    return [[option] + value for _negated, _module, option, value in line.options], line.target[1:]


class IptablesWordsTest(unittest.TestCase):
    def test_an_option_is_no_value_of_the_one_before_it(self):
        for option in ("--socket-exists", "--ahres", "--rt-0-not-strict", "--restore-skmark", "--strict", "-f"):
            self.assertEqual(([[option]], ["DROP"]), options_of("-m x %s -j DROP" % option))
        for text, options in (
            ("--match-set x src ! --update-counters", [["--match-set", "x", "src"], ["--update-counters"]]),
            ("--tcp-flags FIN,SYN SYN --dport 22", [["--tcp-flags", "FIN,SYN", "SYN"], ["--dport", "22"]]),
            ("--chunk-types any INIT,ACK --sport 1", [["--chunk-types", "any", "INIT,ACK"], ["--sport", "1"]]),
            ("--mode random ! --probability 0.5", [["--mode", "random"], ["--probability", "0.5"]]),
        ):
            self.assertEqual((options, ["REJECT", "--reject-with", "tcp-reset"]),
                             options_of(text + " -j REJECT --reject-with tcp-reset"))  # fmt: skip

    def test_what_an_operator_has_written_may_look_like_an_option(self):
        for text in ('--comment "-j ACCEPT"', "--comment -j", "--string --dport", "--name -g"):
            options, target = options_of("-m comment %s -p tcp -j DROP" % text)
            self.assertEqual((["-p", "tcp"], ["DROP"]), (options[-1], target))

    def test_a_target_that_cannot_be_found_makes_the_verdict_unknown(self):
        for rule in ("-A INPUT -m comment --comment -j DROP", "-A INPUT -i -j DROP"):
            answer = of_iptables(rule)
            self.assertEqual(("unknown", rule), (answer["verdict"], answer["rule"]["text"]))

    def test_a_rule_may_have_no_target(self):
        self.assertEqual("accept", of_iptables("-A INPUT -p tcp -m tcp --dport 22")["verdict"])


class IptablesFlagsTest(unittest.TestCase):
    def test_how_a_set_counts_says_nothing_of_the_packet(self):
        for flags in ("! --update-counters", "! --update-subcounters", "--return-nomatch ! --update-counters"):
            answer = of_iptables("-A INPUT -m set --match-set clients src %s -j DROP" % flags)
            self.assertEqual(("drop", True), (answer["verdict"], answer["blockers"][0]["by_source"]))
            answer = of_iptables("-A INPUT -m set --match-set others src %s -j DROP" % flags)
            self.assertEqual("accept", answer["verdict"])

    def test_what_nobody_can_judge_is_named(self):
        for match in (
            "-m set --match-set clients src --packets-gt 5",
            "-m socket --transparent --nowildcard",
            "-m policy --dir in --pol ipsec --strict",
            "-m time --timestart 10:00:00 --contiguous --kerneltz",
        ):
            rule = "-A INPUT -p tcp %s -j DROP" % match
            answer = of_iptables(rule)
            self.assertEqual(("unknown", rule), (answer["verdict"], answer["suspect"]["text"]))
        rule = "-A OUTPUT -m owner --socket-exists -j DROP"
        answer = of_iptables(rule)
        self.assertEqual(("unknown", "reply"), (answer["verdict"], answer["suspect"]["stage"]))
        self.assertEqual(rule, answer["suspect"]["text"])


class InterfaceTest(unittest.TestCase):
    def judged(self, *rules, **packet):
        world = OfTwoLinks()
        return judged(iptables.chains(SAVED % "\n".join(rules), "iptables-legacy", 4, world), world, **packet)

    def test_where_the_way_in_makes_a_difference_nobody_knows(self):
        for name, other in (("net1", "eth0"), ("eth0", "net1")):
            rule = "-A INPUT -i %s -p tcp -m tcp --dport 22 -j DROP" % name
            answer = self.judged(rule, "-A INPUT -p udp -j DROP")
            self.assertEqual(("unknown", ["drop"], []), (answer["verdict"], answer["alternatives"], answer["blockers"]))
            self.assertEqual((rule, "unknown"), (answer["suspect"]["text"], answer["suspect"]["verdict"]))
            told = " cannot be judged: it is not known whether the packets come in by eth0 or by net1"
            self.assertEqual(rule + told, answer["reason"])
            self.assertEqual("drop", self.judged(rule, interface=name)["verdict"])
            self.assertEqual("accept", self.judged(rule, interface=other)["verdict"])

    def test_where_it_makes_none_the_verdict_is_certain(self):
        self.assertEqual("accept", self.judged("-A INPUT -i eth1 -j DROP")["verdict"])
        answer = self.judged("-A INPUT -i net1 -j REJECT", "-A INPUT -p tcp -j DROP")
        self.assertEqual(("drop", ["reject"]), (answer["verdict"], answer["alternatives"]))
        self.assertEqual(["-A INPUT -p tcp -j DROP"], [blocker["text"] for blocker in answer["blockers"]])
        answer = self.judged("-A INPUT -i net1 -j DROP", "-A INPUT -i eth0 -j DROP")
        self.assertEqual(("drop", 2), (answer["verdict"], len(answer["blockers"])))

    def test_what_is_not_known_stays_so(self):
        limited = "-A INPUT -m limit --limit 1/hour -j DROP"
        answer = self.judged(limited, "-A INPUT -i net1 -j DROP")
        self.assertEqual("unknown", answer["verdict"])
        self.assertEqual(["-A INPUT -i net1 -j DROP", limited], [each["text"] for each in answer["suspects"]])

    def test_the_link_that_holds_the_address(self):
        world = World()
        world._links = {1: {"name": "lo", "kind": "loopback", "up": True}}
        self.assertEqual(None, world._holder("127.0.0.1"))
        self.assertEqual(["lo"], world.ways_in("127.0.0.1", "127.0.0.1"))


class BridgeTest(unittest.TestCase):
    def test_the_filters_of_the_port_come_first(self):
        dport = equal({"payload": {"protocol": "tcp", "field": "dport"}}, 22)
        own_port = equal({"meta": {"key": "iifname"}}, "eth0")
        for entries in (
            chain("prerouting", own_port, dport, DROP, family="bridge"),
            chain("input", own_port, equal({"meta": {"key": "ibrname"}}, "br0"), DROP, family="bridge"),
            chain("ingress", dport, DROP, family="netdev", device="eth0"),
        ):
            self.assertEqual(("drop", "arrival"), self.fate(of_nft(entries, Bridged("eth0"))))
            self.assertEqual("accept", of_nft(entries, Bridged("eth1"))["verdict"])

    def test_the_answer_passes_them_as_well(self):
        entries = chain("postrouting", equal({"meta": {"key": "oifname"}}, "eth0"), DROP, family="bridge")
        self.assertEqual(("drop", "reply"), self.fate(of_nft(entries, Bridged("eth0"))))

    def test_of_several_ports_nobody_knows_which_one_it_is(self):
        entries = chain("input", equal({"meta": {"key": "iifname"}}, "eth0"), DROP, family="bridge")
        answer = of_nft(entries, Bridged("eth0", "tap0"))
        self.assertEqual(("unknown", "rule of input"), (answer["verdict"], answer["suspect"]["text"]))
        self.assertEqual("drop", of_nft(chain("input", DROP, family="bridge"), Bridged("eth0", "tap0"))["verdict"])

    def test_a_host_without_a_bridge_has_nothing_to_do_with_them(self):
        entries = chain("input", DROP, family="bridge", policy="drop")
        world = Bridged("eth0")
        world._links["br0"]["kind"] = "bond"
        for here in (world, Here()):
            self.assertEqual("accept", of_nft(entries, here)["verdict"])

    @staticmethod
    def fate(answer):
        return answer["verdict"], answer["stage"]


if __name__ == "__main__":
    unittest.main()
