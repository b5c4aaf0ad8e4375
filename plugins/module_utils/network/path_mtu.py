# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel knows of the size of packets on the way to a client, and the state of its connections there."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, netlink, routing

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, INET_DIAG_INFO = 4, 20, 2
# States in which something may still be on its way to the other end.
STATES = {1: "ESTABLISHED", 4: "FIN_WAIT1", 8: "CLOSE_WAIT", 9: "LAST_ACK", 11: "CLOSING"}
INET_DIAG_MSG_LENGTH = 72
TCP_INFO_LENGTH = 104
LIMIT = 20
# After so many times in a row that the same segment was sent again, it is no loss by chance.
STUCK_AFTER = 2


def look(client, port, way_back):
    """({route_mtu_bytes, discovery, probing, connections, stuck} of the way to a client, what is missing of it)."""
    held, error = connections(client, port)
    found = {
        "route_mtu_bytes": way_back["mtu"],
        "discovery": _setting("ip_no_pmtu_disc", {0: "on", 1: "off", 2: "off", 3: "on"}),
        "probing": _setting("tcp_mtu_probing", {0: "off", 1: "when stuck", 2: "on"}),
        "connections": held,
        "stuck": None if held is None else sum(entry["stuck"] for entry in held),
    }
    return found, {"mtu.connections": error} if error else {}


def _setting(name, words):
    text = host.read("/proc/sys/net/ipv4/%s" % name, limit=64).text.strip()
    return words.get(int(text)) if text.isdigit() else None


def connections(client, port):
    """(the connections of a client to a port with what was sent in vain, why they are not known or None)."""
    if not host.kernel_has("tcp_diag"):
        return None, "the kernel has no tcp_diag, and asking for it would load it"
    found = []
    family = routing.family_of(client)
    # A socket for IPv6 holds IPv4 connections as well.
    for kind in sorted({family, socket.AF_INET6}):
        payload = struct.pack("=BBBBIHH44x", kind, socket.IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0,
                              sum(1 << state for state in STATES), socket.htons(port), 0)  # fmt: skip
        bodies, error = netlink.dump(SOCK_DIAG_BY_FAMILY, payload, protocol=NETLINK_SOCK_DIAG)
        if error and kind == family:
            return None, error
        found += [entry for entry in map(parse_connection, bodies) if entry and entry["client"] == client]
    return found[:LIMIT], None


def parse_connection(body):
    """One connection: {client, client_port, state, …} of an answer of sock_diag, or None for another one."""
    if len(body) < INET_DIAG_MSG_LENGTH:
        return None
    family, state = struct.unpack_from("=BB", body)
    size = 4 if family == socket.AF_INET else 16
    client = netlink.address(body[24 : 24 + size])
    info = netlink.table_of(body[INET_DIAG_MSG_LENGTH:]).get(INET_DIAG_INFO, b"")
    if len(info) < TCP_INFO_LENGTH or state not in STATES:
        return None
    in_a_row = struct.unpack_from("=B", info, 2)[0]
    unacked = struct.unpack_from("=I", info, 24)[0]
    return {
        "client": client[7:] if client.startswith("::ffff:") else client,
        "client_port": struct.unpack_from("!H", body, 6)[0],
        "state": STATES[state],
        "segment_bytes": struct.unpack_from("=I", info, 16)[0],
        "path_mtu_bytes": struct.unpack_from("=I", info, 60)[0],
        "unacknowledged": unacked,
        "sent_again": in_a_row,
        "stuck": unacked > 0 and in_a_row >= STUCK_AFTER,
    }
