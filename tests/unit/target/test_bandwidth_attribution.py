# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import unittest

from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    attribution,
    datagrams,
    flows,
    owners,
)

OWN, PEER, STRANGER = b"\n\0\0\1", b"\n\0\0\2", b"\xc6\x33\x64\x05"
UDP = 17


class Window(object):
    """A host that forwards, with one link that leads out and one to a container."""

    def __init__(self, from_inside, inside_known=True, from_outside=0):
        names = ((2, "eth0", "device"), (3, "docker0", "bridge"))
        self.links = {
            number: {"name": name, "kind": kind, "index": number, "master": None, "lower": None}
            for number, name, kind in names
        }
        self.samples = []
        for number in (0, 1):
            outside, inside = [{"rx_bytes": size * number, "tx_bytes": 0} for size in (from_outside, from_inside)]
            self.samples.append((float(number), {"eth0": outside, "docker0": inside if inside_known else {}}))
        self.outer, self.tunnels, self.others, self.flows = ["eth0"], [], {}, {}
        self.before = self.after = owners.Holders()
        self.tables = {None: datagrams.Table({OWN})}
        self.callers = type("Callers", (), {"connections": {}, "datagrams": {}, "problems": {}})()

    def may_forward(self):
        return True

    def names(self):
        return {link["name"]: link for link in self.links.values()}

    def flow(self, sent, received=0, port=5):
        flow = flows.Flow(None, UDP, (STRANGER, port), (PEER, 53), interface="eth0", sampled=True)
        flow.add(0, sent, received)
        flow.wire[0], flow.wire[2] = sent, received
        self.flows[port] = flow
        return flow


class Strangers(unittest.TestCase):
    """Packets that leave from addresses which this host does not have, though it forwards."""

    def why(self, seen, flow):
        return attribution.Attribution(seen).owner(flow)[2]

    def test_what_came_from_within_passes(self):
        seen = Window(from_inside=90000)
        seen.flow(40000, port=6)
        self.assertEqual(self.why(seen, seen.flow(50000)), attribution.FORWARDED)

    def test_what_came_in_by_the_same_link_passes(self):
        seen = Window(from_inside=0, from_outside=60000)
        seen.flow(0, 60000, port=6)
        self.assertEqual(self.why(seen, seen.flow(50000)), attribution.FORWARDED)

    def test_what_never_came_in_was_made_here(self):
        seen = Window(from_inside=900)
        seen.flow(40000, port=6)
        self.assertIn(attribution.MADE, self.why(seen, seen.flow(50000)))

    def test_where_a_link_is_not_counted_nothing_is_concluded(self):
        seen = Window(from_inside=0, inside_known=False)
        self.assertEqual(self.why(seen, seen.flow(50000)), attribution.FORWARDED)
