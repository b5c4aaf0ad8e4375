# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a port through firewalld: the same rich rule now and in the permanent configuration, and never a reload."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import source as sources
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.change_iptables import match_of
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.steps import (
    FILE_LIMIT_BYTES,
    CannotChange,
    Command,
    quoted,
    run,
)

TIMEOUT_S = 30
# The first place there is: a rich rule that denies wins over one without a priority.
PRIORITY = -32768
PRIORITIES_SINCE = (0, 7)
PERMANENT = ["--permanent"]
# How firewalld names the chains of a zone, with its nftables backend, with the iptables one, and before 0.9.
DISPATCH = re.compile(r"(?:filter_)?INPUT(?:_ZONES|_ZONES_SOURCE|_POLICIES)?\Z")
ZONE_CHAIN = re.compile(r"(?:filter_IN|IN)_(?P<name>.+?)(?:_(?:pre|log|deny|allow|post))?\Z")


class Firewalld(object):
    """A running firewalld, and what is asked of it."""

    def __init__(self, request):
        self.request = request
        self.version = tuple(int(part) for part in re.findall(r"\d+", self.ask("--version"))[:3])
        self.zones = self.ask("--get-zones").split()
        # Policies came with 0.9.
        self.policies = host.run(["firewall-cmd", "--get-policies"], timeout=TIMEOUT_S).out.split()
        zone = request.zone
        if zone is not None and zone not in self.zones:
            raise CannotChange("there is no zone %s: the zones are %s" % (quoted(zone), ", ".join(self.zones)))
        if self.says("--query-panic"):
            raise CannotChange("firewalld is in panic mode and drops everything: firewall-cmd --panic-off ends that")

    def ask(self, *arguments):
        return run(["firewall-cmd"] + list(arguments)).strip()

    def says(self, *arguments):
        """Whether a query answers yes."""
        return host.run(["firewall-cmd"] + list(arguments), timeout=TIMEOUT_S).rc == 0

    # --- opening ---

    def open(self, source, blockers):
        """The steps that let a source in where these rules of firewalld block it; empty where all is there."""
        steps = []
        for blocker in blockers:
            if self._is_zone_s(blocker):
                if blocker["stage"] != "arrival":
                    raise CannotChange("firewalld blocks more than new connections: %s" % told(blocker))
                steps += self._add(self._owner(blocker, source), source, blocker)
            else:
                steps += self._direct(source, blocker)
        return steps

    @staticmethod
    def _is_zone_s(blocker):
        return blocker["table"] == "firewalld" or bool(ZONE_CHAIN.match(blocker["chain"])) or is_last_reject(blocker)

    def keep(self, source, verdict):
        """The steps after which a port that is open now stays open: firewalld's two configurations can differ."""
        if not self.request.permanent and self.request.zone is None:
            return []
        zone = self.zone_of(source, verdict)
        self._check_zone(zone)
        if not self.request.permanent:
            return []
        later = self._zone_at_boot(zone, source, verdict)
        if (later == zone and self._same_at_boot(zone)) or self._open_at_boot(later):
            return []
        return self._add(["--zone=" + zone], source, verdict, self._kinds() if later == zone else [PERMANENT])

    def add(self, source, verdict):
        """The steps that add the rule to the source's zone, whether it blocks or nobody knows."""
        return self._add(["--zone=" + self.zone_of(source, verdict)], source, verdict)

    def rich_rule(self, source):
        """The narrowest rule, in firewalld's own way to write it."""
        words = ["rule"]
        if self.version >= PRIORITIES_SINCE:
            words.append('priority="%d"' % PRIORITY)
        words.append('family="%s"' % source.family)
        if source.text:
            words.append('source address="%s"' % source.text)
        words.append('port port="%d" protocol="%s" accept' % (self.request.port, self.request.protocol))
        return " ".join(words)

    def _owner(self, blocker, source):
        """The zone or policy whose rule blocks, as an argument."""
        found = ZONE_CHAIN.match(blocker["chain"])
        name = found.group("name") if found else None
        policy = name[len("policy_") :] if name and name.startswith("policy_") else name
        if policy in self.policies and name not in self.zones:
            return ["--policy=" + policy]
        if DISPATCH.match(blocker["chain"]):
            name = self._dispatched(blocker) or self.zone_of(source, blocker)
        if name not in self.zones:
            raise CannotChange("no zone or policy of firewalld blocks it, but %s" % told(blocker))
        return ["--zone=" + name]

    def _dispatched(self, blocker):
        """The zone from which packets come back to the rule that blocks, in the chain that sends them there."""
        if blocker["backend"] != "nft":
            return None
        place = [blocker["family"], blocker["table"], blocker["chain"]]
        listed = host.run(["nft", "-a", "list", "chain"] + place, timeout=TIMEOUT_S, limit=FILE_LIMIT_BYTES).out
        before, found, _rest = listed.partition("# handle %s\n" % blocker["handle"])
        chains = re.findall(r"\b(?:jump|goto) (\S+)", before) if found else []
        jumps = [ZONE_CHAIN.match(name) for name in reversed(chains)]
        return next((jump.group("name") for jump in jumps if jump and jump.group("name") in self.zones), None)

    def _add(self, where, source, way, kinds=None):
        """The steps that add the rule to a zone or policy, and to the zone that takes its place after a reboot."""
        option, _equals, zone = where[0].partition("=")
        if option == "--zone":
            self._check_zone(zone)
        steps, rule = [], self.rich_rule(source)
        for kind in kinds or self._kinds():
            if kind and option == "--zone":
                where = ["--zone=" + self._zone_at_boot(zone, source, way)]
            if not self.says(*(kind + where + ["--query-rich-rule=" + rule])):
                command = ["firewall-cmd"] + kind + where
                steps.append(Command(command + ["--add-rich-rule=" + rule], command + ["--remove-rich-rule=" + rule]))
        return steps

    def _check_zone(self, zone):
        if self.request.zone not in (None, zone):
            raise CannotChange("packets from there are in zone %s, not in zone %s" % (zone, self.request.zone))

    def has_direct(self, blocker):
        """Whether firewalld's direct rules reach into the chain that blocks."""
        return bool(self._direct_rules(blocker))

    def _direct_rules(self, blocker):
        """The direct rules in the chain of a blocking rule, as words: version, table, chain, priority, match…"""
        listed = [line.split() for line in self.ask("--direct", "--get-all-rules").splitlines()]
        place = [version_of(blocker), blocker["table"], re.sub(r"_direct\Z", "", blocker["chain"])]
        return [rule for rule in listed if rule[:3] == place]

    def _direct(self, source, blocker):
        """A direct rule blocks: one of the same kind goes before it."""
        match = match_of(self.request, source, blocker["stage"]) + ["-j", "ACCEPT"]
        listed = self._direct_rules(blocker)
        if any(rule[4:] == match for rule in listed):
            return []
        place = listed[0][:3] + [str(min(int(rule[3]) for rule in listed) - 1)]
        steps = []
        for kind in self._kinds():
            command = ["firewall-cmd"] + kind + ["--direct"]
            steps.append(Command(command + ["--add-rule"] + place + match, command + ["--remove-rule"] + place + match))
        return steps

    def _kinds(self):
        return [[], PERMANENT] if self.request.permanent else [[]]

    # --- closing ---

    def close(self, source):
        """The steps that take back what was added for a source, wherever it is."""
        rule = self.rich_rule(source)
        steps = []
        for kind in self._kinds():
            command = ["firewall-cmd"] + kind
            for where in self._places(kind, rule):
                argv = command + where
                steps.append(Command(argv + ["--remove-rich-rule=" + rule], argv + ["--add-rich-rule=" + rule]))
            steps += self._close_direct(source, kind)
        return steps

    def _close_direct(self, source, kind):
        command, steps = ["firewall-cmd"] + kind + ["--direct"], []
        wanted = [match_of(self.request, source, stage) + ["-j", "ACCEPT"] for stage in ("arrival", "reply")]
        for line in self.ask(*(kind + ["--direct", "--get-all-rules"])).splitlines():
            words = line.split()
            if words[0] == source.family and words[4:] in wanted:
                steps.append(Command(command + ["--remove-rule"] + words, command + ["--add-rule"] + words))
        return steps

    def _places(self, kind, rule):
        """The zones and policies that have a rich rule."""
        found = []
        for option, listing in (("--zone=", "--list-all-zones"), ("--policy=", "--list-all-policies")):
            listed = host.run(["firewall-cmd"] + kind + [listing], timeout=TIMEOUT_S)
            if listed.rc != 0:
                continue  # policies came with 0.9
            for name, lines in parse_listing(listed.out).items():
                wanted = self.request.zone in (None, name) or option != "--zone="
                if rule in lines and wanted:
                    found.append([option + name])
        return sorted(found)

    # --- zones ---

    def zone_of(self, source, way):
        """The zone that a source's packets are in: its source binding first, then its interface, then the default."""
        for chain in way.get("path") or []:
            found = ZONE_CHAIN.match(chain)
            if found and found.group("name") in self.zones:
                return found.group("name")
        interface = (way.get("packet") or {}).get("interface")
        active = parse_active(self.ask("--get-active-zones"))
        # Of zones that both have a source, the first by its name takes it.
        for zone in sorted(active):
            if any(self._bound(binding, source) for binding in active[zone]["sources"]):
                return zone
        for zone in sorted(active):
            if interface in active[zone]["interfaces"]:
                return zone
        return self.ask("--get-default-zone")

    def _bound(self, binding, source, kind=()):
        if not binding.startswith("ipset:"):
            return sources.holds(binding, source.sample)
        entries = self.ask(*(list(kind) + ["--ipset=" + binding[len("ipset:") :], "--get-entries"])).split()
        return any(sources.holds(entry, source.sample) for entry in entries)

    def _zone_at_boot(self, zone, source, way):
        """The zone that a source's packets are in after a reboot; ``zone``: the one that they are in now."""
        kept = parse_active(self.ask("--permanent", "--list-all-zones"))
        for name in [zone] + sorted(kept):
            if any(self._bound(binding, source, PERMANENT) for binding in kept.get(name, {}).get("sources", [])):
                return name
        interface = (way.get("packet") or {}).get("interface")
        for bound in (kept, self._bound_by_the_network(interface)):
            for name in sorted(bound):
                if interface in bound[name]["interfaces"]:
                    return name
        return self.ask("--get-default-zone")

    def _bound_by_the_network(self, interface):
        """The zones that hold an interface now, where the network's own configuration says so at every boot."""
        files = ["/run/NetworkManager", "/etc/sysconfig/network-scripts/ifcfg-%s" % interface]
        if not any(host.status_of(path) for path in files):
            return {}
        return parse_active(self.ask("--get-active-zones"))

    def _open_at_boot(self, zone):
        """Whether a zone's permanent configuration lets everybody in to the port."""
        lines = self.ask("--permanent", "--zone=" + zone, "--list-all").splitlines()
        settings = {key.strip(): value.split() for key, _colon, value in [line.partition(":") for line in lines[1:]]}
        if settings.get("rich rules") or lines[-1].strip() != "rich rules:":
            return False  # one of them may deny it
        if settings.get("target") == ["ACCEPT"]:
            return True
        port = "%d/%s" % (self.request.port, self.request.protocol)
        opened = [self.ask("--permanent", "--service=" + name, "--get-ports") for name in settings.get("services", [])]
        return port in " ".join(opened).split() or self.says("--permanent", "--zone=" + zone, "--query-port=" + port)

    def _same_at_boot(self, zone):
        """Whether a zone's permanent configuration says what is in force now."""
        now, later = self.ask("--zone=" + zone, "--list-all"), self.ask("--permanent", "--zone=" + zone, "--list-all")
        return _settings(now) == _settings(later)


def _settings(listing):
    """What a zone's listing says, but for its header and interfaces, which the network's own configuration binds."""
    lines = [line.strip() for line in listing.splitlines()[1:]]
    return sorted(" ".join(line.split()) for line in lines if not line.startswith("interfaces:"))


def parse_listing(text):
    """The lines below each name in the output of --list-all-zones or --list-all-policies."""
    found, lines = {}, []
    for line in text.splitlines():
        if line and not line[0].isspace():
            lines = found.setdefault(line.split()[0], [])
        elif line.strip():
            lines.append(line.strip())
    return found


def parse_active(text):
    """{zone: {"sources": [...], "interfaces": [...]}} from the output of --get-active-zones."""
    return {
        zone: {key: [word for line in lines if line.startswith(key + ":") for word in line.split()[1:]]
               for key in ("sources", "interfaces")}
        for zone, lines in parse_listing(text).items()
    }  # fmt: skip


def version_of(blocker):
    return "ipv6" if blocker["family"] == "ip6" else "ipv4"


def is_last_reject(blocker):
    """The rule at the end of INPUT with which firewalld's iptables backend refuses what no zone has let in."""
    return blocker["chain"] == "INPUT" and re.match(r"-A INPUT -j REJECT\b", blocker["text"] or "") is not None


def told(blocker):
    """A rule as the filter lists it, and where it stands."""
    place = " ".join(str(blocker[key]) for key in ("backend", "family", "table", "chain") if blocker.get(key))
    return "%s (%s)" % (blocker["text"] or "policy %s" % blocker["verdict"], place)
