# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of network interfaces from the kernel itself: rtnetlink, so that no ip tool is needed."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import rtnetlink

RTM_NEWLINK, RTM_GETLINK = 16, 18
NLM_F_REQUEST = 1
NLMSGHDR = struct.Struct("=LHHLL")
IFINFOMSG = struct.Struct("=BxHiII")
IFF_UP, IFF_LOWER_UP = 0x1, 0x10000
IFLA_IFNAME, IFLA_XDP, IFLA_XDP_ATTACHED = 3, 43, 2


def state(name):
    """{up, carrier, xdp, error} of an interface. ``xdp``: a program sees its packets before anybody else does."""
    answer = {"up": None, "carrier": None, "xdp": None, "error": None}
    try:
        data = _ask(name)
    except (OSError, socket.error, struct.error, ValueError) as error:
        return dict(answer, error="rtnetlink: %s" % error)
    return dict(answer, **parse(data))


def _ask(name):
    label = name.encode("ascii", "replace") + b"\0"
    attribute = struct.pack("=HH", 4 + len(label), IFLA_IFNAME) + label + b"\0" * (-len(label) % 4)
    payload = IFINFOMSG.pack(0, 0, 0, 0, 0) + attribute
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    try:
        channel.settimeout(2)
        channel.send(NLMSGHDR.pack(NLMSGHDR.size + len(payload), RTM_GETLINK, NLM_F_REQUEST, 1, 0) + payload)
        return channel.recv(65536)
    finally:
        channel.close()


def parse(data):
    """What one rtnetlink answer says of an interface."""
    if len(data) < NLMSGHDR.size + IFINFOMSG.size:
        return {"error": "rtnetlink: a short answer"}
    length, kind = NLMSGHDR.unpack_from(data)[:2]
    if kind != RTM_NEWLINK:
        return {"error": "rtnetlink: no such interface"}
    flags = IFINFOMSG.unpack_from(data, NLMSGHDR.size)[3]
    found = {"up": bool(flags & IFF_UP), "carrier": bool(flags & IFF_LOWER_UP), "xdp": False}
    for name, value in rtnetlink.attributes(data[NLMSGHDR.size + IFINFOMSG.size : length]):
        if name == IFLA_XDP:
            found["xdp"] = any(
                part == IFLA_XDP_ATTACHED and bytearray(mode)[:1] not in (b"", b"\0")
                for part, mode in rtnetlink.attributes(value)
            )
    return found
