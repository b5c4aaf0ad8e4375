# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a port in an iptables ruleset of either flavour: one rule before the one that blocks, and one line in the file
that is loaded at boot. The file is never written from what is loaded now, which holds the bans of the moment."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

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

# What is loaded at boot, by who loads it and for which family.
SAVED = {
    "iptables": {"ipv4": "/etc/sysconfig/iptables", "ipv6": "/etc/sysconfig/ip6tables"},
    "netfilter-persistent": {"ipv4": "/etc/iptables/rules.v4", "ipv6": "/etc/iptables/rules.v6"},
}
# -w, to wait for another iptables that is at work, came with 1.4.20.
WAIT_SINCE = (1, 4, 20)
NAME = re.compile(r"[A-Za-z0-9_.:+@-]{1,30}\Z")


def match_of(request, source, stage):
    """What the packets of one stage are told by: from the client to the port, or from the port to the client."""
    reply = stage == "reply"
    address = ["-d" if reply else "-s", source.text] if source.text else []
    return address + ["-p", request.protocol, "--sport" if reply else "--dport", str(request.port)]


class Iptables(object):
    """The iptables of one flavour, 'iptables-nft' or 'iptables-legacy', and one family, 'ipv4' or 'ipv6'."""

    def __init__(self, request, flavour, family):
        self.request, self.flavour, self.family = request, flavour, family
        self.program, self._listed = self._program(""), None
        version = host.run([self.program, "--version"]).out
        numbers = tuple(int(part) for part in re.findall(r"\d+", version.partition("v")[2])[:3])
        self.wait = ["-w"] if numbers >= WAIT_SINCE else []

    def _program(self, suffix):
        """The command of this flavour, with '-save' or '-restore' where that is wanted."""
        base = "ip6tables" if self.family == "ipv6" else "iptables"
        wanted = "legacy" if self.flavour.endswith("legacy") else "nft"
        path, plain = host.which("%s-%s%s" % (base, wanted, suffix)), host.which(base + suffix)
        if path is None and plain is not None:
            # Older systems have one flavour, under the plain name.
            by_nft = "nf_tables" in host.run([plain, "--version"]).out
            path = plain if by_nft == (wanted == "nft") else None
        if path is None:
            raise CannotChange("%s-%s%s is not installed" % (base, wanted, suffix))
        return path

    def command(self, table, *arguments):
        return [self.program] + self.wait + ["-t", table] + list(arguments)

    # --- now ---

    def open(self, source, blocker):
        """The steps that put a rule right before the one that blocks, or at the end where the policy blocks."""
        table, chain, line = blocker["table"], blocker["chain"], blocker["line"]
        check_name(table)
        check_name(chain)
        spec = self.spec(source, blocker["stage"])
        steps = []
        own = [rule[3] for rule in self.own_rules(source) if rule[:2] == (table, chain) and is_for(rule, blocker)]
        if line is not None and line - 1 in own:
            return []  # it stands there already
        for number in reversed(own):
            # It stands behind what blocks, so it does nothing there.
            steps.append(Command(self.command(table, "-D", chain, str(number)),
                                 self.command(table, "-I", chain, str(number), *spec)))  # fmt: skip
            line = line - 1 if line is not None and number < line else line
        place = ["-A", chain] if line is None else ["-I", chain, str(line)]
        if line is None and steps and not source.everybody:
            place = ["-I", chain]  # the end has been tried: the packet leaves the chain before
        steps.append(Command(self.command(table, *(place + spec)), self.command(table, "-D", chain, *spec)))
        return steps

    def close(self, source):
        """The steps that remove what was added for a source, in every chain."""
        steps = []
        for table, chain, text, number in reversed(self.own_rules(source)):
            spec = split(text)[2:]
            back = self.command(table, "-I", chain, str(number), *spec)
            steps.append(Command(self.command(table, "-D", chain, str(number)), back))
        return steps

    def spec(self, source, stage):
        comment = ["-m", "comment", "--comment", self.request.comment(source)]
        return match_of(self.request, source, stage) + comment + ["-j", "ACCEPT"]

    def behind_own(self, source):
        """What each of the rules that were added stands before, as the blockers that they open."""
        found = []
        for table, chain, text, number in self.own_rules(source):
            # Other rules that were added may stand between.
            foreign = [rule for rule in self.rules() if rule[:2] == (table, chain) and MARK not in rule[2]]
            behind = [rule for rule in foreign if rule[3] > number]
            stage = "reply" if " --sport " in text else "arrival"
            place = {"table": table, "chain": chain, "stage": stage}
            found.append(dict(place, line=behind[0][3] if behind else None, text=behind[0][2] if behind else ""))
        return found

    def own_rules(self, source):
        """The rules that were added for a source: (table, chain, text, number in the chain)."""
        comment = self.request.comment(source)
        return [rule for rule in self.rules() if comment_of(rule[2]) == comment]

    def rules(self):
        if self._listed is None:
            result = host.run([self._program("-save")], timeout=60, limit=FILE_LIMIT_BYTES)
            if result.error or result.rc != 0:
                raise CannotChange(result.error or result.err.strip())
            self._listed = rules(result.out)
        return self._listed

    # --- after a reboot ---

    def save(self, source, blockers, path, move):
        """The steps that put the same rules into the file that is loaded at boot; empty where it does not block."""
        before = text_of(path)
        if before is None:
            return []
        lines = before.splitlines(True)
        boot = self._loaded_at_boot(path)
        for blocker in blockers:
            spec = saved_form(blocker["chain"], self.spec(source, blocker["stage"])) + "\n"
            mine = [rule for rule in rules("".join(lines)) if comment_of(rule[2]) == self.request.comment(source)]
            # Somebody may have saved it since, in the words of iptables-save.
            there = [
                rule for rule in mine if rule[:2] == (blocker["table"], blocker["chain"]) and is_for(rule, blocker)
            ]
            place = place_in(lines, boot, blocker) if not there else None
            if place is not None:
                lines.insert(place, spec)
        after = "".join(lines)
        return [] if after == before else [Replace(path, before, after, self._checked, move)]

    def forget(self, source, path, move):
        """The steps that remove the lines that were added to the file."""
        before = text_of(path)
        if before is None:
            return []
        comment = self.request.comment(source)
        lines = before.splitlines(True)
        after = "".join(line for line in lines if not (line.startswith("-A ") and comment_of(line) == comment))
        return [] if after == before else [Replace(path, before, after, self._checked, move)]

    def _loaded_at_boot(self, path):
        return loaded_at_boot(path, self.family)

    def _checked(self, path):
        """Why iptables-restore would refuse a file, or None."""
        name = "ip6tables-restore" if self.family == "ipv6" else "iptables-restore"
        restore = host.which(name)
        if restore is None:
            return "%s is not installed" % name
        try:
            run(["sh", "-c", 'exec "$1" --test < "$2"', "sh", restore, path])
        except CannotChange as reason:
            return str(reason)
        return None


def loaded_at_boot(path, family):
    """What iptables-save says after a file is loaded into an empty network namespace; None where it cannot be."""
    restore = host.which("ip6tables-restore" if family == "ipv6" else "iptables-restore")
    save = host.which("ip6tables-save" if family == "ipv6" else "iptables-save")
    if not (restore and save and host.which("unshare")):
        return None
    script = '"$1" < "$2" && exec "$3"'
    argv = ["unshare", "-n", "sh", "-c", script, "sh", restore, path, save]
    result = host.run(argv, timeout=60, limit=FILE_LIMIT_BYTES)
    return None if result.error or result.rc != 0 else result.out


def is_for(rule, blocker):
    """Whether a rule that was added is for packets of the same direction as those that are blocked."""
    return (" --sport " in rule[2]) == (blocker["stage"] == "reply")


def place_in(lines, boot, blocker):
    """The line before which a rule takes effect in a saved file, or None where the file does not block."""
    listed = [(number, line) for number, line, table in in_tables(lines) if table == blocker["table"]]
    own = [number for number, line in listed if re.match(r"(\[\d+:\d+\] )?-A %s " % re.escape(blocker["chain"]), line)]
    end = next((number for number, line in listed if line.strip() == "COMMIT"), None)
    if end is None:
        return None
    if blocker["line"] is None:
        policies = [line.split()[1] for _number, line in listed if line.startswith(":%s " % blocker["chain"])]
        if not policies or policies[-1] == "ACCEPT":
            return None
        return own[-1] + 1 if own else end
    wanted = normal(blocker["text"])
    listed_at_boot = [normal(rule[2]) for rule in rules(boot or "") if rule[:2] == (blocker["table"], blocker["chain"])]
    texts = listed_at_boot if len(listed_at_boot) == len(own) else [normal(lines[number]) for number in own]
    return own[texts.index(wanted)] if wanted in texts else None


def in_tables(lines):
    """(number, line, table) of every line of a saved file."""
    table = None
    for number, line in enumerate(lines):
        if line.startswith("*"):
            table = line[1:].strip()
        yield number, line, table


def rules(text):
    """(table, chain, text, number in the chain) of every rule in the output of iptables-save."""
    found, numbers = [], {}
    for _number, line, table in in_tables(text.splitlines()):
        line = re.sub(r"\A\[\d+:\d+\] ", "", line)
        if line.startswith("-A ") and len(line.split()) > 2:
            chain = line.split()[1]
            numbers[(table, chain)] = numbers.get((table, chain), 0) + 1
            found.append((table, chain, line.strip(), numbers[(table, chain)]))
    return found


def normal(text):
    """A rule without what iptables-save adds to it, to compare it with one that was written by hand."""
    text = re.sub(r"\A\[\d+:\d+\] ", "", text.strip())
    text = re.sub(r" -m (tcp|udp)(?= )", "", text)
    return re.sub(r"/(32|128)(?= |\Z)", "", " ".join(text.split()))


def comment_of(text):
    found = re.search(r'--comment (?:"([^"]*)"|(\S+))', text)
    return (found.group(1) or found.group(2)) if found else None


def split(text):
    """The words of a rule that this collection made."""
    return [plain or within for within, plain in re.findall(r'"([^"]*)"|(\S+)', text)]


def saved_form(chain, spec):
    """A rule as a line of a saved file."""
    return " ".join(["-A", chain] + ['"%s"' % word if " " in word else word for word in spec])


def check_name(name):
    if not NAME.match(name):
        raise CannotChange("the name %s is not one that iptables takes" % quoted(name))
