# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet filter that systemd puts around a unit (IPAddressAllow, IPAddressDeny); no ruleset shows it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.iptables_matches import covers_network
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.walk import Chain

BACKEND = "systemd"
UNITS = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket", "system.slice", "-.slice")
SYSTEMD = "/run/systemd/system"
# Behind every hook of netfilter: the filter belongs to the socket that gets the packet.
PRIORITY = 1 << 30


class Rule(object):
    """IPAddressDeny of one unit; what IPAddressAllow names is let through all the same."""

    handle = line = comment = None
    number = 1

    def __init__(self, unit, denied, allowed):
        self.text = "%s: IPAddressDeny=%s" % (unit, " ".join(denied))
        self.denied, self.allowed = denied, allowed
        self.notes = {}

    def run(self, packet, _certain):
        if any(covers_network(network, packet.source) for network in self.allowed):
            return False, None, None
        if not any(covers_network(network, packet.source) for network in self.denied):
            return False, None, None
        everybody = "0.0.0.0/0" in self.denied or "::/0" in self.denied
        self.notes = {} if everybody else {"saddr": True}
        return True, ("drop", None), None


def chains(port):
    """A base chain for each unit of sshd that turns addresses away, if sshd is what has this port."""
    if host.status_of(SYSTEMD) is None:
        return []
    properties = "Id,ActiveState,IPAddressAllow,IPAddressDeny"
    asked = host.run(["systemctl", "show", "--no-pager", "-p", properties, "--"] + list(UNITS))
    found = parse(asked.out)
    return [_chain(*unit) for unit in found] if found and _has_port(port) else []


def parse(text):
    """[(unit, denied, allowed)] of the active units that deny addresses, from systemctl show."""
    found = []
    for block in text.split("\n\n"):
        values = dict(line.partition("=")[::2] for line in block.splitlines())
        if values.get("ActiveState") == "active" and values.get("IPAddressDeny"):
            denied, allowed = values["IPAddressDeny"].split(), values.get("IPAddressAllow", "").split()
            found.append((values.get("Id", ""), denied, allowed))
    return found


def _has_port(port):
    """Whether sshd, or systemd for it, listens on a port."""
    entries, error, _hidden = sockets.listening()
    programs = {entry["program"] for entry in entries if entry["protocol"] == "tcp" and entry["port"] == port}
    return not error and bool(programs & {"sshd", "systemd"})


def _chain(unit, denied, allowed):
    chain = Chain(BACKEND, "inet", None, unit, hook="input", priority=PRIORITY)
    chain.rules = [Rule(unit, denied, allowed)]
    return chain
