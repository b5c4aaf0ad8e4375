# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rulesets that are loaded in this network namespace, of every backend; both iptables flavours count."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import iptables, nft
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.walk import Chain, speaks_of_data
from ansible_collections.rescue.remote_login.plugins.module_utils.nft_tables import nft_tables

LIMIT_BYTES = 128 * 1024 * 1024
PATIENCE_S = 20
# iptables-nft keeps its rules in nft tables of these names.
IPTABLES_TABLES = ("filter", "nat", "mangle", "raw", "security")
LEGACY_NAMES = {4: "/proc/net/ip_tables_names", 6: "/proc/net/ip6_tables_names"}
NFT, NFT_IPTABLES, LEGACY = "nft", "iptables-nft", "iptables-legacy"


class Unread(object):
    """Stands where rules are loaded that could not be read: a packet's fate is unknown from there on."""

    number = handle = line = comment = None

    def __init__(self, reason):
        self.text, self.reason = "(not read)", reason
        self.notes = {}

    def run(self, _packet, _certain):
        return None, ("unknown", self.reason), self.reason


def load(world):
    """(chains, [{name, tables, rules}], [reasons why some rules could not be read])."""
    found, problems = _nft(world)
    for version in (4, 6):
        chains, problem = _legacy(version, world)
        found += chains
        problems += [problem] if problem else []
    backends = []
    for name in (NFT, NFT_IPTABLES, LEGACY):
        own = [chain for chain in found if chain.backend == name]
        tables = sorted({"%s %s" % (chain.family, chain.table) for chain in own})
        if own:
            backends.append({"name": name, "tables": tables, "rules": sum(len(chain.rules) for chain in own)})
    return found + [_unread(problem) for problem in problems], backends, problems


def _unread(problem):
    chain = Chain("unread", "inet", None, None, hook="input", priority=0)
    chain.rules = [Unread(problem)]
    return chain


# --- nftables, and the iptables that writes into it ---


def _nft(world):
    """The chains that nftables has in the kernel, and the reasons why some cannot be read."""
    listed, error = nft_tables()
    if error:
        return [], [error]
    if not listed:
        return [], []
    tables = [table[:2] for table in listed]
    document, problem = _listed(world)
    of_iptables = [table for table in tables if table[0] in ("ip", "ip6") and table[1] in IPTABLES_TABLES]
    saved = [chain for version in (4, 6) for chain in _saved_by_nft(version, of_iptables, world)]
    if document is None:
        covered = {(chain.family, chain.table) for chain in saved}
        missing = ["%s %s" % table for table in tables if table not in covered and table[0] not in ("bridge", "arp")]
        return saved, ["table %s: %s" % (", ".join(missing), problem)] if missing else []
    return with_iptables_rules(nft.chains(document, world, {table[:2] for table in listed if table[2]}), saved), []


def _listed(world):
    """The ruleset as nft prints it in JSON, or why there is none."""
    result = host.run(["nft", "-j", "list", "ruleset"], timeout=PATIENCE_S, limit=LIMIT_BYTES)
    if result.rc != 0:
        return None, result.error or "nft: %s" % (result.err.strip().splitlines() or ["no reason"])[0]
    world.reads_data |= speaks_of_data(result.out)
    try:
        return json.loads(result.out), None
    except ValueError:
        return None, "nft prints no JSON"


def _saved_by_nft(version, tables, world):
    """The chains of iptables-nft, by its own save program; nothing is asked that could make a table."""
    family = "ip6" if version == 6 else "ip"
    names = [name for table_family, name in tables if table_family == family]
    program = _program(version, "nft") if names else None
    if program is None:
        return []
    text = ""
    for name in names:
        result = host.run([program, "-t", name], timeout=PATIENCE_S, limit=LIMIT_BYTES)
        if result.rc == 0 and "is incompatible" not in result.out:
            text += result.out
    world.reads_data |= speaks_of_data(text)
    return iptables.chains(text, NFT_IPTABLES, version, world)


def with_iptables_rules(chains, saved):
    """The chains of nft, with the text of iptables-save for the rules that only iptables can read."""
    texts = {(chain.family, chain.table, chain.name): chain for chain in saved}
    for chain in chains:
        twin = texts.get((chain.family, chain.table, chain.name))
        if twin is None or len(twin.rules) != len(chain.rules):
            continue
        chain.backend = NFT_IPTABLES
        for number, rule in enumerate(chain.rules):
            line = twin.rules[number]
            if _has(rule, "xt"):
                line.handle = line.number = rule.handle
                chain.rules[number] = line
            elif _has(rule, "counter") and not _uses_a_set(rule):
                rule.text, rule.line = line.text, line.line
    return chains


def _has(rule, name):
    return any(isinstance(statement, dict) and name in statement for statement in rule.statements)


def _uses_a_set(rule):
    """Whether nft itself has put this rule into a table of iptables, which prints it without what it does not know."""
    rights = [statement["match"].get("right") for statement in rule.statements if "match" in statement]
    named = any(hasattr(right, "startswith") and right.startswith("@") for right in rights)
    return named or any(isinstance(right, dict) and "set" in right for right in rights)


def _program(version, flavour):
    """The save program of a flavour; an old system has one without a name of its own."""
    stem = "ip6tables" if version == 6 else "iptables"
    named = host.which("%s-%s-save" % (stem, flavour))
    if named:
        return named
    plain = host.which("%s-save" % stem)
    if plain is None:
        return None
    told = host.run([plain, "--version"]).out
    return plain if ("nf_tables" in told) == (flavour == "nft") else None


# --- iptables-legacy ---


def _legacy(version, world):
    """The chains of iptables-legacy, and why they cannot be read; only tables that are loaded are asked for."""
    listed = host.read(LEGACY_NAMES[version])
    names = [name for name in listed.text.split() if re.match(r"\w+$", name)]
    if listed.error and not host.is_root():
        return [], "needs root to see which tables of iptables are loaded"
    if not names:
        return [], None
    program = _program(version, "legacy")
    if program is None:
        return [], "tables of iptables-legacy are loaded (%s), and there is no program to read them" % ", ".join(names)
    text = ""
    for name in names:
        result = host.run([program, "-t", name], timeout=PATIENCE_S, limit=LIMIT_BYTES)
        if result.rc != 0:
            return [], result.error or "%s: %s" % (program, result.err.strip()[:200])
        text += result.out
    world.reads_data |= speaks_of_data(text)
    return iptables.chains(text, LEGACY, version, world), None
