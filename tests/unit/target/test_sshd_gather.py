# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import unittest

from target_helpers import replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather

OWN = ["127.0.0.1", "192.0.2.1", "2001:db8::1"]


def listener(address, port=22, v6only=None, pid=7, program="sshd"):
    processes = [{"pid": pid, "program": program}]
    keys = {"address": address, "port": port, "v6only": v6only, "pid": pid, "program": program}
    return dict(keys, protocol="tcp", processes=processes)


class ListensOnAddress(unittest.TestCase):
    def judged(self, bound, *addresses):
        with replaced(sockets, own_addresses=lambda: OWN):
            return gather.listens_on_address([listener(place) for place in bound], addresses)

    def test_an_address_that_is_covered(self):
        self.assertIs(self.judged(["0.0.0.0"], "192.0.2.1"), True)
        self.assertIs(self.judged(["127.0.0.1", "192.0.2.1"], "192.0.2.1"), True)

    def test_one_of_several_addresses_is_enough(self):
        self.assertIs(self.judged(["0.0.0.0"], "2001:db8::1", "192.0.2.1"), True)

    def test_an_address_of_the_host_that_is_left_out(self):
        self.assertIs(self.judged(["127.0.0.1"], "192.0.2.1"), False)
        self.assertIs(self.judged(["0.0.0.0"], "2001:db8::1"), False)
        self.assertIs(self.judged([], "192.0.2.1"), False)

    def test_behind_address_translation_nobody_can_tell(self):
        self.assertIsNone(self.judged(["192.0.2.1"], "198.51.100.9"))

    def test_address_translation_does_not_reach_loopback_or_the_other_family(self):
        self.assertIs(self.judged(["127.0.0.1"], "198.51.100.9"), False)
        self.assertIs(self.judged(["2001:db8::1"], "198.51.100.9"), False)

    def test_without_an_address_nobody_can_tell(self):
        self.assertIsNone(self.judged(["0.0.0.0"]))


class SeparationProblem(unittest.TestCase):
    def judged(
        self, directory="/run/sshd", state="ok", user=True, daemon=None, said=None, makes="sshd", manager="systemd"
    ):
        separation = {"directory": directory, "directory_state": state, "user": "sshd", "user_exists": user}
        evidence = {"daemon": daemon, "log": {"reason": said}, "runtime_directory": makes, "manager": manager}
        return gather.separation_problem(separation, evidence)

    def test_nothing_is_wrong_with_what_is_there(self):
        self.assertIsNone(self.judged())
        self.assertIsNone(self.judged(directory=None, state=None))

    def test_the_user_is_needed_whatever_the_directory(self):
        self.assertEqual(self.judged(user=False), "the user sshd does not exist")

    def test_a_directory_that_went_with_the_daemon_is_no_fault(self):
        self.assertIsNone(self.judged(state="missing"))
        self.assertIsNone(self.judged(state="missing", manager="sysv", makes=None))

    def test_a_directory_that_is_gone_under_a_running_daemon_is(self):
        self.assertEqual(self.judged(state="missing", daemon={"pid": 1}), "/run/sshd is missing")

    def test_a_directory_that_the_last_start_failed_for_is(self):
        said = "fatal: Missing privilege separation directory: /run/sshd"
        self.assertEqual(self.judged(state="missing", said=said, makes=None), "/run/sshd is missing")

    def test_a_directory_that_systemd_makes_and_sets_right_is_no_fault(self):
        for state in ("missing", "owned by ops", "writable by others (mode 0777)"):
            self.assertIsNone(self.judged(state=state), state)
        self.assertIsNotNone(self.judged(state="not a directory"))
        self.assertIsNotNone(self.judged(state="owned by ops", makes="other"))

    def test_a_lasting_directory_must_be_there_and_right(self):
        for state in ("missing", "owned by ops"):
            self.assertEqual(self.judged(directory="/var/empty/sshd", state=state), "/var/empty/sshd is %s" % state)


class JudgeLogin(unittest.TestCase):
    def judged(self, tables, listening, port=22, listen=None, socket=None, failures=()):
        evidence = {
            "listening": listening,
            "config": {"listen": listen} if listen is not None else None,
            "socket": socket,
            "log": {"bind_failures": list(failures)},
        }
        login = {"port": port, "addresses": ["192.0.2.1"]}
        listed = host.Result(0, "[::]:22 echo.socket echo@.service\n", "", None)
        web = {"program": "web", "command": "web -p"}
        own = {"own_addresses": lambda: OWN, "process": lambda pid: dict(web, pid=pid)}
        with replaced(host, run=lambda argv: listed), replaced(sockets, **own):
            return gather.judge_login(evidence, tables, login)

    def test_sshd_where_people_connect(self):
        own = listener("0.0.0.0")
        login = self.judged([own], [own], listen=[{"address": "*", "port": 22}])
        self.assertTrue(login["listens_on_port"] and login["listens_on_address"] and login["configured_for_port"])
        self.assertIsNone(login["port_holder"])

    def test_sshd_on_another_port(self):
        own = listener("0.0.0.0", port=2222)
        login = self.judged([own], [own], listen=[{"address": "*", "port": 2222}])
        self.assertEqual(
            (login["listens_on_port"], login["configured_for_port"], login["ports"]), (False, False, [2222])
        )

    def test_another_program_on_the_port(self):
        login = self.judged([listener("0.0.0.0", pid=9, program="web")], [], listen=[{"address": "*", "port": 22}])
        self.assertEqual((login["port_holder"]["program"], login["port_holder"]["unit"]), ("web", None))
        self.assertFalse(login["listens_on_port"])

    def test_a_socket_unit_on_the_port_is_named(self):
        login = self.judged([listener("::", pid=1, program="systemd")], [], listen=[{"address": "*", "port": 22}])
        self.assertEqual(login["port_holder"]["unit"], "echo.socket")

    def test_a_holder_that_cannot_be_seen_is_no_program(self):
        login = self.judged([listener("0.0.0.0", pid=None, program=None)], [])
        self.assertIsNone(login["port_holder"]["program"])

    def test_udp_on_the_port_is_nobody(self):
        login = self.judged([dict(listener("0.0.0.0", pid=9), protocol="udp")], [])
        self.assertIsNone(login["port_holder"])

    def test_who_cannot_see_the_owners_does_not_say_that_sshd_is_not_there(self):
        login = self.judged([listener("0.0.0.0", pid=None)], None)
        self.assertEqual(
            (login["listens_on_port"], login["listens_on_address"], login["port_holder"]), (None, None, None)
        )

    def test_a_port_on_which_nothing_waits_is_seen_without_owners(self):
        self.assertIs(self.judged([], None)["listens_on_port"], False)

    def test_an_active_socket_unit_overrides_the_configured_port(self):
        own = listener("::", port=22, pid=1)
        socket = {"active": True, "listen": [{"address": "::", "port": 22}]}
        login = self.judged([own], [own], port=2222, listen=[{"address": "*", "port": 2222}], socket=socket)
        self.assertTrue(login["socket_overrides"])
        login = self.judged([own], [own], port=22, listen=[{"address": "*", "port": 2222}], socket=socket)
        self.assertFalse(login["socket_overrides"])

    def test_the_newest_failure_to_listen_on_this_port_counts(self):
        failures = [{"port": 22, "error": "old"}, {"port": 22, "error": "new"}, {"port": 80, "error": "other"}]
        self.assertEqual(self.judged([], [], failures=failures)["bind_failure"]["error"], "new")
        self.assertIsNone(self.judged([], [], port=23, failures=failures)["bind_failure"])


class Listeners(unittest.TestCase):
    def test_sockets_of_a_daemon_and_of_an_active_socket_unit_take_logins(self):
        tables = [listener("0.0.0.0", pid=7), listener("::", port=2022, pid=1), listener("::", port=111, pid=1)]
        unit_socket = {"active": True, "listen": [{"address": "::", "port": 2022}, {"address": "/run/x", "port": None}]}
        found = gather.listeners(tables, [{"pid": 7}], unit_socket)
        self.assertEqual([entry["port"] for entry in found], [22, 2022])

    def test_a_socket_unit_that_is_off_takes_no_logins(self):
        unit_socket = {"active": False, "listen": [{"address": "::", "port": 2022}]}
        self.assertEqual(gather.listeners([listener("::", port=2022, pid=1)], [], unit_socket), [])


class Failed(unittest.TestCase):
    def test_a_daemon_that_systemd_starts_over_and_over_has_failed(self):
        # As seen in fixtures/sshd/systemctl_show.*.failed_*.
        states = [("failed", "failed"), ("activating", "auto-restart"), ("activating", "auto-restart-queued")]
        for active, sub in states:
            evidence = {"unit_active_state": active, "unit_sub_state": sub, "socket": None}
            self.assertTrue(gather._failed(evidence), sub)

    def test_a_socket_unit_that_failed_counts(self):
        evidence = {"unit_active_state": "inactive", "unit_sub_state": "dead", "socket": {"active_state": "failed"}}
        self.assertTrue(gather._failed(evidence))

    def test_a_daemon_that_was_stopped_or_runs_has_not(self):
        for active, sub in (("inactive", "dead"), ("active", "running"), (None, None)):
            self.assertFalse(gather._failed({"unit_active_state": active, "unit_sub_state": sub, "socket": None}))


class Start(unittest.TestCase):
    def evidence(self, **more):
        known = {"manager": "systemd", "unit": "ssh.service", "socket": None, "enabled": True, "binary": "/sbin/sshd"}
        known.update(unit_active_state="inactive", daemon=None, start_blocked_by=None)
        return dict(known, **more)

    def test_the_command_is_the_one_of_this_system(self):
        socket = {"unit": "ssh.socket", "enabled": True, "active_state": "inactive", "active": False}
        cases = [
            (self.evidence(), "systemctl start ssh.service"),
            (self.evidence(socket=socket, enabled=False), "systemctl start ssh.socket"),
            (self.evidence(socket=socket), "systemctl start ssh.service"),
            (self.evidence(manager="sysv", unit="sshd"), "service sshd start"),
            (self.evidence(manager="unknown", unit=None), "/sbin/sshd"),
        ]
        for evidence, wanted in cases:
            self.assertEqual(gather.start_command(evidence), wanted)

    def test_whether_the_next_boot_brings_it_back(self):
        socket = {"enabled": True, "active": False}
        cases = [
            (self.evidence(), True),
            (self.evidence(enabled=False), False),
            (self.evidence(enabled=False, socket=socket), True),
            (self.evidence(socket=socket, start_blocked_by="/etc/ssh/sshd_not_to_be_run"), False),
            (self.evidence(enabled=False, daemon={"pid": 7}), None),
            (self.evidence(enabled=False, daemon={"pid": 7}, unit_active_state="active"), False),
        ]
        for evidence, wanted in cases:
            self.assertIs(gather._starts_at_boot(evidence), wanted)


if __name__ == "__main__":
    unittest.main()
