# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import signal
import time
import unittest

from target_helpers import folder_with, is_running, replaced, soon_true

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sections


def fine(login):
    return {"status": "ok", "port": login["port"]}


def hangs(_login):
    time.sleep(60)


def fails(_login):
    raise ValueError("boom")


def dies(_login):
    os.kill(os.getpid(), signal.SIGKILL)


def answers_with_what_is_no_json(_login):
    return {"status": object()}


def answers_at_length(_login):
    return {"status": "ok", "text": "x" * 1000000}


class Sections(unittest.TestCase):
    def gather(self, timeout=5, **gatherers):
        with replaced(sections, SECTIONS=gatherers):
            return sections.gather(sorted(gatherers), {"port": 22}, timeout)

    def assert_unchecked(self, section, words):
        self.assertEqual(section["status"], "unchecked")
        self.assertIn(words, section["reason"])

    def test_one_that_hangs_leaves_the_others_whole(self):
        started = time.time()
        found = self.gather(timeout=1, a=hangs, b=fine)
        self.assertLess(time.time() - started, 10)
        self.assert_unchecked(found["a"], "did not finish within 1 s")
        self.assertEqual(found["b"], {"status": "ok", "port": 22})

    def test_one_that_hangs_does_not_cut_off_a_long_answer_of_another(self):
        found = self.gather(timeout=1, a=hangs, b=answers_at_length, c=hangs, d=answers_at_length)
        self.assertEqual([found[name]["status"] for name in "abcd"], ["unchecked", "ok", "unchecked", "ok"])

    def test_one_that_raises_says_why(self):
        found = self.gather(a=fails, b=fine)
        self.assert_unchecked(found["a"], "ValueError: boom")
        self.assertEqual(found["b"]["status"], "ok")

    def test_one_that_is_killed_is_unchecked(self):
        self.assert_unchecked(self.gather(a=dies)["a"], "ended without an answer")

    def test_one_whose_answer_is_garbage_is_unchecked(self):
        self.assert_unchecked(self.gather(a=answers_with_what_is_no_json)["a"], "")

    def test_one_that_answers_without_end_is_cut_and_told(self):
        with replaced(sections, ANSWER_LIMIT_BYTES=1000):
            self.assert_unchecked(self.gather(a=answers_at_length)["a"], "more than 1000 bytes")

    def test_a_command_ends_with_the_section_that_has_started_it(self):
        with folder_with({}) as root:
            note = os.path.join(root, "pid")

            def runs_a_command_that_hangs(_login):
                host.run(["sh", "-c", "echo $$ > %s; exec sleep 60" % note], timeout=50)

            self.gather(timeout=1, a=runs_a_command_that_hangs)
            with open(note) as handle:
                pid = int(handle.read())
            try:
                self.assertTrue(soon_true(lambda: not is_running(pid)))
            finally:
                if is_running(pid):
                    os.kill(pid, signal.SIGKILL)

    def test_a_host_without_free_processes_is_unchecked_not_a_traceback(self):
        def no_fork():
            raise OSError(11, "Resource temporarily unavailable")

        with replaced(os, fork=no_fork):
            self.assert_unchecked(self.gather(a=fine)["a"], "Resource temporarily unavailable")

    def test_no_child_is_left_behind(self):
        self.gather(timeout=1, a=fine, b=fails, c=hangs)
        self.assertRaises(OSError, os.waitpid, -1, os.WNOHANG)


if __name__ == "__main__":
    unittest.main()
