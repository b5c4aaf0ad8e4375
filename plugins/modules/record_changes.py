#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: record_changes
short_description: Put what the remedies did into the diagnosis
version_added: 0.1.0
description:
  - Adds C(changes), and C(after) once a login was tried again, to the diagnosis of each host.
  - Each remedy role registers its result as C(remote_login_ROLE), with C(detail) in words.
  - Runs on the controller.
options:
  diagnosis:
    description: What M(rescue.remote_login.conclude) returned.
    type: dict
    required: true
  hosts:
    description: The inventory names of the hosts.
    type: list
    elements: str
    required: true
  after:
    description: What M(rescue.remote_login.merge_probes) returned as C(hosts) after the remedies.
    type: dict
    default: {}
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Record
  rescue.remote_login.record_changes:
    diagnosis: "{{ diagnosis }}"
    hosts: "{{ ansible_play_batch }}"
  run_once: true
"""

RETURN = r"""
hosts:
  description: The diagnosis of each host with what was changed.
  returned: success
  type: dict
  sample: {"web-03": {"changes": [{"remedy": "start_sshd", "changed": true}], "after": {"verdict": "can_login"}}}
evidence:
  description: The evidence, as it was given.
  returned: success
  type: dict
  sample: {}
failed_remedies:
  description: What failed, in words, for each host on which something did.
  returned: success
  type: dict
  sample: {"web-03": "start_sshd: sshd is not installed"}
changed_hosts:
  description: The hosts on which something was changed.
  returned: success
  type: list
  elements: str
  sample: [web-03]
slow_hosts:
  description: Those of them on which a login does not work yet, and may do so once a full queue has run empty.
  returned: success
  type: list
  elements: str
  sample: []
"""
