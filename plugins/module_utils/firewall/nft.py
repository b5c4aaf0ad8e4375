# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rulesets of nftables, from `nft -j list ruleset`, as chains that a packet can walk."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections

from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import nft_values as values
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import packet as packets
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.walk import Chain

BACKEND = "nft"
PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
VERDICTS = ("accept", "drop", "continue", "return", "jump", "goto")
# What a rule does on the side, and what cannot keep it from matching.
HARMLESS = ("counter", "log", "comment", "last", "secmark", "dup", "flow", "ct helper", "ct timeout", "ct expectation")
REJECT_DEFAULT = "icmpx port-unreachable"


class Context(object):
    """What the statements of one table are judged with."""

    def __init__(self, named, world):
        self.named, self.world = named, world
        self.packet = None
        # The same packet meets the same big set many times.
        self.memory = {}

    def set_holds(self, name, kind, value):
        added = [truth for where, what, truth in self.packet.added if where == name and what == value]
        if True in added:
            return True
        truth = values.holds(self.named.get(name, {}).get("elem", []), kind, value, self)
        return truth if not added else packets.some([truth, None])

    def pairs(self, data):
        """The entries of a map, anonymous or named."""
        if isinstance(data, dict):
            return data.get("set", [])
        return self.named.get(data.lstrip("@"), {}).get("elem", [])


class Rule(object):
    """One rule; ``number`` is its handle."""

    def __init__(self, content, context):
        self.number = content.get("handle")
        self.handle, self.line, self.text = self.number, None, None
        self.statements = content.get("expr") or []
        self.comment = content.get("comment")
        self.context = context
        self.notes = {}

    def run(self, packet, certain):
        """(matched, verdict, reason): whether the packet matches, what the rule then says, and what is not known."""
        self.context.packet = packet
        self.notes = {}
        matched, reason = True, None
        for statement in self.statements:
            name, content = next(iter(statement.items())) if isinstance(statement, dict) else (statement, None)
            sure = certain and matched is True
            try:
                truth, verdict = self._statement(name, content, packet, sure)
            except values.Absent:
                return False, None, None
            except values.Unjudged as unjudged:
                truth, verdict, reason = None, None, reason or str(unjudged)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                truth, verdict, reason = None, None, reason or "'%s' is not understood" % name
            if truth is False:
                return False, None, None
            if truth is None:
                matched, reason = None, reason or self._told(name, content)
            if verdict is not None:
                return matched, None if verdict[0] == "continue" else verdict, reason
        return matched, None, reason

    @staticmethod
    def _told(name, content):
        """Words for a statement that nobody can judge."""
        left = content.get("left") if isinstance(content, dict) else None
        return "%s %s" % (name, str(left)[:100]) if left else name

    def _statement(self, name, content, packet, sure):
        """(truth, verdict) of one statement."""
        if name in VERDICTS:
            return True, (name, content["target"] if name in ("jump", "goto") else None)
        if name in HARMLESS:
            return True, None
        if name in STATEMENTS:
            return STATEMENTS[name](self, content, packet, sure)
        raise values.Unjudged(name)

    # --- matching ---

    def _match(self, content, packet, _sure):
        kind, value = values.value_of(content["left"], self.context)
        operator, right = content["op"], content["right"]
        truth = COMPARISONS[operator](kind, right, value, self.context)
        if truth and operator in ("==", "in"):
            self._note(content["left"], right)
        return truth, None

    def _note(self, left, right):
        """Remember that the rule speaks of this very source, and by which set."""
        parts = left.get("concat", [left]) if isinstance(left, dict) else []
        for part in parts:
            payload = part.get("payload", {}) if isinstance(part, dict) else {}
            inner = part.get("&", [{}])[0] if isinstance(part, dict) and "&" in part else {}
            field = payload.get("field") or (inner.get("payload", {}).get("field") if isinstance(inner, dict) else None)
            if field in ("saddr", "daddr"):
                self.notes[field] = True
        if hasattr(right, "startswith") and right.startswith("@"):
            self.notes["set"] = right[1:]

    def _vmap(self, content, packet, _sure):
        kind, key = values.value_of(content["key"], self.context)
        found = values.looked_up(self.context.pairs(content["data"]), kind, key, self.context)
        if not found:
            raise values.Absent()
        self._note(content["key"], content["data"])
        told = [next(iter(data.items())) for _truth, data in found]
        verdicts = {(name, data["target"] if name in ("jump", "goto") else None) for name, data in told}
        if found[-1][0] is not True:
            verdicts.add(("continue", None))
        if len(verdicts) == 1:
            return found[0][0], verdicts.pop()
        return None, ("unknown", "the verdict map has several entries that may be meant")

    def _limit(self, content, packet, _sure):
        raise values.Unjudged("limit: how much has passed lately is not known")

    def _count(self, content, _packet, _sure):
        connections = self.context.world.connections_at_most()
        if connections is None or connections + 1 > content["val"]:
            raise values.Unjudged("ct count")
        return not content.get("inv"), None

    def _quota(self, content, packet, _sure):
        if (
            not isinstance(content, dict)
            or "used" not in content
            or content.get("val_unit") != content.get("used_unit")
        ):
            raise values.Unjudged("quota")
        over = content["used"] > content["val"]
        if content["used"] == content["val"]:
            raise values.Unjudged("quota")
        return over == bool(content.get("inv")), None

    # --- what changes the packet or the tables ---

    def _set_change(self, content, packet, sure):
        if content.get("stmt"):
            raise values.Unjudged("what the set counts for each element")
        element = content["elem"]
        element = element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element
        _kind, value = values.value_of(element, self.context)
        if content.get("op") in ("add", "update") and value is not None:
            packet.added.append((content["set"].lstrip("@"), value, True if sure else None))
        return True, None

    def _meter(self, content, packet, _sure):
        raise values.Unjudged("meter: how much has passed lately is not known")

    def _mangle(self, content, packet, sure):
        key = content["key"]
        target = key.get("meta", {}).get("key") or key.get("ct", {}).get("key") or key.get("payload", {}).get("field")
        attribute = MANGLED.get(("ct " if "ct" in key else "") + str(target))
        if attribute == "connection_mark" and (packet.untracked or not packet.tracked):
            return True, None
        if attribute:
            _kind, value = values.value_of(content["value"], self.context)
            if attribute in ("source", "destination"):
                value = content["value"] if hasattr(content["value"], "splitlines") else None
            setattr(packet, attribute, value if sure else None)
        return True, None

    def _notrack(self, _content, packet, sure):
        if not sure:
            raise values.Unjudged("notrack")
        packet.untracked = not packet.tracked
        return True, None

    # --- what ends the way ---

    def _reject(self, content, _packet, _sure):
        content = content or {}
        told = content.get("type") or REJECT_DEFAULT
        expression = content.get("expr")
        return True, ("reject", "%s %s" % (told, expression) if expression else told)

    def _queue(self, content, _packet, _sure):
        content = content or {}
        number = content.get("num", 0)
        flags = content.get("flags") or []
        listening = self.context.world.queue_has_reader(number) if isinstance(number, int) else None
        if listening is False:
            return True, ("accept" if "bypass" in flags else "drop", None)
        return True, ("unknown", "the program that reads queue %s decides" % number)

    def _forward(self, _content, _packet, _sure):
        return True, ("drop", None)

    def _synproxy(self, _content, _packet, _sure):
        return True, ("unknown", "synproxy answers in the place of the host")

    def _dnat(self, content, packet, sure):
        content = content or {}
        if content.get("addr") is None and content.get("port") is None:
            return True, ("accept", None)
        address, port = content.get("addr"), content.get("port")
        _kind, number = values.value_of(port, self.context) if port is not None else (None, packet.destination_port)
        if isinstance(address, dict):
            _kind, address = values.value_of(address, self.context)
        if not sure or isinstance(address, (dict, list)):
            packet.destination, number = None, None
        packet.translate(address, number)
        return True, ("accept", None)

    def _redirect(self, content, packet, sure):
        port = (content or {}).get("port")
        _kind, number = values.value_of(port, self.context) if port is not None else (None, packet.destination_port)
        address = self.context.world.address_of_interface(packet)
        packet.redirect(address, number if sure else None)
        return True, ("accept", None)

    def _snat(self, _content, _packet, _sure):
        return True, ("accept", None)


MANGLED = {"mark": "mark", "ct mark": "connection_mark", "dport": "destination_port", "daddr": "destination",
           "sport": "source_port", "saddr": "source"}  # fmt: skip
STATEMENTS = {
    "match": Rule._match,
    "vmap": Rule._vmap,
    "limit": Rule._limit,
    "ct count": Rule._count,
    "quota": Rule._quota,
    "set": Rule._set_change,
    "meter": Rule._meter,
    "mangle": Rule._mangle,
    "notrack": Rule._notrack,
    "reject": Rule._reject,
    "queue": Rule._queue,
    "fwd": Rule._forward,
    "synproxy": Rule._synproxy,
    "dnat": Rule._dnat,
    "redirect": Rule._redirect,
    "snat": Rule._snat,
    "masquerade": Rule._snat,
}


def _shares_bits(kind, right, value, context):
    """Whether value and right have a bit in common, as for flags and states."""
    if (isinstance(right, dict) and "set" in right) or (hasattr(right, "startswith") and right.startswith("@")):
        return values.covers(kind, right, value, context)
    mask = values.constant(kind, right)
    return None if value is None or mask is None else bool(value & mask)


def _differs(kind, right, value, context):
    if isinstance(right, list):
        return packets.negated(_shares_bits(kind, right, value, context))
    return packets.negated(values.covers(kind, right, value, context))


def _ordered(compare):
    def judge(kind, right, value, _context):
        number = values.constant(kind, right)
        if value is None or number is None:
            return None
        return value.compared(compare, number) if isinstance(value, packets.Interval) else compare(value, number)

    return judge


COMPARISONS = {
    "==": values.covers,
    "!=": _differs,
    "in": _shares_bits,
    "!": lambda kind, right, value, context: packets.negated(_shares_bits(kind, right, value, context)),
    "<": _ordered(lambda value, number: value < number),
    ">": _ordered(lambda value, number: value > number),
    "<=": _ordered(lambda value, number: value <= number),
    ">=": _ordered(lambda value, number: value >= number),
}


# --- from JSON to chains ---


def chains(document, world, asleep=()):
    """Every chain of a ruleset, with its rules, from the parsed JSON.

    ``asleep``: the tables, as (family, name), that are dormant, which not every nft tells.
    """
    entries = [next(iter(entry.items())) for entry in document.get("nftables", []) if isinstance(entry, dict) and entry]
    contexts, found = {}, collections.OrderedDict()
    for kind, content in entries:
        if kind in ("table", "metainfo"):
            continue
        place = (content.get("family"), content.get("table"))
        context = contexts.setdefault(place, Context({}, world))
        if kind in ("set", "map", "meter"):
            context.named[content["name"]] = content
        elif kind == "chain":
            found[place + (content["name"],)] = _chain(content, place in asleep)
    siblings = {}
    for (family, table, name), chain in found.items():
        chain.siblings = siblings.setdefault((family, table), {})
        chain.siblings[name] = chain
    for kind, content in entries:
        if kind == "rule":
            place = (content.get("family"), content.get("table"))
            chain = found.get(place + (content.get("chain"),))
            if chain is not None:
                chain.rules.append(Rule(content, contexts[place]))
    return list(found.values())


def _listed(content, key):
    value = content.get(key) or []
    return value if isinstance(value, list) else [value]


def _chain(content, asleep):
    chain = Chain(BACKEND, content["family"], content["table"], content["name"])
    if "hook" in content and not asleep:
        chain.hook, chain.kind = content["hook"], content.get("type", "filter")
        if chain.family == "bridge":
            chain.hook = "bridge " + chain.hook
        chain.policy = content.get("policy", "accept")
        priority = content.get("prio", 0)
        chain.priority = PRIORITIES.get(priority, 0) if hasattr(priority, "splitlines") else priority
        chain.devices = _listed(content, "dev") or None
    return chain
