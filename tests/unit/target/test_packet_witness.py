# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import contextlib
import os
import socket
import struct
import time
import unittest

from target_helpers import fixture, fixture_bytes, replaced, soon_true

from ansible_collections.rescue.remote_login.plugins.module_utils import (
    host,
    links,
    netlink,
    packet_filter,
    packet_witness,
    sockets,
    way,
    wire,
)

CLIENT, HOST, TRANSLATED, STRANGER = "10.77.1.1", "10.77.1.52", "203.0.113.9", "198.51.100.66"
MARK = 1101
NEIGHBOUR = {"address": CLIENT, "state": "reachable", "mac": "02:00:00:00:00:01"}


def packets(case):
    """The packets of a case: (protocol, direction, bytes)."""
    lines = [line.split() for line in fixture("packet_witness", "packets.txt").splitlines()]
    return [(int(line[1], 16), line[2], binascii.unhexlify(line[3])) for line in lines if line[0] == case]


def parsed(case):
    return [wire.parse(data, protocol) for protocol, _direction, data in packets(case)]


def syn(source=CLIENT, destination=HOST, port=22, source_port=4000, sequence=1, mss=1460):
    return {
        "kind": "SYN",
        "source": source,
        "source_port": source_port,
        "destination": destination,
        "destination_port": port,
        "sequence": sequence,
        "mss": mss,
    }


def answer(kind, to, reverse=True):
    names = ("source", "source_port", "destination", "destination_port")
    values = [to[name] for name in (names[2:] + names[:2] if reverse else names)]
    return dict(zip(names, values), kind=kind, sequence=0, mss=None)


@contextlib.contextmanager
def watching(mark=MARK, clients=(CLIENT,), addresses=(HOST,), xdp=False):
    here = replaced(packet_witness, _interfaces=lambda: ["eth0"])
    ways = replaced(
        way, back=lambda client, source, port: {"to": client, "neighbour": NEIGHBOUR}, arrival=lambda *given: given
    )
    with here, ways, replaced(sockets, own_addresses=lambda: [HOST]), replaced(links, state=lambda name: {"xdp": xdp}):
        yield packet_witness.Watch(22, clients, addresses, mark)


class Filter(unittest.TestCase):
    """The kernel's filter, run here over real packets."""

    def verdict(self, data, protocol, port=22):
        program, place, values = wire.handshake_filter(port), 0, {"a": 0, "x": 0}
        while True:
            code, if_true, if_false, value = program[place]
            place += 1
            if code == packet_filter.RETURN:
                return value
            if code in (packet_filter.IF_EQUAL, packet_filter.IF_ANY_BIT):
                true = values["a"] == value if code == packet_filter.IF_EQUAL else values["a"] & value
                place += if_true if true else if_false
            elif code == packet_filter.LOAD_HEADER_LENGTH:
                values["x"] = 4 * (bytearray(data)[value] & 0x0F)
            else:
                values["a"] = self.loaded(code, value, values["x"], data, protocol)

    def loaded(self, code, value, offset, data, protocol):
        if value == packet_filter.PROTOCOL:
            return protocol
        at = value + (offset if code in (packet_filter.LOAD_BYTE_AT, packet_filter.LOAD_HALF_AT) else 0)
        if code in (packet_filter.LOAD_HALF, packet_filter.LOAD_HALF_AT):
            return struct.unpack_from("!H", data, at)[0]
        return bytearray(data)[at]

    def test_handshakes_and_their_refusals_pass(self):
        for family in ("ipv4", "ipv6"):
            for case in ("open", "reset", "prohibited"):
                found = packets("%s-%s" % (family, case))
                self.assertTrue(found)
                for protocol, _direction, data in found:
                    self.assertEqual(self.verdict(data, protocol), wire.KEPT_BYTES)

    def test_another_port_and_another_protocol_do_not(self):
        for family in ("ipv4", "ipv6"):
            for protocol, _direction, data in packets(family + "-open"):
                self.assertEqual(self.verdict(data, protocol, port=2222), 0)
                self.assertEqual(self.verdict(data, 0x0806), 0)

    def test_data_and_later_fragments_do_not(self):
        protocol, _direction, data = packets("ipv4-open")[0]
        plain = bytearray(data)
        plain[33] = wire.ACK
        self.assertEqual(self.verdict(bytes(plain), protocol), 0)
        fragment = bytearray(data)
        fragment[7] = 1
        self.assertEqual(self.verdict(bytes(fragment), protocol), 0)

    def test_the_kernel_takes_the_program(self):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as channel:
            packet_filter.attach(channel, wire.handshake_filter(22))

    def test_a_kernel_without_packet_sockets_is_not_made_to_load_them(self):
        with replaced(host, status_of=lambda path: None), self.assertRaises(OSError) as caught:
            wire.open_channel(22)
        self.assertIn("af_packet", str(caught.exception))


class Parser(unittest.TestCase):
    def test_a_handshake(self):
        for case, ends in (("ipv4-open", (CLIENT, HOST)), ("ipv6-open", ("fd77:1::1", "fd77:1::7d4"))):
            first, second = parsed(case)[:2]
            self.assertEqual((first["kind"], first["mss"], first["destination_port"]), ("SYN", MARK, 22))
            self.assertEqual((first["source"], first["destination"]), ends)
            self.assertEqual((second["kind"], second["source_port"]), ("SYN-ACK", 22))

    def test_a_reset(self):
        for case in ("ipv4-reset", "ipv6-reset"):
            self.assertEqual(parsed(case)[1]["kind"], "RST")

    def test_an_icmp_error_names_the_connection_that_it_answers(self):
        for case, kind in (("ipv4-prohibited", "ICMP"), ("ipv6-prohibited", "ICMPv6")):
            first, error = parsed(case)[:2]
            self.assertEqual(error["kind"], kind + " administratively prohibited")
            for name in ("source", "source_port", "destination", "destination_port", "sequence"):
                self.assertEqual(error[name], first[name])

    def test_what_is_cut_off_or_garbage_is_no_packet_and_no_error(self):
        for case in ("ipv4-open", "ipv4-prohibited", "ipv6-open", "ipv6-prohibited"):
            for protocol, _direction, data in packets(case):
                for length in range(len(data)):
                    wire.parse(data[:length], protocol)
                for place in range(len(data)):
                    for value in (0x00, 0xFF, 0x45):
                        broken = bytearray(data)
                        broken[place] = value
                        wire.parse(bytes(broken), protocol)
        self.assertIsNone(wire.parse(b"", wire.ETH_P_IP))
        self.assertIsNone(wire.parse(b"\xff" * 80, wire.ETH_P_IP))
        self.assertIsNone(wire.parse(b"E" * 80, 0x0806))

    def test_options_that_do_not_end(self):
        self.assertIsNone(wire._mss(b"\x02\x00\x02\x04"))
        self.assertIsNone(wire._mss(b"\x02\x04\x05"))
        self.assertIsNone(wire._mss(b"\x00\x02\x04\x05\xb4"))
        self.assertEqual(wire._mss(b"\x01\x01\x02\x04\x05\xb4"), 1460)


class Links(unittest.TestCase):
    def loopback(self):
        bodies = []
        netlink.messages(fixture_bytes("packet_witness", "link_lo.hex")[0], bodies)
        return bodies[0]

    def test_an_interface_that_is_up(self):
        self.assertEqual(links.parse(self.loopback()), {"up": True, "carrier": True, "xdp": False})

    def test_a_program_in_the_driver(self):
        data = self.loopback()
        for mode, attached in ((0, False), (1, True), (2, True)):
            nested = struct.pack("=HHB3x", 5, links.IFLA_XDP_ATTACHED, mode)
            more = data + struct.pack("=HH", 4 + len(nested), links.IFLA_XDP | 0x8000) + nested
            self.assertEqual(links.parse(more)["xdp"], attached)

    def test_an_interface_that_is_not_there(self):
        self.assertIn("netlink", links.state("none0")["error"])

    def test_an_answer_that_is_cut_off(self):
        for length in range(links.IFINFOMSG.size):
            with replaced(netlink, ask=lambda _kind, _payload, length=length: self.loopback()[:length]):
                self.assertIn("netlink", links.state("lo")["error"])


class Counters(unittest.TestCase):
    def test_a_name_and_a_value_in_each_line(self):
        text = "XfrmInError             \t0\nXfrmInPolBlock          \t12\n\nodd\n"
        self.assertEqual(packet_witness.parse_lines(text), {"XfrmInError": 0, "XfrmInPolBlock": 12})

    def test_names_and_values_stand_in_two_lines(self):
        found = packet_witness.parse_counters(fixture("packet_witness", "proc_net_netstat.txt"))
        self.assertIn("ListenOverflows", found)
        found = packet_witness.parse_counters(fixture("packet_witness", "proc_net_snmp.txt"))
        self.assertIn("InAddrErrors", found)
        self.assertEqual(packet_witness.parse_counters("TcpExt: a b\nTcpExt: 1\n"), {"a": 1})

    def test_only_what_has_grown_is_told(self):
        self.assertEqual(packet_witness.growth({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5}), {"b": 3})


class Watching(unittest.TestCase):
    def test_nothing_came(self):
        with watching() as watch:
            found = watch.summary()
        self.assertEqual((found["arrived"], found["answered"], found["syns"]), (False, None, 0))
        self.assertEqual((found["way_back"]["to"], found["way_in"]), (CLIENT, None))

    def test_answers_that_go_to_another_machine(self):
        for mac, other in (("02:00:00:00:00:01", False), ("02:00:00:00:00:02", True), (None, False)):
            with watching() as watch:
                watch.note(syn(), "eth0", False, 100, mac)
                found = watch.summary()
            self.assertEqual((found["source_mac"], found["way_back"]["other_machine"]), (mac, other))

    def test_arrived_and_not_answered(self):
        with watching() as watch:
            for number in range(3):
                watch.note(syn(), "eth0", False, 100 + number)
            found = watch.summary()
        self.assertEqual((found["arrived"], found["answered"], found["syns"]), (True, False, 3))
        self.assertEqual((found["interface"], found["answers"]), ("eth0", []))
        self.assertEqual(found["first_at"], "1970-01-01T00:01:40Z")
        wanted = [{"source": CLIENT, "destination": HOST, "known_by": "address", "syns": 3}]
        self.assertEqual(found["sources"], wanted)

    def test_arrived_and_answered(self):
        for kind, reverse in (("SYN-ACK", True), ("RST", True), ("ICMP port unreachable", False)):
            with watching() as watch:
                watch.note(syn(), "eth0", False, 100)
                watch.note(answer(kind, syn(), reverse), "eth1", True, 100.1)
                found = watch.summary()
            self.assertTrue(found["answered"], kind)
            self.assertEqual(found["answers"], [{"kind": kind, "interface": "eth1", "count": 1}])
            self.assertEqual(found["answer_interface"], "eth1")

    def test_an_answer_to_somebody_else_is_none(self):
        with watching() as watch:
            watch.note(syn(), "eth0", False, 100)
            watch.note(answer("SYN-ACK", syn(STRANGER)), "eth0", True, 100.1)
            watch.note(answer("RST", syn()), "eth0", False, 100.1)
            self.assertFalse(watch.summary()["answered"])

    def test_one_packet_on_its_way_through_several_interfaces_counts_once(self):
        with watching() as watch:
            for number, interface in enumerate(("eth0", "bond0", "bond0.7", "br0")):
                watch.note(syn(), interface, False, 100 + number / 1000.0)
            found = watch.summary()
        self.assertEqual((found["syns"], found["interface"]), (1, "br0"))
        self.assertEqual(found["interfaces"], ["eth0", "bond0", "bond0.7", "br0"])

    def test_behind_address_translation_the_mark_tells(self):
        with watching() as watch:
            watch.note(syn(TRANSLATED, mss=MARK), "eth0", False, 100)
            found = watch.summary()
        self.assertTrue(found["arrived"])
        self.assertEqual((found["sources"][0]["known_by"], found["way_back"]["to"]), ("mark", TRANSLATED))
        self.assertEqual(found["way_in"], (TRANSLATED, HOST, "eth0", 22))

    def test_strangers_are_told_and_are_not_the_client(self):
        with watching() as watch:
            for number in range(100):
                watch.note(syn("198.51.100.%d" % number, source_port=number), "eth0", False, 100)
            found = watch.summary()
        self.assertEqual((found["arrived"], found["other_syns"]), (False, 100))
        self.assertEqual(len(found["other_sources"]), packet_witness.OTHERS_LIMIT)

    def test_without_a_mark_a_stranger_may_be_the_client(self):
        with watching(mark=None) as watch:
            watch.note(syn(STRANGER), "eth0", False, 100)
            found = watch.summary()
        self.assertIsNone(found["arrived"])
        self.assertIn("translation", found["missing"]["arrived"])

    def test_what_is_forwarded_to_another_host_has_not_arrived(self):
        with watching() as watch:
            watch.note(syn(destination="10.77.1.99", mss=MARK), "eth0", False, 100)
            self.assertFalse(watch.summary()["arrived"])

    def test_another_port_is_nobody_s(self):
        with watching() as watch:
            watch.note(syn(port=2222), "eth0", False, 100)
            found = watch.summary()
        self.assertEqual((found["arrived"], found["other_syns"]), (False, 0))

    def test_under_a_flood_nothing_is_said_and_little_is_kept(self):
        with watching(clients=[STRANGER]) as watch:
            watch.lost = 7
            self.assertIsNone(watch.summary()["arrived"])
            for number in range(5000):
                watch.note(syn(STRANGER, source_port=number, sequence=number), "eth0", False, 100)
            self.assertLessEqual(len(watch.attempts), packet_witness.OWN_LIMIT)
            self.assertLessEqual(len(watch.recent), packet_witness.RECENT_LIMIT)

    def test_where_a_driver_s_program_comes_first_nothing_is_said(self):
        with watching(xdp=True) as watch:
            found = watch.summary()
        self.assertIsNone(found["arrived"])
        self.assertIn("XDP", found["missing"]["arrived"])

    def test_whether_the_address_is_the_host_s_own(self):
        for addresses, wanted in (([HOST], True), ([TRANSLATED], False), ([], None)):
            with watching(addresses=addresses) as watch:
                self.assertEqual(watch.summary()["address_is_own"], wanted)

    def test_enough_was_seen_once_the_last_one_had_its_time(self):
        with watching() as watch:
            self.assertFalse(watch.is_enough(1, 100))
            watch.note(syn(), "eth0", False, 100)
            self.assertFalse(watch.is_enough(1, 100.1))
            self.assertTrue(watch.is_enough(1, 100.6))
            self.assertFalse(watch.is_enough(2, 100.6))
            self.assertFalse(watch.is_enough(0, 100.6))


@contextlib.contextmanager
def no_packets():
    """A channel on which nothing comes, for whoever may not open a packet socket."""
    ends = socket.socketpair()
    nothing = {"receive": lambda channel: None, "lost_packets": lambda channel: 0}
    with replaced(wire, open_channel=lambda port: ends[0], **nothing):
        yield
    ends[1].close()


class InTheBackground(unittest.TestCase):
    def test_it_ends_in_time_even_if_nothing_comes(self):
        with no_packets():
            started = time.time()
            found = packet_witness.watch(22, [CLIENT], [HOST], MARK, 1, 2)
        self.assertEqual((found["status"], found["arrived"]), ("ok", False))
        self.assertLess(time.time() - started, 3)

    def test_what_was_seen_is_fetched_once(self):
        with no_packets():
            job, reason = packet_witness.start(22, [CLIENT], [HOST], MARK, 30)
        self.assertIsNone(reason)
        self.assertEqual(packet_witness.collect(job)["status"], "ok")
        again = packet_witness.collect(job)
        self.assertEqual(again["status"], "unchecked")
        self.assertIn("does not answer", again["reason"])

    def test_it_ends_by_itself(self):
        with no_packets():
            job = packet_witness.start(22, [CLIENT], [HOST], MARK, 1)[0]
        door = "@rescue.remote_login.witness." + job
        self.assertIn(door, host.read("/proc/net/unix").text)
        self.assertTrue(soon_true(lambda: door not in host.read("/proc/net/unix").text, 5))

    def test_another_user_gets_no_answer_and_gives_none(self):
        with no_packets(), replaced(os, geteuid=lambda: 12345):
            job = packet_witness.start(22, [CLIENT], [HOST], MARK, 2)[0]
        self.assertEqual(packet_witness.collect(job)["status"], "unchecked")

    def test_whoever_may_not_watch_is_told_so(self):
        def refused(port):
            raise OSError(1, "Operation not permitted")

        with replaced(wire, open_channel=refused):
            found = packet_witness.watch(22, [], [], None, 1, 0)
            job, reason = packet_witness.start(22, [], [], None, 1)
        self.assertEqual(found["status"], "unchecked")
        self.assertIn("Operation not permitted", found["reason"])
        self.assertIsNone(job)
        self.assertIn("Operation not permitted", reason)

    def test_a_host_without_processes_is_told_so(self):
        def refused():
            raise OSError(11, "Resource temporarily unavailable")

        with no_packets(), replaced(os, fork=refused):
            job, reason = packet_witness.start(22, [], [], None, 1)
        self.assertIsNone(job)
        self.assertIn("Resource temporarily unavailable", reason)


if __name__ == "__main__":
    unittest.main()
