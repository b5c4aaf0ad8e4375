# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nft says of an address: elements of banners' sets, and rules in banners' chains."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import re
import socket

from ansible_collections.rescue.remote_login.plugins.module_utils import banners, host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses, packet_filter

TYPES = {socket.AF_INET: "ipv4_addr", socket.AF_INET6: "ipv6_addr"}
PROTOCOLS = {socket.AF_INET: "ip", socket.AF_INET6: "ip6"}


def find(wanted, port):
    """The entries that name an address, and why they could not be looked for, or None."""
    if host.which("nft") is None or not packet_filter.has_nf_tables():
        return [], None
    listed, error = ruleset()
    if error:
        return [], error
    found, error = _in_sets(listed, wanted, port)
    return found + in_rules(listed, wanted, port), error


def ruleset():
    """The objects of the whole ruleset, the elements of named sets left out where nft can do that."""
    result = None
    for options in (["-j", "-t"], ["-j"]):
        result = _run(options + ["list", "ruleset"])
        if result.rc == 0:
            return parse(result.out)
        if result.error:
            break
    return [], result.error or "nft: %s" % (result.err.strip() or "it gives no reason")[: packet_filter.TEXT_LIMIT]


def _run(words):
    limit = packet_filter.RULES_LIMIT_BYTES
    return host.run(["nft"] + words, timeout=packet_filter.PATIENCE_S, limit=limit)


def parse(text):
    """[(kind, object)] from the output of nft -j, and why there is none, or None."""
    try:
        listed = json.loads(text)["nftables"]
        return [(kind, body) for item in listed for kind, body in item.items() if isinstance(body, dict)], None
    except (ValueError, KeyError, TypeError, AttributeError):
        return [], "nft: what it says is no JSON"


# --- sets ---


def _in_sets(listed, wanted, port):
    found = []
    for kind, body in listed:
        whose = banners.owner(body.get("name"), body.get("table")) if kind == "set" else None
        if whose is None or body.get("type") != TYPES[wanted.family]:
            continue
        place = [body["family"], body["table"], body["name"]]
        result = _run(["get", "element"] + place + ["{", addresses.text(wanted), "}"])
        if result.error:
            return found, result.error
        if result.rc != 0:
            continue  # nft's way to say that it is not in there
        for element in elements(result.out, wanted):
            more = dict(whose, set=body["name"], element=element, text="%s in set %s" % (element, body["name"]))
            more["covers_login"] = any_of(_covers(rule, port, listed) for rule in users(listed, body))
            more["remove"] = ["nft", "delete", "element"] + place + ["{", element, "}"]
            found.append(packet_filter.entry("nftables", place[0], place[1], **more))
    return found, None


def elements(text, wanted):
    """The elements in the answer to 'get element', which is never JSON, that hold an address, as nft takes them."""
    found = []
    for listed in re.findall(r"elements = \{([^}]*)\}", text):
        words = [element.split()[0] for element in listed.split(",") if element.strip()]
        found += [word for word in words if "-" in word or addresses.holds(addresses.network(word), wanted)]
    return found


def _element(value):
    """An element of a set within a rule, as text; None for what stands for no address."""
    if isinstance(value, dict) and "elem" in value:
        value = value["elem"].get("val")
    if isinstance(value, dict) and "prefix" in value:
        return "%s/%s" % (value["prefix"]["addr"], value["prefix"]["len"])
    return value if not isinstance(value, (dict, list)) else None


def users(listed, body):
    """The rules that look an address up in a set."""
    place, name = (body["family"], body["table"]), "@" + body["name"]
    rules = [rule for kind, rule in listed if kind == "rule" and (rule["family"], rule["table"]) == place]
    return [rule for rule in rules if any(match.get("right") == name for match in _matches(rule))]


# --- rules ---


def in_rules(listed, wanted, port):
    """The rules in banners' chains that name an address themselves."""
    found = []
    for kind, rule in listed:
        whose = banners.owner(rule.get("chain"), rule.get("table")) if kind == "rule" else None
        if whose is None:
            continue
        named = [match.get("right") for match in _matches(rule) if _is_source(match, PROTOCOLS[wanted.family])]
        for value in named:
            shared = isinstance(value, dict) and "set" in value
            listed_values = value["set"] if shared else [value]
            shown = [_element(one) for one in listed_values]
            holding = [one for one in shown if one and addresses.holds(addresses.network(str(one)), wanted)]
            if not holding:
                continue
            place = [rule["family"], rule["table"], rule["chain"]]
            more = dict(whose, chain=rule["chain"], handle=rule.get("handle"), element=holding[0])
            more["shared"] = shared and len(shown) > 1
            more["text"] = "%s saddr %s" % (PROTOCOLS[wanted.family], ", ".join(map(str, shown)))
            more["covers_login"] = _covers(rule, port, listed)
            more["remove"] = ["nft", "delete", "rule"] + place + ["handle", str(rule.get("handle"))]
            found.append(packet_filter.entry("nftables", place[0], place[1], **more))
    return found


def _matches(rule):
    return [part["match"] for part in rule.get("expr") or [] if isinstance(part, dict) and "match" in part]


def _field(match):
    left = match.get("left")
    payload = left.get("payload") if isinstance(left, dict) else None
    return (payload.get("protocol"), payload.get("field")) if isinstance(payload, dict) else (None, None)


def _is_source(match, protocol):
    return _field(match) == (protocol, "saddr") and match.get("op") in ("==", None, "in")


def _covers(rule, port, listed, seen=()):
    """Whether a rule, by its own ports and those of the jumps to its chain, looks at packets to a port.

    None where a part of it can be read by iptables only.
    """
    for match in _matches(rule):
        protocol, field = _field(match)
        if (field == "dport" and not _holds_port(match, port)) or protocol == "udp":
            return False
    sealed = any(_is_sealed(part) for part in rule.get("expr") or [])
    place = (rule["family"], rule["table"], rule["chain"])
    if place in seen:
        return False
    if any(kind == "chain" and body.get("hook") and _place(body) == place for kind, body in listed):
        return None if sealed else True
    jumps = [body for kind, body in listed if kind == "rule" and _jumps_to(body, place)]
    reached = any_of(_covers(body, port, listed, seen + (place,)) for body in jumps)
    return None if sealed and reached else reached


def _is_sealed(part):
    """Whether a part of a rule is a match of iptables; an old nft does not even tell a match from a target."""
    if not isinstance(part, dict) or "xt" not in part:
        return False
    return not isinstance(part["xt"], dict) or part["xt"].get("type") == "match"


def any_of(answers):
    """True when one is, None when one may be, else False."""
    answers = list(answers)
    return True if True in answers else None if None in answers else False


def _place(chain):
    return (chain["family"], chain["table"], chain["name"])


def _jumps_to(rule, place):
    targets = [part.get(word) for part in rule.get("expr") or [] for word in ("jump", "goto") if isinstance(part, dict)]
    targets = [target.get("target") for target in targets if isinstance(target, dict)]
    return (rule["family"], rule["table"]) == place[:2] and place[2] in targets


def _holds_port(match, port):
    value = match.get("right")
    values = value["set"] if isinstance(value, dict) and "set" in value else [value]
    held = False
    for one in values:
        if isinstance(one, dict) and "range" in one:
            held = held or one["range"][0] <= port <= one["range"][1]
        else:
            held = held or one == port or not isinstance(one, int)  # what cannot be read may hold it
    return held if match.get("op") != "!=" else not held
