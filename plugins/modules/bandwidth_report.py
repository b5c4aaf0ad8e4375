#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: bandwidth_report
short_description: Write and print who uses the bandwidth of each host
version_added: 0.1.0
description:
  - Writes C(bandwidth.json) into the folder of the report on the controller, and prints a table for each host.
  - Takes what M(rescue.remote_login.judge_bandwidth) has registered as C(__remote_login_bandwidth) for each host.
  - Only the owner may read the file, for it names accounts and addresses.
options:
  hosts:
    description: The inventory names of the hosts.
    type: list
    elements: str
    required: true
  report_dir:
    description: The folder of the report.
    type: path
    required: true
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
seealso:
  - module: rescue.remote_login.judge_bandwidth
"""

EXAMPLES = r"""
- name: Write and print it
  rescue.remote_login.bandwidth_report:
    hosts: "{{ ansible_play_hosts_all }}"
    report_dir: remote-login-report
  run_once: true
"""

RETURN = r"""
report:
  description: The path of the file.
  returned: when it was written
  type: str
  sample: /home/alice/remote-login-report/bandwidth.json
"""
