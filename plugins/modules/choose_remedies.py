#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: choose_remedies
short_description: Choose the remedies that a diagnosis names and the operator allows
version_added: 0.1.0
description:
  - Names the remedy roles for one host in the order of its findings, and those that are left out with the reason.
  - Runs on the controller.
options:
  diagnosis:
    description: The diagnosis of the host.
    type: dict
    required: true
  via:
    description: The way in which the inside was seen; without one, nothing can be remedied.
    type: str
  allow:
    description: The remedies that may run; V(all) stands for every one.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Choose
  rescue.remote_login.choose_remedies:
    diagnosis: "{{ diagnosis.hosts[inventory_hostname] }}"
    via: oob
    allow: [start_sshd]
"""

RETURN = r"""
remedies:
  description: The roles to apply, in order.
  returned: success
  type: list
  elements: str
  sample: [start_sshd]
left_out:
  description: The remedies that are not applied, each with its reason.
  returned: success
  type: list
  elements: dict
  sample: [{"remedy": "open_port", "changed": false, "detail": "not applied: not in remote_login_allow"}]
way:
  description: The way to apply them, V(connection), V(oob) or V(null).
  returned: success
  type: str
  sample: oob
"""
