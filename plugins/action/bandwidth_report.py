# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write bandwidth.json into the report folder and print the tables of all hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.rescue.remote_login.plugins.plugin_utils import bandwidth, bandwidth_text, report

JUDGED = "__remote_login_bandwidth"


class ActionModule(ActionBase):
    """Runs on the controller alone."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "hosts": {"type": "list", "elements": "str", "required": True},
                "report_dir": {"type": "path", "required": True},
            },
        )
        hosts: dict[str, Any] = {}
        for host in arguments["hosts"]:
            found = (task_vars or {})["hostvars"][host].get(JUDGED) or {}
            known = json.loads(json.dumps(found.get("bandwidth"), default=str))
            hosts[str(host)] = known or bandwidth.not_measured(str(found.get("msg") or "nobody looked at it"))
        try:
            path = report.write_document(
                Path(arguments["report_dir"]).absolute(), "bandwidth.json", report.as_json(hosts)
            )
        except report.ReportError as error:
            return {"failed": True, "msg": str(error)}
        Display().display("\n" + bandwidth_text.as_text(hosts, path) + "\n")
        return {"changed": False, "report": str(path)}
