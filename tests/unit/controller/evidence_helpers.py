# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small evidence and small rules, for the tests of what is concluded from them."""

from __future__ import annotations

from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils.rules import Rule
from ansible_collections.rescue.remote_login.plugins.plugin_utils.words import OUTCOMES


def probed(outcome: str | None, **more: Any) -> dict[str, Any]:
    """What a vantage saw."""
    rung = OUTCOMES[outcome] if outcome else None
    return {"vantage": "localhost", "outcome": outcome, "rung": rung, "authenticated": outcome == "ok", **more}


def evidence(*outside: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """Evidence with these sections, each 'ok' unless it says otherwise."""
    inside = {"via": "connection", **{name: {"status": "ok", **data} for name, data in sections.items()}}
    return {"schema": 1, "host": "web", "target": {"address": "192.0.2.1"}, "outside": list(outside), "inside": inside}


def rule(name: str, when: str = "`true`", **more: Any) -> Rule:
    """A rule on the port's rung that explains a refused connection, unless told otherwise."""
    known: dict[str, Any] = {"rung": "port", "explains": ["refused"], "detail": name, **more}
    return Rule(id=name, title=name, when=when, **known)
