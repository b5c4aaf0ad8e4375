# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection tracking table: a packet of a new connection that finds no room in it is dropped without a word.

From /proc alone. Where connection tracking is not loaded there is nothing to read, and nothing is loaded for it.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

FOLDER = "/proc/sys/net/netfilter"
STATISTICS = "/proc/net/stat/nf_conntrack"
COUNTED = ("drop", "early_drop", "insert_failed")
# A table that is emptied and filled all the time is seldom seen brim-full: entries leave it in batches.
FULL_FROM = 0.95
# How old a word of the kernel may be to speak of the present.
RECENT_S = 600
LOG_LIMIT_BYTES = 4 * 1024 * 1024
# Newer kernels name the network namespace.
LOG_LINE = re.compile(
    r"^(?:<\d+>)?\[ *(\d+)\.\d+\] (?:(?:nf|ip)_conntrack: )+table full(?: in netns (\d+))?, dropping packet"
)
OWN_NAMESPACE = "/proc/self/ns/net"


def use():
    """{loaded, count, max, share, missing}: null is what cannot be read, or is not there because nothing is tracked."""
    count, maximum = _number("nf_conntrack_count"), _number("nf_conntrack_max")
    found = {"count": count[0], "max": maximum[0], "missing": {}}
    found["loaded"] = host.status_of(FOLDER + "/nf_conntrack_max") is not None
    found["share"] = round(count[0] / maximum[0], 3) if count[0] is not None and maximum[0] else None
    for name, value in (("count", count), ("max", maximum)):
        if found["loaded"] and value[1]:
            found["missing"][name] = value[1]
    return found


def state():
    """{loaded, count, max, share, full, drops, early_drops, insert_failed, messages, missing}; most of it may be null.

    ``full``: no room is left, or next to none while the kernel says that it drops for that. Null where the
    table cannot be read; false where this network namespace tracks nothing.
    """
    found = use()
    found.update(dict.fromkeys(("drops", "early_drops", "insert_failed", "messages")), full=False)
    if not found["loaded"]:
        return found
    counters, error = statistics()
    if error:
        found["missing"]["drops"] = error
    found["drops"], found["early_drops"] = counters.get("drop"), counters.get("early_drop")
    found["insert_failed"] = counters.get("insert_failed")
    if found["share"] is not None and found["share"] >= FULL_FROM:
        found["messages"], error = _recent_messages()
        if error:
            found["missing"]["messages"] = error
    found["full"] = _is_full(found)
    return found


def _is_full(found):
    """A maximum of 0 is none. The counter tells whether packets were ever dropped; without it the kernel's log does."""
    if found["count"] is None or found["max"] is None:
        return None
    if found["share"] is None or found["share"] < FULL_FROM:
        return False
    if found["drops"] is not None:
        # Where short-lived entries are thrown out early there is room for everybody all the same.
        return found["drops"] > 0
    return found["count"] >= found["max"] or bool(found["messages"])


def _number(name):
    text, error = host.read("%s/%s" % (FOLDER, name), limit=4096)
    if error:
        return None, error
    try:
        return int(text.strip()), None
    except ValueError:
        return None, "%s/%s is not a number" % (FOLDER, name)


def statistics():
    """The counters of this network namespace since boot, and why there are none, or None."""
    text, error = host.read(STATISTICS)
    if error:
        return {}, error
    return parse_statistics(text), None


def parse_statistics(text):
    """Sums over all processors: below a line of names each has one line of hexadecimal numbers."""
    lines = text.splitlines()
    names = lines[0].split() if lines else []
    totals = dict.fromkeys([name for name in COUNTED if name in names], 0)
    for line in lines[1:]:
        values = line.split()
        if len(values) < len(names):
            continue
        for name in totals:
            try:
                totals[name] += int(values[names.index(name)], 16)
            except ValueError:
                continue
    return totals


def _recent_messages():
    """How often the kernel said of late that the table was full. It does not say so each time."""
    answer = host.run(["dmesg"], limit=LOG_LIMIT_BYTES)
    if answer.error or answer.rc != 0:
        return None, answer.error or "dmesg: %s" % answer.err.strip()[:200]
    try:
        now = float(host.read("/proc/uptime").text.split()[0])
    except (IndexError, ValueError):
        return None, "/proc/uptime cannot be read"
    namespace = re.sub(r"\D", "", host.link_target(OWN_NAMESPACE) or "")
    return count_recent(answer.out, now, namespace), None


def count_recent(text, now, namespace):
    """The messages in a kernel log that are not older than RECENT_S and not of another namespace."""
    found = [match.groups() for match in map(LOG_LINE.match, text.splitlines()) if match]
    times = [int(seconds) for seconds, named in found if named in (None, namespace)]
    return len([at for at in times if now - RECENT_S <= at <= now + 1])
