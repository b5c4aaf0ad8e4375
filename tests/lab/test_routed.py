# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A router between the client and the host: routes, the reverse path filter, and packets that are too big."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from faults import ALL
from faults_network import ROUTED, ROUTED_HEALTHY, RoutedFault
from fixtures import Run
from fleet import Host, quiet
from routed import Way, routed


def cases(faults: list[RoutedFault]) -> list[Any]:
    return [pytest.param(fault, image, id=f"{fault.name}-{image}") for fault in faults for image in ALL]


def real_login(host: Host, address: str) -> int:
    usual, host.address = host.address, address
    try:
        return host.ssh(patience=20)[0]
    finally:
        host.address = usual


def look(host: Host, fault: RoutedFault, way: Way, diagnose: Callable[..., Run]) -> tuple[int, dict[str, Any]]:
    address = way.host6 if fault.version6 else way.host
    status = real_login(host, address)
    # A client that has heard from the router that its own packets are too big announces smaller segments from then on.
    quiet(["ip", "route", "flush", "cache"])
    run = diagnose({host.name: host.inventory(ansible_host=address)}, old=host.image == "bullseye")
    return status, run[host]


@pytest.mark.parametrize(("fault", "image"), cases(ROUTED))
def test_the_right_cause_leads(
    fault: RoutedFault, image: str, start: Callable[..., Host], diagnose: Callable[..., Run]
) -> None:
    host = start(image)
    with routed(host, mtu=fault.mtu, silent=fault.silent, script=fault.script) as way:
        status, diagnosis = look(host, fault, way, diagnose)
        text = json.dumps(diagnosis, indent=1)
        assert status != 0
        assert (diagnosis["outcome"], diagnosis["cause"]) == (fault.outcome, fault.cause), text
        detail = next(finding["detail"] for finding in diagnosis["findings"] if finding["id"] == fault.cause)
        assert way.filled(fault.points_at) in detail


@pytest.mark.parametrize(("fault", "image"), cases(ROUTED_HEALTHY))
def test_nothing_is_found_on_a_healthy_way(
    fault: RoutedFault, image: str, start: Callable[..., Host], diagnose: Callable[..., Run]
) -> None:
    host = start(image)
    with routed(host, mtu=fault.mtu, silent=fault.silent, script=fault.script) as way:
        status, diagnosis = look(host, fault, way, diagnose)
        assert status == 0
        assert (diagnosis["verdict"], diagnosis["findings"]) == ("can_login", []), json.dumps(diagnosis, indent=1)
