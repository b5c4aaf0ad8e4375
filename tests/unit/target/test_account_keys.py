# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import errno
import os
import struct
import time
import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils.account import (
    as_user,
    authorized_keys,
    key_lines,
    revoked,
    strict_modes,
)

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILU86bTS9GMVV+hM6bnGBGUIeF0B28dNkPJOYZjmBkUC"
BLOB = KEY.split()[1]
WANTED = key_lines.fingerprint(key_lines.parse_line(KEY)["blob"])
NOW = 1795000000  # 2026
ATTEMPT = {
    "wanted": WANTED,
    "client": "192.0.2.7",
    "name": "192.0.2.7",
    "strict": True,
    "own_group": False,
    "wildcards": False,
    "utc_times": True,
    "agent": [],
    "now": NOW,
}


def states(text, **more):
    return [hit["state"] for hit in authorized_keys.search(text, dict(ATTEMPT, **more))[2]]


class Lines(unittest.TestCase):
    def test_what_sshd_takes_is_accepted(self):
        for line in (
            KEY,
            KEY + " me@home\r",
            "  \t" + KEY,
            "restrict,no-PTY " + KEY,
            'from="192.0.2.0/24,!192.0.2.8" ' + KEY,
            'command="echo \\"a, b\\"" ' + KEY,
            'expiry-time="20990101" ' + KEY,
            "no-pty, " + KEY,
        ):
            self.assertEqual(states(line), ["accepted"], line)

    def test_what_sshd_passes_over_says_why(self):
        for line, wanted in (
            ("# " + KEY, "commented"),
            (authorized_keys.MARK + KEY, "malformed"),
            (KEY[:40] + "\n" + KEY[40:], "broken_line"),
            ('from="203.0.113.0/24" ' + KEY, "from"),
            ('from="!192.0.2.7,*" ' + KEY, "from"),
            ('from="192.0.2.1/24" ' + KEY, "from"),
            ('expiry-time="20200101" ' + KEY, "expired"),
            ('expiry-time="202001011200" ' + KEY, "expired"),
            ("cert-authority " + KEY, "cert_authority"),
            ('principals="me" ' + KEY, "cert_authority"),
        ):
            self.assertEqual(states(line), [wanted], line)

    def test_a_line_with_wrong_options_is_malformed(self):
        for options in ("no-fun", "from=192.0.2.7", 'from="*",from="*"', "no-pty no-user-rc", 'command="x'):
            self.assertEqual(authorized_keys.search(options + " " + KEY, ATTEMPT)[0], 0, options)

    def test_a_damaged_key_is_no_key(self):
        for line in ("ssh-ed25519", KEY[:-12], "ssh-rsa " + BLOB, BLOB, "ssh-ed25519 !!!!"):
            self.assertEqual(len(authorized_keys.search(line, ATTEMPT)[1]), 1, line)

    def test_binary_rubbish_is_no_key_and_no_error(self):
        for text in ("\0\0\0", authorized_keys.MARK * 100, "a" * 10000, '"' * 999, "\\" * 999, ",,,,"):
            self.assertEqual(authorized_keys.search(text, ATTEMPT)[0], 0)

    def test_a_time_may_be_given_in_utc(self):
        self.assertEqual(key_lines.point_in_time("20200101Z"), 1577836800)
        self.assertEqual(key_lines.point_in_time("20200101"), time.mktime((2020, 1, 1, 0, 0, 0, 0, 0, -1)))
        self.assertEqual(key_lines.point_in_time("20200101utc"), 1577836800)
        self.assertEqual(key_lines.point_in_time("202001010000Utc"), 1577836800)
        self.assertIsNone(key_lines.point_in_time("20200101Z", utc_times=False))
        line = 'expiry-time="20990101Z" ' + KEY
        self.assertEqual(states(line), ["accepted"])
        self.assertEqual(states(line, utc_times=False)[0], "malformed")

    def test_times_that_sshd_takes(self):
        self.assertEqual(key_lines.point_in_time("20200230Z"), key_lines.point_in_time("20200301Z"))
        self.assertEqual(key_lines.point_in_time("2020 1 1Z"), 1577836800)
        self.assertEqual(key_lines.point_in_time("20200101000061Z"), 1577836861)
        for text in ("soon", "", "Z", "2099010112", "209901", "2099010112000", "20990101ZZ", "20990101GMT", " 20990101",
                     "20990101 ", "20991301", "20990132", "20990100", "2099010124", "209901012400", "20990101120062",
                     "19690101Z", "19000101", "00500101", "+2990101", "20990101T120000"):  # fmt: skip
            self.assertIsNone(key_lines.point_in_time(text), text)

    def test_summer_time_is_left_aside(self):
        before = os.environ.get("TZ")
        try:
            os.environ["TZ"] = "AAA-10BBB,M10.1.0,M4.1.0/3"
            time.tzset()
            end = key_lines.point_in_time("20261122")
        finally:
            del os.environ["TZ"]
            if before is not None:
                os.environ["TZ"] = before
            time.tzset()
        self.assertEqual(end, key_lines.point_in_time("202611211400Z"))

    def test_the_sooner_one_of_two_times_counts(self):
        for times in (("20200101", "20990101"), ("20990101", "20200101")):
            line = 'expiry-time="%s",expiry-time="%s" %s' % (times + (KEY,))
            self.assertEqual(states(line), ["expired"])


class Files(unittest.TestCase):
    def account(self, home):
        return {"user": "me", "uid": os.getuid(), "gid": os.getgid(), "exists": True, "home": {"path": home}}

    def look(self, home, names=(".ssh/authorized_keys",), **more):
        return authorized_keys.look_as_user(list(names), self.account(home), dict(ATTEMPT, **more))

    def test_a_file_system_that_is_gone_is_no_matter_of_permissions(self):
        def fail(path):
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected", path)

        with replaced(os, stat=fail):
            self.assertRaises(OSError, authorized_keys.what_is_at, "/home/ops/.ssh/authorized_keys")

    def test_a_fifo_a_folder_a_device_and_a_loop_of_links_are_told_and_waited_for_by_nobody(self):
        with folder_with({".ssh": None}) as home:
            path = os.path.join(home, ".ssh", "authorized_keys")
            for make, said in (
                (lambda: os.mkfifo(path), "is a FIFO"),
                (lambda: os.symlink("/dev/zero", path), "is a device"),
                (lambda: os.symlink(path, path), "symbolic links"),
                (lambda: os.symlink("/nowhere", path), "is not there"),
            ):
                make()
                self.assertIn(said, self.look(home)["files"][0]["problem"])
                os.unlink(path)
            os.mkdir(path)
            self.assertIn("is a folder", self.look(home)["files"][0]["problem"])

    def test_which_of_an_agent_s_keys_gets_in(self):
        with folder_with({".ssh/authorized_keys": KEY}) as home:
            for agent, number in ((["SHA256:a", WANTED], 2), (["SHA256:a", "SHA256:b"], None), ([], None)):
                self.assertEqual(self.look(home, wanted="SHA256:a", agent=agent)["agent_key"], number)
            with replaced(authorized_keys, AGENT_LINES_LIMIT=0):
                self.assertIsNone(self.look(home, agent=[WANTED])["agent_key"])

    def test_an_endless_file_is_read_to_a_bound(self):
        with folder_with({".ssh/authorized_keys": KEY}) as home:
            path = os.path.join(home, ".ssh", "authorized_keys")
            with open(path, "r+b") as handle:
                handle.truncate(1024 * 1024 * 1024)
            found = self.look(home, wanted="SHA256:other")
            self.assertTrue(found["files"][0]["cut_off"])
            self.assertIsNone(found["found"])

    def test_who_could_write_to_the_file_or_a_folder_above_is_told(self):
        with folder_with({"home/.ssh/authorized_keys": KEY}) as root:
            home = os.path.join(root, "home")
            self.assertIsNotNone(self.look(home)["accepted"])
            os.chmod(root, 0o777)  # above the home nobody looks
            self.assertIsNotNone(self.look(home)["accepted"])
            os.chmod(home, 0o777)
            found = self.look(home)
            self.assertEqual((found["accepted"], found["seen"][0]["state"]), (None, "refused_file"))
            self.assertIn("can be written by everybody", found["files"][0]["problem"])
            self.assertIsNotNone(self.look(home, strict=False)["accepted"])

    def test_a_key_in_a_file_that_sshd_does_not_read_is_a_near_miss(self):
        with folder_with({".ssh/authorised_keys": KEY, ".ssh/id.pub": "x"}) as home:
            (hit,) = self.look(home)["seen"]
            self.assertEqual((hit["state"], os.path.basename(hit["file"])), ("other_file", "authorised_keys"))

    def test_wildcards_count_where_sshd_knows_them(self):
        with folder_with({".ssh/keys.d/a": KEY}) as home:
            self.assertIsNone(self.look(home, ["%h/.ssh/keys.d/*"])["accepted"])
            self.assertIsNotNone(self.look(home, ["%h/.ssh/keys.d/*"], wildcards=True)["accepted"])
        self.assertTrue(authorized_keys.is_since("OpenSSH_10.0p2", 10, 0))
        self.assertFalse(authorized_keys.is_since("OpenSSH_9.9p1", 10, 0))
        self.assertTrue(authorized_keys.is_since("OpenSSH_9.10p1", 9, 1))
        self.assertFalse(authorized_keys.is_since("OpenSSH_8.4p1", 9, 1))
        self.assertFalse(authorized_keys.is_since(None, 9, 1))

    def test_a_token_that_sshd_does_not_know_ends_the_search(self):
        known = [".ssh/k", "/k/%u/%%n", "%h/%U"]
        self.assertEqual(authorized_keys.known_only(known), (known, None))
        self.assertEqual(authorized_keys.known_only(["a", "/k/%n", "b"]), (["a"], "%n"))
        self.assertEqual(authorized_keys.known_only(["/k/%"]), ([], "%"))

    def test_the_list_of_revoked_keys_counts_and_refuses_all_where_it_cannot_be_read(self):
        setting = {"file": "/f", "line": 1, "text": "RevokedKeys x"}
        with folder_with({"revoked": "# ours\n" + KEY + "\n", "others": "# none\n"}) as root:
            for name, wanted in (("revoked", "revoked"), ("others", "clear"), ("none", "unusable")):
                found = revoked.look(dict(setting, value=os.path.join(root, name)), WANTED)
                self.assertEqual(found["state"], wanted)
        self.assertIsNone(revoked.look(dict(setting, value="none"), WANTED))


class Krl(unittest.TestCase):
    """Made by OpenSSH 9.2 of one key: ssh-keygen -k -f FILE, of the key itself, of its SHA-256 and of its SHA-1."""

    def krl(self, name):
        return binascii.a2b_base64(fixture("account", "krl.%s.base64" % name))

    def test_a_binary_list_has_the_key_or_its_sum(self):
        for name, wanted in (("explicit", True), ("sha256", True), ("sha1", None), ("others", False)):
            self.assertIs(revoked.listed_in(self.krl(name), WANTED), wanted, name)

    def test_a_damaged_list_is_an_error_and_no_traceback(self):
        data = self.krl("explicit")
        for size in (0, 5, 20, 40, 50, len(data) - 3):
            with self.assertRaises((ValueError, struct.error)):
                revoked.listed_in(data[:size], WANTED)


class AsUser(unittest.TestCase):
    ROOT = {"user": "root", "uid": 0, "gid": 0}

    def test_a_look_that_hangs_fails_or_ends_is_a_reason(self):
        self.assertEqual(as_user.run(self.ROOT, lambda: {"a": 1}, 5), ({"a": 1}, None))
        self.assertIn("in time", as_user.run(self.ROOT, lambda: time.sleep(60), 0.2)[1])
        self.assertIn("ZeroDivisionError", as_user.run(self.ROOT, lambda: 1 // len(""), 5)[1])
        self.assertIn("without an answer", as_user.run(self.ROOT, lambda: os._exit(0), 5)[1])

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_the_look_has_only_the_rights_of_the_user(self):
        nobody = {"user": "nobody", "uid": 65534, "gid": 65534}
        ids, _reason = as_user.run(nobody, lambda: [os.getuid(), os.geteuid(), os.getegid(), 0 in os.getgroups()], 5)
        self.assertEqual(ids, [65534, 65534, 65534, False])
        with folder_with({"secret": "x"}) as root:
            os.chmod(root, 0o700)
            said = as_user.run(nobody, lambda: strict_modes.why_not_read(os.path.join(root, "secret"), 13), 5)[0]
        self.assertIn("cannot be entered by the user", said)


if __name__ == "__main__":
    unittest.main()
