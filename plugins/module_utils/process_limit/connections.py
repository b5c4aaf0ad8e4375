# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections that a process had before it got a group of its own.

A socket belongs for good to the group that its process was in when it was made, and what a listening socket accepts
belongs to that socket's. So these are limited by their addresses and ports.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import protected

TABLES = (("tcp", "/proc/net/tcp"), ("tcp", "/proc/net/tcp6"), ("udp", "/proc/net/udp"), ("udp", "/proc/net/udp6"))
TABLE_LIMIT_BYTES = 32 * 1024 * 1024
TIME_WAIT = "06"
PORTS_LIMIT = 100
# Ports of this host that are waited on, [(protocol, port)], and [(protocol, address, port, peer, peer_port)].
Sockets = collections.namedtuple("Sockets", "ports pairs")


def of(pids):
    """What to limit by address and port."""
    inodes = inodes_of(pids)
    # systemd keeps a descriptor of each socket that it has handed over.
    others = inodes_of(set(host.pids()) - set(pids) - {1}) if inodes else set()
    ports, pairs = set(), set()
    for protocol, path in TABLES:
        for row in protected.parse_connections(host.read(path, limit=TABLE_LIMIT_BYTES).text):
            if row["inode"] not in inodes or row["state"] == TIME_WAIT:
                continue
            if row["peer_port"]:
                pairs.add((protocol, row["address"], row["port"], row["peer"], row["peer_port"]))
            elif row["port"] and row["inode"] not in others:
                # A port that is served together with processes that were not named is not limited for them.
                ports.add((protocol, row["port"]))
    return Sockets(sorted(ports)[:PORTS_LIMIT], sorted(pairs))


def inodes_of(pids):
    """The sockets that these processes hold."""
    found = set()
    for pid in pids:
        folder = "/proc/%d/fd" % pid
        for name in host.names_in(folder):
            match = re.match(r"socket:\[(\d+)\]$", host.link_target(os.path.join(folder, name)) or "")
            if match:
                found.add(int(match.group(1)))
    return found
