# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import contextlib
import os
import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import conntrack, host

NAMES = "entries insert_failed drop early_drop\n"
LOG = "[100.1] nf_conntrack: nf_conntrack: table full, dropping packet\n"


@contextlib.contextmanager
def kernel(count="5", maximum="100", statistics=None, log="", uptime="200.0 1.0\n"):
    """A machine with this in /proc; None is a file that is not there."""
    files = {"nf_conntrack_count": count, "nf_conntrack_max": maximum, "statistics": statistics}
    with folder_with({name: text for name, text in files.items() if text is not None}) as root:
        read = host.read

        def reading(path, **options):
            return host.Text(uptime, None) if path == "/proc/uptime" else read(path, **options)

        def running(_argv, **_options):
            return host.Result(0, log, "", None) if log is not None else host.Result(1, "", "not permitted", None)

        place = os.path.join(root, "statistics")
        with replaced(conntrack, FOLDER=root, STATISTICS=place), replaced(host, read=reading, run=running):
            yield


def state(**machine):
    with kernel(**machine):
        return conntrack.state()


class Statistics(unittest.TestCase):
    def test_the_counters_of_all_processors_are_added_up(self):
        found = conntrack.parse_statistics(fixture("conntrack", "proc_net_stat_nf_conntrack.txt"))
        self.assertEqual(found, {"drop": 7, "early_drop": 0, "insert_failed": 0})

    def test_what_no_kernel_writes_is_left_out(self):
        self.assertEqual(conntrack.parse_statistics(""), {})
        self.assertEqual(conntrack.parse_statistics("entries drop\nx zz\n00 0a\n00\n"), {"drop": 10})


class Log(unittest.TestCase):
    def test_only_messages_of_this_namespace_count(self):
        text = fixture("conntrack", "dmesg.txt")
        namespace = text.split("netns ")[1].split(",")[0]
        now = float(text.split("[")[1].split("]")[0]) + 60
        self.assertTrue(conntrack.count_recent(text, now, namespace))
        self.assertEqual(conntrack.count_recent(text, now, "1"), 0)

    def test_old_kernels_name_no_namespace(self):
        for line in (LOG, LOG.replace("nf_conntrack: nf", "nf"), "<4>" + LOG, LOG.replace("nf", "ip")):
            self.assertEqual(conntrack.count_recent(line, 130, "7"), 1, line)

    def test_an_old_message_and_a_stranger_s_words_do_not_count(self):
        self.assertEqual(conntrack.count_recent(LOG, 100 + conntrack.RECENT_S + 1, "7"), 0)
        self.assertEqual(conntrack.count_recent("[100.1] sshd: " + LOG, 130, "7"), 0)


class State(unittest.TestCase):
    def test_where_nothing_is_tracked_nothing_is_full(self):
        found = state(count=None, maximum=None)
        self.assertEqual((found["loaded"], found["full"], found["count"]), (False, False, None))

    def test_a_table_with_room(self):
        found = state(count="94", statistics=NAMES + "0 0 5 0\n")
        self.assertEqual((found["full"], found["share"], found["drops"]), (False, 0.94, 5))
        self.assertIsNone(found["messages"])

    def test_a_full_table_that_drops(self):
        for count in ("95", "100", "101"):
            self.assertTrue(state(count=count, statistics=NAMES + "0 0 a 0\n")["full"], count)

    def test_a_full_table_where_short_lived_entries_give_way(self):
        self.assertFalse(state(count="100", statistics=NAMES + "0 0 0 9\n")["full"])

    def test_without_counters_the_log_tells(self):
        self.assertTrue(state(count="97", log=LOG)["full"])
        self.assertFalse(state(count="97")["full"])
        found = state(count="100", log=None)
        self.assertTrue(found["full"])
        self.assertIn("not permitted", found["missing"]["messages"])
        self.assertIn("statistics", found["missing"]["drops"])

    def test_a_maximum_of_nothing_is_no_bound(self):
        self.assertFalse(state(count="100", maximum="0", statistics=NAMES + "0 0 1 0\n")["full"])

    def test_what_is_no_number_is_unknown(self):
        found = state(count="many", statistics=NAMES + "0 0 1 0\n")
        self.assertIsNone(found["full"])
        self.assertIn("not a number", found["missing"]["count"])


if __name__ == "__main__":
    unittest.main()
