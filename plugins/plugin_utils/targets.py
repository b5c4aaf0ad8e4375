# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the inventory's variables to login attempts, and to the way inside each host."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.rescue.remote_login.plugins.plugin_utils import slowness

SSH_CONNECTIONS = ("ssh", "ansible.builtin.ssh", "paramiko", "paramiko_ssh", "ansible.builtin.paramiko_ssh", "smart")
LOCAL_CONNECTIONS = ("local", "ansible.builtin.local")
CONTROLLER = "localhost"
# Keyword and value of ssh -o, which may stand with '=' or a space between them.
OPTION = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.*)$")
ARGUMENT_VARIABLES = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
# Rungs at which nobody gets in, whoever they are.
BEFORE_AUTH = ("resolve", "route", "port", "banner", "key_exchange", "host_key")

Variables = Mapping[str, Any]


def first_set(variables: Variables, *names: str) -> Any:
    """The value of the first of these variables that has one."""
    for name in names:
        value = variables.get(name)
        if value is not None and value != "":
            return value
    return None


def target(name: str, variables: Variables, defaults: Variables) -> dict[str, Any]:
    """The login attempt that stands for a host's people, as ssh_probe takes it."""
    connection = first_set(variables, "ansible_connection") or defaults["connection"]
    local = connection in LOCAL_CONNECTIONS
    connection_user = _connection_user(variables, defaults)
    user = first_set(variables, "remote_login_user") or connection_user
    key = first_set(
        variables, "remote_login_private_key_file", "ansible_ssh_private_key_file", "ansible_private_key_file"
    )
    key = key or defaults["private_key_file"]
    password = first_set(variables, "remote_login_password")
    if password is None and user == connection_user:
        password = first_set(variables, "ansible_password", "ansible_ssh_password", "ansible_ssh_pass")
    # Nobody gave a key for a login to the machine that this runs on: trying one would be a guess.
    authenticate = first_set(variables, "remote_login_authenticate")
    authenticate = (not local or bool(key or password)) if authenticate is None else is_true(authenticate)
    attempt = {
        "name": name,
        "address": _address(name, variables, local),
        "port": first_set(variables, "remote_login_port", "ansible_port", "ansible_ssh_port"),
        "user": user,
        "use_ssh_config": not local and "-F" not in _ssh_words(variables, defaults),
        "private_key_file": key,
        "passphrase": first_set(variables, "remote_login_passphrase", "ansible_ssh_private_key_passphrase"),
        "password": password,
        "authenticate": authenticate,
        "known_hosts": _known_hosts(variables, defaults),
        "timeout": first_set(variables, "remote_login_timeout"),
    }
    return {key: value for key, value in attempt.items() if value is not None}


def is_true(value: Any) -> bool:
    """A variable as a truth value; with -e it comes as text."""
    try:
        return bool(boolean(value))
    except TypeError:
        return False


def port_number(value: Any) -> int | None:
    """A variable as a port, or None where it is none."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 65536 else None


def bits_per_second(value: Any) -> int | None:
    """A variable as a rate, or None where it is none."""
    try:
        number = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 < number < 2**63 else None


def _connection_user(variables: Variables, defaults: Variables) -> str | None:
    """The user that Ansible logs in as; None where it leaves that to ssh."""
    user = first_set(variables, "ansible_user", "ansible_ssh_user") or defaults["user"]
    return str(user) if user else None


def _address(name: str, variables: Variables, local: bool) -> str:
    address = first_set(variables, "remote_login_address", "ansible_host", "ansible_ssh_host")
    if address is None and local:
        return own_address()
    return str(address if address is not None else name)


def own_address() -> str:
    """The address of this machine under which others would reach it. Connecting a UDP socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


# --- what the connection's ssh arguments say ---


def _ssh_words(variables: Variables, defaults: Variables) -> list[str]:
    """The connection's ssh arguments: those of the inventory, else of the command line and the configuration."""
    words: list[str] = []
    usual = defaults.get("ssh_args") or {}
    for name in ARGUMENT_VARIABLES:
        try:
            words += shlex.split(str(variables.get(name) or usual.get(name) or ""))
        except ValueError:
            continue
    return words


def _ssh_options(variables: Variables, defaults: Variables) -> dict[str, str]:
    """The -o options among the connection's ssh arguments, lower case; the first one wins, as in ssh."""
    options: dict[str, str] = {}
    words = _ssh_words(variables, defaults)
    for number, word in enumerate(words):
        text = words[number + 1] if word == "-o" and number + 1 < len(words) else word[2:] if word[:2] == "-o" else ""
        found = OPTION.match(text)
        if found:
            options.setdefault(found.group(1).lower(), found.group(2).strip(" \"'"))
    return options


def _known_hosts(variables: Variables, defaults: Variables) -> list[str] | None:
    """The files that the connection compares host keys with; None for the usual ones."""
    explicit = variables.get("remote_login_known_hosts")
    if explicit is not None:
        return list(explicit)
    files = _ssh_options(variables, defaults).get("userknownhostsfile")
    if files is None:
        return None
    return [name for name in files.split() if name not in ("/dev/null", "none")]


def proxy(variables: Variables, defaults: Variables) -> str | None:
    """The jump host or proxy command that the connection goes through, or None."""
    options = _ssh_options(variables, defaults)
    for name in ("proxyjump", "proxycommand"):
        if options.get(name, "none").lower() != "none":
            return options[name]
    words = _ssh_words(variables, defaults)
    for number, word in enumerate(words):
        if word.startswith("-J"):
            return word[2:] or next(iter(words[number + 1 :]), None)
    return None


# --- one vantage's list of targets ---


def vantages_of(variables: Variables, usual: Sequence[str]) -> list[str]:
    """The vantages of one host: its own variable, else the usual ones."""
    return [str(name) for name in first_set(variables, "remote_login_vantages") or usual]


def every_vantage(all_variables: Mapping[str, Variables], usual: Sequence[str]) -> list[str]:
    """The vantages of all hosts, each once."""
    return list(dict.fromkeys(name for host in all_variables.values() for name in vantages_of(host, usual)))


def for_vantage(
    vantage: str, all_variables: Mapping[str, Variables], defaults: Variables, usual: Sequence[str] = (CONTROLLER,)
) -> list[dict[str, Any]]:
    """The targets that a vantage probes, in order."""
    targets = []
    for name, variables in all_variables.items():
        if vantage not in vantages_of(variables, usual) or not probed_from(vantage, name, variables, defaults):
            continue
        targets.append(target(name, variables, defaults))
    return targets


def probed_from(vantage: str, host: str, variables: Variables, defaults: Variables) -> bool:
    """Whether a vantage probes a host. No machine is a vantage of itself, but for the one that this runs on."""
    itself = host == vantage and vantage != CONTROLLER
    return not itself and unreachable_from(vantage, variables, defaults) is None


def unreachable_from(vantage: str, variables: Variables, defaults: Variables) -> str | None:
    """Why a probe from here would not take the way that people take, or None."""
    through = proxy(variables, defaults) if vantage == CONTROLLER else None
    if through is None:
        return None
    return f"the connection goes through {through}: name that machine in remote_login_vantages to probe from there"


def merge(
    hosts: Sequence[str],
    all_variables: Mapping[str, Variables],
    probes: Sequence[tuple[str, Mapping[str, Any]]],
    defaults: Variables,
    usual: Sequence[str] = (CONTROLLER,),
) -> dict[str, list[dict[str, Any]]]:
    """host -> what each vantage saw of it, in the order of the vantages.

    ``probes`` has a vantage's name and what ssh_probe returned there. Results are told apart by their place
    in the list, because Ansible blanks out whatever happens to contain a password.
    """
    seen: dict[str, list[dict[str, Any]]] = {host: [] for host in hosts}
    for vantage, probe in probes:
        asked = [host for host in hosts if vantage in vantages_of(all_variables[host], usual)]
        probed = [host for host in asked if probed_from(vantage, host, all_variables[host], defaults)]
        results = list(probe.get("results") or [])
        found = dict(zip(probed, results, strict=True)) if len(results) == len(probed) else {}
        for host in asked:
            attempt = target(host, all_variables[host], defaults)
            result = found.get(host) or _no_result(host, vantage, all_variables[host], probe, defaults)
            known: dict[str, Any] = {key: attempt[key] for key in ("name", "address", "port", "user") if key in attempt}
            seen[host].append({**result, **known, "vantage": vantage})
    for host, results in seen.items():
        order = vantages_of(all_variables[host], usual)
        results.sort(key=lambda result: order.index(result["vantage"]))
    return seen


def _no_result(
    host: str, vantage: str, variables: Variables, probe: Mapping[str, Any], defaults: Variables
) -> dict[str, Any]:
    reason = unreachable_from(vantage, variables, defaults)
    if host == vantage:
        reason = "a vantage does not probe itself"
    said = probe.get("msg") or "it gave no result"
    return {"outcome": None, "rung": None, "error": reason or f"the vantage {vantage} could not probe: {said}"}


# --- the way inside ---


def way_inside(
    host: str, variables: Variables, seen: Sequence[Mapping[str, Any]], defaults: Variables
) -> dict[str, Any]:
    """How to get inside: {way: connection | oob | None, become, oob, oob_become, reason}.

    A way that the probe has just seen closed is not tried again: it would only take its time-out,
    or count as one more failed login. One on which every packet takes seconds is left for the other one.
    """
    connection = first_set(variables, "ansible_connection") or defaults["connection"]
    oob = first_set(variables, "remote_login_oob_connection")
    wanted = first_set(variables, "remote_login_become")
    wanted = True if wanted is None else is_true(wanted)
    closed = _closed_to_the_connection(host, variables, seen, defaults) if connection in SSH_CONNECTIONS else None
    inside = {
        "way": "connection",
        "become": wanted and not _is_root(connection, variables, defaults),
        "oob": oob is not None,
        "oob_become": wanted and (first_set(variables, "remote_login_oob_user") or "root") != "root",
        "reason": None,
    }
    crawls = oob is not None and connection in SSH_CONNECTIONS and slowness.crawls(_own_probe(seen))
    if closed is None and not crawls:
        return inside
    if oob:
        return {**inside, "way": "oob"}
    reason = f"{closed}, and no out-of-band way in is set (remote_login_oob_connection)"
    return {**inside, "way": None, "reason": reason}


def _is_root(connection: str, variables: Variables, defaults: Variables) -> bool:
    """Whether the connection's user is root already: becoming root would want a sudo that may not be there."""
    if connection in LOCAL_CONNECTIONS:
        return os.geteuid() == 0
    if connection not in SSH_CONNECTIONS:
        return (first_set(variables, "ansible_user") or "root") == "root"
    return _connection_user(variables, defaults) == "root"


def _own_probe(seen: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """What the controller itself saw, from where Ansible connects."""
    return next((result for result in seen if result["vantage"] == CONTROLLER), None)


def _closed_to_the_connection(
    host: str, variables: Variables, seen: Sequence[Mapping[str, Any]], defaults: Variables
) -> str | None:
    """Why Ansible's own connection would fail as well, or None where it may not."""
    mine = _own_probe(seen)
    if mine is None or mine.get("outcome") in (None, "ok"):
        return None
    attempt = target(host, variables, defaults)
    connection_port = first_set(variables, "ansible_port", "ansible_ssh_port") or 22
    same_place = port_number(attempt.get("port", 22)) == port_number(connection_port)
    same_place = same_place and attempt["address"] == (first_set(variables, "ansible_host", "ansible_ssh_host") or host)
    same_user = attempt.get("user") == _connection_user(variables, defaults)
    if not same_place or (mine.get("rung") not in BEFORE_AUTH and not same_user):
        return None
    return f"SSH does not get in ({mine.get('outcome')})"


def login_of(host: str, variables: Variables, seen: Sequence[Mapping[str, Any]], defaults: Variables) -> dict[str, Any]:
    """The login attempt as the gatherers inside need it."""
    attempt, first = target(host, variables, defaults), seen[0] if seen else {}
    addresses = [entry["address"] for result in seen[:1] for entry in result.get("addresses") or []]
    clients = [result["client_address"] for result in seen if result.get("client_address")]
    return {
        "port": port_number(attempt.get("port")) or port_number(first.get("port")) or 22,
        "addresses": addresses,
        "user": attempt.get("user") or first.get("user") or getpass.getuser(),
        "clients": list(dict.fromkeys(clients)),
        "client_ports": _ports_of(dict.fromkeys(clients), seen),
        "method": _method(attempt, first),
        "key_fingerprint": (first.get("credential_used") or {}).get("fingerprint"),
        "agent_fingerprints": (first.get("credential_used") or {}).get("agent_fingerprints") or [],
        "link_capacity_bps": bits_per_second(variables.get("remote_login_link_capacity_bps")),
    }


def _ports_of(clients: Iterable[str], seen: Sequence[Mapping[str, Any]]) -> list[int]:
    """The port of the connection that was made from each of these addresses; 0 where it is not known."""
    ports: dict[str, int] = {}
    for result in seen:
        ports.setdefault(str(result.get("client_address")), int(result.get("client_port") or 0))
    return [ports[client] for client in clients]


def _method(attempt: Mapping[str, Any], first: Mapping[str, Any]) -> str | None:
    """The method that the login uses: what was offered, else what it was given to offer."""
    used = (first.get("credential_used") or {}).get("kind")
    given = "publickey" if attempt.get("private_key_file") else "password" if attempt.get("password") else None
    return used or given
