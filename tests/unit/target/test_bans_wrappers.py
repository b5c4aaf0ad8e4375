# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import unittest

from target_helpers import folder_with

from ansible_collections.rescue.remote_login.plugins.module_utils.bans import wrappers

CLIENT, CLIENT6 = "10.77.1.1", "fd77:1::1"


def judge(allow="", deny="", client=CLIENT, servers=()):
    with folder_with({"allow": allow, "deny": deny}) as root:
        files = ((root + "/allow", "allow"), (root + "/deny", "deny"))
        return wrappers.judge(client, list(servers), files)


class Judged(unittest.TestCase):
    """What libwrap of Debian 12 answered when it was asked the same."""

    def assert_denied(self, deny, line=1, **more):
        told = judge(deny=deny, **more)
        self.assertEqual((told["verdict"], told["line"]), ("deny", line), deny)

    def assert_allowed(self, deny, **more):
        self.assertEqual(judge(deny=deny, **more)["verdict"], "allow", deny)

    def test_nobody_is_refused_without_a_rule(self):
        self.assert_allowed("")
        self.assert_allowed("# ALL: ALL\n\nno rule at all\n")

    def test_patterns_that_hold_the_client(self):
        for pattern in ("ALL", "10.77.1.1", "10.77.", "10.", "10.77.1.0/24", "10.77.1.0/255.255.255.0", "10.77.1.*"):
            self.assert_denied("sshd: %s\n" % pattern)
        for pattern in ("10.77.?.1", "0.0.0.0/0.0.0.0", "ALL@10.77.1.1", "192.0.2.1, 10.77.1.1", "10.77.1.1/32"):
            self.assert_denied("sshd: %s\n" % pattern)

    def test_patterns_that_libwrap_does_not_take_for_what_they_look_like(self):
        for pattern in ("0.0.0.0/0", "10.77.1.1/24", "10.77.1.1/255.255.255.255", "10.77.1.1/33", "[10.77.1.1]"):
            self.assert_allowed("sshd: %s\n" % pattern)
        for pattern in ("10.77.1", "10.77.001.1", "/no/such/file", "[fd77:1::1]"):
            self.assert_allowed("sshd: %s\n" % pattern)

    def test_ipv6(self):
        for pattern in ("[fd77:1::1]", "[fd77:1::]/64", "[FD77:1::1]/64", "[::]/0", "ALL"):
            self.assert_denied("sshd: %s\n" % pattern, client=CLIENT6)
        for pattern in ("[fd77:2::]/64", "10.77.", "0.0.0.0/0.0.0.0"):
            self.assert_allowed("sshd: %s\n" % pattern, client=CLIENT6)

    def test_daemons(self):
        for daemon in ("ALL", "sshd", "SSHD", "ssh*", "vsftpd sshd", "vsftpd,sshd", "ALL EXCEPT vsftpd"):
            self.assert_denied("%s: ALL\n" % daemon)
        for daemon in ("vsftpd", "ALL EXCEPT sshd", "sshd EXCEPT ALL", "sshd-session"):
            self.assert_allowed("%s: ALL\n" % daemon)

    def test_a_daemon_at_one_address_of_the_host(self):
        self.assert_denied("sshd@10.77.1.9: ALL\n", servers=["10.77.1.9"])
        self.assert_allowed("sshd@10.77.1.9: ALL\n", servers=["10.77.1.8"])

    def test_exceptions_nest(self):
        self.assert_allowed("sshd: ALL EXCEPT 10.77.\n")
        self.assert_denied("sshd: ALL EXCEPT 10.77. EXCEPT 10.77.1.1\n")

    def test_the_first_match_decides_and_hosts_allow_comes_first(self):
        told = judge(allow="sshd: 10.77.\n", deny="ALL: ALL\n")
        self.assertEqual((told["verdict"], told["line"]), ("allow", 1))
        told = judge(allow="sshd: 192.0.2.\n", deny="vsftpd: ALL\nsshd: 10.\nALL: ALL\n")
        self.assertEqual((told["verdict"], told["line"], told["text"]), ("deny", 2, "sshd: 10."))

    def test_options_turn_a_rule_around(self):
        self.assertEqual(judge(allow="sshd: ALL : deny\n")["verdict"], "deny")
        self.assertEqual(judge(allow="sshd: ALL : spawn /bin/echo a\\:b : DENY\n")["option"], "deny")
        self.assertEqual(judge(deny="sshd: ALL : severity auth.info : allow\n")["verdict"], "allow")
        self.assertEqual(judge(allow="sshd: ALL : twist /bin/echo no\n")["verdict"], "deny")

    def test_an_unknown_option_refuses(self):
        told = judge(allow="sshd: ALL : alow\n")
        self.assertEqual((told["verdict"], told["option"]), ("deny", "alow (unknown)"))

    def test_a_backslash_joins_lines_also_those_of_a_remark(self):
        self.assert_denied("# remark \\\nALL: ALL\nsshd: 192.0.2.1, \\\n  10.77.1.0/24\n", line=3)

    def test_a_last_line_without_its_end_refuses_everybody(self):
        for text in ("# a remark", "sshd: 192.0.2.1", "vsftpd: ALL", "# a remark \\\n"):
            told = judge(deny=text)
            self.assertEqual((told["verdict"], told["option"]), ("deny", wrappers.UNENDED), text)

    def test_a_last_line_without_its_end_grants_nothing(self):
        self.assertEqual(judge(allow="sshd: ALL", deny="ALL: ALL\n")["file"][-4:], "deny")

    def test_a_file_of_patterns(self):
        with folder_with({"bad": "192.0.2.1\n10.77.1.1\n"}) as root:
            self.assert_denied("sshd: %s/bad\n" % root)
            self.assert_allowed("sshd: %s/bad\n" % root, client="10.77.1.2")

    def test_what_takes_a_lookup_is_unknown_and_said_so(self):
        for pattern in (".example.com", "admin.example.com", "@netgroup", "PARANOID", "KNOWN", "LOCAL", "user@10.77."):
            told = judge(deny="sshd: %s\n" % pattern)
            self.assertEqual(told["verdict"], "unknown", pattern)
            self.assertIn("deny line 1", told["reason"])

    def test_a_command_that_decides_is_unknown(self):
        self.assertEqual(judge(allow="sshd: ALL : aclexec /bin/check\n")["verdict"], "unknown")

    def test_only_a_rule_that_names_the_address_itself_can_be_a_ban(self):
        self.assertTrue(judge(deny="ALL: 10.77.1.1\n")["names_client"])
        self.assertTrue(judge(deny="ALL: [fd77:1::1]\n", client=CLIENT6)["names_client"])
        self.assertFalse(judge(deny="ALL: 10.77.\n")["names_client"])

    def test_only_a_newline_ends_a_line(self):
        self.assertEqual(judge(deny="# a remark\x0cALL: ALL\n")["verdict"], "allow")
        self.assertEqual(judge(deny="# a remark\x0b\x1c\nALL: ALL\n")["line"], 2)


if __name__ == "__main__":
    unittest.main()
