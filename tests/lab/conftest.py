# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's fixtures, which the benchmarks use as well, and which tests run by default."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from typing import Any

import pytest

from batches import batch, batches, regroup
from fixtures import diagnose, lab, playbook, start

__all__ = ["batch", "batches", "diagnose", "lab", "playbook", "start"]

# Of each cause so many shapes run by default, or this share of them; so many hosts on which nothing may be found, and
# so many cases of any other test.
SHAPES, SHARE, HEALTHY, OTHERS = 3, 6, 40, 24


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups of the tests in a hook of the same name
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run each cause in some of its shapes, and a test that every image could have on one of them, each on another.

    All: REMOTE_LOGIN_LAB=all, or the tests chosen with -k.
    """
    if os.environ.get("REMOTE_LOGIN_LAB") == "all" or config.option.keyword:
        return
    same: dict[str, list[pytest.Item]] = {}
    for item in items:
        same.setdefault(_name_on_any_image(item), []).append(item)
    chosen = [found[_draw(name) % len(found)] for name, found in sorted(same.items(), key=lambda pair: _draw(pair[0]))]
    there = Counter(_kind(item) for item in chosen)
    taken: Counter[tuple[str, str | None]] = Counter()
    kept = set()
    for item in chosen:
        kind = _kind(item)
        taken[kind] += 1
        wanted = OTHERS if kind[1] is None else max(SHAPES, there[kind] // SHARE) if kind[1] else HEALTHY
        if taken[kind] <= wanted:
            kept.add(id(item))
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
    items[:] = [item for item in items if id(item) in kept]
    regroup(items)


def _parameters(item: pytest.Item) -> dict[str, Any]:
    return dict(item.callspec.params) if hasattr(item, "callspec") else {}


def _kind(item: pytest.Item) -> tuple[str, str | None]:
    """The test and the cause that it is run with, which is empty for a healthy host; None where it has none."""
    fault = _parameters(item).get("fault")
    return item.nodeid.partition("[")[0], fault.cause if fault else None


def _name_on_any_image(item: pytest.Item) -> str:
    image = None if item.get_closest_marker("every_image") else _parameters(item).get("image")
    return item.nodeid.replace(str(image), "IMAGE") if image else item.nodeid


def _draw(name: str) -> int:
    """The same number for the same name in every run."""
    return zlib.crc32(name.encode())
