# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real traffic from a lab host to the machine that runs the tests, which counts what arrives."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

# What a lab host runs, on Python 2.7 too: keep one connection, or make a new one each half second, with some bytes a
# second, or take such on one connection; as a child of a parent that only waits, where asked.
SENDER = """
import os, socket, sys, time
kind, address, port, rate = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if "child" in sys.argv[5:] and os.fork():
    os.wait()
def made():
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    found.connect((address, port))
    return found
size = 1200 if kind == "udp" else 16384
data, link, since, sent = b"x" * size, made(), time.time(), 0
if kind == "take":
    link.send(("take %d " % rate).encode())
    while link.recv(65536):
        pass
while True:
    if kind == "new" and time.time() - since > 0.5:
        link.close()
        link, since, sent = made(), time.time(), 0
    try:
        link.send(data)
    except (OSError, IOError):
        if kind != "udp":
            raise
    sent += size
    ahead = sent / float(rate) - (time.time() - since)
    if ahead > 0:
        time.sleep(ahead)
    elif ahead < -1:
        since, sent = time.time(), 0
"""


@dataclass
class Sink:
    """Counts the bytes that arrive on a port, by TCP and UDP."""

    address: str
    port: int
    count: int = 0
    connections: list[socket.socket] = field(default_factory=list)

    def rate(self, seconds: float = 2) -> float:
        """The bits a second that arrive now."""
        before, since = self.count, time.monotonic()
        time.sleep(seconds)
        return (self.count - before) * 8 / (time.monotonic() - since)

    def read(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := link.recv(1 << 20):
                if data.startswith(b"take "):
                    self.give(link, int(data.split()[1]))
                self.count += len(data)

    def give(self, link: socket.socket, bytes_s: int) -> None:
        """Send so many bytes a second, and no more at once than is taken."""
        while True:
            self.count += link.send(b"x" * 16384)
            time.sleep(16384 / bytes_s)

    def accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _peer = listener.accept()
                self.connections.append(link)
                threading.Thread(target=self.read, args=(link,), daemon=True).start()


@contextlib.contextmanager
def sink(address: str = "10.77.1.1") -> Iterator[Sink]:
    # The lab's bridge has its address only while a host is there.
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams,
    ):
        found = Sink(address, listener.getsockname()[1])
        datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        datagrams.bind(("::", found.port))
        threading.Thread(target=found.accept, args=(listener,), daemon=True).start()
        threading.Thread(target=found.read, args=(datagrams,), daemon=True).start()
        try:
            yield found
        finally:
            for each in [listener, datagrams, *found.connections]:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
