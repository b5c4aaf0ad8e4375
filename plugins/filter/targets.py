# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters that turn the inventory into login attempts, for the role rescue.remote_login.diagnose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils import targets
from ansible_collections.rescue.remote_login.plugins.plugin_utils.settings import connection_defaults

Hostvars = Mapping[str, Any]


def probe_vantages(hosts: Iterable[str], hostvars: Hostvars, usual: Sequence[str]) -> list[str]:
    """The vantages that the hosts are probed from, each once."""
    return targets.every_vantage({host: hostvars[host] for host in hosts}, usual)


def probe_targets(hosts: Iterable[str], hostvars: Hostvars, vantage: str, usual: Sequence[str]) -> list[dict[str, Any]]:
    """The targets that a vantage probes."""
    return targets.for_vantage(vantage, {host: hostvars[host] for host in hosts}, connection_defaults(), usual)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"probe_targets": probe_targets, "probe_vantages": probe_vantages}
