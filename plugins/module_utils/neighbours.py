# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel knows of the machines on the same link: ARP and neighbour discovery, by rtnetlink."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink, routing

RTM_GETNEIGH = 30
NDMSG = struct.Struct("=BxxxiHBB")
NDA_DST, NDA_LLADDR = 1, 2
STATES = {
    0x01: "incomplete",
    0x02: "reachable",
    0x04: "stale",
    0x08: "delay",
    0x10: "probe",
    0x20: "failed",
    0x40: "noarp",
    0x80: "permanent",
}


def of(address, interface):
    """What is known of a neighbour on an interface: {address, state, mac}, or None where the kernel knows nothing."""
    family = routing.family_of(address)
    bodies, _error = netlink.dump(RTM_GETNEIGH, NDMSG.pack(family, 0, 0, 0, 0))
    return find(bodies, address, routing.interface_index(interface))


def find(bodies, address, index):
    """The entry of an address among the messages of a dump."""
    for body in bodies:
        if len(body) < NDMSG.size:
            continue
        _family, number, state = NDMSG.unpack_from(body)[:3]
        if number != index:
            continue
        found = netlink.table_of(body[NDMSG.size :])
        if netlink.address(found.get(NDA_DST)) == address:
            mac = netlink.hardware_address(found.get(NDA_LLADDR))
            return {"address": address, "state": STATES.get(state, "none"), "mac": mac}
    return None
