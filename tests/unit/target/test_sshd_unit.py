# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import unittest

from target_helpers import fixture, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import unit

IMAGES = ("bookworm", "trixie")


def described(image, state):
    return unit.describe(unit.parse_show(fixture("sshd", "systemctl_show.%s.%s.txt" % (image, state))))


class States(unittest.TestCase):
    def assert_described(self, state, **wanted):
        for image in IMAGES:
            evidence = described(image, state)
            self.assertEqual({key: evidence[key] for key in wanted}, wanted, (image, state))

    def test_a_running_daemon(self):
        self.assert_described(
            "running", unit="ssh.service", unit_active_state="active", enabled=True, masked=False, unit_reason=None
        )

    def test_a_stopped_daemon(self):
        self.assert_described(
            "stopped", unit_active_state="inactive", unit_result="success", enabled=True, masked=False
        )

    def test_a_failed_daemon(self):
        self.assert_described("failed_address_not_there", unit_active_state="failed", unit_result="exit-code")
        self.assert_described("killed", unit_active_state="failed", unit_result="signal")

    def test_a_daemon_between_two_failing_starts(self):
        self.assertEqual(described("bookworm", "failed_bad_config")["unit_sub_state"], "auto-restart")
        self.assertEqual(described("trixie", "failed_host_keys_open")["unit_sub_state"], "auto-restart-queued")
        self.assertEqual(described("trixie", "failed_bad_config")["unit_sub_state"], "start-pre")

    def test_a_masked_unit_is_masked_and_never_starts(self):
        for state in ("masked_and_stopped", "masked_while_running", "masked_runtime"):
            self.assert_described(state, unit="ssh.service", masked=True, enabled=False)

    def test_a_disabled_unit_does_not_start_at_boot(self):
        self.assert_described("disabled", enabled=False, masked=False, unit_active_state="active")

    def test_what_is_enabled_until_the_next_boot_does_not_start_then(self):
        self.assert_described("enabled_runtime", enabled=False)

    def test_a_linked_unit_does_not_start_at_boot(self):
        self.assert_described("linked", enabled=False)

    def test_a_disabled_unit_that_another_one_wants_starts_at_boot(self):
        self.assert_described("wanted_by_another_unit", enabled=True)

    def test_a_unit_without_install_section_that_nothing_wants_does_not_start_at_boot(self):
        self.assert_described("static_without_install", unit_file_state="static", enabled=False)

    def test_a_unit_file_that_systemd_refuses(self):
        self.assert_described("bad_setting", unit_load_state="bad-setting")

    def test_socket_activation(self):
        for image in IMAGES:
            socket = described(image, "socket_activated")["socket"]
            self.assertEqual((socket["unit"], socket["active"], socket["enabled"]), ("ssh.socket", True, True))
            self.assertEqual({entry["port"] for entry in socket["listen"]}, {22})

    def test_every_place_where_a_socket_unit_listens(self):
        wanted = [("/run/ssh.sock", None), ("127.0.0.1", 2023), ("::", 2022), ("::1", 2024)]
        for image in IMAGES:
            listen = described(image, "socket_on_other_ports")["socket"]["listen"]
            self.assertEqual(sorted((entry["address"], entry["port"]) for entry in listen), wanted)

    def test_a_socket_unit_that_is_off_listens_nowhere(self):
        for image in IMAGES:
            socket = described(image, "running")["socket"]
            self.assertEqual((socket["active"], socket["enabled"]), (False, False))

    def test_the_command_of_the_unit(self):
        for image in IMAGES:
            evidence = described(image, "running")
            self.assertEqual(evidence["command"], ["/usr/sbin/sshd", "-D", "$SSHD_OPTS"])
            self.assertEqual(evidence["runtime_directory"], "sshd")

    def test_a_host_without_any_unit_has_none(self):
        evidence = unit.describe(
            unit.parse_show("Id=ssh.service\nLoadState=not-found\n\nId=ssh.socket\nLoadState=not-found")
        )
        self.assertEqual((evidence["unit"], evidence["socket"], evidence["enabled"]), (None, None, None))


class Enabled(unittest.TestCase):
    def test_every_state_of_a_unit_file(self):
        wanted = {
            "enabled": True,
            "enabled-runtime": False,
            "linked": False,
            "linked-runtime": False,
            "alias": True,
            "masked": False,
            "masked-runtime": False,
            "disabled": False,
            "indirect": None,
            "transient": None,
            "bad": None,
            "": None,
        }
        found = {state: unit._enabled({"Id": "ssh.service", "UnitFileState": state}) for state in wanted}
        self.assertEqual(found, wanted)

    def test_what_another_unit_wants_or_requires_starts_whatever_its_file_says(self):
        for state in ("disabled", "static"):
            for key in ("WantedBy", "RequiredBy"):
                self.assertTrue(
                    unit._enabled({"Id": "s.service", "UnitFileState": state, key: "basic.target"}), (state, key)
                )

    def test_a_generated_unit_starts_as_its_init_script_does(self):
        folders = {"/etc/rc2.d": ["S01ssh"], "/etc/rc3.d": ["K01ssh"]}
        for names, wanted in ((folders, True), ({"/etc/rc2.d": ["K01ssh", "S01sshguard"]}, False), ({}, None)):
            with replaced(host, names_in=lambda path, names=names: names.get(path, []), status_of=names.get):
                found = unit._enabled({"Id": "ssh.service", "UnitFileState": "generated"})
            self.assertEqual(found, wanted)


class Listen(unittest.TestCase):
    def test_every_kind_of_listen_line(self):
        cases = [
            ("[::]:22 (Stream)", ("::", 22)),
            ("0.0.0.0:22 (Stream)", ("0.0.0.0", 22)),
            ("[2001:db8::1]:2222 (Stream)", ("2001:db8::1", 2222)),
            ("22", ("::", 22)),
            ("[::]:22", ("::", 22)),
            ("/run/ssh.sock (Stream)", ("/run/ssh.sock", None)),
            ("@ssh (Stream)", ("@ssh", None)),
            ("vsock::22 (Stream)", ("vsock::22", None)),
            ("", ("", None)),
        ]
        for text, wanted in cases:
            found = unit.parse_listen(text)
            self.assertEqual((found["address"], found["port"]), wanted, text)

    def test_the_lines_of_an_older_systemd(self):
        (found,) = unit.parse_show("Id=sshd.socket\nListenStream=[::]:22\nListenStream=127.0.0.1:23\n")
        self.assertEqual(found["Listen"], ["[::]:22", "127.0.0.1:23"])


class Show(unittest.TestCase):
    def test_systemctl_that_fails_leaves_a_reason_and_no_guess(self):
        for result in (host.Result(None, "", "", "systemctl did not answer within 10 s"),
                       host.Result(1, "", "Failed to connect to bus", None)):  # fmt: skip
            with replaced(host, run=lambda argv, result=result: result):
                evidence = unit._systemd()
            self.assertEqual(evidence["unit_reason"], result.error or result.err)
            self.assertEqual((evidence["unit"], evidence["masked"], evidence["enabled"]), (None, None, None))


if __name__ == "__main__":
    unittest.main()
