# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import stat
import time
import unittest

from target_helpers import folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import packages, places, processes, programs

ME = os.getpid()
PYTHON = "/usr/bin/python3.11"


class Scripts(unittest.TestCase):
    def script(self, executable, *words):
        return programs.script_of(ME, executable, list(words))

    def test_a_script_is_found_behind_options(self):
        with folder_with({"x.py": "", "lib/y.jar": "", "z": ""}) as root:
            text, jar = os.path.realpath(os.path.join(root, "x.py")), os.path.realpath(os.path.join(root, "lib/y.jar"))
            for words in (
                ("python3", text, "-c", "x"),
                ("python3", "-u", "-W", "ignore", "-X", "dev", text),
                ("python3", "-Es", text),
            ):
                self.assertEqual(self.script(PYTHON, *words)[0], text, words)
            self.assertEqual(self.script("/usr/bin/bash", "bash", "-o", "pipefail", text)[0], text)
            self.assertEqual(self.script("/usr/bin/node", "node", "--require", "dotenv", text)[0], text)
            self.assertEqual(self.script("/usr/bin/busybox", "sh", text)[0], text)
            self.assertEqual(self.script("/usr/lib/jvm/bin/java", "java", "-Xmx1g", "-jar", jar, "x")[0], jar)
            self.assertEqual(self.script("/usr/lib/jvm/bin/java", "java", "-cp", "/none:%s:/x" % jar, "a.B")[0], jar)
            self.assertEqual(self.script("/usr/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux.so.2", text)[0], text)
            self.assertEqual(self.script("/usr/bin/php8.2", "php", "-f", text)[0], text)

    def test_code_that_no_file_holds_is_told(self):
        for words in (
            ("python3", "-c", "import x"),
            ("python3", "-uc", "import x"),
            ("perl", "-e", "x"),
            ("perl", "-ne", "x"),
            ("bash", "-lc", "x"),
            ("python3", "-"),
            ("node", "--eval", "x"),
            ("-bash",),
            ("bash", "/dev/fd/63"),
            ("python3", "/proc/self/fd/3"),
        ):
            executable = "/usr/bin/" + words[0].lstrip("-")
            self.assertEqual(self.script(executable, *words), (None, True), words)

    def test_each_interpreter_reads_options_in_its_own_way(self):
        with folder_with({"x": ""}) as root:
            text = os.path.realpath(os.path.join(root, "x"))
            for words in (
                ("bash", "-e", text),
                ("bash", "-euo", "pipefail", text),
                ("sh", "-xe", text),
                ("bash", "--rcfile", "/none", text, "-c"),
                ("bash", "-", text),
                ("python3", "-I", text),
                ("python3", "-O", text),
                ("python3", "-d", text),
                ("python3", "-Wdefault", text),
                ("python3", "-Xfrozen_modules=off", text),
                ("python3", "--check-hash-based-pycs", "never", text),
                ("perl", "-Mstrict", text),
                ("perl", "-I", "/lib", "-Tw", text),
                ("perl", "-c", text),
                ("ruby", "-I", "/lib", "-rsocket", text),
                ("node", "-r", "dotenv/config", text),
                ("deno", "run", "-A", text),
                ("php", "-d", "x=1", text),
                ("php", "-c", "/etc/php", text),
                ("awk", "-v", "a=1", "-f", text),
                ("ld-linux-x86-64.so.2", "--argv0", "nginx", "--library-path", "/lib", text),
            ):
                self.assertEqual(self.script("/usr/bin/" + words[0], *words)[0], text, words)

    def test_options_that_hold_the_program_itself(self):
        for words in (
            ("perl", "-MIO::Socket", "-e", "x"),
            ("perl", "-lne", "x"),
            ("ruby", "-rsocket", "-e", "x"),
            ("php", "-r", "x"),
            ("node", "-pe", "x"),
            ("node", "--eval=x"),
            ("bash", "-s", "x"),
            ("bash", "-i"),
            ("python3", "-", "x"),
            ("awk", "BEGIN {}", "/etc/passwd"),
        ):
            self.assertEqual(self.script("/usr/bin/" + words[0], *words), (None, True), words)

    def test_a_text_that_was_deleted_is_named_where_it_was_named_in_full(self):
        self.assertEqual(self.script(PYTHON, "python3", "/none/x.py"), ("/none/x.py", None))
        self.assertEqual(self.script(PYTHON, "python3", "none-x.py"), (None, None))
        found = programs.look(ME, PYTHON, ["python3", "/none/x.py"])
        self.assertIs(found["script_exists"], False)

    def test_what_cannot_be_told_is_not_taken_for_code(self):
        self.assertEqual(self.script(PYTHON, "python3", "-m", "http.server"), (None, None))
        self.assertEqual(self.script(PYTHON, "gunicorn: worker [app]"), (None, None))
        self.assertEqual(self.script("/usr/lib/jvm/bin/java", "java", "a.B"), (None, None))

    def test_a_program_is_no_interpreter(self):
        for executable, words in (
            ("/usr/sbin/nginx", ["nginx: worker process"]),
            ("/usr/bin/busybox", ["wget", "http://192.0.2.1/x"]),
            ("/usr/sbin/php-fpm8.2", ["php-fpm: pool www"]),
            ("/usr/bin/perldoc", ["perldoc"]),
            (None, []),
        ):
            self.assertEqual(programs.script_of(ME, executable, words), (None, False))


class Input(unittest.TestCase):
    def told(self, target, tcp6=""):
        texts = {"/proc/%d/net/tcp6" % ME: tcp6}
        reads = {
            "read": lambda path, **options: host.Text(texts.get(path, ""), None),
            "link_target": lambda path: target,
        }
        with replaced(host, **reads):
            return programs.input_from_network(ME)

    def test_a_socket_of_the_network_is_told_from_others(self):
        line = "   0: %s:1F3E %s:BB9A 01 00000000:00000000 00:00000000 00000000     0        0 %d 1 0 20 4 30 10 -1\n"
        table = "  sl  local_address ...\n" + line % ("0" * 32, "0" * 32, 48213)
        self.assertIs(self.told("socket:[48213]", table), True)
        self.assertIs(self.told("socket:[4821]", table), False)
        for target in ("/dev/pts/0", "pipe:[48213]", None):
            self.assertIs(self.told(target, table), False)

    def test_a_table_that_was_cut_off_does_not_tell(self):
        self.assertIsNone(self.told("socket:[1]", "x" * programs.SOCKETS_LIMIT_BYTES))


class Claims(unittest.TestCase):
    def test_a_name_of_the_system_on_another_program_is_told(self):
        for words in (["/usr/sbin/no-such-daemon"], ["/usr/sbin/no-such-daemon -D"], ["/bin/ls"]):
            self.assertEqual(programs.claimed(ME, "/tmp/x", words), words[0].partition(" ")[0])

    def test_a_link_a_title_and_another_version_are_no_claim(self):
        shell = os.path.realpath("/bin/sh")
        for executable, words in (
            (shell, ["/bin/sh", "x"]),
            ("/usr/sbin/nginx", ["nginx: master"]),
            ("/usr/sbin/nginx", ["/usr/sbin/nginx"]),
            ("/usr/bin/python3.9", ["/usr/bin/python3"]),
            ("/usr/bin/ssh", ["ssh", "x"]),
            (None, ["/usr/bin/x"]),
            ("/usr/bin/x", []),
        ):
            self.assertIsNone(programs.claimed(ME, executable, words), (executable, words))

    def test_a_text_that_its_interpreter_names_itself_after_is_no_claim(self):
        with replaced(host, read=lambda path, **options: host.Text("#!", None)):
            self.assertIsNone(programs.claimed(ME, "/usr/bin/perl", ["/usr/sbin/munin-node"]))


class Places(unittest.TestCase):
    def test_a_folder_that_everybody_may_write_to_is_found(self):
        with folder_with({"a/b/x": ""}) as root:
            root = os.path.realpath(root)
            path = os.path.join(root, "a/b/x")
            os.chmod(os.path.join(root, "a"), 0o1777)
            self.assertEqual(places.writable_place(ME, path, "/"), os.path.join(root, "a"))
            self.assertIsNone(places.writable_place(ME, path, os.path.join(root, "a/b")))
            os.chmod(path, 0o666)
            self.assertEqual(places.writable_place(ME, path, "/"), path)
            self.assertFalse(places.only_root_writes(ME, path))
            self.assertIsNone(places.only_root_writes(ME, path + "none"))

    def test_a_group_without_members_can_write_nothing(self):
        root_s = type("Status", (), {"st_uid": 0, "st_gid": 50, "st_mode": 0o40775})()
        with replaced(places, status_of=lambda pid, path: root_s):
            for members in (True, False):
                with replaced(places, has_members=lambda pid, gid, some=members: some):
                    self.assertEqual(places.only_root_writes(ME, "/usr/local/bin/x"), not members)

    def test_the_members_of_groups(self):
        self.assertTrue(places.has_members(ME, 4294967))
        self.assertTrue(places.has_members(ME, os.getgid()))

    def test_links_are_followed(self):
        with folder_with({"a/x": ""}) as root:
            root = os.path.realpath(root)
            os.symlink("../a", os.path.join(root, "a/self"))
            os.symlink(os.path.join(root, "a/x"), os.path.join(root, "link"))
            os.symlink("loop", os.path.join(root, "loop"))
            self.assertEqual(places.resolved(ME, os.path.join(root, "a/self/../link")), os.path.join(root, "a/x"))
            self.assertTrue(places.resolved(ME, os.path.join(root, "loop")))

    def test_the_innermost_mount_counts(self):
        lines = [
            "1 0 0:1 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w",
            "2 1 0:2 / /mnt rw shared:1 - nfs4 server:/x rw",
            "3 1 0:3 / /mnt/a\\040b rw - ext4 /dev/x rw",
            "garbage",
            "",
        ]
        with replaced(host, read=lambda path, **options: host.Text("\n".join(lines), None)):
            self.assertEqual(places.mount_of(ME, "/mnt/x")["kind"], "nfs4")
            self.assertEqual(places.mount_of(ME, "/mnt/a b/x"), {"kind": "ext4", "place": "/mnt/a b", "options": "rw"})
            self.assertEqual(places.mount_of(ME, "/mntx")["kind"], "overlay")
            self.assertIsNone(places.mount_of(ME, None)["kind"])

    def test_what_a_container_s_image_has_is_told_from_what_was_put_there(self):
        with folder_with({"u/root/x": ""}) as root:
            mount = {"kind": "overlay", "place": "/", "options": "rw,upperdir=%s/u,workdir=/w" % root}
            self.assertIs(places.in_image("/root/x", mount), False)
            self.assertIs(places.in_image("/usr/bin/y", mount), True)
            self.assertIsNone(places.in_image("/x", dict(mount, kind="ext4")))
            self.assertIsNone(places.in_image("/x", dict(mount, options="rw,upperdir=/no/such")))


class Services(unittest.TestCase):
    def starts(self, command, path, words=(), script=None, is_interpreter=False, executable=None):
        program = {"path": path, "script": script, "is_interpreter": is_interpreter, "only_root_writes": True}
        return processes.starts(ME, command.split(), program, executable or path, list(words))

    def test_the_program_that_a_service_names_is_its(self):
        self.assertTrue(self.starts("/opt/v/bin/d --x", "/opt/v/bin/d"))
        self.assertTrue(self.starts("/bin/sh -c 'exec /opt/v/d'", "/opt/v/d"))
        self.assertTrue(self.starts("/usr/bin/python3 /srv/a/main.py", "/srv/a/main.py", script="/srv/a/main.py"))

    def test_what_is_installed_with_it_is_its_too(self):
        for command, path in (("/opt/v/bin/start.sh", "/opt/v/lib/x.jar"), ("/opt/v/start", "/opt/v/jre/bin/d")):
            program = {"path": path, "script": None, "is_interpreter": False}
            self.assertTrue(processes.is_beside(ME, [command], program))
        self.assertTrue(self.starts("/usr/local/bin/k3s server", "/var/lib/rancher/k3s/data/0123/bin/k3s"))

    def test_what_else_runs_in_its_unit_is_not(self):
        for command in (
            "/usr/sbin/cron -f",
            "/usr/local/bin/x",
            "/opt/start.sh",
            "/home/joe/x",
            "/tmp/x",
            "/usr/sbin/apache2",
        ):
            self.assertFalse(self.starts(command, "/home/joe/evil"), command)
            self.assertFalse(self.starts(command, "/usr/local/bin/evil"), command)
            self.assertFalse(self.starts(command, "/tmp/evil"), command)
        self.assertFalse(self.starts("", "/opt/x"))

    def test_an_interpreter_is_a_service_s_only_with_the_same_arguments(self):
        shell = os.path.realpath("/bin/sh")
        options = {"is_interpreter": True, "executable": shell}
        self.assertTrue(self.starts("/bin/sh -m app", shell, ["sh", "-m", "app"], **options))
        self.assertFalse(self.starts("/bin/sh -m app", shell, ["sh", "-c", "evil"], **options))
        self.assertFalse(self.starts("/bin/sh", shell, ["sh"], **options))

    def declared(self, text, unit="x.service", **program):
        told = dict({"script": None, "is_interpreter": False, "only_root_writes": True, "own_root": False}, **program)
        with replaced(processes, _declarations=lambda unit: ["/etc/systemd/system/" + unit], _joined=lambda path: text):
            return processes.declared(ME, unit, told, "/usr/bin/node", ["node", "server.js"])

    def test_a_script_in_the_working_directory_is_the_service_s(self):
        for command in (
            "/usr/bin/node server.js",
            "/usr/bin/node ./server.js --port 80",
            "/usr/bin/node -r x server.js",
        ):
            text = "[Service]\nWorkingDirectory=/srv/none\nExecStart=%s\n" % command
            its = {"path": "/srv/none/server.js", "script": "/srv/none/server.js", "is_interpreter": True}
            self.assertEqual(self.declared(text, **its), ("/etc/systemd/system/x.service", True), command)
            its["path"] = its["script"] = "/srv/none/other.js"
            self.assertEqual(self.declared(text, **its), (None, False), command)

    def test_the_working_directory_can_be_the_user_s_home(self):
        text = "[Service]\nUser=root\nWorkingDirectory=~\nExecStart=/usr/bin/node server.js\n"
        home = os.path.realpath(os.path.expanduser("~root"))
        its = {"path": home + "/server.js", "script": home + "/server.js", "is_interpreter": True}
        self.assertEqual(self.declared(text, **its), ("/etc/systemd/system/x.service", True))
        self.assertEqual(self.declared(text.replace("root", "no-such-user"), **its), (None, False))

    def test_what_a_service_s_user_can_have_put_beside_it_is_not_certain(self):
        text = "[Service]\nExecStart=/var/lib/none/bin/run\n"
        for only_root in (True, False):
            found = self.declared(text, path="/var/lib/none/webapps/x", only_root_writes=only_root)
            self.assertEqual(found, ("/etc/systemd/system/x.service", only_root))


class Roots(unittest.TestCase):
    """A process that has another root folder in the same tree of mounts."""

    def view(self, executable, root, only_root=True):
        links = {"/proc/4711/root": root, "/proc/4711/ns/mnt": "mnt:[1]", "/proc/self/ns/mnt": "mnt:[1]"}
        writes = {"only_root_writes": lambda pid, path: only_root and path.startswith("/srv/system/")}
        with replaced(host, link_target=links.get), replaced(places, **writes):
            return places.view_of(4711, executable)

    def test_a_daemon_that_has_locked_itself_up_was_started_from_without(self):
        self.assertEqual(self.view("/usr/sbin/haproxy", "/var/lib/haproxy"), ME)

    def test_a_system_that_root_has_set_up_has_its_own_packages(self):
        self.assertEqual(self.view("/srv/system/usr/sbin/nginx", "/srv/system"), 4711)

    def test_a_folder_is_no_system_because_it_is_called_a_root(self):
        self.assertEqual(self.view("/tmp/.x/nginx", "/tmp/.x"), ME)
        self.assertEqual(self.view("/srv/system/nginx", "/srv/system", only_root=False), ME)

    def test_the_usual_root_is_its_own(self):
        self.assertEqual(self.view("/usr/sbin/nginx", "/"), 4711)

    def test_a_list_of_packages_that_a_user_can_write_is_not_asked(self):
        status = os.stat("/")
        mine = type("Status", (), {"st_uid": 1000, "st_mode": status.st_mode})()
        somebody = {"is_somebody": lambda uid: uid == 1000}
        with replaced(host, status_of=lambda path, **options: mine), replaced(packages, **somebody):
            self.assertIn("of user 1000", packages.package_of(4711, "/usr/bin/nginx")["why_unknown"])


class MyOwn(unittest.TestCase):
    def test_this_very_process_is_described(self):
        found = processes.describe(ME)
        self.assertIsNone(processes.look_closer([found]))
        self.assertTrue(found["exists"])
        self.assertTrue(found["program"]["is_interpreter"])
        self.assertIs(found["program"]["own_root"], False)
        self.assertTrue(stat.S_ISREG(os.stat(found["executable"]).st_mode))
        self.assertIsNone(found["container"])

    def test_a_folder_as_its_root_makes_no_container(self):
        for view, expected in ((os.getppid(), None), (ME, "0123456789ab")):
            found = dict(processes.describe(ME), container="0123456789ab")
            with replaced(places, view_of=lambda pid, executable, view=view: view):
                processes.look_closer([found])
            self.assertEqual(found["container"], expected)

    def test_a_directory_of_users_that_does_not_answer_costs_no_more_than_the_name(self):
        found = processes.describe(ME)
        with replaced(processes.sockets, user_name=lambda uid: time.sleep(30)), replaced(processes, TOGETHER_S=3):
            self.assertIsNone(processes.look_closer([found]))
        self.assertEqual(found["user"], str(found["uid"]))
        self.assertTrue(found["program"]["is_interpreter"])

    def test_of_one_that_has_ended_only_its_file_is_looked_for(self):
        entry = dict(processes.describe(ME), exists=False, executable_exists=None, to_be_looked_for=True)
        gone = dict(entry, executable="/none/x")
        elsewhere = dict(entry, to_be_looked_for=False)
        self.assertIsNone(processes.look_closer([entry, gone, elsewhere]))
        told = [each["executable_exists"] for each in (entry, gone, elsewhere)]
        self.assertEqual(told, [True, False, None])

    def test_a_failure_is_not_told_as_silence(self):
        found = processes.describe(ME)
        with replaced(programs, look=lambda *_all: 1 // 0):
            self.assertIn("division", processes.look_closer([found]))

    def test_one_whose_files_do_not_answer_costs_nothing_of_the_others(self):
        look = programs.look

        def hang(pid, *rest):
            return look(pid, *rest) if pid == ME else time.sleep(30)

        found = [processes.describe(os.getppid()), processes.describe(ME)]
        with replaced(programs, look=hang), replaced(processes, TOGETHER_S=1):
            said = processes.look_closer(found)
        self.assertEqual(said, "the files of process %d: did not answer" % os.getppid())
        self.assertIsNone(found[0]["program"])
        self.assertTrue(found[1]["program"]["is_interpreter"])
