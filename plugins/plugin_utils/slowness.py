# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a probe was so slow that it is worth to measure the link of the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils import words

# Outcomes of an attempt on which nobody answered in time, or whose answers got lost.
STALLED = (
    "timed_out",
    "no_route",
    "banner_timed_out",
    "closed_before_banner",
    "key_exchange_timed_out",
)
# From here on a look at the link is worth its seconds. Each stage takes a few round trips and well below a second of
# computing; a way over a satellite has round trips of 0.6 s and needs 2 s for a stage and 6 s for the whole login. Too
# low a threshold costs a healthy host some seconds of looking and finds nothing; too high a one misses a full link.
STAGES = ("connect", "banner", "key_exchange", "auth", "session")
SLOW_MS, SLOW_LOGIN_MS = 2000, 5000


def sections_for(seen: Sequence[Mapping[str, Any]]) -> list[str]:
    """The sections to gather on a host: what takes long to measure only where the probe gives a reason."""
    slow = any(is_slow(result) for result in seen)
    return [name for name in words.SECTIONS if slow or name not in words.ON_REQUEST]


def is_slow(result: Mapping[str, Any]) -> bool:
    """Whether a full link could be why a vantage did not get in, or took so long."""
    if result.get("outcome") in STALLED:
        return True
    timings = result.get("timings_ms") or {}
    if any((timings.get(stage) or 0) > SLOW_MS for stage in STAGES):
        return True
    return (timings.get("total") or 0) > SLOW_LOGIN_MS


def crawls(result: Mapping[str, Any] | None) -> bool:
    """Whether the network is so slow that Ansible's many round trips would take minutes. No program of the host has a
    part in how long connecting takes: its kernel answers."""
    timings = (result or {}).get("timings_ms") or {}
    return bool((timings.get("connect") or 0) > SLOW_MS)
