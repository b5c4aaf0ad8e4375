#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: packet_witness
short_description: Watch whether the packets of a login attempt arrive at a host, and whether it answers
version_added: 0.1.0
description:
  - Watches on all interfaces for TCP SYNs to a port, while somebody tries to connect from outside.
  - A packet socket sees what comes in before the host's packet filter does, and what the host sends after it. So
    'it never arrived', 'it arrived and was not answered' and 'it arrived and was answered' are told apart.
  - With O(detach=true) it returns at once and goes on watching in the background. A second call with O(job) fetches
    what was seen and ends it. No file is written for that; without a second call it ends after O(duration).
  - Run it over a way in that does not depend on the port that is watched.
options:
  port:
    description: The port that people use to log in.
    type: int
    default: 22
  clients:
    description: The IP addresses of the machine that probes, as it sees itself.
    type: list
    elements: str
    default: []
  addresses:
    description: The IP addresses that it probes. Those of the host itself always count.
    type: list
    elements: str
    default: []
  mark:
    description:
      - The maximum segment size that the probe announces, C(max_segment_size) of M(rescue.remote_login.ssh_probe).
      - By it the probe's SYN is known behind address translation, where it comes from an address that the client does
        not know. Without it, a SYN of an unknown address leaves RV(witness.arrived) open.
    type: int
  duration:
    description: How many seconds to watch, from 1 to 900.
    type: float
    default: 8
  enough:
    description: Stop half a second after so many SYNs of the client were seen; V(0) for never.
    type: int
    default: 0
  detach:
    description: Return at once and watch in the background.
    type: bool
    default: false
  job:
    description: Fetch what the watch in the background with this name has seen, and end it.
    type: str
notes:
  - It needs root, or C(CAP_NET_RAW). Where it cannot watch, RV(witness.status) is V(unchecked) with the reason.
  - It sends nothing, switches no interface into promiscuous mode and writes nothing.
  - A program in the network driver (XDP) can drop packets before any packet socket sees them. Where one is attached and
    nothing was seen, RV(witness.arrived) is V(null).
requirements:
  - Linux with C(/proc). Nothing needs to be installed beside Python 2.7 or 3.6 and later.
seealso:
  - module: rescue.remote_login.ssh_probe
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Watch for two SYNs of a client, while somebody there tries to connect
  rescue.remote_login.packet_witness:
    port: 22
    clients: [198.51.100.7]
    duration: 20
    enough: 2
  become: true
  register: seen

- name: Start to watch in the background
  rescue.remote_login.packet_witness:
    clients: [198.51.100.7]
    duration: 60
    detach: true
  become: true
  register: started

- name: Fetch what was seen
  rescue.remote_login.packet_witness:
    job: "{{ started.job }}"
  become: true
  register: seen
"""

RETURN = r"""
job:
  description: The name of the watch in the background.
  returned: when O(detach=true) and it could be started
  type: str
  sample: 5d2c9c1fd7a0b7a7a9a1c5e0b3f4d2e1
witness:
  description: What was seen.
  returned: when it has not just been started in the background
  type: dict
  contains:
    status:
      description: V(ok), or V(unchecked) when nobody could watch.
      type: str
      sample: ok
    reason:
      description: Why nobody could watch.
      type: str
      sample: "no packet socket: [Errno 1] Operation not permitted"
    missing:
      description: What could not be found out, each with its reason.
      type: dict
      sample: {}
    port:
      description: The port that was watched.
      type: int
      sample: 22
    watched_s:
      description: For how many seconds.
      type: float
      sample: 6.2
    arrived:
      description: Whether SYNs of the client came in; V(null) where that cannot be said, see RV(witness.missing).
      type: bool
      sample: true
    answered:
      description: Whether the host sent any answer to them; V(null) where none arrived.
      type: bool
      sample: false
    syns:
      description: How many SYNs of the client came in. A frame that passes several interfaces counts once.
      type: int
      sample: 3
    first_at:
      description: When the first one came, by the host's clock, ISO 8601 in UTC.
      type: str
      sample: "2026-11-21T00:54:57Z"
    last_at:
      description: When the last one came.
      type: str
      sample: "2026-11-21T00:55:00Z"
    interface:
      description: The interface on which IP and the packet filter get them.
      type: str
      sample: br0
    interfaces:
      description: The interfaces that they passed, in order.
      type: list
      elements: str
      sample: [eth0, br0]
    sources:
      description:
        - The client's SYNs by source and destination as the host sees them.
        - C(known_by) is V(address), or V(mark) where address translation has changed the source.
      type: list
      elements: dict
      sample: [{"source": "198.51.100.7", "destination": "192.0.2.10", "known_by": "address", "syns": 3}]
    answers:
      description: What the host sent in answer, and on which interface.
      type: list
      elements: dict
      sample: [{"kind": "RST", "interface": "eth0", "count": 1}]
    answer_interface:
      description: The interface on which the answers left.
      type: str
      sample: eth0
    other_syns:
      description: How many SYNs to the port were not the client's.
      type: int
      sample: 1
    other_sources:
      description: Where those came from, at most 20 pairs of addresses.
      type: list
      elements: dict
      sample: [{"source": "203.0.113.9", "destination": "192.0.2.10", "syns": 1}]
    lost:
      description: How many packets came too fast to be looked at.
      type: int
      sample: 0
    counters:
      description: >-
        The kernel's counters of dropped handshakes that have grown meanwhile, by their names in C(/proc/net/netstat)
        and C(/proc/net/snmp), and C(conntrack_drop). They count for all connections.
      type: dict
      sample: {"ListenOverflows": 3, "ListenDrops": 3}
    address_is_own:
      description: Whether one of O(addresses) is this host's own. Behind address translation it is not.
      type: bool
      sample: true
    source_mac:
      description: The hardware address of the machine that put the first of the client's packets on the link.
      type: str
      sample: "02:00:00:00:00:01"
    way_back:
      description: >-
        The route of the answers to the client, as of M(rescue.remote_login.network_info). C(other_machine) says that
        they are handed to another machine than the one that the client's packets come from.
      type: dict
      sample: {"interface": "eth0", "gateway": "192.0.2.1", "error": null, "up": true, "carrier": true, "trouble": null,
               "other_machine": false}
    way_in:
      description: What the kernel does with a packet that comes in as the client's first one did; V(null) if none did.
      type: dict
      sample: {"interface": "eth0", "error": null, "rp_filter": "strict"}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rescue.remote_login.plugins.module_utils import packet_witness

LONGEST_S = 900


def main():
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "default": 22},
            "clients": {"type": "list", "elements": "str", "default": []},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "mark": {"type": "int"},
            "duration": {"type": "float", "default": 8},
            "enough": {"type": "int", "default": 0},
            "detach": {"type": "bool", "default": False},
            "job": {"type": "str"},
        },
        supports_check_mode=True,
    )
    given = module.params
    if not 0 < given["port"] < 65536:
        module.fail_json(msg="port must be between 1 and 65535, not %d" % given["port"])
    if not 1 <= given["duration"] <= LONGEST_S:
        module.fail_json(msg="duration must be between 1 and %d seconds, not %g" % (LONGEST_S, given["duration"]))
    if given["job"]:
        module.exit_json(changed=False, witness=packet_witness.collect(given["job"]))
    attempt = [given[key] for key in ("port", "clients", "addresses", "mark", "duration")]
    if not given["detach"]:
        module.exit_json(changed=False, witness=packet_witness.watch(*(attempt + [given["enough"]])))
    job, reason = packet_witness.start(*attempt)
    if job is None:
        module.exit_json(changed=False, witness=packet_witness.unchecked(reason))
    module.exit_json(changed=False, job=job)


if __name__ == "__main__":
    main()
