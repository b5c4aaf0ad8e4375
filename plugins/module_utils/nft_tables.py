# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tables nftables has in the kernel: nfnetlink itself is asked, so that this needs no nft program."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import os
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, netlink

NETLINK_NETFILTER = 12
NFT_MSG_GETTABLE = 10 << 8 | 1
NFGENMSG_SIZE = 4
NFTA_TABLE_NAME, NFTA_TABLE_FLAGS = 1, 2
DORMANT = 1
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
TABLES_LIMIT = 10000


def nft_tables():
    """([(family, name, dormant)], why they cannot be listed or None). A kernel without nftables has none."""
    if not host.kernel_has("nf_tables"):
        return [], None
    bodies, error = netlink.dump(NFT_MSG_GETTABLE, struct.pack("=BBH", 0, 0, 0), protocol=NETLINK_NETFILTER)
    if error and os.strerror(errno.EPERM) in error:
        return [], "needs root to see the tables of nftables"
    return [parse(body) for body in bodies[:TABLES_LIMIT] if len(body) >= NFGENMSG_SIZE], error


def parse(body):
    """(family, name, dormant) of a table."""
    values = netlink.table_of(body[NFGENMSG_SIZE:])
    flags = values.get(NFTA_TABLE_FLAGS, b"").rjust(4, b"\0")
    family = bytearray(body)[0]
    name = netlink.text(values.get(NFTA_TABLE_NAME)) or ""
    return FAMILIES.get(family, str(family)), name, bool(struct.unpack(">I", flags[:4])[0] & DORMANT)
