# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.health import selinux

LOCAL = "# made by libsemanage\nportcon tcp 2222 system_u:object_r:ssh_port_t:s0\nportcon udp 2223 a:b:ssh_port_t:s0\n"


class Denials(unittest.TestCase):
    def setUp(self):
        self.found = selinux.denials(fixture("health", "audit.log").splitlines())

    def test_only_those_of_sshd_s_domain_and_none_that_a_user_name_says(self):
        self.assertEqual([denial["permissions"] for denial in self.found], [["name_bind"], ["read"], ["search"]])

    def test_each_ends_the_login_where_it_does(self):
        shown = [selinux._shown(denial, "enforcing", 2222, 7) for denial in self.found]
        self.assertEqual([one["enforced"] for one in shown], [True, True, False])
        self.assertEqual(shown[0]["explains"], ["refused"])
        self.assertIn("port 2222", shown[0]["text"])
        self.assertEqual(shown[1]["explains"], ["auth_denied"])
        self.assertEqual(selinux._shown(self.found[0], "enforcing", 22, 7)["explains"], [])

    def test_what_is_permissive_denies_nothing(self):
        self.assertFalse(selinux._shown(self.found[0], "permissive", 2222, 7)["enforced"])

    def test_without_auditd_the_kernel_s_own_lines(self):
        lines = [line.partition("] ")[2] for line in fixture("health", "kernel.apparmor.txt").splitlines()]
        found = selinux.denials(lines)
        self.assertEqual([denial["by"] for denial in found], ["AppArmor", "SELinux"])
        self.assertEqual(found[0]["path"], "/etc/ssh/keys/ops")
        self.assertEqual(found[1]["port"], 2022)

    def test_hostile_lines_are_passed_over_quickly(self):
        self.assertEqual(selinux.denials(["x" * 1000000, "type=AVC msg=audit(", "avc: denied {" * 10000]), [])


class PortLabel(unittest.TestCase):
    def label(self, port, local=None, listed=None):
        with folder_with({"active/ports.local": local} if local else {"empty": ""}) as root:
            places = (os.path.join(root, "active", "ports.local").replace("%", "%%") + "%.0s",)
            answer = (
                host.Result(0, listed, "", None) if listed else host.Result(None, "", "", "semanage is not installed")
            )
            with replaced(selinux, LOCAL_PORTS=places), replaced(host, run=lambda argv, timeout: answer):
                found = selinux.port_label(port, "targeted")
        return found["type"], found["allowed"]

    def test_the_policy_itself_has_22(self):
        self.assertEqual(self.label(22), ("ssh_port_t", True))

    def test_a_port_that_was_added(self):
        self.assertEqual(self.label(2222, LOCAL), ("ssh_port_t", True))

    def test_a_port_that_was_not(self):
        self.assertEqual(self.label(2223, LOCAL), (None, False))

    def test_semanage_knows_the_type(self):
        listed = fixture("health", "semanage_port.txt")
        self.assertEqual(self.label(2222, listed=listed), ("unreserved_port_t", False))
        self.assertEqual(self.label(2022, listed=listed), ("ssh_port_t", True))
        self.assertEqual(self.label(443, listed=listed), ("http_port_t", False))

    def test_who_cannot_look_does_not_say(self):
        self.assertEqual(self.label(2222), (None, None))


if __name__ == "__main__":
    unittest.main()
