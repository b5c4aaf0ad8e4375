# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RevokedKeys: whether the offered key is in it, and whether sshd can use it at all: if not, it refuses every key."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import base64
import binascii
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.account import key_lines

# Magic, version of the format, version, date and flags; two strings follow.
HEADER_BYTES = 36
# The sections about plain keys.
EXPLICIT, SHA1, SHA256 = 2, 3, 5
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
        return dict(
            evidence, detail=content.error or "it has sums only that the key cannot be compared with, or is damaged"
        )
    return dict(evidence, state="revoked" if listed else "clear", detail="the key is listed" if listed else None)


def in_text(text, wanted):
    """Whether a list of public keys, one in each line, has the key."""
    found = [key_lines.parse_line(line) for line in text.split("\n")]
    return any(entry["blob"] and key_lines.fingerprint(entry["blob"]) == wanted for entry in found if entry)


def in_krl(path, wanted):
    """Whether a binary list of ssh-keygen's has the key; None where it cannot be read or has SHA-1 sums alone."""
    # What is not text is read as text of another kind: host.read would garble it.
    read = host.run(["base64", path], limit=LIMIT_BYTES)
    try:
        return listed_in(base64.b64decode(read.out.encode("ascii")), wanted) if read.rc == 0 else None
    except (ValueError, TypeError, struct.error, binascii.Error):
        return None


def listed_in(data, wanted):
    """Whether the bytes of such a list have the key. Raises ValueError or struct.error where they are damaged."""
    if not data.startswith(b"SSHKRL\n\0") or struct.unpack(">I", data[8:12])[0] != 1:
        raise ValueError("no list of revoked keys")
    place, listed, sums = HEADER_BYTES, set(), False
    for _reserved_and_comment in range(2):
        place += 4 + struct.unpack(">I", data[place : place + 4])[0]
    while place < len(data):
        kind, size = struct.unpack(">BI", data[place : place + 5])
        entries = key_lines.parts_of(data[place + 5 : place + 5 + size]) if kind in (EXPLICIT, SHA1, SHA256) else []
        if entries is None:
            raise ValueError("a damaged list of revoked keys")
        place += 5 + size
        sums = sums or (kind == SHA1 and bool(entries))
        if kind == EXPLICIT:
            listed.update(key_lines.fingerprint(entry) for entry in entries)
        elif kind == SHA256:
            listed.update(key_lines.printed(entry) for entry in entries)
    return True if wanted in listed else None if sums else False
