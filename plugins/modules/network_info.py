#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: network_info
short_description: Links, addresses, and the way of a login's packets in and back out
version_added: 0.1.0
description:
  - Tells whether the link and the address that people log in by are there, which way the answers to a client go, and
    whether the reverse path filter lets the client's packets in.
  - The kernel itself is asked, by rtnetlink, sock_diag and C(/proc). A host without C(ip) answers all the same.
  - Routes are asked for with the address that the client tried as source and the port of the login, so that rules of
    policy routing count as they do for the answers of sshd.
  - Nothing is sent.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
seealso:
  - module: rescue.remote_login.firewall_info
  - module: rescue.remote_login.packet_witness
"""

EXAMPLES = r"""
- name: Look at the way to a client
  rescue.remote_login.network_info:
    addresses: [192.0.2.10]
    clients: [198.51.100.7]
  become: true
  register: network

- name: Tell why answers do not get there
  ansible.builtin.debug:
    var: network.login.way_back.trouble
"""

RETURN = r"""
status:
  description: V(ok), or V(unchecked) when the links could not be had.
  returned: always
  type: str
  sample: ok
reason:
  description: Why there is nothing.
  returned: when RV(status) is V(unchecked)
  type: str
  sample: "netlink: [Errno 1] Operation not permitted"
missing:
  description: What could not be seen, each with its reason.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"mtu.connections": "the kernel has no tcp_diag, and asking for it would load it"}
login:
  description: What becomes of the packets of the login.
  returned: when RV(status) is V(ok)
  type: dict
  contains:
    client:
      description: The first of O(clients).
      type: str
      sample: 198.51.100.7
    address:
      description: Of O(addresses) the one that the client tried, this host's own before others.
      type: str
      sample: 192.0.2.10
    address_state:
      description: >-
        V(ok), V(deprecated), V(tentative), V(duplicate) where IPv6 has found another machine with it, V(missing) where
        no link has it.
      type: str
      sample: ok
    interface:
      description: The link that has the address.
      type: str
      sample: eth0
    in_by:
      description: The link by which the client's packets probably come in, that of the address or of the way back.
      type: str
      sample: eth0
    link:
      description: What keeps that link from carrying packets, deepest link first, as C(link) and C(why), or V(null).
      type: dict
      sample: {"link": "eth0", "why": "has no carrier"}
    closed_ports:
      description: Ports of a bridge that carry nothing, where no other port leads out of the host.
      type: list
      elements: dict
      sample: []
    closed_links:
      description: Links that could lead out of the host and carry nothing, in words, at most 5.
      type: list
      elements: str
      sample: ["eth1 is administratively down"]
    configured_in:
      description: Where the system's configuration has an address that no link has.
      type: list
      elements: str
      sample: ["/etc/network/interfaces line 7"]
    family_is_there:
      description: Whether any address of this family is on a link that carries packets.
      type: bool
      sample: true
    default_route:
      description: Whether the family has a default route in the main table.
      type: bool
      sample: true
    way_back:
      description: >-
        The route of the answers with its C(interface), C(gateway), C(table) and C(mtu), the state of the interface
        (C(up), C(carrier)), what is known of the next machine (C(neighbour)), why no packet would go there (C(error)),
        and the same in words (C(trouble)). C(asked_from) is the source that was asked for.
      type: dict
      sample: {"interface": "eth0", "gateway": "192.0.2.1", "table": 254, "mtu": null, "up": true, "carrier": true,
               "error": null, "trouble": null, "asked_from": "192.0.2.10",
               "neighbour": {"address": "192.0.2.1", "state": "reachable", "mac": "02:00:00:00:00:01"}}
    arrival:
      description: >-
        What the kernel does with a packet of the client that comes in by RV(login.in_by). C(error) is V(reverse path)
        where the reverse path filter drops it. C(rp_filter) is V(off), V(strict) or V(loose), and V(null) for IPv6.
      type: dict
      sample: {"interface": "eth0", "error": null, "rp_filter": "strict"}
    asking:
      description: >-
        What the kernel does with the question who has the address (ARP), which comes before any packet and has no
        ports: C(asker) is the router on the way back, or the client, C(back_by) the interface by which the route to it
        leads without ports, C(error) as in RV(login.arrival). V(null) for IPv6.
      type: dict
      sample: {"interface": "eth0", "error": null, "rp_filter": "strict", "asker": "198.51.100.1", "back_by": "eth0"}
    policy:
      description: >-
        Rules of policy routing that not every host has, routes of any table that refuse packets to the client, and how
        the route to the client ends for each mark that a rule asks for.
      type: dict
      sample: {"rules": ["100: from 192.0.2.10/32 lookup 100"], "refusing_routes": [], "marked": []}
    mtu:
      description: >-
        The MTU of the route in bytes where it has one of its own, path MTU discovery, and the client's connections to
        the port, with how often in a row the same was sent again. C(stuck) counts those where that happened.
      type: dict
      sample: {"route_mtu_bytes": null, "discovery": "on", "probing": "off", "connections": [], "stuck": 0}
    mtu_bytes:
      description: The MTU of RV(login.in_by) in bytes.
      type: int
      sample: 1500
links:
  description: The links, those of the login first, at most 100.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  contains:
    name:
      description: The name.
      type: str
      sample: eth0
    index:
      description: The number.
      type: int
      sample: 2
    kind:
      description: What it is, such as V(bridge), V(bond) or V(vlan); V(device) for what is no kind of its own.
      type: str
      sample: device
    up:
      description: Whether an administrator wants it up.
      type: bool
      sample: true
    carrier:
      description: Whether there is something at the other end.
      type: bool
      sample: true
    operstate:
      description: The state as of RFC 2863.
      type: str
      sample: up
    arp:
      description: Whether it asks and answers for addresses; V(null) for what is no Ethernet.
      type: bool
      sample: true
    protodown:
      description: Whether a protocol holds it down.
      type: bool
      sample: false
    mtu:
      description: The MTU in bytes.
      type: int
      sample: 1500
    mac:
      description: The hardware address.
      type: str
      sample: "02:00:00:00:00:10"
    qdisc:
      description: The queueing discipline.
      type: str
      sample: fq_codel
    master:
      description: The bridge or bond that it is a port of.
      type: str
      sample: br0
    lower:
      description: The link below, as a VLAN has one.
      type: str
      sample: null
    port_state:
      description: What the bridge does with this port.
      type: str
      sample: forwarding
    speed_mbps:
      description: Megabits a second.
      type: int
      sample: 1000
    counters:
      description: Packets, bytes, errors and drops since the link was made.
      type: dict
      sample: {"rx_packets": 10, "tx_packets": 8, "rx_bytes": 900, "tx_bytes": 700, "rx_errors": 0, "tx_errors": 0,
               "rx_dropped": 0, "tx_dropped": 0}
links_total:
  description: How many links there are.
  returned: when RV(status) is V(ok)
  type: int
  sample: 2
macs:
  description: The hardware addresses of all links.
  returned: when RV(status) is V(ok)
  type: list
  elements: str
  sample: ["02:00:00:00:00:10"]
addresses:
  description: The addresses with prefix, interface, scope and state, at most 200.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: [{"address": "192.0.2.10", "prefix": 24, "interface": "eth0", "scope": "global", "state": "ok"}]
connection_tracking:
  description: >-
    How many connections the kernel keeps track of in this network namespace, at most how many (V(0) is no limit), and
    which part of that is taken, from 0 to 1. V(null) where it tracks none. What a full table does to the login is told
    by M(rescue.remote_login.firewall_info).
  returned: when RV(status) is V(ok)
  type: dict
  contains:
    count:
      description: The connections.
      type: int
      sample: 31
    max:
      description: At most.
      type: int
      sample: 262144
    share:
      description: The part that is taken. V(null) where there is no limit.
      type: float
      sample: 0.0
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import run_info_module


def main():
    run_info_module("network")


if __name__ == "__main__":
    main()
