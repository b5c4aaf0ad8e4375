# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tables nftables has in the kernel: nfnetlink itself is asked, so that this needs no nft program."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host

NETLINK_NETFILTER = 12
NFT_MSG_GETTABLE = 10 << 8 | 1
NLM_F_DUMP_REQUEST = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLMSGHDR = struct.Struct("=LHHLL")
NFTA_TABLE_NAME, NFTA_TABLE_FLAGS = 1, 2
DORMANT = 1
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
TABLES_LIMIT = 10000


def nft_tables():
    """([(family, name, dormant)], why they cannot be listed or None). A kernel without nftables has none."""
    if not host.kernel_has("nf_tables"):
        return [], None
    found = []
    payload = struct.pack("=BBH", 0, 0, 0)
    request = NLMSGHDR.pack(NLMSGHDR.size + len(payload), NFT_MSG_GETTABLE, NLM_F_DUMP_REQUEST, 1, 0) + payload
    try:
        channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    except (OSError, socket.error) as error:
        return [], "nfnetlink: %s" % error
    try:
        channel.settimeout(2)
        channel.send(request)
        while parse(channel.recv(65536), found) and len(found) < TABLES_LIMIT:
            pass
    except (OSError, socket.error, struct.error) as error:
        if getattr(error, "errno", None) in (errno.EPERM, errno.EACCES):
            return [], "needs root to see the tables of nftables"
        return [], "nfnetlink: %s" % error
    finally:
        channel.close()
    return found, None


def parse(data, found):
    """Put the tables of one datagram into ``found``; return whether more follows."""
    while len(data) >= NLMSGHDR.size:
        length, kind = NLMSGHDR.unpack_from(data)[:2]
        if kind == NLMSG_ERROR:
            number = -struct.unpack_from("=i", data, NLMSGHDR.size)[0]
            if number:
                raise OSError(number, "refused")
            return False
        if kind == NLMSG_DONE or length < NLMSGHDR.size:
            return False
        family = struct.unpack_from("=B", data, NLMSGHDR.size)[0]
        attributes = data[NLMSGHDR.size + 4 : length]
        text, flags = "", 0
        while len(attributes) >= 4:
            size, name = struct.unpack_from("=HH", attributes)
            if size < 4:
                break
            if name & 0x3FFF == NFTA_TABLE_NAME:
                text = attributes[4:size].split(b"\0")[0].decode("utf-8", "replace")
            if name & 0x3FFF == NFTA_TABLE_FLAGS and size >= 8:
                flags = struct.unpack_from(">I", attributes, 4)[0]
            attributes = attributes[(size + 3) & ~3 :]
        found.append((FAMILIES.get(family, str(family)), text, bool(flags & DORMANT)))
        data = data[(length + 3) & ~3 :]
    return True
