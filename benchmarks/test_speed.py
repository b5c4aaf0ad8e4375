# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast it is, as ratios of two things measured in turn in one run. `make bench` prints them.

No figure fails a test: what fails is a side that did not do its work.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults import STOP
from fixtures import ROOT, Playbook
from fleet import Host, Lab

ROUNDS = 3
ENDPOINTS = 1000
MANUAL = Path(__file__).parent / "manual_steps.yml"
ONE_TASK = Path(__file__).parent / "one_task.yml"


def compare(title: str, goal: str, ours: Callable[[], None], theirs: Callable[[], None]) -> None:
    """Print the ratio ours/theirs: median, and the range over the rounds."""
    ratios, times = [], []
    for _round in range(ROUNDS):
        taken = []
        for work in (ours, theirs):
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
        times.append(taken)
        ratios.append(taken[0] / taken[1])
    mine, other = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"\n{title}\n  ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f},"
        f" {ROUNDS} rounds), goal {goal}; medians {mine:.2f} s and {other:.2f} s"
    )


@pytest.fixture
def fleet(lab: Lab) -> Iterator[Callable[..., list[Host]]]:
    hosts: list[Host] = []

    def start_many(count: int, script_of: Callable[[int], str] = lambda number: "") -> list[Host]:
        for number in range(count):
            image = "trixie" if number % 2 else "bookworm"
            hosts.append(lab.start(image, script_of(number), name=f"bench{len(hosts)}"))
        return hosts

    yield start_many
    for host in hosts:
        host.remove()


def run_task(playbook: Playbook, hosts: list[Host], module: str) -> None:
    """One task on all hosts, in a playbook that does nothing else."""
    run = playbook(str(ONE_TASK), hosts, "-e", f"module={module}")
    assert run.status == 0, run.text


def test_login_evidence_against_setup(fleet: Any, playbook: Playbook) -> None:
    hosts = fleet(10)
    compare(
        "login_evidence (all sections) against ansible.builtin.setup, 10 hosts over SSH",
        "at most 1",
        lambda: run_task(playbook, hosts, "rescue.remote_login.login_evidence"),
        lambda: run_task(playbook, hosts, "ansible.builtin.setup"),
    )


def test_the_probe_against_ssh_keyscan(start: Any, tmp_path: Path) -> None:
    settings = "MaxStartups 5000\\nPerSourceMaxStartups none\\nHostKey /etc/ssh/ssh_host_ed25519_key\\n"
    host = start("vantage", f"printf '{settings}' >> /etc/ssh/sshd_config; systemctl restart ssh")
    addresses = [f"127.0.{number // 250}.{number % 250 + 1}" for number in range(ENDPOINTS)]
    folder = "/root/bench/ansible_collections/rescue/remote_login"
    host.run(f"mkdir -p {folder}")
    subprocess.run(["podman", "cp", f"{ROOT}/plugins", f"{host.name}:{folder}/"], check=True)
    host.run("cat > /root/addresses <<'END'\n" + "\n".join(addresses) + "\nEND")
    host.run(f"cat > /root/probe.py <<'END'\n{PROBE}END")

    def probed() -> None:
        said = host.run("PYTHONPATH=/root/bench python3 /root/probe.py < /root/addresses", timeout=300).stdout
        assert said.strip() == f"{ENDPOINTS} ok", said

    def scanned() -> None:
        said = host.run(
            "ssh-keyscan -t ed25519 -f /root/addresses 2>/dev/null | grep -c ssh-ed25519", timeout=300
        ).stdout
        assert int(said) == ENDPOINTS, said

    compare(f"ssh_probe of {ENDPOINTS} endpoints up to the host key against ssh-keyscan", "at most 1", probed, scanned)


PROBE = """
import sys
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.gather import probe
targets = [{"address": line.strip(), "port": 22, "authenticate": False} for line in sys.stdin]
outcomes = [result["outcome"] for result in probe(targets)]
for outcome in sorted(set(outcomes), key=str):
    print(outcomes.count(outcome), outcome)
"""


def test_the_diagnosis_against_the_manual_steps(fleet: Any, playbook: Playbook) -> None:
    hosts = fleet(30, lambda number: STOP if number % 3 == 0 else "")

    def diagnosed() -> None:
        run = playbook("diagnose", hosts)
        verdicts = [run[host]["verdict"] for host in hosts]
        assert verdicts.count("cannot_login") == 10, run.text

    def by_hand() -> None:
        run = playbook(str(MANUAL), hosts)
        assert run.status == 0, run.text

    compare(
        "the whole diagnosis of 30 hosts against the seeds' manual steps, one shell task each",
        "at most 0.33",
        diagnosed,
        by_hand,
    )
