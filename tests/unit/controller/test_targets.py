# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import Any

import pytest

from ansible_collections.rescue.remote_login.plugins.plugin_utils import slowness, targets, words

DEFAULTS = {"connection": "ssh", "user": None, "private_key_file": None}
COMMON = "ansible_ssh_common_args"


def target(variables: dict[str, Any] | None = None, **defaults: Any) -> dict[str, Any]:
    return targets.target("web", variables or {}, {**DEFAULTS, **defaults})


# --- the attempt ---


def test_without_any_variable_it_is_the_login_that_ssh_would_try() -> None:
    # Port and user are left to the ssh_config of the vantage.
    assert target() == {"name": "web", "address": "web", "authenticate": True, "use_ssh_config": True}


def test_the_connection_s_variables_are_the_attempt() -> None:
    found = target({"ansible_host": "192.0.2.1", "ansible_port": 2222, "ansible_user": "ops", "ansible_password": "x",
                    "ansible_ssh_private_key_file": "/k"})  # fmt: skip
    assert (found["address"], found["port"], found["user"]) == ("192.0.2.1", 2222, "ops")
    assert (found["password"], found["private_key_file"]) == ("x", "/k")


def test_what_is_set_for_the_diagnosis_counts_more_than_the_connection() -> None:
    connection = {"ansible_host": "a", "ansible_port": 1, "ansible_user": "a", "ansible_private_key_file": "/a"}
    own = {"remote_login_address": "b", "remote_login_port": 2, "remote_login_user": "b"}
    found = target({**connection, **own, "remote_login_private_key_file": "/b", "remote_login_timeout": 3})
    assert (found["address"], found["port"], found["user"], found["private_key_file"]) == ("b", 2, "b", "/b")
    assert found["timeout"] == 3


def test_an_empty_variable_is_not_set() -> None:
    found = target({"remote_login_user": "", "ansible_user": "ops", "ansible_port": None})
    assert (found["user"], "port" in found) == ("ops", False)


def test_the_command_line_stands_in_where_the_inventory_says_nothing() -> None:
    found = target(user="cli", private_key_file="/cli")
    assert (found["user"], found["private_key_file"]) == ("cli", "/cli")


@pytest.mark.parametrize("name", ["ansible_password", "ansible_ssh_password", "ansible_ssh_pass"])
def test_a_password_is_never_tried_for_another_user(name: str) -> None:
    variables = {"ansible_user": "ops", name: "secret"}
    assert target(variables)["password"] == "secret"
    assert target({**variables, "remote_login_user": "ops"})["password"] == "secret"
    assert "password" not in target({**variables, "remote_login_user": "alice"})
    assert target({**variables, "remote_login_user": "alice", "remote_login_password": "hers"})["password"] == "hers"


def test_the_machine_itself_is_reached_by_its_address_and_no_login_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "own_address", lambda: "192.0.2.7")
    found = target({"ansible_connection": "local"})
    assert (found["address"], found["authenticate"]) == ("192.0.2.7", False)
    assert target(connection="local")["address"] == "192.0.2.7"
    assert target({"ansible_connection": "local", "remote_login_private_key_file": "/k"})["authenticate"] is True
    assert target({"ansible_connection": "local", "ansible_host": "192.0.2.8"})["address"] == "192.0.2.8"
    assert target({"remote_login_authenticate": False})["authenticate"] is False


# --- what the ssh arguments say ---


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("", None),
        ("-o UserKnownHostsFile=/a", ["/a"]),
        ("-oUserKnownHostsFile=/a", ["/a"]),
        ("-o 'UserKnownHostsFile /a'", ["/a"]),
        ("-o 'UserKnownHostsFile=/a /b'", ["/a", "/b"]),
        ("-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no", []),
        ("-o userknownhostsfile=/first -o UserKnownHostsFile=/second", ["/first"]),
        ("-o StrictHostKeyChecking=no", None),
        ("-o 'unclosed", None),
    ],
)
def test_host_keys_are_compared_with_the_files_of_the_connection(arguments: str, wanted: list[str] | None) -> None:
    assert target({COMMON: arguments}).get("known_hosts") == wanted
    assert target({COMMON: arguments, "remote_login_known_hosts": ["/own"]})["known_hosts"] == ["/own"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("", None),
        ("-J bastion", "bastion"),
        ("-Jbastion", "bastion"),
        ("-C -J ops@bastion:2222 -v", "ops@bastion:2222"),
        ("-o ProxyJump=bastion", "bastion"),
        ("-oProxyJump=bastion", "bastion"),
        ("-o 'ProxyJump bastion'", "bastion"),
        ("-o ProxyJump=none", None),
        ("-o 'ProxyCommand=ssh -W %h:%p bastion'", "ssh -W %h:%p bastion"),
        ("-o 'ProxyCommand ssh -W %h:%p bastion'", "ssh -W %h:%p bastion"),
        ("-o ProxyCommand=none", None),
        ("-J", None),
    ],
)
def test_the_proxy_of_the_connection_is_found_and_named_as_it_is(arguments: str, wanted: str | None) -> None:
    for name in targets.ARGUMENT_VARIABLES:
        assert targets.proxy({name: arguments}, DEFAULTS) == wanted


def test_behind_a_proxy_only_other_vantages_probe() -> None:
    variables = {"web": {COMMON: "-J bastion"}, "db": {}, "bastion": {}}
    assert [entry["name"] for entry in targets.for_vantage("localhost", variables, DEFAULTS)] == ["db", "bastion"]
    assert [entry["name"] for entry in targets.for_vantage("bastion", variables, DEFAULTS, ["bastion"])] == [
        "web",
        "db",
    ]
    assert "bastion" in str(targets.unreachable_from("localhost", variables["web"], DEFAULTS))


# --- several vantages ---


def test_results_go_to_their_hosts_by_position() -> None:
    variables: dict[str, dict[str, Any]] = {"a": {}, "b": {COMMON: "-J gate"}, "c": {"ansible_user": "ops"}}
    # Ansible blanks out names that happen to be part of a password.
    here = {"results": [{"name": "********", "outcome": "ok"}, {"name": "x", "outcome": "refused"}]}
    there = {"results": [{"outcome": "timed_out"}, {"outcome": "no_route"}]}
    seen = targets.merge(["a", "b", "c"], variables, [("localhost", here), ("c", there)], DEFAULTS, ["localhost", "c"])
    assert [[result["outcome"] for result in seen[host]] for host in "abc"] == [
        ["ok", "timed_out"],
        [None, "no_route"],
        ["refused", None],
    ]
    assert [result["vantage"] for result in seen["a"]] == ["localhost", "c"]
    assert (seen["a"][0]["name"], seen["c"][0]["user"]) == ("a", "ops")
    assert "gate" in seen["b"][0]["error"]
    assert seen["c"][1]["error"] == "a vantage does not probe itself"


@pytest.mark.parametrize(
    "probe", [{}, {"results": []}, {"results": None}, {"results": [{"outcome": "ok"}]}, {"msg": "no Python"}]
)
def test_a_vantage_that_gave_no_or_other_results_says_nothing_about_a_host(probe: dict[str, Any]) -> None:
    seen = targets.merge(["a", "b"], {"a": {}, "b": {}}, [("far", probe)], DEFAULTS, ["far"])
    for host in "ab":
        assert seen[host][0]["outcome"] is None
        assert str(probe.get("msg") or "no result") in seen[host][0]["error"]


# --- the way inside ---

OOB = {"remote_login_oob_connection": "containers.podman.podman"}


def way(
    outcome: str | None, variables: dict[str, Any] | None = None, rung: str = "port", **defaults: Any
) -> dict[str, Any]:
    seen = [{"vantage": "localhost", "outcome": outcome, "rung": rung}]
    known = {"ansible_user": "root", **(variables or {})}
    return targets.way_inside("web", known, seen, {**DEFAULTS, **defaults})


@pytest.mark.parametrize(
    ("outcome", "rung", "variables", "wanted"),
    [
        # The connection is tried unless the very same attempt has just failed.
        ("ok", "session", {}, "connection"),
        (None, "auth", {}, "connection"),
        ("refused", "port", {}, None),
        ("refused", "port", OOB, "oob"),
        ("host_key_changed", "host_key", OOB, "oob"),
        ("auth_denied", "auth", OOB, "oob"),
        ("session_failed", "session", OOB, "oob"),
        # Another port, address or user may well get in.
        ("refused", "port", {"remote_login_port": 2222}, "connection"),
        ("refused", "port", {"remote_login_address": "192.0.2.9"}, "connection"),
        ("auth_denied", "auth", {"remote_login_user": "alice"}, "connection"),
        # Nobody passes a port that is closed, whoever they are.
        ("refused", "port", {"remote_login_user": "alice", **OOB}, "oob"),
        # The same port, given once as a number and once, on the command line, as text.
        ("refused", "port", {"remote_login_port": "22", **OOB}, "oob"),
        ("refused", "port", {"remote_login_port": 2222, "ansible_port": "2222", **OOB}, "oob"),
        # Another connection than SSH does not mind.
        ("refused", "port", {"ansible_connection": "local"}, "connection"),
        ("refused", "port", {"ansible_connection": "community.docker.docker"}, "connection"),
        ("refused", "port", {"ansible_connection": "ansible.builtin.ssh", **OOB}, "oob"),
    ],
)
def test_a_way_that_was_just_seen_closed_is_not_tried_again(
    outcome: str | None, rung: str, variables: dict[str, Any], wanted: str | None
) -> None:
    found = way(outcome, variables, rung)
    assert found["way"] == wanted
    assert bool(found["reason"]) == (wanted is None)


def test_what_another_vantage_saw_does_not_close_the_connection() -> None:
    seen = [{"vantage": "far", "outcome": "refused", "rung": "port"}]
    assert targets.way_inside("web", {}, seen, DEFAULTS)["way"] == "connection"


def test_root_is_not_asked_to_become_root() -> None:
    assert way("ok")["become"] is False
    assert way("ok", {"ansible_user": "ops"})["become"] is True
    assert way("ok", {"ansible_user": "ops", "remote_login_become": False})["become"] is False
    assert way("ok", {"ansible_connection": "local"})["become"] is (os.geteuid() != 0)
    assert way("refused", OOB)["oob_become"] is False
    assert way("refused", {**OOB, "remote_login_oob_user": "ops"})["oob_become"] is True


@pytest.mark.parametrize("text", ["false", "no", "False", "0"])
def test_become_that_is_switched_off_on_the_command_line_is_off(text: str) -> None:
    assert not way("ok", {"ansible_user": "ops", "remote_login_become": text})["become"]


# --- the attempt as the gatherers take it ---


def test_the_login_has_every_address_and_client_that_was_seen() -> None:
    seen: list[dict[str, Any]] = [
        {
            "vantage": "localhost",
            "client_address": "198.51.100.1",
            "client_port": 52344,
            "addresses": [{"address": "::1"}, {"address": "192.0.2.1"}],
        },
        {"vantage": "far", "client_address": "198.51.100.2", "addresses": [{"address": "10.0.0.1"}]},
        {"vantage": "near", "client_address": "198.51.100.1"},
        {"vantage": "down", "outcome": None},
    ]
    found = targets.login_of("web", {"ansible_port": "2222", "ansible_user": "ops"}, seen, DEFAULTS)
    assert found == {
        "port": 2222,
        "addresses": ["::1", "192.0.2.1"],
        "user": "ops",
        "clients": ["198.51.100.1", "198.51.100.2"],
        "client_ports": [52344, 0],
        "method": None,
        "key_fingerprint": None,
        "agent_fingerprints": [],
        "link_capacity_bps": None,
    }


def test_the_login_says_what_it_offered_or_would_have() -> None:
    used = {"kind": "publickey", "fingerprint": "SHA256:x"}
    found = targets.login_of("web", {}, [{"vantage": "localhost", "credential_used": used}], DEFAULTS)
    assert (found["method"], found["key_fingerprint"]) == ("publickey", "SHA256:x")
    for name, wanted in (("remote_login_private_key_file", "publickey"), ("remote_login_password", "password")):
        found = targets.login_of("web", {name: "x"}, [{"vantage": "localhost"}], DEFAULTS)
        assert (found["method"], found["key_fingerprint"]) == (wanted, None)


@pytest.mark.parametrize("port", ["ssh", "70000", "-1", "0", "2222.5", "\u00b2", "{{ undefined }}"])
def test_a_bad_port_is_the_matter_of_its_own_host_and_ends_nothing(port: str) -> None:
    variables = {"web": {"ansible_port": port}, "db": {}}
    assert [entry.get("port") for entry in targets.for_vantage("localhost", variables, DEFAULTS)] == [port, None]
    assert targets.login_of("web", variables["web"], [], DEFAULTS)["port"] == 22


def test_each_host_is_probed_from_its_own_vantages_in_its_own_order() -> None:
    variables: dict[str, dict[str, Any]] = {"a": {"remote_login_vantages": ["far", "localhost"]}, "b": {}}
    assert targets.every_vantage(variables, ["localhost"]) == ["far", "localhost"]
    assert [entry["name"] for entry in targets.for_vantage("far", variables, DEFAULTS)] == ["a"]
    far, here = {"results": [{"outcome": "ok"}]}, {"results": [{"outcome": "timed_out"}, {"outcome": "refused"}]}
    seen = targets.merge(["a", "b"], variables, [("localhost", here), ("far", far)], DEFAULTS)
    assert [(result["vantage"], result["outcome"]) for result in seen["a"]] == [
        ("far", "ok"),
        ("localhost", "timed_out"),
    ]
    assert [result["outcome"] for result in seen["b"]] == ["refused"]


# --- slow enough to look at the link ---


@pytest.mark.parametrize(("milliseconds", "wanted"), [(2500, "oob"), (700, "connection"), (None, "connection")])
def test_where_the_network_crawls_the_other_way_is_taken(milliseconds: int | None, wanted: str) -> None:
    timings = {} if milliseconds is None else {"connect": milliseconds}
    seen = [{"vantage": "localhost", "outcome": "ok", "rung": "session", "timings_ms": timings}]
    assert targets.way_inside("web", OOB, seen, DEFAULTS)["way"] == wanted
    assert targets.way_inside("web", {}, seen, DEFAULTS)["way"] == "connection"
    assert targets.way_inside("web", {"ansible_connection": "local", **OOB}, seen, DEFAULTS)["way"] == "connection"


@pytest.mark.parametrize(
    ("result", "slow"),
    [
        ({"outcome": "ok", "timings_ms": {"connect": 1, "banner": 20, "key_exchange": 90, "total": 400}}, False),
        # Over a satellite.
        ({"outcome": "ok", "timings_ms": {"connect": 310, "banner": 620, "key_exchange": 950, "total": 3900}}, False),
        ({"outcome": "ok", "timings_ms": {"connect": 2400}}, True),
        ({"outcome": "ok", "timings_ms": {"connect": 1800, "banner": 1900, "auth": 1900, "total": 5600}}, True),
        ({"outcome": "auth_denied", "timings_ms": {"auth": 15000}}, True),
        ({"outcome": "auth_denied", "timings_ms": {"auth": None}}, False),
        ({"outcome": "timed_out"}, True),
        ({"outcome": "no_route"}, True),
        ({"outcome": "refused", "timings_ms": {"connect": 2}}, False),
        ({"outcome": None}, False),
    ],
)
def test_the_link_is_measured_where_the_probe_was_slow(result: dict[str, Any], slow: bool) -> None:
    wanted = slowness.sections_for([{"outcome": "ok"}, result])
    assert ("bandwidth" in wanted) == slow
    assert set(words.SECTIONS) - set(wanted) <= set(words.ON_REQUEST)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("20000000", 20000000), (2e7, 20000000), ("20 Mb/s", None), ("inf", None), (-1, None), (None, None)],
)
def test_a_capacity_is_a_number_of_bits_a_second(value: Any, wanted: int | None) -> None:
    variables = {"remote_login_link_capacity_bps": value}
    assert targets.login_of("web", variables, [], DEFAULTS)["link_capacity_bps"] == wanted
