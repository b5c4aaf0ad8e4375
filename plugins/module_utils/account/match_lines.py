# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which line of sshd's files decides for a login. What it comes to is the word of `sshd -T`; this points at the line.

sshd reads its files twice: once for everybody, and once for what stands below a Match line that fits this login.
What it finds below a fitting Match line counts more than what stands outside, wherever it stands. Each time the
first value wins, but for the lists of users and groups, to which every line adds.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils.account import patterns

ADDING_UP = ("allowusers", "denyusers", "allowgroups", "denygroups")
# Other names of a keyword, older ones mostly.
ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "keyboardinteractiveauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
}
WITHOUT_ARGUMENT = ("all", "invalid-user")


def keyword_of(word):
    """The name of a keyword that this collection goes by."""
    return ALIASES.get(word.lower(), word.lower())


def criteria(arguments):
    """[(name, value)] of a Match line, whose names and values may be joined by '='."""
    words, found = list(arguments), []
    while words:
        name, joined, value = words.pop(0).partition("=")
        if name.lower() in WITHOUT_ARGUMENT:
            found.append((name.lower(), ""))
            continue
        if not joined or not value:
            value = words.pop(0) if words else ""
        found.append((name.lower(), value))
    return found


def fits(arguments, connection):
    """Whether a Match line is about a connection: {user, groups, host, addr, laddr, lport, exists, version}."""
    try:
        return all(_holds(name, value, connection) for name, value in criteria(arguments))
    except patterns.Inconsistent:
        return False


def _holds(name, value, connection):
    if name == "all":
        return True
    if name == "invalid-user":
        return not connection["exists"]
    if name == "user":
        return patterns.matches_list(connection["user"], value) == 1
    if name == "group":
        return connection["exists"] and patterns.matches_groups(connection["groups"], value)
    if name == "host":
        return patterns.matches_list(connection["host"].lower(), value.lower()) == 1
    if name in ("address", "localaddress"):
        address = connection["addr" if name == "address" else "laddr"]
        return patterns.address_in_list(address, value) == 1
    if name == "localport":
        return value == str(connection["lport"])
    if name == "version":
        return patterns.matches_list(connection["version"] or "", value) == 1
    # Of RDomain, a connection that is bound to no device has the empty one.
    return name == "rdomain" and patterns.matches_list("", value) == 1


def options(command):
    """The directives on a daemon's command line: [-o 'Keyword value'] as entries like those of the files."""
    found = []
    for letter, value in command:
        words = re.match(r"\s*([^\s=]+)\s*[=\s]\s*(.*)$", value or "") if letter == "o" else None
        if words:
            text = "-o %s" % value
            arguments = words.group(2).split()
            entry = {"file": None, "line": None, "keyword": words.group(1).lower(), "text": text[:200]}
            found.append(dict(entry, arguments=arguments, conditions=[]))
    return found


def deciding(keyword, entries, connection):
    """The entries of the files (in the order of reading) that decide on a keyword; none where it is the default."""
    named = [entry for entry in entries if keyword_of(entry["keyword"]) == keyword and entry["arguments"]]
    narrowed = [entry for entry in named if entry["conditions"]]
    fitting = [entry for entry in narrowed if all(fits(words, connection) for words in entry["conditions"])]
    # 'Match all' is no condition: what stands below it is read for everybody as well.
    general = [entry for entry in named if all(_is_all(words) for words in entry["conditions"])]
    chosen = fitting or general
    return chosen if keyword in ADDING_UP else chosen[:1]


def _is_all(arguments):
    return [word.lower() for word in arguments] == ["all"]


def place(entry):
    """Where an entry stands: {file, line, text, match}."""
    if entry is None:
        return {"file": None, "line": None, "text": None, "match": None}
    conditions = "; ".join(" ".join(words) for words in entry["conditions"]) or None
    return {"file": entry["file"], "line": entry["line"], "text": entry["text"], "match": conditions}
