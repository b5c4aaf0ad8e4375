# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limiting a process: whose it is, what is never touched, and what the packet filter is told."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import signal
import subprocess
import sys
import time
import unittest

from target_helpers import fixture, folder_with, replaced, soon_true

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import namespaces, owners
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import (
    act,
    by_iptables,
    by_nft,
    connections,
    ending,
    groups,
    limit,
    networks,
    protected,
    state,
    target,
)

SECTION = "process_limit"
GROUP = state.Group("/a/b.service", "/sys/fs/cgroup/unified/a/b.service", "/sys/fs/cgroup/unified", 77)
NO_SOCKETS = connections.Sockets([], [])


def process_state(parent, name="sh", start_ticks=5):
    return owners.State(start_ticks, 0, parent, name)


class TestNetworks(unittest.TestCase):
    HERE, BOX, OTHER = 1, 2, 3

    def home(self, pid, **numbers):
        """Where a target is limited; the network of each member by its pid as pNUMBER."""
        found = {int(key[1:]): number for key, number in numbers.items()}
        one = target.Target("k", "w", pid, 5, None, None, dict.fromkeys(found, 5), False)
        with replaced(namespaces, number_of=lambda which: self.HERE if which == "self" else found.get(which)):
            return networks.home_of(one)

    def test_where_the_process_is(self):
        self.assertEqual(self.home(7, p7=self.HERE, p8=self.HERE), (None, []))
        self.assertEqual(self.home(7, p7=self.BOX, p8=self.BOX), (7, []))
        self.assertEqual(self.home(7, p7=self.BOX, p8=self.HERE), (7, [8]))
        self.assertEqual(self.home(7, p7=self.HERE, p8=self.BOX), (None, [8]))

    def test_where_most_of_a_unit_is(self):
        self.assertEqual(self.home(None, p7=self.HERE, p8=self.BOX), (None, [8]))
        self.assertEqual(self.home(None, p7=self.BOX, p8=self.BOX), (7, []))
        self.assertEqual(self.home(None, p7=self.BOX, p8=self.OTHER), (None, [7, 8]))

    def test_what_has_ended_is_nowhere(self):
        self.assertEqual(self.home(7, p7=None), (None, []))


class TestTargets(unittest.TestCase):
    def test_names_of_units(self):
        for name in ("a.service", "a@b-1.service", "session-3.scope", "a\\x2db.service", "user-1000.slice", "x.socket"):
            target.check_name(name)
        for name in (
            "-.slice",
            "--now.service",
            "a",
            "a.target",
            "a.mount",
            "a b.service",
            "a.service\n",
            "",
            "$(x).service",
        ):
            with self.assertRaises(target.Refused):
                target.check_name(name)

    def test_the_wrong_start_is_another_process(self):
        states = {7: process_state(1), os.getpid(): owners.state(os.getpid())}
        own = states[os.getpid()].start_ticks
        self.assertIn(os.getpid(), target.process(os.getpid(), own, states).members)
        with self.assertRaises(target.Refused) as caught:
            target.process(os.getpid(), own + 1, states)
        self.assertIn("another process by now", str(caught.exception))

    def test_what_has_ended(self):
        self.assertTrue(target.process(99999999, 1, {}).ended)

    def test_descendants_and_ancestors(self):
        states = {
            1: process_state(0),
            5: process_state(1),
            6: process_state(5),
            7: process_state(6),
            8: process_state(1),
        }
        self.assertEqual(sorted(target.descendants(5, states)), [6, 7])
        self.assertEqual(protected.ancestors(7, states), [7, 6, 5, 1])
        loop = {5: process_state(6), 6: process_state(5)}
        self.assertEqual(protected.ancestors(5, loop), [5, 6])
        self.assertEqual(target.descendants(5, loop), [6])

    def test_groups_of_both_versions(self):
        hybrid = "9:name=systemd:/system.slice/a.service\n0::/b\n"
        self.assertEqual(target.parse_group(hybrid), "/system.slice/a.service")
        self.assertEqual(target.parse_group(hybrid, kinds=("",)), "/b")
        self.assertEqual(target.parse_group("0::/c:d\n"), "/c:d")
        self.assertIsNone(target.parse_group("garbage"))
        self.assertTrue(target.is_within("/a/b", "/a"))
        self.assertFalse(target.is_within("/ab", "/a"))

    def stopped_with(self, name, required_by):
        with replaced(target, show=lambda each: {"Id": each, "RequiredBy": required_by.get(each, "")}):
            return sorted(target.stopped_with(name))

    def test_what_is_stopped_with_a_unit(self):
        required_by = {
            "vpn.service": "uplink.target",
            "uplink.target": "srv-a\\x2db.mount -.mount",
            "srv-a\\x2db.mount": "ssh.service vpn.service",
            "-.mount": "a@.service",
        }
        expected = ["-.mount", "a@.service", "srv-a\\x2db.mount", "ssh.service", "uplink.target", "vpn.service"]
        self.assertEqual(self.stopped_with("vpn.service", required_by), expected)

    def test_more_than_can_be_looked_at_is_refusal(self):
        many = " ".join("%d.service" % number for number in range(target.FOLLOWERS_LIMIT))
        self.assertEqual(len(self.stopped_with("a.service", {"a.service": many[: many.rindex(" ")]})), 200)
        with self.assertRaises(target.Refused) as caught:
            self.stopped_with("a.service", {"a.service": many})
        self.assertIn("more than 200 units", str(caught.exception))

    def has_ended(self, state_of, threads):
        fields = [state_of] + ["0"] * 16 + [threads] + ["0"] * 20
        with replaced(host, process_fields=lambda pid: fields if state_of else []):
            return target.owner_has_ended(7)

    def test_a_process_whose_first_thread_alone_has_ended_lives(self):
        self.assertFalse(self.has_ended("Z", "2"))
        self.assertTrue(self.has_ended("Z", "1"))
        self.assertTrue(self.has_ended("Z", "0"))
        self.assertTrue(self.has_ended("X", "1"))
        self.assertTrue(self.has_ended("", ""))
        self.assertFalse(self.has_ended("S", "1"))

    def test_keys(self):
        self.assertEqual(target.key_of(4711, 99, None), "4711_99")
        self.assertTrue(target.key_of(None, None, "a.service").startswith("unit_"))


class TestProtected(unittest.TestCase):
    def by_name(self, name, path, words=(), uid=0, mode=0o755, world_writable=()):
        class Status(object):
            def __init__(self, owner, bits):
                self.st_uid, self.st_mode, self.st_size = owner, bits, protected.PROGRAM_LIMIT_BYTES + 1

        def status_of(asked, follow=True):
            if asked.endswith("/exe"):
                return Status(uid, mode) if path else None
            folder = asked.partition("/root")[2]
            return Status(0, 0o1777 if folder in world_writable else 0o755)

        with replaced(
            host,
            link_target=lambda asked: path,
            status_of=status_of,
            process_fields=lambda pid: ["S"] + ["0"] * 20,
        ), replaced(protected.sockets, arguments=lambda pid: list(words)):
            return protected.World({7: process_state(0, name)}, me=9).why_not([7])

    def test_an_ssh_server_under_any_name(self):
        self.assertTrue(self.by_name("sshd", "/usr/sbin/sshd"))
        self.assertTrue(self.by_name("sshd", "/usr/sbin/sshd (deleted)"))
        self.assertTrue(self.by_name("sshd-session", "/usr/lib/openssh/sshd-session", ["sshd-session: root [priv]"]))
        self.assertTrue(self.by_name("other", "/usr/local/sbin/other", ["sshd: /usr/local/sbin/other -D [listener]"]))
        self.assertTrue(self.by_name("dropbear", "/usr/sbin/dropbear"))
        self.assertTrue(self.by_name("sshd", None))

    def test_a_name_alone_protects_nobody(self):
        self.assertIsNone(self.by_name("sshd", "/tmp/sshd", world_writable=["/tmp"]))
        self.assertIsNone(self.by_name("sshd", "/tmp/.x/sshd (deleted)", world_writable=["/tmp"]))
        self.assertIsNone(self.by_name("sshd", "/home/u/sshd", uid=1000))
        self.assertIsNone(self.by_name("sshd", "/usr/sbin/sshd", mode=0o777))
        self.assertIsNone(self.by_name("curl", "/usr/bin/curl"))
        self.assertIsNone(self.by_name("sshdfs", "/usr/bin/sshdfs"))

    def world(self, rows, sockets, tunnels, way, **more):
        """A world in which these processes hold these sockets and tunnels."""
        holders = owners.Holders()
        holders.sockets, holders.tunnels = sockets, tunnels
        states = {pid: process_state(1, "x%d" % pid) for pid in (5, 6, 7, 8, 9)}
        states[1] = process_state(0, "init")
        fakes = {"connections": lambda: rows, "ways_of": lambda live: {way}, "by_name": lambda pid, name: None}
        nothing = {"is_imitation": False, "reads_sshd_config": False}
        fakes["connections_elsewhere"] = lambda pids: []
        fakes.update(more, names_of=lambda pid, name: {name})
        with replaced(owners, look=lambda: holders), replaced(
            protected, **dict({"program": lambda pid: nothing}, **fakes)
        ):
            world = protected.World(states, me=9)
            world.look_at_connections(2022)
        return world

    def test_a_program_that_is_never_looked_at_protects_itself_alone(self):
        def program(pid):
            if pid == 6:
                time.sleep(60)
            return {"is_imitation": False, "reads_sshd_config": pid == 5}

        rows = [self.row(port, "0.0.0.0", 0, port, "0A") for port in (5, 6, 7)]
        rows += [self.row(port, "10.0.0.2", 4000 + port, 10 + port) for port in (5, 6, 7)]
        rows += [self.row(4000 + port, "10.0.0.1", port, 20 + port, address="10.0.0.2") for port in (5, 6)]
        begun = time.time()
        holders = {5: [5], 6: [6], 7: [7], 25: [8], 26: [9]}
        world = self.world(rows, holders, {}, None, program=program, PATIENCE_S=0.5, ancestors=lambda pid, states: [])
        self.assertLess(time.time() - begun, 10)
        self.assertIn("holds the port of the login (5)", world.why_not([5]))
        self.assertIn("does not answer", world.why_not([6]))
        self.assertIsNone(world.why_not([7]))
        self.assertIn("passes a login on", world.why_not([8]))
        self.assertIsNone(world.why_not([9]))

    def test_an_ssh_server_whose_program_is_never_looked_at(self):
        states = {7: process_state(0, "sshd"), 8: process_state(0, "curl")}
        fakes = {"PATIENCE_S": 0.3, "names_of": lambda pid, name: {name}, "is_imitation": lambda pid: time.sleep(60)}
        with replaced(protected, **fakes), replaced(host, process_fields=lambda pid: ["S"] + ["0"] * 20):
            world = protected.World(states, me=9)
        self.assertIn("is an SSH server", world.why_not([7]))
        self.assertIsNone(world.why_not([8]))

    def row(self, port, peer, peer_port, inode, state_of="01", address="10.0.0.1"):
        return {
            "address": address,
            "port": port,
            "peer": peer,
            "peer_port": peer_port,
            "inode": inode,
            "state": state_of,
        }

    def test_the_tunnel_that_logins_come_through(self):
        rows = [self.row(2022, "10.9.0.2", 4000, 11), self.row(443, "10.9.0.2", 4001, 12)]
        world = self.world(rows, {11: [5], 12: [6]}, {"tun0": [7], "tun1": [8]}, "tun0")
        self.assertIn("holds the port of the login", world.why_not([5]))
        self.assertIsNone(world.why_not([6]))
        self.assertIn("is the tunnel tun0", world.why_not([7]))
        self.assertIsNone(world.why_not([8]))
        self.assertIn("this very run", world.why_not([9]))
        self.assertIn("the first process", world.why_not([1]))

    def test_the_proxy_that_logins_come_through(self):
        rows = [
            self.row(2022, "127.0.0.1", 5000, 11, address="127.0.0.1"),
            self.row(5000, "127.0.0.1", 2022, 12, address="127.0.0.1"),
            self.row(443, "198.51.100.7", 5000, 13),
        ]
        world = self.world(rows, {11: [5], 12: [6], 13: [7]}, {}, "lo")
        self.assertIn("passes a login on", world.why_not([6]))
        self.assertIsNone(world.why_not([7]))

    def test_the_proxy_in_a_container(self):
        rows = [self.row(2022, "172.17.0.2", 5000, 11, address="172.17.0.1")]
        inside = [
            self.row(5000, "172.17.0.1", 2022, 12, address="172.17.0.2"),
            self.row(5001, "172.17.0.1", 2022, 13, address="172.17.0.2"),
        ]
        holders = {11: [5], 12: [6], 13: [7]}
        world = self.world(rows, holders, {}, None, connections_elsewhere=lambda pids: inside)
        self.assertIn("passes a login on", world.why_not([6]))
        self.assertIsNone(world.why_not([7]))

    def test_each_other_network_is_looked_into_once(self):
        numbers, asked = {"self": 1, 5: 1, 6: 2, 7: 2, 8: 2, 9: 3, 10: None}, []

        def read(path, limit=0):
            asked.append(path)
            gone = path.startswith("/proc/6/") or path.endswith("6")
            return host.Text("", "gone") if gone else host.Text(fixture(SECTION, "tcp.txt"), None)

        with replaced(namespaces, number_of=numbers.get), replaced(host, read=read):
            rows = protected.connections_elsewhere([5, 6, 7, 8, 9, 10])
        self.assertEqual([path for path in asked if path.endswith("tcp")], ["/proc/%d/net/tcp" % n for n in (6, 7, 9)])
        self.assertEqual(len(rows), 4)

    def test_daemons_of_tunnels_that_the_kernel_makes(self):
        for name in ("pppd", "charon", "xl2tpd", "pluto"):
            self.assertIn("logins need", self.by_name(name, "/usr/sbin/" + name))

    def test_units_by_name(self):
        world = protected.World.__new__(protected.World)
        world.interfaces = {"wg0"}
        for name in (
            "ssh.service",
            "sshd.socket",
            "ssh@3-1.2.3.4:22-5.6.7.8:9.service",
            "user.slice",
            "wg-quick@wg0.service",
        ):
            with self.assertRaises(target.Refused):
                protected.check_unit_name(name, world)
        for name in ("sshfs.service", "wg-quick@wg1.service", "user-1000.slice", "nginx.service"):
            protected.check_unit_name(name, world)

    def test_rows_of_both_families_and_garbage(self):
        text = (
            fixture(SECTION, "tcp.txt") + fixture(SECTION, "tcp6.txt") + "  1: garbage\n 2: 0:0 :: 01 a b c d e f g h\n"
        )
        rows = protected.parse_connections(text)
        self.assertIn(("0.0.0.0", 22, "0A"), [(row["address"], row["port"], row["state"]) for row in rows])
        self.assertTrue(all(row["inode"] >= 0 for row in rows))
        self.assertEqual(protected.plain("::ffff:10.0.0.1"), "10.0.0.1")
        self.assertEqual(protected.plain("::ffff"), "::ffff")


class TestLook(unittest.TestCase):
    PARAMS = {"action": "kill", "pid": 7, "start_ticks": 5, "unit": None, "port": 22}

    def looked_at(self, check):
        states = {7: process_state(1), 8: process_state(7)}
        found = target.Target("7_5", "process 7 (sh)", 7, 5, None, "/a", {7: 5, 8: 6}, False)
        with replaced(target, states_of_all=lambda: states, process=lambda *named: found), replaced(
            protected, check=check
        ), replaced(act, LOOK_TIMEOUT_S=0.5):
            self.assertEqual(act.looked_at(self.PARAMS), found)

    def test_what_was_looked_at_is_handed_over(self):
        self.looked_at(lambda *arguments: None)

    def test_refusal_is_handed_over(self):
        def check(*_arguments):
            raise target.Refused("it is mine")

        with self.assertRaises(target.Refused) as caught:
            self.looked_at(check)
        self.assertEqual(str(caught.exception), "it is mine")

    def test_a_look_that_never_ends_is_refusal(self):
        begun = time.time()
        with self.assertRaises(target.Refused) as caught:
            self.looked_at(lambda *arguments: time.sleep(60))
        self.assertIn("cannot be told in time", str(caught.exception))
        self.assertLess(time.time() - begun, 10)


class TestNft(unittest.TestCase):
    def test_what_was_made_is_found_again(self):
        found = by_nft.parse(fixture(SECTION, "nft-trixie.txt"))
        self.assertEqual((found.rate_bps, found.group, found.seen), (4000000, 7223844, 1))
        self.assertEqual(by_nft.parse("").rate_bps, None)

    def test_where_nft_looks_for_the_group(self):
        self.assertEqual(by_nft.spellings(GROUP), ["unified/a/b.service", "a/b.service"])
        with self.assertRaises(state.Unusable):
            by_nft.spellings(GROUP._replace(path='/sys/fs/cgroup/a"; flush ruleset; "'))

    def test_one_transaction(self):
        sockets = connections.Sockets(
            [("tcp", 80)], [("udp", "10.0.0.1", 5, "10.0.0.2", 6), ("tcp", "::1", 7, "::2", 8)]
        )
        lines = by_nft.script("t", 8000000, GROUP, "a/b.service", sockets).split("\n")
        self.assertEqual(lines[:3], ["add table inet t", "delete table inet t", "add table inet t"])
        self.assertIn("add element inet t pairs4 { udp . 10.0.0.1 . 5 . 10.0.0.2 . 6 }", lines)
        self.assertIn("add element inet t pairs6 { tcp . ::1 . 7 . ::2 . 8 }", lines)
        self.assertEqual(len([line for line in lines if 'socket cgroupv2 level 2 "a/b.service"' in line]), 2)
        # What matches by address and port is no proof that the kernel tells packets by their group.
        self.assertEqual([line for line in lines if "seen" in line], [line for line in lines if "cgroupv2" in line])
        self.assertTrue(all(line.endswith(' comment "seen"') for line in lines if "cgroupv2" in line))
        self.assertEqual(
            len([line for line in lines if "rate over 1000000 bytes/second burst 250000 bytes" in line]), 2
        )


class TestIptables(unittest.TestCase):
    KEY = "748_7032345"

    def test_what_was_made_is_found_again(self):
        text = fixture(SECTION, "iptables-bullseye.txt")
        chain = fixture(SECTION, "iptables-bullseye-chain.txt").strip()
        found = by_iptables.parse(text, chain)
        self.assertEqual((found.rate_bps, found.seen), (4000000, 1))
        self.assertIsNone(by_iptables.parse(text, "rllimit_0_"))
        broken = "\n".join(line for line in text.splitlines() if not line.startswith("-A OUTPUT"))
        self.assertIsNone(by_iptables.parse(broken, chain).rate_bps)

    def test_the_jump_comes_last(self):
        made = by_iptables.rules("iptables", "1_2", 8000, GROUP, NO_SOCKETS)
        self.assertEqual([words[0] for words in made[-2:]], ["-I", "-I"])
        self.assertTrue(all(len(word) < 29 for words in made for word in words if word.startswith("rllimit")))
        self.assertIn("a/b.service", made[3])


class TestNoAnswer(unittest.TestCase):
    """Only where the packet filter itself says that there is no limit there is none."""

    NFT = (
        "Error: No such file or directory\nlist table inet x\n   ^",
        "Error: No such file or directory; did you mean table 'y' in family inet?",
        "Error: Could not process rule: Operation not supported",
    )
    IPTABLES = (
        "iptables v1.8.7 (legacy): can't initialize iptables table `mangle': Table does not exist (do you need to"
        " insmod?)\nPerhaps iptables or your kernel needs to be upgraded.",
        "iptables v1.4.21: can't initialize iptables table `mangle': iptables who? (do you need to insmod?)",
        "iptables: No chain/target/match by that name.",
        "iptables/1.8.9 Failed to initialize nft: Protocol not supported",
    )
    UNKNOWN = (
        "Error: Could not process rule: Device or resource busy",
        "netlink: Error: cache initialization failed: Operation not permitted",
        "Another app is currently holding the xtables lock; still 9s 0us time ahead to have a chance to grab it",
        "iptables v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)",
        "",
        "Fatal: can't open lock file /run/xtables.lock: Permission denied",
    )

    def answers(self, *answers, **more):
        """Let commands have these answers, the last one from then on; the commands are collected."""
        left, self.asked = list(answers), []

        def run(argv, timeout=0, limit=0):
            self.asked.append(argv)
            return left.pop(0) if len(left) > 1 else left[0]

        return replaced(host, run=run, which=lambda name: "/" + name, **more)

    def test_none(self):
        for way, sayings in ((by_nft.Nft(), self.NFT), (by_iptables.Iptables(), self.IPTABLES)):
            for said in sayings:
                with self.answers(host.Result(1, "", said, None)):
                    self.assertIsNone(way.find("1_2"), said)
                self.assertEqual(len(self.asked), 1)

    def test_unknown(self):
        lock = host.Result(4, "", "Fatal: can't open lock file /run/xtables.lock: No such file or directory", None)
        with self.answers(lock), self.assertRaises(state.Unusable):
            by_iptables.Iptables().find("1_2")
        results = [host.Result(1, "", said, None) for said in self.UNKNOWN]
        results.append(host.Result(None, "", "", "nft did not answer within 10 s"))
        results.append(host.Result(None, self.NFT[0], self.NFT[0], "nft wrote more than 1 bytes"))
        for result in results:
            for way in (by_nft.Nft(), by_iptables.Iptables()):
                with self.answers(result), self.assertRaises(state.Unusable):
                    way.find("1_2")

    def test_a_table_that_iptables_cannot_show(self):
        cannot = host.Result(
            1, "", "iptables v1.8.9 (nf_tables): table `mangle' is incompatible, use 'nft' tool.", None
        )
        shown = "table ip mangle {\n\tchain %so {\n\t}\n}\n"
        with self.answers(cannot, host.Result(0, shown % "other", "", None)):
            self.assertIsNone(by_iptables.Iptables().find("1_2"))
        with self.answers(cannot, host.Result(0, shown % by_iptables.chain_of("1_2"), "", None)):
            self.assertIsNotNone(by_iptables.Iptables().find("1_2"))

    def test_what_ip6tables_kept_is_noticed(self):
        none = host.Result(1, "", self.IPTABLES[2], None)
        kept = host.Result(0, "-N %so\n" % by_iptables.chain_of("1_2"), "", None)
        both = replaced(by_iptables, tools=lambda: ["iptables", "ip6tables"])
        with self.answers(*[none] * 21 + [kept]), both, self.assertRaises(state.Unusable) as caught:
            by_iptables.Iptables().remove("1_2")
        self.assertIn("ip6tables", str(caught.exception))

    def test_the_lock_is_waited_for_once(self):
        late = host.Result(None, "", "", "iptables did not answer within 10 s")
        with self.answers(late), self.assertRaises(state.Unusable):
            by_iptables.Iptables().remove("1_2")
        self.assertEqual(len(self.asked), 1)

    def test_restore_does_not_say_that_there_is_no_limit(self):
        emptied = []
        fakes = {"left_over": lambda self, key: ["/a"], "empty": lambda self, group: emptied.append(group)}
        fakes.update(why_not=lambda self: None, mount=lambda self: None)
        one = target.Target("1_2", "process 1", 1, 2, None, None, {}, None)
        late = self.answers(host.Result(None, "", "", "nft did not answer within 10 s"))
        with late, replaced(groups.Groups, **fakes), self.assertRaises(target.Refused) as caught:
            act.restore(one, False)
        self.assertIn("whether process 1 is limited cannot be told: nft did not answer", str(caught.exception))
        self.assertEqual((emptied, caught.exception.changed), ([], False))


class TestGroups(unittest.TestCase):
    def test_mounts(self):
        self.assertEqual(groups.parse_mounts(fixture(SECTION, "mountinfo-trixie.txt")), ("/sys/fs/cgroup/unified", "/"))
        self.assertEqual(groups.parse_mounts("24 1 0:22 / /sys/fs/cgroup ro - cgroup2 cgroup2 ro\n"), (None, "/"))
        line = "24 1 0:22 /x\\040y /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 none rw\n"
        self.assertEqual(groups.parse_mounts(line), ("/sys/fs/cgroup", "/x y"))


class Way(object):
    """A packet filter of which only the result counts."""

    name, pairs_limit = "nft", 10

    def __init__(self, table=None, **errors):
        self.table, self.errors = table, errors

    def fail(self, what):
        if what in self.errors:
            raise self.errors[what]

    def find(self, key):
        return self.table

    def apply(self, key, rate_bps, group, _sockets):
        self.fail("apply")
        self.table = state.Found(rate_bps, group.number, 0)

    def remove(self, key):
        self.fail("remove")
        self.table = None


class Hierarchy(object):
    """Control groups of which there is one, or not."""

    place = "/sys"

    def __init__(self, there, error=None, group="/a"):
        self.there, self.error, self.group = there, error, group

    def own(self, target_of):
        return None

    def child(self, target_of):
        return self.group

    def apart(self, target_of, group):
        return []

    def path(self, group):
        return self.place + group

    def number(self, group):
        return 77 if self.there else None

    def left_over(self, key):
        return [self.group] if self.there else []

    def fill(self, target_of, group):
        self.there = True
        if self.error:
            raise self.error

    def empty(self, group):
        self.there = False


class TestFailures(unittest.TestCase):
    """What fails halfway is taken back, and what cannot be is said."""

    EARLIER = state.Found(5000, 77, 0)

    def limit(self, ways, hierarchy):
        made = limit.Limit.__new__(limit.Limit)
        made.target = target.Target("1_2", "process 1", 1, 2, None, "/", {1: 2}, False)
        made.ways, made.hierarchy, made.notes, made.tried = ways, hierarchy, [], []
        return made

    def lower(self, way, hierarchy, works=lambda *arguments: True):
        """Why it was refused, and whether something is different."""
        fakes = {"members_now": lambda *arguments: [1], "states_of_all": dict}
        with replaced(target, **fakes), replaced(connections, of=lambda pids: NO_SOCKETS), replaced(
            limit, works=works
        ), self.assertRaises(target.Refused) as caught:
            self.limit([way], hierarchy).lower(9000)
        return str(caught.exception), caught.exception.changed

    def fork_fails(self, *_arguments):
        raise OSError(11, "Resource temporarily unavailable")

    def test_what_starts_processes_faster_is_left_as_it_was(self):
        way, hierarchy = Way(), Hierarchy(False, target.Refused("it starts processes faster"))
        self.assertEqual(self.lower(way, hierarchy), ("it starts processes faster", False))
        self.assertFalse(hierarchy.there)

    def test_the_earlier_limit_stays_with_its_group(self):
        way, hierarchy = Way(self.EARLIER), Hierarchy(True, target.Refused("it starts processes faster"))
        self.assertEqual(self.lower(way, hierarchy), ("it starts processes faster", False))
        self.assertEqual((way.table, hierarchy.there), (self.EARLIER, True))

    def test_no_trial_is_possible(self):
        way, hierarchy = Way(), Hierarchy(False)
        words, changed = self.lower(way, hierarchy, self.fork_fails)
        self.assertIn("because Resource temporarily unavailable: terminate it", words)
        self.assertEqual((changed, way.table, hierarchy.there), (False, None, False))

    def test_the_way_does_not_work(self):
        for way in (Way(), Way(apply=state.Unusable("nft says: no"))):
            hierarchy = Hierarchy(False)
            words, changed = self.lower(way, hierarchy, lambda *arguments: False)
            self.assertIn("the rate of process 1 cannot be lowered here, because nft", words)
            self.assertEqual((changed, way.table, hierarchy.there), (False, None, False))

    def test_the_earlier_limit_is_gone(self):
        way, hierarchy = Way(self.EARLIER), Hierarchy(True)
        words, changed = self.lower(way, hierarchy, lambda *arguments: False)
        self.assertIn("the limit that there was, 5000 bit/s, has been lifted", words)
        self.assertEqual((changed, way.table, hierarchy.there), (True, None, True))

    def test_a_transaction_that_fails_leaves_the_earlier_limit(self):
        way, hierarchy = Way(self.EARLIER, apply=state.Unusable("nft says: no")), Hierarchy(True)
        words, changed = self.lower(way, hierarchy)
        self.assertIn("nft says: no", words)
        self.assertEqual((changed, way.table, hierarchy.there), (False, self.EARLIER, True))

    def test_what_cannot_be_removed_is_told(self):
        way, hierarchy = Way(remove=state.Unusable("nft says: busy")), Hierarchy(False)
        words, changed = self.lower(way, hierarchy, lambda *arguments: False)
        self.assertIn("what was made could not be removed: nft says: busy", words)
        self.assertTrue(changed)
        self.assertFalse(hierarchy.there)

    def test_half_lifted_is_a_change(self):
        for second, changed in ((Way(self.EARLIER, remove=state.Unusable("busy")), True), (Way(), None)):
            made = self.limit([Way(self.EARLIER), second], Hierarchy(True))
            with replaced(host, which=lambda name: None):
                if not changed:
                    self.assertEqual(made.lift(False), [self.EARLIER])
                    continue
                with self.assertRaises(target.Refused) as caught:
                    made.lift(False)
            self.assertTrue(caught.exception.changed)
            self.assertTrue(made.hierarchy.there)

    def test_a_group_that_cannot_be_filled_is_not_emptied_behind_the_back(self):
        made, emptied = groups.Groups.__new__(groups.Groups), []
        with folder_with({"a": None}) as root:
            fakes = {"path": lambda self, group: root, "empty": lambda self, group: emptied.append(group)}
            with replaced(groups.Groups, _move_all=self.fork_fails, **fakes), self.assertRaises(target.Refused):
                made.fill(target.Target("1_2", "process 1", 1, 2, None, "/", {1: 2}, False), "/a")
        self.assertEqual(emptied, [])


class TestEnding(unittest.TestCase):
    def setUp(self):
        self.child = subprocess.Popen(["sleep", "100"])  # pylint: disable=ansible-bad-function
        self.start_ticks = owners.state(self.child.pid).start_ticks

    def tearDown(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def test_what_goes_on_without_its_first_thread_can_be_ended(self):
        script = (
            "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(100,)).start();"
            " ctypes.CDLL(None).pthread_exit(None)"
        )
        child = subprocess.Popen([sys.executable, "-c", script])  # pylint: disable=ansible-bad-function
        try:
            start_ticks = owners.state(child.pid).start_ticks
            self.assertTrue(soon_true(lambda: host.process_fields(child.pid)[0] == "Z", 10))
            self.assertEqual(ending.wait({child.pid: start_ticks}, 0), [child.pid])
            self.assertFalse(target.process(child.pid, start_ticks, target.states_of_all()).ended)
            self.assertTrue(ending.send(child.pid, start_ticks, signal.SIGKILL))
            self.assertEqual(ending.wait({child.pid: start_ticks}, 5), [])
        finally:
            child.kill() if child.poll() is None else None
            child.wait()

    def test_only_the_very_process_gets_the_signal(self):
        self.assertFalse(ending.send(self.child.pid, self.start_ticks + 1, signal.SIGKILL))
        self.assertEqual(ending.wait({self.child.pid: self.start_ticks}, 0.2), [self.child.pid])
        self.assertTrue(ending.send(self.child.pid, self.start_ticks, signal.SIGTERM))
        self.assertEqual(ending.wait({self.child.pid: self.start_ticks}, 5), [])
        self.assertFalse(ending.send(self.child.pid, self.start_ticks, signal.SIGTERM))


if __name__ == "__main__":
    unittest.main()
