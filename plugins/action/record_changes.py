# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put what the remedies did, and the login attempt after them, into the diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.rescue.remote_login.plugins.plugin_utils import remedies


class ActionModule(ActionBase):
    """Runs on the controller alone."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "diagnosis": {"type": "dict", "required": True},
                "hosts": {"type": "list", "elements": "str", "required": True},
                "after": {"type": "dict", "default": {}},
            },
        )
        recorded: dict[str, Any] = dict(arguments["diagnosis"]["hosts"])
        failed: dict[str, str] = {}
        changed: list[str] = []
        for host in arguments["hosts"]:
            changes = self._changes(host, (task_vars or {})["hostvars"][host])
            seen = arguments["after"].get(host)
            recorded[host] = {**recorded[host], "changes": changes}
            if seen:
                recorded[host]["after"] = remedies.after(seen["outside"])
            reasons = [f"{change['remedy']}: {change['detail']}" for change in changes if change["failed"]]
            failed.update({host: "; ".join(reasons)} if reasons else {})
            changed += [host] if any(change["changed"] for change in changes) else []
        return {
            "changed": False,
            "hosts": recorded,
            "evidence": arguments["diagnosis"]["evidence"],
            "failed_remedies": failed,
            "changed_hosts": changed,
            "slow_hosts": [host for host in changed if remedies.takes_a_while(recorded[host])],
        }

    def _changes(self, host: str, variables: Mapping[str, Any]) -> list[dict[str, Any]]:
        plan = variables.get("__remote_login_plan") or {}
        applied = [remedies.change(name, variables.get(f"remote_login_{name}")) for name in plan.get("remedies", [])]
        return applied + list(plan.get("left_out", []))
