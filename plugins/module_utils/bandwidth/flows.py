# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of the measurement: what passes between two places."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type


class Flow(object):
    """What one connection, or the datagrams between two places, have moved in each step."""

    __slots__ = ("namespace", "protocol", "local", "remote", "inode", "interface") + (
        "wire",
        "looked",
        "steps",
        "sampled",
        "repeated",
        "timestamps",
        "others",
        "bare",
    )

    def __init__(self, namespace, protocol, local, remote, inode=None, interface=None, sampled=False):
        self.namespace, self.protocol, self.local, self.remote = namespace, protocol, local, remote
        self.inode, self.interface, self.sampled = inode, interface, sampled
        self.steps, self.repeated, self.timestamps, self.others = {}, 0, True, False
        # Seen as packets: bytes from the IP header on and packets, sent and received; how many were looked at; and
        # the bytes of TCP behind the IP header in each step, for what never carries data.
        self.wire, self.looked, self.bare = [0, 0, 0, 0], [0, 0], {}

    def add(self, step, tx, rx):
        moved = self.steps.setdefault(step, [0, 0])
        moved[0] += tx
        moved[1] += rx

    def count_headers(self):
        """Where no data passed, as in a flood of SYN, count what passed instead."""
        if self.bare and not self.tx and not self.rx:
            self.steps = self.bare

    def scale(self, place, factor):
        """Correct what was sent (0) or received (1)."""
        for moved in self.steps.values():
            moved[place] *= factor
        self.wire[2 * place] *= factor
        self.wire[2 * place + 1] *= factor

    @property
    def tx(self):
        return sum(moved[0] for moved in self.steps.values())

    @property
    def rx(self):
        return sum(moved[1] for moved in self.steps.values())
