# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SELinux and AppArmor with what systems that have them have written. They do not run where the other tests run."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import os
import unittest

from target_helpers import fixture, fixture_json, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.health import kernel_log, selinux

RECORDED = {one["name"]: one["text"] for one in fixture_json("health", "denials.recorded.json")}
LOGIN = {"port": 22, "addresses": [], "user": "ops", "clients": []}
ENFORCING = {"enforce": "1"}
HEAD = "audit: type=1400 audit(1733000000.000:7): "


def found(name, head="", confined=None):
    return selinux.denials([head + line for line in RECORDED[name].split("\n")], confined)


def explained(name, port=22, pid=7, head=""):
    return [selinux.outcomes(denial, port, pid) for denial in found(name, head)]


class Denials(unittest.TestCase):
    def test_a_port_that_the_daemon_may_not_bind_and_one_that_a_user_may_not_forward(self):
        self.assertEqual(explained("bind", port=20000, pid=None), [["refused"]])
        self.assertEqual(found("bind")[0]["target"], "unreserved_port_t")
        self.assertEqual(explained("forward_gentoo"), [[]])

    def test_keys_that_sshd_may_not_read_on_old_and_new_systems(self):
        for name, head in (("keys_centos", ""), ("keys_folder_centos6", ""), ("keys_rocky10", HEAD)):
            self.assertEqual(explained(name, head=head), [["auth_denied"]], name)
            (denial,) = found(name, head)
            self.assertTrue(selinux._shown(denial, "enforcing", 22, 7)["enforced"], name)
        self.assertEqual(found("keys_rocky10", HEAD)[0]["path"], "/home/deploy/.ssh/authorized_keys")

    def test_what_is_denied_on_hosts_where_logins_work_explains_nothing(self):
        for name in ("vsock_fedora", "sysctl_fedora", "motd_kernel", "fips_records"):
            self.assertTrue(found(name), name)
            self.assertEqual([one for one in explained(name, pid=None) if one], [], name)
        for name in ("logind", "inherited_chkpwd"):
            self.assertEqual(explained(name, head=HEAD), [[]], name)

    def test_a_shell_that_sshd_may_not_start(self):
        self.assertEqual(explained("transition_shell", head=HEAD), [["session_failed", "auth_denied"]])

    def test_a_domain_that_is_permissive_denies_nothing(self):
        for denial in found("auth_suse") + found("fips_records"):
            self.assertFalse(selinux._shown(denial, "enforcing", 22, 7)["enforced"])

    def test_one_event_of_several_records_and_the_words_of_user_space(self):
        self.assertEqual([one["permissions"] for one in found("fips_records")], [["search"], ["open"]])
        self.assertEqual(found("systemd_user_avc"), [])

    def test_other_programs_of_the_same_form(self):
        for name in ("started_by_systemd", "ring_buffer_gentoo", "shadow_httpd", "apparmor_capability"):
            self.assertEqual(found(name), [], name)
        self.assertEqual(found("apparmor_ring_buffer"), [])

    def test_a_daemon_that_systemd_may_not_start(self):
        # The form is recorded of another service.
        line = RECORDED["started_by_systemd"].replace("(key-sync)", "(sshd)").replace("ssh-key-sync", "sshd")
        (denial,) = selinux.denials([line])
        self.assertEqual(selinux.outcomes(denial, 22, None), ["refused"])
        self.assertEqual(selinux.outcomes(denial, 22, 7), ["closed_before_banner"])

    def test_the_helper_that_reads_the_passwords_and_a_daemon_without_a_domain_of_its_own(self):
        self.assertEqual(explained("shadow_chkpwd"), [["auth_denied"]] * 2)
        # The form is recorded in another domain.
        self.assertEqual(len(selinux.denials([RECORDED["motd_kernel"].replace(":sshd_t:", ":kernel_t:")])), 1)
        self.assertEqual(selinux.denials([RECORDED["motd_kernel"].replace(":sshd_t:", ":user_t:")]), [])

    def test_a_name_in_hexadecimal(self):
        coded = binascii.hexlify(b"/srv/a b/.ssh/authorized_keys\n").decode("ascii").upper()
        line = (HEAD + RECORDED["keys_rocky10"]).replace('"/home/deploy/.ssh/authorized_keys"', coded)
        self.assertEqual(selinux.denials([line])[0]["path"], "/srv/a b/.ssh/authorized_keys")

    def test_apparmor_by_profile_and_program(self):
        (denial,) = found("apparmor_keys", HEAD)
        self.assertEqual((denial["by"], denial["target"], denial["program"]), ("AppArmor", "sshd", "sshd-session"))
        self.assertEqual(explained("apparmor_keys", head=HEAD), [["auth_denied"]])
        # What is only told, and not denied, is passed over.
        self.assertEqual(explained("apparmor_session", head=HEAD), [["closed_before_banner", "key_exchange_failed"]])

    def test_apparmor_of_a_container_is_not_this_host_s(self):
        line = RECORDED["apparmor_container"].replace("ALLOWED", "DENIED")
        self.assertEqual(selinux.denials([HEAD + line]), [])
        inside = {"profile": "docker_titus", "mode": "enforce"}
        self.assertEqual(len(selinux.denials([HEAD + line], inside)), 1)

    def test_apparmor_of_a_capability_without_which_no_port_is_bound(self):
        # The form is recorded of another program.
        line = RECORDED["apparmor_capability"].replace("unix-chkpwd", "/usr/sbin/sshd").replace("unix_chkpwd", "sshd")
        (denial,) = selinux.denials([line.replace("dac_read_search", "net_bind_service")])
        self.assertIn("refused", selinux.outcomes(denial, 22, None))


class Sources(unittest.TestCase):
    """audit.log and the ring buffer: what is new counts, wherever it is."""

    def lines(self, files, kernel, auditd=False):
        with folder_with(files) as root:
            running = {"has_process": lambda program: auditd}
            with replaced(selinux, AUDIT_LOG=os.path.join(root, "audit.log")), replaced(host, **running):
                return selinux.audit_lines(kernel)

    def test_a_file_that_is_left_from_former_times_hides_no_message_of_the_kernel(self):
        lines, reason = self.lines({"audit.log": RECORDED["keys_centos"] + "\n"}, [(1.0, RECORDED["motd_kernel"])])
        told = [denial["when"] for denial in selinux.denials(lines)]
        self.assertEqual((told, reason), ([1461618507.140, 1531249772.577], None))

    def test_a_file_that_nobody_writes_to_and_no_messages_of_the_kernel_are_not_known(self):
        files = {"audit.log": RECORDED["keys_centos"]}
        self.assertIn("auditd does not run", self.lines(files, [])[1])
        self.assertIsNone(self.lines(files, [], auditd=True)[1])
        self.assertIn("audit.log", self.lines({}, [])[1])
        self.assertIsNone(self.lines({}, [(1.0, "x")])[1])

    def test_a_line_of_the_file_ends_where_auditd_ends_it(self):
        line = "type=AVC msg=audit(1733000000.000:7): " + RECORDED["apparmor_keys"].replace(
            " FSUID", b"\x1dFSUID".decode()
        )
        made_up = b"type=USER_LOGIN msg=audit(1733000000.000:8): acct=\xc2\x85".decode("utf-8") + line
        lines, _reason = self.lines({"audit.log": line + "\n" + made_up + "\n"}, [], auditd=True)
        self.assertEqual([denial["path"] for denial in selinux.denials(lines)], ["/home/remote/.ssh/authorized_keys"])

    def test_the_ring_buffer_as_dmesg_prints_it(self):
        text = RECORDED["ring_buffer_gentoo"] + "\n" + RECORDED["apparmor_ring_buffer"] + "\n"
        lines = self.lines({}, kernel_log.parse(text, 0))[0]
        self.assertTrue(selinux.AVC.match(lines[0]) and selinux.APPARMOR.match(lines[1]))


class Look(unittest.TestCase):
    def look(self, files, line, pid=None, kernel=True, now=None, **login):
        """With these files of /sys and /etc, and a line in the ring buffer."""
        when = selinux.denials([line])[0]["when"] if line else 0
        with folder_with(dict({"none": ""}, **files)) as root:
            places = {
                "SELINUX": root,
                "CONFIG": os.path.join(root, "config"),
                "LOCAL_PORTS": (os.path.join(root, "ports.local").replace("%", "%%") + "%.0s",),
                "AUDIT_LOG": os.path.join(root, "audit.log"),
                "APPARMOR_ON": os.path.join(root, "enabled"),
                "PROFILES": os.path.join(root, "profiles"),
            }
            with replaced(selinux, **places):
                lines = [(when, line)] if kernel and line else []
                return selinux.look(dict(LOGIN, **login), pid, lines, when + 60 if now is None else now)

    def test_selinux_with_its_settings_a_port_and_a_denial(self):
        files = dict(ENFORCING, config="# comment\nSELINUX=enforcing\nSELINUXTYPE=targeted\n")
        told, reason = self.look(files, RECORDED["motd_kernel"], pid=os.getpid())
        self.assertEqual((told["mode"], told["configured"], told["policy"]), ("enforcing", "enforcing", "targeted"))
        self.assertTrue(told["port"]["allowed"])
        self.assertEqual((len(told["in_force"]), reason), (1, None))

    def test_modes(self):
        line = RECORDED["keys_centos"]
        for files, mode, denials, in_force in (
            ({}, "disabled", 0, 0),
            ({"enforce": "0"}, "permissive", 1, 0),
            (ENFORCING, "enforcing", 1, 1),
        ):
            told, _reason = self.look(files, line, pid=os.getpid())
            self.assertEqual((told["mode"], len(told["denials"]), len(told["in_force"])), (mode, denials, in_force))

    def test_old_denials_do_not_count(self):
        self.assertEqual(self.look(ENFORCING, RECORDED["keys_centos"], now=1461618507 + 3600)[0]["denials"], [])

    def test_no_source_of_denials_is_told(self):
        self.assertIn("audit.log", self.look(ENFORCING, None)[1])
        self.assertIsNone(self.look({}, None)[1])

    def test_apparmor_that_keeps_the_daemon_from_starting(self):
        line = HEAD + RECORDED["apparmor_keys"].replace("/home/remote/.ssh/authorized_keys", "/etc/ssh/sshd_config")
        told, _reason = self.look({"enabled": "Y\n", "profiles": "/usr/bin/man (enforce)\nsshd (enforce)\n"}, line)
        self.assertEqual(told["apparmor"], {"profile": "sshd", "mode": "enforce"})
        self.assertIn("refused", told["in_force"][0]["explains"])

    def test_apparmor_that_cannot_deny_sshd_anything_is_not_asked(self):
        line = HEAD + RECORDED["apparmor_keys"]
        for files in (
            {"enabled": "N\n", "profiles": "sshd (enforce)\n"},
            {"enabled": "Y\n", "profiles": "/usr/bin/man (enforce)\nsshd (complain)\n"},
        ):
            self.assertEqual(self.look(files, line)[0]["denials"], [])
        # Others than root may not read the list.
        self.assertEqual(len(self.look({"enabled": "Y\n"}, line)[0]["denials"]), 1)

    def test_the_profile_of_a_process(self):
        self.assertIsNone(selinux.apparmor_of(None))
        for text, profile in (
            ("/usr/sbin/sshd (enforce)\n", {"profile": "/usr/sbin/sshd", "mode": "enforce"}),
            ("unconfined\n", None),
            ("system_u:system_r:sshd_t:s0-s0:c0.c1023\0", None),
            ("", None),
        ):
            with replaced(host, read=lambda path, limit=0, text=text: host.Text(text, None)):
                self.assertEqual(selinux.apparmor_of(7), profile)


class Ports(unittest.TestCase):
    def test_what_was_added_counts_before_what_the_policy_says(self):
        listed = fixture("health", "semanage_port.almalinux10.txt")
        self.assertEqual(selinux.listed_type(listed, 3306), "ssh_port_t")
        self.assertEqual(selinux.listed_type(listed, 1186), "mysqld_port_t")
        self.assertEqual(selinux.listed_type(fixture("health", "semanage_port.gentoo.txt"), 50022), "ssh_port_t")
        self.assertIsNone(selinux.listed_type(fixture("health", "semanage_port.gentoo.txt"), 2222))


if __name__ == "__main__":
    unittest.main()
