# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A client and a host in network namespaces of their own, to ask the kernel itself what it does with a packet.

The host has the programs and the Python of one of the lab's images, and nothing else of it: no init, no services.
The namespaces live as long as the two processes in them.
"""

from __future__ import annotations

import errno
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from images import DEFINITIONS, root_of

HERE = Path(__file__).resolve().parent
PLUGINS = HERE.parents[1] / "plugins"
WORKER = HERE / "kernel_worker.py"
PORT, OTHER_PORT, CLOSED_PORT = 22, 2222, 8022
CLIENTS = {4: ("10.99.0.1", "10.99.0.2"), 6: ("fd99::1", "fd99::2")}
HOSTS = {4: ("10.99.0.10", "10.99.0.11"), 6: ("fd99::10", "fd99::11")}
INTERFACE, CLIENT_INTERFACE = "h0", "c0"
MAC, CLIENT_MAC = "02:00:00:00:00:10", "02:00:00:00:00:01"
PATIENCE_S, LONG_PATIENCE_S = 0.08, 1.5
# As long as what both sides of SSH say first: version and algorithms.
FIRST_WORDS = b"SSH-2.0-".ljust(1199, b"x") + b"\n"
ENDS = select.POLLIN | select.POLLERR | select.POLLHUP
IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE = 11, 25, 0x2000

# The file system of the image with the collection in it, in a mount namespace that ends with the process.
ENTER = """
mount -t tmpfs tmpfs "$PLACE"
mkdir "$PLACE/upper" "$PLACE/work" "$PLACE/root"
mount -t overlay overlay -o "lowerdir=$IMAGE,upperdir=$PLACE/upper,workdir=$PLACE/work" "$PLACE/root"
for folder in proc sys dev; do mount --rbind "/$folder" "$PLACE/root/$folder"; done
collection=$PLACE/root/collection/ansible_collections/rescue/remote_login
mkdir -p "$collection"
cp -r "$PLUGINS" "$collection/plugins"
cp "$WORKER" "$PLACE/root/collection/"
find "$PLACE/root/collection" -type d -exec touch '{}/__init__.py' ';'
cd "$PLACE/root"
exec chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/collection LC_ALL=C.UTF-8 \
    "$PYTHON" -B -u /collection/kernel_worker.py
"""
# Neighbours are told and need no asking: what is lost on the way shall be the packet and nothing else.
NETWORK = """
ip link set lo up
for file in ipv4/icmp_ratelimit ipv6/icmp/ratelimit ipv4/conf/all/rp_filter ipv4/conf/default/rp_filter; do
    echo 0 > "/proc/sys/net/$file"
done
echo 0 > /proc/sys/net/ipv6/conf/default/router_solicitations
"""
HOST_NETWORK = f"""
{NETWORK}
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
ip link add d0 type veth peer name d1
ip link add {INTERFACE} address {MAC} type veth peer name {CLIENT_INTERFACE} address {CLIENT_MAC} netns "$1"
ip link set {INTERFACE} up
ip link set d0 up
ip link set d1 up
for address in 10.99.0.10/24 10.99.0.11/24; do ip addr add $address dev {INTERFACE}; done
for address in fd99::10/64 fd99::11/64; do ip addr add $address dev {INTERFACE} nodad; done
for address in 10.99.0.1 10.99.0.2 fd99::1 fd99::2; do
    ip neigh add $address lladdr {CLIENT_MAC} nud permanent dev {INTERFACE}
done
"""
CLIENT_NETWORK = f"""
{NETWORK}
ip link set {CLIENT_INTERFACE} up
for address in 10.99.0.1/24 10.99.0.2/24; do ip addr add $address dev {CLIENT_INTERFACE}; done
for address in fd99::1/64 fd99::2/64; do ip addr add $address dev {CLIENT_INTERFACE} nodad; done
for address in 10.99.0.10 10.99.0.11 fd99::10 fd99::11; do
    ip neigh add $address lladdr {MAC} nud permanent dev {CLIENT_INTERFACE}
done
"""
EMPTY_LEGACY = """
for version in ip ip6; do
    while read -r table; do
        case $table in
            filter | security) chains="INPUT FORWARD OUTPUT" ;;
            raw) chains="PREROUTING OUTPUT" ;;
            nat) chains="PREROUTING INPUT OUTPUT POSTROUTING" ;;
            *) chains="PREROUTING INPUT FORWARD OUTPUT POSTROUTING" ;;
        esac
        { echo "*$table"; for chain in $chains; do echo ":$chain ACCEPT"; done; echo COMMIT; } |
            ${version}tables-legacy-restore
    done < /proc/net/${version}_tables_names
done
"""
# A list lets go of its sets when it is flushed, the kernel some time after the rule that names a set is gone.
NO_SETS = (
    "ipset flush; for _try in 1 2 3 4 5 6 7 8; do ipset destroy 2>/dev/null && exit; sleep 0.05; done; ipset destroy"
)


class Worker:
    """A process in the host's namespaces that carries out orders."""

    def __init__(self, image: str) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="remote-login-kernel-"))
        variables = {
            "PLACE": self.place,
            "IMAGE": root_of(image),
            "PLUGINS": PLUGINS,
            "WORKER": WORKER,
            "PYTHON": DEFINITIONS[image]["python"],
        }
        self.process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec", ENTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **{name: str(value) for name, value in variables.items()}},
        )
        assert self._line() == "ready\n"

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the process on the host has ended")
        return line

    def order(self, name: str, argument: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([name, argument]) + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=10)
        shutil.rmtree(self.place)


class Kernel:
    """The host and its client."""

    def __init__(self, image: str) -> None:
        self.image = image
        self.worker = Worker(image)
        self.client = subprocess.Popen(
            ["unshare", "--net", sys.executable, str(HERE / "kernel.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.client.stdout is not None
        assert self.client.stdout.readline() == "ready\n"
        self._in_namespace(self.worker.process.pid, HOST_NETWORK, str(self.client.pid))
        self._in_namespace(self.client.pid, CLIENT_NETWORK)
        self.worker.order("listen", [PORT, OTHER_PORT])

    @staticmethod
    def _in_namespace(pid: int, script: str, *arguments: str) -> None:
        argv = ["nsenter", "-t", str(pid), "--net", "sh", "-ec", script, "sh", *arguments]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.client.stdin is not None
        self.client.stdin.close()
        self.client.wait(timeout=10)
        self.worker.end()

    def clear(self) -> None:
        """Take all rules and sets away."""
        commands = [(["nft", "flush", "ruleset"], ""), (["sh", "-ec", EMPTY_LEGACY], ""), (["sh", "-c", NO_SETS], "")]
        problem = self.run(commands)
        assert problem is None, problem

    def run(self, commands: list[tuple[list[str], str]]) -> str | None:
        """Run commands on the host, each with its input; return what the first that fails says, or None."""
        return cast("str | None", self.worker.order("run", commands))

    def judge(self, packet: dict[str, Any]) -> dict[str, Any]:
        """What the collection says of a packet: {found, taken_s, peak_bytes}."""
        return cast("dict[str, Any]", self.worker.order("judge", packet))

    def fate(self, source: str, destination: str, port: int, patience: float = PATIENCE_S) -> str:
        """What becomes of a real connection: accept, drop, or what it is rejected with."""
        assert self.client.stdin is not None
        assert self.client.stdout is not None
        self.client.stdin.write(json.dumps([source, destination, port, patience]) + "\n")
        self.client.stdin.flush()
        return str(json.loads(self.client.stdout.readline()))


# --- in the client's namespace ---


def attempt(source: str, destination: str, port: int, patience: float) -> str:
    """Connect, say the first words and wait for the answer."""
    version6 = ":" in destination
    channel = socket.socket(socket.AF_INET6 if version6 else socket.AF_INET, socket.SOCK_STREAM)
    with channel:
        level, option = (socket.IPPROTO_IPV6, IPV6_RECVERR) if version6 else (socket.IPPROTO_IP, IP_RECVERR)
        channel.setsockopt(level, option, 1)
        # No connection is left over, in no table, once the socket is closed.
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
        channel.setblocking(False)
        channel.bind((source, 0))
        channel.connect_ex((destination, port))
        poll = select.poll()
        poll.register(channel, ENDS | select.POLLOUT)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            events = poll.poll(max(1, (deadline - time.monotonic()) * 1000))
            if events and events[0][1] & ENDS:
                return answer(channel)
            if events:
                channel.send(FIRST_WORDS)
                poll.modify(channel, ENDS)
    return "drop"


def answer(channel: socket.socket) -> str:
    """What has come: an ICMP error, a reset or the first words of the other side."""
    try:
        controls = channel.recvmsg(512, 1024, MSG_ERRQUEUE)[1]
    except OSError:
        controls = []
    for _level, _kind, content in controls:
        _errno, origin, kind, code = struct.unpack_from("=IBBB", content)
        if origin in (2, 3):
            return f"{'icmp' if origin == 2 else 'icmpv6'} {kind} {code}"
    try:
        return "accept" if channel.recv(1) == FIRST_WORDS[:1] else "closed"
    except OSError as error:
        # Of a connection that stands, an ICMP error tells only its number, and the connection goes on.
        is_reset = error.errno == errno.ECONNRESET or not connected(channel)
        return "tcp reset" if is_reset else "icmp"


def connected(channel: socket.socket) -> bool:
    try:
        return bool(channel.getpeername())
    except OSError:
        return False


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(attempt(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
