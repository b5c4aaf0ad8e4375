# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the report and print what a tired person needs of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.rescue.remote_login.plugins.plugin_utils import report


class ActionModule(ActionBase):
    """Runs on the controller alone."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "hosts": {"type": "dict", "required": True},
                "evidence": {"type": "dict", "default": {}},
                "report_dir": {"type": "path", "required": True},
                "fail_on": {"type": "list", "elements": "str", "choices": ["blocking", "risk", "note"], "default": []},
            },
        )
        hosts = arguments["hosts"]
        try:
            path = report.write(Path(arguments["report_dir"]).absolute(), hosts, arguments["evidence"])
        except report.ReportError as error:
            return {"failed": True, "msg": str(error)}
        Display().display("\n" + report.as_text(hosts, path) + "\n")
        failing = _failing(hosts, arguments["fail_on"])
        if failing:
            return {"failed": True, "msg": f"remote_login_fail_on: {', '.join(failing)}", "report": str(path)}
        return {"changed": False, "report": str(path)}


def _failing(hosts: dict[str, Any], severities: list[str]) -> list[str]:
    """HOST (finding) for each finding of a severity that the operator wants the run to fail on."""
    return [
        f"{name} ({finding['id']})"
        for name, diagnosis in hosts.items()
        for finding in diagnosis["findings"]
        if finding["severity"] in severities
    ]
