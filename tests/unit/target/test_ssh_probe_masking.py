# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import unittest

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import masking


class Masking(unittest.TestCase):
    def test_the_words_of_a_diagnosis_stay_whatever_the_secret_is(self):
        result = {"outcome": "auth_denied", "rung": "auth", "user": "auth", "port": 22, "authenticated": False,
                  "auth_methods": ["publickey", "password"], "small_segments": {"again": "auth_denied", "mss": 256},
                  "addresses": [{"address": "192.0.2.2", "outcome": "connected"}]}  # fmt: skip
        for secret in ("auth", "password", "2", "e", "publickey"):
            self.assertEqual(masking.masked(result, [secret]), result, secret)

    def test_no_secret_comes_back_from_whom_it_was_told(self):
        secrets, covered = masking.take_secrets(
            [{"password": "hunter2", "user": "ops"}, {"passphrase": "hunter2 and more", "password": None}]
        )
        self.assertEqual(covered[0], {"password": masking.MASK, "user": "ops"})
        self.assertEqual(covered[1], {"passphrase": masking.MASK, "password": None})
        said = {"detail": "denied: hunter2 and more", "session": {"output": "your password is hunter2"},
                "auth_banner": u"hunter2 \xe4", "lines_before_banner": ["hunter2"], "auth_methods": ["x-hunter2"],
                "error": None}  # fmt: skip
        answer = masking.masked(said, secrets)
        self.assertNotIn("hunter2", json.dumps(answer))
        self.assertEqual(answer["detail"], "denied: " + masking.MASK)
