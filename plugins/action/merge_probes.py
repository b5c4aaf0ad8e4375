# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put together what the vantages saw of each host, and choose the way inside."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.rescue.remote_login.plugins.plugin_utils import slowness, targets
from ansible_collections.rescue.remote_login.plugins.plugin_utils.settings import connection_defaults

# The loop variable of the task that probes.
VANTAGE = "__remote_login_vantage"


class ActionModule(ActionBase):
    """Runs on the controller alone."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "hosts": {"type": "list", "elements": "str", "required": True},
                "usual_vantages": {"type": "list", "elements": "str", "default": [targets.CONTROLLER]},
                "probes": {"type": "list", "elements": "dict", "required": True},
            },
        )
        hosts, defaults = arguments["hosts"], connection_defaults()
        variables = {host: (task_vars or {})["hostvars"][host] for host in hosts}
        probes = [(str(probe[VANTAGE]), probe) for probe in arguments["probes"]]
        seen = targets.merge(hosts, variables, probes, defaults, arguments["usual_vantages"])
        attempts = {host: targets.login_of(host, variables[host], seen[host], defaults) for host in hosts}
        sections = {host: slowness.sections_for(seen[host]) for host in hosts}
        ways = {host: targets.way_inside(host, variables[host], seen[host], defaults) for host in hosts}
        return {
            "changed": False,
            "hosts": {
                host: {"outside": seen[host], "login": attempts[host], "sections": sections[host], **ways[host]}
                for host in hosts
            },
        }
