# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section bans: who keeps this client out by name, and why."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host, routing
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import (
    addresses,
    database,
    fail2ban,
    fail2ban_files,
    fail2ban_service,
    iptables,
    managers,
    nft,
    others,
    routes,
    sshd_limits,
    wrappers,
)

LOG_TAIL_BYTES = 2 * 1024 * 1024
# Of the time that a section has by default, some is left for what else bans.
FAIL2BAN_S = 26
NEEDS_ROOT = "needs root: packet filters and banners show nothing to others"


def gather(login):
    """Look for bans of the clients of a login attempt: {port, addresses, user, clients}."""
    clients = parsed(login["clients"])
    evidence = {"status": "ok", "missing": {}, "client": clients[0][0] if clients else None}
    evidence["fail2ban"], own = _fail2ban(login, clients, evidence["missing"])
    foreign, evidence["banners"], missing = others.look(clients)
    evidence["missing"].update(missing)
    evidence["filter_entries"] = _filter_entries(login, clients, evidence["missing"])
    evidence["routes"] = [route for route in (_route(*client) for client in clients) if route]
    evidence["wrappers"] = _wrappers(login, clients, evidence["missing"])
    evidence["client_bans"] = own + foreign
    judge(evidence)
    evidence.update(sshd_limits.look(clients[:1]))
    if evidence["log_unavailable"]:
        evidence["missing"]["penalties"] = evidence["log_unavailable"]
    return evidence


def parsed(clients):
    """[(text, network)] of the clients' addresses, the first one first."""
    found = [(client, addresses.network(client)) for client in clients]
    return [(addresses.text(wanted), wanted) for _client, wanted in found if wanted is not None]


def _fail2ban(login, clients, missing):
    """The state of fail2ban with its jails, and the bans of these clients in them."""
    begun = time.time()
    state = dict(fail2ban_service.look(), jails=None, returning=[])
    own = []
    if state["running"]:
        state["jails"], own, reasons, _sure = fail2ban.look(login, clients)
        if reasons:
            missing["fail2ban.jails"] = reasons[0]
    elif state["installed"] and state["running"] is None:
        missing["fail2ban.jails"] = state["reason"]
    if state["jails"] is None and state["installed"] and host.is_root():
        state["returning"], error = database.bans_of(clients)
        if error and "does not exist" not in error:
            missing["fail2ban.returning"] = error
        if state["running"] is None:
            # A server that does not answer has done what its database says.
            own = [fail2ban.client_ban(ban, None) for ban in state["returning"]]
    return state, _by_files(own, state["jails"] or [], login["port"], begun + FAIL2BAN_S)


def _by_files(bans, jails, port, deadline):
    """The bans, with what fail2ban's files say of the actions that the server did not tell in time."""
    told = {jail["name"] for jail in jails if jail["actions"] is not None}
    silent = [ban for ban in bans if ban["jail"] not in told]
    patience = min(fail2ban_files.PATIENCE_S, deadline - time.time())
    if not silent or patience <= 0:
        return bans
    commands, error = fail2ban_files.dump(patience)
    known = {} if error else fail2ban_files.actions(commands, port)
    return [fail2ban.client_ban(ban, known.get(ban["jail"])) if ban in silent else ban for ban in bans]


def _filter_entries(login, clients, missing):
    if not host.is_root():
        missing["filter_entries"] = NEEDS_ROOT
        return None
    found = []
    for client, wanted in clients:
        entries, reason = entries_of(wanted, login["port"])
        if reason:
            missing["filter_entries"] = reason
        for entry in entries:
            entry.pop("remove")
        found += [dict(entry, client=client) for entry in entries]
    return found


def entries_of(wanted, port):
    """What banners have about an address in the packet filters, each once; and why that is not all, or None."""
    ruled, first = _found(iptables.find, wanted, port)
    native, second = _found(nft.find, wanted, port)
    managed, third = _found(managers.find, wanted, port, remembered(wanted))
    # iptables-nft and nft show the same rules.
    shown = {(entry["table"], entry["chain"]) for entry in ruled if entry["chain"]}
    native = [entry for entry in native if not entry["chain"] or (entry["table"], entry["chain"]) not in shown]
    return ruled + native + managed, first or second or third


def _found(find, *arguments):
    """What a finder finds; a ruleset that no parser has foreseen is a reason, and the other finders go on."""
    try:
        return find(*arguments)
    except Exception as error:
        return [], "%s: %s" % (type(error).__name__, error)


def remembered(wanted):
    """Whether fail2ban has ever banned the very address, by its database or its log."""
    text = addresses.text(wanted)
    if database.has_banned(text):
        return True
    log = host.read(fail2ban_service.LOG, limit=LOG_TAIL_BYTES, tail=True).text
    return re.search(r"^\S+ \S+ fail2ban\.actions.* Ban %s$" % re.escape(text), log, re.M) is not None


def _route(client, wanted):
    """The route that leads nowhere for a client, or None; ``own`` where it is for this very address."""
    error = routing.to(client)["error"]
    if error not in routes.REFUSALS:
        return None
    own = routes.find(wanted) is not None
    return {"client": client, "type": error, "own": own, "remembered": own and remembered(wanted)}


def _wrappers(login, clients, missing):
    """What hosts.allow and hosts.deny say of the first client, where sshd asks them; None where nobody can tell."""
    program, reason = sshd_limits.uses_libwrap()
    answer = {"program": program, "verdict": None, "ban": None}
    if program is None and reason is None:
        return dict(answer, verdict="unused")
    if reason is None and not clients:
        reason = "it is not known who tries to log in"
    if reason is None:
        answer.update(wrappers.judge(clients[0][0], login["addresses"]))
        reason = answer["reason"]
    if reason is not None:
        missing["wrappers.verdict"] = reason
        answer["verdict"] = None
    return answer


# --- what belongs together ---


def judge(evidence):
    """Tell the entries in packet filters that a running banner knows of from those that were left behind."""
    bans = evidence["client_bans"]
    for entry in evidence["filter_entries"] or []:
        keepers = [ban for ban in bans if ban["client"] == entry["client"] and is_kept_by(entry, ban)]
        entry["known"] = bool(keepers)
        for ban in keepers:
            entry["jail"] = entry["jail"] or ban["jail"]
            ban["in_filter"] = True
            if entry["covers_login"]:
                ban["covers_login"] = True
    for ban in bans:
        ban.setdefault("in_filter", False if evidence["filter_entries"] is not None else None)
        ban["routed"] = ban["route"] is not False and any(
            route["own"] and route["client"] == ban["client"] for route in evidence["routes"]
        )
        ban["wrapped"] = _is_wrapped(ban, evidence["wrappers"], evidence["client"])
        ban["in_force"] = _in_force(ban)
    evidence["wrappers"]["ban"] = _ban_behind(evidence)
    first = evidence["client"]
    evidence["in_force"] = [ban for ban in bans if ban["client"] == first and ban["in_force"]]
    evidence.update(_held(bans, evidence["in_force"], first))
    evidence["left_behind"] = [
        entry
        for entry in evidence["filter_entries"] or []
        if entry["client"] == first and not entry["known"] and entry["covers_login"] is not False
    ]
    evidence["route_left_behind"] = next(
        (
            route["type"]
            for route in evidence["routes"]
            if route["client"] == first and route["remembered"] and not any(ban["routed"] for ban in bans)
        ),
        None,
    )


def _held(bans, in_force, first):
    """fail2ban's bans of the first client, those seen in force before others, and the names of what it bans in.

    A rule in one of these chains, sets or tables that is about the client is the ban, though no name says so.
    """
    held = [ban for ban in bans if ban["by"] == "fail2ban" and ban["client"] == first and ban["covers_login"]]
    words = sorted({word for ban in held for word in ban.get("words", ())})
    return {"held": [ban for ban in in_force if ban["by"] == "fail2ban"] or held, "bans_in": words}


def is_kept_by(entry, ban):
    """Whether a ban that its banner knows of explains an entry."""
    if entry["by"] != ban["by"]:
        return False
    if ban["by"] == "fail2ban" and entry["jail"] is not None and ban["jail"] not in jail_names(entry["jail"]):
        return False
    if ban["by"] == "fail2ban" and entry["jail"] is None and not set(ban["kinds"]) & set(fail2ban.PACKET_FILTERS):
        return False
    held, named = addresses.network(entry["element"] or ""), addresses.network(ban["address"])
    return held is None or held == named


def jail_names(name):
    """The jails that a set can belong to: those for IPv6 have a 6 behind the name."""
    return (name, name[:-1]) if name.endswith("6") else (name,)


def _is_wrapped(ban, verdict, first):
    by_line = verdict["verdict"] == "deny" and verdict.get("names_client") and ban["client"] == first
    return bool(by_line and "hosts_deny" in ban["kinds"])


def _in_force(ban):
    """Whether a ban really stands in the way of the login: by a packet filter, a route or hosts.deny."""
    if ban["routed"] or ban["wrapped"]:
        return True
    if ban["covers_login"] is False:
        return False
    return bool(ban["in_filter"])


def _ban_behind(evidence):
    """Whose ban the line of hosts.deny is that refuses the client: {by, jail}, or None for a person's own."""
    verdict = evidence["wrappers"]
    if verdict["verdict"] != "deny" or not verdict.get("names_client"):
        return None
    for ban in evidence["client_bans"]:
        if ban["wrapped"] and (ban["by"] != "denyhosts" or ban.get("line") == verdict["line"]):
            return {"by": ban["by"], "jail": ban["jail"]}
    # fail2ban writes 'ALL: ADDRESS' and nothing else.
    own = re.match(r"ALL: \[?%s\]?$" % re.escape(evidence["client"]), verdict["text"])
    if own and remembered(addresses.network(evidence["client"])):
        return {"by": "fail2ban", "jail": None}
    return None
