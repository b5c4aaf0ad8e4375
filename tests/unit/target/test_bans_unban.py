# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import io
import os
import unittest

from target_helpers import folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses, lines, others, unban

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
