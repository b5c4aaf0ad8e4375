# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walk a PAM stack: what comes of the answers of its modules, and whose answer it was that refused."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import itertools

# So many answers of modules that nobody knows are tried in all combinations.
COMBINATIONS_LIMIT = 2048
PASS, CHANGE, REFUSE = "pass", "change", "refuse"
# What refuses only because another module did before it.
CLOSERS = ("pam_deny.so",)
PASSING = frozenset(("success", "ignore", "new_authtok_reqd"))


def outcome(lines, answers, asked=None):
    """What libpam makes of one answer for each line: pass, change (the password must be changed) or refuse.

    ``asked`` takes the numbers of the lines that it comes to.
    """
    status, impression = "must_fail", None
    kept = {0: (status, impression)}
    number, previous = 0, 0
    while number < len(lines):
        line, code = lines[number], answers[number]
        if asked is not None:
            asked.append(number)
        level = line["level"]
        if level > previous:
            kept[level] = (status, impression)
        previous = level
        action = line["actions"].get(code, line["actions"]["default"])
        if action == "reset":
            status, impression = kept[level]
        elif action in ("ok", "done"):
            if impression is None or (impression and status == "success"):
                impression, status = True, code
            if action == "done" and impression:
                number = _end_of_level(lines, number, level)
        elif action in ("bad", "die"):
            if impression is not False:
                impression, status = False, "must_fail" if code in ("ignore", "success") else code
            if action == "die":
                number = _end_of_level(lines, number, level)
        elif action.isdigit():
            number, left = _jump(lines, number, level, int(action))
            if left:
                impression, status = False, "must_fail"
        number += 1
    if impression and status == "success":
        return PASS
    return CHANGE if impression and status == "new_authtok_reqd" else REFUSE


def _end_of_level(lines, number, level):
    """The last line of the substack that a line is in, or of the stack."""
    while number + 1 < len(lines) and lines[number + 1]["level"] >= level:
        number += 1
    return number


def _jump(lines, number, level, count):
    """Skip so many modules of this level; return the place and how many could not be skipped."""
    while count and number + 1 < len(lines) and lines[number + 1]["level"] >= level:
        number += 1
        while number + 1 < len(lines) and lines[number + 1]["level"] > level:
            number += 1
        count -= 1
    return number, count


def outcomes(lines, possible):
    """Every outcome that the possible answers leave open; None where they are too many to try."""
    count = 1
    for codes in possible:
        count *= len(codes)
    if count > COMBINATIONS_LIMIT:
        return None
    return {outcome(lines, answers) for answers in itertools.product(*possible)}


def judge(lines, possible):
    """What a phase comes to: {verdict: allow | change | refuse | unknown, by: [numbers], unknown: [numbers]}.

    ``by`` are the lines whose answer alone would refuse the login while all others let it pass.
    """
    found = outcomes(lines, possible)
    if found == {REFUSE}:
        return {"verdict": "refuse", "by": blamed(lines, possible), "unknown": []}
    if found is not None and REFUSE not in found:
        verdict = "allow" if found == {PASS} else "change" if found == {CHANGE} else "unknown"
        return {"verdict": verdict, "by": [], "unknown": _open(possible) if verdict == "unknown" else []}
    return {"verdict": "unknown", "by": [], "unknown": _open(possible)}


def _open(possible):
    return [number for number, codes in enumerate(possible) if len(codes) > 1]


def decisive(lines, possible):
    """The lines with an open answer that refuse the login if they refuse, whatever the others say."""
    found = []
    for number in _open(possible):
        refusing = tuple(code for code in possible[number] if code not in PASSING)
        asked = list(possible)
        asked[number] = refusing
        if refusing and outcomes(lines, asked) == {REFUSE}:
            found.append(number)
    return found


def blamed(lines, possible):
    """The lines that refuse, where the outcome is to refuse whatever the unknown modules say."""
    failing = [
        number for number, codes in enumerate(possible) if not PASSING.intersection(codes) or lines[number]["broken"]
    ]
    suspects = [number for number in failing if lines[number]["module"] not in CLOSERS]
    mended_lines = [dict(line, actions=_mended(line)) if number in suspects else line
                    for number, line in enumerate(lines)]  # fmt: skip
    mended = [("success",) if number in suspects else codes for number, codes in enumerate(possible)]
    guilty = []
    if outcomes(mended_lines, mended) == {REFUSE}:
        # Even then it refuses: by a line that is there to refuse, or as a stack in which nothing ever permits.
        asked = _asked(mended_lines, mended)
        guilty = [number for number in asked if lines[number]["module"] in CLOSERS][:1] or list(suspects)
    for suspect in suspects:
        alone_lines = list(mended_lines)
        alone_lines[suspect] = lines[suspect]
        alone = list(mended)
        alone[suspect] = possible[suspect]
        if suspect not in guilty and outcomes(alone_lines, alone) == {REFUSE}:
            guilty.append(suspect)
    # Else it is where the stack ends: a jump too far, or nothing that permits.
    return sorted(set(guilty)) or _asked(lines, possible)[-1:]


def _asked(lines, possible):
    """The numbers of the lines that are come to, by the first of the possible answers."""
    asked = []
    outcome(lines, [codes[0] for codes in possible], asked)
    return asked


def _mended(line):
    """The actions of a line once its fault is mended: a broken control would refuse even a success."""
    return dict(line["actions"], success="ok") if line["broken"] else line["actions"]
