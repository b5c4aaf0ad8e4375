# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils import evidence

PROBE = {"vantage": "localhost", "address": "192.0.2.1", "port": 22, "user": "ops", "outcome": "refused"}
MERGED: dict[str, Any] = {"outside": [PROBE], "reason": None}
SECTIONS = {"sshd": {"status": "ok"}}


def inside(*looks: tuple[str, dict[str, Any]], reason: str | None = None) -> Any:
    return evidence.collect("web", {**MERGED, "reason": reason}, looks)["inside"]


def test_the_document_has_what_was_tried_and_seen() -> None:
    found = evidence.collect("web", MERGED, [])
    assert (found["schema"], found["host"], found["outside"]) == (1, "web", [PROBE])
    assert found["target"] == {"address": "192.0.2.1", "port": 22, "user": "ops"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["collected_at"])


def test_a_host_that_nobody_probed_has_a_document_too() -> None:
    assert evidence.collect("web", {"outside": []}, [])["target"] == {"address": None, "port": None, "user": None}


def test_the_first_look_that_got_inside_counts() -> None:
    failed, got = {"failed": True, "msg": "no Python"}, {"inside": SECTIONS}
    assert inside(("connection", failed), ("oob", got)) == {"via": "oob", **SECTIONS}
    assert inside(("connection", got), ("oob", {"inside": {}})) == {"via": "connection", **SECTIONS}


def test_where_nobody_got_inside_every_way_says_why() -> None:
    skipped, failed = {"skipped": True}, {"unreachable": True, "msg": "timed out"}
    found = inside(("connection", skipped), ("oob", failed), reason="SSH does not get in (refused)")
    assert found == {"via": None, "reason": "SSH does not get in (refused); oob: timed out"}
    assert inside() == {"via": None, "reason": "nobody looked"}


def test_a_traceback_is_told_by_its_last_line_and_long_words_are_cut() -> None:
    trace = 'Traceback (most recent call last):\n  File "x", line 1\nValueError: boom\n\n'
    assert inside(("connection", {"module_stderr": trace}))["reason"] == "connection: ValueError: boom"
    assert len(inside(("connection", {"msg": "x" * 5000}))["reason"]) < 400
    assert inside(("connection", {"failed": True}))["reason"] == "connection: it failed without a reason"
