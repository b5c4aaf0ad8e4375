# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import io
import os
import time
import unittest

from target_helpers import folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils.bans import (
    addresses,
    database,
    fail2ban_service,
    gather,
    lines,
    others,
    unban,
)

BANNED = addresses.network("198.51.100.7")


class Arguments(unittest.TestCase):
    def test_a_network_with_host_bits_is_not_widened(self):
        for text in ("10.77.1.1/24", "10.77.1.1/255.255.255.0", "2001:db8::7/64", "::ffff:192.0.2.1/120", "::1/127"):
            with self.assertRaises(unban.CannotUnban) as refused:
                unban.checked_address(text)
            self.assertIn("has host bits set: write ", str(refused.exception), text)

    def test_addresses_and_networks_are_taken_as_they_are_written(self):
        for text, wanted in (
            ("10.77.1.0/24", "10.77.1.0/24"),
            (" 10.77.1.1/32 ", "10.77.1.1"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("fe80::1%eth0", "fe80::1"),
        ):
            self.assertEqual(addresses.text(unban.checked_address(text)), wanted)

    def test_a_wait_that_no_clock_knows_is_refused(self):
        for seconds in (-1, 3601, 10**20):
            self.assertRaises(unban.CannotUnban, unban.checked_wait, seconds)
        self.assertEqual([unban.checked_wait(seconds) for seconds in (0, 3600)], [0, 3600])


class Lines(unittest.TestCase):
    """What is taken out of a file, and that nothing else is."""

    def after(self, text, remembered=True, meanwhile=None):
        """What is left of a hosts.deny when every ban of the address is taken out of it."""
        with folder_with({"deny": text}) as root:
            path = os.path.join(root, "deny")
            with replaced(lines, DENY=path), replaced(others, DENYHOSTS_FOLDER=root):
                found = lines.find(BANNED, remembered)
            if meanwhile is not None:
                with open(path, "w") as handle:
                    handle.write(meanwhile)
            for one in found:
                lines.remove(one, os.rename)
            with io.open(path, encoding="utf-8", newline="") as handle:
                return handle.read()

    def test_lines_of_fail2ban_name_one_address_and_nothing_else(self):
        text = "ALL: 198.51.100.7\nsshd: 198.51.100.7 192.0.2.1\n# ALL: 198.51.100.7\nALL: 198.51.100.77\n# no end"
        self.assertEqual(self.after(text), text[len("ALL: 198.51.100.7\n") :])
        self.assertEqual(self.after(text, remembered=False), text)

    def test_only_a_newline_ends_a_line(self):
        odd = b"# \x0c one \x0b two \x1c three \xc2\x85 four \xe2\x80\xa8 five \r six\n".decode("utf-8")
        ours = "# DenyHosts: Sat Nov 21 04:00:00 2026 | sshd: 198.51.100.7\nsshd: 198.51.100.7\n"
        rest = "sshd: 192.0.2.1\nsshd: 192.0.2.2\n" + odd + "sshd: 192.0.2.3\n"
        self.assertEqual(self.after(odd + ours + rest), odd + rest)
        self.assertEqual(self.after(odd + "ALL: 198.51.100.7\n" + rest + "ALL: 198.51.100.7\n"), odd + rest)
        self.assertEqual(self.after(odd + rest), odd + rest)

    def test_lines_of_several_banners_in_one_file(self):
        ours = "# DenyHosts: Sat Nov 21 04:00:00 2026 | sshd: 198.51.100.7\nsshd: 198.51.100.7\n"
        text = "ALL: 192.0.2.1\n%sALL: 192.0.2.2\nALL: 198.51.100.7\nALL: 192.0.2.3\n"
        self.assertEqual(self.after(text % ours), "ALL: 192.0.2.1\nALL: 192.0.2.2\nALL: 192.0.2.3\n")

    def test_a_file_that_was_written_in_between(self):
        ours = "# DenyHosts: Sat Nov 21 04:00:00 2026 | sshd: 198.51.100.7\nsshd: 198.51.100.7\n"
        text = ours + "ALL: 192.0.2.1\nALL: 192.0.2.2\n"
        for now, left in (
            ("ALL: 192.0.2.9\n" + text, "ALL: 192.0.2.9\nALL: 192.0.2.1\nALL: 192.0.2.2\n"),
            ("ALL: 192.0.2.1\nALL: 192.0.2.2\n", "ALL: 192.0.2.1\nALL: 192.0.2.2\n"),
            ("", ""),
        ):
            self.assertEqual(self.after(text, meanwhile=now), left)


class Again(unittest.TestCase):
    def lifted(self, times, wait=3):
        """Lift a ban that somebody makes again a second after each lifting, so many times; return how often."""
        clock = {"now": 0, "banned": 0}
        lifted = []

        def sleep(seconds):
            clock["now"] += seconds

        def carry_out(listed, move):
            if listed:
                lifted.append(clock["now"])
                clock["banned"] = clock["now"] + 1 if len(lifted) <= times else None

        def steps(*asked):
            held = clock["banned"] is not None and clock["now"] >= clock["banned"]
            return [{"words": "lift it"}] if held else []

        found = {"bans": [], "returning": [], "entries": [], "unknown": None}
        clocked, server = replaced(unban.time, sleep=sleep), replaced(unban, checked_server=lambda *asked, **needed: {})
        with clocked, server, replaced(unban, look=lambda *asked: found, steps=steps, carry_out=carry_out):
            unban.unban(BANNED, 22, unban.ALL_JAILS, False, wait, False, None)
        return len(lifted)

    def test_a_ban_that_comes_back_is_lifted_twice_more(self):
        self.assertEqual([self.lifted(times) for times in range(3)], [1, 2, 3])

    def test_one_that_comes_back_after_that_is_a_failure_though_it_takes_a_second(self):
        for times in (3, 4, 100):
            with self.assertRaises(unban.CannotUnban) as refused:
                self.lifted(times)
            self.assertIn("is banned again whenever it is let in", str(refused.exception))
            self.assertTrue(refused.exception.changed)


OLD = "CREATE TABLE bans(jail TEXT, ip TEXT, timeofban INTEGER, data JSON)"
NEW = "CREATE TABLE bips(ip TEXT, jail TEXT, timeofban INTEGER, bantime INTEGER)"


class Stopped(unittest.TestCase):
    """A fail2ban that does not run, and its database."""

    def setUp(self):
        if database.sqlite3 is None:
            self.skipTest("no sqlite3")

    def lifted(self, path, check_mode=False, read_only=False):
        """What lifting the bans of an address did and did not know, with nothing but a database that may ban it."""
        state = {"installed": True, "running": False, "reason": "it is stopped", "version": None}
        kept = database.lasting, database.forget
        forget = (lambda jail, address: "it is read-only") if read_only else lambda *ban: kept[1](*ban, path=path)
        files = replaced(database, lasting=lambda clients: kept[0](clients, path=path), forget=forget)
        server = replaced(fail2ban_service, look=lambda: state)
        root = replaced(unban.host, is_root=lambda: True)
        elsewhere = replaced(gather, entries_of=lambda *place: ([], None), remembered=lambda wanted: False)
        banners = replaced(others, look=lambda clients: ([], [], {}))
        with files, server, root, elsewhere, banners:
            return unban.unban(BANNED, 22, unban.ALL_JAILS, False, 0, check_mode, None)

    def made(self, root, *commands):
        path = os.path.join(root, "fail2ban.sqlite3")
        made = database.sqlite3.connect(path)
        for command in commands:
            made.execute(command)
        made.commit()
        made.close()
        return path

    def rows(self, path, table):
        made = database.sqlite3.connect(path)
        try:
            return sorted(str(row[0]) for row in made.execute("SELECT ip FROM %s" % table))
        finally:
            made.close()

    def test_a_ban_in_force_is_taken_out(self):
        row = "INSERT INTO bips VALUES ('%%s', 'sshd', %d, 600)" % time.time()
        with folder_with({}) as root:
            path = self.made(root, NEW, OLD, row % "198.51.100.7", row % "192.0.2.1")
            self.assertEqual(self.lifted(path, check_mode=True)[1], None)
            self.assertEqual(len(self.rows(path, "bips")), 2)
            done = ["take 198.51.100.7 of jail sshd out of the database"]
            self.assertEqual(self.lifted(path), (done, None))
            self.assertEqual(self.rows(path, "bips"), ["192.0.2.1"])
            self.assertEqual(self.lifted(path), ([], None))

    def test_before_0_11_each_row_of_the_address_is_taken_out(self):
        row = "INSERT INTO bans VALUES ('sshd', '%s', 1, '{}')"
        with folder_with({}) as root:
            path = self.made(root, OLD, row % "198.51.100.7", row % "198.51.100.7", row % "192.0.2.1")
            self.assertEqual(self.lifted(path)[1], None)
            self.assertEqual(self.rows(path, "bans"), ["192.0.2.1"])
            self.assertEqual(self.lifted(path), ([], None))

    def test_before_0_11_nobody_can_tell_of_a_network(self):
        with folder_with({}) as root:
            path = self.made(root, OLD, "INSERT INTO bans VALUES ('sshd', '198.51.100.0/24', 1, '{}')")
            done, unknown = self.lifted(path)
            self.assertEqual(done, [])
            self.assertIn("it has had 198.51.100.0/24 in jail sshd", unknown)

    def test_a_database_that_cannot_be_read_is_told(self):
        with folder_with({"fail2ban.sqlite3": "no database" * 200}) as root:
            done, unknown = self.lifted(os.path.join(root, "fail2ban.sqlite3"))
            self.assertEqual(done, [])
            self.assertIn("fail2ban may ban it again when it starts, its database cannot tell: ", unknown)
            with replaced(database, sqlite3=None):
                self.assertIn("this Python has no sqlite3", self.lifted(root)[1])
            self.assertEqual(self.lifted(os.path.join(root, "none")), ([], None))

    def test_a_ban_that_stays_in_the_database_is_a_failure(self):
        with folder_with({}) as root:
            path = self.made(root, NEW, "INSERT INTO bips VALUES ('198.51.100.7', 'sshd', %d, -1)" % time.time())
            with self.assertRaises(unban.CannotUnban) as refused:
                self.lifted(path, read_only=True)
            self.assertIn("failed: it is read-only", str(refused.exception))
            self.assertFalse(refused.exception.changed)
