# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import os
import unittest

from target_helpers import folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.account import denials, shadow, user

TODAY = 20000
PASSWD = "root:x:0:0:root:/root:/bin/bash\nops:x:1000:1000::/home/ops:/bin/sh\nnoshell:x:1001:100::/srv:\nbad:x:x:y\n"


class Entry(unittest.TestCase):
    def look(self, name, answer=None):
        with folder_with({"passwd": PASSWD, "group": "ops:x:1000:\nstaff:x:50:bob,ops\nbob:x:7\n"}) as root:
            asked = []

            def run(argv, timeout=None):
                asked.append(argv)
                return answer or host.Result(2, "", "", None)

            files = {"PASSWD": os.path.join(root, "passwd"), "GROUP": os.path.join(root, "group"), "SWITCH": root}
            with replaced(user, **files), replaced(host, run=run):
                missing = {}
                return user.look(name, missing), missing, asked

    def test_a_user_of_the_files(self):
        found, missing, asked = self.look("ops")
        self.assertEqual((found["exists"], found["from"], found["uid"]), (True, "files", 1000))
        self.assertEqual(found["groups"], ["ops", "staff"])
        self.assertEqual((missing, asked), ({}, []))

    def test_no_shell_is_the_usual_shell(self):
        self.assertEqual(self.look("noshell")[0]["shell"]["path"], "/bin/sh")

    def test_who_is_not_there(self):
        found, missing, asked = self.look("carol")
        self.assertIs(found["exists"], False)
        self.assertEqual(missing, {})
        self.assertEqual(asked, [["getent", "passwd", "--", "carol"]])

    def test_a_name_service_that_hangs_is_no_missing_user(self):
        found, missing, _asked = self.look("carol", host.Result(None, "", "", "getent did not answer within 4 s"))
        self.assertIsNone(found["exists"])
        self.assertIn("did not answer", missing["exists"])

    def test_a_user_of_a_directory(self):
        line = "carol:*:5000:5000:Carol:/home/carol:/bin/zsh\n"
        found, _missing, _asked = self.look("carol", host.Result(0, line, "", None))
        self.assertEqual((found["exists"], found["from"], found["uid"]), (True, "nss", 5000))

    def test_a_number_is_no_name(self):
        # getent takes 1000 for a uid.
        found, _missing, _asked = self.look("1000", host.Result(0, "ops:x:1000:1000::/home/ops:/bin/sh\n", "", None))
        self.assertIs(found["exists"], False)

    def test_hostile_names(self):
        for name in ("-x", "ops:x", "ops\nroot", "../../etc/passwd", "{{ 1 + 1 }}", "*"):
            self.assertIs(self.look(name)[0]["exists"], False, name)

    def test_a_line_that_is_cut_off_is_no_user(self):
        self.assertIs(self.look("bad")[0]["exists"], False)


class Switch(unittest.TestCase):
    def others(self, line):
        with folder_with({"nsswitch.conf": line}) as root, replaced(user, SWITCH=os.path.join(root, "nsswitch.conf")):
            return user.others_know("group")

    def test_sources(self):
        self.assertFalse(self.others("group:          files systemd\n"))
        self.assertFalse(self.others("group: files [SUCCESS=merge] systemd # sss\n"))
        self.assertTrue(self.others("passwd: files\ngroup: files sss\n"))


class Reach(unittest.TestCase):
    def status(self, mode, uid=0, gid=0):
        return os.stat_result((mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))

    def test_the_first_class_that_fits_decides(self):
        cases = [
            (0o40755, 0, 0, True),
            (0o40700, 0, 0, False),
            (0o40700, 1000, 0, True),
            (0o40077, 1000, 0, False),
            (0o40710, 0, 50, True),
            (0o40701, 0, 50, False),
        ]
        for mode, uid, gid, wanted in cases:
            self.assertIs(user.may(self.status(mode, uid, gid), (1000, {50}), 1), wanted, oct(mode))

    def test_root_passes_folders_and_runs_what_anybody_may(self):
        self.assertTrue(user.may(self.status(0o40000), (0, set()), 1))
        self.assertTrue(user.may(self.status(0o100100), (0, set()), 1))
        self.assertFalse(user.may(self.status(0o100644), (0, set()), 1))

    def test_shells(self):
        with folder_with({"sh": "#!/bin/sh\n", "broken": "#!/opt/none\n", "empty": ""}) as root:
            for name in ("sh", "broken", "empty"):
                os.chmod(os.path.join(root, name), 0o755)
            os.symlink("/usr/sbin/nologin", os.path.join(root, "own"))
            os.chmod(root, 0o755)
            identity = (os.getuid(), {os.getgid()})
            problem = {name: user.shell_of(os.path.join(root, name), identity)["problem"] for name in os.listdir(root)}
            self.assertIsNone(problem["sh"])
            self.assertIn("/opt/none", problem["broken"])
            self.assertIn("empty", problem["empty"])
            self.assertEqual(user.shell_of(root, identity)["executable"], False)
            self.assertIs(user.shell_of(os.path.join(root, "none"), identity)["exists"], False)
        self.assertIn("refuses", user.shell_of("/sbin/nologin", (1000, set()))["refuses"])

    def test_a_network_file_system_is_not_touched(self):
        mounts = "/dev/a / ext4 rw 0 0\nsrv:/h /home nfs4 rw 0 0\ntmpfs /home/local tmpfs rw 0 0\n"
        with replaced(host, read=lambda path: host.Text(mounts, None)):
            self.assertEqual(user.remote_mount("/home/ops"), "nfs4")
            self.assertIsNone(user.remote_mount("/home/local/ops"))
            self.assertIsNone(user.remote_mount("/homes/ops"))

    def test_a_home_that_cannot_be_looked_at_is_not_one_that_is_missing(self):
        for number, expected in (
            (errno.ENOENT, False),
            (errno.ENOTCONN, None),
            (errno.EIO, None),
            (errno.EACCES, None),
        ):
            missing = {}

            def fail(path, number=number):
                raise OSError(number, os.strerror(number), path)

            with replaced(user, remote_mount=lambda path: None), replaced(os, stat=fail):
                found = user.home_of("/home/ops", {"uid": 1000}, missing)
            self.assertEqual((found["exists"], found["reachable"]), (expected, expected))
            self.assertEqual("home" in missing, expected is None)


class Shadow(unittest.TestCase):
    def judge(self, line, field="x"):
        fields = line.split(":") if line is not None else None
        return shadow.judge(field, fields, TODAY)

    def test_states(self):
        cases = [("$y$j9T$x$y", "usable"), ("abcdefghijklm", "usable"), ("", "empty"), ("*", "none"), ("x", "none")]
        cases += [("!", "locked"), ("!!", "locked"), ("!$6$a$b", "locked"), ("!*", "locked"), ("*LK*", "none")]
        for secret, wanted in cases:
            password = self.judge("ops:%s:19000:0:99999:7:::" % secret)["password"]
            self.assertEqual(password["state"], wanted, secret)
            self.assertIs(password["sshd_says_locked"], secret.startswith("!"))

    def test_no_part_of_a_hash_is_kept(self):
        self.assertNotIn("SECRET", repr(self.judge("ops:$6$SECRET$SECRET:19000:0:99999:7:::")))

    def test_expiry_of_the_account_to_the_day(self):
        cases = [
            (TODAY - 1, True, True),
            (TODAY, True, False),
            (TODAY + 1, False, False),
            (0, True, True),
            ("", False, False),
        ]
        for day, by_pam, by_sshd in cases + [(-1, False, False)]:
            found = self.judge("ops:*:19000:0:99999:7::%s:" % day)
            self.assertEqual((found["account_expired"], found["sshd_says_expired"]), (by_pam, by_sshd), day)
        self.assertEqual(self.judge("ops:*:1:0:99999:7::1:")["account_expires_at"], "1970-01-02T00:00:00Z")

    def test_age_of_the_password_to_the_day(self):
        cases = [(TODAY - 30, "30", "", (False, False)), (TODAY - 31, "30", "", (True, False))]
        cases += [(TODAY - 40, "30", "10", (True, False)), (TODAY - 41, "30", "10", (True, True))]
        cases += [(TODAY - 9000, "99999", "5", (False, False)), ("", "30", "", (False, False))]
        for changed, most, inactive, wanted in cases:
            password = self.judge("ops:*:%s:0:%s:7:%s::" % (changed, most, inactive))["password"]
            self.assertEqual((password["expired"], password["inactive"]), wanted, changed)
        self.assertTrue(self.judge("ops:*:0:0:99999:7:::")["password"]["must_change"])

    def test_without_a_line(self):
        found = self.judge(None)
        self.assertEqual((found["password"]["state"], found["password"]["in_shadow"]), ("unknown", False))
        self.assertIsNone(found["password"]["expired"])
        self.assertEqual(self.judge(None, field="!")["password"]["state"], "locked")


class WithoutPam(unittest.TestCase):
    def kinds(self, method="publickey", usepam="no", chroot="none", **more):
        password = dict({"sshd_says_locked": False, "state": "usable", "must_change": False, "expired": False},
                        **more.pop("password", {}))  # fmt: skip
        shell = dict({"path": "/bin/sh", "exists": True, "executable": True, "refuses": None, "problem": None},
                     **more.pop("shell", {}))  # fmt: skip
        account = {"exists": True, "uid": 1000, "method": method, "password": password, "shell": shell}
        account.update(dict({"sshd_says_expired": False}, **more))
        with replaced(host, status_of=lambda path: None):
            found = denials.by_sshd(account, {"usepam": usepam, "chrootdirectory": chroot})
        return [(entry["kind"], entry["stage"]) for entry in found]

    def test_a_lock_counts_only_without_pam(self):
        locked = {"sshd_says_locked": True, "state": "locked"}
        self.assertEqual(self.kinds(password=locked), [("account_locked", "auth")])
        self.assertEqual(self.kinds(password=locked, usepam="yes"), [])
        self.assertEqual(self.kinds(password=locked, usepam=None), [])

    def test_an_old_password_stops_no_key(self):
        self.assertEqual(self.kinds(password={"expired": True}), [])
        self.assertEqual(self.kinds("password", password={"expired": True}), [("password_expired", "session")])

    def test_shells(self):
        cases = [({"exists": False}, "auth"), ({"executable": False}, "auth"), ({"refuses": "x"}, "session")]
        for shell, stage in cases:
            self.assertEqual(self.kinds(shell=shell), [("login_shell_unusable", stage)])
            self.assertEqual(self.kinds(shell=shell, chroot="/srv"), [])

    def test_who_may_exist_or_not(self):
        self.assertEqual(self.kinds(exists=False), [("account_missing", "auth")])
        self.assertEqual(self.kinds(exists=None), [])


if __name__ == "__main__":
    unittest.main()
