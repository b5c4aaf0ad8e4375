# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host itself lets through at most by a link: queueing disciplines, classes, policers. By rtnetlink.

Only what every packet meets counts, and of classes those that a packet gets into which no filter sorts: whether a
filter picks the login's packets is not known, and a class for others may be full without any harm.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth.queues import (
    CLASSFUL,
    RATE_IN_SPEC,
    ROOT,
    RTM_GETQDISC,
    RTM_GETTCLASS,
    RTM_GETTFILTER,
    TCA_STATS2,
    ceiling,
    counters,
    entries,
    rate_in,
    rate_of,
)

# Where the filters of an ingress or clsact stand: what comes in and what goes out.
FILTERED_IN, FILTERED_OUT, FILTERED_OLD = 0xFFFFFFF2, 0xFFFFFFF3, 0xFFFF0000
HTB_INIT, HTB_DEFAULT_AT = 2, 8
# Queues of which every packet takes one that depends on itself.
SPREADING = ("mq", "multiq")
# Queues in which a busy connection is nobody's loss but its own.
FAIR = ("fq_codel", "fq", "cake", "fq_pie", "sfq", "dualpi2")


class Limit(object):
    """One place that lets so much through, and its counters: bytes, packets, drops, bytes that wait."""

    def __init__(self, name, rate_bps, table, fair=False):
        self.name, self.rate_bps, self.fair = name, rate_bps, fair
        self.bytes, self.packets, self.drops, self.backlog = counters(table)


def look(index, protocol):
    """{tx: [Limit], rx: [Limit]} of the link with this number; the queue that everything waits in comes first.

    ``protocol``: the number of the Ethernet protocol that the login uses; a policer can be for one only.
    """
    queues = entries(RTM_GETQDISC, index)
    root = next((entry for entry in queues if entry.parent == ROOT), None)
    found = {"tx": Tree(index, queues).limits(root) if root else [], "rx": []}
    if any(entry.kind in ("ingress", "clsact") for entry in queues):
        for way, parents in (("rx", (FILTERED_IN, FILTERED_OLD)), ("tx", (FILTERED_OUT,))):
            for parent in parents:
                found[way] += policers(entries(RTM_GETTFILTER, index, parent), protocol)
    return found


class Tree(object):
    """The queues of one link, and the way through them of a packet that no filter sorts."""

    def __init__(self, index, queues):
        self.index, self.queues = index, queues

    def limits(self, queue):
        """The limits of a queue and of what stands below it."""
        # Those that the kernel itself has put under a root have no number, and nothing below them.
        has_children = queue.handle or queue.parent == ROOT
        children = [one for one in self.queues if has_children and one.parent >> 16 == queue.handle >> 16]
        name, rate = "%s %x:" % (queue.kind, queue.handle >> 16), rate_of(queue.kind, queue.options)
        fair = queue.kind in FAIR or (bool(children) and all(child.kind in FAIR for child in children))
        below = []
        if queue.kind in CLASSFUL:
            below = self._classes(queue)
        elif queue.kind in SPREADING:
            below = self._spread(children)
        elif len(children) == 1:
            below = self.limits(children[0])
        # What the last queue on the way does not let wait behind others does not wait above it.
        fair = fair or (bool(below) and below[-1].fair)
        for limit in below:
            limit.fair = fair
        return [Limit(name, rate, queue.table, fair)] + below

    def _spread(self, children):
        """One limit for all, where each of the queues that a packet can take has one."""
        limits = [Limit(child.kind, rate_of(child.kind, child.options), child.table) for child in children]
        if not limits or any(None in (limit.rate_bps, limit.bytes) for limit in limits):
            return []
        whole = Limit("%d queues (%s)" % (len(limits), limits[0].name), sum(one.rate_bps for one in limits), {})
        whole.bytes, whole.packets = sum(one.bytes for one in limits), sum(one.packets or 0 for one in limits)
        whole.drops, whole.backlog = sum(one.drops or 0 for one in limits), sum(one.backlog or 0 for one in limits)
        return [whole]

    def _classes(self, queue):
        major = queue.handle >> 16
        classes = {one.handle: one for one in entries(RTM_GETTCLASS, self.index) if one.handle >> 16 == major}
        tops = [one for one in classes.values() if one.parent == ROOT or one.parent == queue.handle]
        if entries(RTM_GETTFILTER, self.index, queue.handle):
            path = tops if len(tops) == 1 else []
        else:
            path = ancestry(classes, (major << 16) | default_class(queue.kind, queue.options))
        found = [
            Limit("%s class %x:%x" % (one.kind, major, one.handle & 0xFFFF), ceiling(one), one.table) for one in path
        ]
        leaf = next((one for one in self.queues if path and one.parent == path[0].handle), None)
        return found + (self.limits(leaf) if leaf else [])


def ancestry(classes, handle):
    """A class and those above it, the nearest first; none where there is no such class: then nothing limits."""
    path = []
    while handle in classes and len(path) < 16:
        path.append(classes[handle])
        handle = classes[handle].parent
    return path


def default_class(kind, options):
    """The lower half of the number of the class for what no filter sorts."""
    if kind == "hfsc":
        return struct.unpack_from("=H", options)[0] if len(options) >= 2 else 0
    start = netlink.table_of(options).get(HTB_INIT, b"")
    return struct.unpack_from("=I", start, HTB_DEFAULT_AT)[0] & 0xFFFF if len(start) >= HTB_DEFAULT_AT + 4 else 0


# --- policers ---

U32_SEL, U32_POLICE, U32_ACT = 5, 6, 7
MATCHALL_ACT = 2
ACT_KIND, ACT_OPTIONS, ACT_STATS = 1, 2, 4
POLICE_TBF, POLICE_RATE64 = 1, 8
EVERY_PROTOCOL = 3
# struct tc_police: index, action, limit, burst, mtu, then the rate.
POLICE_RATE_AT = 20 + RATE_IN_SPEC


def policers(filters, protocol):
    """The limits of the policers that all packets of a protocol meet."""
    found = []
    for entry in filters:
        # The lower half of the info is the protocol, as it stands in the frame.
        if struct.unpack("!H", struct.pack("=H", entry.info & 0xFFFF))[0] not in (EVERY_PROTOCOL, protocol):
            continue
        table = netlink.table_of(entry.options)
        if entry.kind == "matchall":
            actions = table.get(MATCHALL_ACT, b"")
        elif entry.kind == "u32" and takes_all(table.get(U32_SEL, b"")):
            actions = table.get(U32_ACT, b"") or (table.get(U32_POLICE) and netlink.attribute(1, _wrapped(table)))
        else:
            continue
        for _number, action in netlink.attributes(actions or b""):
            limit = _policer(netlink.table_of(action))
            if limit is not None:
                found.append(limit)
    return found


def _wrapped(table):
    """A policer of the old kind, as the only one of a list of actions."""
    return netlink.attribute(ACT_KIND, b"police\0") + netlink.attribute(ACT_OPTIONS, table[U32_POLICE])


def takes_all(selector):
    """Whether a selector of u32 lets everything through: all its masks are zero."""
    if len(selector) < 16:
        return False
    count = bytearray(selector)[2]
    masks = [struct.unpack_from("=I", selector, 16 + 16 * number)[0] for number in range(count)
             if len(selector) >= 32 + 16 * number]  # fmt: skip
    return len(masks) == count and not any(masks)


def _policer(action):
    options = netlink.table_of(action.get(ACT_OPTIONS, b""))
    if netlink.text(action.get(ACT_KIND)) != "police" or POLICE_TBF not in options:
        return None
    rate = rate_in(options[POLICE_TBF], POLICE_RATE_AT, options.get(POLICE_RATE64))
    return Limit("policer", rate, {TCA_STATS2: action.get(ACT_STATS, b"")})
