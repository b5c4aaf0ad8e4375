# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nethogs, iftop and iperf3, as they are run and read beside the collection's own measurement."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from bandwidth_pair import LINK, Ledger, Load, Pair
from bandwidth_sides import Ended, Side, Started

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
REFRESH_S, IFTOP_LAST_S = 1, 2
# iperf3 tells the second in which it began, no more. Its first packets of data show when.
BEGUN_BYTES = 20_000


class Nethogs:
    """nethogs in its trace mode: every second the bytes of each process since it began."""

    def __init__(self, side: Side) -> None:
        argv = ["stdbuf", "-oL", "nethogs", "-t", "-C", "-v", "2", "-d", str(REFRESH_S), LINK]
        self.started = side.start(*argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.looks: list[tuple[float, dict[int, float]]] = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        assert self.started.process.stdout is not None
        for line in self.started.process.stdout:
            if line.startswith("Refreshing"):
                self.looks.append((time.time(), {}))
            found = re.match(r".*/(\d+)/\d+\t([\d.e+-]+)\t([\d.e+-]+)$", line)
            if found and self.looks:
                pid, moved = int(found[1]), float(found[2]) + float(found[3])
                self.looks[-1][1][pid] = self.looks[-1][1].get(pid, 0) + moved

    def end(self) -> None:
        self.started.end()
        self.ended = Ended(self.started)
        self.thread.join()

    def between(self, begin: float, end: float) -> tuple[float, float, dict[int, float]]:
        """(begin, end, bytes by process; 0 is nobody) from the first to the last time that it spoke in this window.

        Where it was too busy to speak twice there, from the time before on.
        """
        whole = self.looks[:-1] if len(self.looks) > 1 else self.looks  # the last one can be half written
        inside = [look for look in whole if begin - REFRESH_S / 2 <= look[0] <= end + REFRESH_S / 2]
        if len(inside) < 2:
            inside = whole[-2:]
        if len(inside) < 2:
            return begin, end, {}
        first, last = inside[0], inside[-1]
        return first[0], last[0], {pid: moved - first[1].get(pid, 0) for pid, moved in last[1].items()}


class Iftop:
    """iftop in its text mode: at the end the rate over the last two seconds."""

    def __init__(self, side: Side, seconds: int) -> None:
        argv = ["iftop", "-t", "-s", str(seconds), "-n", "-N", "-P", "-B", "-L", "100000", "-i", LINK]
        self.started = side.start(*argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def end(self) -> None:
        assert self.started.process.stdout is not None
        self.spoke, self.text = 0.0, ""
        for line in self.started.process.stdout:
            self.spoke = self.spoke or time.time()
            self.text += line
        self.ended = Ended(self.started)

    def last(self) -> tuple[float, float, float]:
        """(begin, end, bytes from the IP header on)."""
        found = re.search(r"Total send and receive rate: +([\d.]+)([KMG]?)B", self.text)
        moved = float(found[1]) * UNITS[found[2]] * IFTOP_LAST_S if found else 0.0
        return self.spoke - IFTOP_LAST_S, self.spoke, moved


class Iperf:
    """iperf3 from the host to the peer, or back; what it counts itself is the truth."""

    def __init__(self, pair: Pair, port: int, seconds: float, *options: str) -> None:
        # To a file: nobody reads while it runs, and a pipe would fill.
        self.place = pair.folder / f"iperf{port}-{time.monotonic_ns()}.json"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.server = pair.peer.start("iperf3", "--server", "--one-off", "--port", str(port), **quiet)
        pair.wait_for_port(port)
        argv = ["iperf3", "--port", str(port), "--time", str(seconds), "--interval", "0.1", "--json", *options]
        with self.place.open("w") as file:
            self.started: Started = pair.host.start(*argv, stdout=file, stderr=subprocess.DEVNULL)
        self.pid, self.datagrams = self.started.pid, "--udp" in options
        self.begun = self.started.at

    def wait_begun(self, place: Path) -> None:
        """Note when its data begins to pass the link; nothing else that is large may begin meanwhile."""
        before = passed(place)
        deadline = time.monotonic() + 5
        while passed(place) - before < BEGUN_BYTES and time.monotonic() < deadline:
            time.sleep(0.002)
        self.begun = time.time()

    def end(self) -> None:
        for process in (self.started, self.server):
            try:
                process.process.wait(10)
            except subprocess.TimeoutExpired:
                process.end(signal.SIGKILL)
                process.process.wait(10)

    def between(self, begin: float, end: float) -> dict[int, tuple[float, ...]]:
        """{pid: (bytes of data, 0, packets of UDP)}."""
        found = json.loads(self.place.read_text())
        assert found.get("intervals"), found.get("error")
        ledger, moved, packets = Ledger(), 0, 0
        ledger.add(self.begun, 0, 0, 0)
        for interval in found["intervals"]:
            moved += interval["sum"]["bytes"]
            packets += interval["sum"].get("packets", 0)
            ledger.add(self.begun + interval["sum"]["end"], moved, 0, packets)
        return {self.pid: ledger.between(begin, end)}


def passed(place: Path) -> int:
    line = next(line for line in place.read_text().splitlines() if line.strip().startswith(f"{LINK}:"))
    counted = line.partition(":")[2].split()
    return int(counted[0]) + int(counted[8])


Source = Load | Iperf
