# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kernel says, as it was recorded: links, queues, connections, packets, tracepoints."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import socket
import unittest

from target_helpers import fixture, fixture_bytes, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host, links, netlink
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    callers,
    interfaces,
    kernel_events,
    packets,
    queues,
    tcp,
)

SECTION = "bandwidth"
TCP_INFO_OF_LINUX_3_10 = 104


class Links(unittest.TestCase):
    def setUp(self):
        self.links = links.parse_all(fixture_bytes(SECTION, "links.txt"))
        self.by_name = {link["name"]: link for link in self.links.values()}

    def test_kinds_and_what_they_stand_on(self):
        kinds = {name: self.by_name[name]["kind"] for name in ("lo", "eth0", "br0", "vc", "q1")}
        self.assertEqual(kinds, {"lo": "loopback", "eth0": "veth", "br0": "bridge", "vc": "veth", "q1": "veth"})
        self.assertEqual(self.by_name["vc"]["master"], "br0")
        self.assertEqual((self.by_name["q1"]["lower"], self.by_name["eth0"]["lower"]), ("p1", None))
        self.assertEqual(self.by_name["eth0"]["peer_namespace"], 0)

    def test_counters_are_numbers_of_all_that_passed(self):
        counters = self.by_name["eth0"]["counters"]
        self.assertEqual(sorted(counters), sorted(links.COUNTERS))
        self.assertGreater(counters["tx_bytes"], counters["tx_packets"])

    def test_a_pair_within_the_host_and_a_bridge_lead_nowhere(self):
        outer = interfaces.outer(self.links, {})
        self.assertIn("eth0", outer)
        self.assertFalse(set(outer) & {"lo", "br0", "q1", "p1", "q2", "p4"})

    def test_the_links_to_its_own_containers_lead_nowhere(self):
        with replaced(interfaces, _numbers_of=lambda others: {self.by_name["vc"]["peer_namespace"]}):
            self.assertNotIn("vc", interfaces.outer(self.links, {4711: 9}))


class Queues(unittest.TestCase):
    def setUp(self):
        links_found = links.parse_all(fixture_bytes(SECTION, "links.txt")).values()
        self.names = {link["index"]: link["name"] for link in links_found}

        def dump(kind, _payload, **_options):
            name = "qdiscs.txt" if kind == queues.RTM_GETQDISC else "htb_classes.txt"
            return fixture_bytes(SECTION, name), None

        with replaced(netlink, dump=dump):
            self.queues = {self.names[index]: queue for index, queue in queues.look().items()}

    def test_rates(self):
        rates = {name: self.queues[name]["rate_bps"] for name in ("q1", "q2", "p4", "eth0")}
        self.assertEqual(rates, {"q1": 10000000, "q2": 30000000, "p4": 50000000000, "eth0": None})

    def test_a_queue_tells_what_it_has_dropped(self):
        self.assertEqual((self.queues["q1"]["kind"], self.queues["q1"]["drops"]), ("tbf", 0))

    def test_capacity(self):
        link = {"speed_mbps": 10000, "kind": "device"}
        self.assertEqual(
            interfaces.capacity(link, self.queues["q1"], None), ({"tx": 10000000, "rx": 10000000000}, "queue")
        )
        self.assertEqual(interfaces.capacity(link, self.queues["eth0"], None)[1], "link")
        self.assertEqual(interfaces.capacity(link, self.queues["q1"], 5), ({"tx": 5, "rx": 5}, "stated"))
        self.assertEqual(
            interfaces.capacity(dict(link, kind="veth"), self.queues["eth0"], None), ({"tx": None, "rx": None}, None)
        )


class Connections(unittest.TestCase):
    def parsed(self, name):
        return [tcp.parse(body)[1] for body in fixture_bytes(SECTION, name)]

    def test_bytes_of_each_end(self):
        (client,) = self.parsed("sock_diag_tcp4.txt")
        # One byte more than the data: the SYN is acknowledged as well.
        self.assertEqual((client.sent, client.received, client.timestamps), (12346, 777, True))
        self.assertEqual(client.remote, (socket.inet_aton("10.78.77.1"), 9400))

    def test_ipv4_on_an_ipv6_socket_is_ipv4(self):
        (client,) = self.parsed("sock_diag_tcp4.txt")
        servers = [found for found in self.parsed("sock_diag_tcp6.txt") if found.local == client.remote]
        self.assertEqual(
            [(found.remote, found.sent, found.received) for found in servers], [(client.local, 777, 12345)]
        )

    def test_ipv6(self):
        moved = sorted((found.sent, found.received) for found in self.parsed("sock_diag_tcp6.txt"))
        self.assertEqual(moved, [(0, 4321), (777, 12345), (4322, 0)])

    def test_an_old_kernel_that_does_not_count_bytes_says_nothing_of_them(self):
        body = self.shortened(fixture_bytes(SECTION, "sock_diag_tcp4.txt")[0], TCP_INFO_OF_LINUX_3_10)
        self.assertIsNone(tcp.parse(body))

    def test_a_kernel_with_bytes_and_without_segments(self):
        body = self.shortened(fixture_bytes(SECTION, "sock_diag_tcp4.txt")[0], tcp.SEGMENTS_AT)
        _cookie, found = tcp.parse(body)
        self.assertEqual((found.sent, found.segments, found.repeated), (12346, None, 0))

    def shortened(self, body, size):
        """The message with a tcp_info of so many bytes."""
        parts = [netlink.attribute(name, value[:size]) if name == tcp.INET_DIAG_INFO else netlink.attribute(name, value)
                 for name, value in netlink.attributes(body[tcp.MESSAGE.size :])]  # fmt: skip
        return body[: tcp.MESSAGE.size] + b"".join(parts)

    def test_a_question_that_nobody_answers_is_no_empty_list(self):
        bodies = []
        (answer,) = fixture_bytes(SECTION, "sock_diag_no_handler.txt")
        self.assertEqual(netlink.messages(answer, bodies), (True, 2))
        self.assertEqual(bodies, [])

    def test_the_end_of_an_answer_without_an_error(self):
        for tail in (b"\0\0\0\0", b""):
            end = netlink.NLMSGHDR.pack(16 + len(tail), netlink.NLMSG_DONE, 2, 1, 1) + tail
            self.assertEqual(netlink.messages(end, []), (True, 0))


class Packets(unittest.TestCase):
    def setUp(self):
        self.packets = []
        for line in fixture(SECTION, "packets.txt").splitlines():
            kind, length, digits = line.split()
            data = binascii.unhexlify(digits.encode("ascii"))
            self.packets.append(packets.parse(data, 0, len(data), int(length), int(kind, 16)))

    def payloads(self, protocol, family=8):
        return [found[3] for found in self.packets if found[0] == protocol and len(found[1]) == family]

    def test_datagrams_carry_what_was_sent(self):
        sizes = self.payloads(packets.UDP)
        self.assertEqual((sizes[0], sum(sizes[1:4]), sizes[4], sizes[5]), (100, 3500, 200, 5600))

    def test_datagrams_of_ipv6(self):
        sizes = self.payloads(packets.UDP, 32)
        self.assertEqual((sizes[0], sum(sizes[1:4]), sizes[4]), (300, 3500, 50))

    def test_only_the_first_fragment_has_ports_and_all_have_one_number(self):
        for family, port in ((8, 40100), (32, 40102)):
            pieces = [found for found in self.packets if found[4] is not None and len(found[1]) == family]
            self.assertEqual([piece[4][1] for piece in pieces], [True, False, False])
            self.assertEqual(len({piece[4][0] for piece in pieces}), 1)
            self.assertEqual([len(piece[2]) for piece in pieces], [4, 0, 0])
            self.assertEqual(bytearray(pieces[0][2])[0] * 256 + bytearray(pieces[0][2])[1], port)

    def test_what_has_no_ports(self):
        self.assertEqual(self.payloads(47), [64])
        self.assertEqual(self.payloads(packets.ICMP), [36])

    def test_segments_that_are_put_together_count_whole(self):
        # 30000 bytes in four pieces, and the segments without data.
        self.assertEqual(sum(self.payloads(packets.TCP)), 30000)


class Tracepoints(unittest.TestCase):
    def test_where_tracefs_is_mounted_already_it_is_not_mounted_again(self):
        line = "31 25 0:12 / %s rw,relatime shared:14 - %s %s rw\n"
        mounts = line % ("/sys", "sysfs", "sysfs") + line % ("/sys/kernel/debug/tracing", "tracefs", "tracefs")
        read, asked = host.read, []

        def reading(path, **options):
            asked.append(path)
            return host.Text(mounts, None) if path.endswith("mountinfo") else read(path, **options)

        with replaced(host, read=reading):
            self.assertEqual(kernel_events.mounted("tracefs"), "/sys/kernel/debug/tracing")
            self.assertIsNone(kernel_events.mounted("debugfs"))
            with replaced(kernel_events.syscalls, in_a_private_view=None):
                kernel_events.definitions(["sock/inet_sock_set_state"])
        self.assertEqual(asked[-1], "/sys/kernel/debug/tracing/events/sock/inet_sock_set_state/format")

    def test_fields_stand_where_this_kernel_has_them(self):
        for version, offset, size in (("6.18", 32, 2), ("5.4", 31, 1)):
            text = fixture(SECTION, "format_inet_sock_set_state_%s.txt" % version)
            _number, fields = kernel_events.parse_definition(text)
            self.assertEqual((fields["saddr"], fields["protocol"][1]), ((offset, 4), size))
            self.assertEqual((fields["skaddr"], fields["common_flags"]), ((8, 8), (2, 1)))
            wanted = {"family", "sport", "dport", "daddr", "saddr_v6", "daddr_v6", "newstate"}
            self.assertFalse(wanted - set(fields))

    def test_a_kernel_that_tells_less(self):
        watch = kernel_events.Watch.__new__(kernel_events.Watch)
        watch.name, watch.fields = "sock", {"common_flags": (2, 1), "sport": (24, 2)}
        self.assertRaises(kernel_events.Unsupported, watch.layout, ("sport", "dport"))
        # Two fields that overlap are none that can be read.
        watch.fields["dport"] = (25, 2)
        self.assertRaises(kernel_events.Unsupported, watch.layout, ("sport", "dport"))

    def test_numbers(self):
        text = fixture(SECTION, "format_fib_table_lookup_6.18.txt")
        self.assertEqual(kernel_events.parse_definition(text)[0], 2264)

    def test_lookups_name_where_to(self):
        for name, size in (("fib", 4), ("fib6", 16)):
            _number, fields = kernel_events.parse_definition(fixture(SECTION, "format_%s_table_lookup_6.18.txt" % name))
            self.assertEqual((fields["dst"][1], fields["proto"][1]), (size, 1))
            self.assertFalse({"sport", "dport"} - set(fields))

    def test_a_kernel_without_it(self):
        for text in ("", "name: x\n", "ID: x\n"):
            self.assertRaises(kernel_events.Unsupported, kernel_events.parse_definition, text)

    def test_the_process_that_closes_a_connection(self):
        for version in ("6.18", "5.4"):
            noted = self.noted(version, flags=0)
            ends = (socket.inet_aton("192.0.2.1"), 40000), (socket.inet_aton("192.0.2.2"), 443)
            self.assertEqual(noted, {ends: 4711})

    def test_what_happened_in_an_interrupt_is_nobodys(self):
        self.assertEqual(self.noted("6.18", flags=0x10), {})

    def noted(self, version, flags):
        _number, fields = kernel_events.parse_definition(
            fixture(SECTION, "format_inet_sock_set_state_%s.txt" % version)
        )
        data = bytearray(80)
        for name, value in (("family", 2), ("sport", 40000), ("dport", 443), ("common_flags", flags)):
            place, size = fields[name]
            data[place : place + size] = bytearray(reversed([value >> 8, value & 255]))[:size]
        for name, address in (("saddr", "192.0.2.1"), ("daddr", "192.0.2.2")):
            data[fields[name][0] : fields[name][0] + 4] = bytearray(socket.inet_aton(address))

        watch = kernel_events.Watch.__new__(kernel_events.Watch)
        watch.name, watch.fields, watch.lost, watch.pause_s, watch.enabled = "sock", fields, 0, 0, True
        watch.rings = []
        watch.reader = watch.layout(callers.TCP_FIELDS)
        watch.records = lambda: [(4711, bytes(data)), (4712, bytes(data)[:40])]
        with replaced(callers.Callers, _watch=lambda self, *_more, **_options: None):
            known = callers.Callers()
        known.closing = watch
        with replaced(callers.owners, state=lambda pid: None):
            known.take()
        return known.connections


if __name__ == "__main__":
    unittest.main()
