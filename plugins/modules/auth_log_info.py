#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: auth_log_info
short_description: What the host itself wrote about the last SSH login attempts
version_added: 0.1.0
description:
  - Reads the newest lines of sshd from the journal, C(/var/log/auth.log), C(/var/log/secure) or the like, and puts
    them together to login attempts. Of a file only the last 2 MiB are read, of the journal the last 3000 lines.
  - A line of the journal counts only if the journal itself says that root's sshd sent it. A file cannot tell that.
  - Only an address that sshd itself wrote counts, never one that is part of a user name.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
seealso:
  - module: rescue.remote_login.login_evidence
"""

EXAMPLES = r"""
- name: Ask the host's log about a login that was refused
  rescue.remote_login.auth_log_info:
    user: alice
    clients: [198.51.100.7]
    client_ports: [52344]
  become: true
  register: log

- name: Say it in sshd's own words
  ansible.builtin.debug:
    msg: "{{ log.own_attempt.reason | default('nothing', true) }}"
"""

RETURN = r"""
status:
  description: V(ok), or V(unchecked) when no log could be read.
  returned: always
  type: str
  sample: ok
reason:
  description: Why no log could be read.
  returned: when RV(status) is V(unchecked)
  type: str
  sample: /var/log/auth.log is not a regular file
missing:
  description: What could not be found out, each with its reason.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {}
source:
  description:
    - Which log was read, C(journal) or a C(file) with its path, how many lines of sshd it gave, and from when the
      first and the last of them are (ISO 8601 in UTC).
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"kind": "journal", "path": null, "lines": 214, "first_at": "2026-11-21T00:54:58Z",
           "last_at": "2026-11-21T01:02:03Z"}
other_logs:
  description: Why other logs could not be read.
  returned: when RV(status) is V(ok)
  type: list
  elements: str
  sample: []
own_attempt:
  description:
    - The attempt of the first of O(clients), with the lines of the log that are about it, at most 20, and those of
      them that say why it was refused, the most telling one first (C(reasons), C(reason)).
    - C(matched_by) tells how it was recognised, by V(address and port), V(address and time), or V(user and time)
      where the log names no address, as with refusals of PAM.
    - C(refused_by) is what sshd says it refused the attempt by, where its words leave no doubt, a keyword of its rules,
      V(PAM account) or V(PAM session).
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    time: "2026-11-21T01:02:03Z"
    address: 198.51.100.7
    port: 52344
    user: alice
    method: null
    result: refused
    reason: User alice from 198.51.100.7 not allowed because listed in DenyUsers
    own: true
    reasons: [User alice from 198.51.100.7 not allowed because listed in DenyUsers]
    lines:
      - User alice from 198.51.100.7 not allowed because listed in DenyUsers
      - Connection closed by invalid user alice 198.51.100.7 port 52344 [preauth]
    matched_by: address and port
    refused_by: DenyUsers
attempts:
  description:
    - The last 50 attempts, and those of O(clients) in any case (C(own)).
    - C(result) is V(accepted), V(failed), V(invalid_user), V(refused) (by the configuration, by PAM or by libwrap),
      V(dropped) (turned away before the banner), V(no_common_algorithm), V(bad_protocol), V(timed_out) or
      V(disconnected_before_auth). What the log does not name is V(null).
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: []
attempts_counted:
  description: How many attempts there are in the lines that were read.
  returned: when RV(status) is V(ok)
  type: int
  sample: 73
sources:
  description: From which addresses they came, the busiest 20 first. V(null) stands for attempts without an address.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: [{"address": "203.0.113.9", "attempts": 61, "accepted": 0, "last_at": "2026-11-21T01:02:03Z"}]
unnamed:
  description:
    - What sshd has complained of in the last three minutes and since its start without saying whose connection it was,
      the newest first, each text once, at most 3.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: [{"time": "2026-01-31T12:00:00Z", "line": "fatal: chroot(\"/run/sshd\"): Operation not permitted"}]
complaints:
  description: The last complaints of sshd that are about no attempt, such as a daemon that cannot fork.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: [{"time": "2026-11-21T01:02:03Z", "line": "error: fork: Resource temporarily unavailable"}]
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import run_info_module


def main():
    run_info_module("auth_log")


if __name__ == "__main__":
    main()
