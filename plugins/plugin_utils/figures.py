# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rates, sizes and shares as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

UNITS = ("b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s")
SIZES = ("B", "kB", "MB", "GB", "TB")


def _scaled(value: Any, units: Sequence[str], unknown: str) -> str:
    if value is None:
        return unknown
    number, place = float(value), 0
    while abs(number) >= 999.5 and place < len(units) - 1:
        number, place = number / 1000, place + 1
    digits = 0 if place == 0 or abs(number) >= 99.95 else 1 if abs(number) >= 9.995 else 2
    return f"{number:.{digits}f} {units[place]}"


def rate(value: Any) -> str:
    """Bits a second, for people."""
    return _scaled(value, UNITS, "-")


def size(value: Any) -> str:
    """Bytes, for people."""
    return _scaled(value, SIZES, "-")


def percent(share: float | None) -> str:
    if share is None:
        return "?"
    return "<1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def bar_of(share: float | None, width: int) -> str:
    """A share as a bar; what is more than nothing has at least one mark."""
    if share is None:
        return f"[{'?' * width}]"
    marks = min(width, max(1 if share > 0.0005 else 0, round(share * width)))
    return f"[{'#' * marks}{'.' * (width - marks)}]"
