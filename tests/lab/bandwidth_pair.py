# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host and its peer, joined by one link, and what really passes it, to hold a measurement of bandwidth against."""

from __future__ import annotations

import bisect
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from bandwidth_sides import PATIENCE_S, Ended, Side, Started

HERE = Path(__file__).resolve().parent
PLUGINS = HERE.parents[1] / "plugins"
LOADS, SAMPLER = HERE / "bandwidth_loads.py", HERE / "bandwidth_sampler.py"
LINK = "eth0"
HOST = {4: "10.98.0.1", 6: "fd98::1"}
PEER = {4: "10.98.0.2", 6: "fd98::2"}
CONTAINER, CONTAINER_GATEWAY = "10.98.1.2", "10.98.1.1"
LOOK_S = 0.02


@dataclass
class Ledger:
    """Growing sums, each line with its time."""

    times: list[float] = field(default_factory=list)
    sums: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, when: float, *sums: float) -> None:
        self.times.append(when)
        self.sums.append(sums)

    def at(self, when: float) -> tuple[float, ...]:
        """What it had come to at this time, between two lines in proportion."""
        place = bisect.bisect(self.times, when)
        if place == 0:
            return self.sums[0]
        if place == len(self.times):
            return self.sums[-1]
        since, until = self.times[place - 1], self.times[place]
        share = (when - since) / (until - since)
        return tuple(a + (b - a) * share for a, b in zip(self.sums[place - 1], self.sums[place], strict=True))

    def between(self, begin: float, end: float) -> tuple[float, ...]:
        return tuple(b - a for a, b in zip(self.at(begin), self.at(end), strict=True))


class Pair:
    """A host, its peer, and the link between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host, self.peer = Side(), Side()
        self.containers: list[Side] = []
        self.loads: list[Load] = []

    def __enter__(self) -> Pair:
        try:
            self._join()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._remove()

    def _join(self) -> None:
        self.host.run("ip", "link", "add", LINK, "type", "veth", "peer", "name", LINK, "netns", str(self.peer.pid))
        for side, addresses in ((self.host, HOST), (self.peer, PEER)):
            side.run("ip", "link", "set", LINK, "up")
            side.run("ip", "addr", "add", f"{addresses[4]}/24", "dev", LINK)
            side.run("ip", "addr", "add", f"{addresses[6]}/64", "dev", LINK, "nodad")

    def _remove(self) -> None:
        for load in self.loads:
            load.started.end(signal.SIGKILL)
            load.started.process.wait(PATIENCE_S)
        self.loads.clear()
        for side in (*self.containers, self.host, self.peer):
            side.remove()

    def container(self) -> Side:
        """A container of the host, to and from which the host forwards."""
        inner = Side(self.host)
        self.containers.append(inner)
        self.host.run("ip", "link", "add", "inner0", "type", "veth", "peer", "name", LINK, "netns", str(inner.pid))
        for side, name, address in ((self.host, "inner0", CONTAINER_GATEWAY), (inner, LINK, CONTAINER)):
            side.run("ip", "link", "set", name, "up")
            side.run("ip", "addr", "add", f"{address}/24", "dev", name)
        inner.run("ip", "route", "add", "default", "via", CONTAINER_GATEWAY)
        self.peer.run("ip", "route", "add", CONTAINER, "via", HOST[4])
        self.host.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        return inner

    def bridge(self) -> None:
        """Make the host's link a port of a bridge, which has the address instead."""
        self.host.run("ip", "link", "add", "br0", "type", "bridge")
        self.host.run("ip", "addr", "flush", "dev", LINK)
        self.host.run("ip", "link", "set", LINK, "master", "br0")
        self.host.run("ip", "link", "set", "br0", "up")
        self.host.run("ip", "addr", "add", f"{HOST[4]}/24", "dev", "br0")

    def load(self, side: Side, kind: str, **wanted: Any) -> Load:
        place = self.folder / f"load{len(self.loads)}-{time.monotonic_ns()}"
        load = Load(side, kind, place, {"seconds": PATIENCE_S, **wanted})
        self.loads.append(load)
        return load

    def wait_for_port(self, port: int) -> None:
        """Until something on the peer or the host listens there."""
        wanted = f":{port:04X} "
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for side, name in (
                (side, name) for side in (self.host, self.peer) for name in ("tcp", "tcp6", "udp", "udp6")
            ):
                lines = Path(f"/proc/{side.pid}/net/{name}").read_text().splitlines()[1:]
                if any(f"{line.split()[1]} ".endswith(wanted) for line in lines):
                    return
            time.sleep(0.01)
        raise RuntimeError(f"nothing listens on port {port}")


class Load:
    """A process that makes traffic and counts it, and its children that do."""

    def __init__(self, side: Side, kind: str, place: Path, wanted: dict[str, Any]) -> None:
        self.place = place
        wanted["place"] = str(place)
        with Path(f"{place}-errors").open("w") as errors:
            self.started = side.start(sys.executable, str(LOADS), kind, json.dumps(wanted), stderr=errors)
        self.pid = self.started.pid

    def wait(self) -> None:
        self.started.process.wait(PATIENCE_S * 2)

    def ledgers(self) -> dict[int, Ledger]:
        """By process: bytes sent and received, packets."""
        found = {}
        for name in glob.glob(f"{self.place}.*"):
            ledger = found[int(name.rpartition(".")[2])] = Ledger()
            for line in Path(name).read_text().splitlines():
                words = line.split()
                # One that is being written just now is left out.
                if len(words) == 4:
                    ledger.add(*map(float, words))
        return found

    def between(self, begin: float, end: float) -> dict[int, tuple[float, ...]]:
        return {pid: ledger.between(begin, end) for pid, ledger in self.ledgers().items() if ledger.times}


class Meter:
    """What passes the host's link, looked at all the time: bytes and packets, sent and received."""

    def __init__(self, side: Side) -> None:
        self.place = Path(f"/proc/{side.pid}/net/dev")
        self.ledger = Ledger()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Meter:
        self.thread.start()
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.ended.set()
        self.thread.join()

    def _run(self) -> None:
        while not self.ended.wait(LOOK_S):
            line = next(line for line in self.place.read_text().splitlines() if line.strip().startswith(f"{LINK}:"))
            counted = [int(word) for word in line.partition(":")[2].split()]
            self.ledger.add(time.time(), counted[8], counted[0], counted[9], counted[1])


@dataclass
class Measured:
    """What the collection says of a window, exactly when that was, and what it cost."""

    answer: dict[str, Any]
    begin: float
    end: float
    measuring_s: float
    whole_s: float

    def of(self, pid: int) -> dict[str, Any] | None:
        return next((entry for entry in self.answer["processes"] if entry["pid"] == pid), None)

    def data_bytes(self) -> int:
        """The data of all flows, whether their process is known or not."""
        parts = [*self.answer["processes"], self.answer["other_processes"]]
        parts += [entry for entry in self.answer["unattributed"] if entry["peers"]]
        return sum(int(part["tx_bytes"]) + int(part["rx_bytes"]) for part in parts)

    def unexplained(self) -> float:
        """The share of the link's bytes that nothing accounts for."""
        rest = [entry for entry in self.answer["unattributed"] if entry["reason"] == "not explained"]
        whole = sum(entry["total_bytes"] for entry in self.answer["interfaces"] if entry["outer"])
        return sum(abs(entry["tx_bytes"]) + abs(entry["rx_bytes"]) for entry in rest) / max(1, whole)


def tree(folder: Path) -> Path:
    """The collection's target code as packages: Python 2.7 imports nothing from a folder without __init__.py."""
    place = folder / "ansible_collections" / "rescue" / "remote_login" / "plugins"
    if not place.exists():
        shutil.copytree(PLUGINS / "module_utils", place / "module_utils", ignore=shutil.ignore_patterns("*.py[co]"))
        for path, _folders, _files in os.walk(folder):
            (Path(path) / "__init__.py").touch()
    return folder


def start_sampler(side: Side, folder: Path, seconds: float, python: str = sys.executable) -> Started:
    """Let the collection's code look for so long, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(tree(folder / "target")), "PYTHONDONTWRITEBYTECODE": ""}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment}
    return side.start(python, str(SAMPLER), str(seconds), **options)


def measured(started: Started) -> Measured:
    """Wait for its answer."""
    assert started.process.stdout is not None
    assert started.process.stderr is not None
    text, errors = started.process.stdout.read(), started.process.stderr.read()
    ended = Ended(started)
    assert not started.process.returncode, errors
    found = json.loads(text)
    assert found["answer"]["status"] == "ok", found["answer"]
    return Measured(
        found["answer"], found["begin"], found["end"], found["answer"]["method"]["processor_time_s"], ended.cpu_s
    )


def old_python() -> str | None:
    """A Python 2.7: on PATH, or beside our own, where version managers put it."""
    beside = sorted(Path(sys.base_prefix).parent.glob("2.7*/bin/python2.7"))
    for name in (shutil.which("python2.7"), *beside):
        # A name on PATH can be a version manager's stub that only fails.
        if name and subprocess.run([str(name), "-c", ""], capture_output=True, check=False).returncode == 0:
            return str(name)
    return None
