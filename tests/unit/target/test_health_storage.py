# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import os
import time
import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import children, pam_stack
from ansible_collections.rescue.remote_login.plugins.module_utils.health import mounts, storage, stuck

OPS = {"name": "ops", "uid": 1000, "home": "/home/ops", "groups": ["ops"]}
ROOT = {"name": "root", "uid": 0, "home": "/root", "groups": ["root"]}
DISK = {"mount_point": "/", "fstype": "ext4", "device": "/dev/vda", "options": ["rw"], "super_options": ["rw"]}


def sizes(real, block=4096, blocks=1000000, free=500000, available=450000, inodes=65536, inodes_free=60000):
    known = {"real": real, "exists": True, "changed_at": 0, "block": block, "blocks": blocks, "free": free}
    known.update(available=available, inodes=inodes, inodes_free=inodes_free, inodes_available=inodes_free)
    return {"value": known, "error": None, "stuck_at": None}


def problems(path, answer, purpose="system", user=None, table=(DISK,), wanted=None):
    return storage.entry(path, purpose, answer, table, wanted or {}, user or ROOT)["problems"]


class Room(unittest.TestCase):
    def test_what_is_reserved_for_root_is_full_for_the_user_only(self):
        reserved = sizes("/home/ops", available=0)
        self.assertEqual(problems("/home/ops", reserved, "home", OPS), ["full"])
        self.assertEqual(problems("/root", reserved, "home", ROOT), [])
        self.assertEqual(problems("/var/log", reserved, "system", OPS), [])

    def test_a_small_file_system_with_room_is_not_full(self):
        self.assertEqual(problems("/run", sizes("/run", blocks=100, free=60, available=60)), [])

    def test_a_few_blocks_of_a_large_one_are_full(self):
        self.assertEqual(problems("/var", sizes("/var", free=20, available=0)), ["full"])

    def test_inodes(self):
        self.assertEqual(problems("/home", sizes("/home", inodes=16, inodes_free=0)), ["no inodes"])
        self.assertEqual(problems("/home", sizes("/home", inodes=0, inodes_free=0)), [])

    def test_a_full_file_system_that_makes_inodes_as_it_goes_is_just_full(self):
        self.assertEqual(problems("/var", sizes("/var", free=0, available=0, inodes=64, inodes_free=0)), ["full"])


class ReadOnly(unittest.TestCase):
    def test_after_errors_the_super_block_says_so(self):
        broken = dict(DISK, super_options=["ro", "errors=remount-ro"])
        self.assertEqual(problems("/var", sizes("/var"), table=[broken]), ["read-only"])

    def test_what_is_meant_so_is_no_fault(self):
        meant = dict(DISK, options=["ro"])
        self.assertEqual(problems("/", sizes("/"), table=[meant], wanted={"/": ["ro", "noatime"]}), [])
        self.assertEqual(problems("/", sizes("/"), table=[dict(meant, fstype="squashfs")]), [])

    def test_fstab(self):
        text = "# a remark\nUUID=1 / ext4 errors=remount-ro 0 1\n/dev/b /my\\040data xfs ro,nofail 0 0\nbroken\n"
        self.assertEqual(mounts.wanted_options(text), {"/": ["errors=remount-ro"], "/my data": ["ro", "nofail"]})

    def test_the_kernel_s_reason_names_the_device(self):
        lines = [(1, "EXT4-fs (vdb1): Remounting filesystem read-only"), (2, "EXT4-fs (vda): mounted filesystem")]
        self.assertIn("vdb1", storage.said_by_kernel("/dev/vdb1", lines))
        self.assertIsNone(storage.said_by_kernel("/dev/vdb", lines))


class Mounts(unittest.TestCase):
    def setUp(self):
        self.table = mounts.parse(fixture("health", "mountinfo.container.txt"))

    def test_the_longest_and_newest_mount_holds_a_path(self):
        self.assertEqual(mounts.holding("/home", self.table)["mount_point"], "/")
        self.assertEqual(mounts.holding("/home/ops/.ssh", self.table)["fstype"], "fuse")
        self.assertEqual(mounts.holding("/dev/shm/x", self.table)["mount_point"], "/dev/shm")
        self.assertEqual(mounts.holding("/run", self.table)["fstype"], "tmpfs")
        twice = [DISK, dict(DISK, mount_point="/home", device="old"), dict(DISK, mount_point="/home", device="new")]
        self.assertEqual(mounts.holding("/home/ops", twice)["device"], "new")
        self.assertEqual(mounts.holding("/homeland", twice)["mount_point"], "/")

    def test_hostile_lines_are_passed_over(self):
        self.assertEqual(mounts.parse("x\n - \n1 2 3 4 5 6 -\n\x00\n"), [])


class Refusals(unittest.TestCase):
    STACK = {
        "sshd": "@include common-session\nsession required pam_lastlog.so\n",
        "common-session": "session [default=1] pam_permit.so\nsession optional pam_lastlog.so\n-session\trequired"
        "\tpam_mkhomedir.so umask=0022\n",
    }

    def stack(self):
        with folder_with(self.STACK) as root, replaced(pam_stack, FOLDERS=(root,)):
            return pam_stack.read_stack()[0]["session"]

    def entry(self, path, problem, purpose="system", new=False):
        return {"path": path, "purpose": purpose, "mount_point": path, "problems": [problem], "new": new}

    def test_only_a_module_that_is_required_and_writes_there_ends_the_login(self):
        stack = self.stack()
        self.assertEqual(len([line for line in stack if line["module"] == "pam_lastlog.so"]), 2)
        told = storage.refusals(stack, [self.entry("/var/log", "full"), self.entry("/tmp", "full")], OPS)
        self.assertEqual([(one["module"], one["line"], one["path"]) for one in told], [("pam_lastlog", 2, "/var/log")])

    def test_a_home_is_made_only_where_there_is_none(self):
        stack = self.stack()
        self.assertEqual(storage.refusals(stack, [self.entry("/home/ops", "full", "home")], OPS), [])
        told = storage.refusals(stack, [self.entry("/home/ops", "read-only", "home", new=True)], OPS)
        self.assertEqual([one["problem"] for one in told], ["read-only"])


class Bounded(unittest.TestCase):
    def test_what_hangs_is_given_up_and_the_rest_is_answered(self):
        begun = time.time()
        found = children.ask({"slow": lambda: time.sleep(30), "quick": lambda: {"a": 1}, "wrong": lambda: 1 // 0}, 0.5)
        self.assertLess(time.time() - begun, 3)
        self.assertTrue(found["slow"]["hangs"])
        self.assertEqual(found["quick"]["value"], {"a": 1})
        self.assertIn("division", found["wrong"]["error"])
        self.assertFalse(found["wrong"]["hangs"])

    def test_what_wakes_now_and_then_is_busy_and_does_not_hang(self):
        def busy():
            while True:
                time.sleep(0.05)

        found = children.ask({"busy": busy}, 0.2)["busy"]
        self.assertTrue(found["late"])
        self.assertFalse(found["hangs"])

    def test_a_child_that_dies_is_a_reason(self):
        self.assertIn("without an answer", children.ask({"dead": lambda: os._exit(3)}, 2)["dead"]["error"])

    def test_a_path_is_stuck_where_its_link_leads(self):
        with folder_with({"far/ops/x": "", "near/x": ""}) as root, replaced(stuck, PATIENCE_S=0.3):
            far, link = os.path.join(root, "far"), os.path.join(root, "near", "ops")
            os.symlink("../far/ops", link)
            asked = stuck.look
            with replaced(stuck, look=lambda step: time.sleep(30) if step.startswith(far) else asked(step)):
                found = stuck.places([link, os.path.join(root, "near", "x")])
        self.assertEqual(found, {link: far})

    def test_what_answers_that_it_cannot_is_no_folder_that_is_missing(self):
        def broken(path):
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected", path)

        with replaced(os, stat=broken):
            found = storage.measure("/home/ops")
        self.assertEqual(found, {"real": "/home/ops", "broken": "Transport endpoint is not connected"})
        answer = {"value": found, "error": None, "stuck_at": "/home/ops"}
        table = [DISK, dict(DISK, mount_point="/home/ops", device="server:/home", fstype="fuse.sshfs")]
        told = storage.entry("/home/ops", "home", answer, table, {}, OPS)
        self.assertEqual((told["problems"], told["device"]), (["hangs"], "server:/home"))
        self.assertEqual(told["error"], "Transport endpoint is not connected")

    def test_what_answers_when_it_is_asked_again_was_only_busy(self):
        with folder_with({"home/ops/x": ""}) as root:
            self.assertEqual(stuck.places([os.path.join(root, "home", "ops"), os.path.join(root, "none", "x")]), {})

    def test_a_path_that_is_not_there_is_measured_where_it_would_be(self):
        with folder_with({"a": "x"}) as root:
            found = storage.measure(os.path.join(root, "home", "nobody"))
        self.assertFalse(found["exists"])
        self.assertGreater(found["blocks"], 0)


if __name__ == "__main__":
    unittest.main()
