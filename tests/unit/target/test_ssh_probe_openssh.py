# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import unittest

from target_helpers import fixture_json

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import connect, openssh

TARGET = {"address": "192.0.2.1", "port": 22, "user": "root"}


def judged(name, **target):
    """(outcome, detail, result) of a saved run of the client."""
    said = fixture_json("ssh_probe", "ssh_v.%s.json" % name)
    result = {"authenticated": False, "auth_methods": None, "host_key": None, "session": None}
    try:
        openssh.judge(said["rc"], said["out"], said["err"], said["error"], dict(TARGET, **target), result)
    except connect.Failed as failure:
        return failure.outcome, failure.detail, result
    return "ok", "", result


class Judge(unittest.TestCase):
    def test_every_way_in_which_an_attempt_can_end(self):
        cases = {
            "ok": "ok",
            "host_key_known": "ok",
            "host_key_changed": "host_key_changed",
            "auth_denied": "auth_denied",
            "session_killed": "auth_denied",
            "session_failed": "session_failed",
            "no_matching_kex": "key_exchange_failed",
            "no_matching_host_key": "key_exchange_failed",
            "closed_in_key_exchange": "key_exchange_failed",
            "hangs_in_key_exchange": "key_exchange_timed_out",
        }
        found = {name: judged(name)[0] for name in cases}
        self.assertEqual(found, cases)

    def test_the_host_key_is_told_with_its_state(self):
        cases = {"ok": "unknown", "host_key_known": "known", "host_key_changed": "changed", "auth_denied": "unknown"}
        for name, wanted in cases.items():
            key = judged(name)[2]["host_key"]
            self.assertEqual(key["known_in"], ["/tmp/known_hosts:1"] if wanted == "changed" else [])
            self.assertEqual((key["type"], key["status"]), ("ssh-ed25519", wanted))
            self.assertTrue(key["fingerprint"].startswith("SHA256:"))

    def test_a_credential_that_is_not_all_decides_nothing(self):
        err = "debug1: Server host key: ssh-ed25519 SHA256:x\ndebug1: SSH2_MSG_NEWKEYS received\n"
        err += 'Authenticated using "publickey" with partial success.\n'
        err += "debug1: Authentications that can continue: password\nPermission denied (password).\n"
        with self.assertRaises(connect.Undecided) as caught:
            openssh.judge(255, "", err, None, TARGET, {"credential": "key file k"})
        self.assertEqual(str(caught.exception), "key file k was accepted; the server also wants password")

    def test_the_methods_that_the_server_takes_are_told(self):
        self.assertEqual(judged("auth_denied")[2]["auth_methods"], ["publickey", "password"])

    def test_the_key_that_was_offered_is_told(self):
        wanted = {
            "kind": "publickey",
            "type": "ssh-ed25519",
            "fingerprint": "SHA256:W5/Cz0spKpksLGsL890+FS67vhK+kvoO0fTSqHa3LMs",
            "agent_keys": None,
            "agent_fingerprints": [],
        }
        for name in ("ok", "auth_denied", "banner_lies"):
            self.assertEqual(judged(name)[2]["credential_used"], wanted, name)
        self.assertIsNone(judged("no_matching_kex")[2]["credential_used"])

    def test_of_several_keys_the_one_that_was_accepted_is_told(self):
        offers = "".join(
            "debug1: Offering public key: a key %d RSA SHA256:%d agent\n" % (number, number) for number in (1, 2)
        )
        found = openssh.used(offers + "debug1: Server accepts key: a key 2 RSA SHA256:2 agent\n")
        self.assertEqual((found["fingerprint"], found["type"], found["agent_keys"]), ("SHA256:2", "ssh-rsa", 2))
        self.assertEqual(found["agent_fingerprints"], ["SHA256:1", "SHA256:2"])
        self.assertEqual(openssh.used(offers)["fingerprint"], "SHA256:1")
        older = openssh.used("debug1: Offering public key: RSA SHA256:1 /root/.ssh/id_rsa\n")
        self.assertEqual((older["fingerprint"], older["type"]), ("SHA256:1", "ssh-rsa"))

    def test_a_login_is_told_as_one(self):
        for name, wanted in (
            ("ok", True),
            ("session_failed", True),
            ("auth_denied", False),
            ("no_matching_kex", False),
        ):
            self.assertEqual(judged(name)[2]["authenticated"], wanted, name)

    def test_without_a_login_the_host_key_is_enough(self):
        self.assertEqual(judged("auth_denied", authenticate=False)[0], "ok")
        self.assertEqual(judged("no_matching_kex", authenticate=False)[0], "key_exchange_failed")

    def test_the_reason_is_the_client_s_own(self):
        self.assertIn("no matching key exchange method found", judged("no_matching_kex")[1])
        self.assertIn("Permission denied (publickey,password)", judged("auth_denied")[1])

    def test_why_a_session_failed_is_not_its_transfer_rate(self):
        detail = judged("session_failed")[1]
        self.assertIn("not available", detail)
        self.assertNotIn("Bytes per second", detail)

    def test_a_banner_that_speaks_as_the_client_does_is_not_believed(self):
        outcome, _detail, result = judged("banner_lies")
        self.assertEqual((outcome, result["authenticated"]), ("auth_denied", False))
        self.assertEqual(result["auth_methods"], ["publickey", "password"])


class Arguments(unittest.TestCase):
    def test_nothing_is_asked_written_or_taken_for_an_option(self):
        argv = openssh.arguments(dict(TARGET, user="-oProxyCommand=x", private_key_file="/k"), "192.0.2.1", 0.5)
        self.assertEqual(argv[-3:], ["--", "192.0.2.1", "true"])
        for option in ("BatchMode=yes", "UpdateHostKeys=no", "ConnectTimeout=1", "IdentitiesOnly=yes"):
            self.assertIn(option, argv)
        self.assertEqual(argv[argv.index("-l") + 1], "-oProxyCommand=x")
        (files,) = [word for word in argv if word.startswith("UserKnownHostsFile=")]
        self.assertTrue(files.startswith("UserKnownHostsFile=/dev/null"))

    def test_a_host_on_another_port_is_looked_up_as_known_hosts_has_it(self):
        self.assertIn("HostKeyAlias=[192.0.2.1]:2222", openssh.arguments(dict(TARGET, port=2222), "192.0.2.1", 8))
        self.assertIn("HostKeyAlias=192.0.2.1", openssh.arguments(TARGET, "192.0.2.1", 8))


if __name__ == "__main__":
    unittest.main()
