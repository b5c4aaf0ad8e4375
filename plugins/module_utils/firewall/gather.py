# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section firewall: what the packet filters do with the login, and which rule does it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import banners, conntrack, host, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import manager, rulesets, units, walk
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.packet import CT_STATES, Packet
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.world import World

ZONE = re.compile(r"filter_IN_(?!policy_)(.+?)(?:_(?:pre|log|deny|allow|post))?$")
BLOCKERS_LIMIT = 8
SUSPECTS_LIMIT = 4
TEXT_LIMIT = 1000
DEEDS = {
    "drop": "drops %s of",
    "reject": "rejects %s of",
    "redirect": "redirects %s of",
    "unknown": "cannot be judged from here and is all that can block %s of",
}
STOPPED = {
    "arrival": "the first packet",
    "reply": "the answer",
    "established": "the client's second packet",
    "data": "the first packets with data",
}
UNKNOWN_CLIENT = "it is not known who tries to log in"


def gather(login):
    """Look at the packet filters for a login attempt: {port, addresses, user, clients}."""
    world = World()
    chains, backends, problems = rulesets.load(world)
    if problems and not host.is_root():
        return {"status": "unchecked", "reason": problems[0]}
    loaded = {name: any(backend["name"] == name and backend["rules"] for backend in backends) for name in FLAVOURS}
    loaded["iptables"] = loaded.pop("iptables-nft")
    loaded["ufw"] = any((chain.name or "").startswith("ufw") for chain in chains)
    evidence = {"status": "ok", "missing": {}, "backends": backends, "conntrack": conntrack.state()}
    evidence.update(manager.gather(loaded))
    evidence["login"] = judge_login(chains + units.chains(login["port"]), world, login)
    if evidence["login"]["judged"] is None:
        evidence["missing"]["login.judged"] = evidence["login"]["reason"]
    return evidence


FLAVOURS = (rulesets.NFT, rulesets.NFT_IPTABLES, rulesets.LEGACY)


def judge_login(chains, world, login):
    """The fate of the first client's login attempt, or of the packet that was asked for instead."""
    wanted = login.get("packet") or {}
    client = wanted.get("source") or (login["clients"] or [None])[0]
    if client is None:
        return dict(_answer("unknown", UNKNOWN_CLIENT), packet=None, judged=None, obstacle=None, too_big=None)
    packet = {
        "protocol": wanted.get("protocol") or "tcp",
        "source": client,
        "destination": wanted.get("destination") or _own_destination(client, login["addresses"], world),
        "port": login["port"],
        "interface": wanted.get("interface"),
    }
    answer = judge(chains, world, packet)
    diverted = diversion(answer, world)
    answer["blockers"] += [diverted] if diverted else []
    # Where there is neither a verdict nor one rule to name, nobody could look.
    answer["judged"] = True if answer["verdict"] != "unknown" or answer["blockers"] or answer["suspect"] else None
    # Bans are told apart: whoever lifts a ban does not open a port.
    rules = [blocker for blocker in answer["blockers"] if blocker["ban"] is None]
    answer["obstacle"] = rules[0] if rules else None
    answer["too_big"] = news_of_size(chains, answer["packet"])
    return answer


def news_of_size(chains, packet):
    """The fate of what a router on the way says when the host's packets are too big for it: {verdict, rule, place}.

    The ICMP message comes from any address and belongs to the connection. Its type is what no rule can be asked for
    here, so that a rule for one type gives 'unknown'.
    """
    version6 = ":" in packet["source"]
    message = Packet("ipv6-icmp" if version6 else "icmp", None, packet["destination"], None, None, packet["interface"])
    message.version = 6 if version6 else 4
    message.connection_state = CT_STATES["related"]
    fate = walk.through_hooks(chains, ("ingress", "prerouting", "input"), message, set())
    found = {"verdict": fate.verdict, "rule": None, "place": None}
    if fate.end is not None:
        obstacle = _obstacle("arrival", fate.end)
        found.update(rule=obstacle["text"], place=obstacle["place"])
    return found


def _own_destination(client, addresses, world):
    """The tried address that is this host's own; behind address translation it is not known which one is meant."""
    same_family = [address for address in addresses if (":" in address) == (":" in client)]
    return next((address for address in same_family if world.is_local(address)), None)


def verdict(packet):
    """The fate of a new TCP or UDP connection's first packet by the rulesets of this network namespace.

    ``packet``: {protocol, source, destination, port, interface}; interface and destination may be None.
    The answer says which rule decides, and ``blockers`` lists what would block if those before were gone.
    """
    return verdicts([packet])[0]


def verdicts(packets):
    """The same of several packets to one port, by rulesets that are read once."""
    world = World()
    chains, _backends, _problems = rulesets.load(world)
    chains += units.chains(packets[0]["port"])
    return [judge(chains, world, packet) for packet in packets]


def judge(chains, world, packet):
    """The fate of a connection by these chains, by each interface that its packets may come in by."""
    if packet["interface"]:
        return _judge(chains, world, packet)
    ways = world.ways_in(packet["source"], packet["destination"])
    answers = [_judge(chains, world, dict(packet, interface=way)) for way in ways]
    return answers[0] if len(answers) == 1 else _agreed(*answers)


def _agreed(answer, other):
    """One answer of two for a packet that may come in by either of two interfaces."""
    if answer["blockers"] and other["blockers"]:
        common = [blocker for blocker in answer["blockers"] if blocker in other["blockers"]]
        more = [blocker for blocker in other["blockers"] if blocker not in common]
        answer = other if common and answer["blockers"][0] not in common else answer
        kinds = set(answer["alternatives"]) | set(other["alternatives"]) | {other["verdict"]}
        return dict(
            answer, alternatives=sorted(kinds - {answer["verdict"]}), blockers=common or answer["blockers"] + more
        )
    blocked = next((each for each in (answer, other) if each["blockers"]), None)
    if blocked is None:
        return answer if answer["verdict"] == "unknown" else other if other["verdict"] == "unknown" else answer
    told = "it is not known whether the packets come in by %s or by %s"
    reason = told % (answer["packet"]["interface"], other["packet"]["interface"])
    doubtful = [
        dict(each, verdict="unknown", does=DEEDS["unknown"] % STOPPED[each["stage"]]) for each in blocked["blockers"]
    ]
    suspects = doubtful + answer["suspects"]
    suspects += [each for each in other["suspects"] if each not in suspects]
    return dict(
        blocked,
        verdict="unknown",
        alternatives=[blocked["verdict"]],
        reason="%s cannot be judged: %s" % (blocked["rule"]["text"], reason),
        blockers=[],
        suspects=suspects[:SUSPECTS_LIMIT],
        suspect=suspects[0],
    )


def _judge(chains, world, packet):
    """The fate of a connection: the client's first packet, the answer, the client's second packet."""
    blockers, skipped, answer = [], set(), None
    while len(blockers) < BLOCKERS_LIMIT:
        stage, fate, arrived = _first_obstacle(chains, world, packet, skipped)
        answer = answer or _told(stage, fate, arrived, packet)
        if fate.verdict not in walk.BLOCKING:
            answer["suspects"] = _suspects(chains, world, packet, skipped, (stage, fate))
            answer["suspect"] = (answer["suspects"] or [None])[0]
            break
        blockers.append(_obstacle(stage, fate.end))
        skipped.add(fate.end.key())
    answer["blockers"] = blockers
    return dict(answer, packet=packet)


def _suspects(chains, world, packet, skipped, found):
    """The rules that nobody can judge and that may block, one behind another as far as nothing else is certain."""
    suspects, skipped = [], set(skipped)
    stage, fate = found
    while fate.verdict == "unknown" and fate.alternatives and len(suspects) < SUSPECTS_LIMIT:
        suspects.append(_obstacle(stage, fate.end))
        skipped.add(fate.end.key())
        stage, fate, _arrived = _first_obstacle(chains, world, packet, skipped)
    return suspects


def diversion(answer, world):
    """The rule that leads the connection to where nobody waits, as one more obstacle, or None."""
    target, rule = answer["translated_to"], answer.pop("translated_by")
    if target is None or target["port"] is None:
        return None
    target["local"] = target["address"] is None or world.is_local(target["address"])
    if (target["address"] or "").startswith("127.") and not world.routes_to_loopback(answer["packet"]["interface"]):
        target["local"] = False  # what comes from outside may not go there
    entries, error, _hidden = sockets.listening()
    waiting = [entry for entry in entries if entry["protocol"] == "tcp" and entry["port"] == target["port"]]
    target["listens"] = None if error or not target["local"] else bool(waiting)
    return rule if target["listens"] is False or not target["local"] else None


def _first_obstacle(chains, world, packet, skipped):
    """(stage, fate, the packet as it arrived): the first packet of the handshake that does not pass."""
    first = Packet(
        packet["protocol"], packet["source"], packet["destination"], None, packet["port"], packet["interface"]
    )
    arrived = first.copy()
    fates = [("arrival", walk.arrival(chains, arrived, world, skipped))]
    handshake = packet["protocol"] == "tcp" and (arrived.destination is None or world.is_local(arrived.destination))
    if fates[0][1].verdict not in walk.BLOCKING and handshake:
        way_back = world.interface_to(packet["source"])
        reply = walk.reply_to(arrived, way_back)
        fates.append(("reply", walk.departure(chains, reply, world, skipped)))
        second = walk.following(first, arrived)
        fates.append(("established", walk.arrival(chains, second.copy(), world, skipped)))
        if world.reads_data and not arrived.untracked:
            fates.append(("data", walk.arrival(chains, second.with_data(), world, skipped)))
            fates.append(("data", walk.departure(chains, reply.with_data(), world, skipped)))
    for wanted in (walk.BLOCKING, ("unknown",)):
        for stage, fate in fates:
            if fate.verdict in wanted:
                return stage, fate, arrived
    return None, fates[0][1], arrived


def _told(stage, fate, arrived, packet):
    answer = _answer(fate.verdict, fate.reason)
    answer["stage"] = stage
    answer["alternatives"] = [kind for kind in fate.alternatives if kind != fate.verdict]
    if fate.end is not None:
        answer["rule"], answer["path"] = _rule(fate.end), fate.end.path
        # Where another rule may reject first, nobody knows with what.
        answer["reject_with"] = fate.end.reject_with if "reject" not in fate.alternatives else None
    if answer["reason"] and fate.end is not None and fate.end.rule is not None:
        answer["reason"] = "%s cannot be judged: %s" % (answer["rule"]["text"], fate.reason)
    if arrived.translated and (arrived.destination, arrived.destination_port) != (
        packet["destination"],
        packet["port"],
    ):
        answer["translated_to"] = {"address": arrived.destination, "port": arrived.destination_port}
        answer["translated_by"] = _obstacle("arrival", arrived.translated_by)
    return answer


def _answer(verdict_word, reason=None):
    return {
        "verdict": verdict_word,
        "reject_with": None,
        "reason": reason,
        "stage": None,
        "rule": None,
        "path": [],
        "alternatives": [],
        "translated_to": None,
        "translated_by": None,
        "blockers": [],
        # Rules that nobody can judge, and that may block; the first of them.
        "suspects": [],
        "suspect": None,
    }


def _obstacle(stage, end):
    """One obstacle, with what tells a ban from a rule for everybody."""
    source = "daddr" if stage == "reply" else "saddr"
    found = {"stage": stage, "verdict": end.kind, "reject_with": end.reject_with, "path": end.path}
    found.update(_rule(end))
    found["by_source"] = bool(end.notes.get(source))
    found["set"] = end.notes.get("set")
    found["ban"] = ban_of(found)
    found["zone"] = _zone(end)
    found["place"] = _place(found)
    found["does"] = DEEDS[end.kind] % STOPPED[stage]
    return found


def _zone(end):
    """The zone of firewalld that the packet is in, by the names that firewalld gives its chains."""
    if end.chain.table != "firewalld":
        return None
    zones = [ZONE.match(name or "") for name in end.visited]
    return next((zone.group(1) for zone in reversed(zones) if zone), None)


def _place(blocker):
    """Where to find a rule, in words."""
    parts = [blocker["backend"]]
    if blocker["table"]:
        parts.append("table %s %s" % (blocker["family"], blocker["table"]))
        parts.append("chain %s" % " > ".join(blocker["path"]))
    if blocker["line"]:
        parts.append("line %d" % blocker["line"])
    elif blocker["handle"]:
        parts.append("handle %d" % blocker["handle"])
    if blocker["zone"]:
        parts.append("zone %s" % blocker["zone"])
    return ", ".join(parts)


def ban_of(blocker):
    """Whose ban a blocking rule is, by the names that the banners use: {by, jail}, or None."""
    names = [blocker["set"]] + blocker["path"][::-1] + [blocker["table"]]
    return next((whose for whose in map(banners.owner, names) if whose), None)


# --- how a rule is told ---


def _rule(end):
    chain, rule = end.chain, end.rule
    told = {"backend": chain.backend, "family": chain.family, "table": chain.table, "chain": chain.name}
    told["handle"] = rule.handle if rule is not None else None
    told["line"] = rule.line if rule is not None else None
    told["text"] = _text(chain, rule)[:TEXT_LIMIT]
    return told


def _text(chain, rule):
    """The rule as its own program writes it."""
    if rule is None:
        if chain.backend == rulesets.NFT:
            return "policy %s" % chain.policy
        return "-P %s %s" % (chain.name, chain.policy.upper())
    if rule.text is None:
        rule.text = _nft_text(chain, rule)
    return rule.text


def _nft_text(chain, rule):
    """What nft prints for a rule: its JSON has everything but that."""
    place = ["list", "chain", chain.family, chain.table, chain.name]
    listed = host.run(["nft", "-a", "-t"] + place, timeout=20, limit=rulesets.LIMIT_BYTES)
    if listed.rc != 0:  # an old nft cannot leave the elements of sets out
        listed = host.run(["nft", "-a"] + place, timeout=20, limit=rulesets.LIMIT_BYTES)
    mark = "# handle %s" % rule.handle
    for line in listed.out.splitlines():
        if line.endswith(mark):
            return line[: -len(mark)].strip()
    return "rule with handle %s" % rule.handle
