# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a packet through hooks, chains and rules: what ends it, and what nobody can tell."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.packet import CT_STATES, PROTOCOLS, TCP_FLAGS

DEPTH_LIMIT = 64
# Where connection tracking and address translation sit among the base chains.
TRACKING, TRANSLATION_IN, TRANSLATION_OUT = -200, -100, 100
FAMILIES = {"ip": (4,), "ip6": (6,), "inet": (4, 6), "netdev": (4, 6), "bridge": (4, 6)}
# Where the packets of a bridge pass its port, on their way in and out. The hooks of a bridge have names of their own.
PORT_IN, PORT_OUT = (
    ("ingress", "bridge prerouting", "bridge input"),
    ("bridge output", "bridge postrouting", "egress"),
)
BLOCKING = ("drop", "reject")
# In the JSON of nft, and in what iptables saves.
DATA_WORDS = ('"length"', '"psh"', "--length ", "--string ", "PSH")
ACCEPTED = "accept"


class Chain(object):
    """A chain of any backend. ``hook`` is None for one that is only jumped to."""

    def __init__(self, backend, family, table, name, hook=None, priority=None, kind="filter", policy="accept"):
        self.backend, self.family, self.table, self.name = backend, family, table, name
        self.hook, self.priority, self.kind, self.policy = hook, priority, kind, policy
        self.devices = None
        self.rules = []
        # Name -> Chain, of all chains in the same table.
        self.siblings = {}

    def sees(self, packet, hook):
        """Whether a packet at this hook passes this base chain; None for an unknown interface."""
        if self.hook != hook or packet.version not in FAMILIES.get(self.family, ()):
            return False
        if self.devices is None:
            return True
        device = packet.input if hook == "ingress" else packet.output
        return None if device is None else device in self.devices

    def order(self):
        """Chains of type nat are all called where address translation is hooked in."""
        if self.kind != "nat":
            return (self.priority, 0)
        return (TRANSLATION_IN if self.hook in ("prerouting", "output") else TRANSLATION_OUT, self.priority)


class End(object):
    """One way in which a packet can leave a base chain. ``doubt``: (chain, rule, reason) that nobody can judge."""

    def __init__(self, kind, chain, rule, path, doubt=None, reject_with=None, notes=()):
        self.kind, self.chain, self.rule, self.path = kind, chain, rule, path
        self.doubt, self.reject_with = doubt, reject_with
        # The chains that the packet has been through before, also those that it has come out of again.
        self.visited = []
        # What the rules on the path say of the packet's addresses.
        self.notes = dict(notes, **(rule.notes if rule is not None else {}))

    def key(self):
        return key_of(self.chain, self.rule)


def key_of(chain, rule):
    """What tells a rule, or the policy of a chain, apart from every other."""
    return (chain.backend, chain.family, chain.table, chain.name, rule.number if rule is not None else None)


class Walk(object):
    """One packet on its way through one base chain."""

    def __init__(self, packet, skipped):
        self.packet, self.skipped = packet, skipped
        self.ends = []
        self.doubts = []
        self.visited = []

    def through(self, base):
        """All the ends that the packet can find in a base chain."""
        if self._chain(base, [], None, {}):
            policy = ACCEPTED if key_of(base, None) in self.skipped else base.policy
            self._end(policy, base, None, [base.name])
        return self.ends

    def _end(self, *what):
        self.ends.append(End(*what))
        self.ends[-1].visited = list(self.visited)

    def _chain(self, chain, path, doubt, notes):
        """Walk a chain; return whether the packet may come out at its end."""
        path = path + [chain.name]
        self.visited.append(chain.name)
        leaves = False
        for rule in chain.rules:
            if key_of(chain, rule) in self.skipped:
                continue
            translated = self.packet.translated
            matched, verdict, reason = rule.run(self.packet, doubt is None)
            if self.packet.translated and not translated:
                self.packet.translated_by = End("redirect", chain, rule, path, notes=notes)
            if matched is False or verdict is None:
                continue
            here = doubt
            if matched is None:
                self.doubts.append((chain, rule, reason))
                here = doubt or self.doubts[-1]
            kind, target = verdict
            if kind == "return":
                goes_on = True
            elif kind in ("jump", "goto"):
                goes_on = self._jump(chain, rule, target, path, here, notes)
                if kind == "jump" and goes_on:
                    continue
            else:
                if kind == "unknown":
                    here = here or (chain, rule, target)
                self._end(kind, chain, rule, path, here, target if kind == "reject" else None, notes)
                goes_on = False
            leaves = leaves or goes_on
            if matched is True:
                return leaves
        return True

    def _jump(self, chain, rule, target, path, doubt, notes):
        problem = "the chain %s is not known" % target if target not in chain.siblings else None
        problem = "more than %d jumps" % DEPTH_LIMIT if len(path) > DEPTH_LIMIT else problem
        if problem:
            self._end("unknown", chain, rule, path, (chain, rule, problem))
            return True
        return self._chain(chain.siblings[target], path, doubt, dict(notes, **rule.notes))


class Fate(object):
    """What becomes of one packet: verdict, the end that decided, why it is unknown, what it could be instead."""

    def __init__(self, verdict, end=None, reason=None, alternatives=()):
        self.verdict, self.end, self.reason = verdict, end, reason
        self.alternatives = sorted(set(alternatives))


def through_base_chain(chain, packet, skipped):
    """The fate of a packet in one base chain."""
    walk = Walk(packet, skipped)
    ends = walk.through(chain)
    blocking = [end for end in ends if end.kind in BLOCKING]
    unknown = [end for end in ends if end.kind == "unknown"]
    if not blocking and not unknown:
        return Fate(ACCEPTED)
    if len(blocking) == len(ends):
        decisive = next((end for end in blocking if end.doubt is None), blocking[-1])
        others = [end.kind for end in blocking if (end.kind, end.reject_with) != (decisive.kind, decisive.reject_with)]
        return Fate(decisive.kind, decisive, alternatives=others)
    doubt = next((end.doubt for end in unknown + ends if end.doubt), None) or walk.doubts[0]
    named = End("unknown", doubt[0], doubt[1], [chain.name], doubt)
    return Fate("unknown", named, doubt[2], [end.kind for end in blocking])


def through_hook(chains, hook, packet, skipped):
    """The fate of a packet at one hook, through its base chains: by their priority, of the same one the newest first.

    Of several tables only the kernel knows which chain is the newest, so the other order has to come to the same.
    """
    oldest_first = [chain for chain in chains if chain.sees(packet, hook) is not False]
    at_hook = list(reversed(oldest_first))
    other_packet, other = packet.copy(), None
    if _tables_at_once(at_hook):
        other = _through_in_order(sorted(oldest_first, key=Chain.order), hook, other_packet, skipped)
    fate = _through_in_order(sorted(at_hook, key=Chain.order), hook, packet, skipped)
    return fate if other is None else _either(fate, other, packet, other_packet)


def _through_in_order(at_hook, hook, packet, skipped):
    fates = []
    for chain in at_hook:
        _track(packet, hook, chain.order()[0])
        if chain.kind == "nat" and not _translates(packet):
            continue
        fate = through_base_chain(chain, packet, skipped)
        if fate.verdict in BLOCKING and chain.sees(packet, hook) is None:
            fate = Fate("unknown", fate.end, "the interface is not known", [fate.verdict])
        fates.append(fate)
        if fate.verdict in BLOCKING:
            break
    _track(packet, hook, TRANSLATION_OUT)
    return combined(fates)


def _tables_at_once(chains):
    """Whether chains of several tables have the same priority."""
    tables = {}
    for chain in chains:
        tables.setdefault(chain.order(), set()).add((chain.backend, chain.family, chain.table))
    return any(len(found) > 1 for found in tables.values())


def _either(fate, other, packet, other_packet):
    """One fate of two that the packet may have, and a packet that is known as far as both agree."""
    for name in ("mark", "connection_mark", "destination", "destination_port"):
        if getattr(packet, name) != getattr(other_packet, name):
            setattr(packet, name, None)
    if fate.verdict == other.verdict and (fate.end is None or fate.end.reject_with == other.end.reject_with):
        return fate
    if fate.verdict in BLOCKING and other.verdict in BLOCKING:
        return Fate(fate.verdict, fate.end, None, fate.alternatives + other.alternatives + [other.verdict])
    if "unknown" in (fate.verdict, other.verdict):
        return fate if fate.verdict == "unknown" else other
    blocked = fate if fate.verdict in BLOCKING else other
    reason = "chains of several tables have the same priority, and which of them comes first is not known"
    return Fate("unknown", blocked.end, reason, [blocked.verdict])


def combined(fates):
    """One fate for a packet that passes one place after the other: a block further on settles what was in doubt."""
    doubtful = next((fate for fate in fates if fate.verdict == "unknown"), None)
    blocked = next((fate for fate in fates if fate.verdict in BLOCKING), None)
    if blocked is None:
        return doubtful or Fate(ACCEPTED)
    others = [kind for fate in fates if fate is not blocked for kind in fate.alternatives]
    return Fate(blocked.verdict, blocked.end, None, blocked.alternatives + others)


def through_hooks(chains, hooks, packet, skipped):
    fates = []
    for hook in hooks:
        fates.append(through_hook(chains, hook, packet, skipped))
        if fates[-1].verdict in BLOCKING:
            break
    return combined(fates)


def _track(packet, hook, priority):
    """Connection tracking sees a packet that comes in or goes out, before the chains behind it."""
    if hook in ("prerouting", "output", "bridge prerouting") and priority >= TRACKING and not packet.untracked:
        packet.tracked = True
    if hook == "prerouting" and priority > TRANSLATION_IN and packet.known_translation:
        packet.translate(*packet.known_translation)
        packet.known_translation = None


def _translates(packet):
    """Only the first packet of a connection asks the chains of type nat, and the first answer holds."""
    new = packet.tracked and not packet.untracked and packet.connection_state == CT_STATES["new"]
    return new and not packet.translated


def arrival(chains, packet, world, skipped):
    """The fate of a packet that comes in for this host."""
    fates = [_at_port(chains, PORT_IN, packet, "input", world, skipped)]
    if fates[0].verdict not in BLOCKING:
        fates = [combined(fates + [through_hook(chains, "ingress", packet, skipped)])]
    if fates[0].verdict in BLOCKING:
        return fates[0]
    fates.append(through_hook(chains, "prerouting", packet, skipped))
    if fates[1].verdict not in BLOCKING:
        here = packet.destination is None or world.is_local(packet.destination)
        if not here:
            packet.output = world.interface_to(packet.destination)
        fates.append(through_hooks(chains, ("input",) if here else ("forward", "postrouting"), packet, skipped))
    fate = combined(fates)
    if fate.verdict == "reject" and _refusal_is_lost(chains, packet, fate.end.reject_with, world, skipped):
        fate.alternatives = sorted(set(fate.alternatives + ["drop"]))
    return fate


def _refusal_is_lost(chains, packet, reject_with, world, skipped):
    """Whether what says no to the client may not get out."""
    refusal = refusal_of(packet, reject_with, world.interface_to(packet.source))
    return departure(chains, refusal, world, skipped).verdict != ACCEPTED


def departure(chains, packet, world, skipped):
    """The fate of a packet that this host sends."""
    fate = through_hooks(chains, ("output", "postrouting", "egress"), packet, skipped)
    if fate.verdict in BLOCKING:
        return fate
    return combined([fate, _at_port(chains, PORT_OUT, packet, "output", world, skipped)])


def _at_port(chains, hooks, packet, side, world, skipped):
    """The fate of a packet at the port of its bridge, where the filters see the port in the place of the bridge.

    ``side``: input or output.
    """
    bridge = getattr(packet, side)
    filtered = any(chain.hook in hooks for chain in chains)
    port = world.bridge_port(bridge) if bridge and filtered else ""
    if port == "":
        return Fate(ACCEPTED)
    frame = packet.copy()
    setattr(frame, side, port)
    frame.bridge = bridge
    fate = through_hooks(chains, hooks, frame, skipped)
    packet.mark, packet.added = frame.mark, frame.added
    return fate


def reply_to(packet, interface):
    """The answer to a first packet, as the host sends it."""
    reply = packet.copy()
    reply.source, reply.destination = packet.destination, packet.source
    reply.source_port, reply.destination_port = packet.destination_port, packet.source_port
    reply.flags = TCP_FLAGS["syn"] | TCP_FLAGS["ack"]
    reply.input, reply.output = "", interface
    reply.mark, reply.tracked = 0, False
    reply.untracked = False
    # What answers a packet that was not tracked belongs to no connection.
    reply.connection_state, reply.direction = CT_STATES["invalid" if packet.untracked else "established"], 1
    return reply


def speaks_of_data(text):
    """Whether a ruleset tells packets with data, or large ones, from those of the handshake."""
    return any(word in text for word in DATA_WORDS)


def refusal_of(packet, reject_with, interface):
    """What the host sends to say no: it has to pass the filters as well, and is of the same connection."""
    refusal = reply_to(packet, interface)
    refusal.connection_state = CT_STATES["related"]
    refusal.flags = TCP_FLAGS["rst"] | TCP_FLAGS["ack"]
    if "tcp" not in reject_with:
        refusal.protocol = PROTOCOLS["ipv6-icmp" if packet.version == 6 else "icmp"]
        refusal.source_port = refusal.destination_port = None
    return refusal


def following(first, arrived):
    """The client's second packet: like the first, of a connection that is known by now."""
    packet = first.copy()
    packet.flags = TCP_FLAGS["ack"]
    # The first packet that is tracked begins a connection, though it is not the first one.
    packet.connection_state = CT_STATES["new" if arrived.untracked else "established"]
    packet.connection_mark = arrived.connection_mark
    packet.connection_status = arrived.connection_status
    packet.added = list(arrived.added)
    if arrived.translated:
        packet.known_translation = (arrived.destination, arrived.destination_port)
    return packet
