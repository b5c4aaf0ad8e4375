# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a port in an nftables ruleset: one rule in each chain that blocks, right before what blocks.

An accept ends its own base chain only, so no other place would do. After a reboot a file of the collection's own adds
the rules again, included from the end of the file that nftables.service loads. That file declares the chains it adds
to, and is included by a pattern, so that it cannot make the load fail whatever becomes of chains or of the file.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.steps import (
    FILE_LIMIT_BYTES,
    MARK,
    CannotChange,
    Command,
    Replace,
    quoted,
    run,
    text_of,
)

OWN_NAME = "nftables.rescue.remote_login"
HEADER = """# Rules that rescue.remote_login opened ports with, added again at every boot.
# firewall_port with state: absent removes them. The chains are named so that none can be missing.
"""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_./\\-]*\Z")
FAMILIES = ("ip", "ip6", "inet", "netdev", "bridge")
# One rule in a listing: text without its handle, and the handle.
Rule = collections.namedtuple("Rule", "family table chain text handle")


class Insert(Command):
    """Add a rule; its handle, which nft tells, is the way back."""

    def __init__(self, verb, place, position, expression):
        where = ["position", str(position)] if position is not None else []
        Command.__init__(self, ["nft", "-a", "-e", verb, "rule"] + list(place) + where + expression)
        self.place = place

    def said(self, output):
        found = re.search(r"# handle (\d+)", output)
        if found:
            self.undo = ["nft", "delete", "rule"] + list(self.place) + ["handle", found.group(1)]


class Nft(object):
    """The nftables ruleset of this network namespace, and what is asked of it."""

    def __init__(self, request):
        self.request = request
        self._listed = None

    def rules(self):
        if self._listed is None:
            # Without the elements of sets, where this nft can: there may be a hundred thousand.
            for options in (["-t", "-a"], ["-a"]):
                listed = host.run(["nft"] + options + ["list", "ruleset"], timeout=60, limit=FILE_LIMIT_BYTES)
                if not listed.error and listed.rc == 0:
                    self._listed = parse(listed.out)[0]
                    break
            else:
                raise CannotChange(listed.error or "nft list ruleset failed: %s" % listed.err.strip())
        return self._listed

    def own_rules(self, source):
        marked = 'comment "%s"' % self.request.comment(source)
        return [rule for rule in self.rules() if rule.text.endswith(marked)]

    def behind_own(self, source):
        """What each of the rules that were added stands before, as the blockers that they open."""
        found = []
        for rule in self.own_rules(source):
            stage = "reply" if " sport " in rule.text else "arrival"
            place = {"family": rule.family, "table": rule.table, "chain": rule.chain, "stage": stage}
            behind = self.rules()[self.rules().index(rule) + 1 :]
            # Other rules that were added may stand between.
            foreign = [other for other in behind if other[:3] == rule[:3] and MARK not in other.text]
            first = foreign[0] if foreign else Rule(*(rule[:3] + ("", None)))
            found.append(dict(place, handle=first.handle, text=first.text))
        return found

    # --- now ---

    def open(self, source, blocker):
        """The steps that put a rule right before the one that blocks, or at the end where the policy blocks."""
        place = place_of(blocker)
        expression = self.expression(source, blocker)
        mine = [rule for rule in self.own_rules(source) if rule[:3] == place and is_for(rule, blocker)]
        if blocker["handle"] is not None and blocker["handle"] in [self._following(rule) for rule in mine]:
            return []  # it stands there already
        # They stand behind what blocks, so they do nothing there.
        steps = [self._removal(rule) for rule in mine]
        if blocker["handle"] is not None:
            return steps + [Insert("insert", place, blocker["handle"], expression)]
        # A packet that has left the chain by a goto does not come to its end.
        verb = "insert" if mine and not source.everybody else "add"
        return steps + [Insert(verb, place, None, expression)]

    def close(self, source):
        return [self._removal(rule) for rule in self.own_rules(source)]

    def expression(self, source, blocker):
        """The narrowest match for packets of one stage, and accept."""
        reply = blocker["stage"] == "reply"
        address = "ip6" if source.family == "ipv6" else "ip"
        match = []
        if source.text:
            match = [address, "daddr" if reply else "saddr", source.text]
        elif blocker["family"] in ("inet", "bridge", "netdev"):
            match = ["meta", "protocol", address]
        match += [self.request.protocol, "sport" if reply else "dport", str(self.request.port)]
        return match + ["accept", "comment", '"%s"' % self.request.comment(source)]

    def _following(self, rule):
        """The handle of the next rule in the same chain, or None."""
        behind = self.rules()[self.rules().index(rule) + 1 :]
        return next((other.handle for other in behind if other[:3] == rule[:3]), None)

    def _removal(self, rule):
        following = self._following(rule)
        where = ["position", str(following)] if following is not None else []
        back = ["nft", "insert" if where else "add", "rule"] + list(rule[:3]) + where + rule.text.split()
        return Command(["nft", "delete", "rule"] + list(rule[:3]) + ["handle", str(rule.handle)], back)

    # --- after a reboot ---

    def save(self, source, blockers, path, move):
        """The steps that add the rules again at every boot; empty where nothing blocks then."""
        own = os.path.join(os.path.dirname(path), OWN_NAME + ".conf")
        main, before = text_of(path), text_of(own)
        if main is None:
            return []
        boot = at_boot(path)
        lines = rule_lines(before)
        for blocker in blockers:
            place = place_of(blocker)
            line = self._line_at_boot(source, blocker, place, boot)
            if line and line.partition(" ")[2] not in [other.partition(" ")[2] for other in lines]:
                lines.append(line)
        return self._replacements(path, main, own, before, lines, move)

    def _line_at_boot(self, source, blocker, place, boot):
        verb = "insert"
        if boot is not None:
            chains = [rule.text for rule in boot[0] if rule[:3] == place]
            if place not in boot[1]:
                return None
            verb = self._verb(source, blocker, place, chains, boot[1][place])
            if verb is None:
                return None
        elif blocker["handle"] is None:
            verb = "add"
        elif source.everybody:
            raise CannotChange(
                "what is loaded at boot cannot be tried out here, so nobody can tell whose denial the rule would pass"
                " over then: put the rule where it belongs, or use permanent: false"
            )
        return " ".join([verb, "rule"] + list(place) + self.expression(source, blocker))

    @staticmethod
    def _verb(source, blocker, place, texts, policy):
        """'insert' (first in the chain), 'add' (last), or None where the chain does not block at boot."""
        if blocker["handle"] is None:
            return "add" if policy == "drop" else None
        wanted = without_counter(blocker["text"] or "")
        texts = [without_counter(text) for text in texts]
        before = texts[: texts.index(wanted)] if wanted in texts else texts
        passed = next((text for text in before if re.search(r"\b(drop|reject|jump|goto|vmap)\b", text)), None)
        if source.everybody and passed is not None:
            # First in the chain, everybody would pass over what keeps some out.
            raise CannotChange(
                "after a reboot the port could only be opened for everybody before '%s', which keeps some out:"
                " put the rule where it belongs, or use permanent: false" % passed
            )
        return "insert"

    def forget(self, source, path, move):
        """The steps that remove what is added at boot, and the include with the last of it."""
        own = os.path.join(os.path.dirname(path), OWN_NAME + ".conf")
        main, before = text_of(path), text_of(own)
        if before is None or main is None:
            return []
        marked = 'comment "%s"' % self.request.comment(source)
        lines = [line for line in rule_lines(before) if not line.endswith(marked)]
        return self._replacements(path, main, own, before, lines, move)

    @staticmethod
    def _replacements(path, main, own, before, lines, move):
        include = 'include "%s*.conf"\n' % own[: -len(".conf")]
        has_it = include in main.splitlines(True)
        if lines == rule_lines(before) and has_it == bool(lines):
            return []
        steps = []
        if lines and text_for(lines) != before:
            steps.append(Replace(own, before, text_for(lines), check_alone, move, keep=False))
        if lines and not has_it:
            gap = "" if main.endswith("\n") or not main else "\n"
            steps.append(Replace(path, main, main + gap + include, check_as_at_boot(path), move))
        if not lines and has_it:
            kept = "".join(line for line in main.splitlines(True) if line != include)
            steps.append(Replace(path, main, kept, check_as_at_boot(path), move))
        if not lines and before is not None:
            steps.append(Replace(own, before, None, None, move, keep=False))
        return steps


def is_for(rule, blocker):
    """Whether a rule that was added is for packets of the same direction as those that are blocked."""
    return (" sport " in rule.text) == (blocker["stage"] == "reply")


def place_of(blocker):
    """(family, table, chain) of a rule, of which nft's language can be sure."""
    place = (blocker["family"], blocker["table"], blocker["chain"])
    if place[0] not in FAMILIES or not all(NAME.match(name) for name in place[1:]):
        raise CannotChange("nft cannot be told the name of the chain %s" % quoted(" ".join(place)))
    return place


def rule_lines(text):
    return [line for line in (text or "").splitlines() if re.match(r"(insert|add) rule ", line)]


def text_for(lines):
    """The file of the collection's own."""
    parts = [HEADER]
    for line in lines:
        family, table, chain = line.split()[2:5]
        parts.append("add table %s %s\nadd chain %s %s %s\n%s\n" % (family, table, family, table, chain, line))
    return "".join(parts)


def without_counter(text):
    return " ".join(re.sub(r"\bcounter packets \d+ bytes \d+", "counter", text).split())


def parse(text):
    """The rules in the output of nft -a list ruleset, and {(family, table, chain): policy} of all chains."""
    found, chains, table, chain = [], {}, (None, None), None
    for line in text.splitlines():
        opened = re.match(r"(\t?)(table|chain) (?:(\S+) )?(\S+) \{", line)
        if opened and opened.group(2) == "table" and not opened.group(1):
            table, chain = (opened.group(3) or "ip", opened.group(4)), None
        elif re.match(r"\t\S", line):
            chain = table + (opened.group(4),) if opened and opened.group(2) == "chain" else None
            if chain:
                chains[chain] = None
        elif chain and line.startswith("\t\ttype ") and " hook " in line:
            policy = re.search(r"policy (\w+);", line)
            chains[chain] = policy.group(1) if policy else "accept"
        elif chain and line.startswith("\t\t"):
            rule = re.match(r"\t\t(.*?)(?: # handle (\d+))?\Z", line)
            found.append(Rule(*(chain + (rule.group(1), int(rule.group(2)) if rule.group(2) else None))))
    return found, chains


# --- what the boot will load ---


# A file can name an interface, and then is refused where there is none of that name.
LINKS = """shift 2; for name do
    { ip link add "$name" type dummy || ip link add "$name" type bridge || ip tuntap add dev "$name" mode tap; } ||:
done >/dev/null 2>&1; set -- "$nft" "$file"; """
LOAD = """nft=$1 file=$2; %s"$1" -f "$2" || exit; "$1" -j list ruleset 2>/dev/null || echo; exec "$1" -a list ruleset"""


def at_boot(path):
    """What an empty network namespace holds after it has loaded a file, as parse() tells it; None where unknown."""
    listed = loaded_at_boot(path)
    return None if listed is None else parse(listed[1])


def loaded_at_boot(path):
    """The same as two listings: JSON, which an old nft may not know, and text with handles."""
    nft = host.which("nft")
    if not (nft and host.which("unshare")):
        return None
    names = [name for name in host.names_in("/sys/class/net") if name != "lo"]
    for script in (LOAD % "", LOAD % LINKS):
        argv = ["unshare", "-n", "sh", "-c", script, "sh", nft, path] + names
        result = host.run(argv, timeout=60, limit=FILE_LIMIT_BYTES)
        if not result.error and result.rc == 0:
            document, _line_end, text = result.out.partition("\n")
            return document, text
    return None


def check_alone(path):
    return _reason(["nft", "-c", "-f", path])


def check_as_at_boot(original):
    """A check of a candidate: as at boot where the original passes so (an interface may be missing there), or here."""

    def check(path):
        empty = ["unshare", "-n"]
        if host.which("unshare") and _reason(empty + ["nft", "-c", "-f", original]) is None:
            return _reason(empty + ["nft", "-c", "-f", path])
        return _reason(["nft", "-c", "-f", path])

    return check


def _reason(argv):
    try:
        run(argv)
    except CannotChange as reason:
        return str(reason)
    return None
