# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM as sshd asks it: the stack with its faults, and what it says to this user from this address."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import pam_stack
from ansible_collections.rescue.remote_login.plugins.module_utils.account import pam_modules, pam_walk

SHOWN_LINES = 100


def lines_of(phase, service):
    """The lines of one phase."""
    return pam_stack.read_stack(service)[0][phase]


def look(used, subject, missing):
    """{used, service, stack, broken, phases, undecided, refusals}; ``used`` is sshd's UsePAM, None where unknown."""
    lines, fatal = pam_stack.read_stack(subject["service"])
    shown = [line for phase in pam_stack.PHASES for line in lines[phase]]
    evidence = {
        "used": used,
        "service": subject["service"],
        "fatal": fatal,
        "stack": [_shown(line) for line in shown[:SHOWN_LINES]],
        "broken": [dict(_shown(line), reason=line["broken"]) for line in shown if line["broken"]],
        "phases": {},
        "verdict": "unused",
        "undecided": [],
        "refusals": [],
    }
    if used is None:
        evidence["verdict"] = None
        missing["pam.verdict"] = missing.get("pam.used", "it is not known whether sshd asks PAM")
    elif used and subject["account"]["exists"]:
        _ask(evidence, lines, subject, missing)
    return evidence


def _shown(line):
    return {key: line[key] for key in ("phase", "control", "module", "arguments", "file", "line")}


def phases_of(method):
    """What PAM is asked for a login: its auth phase only where a password is to be checked."""
    return ("auth", "account", "session") if method == "password" else ("account", "session")


def _ask(evidence, lines, subject, missing):
    evidence["verdict"] = "refuse"
    if evidence["fatal"]:
        nowhere = dict.fromkeys(("module", "file", "line"))
        evidence["refusals"].append(dict(nowhere, phase="auth", kind="pam", reason=evidence["fatal"], details={}))
        return
    for phase in phases_of(subject["method"]):
        answers = [pam_modules.answer(line, dict(subject, phase=phase)) for line in lines[phase]]
        verdict = pam_walk.judge(lines[phase], [answer.codes for answer in answers])
        unknown = [answers[number].reason for number in verdict["unknown"]]
        evidence["phases"][phase] = {"verdict": verdict["verdict"], "unknown": unknown}
        if verdict["verdict"] == "unknown":
            open_lines = pam_walk.decisive(lines[phase], [answer.codes for answer in answers])
            evidence["undecided"] += [dict(_shown(lines[phase][number]), phase=phase) for number in open_lines]
        for number in verdict["by"]:
            evidence["refusals"].append(_refusal(lines[phase][number], answers[number], phase))
        if verdict["verdict"] == "change":
            # sshd has the user change it in the session, for which it takes a terminal.
            found = [
                (line, answer) for line, answer in zip(lines[phase], answers) if "new_authtok_reqd" in answer.codes
            ]
            evidence["refusals"] += [_refusal(line, answer, "session") for line, answer in found[:1]]
    evidence["verdict"] = _overall(evidence["phases"], missing)


def _overall(phases, missing):
    """refuse, change or allow; None where what is not known decides."""
    found = {phase["verdict"] for phase in phases.values()}
    for verdict in ("refuse", "unknown", "change"):
        if verdict in found:
            break
    else:
        return "allow"
    if verdict == "unknown":
        missing["pam.verdict"] = "; ".join(reason for phase in phases.values() for reason in phase["unknown"])
        return None
    return verdict


def _refusal(line, answer, phase):
    kind = answer.kind
    if line["broken"]:
        kind = "pam"
    return {
        "phase": phase,
        "kind": kind,
        "module": line["module"],
        "file": line["file"],
        "line": line["line"],
        "reason": answer.reason or "behind this line nothing lets the user in",
        "details": answer.details,
    }
