# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which process moves how much: bandwidth_info beside nethogs and iftop, on the same traffic at the same time.

Each tool is held against the truth in its own unit. bandwidth_info counts data, as iperf3 and the other loads do
themselves. nethogs counts frames and iftop packets from the IP header on: these are what the link has counted, and a
process has its data and its share of the headers. Processor time is told for a window of the same length: of ours that
of the measurement; what it takes to start Python and to ask dpkg whose the programs are, which nethogs does not do, is
told beside it.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bandwidth_pair import HOST, LINK, PEER, Measured, Meter, Pair, measured, old_python, start_sampler
from bandwidth_sides import why_not
from bandwidth_tools import Iftop, Iperf, Nethogs, Source

ROUNDS, OLD_ROUNDS = 3, 2
WINDOW_S, WARM_S, TRAFFIC_S = 5, 1.5, 8.5
# Of several loads the first begins some time before the last.
LONGER_S = TRAFFIC_S + 2
PORT, SINK_PORT, WEB_PORT = 5201, 5301, 8080
UDP_HEADERS, ETHERNET = {4: 42, 6: 62}, 14
# nethogs works where its own total, and what it puts on the right process, are as near as this.
WORKS = 0.1
TOTAL, SHARE, CPU_WORKS, CPU_ELSE = 0.01, 0.99, 1 / 4, 1 / 20


def iperf(pair: Pair, number: int, *options: str, family: int = 4, seconds: float = TRAFFIC_S) -> Iperf:
    begun = Iperf(pair, PORT + number, seconds, "--client", PEER[family], *options)
    begun.wait_begun(Path(f"/proc/{pair.host.pid}/net/dev"))
    return begun


def sixteen(pair: Pair) -> list[Source]:
    """Sixteen streams in packets as they are on a wire; the link would pass on some fifty at once as one."""
    pair.host.run("ip", "link", "set", LINK, "gso_max_segs", "1")
    return [iperf(pair, 0, "--parallel", "16", "--bitrate", "26M")]


def sink(pair: Pair) -> None:
    pair.load(pair.peer, "udp-sink", port=SINK_PORT)
    pair.wait_for_port(SINK_PORT)


def web(pair: Pair, per_s: int, served: bool) -> list[Source]:
    """Short connections, which the host serves or makes."""
    server, client, number = (pair.host, pair.peer, 0) if served else (pair.peer, pair.host, 1)
    address = (HOST, PEER)[number][4]
    sources = [pair.load(server, "http-server", address="0.0.0.0", port=WEB_PORT)]
    pair.wait_for_port(WEB_PORT)
    wanted = {"address": address, "port": WEB_PORT, "per_s": per_s, "seconds": TRAFFIC_S}
    return [[*sources, pair.load(client, "http-client", **wanted)][number]]


def udp_sockets(pair: Pair, per_s: int) -> list[Source]:
    sink(pair)
    wanted = {"address": PEER[4], "port": SINK_PORT, "per_s": per_s, "seconds": TRAFFIC_S}
    return [pair.load(pair.host, "udp-sockets", **wanted)]


def all_at_once(pair: Pair) -> list[Source]:
    return [
        iperf(pair, 0, "--parallel", "16", "--bitrate", "15M", seconds=LONGER_S),
        iperf(pair, 1, "--udp", "--bitrate", "100M", seconds=LONGER_S),
        iperf(pair, 2, "--udp", "--bitrate", "5M", "--length", "64", seconds=LONGER_S),
        iperf(pair, 3, "--bitrate", "50M", "--reverse", family=6, seconds=LONGER_S),
        *web(pair, 150, served=True),
        *udp_sockets(pair, 150),
    ]


SCENARIOS: dict[str, Callable[[Pair], list[Source]]] = {
    "TCP, 1 stream, 1 Gb/s": lambda pair: [iperf(pair, 0, "--bitrate", "1G")],
    "TCP, 16 streams, 36,000 packets/s": sixteen,
    "UDP, 200 Mb/s": lambda pair: [iperf(pair, 0, "--udp", "--bitrate", "200M")],
    "UDP, 64 bytes, full rate": lambda pair: [iperf(pair, 0, "--udp", "--bitrate", "0", "--length", "64")],
    "300 HTTP connections/s, made": lambda pair: web(pair, 300, served=False),
    "300 HTTP connections/s, served": lambda pair: web(pair, 300, served=True),
    "300 UDP sockets/s": lambda pair: udp_sockets(pair, 300),
    "TCP over IPv6, received": lambda pair: [iperf(pair, 0, "--bitrate", "1G", "--reverse", family=6)],
    "UDP over IPv6, 200 Mb/s": lambda pair: [iperf(pair, 0, "--udp", "--bitrate", "200M", family=6)],
    "all at once": all_at_once,
}
# The loads that go over IPv6.
WIDE = {"UDP over IPv6, 200 Mb/s"}
OLD = ("UDP, 200 Mb/s", "300 HTTP connections/s, made", "300 UDP sockets/s", "all at once")


class Row:
    """What one tool said in one round: the error of the total, the share on the right process, processor time."""

    def __init__(self, error: float, share: float | None, cpu_s: float) -> None:
        self.error, self.share, self.cpu_s = error, share, cpu_s


def right_share(told: dict[int, float], true: dict[int, float]) -> float:
    """The share of the bytes that a tool put on the process whose they are."""
    return sum(min(told.get(pid, 0), moved) for pid, moved in true.items()) / sum(true.values())


def truth(sources: list[Source], begin: float, end: float) -> dict[int, tuple[float, ...]]:
    found: dict[int, tuple[float, ...]] = {}
    for source in sources:
        found.update(source.between(begin, end))
    return found


def framed(moved: dict[int, tuple[float, ...]], wire: float, udp_header: int) -> dict[int, float]:
    """The bytes of each process as frames: UDP's headers are known, the rest of the link's bytes is TCP's."""
    found = {pid: sent + received + udp_header * packets for pid, (sent, received, packets) in moved.items()}
    streams = {pid: found[pid] for pid, (_sent, _received, packets) in moved.items() if not packets}
    rest = wire - sum(found.values())
    for pid, size in streams.items():
        found[pid] += rest * size / sum(streams.values())
    return found


class Round:
    """All tools beside each other, once."""

    def __init__(self, name: str, folder: Path, python: str) -> None:
        self.udp_header = UDP_HEADERS[6 if name in WIDE else 4]
        self.nethogs: Nethogs | None = None
        self.iftop: Iftop | None = None
        with Pair(folder) as pair, Meter(pair.host) as self.meter:
            self.sources = SCENARIOS[name](pair)
            self._look(pair, folder, python)
            for source in self.sources:
                if isinstance(source, Iperf):
                    source.end()
        self.rows = {"bandwidth_info": self._ours(), "nethogs": self._of_nethogs(), "iftop": self._of_iftop()}

    def _look(self, pair: Pair, folder: Path, python: str) -> None:
        if shutil.which("nethogs"):
            self.nethogs = Nethogs(pair.host)
        if shutil.which("iftop"):
            self.iftop = Iftop(pair.host, WINDOW_S)
        time.sleep(WARM_S)
        self.ours: Measured = measured(start_sampler(pair.host, folder, WINDOW_S, python))
        if self.nethogs:
            self.nethogs.end()
        if self.iftop:
            self.iftop.end()

    def _ours(self) -> Row:
        true = {pid: sum(moved[:2]) for pid, moved in truth(self.sources, self.ours.begin, self.ours.end).items()}
        told = {entry["pid"]: entry["tx_bytes"] + entry["rx_bytes"] for entry in self.ours.answer["processes"]}
        whole = sum(true.values())
        assert whole > 0
        return Row(self.ours.data_bytes() / whole - 1, right_share(told, true), self.ours.measuring_s)

    def _of_nethogs(self) -> Row | None:
        if self.nethogs is None:
            return None
        begin, end, told = self.nethogs.between(self.ours.begin, self.ours.end)
        wire = sum(self.meter.ledger.between(begin, end)[:2])
        true = framed(truth(self.sources, begin, end), wire, self.udp_header)
        used = self.nethogs.ended
        cpu_s = used.cpu_s * WINDOW_S / used.lived_s
        return Row(sum(told.values()) / wire - 1, right_share(told, true), cpu_s)

    def _of_iftop(self) -> Row | None:
        if self.iftop is None:
            return None
        begin, end, told = self.iftop.last()
        sent, received, packets_sent, packets_received = self.meter.ledger.between(begin, end)
        wire = sent + received - ETHERNET * (packets_sent + packets_received)
        used = self.iftop.ended
        return Row(told / wire - 1, None, used.cpu_s * WINDOW_S / used.lived_s)


def figure(values: list[float], scale: float = 1.0, form: str = "+.2f") -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle * scale:{form}} ({low * scale:{form}}…{high * scale:{form}})"


def line(name: str, rows: list[Row | None]) -> str:
    there = [row for row in rows if row is not None]
    if not there:
        return f"  {name:<15} not installed"
    shares = [row.share for row in there if row.share is not None]
    share = figure(shares, 100, ".1f") if shares else "names no process"
    error, cpu = figure([row.error for row in there], 100), figure([row.cpu_s for row in there], 1, ".3f")
    return f"  {name:<15} {error:<26} {share:<24} {cpu}"


def goals(rounds: list[Round]) -> str:
    """Which goals are met, by the medians of the rounds."""
    ours = [row for each in rounds if (row := each.rows["bandwidth_info"])]
    total = abs(statistics.median(row.error for row in ours))
    share = statistics.median(row.share or 0 for row in ours)
    said = [f"total within {TOTAL:.0%}: {met(total <= TOTAL)}", f"right process {SHARE:.0%}: {met(share >= SHARE)}"]
    pairs = [(each.rows["bandwidth_info"], each.rows["nethogs"]) for each in rounds]
    both = [(mine, other) for mine, other in pairs if mine and other]
    return "; ".join([*said, goal_of_cpu(both)] if both else said)


def goal_of_cpu(both: list[tuple[Row, Row]]) -> str:
    ratio = statistics.median(mine.cpu_s / other.cpu_s for mine, other in both)
    errors, misplaced = zip(*[(abs(other.error), 1 - (other.share or 0)) for _mine, other in both], strict=True)
    works = statistics.median(errors) <= WORKS and statistics.median(misplaced) <= WORKS
    goal = CPU_WORKS if works else CPU_ELSE
    word = "works" if works else "does not work"
    ratios = figure([mine.cpu_s / other.cpu_s for mine, other in both], 1, ".3f")
    return f"CPU to nethogs', which {word} here: {ratios}, at most {goal:.2f}: {met(ratio <= goal)}"


def met(reached: bool) -> str:
    return "met" if reached else "MISSED"


def told(name: str, rounds: list[Round], python: str) -> None:
    print(f"\n{name}, Python {python}, {len(rounds)} rounds: median (least…most)")
    print(f"  {'':<15} {'total, error %':<26} {'right process, %':<24} CPU s in {WINDOW_S} s")
    for tool in ("bandwidth_info", "nethogs", "iftop"):
        print(line(tool, [each.rows[tool] for each in rounds]))
    whole = figure([each.ours.whole_s for each in rounds], 1, ".3f")
    rest = figure([each.ours.unexplained() for each in rounds], 100, ".2f")
    print(
        f"  with the start of Python and all that is said of the processes {whole} s of CPU;"
        f" {rest} % of the bytes unexplained"
    )
    blind = sorted({spot for each in rounds for spot in each.ours.answer["method"]["blind_spots"]})
    print("".join(f"  blind spot: {spot}\n" for spot in blind), end="")
    print(f"  goals: {goals(rounds)}")


@pytest.fixture(scope="module", autouse=True)
def possible() -> None:
    reason = why_not()
    if reason:
        pytest.skip(f"the measurement of bandwidth {reason}")
    if shutil.which("iperf3") is None:
        pytest.skip("needs iperf3, whose figures are the truth: it is not installed")


@pytest.mark.parametrize("name", SCENARIOS)
def test_bandwidth_beside_nethogs_and_iftop(name: str, tmp_path: Path) -> None:
    told(name, [Round(name, tmp_path, sys.executable) for _round in range(ROUNDS)], "3")


@pytest.mark.parametrize("name", OLD)
def test_bandwidth_with_python_2(name: str, tmp_path: Path) -> None:
    python = old_python()
    if python is None:
        pytest.skip("needs Python 2.7")
    told(name, [Round(name, tmp_path, python) for _round in range(OLD_ROUNDS)], "2.7")
