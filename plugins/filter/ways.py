# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that chooses how to get inside hosts that nobody has probed, for the role bandwidth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils import targets
from ansible_collections.rescue.remote_login.plugins.plugin_utils.settings import connection_defaults

Hostvars = Mapping[str, Any]


def way_inside(host: str, hostvars: Hostvars) -> dict[str, Any]:
    """{way, become, oob, oob_become} of a host."""
    return targets.way_inside(host, hostvars[host], [], connection_defaults())


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"way_inside": way_inside}
