# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a link counts as full, and which limits of the host a login meets."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import struct
import unittest

from target_helpers import replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import limits, queues, verdict

MEGABIT = 1000000
SPEC = struct.Struct("=BBHhHI")


def spec(bps):
    return SPEC.pack(0, 0, 0, 0, 0, bps // 8)


def limit(passed, drops=0, backlog=0, rate=MEGABIT, fair=False):
    found = limits.Limit("tbf 1:", rate, {}, fair)
    found.bytes, found.packets, found.drops, found.backlog = passed, passed // 1000, drops, backlog
    return found


def judged(passed, drops=0, backlog=0, seconds=3.0, **more):
    return verdict._at_limit((limit(0, 0, backlog, **more), limit(passed, drops, backlog, **more)), seconds, None)


class Limits(unittest.TestCase):
    def test_a_full_queue_holds_a_login_up(self):
        sign = judged(375000, drops=900, backlog=2500000)
        self.assertEqual((sign["full"], sign["holds_up"], sign["share"]), (True, True, 1.0))

    def test_a_full_but_fair_or_short_queue_does_not(self):
        self.assertIs(judged(375000, drops=900, backlog=2500000, fair=True)["holds_up"], False)
        sign = judged(375000, backlog=10000)
        self.assertEqual((sign["full"], sign["holds_up"]), (True, False))

    def test_half_full_is_not_full_even_where_something_was_dropped(self):
        self.assertIs(judged(187500, drops=5)["full"], False)

    def test_nearly_full_counts_where_packets_wait_or_get_lost(self):
        self.assertIs(judged(330000)["full"], False)
        self.assertIs(judged(330000, drops=50)["full"], True)

    def test_without_a_rate_nothing_is_known(self):
        self.assertIsNone(judged(330000, rate=None)["full"])


class Capacity(unittest.TestCase):
    def judged(self, again=0.0, bps=970000, way="tx", backlog=0, drops=0, source="stated"):
        counted = {"capacity_from": source, "capacity_tx_bps": MEGABIT, "capacity_rx_bps": MEGABIT}
        counted.update(tx_bps=bps, rx_bps=bps, tx_packets=1000, rx_packets=1000)
        queue = dict(verdict._blank("pfifo"), drops=drops, backlog_bytes=backlog)
        return verdict._at_capacity(counted, way, [queue], {"share": again, "rate_bps": bps})

    def test_what_was_stated_is_full_from_a_share_on(self):
        self.assertIs(self.judged()["full"], True)
        self.assertIs(self.judged(bps=900000)["full"], False)
        self.assertIs(self.judged(bps=900000, again=0.02)["full"], True)

    def test_without_capacity_a_queue_that_stands_and_drops_tells(self):
        sign = self.judged(source=None, backlog=50000, drops=200)
        self.assertEqual((sign["full"], sign["sign"]), (True, "queue"))
        for more in ({"backlog": 50000}, {"drops": 200}, {"backlog": 50000, "drops": 3}, {"again": 0.02}):
            self.assertIsNone(self.judged(source=None, **more)["full"])

    def test_much_that_is_sent_again_is_a_sign_of_its_own(self):
        sign = self.judged(source=None, again=0.1)
        self.assertEqual((sign["full"], sign["sign"]), (True, "repeats"))
        self.assertIsNone(self.judged(source=None, again=0.1, bps=2000)["full"])


class Top(unittest.TestCase):
    def test_where_nobody_uses_these_links_nobody_is_named(self):
        peer = {"address": None, "protocol": None, "tx_bps": 9, "rx_bps": 9}
        nobody = {"reason": "not IP", "peers": [peer], "tx_bps": 9, "rx_bps": 9}
        for measured in ({"processes": [], "unattributed": []}, {"processes": [], "unattributed": [nobody]}):
            for way in verdict.WAYS:
                self.assertIsNone(verdict.top(measured, way, set(), 1000))

    def test_a_port_of_this_host_is_not_told_as_the_peer_s(self):
        for ports in ({"port": 53, "local_port": None}, {"port": None, "local_port": 443}):
            peer = dict({"address": "192.0.2.7", "protocol": "udp", "tx_bps": 90, "rx_bps": 0}, **ports)
            process = {"pid": 7, "peers": [peer], "tx_bps": 90, "rx_bps": 0, "parents": []}
            with replaced(verdict, _leads=lambda address: "eth0"):
                found = verdict.top({"processes": [process], "unattributed": []}, "tx", {"eth0"}, 100)
            self.assertEqual({key: found[key] for key in ports}, ports)


class Kinds(unittest.TestCase):
    def test_rates(self):
        tbf = netlink.attribute(queues.TBF_PARMS, spec(MEGABIT) + spec(0) + struct.pack("=III", 0, 0, 0))
        self.assertEqual(queues.rate_of("tbf", tbf), MEGABIT)
        wide = tbf + netlink.attribute(queues.TBF_RATE64, struct.pack("=Q", 5 * 10**9))
        self.assertEqual(queues.rate_of("tbf", wide), 4 * 10**10)
        netem = b"\0" * 24 + netlink.attribute(queues.NETEM_RATE, struct.pack("=IiIi", 125000, 0, 0, 0))
        self.assertEqual(queues.rate_of("netem", netem), MEGABIT)
        cake = netlink.attribute(queues.CAKE_BASE_RATE64, struct.pack("=Q", 125000))
        self.assertEqual(queues.rate_of("cake", cake), MEGABIT)
        self.assertIsNone(queues.rate_of("fq_codel", b""))

    def test_truncated_options_tell_nothing(self):
        tbf = netlink.attribute(queues.TBF_PARMS, spec(MEGABIT) + spec(0))
        for size in range(len(tbf)):
            self.assertIn(queues.rate_of("tbf", tbf[:size]), (None, MEGABIT))
            self.assertEqual(limits.default_class("htb", tbf[:size]), 0)

    def test_a_selector_takes_all_only_without_masks(self):
        def selector(*masks):
            keys = b"".join(struct.pack("=IIii", mask, 0, 0, 0) for mask in masks)
            return struct.pack("=BBBxHHhhI", 0, 0, len(masks), 0, 0, 0, 0, 0) + keys

        self.assertTrue(limits.takes_all(selector(0)))
        self.assertFalse(limits.takes_all(selector(0, 0xFF)))
        self.assertFalse(limits.takes_all(selector(0)[:20]))
        self.assertFalse(limits.takes_all(b""))

    def test_a_policer_for_all_is_a_limit(self):
        options = netlink.attribute(limits.POLICE_TBF, struct.pack("=IiIII", 0, 0, 0, 0, 0) + spec(MEGABIT) + spec(0))
        action = netlink.attribute(limits.ACT_KIND, b"police\0") + netlink.attribute(limits.ACT_OPTIONS, options)
        body = netlink.attribute(limits.MATCHALL_ACT, netlink.attribute(1, action))
        table = netlink.attribute(queues.TCA_KIND, b"matchall\0") + netlink.attribute(queues.TCA_OPTIONS, body)

        def found(protocol):
            number = struct.unpack("=H", struct.pack("!H", protocol))[0]
            entry = queues.Entry(queues.TCMSG.pack(0, 2, 1, limits.FILTERED_IN, number) + table)
            return [one.rate_bps for one in limits.policers([entry], verdict.IPV4)]

        self.assertEqual(found(3), [MEGABIT])
        self.assertEqual(found(verdict.IPV4), [MEGABIT])
        self.assertEqual(found(verdict.IPV6), [])


class Chain(unittest.TestCase):
    def test_below_a_bridge_or_vlan_stands_what_leads_out(self):
        def link(name, kind, lower=None, master=None):
            return {"name": name, "kind": kind, "lower": lower, "master": master}

        links = [link("br0", "bridge"), link("eth0", "device", master="br0"), link("veth1", "veth", master="br0"),
                 link("eth1", "device"), link("eth1.5", "vlan", lower="eth1"), link("lo", "loopback")]  # fmt: skip
        found, outer = dict(enumerate(links)), ["eth0", "eth1"]
        self.assertEqual([one["name"] for one in verdict.chain("br0", found, outer)], ["br0", "eth0"])
        self.assertEqual([one["name"] for one in verdict.chain("eth1.5", found, outer)], ["eth1.5", "eth1"])
        self.assertEqual(verdict.chain(None, found, outer), [])
        self.assertEqual(verdict.chain("lo", found, outer), [])


if __name__ == "__main__":
    unittest.main()


class Vanished(unittest.TestCase):
    def test_a_link_that_was_not_there_all_the_time_is_unknown(self):
        before = verdict.Before.__new__(verdict.Before)
        before.client, before.time, before.protocol = "192.0.2.1", 0, verdict.IPV4
        before.route, before.links = {"interface": "wg0"}, [{"name": "wg0", "index": 9}]
        before.limits = {"wg0": {"tx": [], "rx": []}}
        with replaced(verdict.Before, look=lambda self: {"wg0": {"tx": [], "rx": []}}):
            found = verdict.of(before, {"duration_s": 3, "interfaces": [], "processes": []}, [])
        self.assertEqual((found["saturated"], found["why_unknown"]), (None, "wg0 was not there all the time"))
