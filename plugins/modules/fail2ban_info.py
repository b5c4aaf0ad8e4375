#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: fail2ban_info
short_description: Who is banned where, and what else keeps just this client out
version_added: 0.1.0
description:
  - Looks at fail2ban through its own client, at CrowdSec, sshguard and DenyHosts as far as they can be asked, at what
    banners have in the packet filters for the given clients, at C(hosts.allow) and C(hosts.deny), and at what sshd
    itself does with unwanted clients.
  - A ban is RV(in_force) where it really stands in the way of the login, not where it is only listed.
  - A value that could not be found out is V(null), and RV(missing) says why.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
seealso:
  - module: rescue.remote_login.login_evidence
  - module: rescue.remote_login.fail2ban_ip
"""

EXAMPLES = r"""
- name: Look for bans of a client
  rescue.remote_login.fail2ban_info:
    port: 22
    clients: [198.51.100.7]
  become: true
  register: bans

- name: Say which jails keep it out
  ansible.builtin.debug:
    msg: "{{ bans.in_force | map(attribute='jail') | join(', ') }}"
"""

RETURN = r"""
status:
  description: V(ok), or V(unchecked) when nothing could be looked at.
  returned: always
  type: str
  sample: ok
reason:
  description: Why it could not be looked at.
  returned: when RV(status) is V(unchecked)
  type: str
  sample: did not finish within 45 s
missing:
  description: What could not be found out, each with its reason.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {}
client:
  description: The first of O(clients), for which RV(in_force) and RV(wrappers) are judged.
  returned: when RV(status) is V(ok)
  type: str
  sample: 198.51.100.7
fail2ban:
  description:
    - Whether fail2ban is installed and runs, and if not why not, in its own words.
    - The jails with what they read, their actions with the ports, how many addresses they ban, and the first 100 of
      these since when and until when (ISO 8601 in UTC).
    - While it does not run, C(returning) has the bans of the clients that its database would bring back.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    installed: true
    version: 1.0.2
    running: true
    reason: null
    jails:
      - name: sshd
        banned: 1
        logs: [/var/log/auth.log]
        actions: [{"name": "iptables-multiport", "kind": "iptables", "ports": "ssh", "covers_login": true}]
        bans: [{"address": "198.51.100.7", "since": "2026-11-21T04:07:43Z", "until": "2026-11-21T05:07:43Z"}]
    returning: []
banners:
  description: The other banners that there are on the host.
  returned: when RV(status) is V(ok)
  type: list
  elements: str
  sample: [sshguard]
client_bans:
  description:
    - Every ban of one of the clients that a banner knows of, by its address or as part of a network.
    - C(in_filter), C(routed) and C(wrapped) tell whether a packet filter, a route or C(hosts.deny) carries it out,
      C(covers_login) whether it is about O(port), C(in_force) whether it really stands in the way.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample:
    - by: fail2ban
      jail: sshd
      client: 198.51.100.7
      address: 198.51.100.0/24
      network: true
      since: "2026-11-21T04:07:43Z"
      until: "2026-11-21T05:07:43Z"
      in_filter: true
      in_force: true
in_force:
  description: Those of RV(client_bans) that stand in the way of the first client.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: []
filter_entries:
  description:
    - Every rule and set element of a banner's in the packet filters that names one of the clients. C(known) tells
      whether a running banner knows of it.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample:
    - backend: nftables
      family: inet
      table: f2b-table
      set: addr-set-sshd
      element: 198.51.100.7
      by: fail2ban
      jail: sshd
      known: false
left_behind:
  description: Those of RV(filter_entries) about the first client and O(port) that no running banner knows of.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: []
routes:
  description: Routes to the clients that lead nowhere, by C(type), and whether each is for just this address (C(own)).
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: []
route_left_behind:
  description: The type of such a route for the first client, where fail2ban has banned it once and does not now.
  returned: when RV(status) is V(ok)
  type: str
  sample: null
wrappers:
  description:
    - What C(hosts.allow) and C(hosts.deny) say of the first client, with file, line and text, where the program of
      sshd in C(program) asks libwrap. C(verdict) is V(allow), V(deny), V(unused), or V(null) where it takes a lookup of
      the client's name.
    - C(ban) tells whose line that is, V(null) for a person's own.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"program": "/usr/sbin/sshd", "verdict": "deny", "file": "/etc/hosts.deny", "line": 1, "text": "ALL: ALL"}
startups:
  description:
    - How many connections wait to log in (C(current)), from how many on the daemon turns some away (C(begin)) and from
      how many on all (C(full)); whether that happens C(now), and the last connection of the first client that it did
      happen to within 3 minutes (C(dropped)).
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"current": 0, "begin": 10, "full": 100, "throttling": null, "dropped": null, "now": false}
penalties:
  description: The penalty of sshd (OpenSSH 9.8 and later) for the first client within 3 minutes, by the log.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"dropped": null, "now": false, "given": []}
log_unavailable:
  description: Why the log of sshd could not be read.
  returned: when RV(status) is V(ok)
  type: str
  sample: null
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import run_info_module


def main():
    run_info_module("bans")


if __name__ == "__main__":
    main()
