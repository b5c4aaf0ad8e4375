# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection's own rules: their shape, and real evidence that fires each of them or nearly does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.rescue.remote_login.plugins.module_utils.sections import SECTIONS
from ansible_collections.rescue.remote_login.plugins.plugin_utils import rules
from ansible_collections.rescue.remote_login.plugins.plugin_utils.diagnosis import conclude

HERE = Path(__file__).parent
EVIDENCE = HERE / "evidence"
ROLES = HERE.parents[2] / "roles"
SOURCES = {
    "000_f5a72750ed019289.txt",
    "001_8064a8fcc13762d6.txt",
    "002_4ccb7bd5185e32b8.txt",
    "003_9b580e4f7fb0bb65.txt",
    "004_2f34e74a9fa02293.txt",
}
# What a rule takes into account where it is there, and does without where it is not.
LOOKED_AT = {
    "bandwidth_saturated": {"bandwidth"},
    "blocked_upstream": {"bandwidth"},
    "daemon_cannot_fork": {"account"},
    "firewall_blocks_port": {"bans", "sshd"},
    "host_unreachable": {"bandwidth"},
    "max_startups": {"bans"},
    "mtu_black_hole": {"bandwidth", "firewall", "network"},
    "no_return_route": {"bandwidth", "bans", "firewall"},
    "pam_denies": {"auth_log", "health"},
    "selinux_denial": {"sshd"},
    "session_start_files": {"auth_log", "health"},
    "source_penalty": {"sshd"},
    "slow_name_lookup": {"bans", "sshd"},
    "sshd_config_invalid": {"account", "auth_log"},
    "sshd_confined": {"auth_log"},
    "sshd_folder_changed": {"auth_log"},
    "sshd_on_other_port": {"firewall"},
    "sshd_rules_outdated": {"auth_log"},
}
RULES = {rule.id: rule for rule in rules.load()}
FILES = sorted(path.relative_to(EVIDENCE).with_suffix("").as_posix() for path in EVIDENCE.glob("*/*.json"))


def diagnosis_of(name: str) -> dict[str, Any]:
    return conclude(json.loads((EVIDENCE / f"{name}.json").read_text()), list(RULES.values()))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_names_the_document_that_it_comes_from(rule: str) -> None:
    assert RULES[rule].source in SOURCES


@pytest.mark.parametrize("rule", RULES)
def test_the_remedy_that_a_rule_promises_is_a_role(rule: str) -> None:
    remedy = RULES[rule].remedy
    assert remedy is None or (ROLES / remedy / "tasks").is_dir() or (ROLES / remedy / "meta").is_dir()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_needs_only_sections_that_exist_and_all_that_it_asks(rule: str) -> None:
    found = RULES[rule]
    sections = {need.partition(".")[0] for need in found.needs}
    assert sections <= {*SECTIONS, "outside"}
    asked = " ".join([found.when, found.risk_when or ""])
    assert {name for name in SECTIONS if f"inside.{name}." in asked} <= sections | LOOKED_AT.get(rule, set())


@pytest.mark.parametrize("rule", RULES)
def test_a_blocking_rule_explains_something_and_says_what_to_do(rule: str) -> None:
    found = RULES[rule]
    assert bool(found.explains) == (found.severity == "blocking")
    assert found.fix
    if found.severity == "blocking" and "outside" not in found.needs:
        assert found.console


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_evidence_that_fires_it_and_evidence_that_nearly_does(rule: str) -> None:
    names = [path.name for path in (EVIDENCE / rule).glob("*.json")]
    assert any(name.startswith("fires") for name in names)
    assert any(name.startswith("silent") for name in names)


def test_evidence_has_its_rule_and_its_provenance() -> None:
    cases = yaml.safe_load((EVIDENCE / "cases.yml").read_text())
    assert sorted(f"{rule}/{name}" for rule, named in cases.items() for name in named) == FILES
    assert {name.partition("/")[0] for name in FILES} <= set(RULES)


@pytest.mark.parametrize("name", FILES)
def test_real_evidence_fires_the_rule_or_leaves_it_silent(name: str) -> None:
    rule, _slash, case = name.partition("/")
    found = [finding["id"] for finding in diagnosis_of(name)["findings"]]
    assert (rule in found) == case.startswith("fires"), found


@pytest.mark.parametrize("name", [name for name in FILES if "/fires" in name])
def test_a_finding_is_told_without_a_gap_and_leads_where_nobody_gets_in(name: str) -> None:
    diagnosis = diagnosis_of(name)
    rule = name.partition("/")[0]
    (finding,) = [finding for finding in diagnosis["findings"] if finding["id"] == rule]
    assert finding["detail"] == finding["detail"].strip(" :,")
    assert not finding["detail"].endswith("unknown")
    assert "{" not in finding["detail"] + finding["fix"]
    if finding["severity"] == "blocking":
        assert diagnosis["cause"] == rule


@pytest.mark.parametrize("name", FILES)
def test_nobody_is_alarmed_where_people_can_log_in(name: str) -> None:
    diagnosis = diagnosis_of(name)
    blocking = [finding["id"] for finding in diagnosis["findings"] if finding["severity"] == "blocking"]
    if diagnosis["verdict"] == "can_login":
        assert (diagnosis["cause"], blocking) == (None, [])
    else:
        assert diagnosis["outcome"] != "ok"


# What the words of a finding must point at: the thing that a good engineer would name.
POINTS_AT = {
    "sshd_failed/fires-not-executable": "Permission denied",
    "sshd_failed/fires-unit-file-wrong": "bad unit file setting",
    "sshd_failed/fires-killed": "code=killed",
    "sshd_failed/fires-bad-option": "unknown option -- Z",
    "sshd_config_invalid/fires-unknown-keyword": "/etc/ssh/sshd_config line 123",
    "sshd_config_invalid/fires-drop-in": "/etc/ssh/sshd_config.d/50-own.conf line 1",
    "port_taken/fires-program": "python3",
    "port_taken/fires-socket-unit": "echo.socket",
    "port_taken/fires-another-ssh-server": "gitsshd",
    "sshd_on_other_port/fires-command-line": "-p 2222",
    "sshd_on_other_port/fires-configured": "/etc/ssh/sshd_config:123 Port 2222",
    "sshd_not_on_address/fires-loopback-only": "ListenAddress 127.0.0.1",
    "sshd_not_on_address/fires-other-family": "AddressFamily inet6",
    "sshd_not_on_address/fires-address-not-there": "192.0.2.77",
    "sshd_stopped/fires-start-blocked": "/etc/ssh/sshd_not_to_be_run",
    "link_down/fires-bridge-whose-port-is-down": "eth0 is administratively down",
    "link_down/fires-address-removed": "is on none of the links",
    "no_return_route/fires-blackhole-in-a-table-of-a-rule": "blackhole default table 100",
    "no_return_route/fires-wrong-neighbour-by-hand": "02:00:00:de:ad:01",
    "no_return_route/fires-gateway-that-is-not-there": "the gateway 10.77.1.250 does not answer",
    "reverse_path_filter/fires-strict-behind-a-router": "net.ipv4.conf.net1.rp_filter is strict",
    "mtu_black_hole/fires-router-that-says-nothing": "passes with segments of 256 bytes",
    "daemon_cannot_fork/fires-killed-for-want-of-memory": "killed sshd",
    "daemon_cannot_fork/fires-no-tasks-for-the-user": "/etc/security/limits.d/90-x.conf line 1",
    "disk_full/fires-home-cannot-be-made": "pam_mkhomedir in /etc/pam.d/sshd",
    "disk_full/fires-log-of-logins": "/var/log",
    "selinux_port_label/fires-no-label": "unreserved_port_t",
    "selinux_denial/fires-authorized-keys": "authorized_keys",
    "selinux_denial/fires-apparmor-keeps-it-from-starting": "/etc/ssh/sshd_config",
    "local_network_problem/fires-first-vantage-blocked": "localhost: timed_out",
}


@pytest.mark.parametrize("name", POINTS_AT)
def test_a_finding_points_at_the_thing_itself(name: str) -> None:
    rule = name.partition("/")[0]
    details = [finding["detail"] for finding in diagnosis_of(name)["findings"] if finding["id"] == rule]
    assert details
    assert POINTS_AT[name] in details[0]


def test_a_fix_is_one_that_the_system_knows() -> None:
    for name in FILES:
        document = json.loads((EVIDENCE / f"{name}.json").read_text())
        if document["inside"].get("sshd", {}).get("manager") == "sysv":
            fixes = [finding["fix"] for finding in diagnosis_of(name)["findings"]]
            assert not [fix for fix in fixes if "systemctl" in fix], name


def test_a_unit_that_is_enabled_is_not_told_to_be_enabled() -> None:
    findings = diagnosis_of("sshd_stopped/fires-start-blocked")["findings"]
    told = [finding["detail"] + finding["fix"] for finding in findings if finding["id"] == "sshd_disabled_at_boot"]
    assert not [text for text in told if "is not enabled" in text or "systemctl enable" in text]
