# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who moves how much, held against what the processes have counted themselves, in every shape that traffic has.

The rates are low, so that a machine that is busy with other tests keeps up with them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bandwidth_pair import HOST, LINK, PEER, Load, Measured, Meter, Pair, measured, old_python, start_sampler
from bandwidth_sides import why_not

WINDOW_S, WARM_S, LONG_S = 3, 0.7, 12
TOTAL, OWN = 0.02, 0.03
# Beside the data of the loads there is what the system itself says: neighbours, group memberships.
ELSE_BYTES = 2000
# A page of the web server is told all at once, at either end of the window.
PAGES_BYTES = 40_000
SINK, STREAMS, WEB = 5301, 5302, 8080


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    reason = why_not()
    if reason:
        pytest.skip(f"the measurement of bandwidth {reason}")
    with Pair(tmp_path) as pair:
        yield pair


def udp(pair: Pair, side: Any = None, family: int = 4, **wanted: Any) -> Load:
    """Datagrams from the host, or from another side, to the peer."""
    options = {"address": PEER[family], "port": SINK, "bps": 5e6, "size": 1200, "seconds": LONG_S, **wanted}
    return pair.load(side or pair.host, "udp", **options)


def tcp(pair: Pair, number: int = 0, side: Any = None, family: int = 4, **wanted: Any) -> Load:
    """A stream, or some, from the host or another side to a sink of their own on the peer."""
    port, streams = STREAMS + number, wanted.get("streams", 1)
    pair.load(pair.peer, "tcp-sink", port=port, streams=streams)
    pair.wait_for_port(port)
    options = {"address": PEER[family], "port": port, "bps": 10e6, "seconds": LONG_S, **wanted}
    return pair.load(side or pair.host, "tcp", **options)


def sink(pair: Pair, side: Any = None) -> Load:
    found = pair.load(side or pair.peer, "udp-sink", port=SINK)
    pair.wait_for_port(SINK)
    return found


def web(pair: Pair, server: Any, client: Any, **wanted: Any) -> tuple[Load, Load]:
    """A hundred short connections a second."""
    address = HOST[4] if server is pair.host else PEER[4]
    serving = pair.load(server, "http-server", port=WEB, **wanted)
    pair.wait_for_port(WEB)
    return serving, pair.load(client, "http-client", address=address, port=WEB, per_s=100, seconds=LONG_S)


def looked(pair: Pair, python: str = sys.executable) -> Measured:
    time.sleep(WARM_S)
    return measured(start_sampler(pair.host, pair.folder, WINDOW_S, python))


def check(found: Measured, *loads: Load) -> None:
    """Each process has what it counted itself, nobody else has anything, and all of it is told."""
    told = {entry["pid"]: entry["tx_bytes"] + entry["rx_bytes"] for entry in found.answer["processes"]}
    said = {entry["pid"]: (entry["tx_bytes"], entry["rx_bytes"]) for entry in found.answer["processes"]}
    true: dict[int, tuple[float, ...]] = {}
    for load in loads:
        true.update({pid: moved for pid, moved in load.between(found.begin, found.end).items() if sum(moved[:2])})
    assert true
    for pid, (sent, received, _packets) in true.items():
        for way, moved in enumerate((sent, received)):
            assert said.get(pid, (0, 0))[way] == pytest.approx(moved, rel=OWN, abs=PAGES_BYTES), (
                pid,
                way,
                found.answer,
            )
    strangers = {pid: size for pid, size in told.items() if pid not in true and size > ELSE_BYTES}
    assert not strangers, found.answer
    assert found.data_bytes() == pytest.approx(sum(sum(moved[:2]) for moved in true.values()), rel=TOTAL), found.answer
    assert found.unexplained() < TOTAL, found.answer["unattributed"]


def test_long_streams_and_datagrams_both_ways_over_ipv4_and_ipv6(pair: Pair) -> None:
    sink(pair)
    loads = [tcp(pair, streams=4), tcp(pair, 1, family=6), udp(pair), udp(pair, family=6)]
    received = pair.load(pair.host, "udp-sink", port=SINK + 90)
    pair.load(pair.peer, "udp", address=HOST[4], port=SINK + 90, bps=5e6, size=1200, seconds=LONG_S)
    with Meter(pair.host) as meter:
        found = looked(pair)
    check(found, *loads, received)
    said = datetime.fromisoformat(found.answer["started_at"].replace("Z", "+00:00")).timestamp()
    assert said == pytest.approx(found.begin, abs=2)
    (link,) = (entry for entry in found.answer["interfaces"] if entry["name"] == LINK)
    sent, got, _packets_sent, _packets_got = meter.ledger.between(found.begin, found.end)
    assert (link["tx_bytes"], link["rx_bytes"]) == (pytest.approx(sent, rel=TOTAL), pytest.approx(got, rel=TOTAL))


def test_more_packets_than_can_be_looked_at_cost_a_tenth_of_a_core(pair: Pair) -> None:
    sink(pair)
    load = udp(pair, bps=30e6, size=64)
    found = looked(pair)
    assert found.answer["method"]["share_of_packets"] != "all"
    check(found, load)
    assert found.measuring_s < 0.1 * WINDOW_S, found.answer["method"]


def test_connections_and_sockets_that_live_for_a_moment(pair: Pair) -> None:
    sink(pair)
    _server, client = web(pair, pair.peer, pair.host)
    sockets = pair.load(pair.host, "udp-sockets", address=PEER[4], port=SINK, per_s=100, seconds=LONG_S)
    check(looked(pair), client, sockets)


def test_a_server_whose_children_serve(pair: Pair) -> None:
    server, _client = web(pair, pair.host, pair.peer, children=3)
    check(looked(pair), server)


def test_processes_that_end_within_the_window(pair: Pair) -> None:
    sink(pair)
    started = start_sampler(pair.host, pair.folder, WINDOW_S)
    time.sleep(1)
    loads = [udp(pair, seconds=1), tcp(pair, seconds=1)]
    found = measured(started)
    true = sum(moved[0] for load in loads for moved in load.between(found.begin, found.end).values())
    # Such as have one name and one parent are told together.
    told = [entry for entry in found.answer["processes"] if entry["total_bytes"] > ELSE_BYTES]
    assert {entry["pid"] for entry in told} <= {load.pid for load in loads}, found.answer
    assert sum(entry["instances"] for entry in told) == len(loads), told
    assert not any(entry["exists"] for entry in told), told
    assert sum(entry["tx_bytes"] for entry in told) == pytest.approx(true, rel=TOTAL), told


def test_datagrams_that_are_cut_to_pieces(pair: Pair) -> None:
    """By IP where they are greater than a packet may be, by the kernel on the way out where it was asked to."""
    sink(pair)
    loads = [udp(pair, size=8000), udp(pair, family=6, size=8000), udp(pair, together=8)]
    check(looked(pair), *loads)


def test_a_bridge_counts_once(pair: Pair) -> None:
    pair.bridge()
    sink(pair)
    loads = [udp(pair), tcp(pair)]
    found = looked(pair)
    check(found, *loads)
    assert [entry["name"] for entry in found.answer["interfaces"] if entry["outer"]] == [LINK]


def test_a_container_with_a_network_of_its_own(pair: Pair) -> None:
    inner = pair.container()
    sink(pair)
    loads = [udp(pair, inner), tcp(pair, 0, inner), udp(pair)]
    check(looked(pair), *loads)


def test_the_same_with_python_2(pair: Pair) -> None:
    python = old_python()
    if python is None:
        pytest.skip("needs Python 2.7")
    sink(pair)
    _server, client = web(pair, pair.peer, pair.host)
    sockets = pair.load(pair.host, "udp-sockets", address=PEER[6], port=SINK, per_s=100, seconds=LONG_S)
    loads = [client, sockets, udp(pair, size=8000), tcp(pair)]
    check(looked(pair, python), *loads)
