# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every cause on a really broken host of each image that can have it, and silence on healthy ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import faults_bans
import faults_firewall
from faults import FAULTS, HEALTHY, RISKS, Fault
from fixtures import Playbook, Run
from fleet import Host

Start = Callable[..., Host]
Diagnose = Callable[..., Run]


def cases(faults: list[Fault]) -> list[Any]:
    return [pytest.param(fault, image, id=f"{fault.name}-{image}") for fault in faults for image in fault.images]


def inventory_of(host: Host, fault: Fault) -> dict[str, dict[str, Any]]:
    # People may use the other address, which nobody knows before the host is there.
    told = {name: host.address6 if value == "ADDRESS6" else value for name, value in fault.variables.items()}
    return {host.name: host.inventory(**told)}


@pytest.mark.parametrize(("fault", "image"), cases(FAULTS + faults_bans.FAULTS + faults_firewall.FAULTS))
def test_the_right_cause_leads(fault: Fault, image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, fault.script)
    old = image == "bullseye"
    run = playbook("diagnose", inventory_of(host, fault), old=old)
    assert run.status == 0, run.text
    assert (run[host]["outcome"], run[host]["cause"]) == (fault.outcome, fault.cause), run.text
    assert run[host]["verdict"] == "cannot_login"
    assert fault.points_at in run.finding(host, fault.cause)["detail"]
    if fault.remedied:
        people_get_in_again(host, inventory_of(host, fault), playbook, old)


def people_get_in_again(host: Host, inventory: dict[str, Any], playbook: Playbook, old: bool) -> None:
    """The plan changes nothing, the remedy lets the real client in, a second run has nothing left to do."""
    before = host.ssh()[0]
    plan = playbook("remediate", inventory, "--check", old=old)
    assert plan.status == 0, plan.text
    assert plan[host]["changes"][0]["changed"]
    assert host.ssh()[0] == before
    done = playbook("remediate", inventory, old=old)
    assert done.status == 0, done.text
    assert done[host]["after"] == {"verdict": "can_login", "outcome": "ok"}
    assert host.ssh()[0] == 0
    again = playbook("remediate", inventory, old=old)
    assert again[host]["verdict"] == "can_login"
    assert not any(change["changed"] for change in again[host]["changes"])
    host.restart()
    assert host.ssh()[0] == 0, "it does not come up again at the next boot"


@pytest.mark.parametrize(("fault", "image"), cases(HEALTHY + faults_bans.HEALTHY + faults_firewall.HEALTHY))
def test_nothing_is_found_on_a_healthy_host(fault: Fault, image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, fault.script)
    run = playbook("diagnose", inventory_of(host, fault), old=image == "bullseye")
    assert run.status == 0, run.text
    assert run[host]["verdict"] == "can_login", run.text
    assert run[host]["cause"] is None
    assert run[host]["findings"] == []
    assert run[host]["unchecked"] == []


@pytest.mark.parametrize(("fault", "image"), cases(RISKS))
def test_a_login_that_will_fail_soon_is_a_risk(fault: Fault, image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, fault.script)
    old = image == "bullseye"
    run = playbook("diagnose", inventory_of(host, fault), old=old)
    assert (run[host]["verdict"], run[host]["cause"]) == ("can_login", None)
    found = [(finding["id"], finding["severity"]) for finding in run[host]["findings"]]
    assert found == [(fault.cause, "risk")]
    assert fault.points_at in run[host]["findings"][0]["detail"]
    if fault.remedied:
        done = playbook("remediate", inventory_of(host, fault), old=old)
        assert [change["changed"] for change in done[host]["changes"]] == [True], done.text
        host.restart()
        assert host.ssh()[0] == 0, "it does not come up at the next boot"
