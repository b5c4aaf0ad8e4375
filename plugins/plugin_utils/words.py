# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the collection: rungs, outcomes, severities. One place, so that every part means the same."""

from __future__ import annotations

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.outcomes import RUNG_OF

# One step of the login path each, in the order in which a login takes them.
RUNGS = ("resolve", "route", "port", "banner", "key_exchange", "host_key", "auth", "session")

# Stands for every outcome but 'ok' in a rule's `explains`.
ANY_OUTCOME = "any"
# Each with the rung on which it ends.
OUTCOMES: dict[str, str] = RUNG_OF

SEVERITIES = ("blocking", "risk", "note")


# What is known of the inside of a host; each has a gatherer of its own.
SECTIONS = ("account", "auth_log", "bandwidth", "bans", "firewall", "health", "listening_ports", "network", "sshd")
# Those that are only gathered where they are asked for.
ON_REQUEST = ("bandwidth",)


def rung_number(rung: str | None) -> int:
    """The place of a rung on the path; a finding that is on none comes last."""
    return RUNGS.index(rung) if rung in RUNGS else len(RUNGS)
