# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import socket
import struct
import unittest

from target_helpers import fixture, fixture_bytes, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host, listening_ports, netlink, sockets

IMAGES = ("bookworm", "trixie", "bullseye")
SKV6ONLY = 11


def table(name, image):
    return sockets.parse_table(fixture("listening_ports", "proc_net_%s.%s.txt" % (name, image)), name[:3])


def places(entries):
    return sorted((entry["port"], entry["address"]) for entry in entries)


def diag_message(inode, attributes):
    body = b"\0" * 68 + struct.pack("=I", inode) + attributes
    return struct.pack("=LHHLL", 16 + len(body), 20, 2, 1, 0) + body


class Tables(unittest.TestCase):
    def test_listening_sockets_are_found_and_connections_are_not(self):
        for image in IMAGES:
            self.assertEqual(places(table("tcp", image)), [(22, "0.0.0.0"), (5301, "127.0.0.1")])

    def test_ipv6_addresses_are_read_in_the_byte_order_of_the_host(self):
        wanted = [(22, "::"), (5302, "::"), (5303, "::"), (5304, "::ffff:127.0.0.1"), (5305, "::1")]
        for image in IMAGES:
            self.assertEqual(places(table("tcp6", image)), wanted)

    def test_a_connected_udp_socket_does_not_listen(self):
        for image in IMAGES:
            self.assertEqual([place for place in places(table("udp", image)) if place[0] != 68], [(5306, "0.0.0.0")])
            self.assertEqual(places(table("udp6", image)), [(5307, "::")])

    def test_lines_that_no_kernel_writes_are_left_out(self):
        good = "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 x 100"
        bad = [
            "",
            "garbage",
            good.replace("0016", "zz"),
            good.replace("00000000:0016", ":0016"),
            good.replace("00000000:0016", "00000000"),
            good.replace("00000000:0016", "0000000000000000:0016"),
            good.replace(" 77 ", " many "),
        ]
        found = sockets.parse_table("\n".join(["header"] + bad + [good]), "tcp")
        self.assertEqual([(entry["port"], entry["inode"]) for entry in found], [(22, 77)])

    def test_an_empty_table_has_no_sockets(self):
        self.assertEqual(sockets.parse_table("", "tcp"), [])


class Diag(unittest.TestCase):
    def told(self, *datagrams):
        """What these datagrams say of IPv6 sockets."""
        bodies = []
        for data in datagrams:
            netlink.messages(data, bodies)
        answer = {"dump": lambda *_question, **_more: (bodies, None)}
        with replaced(netlink, **answer), replaced(host, kernel_has=lambda _name: True):
            return sockets._v6only()

    def test_the_kernel_s_word_on_ipv6_only_goes_to_the_right_socket(self):
        for image in ("bookworm", "trixie"):
            answers = self.told(*fixture_bytes("listening_ports", "sock_diag.%s.hex" % image))
            by_port = {entry["port"]: answers.get(entry["inode"]) for entry in table("tcp6", image)}
            self.assertEqual(by_port, {22: True, 5302: True, 5303: False, 5304: False, 5305: True})

    def test_a_truncated_datagram_leaves_what_came_before(self):
        data = fixture_bytes("listening_ports", "sock_diag.bookworm.hex")[0]
        whole = self.told(data)
        for length in range(len(data)):
            part = self.told(data[:length])
            self.assertEqual({inode: whole[inode] for inode in part}, part)

    def test_an_attribute_that_is_cut_off_is_no_answer(self):
        good = diag_message(1, struct.pack("=HHB3x", 5, SKV6ONLY, 1))
        self.assertEqual(self.told(good + diag_message(2, struct.pack("=HH", 5, SKV6ONLY))), {1: True})

    def test_garbage_says_nothing(self):
        for data in (b"", b"\0" * 100, b"\xff" * 1000, diag_message(1, b"\0" * 8)):
            self.assertEqual(self.told(data), {})


class Addresses(unittest.TestCase):
    def test_own_addresses_are_found_and_broadcasts_are_not(self):
        for image in IMAGES:
            found = sockets.parse_fib_trie(fixture("listening_ports", "proc_net_fib_trie.%s.txt" % image))
            self.assertIn("127.0.0.1", found)
            self.assertEqual([address for address in found if address.endswith((".255", ".1.0"))], [])
            self.assertEqual(len([address for address in found if address.startswith("10.77.1.")]), 1)
            self.assertEqual(len(found), len(set(found)))

    def test_what_a_socket_covers(self):
        cases = [
            ("0.0.0.0", None, "192.0.2.1", True),
            ("0.0.0.0", None, "2001:db8::1", False),
            ("::", False, "192.0.2.1", True),
            ("::", False, "2001:db8::1", True),
            ("::", True, "192.0.2.1", False),
            ("::", True, "2001:db8::1", True),
            ("::ffff:192.0.2.1", None, "192.0.2.1", True),
            ("::ffff:192.0.2.1", None, "192.0.2.2", False),
            ("127.0.0.1", None, "192.0.2.1", False),
            ("192.0.2.1", None, "192.0.2.1", True),
            ("2001:db8::1", None, "2001:db8::1", True),
            ("2001:db8::1", None, "2001:db8::2", False),
        ]
        for bound, v6only, address, wanted in cases:
            found = sockets.covers({"address": bound, "v6only": v6only}, address)
            self.assertEqual(found, wanted, (bound, v6only, address))

    def test_a_link_local_address_is_covered_with_its_interface(self):
        self.assertTrue(sockets.covers({"address": "fe80::1", "v6only": None}, "fe80::1%eth0"))

    def test_loopback_is_known_in_both_families(self):
        found = [sockets.is_loopback(address) for address in ("127.0.0.1", "127.9.9.9", "::1", "192.0.2.1", "::")]
        self.assertEqual(found, [True, True, True, False, False])


class Listening(unittest.TestCase):
    def setUp(self):
        self.socket = socket.socket()
        self.addCleanup(self.socket.close)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(1)
        self.port = self.socket.getsockname()[1]

    def test_a_program_of_this_machine_is_found_with_its_port(self):
        evidence = listening_ports.gather({})
        self.assertEqual(evidence["status"], "ok")
        (entry,) = [entry for entry in evidence["ports"] if entry["port"] == self.port]
        self.assertEqual((entry["address"], entry["pid"]), ("127.0.0.1", os.getpid()))
        self.assertNotIn("inode", entry)

    def test_a_table_that_cannot_be_read_is_no_empty_list(self):
        with replaced(host, read=lambda path, **_options: host.Text("", "%s: Permission denied" % path)):
            evidence = listening_ports.gather({})
        self.assertEqual(evidence, {"status": "unchecked", "reason": "/proc/net/tcp: Permission denied"})

    def test_a_kernel_without_ipv6_is_not_a_fault(self):
        real = host.read

        def without_ipv6(path, **options):
            return host.Text("", "no") if path.endswith(("/tcp6", "/udp6")) else real(path, **options)

        with replaced(host, read=without_ipv6):
            evidence = listening_ports.gather({})
        self.assertIn(self.port, [entry["port"] for entry in evidence["ports"]])

    def test_who_may_not_see_the_owners_is_told_so(self):
        def refused(_path):
            raise OSError(13, "Permission denied")

        with replaced(os, listdir=refused), replaced(host, is_root=lambda: False, pids=lambda: [1]):
            evidence = listening_ports.gather({})
        self.assertIn("not root", evidence["missing"]["ports.pid"])

    def test_an_ipv6_socket_of_sshd_never_takes_ipv4_where_the_kernel_does_not_tell(self):
        entry = {"address": "::", "port": 22, "protocol": "tcp", "program": "sshd"}
        self.assertTrue(sockets._probably_v6only(entry, [entry]))

    def test_a_second_socket_for_ipv4_on_the_port_tells_that_the_first_takes_ipv6_only(self):
        entry = {"address": "::", "port": 80, "protocol": "tcp", "program": "web"}
        other = {"address": "0.0.0.0", "port": 80, "protocol": "tcp", "program": "web"}
        self.assertTrue(sockets._probably_v6only(entry, [entry, other]))


if __name__ == "__main__":
    unittest.main()
