# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which remedies a diagnosis calls for, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils.diagnosis import verdict_of

ALL = "all"
# What sshd needs to start comes before whatever starts it.
FIRST = ("install_sshd", "repair_sshd_config", "repair_host_keys")

# After these it takes a while until a login gets through: what waits in a full queue has to leave first.
SLOW = ("limit_process",)


def choose(diagnosis: Mapping[str, Any], via: str | None, allow: Sequence[str]) -> dict[str, Any]:
    """The remedies to apply, in order, the way to apply them, and those left out with why.

    The order is that of the findings, but what sshd needs to start comes first.
    """
    named = list(dict.fromkeys(finding["remedy"] for finding in diagnosis["findings"] if finding.get("remedy")))
    named.sort(key=lambda remedy: FIRST.index(remedy) if remedy in FIRST else len(FIRST))
    allowed = [remedy for remedy in named if ALL in allow or remedy in allow]
    left_out = [_untouched(remedy, "not in remote_login_allow") for remedy in named if remedy not in allowed]
    way = "oob" if via == "oob" else "connection" if via else None
    if way is None:
        left_out += [_untouched(remedy, "there is no way inside") for remedy in allowed]
        allowed = []
    return {"way": way, "remedies": allowed, "left_out": left_out}


def _untouched(remedy: str, reason: str) -> dict[str, Any]:
    return {"remedy": remedy, "changed": False, "failed": False, "detail": f"not applied: {reason}", "reverted": False}


def change(remedy: str, result: Mapping[str, Any] | None) -> dict[str, Any]:
    """The record of one remedy from what its role registered as remote_login_REMEDY."""
    if not result:
        return {**_untouched(remedy, "its role ended without a result"), "failed": True}
    said = result.get("detail") or result.get("msg") or ""
    return {
        "remedy": remedy,
        "changed": bool(result.get("changed")),
        "failed": bool(result.get("failed")),
        "detail": str(said),
        "reverted": bool(result.get("reverted")),
    }


def after(outside: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Verdict and outcome of the login attempt after the remedies."""
    first = outside[0] if outside else {}
    return {"verdict": verdict_of(first, []), "outcome": first.get("outcome")}


def takes_a_while(host: Mapping[str, Any]) -> bool:
    """Whether a login that does not work yet, by the record of a host, may do so in a moment."""
    acted = any(change["changed"] and change["remedy"] in SLOW for change in host["changes"])
    return acted and "after" in host and host["after"]["verdict"] != "can_login"
