# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Broken hosts by the dozen: one run of a playbook looks at them all, as an operator's would, and takes little longer.

Each case stays a test of its own. The first test of a group starts the hosts of all of its tests that were chosen.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from faults import Fault
from fixtures import CORE216, Playbook, Run
from fleet import Host, Lab

SIZE = 24
STARTED_AT_ONCE = 3


def cases(name: str, faults: list[Fault]) -> list[Any]:
    """Parameters (fault, image), in groups of the same image that one worker of pytest-xdist keeps together."""
    twice = [key for key, times in Counter((f.name, image) for f in faults for image in f.images).items() if times > 1]
    assert not twice, f"two cases of one name would share a host: {twice}"
    found = []
    for image in dict.fromkeys(image for fault in faults for image in fault.images):
        for number, fault in enumerate(fault for fault in faults if image in fault.images):
            group = pytest.mark.xdist_group(f"{name}-{image}-{number // SIZE}")
            found.append(pytest.param(fault, image, id=f"{fault.name}-{image}", marks=group))
    return found


def regroup(items: list[pytest.Item]) -> None:
    """Fill the groups again where only some of the cases run."""
    numbers: Counter[tuple[str, str]] = Counter()
    for item in items:
        if group_of(item) is None or not isinstance(item, pytest.Function) or "fault" not in item.callspec.params:
            continue
        place = (item.originalname, item.callspec.params["image"])
        mark = pytest.mark.xdist_group(f"{'-'.join(place)}-{numbers[place] // SIZE}").mark
        item.own_markers[:] = [own for own in item.own_markers if own.name != "xdist_group"] + [mark]
        numbers[place] += 1


class Batch:
    """The hosts of one group, and what each playbook said of them."""

    def __init__(self, lab: Lab, playbook: Playbook, name: str, members: list[tuple[Fault, str]]) -> None:
        self.lab, self.playbook, self.name = lab, playbook, name
        self.hosts: dict[tuple[str, str], Host] = {}
        self.broken: dict[str, str] = {}
        self.statuses: dict[tuple[str, str], Any] = {}
        self._runs: dict[str, Run] = {}
        self.members = members
        with ThreadPoolExecutor(STARTED_AT_ONCE) as pool:
            list(pool.map(self._start, members))

    def _start(self, member: tuple[Fault, str]) -> None:
        fault, image = member
        host = self.lab.start(image)
        self.hosts[fault.name, image] = host
        try:
            host.run(fault.script)
        except RuntimeError as error:
            self.broken[host.name] = str(error)

    def run(self, stage: str, playbook: str, *arguments: str, remedied: bool = False) -> Run:
        """One run for all hosts, or for those that are to be remedied."""
        if stage not in self._runs:
            chosen = [member for member in self.members if member[0].remedied or not remedied]
            inventory: dict[str, Any] = {}
            for fault, image in chosen:
                inventory.update(inventory_of(self.hosts[fault.name, image], fault))
            old = any(image == "bullseye" for _fault, image in chosen)
            self._runs[stage] = self.playbook(playbook, inventory, *arguments, old=old, timeout_s=900)
        return self._runs[stage]

    def on_all_remedied(
        self, stage: str, action: Callable[[Host], Any], causes: tuple[str, ...] | None = None
    ) -> dict[str, Any]:
        """The outcome of an action on each host that is to be remedied (of these causes), by the host's name."""
        if (stage, "") not in self.statuses:
            chosen = [member for member in self.members if member[0].remedied]
            hosts = [self.hosts[fault.name, image] for fault, image in chosen if not causes or fault.cause in causes]
            with ThreadPoolExecutor(STARTED_AT_ONCE) as pool:
                found = zip(hosts, pool.map(action, hosts), strict=True)
                self.statuses.update({(stage, host.name): status for host, status in found})
            self.statuses[stage, ""] = 0
        return {name: status for (of, name), status in self.statuses.items() if of == stage and name}

    def remove(self) -> None:
        for host in self.hosts.values():
            host.remove()


def inventory_of(host: Host, fault: Fault) -> dict[str, dict[str, Any]]:
    # People may use the other address, which nobody knows before the host is there.
    told = {name: host.address6 if value == "ADDRESS6" else value for name, value in fault.variables.items()}
    return {host.name: host.inventory(**told)}


@pytest.fixture(scope="session")
def batches(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Any], Batch]]:
    """The batch of a test; the hosts of the batch before are removed when another one begins."""
    current: list[Batch] = []

    def _batch(item: pytest.Function) -> Batch:
        name = group_of(item)
        if not current or current[0].name != name:
            while current:
                current.pop().remove()
            same = [other for other in item.session.items if isinstance(other, pytest.Function)]
            same = [other for other in same if group_of(other) == name]
            members = [(other.callspec.params["fault"], other.callspec.params["image"]) for other in same]
            folder = Path(tmp_path_factory.mktemp("batch"))
            current.append(Batch(lab, Playbook(folder), name, members))
        return current[0]

    yield _batch
    while current:
        current.pop().remove()


def group_of(item: pytest.Item) -> str | None:
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else None


@pytest.fixture
def batch(request: pytest.FixtureRequest, batches: Callable[[Any], Batch], image: str) -> Batch:
    if image == "bullseye" and CORE216 is None:
        pytest.skip("needs ansible-core 2.16 (REMOTE_LOGIN_CORE216) for a host with Python 2.7")
    # Else every worker would start the hosts of every group.
    assert "PYTEST_XDIST_WORKER" not in os.environ or "@" in request.node.nodeid, "pytest-xdist splits the groups"
    return batches(request.node)
