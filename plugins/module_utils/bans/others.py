# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other banners, as far as they can be asked: CrowdSec's decisions, sshguard's and DenyHosts' files."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses, wrappers

SSHGUARD_FILES = ("/var/lib/sshguard/blacklist.db", "/var/db/sshguard/blacklist.db", "/var/lib/sshguard/enemies")
DENYHOSTS_FOLDER = "/var/lib/denyhosts"
DENYHOSTS_FILES = ("hosts", "hosts-restricted", "hosts-root", "hosts-valid", "users-hosts")
FILE_LIMIT_BYTES = 16 * 1024 * 1024
LIST_LIMIT_BYTES = 64 * 1024 * 1024
WORDS_LIMIT = 200


def look(clients):
    """The bans of these clients by other banners, what there is of these, and why something is not known."""
    found, missing = [], {}
    decisions, error = crowdsec(clients)
    found += decisions
    if error:
        missing["crowdsec"] = error
    found += sshguard(clients)
    found += denyhosts(clients)
    present = {
        "crowdsec": host.which("cscli") is not None,
        "sshguard": _runs("sshguard") or host.which("sshguard") is not None,
        "denyhosts": host.status_of(DENYHOSTS_FOLDER) is not None,
    }
    return found, sorted(name for name, there in present.items() if there), missing


def _runs(program):
    return any(host.read("/proc/%d/comm" % pid, limit=4096).text.strip() == program for pid in host.pids())


def _ban(by, client, address, **more):
    ban = {"by": by, "jail": None, "client": client, "address": address, "network": "/" in address, "since": None}
    ban.update(until=None, permanent=None, reason=None, covers_login=None, kinds=[], route=False)
    ban.update(more)
    return ban


# --- CrowdSec ---


def crowdsec(clients):
    """The decisions of CrowdSec that hold one of these clients, and why they are not known, or None."""
    found, error = [], None
    if host.which("cscli") is None:
        return [], None
    for client, _wanted in clients:
        # A range counts for its addresses. With --all, which takes in the central lists, --ip counts for nothing.
        for options in (["--ip", client], ["--all", "--limit", "0"]):
            result = host.run(["cscli", "decisions", "list"] + options + ["-o", "json"], limit=LIST_LIMIT_BYTES)
            if result.rc != 0:
                error = result.error or "cscli: %s" % (result.err.strip() or "it gives no reason")[-WORDS_LIMIT:]
                break
            decisions = parse_decisions(result.out, client)
            found += decisions
            if decisions:
                break
    return found, error


def parse_decisions(text, client):
    """The bans in the output of 'cscli decisions list -o json': alerts with decisions, or null."""
    try:
        listed = json.loads(text.strip() or "null")
    except ValueError:
        return []
    decisions = []
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict):
            decisions += item["decisions"] if isinstance(item.get("decisions"), list) else [item]
    found = []
    for decision in [decision for decision in decisions if isinstance(decision, dict)]:
        value = decision.get("value")
        if decision.get("type") != "ban" or not _holds(value, client):
            continue
        more = {"reason": str(decision.get("scenario"))[:WORDS_LIMIT], "until": decision.get("until")}
        found.append(_ban("crowdsec", client, str(value), id=decision.get("id"), **more))
    return found


def _holds(value, client):
    return addresses.holds(addresses.network(str(value)), addresses.network(client))


# --- sshguard ---


def sshguard(clients):
    """The clients on sshguard's blacklist: 'TIME|SERVICE|KIND|ADDRESS' in each line."""
    found = []
    for path in SSHGUARD_FILES:
        for line in wrappers.lines_of(host.read(path, limit=FILE_LIMIT_BYTES).text):
            fields = line.strip().split("|")
            if len(fields) < 4 or not fields[0].isdigit():
                continue
            for client, wanted in clients:
                if addresses.holds(addresses.network(fields[3]), wanted):
                    since = host.iso_time(int(fields[0]))
                    found.append(_ban("sshguard", client, fields[3], since=since, permanent=True, file=path))
    return found


# --- DenyHosts ---


def denyhosts(clients):
    """The clients that DenyHosts has in hosts.deny, each behind a remark of its own."""
    found = []
    denied = wrappers.lines_of(host.read("/etc/hosts.deny", limit=FILE_LIMIT_BYTES).text)
    for line, address in denyhosts_lines(denied):
        for client, wanted in clients:
            if addresses.network(address) == wanted:
                found.append(
                    _ban("denyhosts", client, address, file="/etc/hosts.deny", line=line, kinds=["hosts_deny"])
                )
    return found


def denyhosts_lines(lines):
    """[(number, address)] of the lines of hosts.deny that DenyHosts has written."""
    found = []
    for number, line in enumerate(lines):
        marked = re.match(r"# DenyHosts: .*\| *(?P<entry>\S.*?) *$", lines[number - 1]) if number else None
        if marked and marked.group("entry").strip() == line.strip():
            found.append((number + 1, line.rpartition(": ")[2].strip(" []")))
    return found
