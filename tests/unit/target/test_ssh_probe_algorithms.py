# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import unittest

from target_helpers import fixture, fixture_bytes, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import (
    algorithms,
    client_config,
    connect,
    gather,
    known_hosts,
    openssh,
)

TARGET = {"address": "192.0.2.1", "port": 22, "user": "root", "own_algorithms": True}


def real_offer(image):
    data = b"".join(fixture_bytes("ssh_probe", "first_bytes.%s.hex" % image))
    return connect.parse_offer(data[connect.find_banner(data)[2] :])


def offer(**fields):
    """What Debian 12 offers, but for these."""
    return dict(real_offer("bookworm"), **fields)


def both(kind, names):
    return {"%s_%s" % (kind, way): names for way in ("client_to_server", "server_to_client")}


CIPHERS = both("encryption", ["aes128-ctr"])


class Mismatches(unittest.TestCase):
    def kinds(self, **fields):
        return [one["kind"] for one in algorithms.mismatches(offer(**fields), algorithms.CURRENT)]

    def test_what_is_installed_today_agrees_with_itself(self):
        takes = algorithms.parse_settings(fixture("ssh_probe", "ssh_G.bookworm.txt"))
        for image in ("bookworm", "trixie", "bullseye"):
            self.assertEqual(algorithms.mismatches(real_offer(image), algorithms.CURRENT), [])
            self.assertEqual(algorithms.mismatches(real_offer(image), takes), [])

    def test_each_kind_by_itself_and_all_at_once(self):
        old = {
            "key exchange method": {"kex_algorithms": ["diffie-hellman-group1-sha1", "kex-strict-s-v00@openssh.com"]},
            "host key type": {"server_host_key_algorithms": ["ssh-rsa", "ssh-dss"]},
            "cipher": both("encryption", ["aes128-cbc", "3des-cbc"]),
            "MAC": dict(CIPHERS, **both("mac", ["hmac-md5"])),
        }
        for kind, fields in old.items():
            self.assertEqual(self.kinds(**fields), [kind])
        everything = dict(old["key exchange method"], **old["cipher"])
        self.assertEqual(self.kinds(**everything), ["key exchange method", "cipher"])

    def test_one_direction_is_enough(self):
        self.assertEqual(self.kinds(encryption_server_to_client=["aes128-cbc"]), ["cipher"])

    def test_an_old_algorithm_beside_a_current_one_does_no_harm(self):
        self.assertEqual(self.kinds(**both("encryption", ["3des-cbc", "aes256-ctr"])), [])

    def test_ciphers_that_need_no_mac(self):
        fields = dict(both("encryption", ["aes256-ctr", "aes128-gcm@openssh.com"]), **both("mac", ["hmac-md5"]))
        self.assertEqual(self.kinds(**fields), [])

    def test_a_signal_is_no_method(self):
        takes = dict(algorithms.CURRENT, kexalgorithms=["x", "kex-strict-c-v00@openssh.com"])
        found = algorithms.mismatches(offer(kex_algorithms=["y", "kex-strict-c-v00@openssh.com"]), takes)
        self.assertEqual(found[0]["offered"], ["y"])

    def test_who_is_to_blame(self):
        narrow = dict(algorithms.CURRENT, ciphers=["aes128-cbc"])
        (found,) = algorithms.mismatches(offer(), narrow)
        self.assertEqual((found["kind"], found["taken"], found["current_openssh"]), ("cipher", ["aes128-cbc"], True))
        (found,) = algorithms.mismatches(offer(**both("encryption", ["3des-cbc"])), narrow)
        self.assertFalse(found["current_openssh"])


class Judge(unittest.TestCase):
    SAID = "Unable to negotiate with 192.0.2.1 port 22: no matching %s found. Their offer: x"

    def test_the_client_s_words_count_even_where_its_lists_are_not_known(self):
        old = offer(server_host_key_algorithms=["ssh-rsa"])
        (found,) = algorithms.judge(self.SAID % "host key type", old, None)
        self.assertEqual((found["kind"], found["taken"], found["current_openssh"]), ("host key type", None, False))
        (found,) = algorithms.judge(self.SAID % "key exchange method", offer(), dict(algorithms.CURRENT))
        self.assertEqual((found["kind"], found["current_openssh"]), ("key exchange method", True))

    def test_a_failure_for_another_reason_is_no_mismatch(self):
        old = offer(**both("encryption", ["3des-cbc"]))
        for said in ("Connection closed by 192.0.2.1 port 22", "Bad server host key: Invalid key length", ""):
            self.assertEqual(algorithms.judge(said, old, algorithms.CURRENT), [])
        self.assertEqual(algorithms.judge(self.SAID % "cipher", None, algorithms.CURRENT), [])

    def test_a_client_that_does_not_tell(self):
        self.assertIsNone(algorithms.parse_settings(""))
        self.assertIsNone(algorithms.parse_settings("ciphers aes128-ctr\n"))


class WithoutTheClient(unittest.TestCase):
    def attempt(self, old, takes, program=None, **target):
        result = {"key_exchange_offer": old, "addresses": [{"client_port": 5}], "algorithms_mismatch": []}
        names = {"client_takes": lambda options, address: takes}
        with replaced(algorithms, **names), replaced(host, which=lambda name: program):
            try:
                gather._log_in(connect.Stream(Closed()), dict(TARGET, **target), "192.0.2.1", result, 1)
            except (connect.Failed, connect.Undecided) as reason:
                return getattr(reason, "outcome", None), result
        return "ok", result

    def test_a_server_that_no_client_of_today_takes_is_told_by_its_offer(self):
        with replaced(gather.login, paramiko=None):
            outcome, result = self.attempt(offer(**both("encryption", ["3des-cbc"])), None)
            self.assertEqual((outcome, result["algorithms_mismatch"][0]["kind"]), ("key_exchange_failed", "cipher"))
            self.assertEqual(self.attempt(offer(), None)[0], None)

    def test_a_password_that_cannot_be_given_to_the_client(self):
        narrow = dict(algorithms.CURRENT, ciphers=["aes128-cbc"])
        outcome, result = self.attempt(offer(), narrow, program="/usr/bin/ssh", password="x")
        self.assertEqual((outcome, result["algorithms_mismatch"][0]["taken"]), ("key_exchange_failed", ["aes128-cbc"]))


class Closed(object):
    def close(self):
        pass


class Configuration(unittest.TestCase):
    def chooses(self, files):
        with folder_with(files) as root:
            return client_config.chooses_algorithms([os.path.join(root, "config")])

    def test_only_a_file_that_chooses_has_ssh_asked(self):
        self.assertFalse(self.chooses({}))
        self.assertFalse(self.chooses({"config": "Host *\n  User x\n# Ciphers aes128-cbc\n"}))
        self.assertTrue(self.chooses({"config": "Host a\n\tciphers=aes128-cbc\n"}))
        self.assertTrue(self.chooses({"config": 'Include "conf.d/*.conf"\n', "conf.d/x.conf": "MACs hmac-md5\n"}))
        self.assertFalse(self.chooses({"config": "Include config\n"}))

    def test_what_use_ssh_config_turns_off_is_not_read(self):
        self.assertEqual(openssh.options(dict(TARGET, use_ssh_config=False))[:2], ["-F", "none"])
        self.assertNotIn("-F", openssh.options(TARGET))


class KnownHosts(unittest.TestCase):
    LINE = "web ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIbM2joLCyoGVlXQ13wluadrME3+hVWylKwN36pFohIV x\n"

    def test_the_fingerprint_of_a_line(self):
        with folder_with({"known": "# none\n" + self.LINE + "@revoked " + self.LINE + "web ssh-rsa A\n"}) as root:
            found = [known_hosts.fingerprint_in("%s/known:%d" % (root, number)) for number in range(6)]
        # As ssh-keygen -l prints it.
        self.assertEqual(found[2:4], ["SHA256:9FS0zLwaZTU2wWx3+hRnu4D5m/Vkv1hQ7+dWGSL6cQ4"] * 2)
        self.assertEqual([found[0], found[1], found[4], found[5]], [None] * 4)
        self.assertIsNone(known_hosts.fingerprint_in("/none:1"))


if __name__ == "__main__":
    unittest.main()
