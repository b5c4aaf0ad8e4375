# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.account import chroot, policy, refusals

ROOT = {"user": "root", "exists": True, "uid": 0, "gid": 0, "groups": ["root"], "home": {"path": "/root"}}
BOB = dict(ROOT, user="bob", uid=1001, gid=1001, groups=["bob", "staff"], home={"path": "/home/bob"})
LOGIN = {"port": 22, "addresses": ["192.0.2.1"], "clients": ["198.51.100.7"], "user": "bob"}


def values(image="bookworm", **changed):
    """What a real `sshd -T` says, with some of it changed."""
    found = policy.parse(fixture("sshd", "sshd_T.%s.default.txt" % image))
    found.update((keyword, value.split("\n")) for keyword, value in changed.items())
    return found


def entry(text, line=1, *conditions):
    words = text.split()
    place = {"file": "/f", "line": line, "keyword": words[0].lower(), "arguments": words[1:], "text": text}
    return dict(place, conditions=[condition.split() for condition in conditions])


def judged(account, method, entries=(), image="bookworm", **changed):
    login = dict(LOGIN, user=account["user"], method=method)
    connection = policy._connection(login, account, "OpenSSH_9.2p1")
    return policy._judged(login, account, connection, values(image, **changed), list(entries), {})


def kinds(account, method, **changed):
    return [refusal["kind"] for refusal in judged(account, method, **changed)["refused"]]


class Judge(unittest.TestCase):
    def test_the_defaults_of_every_image_let_keys_in(self):
        for image in ("bookworm", "trixie", "bullseye"):
            for account in (ROOT, BOB):
                self.assertEqual(judged(account, "publickey", image=image)["refused"], [], image)

    def test_the_lists_are_asked_as_sshd_does(self):
        for changed, wanted in (
            ({"denyusers": "bob"}, True),
            ({"denyusers": "!bob"}, False),  # for a user an exclamation mark is a letter
            ({"denyusers": "*@198.51.100.0/24"}, True),
            ({"allowusers": "alice"}, True),
            ({"allowusers": "alice\nb?b"}, False),
            ({"allowusers": "bob@203.0.113.*"}, True),
            ({"denygroups": "st*"}, True),
            ({"allowgroups": "wheel"}, True),
            ({"allowgroups": "wheel\nstaff"}, False),
        ):
            self.assertEqual(kinds(BOB, "publickey", **changed), ["user_not_allowed"] if wanted else [], changed)

    def test_root_is_who_has_the_number_0(self):
        toor = dict(ROOT, user="toor")
        self.assertEqual(kinds(toor, "publickey", permitrootlogin="no"), ["root_login_disabled"])
        self.assertEqual(kinds(BOB, "publickey", permitrootlogin="no"), [])
        self.assertEqual(kinds(ROOT, "publickey", permitrootlogin="without-password"), [])
        self.assertEqual(kinds(ROOT, "password", permitrootlogin="without-password"), ["root_login_disabled"])
        self.assertEqual(kinds(ROOT, None, permitrootlogin="without-password"), [])
        (by_key,) = judged(ROOT, "publickey", permitrootlogin="forced-commands-only")["refused"]
        self.assertTrue(by_key["unless_key_has_command"])

    def test_a_method_that_the_login_does_not_use_may_be_switched_off(self):
        self.assertEqual(kinds(BOB, "publickey", passwordauthentication="no"), [])
        self.assertEqual(kinds(BOB, "password", passwordauthentication="no"), ["password_login_disabled"])
        self.assertEqual(kinds(BOB, None, passwordauthentication="no"), [])
        self.assertEqual(kinds(BOB, None, passwordauthentication="no", pubkeyauthentication="no"),
                         ["key_login_disabled", "password_login_disabled"])  # fmt: skip

    def test_pam_asks_for_a_password_too_where_it_is_there(self):
        asked = {"passwordauthentication": "no", "kbdinteractiveauthentication": "yes"}
        self.assertEqual(kinds(BOB, "password", **asked), [])
        self.assertEqual(kinds(BOB, "password", usepam="no", **asked), ["password_login_disabled"])

    def test_before_8_7_keyboard_interactive_has_two_names_and_either_will_do(self):
        said = policy.parse("kbdinteractiveauthentication no\nchallengeresponseauthentication yes\n")
        self.assertEqual(said, {"kbdinteractiveauthentication": ["yes"]})

    def test_a_list_of_methods_has_to_be_one_that_the_login_can_go_through(self):
        for value, method, wanted in (
            ("publickey password", "publickey", []),
            ("publickey password", "password", []),
            ("password", "publickey", ["key_login_disabled"]),
            ("publickey", "password", ["password_login_disabled"]),
            ("publickey,password", "publickey", ["more_methods_required"]),
            ("publickey,password", "password", ["password_login_disabled"]),
            ("keyboard-interactive:pam", "password", ["password_login_disabled"]),  # switched off
            ("any", "password", []),
        ):
            self.assertEqual(kinds(BOB, method, authenticationmethods=value), wanted, (value, method))

    def test_no_try_at_all_keeps_everybody_out(self):
        self.assertEqual(kinds(BOB, "publickey", maxauthtries="0"), ["max_auth_tries"])
        self.assertEqual(kinds(BOB, "publickey", maxauthtries="1"), [])

    def test_a_connection_that_is_turned_away(self):
        found = judged(BOB, "publickey", [entry("RefuseConnection yes", 3, "Address 198.51.*")], refuseconnection="yes")
        self.assertEqual([(one["kind"], one["line"]) for one in found["refused"]], [("user_not_allowed", 3)])
        self.assertEqual(kinds(BOB, "publickey", refuseconnection="no"), [])

    def test_by_what_nobody_is_refused(self):
        lists = ["DenyUsers", "AllowUsers", "DenyGroups", "AllowGroups"]
        found = judged(ROOT, "publickey", denyusers="al", usepam="yes")["unset"]
        self.assertEqual(found, lists[1:] + ["PermitRootLogin", "RefuseConnection", "UsePAM"])
        found = judged(ROOT, "password", permitrootlogin="without-password", refuseconnection="yes", usepam="no")
        self.assertEqual(found["unset"], lists + ["PAM account", "PAM session"])

    def passed(self, account, *found):
        def named(keyword):
            return [one for one in found if one["keyword"] == keyword]

        connection = policy._connection(dict(LOGIN, user=account["user"]), account, "OpenSSH_9.2p1")
        return refusals.passed_by_files(named, connection, account, "publickey")

    def test_files_that_sshd_does_not_take_are_read_for_what_they_refuse(self):
        found = [entry("UsePAM yes"), entry("AllowUsers al bob"), entry("PermitRootLogin no")]
        self.assertIn("AllowUsers", self.passed(BOB, *found))
        self.assertNotIn("AllowUsers", self.passed(dict(BOB, user="ed"), *found))
        self.assertIn("DenyUsers", self.passed(dict(BOB, user="ed"), *found))
        self.assertNotIn("PermitRootLogin", self.passed(ROOT, *found))
        self.assertEqual(self.passed(BOB, entry("AllowUsers al bob")), [])  # UsePAM may be either

    def test_a_user_that_is_not_there_is_refused_by_no_list(self):
        nobody = dict(BOB, exists=False, uid=None, groups=[])
        self.assertEqual(kinds(nobody, "publickey", allowusers="alice", permitrootlogin="no"), [])


class Places(unittest.TestCase):
    def test_the_line_that_decides_is_named_with_its_match(self):
        lines = [entry("PermitRootLogin yes", 1), entry("PermitRootLogin no", 5, "User root")]
        (refusal,) = judged(ROOT, "publickey", lines, permitrootlogin="no")["refused"]
        self.assertEqual((refusal["file"], refusal["line"], refusal["match"]), ("/f", 5, "User root"))

    def test_where_the_files_do_not_say_what_sshd_says_no_line_is_blamed(self):
        (refusal,) = judged(ROOT, "publickey", [entry("PermitRootLogin yes")], permitrootlogin="no")["refused"]
        self.assertIsNone(refusal["line"])
        (refusal,) = judged(BOB, "publickey", [entry("DenyUsers al")], denyusers="bob")["refused"]
        self.assertIsNone(refusal["line"])

    def test_of_a_list_in_several_lines_the_one_with_the_word_is_named(self):
        lines = [entry("DenyUsers al", 1), entry("DenyUsers ed b*", 7)]
        (refusal,) = judged(BOB, "publickey", lines, denyusers="al\ned\nb*")["refused"]
        self.assertEqual((refusal["line"], refusal["value"]), (7, "b*"))


class Ask(unittest.TestCase):
    def ask(self, result, connection=None, entries=()):
        said = []

        def run(argv, **_options):
            said.append(argv)
            return result

        with replaced(host, run=run), replaced(sockets, own_addresses=lambda: ["192.0.2.1"]):
            connection = connection or policy._connection(LOGIN, BOB, None)
            return policy.ask(["/usr/sbin/sshd", "-f", "/x"], connection, list(entries)), said

    def test_sshd_is_asked_about_exactly_this_login(self):
        answer, ((argv,)) = self.ask(host.Result(0, "port 22\nallowusers a\nallowusers b\n", "", None))
        self.assertEqual(answer[0]["allowusers"], ["a", "b"])
        asked = "user=bob,host=198.51.100.7,addr=198.51.100.7,laddr=192.0.2.1,lport=22"
        self.assertEqual(argv, ["/usr/sbin/sshd", "-T", "-C", asked, "-f", "/x"])

    def test_what_sshd_cannot_be_asked_is_a_reason(self):
        answer, said = self.ask(None, dict(policy._connection(LOGIN, BOB, None), user="a,addr=1"))
        self.assertEqual((answer[0], said), (None, []))
        answer, _said = self.ask(host.Result(255, "", "/etc/ssh/sshd_config line 3: no\nmore", None))
        self.assertEqual(answer, (None, "sshd -T says: /etc/ssh/sshd_config line 3: no"))
        self.assertIn("answer", self.ask(host.Result(None, "", "", "sshd did not answer"))[0][1])

    def test_what_only_some_versions_know_is_said_only_where_it_counts(self):
        entries = [entry("PermitTTY no", 1, "RDomain x"), entry("PermitTTY no", 2, "Invalid-User")]
        connection = dict(policy._connection(LOGIN, BOB, None), exists=False)
        _answer, ((argv,)) = self.ask(host.Result(0, "", "", None), connection, entries)
        self.assertTrue(argv[3].endswith(",lport=22,rdomain=,invalid-user"))

    def test_behind_address_translation_the_host_has_another_address(self):
        with replaced(sockets, own_addresses=lambda: ["127.0.0.1", "::1", "10.0.0.5"]):
            connection = policy._connection(dict(LOGIN, addresses=["203.0.113.9"]), BOB, None)
        self.assertEqual(connection["laddr"], "10.0.0.5")

    def test_without_root_there_is_a_reason(self):
        missing = {}
        with replaced(host, is_root=lambda: False):
            self.assertIsNone(policy.look(LOGIN, BOB, ([], {}), missing))
        self.assertIn("needs root", missing["rules"])


class Chroot(unittest.TestCase):
    def test_the_whole_path_has_to_be_root_s(self):
        self.assertIn("does not exist", chroot.problem("/nowhere/at/all"))
        self.assertIn("not an absolute path", chroot.problem("srv"))
        self.assertIn("can be written by others", chroot.problem("/tmp"))
        self.assertIn("is not a directory", chroot.problem("/etc/passwd"))
        self.assertIsNone(chroot.problem("/usr/lib"))

    def test_what_stands_for_the_user_is_filled_in_once(self):
        self.assertEqual(chroot.expanded("/srv/%u/%%u%h", dict(BOB, home={"path": "/%u"})), "/srv/bob/%u/%u")
        self.assertIsNone(chroot.look({"chrootdirectory": {"value": "none"}}, BOB))

    def test_the_shell_is_looked_for_inside_whatever_the_links_say(self):
        with folder_with({"usr/bin/sh": "", "etc": None}) as root:
            self.assertIn("is not inside", chroot.shell_problem(root, "/bin/sh"))
            os.symlink("/usr/bin", os.path.join(root, "bin"))
            self.assertIn("is not executable", chroot.shell_problem(root, "/bin/sh"))
            os.chmod(os.path.join(root, "usr/bin/sh"), 0o755)
            self.assertIsNone(chroot.shell_problem(root, "/bin/../bin/./sh"))
            os.symlink("loop", os.path.join(root, "loop"))
            self.assertTrue(chroot.inside(root, "/loop/x").startswith(root))


class Failure(unittest.TestCase):
    def test_rules_that_sshd_cannot_follow_refuse_every_method(self):
        refusal = refusals.failure("reprocess config line 7: no")
        self.assertEqual((refusal["kind"], refusal["methods"]), ("rules_fail", ["publickey", "password"]))


if __name__ == "__main__":
    unittest.main()
