# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose connections wait for a link that is full: what they have sent and what nobody has acknowledged yet.

Where packets wait in a queue for longer than TCP's patience, most of what leaves was sent before, and for seconds no
connection moves on. Then its counters tell nothing, and what it waits for tells who fills the queue.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import owners, processes, tcp

WAITING_AT, INODE_AT = 12, 14


def first(leads):
    """The process that most bytes wait of, as the entry of a process with peers; None where there is none.

    ``leads``: whether the links in question lead to an address.
    """
    found = _connections(leads)
    holders = owners.look() if found else None
    by_process = {}
    for address, port, inode, size in found:
        for pid in holders.sockets.get(inode, [])[-1:]:
            peers = by_process.setdefault(pid, {})
            peers[address, port] = peers.get((address, port), 0) + size
    if not by_process:
        return None
    pid = max(by_process, key=lambda each: sum(by_process[each].values()))
    entry = processes.describe(pid)
    processes.look_closer([entry])
    peers = sorted(by_process[pid].items(), key=lambda pair: -pair[1])
    entry["instances"], entry["waiting_bytes"] = 1, sum(by_process[pid].values())
    (address, port), _size = peers[0]
    entry["peers"] = [{"address": address, "protocol": "tcp", "local_port": None, "port": port}] * len(peers)
    return entry


def _connections(leads):
    """[(peer, its port, inode, bytes)] of the connections of this network namespace that wait."""
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        question = tcp.REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, tcp.COUNTING)
        bodies, _error = netlink.dump(
            tcp.SOCK_DIAG_BY_FAMILY, question, protocol=tcp.NETLINK_SOCK_DIAG, limit=tcp.DUMP_LIMIT_BYTES
        )
        for body in bodies:
            if len(body) < tcp.MESSAGE.size:
                continue
            fields = tcp.MESSAGE.unpack_from(body)
            if fields[WAITING_AT] and fields[INODE_AT]:
                peer = netlink.address(tcp.address(family, fields[7]))
                if leads(peer):
                    found.append((peer, socket.ntohs(fields[5]), fields[INODE_AT], fields[WAITING_AT]))
    return found
