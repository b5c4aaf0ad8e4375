# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import shutil
import subprocess
import time
import unittest

from target_helpers import fixture, fixture_json, folder_with, replaced, soon_true

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import daemon, needs, unit

LONG = ["-oCiphers=" + ",".join(["aes256-gcm@openssh.com"] * 12), "-p2222"]


class EncryptedKeys(unittest.TestCase):
    OPEN = "-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n"

    def test_the_head_of_a_key_tells_whether_it_is_encrypted(self):
        for text, wanted in (
            (self.OPEN % "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABD", True),
            (self.OPEN % "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW", False),
            ("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,C1\n", True),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", True),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", False),
            (self.OPEN % "%%%", False),
            ("", False),
        ):
            self.assertEqual(needs.is_encrypted(text), wanted, text)


class OfRhel(unittest.TestCase):
    """What the unit adds to the command, with files and output of RHEL and its kin."""

    RECORDED = {one["name"]: one["text"] for one in fixture_json("sshd", "rhel.recorded.json")}

    def command(self, unit_command, **files):
        named = {name.replace("_", "-"): text for name, text in files.items()}
        with folder_with(named) as root:
            found = [
                (os.path.join(root, os.path.basename(path).partition(".")[0]), variable)
                for path, variable in daemon.OPTION_FILES
            ]
            with replaced(daemon, OPTION_FILES=tuple(found)):
                return daemon.command("/usr/sbin/sshd", [], unit_command)[1:]

    def test_the_command_in_the_unit_s_state(self):
        # The source has left out the name.
        (service,) = unit.parse_show("Id=sshd.service\n" + self.RECORDED["systemctl_show"])
        self.assertEqual(unit.parse_exec(service["ExecStart"]), ["/usr/sbin/sshd", "-D", "$OPTIONS"])

    def test_the_algorithms_of_rhel_8_unless_they_are_taken_out(self):
        words = self.words("unit_rocky")
        policy = self.RECORDED["opensshserver_rhel8"]
        wanted = ["-o", "Ciphers=aes256-gcm@openssh.com,3des-cbc", "-o", "MACs=umac-128-etm@openssh.com"]
        self.assertEqual(self.command(words, opensshserver=policy, sshd=self.RECORDED["sysconfig_sshd"]), wanted)
        without = self.RECORDED["sysconfig_sshd"].replace("#CRYPTO_POLICY=", "CRYPTO_POLICY=")
        self.assertEqual(self.command(words, opensshserver=policy, sshd=without), [])
        self.assertEqual(self.command(words, sshd='OPTIONS="-p 2222"\n'), ["-p", "2222"])

    def test_those_of_rhel_9_come_with_the_configuration(self):
        self.assertEqual(self.command(self.words("unit_rocky"), opensshserver=self.RECORDED["opensshserver_rhel9"]), [])

    def test_what_the_installer_of_fedora_allowed_root(self):
        words, allowed = self.words("unit_fedora31"), self.RECORDED["permitrootlogin_fedora"]
        self.assertEqual(self.command(words, sshd_permitrootlogin=allowed), ["-o", "PermitRootLogin=yes"])

    def words(self, name):
        (line,) = [line for line in self.RECORDED[name].splitlines() if line.startswith("ExecStart=")]
        return line.partition("=")[2].split()


class Options(unittest.TestCase):
    def test_what_changes_where_the_daemon_listens_is_kept(self):
        cases = [
            ("-D", []),
            ("-De", []),
            ("-p 2222", ["-p", "2222"]),
            ("-p2222", ["-p", "2222"]),
            ("-D -p 2222 -4", ["-p", "2222", "-4"]),
            ("-oPort=2222 -f /etc/own", ["-o", "Port=2222", "-f", "/etc/own"]),
            ("-o Port=2222", ["-o", "Port=2222"]),
            ("-u0 -g 30 -6", ["-6"]),
            ("-g -4 -6", ["-6"]),
            ("-E /var/log/own -h /etc/key", ["-h", "/etc/key"]),
            ("-p", ["-p", ""]),
            ("- word", []),
        ]
        for words, wanted in cases:
            self.assertEqual(daemon.kept_options(words.split()), wanted, words)

    def test_options_that_share_a_dash_are_kept_too(self):
        for words in ("-Dp2222", "-Dp 2222", "-D4p 2222"):
            self.assertEqual(daemon.kept_options(words.split())[-2:], ["-p", "2222"], words)

    def test_variables_of_the_unit_are_filled_in(self):
        words = ["-D", "$SSHD_OPTS", "${OTHER}", "$NONE", "a$SSHD_OPTS"]
        found = daemon.expand(words, {"SSHD_OPTS": "-p 2222 -4", "OTHER": "-e"})
        self.assertEqual(found, ["-D", "-p", "2222", "-4", "-e", "a$SSHD_OPTS"])

    def test_the_file_of_the_options_is_read_with_and_without_quotes(self):
        for text in (
            "SSHD_OPTS=-p2222",
            "SSHD_OPTS='-p2222'",
            '# SSHD_OPTS=-4\nSSHD_OPTS="-p2222"\n',
            "SSHD_OPTS=\nSSHD_OPTS=-p2222",
        ):
            with replaced(
                host, read=lambda path, text=text: host.Text(text if path == "/etc/default/ssh" else "", None)
            ):
                found = daemon.command("/usr/sbin/sshd", [], ["/usr/sbin/sshd", "-D", "$SSHD_OPTS"])
            self.assertEqual(found, ["/usr/sbin/sshd", "-p", "2222"], text)

    def test_a_running_daemon_s_own_options_count_more_than_the_unit_s(self):
        title = "sshd: /usr/sbin/sshd -D -p 2222 [listener] 0 of 10-100 startups"
        found = daemon.command("/usr/sbin/sshd", [{"arguments": [title]}], ["/usr/sbin/sshd", "-4"])
        self.assertEqual(found, ["/usr/sbin/sshd", "-p", "2222"])

    def test_the_file_that_a_command_names(self):
        self.assertEqual(daemon.config_path(["sshd", "-f", "/etc/own"]), "/etc/own")
        self.assertEqual(daemon.config_path(["sshd", "-f/etc/own"]), "/etc/own")
        self.assertIsNone(daemon.config_path(["sshd", "-p", "22"]))


class Processes(unittest.TestCase):
    def test_a_daemon_is_told_from_its_sessions(self):
        cases = [
            ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", True),
            ("/usr/sbin/sshd -D", True),
            ("/usr/sbin/sshd", True),
            ("sshd: root@pts/0", False),
            ("sshd: alice [priv]", False),
            ("sshd: unknown [net]", False),
            ("sshd: [accepted]", False),
        ]
        for command, wanted in cases:
            self.assertEqual(daemon.is_daemon(command), wanted, command)

    @unittest.skipUnless(os.geteuid() == 0, "a daemon is root's: needs root")
    def test_a_daemon_with_a_long_command_line_is_seen_whole(self):
        title = " ".join(["sshd: /usr/sbin/sshd -D"] + LONG + ["[listener] 0 of 10-100 startups"])
        with folder_with({}) as root:
            program = os.path.join(root, "sshd")
            shutil.copy(host.which("sleep"), program)  # a link would run under its own name
            process = subprocess.Popen([title, "60"], executable=program)
            try:
                self.assertTrue(soon_true(lambda: "sshd" in host.read("/proc/%d/comm" % process.pid).text))
                found = [entry for entry in daemon.daemons(None, None) if entry["pid"] == process.pid]
                self.assertEqual(len(found), 1)
                self.assertEqual(
                    daemon.command("/usr/sbin/sshd", found, None), ["/usr/sbin/sshd"] + daemon.kept_options(LONG)
                )
                self.assertLess(abs(found[0]["started_at"] - time.time()), 60)
            finally:
                process.kill()
                process.wait()

    def test_the_version_is_read_whether_or_not_sshd_knows_the_option(self):
        for image, wanted in (("bullseye", "OpenSSH_8.4p1"), ("bookworm", "OpenSSH_9.2"), ("trixie", "OpenSSH_10.0p2")):
            said = fixture("sshd", "sshd_V.%s.txt" % image)
            with replaced(host, run=lambda argv, said=said: host.Result(1, "", said, None)):
                self.assertEqual(daemon.version("/usr/sbin/sshd"), wanted)
        with replaced(host, run=lambda argv: host.Result(None, "", "", "sshd did not answer within 10 s")):
            self.assertIsNone(daemon.version("/usr/sbin/sshd"))


if __name__ == "__main__":
    unittest.main()
