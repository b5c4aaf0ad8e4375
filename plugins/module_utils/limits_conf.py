# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""limits.conf as pam_limits reads it: which line binds a user."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import glob
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

FILES = ("/usr/etc/security/limits.conf", "/etc/security/limits.conf")
FOLDER = "/etc/security/limits.d/*.conf"
NUMBER = re.compile(r"-?\d+$")
# The closer a line names the user, the more it counts; among equals the last one.
BY_NAME, BY_GROUP, BY_ALL = 3, 2, 1
# Of these a file has one limit, be it called soft or hard.
LOGINS = ("maxlogins", "maxsyslogins")


def files_of(arguments):
    """The files that pam_limits reads with these arguments."""
    named = [word.partition("=")[2] for word in arguments if word.startswith("conf=")]
    return named[-1:] or list(FILES) + sorted(glob.glob(FOLDER))


def effective(item, user, files):
    """{value, file, line} of the soft limit on an item for {name, uid, groups}, or None; value None: no limit."""
    best, rank = None, 0
    for path in files:
        for line in parse(host.read(path, limit=65536).text, path):
            own = closeness(line, user)
            if line["item"] is None and own in (BY_NAME, BY_GROUP):
                return None
            if line["item"] == item and line["type"] in ("soft", "hard", "-") and own >= rank and own:
                best, rank = _stricter(best, line, own > rank), own
    return {"value": best["value"], "file": best["file"], "line": best["line"]} if best else None


def _stricter(best, line, closer):
    """A hard limit binds the soft one too, and a soft one that was set stays where it is lower."""
    keeps = best is not None and not closer and line["type"] == "hard" and line["item"] not in LOGINS
    if not keeps or best["value"] is None or line["value"] is None:
        return line
    return line if line["value"] < best["value"] else best


def parse(text, path):
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if len(words) == 2 and words[1] == "-":
            words += [None, ""]  # whom it names is bound by nothing in any file
        if len(words) != 4:
            continue
        domain, kind, item, value = words
        limit = int(value) if NUMBER.match(value) and value != "-1" else None
        found.append({"domain": domain, "type": kind, "item": item, "value": limit, "file": path, "line": number})
    return found


def closeness(line, user):
    """How closely a line names a user; 0: it is about others."""
    domain = line["domain"]
    if domain == user["name"]:
        return BY_NAME
    # root is bound only by a line of its own.
    if user["uid"] == 0:
        return 0
    if domain == "*" or (domain == "%" and line["item"] in LOGINS):
        return BY_ALL
    if domain.startswith("@") or (domain.startswith("%") and line["item"] in LOGINS):
        return BY_GROUP if domain[1:] in user["groups"] else 0
    return BY_NAME if _holds_uid(domain, user["uid"]) else 0


def _holds_uid(domain, uid):
    """Whether a range holds a uid: ':UID' is that one alone, 'UID:' it and all above."""
    found = re.match(r"(\d{0,10}):(\d{0,10})$", domain)
    if found is None or domain == ":":
        return False
    low, high = found.groups()
    if not low:
        return uid == int(high)
    return int(low) <= uid and (not high or uid <= int(high))
