# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import time
import unittest

from target_helpers import folder_with, is_running, soon_true

from ansible_collections.rescue.remote_login.plugins.module_utils import host


class Run(unittest.TestCase):
    def test_a_command_that_hangs_is_given_up_and_ended(self):
        started = time.time()
        result = host.run(["sh", "-c", "echo $$; exec sleep 60"], timeout=0.5)
        self.assertLess(time.time() - started, 10)
        self.assertIsNone(result.rc)
        self.assertEqual(result.error, "sh did not answer within 0.5 s")
        self.assertTrue(soon_true(lambda: not is_running(int(result.out))))

    def test_what_a_hanging_command_has_started_ends_with_it(self):
        result = host.run(["sh", "-c", "sleep 60 & echo $!; wait"], timeout=0.5)
        self.assertTrue(soon_true(lambda: not is_running(int(result.out))))

    def test_a_child_that_keeps_the_pipe_open_does_not_hold_us(self):
        started = time.time()
        result = host.run(["sh", "-c", "sleep 60 & echo done"], timeout=0.5)
        self.assertLess(time.time() - started, 10)
        self.assertEqual(result.out, "done\n")
        self.assertIn("did not answer", result.error)

    def test_a_command_that_closes_its_output_and_stays_is_ended(self):
        result = host.run(["sh", "-c", "exec >&- 2>&-; exec sleep 60"], timeout=0.5)
        self.assertIn("did not end", result.error)

    def test_endless_output_is_cut_and_told(self):
        result = host.run(["yes"], limit=1000)
        self.assertEqual(result.error, "yes wrote more than 1000 bytes")
        self.assertEqual(len(result.out), 1000)

    def test_endless_complaints_are_cut_and_told(self):
        result = host.run(["sh", "-c", "yes >&2"], limit=1000)
        self.assertIn("more than 1000 bytes", result.error)
        self.assertEqual(len(result.err), 1000)

    def test_a_missing_program_is_a_reason_not_a_traceback(self):
        self.assertEqual(host.run(["no-such-program"]).error, "no-such-program is not installed")

    def test_a_file_that_is_no_program_is_a_reason(self):
        self.assertIn("cannot be run", host.run(["/etc/passwd"]).error)

    def test_an_argument_that_no_command_can_have_is_a_reason(self):
        self.assertIn("cannot be run", host.run(["true", "a\0b"]).error)

    def test_exit_status_and_both_outputs_are_told_apart(self):
        result = host.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
        self.assertEqual(tuple(result), (3, "out\n", "err\n", None))

    def test_a_command_that_is_killed_has_a_negative_status(self):
        self.assertEqual(host.run(["sh", "-c", "kill -9 $$"]).rc, -9)

    def test_a_command_cannot_wait_for_input(self):
        self.assertEqual(host.run(["cat"], timeout=5).rc, 0)

    def test_commands_speak_english_whatever_the_host_speaks(self):
        kept = os.environ.get("LC_ALL")
        os.environ["LC_ALL"] = "de_DE.UTF-8"
        try:
            self.assertEqual(host.run(["sh", "-c", "echo $LC_ALL $LANGUAGE"]).out, "C C\n")
        finally:
            if kept is None:
                del os.environ["LC_ALL"]
            else:
                os.environ["LC_ALL"] = kept

    def test_output_that_is_not_utf8_stays_readable(self):
        self.assertEqual(host.run(["printf", "a\\377b"]).out, u"a\ufffdb")  # fmt: skip

    def test_a_program_in_an_sbin_folder_is_found_without_path(self):
        kept = os.environ["PATH"]
        os.environ["PATH"] = ""
        try:
            self.assertTrue(host.which("sh").endswith("/sh"))
        finally:
            os.environ["PATH"] = kept


class Read(unittest.TestCase):
    def test_a_fifo_is_not_waited_for(self):
        with folder_with({}) as root:
            path = os.path.join(root, "fifo")
            os.mkfifo(path)
            self.assertEqual(host.read(path), ("", "%s is not a regular file" % path))

    def test_folders_and_devices_are_not_read(self):
        for path in ("/etc", "/dev/zero"):
            self.assertEqual(host.read(path), ("", "%s is not a regular file" % path))

    def test_what_cannot_be_opened_is_a_reason(self):
        self.assertEqual(host.read("/none").error, "/none: No such file or directory")
        self.assertIn("/etc/pa", host.read("/etc/pa\0sswd").error)

    def test_a_file_in_proc_that_claims_to_be_empty_is_read(self):
        self.assertTrue(host.read("/proc/self/stat").text.startswith("%d " % os.getpid()))

    def test_a_large_file_is_cut_and_told(self):
        with folder_with({"log": "a" * 1000 + "z" * 10}) as root:
            path = os.path.join(root, "log")
            self.assertEqual(host.read(path, limit=1000), ("a" * 1000, "%s is larger than 1000 bytes" % path))
            self.assertEqual(host.read(path, limit=1010), ("a" * 1000 + "z" * 10, None))

    def test_the_end_of_a_large_file_is_the_newest_part_of_a_log(self):
        with folder_with({"log": "a" * 100000 + "z" * 10}) as root:
            path = os.path.join(root, "log")
            self.assertEqual(host.read(path, limit=12, tail=True), ("aa" + "z" * 10, None))
            self.assertEqual(len(host.read(path, limit=200000, tail=True).text), 100010)


class Look(unittest.TestCase):
    def test_what_is_not_there_is_none_or_empty(self):
        self.assertIsNone(host.status_of("/none"))
        self.assertIsNone(host.link_target("/etc"))
        self.assertEqual(host.names_in("/none"), [])

    def test_every_process_is_seen(self):
        self.assertIn(os.getpid(), host.pids())

    def test_times_are_utc(self):
        self.assertEqual(host.iso_time(0), "1970-01-01T00:00:00Z")
        self.assertIsNone(host.iso_time(None))

    def test_a_file_from_the_far_future_does_not_end_the_section(self):
        self.assertIsNone(host.iso_time(1e30))


if __name__ == "__main__":
    unittest.main()
