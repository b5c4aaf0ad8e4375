# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's own answer to 'which way to this address': netlink, so that no ip tool is needed."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import fcntl
import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink

RTM_GETROUTE = 26
RTMSG = struct.Struct("=BBBBBBBBI")
RTA_DST, RTA_SRC, RTA_IIF, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC, RTA_METRICS, RTA_CACHEINFO = 1, 2, 3, 4, 5, 7, 8, 12
RTA_TABLE, RTA_MARK, RTA_IP_PROTO, RTA_SPORT, RTA_DPORT = 15, 16, 27, 28, 29
RTAX_MTU = 2
# Where it is told no protocol, the kernel answers for UDP.
WITHOUT_PORTS = netlink.attribute(RTA_IP_PROTO, struct.pack("=B", socket.IPPROTO_ICMP))
# The answer shall name the table that the route is in.
RTM_F_LOOKUP_TABLE = 0x1000
# A client's own port; any will do.
CLIENT_PORT = 40000
SIOCGIFNAME, SIOCGIFINDEX = 0x8910, 0x8933
RTN_LOCAL, RTN_BLACKHOLE = 2, 6
ROUTE_TYPES = {
    1: "unicast",
    2: "local",
    3: "broadcast",
    4: "anycast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
    9: "throw",
}
# What the kernel answers for a route of these types.
REFUSALS = {
    errno.ENETUNREACH: "no route",
    errno.EHOSTUNREACH: "unreachable",
    errno.EACCES: "prohibit",
    errno.EINVAL: "blackhole",
    errno.EAGAIN: "throw",
    errno.EXDEV: "reverse path",
}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def to(address, source=None, mark=None, port=None, without_ports=False):
    """The route to an address: {interface, gateway, source, type, local, table, mtu, error}.

    ``error`` is None, or why no packet would go there: 'no route', 'unreachable', 'prohibit', 'blackhole';
    or, with a colon in it, why the kernel could not be asked. ``port``: the way of an answer from this TCP port;
    rules of policy routing can look at it. ``without_ports``: that of a packet of IPv4 that has none, as for ICMP.
    ``mtu`` is None where the link's own counts.
    """
    more = _ports(port, CLIENT_PORT) if port else WITHOUT_PORTS if without_ports else b""
    return _answer(address, source, mark, more)


def arrival(client, address, interface, port=None):
    """What the kernel does with a client's packet that comes in on an interface: {type, error, …} as of to().

    Without a port it is one of IPv4 that has none: rules of policy routing for ports are not about it.

    ``error`` is also 'reverse path' for one that the reverse path filter drops, and 'martian' for one whose source
    cannot be.
    """
    more = netlink.attribute(RTA_IIF, struct.pack("=I", interface_index(interface) or 0))
    answer = _answer(address, client, None, more + (_ports(CLIENT_PORT, port) if port else WITHOUT_PORTS))
    if answer["error"] == "blackhole":  # the same number stands for both, and a blackhole has no such answer here
        answer["error"] = "martian"
    return answer


def _ports(source_port, destination_port):
    attributes = netlink.attribute(RTA_IP_PROTO, struct.pack("=B", socket.IPPROTO_TCP))
    attributes += netlink.attribute(RTA_SPORT, struct.pack("!H", source_port))
    return attributes + netlink.attribute(RTA_DPORT, struct.pack("!H", destination_port))


def _answer(address, source, mark, more):
    answer = {"interface": None, "gateway": None, "source": None, "type": None, "local": None, "error": None}
    answer.update(table=None, mtu=None)
    family = family_of(address)
    try:
        body = netlink.ask(RTM_GETROUTE, _question(family, address, source, mark, more))
        return dict(answer, **parse(body, family))
    except netlink.Refused as error:
        return dict(answer, error=REFUSALS.get(error.errno) or "netlink: %s" % error.strerror)
    except (OSError, socket.error, struct.error, ValueError) as error:
        return dict(answer, error="netlink: %s" % error)


def _question(family, address, source, mark, more):
    destination = socket.inet_pton(family, address.split("%")[0])
    attributes = netlink.attribute(RTA_DST, destination) + more
    bits = 8 * len(destination)
    source_bits = 0
    if source:
        attributes += netlink.attribute(RTA_SRC, socket.inet_pton(family, source.split("%")[0]))
        source_bits = bits
    if mark:
        attributes += netlink.attribute(RTA_MARK, struct.pack("=I", mark))
    return RTMSG.pack(family, bits, source_bits, 0, 0, 0, 0, 0, RTM_F_LOOKUP_TABLE) + attributes


def parse(body, family):
    """What the kernel says of a route."""
    # IPv6 answers with the route itself, of type unreachable and the like, where IPv4 gives an error.
    route_type = RTMSG.unpack_from(body)[7]
    refusal = ROUTE_TYPES.get(route_type) if route_type >= RTN_BLACKHOLE else None
    found = {"type": ROUTE_TYPES.get(route_type), "local": route_type == RTN_LOCAL, "error": refusal}
    for name, value in netlink.attributes(body[RTMSG.size :]):
        if name == RTA_OIF and len(value) == 4:
            found["interface"] = interface_name(struct.unpack("=I", value)[0])
        elif name == RTA_GATEWAY:
            found["gateway"] = _printed(family, value)
        elif name == RTA_PREFSRC:
            found["source"] = _printed(family, value)
        elif name == RTA_TABLE:
            found["table"] = netlink.number(value)
        elif name == RTA_METRICS:
            found["mtu"] = netlink.number(netlink.table_of(value).get(RTAX_MTU))
        elif name == RTA_CACHEINFO and len(value) >= 16 and not refusal:
            found["error"] = REFUSALS.get(abs(struct.unpack_from("=i", value, 12)[0]))
    return found


def _printed(family, value):
    try:
        return socket.inet_ntop(family, value)
    except ValueError:
        return None


def interface_name(index):
    """The name of an interface by its number, in this network namespace; Python 2.7 has no if_indextoname."""
    channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        answer = fcntl.ioctl(channel.fileno(), SIOCGIFNAME, struct.pack("=16si20x", b"", index))
        return answer[:16].split(b"\0")[0].decode("ascii", "replace")
    except (IOError, OSError):
        return None
    finally:
        channel.close()


def interface_index(name):
    """The number of an interface, or None."""
    channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        label = name.encode("utf-8")[:15]
        return struct.unpack_from("=i", fcntl.ioctl(channel.fileno(), SIOCGIFINDEX, struct.pack("=16s20x", label)), 16)[
            0
        ]
    except (IOError, OSError):
        return None
    finally:
        channel.close()
