# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import os
import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import limits_conf
from ansible_collections.rescue.remote_login.plugins.module_utils.health import (
    cgroups,
    gather,
    kernel_log,
    memory,
    mounts,
    names,
    processes,
)

OPS = {"name": "ops", "uid": 1000, "groups": ["ops", "staff"]}
ROOT = {"name": "root", "uid": 0, "groups": ["root"]}
EARLY_CLOSE = "closed_before_banner"


class Limits(unittest.TestCase):
    def value(self, text, user=None):
        user = user or OPS
        with folder_with({"limits.conf": text}) as root:
            found = limits_conf.effective("nproc", user, [os.path.join(root, "limits.conf")])
        return found and (found["value"], found["line"])

    def test_the_closest_line_counts_whatever_its_place(self):
        self.assertEqual(self.value("ops hard nproc 7\n@staff hard nproc 5\n* hard nproc 1\n"), (7, 1))
        self.assertEqual(self.value("* - nproc 3\n@staff - nproc 9\n"), (9, 2))

    def test_the_last_of_equals_counts_and_the_soft_one_binds(self):
        self.assertEqual(self.value("ops - nproc 7\nops - nproc 8\n"), (8, 2))
        self.assertEqual(self.value("ops soft nproc 2\nops hard nproc 8\n"), (2, 1))

    def test_others_root_and_no_limit(self):
        self.assertIsNone(self.value("nobody hard nproc 0\n@wheel hard nproc 0\nops hard nofile 0\n#ops - nproc 0\n"))
        self.assertIsNone(self.value("* hard nproc 0\n", ROOT))
        self.assertEqual(self.value("ops hard nproc unlimited\n"), (None, 1))

    def test_ranges_of_users(self):
        self.assertEqual(self.value("1000: hard nproc 4\n"), (4, 1))
        self.assertEqual(self.value(":999 hard nproc 4\n500:2000 hard nproc 6\n"), (6, 2))

    def test_who_is_bound_by_nothing(self):
        self.assertIsNone(self.value("* hard nproc 0\nops -\n"))
        self.assertIsNone(self.value("@staff -\nops hard nproc 0\n"))
        self.assertEqual(self.value("bob -\nops hard nproc 0\n"), (0, 2))

    def session(self, text, user=None, split=False, size=0):
        with folder_with({"own.conf": text}) as root:
            stack = [{"module": "pam_limits.so", "arguments": ["conf=%s/own.conf" % root]}]
            with replaced(processes, is_split=lambda: split, size_of=lambda pid: size):
                found = processes.session_limits(1, user or OPS, stack)
        return [(limit["item"], limit["value"], limit["line"]) for limit in found]

    def test_what_leaves_no_session_room(self):
        self.assertEqual(self.session("* hard as 4000\nops - nofile 3\n"), [("as", 4000, 1), ("nofile", 3, 2)])
        self.assertEqual(self.session("* hard data 0\n* hard stack 8\n* soft cpu 0\n"),
                         [("cpu", 0, 3), ("data", 0, 1), ("stack", 8, 2)])  # fmt: skip
        self.assertEqual(self.session("root hard as 8000\n", ROOT), [("as", 8000, 1)])
        self.assertEqual(self.session("* hard as 30000\n", size=70000), [("as", 30000, 1)])
        self.assertEqual(self.session("ops - nofile 16\n", split=True), [("nofile", 16, 1)])

    def test_limits_that_let_a_session_live(self):
        harmless = ["fsize", "core", "rss", "memlock", "locks", "sigpending", "msgqueue", "nproc"]
        self.assertEqual(self.session("".join("* hard %s 0\n" % item for item in harmless)), [])
        self.assertEqual(self.session("* hard as 20000\n* - nofile 16\n* - stack 128\n* - cpu 1\n"), [])
        self.assertEqual(self.session("* hard as 0\n", ROOT), [])
        self.assertEqual(self.session("* hard as unlimited\n* hard data -1\n"), [])


class Randomness(unittest.TestCase):
    def system(self, getrandom):
        """A Python that can ask the kernel for random numbers, and what it is answered."""
        return type("system", (), {"getrandom": staticmethod(getrandom), "GRND_NONBLOCK": 1})

    def failing(self, number):
        def getrandom(_size, _flags):
            raise OSError(number, os.strerror(number))

        return getrandom

    def test_the_kernel_s_numbers(self):
        with folder_with({"entropy_avail": "256\n", "poolsize": "256\n"}) as root:
            numbers = {"RANDOM": root, "random_ready": lambda: True}
            with replaced(gather, **numbers):
                self.assertEqual(gather.randomness(), {"entropy_bits": 256, "pool_bits": 256, "ready": True})
        with replaced(gather, RANDOM="/nonexistent", random_ready=lambda: None):
            self.assertEqual(gather.randomness(), {"entropy_bits": None, "pool_bits": None, "ready": None})

    def test_it_is_asked_without_waiting(self):
        asked = []
        with replaced(gather, os=self.system(lambda size, flags: asked.append((size, flags)) or b"x")):
            self.assertIs(gather.random_ready(), True)
        self.assertEqual(asked, [(1, 1)])

    def test_a_generator_without_seed_and_a_kernel_without_the_call(self):
        for number, ready in ((errno.EAGAIN, False), (errno.ENOSYS, None), (errno.EPERM, None)):
            with replaced(gather, os=self.system(self.failing(number))):
                self.assertIs(gather.random_ready(), ready)

    def test_a_python_that_cannot_ask(self):
        with replaced(gather, os=type("system", (), {})):
            self.assertIsNone(gather.random_ready())


class ControlGroups(unittest.TestCase):
    def mounted(self, root, fstype, options=("rw",), inner="/"):
        return [{"mount_point": root, "root": inner, "fstype": fstype, "super_options": list(options)}]

    def slice_of(self, uid, root, group, *mount, **more):
        with replaced(cgroups, membership=lambda pid: group):
            found = processes.slice_of(uid, self.mounted(root, *mount, **more))
        return found and (os.path.relpath(found["group"], root), found["limit"], found["room"], found["refused"])

    def test_the_slice_of_a_user_s_sessions(self):
        users = "user.slice/user-%d.slice/pids.%s"
        files = {users % (1000, "max"): "5\n", users % (1000, "current"): "4\n", users % (1000, "events"): "max 3\n",
                 users % (1001, "max"): "max\n", users % (1001, "current"): "4\n", "user.slice/pids.max": "90\n",
                 "user.slice/pids.current": "8\n", "user.slice/user-1000.slice/session-2.scope/pids.max": "1\n",
                 "init.scope/pids.max": "max\n", "init.scope/pids.current": "1\n"}  # fmt: skip
        for group, mount, more in (
            ({"": "/init.scope"}, ("cgroup2",), {}),
            ({"pids": "/init.scope"}, ("cgroup", ["rw", "pids"]), {}),
            ({"": "/machine.slice/box/init.scope"}, ("cgroup2",), {"inner": "/machine.slice/box"}),
        ):
            with folder_with(files) as root:
                self.assertEqual(self.slice_of(1000, root, group, *mount, **more),
                                 ("user.slice/user-1000.slice", 5, 1, 3))  # fmt: skip
                self.assertEqual(self.slice_of(1001, root, group, *mount, **more), ("user.slice", 90, 82, None))

    def test_no_slice_no_limit(self):
        for files in ({"init.scope/pids.max": "1"}, {"user.slice/pids.max": "max\n", "user.slice/pids.current": "1\n"}):
            with folder_with(files) as root:
                self.assertIsNone(self.slice_of(1000, root, {"": "/init.scope"}, "cgroup2"))

    def test_version_2_and_the_groups_above(self):
        files = {
            "system.slice/ssh.service/pids.max": "5\n",
            "system.slice/ssh.service/pids.current": "5\n",
            "system.slice/ssh.service/pids.events": "max 12\n",
            "system.slice/pids.max": "max\n",
            "system.slice/pids.current": "40\n",
        }
        with folder_with(files) as root, replaced(cgroups, membership=lambda pid: {"": "/system.slice/ssh.service"}):
            (found,) = cgroups.tasks(1, self.mounted(root, "cgroup2"))
        self.assertEqual((found["limit"], found["room"], found["refused"]), (5, 0, 12))

    def test_version_1_in_a_container_shows_a_part_of_the_tree(self):
        files = {"ssh/memory.limit_in_bytes": "1048576", "ssh/memory.usage_in_bytes": "1048000",
                 "ssh/memory.stat": "total_inactive_file 500000\n", "ssh/memory.oom_control": "oom_kill 2\n",
                 "memory.limit_in_bytes": "9223372036854771712", "memory.usage_in_bytes": "7"}  # fmt: skip
        group = {"memory": "/outer/box/ssh"}
        with folder_with(files) as root, replaced(cgroups, membership=lambda pid: group):
            (found,) = cgroups.memory(1, self.mounted(root, "cgroup", ("rw", "memory"), "/outer/box"))
        self.assertEqual((found["oom_kills"], found["room_bytes"]), (2, 500576))

    def test_a_group_outside_of_what_is_mounted_is_not_guessed(self):
        with folder_with({"pids.max": "1"}) as root, replaced(cgroups, membership=lambda pid: {"": "/../other"}):
            self.assertEqual(cgroups.tasks(1, self.mounted(root, "cgroup2")), [])

    def test_a_quota_of_the_processor(self):
        group = {"": "/a"}
        files = {"a/cpu.max": "1000 1000000\n", "a/cpu.stat": "nr_throttled 9\n"}
        with folder_with(files) as root, replaced(cgroups, membership=lambda pid: group):
            found = cgroups.cpu(1, self.mounted(root, "cgroup2"))
        self.assertEqual((found["cpus"], found["throttled"]), (0.001, 9))

    def test_the_mounts_of_a_real_container(self):
        table = mounts.parse(fixture("health", "mountinfo.container.txt"))
        pids = [mount for mount in table if mount["fstype"] == "cgroup" and "pids" in mount["super_options"]]
        with replaced(cgroups, membership=lambda pid: {"pids": pids[0]["root"] + "/sshx"}):
            self.assertEqual(
                cgroups.folders(1, "pids", table), (["/sys/fs/cgroup/pids/sshx", "/sys/fs/cgroup/pids"], 1)
            )


class Obstacles(unittest.TestCase):
    def found(self, user=None, room=None, split=False, **more):
        user = user or OPS
        group = {"group": "/g", "limit": 9, "current": 9 - (room or 0), "room": room}
        known = {"groups": [] if room is None else [group], "count": 400, "pid_max": 4194304, "threads_max": 190000}
        known.update(daemon_files={"limit": 1024, "used": 5, "room": 1019}, user=None, session_limits=[])
        known.update(more)
        with replaced(processes, is_split=lambda: split):
            return [obstacle["explains"] for obstacle in processes.obstacles(known, user)]

    def test_each_count_of_free_tasks_ends_the_login_where_it_does(self):
        self.assertIn(EARLY_CLOSE, self.found(room=0)[0])
        self.assertIn("key_exchange_failed", self.found(room=1)[0])
        self.assertEqual(self.found(room=2), [["session_failed"]])
        self.assertEqual(self.found(room=2, user=ROOT), [[]])
        self.assertEqual(self.found(room=3), [])

    def test_since_9_8_a_login_takes_a_process_more(self):
        self.assertIn("auth_denied", self.found(room=2, user=ROOT, split=True)[0])
        self.assertEqual(self.found(room=3, split=True), [])

    def test_the_limits_of_the_whole_host(self):
        self.assertEqual(len(self.found(pid_max=401)), 1)
        self.assertEqual(self.found(threads_max=500), [])

    def test_descriptors(self):
        self.assertIn(EARLY_CLOSE, self.found(daemon_files={"limit": 8, "used": 5, "room": 3})[0])

    def test_a_limit_of_the_user_binds_the_user(self):
        limit = {"value": 3, "file": "/etc/security/limits.conf", "line": 4}
        tasks = {"uid": 1000, "count": 2, "limit": limit, "group": None}
        self.assertIn("line 4", processes._of_user(tasks)[0]["detail"])
        self.assertEqual(processes._of_user(dict(tasks, count=1)), [])
        self.assertEqual(processes._of_user(dict(tasks, uid=0)), [])

    def test_complaints_are_sshd_s_own(self):
        for text in ("error: fork: Resource temporarily unavailable", "fatal: fork of unprivileged child failed",
                     "error: reexec socketpair: Too many open files", "fork: Cannot allocate memory"):  # fmt: skip
            self.assertTrue(processes.COMPLAINT.match(text), text)
        for text in ("Invalid user fork: Resource temporarily unavailable from 192.0.2.1 port 5",
                     "Invalid user pipe: Too many open files", "Invalid user a: fork: Cannot allocate memory",
                     "Accepted publickey for root from 192.0.2.1", "Failed password for fork"):  # fmt: skip
            self.assertFalse(processes.COMPLAINT.match(text), text)


class Memory(unittest.TestCase):
    def test_kills_with_the_group_of_the_victim(self):
        kills = memory.parse_kills(kernel_log.parse(fixture("health", "dmesg.oom.txt"), 1000.0))
        self.assertEqual([kill["program"] for kill in kills], ["sshd", "sshd-session"])
        self.assertTrue(all(kill["limit"] and kill["group"].endswith("/sshx") for kill in kills))
        self.assertTrue(memory.is_here(kills[0]["group"], kills[0]["group"].rpartition("/")[0]))

    def test_a_kill_in_another_container_is_not_ours(self):
        self.assertFalse(memory.is_here("/libpod/other/x", "/libpod/own"))
        self.assertFalse(memory.is_here("/libpod/own2", "/libpod/own"))
        self.assertFalse(memory.is_here(None, "/libpod/own"))
        self.assertFalse(memory.is_here("/system.slice/ssh.service", None))
        self.assertTrue(memory.is_here("/system.slice/ssh.service", ""))

    def test_the_words_of_older_kernels(self):
        lines = ["Task in /box/ssh killed as a result of limit of /box/ssh",
                 "Memory cgroup out of memory: Kill process 77 (sshd) score 5 or sacrifice child",
                 "Killed process 77 (sshd) total-vm:1kB, anon-rss:1kB",
                 "Out of memory: Killed process 88 (java) total-vm:1kB"]  # fmt: skip
        kills = memory.parse_kills([(1.0, line) for line in lines])
        self.assertEqual([(kill["pid"], kill["limit"]) for kill in kills], [(77, True), (88, False)])

    def test_a_large_page_cache_and_swap_in_use_are_no_want_of_memory(self):
        numbers = memory.parse_meminfo("MemTotal: 8000000 kB\nMemFree: 9000 kB\nMemAvailable: 6000000 kB\n")
        self.assertEqual(memory.available(numbers), 6000000 * 1024)
        base = {"total_bytes": 8 << 30, "available_bytes": 6 << 30, "swap_total_bytes": 1 << 30, "swap_free_bytes": 0}
        self.assertFalse(memory.is_scarce(base))
        self.assertTrue(memory.is_scarce(dict(base, available_bytes=20 << 20)))
        self.assertFalse(memory.is_scarce(dict(base, available_bytes=20 << 20, swap_free_bytes=1 << 30)))
        self.assertIsNone(memory.is_scarce(dict(base, available_bytes=None)))


class Load(unittest.TestCase):
    def high(self, one, cpus, cpu=None, quota=None, io=None):
        pressure = {"cpu": cpu and {"some": cpu}, "io": io and {"full": io}, "memory": None}
        return gather.is_high({"pressure": pressure, "per_cpu": one / cpus, "quota": quota})

    def test_load_counts_for_each_processor_and_by_what_really_waits(self):
        self.assertTrue(self.high(80.0, 2))
        self.assertFalse(self.high(80.0, 64))
        self.assertFalse(self.high(80.0, 2, cpu=3.0))
        self.assertTrue(self.high(80.0, 2, cpu=95.0))
        self.assertFalse(self.high(50.0, 2, cpu=97.0))

    def test_disks_that_everything_waits_for(self):
        self.assertTrue(self.high(3.0, 2, cpu=1.0, io=80.0))
        self.assertFalse(self.high(3.0, 2, cpu=1.0, io=20.0))

    def test_a_quota_that_starves_the_daemon(self):
        self.assertTrue(self.high(0.1, 2, quota={"cpus": 0.001, "throttled": 4}))
        self.assertFalse(self.high(0.1, 2, quota={"cpus": 0.5, "throttled": 4}))
        self.assertFalse(self.high(0.1, 2, quota={"cpus": 0.001, "throttled": 0}))

    def test_pressure(self):
        text = "some avg10=40.51 avg60=1.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
        self.assertEqual(gather.parse_pressure(text), {"some": 40.51, "full": 0.0})
        self.assertIsNone(gather.parse_pressure(""))


class Names(unittest.TestCase):
    def test_which_patterns_need_the_client_s_name(self):
        for pattern in (
            ".example.org",
            "host.example.org",
            "KNOWN",
            "PARANOID",
            "LOCAL",
            "@trusted",
            "ops@.example.org",
        ):
            self.assertTrue(names.takes_lookup(pattern), pattern)
        for pattern in ("ALL", "EXCEPT", "192.0.2.", "192.0.2.0/255.255.255.0", "[2001:db8::]/64", "10.77.1.1",
                        "/etc/bad", ""):  # fmt: skip
            self.assertFalse(names.takes_lookup(pattern), pattern)

    def asking(self, text):
        with folder_with({"hosts.deny": text}) as root:
            line = names.asking_line([os.path.join(root, "hosts.deny")])
        return line and line.rpartition(" ")[2]

    def test_the_line_that_asks(self):
        self.assertEqual(self.asking("# .x\nin.tftpd: .example.org\nALL: 192.0.2.\nsshd: .example.org\n"), "4")
        self.assertEqual(self.asking("ALL: 192.0.2., \\\n 10.\nsshd: .example.org\n"), "3")
        self.assertEqual(self.asking("ALL: 192.0.2., \\\n .example.org\n"), "1")
        self.assertIsNone(self.asking("sshd: [2001:db8::1]\nALL: ALL\n"))
        self.assertEqual(self.asking("sshd: ALL: spawn (echo %h)\n"), "1")

    def test_sources(self):
        text = "passwd: files [NOTFOUND=return] sss # x\ngroup:files\nshadow: files\n"
        self.assertEqual(names.sources(text), {"passwd": ["files", "sss"], "group": ["files"]})


if __name__ == "__main__":
    unittest.main()


class Clock(unittest.TestCase):
    def test_how_far_it_is_from_the_controller_s(self):
        self.assertEqual(gather.clock(5000.4, 4998.1)["offset_s"], 2)
        self.assertEqual(gather.clock(5000, 12200)["offset_s"], -7200)
        self.assertIsNone(gather.clock(5000)["offset_s"])
