# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the login's first packet arrive at this host, and does the host answer?

A packet socket sees what comes in before the packet filter does, and what goes out after it. What it does not see
has been stopped before this host, or by a program in the network driver (XDP).
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import select
import signal
import socket
import struct
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import (
    conntrack,
    host,
    links,
    routing,
    sockets,
    way,
    wire,
)

# A frame is seen once on each interface that it passes on its way up (port, bridge, VLAN). A repeated SYN comes later.
SAME_PACKET_S = 0.1
# How long after the last SYN that is waited for its fate may be told.
FATE_S = 0.5
OWN_LIMIT, OTHERS_LIMIT, RECENT_LIMIT = 256, 20, 1024
ANSWER_LIMIT_BYTES = 1024 * 1024
COLLECT_TIMEOUT_S = 10
SO_PEERCRED = getattr(socket, "SO_PEERCRED", 17)
# What the kernel counts when it drops a handshake that the packet filter has let through.
COUNTERS = {
    "/proc/net/netstat": (
        "ListenOverflows",
        "ListenDrops",
        "TCPReqQFullDrop",
        "TCPReqQFullDoCookies",
        "TCPBacklogDrop",
        "SyncookiesSent",
        "IPReversePathFilter",
        "InNoRoutes",
    ),
    # What IPsec policies refuse.
    "/proc/net/xfrm_stat": (
        "XfrmInNoPols",
        "XfrmInPolBlock",
        "XfrmInTmplMismatch",
        "XfrmOutNoStates",
        "XfrmOutPolBlock",
    ),
    "/proc/net/snmp": ("InAddrErrors", "InDiscards", "OutNoRoutes", "OutDiscards"),
}


class Watch(object):
    """What was seen so far of the login attempts on a port. Its size is bounded, whatever comes in."""

    def __init__(self, port, clients, addresses, mark=None):
        self.port, self.mark = port, mark
        self.clients = [_plain(address) for address in clients]
        self.addresses = [_plain(address) for address in addresses]
        self.own = set(sockets.own_addresses())
        self.started, self.last_syn = time.time(), None
        self.counters = counters()
        self.attempts, self.others, self.recent = {}, {}, {}
        self.syns = self.other_syns = self.lost = 0
        self.answers = {}
        # Who has put the client's first packet on the link: the client itself or the last router.
        self.source_mac = None

    def note(self, packet, interface, outgoing, now, mac=None):
        """One parsed packet."""
        if outgoing:
            self._note_answer(packet, interface)
        elif packet["kind"] == "SYN" and packet["destination_port"] == self.port:
            self._note_syn(packet, interface, now, mac)

    def _note_syn(self, packet, interface, now, mac):
        connection = _connection(packet)
        again = self._seen_just_now(connection + (packet["sequence"],), now)
        if not self._is_ours(packet):
            if not again:
                self.other_syns += 1
                _count(self.others, (packet["source"], packet["destination"]), OTHERS_LIMIT)
            return
        attempt = self.attempts.get(connection)
        if attempt is None:
            if len(self.attempts) >= OWN_LIMIT:
                return
            attempt = {"syns": 0, "first": now, "interfaces": [], "known_by": self._known_by(packet)}
            attempt.update((key, packet[key]) for key in ("source", "destination"))
            self.attempts[connection] = attempt
            self.source_mac = self.source_mac or mac
        if interface not in attempt["interfaces"]:
            attempt["interfaces"].append(interface)
        self.last_syn = now
        if not again:
            attempt["syns"] += 1
            self.syns += 1

    def _seen_just_now(self, packet, now):
        if len(self.recent) >= RECENT_LIMIT:
            self.recent.clear()
        before = self.recent.get(packet)
        if before is not None and now - before < SAME_PACKET_S:
            return True
        self.recent[packet] = now
        return False

    def _known_by(self, packet):
        return "address" if packet["source"] in self.clients else "mark"

    def _is_ours(self, packet):
        """Whether the vantage sent it: by its address, or by the mark that outlives address translation."""
        mine = packet["source"] in self.clients or (self.mark is not None and packet["mss"] == self.mark)
        return mine and (packet["destination"] in self.own or packet["destination"] in self.addresses)

    def _note_answer(self, packet, interface):
        """An ICMP error names the connection as the SYN did, TCP names it the other way round."""
        connection = _connection(packet)
        if packet["kind"] in ("SYN-ACK", "RST"):
            connection = (connection[2], connection[3], connection[0], connection[1])
        if connection in self.attempts:
            _count(self.answers, (packet["kind"], interface), OTHERS_LIMIT)

    def is_enough(self, wanted, now):
        """Whether so many SYNs were seen and the host has had the time to answer the last one."""
        return bool(wanted) and self.syns >= wanted and now - self.last_syn >= FATE_S

    def summary(self):
        """The evidence."""
        arrived, doubt = self._arrived()
        attempts = [self.attempts[key] for key in sorted(self.attempts, key=lambda key: self.attempts[key]["first"])]
        interfaces = attempts[0]["interfaces"] if attempts else []
        found = {
            "status": "ok",
            "reason": None,
            "missing": {"arrived": doubt} if doubt else {},
            "port": self.port,
            "watched_s": round(time.time() - self.started, 1),
            "arrived": arrived,
            "answered": bool(self.answers) if arrived else None,
            "syns": self.syns,
            "first_at": host.iso_time(attempts[0]["first"]) if attempts else None,
            "last_at": host.iso_time(self.last_syn),
            # Of the interfaces that a frame passes, the last one is the one that IP and the packet filter know.
            "interface": interfaces[-1] if interfaces else None,
            "interfaces": interfaces,
            "sources": _added_up(attempts),
            "answers": [
                {"kind": kind, "interface": interface, "count": count}
                for (kind, interface), count in sorted(self.answers.items())
            ],
            "answer_interface": min(interface for _kind, interface in self.answers) if self.answers else None,
            "other_syns": self.other_syns,
            "other_sources": [
                {"source": source, "destination": destination, "syns": count}
                for (source, destination), count in sorted(self.others.items(), key=lambda item: -item[1])
            ],
            "lost": self.lost,
            "counters": growth(self.counters, counters()),
            "address_is_own": any(address in self.own for address in self.addresses) if self.addresses else None,
            "source_mac": self.source_mac,
        }
        found.update(self._ways(attempts[0] if attempts else None, found["interface"]))
        return found

    def _ways(self, attempt, interface):
        """The way of the answers, and what the kernel makes of a packet that comes in as the SYN did."""
        client = attempt["source"] if attempt else (self.clients or [None])[0]
        found = {"way_back": None, "way_in": None}
        if client is not None:
            found["way_back"] = way.back(client, attempt and attempt["destination"], self.port)
        if attempt:
            neighbour = found["way_back"]["neighbour"] or {}
            # Routers that stand in for each other differ so as well: alone it is no fault.
            found["way_back"]["other_machine"] = bool(
                self.source_mac and neighbour.get("mac") and neighbour["mac"] != self.source_mac
            )
            found["way_in"] = way.arrival(client, attempt["destination"], interface, self.port)
        return found

    def _arrived(self):
        """(whether the vantage's SYN came, why that cannot be said)."""
        if self.syns:
            return True, None
        if self.lost:
            return None, "%d packets came too fast to be looked at" % self.lost
        programs = [name for name in _interfaces() if links.state(name)["xdp"]]
        if programs:
            return None, "a program in the network driver (XDP) sees the packets of %s first" % ", ".join(programs)
        if self.other_syns and self.mark is None:
            return None, "packets of other addresses came, and one of them may be the client's behind translation"
        return False, None


def _plain(address):
    """An address without its zone, in the kernel's own spelling."""
    address = address.split("%")[0]
    family = routing.family_of(address)
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, address))
    except (OSError, socket.error, ValueError):
        return address


def _connection(packet):
    return packet["source"], packet["source_port"], packet["destination"], packet["destination_port"]


def _count(table, key, limit):
    """One more of these; when the table is full, only what is in it already is counted on."""
    if key in table or len(table) < limit:
        table[key] = table.get(key, 0) + 1


def _added_up(attempts):
    """The SYNs of the vantage by their addresses as this host sees them."""
    found = []
    for attempt in attempts:
        place = {key: attempt[key] for key in ("source", "destination", "known_by")}
        same = next((entry for entry in found if all(entry[key] == place[key] for key in place)), None)
        if same is None:
            found.append(dict(place, syns=attempt["syns"]))
        else:
            same["syns"] += attempt["syns"]
    return found[:OTHERS_LIMIT]


def _interfaces():
    """The names of all interfaces but the loopback."""
    names = [line.partition(":")[0].strip() for line in host.read("/proc/net/dev").text.splitlines()[2:]]
    return [name for name in names if name and name != "lo"]


def counters():
    """The kernel's counters of dropped handshakes, by name."""
    found = {}
    for path, names in COUNTERS.items():
        parser = parse_counters if "xfrm" not in path else parse_lines
        values = parser(host.read(path).text)
        found.update((name, values[name]) for name in names if name in values)
    dropped = conntrack.statistics()[0].get("drop")
    if dropped is not None:
        found["conntrack_drop"] = dropped
    return found


def parse_counters(text):
    """/proc/net/netstat and snmp: a line of names, then a line of values, both with the protocol in front."""
    lines, found = text.splitlines(), {}
    for names, values in zip(lines[::2], lines[1::2]):
        for name, value in zip(names.split()[1:], values.split()[1:]):
            if value.isdigit():
                found[name] = int(value)
    return found


def parse_lines(text):
    """/proc/net/xfrm_stat: a name and a value in each line."""
    lines = [line.split() for line in text.splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}


def growth(before, after):
    """The counters that have grown, and by how much."""
    return {name: after[name] - before[name] for name in sorted(before) if after.get(name, 0) > before[name]}


# --- watching ---


def watch(port, clients, addresses, mark, duration, enough):
    """Watch until so many SYNs were seen or the time is over, and return the evidence."""
    try:
        channel = wire.open_channel(port)
    except (OSError, socket.error) as error:
        return unchecked("no packet socket: %s" % error)
    try:
        seen = Watch(port, clients, addresses, mark)
        _look(channel, seen, time.time() + duration, enough=enough)
        return seen.summary()
    finally:
        channel.close()


def unchecked(reason):
    return {"status": "unchecked", "reason": reason}


def _look(channel, seen, deadline, enough=0, caller=None):
    """Note what comes until the deadline, until it is enough, or until somebody asks through the socket ``caller``."""
    while True:
        now = time.time()
        if now >= deadline or seen.is_enough(enough, now):
            return False
        wait = min(deadline - now, FATE_S / 2 if enough and seen.syns else deadline - now)
        try:
            ready = select.select([channel] + ([caller] if caller else []), [], [], wait)[0]
        except (OSError, select.error):
            continue  # a signal
        if channel in ready:
            _drain(channel, seen)
        if caller in ready:
            return True


def _drain(channel, seen):
    """Take what is there, but only so much at a time that the deadline is looked at even under a flood."""
    for _number in range(RECENT_LIMIT):
        received = wire.receive(channel)
        if received is None:
            break
        data, protocol, interface, outgoing, mac = received
        packet = wire.parse(data, protocol)
        if packet is not None:
            seen.note(packet, interface, outgoing, time.time(), mac)
    seen.lost += wire.lost_packets(channel) or 0


# --- watching in the background ---
#
# The vantage probes between two visits of Ansible to the host. Ansible's own background jobs keep their state in files
# below the user's home, which a host with a full or read-only disk does not have and from which something can be left
# behind. So a process of its own watches and hands over what it has seen through a socket without a place in the file
# system; it ends with that, or when its time is over, and nothing of it is left.


def start(port, clients, addresses, mark, duration):
    """Start to watch in the background; return (the name to collect under, why there is none)."""
    try:
        channel = wire.open_channel(port)
    except (OSError, socket.error) as error:
        return None, "no packet socket: %s" % error
    job = _random_name()
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        door.bind(_place(job))
        door.listen(2)
        child = os.fork()
    except (OSError, socket.error) as error:
        return None, "no process in the background: %s" % error
    else:
        if child == 0:
            _become_independent(lambda: _serve(channel, door, Watch(port, clients, addresses, mark), duration))
        failed = os.waitpid(child, 0)[1] != 0
    finally:
        channel.close()
        door.close()
    return (None, "no process in the background") if failed else (job, None)


def _random_name():
    with open("/dev/urandom", "rb") as source:
        return "".join("%02x" % number for number in bytearray(source.read(16)))


def _place(job):
    """An address in the abstract name space of this network namespace: no file."""
    return ("\0rescue.remote_login.witness." + job).encode("ascii")


def _become_independent(work):
    """In a child: leave the session of Ansible, and do the work in a grandchild that nobody waits for."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if os.fork() == 0:
            os.chdir("/")
            nothing = os.open(os.devnull, os.O_RDWR)
            # Ansible waits for whoever still holds the ends of its pipes.
            for descriptor in (0, 1, 2):
                os.dup2(nothing, descriptor)
            work()
        status = 0
    finally:
        os._exit(status)


def _serve(channel, door, seen, duration):
    """Watch until this same user comes for the answer."""
    # However the clock is set meanwhile, this process ends.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(duration) + COLLECT_TIMEOUT_S)
    _close_others((channel.fileno(), door.fileno()))
    deadline = time.time() + duration
    while _look(channel, seen, deadline, caller=door):
        visitor = door.accept()[0]
        try:
            if _user_behind(visitor) != os.geteuid():
                continue
            visitor.settimeout(COLLECT_TIMEOUT_S)
            _drain(channel, seen)
            visitor.sendall(json.dumps(seen.summary()).encode("utf-8"))
            return
        except (OSError, socket.error):
            continue
        finally:
            visitor.close()


def _close_others(kept):
    """Let go of what the module that started this had open."""
    for name in host.names_in("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                pass


def _user_behind(channel):
    """The user at the other end of a local socket."""
    return struct.unpack("=iII", channel.getsockopt(socket.SOL_SOCKET, SO_PEERCRED, 12))[1]


def collect(job):
    """What the watch in the background has seen; it ends with this."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        channel.settimeout(COLLECT_TIMEOUT_S)
        channel.connect(_place(job))
        if _user_behind(channel) != os.geteuid():
            return unchecked("the watch in the background belongs to another user")
        return json.loads(_all_of(channel).decode("utf-8"))
    except (OSError, socket.error) as error:
        return unchecked("the watch in the background does not answer: %s" % error)
    except ValueError:
        return unchecked("the watch in the background gave no whole answer")
    finally:
        channel.close()


def _all_of(channel):
    chunks, size = [], 0
    while size <= ANSWER_LIMIT_BYTES:
        data = channel.recv(65536)
        if not data:
            break
        chunks.append(data)
        size += len(data)
    return b"".join(chunks)
