# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fail2ban's files say, as its client reads them; a server that hangs is not asked."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import ast

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import fail2ban

PATIENCE_S = 10


def dump(patience=PATIENCE_S):
    """(the commands that would set up the server: lists of words, why they are not known or None)."""
    result = host.run([fail2ban.PROGRAM, "-d"], timeout=patience, limit=fail2ban.ANSWER_LIMIT_BYTES)
    if result.error or result.rc != 0:
        return [], result.error or fail2ban.said(result)
    return parse(result.out), None


def parse(text):
    """Each line is a list as Python writes it, of which only plain values are taken."""
    found = []
    for line in text.splitlines():
        try:
            words = ast.literal_eval(line) if line.startswith("['") else None
        except (ValueError, SyntaxError):
            words = None
        if words:
            found.append(words)
    return found


def ignored(commands):
    """jail -> the addresses that it is told to ignore."""
    found = {}
    for words in commands:
        if words[0] == "add":
            found.setdefault(words[1], [])
        elif words[0] == "set" and words[2] == "addignoreip":
            found.setdefault(words[1], []).extend(words[3:])
    return found


def actions(commands, port):
    """jail -> what it does with whom it bans, as fail2ban.actions() tells of a server that answers."""
    found = {}
    for words in commands:
        if words[0] != "multi-set" or words[2:3] != ["action"]:
            continue
        values = {pair[0]: str(pair[1]) for pair in words[4] if len(pair) == 2}
        ban, start = values.get("actionban", ""), values.get("actionstart", "")
        found.setdefault(words[1], []).append(fail2ban.judged(words[3], ban, start, values.get("port"), port))
    return found
