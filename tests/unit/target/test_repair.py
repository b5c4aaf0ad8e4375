# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The judgement of the repairs: which line may go, whose file may be given, which password may be unlocked."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import contextlib
import errno
import os
import pwd
import unittest

from target_helpers import fixture_json, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import (
    accounts,
    authorized_keys,
    files,
    host_keys,
    lock,
    package,
    sshd_config,
    sshd_former,
    sshd_lines,
    sshd_tree,
)
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import config

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVzdA== me"


def entry(text, match=None):
    keyword, arguments = config.split_line(text)
    return {"keyword": keyword, "arguments": arguments, "text": text, "match": match}


def why_not(text, rest="", match=None, message="Bad configuration option", port=22):
    others = [entry(line) for line in rest.split("\n") if line]
    return sshd_lines.why_not(entry(text, match), message, others, port)


class TestLines(unittest.TestCase):
    def test_every_keyword_is_in_one_class_only(self):
        ordered = frozenset(sshd_lines.ORDERED)
        self.assertFalse(sshd_lines.NEUTRAL & sshd_lines.RESTRICTING)
        self.assertFalse((sshd_lines.NEUTRAL | sshd_lines.RESTRICTING) & ordered)
        for default, order in sshd_lines.ORDERED.values():
            self.assertIn(default, " ".join(order).split())

    def test_what_keeps_nobody_out_may_go(self):
        for text in (
            "MaxSessions many",
            "PrintMotdd yes",
            "LogLevell INFO",
            "Nonsense yes",
            "{{ lookup('pipe', 'touch /tmp/x') }}",
            "\x1b[2J yes",
            "Ciphers arcfour",
            "Subsystem sftp /usr/lib/x",
            "ClientAliveInterval 5x",
        ):
            self.assertIsNone(why_not(text), text)

    def test_what_names_people_stays_however_it_is_spelt(self):
        for text in (
            "AllowUsers",
            "AllowUsrs bob",
            "Allow Users bob",
            "-AllowUsers bob",
            "AllowUsersbob",
            "{{ AllowUsers bob }}",
            "DenyGroup x",
            "Mtach User bob",
            "Incldue /etc/x",
            "ForceCommnd /bin/false",
            "ChrootDirectry /srv",
            "AuthenticationMethod publickey",
            "foo PasswordAuthentication no",
            "LogLevel INFO AllowUsers bob",
            "RequiredRSASize 4096",
        ):
            self.assertIsNotNone(why_not(text), text)

    def test_a_switch_goes_only_where_what_is_left_is_as_strict(self):
        for text, rest, safe in (
            ("PermitRootLogni yes", "", True),
            ("PermitRootLogni no", "", False),
            ("PermitRootLogni no", "PermitRootLogin no", True),
            ("PermitRootLogin nope", "PermitRootLogin prohibit-password", False),
            ("PermitRootLogin without-password x", "PermitRootLogin prohibit-password", True),
            ("PermitRootLogin prohibit-password x", "PermitRootLogin forced-commands-only", True),
            ("PasswordAuthentication off", "", False),
            ("PasswordAuthentication off", "PasswordAuthentication yes\nPasswordAuthentication no", False),
            ("ChallengeResponseAuthentication noo", "KbdInteractiveAuthentication no", True),
            ("StrictModes off", "", True),
            ("StrictModes noo", "StrictModes yes", True),
            ("UsePAM yees", "UsePAM yes", False),
            ("UsePAM yes x", "UsePAM yes", True),
            ("AddressFamily inet x", "AddressFamily inet6", False),
            ("AddressFamily inet x", "AddressFamily inet", True),
            ("X11Forwarding maybe", "X11Forwarding no", True),
        ):
            self.assertEqual(why_not(text, rest) is None, safe, (text, rest))

    def test_within_match_only_what_is_laxest_or_has_no_place_there_goes(self):
        misplaced = "Directive 'UsePAM' is not allowed within a Match block"
        self.assertIsNone(why_not("UsePAM yes", "UsePAM yes", "User bob", misplaced))
        self.assertIsNotNone(why_not("UsePAM yes", "UsePAM no", "User bob", misplaced))
        self.assertIsNone(why_not("LogLevel LOUD", "", "User bob"))
        self.assertIsNone(why_not("PermitRootLogni yes", "", "User bob"))
        self.assertIsNotNone(why_not("PasswordAuthentication off", "PasswordAuthentication no", "User bob"))

    def test_sshd_listens_where_people_connect_after_that(self):
        self.assertIsNone(why_not("Port 22x"))
        self.assertIsNotNone(why_not("Port 2222x", port=2222))
        self.assertIsNone(why_not("Port 22x", "Port 2222", port=2222))
        self.assertIsNotNone(why_not("ListenAddress 192.0.2.999"))
        self.assertIsNone(why_not("ListenAddress 192.0.2.999", "ListenAddress 192.0.2.1"))

    def test_half_a_merge_is_for_a_person(self):
        for text in ("<<<<<<< HEAD", "=======", ">>>>>>> theirs"):
            self.assertIn("merge", why_not(text))


def former(text, copies, rest="", match=None, message="Bad configuration option: X"):
    """What stands in for a line, given older copies of the file by name."""
    others = [entry(line) for line in rest.split("\n") if line]
    with folder_with(copies) as root:
        bad = dict(entry(text, match), file=os.path.join(root, "c"), line=1)
        packaged = {bad["file"]: os.path.join(root, "packaged")}
        with replaced(sshd_former, PACKAGED=packaged), replaced(files, untrusted_folder=lambda _path: None):
            found = sshd_former.line_for(bad, text.encode("ascii"), message, others)
    return found and (found[0].decode("ascii"), os.path.basename(found[1]))


KEPT = "c.remote-login-20260131T101500Z"
SFTP = "Subsystem\tsftp\t/usr/lib/openssh/sftp-server"


@unittest.skipUnless(os.getuid() == 0, "an older copy counts where root alone can have changed it")
class TestFormerLines(unittest.TestCase):
    def test_the_package_s_line_takes_the_place_of_a_misspelt_one(self):
        self.assertEqual(former("Subsytem sftp /usr/lib/openssh/sftp-server", {"packaged": "A b\n" + SFTP + "\n"}),
                         (SFTP, "packaged"))  # fmt: skip

    def test_a_backup_s_line_does_so_and_no_other_file_s(self):
        for name, taken in (
            (KEPT, True),
            ("." + KEPT, True),
            ("." + KEPT + "~", True),
            ("c.bak", False),
            ("d.remote-login-20260131T101500Z", False),
            ("c.remote-login-x", False),
        ):
            found = former("AllowUsrs bob", {name: "AllowUsers bob\n"})
            self.assertEqual(found, ("AllowUsers bob", name) if taken else None)

    def test_only_with_the_same_arguments_and_a_slip_of_the_keyword(self):
        for bad, good, restored in (
            ("PermitRootLogni yes", "PermitRootLogin yes", True),
            ("PermitRootLogni yes", "PermitRootLogin no", False),
            ("AllowUsrs bob ann", "AllowUsers bob", False),
            ("AllowUsrs Bob", "AllowUsers bob", False),
            ("UsePMA yes", "UsePAM yes", True),
            ("PrintMotdd no", "PrintMotd no", True),
            ("Banana no", "Banner no", False),
            ("PrintMotd no", "PrintLastLog no", False),
            ("Motd no", "PrintMotd no", False),
            ("DenyUsrs", "DenyUsers", False),
            ("Mtach User bob", "Match User bob", False),
            ("Inculde /etc/x", "Include /etc/x", False),
            ("PrintMotdd no", "#PrintMotd no", False),
            ("PrintMotdd no", "Match User bob\nPrintMotd no", False),
            ("PrintMotdd no", "PrintMotd no\nPrintMotd no", False),
            ("AllowUsrs bob", "AllowUsers bob\0 ann", False),
        ):
            found = former(bad, {"packaged": good + "\n"})
            self.assertEqual(found, (good, "packaged") if restored else None)

    def test_two_keywords_that_are_as_near_are_none(self):
        with replaced(sshd_lines, KEYWORDS=sshd_lines.KEYWORDS | {"printmotx"}):
            self.assertIsNone(former("PrintMoty no", {"packaged": "PrintMotd no\n"}))

    def test_not_where_something_else_sets_it_or_sshd_means_something_else(self):
        copies = {"packaged": "PrintMotd no\n"}
        self.assertIsNone(former("PrintMotdd no", copies, rest="PrintMotd yes"))
        self.assertIsNone(former("PrintMotdd no", copies, match="User bob"))
        self.assertIsNone(former("PrintMotdd no", copies, message="unsupported option"))
        self.assertIsNone(former("PrintMotd no", {"packaged": "PrintMotd no\n"}))
        self.assertIsNone(former("AllowUsrs bob\0", {"packaged": "AllowUsers bob\n"}))
        self.assertIsNone(former("KbdInteractivAuthentication no", {"packaged": "KbdInteractiveAuthentication no\n"},
                                 rest="ChallengeResponseAuthentication yes"))  # fmt: skip

    def test_copies_that_disagree_are_no_word(self):
        copies = {"packaged": "DenyGroups x\n", KEPT: "DenyUsers x\n"}
        with replaced(sshd_former, SLIPS=6, ALIKE=0.5):
            self.assertIsNone(former("DenyGrosers x", copies))

    def plan(self, good, refused):
        """(lines, main file) after a plan for 'PrintMotdd no', where sshd refuses some keywords."""

        def tested(command):
            with open(command[-1]) as handle:
                words = [config.split_line(line)[0] for line in handle]
            wrong = [number for number, word in enumerate(words, 1) if word in refused]
            if not wrong:
                return {"valid": True}
            message = "Bad configuration option: " + words[wrong[0] - 1]
            return {"valid": False, "reason": None,
                    "errors": [{"file": command[-1], "line": wrong[0], "message": message}]}  # fmt: skip

        with folder_with({"c": "Port 22\nPrintMotdd no\n", "packaged": good + "\n", "tmp": None}) as root:
            main = os.path.join(root, "c")
            packaged = {main: os.path.join(root, "packaged")}
            with replaced(sshd_former, PACKAGED=packaged), replaced(config, test=tested), replaced(
                files, untrusted_folder=lambda _path: None
            ):
                tree, lines = sshd_config.plan(["/usr/sbin/sshd", "-f", main], 22, os.path.join(root, "tmp"))
            return [(line["text"], line["restored"]) for line in lines], tree.content(main).decode("ascii")

    def test_the_plan_restores_and_takes_back_what_sshd_refuses_as_well(self):
        self.assertEqual(self.plan("PrintMotd no", {"printmotdd"}),
                         ([("PrintMotdd no", "PrintMotd no")], "Port 22\nPrintMotd no\n"))  # fmt: skip
        commented = ([("PrintMotdd no", None)], "Port 22\n# remote_login: PrintMotdd no\n")
        self.assertEqual(self.plan("PrintMotd no", {"printmotdd", "printmotd"}), commented)
        self.assertEqual(self.plan("PrintMotd yes", {"printmotdd"}), commented)

    def test_slips(self):
        for one, other, count in (("ab", "ab", 0), ("ba", "ab", 1), ("b", "ab", 1), ("abc", "ab", 1), ("xb", "ab", 1),
                                  ("", "ab", 2), ("acbd", "abcd", 1), ("dcba", "abcd", 3)):  # fmt: skip
            self.assertEqual(sshd_former.slips(one, other), count, one)


class TestTree(unittest.TestCase):
    def test_copies_include_each_other_and_keep_their_lines(self):
        with folder_with({"main": "Include {0}/d/*.conf\nPort 22\n", "d/a.conf": "X yes\r\nMatch all\n"}) as root:
            path = os.path.join(root, "main")
            with open(path) as handle:
                text = handle.read().format(root)
            with open(path, "w") as handle:
                handle.write(text)
            tree = sshd_tree.Tree(path)
            os.mkdir(os.path.join(root, "copies"))
            copies = tree.write_to(os.path.join(root, "copies"))
            self.assertEqual(sorted(copies.values()), [os.path.join(root, "d/a.conf"), path])
            with open(os.path.join(root, "copies", "0")) as handle:
                self.assertEqual(handle.read(), "Include %s/copies/1\nPort 22\n" % root)
            self.assertEqual(tree.changed(), [])
            tree.comment_out(os.path.join(root, "d/a.conf"), 1)
            self.assertEqual(tree.changed(), [os.path.join(root, "d/a.conf")])
            self.assertEqual(tree.content(os.path.join(root, "d/a.conf")), b"# remote_login: X yes\r\nMatch all\n")

    def test_a_line_ends_at_a_line_feed_only(self):
        with folder_with({"c": "Foo a\x0bb\u2028c\nPort 22\n"}) as root:
            found = sshd_tree.Tree(os.path.join(root, "c")).directives()
            self.assertEqual([(each["line"], each["keyword"]) for each in found], [(1, "foo"), (2, "port")])

    def test_what_is_told_moves_no_cursor(self):
        self.assertEqual(sshd_tree.text_of(b"\x1b[2J\x9b yes\r"), b"?[2J\xef\xbf\xbd yes?".decode("utf-8"))

    @contextlib.contextmanager
    def broken_tree(self):
        """A configuration of two files, each with a line that is to be commented out."""
        with folder_with({"main": "", "a.conf": "B yes\n"}) as root:
            main, other = os.path.join(root, "main"), os.path.join(root, "a.conf")
            with open(main, "w") as handle:
                handle.write("Include %s\nA yes\n" % other)
            os.chmod(main, 0o640)
            tree = sshd_tree.Tree(main)
            tree.comment_out(main, 2)
            tree.comment_out(other, 1)
            yield tree, main, other

    def state_of(self, root):
        """Content and mode of every file in a folder, by name."""
        found = {}
        for name in os.listdir(root):
            path = os.path.join(root, name)
            with open(path) as handle:
                found[name] = (handle.read(), os.stat(path).st_mode)
        return found

    def carry_out(self, tree, root, answer):
        """(why it did not go, whether all is as it was), given what sshd says of the files afterwards."""
        before = self.state_of(root)
        with replaced(config, test=lambda command: answer):
            try:
                sshd_config.carry_out(tree, ["/usr/sbin/sshd"])
            except files.CannotRepair as reason:
                return str(reason), self.state_of(root) == before
        return None, self.state_of(root) == before

    def test_files_that_sshd_refuses_all_the_same_are_put_back(self):
        wrong = {"valid": False, "reason": None, "errors": [{"message": "Missing words"}]}
        hangs = {"valid": None, "reason": "sshd did not finish within 6 s", "errors": []}
        for answer, words in ((wrong, "Missing words"), (hangs, "did not finish")):
            with self.broken_tree() as (tree, main, _other):
                reason, same = self.carry_out(tree, os.path.dirname(main), answer)
            self.assertIn(words, reason)
            self.assertIn("the files are as they were", reason)
            self.assertTrue(same)

    def test_the_first_file_is_put_back_where_the_second_cannot_be_replaced(self):
        replace = files.replace

        def only_one(taken, data):
            if taken.path.endswith("main"):
                raise files.CannotRepair("no room")
            replace(taken, data)

        with self.broken_tree() as (tree, main, _other), replaced(files, replace=only_one):
            reason, same = self.carry_out(tree, os.path.dirname(main), {"valid": True})
        self.assertEqual((reason, same), ("no room; the files are as they were", True))

    def test_a_file_that_cannot_be_put_back_is_named_with_its_backup(self):
        def refused(_taken, _backup):
            raise OSError(errno.EROFS, "Read-only file system")

        wrong = {"valid": False, "reason": "no", "errors": []}
        with self.broken_tree() as (tree, main, other), replaced(files, put_back=refused):
            reason, same = self.carry_out(tree, os.path.dirname(main), wrong)
            kept = [name for name in os.listdir(os.path.dirname(main)) if ".remote-login-" in name]
        self.assertFalse(same)
        self.assertEqual(len(kept), 2)
        for path in (main, other):
            self.assertIn("%s could not be put back from %s.remote-login-" % (path, path), reason)

    def test_files_that_are_valid_stay_with_their_backups(self):
        with self.broken_tree() as (tree, main, _other):
            reason, same = self.carry_out(tree, os.path.dirname(main), {"valid": True})
            with open(main) as handle:
                self.assertIn("# remote_login: A yes\n", handle.read())
        self.assertEqual((reason, same), (None, False))

    def test_the_daemon_s_options_stay_and_its_file_does_not(self):
        words = ["/usr/sbin/sshd", "-o", "Port=22", "-f", "/etc/x"]
        self.assertEqual(sshd_config.with_file(words, "/c"), ["/usr/sbin/sshd", "-o", "Port=22", "-f", "/c"])


class TestFiles(unittest.TestCase):
    def test_a_pattern_reads_what_a_shell_s_would(self):
        for path, pattern, read in (
            ("/d/50-x.conf.remote-login-1", "/d/*.conf", False),
            ("/d/50-x.remote-login-1", "/d/*", True),
            ("/d/.50-x.remote-login-1", "/d/*", False),
            ("/d/.50-x", "/d/.*", True),
            ("/d/e/50-x", "/d/*", False),
        ):
            self.assertEqual(files.matches(path, pattern), read, path)

    def test_a_file_that_was_written_to_meanwhile_is_not_replaced(self):
        with folder_with({"c": "one\n"}) as root:
            taken = files.Taken(os.path.join(root, "c"))
            with open(taken.path, "w") as handle:
                handle.write("two\n")
            self.assertRaises(files.CannotRepair, files.replace, taken, b"three\n")
            with open(taken.path) as handle:
                self.assertEqual(handle.read(), "two\n")
            self.assertEqual(os.listdir(root), ["c"])

    def test_a_fifo_is_no_file(self):
        with folder_with({"c": "one\n"}) as root:
            os.mkfifo(os.path.join(root, "fifo"))
            self.assertRaises(files.CannotRepair, files.Taken, os.path.join(root, "fifo"))


class TestKeys(unittest.TestCase):
    def test_the_name_tells_the_type(self):
        for name, kind in (
            ("ssh_host_rsa_key", "rsa"),
            ("ssh_host_ecdsa_key", "ecdsa"),
            ("ssh_host_ed25519_key", "ed25519"),
            ("host.rsa", "rsa"),
            ("universal", "ed25519"),
        ):
            self.assertEqual(host_keys.kind_of("/etc/ssh/rsa/" + name), kind)

    def test_only_a_file_of_public_keys_may_be_given_away(self):
        for text, given in (
            ("", True),
            ("# remark\n\n%s\n" % KEY, True),
            ('from="192.0.2.1",command="a b" %s\n' % KEY, True),
            ("root:$6$salt$hash:19000:0:99999:7:::\n", False),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\n", False),
            ("%s\nsecret\n" % KEY, False),
            ("\0%s" % KEY, False),
        ):
            self.assertEqual(authorized_keys.holds_keys_only(text.encode("ascii")), given, text)

    def test_the_words_of_authorizedkeysfile(self):
        account = pwd.struct_passwd(("ops", "x", 1000, 1000, "", "/home/ops", "/bin/sh"))
        inside, outside = authorized_keys.paths("none .ssh/k %h/k2 /etc/keys/%u /home/ops/../x/k %%k", account)
        self.assertEqual(inside, ["/home/ops/.ssh/k", "/home/ops/k2", "/home/ops/%k"])
        self.assertEqual(outside, ["/etc/keys/ops", "/home/x/k"])

    def test_a_folder_of_the_system_is_nobody_s_home(self):
        for path in ("/", "/etc", "/usr/lib/x", "/home", "/var/lib", "/tmp", "/dev/shm"):
            self.assertTrue(authorized_keys.SYSTEM.match(path), path)
        for path in ("/home/ops", "/srv/ops", "/var/lib/git", "/root", "/export/home/ops"):
            self.assertFalse(authorized_keys.SYSTEM.match(path), path)


class TestAccounts(unittest.TestCase):
    def test_names(self):
        for name in ("ops", "o.p-s_1", "machine$", "user@example.org", "DOM\\user"):
            self.assertTrue(accounts.NAME.match(name), name)
        for name in ("", "-x", "a b", "a\n", "a:b", "a/b", "{{ x }}", "a;b", "x" * 300):
            self.assertFalse(accounts.NAME.match(name), name)

    def test_a_lock_without_a_password_behind_it_is_no_lock(self):
        for value, state in (
            ("", "empty"),
            ("!", "none"),
            ("!!", "none"),
            ("*", "none"),
            ("!*", "none"),
            ("!x", "none"),
            ("$y$j9T$abcdefgh$0123456789", "usable"),
            ("!$6$salt$0123456789", "locked"),
            ("!!$6$salt$0123456789", "locked"),
            ("!abcdefghijklm", "locked"),
        ):
            self.assertEqual(lock.password_state(["ops", value] + [""] * 7), state, value)
        self.assertEqual(lock.password_state(None), "unknown")

    def test_the_day_of_expiry(self):
        fields = ["ops", "*", "", "", "", "", "", "10", ""]
        self.assertEqual(lock.expired_on(fields, now=11 * lock.DAY_S), "1970-01-11")
        self.assertIsNone(lock.expired_on(fields, now=9 * lock.DAY_S))
        self.assertIsNone(lock.expired_on(["ops", "*", "", "", "", "", "", "", ""]))
        self.assertIsNone(lock.expired_on(None))

    def test_the_folders_of_the_tallies(self):
        stack = "auth required pam_faillock.so preauth dir=/srv/tally\n#auth x pam_faillock.so dir=/no\n"
        conf = "# dir = /not/this\ndir = /var/lib/faillock\n"
        with folder_with({"conf": conf, "pam/sshd": stack}) as root, replaced(
            lock, FAILLOCK_CONF=root + "/conf", PAM=root + "/pam"
        ):
            self.assertEqual(lock.tally_folders(), [lock.FAILLOCK_DIR, "/var/lib/faillock", "/srv/tally"])

    def test_the_table_of_pam_tally2(self):
        text = (
            "Login           Failures Latest failure     From\nops                 5    01/31/26 10:15:00  192.0.2.1\n"
        )
        self.assertEqual(lock.parse_tally2(text, "ops"), 5)
        self.assertEqual(lock.parse_tally2(text, "root"), 0)


class TestPackage(unittest.TestCase):
    def test_no_other_package_is_upgraded_or_removed(self):
        package.check_apt("Inst openssh-server (1:9.2p1-2 Debian:12 [amd64])\nConf openssh-server\n")
        package.check_apt("Inst openssh-client [1:9.2p1-1] (1:9.2p1-2 Debian:12 [amd64])\n")
        for text in ("Inst libssl3 [3.0.1] (3.0.2 Debian:12 [amd64])\n", "Remv dropbear [2022.83-1]\n"):
            self.assertRaises(files.CannotRepair, package.check_apt, text)

    def test_a_package_whose_file_is_gone_may_need_new_lists(self):
        stale = "Reinstallation of openssh-server is not possible, it cannot be downloaded.\n0 upgraded\n"
        listed = "Inst openssh-server [1:9.2p1-2] (1:9.2p1-2 Debian:12 [amd64])\nConf openssh-server\n"
        for said, first in ((stale, "apt-get update"), (listed, "download openssh-server")):
            answers = {"dpkg-query": "install ok installed", "apt-get": said}
            with replaced(host, run=lambda argv, told=answers, **_options: host.Result(0, told[argv[0]], "", None)):
                steps = package._apt("apt-get")
                self.assertEqual(steps[0][0], first)
                self.assertIn("install --reinstall openssh-server", steps[-1][0])
                if said == stale:
                    with self.assertRaises(files.CannotRepair) as caught:
                        steps[0][1]()
                    self.assertIn("no repository that is configured here has it", str(caught.exception))

    def test_what_went_wrong_is_told_in_words(self):
        for text, words in (
            ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt)", "left alone"),
            ("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", "dpkg --configure -a"),
            ("W: Failed to fetch http://x/InRelease  Temporary failure resolving 'x'", "no repository can be reached"),
            ("Error: Failed to download metadata for repo 'baseos': Cannot download repomd.xml", "can be reached"),
            ("No match for argument: openssh-server", "has it"),
            ("something else", "something else"),
        ):
            self.assertIn(words, package.reason(text))


class TestPackageOfRhelAndSuse(unittest.TestCase):
    """dnf, yum and zypper with what they have written on such systems."""

    RECORDED = {one["name"]: one["text"] for one in fixture_json("repair", "packages.recorded.json")}

    def setUp(self):
        self.commands = []

    def run_plan(self, program, installed, answers):
        """What the package manager is asked for, while it gives one answer after the other."""
        given = list(answers)

        def run(argv, timeout=0, limit=0):
            self.commands.append(argv)
            if argv[0] == "rpm":
                words = "openssh-server-8.7p1-45.el9.x86_64" if installed else "package openssh-server is not installed"
                return host.Result(0 if installed else 1, words + "\n", "", None)
            return given.pop(0)

        tools = {"run": run, "is_root": lambda: True, "which": lambda name: name if name == program else None}
        with replaced(host, **tools), replaced(package, LOCK_RETRY_S=0, LOCK_WAIT_S=1):
            for _words, step in package.plan():
                step()

    def failed(self, program, name, installed=False):
        try:
            self.run_plan(program, installed, [host.Result(1, "", self.RECORDED[name], None)] * 1000000)
        except files.CannotRepair as error:
            return str(error)
        return None

    def test_what_is_asked_for(self):
        done = host.Result(0, "", "", None)
        for program, installed, words in (
            ("dnf", False, "dnf -q -y --setopt=exit_on_lock=True install openssh-server"),
            ("dnf", True, "dnf -q -y --setopt=exit_on_lock=True reinstall openssh-server"),
            ("yum", True, "yum -q -y --setopt=exit_on_lock=True reinstall openssh-server"),
            ("zypper", False, "zypper --non-interactive install --no-recommends openssh-server"),
            ("zypper", True, "zypper --non-interactive install --no-recommends --force openssh-server"),
        ):
            self.run_plan(program, installed, [done])
            self.assertEqual(" ".join(self.commands[-1]), words)

    def test_failures_are_told_in_words(self):
        for program, name, words in (
            ("dnf", "reinstall_not_there", "has the version that is installed"),
            ("dnf", "no_name_rocky9", "no repository can be reached"),
            ("dnf", "no_mirror_centos8", "no repository can be reached"),
            ("yum", "no_mirror_centos7", "no repository can be reached"),
            ("yum", "no_metadata_centos6", "no repository can be reached"),
            ("yum", "no_package_centos7", "no repository that is configured here has it"),
            ("zypper", "no_repository_leap16", "no repository that is configured here has it"),
        ):
            self.assertIn(words, self.failed(program, name, installed=name.startswith("reinstall")), name)
            self.assertEqual(len([argv for argv in self.commands if argv[0] == program]), 1, name)
            self.commands = []

    def test_a_lock_is_waited_for_and_left_alone(self):
        done = host.Result(0, "", "", None)
        for program, name in (("dnf", "lock_rpm_fedora"), ("yum", "lock_yum"), ("zypper", "lock_zypper")):
            locked = host.Result(1, self.RECORDED[name], "", None)
            self.run_plan(program, True, [locked, locked, done])
            self.assertIn("it is left alone", package.reason(self.RECORDED[name]))

    def test_a_lock_that_stays_ends_it(self):
        locked = host.Result(7, "", self.RECORDED["lock_zypper"], None)
        with replaced(package, LOCK_WAIT_S=0), replaced(host, run=lambda argv, timeout=0: locked):
            self.assertRaises(files.CannotRepair, package._run_when_free, ["zypper"])


if __name__ == "__main__":
    unittest.main()
