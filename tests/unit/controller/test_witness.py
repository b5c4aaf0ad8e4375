# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.rescue.remote_login.plugins.plugin_utils import witness

LOOKS = {"look": "connection", "plain": "connection without privilege escalation", "out": "oob"}
DEFAULTS = {"connection": "ssh", "user": "ops", "private_key_file": None}
LISTENS = {"sshd": {"login": {"listens_on_address": True}}}
WATCHED = {"status": "ok", "arrived": False}


def tried(outcome: str, **more: Any) -> dict[str, Any]:
    usual = {"address": "192.0.2.1", "client_address": "198.51.100.7", "answered_by": None, "connect_ms": 3500.2}
    return {**usual, "outcome": outcome, **more}


def outside(outcome: str, *addresses: dict[str, Any]) -> dict[str, Any]:
    return {"vantage": "localhost", "outcome": outcome, "addresses": list(addresses or [tried(outcome)])}


def case(outcome: str, *addresses: dict[str, Any], **more: Any) -> dict[str, Any]:
    login = {"port": 2222, "addresses": ["192.0.2.1"], "user": "ops", "clients": ["198.51.100.7"]}
    return {"outside": [outside(outcome, *addresses)], "login": login, "become": True, "oob_become": False, **more}


def plan(outcome: str, *addresses: dict[str, Any], inside: Any = None, look: str = "out") -> dict[str, Any]:
    variables = {"web": {look: {"inside": LISTENS if inside is None else inside}}}
    return witness.plan({"web": case(outcome, *addresses)}, variables, LOOKS).get("web", {})


def answered(kind: str, by: str | None) -> dict[str, Any]:
    return tried("refused", answered_by={"kind": kind, "from": by})


# --- where it tells something ---


@pytest.mark.parametrize(
    ("outcome", "entry", "inside", "wanted"),
    [
        ("timed_out", tried("timed_out"), {}, True),
        ("ok", tried("connected"), LISTENS, False),
        ("auth_denied", tried("connected"), LISTENS, False),
        ("no_route", tried("no_route"), LISTENS, False),
        ("no_route", answered("ICMP host prohibited", "203.0.113.1"), {}, True),
        ("refused", answered("TCP reset", None), LISTENS, True),
        ("refused", answered("TCP reset", None), {"sshd": {"login": {"listens_on_address": False}}}, False),
        ("refused", answered("TCP reset", None), {"sshd": {"status": "unchecked"}}, False),
        ("refused", answered("ICMP port unreachable", "203.0.113.1"), {}, True),
        ("refused", answered("ICMP port unreachable", "192.0.2.1"), {}, False),
    ],
)
def test_packets_are_watched_for_only_where_that_tells_something(
    outcome: str, entry: dict[str, Any], inside: Any, wanted: bool
) -> None:
    assert bool(plan(outcome, entry, inside={"firewall": {}, **inside})) == wanted


def test_nobody_watches_where_nobody_got_inside() -> None:
    variables = {"web": {"look": {"unreachable": True}, "out": {"skipped": True}}}
    assert witness.plan({"web": case("timed_out")}, variables, LOOKS) == {}
    assert witness.plan({"web": {**case("timed_out"), "outside": []}}, variables, LOOKS) == {}


@pytest.mark.parametrize(
    ("look", "way", "become"), [("look", "connection", True), ("plain", "connection", False), ("out", "oob", False)]
)
def test_the_way_is_the_one_that_the_look_inside_took(look: str, way: str, become: bool) -> None:
    chosen = plan("timed_out", look=look)
    assert (chosen["way"], chosen["become"], chosen["port"]) == (way, become, 2222)


def test_the_client_s_addresses_are_those_of_the_first_vantage() -> None:
    six = tried("timed_out", address="2001:db8::1", client_address="2001:db8::7")
    chosen = plan("timed_out", six, tried("timed_out"), tried("timed_out", client_address=None))
    assert chosen["clients"] == ["2001:db8::7", "198.51.100.7"]
    assert chosen["addresses"] == ["2001:db8::1", "192.0.2.1", "192.0.2.1"]


def test_each_host_has_a_mark_of_its_own_and_enough_time() -> None:
    hosts = [f"web{number}" for number in range(40)]
    merged = {host: case("timed_out") for host in hosts}
    chosen = witness.plan(merged, {host: {"out": {"inside": LISTENS}} for host in hosts}, LOOKS)
    assert len({entry["mark"] for entry in chosen.values()}) == 40
    assert {entry["duration"] for entry in chosen.values()} == {160}


# --- what the vantage tries ---


def test_the_second_try_does_not_log_in_and_has_no_secret() -> None:
    variables = {"ansible_host": "192.0.2.1", "ansible_port": 2222, "remote_login_password": "secret"}
    chosen = {"web": {"vantage": "bastion", "mark": 1101}, "db": {"vantage": "localhost", "mark": 1102}}
    first, second = witness.targets_of(chosen, {"web": variables, "db": {}}, "bastion", DEFAULTS)
    assert first == second
    assert first == {
        "name": "web",
        "address": "192.0.2.1",
        "port": 2222,
        "use_ssh_config": True,
        "authenticate": False,
        "timeout": witness.PROBE_TIMEOUT_S,
        "max_segment_size": 1101,
    }


# --- what came of it ---

CHOSEN = {"db": {"vantage": "localhost"}, "web": {"vantage": "localhost"}, "far": {"vantage": "bastion"}}


def section(*looks: dict[str, Any], results: list[dict[str, Any]] | None = None, **probe: Any) -> Any:
    nothing = [outside("ok", tried("connected"))] * 2
    probes = [("localhost", {"results": nothing + results} if results is not None else probe), ("bastion", {})]
    return witness.section("web", CHOSEN, list(looks), probes)


def test_a_host_that_nobody_watched_has_no_such_section() -> None:
    assert witness.section("other", CHOSEN, [], []) is None


def test_the_vantage_s_syns_are_counted_by_the_time_that_it_waited() -> None:
    found = section({"witness": WATCHED}, results=[outside("timed_out")] * 2)
    assert found["probe"] == {"vantage": "localhost", "outcome": "timed_out", "syns": 6, "error": None}
    quick = tried("timed_out", connect_ms=900)
    assert section({"witness": WATCHED}, results=[outside("timed_out", quick)] * 2)["probe"]["syns"] == 2
    refused = answered("TCP reset", None)
    assert section({"witness": WATCHED}, results=[outside("refused", refused)] * 2)["probe"]["syns"] == 2


def test_where_the_vantage_sent_nothing_nothing_is_said() -> None:
    for probe in (
        {"results": [outside("no_route")] * 2},
        {"msg": "the bastion is down"},
    ):
        assert section({"witness": WATCHED}, **probe)["status"] == "unchecked"
    assert "the bastion is down" in section({"witness": WATCHED}, msg="the bastion is down")["reason"]


def test_who_could_not_watch_says_why() -> None:
    results = [outside("timed_out")] * 2
    refused = {"status": "unchecked", "reason": "no packet socket"}
    assert section({"skipped": True}, {"witness": refused}, results=results) == refused
    lost = section({"unreachable": True, "msg": "gone"}, {"job": "x"}, results=results)
    assert lost == {"status": "unchecked", "reason": "gone"}
    assert section({"skipped": True}, {"msg": "no Python"}, results=results)["reason"] == "no Python"
    assert section(results=results)["reason"] == "nobody watched"
