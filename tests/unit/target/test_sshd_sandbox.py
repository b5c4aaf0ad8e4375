# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import unittest

from target_helpers import folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host, view
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import sandbox

ALL = (1 << 41) - 1


def without(*names):
    return ALL & ~sum(1 << sandbox.CAPABILITIES.index(name) for name in names)


class Settings(unittest.TestCase):
    def read(self, names, *texts):
        files = {"%d.conf" % number: text for number, text in enumerate(texts)}
        with folder_with(files) as root:
            found = sandbox.settings([os.path.join(root, name) for name in sorted(files)], names)
        return [(entry["name"], entry["value"], os.path.basename(entry["file"]), entry["line"]) for entry in found]

    def test_the_last_line_counts(self):
        found = self.read(sandbox.MOUNTS, "[Service]\nProtectHome=yes\n", "[Service]\n# own\nProtectHome = tmpfs \n")
        self.assertEqual(found, [("ProtectHome", "tmpfs", "1.conf", 3)])

    def test_what_is_switched_off_again_does_not_count(self):
        self.assertEqual(self.read(sandbox.MOUNTS, "[Service]\nProtectHome=yes\nProtectHome=no\n"), [])

    def test_a_switch_without_a_value_is_passed_over(self):
        found = self.read(sandbox.MOUNTS, "[Service]\nProtectHome=yes\nProtectHome=\n")
        self.assertEqual([entry[1] for entry in found], ["yes"])

    def test_paths_add_up_until_an_empty_line(self):
        text = "[Service]\nInaccessiblePaths=/a\nInaccessiblePaths=\nInaccessiblePaths=/b\nInaccessiblePaths=-/c\n"
        self.assertEqual([entry[1] for entry in self.read(sandbox.MOUNTS, text)], ["/b", "-/c"])

    def test_only_the_service_section_and_only_what_is_asked_for(self):
        text = "[Unit]\nProtectHome=yes\n[Service]\n;ProtectHome=yes\nNoNewPrivileges=yes\n"
        self.assertEqual(self.read(sandbox.MOUNTS, text), [])
        self.assertEqual(self.read(sandbox.RIGHTS, text), [("NoNewPrivileges", "yes", "0.conf", 5)])

    def test_a_continued_line(self):
        found = self.read(sandbox.RIGHTS, "[Service]\nCapabilityBoundingSet=CAP_KILL \\\n CAP_CHOWN\n")
        self.assertEqual(found[0][1].split(), ["CAP_KILL", "CAP_CHOWN"])

    def test_the_ones_about_a_path(self):
        text = "[Service]\nPrivateTmp=yes\nProtectHome=yes\nBindPaths=/srv/keys:/etc/ssh/keys:rbind\n"
        with folder_with({"a": text}) as root:
            for path, wanted in (
                ("/root/.ssh", ["ProtectHome"]),
                ("/etc/ssh/keys/bob", ["BindPaths"]),
                # None is about it: all are told.
                ("/etc/shadow", ["PrivateTmp", "ProtectHome", "BindPaths"]),
            ):
                found = sandbox.mount_settings([os.path.join(root, "a")], [path])
                self.assertEqual([words.partition("=")[0] for words in found], wanted)
            self.assertIn("line 3)", sandbox.mount_settings([os.path.join(root, "a")], ["/home/bob"])[0])


class Rights(unittest.TestCase):
    def confinement(self, status, calls=None, first=(ALL, 0), users=None):
        known = {7: status, 1: first}
        with replaced(
            sandbox,
            status_of=lambda pid: known.get(pid) and dict(zip(("capabilities", "filters"), known[pid])),
            unmapped=lambda _pid, _name: users,
        ):
            return sandbox.confinement(7, {"unit_files": [], "system_calls": calls})

    def test_all_that_a_login_takes_is_there(self):
        self.assertIsNone(self.confinement((ALL, 0))["problem"])
        found = self.confinement((without("CHOWN", "SYS_MODULE"), 0))
        self.assertEqual((found["problem"], found["lacks"]), (None, ["CAP_CHOWN", "CAP_SYS_MODULE"]))

    def test_what_every_login_takes(self):
        self.assertEqual(self.confinement((without("SETUID"), 0))["problem"], "sshd has not got CAP_SETUID")

    def test_what_the_whole_host_has_not_got_was_not_taken_away(self):
        few = without("SYS_MODULE")
        self.assertEqual(self.confinement((few, 0), first=(few, 0))["lacks"], [])

    def test_a_filter_counts_only_where_it_is_in_force(self):
        self.assertIn("chroot", self.confinement((ALL, 2), "~chroot mount")["problem"])
        self.assertIsNone(self.confinement((ALL, 1), "~chroot mount", first=(ALL, 1))["problem"])

    def test_lists_of_calls(self):
        for text, wanted in (
            ("~", []),
            ("", []),
            ("~chroot:EPERM mount", ["chroot"]),
            ("~mount swapon", []),
            ("chroot setgroups setresgid setresuid read", []),
            ("read setgroups setresgid setresuid", ["chroot"]),
        ):
            self.assertEqual(sandbox.blocked_calls(text), wanted, text)

    def test_users_of_its_own(self):
        self.assertIn("sshd (number 101)", self.confinement((ALL, 0), users="sshd (number 101)")["problem"])

    def test_a_daemon_that_does_not_run(self):
        self.assertEqual(sandbox.confinement(None, {"unit_files": [], "system_calls": None})["lacks"], [])

    def test_the_words_of_the_kernel(self):
        text = "Name:\tsshd\nCapEff:\t000001fffefbff3f\nSeccomp:\t2\nSeccomp_filters:\t3\n"
        with replaced(host, read=lambda _path: host.Text(text, None)):
            self.assertEqual(sandbox.status_of(7), {"capabilities": 0x1FFFEFBFF3F, "filters": 3})
        with replaced(host, read=lambda _path: host.Text("", "gone")):
            self.assertIsNone(sandbox.status_of(7))


class View(unittest.TestCase):
    def test_a_process_with_the_same_mounts(self):
        self.assertIs(view.is_apart(os.getpid()), False)
        self.assertIsNone(view.is_apart(None))

    def test_what_cannot_be_entered_is_a_reason(self):
        with replaced(view, _enter=lambda _pid: os.stat("/nowhere/at/all")):
            answer = view.asked(1, lambda: 1)
        self.assertIsNone(answer["value"])
        self.assertIn("No such file", answer["error"])

    def test_what_differs(self):
        def enter(pid):
            if pid != 1:
                view.host = type("Host", (), {"status_of": staticmethod(lambda path: None)})

        with replaced(view, _enter=enter):
            self.assertEqual(view.differing(7, ["/etc/passwd", "/nowhere/at/all"]), ["/etc/passwd"])
