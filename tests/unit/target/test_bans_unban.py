# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import unittest

from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses, unban


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
