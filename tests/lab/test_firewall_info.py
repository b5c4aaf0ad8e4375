# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the packet filters of a real host do with a packet that an operator asks about."""

from __future__ import annotations

import re
from collections.abc import Callable

from faults_firewall import nft
from fixtures import Playbook, asked_of
from fleet import Host

CLIENT = "10.77.1.1"
RULES = ("udp dport 53 drop", "tcp dport 22 jump logins")
LOGINS = 'chain logins { iifname "x1" drop; }'


def test_any_packet_can_be_asked_about(start: Callable[..., Host], playbook: Playbook) -> None:
    host = start("bookworm", nft(*RULES, LOGINS))
    dns, by_x1, login, *refused = asked_of(
        playbook,
        "firewall_info",
        host,
        [
            {"protocol": "udp", "port": 53, "source": CLIENT},
            {"interface": "x1", "source": "192.0.2.7", "destination": host.address},
            {"clients": [CLIENT], "addresses": [host.address]},
            {"source": "host.example"},
            {"destination": "host.example"},
            {"clients": ["host.example"]},
            {"addresses": ["host.example"]},
        ],
    )
    assert (dns.login["verdict"], dns.login["rule"]["text"]) == ("drop", "udp dport 53 drop"), dns.answer
    assert (dns.login["packet"]["protocol"], dns.login["packet"]["port"]) == ("udp", 53)
    rule, handle = by_x1.login["rule"], handle_of(host, 'iifname "x1" drop')
    assert (by_x1.login["verdict"], by_x1.login["path"]) == ("drop", ["entry", "logins"]), by_x1.answer
    assert (rule["table"], rule["chain"], rule["text"]) == ("guard", "logins", 'iifname "x1" drop')
    assert (rule["handle"], by_x1.login["packet"]["interface"]) == (handle, "x1")
    assert (login.login["verdict"], login.login["packet"]["interface"]) == ("accept", "eth0"), login.answer
    for answer, option in zip(refused, ("source", "destination", "clients", "addresses"), strict=True):
        assert answer.failed, option
        assert re.match(rf"{option} must be .*IP address.*, not 'host.example'$", answer.msg), answer.msg


def handle_of(host: Host, rule: str) -> int:
    """The handle that nft itself shows for a rule."""
    found = re.search(rf"{re.escape(rule)} # handle (\d+)$", host.run("nft -a list ruleset").stdout, re.M)
    assert found is not None
    return int(found.group(1))
