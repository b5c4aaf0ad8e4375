# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a packet filter asks the rest of the kernel: routes, address types, ipsets, counters of recent packets."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host, links, netlink, routing
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.packet import number_of
from ansible_collections.rescue.remote_login.plugins.module_utils.network import interfaces

ROUTE_TYPES = {"unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6,
               "unreachable": 7, "prohibit": 8, "throw": 9}  # fmt: skip
# Links that no packet comes in by from outside.
INNER = ("dummy", "loopback", "ifb")
TICKS = (1000, 300, 250, 100)
TABLE_LIMIT_BYTES = 8 * 1024 * 1024


class World(object):
    """The host around the filters. Each question is asked once."""

    def __init__(self):
        self._routes, self._sets, self._files = {}, {}, {}
        self._links = None
        # Whether a ruleset judges packets by what they carry.
        self.reads_data = False

    # --- routes ---

    def route(self, address):
        if address not in self._routes:
            self._routes[address] = routing.to(address)
        return self._routes[address]

    def is_local(self, address):
        """Whether the kernel takes packets to this address for its own."""
        return bool(self.route(address)["local"])

    def interface_to(self, address):
        """The interface that leads to an address, an empty name where there is no route, None where nobody knows."""
        route = self.route(address)
        if route["interface"] is not None:
            return route["interface"]
        return None if ":" in (route["error"] or ":") else ""

    def links(self):
        """All links by their number."""
        if self._links is None:
            bodies, _error = netlink.dump(links.RTM_GETLINK, links.IFINFOMSG.pack(0, 0, 0, 0, 0))
            self._links = links.parse_all(bodies)
        return self._links

    def ways_in(self, source, destination):
        """The interfaces by which a packet may come in: that of the way back, and the one that holds the address."""
        back = self.interface_to(source)
        holder = self._holder(destination) if destination and back != "lo" else None
        if holder is None or holder == back:
            return [back]
        return [back, holder] if back else [holder]

    def _holder(self, address):
        """The one link to the outside that has this address and carries packets, or None."""
        bodies, _error = netlink.dump(interfaces.RTM_GETADDR, interfaces.IFADDRMSG.pack(0, 0, 0, 0, 0))
        by_name = {link["name"]: link for link in self.links().values()}
        entries = interfaces.parse_addresses(bodies, self.links())
        names = {entry["interface"] for entry in entries if entry["address"] == address.split("%")[0]}
        usable = [name for name in names & set(by_name) if by_name[name]["up"] and by_name[name]["kind"] not in INNER]
        return usable[0] if len(usable) == 1 else None

    def bridge_port(self, name):
        """The one port of a bridge, None where it has several, an empty name for a link that is no bridge."""
        links = self.links().values()
        if not any(link["name"] == name and link["kind"] == "bridge" for link in links):
            return ""
        ports = [link["name"] for link in links if link["master"] == name]
        return ports[0] if len(ports) == 1 else None

    @staticmethod
    def routes_to_loopback(interface):
        """Whether the kernel lets packets of this interface go on to 127.0.0.0/8."""
        names = ("all", interface or "default")
        return any(host.read("/proc/sys/net/ipv4/conf/%s/route_localnet" % name).text.strip() == "1" for name in names)

    def address_type(self, address):
        """The type of an address, as the kernel numbers it; None where nobody knows."""
        if address.startswith("ff") and ":" in address:
            return ROUTE_TYPES["multicast"]
        route = self.route(address)
        return ROUTE_TYPES.get(route["type"] or route["error"])

    def address_of_interface(self, packet):
        """Where REDIRECT leads a packet that comes in: to the interface's first address; None where that is open."""
        if packet.version == 6:
            return self._redirected6(packet)
        if packet.source is None:
            return packet.destination
        return self.route(packet.source)["source"] or packet.destination

    def _redirected6(self, packet):
        """The destination where the interface has no other address of that reach: of several the kernel takes one."""
        lines = [line.split() for line in self._file("/proc/net/if_inet6").text.splitlines()]
        reach = {line[3] for line in lines if number_of(packet.destination or "") == int(line[0], 16)}
        alike = [line for line in lines if line[5] == packet.input and line[3] in reach]
        return packet.destination if len(alike) == 1 else None

    # --- files of the kernel ---

    def _file(self, path):
        if path not in self._files:
            self._files[path] = host.read(path, limit=TABLE_LIMIT_BYTES)
        return self._files[path]

    def queue_has_reader(self, number):
        """Whether a program reads this queue; without one the kernel itself decides."""
        listed = self._file("/proc/net/netfilter/nfnetlink_queue")
        return any(line.split()[:1] == [str(number)] for line in listed.text.splitlines())

    def connections_at_most(self, address=None):
        """An upper bound for the tracked connections, of one source where they can be listed; None: unknown."""
        listed = self._file("/proc/net/nf_conntrack")
        if address is not None and not listed.error:
            return sum("src=%s " % address in line for line in listed.text.splitlines())
        count = self._file("/proc/sys/net/netfilter/nf_conntrack_count").text.strip()
        return int(count) if count.isdigit() else None

    def seen_recently(self, name, address, seconds, hits, more):
        """What the match recent says of a source; ``more``: how often this very packet was put on the list before."""
        listed = self._file("/proc/net/xt_recent/%s" % name)
        if listed.error or "/" in name:
            return None
        stamps = _stamps(listed.text, address)
        wanted = int(hits or 1)
        if len(stamps) + more < wanted:
            return False
        if seconds is None or more >= wanted:
            return True
        now, ticks = self._jiffies()
        if now is None:
            return None
        fresh = [stamp for stamp in stamps if now - stamp <= int(seconds) * ticks]
        return len(fresh) + more >= wanted

    def _jiffies(self):
        """The kernel's clock of ticks and its ticks a second, which no file tells: it starts 300 s before 2**32."""
        found = re.search(r"^jiffies: (\d+)", self._file("/proc/timer_list").text, re.M)
        uptime = self._file("/proc/uptime").text.split()
        if found is None or not uptime:
            return None, None
        for ticks in TICKS:
            if abs(2**32 - 300 * ticks + float(uptime[0]) * ticks - int(found.group(1))) < 5 * ticks:
                return int(found.group(1)), ticks
        return None, None

    # --- ipsets ---

    def in_ipset(self, name, directions, packet):
        """Whether a packet is in an ipset; the kernel itself is asked."""
        changes = [change[1:] for change in packet.added if change[0] == ("ipset", name)]
        if changes:
            return changes[-1][1] if changes[-1][0] == directions else None
        kind, members = self._ipset(name)
        if kind is None:
            return None
        if kind == "list:set":
            truths = [self.in_ipset(member, directions, packet) for member in members]
            return True if True in truths else None if None in truths else False
        parts = kind.partition(":")[2].split(",")
        if len(directions) < len(parts):
            return None
        entry = [_entry_part(part, directions[number], packet) for number, part in enumerate(parts)]
        if None in entry:
            return None
        key = (name, ",".join(entry))
        if key not in self._sets:
            self._sets[key] = self._ask_ipset(*key)
        return self._sets[key]

    def _ipset(self, name):
        """(type, members of a list of sets) of an ipset."""
        key = (name, None)
        if key not in self._sets:
            listed = host.run(["ipset", "list", "-t", name])
            kind = re.search(r"^Type: (\S+)", listed.out, re.M) if listed.rc == 0 else None
            members = []
            if kind and kind.group(1) == "list:set":
                members = host.run(["ipset", "list", name]).out.partition("Members:\n")[2].splitlines()
            self._sets[key] = (kind.group(1) if kind else None, [line.split()[0] for line in members if line])
        return self._sets[key]

    @staticmethod
    def _ask_ipset(name, entry):
        asked = host.run(["ipset", "test", name, entry])
        said = asked.out + asked.err
        if asked.rc == 0:
            return True
        return False if "is NOT in set" in said else None


def _entry_part(part, direction, packet):
    """One dimension of an ipset's entry, as ipset writes it; None where it is not known."""
    source = direction == "src"
    if part in ("ip", "net"):
        return packet.source if source else packet.destination
    if part == "port":
        port = packet.source_port if source else packet.destination_port
        return None if port is None else "%s:%d" % ({6: "tcp", 17: "udp"}[packet.protocol], port)
    if part == "iface":
        return packet.input if source else packet.output
    if part == "mark":
        return None if packet.mark is None else str(packet.mark)
    return None


def _stamps(text, address):
    """When a source was seen, in ticks, from a list of the match recent."""
    for line in text.splitlines():
        found = re.match(r"src=(\S+) .*oldest_pkt: \d+ (.+)$", line)
        if found and _same(found.group(1), address):
            return [int(stamp) for stamp in re.findall(r"\d+", found.group(2))]
    return []


def _same(written, address):
    """The kernel writes an IPv6 address in full there."""
    return written == address or (":" in address and number_of(written) == number_of(address))
