# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a port through ufw: a rule in the first place. Its rules are kept in files by itself; it is never enabled."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.steps import CannotChange, Command, run

ANYWHERE = {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}
PREPEND_SINCE, COMMENT_SINCE = (0, 36), (0, 35)
# Where ufw keeps the rules that its command makes: now, and before 0.34.
FOLDERS = ("/etc/ufw", "/var/lib/ufw", "/lib/ufw")
FILES = {"ipv4": "user.rules", "ipv6": "user6.rules"}


class Ufw(object):
    """An active ufw, and what is asked of it."""

    def __init__(self, request):
        if not request.permanent:
            raise CannotChange("ufw keeps every rule for good: permanent has to be true")
        self.request = request
        self.version = tuple(int(part) for part in re.findall(r"\d+", run(["ufw", "version"]).splitlines()[0])[:2])
        self.rules = {family: self._rules(name) for family, name in FILES.items()}

    def _rules(self, name):
        """The rules of one family in their order, each as the words that ufw keeps of it."""
        path = next((path for path in (os.path.join(folder, name) for folder in FOLDERS) if host.status_of(path)), None)
        content = host.read(path or os.path.join(FOLDERS[0], name), limit=16 * 1024 * 1024)
        if content.error:
            raise CannotChange("ufw's rules cannot be read: %s" % content.error)
        return [parse_tuple(line) for line in content.text.splitlines() if line.startswith("### tuple ### ")]

    def add(self, source):
        """The steps that let a source in before any other rule is asked."""
        spec, own = self._spec(source), self._words(source)
        others = self.rules[source.family]
        present = [rule for rule in others if rule["words"] == own]
        if present and others[0]["words"] == own:
            return []
        steps = []
        comment = self.request.comment(source)
        if present:
            # ufw knows a rule once: it has to leave its place before it can have the first one.
            comment = present[0]["comment"]
            kept = spec + self._comment(comment)
            place = others.index(present[0]) + 1 + self._before(source.family)
            last = present[0] is others[-1]
            back = ["ufw"] + kept if last else ["ufw", "insert", str(place)] + kept
            steps.append(Command(["ufw", "delete"] + spec, back))
        remaining = len(others) - len(present)
        steps.append(Command(["ufw"] + self._first(source.family, remaining) + spec + self._comment(comment),
                             ["ufw", "delete"] + spec))  # fmt: skip
        return steps

    def close(self, source):
        """The steps that take back what was added; another one's rule of the same kind is left."""
        comment = self.request.comment(source)
        others, spec = self.rules[source.family], self._spec(source)
        for number, rule in enumerate(others):
            if rule["words"] == self._words(source) and rule["comment"] == comment:
                place = str(number + 1 + self._before(source.family))
                insert = ["insert", place] if number + 1 < len(others) else []
                back = ["ufw"] + insert + spec + self._comment(comment)
                return [Command(["ufw", "delete"] + spec, back)]
        return []

    def _spec(self, source):
        where = ["from", source.words, "to", ANYWHERE[source.family]]
        return ["allow", "proto", self.request.protocol] + where + ["port", str(self.request.port)]

    def _words(self, source):
        """The rule as ufw's file has it."""
        to = ANYWHERE[source.family]
        return ["allow", self.request.protocol, str(self.request.port), to, "any", source.words, "in"]

    def _comment(self, text):
        return ["comment", text] if text and self.version >= COMMENT_SINCE else []

    def _before(self, family):
        """How many rules ufw numbers before the first one of a family."""
        return len(self.rules["ipv4"]) if family == "ipv6" else 0

    def _first(self, family, rules):
        """The command that puts a rule before the others of its family."""
        if self.version >= PREPEND_SINCE:
            return ["prepend"]
        # Older versions refuse to insert where there is nothing to insert before.
        return ["insert", str(self._before(family) + 1)] if rules else []


def parse_tuple(line):
    """A rule of ufw from the line that it keeps about it: its words, and its comment."""
    words, comment = line.split()[3:], None
    for word in list(words):
        found = re.match(r"comment=([0-9a-fA-F]*)\Z", word)
        if found:
            words.remove(word)
            comment = binascii.unhexlify(found.group(1).encode("ascii")).decode("utf-8", "replace")
    return {"words": words, "comment": comment}
