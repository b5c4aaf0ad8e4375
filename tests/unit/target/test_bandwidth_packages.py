# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which package a file belongs to, and where it is as its process sees it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import unittest

from target_helpers import folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import clock, packages, places

ME = os.getpid()
DIGEST_OF_TEXT = "1cb251ec0d568de6a929b520c4aed8d1"


def answer(out, rc=0):
    return lambda argv, **options: host.Result(rc, out, "", None)


class Dpkg(unittest.TestCase):
    def setUp(self):
        packages.READ.clear()

    def owner(self, path, **more):
        lists = {
            "info/openssh-server.list": "/.\n/usr\n/usr/sbin/sshd\n",
            "info/dash.list": "/.\n/bin/sh\n",
            "info/libc6:amd64.list": "/.\n/usr/share/x\n",
            "info/mandb.list": "/.\n/usr/bin/man",
            "info/bash.md5sums": "/usr/bin/none\n",
        }
        lists.update(more)
        with folder_with(lists) as folder:
            found = packages._Lists(folder, clock.now() + 5)
            self.assertIsNone(found.problem)
            return found.owner(path)

    def test_the_owner_of_just_this_file_counts(self):
        self.assertEqual(self.owner("/usr/sbin/sshd"), ("openssh-server", "/usr/sbin/sshd"))
        self.assertEqual(self.owner("/usr/bin/sh"), ("dash", "/bin/sh"))
        self.assertEqual(self.owner("/usr/share/x"), ("libc6:amd64", "/usr/share/x"))
        self.assertEqual(self.owner("/usr/bin/man"), ("mandb", "/usr/bin/man"))
        for path in ("/usr/sbin/ss?d", "/usr/sbin/ss*", "/usr/sbin/[s]shd", "/sbin", "/usr/local/x", "/usr/bin/none"):
            self.assertIsNone(self.owner(path), path)

    def test_what_was_put_elsewhere_for_another_package(self):
        more = {"diversions": "/usr/bin/man\n/usr/bin/man.REAL\nsmall\n", "info/small.list": "/usr/bin/man\n"}
        self.assertEqual(self.owner("/usr/bin/man.REAL", **more), ("mandb", "/usr/bin/man"))
        self.assertEqual(self.owner("/usr/bin/man", **more), ("small", "/usr/bin/man"))

    def test_what_the_administrator_has_put_in_its_place_is_nobody_s(self):
        more = {"diversions": "/usr/bin/man\n/usr/bin/man.distrib\n:\n"}
        self.assertIsNone(self.owner("/usr/bin/man", **more))
        self.assertEqual(self.owner("/usr/bin/man.distrib", **more), ("mandb", "/usr/bin/man"))

    def test_a_list_that_cannot_be_read_is_not_no_package(self):
        with folder_with({"info/a.list": "/x\n"}) as folder:
            os.symlink("/etc/passwd", os.path.join(folder, "info", "b.list"))
            found = packages._of_dpkg(ME, folder, "/usr/bin/x", clock.now() + 5)
        self.assertEqual(list(found), ["why_unknown"])

    def test_a_file_that_differs_is_told(self):
        with folder_with({"x": "text", "info/p.md5sums": ""}) as root:
            path = os.path.realpath(os.path.join(root, "x"))
            with open(os.path.join(root, "info", "p.list"), "w") as handle:
                handle.write(path + "\n")
            for digest, modified in ((DIGEST_OF_TEXT, False), ("0" * 32, True)):
                with open(os.path.join(root, "info", "p.md5sums"), "w") as handle:
                    handle.write("%s  %s\n" % (digest, path[1:]))
                found = packages._of_dpkg(ME, root, path, clock.now() + 5)
                self.assertIs(found["modified"], modified)
                self.assertIsInstance(found["updated_at"], int)


class Rpm(unittest.TestCase):
    def test_it_answers_with_name_time_and_digests(self):
        with folder_with({"x": "text"}) as root:
            path = os.path.realpath(os.path.join(root, "x"))
            out = "pkg 1700000000\n/other 00\n%s %s\n" % (path, DIGEST_OF_TEXT)
            with replaced(host, run=answer(out)):
                found = packages._of_rpm(ME, path, 5)
        self.assertEqual((found["package"], found["modified"], found["updated_at"]), ("pkg", False, 1700000000))

    def test_a_command_that_fails_is_not_no_package(self):
        failed = host.Result(None, "", "", "rpm did not answer within 5 s")
        with replaced(packages, DPKG="/no/such"), replaced(host, run=lambda argv, **options: failed, which=str):
            self.assertEqual(packages.package_of(ME, "/x"), {"why_unknown": failed.error})

    def test_it_does_not_work_on_the_files_of_a_container(self):
        asked = []
        container = replaced(places, has_own_root=lambda pid: True)
        with container, replaced(packages, DPKG="/no/such"), replaced(host, run=asked.append, which=str):
            self.assertEqual(list(packages.package_of(ME, "/x")), ["why_unknown"])
            with replaced(places, has_own_root=lambda pid: None):
                self.assertIn("may not be looked at", packages.package_of(ME, "/x")["why_unknown"])
        self.assertEqual(asked, [])


class Time(unittest.TestCase):
    def test_no_time_left_is_not_no_package(self):
        with replaced(packages, USED=[packages.PATIENCE_S]):
            found = packages.package_of(ME, "/usr/bin/x")
        self.assertNotIn("package", found)
        self.assertIn("no time", found["why_unknown"])

    def test_lists_that_are_read_too_slowly_are_not_no_package(self):
        with folder_with({"info/a.list": "/x\n"}) as folder:
            self.assertRaises(packages.Unknown, packages._Lists, folder, clock.now() - 1)

    def test_a_program_that_is_read_too_slowly_is_not_modified(self):
        with folder_with({"x": "text"}) as root:
            self.assertIsNone(packages.digest_of(os.path.join(root, "x"), "md5", clock.now() - 1))


class Places(unittest.TestCase):
    def test_a_file_is_reached_through_links(self):
        with folder_with({"a/x": "text"}) as root:
            os.symlink(os.path.join(root, "a"), os.path.join(root, "link"))
            self.assertEqual(places.read(ME, os.path.join(root, "link/../link/x"), 9).text, "text")
            self.assertIsNone(places.status_of(ME, os.path.join(root, "link/none")))
            self.assertNotEqual(places.read(ME, os.path.join(root, "link/none"), 9).error, None)

    def test_a_link_that_comes_in_its_place_meanwhile_is_not_followed(self):
        with folder_with({"a/x": "text"}) as root:
            root = os.path.realpath(root)
            os.symlink("a", os.path.join(root, "link"))
            with replaced(places, resolved=lambda pid, path: path):
                self.assertIsNone(places.status_of(ME, os.path.join(root, "link/x")))
            self.assertIsNotNone(places.status_of(ME, os.path.join(root, "link/x")))

    def test_what_is_held_stays_the_same_file(self):
        with folder_with({"x": "text", "y": "other"}) as root:
            path = os.path.join(root, "x")
            with places.held(ME, path) as name:
                os.rename(os.path.join(root, "y"), path)
                self.assertEqual(host.read(name).text, "text")

    def test_a_name_that_is_not_ascii(self):
        with folder_with({}) as root:
            name = b"\xc3\xa9".decode("utf-8")
            with open(places.native(os.path.join(root, name)), "w") as handle:
                handle.write("text")
            self.assertEqual(places.read(ME, os.path.join(root, name), 9).text, "text")
