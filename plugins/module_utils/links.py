# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of network interfaces from the kernel itself: netlink, so that no ip tool is needed."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink

RTM_GETLINK = 18
IFINFOMSG = struct.Struct("=BxHiII")
IFF_UP, IFF_LOWER_UP = 0x1, 0x10000
IFLA_IFNAME, IFLA_XDP, IFLA_XDP_ATTACHED = 3, 43, 2


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
