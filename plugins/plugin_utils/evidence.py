# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One JSON document a host: what was seen, no opinion in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils.report import SCHEMA, now

OLD_PYTHON = (
    "the host's Python is too old for this ansible-core: 2.16 is the last one that drives Python 2.7 and 3.6"
    " (pip install 'ansible-core==2.16.*')"
)


def collect(
    host: str,
    merged: Mapping[str, Any],
    looks: Sequence[tuple[str, Mapping[str, Any]]],
    witness: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The evidence from the probes and from the looks inside that were tried: the way and what came of it, in order.

    ``witness``: what was seen inside while a vantage tried again, where that was done.
    """
    first = merged["outside"][0] if merged["outside"] else {}
    document = {
        "schema": SCHEMA,
        "host": host,
        "collected_at": now(),
        "target": {key: first.get(key) for key in ("address", "port", "user")},
        "outside": list(merged["outside"]),
        "inside": {**_inside(merged, looks), **({"packet_witness": witness} if witness else {})},
    }
    # Ansible hands out strings of types of its own, which JMESPath does not take for strings.
    plain: dict[str, Any] = json.loads(json.dumps(document))
    return plain


def _inside(merged: Mapping[str, Any], looks: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The sections of the look that succeeded; else the reason why nobody could look."""
    reasons = [str(merged["reason"])] if merged.get("reason") else []
    for way, look in looks:
        if look.get("inside"):
            return {"via": way, **look["inside"]}
        if not look.get("skipped"):
            reasons.append(f"{way}: {said(look)}")
    return {"via": None, "reason": "; ".join(reasons) or "nobody looked"}


def said(look: Mapping[str, Any]) -> str:
    """The gist of a failed task, in one line."""
    stderr = str(look.get("module_stderr") or "")
    if "SyntaxError" in stderr or "ansible-core requires a minimum of Python" in stderr:
        return OLD_PYTHON
    text = str(look.get("msg") or look.get("module_stderr") or "it failed without a reason")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any(line.startswith("Traceback") for line in lines):
        lines = lines[-1:]
    return " ".join(lines)[:300]
