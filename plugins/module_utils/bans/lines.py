# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bans that are lines of files: hosts.deny, and what DenyHosts and sshguard remember."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import tempfile

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses, others, wrappers

DENY = "/etc/hosts.deny"
LIMIT_BYTES = others.FILE_LIMIT_BYTES
TEXT_LIMIT = 200


def find(wanted, remembered):
    """[{path, by, blocks, text}]: the lines of banners that name just this address, by file.

    A block is lines that belong together, as texts. ``remembered`` tells whether fail2ban has ever banned the
    address: its lines bear no mark.
    """
    denied = wrappers.lines_of(host.read(DENY, limit=LIMIT_BYTES).text)
    marked = [number for number, address in others.denyhosts_lines(denied) if addresses.network(address) == wanted]
    found = []
    if marked:
        # The remark above goes with its line.
        found.append(_lines(DENY, "denyhosts", [denied[number - 2 : number] for number in marked]))
        found += _denyhosts_memory(wanted)
    written = [number for number in by_fail2ban(denied, wanted) if number not in marked] if remembered else []
    if written:
        found.append(_lines(DENY, "fail2ban", [[denied[number - 1]] for number in written]))
    for path in others.SSHGUARD_FILES:
        found += _single(path, "sshguard", lambda line: _ends_with(line, "|", wanted))
    return found


def by_fail2ban(listed, wanted):
    """The numbers of the lines 'DAEMON: ADDRESS' as fail2ban's action hostsdeny writes them."""
    line = re.compile(r"^[\w-]+: \[?%s\]?$" % re.escape(addresses.text(wanted)))
    return [number for number, written in enumerate(listed, 1) if line.match(written)]


def _denyhosts_memory(wanted):
    """'ADDRESS:COUNT:DATE' in DenyHosts' own files, from which it would write the line again."""
    found, start = [], addresses.text(wanted) + ":"
    for name in others.DENYHOSTS_FILES:
        path = os.path.join(others.DENYHOSTS_FOLDER, name)
        found += _single(path, "denyhosts", lambda line: line.startswith(start))
    return found


def _single(path, by, is_wanted):
    """The lines of a file that are wanted, each by itself; nothing where there are none."""
    blocks = [[line] for line in wrappers.lines_of(host.read(path, limit=LIMIT_BYTES).text) if is_wanted(line)]
    return [_lines(path, by, blocks)] if blocks else []


def _ends_with(line, separator, wanted):
    return addresses.network(line.rpartition(separator)[2].strip() or "-") == wanted


def _lines(path, by, blocks):
    text = "; ".join(line for block in blocks for line in block)
    return {"path": path, "by": by, "blocks": blocks, "text": text[:TEXT_LIMIT]}


def remove(found, move):
    """Take these lines out of their file; ``move`` puts a new file in the place of the old one, mode and owner kept.

    They are looked for by what they say: a banner can have written the file since. What is not there is not missed.
    """
    path = os.path.realpath(found["path"])
    with open(path, "rb") as handle:
        kept = handle.read().split(b"\n")
    shown = [line.decode("utf-8", "replace") for line in kept]
    before = len(kept)
    for block in found["blocks"]:
        place = _place(shown, block)
        if place is not None:
            del shown[place : place + len(block)], kept[place : place + len(block)]
    if len(kept) == before:
        return
    descriptor, new = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".remote-login-")
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(b"\n".join(kept))
    move(new, path)


def _place(shown, block):
    """Where these lines stand one behind the other, or None."""
    return next((start for start in range(len(shown)) if shown[start : start + len(block)] == block), None)
