# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import unittest

import target_helpers  # noqa: F401  pylint: disable=unused-import

from ansible_collections.rescue.remote_login.plugins.module_utils.account import match_lines, patterns

CONNECTION = {
    "user": "bob",
    "exists": True,
    "groups": ["bob", "staff"],
    "host": "client.example.com",
    "addr": "192.0.2.7",
    "laddr": "198.51.100.1",
    "lport": 22,
    "version": "OpenSSH_9.2p1",
}


def directive(text, *conditions):
    words = text.split()
    place = {"file": "/f", "line": 1, "keyword": words[0].lower(), "arguments": words[1:], "text": text}
    return dict(place, conditions=[condition.split() for condition in conditions])


class Patterns(unittest.TestCase):
    def test_only_stars_and_question_marks_mean_something(self):
        for pattern in ("b*", "b?b", "*", "bob"):
            self.assertTrue(patterns.matches("bob", pattern), pattern)
        for pattern in ("b?", "[b]ob", "BOB", "", "bo"):
            self.assertFalse(patterns.matches("bob", pattern), pattern)

    def test_a_pattern_of_stars_takes_no_time(self):
        self.assertFalse(patterns.matches("a" * 200, "*a" * 200 + "b"))

    def test_a_negated_pattern_decides_wherever_it_stands(self):
        self.assertEqual(patterns.matches_list("bob", "*,!bob"), -1)
        self.assertEqual(patterns.matches_list("bob", "!alice,*"), 1)
        self.assertEqual(patterns.matches_list("bob", "!alice"), 0)

    def test_addresses_are_held_by_networks_and_by_wildcards(self):
        for text, wanted in (
            ("192.0.2.0/24", 1),
            ("192.0.2.*", 1),
            ("192.0.2.0/24,!192.0.2.7", -1),
            ("2001:db8::/32", 0),
            ("::ffff:192.0.2.7", 1),
        ):
            self.assertEqual(patterns.address_in_list("192.0.2.7", text), wanted, text)

    def test_a_network_with_bits_behind_its_prefix_is_an_error(self):
        self.assertRaises(patterns.Inconsistent, patterns.address_in_list, "192.0.2.7", "192.0.2.1/24")

    def test_a_word_of_allow_users_may_name_the_place(self):
        for word, wanted in (
            ("bob@192.0.2.*", True),
            ("bob@*.example.com", True),
            ("b*@!192.0.2.7,*", False),
            ("al@*", False),
        ):
            self.assertEqual(patterns.is_user("bob", "client.example.com", "192.0.2.7", word), wanted, word)


class Match(unittest.TestCase):
    def test_every_criterion_of_a_line_has_to_hold(self):
        for text, wanted in (
            ("User bob Address 192.0.2.0/24", True),
            ("User bob Address 203.0.113.0/24", False),
            ("User=bob,alice", True),
            ("Group wheel,staff", True),
            ("Group *,!staff", False),
            ("Host *.EXAMPLE.com", True),
            ("LocalPort 22 LocalAddress 198.51.100.*", True),
            ("LocalPort 2222", False),
            ("Invalid-User", False),
            ("RDomain x", False),
            ("All", True),
        ):
            self.assertEqual(match_lines.fits(text.split(), CONNECTION), wanted, text)

    def deciding(self, keyword, *entries):
        return [entry["text"] for entry in match_lines.deciding(keyword, list(entries), CONNECTION)]

    def test_the_first_value_wins_and_a_match_block_before_all_that_stands_outside(self):
        first, second = directive("PermitRootLogin yes"), directive("PermitRootLogin no")
        self.assertEqual(self.deciding("permitrootlogin", first, second), ["PermitRootLogin yes"])
        fitting, other = directive("PermitRootLogin no", "User bob"), directive("PermitRootLogin yes", "User x")
        self.assertEqual(self.deciding("permitrootlogin", first, other, fitting), ["PermitRootLogin no"])

    def test_a_file_that_is_included_below_match_has_that_condition_too(self):
        inner = directive("PermitRootLogin no", "User x", "User bob")
        self.assertEqual(self.deciding("permitrootlogin", inner), [])

    def test_lists_add_up_and_those_below_match_replace_those_outside(self):
        outside = [directive("DenyUsers a"), directive("DenyUsers b")]
        self.assertEqual(self.deciding("denyusers", *outside), ["DenyUsers a", "DenyUsers b"])
        below = [directive("DenyUsers c", "User bob"), directive("DenyUsers d", "all")]
        self.assertEqual(self.deciding("denyusers", *(outside + below)), ["DenyUsers c", "DenyUsers d"])

    def test_old_names_are_the_same_keyword(self):
        old = directive("ChallengeResponseAuthentication no")
        self.assertEqual(len(self.deciding("kbdinteractiveauthentication", old)), 1)

    def test_options_of_the_daemon_come_as_directives(self):
        (entry,) = match_lines.options([("D", None), ("o", "PermitRootLogin=no")])
        self.assertEqual((entry["keyword"], entry["arguments"], entry["file"]), ("permitrootlogin", ["no"], None))


if __name__ == "__main__":
    unittest.main()
