# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the remedies for one host."""

from __future__ import annotations

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
                "via": {"type": "str"},
                "allow": {"type": "list", "elements": "str", "required": True},
            },
        )
        return {"changed": False, **remedies.choose(arguments["diagnosis"], arguments["via"], arguments["allow"])}
