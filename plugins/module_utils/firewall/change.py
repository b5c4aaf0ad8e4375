# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a port, or take that back: look at what blocks, change it there, look again; all of it or nothing."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os

from ansible_collections.rescue.remote_login.plugins.module_utils import host, routing, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import boot, gather, manager, rulesets
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import source as sources
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.change_firewalld import (
    ZONE_CHAIN,
    Firewalld,
    is_last_reject,
    told,
    version_of,
)
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.change_iptables import SAVED, Iptables
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.change_nft import Nft
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.change_ufw import Ufw
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.steps import (
    FILE_LIMIT_BYTES,
    MARK,
    CannotChange,
    carry_out,
    reason_of,
    take_back,
)

# Several rules can block one behind the other.
ROUNDS = 8
FLAVOURS = (rulesets.NFT_IPTABLES, rulesets.LEGACY)


class Request(object):
    """What is asked for. ``addresses``: those that people connect to; behind address translation not the host's own."""

    def __init__(self, port, protocol, sources, permanent=True, zone=None, addresses=(), unbanned=False):
        self.unbanned = unbanned
        self.port, self.protocol, self.sources = port, protocol, sources
        self.permanent, self.zone, self.addresses = permanent, zone, addresses

    def comment(self, source):
        """What marks a rule as made for this request."""
        return "%s %d/%s from %s" % (MARK, self.port, self.protocol, source.words)

    def packet(self, source, sample=None):
        """The first packet of a connection from a source, or from one address of it."""
        own = sockets.own_addresses()
        sample = sample or self._sample(source, own)
        way = routing.to(sample)
        tried = [address for address in self.addresses if (":" in address) == (source.family == "ipv6")]
        destination = next((address for address in tried if address in own), None)
        return {
            "protocol": self.protocol,
            "source": sample,
            "destination": destination or way["source"],
            "port": self.port,
            "interface": way["interface"],
        }

    @staticmethod
    def _sample(source, own):
        """Whose packet is tried: where no way leads to the rest of the world, that of a neighbour."""
        if not source.everybody or routing.to(source.sample)["error"] is None:
            return source.sample
        same = [address for address in own if (":" in address) == (source.family == "ipv6")]
        outer = [address for address in same if not sockets.is_loopback(address) and not address.startswith("fe80:")]
        return sources.neighbour(outer[0]) if outer else source.sample


class Change(object):
    """One change: what is planned, what was done, and what is to be told of it."""

    def __init__(self, request, move=os.rename):
        self.request, self.move = request, move
        self.done, self.notes = [], []
        self.managers = {"in_charge": None, "managers": []}
        self.tools = {}

    def look(self):
        """Find out who is in charge; refuse what cannot be done here."""
        if not host.is_root():
            raise CannotChange("changing a packet filter needs root")
        sample = self.request.sources[0].sample
        login = {"port": self.request.port, "addresses": [], "user": "root", "clients": [sample]}
        found = gather.gather(login)
        if found.get("status") != "ok" or not found.get("in_charge"):
            found = manager.gather({})
        self.managers = {key: found[key] for key in ("in_charge", "managers")}
        if self.request.zone is not None and not self._active("firewalld"):
            raise CannotChange("zone is for firewalld, and here %s is in charge" % words_for(self.in_charge))

    @property
    def in_charge(self):
        return self.managers["in_charge"]

    def _active(self, name):
        return any(entry["active"] for entry in self.managers["managers"] if entry["name"] == name)

    def _tool(self, kind, *arguments):
        """The one that knows a packet filter; what it has read holds until something is changed."""
        key = (kind.__name__,) + arguments
        if key not in self.tools:
            self.tools[key] = kind(self.request, *arguments)
        return self.tools[key]

    # --- opening ---

    def open(self, only_look):
        """Open the port for every source; returns the verdicts before and after."""
        before = [self.verdict(source) for source in self.request.sources]
        planned = [self._steps_to_open(source, verdict) for source, verdict in zip(self.request.sources, before)]
        if only_look:
            self.done = [step for steps in planned for step in steps]
            return before, None
        try:
            after = [self._open_for(source) for source in self.request.sources]
        except Exception as reason:
            raise CannotChange(reason_of(reason), left=getattr(reason, "left", []) + take_back(self.done))
        return before, after

    def _open_for(self, source):
        tried = set()
        for _round in range(ROUNDS):
            verdict = self.verdict(source)
            steps = self._steps_to_open(source, verdict)
            words = tuple(step.words for step in steps)
            if not steps or words in tried:
                break
            tried.add(words)
            carry_out(steps)
            self.done.extend(steps)
            self.tools = {}
        if verdict["verdict"] in ("drop", "reject"):
            again = "opened, but still" if tried else "it is"
            raise CannotChange("%s blocked by %s" % (again, told(verdict["blockers"][0])))
        self._check_boot(source, verdict["packets"])
        return verdict

    def verdict(self, source):
        """What becomes of a source's packets: of a network the worst that happens to one of those that are tried."""
        try:
            packets = self._packets(source)
            found = gather.verdicts(packets)
        except Exception as error:
            packets = [self.request.packet(source)]
            found = [{"verdict": "unknown", "reason": reason_of(error)}]
        found = [dict(verdict, packet=packet) for verdict, packet in zip(found, packets)]
        return dict(worst(self._but_for_bans(found)), packets=packets)

    def _packets(self, source):
        if source.everybody:
            return [self.request.packet(source)]
        return [self.request.packet(source, sample) for sample in sources.samples(source, self._rules_text(source))]

    def _rules_text(self, source):
        """What is loaded, for the addresses of a network that it names."""
        if "/" not in source.text:
            return ""
        tool = self._iptables(rulesets.LEGACY, source.family)
        legacy = "\n".join(rule[2] for rule in tool.rules()) if tool else ""
        return legacy + (listing() if has_nft() else "")

    def _but_for_bans(self, verdicts):
        """The verdicts without bans, where those are about to be lifted or keep out but some of a network."""
        unbanned = [without_bans(verdict) for verdict in verdicts]
        banned = [had["packet"]["source"] for had, has in zip(verdicts, unbanned) if had is not has]
        if not self.request.unbanned and len(banned) == len(verdicts):
            return verdicts
        if banned and not self.request.unbanned:
            self._note("banned, which no open port undoes: %s" % ", ".join(banned))
        return unbanned

    def _steps_to_open(self, source, verdict):
        """The steps of one round: one rule in each base chain that blocks, and what keeps it after a reboot."""
        blockers = blockers_of(verdict)
        for blocker in blockers:
            if blocker.get("ban"):
                ban = blocker["ban"]
                name = "%s (%s)" % (ban["by"], ban["jail"]) if ban.get("jail") else ban["by"]
                raise CannotChange("%s is banned by %s, which no open port undoes: the role unban_ip does. %s"
                                   % (source.words, name, told(blocker)))  # fmt: skip
        if verdict["verdict"] == "accept":
            steps = self._tool(Firewalld).keep(source, verdict) if self._active("firewalld") else []
            return unique(steps + self._steps_for_boot(source, verdict, {}))
        if not blockers:
            return self._steps_unseen(source, verdict)
        self._check_port(verdict)
        steps, owners = [], self._by_owner(first_in_each_chain(blockers))
        for owner, own in owners.items():
            steps += OPEN[owner[0]](self, source, verdict, own, *owner[1:])
        return unique(steps + self._steps_for_boot(source, verdict, owners))

    def _check_port(self, verdict):
        """Behind a translation the packets go to another port, and a rule for this one would not see them."""
        to = verdict.get("translated_to") or {}
        if to and to.get("port") != self.request.port:
            raise CannotChange("connections to port %d are sent on to %s port %s: open that one"
                               % (self.request.port, to.get("address"), to.get("port")))  # fmt: skip

    def _steps_unseen(self, source, verdict):
        """Nobody knows what the filter does: firewalld and ufw have places for a rule all the same."""
        if self._active("firewalld"):
            return self._tool(Firewalld).add(source, verdict)
        if self._active("ufw"):
            return self._tool(Ufw).add(source)
        raise CannotChange("what the packet filter does cannot be told: %s" % verdict.get("reason"))

    def _by_owner(self, blockers):
        owners = {}
        for blocker in blockers:
            owners.setdefault(self._owner(blocker), []).append(blocker)
        return owners

    def _owner(self, blocker):
        """Who has made a rule, and so has to change it."""
        chain = blocker["chain"] or ""
        by_nft = blocker["handle"] is not None and blocker["line"] is None
        if blocker["backend"] == rulesets.NFT or by_nft:
            return ("firewalld",) if blocker["table"] == "firewalld" else ("nft",)
        if self._active("firewalld") and (ZONE_CHAIN.match(chain) or is_last_reject(blocker)):
            return ("firewalld",)
        if self._active("firewalld") and self._tool(Firewalld).has_direct(blocker):
            return ("firewalld",)
        policy = blocker["line"] is None and blocker["table"] == "filter"
        if self._active("ufw") and (chain.startswith(("ufw-", "ufw6-")) or policy):
            return ("ufw",)
        if blocker["backend"] not in FLAVOURS:
            raise CannotChange("no port that is opened helps against %s" % told(blocker))
        return ("iptables", blocker["backend"], version_of(blocker))

    def _open_firewalld(self, source, verdict, blockers):
        tool = self._tool(Firewalld)
        if all(blocker["verdict"] == "unknown" for blocker in blockers):
            return tool.add(source, verdict)
        return tool.open(source, [dict(blocker, packet=verdict["packet"]) for blocker in blockers])

    def _open_ufw(self, source, _verdict, blockers):
        for blocker in blockers:
            if blocker["verdict"] == "unknown":
                continue
            if blocker["stage"] not in ("arrival", None) or "-before-" in blocker["chain"]:
                raise CannotChange("a file of ufw blocks it that its command does not write (/etc/ufw/before.rules or"
                                   " after.rules): %s" % told(blocker))  # fmt: skip
        return self._tool(Ufw).add(source)

    def _open_nft(self, source, _verdict, blockers):
        tool = self._tool(Nft)
        self._check_boot_of(("nftables",))
        return [step for blocker in blockers for step in tool.open(source, blocker)]

    def _open_iptables(self, source, _verdict, blockers, flavour, family):
        tool = self._tool(Iptables, flavour, family)
        self._check_boot_of(tuple(SAVED))
        return [step for blocker in blockers for step in tool.open(source, blocker)]

    # --- after a reboot ---

    def _steps_for_boot(self, source, verdict, owners):
        """The steps after which the port is open after a reboot as well; ``owners``: what blocks now, by its owner."""
        steps = []
        for entry in self._loaders():
            at_boot = self._verdict_at_boot(entry, verdict["packets"])
            blockers = first_in_each_chain((at_boot or {}).get("blockers", []))
            if entry["name"] == "ufw":
                steps += self._open_ufw_at_boot(source, blockers)
                continue
            if not blockers and (at_boot is None or at_boot["verdict"] == "unknown"):
                blockers = self._known_now(entry, source, owners)
                if not blockers and self.in_charge == entry["name"]:
                    reason = (at_boot or {}).get("reason") or "what %s loads cannot be tried out here" % entry["name"]
                    self._note("whether it is open after a reboot cannot be told: %s" % reason)
            steps += self._save(entry, source, blockers) if blockers else []
        return steps

    def _loaders(self):
        """Who loads rules at boot that can be looked up and changed here."""
        if not self.request.permanent:
            return []
        found = []
        for entry in self.managers["managers"]:
            loads = {"ufw": entry["active"], "nftables": entry["file"] and has_nft()}
            if entry["enabled"] and loads.get(entry["name"], entry["name"] in SAVED):
                found.append(entry)
        return found

    def _boot(self):
        return self.tools.setdefault("boot", boot.Boot())

    def _verdict_at_boot(self, entry, packets):
        try:
            found = [self._boot().verdict(entry, packet) for packet in packets]
        except Exception as error:
            return {"verdict": "unknown", "reason": reason_of(error)}
        # A ban that a file holds is its banner's, as one that is loaded.
        return worst([without_bans(verdict) for verdict in found]) if None not in found else None

    def _known_now(self, entry, source, owners):
        """What blocks now, or did before this opened it: all there is to go by where the boot cannot be judged."""
        name = "nft" if entry["name"] == "nftables" else "iptables"
        found = [blocker for owner, blockers in owners.items() if owner[0] == name for blocker in blockers]
        if name == "nft":
            return found + self._tool(Nft).behind_own(source)
        tools = [self._iptables(flavour, source.family) for flavour in FLAVOURS]
        return found + [blocker for tool in tools if tool for blocker in tool.behind_own(source)]

    def _save(self, entry, source, blockers):
        if entry["name"] == "nftables":
            return self._tool(Nft).save(source, blockers, entry["file"], self.move)
        tool = self._iptables(FLAVOURS[0], source.family) or self._iptables(FLAVOURS[1], source.family)
        return tool.save(source, blockers, SAVED[entry["name"]][source.family], self.move) if tool else []

    def _open_ufw_at_boot(self, source, blockers):
        try:
            return self._open_ufw(source, None, blockers) if blockers else []
        except CannotChange as reason:
            raise CannotChange("after a reboot it is blocked: %s" % reason)

    def _check_boot(self, source, packets):
        """What is still blocked after a reboot is not open."""
        for entry in self._loaders():
            found = self._verdict_at_boot(entry, packets)
            if found and found["verdict"] in ("drop", "reject"):
                raise CannotChange("open now, but after a reboot %s is blocked by %s"
                                   % (source.words, told(found["blockers"][0])))  # fmt: skip

    def _check_boot_of(self, names):
        """Whether what blocks is loaded again at boot by something known; a note where it is by nothing known."""
        if not self.request.permanent:
            return
        others = [entry for entry in self.managers["managers"] if entry["name"] in manager.OTHERS and entry["enabled"]]
        if others:
            raise CannotChange("%s writes the rules at boot from its own files, which are not changed here: add the"
                               " port there, or use permanent: false" % others[0]["name"])  # fmt: skip
        if not any(entry["name"] in names and entry["enabled"] for entry in self.managers["managers"]):
            self._note("no service that is known loads this ruleset at boot, so neither what blocks nor what opens"
                       " is there after a reboot")  # fmt: skip

    def _note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    # --- closing ---

    def close(self, only_look):
        """Take back what was added for every source."""
        planned = [self._steps_to_close(source) for source in self.request.sources]
        if only_look:
            self.done = unique([step for steps in planned for step in steps])
            return
        try:
            for source in self.request.sources:
                self.tools = {}
                steps = self._steps_to_close(source)
                carry_out(steps)
                self.done.extend(steps)
        except Exception as reason:
            raise CannotChange(reason_of(reason), left=getattr(reason, "left", []) + take_back(self.done))

    def _steps_to_close(self, source):
        steps = []
        if self._active("firewalld"):
            steps += self._tool(Firewalld).close(source)
        if self._active("ufw") and self.request.permanent:
            steps += self._tool(Ufw).close(source)
        if has_nft():
            steps += self._tool(Nft).close(source)
        for flavour in FLAVOURS:
            tool = self._iptables(flavour, source.family)
            steps += tool.close(source) if tool else []
        return steps + (self._steps_to_forget(source) if self.request.permanent else [])

    def _steps_to_forget(self, source):
        steps = []
        for entry in self.managers["managers"]:
            if entry["name"] == "nftables" and entry["file"]:
                steps += self._tool(Nft).forget(source, entry["file"], self.move)
            elif entry["name"] in SAVED:
                tool = self._iptables(FLAVOURS[0], source.family) or self._iptables(FLAVOURS[1], source.family)
                path = SAVED[entry["name"]][source.family]
                steps += tool.forget(source, path, self.move) if tool else []
        return steps

    def _iptables(self, flavour, family):
        """The iptables of a flavour, or None where it is not there or has no rules."""
        tables = "ip6_tables_names" if family == "ipv6" else "ip_tables_names"
        legacy = flavour.endswith("legacy")
        # Asking would make the kernel load the module.
        there = host.read("/proc/net/" + tables).text.strip() if legacy else nf_tables_loaded()
        if not there:
            return None
        try:
            return self._tool(Iptables, flavour, family)
        except CannotChange:
            return None


OPEN = {
    "firewalld": Change._open_firewalld,
    "ufw": Change._open_ufw,
    "nft": Change._open_nft,
    "iptables": Change._open_iptables,
}


def listing():
    return host.run(["nft", "list", "ruleset"], timeout=60, limit=FILE_LIMIT_BYTES).out


def worst(verdicts):
    """The first verdict that blocks, else the first that leaves it open, else the first."""
    order = {"drop": 0, "reject": 0, "unknown": 1}
    return min(verdicts, key=lambda verdict: order.get(verdict["verdict"], 2))


def without_bans(verdict):
    """The verdict as it will be once every ban is lifted."""
    left = [blocker for blocker in verdict.get("blockers", []) if not blocker.get("ban")]
    if len(left) == len(verdict.get("blockers", [])):
        return verdict
    first = left[0] if left else {"verdict": "accept", "stage": None, "reject_with": None}
    return dict(verdict, blockers=left, **{key: first[key] for key in ("verdict", "stage", "reject_with")})


def blockers_of(verdict):
    """All rules that block; one that nobody can judge counts as one that may."""
    blockers = verdict.get("blockers") or []
    doubtful = verdict.get("rule") or {}
    if MARK in (doubtful.get("text") or ""):
        return blockers  # the rule that opens does not block
    if not blockers and verdict["verdict"] == "unknown" and doubtful.get("chain"):
        blockers = [dict(doubtful, stage=verdict["stage"], verdict="unknown", path=verdict["path"], ban=None)]
    return blockers


def first_in_each_chain(blockers):
    """The first in each base chain: an accept there ends that chain, so what else would block in it need not open."""
    seen, found = set(), []
    for blocker in blockers:
        base = (blocker.get("path") or [blocker["chain"]])[0]
        place = (blocker["backend"], blocker["family"], blocker["table"], base, blocker["stage"])
        if place not in seen:
            seen.add(place)
            found.append(blocker)
    return found


def unique(steps):
    words = set()
    return [step for step in steps if not (step.words in words or words.add(step.words))]


def has_nft():
    return host.which("nft") is not None and nf_tables_loaded()


def nf_tables_loaded():
    """Whether the kernel has nf_tables at hand; asking nft would make it load the module."""
    if host.status_of("/sys/module/nf_tables") is not None or host.status_of("/proc/modules") is None:
        return True
    return "/nf_tables.ko" in host.read("/lib/modules/%s/modules.builtin" % os.uname()[2]).text


def words_for(in_charge):
    return {"none": "no firewall", "ruleset": "a plain ruleset"}.get(in_charge, in_charge)
