# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A router between the lab's client and a host: two subnets of their own, all within the lab's network namespaces.

    client (the lab's namespace) 10.79.N.1 -- 10.79.N.2 router 10.78.N.1 -- net1 10.78.N.2 host

N is the last part of the host's usual address, which no other host has at the same time. The host keeps its usual
link eth0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fleet import Host, quiet

# A router that says nothing of packets that are too big: a black hole.
SILENT = (
    "add table inet silent; add chain inet silent o { type filter hook output priority 0; };"
    " add rule inet silent o icmp type destination-unreachable drop;"
    " add rule inet silent o icmpv6 type packet-too-big drop"
)


@dataclass(frozen=True)
class Way:
    """The addresses along a routed way."""

    host: str
    client: str
    router: str
    host6: str
    namespace: str
    # The client's own link to the router, in the lab's namespace.
    link: str

    def filled(self, text: str) -> str:
        """A text with the addresses of this way put in."""
        return text.replace("ROUTER", self.router).replace("CLIENT", self.client).replace("HOST", self.host)

    def on_router(self, script: str) -> None:
        quiet(["nsenter", f"--net=/run/netns/{self.namespace}", "sh", "-ec", script])


@contextmanager
def routed(host: Host, mtu: int = 1500, silent: bool = False, script: str = "") -> Iterator[Way]:
    """Put a router before a host, and take it away afterwards.

    ``mtu``: what the router lets through in either direction.
    ``silent``: the router tells nobody what is too big for it.
    """
    number = int(host.address.rpartition(".")[2])
    namespace, near, far = f"{host.name[:40]}-router", f"rl{number}c", f"rl{number}h"
    way = Way(f"10.78.{number}.2", f"10.79.{number}.1", f"10.78.{number}.1", f"fd78:{number}::2", namespace, near)
    (state,) = json.loads(quiet(["podman", "inspect", host.name]).stdout)
    pid = state["State"]["Pid"]
    quiet(["ip", "netns", "add", namespace])
    try:
        quiet(["ip", "link", "add", near, "type", "veth", "peer", "name", "client", "netns", namespace])
        way.on_router(
            f"ip link add {far} type veth peer name net1 netns {pid};"
            " sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0;"
            f" ip addr add 10.79.{number}.2/24 dev client; ip addr add fd79:{number}::2/64 dev client nodad;"
            f" ip addr add 10.78.{number}.1/24 dev {far}; ip addr add fd78:{number}::1/64 dev {far} nodad;"
            f" ip link set client up; ip link set {far} up; ip link set lo up;"
            f" ip route replace 10.79.{number}.0/24 dev client proto kernel scope link src 10.79.{number}.2 mtu {mtu};"
            f" ip route replace 10.78.{number}.0/24 dev {far} proto kernel scope link src 10.78.{number}.1 mtu {mtu}"
        )
        quiet(["sh", "-ec", f"ip addr add {way.client}/24 dev {near}; ip addr add fd79:{number}::1/64 dev {near} nodad;"
               f" ip link set {near} up; ip route add 10.78.{number}.0/24 via 10.79.{number}.2;"
               f" ip -6 route add fd78:{number}::/64 via fd79:{number}::2"])  # fmt: skip
        host.run(
            f"ip addr add {way.host}/24 dev net1; ip addr add {way.host6}/64 dev net1 nodad; ip link set net1 up;"
            f" ip route replace default via {way.router}; ip -6 route replace default via fd78:{number}::1"
        )
        if silent:
            way.on_router(f"nft '{SILENT}'")
        if script:
            host.run(way.filled(script))
        yield way
    finally:
        # The links go with the namespace, and the lab's routes with its links.
        quiet(["ip", "link", "del", near])
        quiet(["ip", "netns", "del", namespace])
