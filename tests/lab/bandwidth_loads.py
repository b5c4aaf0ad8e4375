# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Traffic that counts itself: bandwidth_loads.py KIND JSON.

Each process appends to PLACE.PID, every 20 ms at most, when it was and what it has sent and received until then: bytes
of data, and packets of UDP. From these lines follows what had been moved at any time.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from typing import Any

NOTE_S = 0.02
PAGE_BYTES = 20_000
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


class Count:
    """What this process has moved, on paper."""

    def __init__(self, place: str) -> None:
        self.file = open(f"{place}.{os.getpid()}", "w", buffering=1)  # noqa: SIM115
        self.sent = self.received = self.packets = 0
        self.noted = 0.0
        self.note(0, 0)

    def note(self, sent: int, received: int, packets: int = 0) -> None:
        before = (self.sent, self.received, self.packets)
        self.sent, self.received, self.packets = before[0] + sent, before[1] + received, before[2] + packets
        now = time.time()
        if now - self.noted > NOTE_S:
            self.noted = now
            self.file.write(f"{now:.6f} {self.sent} {self.received} {self.packets}\n")

    def last(self) -> None:
        self.file.write(f"{time.time():.6f} {self.sent} {self.received} {self.packets}\n")
        self.file.close()


class Pace:
    """So many turns a second, for so long."""

    def __init__(self, per_s: float, seconds: float) -> None:
        self.step, self.next = 1 / per_s, time.time()
        self.end = self.next + seconds

    def turn(self) -> bool:
        self.next += self.step
        now = time.time()
        if self.next > now:
            time.sleep(self.next - now)
        elif now - self.next > 0.5:
            self.next = now  # what could not be kept up with is not made good
        return now < self.end


def family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def bound(kind: int, wanted: dict[str, Any]) -> socket.socket:
    """A socket at a port: of IPv6, which takes IPv4 as well, unless an address says otherwise."""
    address = wanted.get("address", "::")
    channel = socket.socket(family(address), kind)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    channel.bind((address, wanted["port"]))
    channel.settimeout(wanted["seconds"])
    return channel


def udp(count: Count, wanted: dict[str, Any]) -> None:
    """Datagrams of one size by one socket, which the kernel cuts out of larger pieces where it is told to (GSO)."""
    channel = socket.socket(family(wanted["address"]), socket.SOCK_DGRAM)
    size, together = wanted["size"], wanted.get("together", 1)
    if together > 1:
        channel.setsockopt(socket.IPPROTO_UDP, 103, size)  # UDP_SEGMENT
    pace = Pace(wanted["bps"] / 8 / size / together, wanted["seconds"])
    while pace.turn():
        channel.sendto(b"x" * size * together, (wanted["address"], wanted["port"]))
        count.note(size * together, 0, together)


def udp_sockets(count: Count, wanted: dict[str, Any]) -> None:
    """A new socket for every few datagrams."""
    pace = Pace(wanted["per_s"], wanted["seconds"])
    while pace.turn():
        with socket.socket(family(wanted["address"]), socket.SOCK_DGRAM) as channel:
            for _number in range(10):
                channel.sendto(b"x" * 1200, (wanted["address"], wanted["port"]))
                count.note(1200, 0, 1)


def udp_sink(count: Count, wanted: dict[str, Any]) -> None:
    with bound(socket.SOCK_DGRAM, wanted) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        while True:
            count.note(0, len(channel.recv(65536)), 1)


def tcp(count: Count, wanted: dict[str, Any]) -> None:
    """Some connections that send in turn."""
    place = (wanted["address"], wanted["port"])
    channels = [socket.create_connection(place) for _number in range(wanted.get("streams", 1))]
    pace = Pace(wanted["bps"] / 8 / 16384, wanted["seconds"])
    while pace.turn():
        channels.append(channels.pop(0))
        channels[0].sendall(b"x" * 16384)
        count.note(16384, 0)


def tcp_sink(count: Count, wanted: dict[str, Any]) -> None:
    with bound(socket.SOCK_STREAM, wanted) as listener:
        listener.listen(64)
        channels = [listener.accept()[0] for _number in range(wanted.get("streams", 1))]
        while True:
            for channel in list(channels):
                data = channel.recv(1 << 20)
                count.note(0, len(data))
                if not data:
                    channels.remove(channel)
            if not channels:
                return


def http_server(count: Count, wanted: dict[str, Any]) -> None:
    """One page for everybody; by children of its own where it is told to have some."""
    with bound(socket.SOCK_STREAM, wanted) as listener:
        listener.listen(512)
        for _number in range(wanted.get("children", 0)):
            if os.fork() == 0:
                signal.alarm(int(wanted["seconds"]) + 1)
                serve(Count(wanted["place"]), listener)
        if wanted.get("children"):
            time.sleep(wanted["seconds"])
        else:
            serve(count, listener)


def serve(count: Count, listener: socket.socket) -> None:
    head = f"HTTP/1.0 200 OK\r\nContent-Length: {PAGE_BYTES}\r\n\r\n".encode()
    page = head + b"x" * PAGE_BYTES
    while True:
        channel, _peer = listener.accept()
        with channel:
            asked = len(channel.recv(4096))
            channel.sendall(page)
            count.note(len(page), asked)


def http_client(count: Count, wanted: dict[str, Any]) -> None:
    pace = Pace(wanted["per_s"], wanted["seconds"])
    while pace.turn():
        with socket.create_connection((wanted["address"], wanted["port"])) as channel:
            channel.sendall(REQUEST)
            size = 0
            while data := channel.recv(65536):
                size += len(data)
            count.note(len(REQUEST), size)


KINDS = {
    "udp": udp,
    "udp-sockets": udp_sockets,
    "udp-sink": udp_sink,
    "tcp": tcp,
    "tcp-sink": tcp_sink,
    "http-server": http_server,
    "http-client": http_client,
}


def main(kind: str, text: str) -> None:
    wanted = json.loads(text)
    count = Count(wanted["place"])
    # Whatever hangs does not hang for ever.
    signal.alarm(int(wanted["seconds"]) + 10)
    try:
        KINDS[kind](count, wanted)
    except OSError as error:
        # The other end has gone, or this has lasted long enough. What was counted until then stands.
        print(f"{kind}: {error}", file=sys.stderr)
    finally:
        count.last()


if __name__ == "__main__":
    main(*sys.argv[1:])
