# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login attempt that a section is gathered for: options that every gathering module has."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  port:
    description: The port that people use to log in.
    type: int
    default: 22
  addresses:
    description:
      - The IP addresses under which people reach this host, as the probe resolved them.
      - Without them it is not judged whether sshd listens on the right address.
    type: list
    elements: str
    default: []
  user:
    description: The user whose login is diagnosed.
    type: str
    default: root
  clients:
    description: The IP addresses that people come from.
    type: list
    elements: str
    default: []
  client_ports:
    description:
      - The port of the connection that was tried from each of O(clients), in the same order, V(0) where it is
        not known.
      - By it the host's log tells that connection from others.
    type: list
    elements: int
    default: []
  method:
    description: The authentication method that the login uses, such as V(publickey) or V(password), where it is known.
    type: str
  key_fingerprint:
    description: The SHA-256 fingerprint of the key that the login offers, as OpenSSH prints it.
    type: str
  agent_fingerprints:
    description: The fingerprints of all keys of the agent that O(key_fingerprint) is of, in the order of the agent.
    type: list
    elements: str
    default: []
  controller_time:
    description:
      - The time of the controller in seconds since 1970-01-01 00:00 UTC, such as C({{ now().timestamp() }}).
      - The clock of the host is held against it.
    type: float
  link_capacity_bps:
    description:
      - What the link by which people log in may carry, in bits a second, where something outside the host limits it,
        such as the bandwidth that was bought with a cloud server.
      - Only the section C(bandwidth) uses it.
    type: int
  timeout:
    description: After how many seconds a section is given up and becomes C(unchecked).
    type: int
    default: 45
notes:
  - It reads and runs, and changes nothing. Every command has a time-out and every read a bound.
  - Some of it needs root. What cannot be seen without is V(null), with the reason in C(missing).
requirements:
  - Linux with C(/proc). Nothing needs to be installed beside Python 2.7 or 3.6 and later.
author:
  - rescue.remote_login authors (@rescue)
"""
