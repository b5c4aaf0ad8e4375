# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bans that were written through a firewall's own manager: rules of ufw, rich rules of firewalld.

Nothing in such a rule tells a ban from what an administrator wrote. It is put down to fail2ban by
its comment, or where it refuses one address, everything else fits, and fail2ban has banned that address.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses, fail2ban, packet_filter

UFW_FILES = (("ip", "/etc/ufw/user.rules"), ("ip6", "/etc/ufw/user6.rules"))
UFW_OLD_FILES = (("ip", "/lib/ufw/user.rules"), ("ip6", "/lib/ufw/user6.rules"))
TUPLE = re.compile(
    r"^### tuple ### (?P<action>(?:route:)?\w+) (?P<protocol>\w+) (?P<port>\S+) (?P<destination>\S+) (?P<sport>\S+)"
    r" (?P<source>\S+)(?: (?P<app>\S+) (?P<sapp>\S+))? (?P<direction>in\S*|out\S*)(?: comment=(?P<comment>[0-9a-f]*))?$"
)
BY_FAIL2BAN = re.compile(r"(?i)\bfail2ban\b")
AGAINST = re.compile(r"against (\S+)$")
RICH_RULE = re.compile(r"^\s*(rule .*)$")
RICH_SOURCE = re.compile(r"""source (?P<negated>NOT )?address=["']?(?P<source>[0-9A-Fa-f.:/]+)["']?""")
RICH_PORT = re.compile(r"""\bport port=["']?(?P<ports>[\d-]+)["']?""")
RICH_SERVICE = re.compile(r"""\bservice name=["']?(?P<service>[\w-]+)["']?""")
REJECTING = re.compile(r"\breject type=")


def find(wanted, port, remembered):
    """The entries that name an address, and why they could not be looked for, or None.

    ``remembered`` tells whether fail2ban has ever banned the very address.
    """
    found = _in_ufw(wanted, port)
    rich, error = _in_firewalld(wanted, port, remembered)
    return found + rich, error


# --- ufw ---


def _in_ufw(wanted, port):
    if not re.search(r"^ENABLED=yes", host.read("/etc/ufw/ufw.conf").text, re.M) or host.which("ufw") is None:
        return []
    found = []
    for (family, path), (_family, old) in zip(UFW_FILES, UFW_OLD_FILES):
        text = host.read(path, limit=packet_filter.RULES_LIMIT_BYTES)
        text = host.read(old, limit=packet_filter.RULES_LIMIT_BYTES) if text.error else text
        for rule in parse_ufw(text.text):
            entry = _ufw_entry(rule, family, path, wanted, port)
            found += [entry] if entry else []
    return found


def parse_ufw(text):
    """The rules of ufw in the order in which it has them, from the remarks that it reads them from itself."""
    return [match.groupdict() for match in (TUPLE.match(line) for line in text.splitlines()) if match]


def _ufw_entry(rule, family, path, wanted, port):
    source = addresses.network(rule["source"])
    if rule["action"] not in ("deny", "reject") or not rule["direction"].startswith("in") or source is None:
        return None
    if not addresses.holds(source, wanted) or source.length == 0:
        return None
    comment = _comment(rule["comment"])
    # Without its word an administrator's own rule would be taken for a ban.
    if not BY_FAIL2BAN.search(comment):
        return None
    against = AGAINST.search(comment)
    words = [rule["action"], "from", rule["source"], "to", _any(rule["destination"])]
    if rule["app"] not in (None, "-"):
        words += ["app", rule["app"].replace("%20", " ")]
    elif rule["port"] != "any":
        words += ["port", rule["port"]] + ([] if rule["protocol"] == "any" else ["proto", rule["protocol"]])
    return packet_filter.entry(
        "ufw",
        family,
        path,
        by="fail2ban",
        jail=against.group(1) if against else None,
        element=addresses.text(source),
        text="ufw %s%s" % (" ".join(words), " (%s)" % comment if comment else ""),
        covers_login=rule["port"] == "any" or fail2ban.covers(rule["port"], port),
        remove=["ufw", "delete"] + words,
    )


def _comment(digits):
    try:
        return binascii.unhexlify(digits or "").decode("utf-8", "replace")
    except (TypeError, ValueError):
        return ""


def _any(address):
    return "any" if address in ("0.0.0.0/0", "::/0") else address


# --- firewalld ---


def _in_firewalld(wanted, port, remembered):
    if host.which("firewall-cmd") is None or not host.has_process("firewalld"):
        return [], None
    result = host.run(
        ["firewall-cmd", "--list-all-zones"], timeout=packet_filter.PATIENCE_S, limit=packet_filter.RULES_LIMIT_BYTES
    )
    if result.rc != 0:
        return [], result.error or "firewall-cmd: %s" % result.err.strip()[: packet_filter.TEXT_LIMIT]
    found = []
    for zone, rule in parse_zones(result.out):
        match = RICH_SOURCE.search(rule)
        source = addresses.network(match.group("source")) if match and not match.group("negated") else None
        # A ban of fail2ban names one address and a port, and says how it rejects; the rest is an administrator's.
        if source != wanted or not REJECTING.search(rule) or not RICH_PORT.search(rule) or not remembered:
            continue
        lasting = host.run(["firewall-cmd", "--permanent", "--zone", zone, "--query-rich-rule", rule])
        if lasting.rc == 0:
            continue  # fail2ban writes none that stay
        more = {"by": "fail2ban", "chain": zone, "element": addresses.text(source), "text": rule}
        more["covers_login"] = _rich_covers(rule, port)
        more["remove"] = ["firewall-cmd", "--zone", zone, "--remove-rich-rule", rule]
        found.append(packet_filter.entry("firewalld", "ip6" if ":" in more["element"] else "ip", None, **more))
    return found, None


def parse_zones(text):
    """[(zone, rich rule)] from the list of all zones."""
    zone, found = None, []
    for line in text.splitlines():
        if line and not line[0].isspace():
            zone = line.split()[0]
        match = RICH_RULE.match(line)
        if match and zone:
            found.append((zone, match.group(1).strip()))
    return found


def _rich_covers(rule, port):
    ports, service = RICH_PORT.search(rule), RICH_SERVICE.search(rule)
    if ports:
        return fail2ban.covers(ports.group("ports"), port)
    return fail2ban.covers(service.group("service"), port) if service else True
