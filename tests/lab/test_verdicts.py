# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict held against the kernel: the rulesets are loaded, a real connection is tried, and both have to agree."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from fleet import why_not
from kernel import HOSTS, LONG_PATIENCE_S, OTHER_PORT, PORT, Kernel
from rulesets import REJECTS, REJECTS_OF_BOTH, Ruleset, answer_of, rulesets

# The rulesets of a run are the same ones everywhere. Another seed, and more of them, for those who look for more.
SEED = int(os.environ.get("REMOTE_LOGIN_SEED", "1"))
RULESETS = int(os.environ.get("REMOTE_LOGIN_RULESETS", "360"))
# Each image has another nft, another iptables and another Python.
IMAGES = ("bookworm", "trixie", "bullseye")


@pytest.fixture(scope="module")
def kernels() -> Iterator[dict[str, Kernel]]:
    reason = why_not()
    if reason:
        pytest.skip(f"the lab {reason}")
    started: dict[str, Kernel] = {}
    yield started
    for kernel in started.values():
        kernel.__exit__(None, None, None)


def possible(found: dict[str, Any], version: int) -> set[str]:
    """What a client may see, by the verdict. Nothing that is lost on the way back is seen by a client."""
    kinds = {found["verdict"], *found["alternatives"]} if found["verdict"] != "accept" else {"accept"}
    if found["verdict"] in ("drop", "reject") and "reject" in kinds and found["reject_with"] is None:
        return {answer_of(told, version) for told in REJECTS[version] + REJECTS_OF_BOTH} | {"icmp", "drop"}
    if found["verdict"] == "reject" and found["stage"] != "reply":
        answer = answer_of(found["reject_with"], version)
        if found["stage"] == "data":
            # Either side's words are refused, and the one that is refused may not be the client.
            return {answer, "icmp", "tcp reset", "drop"}
        if found["stage"] == "established" and answer != "tcp reset":
            # What stands does not fall for an ICMP error, and may not even tell of it.
            return {"icmp", "drop"}
        return {answer, *(kinds - {"reject"})}
    if kinds & {"drop", "reject"}:
        return {"drop"}
    to = found["translated_to"]
    if to is None:
        return {"accept"}
    if to["port"] is None:
        return {"accept", "drop", "tcp reset"}
    if to["address"] is not None and to["address"] not in HOSTS[version]:
        return {"drop"}
    return {"accept"} if to["port"] in (PORT, OTHER_PORT) else {"tcp reset"}


def compare(kernel: Kernel, ruleset: Ruleset, seen: Counter[str]) -> list[str]:
    """Load the rules, and tell how verdict and fate differ, connection by connection."""
    kernel.clear()
    problem = kernel.run(ruleset.commands())
    if problem:
        seen["not loaded"] += 1
        return [f"does not load: {problem}"] if os.environ.get("REMOTE_LOGIN_LOADABLE") else []
    wrong = []
    for version, source, destination in ruleset.connections:
        packet = {"protocol": "tcp", "source": source, "destination": destination, "port": PORT, "interface": None}
        found = kernel.judge(packet)["found"]
        fate = kernel.fate(source, destination, PORT)
        seen[found["verdict"]] += 1
        if found["verdict"] == "unknown":
            seen[f"unknown: {(found['reason'] or '')[-60:]}"] += 1
            continue
        allowed = possible(found, version)
        if fate == "drop" and "drop" not in allowed:
            # A busy machine is slow, not silent.
            fate = kernel.fate(source, destination, PORT, LONG_PATIENCE_S)
        if fate not in allowed:
            told = {
                name: found[name]
                for name in ("verdict", "reject_with", "stage", "rule", "translated_to", "alternatives")
            }
            wrong.append(f"{source} to {destination}: the kernel says {fate!r}, the verdict {told}")
    return wrong


@pytest.mark.every_image
@pytest.mark.parametrize("image", IMAGES)
def test_the_verdict_is_the_kernels(image: str, kernels: dict[str, Kernel]) -> None:
    kernel = kernels.setdefault(image, Kernel(image))
    seen: Counter[str] = Counter()

    @seed(SEED * 100 + IMAGES.index(image))
    @settings(max_examples=RULESETS, database=None, deadline=None, suppress_health_check=list(HealthCheck),
              phases=[Phase.generate, Phase.shrink], print_blob=False)  # fmt: skip
    @given(ruleset=rulesets(old_nft=image == "bullseye"))
    def is_judged_like_the_kernel(ruleset: Ruleset) -> None:
        wrong = compare(kernel, ruleset, seen)
        assert not wrong, "\n".join([*wrong, str(ruleset)])

    is_judged_like_the_kernel()
    judged = sum(seen[verdict] for verdict in ("accept", "drop", "reject", "unknown"))
    print(image, judged, dict(seen.most_common(40)))
    assert seen["unknown"] <= judged / 20, seen
    assert seen["not loaded"] <= RULESETS / 20
    # Rules that let everybody in, or nobody, would show nothing.
    assert judged / 4 < seen["accept"] < judged * 3 / 4
