# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hosts.allow and hosts.deny, judged for one client as libwrap does: hosts_access(5) and hosts_options(5).

The first rule that matches decides: hosts.allow first, then hosts.deny, and whom none matches may come in.
True, False and None stand for yes, no, and 'that takes a name lookup'.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import fnmatch
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses

FILES = (("/etc/hosts.allow", "allow"), ("/etc/hosts.deny", "deny"))
DAEMON = "sshd"
SEPARATORS = re.compile(r"[,\s]+")
DEPTH_LIMIT = 8
TEXT_LIMIT = 300
# What an option makes of the rule that it stands in; None: that depends on a command.
VERDICTS = {"allow": "allow", "deny": "deny", "twist": "deny", "aclexec": None}
UNENDED = "no newline at the end of the file"
OTHER_OPTIONS = (
    "banners", "group", "keepalive", "linger", "nice", "rfc931", "setenv", "severity", "spawn", "umask", "user",
)  # fmt: skip

Rule = collections.namedtuple("Rule", "file line text daemons clients options")
# name: of the client by the hosts file, or None where only a lookup could tell.
Client = collections.namedtuple("Client", "address name network")


def judge(client_address, server_addresses, files=FILES):
    """The fate of a client: {verdict: allow|deny|unknown, file, line, text, option, reason, names_client}."""
    client = Client(client_address, known_name(client_address), addresses.network(client_address))
    servers = [Client(address, None, addresses.network(address)) for address in server_addresses]
    answer = {"verdict": "allow", "file": None, "line": None, "text": None, "option": None, "reason": None}
    answer["names_client"] = False
    for path, usual in files:
        for rule in parse(host.read(path).text, path):
            if UNENDED in rule.options and usual == "allow":
                continue
            matched = matches(rule, client, servers)
            if matched is False:
                continue
            verdict, option = outcome(rule, usual)
            told = {"file": rule.file, "line": rule.line, "text": rule.text[:TEXT_LIMIT], "option": option}
            told["names_client"] = client.address in re.split(r"[,\s\[\]]+", rule.clients)
            if matched is None:
                told["reason"] = "%s line %d depends on the name of the client, which takes a lookup" % rule[:2]
                return dict(answer, verdict="unknown", **told)
            if verdict is None:
                told["reason"] = "%s line %d lets a command decide" % rule[:2]
                return dict(answer, verdict="unknown", **told)
            return dict(answer, verdict=verdict, **told)
    return answer


def known_name(address):
    """The name that /etc/hosts has for an address; None where nothing but a lookup could tell."""
    wanted = addresses.network(address)
    for line in host.read("/etc/hosts").text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1 and wanted is not None and addresses.network(words[0]) == wanted:
            return words[1]
    return None


# --- the files ---


def lines_of(text):
    """The lines of a file as libwrap and the banners see them: nothing but a newline ends one."""
    listed = text.split("\n")
    return listed if listed[-1] else listed[:-1]


def parse(text, path):
    """The rules of a file. A backslash joins a line with the next one, also that of a remark.

    A last line without its end, even a remark, libwrap takes for one that grants nothing and refuses everybody.
    """
    rules, joined, first, begun = [], "", None, 0
    for number, line in enumerate(lines_of(text), 1):
        first = begun = first or number
        joined += line
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        rule = _rule(joined, path, first)
        rules += [rule] if rule else []
        joined, first = "", None
    if text and (first is not None or not text.endswith("\n")):
        rules = [rule for rule in rules if rule.line != begun]
        last = " ".join(lines_of(text)[-1].split())
        rules.append(Rule(path, begun, last, "ALL", "ALL", [UNENDED]))
    return rules


def _rule(line, path, number):
    if line.startswith("#") or not line.strip():
        return None
    parts = split(line)
    if len(parts) < 2:
        return None  # libwrap complains and goes on
    return Rule(path, number, " ".join(line.split()), parts[0], parts[1], parts[2:])


def split(line):
    """The fields between colons; those in brackets belong to an IPv6 address, one behind a backslash to an option."""
    fields, current, inside, number = [], "", False, 0
    while number < len(line):
        letter = line[number]
        if letter == "[" and len(fields) < 2:
            inside = True
        elif letter == "]":
            inside = False
        if letter == "\\" and line[number + 1 : number + 2] == ":":
            current, number = current + ":", number + 2
            continue
        if letter == ":" and not inside:
            fields.append(current)
            current = ""
        else:
            current += letter
        number += 1
    return [field.strip() for field in fields + [current]]


def outcome(rule, usual):
    """What a rule that matches does, and the option that makes it so; a wrong option refuses."""
    for field in rule.options:
        if field == UNENDED:
            return "deny", field
        word = SEPARATORS.split(field.replace("=", " ").strip())[0].lower()
        if word in VERDICTS:
            return VERDICTS[word], word
        if word and word not in OTHER_OPTIONS:
            return "deny", "%s (unknown)" % word[:40]
    return usual, None


# --- matching ---


def matches(rule, client, servers):
    """Whether a rule is about this daemon and this client."""
    daemon = in_list(rule.daemons, lambda word: is_daemon(word, servers))
    if daemon is False:
        return False
    found = in_list(rule.clients, lambda word: is_client(word, client))
    return False if found is False else None if None in (daemon, found) else True


def in_list(text, judged):
    """Whether a list holds it: 'list EXCEPT list EXCEPT list'."""
    return _in_words([word for word in SEPARATORS.split(text) if word], judged)


def _in_words(words, judged):
    rest = words[words.index("EXCEPT") + 1 :] if "EXCEPT" in words else None
    held = any_of(judged(word) for word in (words[: words.index("EXCEPT")] if rest is not None else words))
    if held is False or rest is None:
        return held
    excepted = _in_words(rest, judged)
    return False if excepted is True else None if None in (held, excepted) else True


def any_of(answers):
    """True when one is, None when one may be, else False."""
    unknown = False
    for answer in answers:
        if answer:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def is_daemon(word, servers):
    """A name of a daemon, or 'name@host' for one address of a host with several."""
    name, separator, place = word.partition("@")
    named = is_string(name, DAEMON)
    if not separator or not named:
        return named
    return any_of(is_host(place, server) for server in servers) if servers else None


def is_client(word, client, depth=0):
    """A pattern of a host, or 'user@host', which asks the client who its user is."""
    user, separator, place = word.partition("@")
    if separator and user:
        held = is_host(place, client, depth)
        return held if user == "ALL" or held is False else None
    return is_host(word, client, depth)


def is_host(word, client, depth=0):
    """Whether a pattern stands for a host."""
    if word.startswith("@"):
        return None  # a netgroup
    if word.startswith("/"):
        return in_file(word, client, depth)
    if word in ("KNOWN", "UNKNOWN", "PARANOID"):
        return None
    if word == "LOCAL":
        return "." not in client.name if client.name else None
    plain = word.replace("[", "").replace("]", "")
    if "/" in plain:
        # What libwrap does not take for a network matches nobody.
        return addresses.holds(_exact_network(plain), client.network)
    by_address = addresses.network(plain)
    if by_address is not None:
        if "[" in word and ":" not in word:
            return False  # brackets are for IPv6
        return by_address == client.network
    held = is_string(plain, client.address)
    if held or re.match(r"[\d.*?]+$", plain):
        return held
    return is_string(plain, client.name) if client.name else None


def _exact_network(text):
    """A network as libwrap takes it: an IPv4 address without bits behind the mask, and neither the widest
    length nor the narrowest mask, which are errors to it.
    """
    found, written = addresses.network(text), addresses.network(text.partition("/")[0])
    if found is None or (
        ":" not in text and (found.number != written.number or text.endswith(("/0", "/255.255.255.255")))
    ):
        return None
    return found


def in_file(path, client, depth):
    """Whether a file of patterns holds a host."""
    text = host.read(path)
    if depth > DEPTH_LIMIT:
        return None
    return any_of(is_client(word, client, depth + 1) for word in text.text.split())


def is_string(pattern, value):
    """Whether a pattern stands for a name or an address in text."""
    pattern, value = pattern.lower(), value.lower()
    if pattern == "all":
        return True
    if "*" in pattern or "?" in pattern:
        return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))
    if pattern.startswith("."):
        return len(value) > len(pattern) and value.endswith(pattern)
    if pattern.endswith("."):
        return value.startswith(pattern)
    return pattern == value
