# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What /proc says of sockets, processes and control groups, as it was recorded."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import signal
import socket
import subprocess
import sys
import time
import unittest

from target_helpers import fixture

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    datagrams,
    owners,
    packets,
    processes,
    rates,
)

SECTION = "bandwidth"
OWN, PEER = socket.inet_aton("10.78.77.1"), socket.inet_aton("10.78.77.2")
OWN6, PEER6 = [socket.inet_pton(socket.AF_INET6, text) for text in ("fd78:77::1", "fd78:77::2")]


def table():
    addresses = {socket.inet_aton(text) for text in sockets.parse_fib_trie(fixture(SECTION, "proc_net_fib_trie.txt"))}
    found = datagrams.Table(addresses)
    for name, protocol in (("udp", packets.UDP), ("udp6", packets.UDP), ("icmp", packets.ICMP)):
        for entry in datagrams.parse(fixture(SECTION, "proc_net_%s.txt" % name), protocol):
            found.add(entry)
    for name in ("raw", "raw6"):
        for entry in datagrams.parse(fixture(SECTION, "proc_net_%s.txt" % name), None):
            found.raw.setdefault(entry.local[1], []).append(entry.inode)
    return found


class Sockets(unittest.TestCase):
    def inodes(self, protocol, local, remote):
        return table().inodes(protocol, local, remote)

    def test_the_addresses_of_the_host(self):
        self.assertIn(OWN, table().addresses)
        self.assertNotIn(socket.inet_aton("10.78.77.255"), table().addresses)

    def test_connected_sockets(self):
        self.assertEqual(self.inodes(packets.UDP, (OWN, 40001), (PEER, 53)), [59799501])
        self.assertEqual(self.inodes(packets.UDP, (OWN6, 40003), (PEER6, 443)), [59799504])

    def test_ipv4_on_an_ipv6_socket(self):
        self.assertEqual(self.inodes(packets.UDP, (OWN, 40002), (PEER, 53)), [59799503])

    def test_one_that_takes_datagrams_from_anybody(self):
        self.assertEqual(self.inodes(packets.UDP, (OWN, 5353), (PEER, 5353)), [59799500])
        self.assertEqual(self.inodes(packets.UDP, (OWN6, 123), (PEER6, 123)), [59799502])

    def test_a_socket_of_ipv6_takes_ipv4_but_not_the_other_way_round(self):
        self.assertEqual(self.inodes(packets.UDP, (OWN, 123), (PEER, 123)), [59799502])
        self.assertEqual(self.inodes(packets.UDP, (OWN6, 5353), (PEER6, 5353)), [])

    def test_a_line_that_the_kernel_would_not_write_is_no_socket(self):
        line = "head\n 1: %s:0007 %s:0009 01 0:0 00:0 0 0 0 5 2 0 0\n"
        for address in ("00", "0000000", "00" * 8, "00" * 20, "xx" * 4, ""):
            self.assertEqual(
                len(datagrams.parse(line % (address, address), packets.UDP)), int(address in ("00", "0000000"))
            )

    def test_nobody(self):
        self.assertEqual(self.inodes(packets.UDP, (OWN, 9), (PEER, 9)), [])

    def test_raw_sockets_by_protocol(self):
        self.assertEqual(table().raw, {1: [59799505], 255: [59799506], 58: [59799507]})

    def test_packet_sockets(self):
        text = fixture(SECTION, "proc_net_packet.txt")
        self.assertEqual(datagrams.parse_packet_sockets(text), [59799508, 59799509])

    def test_a_later_look_adds(self):
        first, second = table(), table()
        second.add(datagrams.Socket(packets.UDP, (OWN, 7), (b"\0" * 4, 0), 1))
        first.merge(second)
        self.assertEqual(first.inodes(packets.UDP, (OWN, 7), (PEER, 7)), [1])
        self.assertEqual(first.inodes(packets.UDP, (OWN, 40001), (PEER, 53)), [59799501])


class ControlGroups(unittest.TestCase):
    def test_units_and_containers(self):
        blocks = fixture(SECTION, "cgroups.txt").split("# ")[1:]
        self.assertGreater(len(blocks), 20)
        for block in blocks:
            head, _line, text = block.partition("\n")
            wanted = tuple(None if word == "-" else word for word in head.split())
            self.assertEqual(processes.parse_groups(text), wanted, text)

    def test_a_system_that_is_a_container_itself(self):
        outside = "0::/machine.slice/libpod-" + "a" * 64 + ".scope"
        root = processes.root_group(outside + "/init.scope\n")
        self.assertEqual(processes.parse_groups(outside + "/system.slice/ssh.service\n", root), ("ssh.service", None))


class States(unittest.TestCase):
    LINE = "%d (%s) S 1 42 42 0 -1 4194560 1 2 3 4 11 22 5 6 20 0 1 0 987 1 2 3"

    def test_a_name_can_hold_anything(self):
        for name in ("sshd", "a b", "x) S 9 (y", ")", "(sd-pam)"):
            self.assertEqual(owners.parse_state(self.LINE % (42, name)), owners.State(987, 33, 1, name))

    def test_a_process_that_has_ended(self):
        for text in ("", "42", "42 (x", "42 (x) S 1"):
            self.assertIsNone(owners.parse_state(text))

    def test_a_tunnel(self):
        self.assertEqual(owners.tunnel_of("pos:\t0\nflags:\t0100002\nmnt_id:\t25\niff:\ttun0\n"), "tun0")
        self.assertIsNone(owners.tunnel_of("pos:\t0\n"))

    def test_the_one_that_has_worked_is_chosen(self):
        before = {1: owners.State(1, 5, 0, "init"), 10: owners.State(50, 5, 1, "a"), 11: owners.State(60, 5, 10, "b")}
        after = dict(before)
        self.assertEqual(owners.choose([1, 10, 11], before, after), 11)
        after[10] = before[10]._replace(cpu_ticks=9)
        self.assertEqual(owners.choose([1, 10, 11], before, after), 10)
        # The number has been given to another process since.
        after[10] = owners.State(99, 900, 1, "c")
        after[11] = before[11]._replace(cpu_ticks=6)
        self.assertEqual(owners.choose([10, 11], before, after), 11)


class Rates(unittest.TestCase):
    def test_two_seconds_are_two_seconds_though_no_step_ends_to_the_millisecond(self):
        for ends in ([1.0, 3.0, 5.0], [1.0002, 3.0005, 5.0001], [0.9999, 3.0, 5.003]):
            found = rates.of([0, 8000000, 1000000], ends, ends[-1])
            self.assertEqual(round(found["last_2s_bps"] / 1e6), 4)
            self.assertEqual(round(found["peak_bps"] / 1e6), 32)

    def test_what_the_window_is_too_short_for(self):
        found = rates.of([5, 5], [0.5, 1.0], 1.0)
        self.assertEqual((found["last_2s_bps"], found["last_10s_bps"], found["peak_bps"]), (None, None, None))


if __name__ == "__main__":
    unittest.main()


# Its first thread ends, another one goes on with the socket.
HEADLESS = """
import ctypes, socket, threading, time
one = socket.socket()
threading.Thread(target=lambda: time.sleep(60)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


class Headless(unittest.TestCase):
    def test_a_process_whose_first_thread_has_ended_still_has_its_sockets(self):
        process = subprocess.Popen([sys.executable, "-c", HEADLESS])
        try:
            deadline = time.time() + 10
            while host.process_fields(process.pid)[:1] != ["Z"] and time.time() < deadline:
                time.sleep(0.05)
            found = owners.look()
            described = processes.describe(process.pid, found.states[process.pid], found.glances.get(process.pid))
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        self.assertIn([process.pid], list(found.sockets.values()))
        self.assertIn("pthread_exit", described["command"])
