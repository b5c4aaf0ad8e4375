# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From evidence to a diagnosis: pure, the same for a live host, a saved file and a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils import rules, words
from ansible_collections.rescue.remote_login.plugins.plugin_utils.rules import Rule

Evidence = Mapping[str, Any]
Finding = dict[str, Any]


def conclude(evidence: Evidence, all_rules: Sequence[Rule]) -> dict[str, Any]:
    """The diagnosis of one host, as report.json has it."""
    first = _first_probe(evidence)
    outcome = first.get("outcome")
    findings, unchecked = _ask(evidence, all_rules, first)
    findings.sort(key=lambda finding: words.rung_number(finding["rung"]))
    cause = _cause(findings, first)
    verdict = verdict_of(first, findings)
    return {
        "verdict": verdict,
        "outcome": outcome,
        "error": first.get("error"),
        "cause": cause,
        "findings": findings,
        "ladder": _ladder(evidence, first, findings, cause),
        "unchecked": unchecked,
        "open_causes": _open_causes(outcome, cause, all_rules, unchecked) if verdict == "cannot_login" else [],
        "target": dict(evidence.get("target") or {}),
    }


def _first_probe(evidence: Evidence) -> Mapping[str, Any]:
    outside = evidence.get("outside") or [{}]
    first: Mapping[str, Any] = outside[0]
    return first


# --- findings ---


def _ask(
    evidence: Evidence, all_rules: Sequence[Rule], first: Mapping[str, Any]
) -> tuple[list[Finding], list[dict[str, str]]]:
    """What the rules find, and what could not be checked, each once."""
    reasons: dict[str, str] = {}
    fired: list[tuple[Rule, Finding]] = []
    for name, section in sorted((evidence.get("inside") or {}).items()):
        if isinstance(section, Mapping) and section.get("status") == "unchecked":
            reasons[name] = str(section.get("reason"))
    for rule in all_rules:
        try:
            rules.require(rule, evidence)
            if rules.holds(rule, rule.when, evidence):
                fired.append((rule, _finding(rule, evidence)))
        except rules.Unchecked as unchecked:
            # What could block, and has not, needs no looking at.
            if not (_has_logged_in(first) and rule.severity == "blocking" and rule.risk_when is None):
                reasons.setdefault(unchecked.section, unchecked.reason)
    fired = [(rule, finding) for rule, finding in fired if not _contradicted(finding, first)]
    ids = {rule.id for rule, _told in fired}
    findings = [finding for rule, finding in fired if not ids.intersection(rule.unless)]
    return findings, [{"section": section, "reason": reason} for section, reason in reasons.items()]


def _finding(rule: Rule, evidence: Evidence) -> Finding:
    facts = rules.facts_of(rule, evidence)
    severity = "risk" if rules.holds(rule, rule.risk_when, evidence) else rule.severity
    severity = "note" if rules.holds(rule, rule.note_when, evidence) else severity
    return {
        "id": rule.id,
        "title": rule.title,
        "rung": rule.rung,
        "severity": severity,
        "detail": rules.filled(rule.detail, facts),
        "fix": rules.filled(rule.fix, facts),
        "evidence": facts,
        "remedy": rule.remedy,
        "explains": list(rule.explains),
        "source": rule.source,
    }


def _explains(finding: Finding, outcome: str | None) -> bool:
    if outcome in (None, "ok"):
        return False
    return outcome in finding["explains"] or words.ANY_OUTCOME in finding["explains"]


def _contradicted(finding: Finding, first: Mapping[str, Any]) -> bool:
    """Whether the probe went past the very rung that a blocking finding says is broken.

    What was seen is worth more than what was concluded: somebody else may run the SSH server.
    """
    if finding["severity"] != "blocking" or _explains(finding, first.get("outcome")):
        return False
    if _has_logged_in(first):
        return True
    return words.rung_number(finding["rung"]) < _reached(first)


def _has_logged_in(first: Mapping[str, Any]) -> bool:
    return bool(first.get("outcome") == "ok" and first.get("authenticated"))


def _reached(first: Mapping[str, Any]) -> int:
    """The number of rungs that the attempt has behind it."""
    if first.get("outcome") == "ok":
        return len(words.RUNGS) if first.get("authenticated") else words.rung_number("auth")
    rung = first.get("rung")
    return words.rung_number(rung) if rung else 0


def _cause(findings: Sequence[Finding], first: Mapping[str, Any]) -> str | None:
    """The first blocking finding that explains the outcome; where no probe told, the first blocking one."""
    blocking = [finding for finding in findings if finding["severity"] == "blocking"]
    if first.get("outcome") not in (None, "ok"):
        blocking = [finding for finding in blocking if _explains(finding, first["outcome"])]
    return str(blocking[0]["id"]) if blocking else None


def verdict_of(first: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    outcome = first.get("outcome")
    if outcome == "ok" and first.get("authenticated"):
        return "can_login"
    if outcome not in (None, "ok"):
        return "cannot_login"
    return "cannot_login" if any(finding["severity"] == "blocking" for finding in findings) else "unknown"


def _open_causes(
    outcome: str | None, cause: str | None, all_rules: Sequence[Rule], unchecked: Sequence[Mapping[str, str]]
) -> list[dict[str, Any]]:
    """What the outcome leaves open where nobody could look, with the commands for the emergency console."""
    if cause is not None or not unchecked:
        return []
    hidden = {entry["section"].partition(".")[0] for entry in unchecked}
    return [
        {"id": rule.id, "title": rule.title, "console": list(rule.console)}
        for rule in all_rules
        if outcome in rule.explains
        and rule.severity == "blocking"
        and hidden.intersection(need.partition(".")[0] for need in rule.needs)
    ]


# --- the ladder ---


def _ladder(
    evidence: Evidence, first: Mapping[str, Any], findings: Sequence[Finding], cause: str | None
) -> list[dict[str, str]]:
    """The state of each rung: passed, failed, or not known."""
    reached = _reached(first)
    failed = reached if first.get("outcome") not in (None, "ok") else None
    leading = next((finding for finding in findings if finding["id"] == cause), None)
    if leading is not None and leading["rung"]:
        # What stops the login can sit further up than where the silence showed it.
        failed = max(words.rung_number(leading["rung"]), failed or 0)
    ladder = []
    for number, rung in enumerate(words.RUNGS):
        state = "pass" if number < reached else "fail" if number == failed else "unknown"
        ladder.append({"rung": rung, "state": state, "detail": _rung_detail(rung, state, first)})
    return ladder


def _rung_detail(rung: str, state: str, first: Mapping[str, Any]) -> str:
    if state == "unknown":
        return str(first.get("error") or "") if rung == first.get("rung") else ""
    if state == "fail":
        return str(first.get("detail") or "") if rung in (first.get("rung"), "port") else ""
    return _passed_detail(rung, first)


def _passed_detail(rung: str, first: Mapping[str, Any]) -> str:
    timings = first.get("timings_ms") or {}
    if rung == "resolve":
        return ", ".join(str(entry["address"]) for entry in first.get("addresses") or [])
    if rung == "route":
        reach = first.get("reach") or {}
        return "answers" if reach.get("state") == "answers" else ""
    if rung == "port":
        return f"connected in {timings['connect']} ms" if timings.get("connect") is not None else ""
    if rung == "banner":
        return str(first.get("banner") or "")
    if rung == "host_key":
        key = first.get("host_key") or {}
        return f"{key.get('type')} {key.get('fingerprint')} ({key.get('status')})" if key else ""
    if rung == "auth":
        return str(first.get("credential") or "")
    milliseconds = timings.get(rung)
    return f"{milliseconds} ms" if milliseconds is not None else ""
