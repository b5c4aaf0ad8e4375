# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import struct
import unittest

from target_helpers import fixture_bytes, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.account import (
    failures,
    pam_access,
    pam_limits,
    pam_tests,
)

ACCOUNT = {
    "uid": 1000,
    "gid": 1000,
    "groups": ["ops", "staff"],
    "group_ids": [50, 1000],
    "from": "files",
    "shell": {"path": "/bin/bash"},
    "home": {"path": "/home/ops"},
}


def subject(**more):
    known = {"user": "ops", "account": ACCOUNT, "client": "10.77.1.1", "client_name": None, "rhost": "10.77.1.1"}
    known["service"] = "sshd"
    return dict(known, **more)


class Access(unittest.TestCase):
    def judge(self, *lines, **more):
        arguments = more.pop("arguments", [])
        with folder_with({"access.conf": "\n".join(lines) + more.pop("end", "\n")}) as root:
            file = "accessfile=" + os.path.join(root, "access.conf")
            with replaced(host, run=lambda argv, timeout: host.Result(2, "", "", None)):
                return pam_access.judge([file] + arguments, subject(**more))[0]

    def test_users(self):
        for word in ("ALL", "ops", "OPS", "staff", "(staff)", "root ops", "root,ops", "ALL EXCEPT root"):
            self.assertIs(self.judge("-:%s:ALL" % word), False, word)
        for word in ("root", "(ops2)", "ALL EXCEPT ops", "ALL EXCEPT (staff)", "root ops EXCEPT staff", "op"):
            self.assertIs(self.judge("- : %s : ALL" % word), True, word)

    def test_plain_groups_can_be_turned_off(self):
        self.assertIs(self.judge("- : staff : ALL", arguments=["nodefgroup"]), True)
        self.assertIs(self.judge("- : (staff) : ALL", arguments=["nodefgroup"]), False)

    def test_origins(self):
        for word in (
            "ALL",
            "10.77.1.1",
            "10.77.",
            "10.77.0.0/16",
            "10.77.1.0/255.255.255.0",
            "0.0.0.0/1",
            "x 10.77.1.1",
        ):
            self.assertIs(self.judge("- : ops : %s" % word), False, word)
        for word in (
            "LOCAL",
            "10.78.",
            "10.77.2.0/24",
            "tty1",
            "cron",
            ":0",
            "::/0",
            "10.77.1.0/33",
            "0.0.0.0/0",
            "ALL EXCEPT 10.",
        ):
            self.assertIs(self.judge("- : ops : %s" % word), True, word)
        for word in ("fd77::/16", "fd77:1::1", "ALL"):
            self.assertIs(self.judge("- : ops : %s" % word, client="fd77:1::1"), False, word)

    def test_the_first_line_that_fits_decides(self):
        self.assertIs(self.judge("+ : ops : 10.77.1.0/24", "- : ALL : ALL"), True)
        self.assertIs(self.judge("+ : ops : 10.77.2.0/24", "- : ALL : ALL"), False)
        self.assertIs(self.judge("# - : ALL : ALL", "", "nonsense", "x : ops : ALL"), True)

    def test_a_last_line_without_its_end_counts_for_nothing(self):
        self.assertIs(self.judge("- : ops : ALL", end=""), True)

    def test_a_space_before_the_sign_makes_no_line(self):
        self.assertIs(self.judge(" - : ops : ALL"), True)

    def test_separators(self):
        self.assertIs(self.judge("-|ops|fd77:1::1", arguments=["fieldsep=|"], client="fd77:1::1"), False)
        self.assertIs(self.judge("-:root ops,x:ALL", arguments=["listsep=,"]), True)

    def test_what_is_not_known_is_not_guessed(self):
        self.assertIsNone(self.judge("- : @admins : ALL"))
        self.assertIsNone(self.judge("- : 1000 : ALL"))
        self.assertIsNone(self.judge("- : ops : 10.77.1.1", client=None))
        self.assertIs(self.judge("+ : ops : ALL", "- : @admins : ALL"), True)
        self.assertIs(self.judge("- : @admins : LOCAL"), True)

    def test_a_file_of_its_own_that_is_gone_refuses(self):
        self.assertIs(pam_access.judge(["accessfile=/nonexistent"], subject())[0], False)


class Listfile(unittest.TestCase):
    def code(self, text, *arguments):
        with folder_with({"list": text}) as root:
            os.chmod(os.path.join(root, "list"), 0o644)
            return pam_tests.listfile(["file=" + os.path.join(root, "list")] + list(arguments), subject())[0]

    def test_items(self):
        cases = [("user", "ops"), ("group", "staff"), ("rhost", "10.77.1.1"), ("shell", "/bin/bash"), ("tty", "ssh")]
        for item, value in cases:
            self.assertEqual(self.code("x\n%s\n" % value, "item=" + item, "sense=deny"), "auth_err", item)
            self.assertEqual(self.code("x\n%s\n" % value, "item=" + item, "sense=allow"), "success", item)
            self.assertEqual(self.code("x\n", "item=" + item, "sense=allow"), "auth_err", item)

    def test_blanks_count(self):
        self.assertEqual(self.code(" ops\n", "item=user", "sense=allow"), "auth_err")

    def test_it_applies_to_somebody_else(self):
        self.assertEqual(self.code("ssh\n", "item=tty", "sense=deny", "apply=root"), "ignore")
        self.assertEqual(self.code("ssh\n", "item=tty", "sense=deny", "apply=@staff"), "auth_err")

    def test_a_list_that_is_gone(self):
        words = ["item=user", "sense=allow", "file=/nonexistent"]
        self.assertEqual(pam_tests.listfile(words, subject())[0], "service_err")
        self.assertEqual(pam_tests.listfile(words + ["onerr=succeed"], subject())[0], "success")

    def test_a_list_that_all_may_write(self):
        with folder_with({"list": "ops\n"}) as root:
            path = os.path.join(root, "list")
            os.chmod(path, 0o666)
            words = ["item=user", "sense=allow", "onerr=succeed", "file=" + path]
            self.assertEqual(pam_tests.listfile(words, subject())[0], "auth_err")

    def test_a_fifo_is_not_waited_for(self):
        with folder_with({}) as root:
            path = os.path.join(root, "list")
            os.mkfifo(path)
            os.chmod(path, 0o644)
            self.assertEqual(pam_tests.listfile(["item=user", "sense=deny", "file=" + path], subject())[0], "auth_err")


class SucceedIf(unittest.TestCase):
    def test_conditions(self):
        holding = ["uid >= 1000", "user = ops", "user ingroup x:staff", "shell =~ */bash", "user in a:ops", "gid ne 0"]
        holding += [
            "rhost = 10.77.1.1",
            "service in crond:sshd quiet",
            "uid > 1 uid < 2000",
            "user notingroup wheel",
            "",
        ]
        for text in holding:
            self.assertEqual(pam_tests.succeed_if(text.split(), subject())[0], "success", text)
        failing = [
            "uid < 1000",
            "user != ops",
            "user ingroup wheel",
            "uid eq x",
            "tty = tty1",
            "user bogus ops",
            "nosuch = x",
        ]
        for text in failing:
            self.assertEqual(pam_tests.succeed_if(text.split(), subject())[0], "auth_err", text)
        self.assertEqual(pam_tests.succeed_if(["user", "="], subject())[0], "service_err")
        for text in ("uid = 0 use_uid", "user innetgr admins"):
            self.assertIsNone(pam_tests.succeed_if(text.split(), subject())[0], text)
        # As RHEL asks in each session: the service is the same whoever has called sshd.
        self.assertEqual(pam_tests.succeed_if("service in crond quiet use_uid".split(), subject())[0], "auth_err")


class Time(unittest.TestCase):
    # Saturday, 8:30.
    SATURDAY = (64, 830)

    def test_days_and_hours(self):
        for text in ("Al0000-2400", "Sa0800-0900", "WkWd0800-0900", "Wd0830-0831", "FrSa2200-2100", "Fr2200-0900"):
            self.assertTrue(pam_tests.is_time(text, self.SATURDAY), text)
        for text in ("Wk0000-2400", "Sa0900-1000", "AlSa0000-2400", "SaSa0000-2400", "Sa2200-0800", "Xx0000-2400"):
            self.assertFalse(pam_tests.is_time(text, self.SATURDAY), text)

    def test_names_are_joined_from_left_to_right(self):
        cases = [("*", True), ("sshd", True), ("ss*", True), ("login|sshd", True), ("!login", True), ("!sshd", False)]
        cases += [("sshd&!login", True), ("login & sshd", False), ("sshd | login & ftp", False), ("", False)]
        for text, wanted in cases:
            self.assertIs(pam_tests.logic(text, lambda word: pam_tests.fits("sshd", word)), wanted, text)

    def test_a_file(self):
        # 2026-11-21 12:00 UTC, a Saturday everywhere between -11 and +11 hours.
        noon = 1795262400
        with folder_with({"time.conf": "# x\nsshd;*;ops;Wk0000-2400\n"}) as root:
            path = "conffile=" + os.path.join(root, "time.conf")
            code, reason = pam_tests.time_conf([path], subject(), now=noon)
            self.assertEqual(code, "perm_denied")
            self.assertIn("line 2", reason)
            self.assertEqual(pam_tests.time_conf([path], subject(user="bob"), now=noon)[0], "success")


class Limits(unittest.TestCase):
    def refused(self, text, logins=("ops", "bob"), **more):
        with folder_with({"limits.conf": text}) as root, replaced(pam_limits, logged_in=lambda: list(logins)):
            return pam_limits.judge(["conf=" + os.path.join(root, "limits.conf")], subject(**more))[0] == "perm_denied"

    def test_the_closest_one_counts(self):
        self.assertFalse(self.refused("ops - maxlogins 5\n* - maxlogins 0\n@staff - maxlogins 1\n"))
        self.assertTrue(self.refused("* - maxlogins 5\n@staff - maxlogins 1\n"))
        self.assertTrue(self.refused("* hard maxlogins 1 # x\n"))
        self.assertFalse(self.refused("ops - maxlogins -1\n* - maxlogins 0\n"))
        self.assertTrue(self.refused("500:1000 - maxlogins 1\n* - maxlogins 9\n"))
        for domain in ("1001:", ":999", "1:999"):
            self.assertFalse(self.refused("%s - maxlogins 0\n" % domain), domain)
        self.assertFalse(self.refused("* - nproc 0\nbob - maxlogins 0\n"))

    def test_sessions_of_all_and_sessions_of_one(self):
        self.assertTrue(self.refused("* - maxlogins 9\nops - maxsyslogins 2\n"))
        self.assertFalse(self.refused("* - maxlogins 2\nops - maxsyslogins 3\n"))

    def test_all_does_not_mean_root(self):
        root = dict(ACCOUNT, uid=0, groups=["root"])
        self.assertFalse(self.refused("* - maxlogins 0\n", user="root", account=root))
        self.assertTrue(self.refused("root - maxlogins 0\n", user="root", account=root))


class Faillock(unittest.TestCase):
    NOW = 1800000000

    def judge(self, ages, admin=False, status=3, **settings):
        data = b"".join(struct.pack("=52sHHQ", b"203.0.113.9", 0, status, self.NOW - age) for age in ages)
        known = dict(failures.DEFAULTS, even_deny_root=False)
        known.update(settings)
        return failures.judge_faillock(data, known, admin, self.NOW)

    def test_counting(self):
        self.assertFalse(self.judge([])["locked"])
        self.assertFalse(self.judge([5, 6])["locked"])
        found = self.judge([5, 6, 7])
        self.assertTrue(found["locked"])
        self.assertEqual((found["count"], found["sources"]), (3, ["203.0.113.9"]))
        self.assertFalse(self.judge([5, 6, 1000])["locked"])  # outside the interval
        self.assertFalse(self.judge([5, 6, 7], status=2)["locked"])  # no longer valid

    def test_the_end_of_the_lock(self):
        self.assertTrue(self.judge([600, 610, 620])["locked"])
        self.assertFalse(self.judge([601, 610, 620])["locked"])
        never = self.judge([99999, 99999, 99999], unlock_time=0)
        self.assertEqual((never["locked"], never["until"]), (True, None))

    def test_root(self):
        self.assertFalse(self.judge([1] * 9, admin=True)["locked"])
        self.assertTrue(self.judge([1] * 9, admin=True, even_deny_root=True)["locked"])
        self.assertFalse(self.judge([70] * 9, admin=True, even_deny_root=True, root_unlock_time=60)["locked"])

    def test_settings_of_the_file_and_of_the_line(self):
        with folder_with({"f": "# deny = 9\n deny=5\nunlock_time = never\nroot_unlock_time = 60\naudit\n"}) as root:
            found = failures.faillock_settings(["preauth", "conf=" + os.path.join(root, "f"), "deny=7"])
        self.assertEqual((found["deny"], found["unlock_time"], found["even_deny_root"]), (7, 0, True))

    def test_a_real_file(self):  # as it refused the right password
        (data,) = fixture_bytes("account", "faillock.trixie.hex")
        found = failures.judge_faillock(data, dict(failures.DEFAULTS, even_deny_root=False), False, 1795251510)
        self.assertEqual((found["count"], found["locked"], found["sources"]), (3, True, ["10.77.1.1"]))

    def test_a_file_that_is_a_link_is_not_followed(self):
        with folder_with({"passwd": "x"}) as root:
            os.symlink(os.path.join(root, "passwd"), os.path.join(root, "ops"))
            found = failures.faillock("ops", ACCOUNT, ["dir=" + root, "conf=/nonexistent"])
            self.assertIsNone(found["locked"])
            self.assertEqual(failures.faillock("../ops", ACCOUNT, ["dir=" + root])["count"], 0)


class Tally2(unittest.TestCase):
    def judge(self, count, *arguments):
        with folder_with({}) as root:
            path = os.path.join(root, "tallylog")
            with open(path, "wb") as handle:
                handle.write(b"\0" * 64 * 1000 + struct.pack("=52sHHQ", b"203.0.113.9", 0, count, 1800000000))
            return failures.tally2("ops", ACCOUNT, ["file=" + path] + list(arguments), now=1800000060)

    def test_the_attempt_itself_counts(self):
        self.assertFalse(self.judge(2, "deny=3")["locked"])
        self.assertTrue(self.judge(3, "deny=3")["locked"])
        self.assertFalse(self.judge(9)["locked"])

    def test_its_end(self):
        self.assertTrue(self.judge(5, "deny=3", "unlock_time=61")["locked"])
        self.assertFalse(self.judge(5, "deny=3", "unlock_time=60")["locked"])

    def test_a_file_that_ends_before_the_user(self):
        with folder_with({"tallylog": "x"}) as root:
            found = failures.tally2("ops", ACCOUNT, ["deny=3", "file=" + os.path.join(root, "tallylog")])
        self.assertEqual((found["count"], found["locked"]), (0, False))


if __name__ == "__main__":
    unittest.main()
