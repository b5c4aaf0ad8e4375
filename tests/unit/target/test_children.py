# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import signal
import time
import unittest

from target_helpers import folder_with

from ansible_collections.rescue.remote_login.plugins.module_utils import children, host

NOT_UTF8 = b"x\xffy"


class Answers(unittest.TestCase):
    def ask(self, value):
        return children.ask({"q": lambda: value}, 5)["q"]

    def test_what_is_in_no_encoding_does_not_cost_the_rest(self):
        rest = [1, None, 2.5, b"\xc3\xa9".decode("utf-8")]
        # As this Python has the names of files.
        found = self.ask({"rest": rest, "name": NOT_UTF8 if str is bytes else os.fsdecode(NOT_UTF8)})
        self.assertIsNone(found["error"])
        self.assertEqual(found["value"]["rest"], rest)
        found["value"]["name"].encode("utf-8")
        self.assertEqual((found["value"]["name"][0], found["value"]["name"][-1]), ("x", "y"))

    def test_a_link_is_told_as_a_text(self):
        with folder_with({}) as root:
            link = os.path.join(root, "link")
            os.symlink(NOT_UTF8, link.encode("utf-8"))
            # A text and bytes do not go together in Python 2.
            self.assertEqual(os.path.join(b"".decode("ascii"), host.link_target(link))[0], "x")

    def test_an_error_in_no_encoding_is_told_too(self):
        def fail():
            raise ValueError(NOT_UTF8)

        self.assertIn("ValueError", children.ask({"q": fail}, 5)["q"]["error"])


class Endings(unittest.TestCase):
    def test_one_that_cannot_be_ended_keeps_no_connection_open(self):
        streams = children.ask({"q": lambda: [os.readlink("/proc/self/fd/%d" % each) for each in (0, 1, 2)]}, 5)["q"]
        self.assertEqual(streams["value"], ["/dev/null"] * 3)

    def test_what_it_has_started_itself_ends_with_it(self):
        with folder_with({}) as root:
            told = os.path.join(root, "pid")

            def inner():
                with open(told, "w") as handle:
                    handle.write(str(os.getpid()))
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(60)

            found = children.ask({"outer": lambda: children.ask({"inner": inner}, 60)}, 1)["outer"]
            self.assertTrue(found["late"])
            with open(told) as handle:
                pid = int(handle.read())
        deadline = time.time() + 5
        # Process 1 may take its time to reap it.
        while (host.process_fields(pid) or "Z")[0] != "Z" and time.time() < deadline:
            time.sleep(0.05)
        self.assertIn((host.process_fields(pid) or "Z")[0], "ZX")
