# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queues of the links, and the classes and filters in them, as the kernel tells them by rtnetlink."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink

RTM_GETQDISC, RTM_GETTCLASS, RTM_GETTFILTER = 38, 42, 46
TCMSG = struct.Struct("=BxxxiIII")
ROOT = 0xFFFFFFFF
TCA_KIND, TCA_OPTIONS, TCA_STATS2 = 1, 2, 7
# struct gnet_stats_basic: bytes, packets; gnet_stats_queue: length, backlog, drops, requeues, overlimits.
STATS_BASIC, STATS_QUEUE = 1, 3
BASIC, QUEUE = struct.Struct("=QI"), struct.Struct("=IIIII")
TBF_PARMS, TBF_RATE64 = 1, 4
NETEM_RATE, NETEM_RATE64 = 6, 8
CAKE_BASE_RATE64 = 2
HTB_PARMS, HTB_CEIL64 = 1, 7
HFSC_USC = 3
# struct tc_ratespec ends with the rate.
RATE_IN_SPEC, HTB_CEIL_AT, HFSC_RATE_AT = 8, 20, 8
CLASSFUL = ("htb", "hfsc")


class Entry(object):
    """A qdisc, class or filter as the kernel tells it."""

    def __init__(self, body):
        _family, self.index, self.handle, self.parent, self.info = TCMSG.unpack_from(body)
        self.table = netlink.table_of(body[TCMSG.size :])
        self.kind = netlink.text(self.table.get(TCA_KIND)) or ""
        self.options = self.table.get(TCA_OPTIONS, b"")


def entries(question, index=0, parent=0):
    """What the kernel answers of one link, or of all (0)."""
    bodies, _error = netlink.dump(question, TCMSG.pack(0, index, 0, parent, 0))
    found = [Entry(body) for body in bodies if len(body) >= TCMSG.size]
    return [entry for entry in found if index in (0, entry.index)]


def look():
    """{number of a link: {kind, rate_bps, drops, backlog_bytes}} of the queues that packets wait in to be sent."""
    found = {}
    for entry in entries(RTM_GETQDISC):
        if entry.parent == ROOT:
            _bytes, _packets, drops, backlog = counters(entry.table)
            rate = _rate_of_classes(entry) if entry.kind in CLASSFUL else rate_of(entry.kind, entry.options)
            found[entry.index] = {"kind": entry.kind, "rate_bps": rate, "drops": drops, "backlog_bytes": backlog}
    return found


def _rate_of_classes(queue):
    """What the classes at the root may have together; None where there is none or one without limit."""
    found = [entry for entry in entries(RTM_GETTCLASS, queue.index) if entry.handle >> 16 == queue.handle >> 16]
    rates = [ceiling(entry) for entry in found if entry.parent in (ROOT, queue.handle)]
    return sum(rates) if rates and None not in rates else None


def counters(table):
    """(bytes and packets that passed, drops, bytes that wait) of a qdisc or class; None for what is not counted."""
    statistics = netlink.table_of(table.get(TCA_STATS2, b""))
    basic, queue = statistics.get(STATS_BASIC, b""), statistics.get(STATS_QUEUE, b"")
    passed, packets = BASIC.unpack_from(basic) if len(basic) >= BASIC.size else (None, None)
    _length, backlog, drops = QUEUE.unpack_from(queue)[:3] if len(queue) >= QUEUE.size else (None, None, None)
    return passed, packets, drops, backlog


# --- how much each kind lets through ---


def rate_of(kind, options):
    """The bits a second that a queueing discipline lets through, or None where it sets no limit."""
    table = netlink.table_of(options)
    if kind == "tbf":
        return rate_in(table.get(TBF_PARMS), RATE_IN_SPEC, table.get(TBF_RATE64))
    if kind == "cake":
        return (netlink.number(table.get(CAKE_BASE_RATE64)) or 0) * 8 or None
    if kind == "netem":
        # The options begin with a structure of 24 bytes.
        table = netlink.table_of(options[24:])
        return rate_in(table.get(NETEM_RATE), 0, table.get(NETEM_RATE64))
    return None


def ceiling(entry):
    """What a class lets through at most."""
    table = netlink.table_of(entry.options)
    if entry.kind == "htb":
        return rate_in(table.get(HTB_PARMS), HTB_CEIL_AT, table.get(HTB_CEIL64))
    return rate_in(table.get(HFSC_USC), HFSC_RATE_AT, None)


def rate_in(data, place, wide):
    """A rate in bytes a second, of 32 bits, or where that is not enough of 64, as bits a second; None for no limit."""
    if netlink.number(wide):
        return netlink.number(wide) * 8
    if data is None or len(data) < place + 4:
        return None
    rate = struct.unpack_from("=I", data, place)[0]
    return rate * 8 if 0 < rate < 0xFFFFFFFF else None
