# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every cause on a really broken host of each image that can have it, and silence on healthy ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

import ban_state
import faults
import faults_account
import faults_auth_log
import faults_bandwidth
import faults_bans
import faults_firewall
import faults_health
import faults_network
import faults_policy
import faults_sandbox
from batches import Batch, cases
from faults import Fault
from fleet import Host

TOPICS = (
    faults,
    faults_account,
    faults_auth_log,
    faults_bandwidth,
    faults_bans,
    faults_firewall,
    faults_health,
    faults_network,
    faults_policy,
    faults_sandbox,
)
BROKEN = [fault for topic in TOPICS for fault in topic.FAULTS]
ODD = [fault for topic in TOPICS for fault in topic.HEALTHY]
RISKS = [fault for topic in TOPICS for fault in getattr(topic, "RISKS", [])]


def log_in(host: Host) -> int:
    return host.ssh()[0]


def restart_and_log_in(host: Host) -> int:
    host.restart()
    return host.ssh()[0]


def diagnosed(batch: Batch, fault: Fault, image: str) -> tuple[Host, dict[str, Any], str]:
    """The host of a case, its diagnosis, and the same as text for a failing test to show."""
    host = batch.hosts[fault.name, image]
    assert host.name not in batch.broken, batch.broken[host.name]
    run = batch.run("diagnose", "diagnose")
    assert run.status == 0, run.text
    assert "Traceback" not in run.text
    return host, run[host], json.dumps(run[host], indent=1)


@pytest.mark.parametrize(("fault", "image"), cases("broken", BROKEN))
def test_the_right_cause_leads(fault: Fault, image: str, batch: Batch) -> None:
    host, diagnosis, text = diagnosed(batch, fault, image)
    if fault.deadly and host.run("systemctl is-failed --quiet ssh", check=False).returncode == 0:
        assert diagnosis["cause"] == "sshd_failed", text
        return
    assert diagnosis["cause"] == fault.cause, text
    # With 'or' between those that can be.
    assert diagnosis["outcome"] in fault.outcome.split(" or "), text
    assert diagnosis["verdict"] == "cannot_login"
    detail = next(finding["detail"] for finding in diagnosis["findings"] if finding["id"] == fault.cause)
    # A rule that would block as well, if the one that blocks were gone, is not the one to be pointed at.
    assert fault.points_at in detail.partition("; behind it ")[0]
    if fault.remedied:
        people_get_in_again(host, batch, fault.cause)


def bans_of(host: Host, batch: Batch, stage: str) -> str:
    """All that bans somebody on the host of a case about bans; nothing where the case is about something else."""
    return str(batch.on_all_remedied(f"bans {stage}", ban_state.bans, ban_state.CAUSES).get(host.name, ""))


def people_get_in_again(host: Host, batch: Batch, cause: str) -> None:
    """The plan changes nothing, the remedy lets the real client in, a second run has nothing left to do."""
    before = batch.on_all_remedied("before", log_in)
    banned = bans_of(host, batch, "before")
    assert cause != "stale_ban" or ban_state.of_others(banned)
    plan = batch.run("plan", "remediate", "--check", remedied=True)
    text = json.dumps(plan[host], indent=1)
    assert plan[host]["changes"][0]["changed"], text
    assert not any(change["failed"] for change in plan[host]["changes"]), text
    assert batch.on_all_remedied("after the plan", log_in)[host.name] == before[host.name]
    assert bans_of(host, batch, "after the plan") == banned
    done = batch.run("remediate", "remediate", remedied=True)
    text = json.dumps(done[host], indent=1)
    assert ban_state.of_others(bans_of(host, batch, "after the remedy")) == ban_state.of_others(banned)
    assert not any(change["failed"] for change in done[host]["changes"]), text
    assert done[host]["after"] == {"verdict": "can_login", "outcome": "ok"}, text
    assert batch.on_all_remedied("after the remedy", log_in)[host.name] == 0
    again = batch.run("again", "remediate", remedied=True)
    assert again[host]["verdict"] == "can_login"
    assert not any(change["changed"] for change in again[host]["changes"])
    after = batch.on_all_remedied("after a restart", restart_and_log_in)
    assert after[host.name] == 0, "it does not come up again at the next boot"


@pytest.mark.parametrize(("fault", "image"), cases("odd", ODD))
def test_nothing_is_found_on_a_healthy_host(fault: Fault, image: str, batch: Batch) -> None:
    _host, diagnosis, text = diagnosed(batch, fault, image)
    assert diagnosis["verdict"] == "can_login", text
    assert diagnosis["cause"] is None
    assert diagnosis["findings"] == []
    assert diagnosis["unchecked"] == []


@pytest.mark.parametrize(("fault", "image"), cases("risk", RISKS))
def test_a_login_that_will_fail_soon_is_a_risk(fault: Fault, image: str, batch: Batch) -> None:
    host, diagnosis, text = diagnosed(batch, fault, image)
    assert (diagnosis["verdict"], diagnosis["cause"]) == ("can_login", None), text
    found = [(finding["id"], finding["severity"]) for finding in diagnosis["findings"]]
    assert found == [(fault.cause, "risk")]
    assert fault.points_at in diagnosis["findings"][0]["detail"]
    if fault.remedied:
        done = batch.run("remediate", "remediate", remedied=True)
        assert [change["changed"] for change in done[host]["changes"]] == [True], json.dumps(done[host])
        after = batch.on_all_remedied("after a restart", restart_and_log_in)
        assert after[host.name] == 0, "it does not come up at the next boot"


@pytest.mark.parametrize(("fault", "image"), cases("note", faults_account.NOTES))
def test_what_is_worth_knowing_is_a_note(fault: Fault, image: str, batch: Batch) -> None:
    _host, diagnosis, text = diagnosed(batch, fault, image)
    assert (diagnosis["verdict"], diagnosis["cause"]) == ("can_login", None), text
    assert [(finding["id"], finding["severity"]) for finding in diagnosis["findings"]] == [(fault.cause, "note")]
    assert fault.points_at in diagnosis["findings"][0]["detail"]
