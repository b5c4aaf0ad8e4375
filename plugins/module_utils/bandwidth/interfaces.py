# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces by which traffic leaves this host, what passes them, and how much can."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, links, netlink

RTM_GETNSID = 90
NETNSA_NSID, NETNSA_FD = 1, 3
# Links that end in this host, or count what others count as well.
INNER = frozenset(
    (
        "loopback",
        "dummy",
        "ifb",
        "bridge",
        "bond",
        "team",
        "vrf",
        "openvswitch",
        "hsr",
        "nlmon",
        "vsockmon",
        "vcan",
        "tun",
    )
)
# Links on top of another one; where that is in another namespace, they are the way out of this one.
UPON = frozenset(("vlan", "macvlan", "ipvlan", "macvtap", "ipvtap", "macsec", "ipoib"))
# Links with an other end, which may be in a container of this host.
PAIRED = frozenset(("veth", "netkit"))
# Links whose packets the kernel carries in others.
TUNNELS = frozenset(
    (
        "vxlan gre gretap ip6gre ip6gretap ipip sit ip6tnl wireguard geneve vti vti6 xfrm erspan ip6erspan l2tp gtp"
        " ovpn bareudp amt"
    ).split()
)
# Kinds whose speed is made up.
WITHOUT_SPEED = PAIRED | frozenset(("tun",))


def look():
    """(all links by their number, why these are not all or None)."""
    return links.all_links()


def outer(found, others, all_known=True):
    """The links by which traffic leaves this host: those that stand on no other and lead to none of its containers.

    ``all_known``: whether ``others`` are all of its network namespaces. Where they are not, a pair leads to a container
    unless nothing else leads out.
    """
    contained = _numbers_of(others)
    names = []
    kinds = {link["name"]: link["kind"] for link in found.values()}
    for link in found.values():
        if link["up"] and _leads_out(link, kinds, contained):
            names.append(link["name"])
    if not all_known:
        names = [name for name in names if kinds[name] not in PAIRED] or names
    return sorted(names)


def _leads_out(link, kinds, contained):
    if link["kind"] in INNER or link["kind"] in TUNNELS or link["lower"] is not None:
        return False
    if link["kind"] in UPON:
        return link["peer_namespace"] is not None
    if link["kind"] in PAIRED:
        return link["peer_namespace"] is not None and link["peer_namespace"] not in contained
    # A fast way that a cloud's virtual interface has below it is counted by that one, too.
    return kinds.get(link["master"]) != "device"


def may_forward(found, others):
    """Whether packets of others may pass this host: by routing, by a bridge, by an interface lent to a container."""
    paths = ["/proc/sys/net/ipv4/conf/all/forwarding", "/proc/sys/net/ipv6/conf/all/forwarding"]
    if others or "1" in [host.read(path, limit=64).text.strip() for path in paths]:
        return True
    return any(link["master"] is not None or link["kind"] in UPON for link in found.values())


def tunnels(found):
    """The links whose packets the kernel itself carries in others."""
    return sorted(link["name"] for link in found.values() if link["up"] and link["kind"] in TUNNELS)


def _numbers_of(others):
    """The numbers that this namespace has given to others: {inode: descriptor}."""
    found = set()
    for descriptor in others.values():
        which = netlink.attribute(NETNSA_FD, struct.pack("=I", descriptor))
        try:
            body = netlink.ask(RTM_GETNSID, struct.pack("=Bxxx", 0) + which)
        except (OSError, socket.error, struct.error):
            continue
        number = netlink.number(netlink.table_of(body[4:]).get(NETNSA_NSID))
        if number is not None and number != 0xFFFFFFFF:
            found.add(number)
    return found


# --- how much can pass ---


def capacity(link, queue, stated):
    """({tx, rx} in bits a second, where from): what was stated, else the speed, and for sending the queue's rate."""
    if stated:
        return {"tx": stated, "rx": stated}, "stated"
    speed = None
    if link["speed_mbps"] and link["kind"] not in WITHOUT_SPEED:
        speed = link["speed_mbps"] * 1000000
    rate = (queue or {}).get("rate_bps")
    if rate and (speed is None or rate < speed):
        return {"tx": rate, "rx": speed}, "queue"
    return {"tx": speed, "rx": speed}, "link" if speed else None
