# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the evidence of cases.yml anew on lab hosts, a few at a time: make.py [RULE_ID…]

Run as root with the Python of an environment that has ansible and this collection on its path. Hosts with
Python 2.7 are driven by the ansible-playbook that REMOTE_LOGIN_CORE216 (an environment of ansible-core 2.16) has.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "lab"))

import faults_bandwidth  # noqa: E402
import faults_health  # noqa: E402
import faults_sandbox  # noqa: E402
from fleet import Host, Lab  # noqa: E402
from full_table import FULL_TABLE, YIELDING_TABLE  # noqa: E402
from images import DEFINITIONS, locked, login_key, root_of  # noqa: E402
from routed import routed  # noqa: E402
from upstream import upstream  # noqa: E402

AT_ONCE = 3
# What is too long for cases.yml.
SCRIPTS = {"FULL_TABLE": FULL_TABLE, "YIELDING_TABLE": YIELDING_TABLE}
FAULTS = {
    fault.name: {"script": fault.script, "vars": fault.variables}
    for fault in faults_health.FAULTS
    + faults_health.HEALTHY
    + faults_health.RISKS
    + faults_health.NOTES
    + faults_health.UNSTEADY
    + faults_bandwidth.FAULTS
    + faults_bandwidth.HEALTHY
    + faults_bandwidth.RISKS
    + faults_sandbox.FAULTS
    + faults_sandbox.HEALTHY
}
Case = dict[str, Any]


def playbook(old_python: bool) -> Path:
    folder = Path(os.environ["REMOTE_LOGIN_CORE216"]) / "bin" if old_python else Path(sys.executable).parent
    return folder / "ansible-playbook"


def make(lab: Lab, batch: list[tuple[str, str, Case]], key: Path) -> None:
    """Start the hosts of a batch, break them, and keep the evidence that the playbook leaves."""
    hosts: dict[str, dict[str, Any]] = {}
    vantages = ["localhost"]
    started: list[Host] = []
    for rule, name, case in batch:
        host = lab.start(case.get("image", "bookworm"), name=f"{rule}-{name}"[:50].replace("_", "-").strip("-"))
        started.append(host)
        if case.get("script"):
            host.run(SCRIPTS.get(case["script"], case["script"]), check=False)
        for _number in range(case.get("knock", 0)):
            socket.create_connection((host.address, 22)).close()
            time.sleep(1)
        variables = {"ansible_ssh_private_key_file": str(key), **case.get("vars", {})}
        if case.get("known"):
            variables["remote_login_known_hosts"] = [known_hosts(host, key)]
        hosts[name] = host.inventory(**variables)
        if case.get("vantage"):
            second = lab.start("vantage", name="second")
            started.append(second)
            quiet_copy(key, second)
            hosts["second"] = second.inventory(ansible_ssh_private_key_file=str(key))
            vantages.append("second")
    for host, (_rule, _name, case) in zip(started, batch, strict=False):
        if case.get("switched_off"):
            host.switch_off()  # last, as its address is free for the next host from now on
    with tempfile.TemporaryDirectory() as folder, ExitStack() as network:
        for host, (_rule, name, case) in zip(started, batch, strict=False):
            if case.get("upstream"):
                network.enter_context(upstream(host, **case["upstream"]))
            if "routed" in case:
                hosts[name]["ansible_host"] = network.enter_context(routed(host, **case["routed"])).host
        inventory, report = Path(folder) / "inventory.yml", Path(folder) / "report"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": {"remote_login_vantages": vantages}}}))
        old = any(DEFINITIONS[case.get("image", "bookworm")]["python"].endswith("2.7") for _rule, _name, case in batch)
        command = [
            playbook(old),
            "rescue.remote_login.diagnose",
            "-i",
            inventory,
            "-e",
            f"remote_login_report_dir={report}",
        ]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        print(done.stdout, done.stderr)
        for rule, name, _case in batch:
            target = HERE / rule / f"{name}.json"
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(report / "evidence" / f"{name}.json", target)
    for host in started:
        host.remove()


def known_hosts(host: Host, key: Path) -> str:
    """A file with the host's keys: to a host that is not known no password is sent."""
    keys = host.run("cat /etc/ssh/ssh_host_*_key.pub").stdout.splitlines()
    path = key.with_name(f"known_hosts_{host.address}")
    path.write_text("".join(f"{host.address} {line}\n" for line in keys))
    return str(path)


def quiet_copy(key: Path, host: Host) -> None:
    subprocess.run(["podman", "cp", str(key), f"{host.name}:{key}"], check=True)


def batches(cases: list[tuple[str, str, Case]]) -> list[list[tuple[str, str, Case]]]:
    """Cases that can share a run: a second vantage and ansible-core 2.16 have runs of their own."""
    groups: dict[str, list[tuple[str, str, Case]]] = {"": [], "old": []}
    alone = []
    for entry in cases:
        if entry[2].get("vantage"):
            alone.append([entry])
        else:
            groups["old" if entry[2].get("image") == "bullseye" else ""].append(entry)
    # Names are unique in a run.
    made = []
    for group in groups.values():
        while group:
            batch: list[tuple[str, str, Case]] = []
            for entry in list(group):
                if len(batch) < AT_ONCE and entry[1] not in [name for _rule, name, _case in batch]:
                    batch.append(entry)
                    group.remove(entry)
            made.append(batch)
    return made + alone


def main(wanted: list[str]) -> None:
    definitions: dict[str, dict[str, Case]] = yaml.safe_load((HERE / "cases.yml").read_text())
    cases = [
        (rule, name, {**FAULTS.get(case.get("fault", ""), {}), **case})
        for rule, named in definitions.items()
        for name, case in named.items()
        if not case.get("recorded")
        if not wanted or rule in wanted or f"{rule}/{name}" in wanted
    ]
    for image in {case.get("image", "bookworm") for _rule, _name, case in cases}:
        root_of(image)  # while the network is still that of the machine
    lab = Lab("unit")
    lab.enter()
    with locked("evidence"):  # one at a time: hosts and key have the same names in every run
        lab.remove_all()
        # A place that looks the same on every machine: it is part of the evidence.
        key = Path("/tmp/lab_key")
        shutil.copyfile(login_key(), key)
        key.chmod(0o600)
        others = Path("/tmp/lab_known_hosts")
        shutil.copyfile(HERE.parents[2] / "lab" / "other_known_hosts", others)
        try:
            for batch in batches(cases):
                make(lab, batch, key)
        finally:
            lab.remove_all()
            key.unlink()
            others.unlink()
            for path in key.parent.glob("known_hosts_*"):
                path.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
