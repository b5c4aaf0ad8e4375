#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: check_rules
short_description: Check the rules of a diagnosis before any host is touched
version_added: 0.1.0
description:
  - Reads the collection's own rules and those in O(rules_dirs), and fails with file, rule and reason when one is wrong.
  - Runs on the controller.
options:
  rules_dirs:
    description: Folders with further rule files.
    type: list
    elements: path
    default: []
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Check the rules
  rescue.remote_login.check_rules:
    rules_dirs: [rules]
"""

RETURN = r"""
rules:
  description: How many rules there are.
  returned: success
  type: int
  sample: 16
"""
