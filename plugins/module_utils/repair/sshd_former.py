# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a line with a misspelt keyword was before: the same line in an older copy of the file, keyword spelt right.

The copies are those that a repair kept, and the one that the package brings. What else they say counts for nothing,
because it is not known what was decided since.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import difflib
import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import files, sshd_lines
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.sshd_tree import split
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import config

# Debian's package keeps here what it installs as /etc/ssh/sshd_config.
PACKAGED = {config.DEFAULT_PATH: "/usr/share/openssh/sshd_config"}
UNKNOWN = "Bad configuration option"
# The names that files.keep() gives.
KEPT = r"\.?%s\.remote-login-(\d{8}T\d{6}Z)~?$"
KEPT_LIMIT = 10
SLIPS, ALIKE, LETTERS = 2, 0.8, 60
# These decide about other lines.
OTHERS = ("include", "match")


def line_for(bad, raw, message, remaining):
    """(the line as bytes, the file that has it) to stand in for a bad line, or None.

    ``raw`` is the bad line as it is in the file. ``bad`` and ``remaining`` are directives as {file, line, keyword,
    arguments, text, match}, the latter those of the whole configuration without the bad line; ``message`` is what sshd
    says of it.
    """
    if UNKNOWN not in message or bad["keyword"] in sshd_lines.KEYWORDS or bad["match"] is not None:
        return None
    if not bad["arguments"] or not _is_text(raw):
        return None
    found = [(counterpart(bad, data), path) for path, data in _copies(bad["file"])]
    found = [(line, path) for line, path in found if line is not None]
    keywords = {_name(split(line)[0]) for line, _path in found}
    if len(keywords) != 1 or keywords & {_name(entry["keyword"]) for entry in remaining}:
        return None
    return found[0]


def counterpart(bad, data):
    """The one line of an older copy with the same arguments and a keyword of which the bad one is a slip; or None."""
    found = []
    for line in data.split(b"\n"):
        keyword, arguments = split(line)
        if keyword == "match":
            break
        if keyword is not None and arguments == bad["arguments"] and _is_text(line):
            found += [line] if is_slip(bad["keyword"], keyword) else []
    return found[0] if len(found) == 1 else None


def is_slip(word, keyword):
    """Whether a word is this keyword with one or two slips of the fingers, and no other one is as near."""
    if keyword not in sshd_lines.KEYWORDS or keyword in OTHERS or len(word) > LETTERS:
        return False
    distance = slips(word, keyword)
    if not 0 < distance <= SLIPS or difflib.SequenceMatcher(None, word, keyword).ratio() < ALIKE:
        return False
    others = [other for other in sshd_lines.KEYWORDS if _name(other) != _name(keyword)]
    return all(slips(word, other) > distance for other in others)


def slips(one, other):
    """How many letters were left out, added, mistaken or exchanged with the next one."""
    before, row = [], list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            steps = [before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted)]
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                steps.append(last[j - 2] + 1)
            row.append(min(steps))
    return row[-1]


def _is_text(line):
    """Whether what was taken apart is all that the line says."""
    try:
        line.decode("utf-8")
    except UnicodeError:
        return False
    return b"\0" not in line


def _name(keyword):
    return sshd_lines.ALIASES.get(keyword, keyword)


def _copies(path):
    """(path, content) of the older copies of a file that nobody but root can have changed, the newest first."""
    real = os.path.realpath(path)
    folder, name = os.path.split(real)
    kept = re.compile(KEPT % re.escape(name))
    stamped = [(found.group(1), entry) for entry, found in ((e, kept.match(e)) for e in host.names_in(folder)) if found]
    candidates = [os.path.join(folder, entry) for _stamp, entry in sorted(stamped, reverse=True)[:KEPT_LIMIT]]
    candidates += [PACKAGED[path]] if path in PACKAGED else []
    found = []
    for candidate in candidates:
        try:
            taken = files.Taken(candidate)
            taken.check_changeable()
        except files.CannotRepair:
            continue
        found.append((candidate, taken.data))
    return found
