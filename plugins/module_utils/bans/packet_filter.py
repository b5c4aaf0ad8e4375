# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bans in the packet filters themselves: every set element and rule of a banner's that names one address.

Only what is a banner's by its name counts here: what an administrator wrote is the section firewall's to judge.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

PATIENCE_S = 8
RULES_LIMIT_BYTES = 64 * 1024 * 1024
TEXT_LIMIT = 200
# The names that banners give to their sets, chains and tables.
OWNERS = (
    ("fail2ban", re.compile(r"^(?:addr6?-set-|f2b-|fail2ban-)(?P<jail>.+)$")),
    ("crowdsec", re.compile(r"(?i)^crowdsec")),
    ("sshguard", re.compile(r"(?i)^sshguard")),
    ("denyhosts", re.compile(r"(?i)^denyhosts")),
    ("blocklistd", re.compile(r"^bl(?:ock|ack)listd")),
)


def owner(name, table=None):
    """Whose a set or chain is by its name: {by, jail}, or None where no banner calls anything so."""
    for by, pattern in OWNERS:
        found = pattern.match(name or "")
        if found:
            return {"by": by, "jail": found.groupdict().get("jail")}
    for by, pattern in OWNERS:
        if pattern.match(table or ""):
            return {"by": by, "jail": None}
    return None


def entry(backend, family, table, **more):
    """One place in a packet filter that names the address. Whoever makes one says how it is taken out."""
    found = {"backend": backend, "family": family, "table": table, "chain": None, "set": None, "handle": None}
    found.update(by=None, jail=None, element=None, text=None, covers_login=None, shared=False, remove=None)
    found.update(more)
    found["text"] = (found["text"] or "")[:TEXT_LIMIT]
    return found


def has_nf_tables():
    """Whether the kernel has nf_tables at hand. Asking would make it load a missing module: looking changes nothing."""
    return _has_module("nf_tables")


def has_ipset():
    return _has_module("ip_set")


def has_legacy_tables(family):
    """Whether a table of iptables-legacy is loaded in this network; its tools would load what is missing."""
    name = "/proc/net/ip6_tables_names" if family == "ip6" else "/proc/net/ip_tables_names"
    return bool(host.read(name).text.strip())


def _has_module(name):
    if host.status_of("/sys/module/%s" % name) is not None:
        return True
    loaded = host.read("/proc/modules")
    if loaded.error:
        return True  # a kernel without modules
    return re.search(r"^%s " % name, loaded.text, re.M) is not None
