#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: report
short_description: Write the report of a diagnosis and print it for people
version_added: 0.1.0
description:
  - Writes C(report.json) and C(evidence/HOST.json) on the controller, and prints a text for the operator.
  - Only the owner may read the files, for they name accounts and addresses.
options:
  hosts:
    description: The diagnosis of each host.
    type: dict
    required: true
  evidence:
    description: The evidence of each host.
    type: dict
    default: {}
  report_dir:
    description: The folder of the report.
    type: path
    required: true
  fail_on:
    description: Fail when there is a finding of one of these severities, once the report is written.
    type: list
    elements: str
    choices: [blocking, risk, note]
    default: []
attributes:
  check_mode:
    support: full
    details:
      - The report is written in check mode too, for it is what a check is run for.
  diff_mode:
    support: none
  idempotent:
    support: full
extends_documentation_fragment:
  - rescue.remote_login.attributes
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Report
  rescue.remote_login.report:
    hosts: "{{ diagnosis.hosts }}"
    evidence: "{{ diagnosis.evidence }}"
    report_dir: remote-login-report
  run_once: true
"""

RETURN = r"""
report:
  description: The path of the report.
  returned: when it was written
  type: str
  sample: /home/alice/remote-login-report/report.json
"""
