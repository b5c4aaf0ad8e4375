# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel counts of each TCP connection: sock_diag, and its word of those that end meanwhile."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import errno
import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, netlink
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import clock

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
# Multicast groups with the last word of connections that are destroyed: IPv4 and IPv6.
DESTROY_GROUPS = 1 << 0 | 1 << 2
SO_RCVBUFFORCE, SOL_SOCKET = 33, socket.SOL_SOCKET
EVENTS_BUFFER_BYTES = 16 * 1024 * 1024
DUMP_LIMIT_BYTES = 512 * 1024 * 1024
REQUEST = struct.Struct("=BBBBI48x")
# struct inet_diag_msg; the ports are in network order.
MESSAGE = struct.Struct("=BBBBHH16s16sI8sIIIII")
ATTRIBUTE = struct.Struct("=HH")
INET_DIAG_INFO = 2
LISTEN, TIME_WAIT, SYN_RECV, NEW_SYN_RECV = 10, 6, 3, 12
# All states in which a socket has counters of its own.
COUNTING = 0xFFF & ~(1 << LISTEN | 1 << TIME_WAIT | 1 << SYN_RECV | 1 << NEW_SYN_RECV)
# struct tcp_info: whether time stamps make each header longer; what was acknowledged and received; segments; repeats.
OPTIONS_AT, TIMESTAMPS = 5, 0x1
BYTES, SEGMENTS, REPEATED = struct.Struct("=QQ"), struct.Struct("=II"), struct.Struct("=Q")
BYTES_AT, SEGMENTS_AT, REPEATED_AT = 120, 136, 208
MAPPED = b"\0" * 10 + b"\xff\xff"

# local and remote: (address as bytes, port).
Connection = collections.namedtuple("Connection", "local remote inode sent received segments timestamps repeated")


class Unsupported(OSError):
    """Why the connections of a namespace are not counted."""


def parse(body):
    """(cookie, Connection) of one socket, or None where it has no counters."""
    if len(body) < MESSAGE.size:
        return None
    fields = MESSAGE.unpack_from(body)
    info = _info(body)
    if info is None or len(info) < BYTES_AT + BYTES.size:
        return None
    sent, received = BYTES.unpack_from(info, BYTES_AT)
    segments = SEGMENTS.unpack_from(info, SEGMENTS_AT) if len(info) >= SEGMENTS_AT + SEGMENTS.size else None
    repeated = REPEATED.unpack_from(info, REPEATED_AT)[0] if len(info) >= REPEATED_AT + REPEATED.size else 0
    timestamps = bool(bytearray(info[OPTIONS_AT : OPTIONS_AT + 1])[0] & TIMESTAMPS)
    family = fields[0]
    local = address(family, fields[6]), socket.ntohs(fields[4])
    remote = address(family, fields[7]), socket.ntohs(fields[5])
    return fields[9], Connection(local, remote, fields[14], sent, received, segments, timestamps, repeated)


def address(family, data):
    """4 or 16 bytes; IPv4 on a socket of both families is IPv4."""
    if family == socket.AF_INET:
        return data[:4]
    return data[12:] if data.startswith(MAPPED) else data


def _info(body):
    """The tcp_info among the attributes, or None."""
    start, end = MESSAGE.size, len(body)
    while start + 4 <= end:
        size, name = ATTRIBUTE.unpack_from(body, start)
        if size < 4:
            return None
        if name == INET_DIAG_INFO:
            return body[start + 4 : start + size]
        start += (size + 3) & ~3
    return None


def growth(after, before):
    """What a connection has moved since then; all of it where it is another one or a new one."""
    if before is None or (after.local, after.remote) != (before.local, before.remote):
        return after
    sent, received = after.sent - before.sent, after.received - before.received
    if sent < 0 or received < 0:
        return after  # an old kernel names a socket by its place in memory, which another one has got since
    segments = (
        after.segments
        and before.segments
        and tuple((new - old) & 0xFFFFFFFF for new, old in zip(after.segments, before.segments))
    )
    return after._replace(
        sent=sent, received=received, segments=segments, repeated=max(0, after.repeated - before.repeated)
    )


class Counters(object):
    """The connections of the network namespace that this was made in."""

    def __init__(self):
        for module in ("inet_diag", "tcp_diag"):
            if not host.kernel_has(module):
                raise Unsupported("the kernel has no %s, and asking for it would load it" % module)
        self.problems = {}
        # How long the last step was: on a busy host a look can be late.
        self.looked_at = self.span_s = 0
        self.last, self.waiting, self.listening = {}, [], set()
        self.events = self._subscribed()
        # Still to be known when all is closed.
        self.tells_ended = self.events is not None
        try:
            self.begin()
        except Exception:
            self.close()
            raise

    def close(self):
        if self.events is not None:
            self.events.close()
            self.events = None

    def begin(self):
        """Count from now on."""
        self.listening = self._listening()
        self.last = self._dump()
        self.looked_at = clock.now()
        # What ended before this look is no part of it.
        self.drain()
        self.waiting = []

    def _subscribed(self):
        """A channel on which the kernel tells the final counters of each connection that ends."""
        channel = None
        try:
            channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
            for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
                try:
                    channel.setsockopt(SOL_SOCKET, option, EVENTS_BUFFER_BYTES)
                    break
                except (OSError, socket.error):
                    continue
            # Without bind() a membership is taken and nothing ever comes.
            channel.bind((0, DESTROY_GROUPS))
            channel.setblocking(False)
            return channel
        except (OSError, socket.error) as error:
            if channel is not None:
                channel.close()
            self.problems["ended connections"] = "the kernel does not tell of them (%s)" % (error.strerror or error)
            return None

    def _dump(self):
        found, counted = {}, 0
        for family in (socket.AF_INET, socket.AF_INET6):
            question = REQUEST.pack(family, socket.IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0, COUNTING)
            bodies, error = netlink.dump(
                SOCK_DIAG_BY_FAMILY, question, protocol=NETLINK_SOCK_DIAG, limit=DUMP_LIMIT_BYTES
            )
            if error and family == socket.AF_INET:
                raise Unsupported(error)
            if error:
                self.problems["connections of IPv6"] = error
            for body in bodies:
                counted += 1
                pair = parse(body)
                if pair is not None:
                    found[pair[0]] = pair[1]
        if counted and not found:
            raise Unsupported("the kernel does not count the bytes of a connection")
        return found

    def _listening(self):
        """The ports on which connections are waited for: those that have such a port here came from the other end."""
        found = set()
        for family in (socket.AF_INET, socket.AF_INET6):
            question = REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << LISTEN)
            bodies, _error = netlink.dump(
                SOCK_DIAG_BY_FAMILY, question, protocol=NETLINK_SOCK_DIAG, limit=DUMP_LIMIT_BYTES
            )
            found.update(socket.ntohs(MESSAGE.unpack_from(body)[4]) for body in bodies if len(body) >= MESSAGE.size)
        return found

    def drain(self):
        """Take what the kernel has told meanwhile; to be called often enough that its buffer does not fill."""
        while self.events is not None:
            try:
                data = self.events.recv(65536)
            except (OSError, socket.error) as error:
                if error.errno == errno.ENOBUFS:
                    self.problems["ended connections"] = "more ended at once than could be noted"
                    continue
                return
            netlink.messages(data, self.waiting)

    def step(self):
        """What each connection has moved since the last step: [Connection]."""
        self.drain()
        now = self._dump()
        last, self.looked_at = self.looked_at, clock.now()
        self.span_s = self.looked_at - last
        self.drain()
        ended, self.waiting = self.waiting, []
        moved = []
        for pair in map(parse, ended):
            if pair is None:
                continue
            before = self.last.pop(pair[0], None)
            now.pop(pair[0], None)
            known = pair[1]._replace(inode=before.inode) if before else pair[1]
            moved.append(growth(known, before))
        moved.extend(growth(after, self.last.get(cookie)) for cookie, after in now.items())
        self.last = now
        return [entry for entry in moved if entry.sent or entry.received or entry.repeated]
