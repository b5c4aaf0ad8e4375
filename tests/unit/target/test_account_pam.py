# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import unittest

from target_helpers import fixture_json, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import pam_stack, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.account import (
    failures,
    pam,
    pam_modules,
    pam_walk,
    settings,
)


def lines(*texts):
    """Lines of one phase, as (control, module) or (control, module, level) in a text."""
    found = []
    for text in texts:
        control, module, level = (text.split("/") + ["0"])[:3]
        actions, broken = pam_stack.parse_control(control)
        found.append({"actions": actions, "module": module, "level": int(level), "broken": broken})
    return found


class Control(unittest.TestCase):
    def test_the_four_words(self):
        for word in ("required", "REQUISITE", "sufficient", "optional"):
            self.assertIsNone(pam_stack.parse_control(word)[1])

    def test_brackets(self):
        actions, wrong = pam_stack.parse_control("[success=1 new_authtok_reqd=done default=ignore")
        self.assertEqual(actions, {"success": "1", "new_authtok_reqd": "done", "default": "ignore"})
        self.assertIsNone(wrong)
        self.assertEqual(pam_stack.parse_control("[ success = ok ")[0], {"success": "ok", "default": "bad"})

    def test_what_is_wrong_fails_whatever_the_module_says(self):
        for control in ("requierd", "[success=ok nonsense=bad", "[success=perhaps"):
            actions, wrong = pam_stack.parse_control(control)
            self.assertIn("unknown control", wrong)
            self.assertEqual(actions["default"], "bad")


class Tokens(unittest.TestCase):
    def test_lines_are_joined_and_comments_cut(self):
        text = "# no\n\naccount \\\n required \\\n pam_deny.so # not now\nauth optional x.so\n"
        found = list(pam_stack.assembled(text))
        self.assertEqual([number for number, _text in found], [3, 6])
        self.assertEqual(pam_stack.tokens_of(found[0][1]), ["account", "required", "pam_deny.so"])

    def test_brackets_are_one_word(self):
        words = pam_stack.tokens_of("account [success=1  default=ignore] pam_x.so [a b] c")
        self.assertEqual(words, ["account", "[success=1  default=ignore", "pam_x.so", "[a b", "c"])


class Outcome(unittest.TestCase):
    def assert_outcome(self, wanted, stack, *answers):
        self.assertEqual(pam_walk.outcome(stack, answers), wanted)

    def test_required_goes_on_and_fails(self):
        self.assert_outcome("refuse", lines("required/a", "sufficient/b"), "auth_err", "success")
        self.assert_outcome("pass", lines("required/a", "required/b"), "success", "ignore")

    def test_sufficient_ends_what_is_good_so_far(self):
        self.assert_outcome("pass", lines("sufficient/a", "required/b"), "success", "auth_err")
        self.assert_outcome("refuse", lines("sufficient/a", "required/b"), "auth_err", "auth_err")

    def test_only_ignore_is_no_permission(self):
        self.assert_outcome("refuse", lines("required/a"), "ignore")
        self.assert_outcome("refuse", lines("optional/a"), "auth_err")

    def test_jumps_as_debian_has_them(self):
        debian = lines("[success=1 new_authtok_reqd=done default=ignore/u", "requisite/pam_deny.so", "required/p")
        self.assert_outcome("pass", debian, "success", "auth_err", "success")
        self.assert_outcome("refuse", debian, "acct_expired", "auth_err", "success")
        self.assert_outcome("change", debian, "new_authtok_reqd", "auth_err", "success")

    def test_a_jump_too_far_refuses(self):
        self.assert_outcome(
            "refuse", lines("required/a", "[success=2/b", "required/c"), "success", "success", "success"
        )

    def test_a_decision_in_a_substack_ends_the_substack_only(self):
        stack = lines("sufficient/a/1", "required/b/1", "required/c/0")
        self.assert_outcome("refuse", stack, "success", "success", "auth_err")
        self.assert_outcome("pass", stack, "success", "auth_err", "success")

    def test_reset_forgets_what_the_substack_did(self):
        self.assert_outcome("pass", lines("[default=bad/a/1", "[default=reset/b/1", "required/c/0"),
                            "auth_err", "success", "success")  # fmt: skip


class Judge(unittest.TestCase):
    def test_who_is_to_blame_behind_a_deny(self):
        debian = lines("required/pam_nologin.so", "[success=1 default=ignore/pam_unix.so", "requisite/pam_deny.so",
                       "required/pam_permit.so")  # fmt: skip
        found = pam_walk.judge(debian, [("ignore",), ("acct_expired",), ("auth_err",), ("success",)])
        self.assertEqual((found["verdict"], found["by"]), ("refuse", [1]))

    def test_two_that_refuse_are_both_named(self):
        stack = lines("required/a", "required/b", "required/c")
        found = pam_walk.judge(stack, [("auth_err",), ("success",), ("perm_denied",)])
        self.assertEqual(found["by"], [0, 2])

    def test_a_failure_that_decides_nothing_is_not_named(self):
        stack = lines("optional/a", "required/b", "required/c")
        found = pam_walk.judge(stack, [("auth_err",), ("success",), ("perm_denied",)])
        self.assertEqual(found["by"], [2])
        found = pam_walk.judge(lines("optional/a", "required/b"), [("auth_err",), ("success",)])
        self.assertEqual((found["verdict"], found["by"]), ("allow", []))

    def test_what_is_not_known_leaves_it_open_only_where_it_decides(self):
        stack = lines("sufficient/a", "required/b")
        possible = ("success", "perm_denied")
        self.assertEqual(pam_walk.judge(stack, [possible, ("auth_err",)])["verdict"], "unknown")
        self.assertEqual(pam_walk.judge(stack, [possible, ("auth_err",)])["unknown"], [0])
        self.assertEqual(pam_walk.judge(stack, [possible, ("success",)])["verdict"], "allow")
        self.assertEqual(
            pam_walk.judge(lines("required/a", "required/b"), [possible, ("auth_err",)])["verdict"], "refuse"
        )

    def test_too_much_that_is_not_known_is_unknown(self):
        stack = lines(*["required/a"] * 12)
        self.assertEqual(pam_walk.judge(stack, [("success", "auth_err")] * 12)["verdict"], "unknown")


SSHD = """@include common-account
account [success=1 default=ignore] pam_a.so
acount required pam_b.so
session required pam_c.so x [y z]
account substack corp
account required
"""


class Decisive(unittest.TestCase):
    def test_only_an_open_answer_that_can_refuse_alone_is_named(self):
        unknown = ("success", "ignore", "perm_denied")
        stack = lines("required/a", "optional/b", "sufficient/c", "required/d")
        self.assertEqual(pam_walk.decisive(stack, [unknown] * 3 + [("success",)]), [0])
        self.assertEqual(pam_walk.decisive(lines("sufficient/a", "required/b"), [unknown, ("auth_err",)]), [0])
        self.assertEqual(pam_walk.decisive(lines("required/a"), [("success",)]), [])


class Stack(unittest.TestCase):
    def read(self, **files):
        with folder_with(files) as root, replaced(pam_stack, FOLDERS=(root,), module_problem=lambda name: None):
            stack, fatal = pam_stack.read_stack()
        short = {
            phase: [(os.path.basename(one["file"]), one["line"], one["module"], one["level"]) for one in found]
            for phase, found in stack.items()
        }
        return stack, short, fatal

    def test_includes_and_substacks_are_expanded_with_their_places(self):
        files = {"sshd": SSHD, "common-account": "auth required n.so\naccount required u.so\n",
                 "corp": "auth required no.so\naccount required d.so\n"}  # fmt: skip
        stack, short, fatal = self.read(**files)
        self.assertIsNone(fatal)
        wanted = [("common-account", 2, "u.so", 0), ("sshd", 2, "pam_a.so", 0), ("corp", 2, "d.so", 1),
                  ("sshd", 6, None, 0)]  # fmt: skip
        self.assertEqual(short["account"], wanted)
        # What has no known type stands where it hurts most.
        self.assertEqual(short["auth"], [("common-account", 1, "n.so", 0), ("sshd", 3, None, 0)])
        self.assertEqual(stack["session"][0]["arguments"], ["x", "[y z"])

    def test_what_the_service_says_nothing_about_the_other_file_decides(self):
        _stack, short, _fatal = self.read(
            sshd="session required c.so\n", other="account required o.so\nauth required p.so\n"
        )
        self.assertEqual([short[phase][0][2] for phase in ("auth", "account", "session")], ["p.so", "o.so", "c.so"])

    def test_the_service_may_have_another_name(self):
        files = {"sshd": "account required no.so\n", "corp": "account required yes.so\n"}
        with folder_with(files) as root, replaced(pam_stack, FOLDERS=(root,)):
            found = [pam_stack.read_stack(name)[0]["account"][0]["module"] for name in ("sshd", "Corp")]
        self.assertEqual(found, ["no.so", "yes.so"])

    def test_sshd_is_asked_for_the_name_only_where_one_is_given(self):
        asked = []

        def answer(login, rules, missing):
            asked.append(login)
            return {"pamservicename": "corp"}

        def service(text, *options):
            with folder_with({"config": text}) as root:
                words = ["/usr/sbin/sshd", "-D", "-f", os.path.join(root, "config")] + list(options)
                with replaced(settings, look=answer), replaced(sockets, arguments=lambda pid: words):
                    return settings.pam_service({}, 1)

        self.assertEqual((service("Port 22\n"), asked), ("sshd", []))
        self.assertEqual(service("Match User ops\n  PAMServiceName corp\n"), "corp")
        self.assertEqual(service("", "-o", "PAMServiceName=corp"), "corp")

    def test_an_include_that_is_gone_ends_it_all(self):
        self.assertIn("nosuch", self.read(sshd="@include nosuch\n")[2])
        self.assertIn("neither", self.read()[2])
        stack, _short, fatal = self.read(sshd="account include nosuch\n")
        self.assertIsNone(fatal)
        self.assertIn("nosuch", stack["account"][0]["broken"])

    def test_a_file_that_includes_itself_ends(self):
        self.read(sshd="account include sshd\naccount substack sshd\n")
        self.assertIsNotNone(self.read(sshd="@include sshd\n")[2])


class OfRhel(unittest.TestCase):
    """The stacks of RHEL and its kin, with their own files."""

    RECORDED = {one["name"]: one["text"] for one in fixture_json("account", "pam.recorded.json")}

    def told(self, sshd, password_auth, method, locked=False, **account):
        files = {"sshd": self.RECORDED[sshd], "password-auth": self.RECORDED[password_auth]}
        files["postlogin"] = self.RECORDED["postlogin"]
        known = {"exists": True, "from": "files", "uid": 1000, "gid": 1000, "groups": ["ops"], "password_field": "x"}
        known.update({"account_expired": False, "shell": None, "home": None})
        known["password"] = {"state": "usable", "in_shadow": True, "must_change": False, "expired": False}
        known["password"]["inactive"] = False
        subject = {"user": "ops", "method": method, "service": "sshd", "empty_passwords": False, "rhost": "192.0.2.1"}
        subject["account"] = dict(known, **account)
        counted = {"locked": locked, "count": 3, "by": "deny", "deny": 3, "reason": None}
        whole, tally = {"module_problem": lambda name: None}, {"faillock": lambda user, account, arguments: counted}
        with folder_with(files) as root, replaced(failures, **tally), replaced(pam_stack, FOLDERS=(root,), **whole):
            evidence = pam.look(True, subject, {})
        self.assertEqual((evidence["broken"], evidence["fatal"]), ([], None))
        return evidence["verdict"], [refusal["kind"] for refusal in evidence["refusals"]]

    def test_a_user_of_the_local_files(self):
        for sshd, password_auth in (("sshd_el7", "password-auth_el7"), ("sshd_newer", "password-auth_fedora")):
            for method in ("password", "publickey"):
                self.assertEqual(self.told(sshd, password_auth, method), ("allow", []))
            # A tally keeps passwords out, and no keys.
            locked = ("refuse", ["login_failures_locked"])
            self.assertEqual(self.told(sshd, password_auth, "password", locked=True), locked)
            self.assertEqual(self.told(sshd, password_auth, "publickey", locked=True), ("allow", []))
            expired = ("refuse", ["account_expired"])
            self.assertEqual(self.told(sshd, password_auth, "publickey", account_expired=True), expired)

    def test_of_a_user_of_a_directory_the_directory_has_to_say(self):
        for method in ("password", "publickey"):
            verdict = self.told("sshd_el7", "password-auth_el7", method, **{"from": "sss"})
            self.assertEqual(verdict, (None, []))


class Modules(unittest.TestCase):
    def answer(self, module, phase="account", method="publickey", arguments=(), **account):
        known = {"exists": True, "from": "files", "uid": 1000, "groups": ["ops"], "password_field": "x"}
        known["password"] = dict({"state": "usable", "in_shadow": True}, **account.pop("password", {}))
        for name in ("must_change", "expired", "inactive"):
            known["password"].setdefault(name, False)
        known.update(dict({"account_expired": False}, **account))
        subject = {"user": "ops", "account": known, "method": method, "phase": phase, "empty_passwords": False}
        line = {"module": module, "arguments": list(arguments), "broken": None}
        return pam_modules.answer(line, subject)

    def test_pam_unix_on_the_account(self):
        cases = [
            ({}, "success"),
            ({"account_expired": True}, "acct_expired"),
            ({"password": {"must_change": True}}, "new_authtok_reqd"),
            ({"password": {"expired": True}}, "new_authtok_reqd"),
            ({"password": {"expired": True, "inactive": True}}, "authtok_expired"),
            ({"password": {"in_shadow": False}}, "authinfo_unavail"),
            ({"password": {"state": "locked"}}, "success"),
            ({"exists": False}, "user_unknown"),
        ]
        for account, wanted in cases:
            self.assertEqual(self.answer("pam_unix.so", **account).codes, (wanted,), account)

    def test_an_expired_password_is_spared_where_the_line_says_so_and_a_key_is_used(self):
        words = ["no_pass_expiry"]
        expired = {"must_change": True}
        self.assertEqual(self.answer("pam_unix.so", arguments=words, password=expired).codes, ("success",))
        by_password = self.answer("pam_unix.so", method="password", arguments=words, password=expired)
        self.assertEqual(by_password.codes, ("new_authtok_reqd",))

    def test_pam_unix_on_the_password(self):
        for state, wanted in (
            ("usable", "success"),
            ("locked", "auth_err"),
            ("none", "auth_err"),
            ("empty", "auth_err"),
        ):
            answer = self.answer("pam_unix.so", phase="auth", password={"state": state})
            self.assertEqual(answer.codes, (wanted,), state)

    def test_an_unknown_module_is_not_guessed(self):
        answer = self.answer("pam_corp.so")
        self.assertGreater(len(answer.codes), 1)
        self.assertIn("pam_corp.so", answer.reason)

    def test_a_directory_may_not_know_a_local_user(self):
        self.assertIn("user_unknown", self.answer("pam_sss.so").codes)
        self.assertIn("perm_denied", self.answer("pam_sss.so", **{"from": "nss"}).codes)
        self.assertEqual(self.answer("pam_systemd_home.so").codes, ("user_unknown",))

    def test_system_accounts(self):
        self.assertEqual(self.answer("pam_usertype.so", arguments=["issystem"], uid=33).codes, ("success",))
        self.assertEqual(self.answer("pam_usertype.so", arguments=["issystem"]).codes, ("auth_err",))
        self.assertEqual(self.answer("pam_localuser.so", **{"from": "nss"}).codes, ("perm_denied",))

    def test_which_phases_a_login_goes_through(self):
        self.assertEqual(pam.phases_of("publickey"), ("account", "session"))
        self.assertEqual(pam.phases_of(None), ("account", "session"))
        self.assertIn("auth", pam.phases_of("password"))


if __name__ == "__main__":
    unittest.main()
