# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd's own rules say of exactly this login, and which line of which file says so."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.account import chroot, match_lines, refusals
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import config, daemon, unit

PATIENCE_S = 6
SHOWN = (
    "permitrootlogin",
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "pubkeyauthentication",
    "authenticationmethods",
    "denyusers",
    "allowusers",
    "denygroups",
    "allowgroups",
    "maxauthtries",
    "maxsessions",
    "permitemptypasswords",
    "permittty",
    "permituserrc",
    "forcecommand",
    "chrootdirectory",
    "pubkeyacceptedalgorithms",
    "requiredrsasize",
    "authorizedkeysfile",
    "authorizedkeyscommand",
    "authorizedkeyscommanduser",
    "trustedusercakeys",
    "authorizedprincipalsfile",
    "authorizedprincipalscommand",
    "revokedkeys",
    "strictmodes",
    "usedns",
    "usepam",
    "pamservicename",
    "refuseconnection",
)
# Two words for the same.
SAME = {"true": "yes", "false": "no", "prohibit-password": "without-password"}
VALUE_LIMIT = 2000
BINARY_LIMIT_BYTES = 16 * 1024 * 1024
DISTRIBUTION = re.compile(r"OpenSSH_[0-9][\w.]* (?:Debian|Ubuntu)-|[\0 ](?:Debian|Ubuntu)-[0-9]")


def look(login, account, daemons, missing):
    """The rules of the daemon that takes this login: {settings, refusals, …}; None with a reason in ``missing``.

    ``daemons``: what daemons_of() answers.
    """
    if not host.is_root():
        missing["rules"] = "needs root: sshd tells its configuration only to root"
        return None
    mine, service = daemons
    path = daemon.binary(mine, service["command"])
    if path is None or not daemon.is_trusted(path):
        reason = "sshd is not installed" if path is None else "%s is not run, because others can change it" % path
        missing["rules"] = reason
        return None
    command = daemon.command(path, mine, service["command"])
    entries, _files = config.directives(daemon.config_path(command) or config.DEFAULT_PATH)
    entries = match_lines.options(daemon.options(command[1:])) + entries
    version = daemon.version(path)
    connection = _connection(login, account, version)
    values, reason = ask(command, connection, entries)
    if values is not None and values.get("usedns") == ["yes"]:
        connection["host"] = name_of(connection["addr"])
        values, reason = ask(command, connection, entries)
    if values is None and re.search(r"line [0-9]+: ", reason) and config.test(command)["valid"]:
        # What only this login's Match blocks bring up, sshd -t does not see: sshd ends when the user logs in.
        fails = refusals.failure(reason)
        facts = dict(_look_of(path, version, command), client=connection["addr"], host=connection["host"])
        return dict(
            facts, method=login.get("method"), settings={}, refusals=[fails], refused=[fails], unset=[], chroot=None
        )
    if values is None:
        missing["rules"] = reason
        account["passed_by_files"] = refusals.passed_by_files(
            lambda keyword: match_lines.deciding(keyword, entries, connection),
            connection,
            account,
            login.get("method"),
        )
        return None
    return _judged(login, account, connection, values, entries, _look_of(path, version, command))


def _look_of(path, version, command):
    return {"command": command, "version": version, "group_writable_allowed": _allows_own_group(path)}


def daemons_of(login):
    """The daemons that run, the one that has the port of the login first, and what the service manager says."""
    tables, error, hidden = sockets.listening()
    service = unit.gather()
    known = None if error or hidden else {holder["pid"] for entry in tables for holder in entry["processes"]}
    running = daemon.daemons(known, service["main_pid"])
    return _daemon_on_port(running, tables or [], login["port"]), service


def _daemon_on_port(running, listening, port):
    """The daemon that has the port of the login first: another one may have rules of its own."""
    holders = {
        holder["pid"]
        for entry in listening
        if entry["protocol"] == "tcp" and entry["port"] == port
        for holder in entry["processes"]
    }
    return sorted(running, key=lambda process: (process["pid"] not in holders, process["started_at"] or 0))


def _allows_own_group(path):
    """Whether this sshd takes files that a group of one can write: Debian and Ubuntu change it so."""
    programs = [path] + daemon.helpers(path)
    return any(DISTRIBUTION.search(host.read(name, limit=BINARY_LIMIT_BYTES).text) for name in programs)


# --- asking sshd ---


def _connection(login, account, version):
    client = (login.get("clients") or ["127.0.0.1"])[0]
    return {
        "user": login["user"],
        "exists": bool(account["exists"]),
        "groups": account["groups"] or [],
        "host": client,
        "addr": client,
        "laddr": _local_address((login.get("addresses") or ["127.0.0.1"])[0]),
        "lport": login["port"],
        "version": version,
    }


def _local_address(address):
    """The host's own address behind the one that people use: behind address translation, that is another one."""
    own = [other for other in sockets.own_addresses() if not sockets.is_loopback(other)]
    same = [other for other in own if (":" in other) == (":" in address)]
    if address in own or sockets.is_loopback(address) or not same:
        return address
    return same[0]


def ask(command, connection, entries):
    """({keyword: [values]}, None) as `sshd -T` has them for a connection; (None, why not)."""
    if re.search(r"[,\s]", connection["user"]):
        return None, "sshd -T cannot be asked about a user with a comma or a space in the name"
    words = ["%s=%s" % (name, connection[name]) for name in ("user", "host", "addr", "laddr", "lport")]
    lines = [line for entry in entries for line in entry["conditions"]]
    criteria = {name for line in lines for name, _value in match_lines.criteria(line)}
    if "rdomain" in criteria:
        words.append("rdomain=")
    if "invalid-user" in criteria and not connection["exists"]:
        words.append("invalid-user")
    result = host.run(command[:1] + ["-T", "-C", ",".join(words)] + command[1:], timeout=PATIENCE_S)
    if result.rc != 0:
        said = (result.err.strip().splitlines() or [""])[0][:300]
        return None, result.error or "sshd -T says: %s" % said
    return parse(result.out), None


def parse(text):
    """{keyword: [value, …]} of what `sshd -T` prints."""
    values = {}
    for line in text.splitlines():
        word, _space, value = line.strip().partition(" ")
        if word:
            values.setdefault(match_lines.keyword_of(word), []).append(value.strip())
    # Before 8.7 it has two names and two values, and either switches it on.
    if "yes" in values.get("kbdinteractiveauthentication", []):
        values["kbdinteractiveauthentication"] = ["yes"]
    return values


def name_of(address):
    """The client's name as sshd sees it with UseDNS: one that leads back to the address; else the address."""
    found = host.run(["getent", "hosts", address], timeout=PATIENCE_S)
    names = found.out.split()[1:2] if found.rc == 0 else []
    for name in names:
        back = host.run(["getent", "ahosts", name], timeout=PATIENCE_S)
        if back.rc == 0 and address in [line.split()[0] for line in back.out.splitlines() if line.split()]:
            return name.lower()
    return address


# --- judging ---


def _judged(login, account, connection, values, entries, daemon_facts):
    settings = {keyword: _setting(keyword, values, entries, connection) for keyword in SHOWN if keyword in values}
    for keyword in match_lines.ADDING_UP:
        settings.setdefault(keyword, _setting(keyword, values, entries, connection))
    rules = dict(daemon_facts, client=connection["addr"], host=connection["host"], settings=settings)
    rules["method"] = login.get("method")
    rules["refusals"] = refusals.all_of(settings, connection, account)
    rules["refused"] = refusals.applying(rules["refusals"], rules["method"])
    rules["unset"] = refusals.unset(settings, rules["method"])
    rules["chroot"] = chroot.look(settings, account) if account["exists"] else None
    return rules


def _setting(keyword, values, entries, connection):
    """{value, file, line, text, match, lines}: what counts, and the line that says so; no line for a default."""
    chosen = match_lines.deciding(keyword, entries, connection)
    value = values.get(keyword)
    if keyword in match_lines.ADDING_UP:
        words = [(word, entry) for entry in chosen for word in entry["arguments"]]
        # Where the files and sshd do not say the same, the word of sshd stands without a line.
        agree = [word for word, _entry in words] == (value or [])
        lines = [dict(match_lines.place(entry), word=word) for word, entry in words] if agree else []
        return dict(match_lines.place(chosen[0] if agree and chosen else None), value=value or [], lines=lines[:200])
    entry = chosen[0] if chosen else None
    text = " ".join(value)[:VALUE_LIMIT]
    return dict(match_lines.place(entry if _same(keyword, entry, text) else None), value=text)


def _same(keyword, entry, value):
    """Whether the line that should decide says what sshd says. Lists of algorithms are written out by sshd."""
    if entry is None:
        return False
    said = " ".join(entry["arguments"])
    if keyword == "pubkeyacceptedalgorithms":
        return True
    return SAME.get(said.lower(), said.lower()) == SAME.get(value.lower(), value.lower()) or keyword in (
        "forcecommand",
        "authenticationmethods",
    )
