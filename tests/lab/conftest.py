# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's fixtures, which the benchmarks use as well, and which tests run by default."""

from __future__ import annotations

import os
import zlib

import pytest

from batches import batch, batches
from fixtures import diagnose, lab, playbook, start

__all__ = ["batch", "batches", "diagnose", "lab", "playbook", "start"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run a test that every image could have on one of them, each test on another, unless all were asked for.

    All: REMOTE_LOGIN_LAB=all, or the tests chosen with -k.
    """
    if os.environ.get("REMOTE_LOGIN_LAB") == "all" or config.option.keyword:
        return
    same: dict[str, list[pytest.Item]] = {}
    for item in items:
        image = item.callspec.params.get("image") if hasattr(item, "callspec") else None
        image = None if item.get_closest_marker("every_image") else image
        name = item.nodeid.replace(str(image), "IMAGE") if image else item.nodeid
        same.setdefault(name, []).append(item)
    kept = {id(found[zlib.crc32(name.encode()) % len(found)]) for name, found in same.items()}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
    items[:] = [item for item in items if id(item) in kept]
