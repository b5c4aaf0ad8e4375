#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: merge_probes
short_description: Put together what several vantages saw of each host
version_added: 0.1.0
description:
  - Turns the results of M(rescue.remote_login.ssh_probe) on several vantages into one list a host, and chooses the way
    in which M(rescue.remote_login.login_evidence) gets inside.
  - Runs on the controller.
options:
  hosts:
    description: The inventory names of the hosts.
    type: list
    elements: str
    required: true
  usual_vantages:
    description: The vantages of hosts that have no C(remote_login_vantages) of their own.
    type: list
    elements: str
    default: [localhost]
  probes:
    description:
      - What M(rescue.remote_login.ssh_probe) returned on each vantage, with its name in C(__remote_login_vantage), as a
        loop over that variable registers it.
    type: list
    elements: dict
    required: true
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Put the probes together
  rescue.remote_login.merge_probes:
    hosts: "{{ ansible_play_batch }}"
    probes: "{{ probes.results }}"
  run_once: true
"""

RETURN = r"""
hosts:
  description:
    - For each host C(outside) (one probe result a vantage), C(login) (the attempt as the gatherers inside take it),
      C(way) (V(connection), V(oob) or V(null)) and, without a way, the C(reason).
  returned: success
  type: dict
  sample: {"web-03": {"outside": [], "login": {"port": 22}, "way": "oob", "reason": null}}
"""
