# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters that choose where packets are watched for, for the role rescue.remote_login.diagnose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils import witness
from ansible_collections.rescue.remote_login.plugins.plugin_utils.settings import connection_defaults

Hostvars = Mapping[str, Any]
Plan = Mapping[str, Mapping[str, Any]]


def witness_plan(merged: Mapping[str, Any], hostvars: Hostvars, looks: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """How to watch on each host where that tells something."""
    return witness.plan(merged, {host: hostvars[host] for host in merged}, looks)


def witness_vantages(plan: Plan) -> list[str]:
    """The vantages that try again, each once."""
    return list(dict.fromkeys(entry["vantage"] for entry in plan.values()))


def witness_targets(plan: Plan, hostvars: Hostvars, vantage: str) -> list[dict[str, Any]]:
    """The targets that a vantage tries again."""
    return witness.targets_of(plan, {host: hostvars[host] for host in plan}, vantage, connection_defaults())


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "witness_plan": witness_plan,
            "witness_targets": witness_targets,
            "witness_vantages": witness_vantages,
        }
