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
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses, others

DENY = "/etc/hosts.deny"
LIMIT_BYTES = others.FILE_LIMIT_BYTES


def find(wanted, remembered):
    """[{path, numbers, by, text}]: the lines of banners that name just this address, by file.

    ``remembered`` tells whether fail2ban has ever banned it: its lines bear no mark.
    """
    found = []
    denied = host.read(DENY, limit=LIMIT_BYTES).text
    marked = [number for number, address in others.denyhosts_lines(denied) if addresses.network(address) == wanted]
    if marked:
        # The remark above goes with its line.
        found.append(_lines(DENY, "denyhosts", [number - 1 for number in marked] + marked, denied))
        found += _denyhosts_memory(wanted)
    written = [number for number in by_fail2ban(denied, wanted) if number not in marked] if remembered else []
    if written:
        found.append(_lines(DENY, "fail2ban", written, denied))
    for path in others.SSHGUARD_FILES:
        text = host.read(path, limit=LIMIT_BYTES).text
        listed = [number for number, line in enumerate(text.splitlines(), 1) if _ends_with(line, "|", wanted)]
        if listed:
            found.append(_lines(path, "sshguard", listed, text))
    return found


def by_fail2ban(text, wanted):
    """The numbers of the lines 'DAEMON: ADDRESS' as fail2ban's action hostsdeny writes them."""
    line = re.compile(r"^[\w-]+: \[?%s\]?$" % re.escape(addresses.text(wanted)))
    return [number for number, written in enumerate(text.splitlines(), 1) if line.match(written)]


def _denyhosts_memory(wanted):
    """'ADDRESS:COUNT:DATE' in DenyHosts' own files, from which it would write the line again."""
    found = []
    for name in others.DENYHOSTS_FILES:
        path = os.path.join(others.DENYHOSTS_FOLDER, name)
        text = host.read(path, limit=LIMIT_BYTES).text
        start = addresses.text(wanted) + ":"
        numbers = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start)]
        if numbers:
            found.append(_lines(path, "denyhosts", numbers, text))
    return found


def _ends_with(line, separator, wanted):
    return addresses.network(line.rpartition(separator)[2].strip() or "-") == wanted


def _lines(path, by, numbers, text):
    shown = text.splitlines()
    return {"path": path, "by": by, "numbers": sorted(numbers), "text": "; ".join(shown[n - 1] for n in numbers)[:200]}


def remove(found, move):
    """Take these lines out of their file; ``move`` puts a new file in the place of the old one, mode and owner kept."""
    path = os.path.realpath(found["path"])
    with open(path, "rb") as handle:
        before = handle.read().splitlines(True)
    shown = [before[number - 1].decode("utf-8", "replace").rstrip("\r\n") for number in found["numbers"]]
    if "; ".join(shown)[:200] != found["text"] and len(found["numbers"]) == 1:
        raise ValueError("%s has changed in the meantime" % path)
    kept = [line for number, line in enumerate(before, 1) if number not in found["numbers"]]
    descriptor, new = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".remote-login-")
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(b"".join(kept))
    move(new, path)
