# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RevokedKeys: whether the offered key is in it, and whether sshd can use it at all: if not, it refuses every key."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.account import key_lines

LIMIT_BYTES = 8 * 1024 * 1024
KRL = "SSHKRL\n"


def look(setting, wanted):
    """{file, line, text, path, state, detail}; the state is revoked, clear or unusable. None where none is set."""
    path = setting["value"]
    if path in ("none", ""):
        return None
    content = host.read(path, limit=LIMIT_BYTES)
    place = {name: setting[name] for name in ("file", "line", "text")}
    evidence = dict(place, path=path, state=None, detail=None)
    if content.error and not content.text:
        detail = "%s: sshd cannot use this list, and refuses every key" % content.error
        return dict(evidence, state="unusable", detail=detail)
    if wanted is None:
        return evidence
    listed = in_krl(path, wanted) if content.text.startswith(KRL) else in_text(content.text, wanted)
    if listed is None or (content.error and not listed):
        return dict(evidence, detail=content.error or "ssh-keygen does not list it")
    return dict(evidence, state="revoked" if listed else "clear", detail="the key is listed" if listed else None)


def in_text(text, wanted):
    """Whether a list of public keys, one in each line, has the key."""
    found = [key_lines.parse_line(line) for line in text.split("\n")]
    return any(entry["blob"] and key_lines.fingerprint(entry["blob"]) == wanted for entry in found if entry)


def in_krl(path, wanted):
    """Whether a binary list of ssh-keygen's has the key; None where ssh-keygen cannot tell."""
    listed = host.run(["ssh-keygen", "-Q", "-l", "-f", path], limit=LIMIT_BYTES)
    return wanted in listed.out.split() if listed.rc == 0 else None
