# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured on one host, with what is to be said of its processes and peers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils import judgement
from ansible_collections.rescue.remote_login.plugins.plugin_utils.evidence import said

# What Ansible adds to what a module returns.
NOT_MEASURED = ("changed", "failed", "failed_when_result", "invocation", "warnings", "deprecations", "exception", "msg")
NOT_ROOT = "without root the processes of other users cannot be seen"


def not_measured(reason: str) -> dict[str, Any]:
    return {"status": "unchecked", "reason": reason, "via": None}


def judged(looks: Sequence[tuple[str, Mapping[str, Any]]], settings: judgement.Settings) -> dict[str, Any]:
    """The first of these looks at a host that tells something, each process with its judgement."""
    told = [(way, look) for way, look in looks if look.get("status") is not None]
    if not told:
        return not_measured("; ".join(f"{way}: {said(look)}" for way, look in looks if not look.get("skipped")))
    way, look = next(((way, look) for way, look in told if look["status"] == "ok"), told[0])
    found = {
        name: value for name, value in look.items() if name not in NOT_MEASURED and not name.startswith("_ansible")
    }
    found["via"] = way
    for process in found.get("processes") or []:
        process["judgement"] = judgement.judge(process, settings)
    if settings.country_of:
        for peer in _peers(found):
            peer["country"] = settings.country_of(str(peer["address"])) if peer.get("address") else None
    return found


def _peers(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    groups: list[Iterable[Any]] = [found.get("peers") or []]
    groups += [entry.get("peers") or [] for name in ("processes", "unattributed") for entry in found.get(name) or []]
    for group in groups:
        yield from group
