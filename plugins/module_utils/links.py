# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network interfaces from the kernel itself: netlink and sysfs, so that no ip tool is needed."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, netlink

RTM_GETLINK = 18
IFINFOMSG = struct.Struct("=BxHiII")
IFF_UP, IFF_LOOPBACK, IFF_NOARP, IFF_LOWER_UP = 0x1, 0x8, 0x80, 0x10000
ARPHRD_ETHER = 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_QDISC, IFLA_MASTER, IFLA_OPERSTATE = 1, 3, 4, 5, 6, 10, 16
IFLA_LINKINFO, IFLA_STATS64, IFLA_LINK_NETNSID, IFLA_PROTO_DOWN, IFLA_XDP = 18, 23, 37, 39, 43
IFLA_INFO_KIND, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 4, 5
IFLA_BRPORT_STATE, IFLA_XDP_ATTACHED = 1, 2
OPERSTATES = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")
PORT_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")
COUNTERS = ("rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped")


def state(name):
    """{up, carrier, xdp, error} of an interface. ``xdp``: a program sees its packets before anybody else does."""
    label = netlink.attribute(IFLA_IFNAME, name.encode("ascii", "replace") + b"\0")
    try:
        found = parse(netlink.ask(RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0) + label))
    except (OSError, socket.error, struct.error) as error:
        return {"up": None, "carrier": None, "xdp": None, "error": "netlink: %s" % error}
    return dict(found, error=None)


def parse(body):
    """What the kernel says of an interface."""
    flags = IFINFOMSG.unpack_from(body)[3]
    found = {"up": bool(flags & IFF_UP), "carrier": bool(flags & IFF_LOWER_UP), "xdp": False}
    program = netlink.table_of(netlink.table_of(body[IFINFOMSG.size :]).get(IFLA_XDP, b""))
    found["xdp"] = bytearray(program.get(IFLA_XDP_ATTACHED, b""))[:1] not in (b"", b"\0")
    return found


def all_links():
    """(all links by their number, why these are not all or None)."""
    bodies, error = netlink.dump(RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0))
    found = parse_all(bodies)
    for link in found.values():
        link["speed_mbps"] = _speed(link["name"])
    return found, error


def parse_all(bodies):
    """The links in the messages of a dump, by their number."""
    found = {}
    for body in bodies:
        if len(body) >= IFINFOMSG.size:
            _family, medium, index, flags = IFINFOMSG.unpack_from(body)[:4]
            found[index] = _link(index, medium, flags, netlink.table_of(body[IFINFOMSG.size :]))
    for link in found.values():
        link["master"] = (found.get(link["master"]) or {}).get("name")
        link["lower"] = (found.get(link["lower"]) or {}).get("name")
    return found


def _link(index, medium, flags, table):
    info = netlink.table_of(table.get(IFLA_LINKINFO, b""))
    operstate = netlink.number(table.get(IFLA_OPERSTATE)) or 0
    # The number of a link in another network namespace says nothing here.
    elsewhere = IFLA_LINK_NETNSID in table
    return {
        "name": netlink.text(table.get(IFLA_IFNAME)),
        "index": index,
        "kind": netlink.text(info.get(IFLA_INFO_KIND)) or ("loopback" if flags & IFF_LOOPBACK else "device"),
        "up": bool(flags & IFF_UP),
        "carrier": bool(flags & IFF_LOWER_UP),
        "operstate": OPERSTATES[operstate] if operstate < len(OPERSTATES) else "unknown",
        # On Ethernet nobody finds a machine that asks and answers for no address.
        "arp": not flags & IFF_NOARP if medium == ARPHRD_ETHER else None,
        "protodown": bool(netlink.number(table.get(IFLA_PROTO_DOWN))),
        "mtu": netlink.number(table.get(IFLA_MTU)),
        "mac": netlink.hardware_address(table.get(IFLA_ADDRESS)),
        "qdisc": netlink.text(table.get(IFLA_QDISC)),
        "master": netlink.number(table.get(IFLA_MASTER)),
        "peer_namespace": netlink.number(table.get(IFLA_LINK_NETNSID)),
        "lower": None if elsewhere else netlink.number(table.get(IFLA_LINK)),
        "port_state": _port_state(info),
        "counters": _counters(table.get(IFLA_STATS64, b"")),
    }


def _port_state(info):
    """What a bridge does with a port of its own, or None for a link that is no such port."""
    if netlink.text(info.get(IFLA_INFO_SLAVE_KIND)) != "bridge":
        return None
    state = netlink.number(netlink.table_of(info.get(IFLA_INFO_SLAVE_DATA, b"")).get(IFLA_BRPORT_STATE))
    return PORT_STATES[state] if state is not None and state < len(PORT_STATES) else None


def _counters(data):
    if len(data) < 8 * len(COUNTERS):
        return {}
    return dict(zip(COUNTERS, struct.unpack_from("=%dQ" % len(COUNTERS), data)))


def _speed(name):
    """Megabits a second, or None: a driver without a speed, or a link that is down, says -1 or fails."""
    text = host.read("/sys/class/net/%s/speed" % name, limit=64).text.strip()
    return int(text) if text.isdigit() and 0 < int(text) < 2**31 else None
