# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that PAM runs for sshd, as far as a full disk or a limit makes one of them refuse the login."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

FOLDERS = ("/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d")
DEPTH_LIMIT = 8
LINE = re.compile(r"^-?(auth|account|password|session)\s+(\[[^\]]*\]|\S+)\s+(\S+)\s*(.*)$", re.I)
INCLUDED = re.compile(r"^@include\s+(\S+)")


def stack(service="sshd", folders=FOLDERS, depth=0, only=None):
    """[{type, control, module, arguments, file, line}] of a service, what it includes in its place."""
    text, path = _text(service, folders)
    found = []
    for number, line in enumerate(text.replace("\\\n", " ").splitlines(), 1):
        line = line.partition("#")[0].strip()
        included, entry = INCLUDED.match(line), LINE.match(line)
        if included and depth < DEPTH_LIMIT:
            found += stack(included.group(1), folders, depth + 1, only)
        elif entry and (only is None or entry.group(1).lower() == only):
            kind, control, module, arguments = entry.groups()
            if control.lower() in ("include", "substack"):
                if depth < DEPTH_LIMIT:
                    found += stack(module, folders, depth + 1, kind.lower())
                continue
            name = module.rpartition("/")[2].replace(".so", "")
            place = {"file": path, "line": number, "module": name, "arguments": arguments.split()}
            found.append(dict(place, type=kind.lower(), control=control.lower()))
    return found


def _text(service, folders):
    for folder in folders:
        path = service if service.startswith("/") else "%s/%s" % (folder, service)
        found = host.read(path, limit=65536)
        if not found.error:
            return found.text, path
    return "", None


def refuses(entry):
    """Whether the login ends where this module fails."""
    control = entry["control"]
    return control in ("required", "requisite") or re.search(r"default=(bad|die)", control) is not None
