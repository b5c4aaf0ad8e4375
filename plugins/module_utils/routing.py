# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's own answer to 'which way to this address': rtnetlink, so that no ip tool is needed."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import fcntl
import os
import socket
import struct

RTM_GETROUTE = 26
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
NLMSGHDR = struct.Struct("=LHHLL")
RTMSG = struct.Struct("=BBBBBBBBI")
RTA_DST, RTA_SRC, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC, RTA_CACHEINFO, RTA_MARK = 1, 2, 4, 5, 7, 12, 16
SIOCGIFNAME = 0x8910
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
}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def to(address, source=None, mark=None):
    """The route to an address: {interface, gateway, source, type, local, error}.

    ``error`` is None, or why no packet would go there: 'no route', 'unreachable', 'prohibit', 'blackhole';
    or, with a colon in it, why the kernel could not be asked.
    """
    answer = {"interface": None, "gateway": None, "source": None, "type": None, "local": None, "error": None}
    family = family_of(address)
    try:
        data = _ask(family, address, source, mark)
    except (OSError, socket.error, struct.error, ValueError) as error:
        return dict(answer, error="rtnetlink: %s" % error)
    return dict(answer, **parse(data, family))


def _ask(family, address, source, mark):
    destination = socket.inet_pton(family, address.split("%")[0])
    attributes = _attribute(RTA_DST, destination)
    bits = 8 * len(destination)
    source_bits = 0
    if source:
        attributes += _attribute(RTA_SRC, socket.inet_pton(family, source.split("%")[0]))
        source_bits = bits
    if mark:
        attributes += _attribute(RTA_MARK, struct.pack("=I", mark))
    payload = RTMSG.pack(family, bits, source_bits, 0, 0, 0, 0, 0, 0) + attributes
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    try:
        channel.settimeout(2)
        channel.send(NLMSGHDR.pack(NLMSGHDR.size + len(payload), RTM_GETROUTE, NLM_F_REQUEST, 1, 0) + payload)
        return channel.recv(65536)
    finally:
        channel.close()


def _attribute(name, value):
    padding = b"\0" * (-len(value) % 4)
    return struct.pack("=HH", 4 + len(value), name) + value + padding


def parse(data, family):
    """What one rtnetlink answer says of a route."""
    if len(data) < NLMSGHDR.size + 4:
        return {"error": "rtnetlink: a short answer"}
    length, kind = NLMSGHDR.unpack_from(data)[:2]
    body = data[NLMSGHDR.size : length]
    if kind == NLMSG_ERROR:
        number = -struct.unpack_from("=i", body)[0]
        return {"error": REFUSALS.get(number) or "rtnetlink: %s" % os.strerror(number)}
    if len(body) < RTMSG.size:
        return {"error": "rtnetlink: a short answer"}
    # IPv6 answers with the route itself, of type unreachable and the like, where IPv4 gives an error.
    route_type = RTMSG.unpack_from(body)[7]
    refusal = ROUTE_TYPES.get(route_type) if route_type >= RTN_BLACKHOLE else None
    found = {"type": ROUTE_TYPES.get(route_type), "local": route_type == RTN_LOCAL, "error": refusal}
    for name, value in _attributes(body[RTMSG.size :]):
        if name == RTA_OIF and len(value) == 4:
            found["interface"] = interface_name(struct.unpack("=I", value)[0])
        elif name == RTA_GATEWAY:
            found["gateway"] = _printed(family, value)
        elif name == RTA_PREFSRC:
            found["source"] = _printed(family, value)
        elif name == RTA_CACHEINFO and len(value) >= 16 and not refusal:
            found["error"] = REFUSALS.get(abs(struct.unpack_from("=i", value, 12)[0]))
    return found


def _attributes(data):
    while len(data) >= 4:
        size, name = struct.unpack_from("=HH", data)
        if size < 4:
            return
        yield name & 0x3FFF, data[4:size]
        data = data[(size + 3) & ~3 :]


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
