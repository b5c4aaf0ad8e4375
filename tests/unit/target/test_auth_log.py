# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host, system_log
from ansible_collections.rescue.remote_login.plugins.module_utils.auth_log import attempts, gather, lines

CLIENT = "10.77.1.1"
NOW = 1795250000.0


def entries(image):
    if image == "bullseye":
        return system_log.parse_syslog(fixture("auth_log", "auth_log.bullseye.log"), NOW)
    return system_log.parse_journal(fixture("auth_log", "journal.%s.jsonl" % image))


def found(image):
    return [attempts.shown(attempt) for attempt in attempts.group(entries(image))[0]]


def grouped(*messages):
    return attempts.group([{"at": NOW, "pid": "7", "message": message} for message in messages])[0]


class RealLogs(unittest.TestCase):
    def assert_told(self, user, result, words, images=("bookworm", "trixie", "bullseye")):
        for image in images:
            told = [one for one in found(image) if one["user"] == user and one["result"] == result]
            self.assertTrue([one for one in told if words in (one["reason"] or "")], (image, user, words, told))

    def test_each_attempt_with_its_user_its_result_and_the_reason(self):
        for user, result, words in (
            ("alice", "accepted", ""),
            ("root", "failed", ""),
            ("nobodyhere", "invalid_user", "Invalid user nobodyhere"),
            ("carl", "failed", "bad ownership or modes for directory /home/carl"),
            ("denny", "refused", "not allowed because listed in DenyUsers"),
            ("exp", "refused", "account exp has expired"),
            (None, "no_common_algorithm", "no matching key exchange method found"),
            ("root", "failed", "maximum authentication attempts exceeded"),
            ("alice", "refused", "Access denied for user alice by PAM account configuration"),
            ("alice", "failed", "authentication failure"),
            (None, "disconnected_before_auth", ""),
            (None, "bad_protocol", "banner exchange: Connection from 10.77.1.1"),
            ("alice", "refused", "pam_access(sshd:account): access denied for user"),
            ("alice", "refused", "PAM unable to dlopen(pam_nosuch.so)"),
            (None, "refused", "refused connect from 10.77.1.1"),
            ("root", "refused", "ROOT LOGIN REFUSED"),
            ("root", "failed", "Failed publickey for root"),
            ("alice", "refused", "not allowed because account is locked"),
            ("alice", "refused", "not allowed because shell /bin/nosuch does not exist"),
            ("root", "refused", "not listed in AllowUsers"),
            ("root", "refused", "none of user's groups are listed in AllowGroups"),
            ("root", "refused", "a group is listed in DenyGroups"),
            (None, "dropped", "drop connection #1 from [10.77.1.1]"),
            ("alice", "refused", "with correct key but not from a permitted host"),
            ("alice", "failed", "is not a regular file"),
        ):
            self.assert_told(user, result, words)
        self.assert_told("root", "failed", "not in PubkeyAcceptedAlgorithms", ("bookworm", "trixie"))
        self.assert_told("alice", "failed", "Could not open user 'alice' authorized keys", ("bookworm",))
        self.assert_told(None, "dropped", "penalty: failed authentication", ("trixie",))
        self.assert_told(None, "timed_out", "Timeout before authentication for connection from", ("trixie",))

    def test_no_address_that_a_stranger_has_named_is_taken_for_one(self):
        for image in ("bookworm", "trixie", "bullseye"):
            self.assertEqual({one["address"] for one in found(image)}, {CLIENT, None}, image)
            users = [one["user"] for one in found(image)]
            for user in ("root from 1.2.3.4 port 22 ssh2", "x from 1.2.3.4 port 5 [preauth]", "a\\nb"):
                self.assertIn(user, users)

    def test_only_pam_and_libwrap_leave_out_address_or_port(self):
        for image in ("bookworm", "trixie", "bullseye"):
            without = [one for one in found(image) if one["address"] is None]
            self.assertEqual({one["user"] for one in without}, {"alice", "exp"}, image)
            portless = [one["reason"] for one in found(image) if one["port"] is None and one["address"]]
            told = [reason.split(" ")[0] for reason in portless]
            self.assertTrue(set(told) <= {"refused", "Timeout"}, portless)

    def test_a_login_is_one_attempt_although_the_user_s_process_writes_on(self):
        for image in ("bookworm", "trixie", "bullseye"):
            ports = [one["port"] for one in found(image) if one["port"]]
            self.assertEqual(len(ports), len(set(ports)), image)

    def test_what_is_about_no_attempt_is_kept_as_a_complaint(self):
        for image in ("bookworm", "trixie", "bullseye"):
            complaints = [entry["message"] for entry in attempts.group(entries(image))[1]]
            self.assertIn('fatal: bad ownership or modes for chroot directory "/tmp"', complaints)
            self.assertFalse([words for words in complaints if "Server listening" in words])

    def test_the_sources_are_counted(self):
        attempted = attempts.group(entries("bookworm"))[0]
        (first, second) = attempts.sources(attempted, 20)
        self.assertEqual((first["address"], second["address"]), (CLIENT, None))
        self.assertEqual(first["attempts"] + second["attempts"], len(attempted))
        self.assertEqual(first["accepted"], len([one for one in attempted if one["result"] == "accepted"]))
        self.assertEqual(len(attempts.sources(attempted, 1)), 1)


class OfRhel(unittest.TestCase):
    """With what RHEL's kin have written."""

    def told(self, name):
        entries = system_log.parse_syslog(fixture("auth_log", name), NOW)
        return [dict(one, by=lines.refused_by(one["lines"])) for one in attempts.group(entries)[0]]

    def test_a_session_that_selinux_does_not_let_begin(self):
        (told,) = self.told("secure.centos7.log")
        self.assertEqual((told["result"], told["user"], told["address"]), ("accepted", "root", "192.168.1.123"))
        self.assertEqual(told["reasons"], ["sshd_selinux_copy_context: setcon failed with Permission denied"])

    def test_wrong_passwords_beside_the_helper_s_own_lines(self):
        (told,) = self.told("secure.rhel9_cis.log")
        self.assertEqual((told["result"], told["user"], told["port"]), ("failed", "brent", 50176))

    def test_a_directory_that_denies_access(self):
        refused, accepted = self.told("secure.stream8.log")
        self.assertTrue(refused["reasons"][0].startswith("pam_sss(sshd:account): Access denied"))
        self.assertEqual((refused["by"], refused["address"]), ("PAM account", "192.168.1.1"))
        self.assertEqual((accepted["result"], accepted["reasons"]), ("accepted", []))

    def test_a_directory_that_does_not_know_a_local_user_is_not_why(self):
        first = lines.reasons([
            "pam_sss(sshd:auth): received for user brent: 10 (User not known to the underlying authentication module)",
            "pam_faillock(sshd:auth): Consecutive login failures for user brent account temporarily locked",
        ], False)[0]  # fmt: skip
        self.assertTrue(first.startswith("pam_faillock"))

    def test_the_programs_of_rocky_linux_10(self):
        dropped, expired = self.told("journal.rocky10.log")
        self.assertEqual((dropped["result"], dropped["address"]), ("dropped", "172.16.0.2"))
        self.assertEqual((expired["user"], expired["by"]), ("deploy", "PAM account"))
        self.assertIn("has expired", expired["reasons"][0])
        said = [one["message"] for one in system_log.parse_syslog(fixture("auth_log", "journal.rocky10.log"), NOW)]
        # What keeps a key from being read leads, whatever else is said.
        self.assertEqual(
            lines.reasons(["Failed publickey for deploy from 192.0.2.1 port 4 ssh2", said[1]], False)[0], said[1]
        )


class Lines(unittest.TestCase):
    def test_a_line_with_two_readings_names_no_address(self):
        for message in (
            # What stands behind 'ID' and before 'from' is a stranger's, and each could be the other.
            "Failed publickey for invalid user x from 1.2.3.4 port 5 ssh2: RSA-CERT SHA256:abc ID y from 10.0.0.9"
            " port 7 ssh2: RSA-CERT SHA256:abc ID z (serial 0) CA RSA SHA256:abc",
            "Disconnecting invalid user x 1.2.3.4 port 5: y 10.0.0.9 port 7: Too many authentication failures",
            "User x from 1.2.3.4 not allowed because y from 10.0.0.9 not allowed because listed in DenyUsers",
        ):
            self.assertIsNone(lines.read(message)["address"], message)

    def test_the_certificate_s_name_is_no_address(self):
        said = lines.read(
            "Failed publickey for root from 10.0.0.9 port 7 ssh2: ED25519-CERT SHA256:abc ID evil from 1.2.3.4 port 5"
            " ssh2 (serial 0) CA RSA SHA256:abc"
        )
        self.assertEqual((said["address"], said["port"], said["user"]), ("10.0.0.9", 7, "root"))

    def test_older_words_of_sshd(self):
        for message, result, address, user in (
            ("Invalid user bob from 192.0.2.1", "invalid_user", "192.0.2.1", "bob"),
            ("input_userauth_request: invalid user bob [preauth]", "invalid_user", None, "bob"),
            ("Connection closed by 192.0.2.1 [preauth]", "closed", "192.0.2.1", None),
            ("Received disconnect from 192.0.2.1: 11: Bye Bye [preauth]", "closed", "192.0.2.1", None),
            ("Did not receive identification string from 192.0.2.1", "closed", "192.0.2.1", None),
            ("Bad protocol version identification 'GET / from 1.2.3.4 port 5' from 192.0.2.1 port 4", "bad_protocol",
             "192.0.2.1", None),
            ("error: PAM: Authentication failure for illegal user bob from 192.0.2.1", "failed", "192.0.2.1", "bob"),
            ("error: PAM: Authentication failure for bob from host.example.com", "failed", None, "bob"),
            ("User bob from host.example.com not allowed because not in any group", "refused", None, "bob"),
            ("fatal: Timeout before authentication for 192.0.2.1 port 9", "timed_out", "192.0.2.1", None),
            ("Failed password for bob from ::ffff:192.0.2.1 port 4 ssh2", "failed", "192.0.2.1", "bob"),
            ("Failed password for bob from fe80::1%eth0 port 4 ssh2", "failed", "fe80::1", "bob"),
            ("Invalid user  from 192.0.2.1 port 4", "invalid_user", "192.0.2.1", ""),
        ):  # fmt: skip
            said = lines.read(message)
            self.assertEqual((said["result"], said["address"], said["user"]), (result, address, user), message)

    def test_words_that_are_no_line_of_an_attempt(self):
        for message in ("", "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)", "Invalid user",
                        "Accepted", "Connection closed by 999.999.1.1.1 somewhere"):  # fmt: skip
            self.assertIsNone(lines.read(message), message)

    def test_the_most_telling_line_comes_first(self):
        first = lines.reasons([
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=x",
            "pam_faillock(sshd:auth): Consecutive login failures for user x account temporarily locked",
            "Failed password for x from 192.0.2.1 port 4 ssh2",
            "Connection closed by authenticating user x 192.0.2.1 port 4 [preauth]",
        ], False)  # fmt: skip
        self.assertTrue(first[0].startswith("pam_faillock"))
        self.assertEqual(len(first), 3)
        said = [
            "pam_exec(sshd:session): /bin/false failed: exit code 1",
            "error: PAM: pam_open_session(): System error",
        ]
        self.assertEqual(lines.reasons(said, True), said)
        noise = "pam_env(sshd:session): Unable to open env file: /etc/default/locale: No such file or directory"
        self.assertEqual(lines.reasons([noise, "Accepted publickey for x from 192.0.2.1 port 4 ssh2"], True), [])

    def test_by_what_an_attempt_was_refused(self):
        for message, wanted in (
            ("User x from 192.0.2.1 not allowed because not listed in AllowUsers", "AllowUsers"),
            (
                "User x from 192.0.2.1 not allowed because none of user's groups are listed in AllowGroups",
                "AllowGroups",
            ),
            ("User x from listed in DenyUsers not allowed because not in any group", None),
            ("User x not allowed because account is locked", "UsePAM"),
            ("ROOT LOGIN REFUSED FROM 192.0.2.1 port 4", "PermitRootLogin"),
            ("ROOT LOGIN REFUSED FROM 192.0.2.1 port 4 [preauth]", "PermitRootLogin"),
            ("administratively prohibited connection for root from 192.0.2.1 port 4", "RefuseConnection"),
            ("fatal: Access denied for user x by PAM account configuration [preauth]", "PAM account"),
            ("error: PAM: pam_open_session(): System error", "PAM session"),
            ("Failed password for x from 192.0.2.1 port 4 ssh2", None),
        ):
            self.assertEqual(lines.refused_by([message]), wanted, message)
        said = lines.read("administratively prohibited connection for invalid user x from 192.0.2.1 port 4")
        self.assertEqual((said["result"], said["address"], said["user"]), ("refused", "192.0.2.1", "x"))


class Attempts(unittest.TestCase):
    def test_a_number_that_is_used_again_is_another_attempt(self):
        told = grouped(
            "Invalid user a from 192.0.2.1 port 4",
            "Connection closed by invalid user a 192.0.2.1 port 4 [preauth]",
            "Invalid user b from 192.0.2.2 port 4",
            "Connection closed by invalid user b 192.0.2.2 port 4 [preauth]",
        )
        self.assertEqual([(one["user"], one["address"]) for one in told], [("a", "192.0.2.1"), ("b", "192.0.2.2")])

    def test_the_words_of_centos_7(self):
        (told,) = grouped(
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1",
            'pam_succeed_if(sshd:auth): requirement "uid >= 1000" not met by user "root"',
            "Failed password for root from 192.0.2.1 port 4 ssh2",
            "Connection closed by 192.0.2.1 port 4 [preauth]",
        )
        self.assertEqual((told["address"], told["port"], told["user"]), ("192.0.2.1", 4, "root"))
        self.assertEqual((told["result"], told["method"]), ("failed", "password"))
        self.assertTrue(told["reasons"][0].startswith("pam_unix(sshd:auth): authentication failure"))

    def test_an_attempt_keeps_few_lines_however_much_is_said(self):
        told = grouped("Invalid user a from 192.0.2.1 port 4", *["Failed none for x"] * 5000)
        self.assertEqual(len(told), 1)
        self.assertLessEqual(len(attempts.in_full(told[0], "x")["lines"]), attempts.SHOWN_LINES)

    def test_the_probe_s_own_by_address_and_port(self):
        told = grouped("Invalid user a from 192.0.2.1 port 4") + grouped("Invalid user a from 192.0.2.1 port 5")
        self.assertEqual(attempts.own(told, "192.0.2.1", 4, "root", NOW), (told[0], "address and port"))
        self.assertEqual(attempts.own(told, "::ffff:192.0.2.1", 5, "root", NOW)[0], told[1])
        attempt, why = attempts.own(told, "192.0.2.1", 6, "root", NOW)
        self.assertEqual((attempt, why), (None, "no line of the log is about user root from 192.0.2.1 port 6"))

    def test_the_probe_s_own_without_a_port(self):
        told = grouped("Invalid user a from 192.0.2.1 port 4") + grouped("Invalid user b from 192.0.2.1 port 5")
        self.assertEqual(attempts.own(told, "192.0.2.1", 0, "a", NOW + 5), (told[0], "address and time"))
        self.assertIsNone(attempts.own(told, "192.0.2.1", 0, "c", NOW + 5)[0])
        self.assertIsNone(attempts.own(told, "192.0.2.1", 0, "a", NOW + 5000)[0])
        self.assertIsNone(attempts.own(told, None, 0, "a", NOW + 5)[0])

    def test_pam_s_refusals_count_where_they_all_say_the_same(self):
        denied = "fatal: Access denied for user a by PAM account configuration [preauth]"
        told = grouped(denied) + grouped(denied)
        self.assertEqual(attempts.own(told, "192.0.2.1", 4, "a", NOW), (told[1], "user and time"))
        self.assertIsNone(attempts.own(told, "192.0.2.1", 4, "b", NOW)[0])
        told += grouped("pam_access(sshd:account): access denied for user `a' from `192.0.2.9'", denied)
        self.assertIsNone(attempts.own(told, "192.0.2.1", 4, "a", NOW)[0])


class Gather(unittest.TestCase):
    LOGIN = {"port": 22, "addresses": [], "user": "denny", "clients": [CLIENT, "192.0.2.1"], "client_ports": [55178, 0]}

    def gathered(self, files, **login):
        with folder_with(files) as root:
            paths = tuple(os.path.join(root, name) for name in sorted(files))
            with replaced(system_log, LOG_FILES=paths, has_journal=lambda: False):
                return gather.gather(dict(self.LOGIN, **login))

    def test_the_first_client_s_attempt_is_shown_in_full(self):
        told = self.gathered({"auth.log": fixture("auth_log", "auth_log.bullseye.log")})
        self.assertEqual(told["status"], "ok")
        own = [one for one in told["attempts"] if one["own"]]
        self.assertTrue(told["own_attempt"] is None or own == [dict(one) for one in own])
        self.assertLessEqual(len(told["attempts"]), gather.SHOWN_ATTEMPTS + 2)

    def test_no_log_at_all_is_unchecked_with_the_reason(self):
        told = self.gathered({})
        self.assertEqual(told, {"status": "unchecked", "reason": "no log of this system can be read"})
        told = self.gathered({"auth.log": None})
        self.assertIn("is not a regular file", told["reason"])

    def test_the_log_that_is_written_to_is_the_one_that_counts(self):
        old = "2020-11-21T01:02:03Z h sshd[1]: Invalid user old from 192.0.2.1 port 4\n"
        new = "2021-11-21T01:02:03Z h sshd[1]: Invalid user new from 192.0.2.1 port 4\n"
        for files in ({"a": old, "b": new}, {"a": new, "b": old}):
            self.assertEqual([one["user"] for one in self.gathered(files)["attempts"]], ["new"])

    def test_a_journal_that_cannot_be_read_leaves_the_file_and_says_so(self):
        def nobody(argv, limit=0):
            return host.Result(None, "", "", "journalctl did not answer within 10 s")

        line = "2021-11-21T01:02:03Z h sshd[1]: Invalid user new from 192.0.2.1 port 4\n"
        with folder_with({"a": line}) as root, replaced(host, run=nobody):
            files = (os.path.join(root, "a"),)
            with replaced(system_log, LOG_FILES=files, has_journal=lambda: True):
                told = gather.gather(self.LOGIN)
        self.assertEqual(told["source"]["kind"], "file")
        self.assertEqual(told["other_logs"], ["the journal: journalctl did not answer within 10 s"])

    def test_the_torn_first_line_of_a_tail_does_not_count(self):
        line = "2021-11-21T01:02:03Z h sshd[1]: Invalid user %s from 192.0.2.1 port 4\n"
        with replaced(system_log, TAIL_BYTES=len(line) + 20):
            told = self.gathered({"a": "x" * 50 + "\n" + line % "a" + line % "b"})
        self.assertEqual([one["user"] for one in told["attempts"]], ["b"])


class Syslog(unittest.TestCase):
    def parsed(self, *text):
        return [(entry["pid"], entry["message"]) for entry in system_log.parse_syslog("\n".join(text), NOW)]

    def test_every_kind_of_line(self):
        for line in (
            "Nov 21 01:02:03 web sshd[7]: hello",
            "Nov  1 01:02:03 web sshd[7]: hello",
            "<86>Nov 21 01:02:03 web sshd[7]: hello",
            "Nov 21 01:02:03 web auth.info sshd[7]: hello",
            "2026-11-21T01:02:03.123456+01:00 web sshd[7]: hello",
            "2026-11-21T01:02:03Z web sshd-session[7]: hello",
            "<38>1 2026-11-21T01:02:03.123456+01:00 web sshd 7 - - hello",
            '<38>1 2026-11-21T01:02:03Z web sshd-auth 7 ID47 [a@1 b="c\\]\\"d"][e f="]"] hello',
        ):
            self.assertEqual(self.parsed(line), [("7", "hello")], line)

    def test_lines_of_others_and_what_is_no_line(self):
        for line in (
            "Nov 21 01:02:03 web notsshd[7]: hello",
            "Nov 21 01:02:03 web sudo: x : COMMAND=Nov 21 01:02:03 web sshd[7]: hello",
            "Nov 21 01:02:03 web su[8]: sshd[7]: hello",
            " Nov 21 01:02:03 web sshd[7]: hello",
            "Nov 21 01:02:03 web sshd: hello",
            "Nov 99 01:02:03 web sshd[7]: hello",
            "Nov 21 01:02:03 web sshd[7]: " + "x" * system_log.LINE_LIMIT,
        ):
            self.assertEqual(self.parsed(line), [], line)

    def test_nothing_in_a_message_steers_a_terminal(self):
        words = json.loads('"a\\u001b[31mb\\u202e\\u0085c"')
        told = self.parsed("Nov 21 01:02:03 web sshd[7]: " + words)
        self.assertEqual(told, [("7", "a\\x1b[31mb\\u202e\\x85c")])

    def test_times_with_a_zone_and_without_a_year(self):
        self.assertEqual(system_log.syslog_time("2026-11-21T05:20:30.123456+01:00"), 1795234830.0)
        self.assertEqual(system_log.syslog_time("2026-11-21T04:20:30Z"), 1795234830.0)
        for text in ("Foo 21 04:20:30", "x", "2026-13-45Tx", "Nov 21 4:20", "Nov 21 99:00:00"):
            self.assertIsNone(system_log.syslog_time(text), text)
        for text in ("Nov 21 04:20:30", "Dec 31 23:59:59", "Jan  1 00:00:00", "Feb 29 12:00:00"):
            at = system_log.syslog_time(text, NOW)
            self.assertLessEqual(at, NOW + 86400)
            self.assertLess(NOW - at, 366 * 86400 if "Feb" not in text else 4 * 366 * 86400, text)
        self.assertEqual(host.iso_time(system_log.syslog_time("Feb 29 12:00:00", NOW))[:7], "2024-02")


class Journal(unittest.TestCase):
    ENTRY = {"_COMM": "sshd", "_UID": "0", "_PID": "7", "__REALTIME_TIMESTAMP": "1", "MESSAGE": "hello"}

    def parsed(self, **fields):
        entry = {name: value for name, value in dict(self.ENTRY, **fields).items() if value is not None}
        return [one["message"] for one in system_log.parse_journal(json.dumps(entry))]

    def test_the_journal_s_own_fields_decide_who_has_written(self):
        self.assertEqual(self.parsed(), ["hello"])
        self.assertEqual(self.parsed(_COMM="sshd-session", _EXE="/usr/lib/openssh/sshd-session"), ["hello"])
        self.assertEqual(self.parsed(_COMM=None, SYSLOG_IDENTIFIER="sshd"), ["hello"])
        self.assertEqual(self.parsed(_EXE="/usr/sbin/sshd (deleted)"), ["hello"])
        for fields in (
            {"_COMM": "logger", "SYSLOG_IDENTIFIER": "sshd"},
            {"_UID": "1000"},
            {"_UID": None},
            {"_EXE": "/home/ops/evil"},
            {"_TRANSPORT": "audit"},
            {"_TRANSPORT": "kernel"},
            {"MESSAGE": None},
            {"__REALTIME_TIMESTAMP": "x"},
        ):
            self.assertEqual(self.parsed(**fields), [], fields)


if __name__ == "__main__":
    unittest.main()


class Unnamed(unittest.TestCase):
    def test_the_newest_first_each_text_once_and_nothing_of_the_daemon_itself(self):
        said = (
            (1, "fatal: long ago"),
            (5, "fatal: chroot: no"),
            (6, "fatal: chroot: no"),
            (7, "fatal: other"),
            (8, "error: Bind to port 22 on :: failed"),
        )
        found = gather.unnamed([{"at": NOW + at, "message": message} for at, message in said], NOW + 5)
        self.assertEqual([one["line"] for one in found], ["fatal: other", "fatal: chroot: no"])
