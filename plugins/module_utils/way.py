# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a login's packets: by which interface they may come in, and which way the answers go."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import host, links, neighbours, routing

OWN_ADDRESS = "own address"
WORDS = {
    OWN_ADDRESS: "%(client)s is an address of this host itself",
    "no route": "no route leads to %(client)s",
    "unreachable": "%(client)s is unreachable by a route",
    "prohibit": "%(client)s is prohibited by a route",
    "blackhole": "a route or a routing rule swallows packets to %(client)s (blackhole)",
}
MODES = {0: "off", 1: "strict", 2: "loose"}


def back(client, source=None, port=None):
    """The route of the answers to a client, the state of its interface and of the next machine on it.

    ``source``: the address that the client tried, where it is this host's own.
    """
    if source is not None and (":" in source) != (":" in client):
        source = None
    if source is not None and not routing.to(source)["local"]:
        source = None  # no packet leaves this host with it
    route = routing.to(client, source, port=port)
    error = OWN_ADDRESS if route["local"] and not route["error"] else route["error"]
    link = links.state(route["interface"]) if route["interface"] else {"up": None, "carrier": None}
    found = {key: route[key] for key in ("interface", "gateway", "table", "mtu")}
    found.update(error=error, asked_from=source, up=link["up"], carrier=link["carrier"], neighbour=None)
    if route["interface"] and not error:
        found["neighbour"] = neighbours.of(route["gateway"] or client.split("%")[0], route["interface"])
    found["trouble"] = trouble(found, client)
    return found


def trouble(found, client):
    """Why the answers do not get far, in words, or None. What the kernel could not be asked is no reason."""
    error, neighbour = found["error"], found["neighbour"] or {}
    if error:
        return None if ":" in error else WORDS.get(error, "the route to %(client)s refuses") % {"client": client}
    if found["up"] is False or found["carrier"] is False:
        what = "has no carrier" if found["up"] else "is down"
        return "the route to %s leads by %s, which %s" % (client, found["interface"], what)
    if neighbour.get("state") in ("failed", "incomplete"):
        machine = "the gateway %s" % found["gateway"] if found["gateway"] else client
        return "the route to %s leads by %s, where %s does not answer" % (client, found["interface"], machine)
    return None


def asking(client, address, interface, gateway):
    """What the kernel does with the question who has the address, which comes before any packet: as arrival().

    ``asker``: who asks it, the router on the way back or a client on the same link. ARP has no ports, so that rules
    of policy routing for ports are not about it. None for IPv6, where no such filter looks.
    """
    if ":" in address or ":" in client:
        return None
    asker = gateway or client
    return dict(arrival(asker, address, interface, None), asker=asker, back_by=_back_by(asker, address))


def _back_by(asker, address):
    return routing.to(asker, address if routing.to(address)["local"] else None, without_ports=True)["interface"]


def arrival(client, address, interface, port):
    """What the kernel does with the client's packets that come in by an interface: {interface, error, rp_filter}.

    ``port``: that of the login, or None for what has no ports.
    ``error`` is None, 'reverse path', 'martian', another reason of the routing, or, with a colon in it, why this
    is not known.
    """
    found = {"interface": interface, "error": None, "rp_filter": None}
    if (":" in client) != (":" in address):
        return dict(found, error="unknown: the addresses are of different families")
    if ":" in address:
        return dict(found, error=routing.arrival(client, address, interface, port)["error"])
    found["rp_filter"] = MODES.get(_effective("rp_filter", interface))
    if _effective("log_martians", interface):
        # The kernel would write to its log what it thinks of the question.
        return dict(found, error=_reckoned(client, address, found, port))
    error = routing.arrival(client, address, interface, port)["error"]
    if error == "martian":  # since Linux 6.13 one number stands for both
        error = _reckoned(client, address, found, port) or error
    return dict(found, error=error)


def _effective(name, interface):
    """A setting of which the stricter value counts, that of all interfaces or that of this one; None if unknown."""
    found = [_setting("all", name), _setting(interface, name)]
    return max(found) if None not in found else None


def _setting(interface, name):
    if interface is None or "/" in interface:
        return None
    text = host.read("/proc/sys/net/ipv4/conf/%s/%s" % (interface, name), limit=64).text.strip()
    return int(text) if text.isdigit() else None


def _reckoned(client, address, found, port):
    """What the reverse path filter does, without asking the kernel: it looks for the way back of the very packet."""
    mode = found["rp_filter"]
    if mode in (None, "off"):
        return None
    source = address if routing.to(address)["local"] else None
    route = routing.to(client, source, port=port, without_ports=port is None)
    if route["local"]:
        return None
    if route["error"]:
        return "reverse path"
    return "reverse path" if mode == "strict" and route["interface"] != found["interface"] else None
