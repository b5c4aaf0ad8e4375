# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of this host, and what keeps a link from carrying packets. By rtnetlink alone."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, netlink

RTM_GETADDR = 22
# States of a link that carries nothing, whatever its carrier says.
CLOSED = ("notpresent", "down", "lowerlayerdown", "testing", "dormant")
# Kinds that gather what comes in by other links.
GATHERING = ("bridge", "bond", "team")
# Kinds that ask and answer for addresses unless they are told not to.
SPEAKING = GATHERING + ("device", "veth", "vlan", "macvlan")

IFADDRMSG = struct.Struct("=BBBBI")
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
ADDRESS_FLAGS = {0x04: "optimistic", 0x08: "duplicate", 0x20: "deprecated", 0x40: "tentative"}
SCOPES = {0: "global", 200: "site", 253: "link", 254: "host"}


def addresses(found_links):
    """(all addresses, why these are not all or None)."""
    bodies, error = netlink.dump(RTM_GETADDR, IFADDRMSG.pack(0, 0, 0, 0, 0))
    return parse_addresses(bodies, found_links), error


def parse_addresses(bodies, found_links):
    """The addresses in the messages of a dump: {address, prefix, interface, scope, state}."""
    found = []
    for body in bodies:
        if len(body) < IFADDRMSG.size:
            continue
        _family, prefix, flags, scope, index = IFADDRMSG.unpack_from(body)
        table = netlink.table_of(body[IFADDRMSG.size :])
        flags = netlink.number(table.get(IFA_FLAGS)) or flags
        # Of a point-to-point link one is the other end's.
        address = netlink.address(table.get(IFA_LOCAL) or table.get(IFA_ADDRESS))
        if address is not None:
            found.append(
                {
                    "address": address,
                    "prefix": prefix,
                    "interface": (found_links.get(index) or {}).get("name"),
                    "scope": SCOPES.get(scope, str(scope)),
                    "state": _state(flags),
                }
            )
    return found


def _state(flags):
    """What keeps an address from being used as any other."""
    names = [ADDRESS_FLAGS[bit] for bit in sorted(ADDRESS_FLAGS) if flags & bit]
    if "duplicate" in names:
        return "duplicate"
    # An optimistic address is used while it still is tentative.
    return "tentative" if names == ["tentative"] else "deprecated" if "deprecated" in names else "ok"


# --- what keeps a link from carrying packets ---


def trouble(name, by_name, seen=()):
    """{link, why} of what lies deepest below a link that carries nothing, or None for one that carries packets."""
    link = by_name.get(name)
    if link is None or name in seen:
        return None
    seen += (name,)
    # What is below a VLAN and the like takes it down with it.
    below = trouble(link["lower"], by_name, seen) if link["lower"] and link["kind"] != "veth" else None
    if below is not None:
        return below
    why = _why_closed(link)
    if why is not None and link["up"] and link["kind"] in GATHERING:
        return _trouble_of_ports(link, by_name, seen) or {"link": name, "why": why}
    return {"link": name, "why": why} if why else None


def _why_closed(link):
    if not link["up"]:
        return "is administratively down"
    if link["protodown"]:
        return "is held down by a protocol (protodown)"
    if not link["carrier"]:
        return "has no carrier"
    if link["operstate"] in CLOSED:
        return "is in the state %s" % link["operstate"]
    if link["arp"] is False and link["kind"] in SPEAKING:
        return "answers no ARP (arp off)"
    return None


def no_answer(link, holder, asker):
    """Why a link does not answer ARP's question for an IPv4 address: net.ipv4.conf.*.arp_ignore; or None.

    ``holder``: the entry of the address; ``asker``: who asks, as far as is known.
    """
    if holder is None or ":" in holder["address"] or link["arp"] is None:
        return None
    found = []
    for name in ("all", link["name"]):
        text = host.read("/proc/sys/net/ipv4/conf/%s/arp_ignore" % name, limit=64).text.strip()
        found.append((int(text) if text.isdigit() else 0, name))
    value, name = max(found, key=lambda pair: pair[0])
    elsewhere = holder["interface"] != link["name"]
    ignored = {
        1: elsewhere,
        2: elsewhere or (asker is not None and not _is_in(asker, holder)),
        3: holder["scope"] == "host",
        8: True,
    }
    if not ignored.get(value):
        return None
    return "answers no ARP for %s (net.ipv4.conf.%s.arp_ignore is %d)" % (holder["address"], name, value)


def _is_in(address, holder):
    """Whether an IPv4 address is in the network of one of the host's own."""
    shift = 32 - holder["prefix"]
    numbers = [struct.unpack("!I", socket.inet_aton(text))[0] >> shift for text in (address, holder["address"])]
    return numbers[0] == numbers[1]


def _trouble_of_ports(link, by_name, seen):
    """Why none of the links that a bridge or bond gathers carries packets."""
    ports = [port for port in by_name.values() if port["master"] == link["name"]]
    if not ports:
        return {"link": link["name"], "why": "has no port"}
    found = [_trouble_of_port(port, by_name, seen) for port in sorted(ports, key=lambda port: port["index"])]
    return next((entry for entry in found if entry), None)


def _trouble_of_port(port, by_name, seen=()):
    """Why nothing comes in by this port of a bridge or bond."""
    found = trouble(port["name"], by_name, seen)
    if found is None and port["port_state"] not in (None, "forwarding"):
        found = {"link": port["name"], "why": "is a port of %s in the state %s" % (port["master"], port["port_state"])}
    return found


def closed_ports(name, by_name):
    """The ports of a bridge by which nothing comes in while it has carrier by others: [{link, why}]."""
    found = []
    for port in sorted(by_name.values(), key=lambda port: port["index"]):
        if port["master"] != name or by_name[name]["kind"] != "bridge":
            continue
        reason = _trouble_of_port(port, by_name)
        if reason is not None:
            found.append(reason)
    return found
