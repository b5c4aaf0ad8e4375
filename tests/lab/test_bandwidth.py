# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A link that is full, seen to the end: nobody gets in, who fills it is named out of band, and without it people do.

What needs somebody at the other end (connections, what comes in, a limit outside the host) is here; the rest is data in
faults_bandwidth.py.
"""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from faults_bandwidth import PEER, PYTHON, sending, shaped
from fixtures import Playbook, Run
from fleet import Host, quiet
from limiting import act, named

ALL = ["trixie", "bookworm", "bullseye"]
RATE, LIMIT_BPS = "1mbit", 100_000
# Connections that send all they can; they give way to losses, so that only a deep queue keeps others out.
UPLOADS = (
    "cat > /upload.py <<'X'\nimport select, socket, sys, time\n"
    "found = [socket.create_connection((sys.argv[1], int(sys.argv[2]))) for _number in range(int(sys.argv[3]))]\n"
    "for one in found:\n    one.setblocking(False)\nend = time.time() + 900\n"
    "while time.time() < end:\n    for one in select.select([], found, [], 1)[1]:\n"
    "        try:\n            one.send(b'x' * 65536)\n        except (OSError, socket.error):\n            pass\n"
    "X\n(setsid " + PYTHON + " /upload.py {} {} {} & echo $! > /send.pid) >/dev/null 2>&1; sleep {}"
)


@contextmanager
def sink() -> Iterator[int]:
    """A server of the lab that takes whatever comes; its port."""
    server = socket.create_server((PEER, 0), backlog=128)
    open_ones: list[socket.socket] = []

    def take(one: socket.socket) -> None:
        try:
            while one.recv(65536):
                pass
        except OSError:
            pass

    def accept() -> None:
        try:
            while True:
                open_ones.append(server.accept()[0])
                threading.Thread(target=take, args=[open_ones[-1]], daemon=True).start()
        except OSError:
            pass

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(server.getsockname()[1])
    finally:
        for one in [server, *open_ones]:
            one.close()


@contextmanager
def flooded(host: Host, rate_bps: float) -> Iterator[None]:
    """Datagrams from the lab to a host, at a rate."""
    stop = threading.Event()

    def send() -> None:
        with ExitStack() as stack:
            # What waits in a queue counts against the buffer of the socket that sent it.
            senders = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _number in range(32)]
            for sender in senders:
                sender.setblocking(False)
            begun, number = time.monotonic(), 0
            while not stop.wait(max(0, begun + number * 9600 / rate_bps - time.monotonic())):
                with suppress(OSError):
                    senders[number % 32].sendto(b"x" * 1200, (host.address, 9999))
                number += 1

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def link_of(host: Host) -> str:
    """The lab's end of a host's link."""
    number = host.run("cat /sys/class/net/eth0/iflink").stdout.strip()
    lines = quiet(["ip", "-o", "link"]).stdout.splitlines()
    return next(line.split(": ")[1].partition("@")[0] for line in lines if line.startswith(f"{number}: "))


@contextmanager
def limited_outside(host: Host, rate: str = RATE, limit: str = "2500k") -> Iterator[None]:
    """What comes in to a host is limited before it, as by a provider: the host itself cannot see that."""
    link = link_of(host)
    quiet(["tc", "qdisc", "replace", "dev", link, "root", "tbf", "rate", rate, "burst", "4k", "limit", limit])
    try:
        yield
    finally:
        subprocess.run(["tc", "qdisc", "del", "dev", link, "root"], capture_output=True, check=False)


def leads(run: Run, host: Host, *words: str) -> dict[str, Any]:
    """The full link is the cause, and its detail says so much."""
    diagnosis = run[host]
    assert (diagnosis["verdict"], diagnosis["cause"]) == ("cannot_login", "bandwidth_saturated"), diagnosis
    finding = run.finding(host, "bandwidth_saturated")
    for word in words:
        assert word in finding["detail"]
    return finding


def named_by(finding: dict[str, Any]) -> dict[str, int]:
    """What the operator copies from the finding."""
    return {key: finding["evidence"][key] for key in ("pid", "start_ticks")}


def people_get_in_again(host: Host, seconds: float = 60) -> None:
    """Once the queue has run empty."""
    deadline = time.monotonic() + seconds
    while host.ssh()[0] != 0:
        assert time.monotonic() < deadline
        time.sleep(1)


def nobody_gets_in(host: Host, seconds: float = 60) -> None:
    """Once the queue is full."""
    deadline = time.monotonic() + seconds
    while host.ssh()[0] == 0:
        assert time.monotonic() < deadline
        time.sleep(1)


@pytest.mark.parametrize("image", ALL)
def test_datagrams_keep_people_out_until_their_sender_is_limited(
    image: str, start: Callable[..., Host], diagnose: Callable[..., Run], playbook: Playbook
) -> None:
    host = start(image, shaped() + sending())
    pid = int(host.run("cat /send.pid").stdout)
    nobody_gets_in(host)
    finding = leads(diagnose([host]), host, f"{PEER} udp port 9999", f"(pid {pid})", "100 % of 1000000 b/s (tbf")
    assert finding["evidence"]["pid"] == pid
    assert finding["remedy"] == "limit_process"
    one = named_by(finding)
    assert f"remote_login_limit_process_start_ticks={one['start_ticks']}" in finding["fix"]
    act(playbook, host, **one, rate_bps=LIMIT_BPS)
    people_get_in_again(host)
    act(playbook, host, **one, action="restore")
    nobody_gets_in(host)
    act(playbook, host, **one, action="terminate")
    people_get_in_again(host)


@pytest.mark.parametrize("image", ["trixie", "bullseye"])
def test_connections_keep_people_out_until_their_process_is_limited(
    image: str, start: Callable[..., Host], diagnose: Callable[..., Run], playbook: Playbook
) -> None:
    """By the playbook remediate, which proves it by a login."""
    host = start(image)  # the lab has its own address on the network once a host is there
    with sink() as port:
        host.run(shaped() + UPLOADS.format(PEER, port, 32, 12))
        pid = int(host.run("cat /send.pid").stdout)
        assert host.ssh()[0] != 0
        finding = leads(diagnose([host]), host, f"(pid {pid})", f"{PEER} tcp port {port}")
        run = playbook("remediate", [host], remote_login_allow=["limit_process"])
        assert run.status == 0, run.text
        (change,) = run[host]["changes"]
        assert (change["remedy"], change["changed"], change["failed"]) == ("limit_process", False, False)
        assert change["detail"].startswith("not applied: name the process")
        wanted = named(**named_by(finding), rate_bps=LIMIT_BPS)
        run = playbook("remediate", [host], remote_login_allow=["limit_process"], **wanted)
        assert run.status == 0, run.text
        assert run[host]["changes"][0]["changed"], run[host]["changes"]
        assert run[host]["after"] == {"verdict": "can_login", "outcome": "ok"}


def test_what_comes_in_fills_the_link(start: Callable[..., Host], diagnose: Callable[..., Run]) -> None:
    """The host cannot see the limit, and finds nothing without being told of it."""
    host = start("trixie")
    host.run(f"(setsid {PYTHON} -c 'import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
             ' s.bind(("", 9999)); time.sleep(900)\' & echo $! > /sink.pid) >/dev/null 2>&1')  # fmt: skip
    with limited_outside(host), flooded(host, 6e6):
        time.sleep(5)
        assert host.ssh()[0] != 0
        untold = diagnose([host])
        told = diagnose({host.name: host.inventory(remote_login_link_capacity_bps="1000000")})
    assert "bandwidth_saturated" not in [finding["id"] for finding in untold[host]["findings"]]
    leads(told, host, "eth0 receives", "1000000 b/s (as stated)", f"{PEER} udp")
    people_get_in_again(host)
