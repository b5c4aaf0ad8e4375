# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bans in the packet filters themselves: every set element and rule of a banner's that names one address.

Only what is a banner's by its name counts here: what an administrator wrote is the section firewall's to judge.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.nft_tables import nft_tables

PATIENCE_S = 8
RULES_LIMIT_BYTES = 64 * 1024 * 1024
TEXT_LIMIT = 200


def entry(backend, family, table, **more):
    """One place in a packet filter that names the address. Whoever makes one says how it is taken out."""
    found = {"backend": backend, "family": family, "table": table, "chain": None, "set": None, "handle": None}
    found.update(by=None, jail=None, element=None, text=None, covers_login=None, shared=False, remove=None)
    found.update(more)
    found["text"] = (found["text"] or "")[:TEXT_LIMIT]
    return found


def has_nf_tables():
    """Whether nftables holds anything in this network, or nobody can tell. Without that its programs are not asked."""
    tables, error = nft_tables()
    return bool(tables or error)


def has_ipset():
    return host.kernel_has("ip_set")


def has_legacy_tables(family):
    """Whether a table of iptables-legacy is loaded in this network; its tools would load what is missing."""
    name = "/proc/net/ip6_tables_names" if family == "ip6" else "/proc/net/ip_tables_names"
    return bool(host.read(name).text.strip())
