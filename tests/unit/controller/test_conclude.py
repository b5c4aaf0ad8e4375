# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

import pytest
from evidence_helpers import evidence, probed, rule

from ansible_collections.rescue.remote_login.plugins.plugin_utils.diagnosis import conclude
from ansible_collections.rescue.remote_login.plugins.plugin_utils.words import OUTCOMES, RUNGS

REFUSED = probed("refused")
OK = probed("ok")


def ids(diagnosis: dict[str, Any]) -> list[str]:
    return [finding["id"] for finding in diagnosis["findings"]]


def states(diagnosis: dict[str, Any]) -> dict[str, str]:
    return {step["rung"]: step["state"] for step in diagnosis["ladder"]}


# --- the cause ---


def test_findings_stand_in_the_order_of_the_path_and_the_first_that_explains_leads() -> None:
    all_rules = [
        rule("risk_at_boot", rung=None, severity="risk", explains=[]),
        rule("later", rung="auth", explains=["refused"]),
        rule("second"),
        rule("explains_other", rung="route", explains=["no_route", "refused"]),
    ]
    diagnosis = conclude(evidence(REFUSED), all_rules)
    assert ids(diagnosis) == ["explains_other", "second", "later", "risk_at_boot"]
    assert diagnosis["cause"] == "explains_other"


def test_a_finding_that_does_not_explain_the_outcome_does_not_lead() -> None:
    diagnosis = conclude(evidence(REFUSED), [rule("other", explains=["timed_out"]), rule("mine")])
    assert ids(diagnosis) == ["other", "mine"]
    assert diagnosis["cause"] == "mine"


def test_a_risk_never_leads() -> None:
    diagnosis = conclude(evidence(REFUSED), [rule("risky", severity="risk")])
    assert (ids(diagnosis), diagnosis["cause"]) == (["risky"], None)


def test_of_two_on_one_rung_the_first_in_the_file_leads() -> None:
    assert conclude(evidence(REFUSED), [rule("a"), rule("b")])["cause"] == "a"
    assert conclude(evidence(REFUSED), [rule("b"), rule("a")])["cause"] == "b"


def test_a_rule_for_any_outcome_explains_every_failure_and_no_success() -> None:
    anything = rule("anything", rung="route", explains=["any"])
    for outcome in OUTCOMES:
        diagnosis = conclude(evidence(probed(outcome)), [anything])
        assert diagnosis["cause"] == (None if outcome == "ok" else "anything"), outcome


def test_without_a_probe_the_first_blocking_finding_leads() -> None:
    diagnosis = conclude(evidence(), [rule("risky", severity="risk", rung="resolve"), rule("mine")])
    assert (diagnosis["verdict"], diagnosis["outcome"], diagnosis["cause"]) == ("cannot_login", None, "mine")


# --- what was seen is worth more than what was concluded ---


def test_who_logs_in_is_not_told_that_the_port_is_closed() -> None:
    diagnosis = conclude(evidence(OK), [rule("closed"), rule("risky", severity="risk")])
    assert (diagnosis["verdict"], diagnosis["cause"], ids(diagnosis)) == ("can_login", None, ["risky"])


def test_no_blocking_finding_is_left_where_a_login_worked() -> None:
    diagnosis = conclude(evidence(OK), [rule("off_the_path", rung=None), rule("last", rung="session")])
    assert (diagnosis["cause"], ids(diagnosis)) == (None, [])


def test_a_finding_below_the_rung_that_was_reached_is_contradicted() -> None:
    diagnosis = conclude(
        evidence(probed("auth_denied")), [rule("closed"), rule("denied", rung="auth", explains=["auth_denied"])]
    )
    assert ids(diagnosis) == ["denied"]


def test_a_finding_that_explains_the_outcome_is_not_contradicted_by_it() -> None:
    assert conclude(evidence(probed("not_ssh")), [rule("taken", explains=["not_ssh"])])["cause"] == "taken"


def test_a_login_that_was_not_tried_leaves_the_rungs_of_the_login_open() -> None:
    seen = evidence({**OK, "authenticated": False})
    denied = rule("denied", rung="auth", explains=["auth_denied"])
    diagnosis = conclude(seen, [rule("closed"), denied])
    assert (diagnosis["verdict"], ids(diagnosis), diagnosis["cause"]) == ("cannot_login", ["denied"], "denied")
    assert conclude(seen, [])["verdict"] == "unknown"


def test_a_probe_that_could_not_go_on_contradicts_what_it_has_passed() -> None:
    seen = evidence({**probed(None), "rung": "auth", "error": "no credential"})
    diagnosis = conclude(seen, [rule("closed")])
    assert (diagnosis["verdict"], ids(diagnosis)) == ("unknown", [])


# --- risk and unless ---


def test_a_finding_is_only_a_risk_while_the_old_daemon_runs() -> None:
    bad = rule("bad_config", risk_when="inside.sshd.daemon")
    seen = conclude(evidence(OK, sshd={"daemon": {"pid": 7}}), [bad])
    assert [finding["severity"] for finding in seen["findings"]] == ["risk"]
    assert conclude(evidence(REFUSED, sshd={"daemon": None}), [bad])["cause"] == "bad_config"


def test_a_finding_is_only_a_note_while_its_condition_holds() -> None:
    home = rule("home", rung="auth", explains=["auth_denied"], note_when="outside[0].outcome == 'ok'")
    seen = conclude(evidence(OK), [home])
    assert ([finding["severity"] for finding in seen["findings"]], seen["cause"]) == (["note"], None)
    assert conclude(evidence(probed("auth_denied")), [home])["cause"] == "home"


def test_a_finding_that_says_it_better_silences_the_other() -> None:
    stopped = rule("stopped", unless=["failed"])
    assert ids(conclude(evidence(REFUSED), [stopped, rule("failed")])) == ["failed"]
    assert ids(conclude(evidence(REFUSED), [stopped, rule("failed", when="`false`")])) == ["stopped"]


def test_a_finding_that_is_contradicted_silences_nothing() -> None:
    # Whoever reads the report must be told one of the two.
    better = rule("better", rung="route", explains=["timed_out"])
    assert ids(conclude(evidence(REFUSED), [better, rule("told", unless=["better"])])) == ["told"]


@pytest.mark.parametrize("nothing", ["`null`", "`false`", "''", "`[]`", "`{}`", "none.such"])
def test_a_condition_on_what_is_not_there_does_not_hold(nothing: str) -> None:
    assert ids(conclude(evidence(REFUSED), [rule("x", when=nothing)])) == []


@pytest.mark.parametrize("something", ["`0`", "'a'", "`[0]`", "`true`"])
def test_a_condition_on_what_is_there_holds(something: str) -> None:
    assert ids(conclude(evidence(REFUSED), [rule("x", when=something)])) == ["x"]


# --- unchecked is never passed ---


def test_a_section_that_could_not_be_gathered_is_unchecked_with_its_reason() -> None:
    seen = evidence(REFUSED, sshd={"status": "unchecked", "reason": "systemctl did not answer within 10 s"})
    diagnosis = conclude(seen, [rule("x", needs=["sshd"])])
    assert diagnosis["unchecked"] == [{"section": "sshd", "reason": "systemctl did not answer within 10 s"}]
    assert ids(diagnosis) == []


def test_a_section_that_no_rule_asks_is_told_when_it_is_unchecked() -> None:
    seen = evidence(REFUSED, firewall={"status": "unchecked", "reason": "no nft"})
    assert conclude(seen, [])["unchecked"] == [{"section": "firewall", "reason": "no nft"}]


def test_a_part_that_is_missing_has_the_reason_of_the_section() -> None:
    for missing in ("config.valid", "config"):
        seen = evidence(REFUSED, sshd={"config": None, "missing": {missing: "needs root"}})
        diagnosis = conclude(seen, [rule("x", needs=["sshd", "sshd.config.valid"])])
        assert diagnosis["unchecked"] == [{"section": "sshd.config.valid", "reason": "needs root"}]


def test_a_part_that_is_missing_without_a_reason_is_still_unchecked() -> None:
    diagnosis = conclude(evidence(REFUSED, sshd={}), [rule("x", needs=["sshd.config.valid"])])
    assert diagnosis["unchecked"] == [{"section": "sshd.config.valid", "reason": "it could not be found out"}]


def test_a_part_that_is_false_is_checked() -> None:
    diagnosis = conclude(evidence(REFUSED, sshd={"config": {"valid": False}}), [rule("x", needs=["sshd.config.valid"])])
    assert (ids(diagnosis), diagnosis["unchecked"]) == (["x"], [])


def test_where_nobody_could_look_inside_everything_inside_has_that_reason() -> None:
    seen = {**evidence(REFUSED), "inside": {"via": None, "reason": "SSH does not get in (refused)"}}
    diagnosis = conclude(seen, [rule("x", needs=["sshd"]), rule("y", needs=["sshd", "sshd.config"])])
    assert diagnosis["unchecked"] == [{"section": "sshd", "reason": "SSH does not get in (refused)"}]


def test_without_any_probe_the_outside_is_unchecked() -> None:
    for outside in ([], [probed(None)]):
        diagnosis = conclude(evidence(*outside), [rule("x", needs=["outside"])])
        assert diagnosis["unchecked"] == [{"section": "outside", "reason": "no probe could be carried through"}]


def test_a_probe_that_decided_nothing_says_why() -> None:
    outside = {**probed(None), "error": "the key was accepted; the server also wants password"}
    diagnosis = conclude(evidence(outside), [rule("x", needs=["outside"])])
    assert diagnosis["unchecked"] == [{"section": "outside", "reason": outside["error"]}]


@pytest.mark.parametrize(
    "when",
    ["contains(inside.none, 'x')", "sum(inside.sshd.words)", "inside.sshd.words[::0]", "ceil(inside.sshd.endless)"],
)
def test_a_rule_that_fails_while_it_is_asked_is_unchecked_and_stops_no_other(when: str) -> None:
    seen = evidence(REFUSED, sshd={"words": ["a"], "endless": float("inf")})
    diagnosis = conclude(seen, [rule("broken", when=when), rule("mine")])
    assert diagnosis["cause"] == "mine"
    assert [entry["section"] for entry in diagnosis["unchecked"]] == ["rule broken"]


def test_a_broken_rule_keeps_its_reason_where_nobody_could_look_inside() -> None:
    seen = {**evidence(REFUSED), "inside": {"via": None, "reason": "no way in"}}
    (entry,) = conclude(seen, [rule("broken", when="sum('x')")])["unchecked"]
    assert "no way in" not in entry["reason"]


def test_a_fact_that_cannot_be_computed_is_unknown() -> None:
    broken = rule("x", facts={"sum": "sum(inside.sshd.words)", "step": "inside.sshd.words[::0]"}, detail="{sum}{step}")
    (finding,) = conclude(evidence(REFUSED, sshd={"words": ["a"]}), [broken])["findings"]
    assert finding["detail"] == "unknownunknown"


@pytest.mark.parametrize("inside", [None, {}, {"sshd": "text"}, {"sshd": None}, {"sshd": []}])
def test_evidence_that_was_cut_or_edited_is_unchecked_not_a_traceback(inside: Any) -> None:
    diagnosis = conclude({**evidence(REFUSED), "inside": inside}, [rule("x", needs=["sshd"])])
    assert [entry["section"] for entry in diagnosis["unchecked"]] == ["sshd"]


# --- what stays open ---


def test_what_nobody_could_look_at_leaves_its_causes_open_with_commands_to_type() -> None:
    seen = {**evidence(REFUSED), "inside": {"via": None, "reason": "no way in"}}
    all_rules = [
        rule("stopped", needs=["sshd"], console=["systemctl status sshd"]),
        rule("part", needs=["sshd.config"], console=["sshd -t"]),
        rule("other_outcome", needs=["sshd"], explains=["timed_out"]),
        rule("only_risk", needs=["sshd"], severity="risk"),
    ]
    diagnosis = conclude(seen, all_rules)
    wanted = [("stopped", ["systemctl status sshd"]), ("part", ["sshd -t"])]
    assert [(cause["id"], cause["console"]) for cause in diagnosis["open_causes"]] == wanted


def test_nothing_is_open_where_a_cause_was_found_or_all_was_looked_at() -> None:
    inside = {"via": None, "reason": "no way in"}
    hidden = rule("stopped", needs=["sshd"])
    assert conclude({**evidence(REFUSED), "inside": inside}, [hidden, rule("seen")])["open_causes"] == []
    assert conclude(evidence(REFUSED, sshd={}), [rule("stopped", needs=["sshd"], when="`false`")])["open_causes"] == []
    assert conclude({**evidence(OK), "inside": inside}, [hidden])["open_causes"] == []


# --- several vantages, and the ladder ---


def test_the_first_vantage_gives_verdict_and_outcome() -> None:
    for first, second, verdict in ((OK, REFUSED, "can_login"), (REFUSED, OK, "cannot_login")):
        diagnosis = conclude(evidence(first, second), [])
        assert (diagnosis["verdict"], diagnosis["outcome"]) == (verdict, first["outcome"])


@pytest.mark.parametrize("outcome", [outcome for outcome in OUTCOMES if outcome != "ok"])
def test_the_ladder_fails_where_the_outcome_says(outcome: str) -> None:
    found = states(conclude(evidence(probed(outcome)), []))
    failed = RUNGS.index(OUTCOMES[outcome])
    assert [found[rung] for rung in RUNGS[: failed + 1]] == ["pass"] * failed + ["fail"]
    assert {found[rung] for rung in RUNGS[failed + 1 :]} <= {"unknown"}


def test_the_ladder_of_a_login_passes_to_the_end() -> None:
    assert set(states(conclude(evidence(OK), [])).values()) == {"pass"}


def test_the_ladder_of_a_host_that_nobody_probed_is_unknown() -> None:
    assert set(states(conclude(evidence(), [])).values()) == {"unknown"}


def test_at_most_one_rung_fails() -> None:
    diagnosis = conclude(evidence(probed("no_route")), [rule("closed", explains=["no_route"])])
    assert list(states(diagnosis).values()).count("fail") == 1
