# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lift every ban of one address, and nothing else: what is to be done, done, and looked at again."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import (
    addresses,
    database,
    fail2ban,
    fail2ban_service,
    gather,
    lines,
    others,
    routes,
)

ALL_JAILS = "all"
# Any word that could be a jail; it is never put on a shell's line all the same.
JAIL = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}\Z")
COMMAND_TIMEOUT_S = 30
WAIT_LIMIT_S = 3600
SAID_LIMIT = 300


class CannotUnban(Exception):
    """Why a ban could not be lifted or made; ``changed`` tells whether something was done before."""

    def __init__(self, reason, changed=False):
        Exception.__init__(self, reason)
        self.changed = changed


def checked_address(text):
    """The network that an address or CIDR given by a person stands for."""
    wanted = addresses.network(text)
    if wanted is None:
        raise CannotUnban("'%s' is neither an IP address nor a network" % text)
    if wanted.length == 0:
        raise CannotUnban("%s is everybody" % text)
    address = addresses.network(text.strip().partition("/")[0])
    if (address.family, address.number) != (wanted.family, wanted.number):
        words = (text, addresses.text(wanted), addresses.text(address))
        raise CannotUnban("'%s' has host bits set: write %s or %s" % words)
    return wanted


def checked_wait(seconds):
    """After how many seconds to look again; sleeping less than none, or longer than a clock counts, is an error."""
    if not 0 <= seconds <= WAIT_LIMIT_S:
        raise CannotUnban("wait must be between 0 and %d, not %d" % (WAIT_LIMIT_S, seconds))
    return seconds


def checked_server(jail, needed):
    """The state of fail2ban; raises CannotUnban where what is asked for needs a server that does not answer."""
    if jail != ALL_JAILS and not JAIL.match(jail):
        raise CannotUnban("'%s' is no name of a jail" % jail)
    if not host.is_root():
        raise CannotUnban("bans can be lifted by root only")
    state = fail2ban_service.look()
    if state["running"] is None:
        raise CannotUnban("fail2ban does not answer: %s" % state["reason"])
    if not state["running"]:
        if needed or jail != ALL_JAILS:
            raise CannotUnban("fail2ban is not running: %s" % state["reason"])
        return state
    names, error = fail2ban.jails(fail2ban.Client(**fail2ban.UNHURRIED))
    if error:
        raise CannotUnban("fail2ban does not answer: %s" % error)
    if jail != ALL_JAILS and jail not in names:
        raise CannotUnban("there is no jail '%s'; there are: %s" % (jail, ", ".join(names) or "none"))
    return dict(state, names=names)


# --- what there is ---


def look(wanted, port, state, jail):
    """Everything that bans an address: {bans, entries, lines, returning, routes}; raises where that is not known.

    ``unknown`` says why nobody can tell what a server that does not run would ban when it starts, or is None.
    """
    login = {"port": port, "addresses": [], "clients": [addresses.text(wanted)]}
    clients = [(addresses.text(wanted), wanted)]
    found = {"bans": [], "returning": [], "entries": [], "lines": [], "routes": [], "unknown": None}
    if state["running"]:
        _jails, own, reasons, sure = fail2ban.look(login, clients, **fail2ban.UNHURRIED)
        if not sure:
            raise CannotUnban("fail2ban does not answer: %s" % reasons[0])
        found["bans"] = [ban for ban in own if jail in (ALL_JAILS, ban["jail"])]
    elif state["installed"]:
        returning, error = database.lasting(clients)
        found["returning"] = [ban for ban in returning if jail in (ALL_JAILS, ban["jail"])]
        if error and "does not exist" not in error:
            found["unknown"] = "fail2ban may ban it again when it starts, its database cannot tell: %s" % error
    found["entries"], reason = gather.entries_of(wanted, port)
    if reason:
        raise CannotUnban("the packet filter cannot be read: %s" % reason)
    if jail != ALL_JAILS:
        found["entries"] = [entry for entry in found["entries"] if jail in gather.jail_names(entry["jail"] or "")]
        return found
    foreign, _present, _missing = others.look(clients)
    found["bans"] += [ban for ban in foreign if ban["by"] != "denyhosts"]
    found["lines"] = lines.find(wanted, gather.remembered(wanted))
    route = routes.find(wanted) if gather.remembered(wanted) else None
    found["routes"] = [route] if route else []
    return found


def held_by_networks(found, wanted):
    """The networks that hold the address together with others, and ban it: lifting these frees others too."""
    single = {addresses.text(wanted)}
    named = [entry["element"] for entry in found["entries"] if entry["shared"] or _is_wider(entry["element"], wanted)]
    shown = {entry["element"] for entry in found["entries"]}
    for ban in found["bans"] + found["returning"]:
        # A jail can list a network that its action could not put into the packet filter: that bans nobody.
        if _is_wider(ban["address"], wanted) and (ban["address"] in shown or not _filters(ban)):
            named.append(ban["address"])
    return sorted(set(named) - single)


def _is_wider(text, wanted):
    held = addresses.network(text or "")
    return held is None or held != wanted


def _filters(ban):
    return bool(set(ban.get("kinds", [])) & set(fail2ban.PACKET_FILTERS))


# --- lifting ---


def steps(found, state, wanted, jail, networks_too):
    """What there is to do, in order: [{words, run or call}]."""
    listed = []
    targets = {addresses.text(wanted)} | (set(held_by_networks(found, wanted)) if networks_too else set())
    for ban in found["bans"]:
        if ban["by"] == "fail2ban" and ban["address"] in targets:
            listed.append(_command(_unban_words(ban, state, jail)))
        elif ban["by"] == "crowdsec" and ban["address"] in targets:
            # By its number: an address would take the decisions about its networks with it.
            listed.append(_command(["cscli", "decisions", "delete", "--id", str(ban["id"])]))
    for jail, address in sorted((ban["jail"], ban["address"]) for ban in found["returning"]):
        if address in targets:
            words = "take %s of jail %s out of the database" % (address, jail)
            listed.append({"words": words, "call": ("database", jail, address)})
    listed += [_command(entry["remove"]) for entry in found["entries"] if not _is_kept(entry, found["bans"])]
    for line in found["lines"]:
        if not any("hosts_deny" in ban["kinds"] for ban in found["bans"]) or line["by"] != "fail2ban":
            listed.append({"words": "remove from %s: %s" % (line["path"], line["text"]), "call": ("lines", line)})
    if not any(ban["route"] for ban in found["bans"]):
        listed += [_command(route["remove"]) for route in found["routes"]]
    unique = []
    for step in listed:
        if step not in unique:
            unique.append(step)
    return unique


def _unban_words(ban, state, jail):
    """Since 0.10 one command covers every jail, also those that are off, and the database."""
    version = [int(part) for part in re.findall(r"\d+", state["version"] or "0")[:2]]
    if jail == ALL_JAILS and version >= [0, 10]:
        return [fail2ban.PROGRAM, "unban", ban["address"]]
    return [fail2ban.PROGRAM, "set", ban["jail"], "unbanip", ban["address"]]


def _command(argv):
    return {"words": " ".join(argv), "run": argv}


def _is_kept(entry, bans):
    """Whether a banner takes an entry out itself when it lifts its ban."""
    return any(gather.is_kept_by(entry, ban) for ban in bans)


def carry_out(listed, move):
    """Do these steps; raises CannotUnban at the first that fails."""
    for number, step in enumerate(listed):
        problem = _do(step, move)
        if problem:
            raise CannotUnban("'%s' failed: %s" % (step["words"], problem), changed=number > 0)


def _do(step, move):
    if "run" in step:
        result = host.run(step["run"], timeout=COMMAND_TIMEOUT_S)
        if result.error or result.rc != 0:
            return (result.error or fail2ban.said(result))[:SAID_LIMIT]
        return None
    try:
        if step["call"][0] == "lines":
            lines.remove(step["call"][1], move)
            return None
        return database.forget(step["call"][1], step["call"][2])
    except (OSError, IOError, ValueError) as error:
        return str(error)


def unban(wanted, port, jail, networks_too, wait, check_mode, move):
    """Lift every ban of an address; return the words of what was done, or would be, and what nobody can tell or None.

    A ban can come back from old lines of a log, so it is looked for again after ``wait`` seconds, and
    lifted up to three times; one that comes back after that is a failure.
    """
    state = checked_server(jail, needed=False)
    found = look(wanted, port, state, jail)
    wider = held_by_networks(found, wanted)
    if wider and not networks_too:
        raise CannotUnban(
            "%s is banned as part of %s: lifting that would let in others as well, so nothing was changed"
            % (addresses.text(wanted), ", ".join(wider))
        )
    listed = steps(found, state, wanted, jail, networks_too)
    done = [step["words"] for step in listed]
    if check_mode or not listed:
        return done, found["unknown"]
    carry_out(listed, move)
    try:
        unknown = _keep_lifted(wanted, port, state, jail, networks_too, wait, move, done)
    except CannotUnban as problem:
        raise CannotUnban("%s (before: %s)" % (problem, "; ".join(done)), changed=True)
    return done, unknown


def _keep_lifted(wanted, port, state, jail, networks_too, wait, move, done):
    """Look again until the ban stays away, and lift what has come back; adds what it does to ``done``.

    Returns what nobody can tell, or None.
    """
    for pause in (0, wait, wait):
        time.sleep(pause)
        found = look(wanted, port, state, jail)
        left = steps(found, state, wanted, jail, networks_too)
        if pause == wait and not left:
            return found["unknown"]
        done += [step["words"] for step in left if step["words"] not in done]
        carry_out(left, move)
    # What bans it each time needs as long to do it once more.
    time.sleep(wait)
    found = look(wanted, port, state, jail)
    left = steps(found, state, wanted, jail, networks_too)
    if left:
        raise CannotUnban(
            "%s is banned again whenever it is let in; to lift that once more it would take: %s"
            % (addresses.text(wanted), "; ".join(step["words"] for step in left))
        )
    return found["unknown"]


def ban(wanted, jail, check_mode):
    """Ban an address in a jail; return the words of what was done, or would be."""
    state = checked_server(jail, needed=True)
    done = []
    for name in state["names"] if jail == ALL_JAILS else [jail]:
        entries, error = fail2ban.bans(fail2ban.Client(**fail2ban.UNHURRIED), name)
        if error:
            raise CannotUnban("fail2ban does not answer: %s" % error, changed=bool(done) and not check_mode)
        if any(addresses.network(address) == wanted for address, _timed in entries):
            continue
        step = _command([fail2ban.PROGRAM, "set", name, "banip", addresses.text(wanted)])
        if not check_mode:
            _carry_on(step, done)
        done.append(step["words"])
    return done


def _carry_on(step, done):
    try:
        carry_out([step], None)
    except CannotUnban as problem:
        raise CannotUnban(str(problem), changed=bool(done))
