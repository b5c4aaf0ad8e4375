#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: judge_bandwidth
short_description: Say of each process that uses the bandwidth whether it looks normal
version_added: 0.1.0
description:
  - Takes what M(rescue.remote_login.bandwidth_info) has told of a host, and adds to each process a judgement with its
    reasons.
  - It never says that something is malicious. It says what is known, and what to look at next.
  - Runs on the controller.
options:
  looks:
    description: >-
      The names of the variables in which looks at the host were registered, each with the way that was taken.
    type: dict
    required: true
  expected_networks:
    description: Networks that the host talks to. A process with another peer is suspicious.
    type: list
    elements: str
    default: []
  geoip_database:
    description: A MaxMind database of countries on the controller.
    type: path
  expected_countries:
    description: >-
      The ISO codes of the countries that the host talks to. A process with a peer in another one is suspicious.
    type: list
    elements: str
    default: []
  cloud_agents:
    description: The agents of clouds, which are normal where nobody but root can have put them.
    type: list
    elements: dict
    default: []
    suboptions:
      vendor:
        description: Whose it is.
        type: str
        required: true
      name:
        description: What it is called.
        type: str
        required: true
      path:
        description: >-
          Where its program is. V(*) stands for anything within one folder's name, V(**) also for several folders.
        type: str
        required: true
requirements:
  - maxminddb on the controller, only for O(geoip_database)
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
author:
  - rescue.remote_login authors (@rescue)
seealso:
  - module: rescue.remote_login.bandwidth_info
  - module: rescue.remote_login.bandwidth_report
"""

EXAMPLES = r"""
- name: Measure
  rescue.remote_login.bandwidth_info:
  become: true
  register: measured

- name: Judge the processes
  rescue.remote_login.judge_bandwidth:
    looks: {measured: connection}
    expected_networks: [192.0.2.0/24]
  register: judged
"""

RETURN = r"""
bandwidth:
  description:
    - What was measured, with C(via), the way that was taken, with C(judgement) in each process and, where there is a
      database, C(country) in each peer.
    - A judgement has C(verdict) (V(normal), V(suspicious) or V(unknown)), C(reasons), and C(look_at) with commands that
      tell more.
  returned: success
  type: dict
  sample:
    status: ok
    via: connection
    processes:
      - pid: 4711
        name: xmrig
        judgement:
          verdict: suspicious
          reasons: ["/tmp/xmrig is in /tmp, where everybody may write"]
          look_at: ["ls -l /proc/4711/exe /proc/4711/cwd"]
"""
