#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: conclude
short_description: Conclude a diagnosis from evidence
version_added: 0.1.0
description:
  - Asks the rules of each host's evidence. Evidence in, diagnosis out; no host is touched.
  - Runs on the controller.
options:
  rules_dirs:
    description: Folders with further rule files.
    type: list
    elements: path
    default: []
  hosts:
    description: The inventory names of the hosts whose evidence was gathered in this run.
    type: list
    elements: str
  merged:
    description: What M(rescue.remote_login.merge_probes) returned as C(hosts).
    type: dict
  looks:
    description: The variables in which the looks inside were registered, each with the name of its way, in order.
    type: dict
    default: {}
  witness_plan:
    description: How packets were watched for on each host, from the filter C(witness_plan).
    type: dict
    default: {}
  witness_probes:
    description: What the vantages saw while packets were watched for, one result a vantage.
    type: list
    elements: dict
    default: []
  evidence_from:
    description: A folder of saved evidence to conclude from instead.
    type: path
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Conclude again from a saved report
  rescue.remote_login.conclude:
    evidence_from: remote-login-report
  register: diagnosis
"""

RETURN = r"""
hosts:
  description: The diagnosis of each host, as C(report.json) has it.
  returned: success
  type: dict
  sample: {"web-03": {"verdict": "cannot_login", "outcome": "refused", "cause": "sshd_stopped"}}
evidence:
  description: The evidence of each host.
  returned: success
  type: dict
  sample: {"web-03": {"schema": 1, "host": "web-03"}}
"""
