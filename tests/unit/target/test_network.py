# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import struct
import unittest

from target_helpers import fixture_bytes, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import (
    conntrack,
    host,
    neighbours,
    netlink,
    routing,
    way,
)
from ansible_collections.rescue.remote_login.plugins.module_utils import links as link_states
from ansible_collections.rescue.remote_login.plugins.module_utils.network import (
    gather,
    interfaces,
    path_mtu,
    policy,
    queues,
)

BRIDGE = 5
HOST, CLIENT = "192.0.2.10", "198.51.100.7"


def real_links():
    return link_states.parse_all(fixture_bytes("network", "links.hex"))


def by_name(links=None):
    return {link["name"]: link for link in (links or real_links()).values()}


def link(name, **more):
    usual = {"name": name, "index": len(name), "kind": "device", "up": True, "carrier": True, "operstate": "up"}
    usual.update(arp=True, protodown=False, master=None, lower=None, port_state=None, mtu=1500, mac=None)
    return dict(usual, **more)


def table(*links):
    return {entry["name"]: entry for entry in links}


class Links(unittest.TestCase):
    def test_what_the_kernel_says_of_them(self):
        found = by_name()
        self.assertEqual([found[name]["kind"] for name in ("lo", "br0", "inner")], ["loopback", "bridge", "veth"])
        self.assertEqual((found["uplink"]["up"], found["uplink"]["master"]), (False, "br0"))
        self.assertEqual((found["inner"]["port_state"], found["uplink"]["port_state"]), ("forwarding", "disabled"))
        self.assertEqual((found["alone"]["carrier"], found["alone"]["operstate"]), (False, "lowerlayerdown"))
        self.assertEqual(found["br0"]["mtu"], 1500)
        self.assertIn("rx_dropped", found["br0"]["counters"])

    def test_a_link_in_another_namespace_is_none_here(self):
        found = by_name()
        self.assertIsNone(found["uplink"]["lower"])
        self.assertEqual(found["inner"]["lower"], "other")

    def test_a_message_that_is_cut_off(self):
        bodies = fixture_bytes("network", "links.hex")
        for body in bodies:
            for size in range(0, len(body), 7):
                link_states.parse_all([body[:size]])
                interfaces.parse_addresses([body[:size]], {})

    def test_the_deepest_trouble_is_told(self):
        vlan = link("eth0.7", kind="vlan", lower="bond0", up=False)
        bond, port = link("bond0", kind="bond", carrier=False), link("eth0", master="bond0", carrier=False)
        found = interfaces.trouble("eth0.7", table(vlan, bond, port))
        self.assertEqual(found, {"link": "eth0", "why": "has no carrier"})

    def test_one_port_of_two_is_enough(self):
        links = table(link("bond0", kind="bond"), link("a", master="bond0", up=False), link("b", master="bond0"))
        self.assertIsNone(interfaces.trouble("bond0", links))

    def test_links_that_go_in_a_circle(self):
        links = table(link("a", kind="vlan", lower="b", up=False), link("b", kind="vlan", lower="a", up=False))
        self.assertEqual(interfaces.trouble("a", links)["why"], "is administratively down")

    def test_what_carries_nothing_though_it_is_up(self):
        for more, word in (
            ({"protodown": True}, "protodown"),
            ({"operstate": "dormant"}, "dormant"),
            ({"arp": False}, "arp off"),
        ):
            self.assertIn(word, interfaces.trouble("a", table(link("a", **more)))["why"])
        self.assertIsNone(interfaces.trouble("a", table(link("a", operstate="unknown"))))
        self.assertIsNone(interfaces.trouble("a", table(link("a", arp=False, kind="tun"))))

    def test_a_bridge_without_the_port_that_leads_out(self):
        self.assertIsNone(interfaces.trouble("br0", by_name()))
        self.assertEqual([entry["link"] for entry in gather._closed_ports("br0", by_name())], ["uplink"])

    def test_a_bridge_with_another_port_that_leads_out(self):
        links = table(link("br0", kind="bridge"), link("a", master="br0", up=False), link("b", master="br0"))
        self.assertEqual(gather._closed_ports("br0", links), [])


class Addresses(unittest.TestCase):
    def test_what_the_kernel_says_of_them(self):
        found = interfaces.parse_addresses(fixture_bytes("network", "addresses.hex"), real_links())
        self.assertIn({"address": HOST, "prefix": 24, "interface": "br0", "scope": "global", "state": "ok"}, found)
        states = {entry["address"]: entry["state"] for entry in found}
        self.assertEqual(states["fd00:7::1"], "tentative")

    def test_states(self):
        for flags, state in (
            (0x80, "ok"),
            (0x48, "duplicate"),
            (0x44, "ok"),
            (0x40, "tentative"),
            (0x20, "deprecated"),
        ):
            self.assertEqual(interfaces._state(flags), state)

    def test_the_address_of_the_client_s_family_that_is_here_was_tried(self):
        here = [{"address": HOST}, {"address": "fd00::1"}]
        self.assertEqual(gather.tried(CLIENT, ["fd00::1", "203.0.113.1", HOST], here), HOST)
        self.assertEqual(gather.tried(CLIENT, ["203.0.113.1"], here), "203.0.113.1")
        self.assertEqual(gather.tried("fd00::9", [HOST, "fd00::1"], here), "fd00::1")
        self.assertIsNone(gather.tried("fd00::9", [HOST], here))

    def test_an_address_of_the_loopback_is_of_no_use_outside(self):
        addresses = [{"address": "198.51.100.9", "interface": "lo", "scope": "global"}]
        self.assertFalse(gather.has_usable(HOST, addresses, by_name()))
        addresses.append({"address": HOST, "interface": "br0", "scope": "global"})
        self.assertTrue(gather.has_usable(HOST, addresses, by_name()))
        self.assertFalse(gather.has_usable("fd00::1", addresses, by_name()))

    def test_where_the_system_configures_an_address(self):
        text = "# address 192.0.2.10\n  address 192.0.2.10/24\n  address 192.0.2.101\n"
        with folder_with({"interfaces": text, "rc~": text}) as folder, replaced(gather, CONFIGURATIONS=(folder,)):
            self.assertEqual(gather.configured_in(HOST), [os.path.join(folder, "interfaces") + " line 2"])


class Policy(unittest.TestCase):
    def test_rules_are_told_as_ip_prints_them(self):
        found = [policy.parse_rule(body) for body in fixture_bytes("network", "rules.hex")]
        self.assertEqual(
            [rule["text"] for rule in found],
            [
                "0: from all lookup local",
                "32762: not iif br0 lookup 5",
                "32763: to 198.51.100.0/24 ipproto 6 sport 22-22 prohibit",
                "32764: fwmark 0x9/0xffffffff lookup 9",
                "32765: from 192.0.2.10/32 lookup 100",
                "32766: from all lookup main",
                "32767: from all lookup default",
            ],
        )
        self.assertEqual([rule["mark"] for rule in found if rule["mark"]], [9])

    def test_refusing_routes_that_cover_the_client(self):
        for kind, client, wanted in (
            (6, CLIENT, ["blackhole default table 100"]),
            (7, CLIENT, ["unreachable 198.51.100.0/24 table main"]),
            (7, "203.0.113.1", []),
            (8, "203.0.113.1", ["prohibit 203.0.113.0/25 table main"]),
            (8, "203.0.113.128", []),
        ):
            bodies = fixture_bytes("network", "routes_%s.hex" % policy.REFUSING[kind])
            self.assertEqual([text for _bits, text in policy.parse_refusing(bodies, kind, client)], wanted)

    def test_an_old_kernel_lists_routes_of_other_types_as_well(self):
        bodies = fixture_bytes("network", "routes_blackhole.hex")
        self.assertEqual(policy.parse_refusing(bodies, 7, CLIENT), [])


class Neighbours(unittest.TestCase):
    def test_states(self):
        bodies = fixture_bytes("network", "neighbours.hex")
        found = neighbours.find(bodies, "192.0.2.1", BRIDGE)
        self.assertEqual((found["state"], found["mac"]), ("permanent", "02:00:00:de:ad:01"))
        self.assertEqual(neighbours.find(bodies, "192.0.2.2", BRIDGE)["state"], "failed")
        self.assertIsNone(neighbours.find(bodies, "192.0.2.2", BRIDGE + 1))
        self.assertIsNone(neighbours.find(bodies, "192.0.2.9", BRIDGE))


class Connections(unittest.TestCase):
    def test_what_is_sent_again_and_again(self):
        (body,) = fixture_bytes("network", "connections.hex")
        found = path_mtu.parse_connection(body)
        self.assertEqual((found["client"], found["state"], found["stuck"]), ("127.0.0.1", "ESTABLISHED", True))
        self.assertIsNone(path_mtu.parse_connection(body[:80]))


class Way(unittest.TestCase):
    def back(self, route, link=None, neighbour=None):
        usual = {"interface": "eth0", "gateway": None, "source": HOST, "local": False, "table": 254, "mtu": None}
        usual["error"] = None
        usual.update(route)
        state = dict({"up": True, "carrier": True}, **(link or {}))
        with replaced(routing, to=lambda *_given, **_named: usual), replaced(
            link_states, state=lambda _name: state
        ), replaced(neighbours, of=lambda *_given: neighbour):
            return way.back(CLIENT)

    def test_a_way_that_is_open(self):
        self.assertIsNone(self.back({})["trouble"])
        self.assertIsNone(self.back({}, neighbour={"state": "stale"})["trouble"])

    def test_what_is_wrong_with_it(self):
        for found, words in (
            (self.back({"error": "no route", "interface": None}), "no route leads to 198.51.100.7"),
            (self.back({"error": "blackhole", "interface": None}), "blackhole"),
            (self.back({"local": True, "interface": "lo"}), "is an address of this host itself"),
            (self.back({}, {"carrier": False}), "eth0, which has no carrier"),
            (self.back({}, {"up": False}), "eth0, which is down"),
            (self.back({"gateway": "192.0.2.1"}, neighbour={"state": "failed"}), "the gateway 192.0.2.1 does not"),
        ):
            self.assertIn(words, found["trouble"])

    def test_a_kernel_that_does_not_say_is_no_trouble(self):
        self.assertIsNone(self.back({"error": "netlink: [Errno 1] no", "interface": None})["trouble"])

    def arrival(self, kernel, mode, back="eth0", log=0, local=False):
        files = {"rp_filter": mode, "log_martians": log}
        route = {"interface": back, "local": local, "error": None}
        with replaced(way, _setting=lambda _interface, name: files[name]), replaced(
            routing, arrival=lambda *_given: {"error": kernel}, to=lambda *_given, **_more: route
        ):
            return way.arrival(CLIENT, HOST, "eth0", 22)

    def test_the_reverse_path_filter(self):
        for given, wanted in (
            ((None, 1), None),
            (("reverse path", 1, "eth1"), "reverse path"),
            # Since Linux 6.13 the kernel gives one number for both.
            (("martian", 1, "eth1"), "reverse path"),
            (("martian", 1, "lo", 0, True), "martian"),
            # Asking would write to the kernel's log.
            (("not asked", 1, "eth1", 1), "reverse path"),
            (("not asked", 0, "eth1", 1), None),
            (("not asked", 2, "eth1", 1), None),
        ):
            self.assertEqual(self.arrival(*given)["error"], wanted)

    def test_a_question_for_the_address_has_no_ports(self):
        asked = []

        def to(address, source=None, **more):
            asked.append((address, more))
            return {"interface": "eth0" if more.get("port") else "eth1", "local": address == HOST, "error": None}

        with replaced(way, _setting=lambda _interface, name: int(name == "rp_filter")), replaced(
            routing, arrival=lambda *given: {"error": "martian" if given[3] is None else None}, to=to
        ):
            self.assertIsNone(way.arrival(CLIENT, HOST, "eth0", 22)["error"])
            found = way.asking(CLIENT, HOST, "eth0", None)
            self.assertEqual(way.asking(CLIENT, HOST, "eth0", "192.0.2.1")["asker"], "192.0.2.1")
        self.assertEqual((found["asker"], found["error"], found["back_by"]), (CLIENT, "reverse path", "eth1"))
        self.assertIn((CLIENT, {"port": None, "without_ports": True}), asked)
        self.assertIsNone(way.asking("fd00::9", "fd00::1", "eth0", None))

    def test_ipv6_has_no_such_setting(self):
        with replaced(routing, arrival=lambda *_given: {"error": None}):
            found = way.arrival("fd00::9", "fd00::1", "eth0", 22)
        self.assertEqual((found["error"], found["rp_filter"]), (None, None))

    def test_addresses_of_different_families(self):
        self.assertIn(":", way.arrival(CLIENT, "fd00::1", "eth0", 22)["error"])


class Netlink(unittest.TestCase):
    def test_messages_of_a_datagram(self):
        def message(kind, body):
            return netlink.NLMSGHDR.pack(netlink.NLMSGHDR.size + len(body), kind, 2, 1, 0) + body

        bodies = []
        data = message(16, b"abcd") + message(16, b"efgh")
        self.assertEqual(netlink.messages(data, bodies), (False, 0))
        self.assertEqual(bodies, [b"abcd", b"efgh"])
        self.assertEqual(netlink.messages(message(netlink.NLMSG_DONE, b"\0" * 4), bodies), (True, 0))
        failed = message(netlink.NLMSG_ERROR, struct.pack("=i", -95))
        self.assertEqual(netlink.messages(failed, bodies), (True, 95))
        self.assertEqual(netlink.messages(b"\0" * 20, bodies), (True, 0))

    def test_this_host_has_a_loopback(self):
        links, error = link_states.all_links()
        self.assertIsNone(error)
        self.assertIn("lo", by_name(links))
        self.assertEqual(routing.interface_index("lo"), 1)
        self.assertIsNone(routing.interface_index("none0"))
        self.assertTrue(routing.to("127.0.0.1", port=22)["local"])

    def test_the_section_without_anything_known_of_the_login(self):
        found = gather.gather({"port": 22, "addresses": [], "user": "root", "clients": []})
        self.assertEqual((found["status"], found["login"]["way_back"]), ("ok", None))

    def test_how_much_of_the_connection_tracking_table_is_taken(self):
        login = {"port": 22, "addresses": [], "user": "root", "clients": []}
        for files, told, missing in (
            ({}, None, {}),
            ({"count": "31\n", "max": "124\n"}, {"count": 31, "max": 124, "share": 0.25}, {}),
            ({"count": "31\n", "max": "0\n"}, {"count": 31, "max": 0, "share": None}, {}),
            ({"count": "x", "max": "9"}, {"count": None, "max": 9, "share": None}, {"connection_tracking.count"}),
        ):
            files = {"nf_conntrack_" + name: text for name, text in files.items()}
            with folder_with(files) as root, replaced(conntrack, FOLDER=root):
                found = gather.gather(login)
            self.assertEqual(found["connection_tracking"], told)
            self.assertEqual({name for name in found["missing"] if "tracking" in name}, set(missing))

    def test_the_section_without_netlink(self):
        with replaced(link_states, all_links=lambda: ({}, "netlink: no")):
            found = gather.gather({"port": 22, "addresses": [], "user": "root", "clients": []})
        self.assertEqual(found, {"status": "unchecked", "reason": "netlink: no"})


if __name__ == "__main__":
    unittest.main()


class Silence(unittest.TestCase):
    """Links that are up and send nothing, or answer nobody."""

    def queue(self, kind, options, parent=queues.TC_H_ROOT):
        told = netlink.attribute(queues.TCA_KIND, kind + b"\0") + netlink.attribute(queues.TCA_OPTIONS, options)
        return queues.parse(queues.TCMSG.pack(0, 2, 0, parent, 0) + told)

    def test_only_queues_that_let_nothing_out_are_named(self):
        self.assertEqual(
            self.queue(b"pfifo", struct.pack("=I", 0)), (2, "drops every packet (qdisc pfifo with limit 0)")
        )
        self.assertEqual(self.queue(b"pfifo", struct.pack("=I", 1000)), (2, None))
        self.assertEqual(self.queue(b"pfifo", struct.pack("=I", 0), parent=0x10001), (2, None))
        self.assertEqual(self.queue(b"pfifo_fast", struct.pack("=I", 0)), (2, None))
        self.assertIn("100 %", self.queue(b"netem", struct.pack("=IIIIII", 0, 1000, 0xFFFFFFFF, 0, 0, 0))[1])
        self.assertEqual(self.queue(b"netem", struct.pack("=IIIIII", 0, 1000, 0x20000000, 0, 0, 0)), (2, None))
        for cut in range(4):
            self.assertEqual(self.queue(b"pfifo", b"\0" * cut), (2, None))

    def told(self, everywhere, here, interface="eth0", scope="global", asker="192.0.2.9"):
        answers = {"all": everywhere, "eth0": here}
        link = {"name": "eth0", "arp": True}
        holder = {"address": "192.0.2.1", "prefix": 24, "interface": interface, "scope": scope}
        with replaced(host, read=lambda path, **_more: host.Text(answers[path.split("/")[-2]], None)):
            return interfaces.no_answer(link, holder, asker)

    def test_for_which_addresses_arp_is_answered(self):
        for quiet in (("0", "0"), ("1", "0"), ("2", "1"), ("3", "0"), ("", "x")):
            self.assertIsNone(self.told(*quiet), quiet)
        self.assertIn("conf.all.arp_ignore is 8", self.told("8", "0"))
        self.assertIn("conf.eth0.arp_ignore is 1", self.told("0", "1", interface="lo"))
        self.assertIn("arp_ignore is 2", self.told("0", "2", asker="198.51.100.1"))
        self.assertIn("arp_ignore is 3", self.told("3", "0", scope="host"))
