# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a packet meets after a reboot: the files that the boot loads, judged as the loaded rulesets are."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import copy
import json
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import (
    change_iptables,
    change_nft,
    gather,
    iptables,
    nft,
    rulesets,
)
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.world import World

UFW_DEFAULTS = "/etc/default/ufw"


class Boot(object):
    """The rulesets of the next boot, each by who loads it; every file is loaded once, where it harms nobody."""

    def __init__(self):
        self.world, self._chains = World(), {}

    def verdict(self, entry, packet):
        """What becomes of a packet by what a manager loads at boot; None where that cannot be told."""
        family = "ipv6" if ":" in packet["source"] else "ipv4"
        key = (entry["name"], family)
        if key not in self._chains:
            self._chains[key] = self._load(entry, family)
        chains = self._chains[key]
        return None if chains is None else dict(gather.judge(chains, self.world, packet), packet=packet)

    def _load(self, entry, family):
        if entry["name"] == "nftables":
            return of_nft(change_nft.loaded_at_boot(entry["file"]), self.world)
        if entry["name"] == "ufw":
            return of_ufw(rulesets.load(self.world)[0], host.read(UFW_DEFAULTS).text)
        path = change_iptables.SAVED[entry["name"]][family]
        if host.status_of(path) is None:
            return []
        listed = change_iptables.loaded_at_boot(path, family)
        version = 6 if family == "ipv6" else 4
        return None if listed is None else iptables.chains(listed, rulesets.NFT_IPTABLES, version, self.world)


def of_nft(listed, world):
    """The chains in nft's JSON, with the text of each rule from the other listing; None where there is none."""
    document, text = listed or (None, None)
    if not document:
        return None
    chains = nft.chains(json.loads(document), world, set())
    texts = {rule[:3] + (rule.handle,): rule.text for rule in change_nft.parse(text)[0]}
    for chain in chains:
        for rule in chain.rules:
            # Not to be looked up in the ruleset that is loaded now, where the number is another rule's.
            rule.text = texts.get((chain.family, chain.table, chain.name, rule.handle), "")
    return chains


def of_ufw(chains, defaults):
    """What ufw made of the chains that are loaded now: the rest of the built-in chains is not in its files."""
    kept = []
    for chain in chains:
        if chain.backend == rulesets.NFT or chain.table != "filter":
            continue
        if chain.hook:
            chain = copy.copy(chain)
            chain.rules = [rule for rule in chain.rules if re.search(r" -j ufw6?-", rule.text or "")]
            policy = re.findall(r"^DEFAULT_%s_POLICY=\"?(\w+)" % chain.name, defaults, re.M)
            chain.policy = "accept" if policy[-1:] == ["ACCEPT"] else "drop" if policy else chain.policy
        kept.append(chain)
    return kept
