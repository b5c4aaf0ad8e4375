# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a measurement says where a part of it cannot be had: nothing, with a reason, or what another part tells."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import struct
import unittest

from target_helpers import replaced

from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    attribution,
    callers,
    datagrams,
    flows,
    gather,
    interfaces,
    names,
    owners,
    packets,
    queues,
    summary,
    syscalls,
    tcp,
    verdict,
    window,
    wire,
)

HERE, THERE = (b"\x0a\x62\0\1", 50081), (b"\x0a\x62\0\2", 40000)
SERVER, CHILD = 4001, 4002
LISTENER, ACCEPTED = 71, 72
TCP_SEGMENT = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 1, 0, 64, 6, 0, HERE[0], THERE[0]) + struct.pack(
    "!HHIIBBHHH", 8081, 40000, 1, 1, 8 << 4, 16, 100, 0, 0
)


def flow(protocol=packets.TCP, sampled=False, inode=None):
    found = flows.Flow(None, protocol, HERE, THERE, inode, "eth0" if sampled else None, sampled)
    found.add(0, 1000, 100)
    return found


class Counters(object):
    def __init__(self, tells=True):
        self.tells_ended, self.problems, self.last, self.listening = tells, {}, {}, set()


class Seen(window.Window):
    """A window in which one connection has passed, on a host where some things cannot be had."""

    def __init__(self, with_events=True, tells_ended=True, hidden=False):
        self.others, self.tunnels, self.outer, self.problems = {}, [], ["eth0"], {}
        link = {"name": "eth0", "index": 2, "kind": None, "master": None, "lower": None, "up": True, "speed_mbps": None}
        self.links = {2: link}
        self.counters = {None: Counters(tells_ended)}
        self.before = self.after = owners.Holders()
        self.before.hidden = hidden
        self.callers = replaced_callers(with_events)
        self.tables = {None: datagrams.Table({HERE[0]})}
        self.flows, self.ring, self.queues = {}, None, {}
        counted = dict.fromkeys(("tx_bytes", "rx_bytes", "tx_packets", "rx_packets"), 0)
        later = dict(counted, tx_bytes=1200, rx_bytes=300, tx_packets=3, rx_packets=3)
        self.samples, self.started_at = [(0.0, {"eth0": counted}), (2.0, {"eth0": later})], 0


def replaced_callers(with_events):
    found = callers.Callers.__new__(callers.Callers)
    found.connections, found.datagrams, found.states, found.glances = {}, {}, {}, {}
    found.births = None
    found.problems = {} if with_events else {callers.TCP_EVENT: "Permission denied"}
    if with_events:
        found.births = found
        found.names, found.parents = {}, {}
    return found


class AnyRing(object):
    lost, filters = 0, [(0, 0, 64)]


def told(seen, *flows):
    """The result of a window with these flows; what is asked of this very host is answered for it."""
    seen.flows = dict(enumerate(flows))
    answers = {"to": lambda *_args, **_more: {"interface": "eth0", "local": False}}
    with replaced(attribution.routing, **answers), replaced(queues, look=dict):
        return summary.Summary(seen, 5, None).result()


class EndedConnections(unittest.TestCase):
    def test_without_events_they_are_not_taken_for_something_made_by_hand(self):
        found = told(Seen(with_events=False), flow())
        self.assertIn(attribution.ENDED, [entry["reason"] for entry in found["unattributed"]])

    def test_without_events_whoever_listens_has_served_them(self):
        seen = Seen(with_events=False)
        seen.tables[None].add(datagrams.Socket(packets.TCP, (b"\0" * 4, HERE[1]), (b"\0" * 4, 0), LISTENER))
        seen.before.sockets[LISTENER] = [SERVER]
        pid, _holders, how = attribution.Attribution(seen).owner(flow())
        self.assertEqual((pid, how), (SERVER, "socket"))

    def test_the_socket_of_another_connection_is_no_listener(self):
        table = datagrams.Table(set())
        table.add(datagrams.Socket(packets.TCP, HERE, THERE, ACCEPTED))
        self.assertEqual(table.inodes(packets.TCP, HERE, THERE), [ACCEPTED])
        self.assertEqual(table.inodes(packets.TCP, HERE, (THERE[0], 40001)), [])

    def test_one_that_waits_for_late_packets_hides_no_listener(self):
        table = datagrams.Table(set())
        table.add(datagrams.Socket(packets.TCP, HERE, THERE, 0))
        table.add(datagrams.Socket(packets.TCP, (b"\0" * 4, HERE[1]), (b"\0" * 4, 0), LISTENER))
        self.assertEqual(table.inodes(packets.TCP, HERE, THERE), [LISTENER])

    def test_how_they_were_put_down_is_told(self):
        self.assertEqual(gather.ended(Seen()), "kernel events")
        self.assertEqual(gather.ended(Seen(with_events=False)), "listening sockets")
        self.assertIsNone(gather.ended(Seen(with_events=False, hidden=True)))


class CountedOnce(unittest.TestCase):
    """A connection that the kernel counts, and its packets."""

    def once(self, seen, alive, remote=THERE):
        seen.ring = self
        entry = tcp.Connection(HERE, remote, ACCEPTED, 1000, 100, None, False, 0)
        seen.counters[None].last = {1: entry} if alive else {}
        seen.flows = {1: flow(inode=ACCEPTED), 2: flow(sampled=True)}
        return [found.sampled for found in wire.once(seen)]

    def test_the_kernel_s_own_count_counts(self):
        self.assertEqual(self.once(Seen(), alive=True), [False])
        self.assertEqual(self.once(Seen(), alive=False), [False])
        self.assertEqual(self.once(Seen(tells_ended=False), alive=True), [False])

    def test_where_the_kernel_forgets_what_ends_its_packets_count(self):
        self.assertEqual(self.once(Seen(tells_ended=False), alive=False), [True])

    def test_another_connection_to_the_same_server_is_there_still(self):
        seen = Seen(tells_ended=False)
        self.once(seen, alive=True)
        other = flow(sampled=True)
        other.local = (HERE[0], 9)
        seen.flows[3] = other
        self.assertIn(other, wire.once(seen))


class MadeByHand(unittest.TestCase):
    def reason(self, seen):
        with replaced(interfaces, may_forward=lambda _links, _others: False):
            return attribution.Attribution(seen).owner(flow(sampled=True))[2]

    def test_what_belongs_to_no_connection_is_where_all_of_them_are_known(self):
        self.assertTrue(self.reason(Seen()).startswith(attribution.MADE))

    def test_what_others_send_to_a_service_here_is_not(self):
        found = flows.Flow(None, packets.TCP, (HERE[0], 80), THERE, None, "eth0", True)
        found.add(0, 40, 40)
        with replaced(interfaces, may_forward=lambda _links, _others: False):
            self.assertEqual(attribution.Attribution(Seen()).owner(found)[2], attribution.STRAY)

    def test_where_some_are_not_known_it_may_be_one_of_those(self):
        self.assertEqual(self.reason(Seen(tells_ended=False)), attribution.NOT_LISTED)
        seen = Seen()
        seen.counters[None].problems["ended connections"] = "more ended at once than could be noted"
        self.assertEqual(self.reason(seen), attribution.NOT_LISTED)

    def test_a_network_namespace_that_cannot_be_entered_has_connections_too(self):
        seen = Seen()
        seen.others = {4026532000: 9}
        self.assertFalse(seen.tells_ended())

    def test_packets_without_any_data_are_counted_by_their_headers(self):
        found = flows.Flow(None, packets.TCP, HERE, THERE, None, "eth0", True)
        found.add(0, 0, 0)
        found.bare = {0: [0, 20000]}
        found.count_headers()
        self.assertEqual((found.tx, found.rx), (0, 20000))

    def test_those_of_a_connection_with_data_are_not(self):
        found = flow(sampled=True)
        found.bare = {0: [1200, 300]}
        found.count_headers()
        self.assertEqual((found.tx, found.rx), (1000, 100))


class FromElsewhere(unittest.TestCase):
    """Packets whose source is no address of this host."""

    def owner(self, seen, size=1000):
        found = flows.Flow(None, packets.UDP, (b"\xcb\0\x71\x09", 9), THERE, None, "eth0", True)
        found.add(0, size, 0)
        found.wire = [size, 1, 0, 0]
        with replaced(interfaces, may_forward=lambda _links, _others: True):
            return attribution.Attribution(seen).owner(found)

    def test_they_pass_this_host_where_so_much_came_in(self):
        self.assertEqual(self.owner(Seen(), size=200)[2], attribution.FORWARDED)

    def test_they_are_made_here_where_it_did_not(self):
        self.assertTrue(self.owner(Seen())[2].startswith(attribution.MADE))

    def test_whoever_sent_there_by_a_raw_socket_has_made_them(self):
        seen = Seen()
        seen.callers.datagrams = {(datagrams.RAW, THERE[0], b""): CHILD}
        self.assertEqual(self.owner(seen)[0], CHILD)
        self.assertIsNone(self.owner(seen, size=200)[0])


class FewPackets(unittest.TestCase):
    def test_what_is_known_of_a_few_is_no_more_than_there_was(self):
        seen, found = Seen(), flow(sampled=True)
        found.wire = [2400, 10, 0, 0]
        seen.ring = AnyRing()
        wire.correct(seen, [(found, "eth0")])
        # The interface has counted 1200 bytes of all packets, with their headers.
        self.assertAlmostEqual(found.wire[0] + 14 * found.wire[1], 1200)
        self.assertEqual(found.rx, 100)


class Packets(unittest.TestCase):
    def test_the_header_of_tcp_is_no_data(self):
        for more, payload in ((0, 0), (1448, 1448)):
            length = 20 + 32 + more
            packet = packets.parse(TCP_SEGMENT, 0, len(TCP_SEGMENT), length, packets.ETH_P_IP)
            self.assertEqual(packet[3], payload)

    def test_one_that_is_cut_off_before_it_says_how_long_it_is(self):
        self.assertEqual(packets.parse(TCP_SEGMENT, 0, 30, 1500, packets.ETH_P_IP)[3], 1480)


class NotRoot(unittest.TestCase):
    def test_where_no_process_can_be_seen_there_is_no_list_of_them(self):
        found = told(Seen(with_events=False, hidden=True), flow())
        self.assertIsNone(found["processes"])
        self.assertIsNone(found["other_processes"])

    def test_without_processes_there_may_be_none(self):
        found = told(Seen(), flow())
        self.assertEqual((found["processes"], found["other_processes"]["count"]), ([], 0))

    def test_some_of_them_are_told(self):
        seen = Seen(hidden=True)
        seen.before.sockets[ACCEPTED] = [SERVER]
        found = told(seen, flow(inode=ACCEPTED))
        self.assertEqual([entry["pid"] for entry in found["processes"]], [SERVER])

    def test_what_reads_the_result_takes_no_list_for_none(self):
        found = told(Seen(with_events=False, hidden=True), flow())
        with replaced(names.children, ask=lambda _questions, _timeout: {}):
            names.add(found, 1)
        with replaced(verdict, _leads=lambda _address: "eth0"):
            top = verdict.top(found, "rx", {"eth0"}, 400)
        self.assertEqual((top["pid"], top["reason"]), (None, attribution.ENDED))

    def test_a_pair_leads_to_a_container_where_these_cannot_be_told(self):
        link = {"up": True, "kind": None, "lower": None, "master": None, "peer_namespace": None}
        pair = dict(link, name="veth1", kind="veth", peer_namespace=3)
        found = {2: dict(link, name="eth0"), 3: pair}
        with replaced(interfaces, _numbers_of=lambda _others: set()):
            self.assertEqual(interfaces.outer(found, {}), ["eth0", "veth1"])
            self.assertEqual(interfaces.outer(found, {}, all_known=False), ["eth0"])
            # In a container it is the only way out.
            self.assertEqual(interfaces.outer({3: pair}, {}, all_known=False), ["veth1"])


class WithoutCtypes(unittest.TestCase):
    def test_it_is_said(self):
        with replaced(syscalls, ctypes=None):
            for call in (
                lambda: syscalls.in_a_private_view("/sys/kernel/tracing", "tracefs", "events/x/format"),
                lambda: syscalls.network_namespace(0).__enter__(),
                lambda: syscalls.perf_event_open(b"", 0),
            ):
                with self.assertRaises(OSError) as caught:
                    call()
                self.assertIn("ctypes", str(caught.exception))

    def test_other_network_namespaces_are_left_out(self):
        seen = Seen()
        seen.others, seen.tables = {4026532000: 9}, {}
        with replaced(syscalls, ctypes=None), replaced(datagrams, look=lambda _with_tcp: datagrams.Table(set())):
            seen._look_at_tables()
        self.assertEqual(list(seen.tables), [None])
        self.assertIn("ctypes", seen.problems["sockets of other network namespaces"])


class Refused(socket.socket):
    """A socket of a kernel that lacks what is asked of it."""

    def bind(self, _address):
        raise socket.error(2, "No such file or directory")


class OldKernel(unittest.TestCase):
    def test_connections_that_end_are_not_told_of(self):
        with replaced(tcp.socket, socket=Refused):
            made = tcp.Counters.__new__(tcp.Counters)
            made.problems = {}
            self.assertIsNone(made._subscribed())
        self.assertIn("ended connections", made.problems)


if __name__ == "__main__":
    unittest.main()
