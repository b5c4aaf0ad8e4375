# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role limit_process on a lab host, as an operator runs it: over the way that is open, about what is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fixtures import Playbook, Run
from fleet import Host
from images import DEFINITIONS

PREFIX = "remote_login_limit_process_"
ROLE = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: rescue.remote_login.limit_process
    - ansible.builtin.copy:
        content: "{{ remote_login_limit_process | to_json }}"
        dest: "{{ answer_file }}"
        mode: "0600"
      delegate_to: localhost
      vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
"""


def named(**wanted: Any) -> dict[str, Any]:
    """The role's variables."""
    return {f"{PREFIX}{key}": value for key, value in wanted.items()}


def run_role(
    playbook: Playbook, host: Host, wanted: Mapping[str, Any], oob: bool = False
) -> tuple[Run, dict[str, Any]]:
    """Run the role, by SSH or out of band; the run, and what the role tells."""
    play, answer = playbook.folder / "role.yml", playbook.folder / "role.json"
    play.write_text(ROLE)
    answer.unlink(missing_ok=True)
    way = {"ansible_connection": "containers.podman.podman", "ansible_host": host.name} if oob else {}
    old = bool(DEFINITIONS[host.image]["python"].endswith("2.7"))
    inventory = {host.name: {**host.inventory(), **way}}
    run = playbook(str(play), inventory, old=old, answer_file=str(answer), **named(**wanted))
    return run, json.loads(answer.read_text()) if answer.exists() else {}


def act(playbook: Playbook, host: Host, **wanted: Any) -> dict[str, Any]:
    """What the role did out of band, which has to go well."""
    run, told = run_role(playbook, host, wanted, oob=True)
    assert run.status == 0, run.text
    assert told["changed"], told
    return told
