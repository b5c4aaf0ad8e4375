# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import unittest

from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses


class Networks(unittest.TestCase):
    def test_a_network_is_told_as_people_write_it(self):
        for given, wanted in (
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
            ("192.0.2.1/32", "192.0.2.1"),
            ("2001:DB8::0:7", "2001:db8::7"),
            ("2001:db8::7/64", "2001:db8::/64"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            (" 192.0.2.1 ", "192.0.2.1"),
        ):
            self.assertEqual(addresses.text(addresses.network(given)), wanted)

    def test_anything_else_is_none(self):
        given = ("", "host", "192.0.2", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/255.0.255.0", "::1/129", "22", "a b")
        for text in given + ("192.0.2.1; reboot", u"\u0661.2.3.4", "2001:db8::/255.0.0.0"):  # fmt: skip
            self.assertIsNone(addresses.network(text), text)

    def test_a_network_holds_itself_and_what_is_in_it(self):
        client = addresses.network("192.0.2.7")
        for text in ("192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "192.0.2.6/31"):
            self.assertTrue(addresses.holds(addresses.network(text), client), text)
        for text in ("192.0.2.8", "192.0.3.0/24", "::/0", "x"):
            self.assertFalse(addresses.holds(addresses.network(text), client), text)
        self.assertFalse(addresses.holds(client, addresses.network("192.0.2.0/24")))


if __name__ == "__main__":
    unittest.main()
