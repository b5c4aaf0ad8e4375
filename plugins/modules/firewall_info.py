#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: firewall_info
short_description: What the packet filters of a host do with a connection, and which rule does it
version_added: 0.1.0
description:
  - Says which firewalls are there and which one is in charge, and works out from the loaded rulesets what becomes of
    the first packet of a connection, of the answer to it, and of the client's second packet. Where a rule looks at
    the length or the content, of the first packets with data too.
  - The rulesets of nftables, of C(iptables-nft) and of C(iptables-legacy) all count, at every hook that a packet for
    this host passes. systemd's C(IPAddressDeny) of the units of sshd counts as well.
  - A rule that nobody can judge from here, such as a rate limit, makes the verdict V(unknown) and is named, unless it
    makes no difference.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
options:
  protocol:
    description: The protocol of the packet.
    type: str
    choices: [tcp, udp]
    default: tcp
  source:
    description: The address that the packet comes from. Default is the first of O(clients).
    type: str
  destination:
    description: The address that the packet is sent to. Default is the one of O(addresses) that is this host's own.
    type: str
  interface:
    description:
      - The interface by which the packet comes in. Default is the one that leads to O(source).
      - Where another one holds O(destination), both are tried; the verdict is V(unknown) where they do not end alike.
    type: str
seealso:
  - module: rescue.remote_login.firewall_port
  - module: rescue.remote_login.fail2ban_info
  - module: rescue.remote_login.packet_witness
"""

EXAMPLES = r"""
- name: See what becomes of a login from an address
  rescue.remote_login.firewall_info:
    source: 198.51.100.7
    port: 22
  become: true
  register: firewall

- name: Name the rule that stops it
  ansible.builtin.debug:
    msg: "{{ firewall.login.blockers | map(attribute='text') | list }}"
"""

RETURN = r"""
status:
  description: V(ok), or V(unchecked) when the packet filters could not be seen.
  returned: always
  type: str
  sample: ok
reason:
  description: Why they could not be seen.
  returned: when RV(status) is V(unchecked)
  type: str
  sample: "needs root to see the tables of nftables"
missing:
  description: What could not be told, each with its reason.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"login.verdict": "tcp dport 22 limit rate 3/minute accept cannot be judged"}
in_charge:
  description: >-
    The firewall that is active: V(firewalld), V(ufw), V(nftables), V(iptables), V(netfilter-persistent) and others;
    V(ruleset) for rules that none of them keeps, V(none) where there are none.
  returned: when RV(status) is V(ok)
  type: str
  sample: ufw
managers:
  description: The firewalls that are installed, with whether each is active now and started at boot.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: [{"name": "ufw", "active": true, "enabled": true, "detail": "ufw.service: active"}]
backends:
  description: Where rules are loaded, with the tables and the number of rules.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: [{"name": "nft", "tables": ["inet filter"], "rules": 12}]
conntrack:
  description: How full the connection tracking table is, in entries.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"count": 31, "max": 262144, "full": false}
login:
  description: What becomes of the connection.
  returned: when RV(status) is V(ok)
  type: dict
  contains:
    packet:
      description: The packet that was judged.
      type: dict
      sample: {"protocol": "tcp", "source": "198.51.100.7", "destination": "192.0.2.10", "port": 22}
    verdict:
      description: V(accept), V(drop), V(reject) or V(unknown).
      type: str
      sample: drop
    alternatives:
      description: What else it could be, where a rule on the way cannot be judged and all it could do is block as well.
      type: list
      elements: str
      sample: []
    reject_with:
      description: How the sender is told, as the packet filter writes it.
      type: str
      sample: icmp-port-unreachable
    reason:
      description: Why the verdict is not known.
      type: str
      sample: null
    stage:
      description: >-
        Which packet does not pass: V(arrival) the first, V(reply) the answer to it, V(established) the client's second,
        V(data) the first ones with data.
      type: str
      sample: arrival
    rule:
      description: The rule or policy that decides, with backend, family, table, chain, handle or line, and its text.
      type: dict
      sample: {"backend": "nft", "family": "inet", "table": "filter", "chain": "in", "text": "tcp dport 22 drop"}
    path:
      description: The chains that led there.
      type: list
      elements: str
      sample: ["input", "ssh_in"]
    translated_to:
      description: Where a rule redirects the connection to, V(null) where none does.
      type: dict
      sample: {"address": "192.0.2.10", "port": 2222}
    too_big:
      description: >-
        The fate of the ICMP message by which a router tells that the host's packets are too big for it, as C(verdict),
        C(rule) and C(place). A rule for one type of ICMP gives V(unknown).
      type: dict
      sample: {"verdict": "accept", "rule": null, "place": null}
    blockers:
      description:
        - All rules that block, one behind another, each with its place and text.
        - C(by_source) says that the rule speaks of the source by address, network or C(set); C(ban) names the banner
          that has put it there.
      type: list
      elements: dict
      sample: [{"verdict": "drop", "text": "tcp dport 22 drop", "place": "nft, table inet f, chain in, handle 7"}]
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.packet import number_of
from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import exit_with_section, module_for_login


def main():
    module, login = module_for_login(
        protocol={"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
        source={"type": "str"},
        destination={"type": "str"},
        interface={"type": "str"},
    )
    packet = {key: module.params[key] for key in ("protocol", "source", "destination", "interface")}
    for key in ("source", "destination"):
        if packet[key] is not None and number_of(packet[key]) is None:
            module.fail_json(msg="%s must be an IP address, not '%s'" % (key, packet[key]))
    for key in ("clients", "addresses"):
        for address in login[key]:
            if number_of(address) is None:
                module.fail_json(msg="%s must be IP addresses, not '%s'" % (key, address))
    exit_with_section("firewall", module, dict(login, packet=packet))


if __name__ == "__main__":
    main()
