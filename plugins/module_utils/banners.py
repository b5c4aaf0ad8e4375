# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who bans addresses in packet filters, by the names that they give to their sets, chains and tables."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

OWNERS = (
    ("fail2ban", re.compile(r"^(?:addr6?-set-|f2b-|fail2ban-)(?P<jail>.+)$")),
    ("crowdsec", re.compile(r"(?i)^crowdsec")),
    ("sshguard", re.compile(r"(?i)^sshguard")),
    ("denyhosts", re.compile(r"(?i)^denyhosts")),
    ("blocklistd", re.compile(r"^bl(?:ock|ack)listd")),
)


def owner(name, table=None):
    """Whose a set or chain is by its name: {by, jail}, or None where no banner calls anything so."""
    for by, pattern in OWNERS:
        found = pattern.match(name or "")
        if found:
            return {"by": by, "jail": found.groupdict().get("jail")}
    for by, pattern in OWNERS:
        if pattern.match(table or ""):
            return {"by": by, "jail": None}
    return None
