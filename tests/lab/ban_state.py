# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that bans somebody on a host, to compare: what fail2ban knows and keeps, packet filters, routes, files."""

from __future__ import annotations

import re

from faults_bans import CLIENT, STRANGER
from fleet import Host

CAUSES = ("fail2ban_banned", "stale_ban")
DATABASE = "/var/lib/fail2ban/fail2ban.sqlite3"
ROWS = (
    "import sqlite3; c = sqlite3.connect('file:" + DATABASE + "?mode=ro', uri=True);"
    " [print(t, *row) for t in ('bans', 'bips') for row in"
    " sorted(c.execute('SELECT jail, ip, timeofban, bantime FROM ' + t))]"
)
# A file of /proc has no size.
LEGACY = "! grep -q . /proc/net/{0}_tables_names || {0}tables-legacy-save"
COMMANDS = (
    "timeout 20 fail2ban-client banned",
    f'[ ! -e {DATABASE} ] || python3 -c "{ROWS}"',
    "nft -s list ruleset",
    LEGACY.format("ip"),
    LEGACY.format("ip6"),
    "ipset save",
    "ip route; ip -6 route",
    "cat /etc/hosts.deny /var/lib/denyhosts/* /var/lib/sshguard/*",
    "ls -l /etc/hosts.deny /etc/fail2ban/jail.d",
)
# What runs on by itself: a set's clock, counters, and when something was listed.
MOVING = re.compile(r"expires \S+|timeout \d+|\[\d+:\d+\]|^#.*|expires$", re.M)


def bans(host: Host) -> str:
    said = [host.run(f"{{ {command}; }} 2>/dev/null", check=False).stdout for command in COMMANDS]
    return MOVING.sub("", "\n".join(said))


def of_others(text: str) -> list[list[str]]:
    """The words of each line about somebody else's ban, without the client's own address."""
    found = [re.findall(r"[^\s,{}\[\]'\"]+", line) for line in text.splitlines() if STRANGER in line]
    return sorted([word for word in words if word != CLIENT] for words in found)
