# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rates as iftop tells them: over the last 2, 10 and 40 seconds, the sum of all (cum) and the greatest (peak)."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

SPANS_S = (2, 10, 40)
# Steps never end just in time.
TOLERANCE_S = 0.25


def of(moved, ends, span_s):
    """{bytes, bps, 2s, 10s, 40s, peak}, each rate in bits a second, of the bytes moved in each step.

    ``ends``: when each step ends, from the start; ``span_s``: what the window really lasted. What the window is too
    short for is None.
    """
    total = sum(moved)
    found = {"bytes": int(round(total)), "bps": bits(total, span_s)}  # noqa: RUF046 - a float in Python 2.7
    for seconds in SPANS_S:
        found["last_%ds_bps" % seconds] = _last(moved, ends, seconds)
    lengths = _lengths(ends)
    whole = [bits(size, length) for size, length in zip(moved, lengths) if length >= SPANS_S[0] - TOLERANCE_S]
    found["peak_bps"] = max(whole) if whole else None
    return found


def bits(size, seconds):
    return int(round(8.0 * size / seconds)) if seconds > 0 else None  # noqa: RUF046


def _lengths(ends):
    return [end - begin for begin, end in zip([0] + list(ends[:-1]), ends)]


def _last(moved, ends, seconds):
    if not ends or ends[-1] < seconds - TOLERANCE_S:
        return None
    first = next((number for number, end in enumerate(ends) if end > ends[-1] - seconds + TOLERANCE_S), 0)
    return bits(sum(moved[first:]), ends[-1] - (ends[first - 1] if first else 0))
