# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the verdict takes on large rulesets, as a ratio to the listing of the same rules alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fleet import why_not
from kernel import CLIENTS, HOSTS, PORT, Kernel

ROUNDS = 3
RULES, ADDRESSES = 10_000, 100_000
PACKET = {"protocol": "tcp", "source": CLIENTS[4][0], "destination": HOSTS[4][0], "port": PORT, "interface": None}


def address(number: int) -> str:
    return f"{20 + (number >> 24)}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def table(rules: list[str], elements: list[str], flags: str = "") -> str:
    members = f"set crowd {{ type ipv4_addr; {flags} elements = {{ {', '.join(elements)} }}; }}" if elements else ""
    head = "type filter hook input priority 0;"
    return f"table inet f {{\n{members}\nchain i {{ {head}\n" + "\n".join(rules) + "\n}\n}\n"


def save_file(rules: list[str]) -> str:
    return "\n".join(["*filter", ":INPUT ACCEPT", ":FORWARD ACCEPT", ":OUTPUT ACCEPT", *rules, "COMMIT", ""])


NFT = ["nft", "-f", "-"]
NFT_RULES = [f"ip saddr {address(7 * number)} tcp dport {1000 + number % 5000} drop" for number in range(RULES)]
IPTABLES_RULES = [
    f"-A INPUT -s {address(7 * number)} -p tcp --dport {1000 + number % 5000} -j DROP" for number in range(RULES)
]
IN_SET = ["ip saddr @crowd drop", "tcp dport 22 drop"]
SINGLE = [address(3 * number) for number in range(ADDRESSES)]
RANGES = [f"{address(8 * number)}-{address(8 * number + 4)}" for number in range(ADDRESSES)]
PREFIXES = [f"{address(16 * number)}/29" for number in range(ADDRESSES)]
IPSET = "create crowd hash:ip maxelem 200000\n" + "".join(f"add crowd {member}\n" for member in SINGLE)
LAST = "-A INPUT -p tcp --dport 22 -j DROP"
CASES: dict[str, tuple[list[tuple[list[str], str]], str]] = {
    "10,000 rules of nft": ([(NFT, table([*NFT_RULES, "tcp dport 22 drop"], []))], "nft -j list ruleset"),
    "100,000 addresses in a set of nft": ([(NFT, table(IN_SET, SINGLE))], "nft -j list ruleset"),
    "100,000 ranges in a set of nft": ([(NFT, table(IN_SET, RANGES, "flags interval;"))], "nft -j list ruleset"),
    "100,000 prefixes in a set of nft": ([(NFT, table(IN_SET, PREFIXES, "flags interval;"))], "nft -j list ruleset"),
    "10,000 rules of iptables-nft": (
        [(["iptables-nft-restore"], save_file([*IPTABLES_RULES, LAST]))], "nft -j list ruleset; iptables-nft-save"),
    "10,000 rules of iptables-legacy": (
        [(["iptables-legacy-restore"], save_file([*IPTABLES_RULES, LAST]))], "iptables-legacy-save"),
    "100,000 addresses in an ipset": (
        [(["ipset", "restore"], IPSET), (["iptables-nft-restore"], save_file(["-A INPUT -m set --match-set crowd src -j DROP", LAST]))], "ipset save"),
}  # fmt: skip


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    reason = why_not()
    if reason:
        pytest.skip(f"the lab {reason}")
    with Kernel("bookworm") as kernel:
        yield kernel


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_against_the_listing(name: str, kernel: Kernel) -> None:
    commands, listing = CASES[name]
    assert kernel.run(commands) is None
    ratios, times, answer = [], [], dict[str, Any]()
    for _round in range(ROUNDS):
        answer = kernel.judge(PACKET)
        assert answer["found"]["verdict"] == "drop"
        started = time.perf_counter()
        assert kernel.run([(["sh", "-c", f"{{ {listing}; }} > /dev/null"], "")]) is None
        times.append((answer["taken_s"], time.perf_counter() - started))
        ratios.append(times[-1][0] / times[-1][1])
    mine, other = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"\nverdict on {name} against '{listing}' alone\n  ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to"
        f" {max(ratios):.2f}, {ROUNDS} rounds), goal about a second; medians {mine:.2f} s and {other:.2f} s;"
        f" peak memory {answer['peak_bytes'] / 2**20:.0f} MiB"
    )
