# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands between the vantage and a lab host: rules on the lab's side, as a security group or a router has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fleet import Host, quiet

# Where a rule sees what goes to a host. Only 'bridge' sees other lab hosts' packets too; only 'inet' can reject.
CHAINS = {
    "bridge": "type filter hook postrouting priority 0;",
    "inet": "type filter hook output priority 0;",
    "ip": "type nat hook postrouting priority 100;",
}


@contextmanager
def upstream(host: Host, rule: str, family: str = "bridge") -> Iterator[None]:
    """A rule of the network for one host; ADDRESS and ADDRESS6 in it are that host's. It is gone afterwards."""
    rule = rule.replace("ADDRESS6", host.address6).replace("ADDRESS", host.address)
    table = f"{family} {host.name.replace('-', '_')}"
    commands = f"add table {table}; add chain {table} way {{ {CHAINS[family]} }}; add rule {table} way {rule}"
    quiet(["nft", commands])
    try:
        yield
    finally:
        quiet(["nft", f"delete table {table}"])
