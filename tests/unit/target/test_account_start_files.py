# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.account import start_files, unfinished

ME = {"exists": True, "uid": os.getuid(), "gid": os.getgid(), "user": "ops"}


class Lines(unittest.TestCase):
    def found(self, text, run_by="bash"):
        return [(line["line"], line["does"], line["status"]) for line in start_files.scan(text, run_by)[0]]

    def test_what_ends_a_session(self):
        for line, status in (
            ("exit", None), ("exit 3", 3), ("[ -t 0 ] || exit 1", 1), ("if test x; then exit 300; fi", 44),
            ("{ echo no; exit 2; }", 2), ("logout", None), ("exit $?", None), ("exec zsh", None),
            ("  exec tmux new", None),
            ("kill -9 $$", None), ("kill $PPID", None), ("set -e", None), ("set -eu", None), ("set -o errexit", None),
        ):  # fmt: skip
            self.assertEqual(self.found(line), [(1, "ends", status)], line)

    def test_what_makes_it_wait(self):
        for line in ("sleep 4000", "read answer", "while :; do foo; done", "x=1; sleep 5", "tail -f /x", "wait"):
            self.assertEqual(self.found(line), [(1, "waits", None)], line)

    def test_what_does_neither(self):
        for line in (
            "# exit 1", "echo exit", "export EXIT=1", "exec >/tmp/log 2>&1", "exec 3<&-", "alias x='cd; exit 1'",
            "trap 'exit 1' INT", "f() { exit 1; }", "f() {\n  exit 1\n}", "function f {\nexec x\n}", "set -x",
            "readonly X=1",
            "PATH=$PATH:/exit", "unset exit_code", "exit_code=1", "command=sleep", "return 1",
        ):  # fmt: skip
            self.assertEqual(self.found(line), [], line)

    def test_a_file_ends_where_only_terminals_go_on(self):
        for guard in (
            '[ -z "$PS1" ] && return', "[[ $- != *i* ]] && return", "case $- in\n*i*) ;;\n*) return;;\nesac",
            'if [ -z "$PS1" ]; then\n  return\nfi', "status is-interactive; or return", "[ -t 0 ] || return",
        ):  # fmt: skip
            self.assertEqual(self.found("%s\nexit 1\n" % guard), [], guard)
        self.assertEqual(self.found("x() { return; }\nexit 1\n"), [(2, "ends", 1)])

    def test_an_exit_of_a_c_shell_ends_the_file_alone(self):
        self.assertEqual(self.found("if (! $?prompt) exit 0\n", "tcsh"), [])

    def test_the_usual_files_of_a_distribution_are_harmless(self):
        for name in ("bash.bashrc.bookworm", "bashrc.skel.bookworm"):
            self.assertEqual(self.found(fixture("account", name)), [], name)

    def test_files_that_are_taken_in(self):
        text = '. /etc/a\nsource ~/b\n[ -f x ] && . "$HOME/c"\nfor i in /etc/d/*.sh; do . "$i"; done\necho . /no\n'
        self.assertEqual(start_files.scan(text)[1], ["/etc/a", "~/b", "$HOME/c", "$i", "/etc/d/*.sh"])


class Look(unittest.TestCase):
    def look(self, files, program="/bin/bash", settings=None):
        files = dict({"none": ""}, **files)
        with folder_with(files) as root:
            home = os.path.join(root, "home")
            if not os.path.isdir(home):
                os.mkdir(home)
            account = {"home": {"path": home, "exists": True}, "shell": {"path": program}}
            account.update(ME)
            own = {"OF_SSHD": ("~/.ssh/rc", root + "/sshrc"), "ENVIRONMENT": (root + "/environment",),
                   "FILES": {"bash": (root + "/bashrc", "~/.bashrc"), "fish": ("~/conf.d/*.fish",)}}  # fmt: skip
            missing = {}
            with replaced(start_files, **own):
                found = start_files.look(account, settings or {}, missing)
            if found:
                for entry in found["files"] + found["lines"] + found["loader"]:
                    for name in ("path", "file"):
                        if name in entry:
                            entry[name] = entry[name].replace(root + "/", "")
            return found, missing

    def test_the_files_in_their_order_with_what_they_take_in(self):
        found, _missing = self.look({"sshrc": "exit 4\nsleep 9\n", "bashrc": "exit 2\n", "home/.bashrc": ". ~/more\n",
                                     "home/more": ". ~/more\nexit 3\n"})  # fmt: skip
        self.assertEqual([entry["path"] for entry in found["files"]], ["sshrc", "bashrc", "home/.bashrc", "home/more"])
        self.assertEqual(found["exits"], [2, 3])
        self.assertEqual([(line["file"], line["line"]) for line in found["lines"]],
                         [("sshrc", 2), ("bashrc", 1), ("home/more", 2)])  # fmt: skip

    def test_the_user_s_own_rc_stands_in_for_the_host_s_one(self):
        files = {"sshrc": "", "home/.ssh/rc": ""}
        self.assertEqual([entry["path"] for entry in self.look(files)[0]["files"]], ["home/.ssh/rc"])
        found = self.look(files, settings={"permituserrc": "no"})[0]
        self.assertEqual([entry["path"] for entry in found["files"]], ["sshrc"])

    def test_other_shells(self):
        files = {"home/.bashrc": "exit 1", "home/conf.d/a.fish": "exit 5\n"}
        self.assertEqual(self.look(files, "/bin/fish")[0]["exits"], [5])
        self.assertEqual(self.look(files, "/opt/ksh93")[0]["files"], [])

    def test_what_the_environment_tells_the_loader(self):
        found, _missing = self.look({"environment": "PATH=/bin\nLD_LIBRARY_PATH=/opt/lib\n#LD_PRELOAD=x\n"})
        self.assertEqual([(line["file"], line["line"]) for line in found["loader"]], [("environment", 2)])

    def test_what_is_no_file_is_neither_waited_for_nor_followed(self):
        found, _missing = self.look({"home/.bashrc/x": ""})
        self.assertIn("not a regular file", found["files"][0]["problem"])

    def test_a_home_that_is_not_looked_at(self):
        missing = {"home": "it is on nfs4"}
        account = {"home": {"path": "/far", "exists": None}, "shell": {"path": "/bin/bash"}}
        account.update(ME)
        self.assertIsNone(start_files.look(account, {}, missing))
        self.assertEqual(missing["start_files"], "it is on nfs4")


class Unfinished(unittest.TestCase):
    def kind(self, words, environment="", program="/bin/bash", service="sshd"):
        account = {"shell": {"path": program}}
        account.update(ME)
        text = host.Text(environment, None)
        with replaced(sockets, arguments=lambda pid: words), replaced(host, read=lambda path, limit=0: text):
            return unfinished.kind(os.getpid(), account, service)

    def test_what_waits_in_the_place_of_the_session(self):
        self.assertEqual(self.kind(["bash", "-c", "true"]), "shell")
        self.assertEqual(self.kind(["/bin/sh", "/etc/ssh/sshrc"]), "rc")
        self.assertEqual(self.kind(["/bin/sh", "/home/ops/.ssh/rc"]), "rc")
        self.assertEqual(
            self.kind(["sleep", "9"], "PAM_SERVICE=sshd\0PAM_TYPE=open_session\0PAM_USER=ops\0"), "session"
        )
        told = "PAM_SERVICE=corp\0PAM_TYPE=account\0PAM_USER=ops\0"
        self.assertEqual(self.kind(["sleep", "9"], told, service="Corp"), "account")
        self.assertIsNone(self.kind(["sleep", "9"], told))

    def test_what_does_not(self):
        self.assertIsNone(self.kind(["bash", "-c", "make true"]))
        self.assertIsNone(self.kind(["zsh", "-c", "true"]))
        self.assertIsNone(self.kind(["sleep", "9"], "PAM_SERVICE=sshd\0PAM_TYPE=open_session\0PAM_USER=bob\0"))
        self.assertIsNone(self.kind(["sleep", "9"], "PAM_SERVICE=sshd\0PAM_TYPE=close_session\0PAM_USER=ops\0"))
        self.assertIsNone(self.kind([]))

    def test_the_line_that_waits(self):
        lines = [{"file": "/a", "line": 1, "text": "sleep 40"}, {"file": "/b", "line": 7, "text": "x && sleep 4; y"}]
        self.assertEqual(unfinished.place_of("sleep 4", lines), "/b line 7")
        self.assertIsNone(unfinished.place_of("sleep 5", lines))

    def test_the_line_of_pam_that_runs_the_program(self):
        stack = [{"phase": "session", "module": "pam_exec.so", "arguments": ["quiet", "/a"], "file": "/f", "line": 3},
                 {"phase": "session", "module": "pam_exec.so", "arguments": ["/b"], "file": "/f", "line": 4},
                 {"phase": "auth", "module": "pam_exec.so", "arguments": ["/b"], "file": "/f", "line": 1}]  # fmt: skip
        entry = {"pid": 9, "by": "session", "command": "/bin/sh /b", "waits_for": "sleep 9", "place": None}
        (found,) = unfinished.by_pam([entry], stack)
        self.assertEqual((found["line"], found["reason"]), (4, "/b has not ended (process 9: sleep 9)"))
        (found,) = unfinished.by_pam([dict(entry, command="sleep 9")], stack)
        self.assertIsNone(found["line"])


if __name__ == "__main__":
    unittest.main()
