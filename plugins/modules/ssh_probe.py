#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: ssh_probe
short_description: Try to log in over SSH from a vantage, and say where each attempt ends
version_added: 0.1.0
description:
  - Runs on a vantage and tries many targets at once in one process, from name resolution to a session that runs
    C(true).
  - Each target gets one result in the order given. What is wrong with one target changes nothing for the others.
  - Each target gets one connection that authenticates at most once, with one credential. Passwords are never guessed,
    and none is sent to a host whose key is not known.
  - An address that answers nothing is pinged, so that an unreachable host and a filtered port are told apart.
  - Where paramiko has no algorithm in common with the server, or is not there, the vantage's OpenSSH client logs in.
notes:
  - fail2ban and OpenSSH's own C(PerSourcePenalties) (9.8 and later) count failed attempts and connections that end
    before authentication. An attempt that is refused is one of them; O(targets[].authenticate=false) stops before it,
    which counts as a connection without authentication.
  - A vantage is a machine of yours. Connections go to O(targets) and nowhere else.
requirements:
  - paramiko, or an OpenSSH client, on the vantage. Without either the attempt goes as far as the key-exchange offer.
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
options:
  targets:
    description: The login attempts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the target is called in the result. Without it, its O(targets[].address).
        type: str
      address:
        description: A name or an IP address.
        type: str
      port:
        description: The port. Without it, that of the vantage's ssh_config, else 22.
        type: raw
      user:
        description: Who logs in. Without it, the user of the vantage's ssh_config, else whoever runs the module.
        type: str
      use_ssh_config:
        description:
          - Fill in what is left open from C(~/.ssh/config) and C(/etc/ssh/ssh_config) of the vantage, as ssh would,
            the name of the host included. It needs paramiko.
        type: bool
        default: true
      private_key_file:
        description: A private key on the vantage.
        type: path
      passphrase:
        description: The passphrase of that key.
        type: str
      password:
        description: The password to log in with when no key is given.
        type: str
      use_agent:
        description:
          - Without key file and password, use the first key of the vantage's agent, else its first default key file.
        type: bool
        default: true
      authenticate:
        description: Whether to log in; otherwise the attempt ends once the host has shown its key.
        type: bool
        default: true
      accept_unknown_host_key:
        description: Send the password even to a host whose key is not known.
        type: bool
        default: false
      known_hosts:
        description:
          - Files with known host keys. An empty list compares with none.
          - Without it, C(~/.ssh/known_hosts), C(~/.ssh/known_hosts2) and C(/etc/ssh/ssh_known_hosts) of the vantage.
        type: list
        elements: path
      timeout:
        description:
          - Seconds to wait at each stage. Authentication gets four times as long, for slow name lookups on the host.
        type: float
        default: 8
      max_segment_size:
        description:
          - The maximum segment size in bytes that the connection announces. It makes packets smaller and nothing else,
            and M(rescue.remote_login.packet_witness) on the host knows the probe again by it.
        type: int
seealso:
  - module: rescue.remote_login.login_evidence
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Try two hosts from the bastion
  rescue.remote_login.ssh_probe:
    targets:
      - {name: web-03, address: 192.0.2.10, user: alice, private_key_file: ~/.ssh/id_ed25519}
      - {name: db-01, address: db-01.example.com, port: 2222, user: alice, authenticate: false}
  delegate_to: bastion
  register: probe
"""

RETURN = r"""
vantage:
  description: The host name of the machine that probed.
  returned: always
  type: str
  sample: bastion
results:
  description: One result for each target, in order.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name of the target.
      type: str
      sample: web-03
    address:
      description: The address as given.
      type: str
      sample: 192.0.2.10
    port:
      description: The port as given.
      type: int
      sample: 22
    user:
      description: The user as given.
      type: str
      sample: alice
    outcome:
      description: >-
        How the attempt ended: one of V(name_not_resolved), V(no_route), V(timed_out), V(refused),
        V(closed_before_banner), V(banner_timed_out), V(not_ssh), V(key_exchange_failed), V(key_exchange_timed_out),
        V(host_key_changed), V(auth_denied), V(session_failed), V(ok).
        V(null) when it could not be carried through, which says nothing about the host; RV(results[].error) says why.
      type: str
      sample: refused
    rung:
      description: >-
        The rung where it ended: V(resolve), V(route), V(port), V(banner), V(key_exchange), V(host_key), V(auth) or
        V(session).
      type: str
      sample: port
    detail:
      description: The same in words.
      type: str
      sample: "192.0.2.10 port 22: connection refused"
    error:
      description: Why the attempt could not be carried through.
      type: str
      sample: the key file /root/.ssh/other does not exist
    authenticated:
      description: Whether the server let the user in.
      type: bool
      sample: false
    timings_ms:
      description: Milliseconds that each stage took, and the total.
      type: dict
      sample: {"resolve": 0.3, "connect": 0.2, "total": 1.1}
    addresses:
      description: >-
        Each address tried, in order, with family, outcome, milliseconds, the client's own address and port, the
        maximum segment size that was asked for, and what answered (C(TCP reset), or an ICMP error and who sent it).
      type: list
      elements: dict
      sample: [{"address": "192.0.2.10", "family": "ipv4", "outcome": "refused", "connect_ms": 0.2,
                "answered_by": {"kind": "TCP reset", "from": null}, "client_address": "198.51.100.7",
                "client_port": null, "max_segment_size": null}]
    client_address:
      description: The vantage's own address towards the target.
      type: str
      sample: 198.51.100.7
    client_port:
      description:
        - The vantage's own port in the connection that logged in or was refused, by which the host's log tells it.
        - V(null) without a connection, and where the vantage's OpenSSH client made it.
      type: int
      sample: 52344
    banner:
      description: The server's identification.
      type: str
      sample: SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3
    lines_before_banner:
      description: What the server said before it, at most 20 lines.
      type: list
      elements: str
      sample: []
    key_exchange_offer:
      description: The algorithms that the server offers, by the names of RFC 4253.
      type: dict
      sample: {"kex_algorithms": ["curve25519-sha256"], "server_host_key_algorithms": ["ssh-ed25519"]}
    algorithms_mismatch:
      description: >-
        Where the key exchange failed because client and server have nothing in common, each kind of algorithm with what
        the server offers, what the client takes (V(null) where it does not tell), and whether the server offers
        something that the client of a current OpenSSH takes (C(current_openssh)).
      type: list
      elements: dict
      sample: [{"kind": "cipher", "offered": ["aes128-cbc"], "taken": ["aes128-ctr"], "current_openssh": false}]
    host_key:
      description: >-
        Type and SHA-256 fingerprint of the host's key, and whether known_hosts has it, another one or none.
        Where it has another one, the fingerprints of these and the lines in which they stand (C(known_in)); where
        it marks the key as revoked, C(status) is V(revoked), and these are the lines that do.
      type: dict
      sample: {"type": "ssh-ed25519", "fingerprint": "SHA256:x", "status": "known", "known_fingerprints": [],
               "known_in": []}
    auth_methods:
      description: The authentication methods that the server names.
      type: list
      elements: str
      sample: [publickey, password]
    auth_banner:
      description: What the server shows before authentication.
      type: str
      sample: null
    credential:
      description: What the login was tried with, never the secret itself.
      type: str
      sample: "key file /root/.ssh/id_ed25519 (SHA256:x)"
    credential_used:
      description:
        - The same as data. C(kind) is V(publickey) or V(password), C(type) and C(fingerprint) are those of the key.
        - C(agent_keys) is how many keys the vantage's agent has, V(null) where the key is not the agent's;
          C(agent_fingerprints) are those keys, or as many of them as were offered, 20 at most.
        - V(null) where nothing was offered, or where the OpenSSH client does not say what.
      type: dict
      sample: {"kind": "publickey", "type": "ssh-ed25519", "fingerprint": "SHA256:x", "agent_keys": null,
               "agent_fingerprints": []}
    session:
      description: Exit status and output of C(true) in the session.
      type: dict
      sample: {"exit_status": 0, "output": ""}
    small_segments:
      description:
        - After a key exchange that timed out, how it ends with a small maximum segment size (C(mss), in bytes), and how
          with the usual one once more (C(again)). V(ok) stands for the part that had timed out.
      type: dict
      sample: {"mss": 256, "outcome": "ok", "again": "key_exchange_timed_out"}
    reach:
      description: Whether anything answers at the address, V(answers), V(silent) or V(unknown), and how that is known.
      type: dict
      sample: {"state": "answers", "round_trip_ms": 0.2, "detail": "TCP reset"}
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import masking
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.gather import DEFAULT_TIMEOUT_S, probe


def main():
    options = {
        "name": {"type": "str"},
        "address": {"type": "str"},
        # raw, so that a port that is no number is the matter of its own target only
        "port": {"type": "raw"},
        "user": {"type": "str"},
        "use_ssh_config": {"type": "bool", "default": True},
        "private_key_file": {"type": "path"},
        "passphrase": {"type": "str", "no_log": True},
        "password": {"type": "str", "no_log": True},
        "use_agent": {"type": "bool", "default": True},
        "authenticate": {"type": "bool", "default": True},
        "accept_unknown_host_key": {"type": "bool", "default": False},
        "known_hosts": {"type": "list", "elements": "path"},
        "timeout": {"type": "float", "default": DEFAULT_TIMEOUT_S},
        "max_segment_size": {"type": "int"},
    }
    spec = {"targets": {"type": "list", "elements": "dict", "required": True, "options": options}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    targets = [dict(target, port=_number(target["port"])) for target in module.params["targets"]]
    results = probe(targets)
    # Here the secrets are kept out of the answer by masking alone.
    secrets, module.params["targets"] = masking.take_secrets(module.params["targets"])
    module.no_log_values = set()
    module.exit_json(changed=False, vantage=os.uname()[1], results=masking.masked(results, secrets))


def _number(port):
    try:
        return None if port is None else int(port)
    except (TypeError, ValueError):
        return port


if __name__ == "__main__":
    main()
