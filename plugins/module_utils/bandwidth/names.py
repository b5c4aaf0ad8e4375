# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of peers, where they are asked for: on a full link the answers may never come."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import socket

from ansible_collections.rescue.remote_login.plugins.module_utils import children

AT_ONCE = 20
NAME_LIMIT = 253


def add(found, timeout):
    """Put the ``host`` of each peer beside its address; None where nobody tells one in time."""
    entries = list(found["peers"])
    for group in (found["processes"] or []) + found["unattributed"]:
        entries += group["peers"]
    addresses = list(collections.OrderedDict.fromkeys(entry["address"] for entry in entries if entry["address"]))
    known = {}
    if addresses:
        questions = {address: _question(address) for address in addresses[:AT_ONCE]}
        known = {address: answer["value"] for address, answer in children.ask(questions, timeout).items()}
    for entry in entries:
        entry["host"] = known.get(entry["address"])


def _question(address):
    return lambda: name_of(address)


def name_of(address):
    """The name that the host's own resolver has for an address, or None."""
    try:
        name = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
    except (OSError, socket.error):
        return None
    return name[:NAME_LIMIT]
