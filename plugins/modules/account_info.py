#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: account_info
short_description: Whether the host lets this user in, and if not, what refuses it
version_added: 0.1.0
description:
  - Asks sshd for the rules of exactly this login, and looks for the line that decides.
  - Reads the files with the authorized keys with the rights of the user, and judges them as sshd does.
  - A value that could not be found out is V(null), and RV(missing) says why.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
seealso:
  - module: rescue.remote_login.login_evidence
  - module: rescue.remote_login.sshd_info
"""

EXAMPLES = r"""
- name: Look at a login by key
  rescue.remote_login.account_info:
    user: alice
    clients: [198.51.100.7]
    method: publickey
    key_fingerprint: "SHA256:W5/Cz0spKpksLGsL890+FS67vhK+kvoO0fTSqHa3LMs"
  become: true
  register: account

- name: Say what refuses it
  ansible.builtin.debug:
    msg: "{{ account.rules.refused | map(attribute='text') | join(', ') }} {{ (account['keys'].problem or {}).text }}"
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
  sample: did not finish within 30 s
missing:
  description: What could not be found out, each with its reason.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {}
rules:
  description:
    - What the sshd that has O(port) says of this login. C(settings) has the value of each keyword, and file, line and
      C(match) of the directive that decides, V(null) for a default.
    - C(refusals) is everything that refuses the user, each with the C(methods) that it is about and C(kind), one of
      V(user_not_allowed), V(root_login_disabled), V(key_login_disabled), V(password_login_disabled),
      V(more_methods_required), V(max_auth_tries), V(rules_fail). C(refused) are those that refuse O(method); without
      it, those that leave no method.
    - C(unless_key_has_command) marks the one that a key with a command of its own gets past.
    - C(chroot) is the folder of ChrootDirectory and what sshd finds wrong with it.
    - C(group_writable_allowed) tells whether this sshd takes files that a group of nobody but the user can write to.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    command: [/usr/sbin/sshd]
    version: OpenSSH_9.2
    client: 198.51.100.7
    host: 198.51.100.7
    method: publickey
    group_writable_allowed: true
    chroot: null
    settings:
      permitrootlogin: {"value": "no", "file": "/etc/ssh/sshd_config", "line": 33, "text": "PermitRootLogin no",
                        "match": null}
    refused:
      - kind: root_login_disabled
        keyword: PermitRootLogin
        value: "no"
        file: /etc/ssh/sshd_config
        line: 33
        text: PermitRootLogin no
        match: null
        methods: [publickey, password]
keys:
  description:
    - The files that sshd reads for the authorized keys of the user, with what it has against each (C(problem)), the
      modes and owners up the path (C(chain)), the number of keys and the lines that are malformed.
    - C(found) tells whether a line lets in the key O(key_fingerprint), C(accepted) is that line with its options, and
      C(seen) are all lines with that key, each with its C(state), V(accepted), V(refused_file), V(commented),
      V(malformed), V(broken_line), V(cert_authority), V(expired), V(from) or V(other_file).
    - C(command) is AuthorizedKeysCommand, which is not run, C(certificates_of) is TrustedUserCAKeys.
    - C(revoked) is what RevokedKeys says, C(unsuitable) the setting that refuses the type or the size of the key.
    - C(problem) is what it comes to, of C(kind) V(permissions), V(not_authorized), V(unsuitable) or V(revoked).
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    fingerprint: "SHA256:W5/Cz0spKpksLGsL890+FS67vhK+kvoO0fTSqHa3LMs"
    strict_modes: true
    found: false
    accepted: null
    command: null
    certificates_of: null
    revoked: null
    unsuitable: null
    problem: {"kind": "permissions", "text": "/home/alice can be written by everybody (mode 0777)"}
    files:
      - path: /home/alice/.ssh/authorized_keys
        resolved: /home/alice/.ssh/authorized_keys
        exists: true
        problem: /home/alice can be written by everybody (mode 0777)
        searched: true
        cut_off: false
        keys: 1
        malformed: []
        chain: [{"path": "/home/alice", "mode": "0777", "owner": "alice", "problem": "can be written by everybody"}]
    seen: [{"file": "/home/alice/.ssh/authorized_keys", "line": 1, "state": "refused_file", "detail": null,
            "type": "ssh-ed25519", "bits": null, "options": {}}]
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import run_info_module


def main():
    run_info_module("account")


if __name__ == "__main__":
    main()
