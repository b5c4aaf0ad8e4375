# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What slows a login down is told as a note."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import faults_health
from batches import Batch, cases
from faults import Fault
from fixtures import Playbook
from fleet import Host

Start = Callable[..., Host]


@pytest.mark.parametrize(("fault", "image"), cases("note", faults_health.NOTES))
def test_a_login_that_waits_is_worth_a_note(fault: Fault, image: str, batch: Batch) -> None:
    host = batch.hosts[fault.name, image]
    diagnosis = batch.run("diagnose", "diagnose")[host]
    assert (diagnosis["verdict"], diagnosis["cause"]) == ("can_login", None)
    found = {finding["id"]: finding for finding in diagnosis["findings"]}
    assert found[fault.cause]["severity"] == "note"
    assert fault.points_at in found[fault.cause]["detail"]


@pytest.mark.parametrize(("fault", "image"), cases("unsteady", faults_health.UNSTEADY))
def test_a_busy_host_is_told_wherever_the_login_ends(fault: Fault, image: str, batch: Batch) -> None:
    host = batch.hosts[fault.name, image]
    diagnosis = batch.run("diagnose", "diagnose")[host]
    found = {finding["id"]: finding["detail"] for finding in diagnosis["findings"]}
    assert fault.points_at in found.get(fault.cause, ""), json.dumps(diagnosis, indent=1)
    assert "the load is " in found[fault.cause]


def test_the_clock_is_held_against_the_controller_s(start: Start, playbook: Playbook, tmp_path: Path) -> None:
    host, answer = start("bookworm"), tmp_path / "answer.json"
    told = {"content": "{{ found.results | map(attribute='clock.offset_s') | to_json }}", "dest": str(answer)}
    tasks = [
        {"rescue.remote_login.health_info": {"controller_time": "{{ now().timestamp() + item }}"},
         "loop": [0, 7200, -86400], "register": "found"},
        {"ansible.builtin.copy": {**told, "mode": "0600"}, "delegate_to": "localhost",
         "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}},
    ]  # fmt: skip
    play = tmp_path / "clock.yml"
    play.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    run = playbook(str(play), [host])
    assert run.status == 0, run.text
    right, behind, ahead = json.loads(answer.read_text())
    assert 0 <= right < 60
    assert -7200 <= behind < -7140
    assert 86400 <= ahead < 86460
