# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import unittest

from target_helpers import FIXTURES, fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import log

IMAGES = ("bookworm", "trixie")


def journal(image, state):
    return log.last_attempt(log.parse_journal(fixture("sshd", "journal.%s.%s.jsonl" % (image, state))))


def auth_log(state):
    return log.last_attempt(log.parse_log(fixture("sshd", "auth_log.bullseye.%s.log" % state)))


class Reasons(unittest.TestCase):
    def assert_reason(self, state, words):
        for image in IMAGES:
            self.assertIn(words, log.reason(journal(image, state)) or "nothing", (image, state))

    def test_sshd_s_own_words_come_first(self):
        self.assert_reason("failed_no_host_keys", "no hostkeys available")
        self.assert_reason("failed_no_user", "Privilege separation user sshd does not exist")
        self.assert_reason("failed_bad_option", "unknown option -- Z")
        self.assert_reason("failed_port_taken", "Bind to port 22 on 0.0.0.0 failed: Address already in use")
        self.assert_reason("failed_address_not_there", "Bind to port 22 on 192.0.2.77 failed")

    def test_a_wrong_line_is_told_with_its_place(self):
        self.assert_reason("failed_bad_config", "Bad configuration option: PermitRootLogni")

    def test_a_unit_that_systemd_cannot_carry_out_is_told_in_systemd_s_words(self):
        self.assert_reason("failed_user_unknown_to_unit", "Failed at step USER")

    def test_a_missing_program_is_told_although_the_journal_has_its_lines_out_of_order(self):
        self.assert_reason("failed_exec_missing", "/opt/none/sshd: No such file or directory")

    def test_a_daemon_that_was_killed_was_killed_whatever_strangers_said_before(self):
        self.assert_reason("killed", "code=killed")

    def test_a_stranger_s_user_name_is_no_reason(self):
        self.assertIsNone(log.reason(auth_log("killed")))

    def test_a_daemon_that_runs_or_was_stopped_has_no_reason(self):
        for state in ("running", "stopped"):
            for image in IMAGES:
                self.assertIsNone(log.reason(journal(image, state)))
            self.assertIsNone(log.reason(auth_log(state)))

    def test_init_scripts_leave_the_reason_in_the_log(self):
        self.assertIn("Address already in use", log.reason(auth_log("port_taken")))
        self.assertIn("Cannot assign requested address", log.reason(auth_log("address_not_there")))

    def test_a_failure_before_a_start_that_worked_is_history(self):
        self.assertIsNone(log.reason(auth_log("restarted_after_failure")))

    def test_nothing_said_is_no_reason(self):
        self.assertIsNone(log.reason([]))
        self.assertEqual(log.last_attempt([]), [])


class BindFailures(unittest.TestCase):
    def test_port_address_and_error_of_each_failure(self):
        wanted = [{"port": 22, "address": "0.0.0.0", "error": "Address already in use"}]
        self.assertEqual(log.bind_failures(journal("bookworm", "failed_port_taken")), wanted)
        self.assertEqual(log.bind_failures(auth_log("port_taken")), wanted)
        wanted = [{"port": 22, "address": "192.0.2.77", "error": "Cannot assign requested address"}]
        self.assertEqual(log.bind_failures(journal("trixie", "failed_address_not_there")), wanted)

    def test_a_stranger_cannot_write_one_into_the_log(self):
        text = fixture("sshd", "auth_log.bullseye.killed.log")
        self.assertIn("Bind to port 22 on 0.0.0.0 failed", text)
        self.assertEqual(log.bind_failures([message for _when, message in log.parse_log(text)]), [])
        for image in IMAGES:
            self.assertEqual(log.bind_failures(journal(image, "killed")), [])


class Parse(unittest.TestCase):
    def test_every_message_of_a_journal_is_text_of_bounded_length(self):
        for name in os.listdir(os.path.join(FIXTURES, "sshd")):
            if name.startswith("journal."):
                self.assertTrue(log.parse_journal(fixture("sshd", name)), name)
        ((_when, long),) = log.parse_journal(json.dumps({"MESSAGE": "x" * 5000}))
        self.assertEqual(len(long), log.MESSAGE_LIMIT)

    def test_bytes_in_a_journal_stay_readable(self):
        ((_when, line),) = log.parse_journal('{"MESSAGE": [102, 97, 116, 97, 108, 58, 255]}')
        self.assertEqual(line, u"fatal:\ufffd")  # fmt: skip

    def test_lines_that_are_no_messages_are_left_out(self):
        lines = ["", "garbage", "5", "[]", "null", '"text"', "{}"]
        lines += ['{"MESSAGE": %s}' % value for value in ("null", "5", "{}", '["a", "b"]', "[999, -1, null]", '"good"')]
        self.assertEqual(log.parse_journal("\n".join(lines)), [(0.0, "good")])

    def test_only_sshd_s_lines_of_a_log_count(self):
        text = "\n".join([
            "Nov 21 host sudo: ops : COMMAND=/bin/echo fatal: no",
            "Nov 21 host sshd[77]: Server listening on :: port 22.",
            "2026-11-21T00:00:00+00:00 host sshd-session[78]: Accepted",
            "Nov 21 host notsshd[77]: fatal: no",
        ])  # fmt: skip
        self.assertEqual(log.parse_log(text), [(0.0, "Server listening on :: port 22."), (0.0, "Accepted")])


class Messages(unittest.TestCase):
    def test_a_journal_that_cannot_be_read_is_a_reason(self):
        with replaced(host, run=lambda argv: host.Result(None, "", "", "journalctl is not installed")):
            self.assertEqual(log.messages("systemd", "ssh.service"), ([], "journalctl is not installed"))

    def test_a_host_without_any_log_says_so(self):
        with replaced(log, LOG_FILES=("/none",)):
            self.assertEqual(log.messages("sysv", "ssh"), ([], "no log of this system can be read"))

    def test_the_first_log_that_can_be_read_is_read(self):
        with folder_with({"log": "Nov 21 host sshd[1]: fatal: x\n"}) as root:
            files = ("/none", os.path.join(root, "log"))
            with replaced(log, LOG_FILES=files):
                self.assertEqual(log.messages("sysv", "ssh"), ([(0.0, "fatal: x")], None))


if __name__ == "__main__":
    unittest.main()
