# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures of the lab: start a host, break it, diagnose it, log in to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet import Host, Lab, why_not
from images import DEFINITIONS

ROOT = Path(__file__).resolve().parents[2]
FORKS = "5"
# The last ansible-core that drives Python 2.7; the test sessions make it.
CORE216 = os.environ.get("REMOTE_LOGIN_CORE216")


def on_each_image(cases: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Parameters (image, rest …) of cases (name, images, rest …)."""
    return [pytest.param(image, *rest, id=f"{name}-{image}") for name, images, *rest in cases for image in images]


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    reason = why_not()
    if reason:
        pytest.skip(f"the lab {reason}")
    lab = Lab()
    lab.enter()
    yield lab
    lab.remove_all()


@pytest.fixture
def start(lab: Lab) -> Iterator[Callable[..., Host]]:
    """start(image, script): boot a fresh host and run a script on it; it is gone after the test."""
    hosts: list[Host] = []

    def _start(image: str, script: str = "", **options: Any) -> Host:
        if DEFINITIONS[image]["python"].endswith("2.7") and CORE216 is None:
            pytest.skip("needs ansible-core 2.16 (REMOTE_LOGIN_CORE216) for a host with Python 2.7")
        hosts.append(lab.start(image, script, **options))
        return hosts[-1]

    yield _start
    for host in hosts:
        host.remove()


@dataclass
class Run:
    """One run of a playbook: its exit status, what it printed, and its report."""

    status: int
    text: str
    report: dict[str, Any]
    folder: Path

    def __getitem__(self, host: Host | str) -> dict[str, Any]:
        found: dict[str, Any] = self.report["hosts"][host if isinstance(host, str) else host.name]
        return found

    def causes(self, host: Host | str) -> list[str]:
        """The ids of all findings that block."""
        return [finding["id"] for finding in self[host]["findings"] if finding["severity"] == "blocking"]

    def finding(self, host: Host | str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(finding for finding in self[host]["findings"] if finding["id"] == name)
        return found


@dataclass
class Playbook:
    """Runs a playbook, mostly one of the collection's, on lab hosts with the ansible-core that drives them."""

    folder: Path
    runs: int = 0

    def __call__(
        self,
        name: str,
        hosts: list[Host] | dict[str, dict[str, Any]],
        *arguments: str,
        old: bool | None = None,
        timeout_s: float = 300,
        **variables: Any,
    ) -> Run:
        self.runs += 1
        place = self.folder / f"run{self.runs}"
        place.mkdir()
        if isinstance(hosts, list):
            old = any(DEFINITIONS[host.image]["python"].endswith("2.7") for host in hosts) if old is None else old
            hosts = {host.name: host.inventory() for host in hosts}
        inventory = place / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        settings = place / "variables.json"
        settings.write_text(json.dumps({"remote_login_report_dir": str(place / "report"), **variables}))
        tools = Path(CORE216) / "bin" if old and CORE216 else Path(sys.executable).parent
        argv = [
            str(tools / "ansible-playbook"),
            "-i",
            str(inventory),
            name if name.endswith(".yml") else f"rescue.remote_login.{name}",
        ]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LOCAL_TEMP": str(place)}
        # Several of these run side by side, on a machine that has the hosts themselves to carry.
        environment.setdefault("ANSIBLE_FORKS", FORKS)
        done = subprocess.run(
            [*argv, "-e", f"@{settings}", *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=place,
            timeout=timeout_s,
            check=False,
        )
        report = place / "report" / "report.json"
        content = json.loads(report.read_text()) if report.exists() else {}
        return Run(done.returncode, done.stdout + done.stderr, content, place / "report")


@dataclass
class Outcome:
    """What a module answered."""

    answer: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.answer.get(name)

    def says(self, words: str) -> bool:
        return words in f"{self.msg} {self.detail}"


PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Ask the module
      rescue.remote_login.MODULE: "{{ item }}"
      loop: "{{ wanted }}"
      register: answer
      ignore_errors: true
    - name: Keep the answers
      ansible.builtin.copy:
        content: "{{ answer.results | to_json }}"
        dest: "{{ answer_file }}"
        mode: "0600"
      delegate_to: localhost
      check_mode: false
      vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
"""


def asked_of(playbook: Playbook, module: str, host: Host, wanted: list[dict[str, Any]], *options: str) -> list[Outcome]:
    """What a module of the collection answers on a host, out of band, to each of these sets of options."""
    play, answer = playbook.folder / "ask.yml", playbook.folder / "answer.json"
    play.write_text(PLAY.replace("MODULE", module))
    answer.unlink(missing_ok=True)
    way = {"ansible_connection": "containers.podman.podman", "ansible_host": host.name}
    old = bool(DEFINITIONS[host.image]["python"].endswith("2.7"))
    inventory = {host.name: {**host.inventory(), **way}}
    run = playbook(str(play), inventory, *options, old=old, wanted=wanted, answer_file=str(answer))
    assert answer.exists(), run.text
    assert "Traceback" not in run.text, run.text
    return [Outcome(each) for each in json.loads(answer.read_text())]


@pytest.fixture
def playbook(tmp_path: Path, lab: Lab) -> Playbook:
    return Playbook(tmp_path)


@pytest.fixture
def diagnose(playbook: Playbook) -> Callable[..., Run]:
    """diagnose([host, …]): run the playbook, expect it to end well, return its report."""

    def _diagnose(hosts: Any, *arguments: str, **variables: Any) -> Run:
        run = playbook("diagnose", hosts, *arguments, **variables)
        assert run.status == 0, run.text
        assert "Traceback" not in run.text
        return run

    return _diagnose
