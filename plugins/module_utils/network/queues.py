# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queueing disciplines by which a link sends nothing: left over from a test of failures, mostly. By rtnetlink."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink

RTM_GETQDISC = 38
TCMSG = struct.Struct("=BxxxiIII")
TC_H_ROOT = 0xFFFFFFFF
TCA_KIND, TCA_OPTIONS = 1, 2
# struct tc_netem_qopt: latency, limit, loss, …; the loss is a share of 2**32 - 1.
NETEM_LIMIT, NETEM_LOSS = 4, 8
HOPELESS = 0.9


def dropping(index):
    """Why the queue of the link with this number sends nothing, or None."""
    bodies, _error = netlink.dump(RTM_GETQDISC, TCMSG.pack(socket.AF_UNSPEC, index, 0, 0, 0))
    found = [parse(body) for body in bodies if len(body) >= TCMSG.size]
    return next((why for number, why in found if number == index and why), None)


def parse(body):
    """(the number of the link, why its root queue sends nothing or None)."""
    _family, index, _handle, parent, _info = TCMSG.unpack_from(body)
    values = netlink.table_of(body[TCMSG.size :])
    kind, options = netlink.text(values.get(TCA_KIND)), values.get(TCA_OPTIONS, b"")
    return index, _why(kind, options) if parent == TC_H_ROOT else None


def _why(kind, options):
    if kind == "blackhole":
        return "drops every packet (qdisc blackhole)"
    if kind in ("pfifo", "bfifo") and _word(options, 0) == 0:
        return "drops every packet (qdisc %s with limit 0)" % kind
    if kind == "netem":
        loss = (_word(options, NETEM_LOSS) or 0) / float(0xFFFFFFFF)
        if _word(options, NETEM_LIMIT) == 0:
            return "drops every packet (qdisc netem with limit 0)"
        if loss >= HOPELESS:
            return "drops %d %% of the packets (qdisc netem)" % round(100 * loss)
    return None


def _word(options, offset):
    return struct.unpack_from("=I", options, offset)[0] if len(options) >= offset + 4 else None
