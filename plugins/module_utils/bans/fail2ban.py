# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fail2ban through its own client: jails, what they do with whom, and who is banned. Its words alone are parsed."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re
import socket
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses

PROGRAM = "fail2ban-client"
# A busy server answers late or never. One question, and all of them, must leave time for the rest of the section.
PATIENCE_S = 8
# All the bans of a jail can be many.
LIST_PATIENCE_S = 12
BUDGET_S = 18
# Whoever lifts a ban can wait: a host under attack is busy.
UNHURRIED = {"budget": 150, "patience": 30}
ANSWER_LIMIT_BYTES = 32 * 1024 * 1024
SHOWN_BANS = 100
WORD_LIMIT = 300
WORDS_LIMIT = 100
# What an action bans with, by the command that it runs.
KINDS = (
    ("hosts_deny", re.compile(r"hosts\.deny|<daemon_list>")),
    ("route", re.compile(r"\bip (-6 )?route\b|\broute add\b")),
    ("ufw", re.compile(r"\bufw\b")),
    ("firewalld", re.compile(r"\bfirewall-cmd\b")),
    ("nftables", re.compile(r"\bnft\b|<nftables>")),
    ("ipset", re.compile(r"\bipset\b")),
    ("iptables", re.compile(r"\bip6?tables\b|<iptables>|\bshorewall\b")),
)
PACKET_FILTERS = ("ufw", "firewalld", "nftables", "ipset", "iptables")
# Names of chains, sets and tables, among the words of a command.
NAME = re.compile(r"(?<![\w<./-])[A-Za-z_][\w.-]*(?![\w>/])")
USUAL_PORTS = {"ssh": 22, "http": 80, "https": 443, "smtp": 25, "ftp": 21}
# 'ADDRESS <tab>BEGIN + SECONDS = END', in the server's local time.
TIMED = re.compile(r"^(\S+)\s+(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \+ (-?\d+) = (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


class Client(object):
    """Asks the server, within a time for each question and for all of them."""

    def __init__(self, budget=BUDGET_S, patience=PATIENCE_S):
        self.deadline = time.time() + budget
        self.patience = patience

    def ask(self, *words):
        """The answer of the server and None, or what came instead and why there is none."""
        patience = max(LIST_PATIENCE_S, self.patience) if "banip" in words else self.patience
        patience = min(patience, self.deadline - time.time())
        if patience <= 0:
            return "", "there was no time left to ask fail2ban"
        result = host.run([PROGRAM] + list(words), timeout=patience, limit=ANSWER_LIMIT_BYTES)
        if result.error:
            return result.out, "%s: %s" % (" ".join(words[:3]), result.error)
        if result.rc != 0:
            return result.out, said(result)
        return result.out, None


def said(result):
    """What the client says of a failure, without the prefix of its log lines."""
    lines = [line.strip() for line in (result.err + "\n" + result.out).splitlines() if line.strip()]
    last = lines[-1] if lines else "it gives no reason"
    return re.sub(r"^.*?\b(ERROR|CRITICAL)\s+(NOK: )?", "", last)[:WORD_LIMIT]


def is_hanging(error):
    return "did not answer" in (error or "") or "no time left" in (error or "")


# --- jails and bans ---


def jails(client):
    """The names of the jails of the running server, and why they are not known, or None."""
    text, error = client.ask("status")
    return parse_status(text), error


def parse_status(text):
    found = re.search(r"Jail list:[ \t]*(.*)$", text, re.M)
    return [name.strip() for name in found.group(1).split(",") if name.strip()] if found else []


def bans(client, jail):
    """The bans of a jail, [(address, (begin, seconds, end) or None)], and why they are not known, or None."""
    text, error = client.ask("get", jail, "banip", "--with-time")
    if error and not is_hanging(error):
        # An old client knows no times.
        text, error = client.ask("status", jail)
        return [(address, None) for address in parse_jail_status(text)], error
    return parse_bans(text), error


def parse_bans(text):
    found = []
    for line in text.splitlines():
        match = TIMED.match(line)
        if match:
            found.append((match.group(1), match.groups()[1:]))
        elif line.strip() and addresses.network(line.split()[0]):
            found.append((line.split()[0], None))
    return found


def parse_jail_status(text):
    found = re.search(r"(?:Banned )?IP list:[ \t]*(.*)$", text, re.M)
    return found.group(1).split() if found else []


def times(timed):
    """Since when and until when, as ISO 8601 in UTC; a ban without an end has none."""
    if timed is None:
        return {"since": None, "until": None, "permanent": None}
    begin, seconds, end = timed
    permanent = int(seconds) < 0
    return {"since": _utc(begin), "until": None if permanent else _utc(end), "permanent": permanent}


def _utc(text):
    try:
        return host.iso_time(time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S")))
    except (ValueError, OverflowError):
        return None


# --- actions ---


def actions(client, jail, port):
    """What a jail does with whom it bans: [{name, kind, ports, covers_login}], and why that is not known, or None."""
    text, error = client.ask("get", jail, "actions")
    found = []
    for name in [] if error else parse_actions(text):
        action, error = _action(client, jail, name, port)
        if error:
            break
        found.append(action)
    return found, error


def parse_actions(text):
    return [name.strip() for line in text.splitlines()[1:] for name in line.split(",") if name.strip()]


def _action(client, jail, name, port):
    command, error = client.ask("get", jail, "action", name, "actionban")
    if is_hanging(error):
        return None, error
    if error:
        # An action that is a Python class has no command.
        return {"name": name, "kind": "other", "ports": None, "covers_login": False, "words": []}, None
    start, error = client.ask("get", jail, "action", name, "actionstart")
    start, ports = "" if error else start, None
    if not error and names_a_port(start + command):
        text, error = client.ask("get", jail, "action", name, "port")
        ports = None if error else text.strip()
    if is_hanging(error):
        return None, error
    return judged(name, command, start, ports, port), None


def judged(name, command, start, ports, port):
    """An action by the commands with which it bans and starts, and the ports that it is for."""
    if not names_a_port(start + command):
        ports = "all"
    kind = kind_of(command)
    covers_login = kind != "other" and covers(ports, port)
    words = words_of(command) if kind in PACKET_FILTERS else []
    return {"name": name, "kind": kind, "ports": ports, "covers_login": covers_login, "words": words}


def kind_of(command):
    """What an action bans with; 'other' bans nothing here, such as a mail."""
    return next((kind for kind, pattern in KINDS if pattern.search(command)), "other")


def words_of(command):
    """The words of a command that may name the chain, set or table that it bans in."""
    words = set(NAME.findall(command))
    # Rich rules end in chains of firewalld's own naming.
    words.update(["firewalld"] if "--add-rich-rule" in command else [])
    return sorted(words)[:WORDS_LIMIT]


def names_a_port(commands):
    """Whether an action's commands say for which ports it bans."""
    return re.search(r"\bdports?\b|<port>|\bport port\b|\bto any port\b", commands) is not None


def covers(ports, port):
    """Whether a list of ports as fail2ban has it holds a port; None where a name in it is not known."""
    if ports == "all":
        return True
    unknown = ports is None
    for word in re.split(r"[\s,]+", ports or ""):
        first, _dash, last = word.replace(":", "-").partition("-")
        first, last = _port(first), _port(last or first)
        if not word:
            continue
        if first is None or last is None:
            unknown = True
        elif first <= port <= last:
            return True
    return None if unknown else False


def _port(word):
    if word.isdigit():
        return int(word)
    try:
        return socket.getservbyname(word, "tcp")
    except (OSError, socket.error, UnicodeError):
        return USUAL_PORTS.get(word)


# --- all of it ---


def look(login, clients, **pace):
    """The jails with their bans, the bans of these clients ([(text, network)]), and why something is missing.

    Returns (jails or None, client_bans, reasons, sure); ``sure`` tells whether no ban of a very address was missed.
    """
    client = Client(**pace)
    names, error = jails(client)
    if error:
        return None, [], [error], False
    found, own, reasons, silent = [], [], [], []
    for name in names:
        entries, error = bans(client, name)
        reasons += [error] if error else []
        silent += [name] if error else []
        jail = {"name": name, "banned": None if error else len(entries), "actions": None, "logs": None}
        jail["bans"] = [dict({"address": address}, **times(timed)) for address, timed in entries[:SHOWN_BANS]]
        found.append(jail)
        own += [dict(ban, jail=name) for ban in bans_of(entries, clients)]
    short, unknown = short_answers(client, silent, clients) if silent else ([], None)
    own += short
    # What matters most comes first, in case that the time runs out.
    held = {ban["jail"] for ban in own}
    for jail in sorted(found, key=lambda jail: jail["name"] not in held):
        listed, error = actions(client, jail["name"], login["port"])
        jail["actions"] = None if error else listed
        if not error:
            text, error = client.ask("get", jail["name"], "logpath")
            jail["logs"] = None if error else parse_logpath(text)
        reasons += [error] if error else []
    by_name = {jail["name"]: jail for jail in found}
    return found, [client_ban(ban, by_name[ban["jail"]]["actions"]) for ban in own], reasons, unknown is None


def short_answers(client, names, clients):
    """The bans of these very clients in jails whose list did not come, and why they are not known, or None."""
    found = []
    for text, _wanted in clients:
        answer, error = client.ask("banned", text)
        if error:
            return found, error
        held = set(re.findall(r"'([^']+)'", answer)) & set(names)
        ban = dict({"client": text, "address": text, "network": False}, **times(None))
        found += [dict(ban, jail=name) for name in sorted(held)]
    return found, None


def parse_logpath(text):
    """The files that a jail reads, or ['journal']."""
    found = re.findall(r"^[|`]- (.+)$", text, re.M)
    return found or ["journal"]


def bans_of(entries, clients):
    """The bans among these that hold one of the clients, by their very address or by a network."""
    found = []
    for address, timed in entries:
        single = "/" not in address
        banned = None
        for client, wanted in clients:
            if single and address != client and ":" not in address:
                continue
            banned = banned or addresses.network(address)
            if addresses.holds(banned, wanted):
                found.append(dict({"client": client, "address": address, "network": not single}, **times(timed)))
    return found


def client_ban(ban, listed):
    """A ban of a client with what its jail's actions make of it; ``listed`` is None where these are not known."""
    covering = [action["covers_login"] for action in listed or []]
    covers_login = True if True in covering else None if listed is None or None in covering else False
    acting = [action for action in listed or [] if action["covers_login"] is not False]
    kinds = [action["kind"] for action in acting]
    # Of actions that are not known, any may ban by a route.
    route = None if listed is None else "route" in kinds
    words = sorted({word for action in acting for word in action["words"]})
    return dict(ban, by="fail2ban", covers_login=covers_login, kinds=kinds, words=words, route=route)
