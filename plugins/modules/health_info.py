#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: listening_ports_info
short_description: Which program listens on which address and port
version_added: 0.1.0
description:
  - Lists the listening TCP and unconnected UDP sockets with their processes, from C(/proc) alone.
  - A host without C(ss), C(netstat) or C(lsof) answers all the same.
  - When the kernel's tables cannot be read, RV(status) is V(unchecked) and there is no list, never an empty one.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
seealso:
  - module: rescue.remote_login.sshd_info
"""

EXAMPLES = r"""
- name: See what listens
  rescue.remote_login.listening_ports_info:
  become: true
  register: listening

- name: Name the program that has port 22
  ansible.builtin.debug:
    msg: "{{ listening.ports | selectattr('port', '==', 22) | map(attribute='program') | list }}"
"""

RETURN = r"""
status:
  description: V(ok), or V(unchecked) when the list could not be had.
  returned: always
  type: str
  sample: ok
reason:
  description: Why there is no list.
  returned: when RV(status) is V(unchecked)
  type: str
  sample: "/proc/net/tcp: Permission denied"
missing:
  description: What could not be seen, each with its reason.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"ports.pid": "not root: the processes of other users cannot be seen"}
ports:
  description: The sockets, ordered by protocol, port and address.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  contains:
    protocol:
      description: V(tcp) or V(udp).
      type: str
      sample: tcp
    address:
      description: The local address; V(0.0.0.0) and V(::) stand for every address of their family.
      type: str
      sample: "::"
    port:
      description: The local port.
      type: int
      sample: 22
    v6only:
      description: >-
        Whether a socket on an IPv6 address refuses IPv4. V(null) where it makes no difference or is not known.
      type: bool
      sample: true
    pid:
      description: The process that holds the socket; with several, the one that systemd started.
      type: int
      sample: 613
    program:
      description: The name of that process.
      type: str
      sample: sshd
    user:
      description: The user that the socket belongs to.
      type: str
      sample: root
    processes:
      description: All processes that hold the socket, with pid, program and command line.
      type: list
      elements: dict
      sample: [{"pid": 613, "program": "sshd", "command": "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"}]
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import run_info_module


def main():
    run_info_module("health")


if __name__ == "__main__":
    main()
