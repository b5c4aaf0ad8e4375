# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section network: links, addresses, the way back to the client, the reverse path filter, packets and connections."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import conntrack, host, routing, way
from ansible_collections.rescue.remote_login.plugins.module_utils import links as link_states
from ansible_collections.rescue.remote_login.plugins.module_utils.network import interfaces, path_mtu, policy, queues

LINKS_LIMIT, ADDRESSES_LIMIT, CLOSED_LIMIT = 100, 200, 5
# Where the systems keep the addresses of their links.
CONFIGURATIONS = (
    "/etc/network",
    "/etc/network/interfaces.d",
    "/etc/systemd/network",
    "/run/systemd/network",
    "/etc/netplan",
    "/etc/NetworkManager/system-connections",
    "/etc/sysconfig/network-scripts",
    "/etc/sysconfig/network",
)
NAMES = re.compile(r"^(interfaces|ifcfg-.*|.*\.(network|nmconnection|ya?ml|cfg)|[\w.-]+)$")
FILES_LIMIT = 200
# Kinds that stand for nothing outside of this host.
INNER = ("dummy", "loopback", "ifb")


def gather(login):
    """Look at the network for a login attempt: {port, addresses, user, clients}."""
    links, error = link_states.all_links()
    if not links:
        return {"status": "unchecked", "reason": error or "the kernel names no link"}
    addresses, other = interfaces.addresses(links)
    missing = {"links": error} if error else {}
    if other:
        missing["addresses"] = other
    evidence = {"status": "ok", "missing": missing}
    evidence["login"] = judge(login, links, addresses, missing)
    wanted = _concerned(evidence["login"], links)
    evidence["links"] = sorted(links.values(), key=lambda link: (link["name"] not in wanted, link["index"]))
    evidence["links"] = evidence["links"][:LINKS_LIMIT]
    evidence["links_total"] = len(links)
    evidence["addresses"] = addresses[:ADDRESSES_LIMIT]
    evidence["macs"] = sorted({link["mac"] for link in links.values() if link["kind"] != "loopback" and link["mac"]})[
        :LINKS_LIMIT
    ]
    evidence["connection_tracking"] = _connection_tracking(missing)
    return evidence


def _connection_tracking(missing):
    """How much of the table is taken; what follows from it is the packet filter's section."""
    found = conntrack.use()
    missing.update({"connection_tracking." + name: reason for name, reason in found["missing"].items()})
    return {name: found[name] for name in ("count", "max", "share")} if found["loaded"] else None


def _concerned(found, links):
    """The names of the links that the login's packets pass, and of those below."""
    names = {found["interface"], (found["way_back"] or {}).get("interface")}
    for _number in range(4):
        names |= {link["lower"] for link in links.values() if link["name"] in names}
        names |= {link["name"] for link in links.values() if link["master"] in names and link["master"]}
    return names


def judge(login, links, addresses, missing):
    """What becomes of the packets of the first client's login."""
    client = (login["clients"] or [None])[0]
    address = tried(client, login["addresses"], addresses)
    by_name = {link["name"]: link for link in links.values()}
    found = dict.fromkeys(("client", "address", "interface", "address_state", "way_back", "arrival", "policy", "mtu"))
    found.update(client=client, address=address, link=None, closed_ports=[], configured_in=[], family_is_there=None)
    found.update(default_route=None, asking=None)
    if address is not None:
        holder = holder_of(address, addresses)
        found["address_state"] = holder["state"] if holder else "missing"
        found["interface"] = holder["interface"] if holder else None
        found["family_is_there"] = has_usable(address, addresses, by_name)
        if holder is None:
            found["configured_in"] = configured_in(_plain(address))
    if client is not None:
        own = address if found["address_state"] not in (None, "missing") else None
        found["way_back"] = way.back(client, own, login["port"])
        found["default_route"] = policy.has_default(routing.family_of(client))
        found["policy"] = _policy(client, missing)
        found["mtu"], more = path_mtu.look(client, login["port"], found["way_back"])
        missing.update(more)
    found["in_by"] = _in_by(found, by_name)
    found["link"] = _trouble(found, by_name) or _silence(found, by_name, holder_of(address, addresses))
    found["closed_links"] = _closed_links(by_name)
    found["closed_ports"] = _closed_ports(found["in_by"], by_name)
    found["mtu_bytes"] = (by_name.get(found["in_by"]) or {}).get("mtu")
    if own_address(found) and client and found["in_by"]:
        found["arrival"] = way.arrival(client, address, found["in_by"], login["port"])
        found["asking"] = _asking(found)
    return found


def _asking(found):
    """What becomes of ARP's question for the address: that of the router, where the way back leads over one."""
    back = found["way_back"]
    if back["error"]:
        return None
    gateway = back["gateway"] if back["interface"] == found["in_by"] else None
    # A client behind another link than the one that it comes in by does not ask there itself, as far as is known.
    if gateway is None and back["interface"] != found["in_by"]:
        return None
    return way.asking(found["client"], found["address"], found["in_by"], gateway)


def tried(client, tried_addresses, addresses):
    """The address that the client tried: of its family, and this host's own before any other."""
    family = [address for address in tried_addresses if client is None or (":" in address) == (":" in client)]
    own = {entry["address"] for entry in addresses}
    return next((address for address in family if _plain(address) in own), (family or [None])[0])


def own_address(found):
    return found["address_state"] not in (None, "missing")


def _plain(address):
    return address.split("%")[0]


def has_usable(address, addresses, by_name):
    """Whether any address of this family is on a link that carries packets, but for those of no use outside."""
    for entry in addresses:
        link = by_name.get(entry["interface"])
        if (":" in entry["address"]) != (":" in address) or entry["scope"] not in ("global", "site") or link is None:
            continue
        if link["kind"] not in INNER and interfaces.trouble(link["name"], by_name) is None:
            return True
    return False


def _in_by(found, by_name):
    """The link by which the client's packets probably come in: that of the address, else that of the way back."""
    holder = by_name.get(found["interface"])
    if holder is not None and holder["kind"] not in INNER:
        return holder["name"]
    return (found["way_back"] or {}).get("interface")


def _trouble(found, by_name):
    """{link, why} of the link that keeps the login's packets out, or None."""
    if found["in_by"] is not None:
        return interfaces.trouble(found["in_by"], by_name)
    if found["address"] is None or found["family_is_there"] is not False:
        return None
    # With the address gone from every link, those are left that would carry it if they could.
    outer = [link for link in by_name.values() if link["kind"] not in INNER]
    closed = [interfaces.trouble(link["name"], by_name) for link in sorted(outer, key=lambda link: link["index"])]
    return next((entry for entry in closed if entry), None)


def holder_of(address, addresses):
    """The entry of the address among those of this host, or None."""
    return next((entry for entry in addresses if address and entry["address"] == _plain(address)), None)


def _silence(found, by_name, holder):
    """{link, why} of a link that is up, but sends nothing or does not answer for the address; or None."""
    link = by_name.get(found["in_by"])
    if link is None or link["kind"] == "loopback":
        return None
    back = found["way_back"] or {}
    same_link = back.get("interface") == link["name"]
    asker = (back.get("gateway") or found["client"]) if same_link else None
    why = queues.dropping(link["index"]) or interfaces.no_answer(link, holder, asker)
    return {"link": link["name"], "why": why} if why else None


def _closed_ports(name, by_name):
    """The closed ports of the bridge of the login, where no open one leads out of this host as well."""
    if name not in by_name:
        return []
    ports = [port for port in by_name.values() if port["master"] == name]
    closed = interfaces.closed_ports(name, by_name)
    names = {entry["link"] for entry in closed}
    outer = [port for port in ports if port["kind"] == "device"] or ports
    still_open = [port for port in outer if port["name"] not in names and not _leads_nowhere(port)]
    return [] if still_open else closed


def _leads_nowhere(link):
    """Whether a link ends within this host: with a program, or a pair of which both ends are here."""
    return link["kind"] in INNER + ("tun",) or (link["kind"] == "veth" and link["lower"] is not None)


def _closed_links(by_name):
    """The links that could lead out of this host and carry nothing, in words."""
    found = []
    for link in sorted(by_name.values(), key=lambda link: link["index"]):
        closed = interfaces.trouble(link["name"], by_name) if link["kind"] not in INNER else None
        words = closed and "%(link)s %(why)s" % closed
        if words and words not in found:
            found.append(words)
    return found[:CLOSED_LIMIT]


def _policy(client, missing):
    family = routing.family_of(client)
    rules, error = policy.rules(family)
    if error:
        missing["login.policy.rules"] = error
    marks = sorted({rule["mark"] for rule in rules if rule["mark"]})
    return {
        "rules": [rule["text"] for rule in rules],
        "refusing_routes": policy.refusing(client),
        # The way of what the packet filter marks.
        "marked": [{"mark": mark, "error": routing.to(client, mark=mark)["error"]} for mark in marks],
    }


def configured_in(address):
    """Where the configuration of the system gives a link this address: 'file line number'."""
    wanted = re.compile(r"(?<![\w.:])%s(?![\w.:])" % re.escape(address), re.I)
    found = []
    for folder in CONFIGURATIONS:
        for name in host.names_in(folder)[:FILES_LIMIT]:
            if not NAMES.match(name):
                continue
            path = "%s/%s" % (folder, name)
            for number, line in enumerate(host.read(path, limit=64 * 1024).text.splitlines(), 1):
                if wanted.search(line) and not line.strip().startswith("#"):
                    found.append("%s line %d" % (path, number))
    return found[:10]
