# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conclude a diagnosis of each host from its evidence, live or saved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.rescue.remote_login.plugins.plugin_utils import evidence, report, rules, witness
from ansible_collections.rescue.remote_login.plugins.plugin_utils.diagnosis import conclude

# The loop variable of the task that probes again.
VANTAGE = "__remote_login_vantage"
# Where a host's watch for packets is registered: what it saw, else why it was not started. For each way inside.
WITNESSES = {
    "connection": ("__remote_login_witness_seen", "__remote_login_witness_started"),
    "oob": ("__remote_login_witness_seen_oob", "__remote_login_witness_started_oob"),
}


class ActionModule(ActionBase):
    """Runs on the controller alone."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "rules_dirs": {"type": "list", "elements": "path", "default": []},
                "hosts": {"type": "list", "elements": "str"},
                "merged": {"type": "dict"},
                "looks": {"type": "dict", "default": {}},
                "witness_plan": {"type": "dict", "default": {}},
                "witness_probes": {"type": "list", "elements": "dict", "default": []},
                "evidence_from": {"type": "path"},
            },
            mutually_exclusive=[("hosts", "evidence_from")],
            required_one_of=[("hosts", "evidence_from")],
            required_together=[("hosts", "merged")],
        )
        try:
            all_rules = rules.load(arguments["rules_dirs"])
            if arguments["evidence_from"]:
                documents = report.read_evidence(Path(arguments["evidence_from"]))
            else:
                documents = self._collected(arguments, task_vars or {})
        except (rules.RuleError, report.ReportError) as error:
            return {"failed": True, "msg": str(error)}
        hosts = {host: conclude(document, all_rules) for host, document in documents.items()}
        return {"changed": False, "hosts": hosts, "evidence": documents}

    def _collected(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """The evidence from what the tasks before have registered."""
        documents = {}
        plan = arguments["witness_plan"]
        probes = [(str(probe.get(VANTAGE)), probe) for probe in arguments["witness_probes"]]
        for host in arguments["hosts"]:
            merged = arguments["merged"][host]
            variables = task_vars["hostvars"][host]
            looks = [(way, variables[name]) for name, way in arguments["looks"].items() if variables.get(name)]
            names = WITNESSES[plan[host]["way"]] if host in plan else ()
            seen = witness.section(host, plan, [variables.get(name) or {} for name in names], probes)
            documents[host] = evidence.collect(host, merged, looks, seen)
        return documents
