# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import unittest

from target_helpers import folder_with

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import known_hosts, login

HOST = {"address": "web", "port": 22}


@unittest.skipIf(login.paramiko is None, "paramiko is not here")
class HostKeys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mine, cls.other = [login.paramiko.ECDSAKey.generate() for _number in range(2)]

    def line(self, name, key):
        return "%s %s %s\n" % (name, key.get_name(), key.get_base64())

    def judged(self, text, **target):
        with folder_with({"known": text}) as root:
            target = dict(HOST, known_hosts=[os.path.join(root, "known"), "/none"], **target)
            known = known_hosts.known_keys(target)
            revoked = known_hosts.revoked_in(target, known_hosts.fingerprint(self.mine.asbytes()))
        return known_hosts.judge_host_key(self.mine, known, revoked)

    def test_a_key_that_known_hosts_has_is_known(self):
        found = self.judged(self.line("web", self.mine))
        self.assertEqual((found["status"], found["known_fingerprints"]), ("known", []))

    def test_another_key_of_the_same_type_is_a_change_and_both_are_shown(self):
        found = self.judged(self.line("web", self.other))
        self.assertEqual(found["status"], "changed")
        self.assertEqual(found["known_fingerprints"], [known_hosts.fingerprint(self.other.asbytes())])
        self.assertNotEqual(found["fingerprint"], found["known_fingerprints"][0])

    def test_a_second_key_of_the_same_type_may_be_the_right_one(self):
        self.assertEqual(self.judged(self.line("web", self.other) + self.line("web", self.mine))["status"], "known")

    def test_a_host_that_known_hosts_does_not_have_is_unknown(self):
        self.assertEqual(self.judged(self.line("other", self.other))["status"], "unknown")
        self.assertEqual(self.judged("")["status"], "unknown")

    def test_a_host_on_another_port_has_a_line_of_its_own(self):
        text = self.line("web", self.other) + self.line("[web]:2222", self.mine)
        self.assertEqual(self.judged(text, port=2222)["status"], "known")
        self.assertEqual(self.judged(text)["status"], "changed")

    def test_a_hashed_name_is_found(self):
        name = login.paramiko.HostKeys.hash_host("web")
        self.assertEqual(self.judged(self.line(name, self.mine))["status"], "known")

    def test_a_line_that_is_garbage_does_not_hide_the_others(self):
        for garbage in ("garbage\n", "web ssh-rsa !!!\n", "web ecdsa-sha2-nistp256 AAAA\n", "# no key\n\n"):
            self.assertEqual(self.judged(garbage + self.line("web", self.other))["status"], "changed", garbage)

    def test_a_line_with_a_marker_does_not_hide_the_others(self):
        for marker in ("@cert-authority *.example", "@revoked other"):
            text = self.line(marker, self.mine) + self.line("web", self.other)
            self.assertEqual(self.judged(text)["status"], "changed", marker)

    def test_a_key_that_is_marked_as_revoked_is_refused_however_well_it_is_known(self):
        found = self.judged(self.line("web", self.mine) + self.line("@revoked *", self.mine))
        self.assertEqual((found["status"], found["known_in"][0][-7:]), ("revoked", "known:2"))
        self.assertIn("revoked", known_hosts.refusal(found))
        for harmless in (self.line("@revoked *", self.other), self.line("@revoked !web,*", self.mine)):
            self.assertEqual(self.judged(self.line("web", self.mine) + harmless)["status"], "known")


class Credentials(unittest.TestCase):
    def test_a_key_file_that_is_not_there_says_nothing_about_the_host(self):
        with self.assertRaises(login.Undecided) as caught:
            login.find_credential({"private_key_file": "/none"})
        self.assertIn("/none does not exist", str(caught.exception))

    @unittest.skipIf(login.paramiko is None, "paramiko is not here")
    def test_what_is_offered_is_told_without_the_secret(self):
        self.assertEqual(login.find_credential({"password": "hunter2"})[3], None)
        used = login.used("password", "hunter2", None)
        self.assertEqual((used["kind"], used["fingerprint"], "hunter2" in str(used)), ("password", None, False))
        key = login.paramiko.ECDSAKey.generate()
        used = login.used("key", key, ["SHA256:1", "SHA256:2", "SHA256:3"])
        self.assertEqual(
            (used["kind"], used["fingerprint"], used["agent_keys"]),
            ("publickey", login.known_hosts.fingerprint(key.asbytes()), 3),
        )
        self.assertEqual(used["agent_fingerprints"][2], "SHA256:3")

    def test_without_any_credential_nothing_is_guessed(self):
        self.assertRaises(login.Undecided, login.find_credential, {"use_agent": False})

    @unittest.skipIf(login.paramiko is None, "paramiko is not here")
    def test_a_file_that_is_no_key_is_not_quoted(self):
        content = {"secret": "database password: hunter2\n"}
        with folder_with(content) as root, self.assertRaises(login.Undecided) as caught:
            login.find_credential({"private_key_file": os.path.join(root, "secret")})
        self.assertNotIn("hunter2", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
