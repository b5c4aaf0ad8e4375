# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a name to the server's banner and key-exchange offer: plain sockets, nothing else."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import re
import socket
import struct
import time

# What this client calls itself. A server may answer only after it has read it, so it goes out first.
IDENTIFICATION = "SSH-2.0-rescue.remote_login"
BANNER_LINE_LIMIT = 8192
BEFORE_BANNER_LIMIT_BYTES = 64 * 1024
KEPT_LINES = 20
ADDRESSES_LIMIT = 6
KEXINIT = 20
OFFER_LIMIT_BYTES = 35000
OFFER_FIELDS = [
    "kex_algorithms",
    "server_host_key_algorithms",
    "encryption_client_to_server",
    "encryption_server_to_client",
    "mac_client_to_server",
    "mac_server_to_client",
    "compression_client_to_server",
    "compression_server_to_client",
]

# Of several addresses, the answer that says most speaks for the target.
TELLING = ("no_route", "timed_out", "refused")
# What the network says of a host. Any other error is the vantage's own, such as too many open files.
UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)
# What sshd itself says instead of a banner when it turns a client away.
TURNED_AWAY = re.compile(b"^(Exceeded MaxStartups|Not allowed at this time)")
IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE = 11, 25, 0x2000
ICMP_ORIGINS = {2: "ICMP", 3: "ICMPv6"}
ICMP_NAMES = {
    ("ICMP", 3, 0): "network unreachable",
    ("ICMP", 3, 1): "host unreachable",
    ("ICMP", 3, 2): "protocol unreachable",
    ("ICMP", 3, 3): "port unreachable",
    ("ICMP", 3, 9): "network prohibited",
    ("ICMP", 3, 10): "host prohibited",
    ("ICMP", 3, 13): "administratively prohibited",
    ("ICMPv6", 1, 0): "no route",
    ("ICMPv6", 1, 1): "administratively prohibited",
    ("ICMPv6", 1, 3): "address unreachable",
    ("ICMPv6", 1, 4): "port unreachable",
}


class Failed(Exception):
    """The attempt ended here: an outcome and what there is to say of it."""

    def __init__(self, outcome, detail):
        Exception.__init__(self, detail)
        self.outcome, self.detail = outcome, detail


class Undecided(Exception):
    """The probe could not go on, and that says nothing about the host."""


def resolve(name, port):
    """The socket addresses of a name, in the order of the system's resolver."""
    try:
        found = socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise Failed("name_not_resolved", "%s: %s" % (name, getattr(error, "strerror", None) or error))
    unique = []
    for family, _kind, _protocol, _canonical, address in found:
        if (family, address) not in unique:
            unique.append((family, address))
    return unique[:ADDRESSES_LIMIT]


def connect(candidates, timeout, tried, max_segment_size=None):
    """Connect to the first address that answers. Each try is noted in ``tried``."""
    for family, address in candidates:
        entry = {
            "address": address[0],
            "family": "ipv6" if family == socket.AF_INET6 else "ipv4",
            "outcome": None,
            "connect_ms": None,
            "detail": None,
            "answered_by": None,
            "client_address": None,
            "client_port": None,
            "max_segment_size": None,
        }
        tried.append(entry)
        started = time.time()
        try:
            channel = _connect_one(family, address, timeout, entry, max_segment_size)
        except (OSError, socket.error) as error:
            entry["outcome"], entry["detail"] = classify(error)
            channel = None
            if entry["outcome"] is None and entry["answered_by"]:
                entry["outcome"] = "no_route"  # 'permission denied' is how an ICMPv6 prohibition arrives
            if entry["outcome"] is None:
                raise Undecided("this vantage could not connect: %s" % entry["detail"])
        entry["connect_ms"] = milliseconds(started)
        if channel is not None:
            entry["outcome"] = "connected"
            entry["client_port"] = channel.getsockname()[1]
            return channel, entry
    best = max(tried, key=lambda entry: TELLING.index(entry["outcome"]))
    raise Failed(best["outcome"], "%s port %d: %s" % (best["address"], candidates[0][1][1], best["detail"]))


def _connect_one(family, address, timeout, entry, max_segment_size):
    channel = socket.socket(family, socket.SOCK_STREAM)
    try:
        entry["client_address"] = _source_address(family, address)
        level, option = (socket.IPPROTO_IPV6, IPV6_RECVERR) if family == socket.AF_INET6 else (0, IP_RECVERR)
        try:
            channel.setsockopt(level, option, 1)
        except (OSError, socket.error):
            pass  # only who answered will not be known
        if max_segment_size:
            entry["max_segment_size"] = _announce(channel, max_segment_size)
        channel.settimeout(timeout)
        channel.connect(address)
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return channel
    except (OSError, socket.error) as error:
        entry["answered_by"] = _answered_by(channel) or _by_errno(error)
        channel.close()
        raise


def _announce(channel, max_segment_size):
    """Announce a maximum segment size with the SYN; return it, or None where the system does not let one choose."""
    try:
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, max_segment_size)
    except (OSError, socket.error):
        return None
    return max_segment_size


def _source_address(family, address):
    """The address that this machine would use towards the target; connecting UDP sends nothing."""
    probe = socket.socket(family, socket.SOCK_DGRAM)
    try:
        probe.connect(address)
        return probe.getsockname()[0]
    except (OSError, socket.error):
        return None
    finally:
        probe.close()


def _answered_by(channel):
    """Who sent the ICMP error that ended a connection attempt, from the socket's error queue; None for none."""
    if not hasattr(channel, "recvmsg"):
        return None
    try:
        channel.setblocking(False)  # an empty queue must not be waited for
        _data, controls, _flags, _sender = channel.recvmsg(512, 1024, MSG_ERRQUEUE)
    except (OSError, socket.error):
        return None
    for _level, _kind, content in controls:
        if len(content) < 16:
            continue
        _errno, origin, kind, code = struct.unpack_from("=IBBB", content)
        protocol = ICMP_ORIGINS.get(origin)
        if protocol is None:
            continue
        offender = content[16:]
        sender = None
        if protocol == "ICMP" and len(offender) >= 8:
            sender = socket.inet_ntop(socket.AF_INET, offender[4:8])
        elif protocol == "ICMPv6" and len(offender) >= 24:
            sender = socket.inet_ntop(socket.AF_INET6, offender[8:24])
        name = ICMP_NAMES.get((protocol, kind, code), "type %d code %d" % (kind, code))
        return {"kind": "%s %s" % (protocol, name), "from": sender}
    return None


def _by_errno(error):
    return {"kind": "TCP reset", "from": None} if getattr(error, "errno", None) == errno.ECONNREFUSED else None


def classify(error):
    """Outcome and words for a connection attempt that failed."""
    if isinstance(error, socket.timeout):
        return "timed_out", "no answer"
    if error.errno == errno.ECONNREFUSED:
        return "refused", "connection refused"
    if error.errno == errno.ETIMEDOUT:
        return "timed_out", "connection timed out"
    words = error.strerror or str(error)
    return ("no_route" if error.errno in UNREACHABLE else None), words


# --- after the connection stands ---


class Stream(object):
    """A connected socket that remembers what was read ahead, for a library that wants to read it itself."""

    def __init__(self, channel):
        self._channel = channel
        self._ahead = b""
        self._identification_sent = False
        self._closed = False  # paramiko looks at it by this name

    def identify(self):
        self._identification_sent = True
        try:
            self._channel.sendall((IDENTIFICATION + "\r\n").encode("ascii"))
        except (OSError, socket.error):
            pass  # it may have said why it closes: reading tells

    def peek_until(self, wanted, limit, deadline):
        """Read on until ``wanted(data)`` gives an answer, and leave everything to be read again."""
        while True:
            answer = wanted(self._ahead)
            if answer is not None:
                return answer
            if len(self._ahead) > limit:
                return None
            self._channel.settimeout(max(0.001, deadline - time.time()))
            data = self._channel.recv(8192)
            if not data:
                raise EOFError("the server closed the connection")
            self._ahead += data

    @property
    def ahead(self):
        return self._ahead

    # What paramiko asks of a socket.

    def settimeout(self, seconds):
        self._channel.settimeout(seconds)

    def recv(self, size):
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        return self._channel.recv(size)

    def send(self, data):
        if self._identification_sent:
            self._identification_sent = False  # it has gone out already
            return len(data)
        return self._channel.send(data)

    def fileno(self):
        return self._channel.fileno()

    def getpeername(self):
        return self._channel.getpeername()

    def close(self):
        self._closed = True
        self._channel.close()


def read_banner(stream, timeout):
    """The server's identification, the lines that came before it, and where in the stream it ends."""
    deadline = time.time() + timeout
    try:
        stream.identify()
        found = stream.peek_until(find_banner, BEFORE_BANNER_LIMIT_BYTES, deadline)
    except socket.timeout:
        if stream.ahead:
            raise Failed("not_ssh", "no SSH banner within %g s, but: %s" % (timeout, excerpt(stream.ahead)))
        raise Failed("banner_timed_out", "connected, but no banner within %g s" % timeout)
    except (EOFError, OSError, socket.error) as error:
        if TURNED_AWAY.match(stream.ahead):
            raise Failed("closed_before_banner", "the server said %s and closed the connection" % excerpt(stream.ahead))
        if stream.ahead.strip():
            raise Failed("not_ssh", "the server said %s and closed the connection" % excerpt(stream.ahead))
        raise Failed("closed_before_banner", "connected, but %s before the banner" % _ending(error))
    if found is None:
        raise Failed("not_ssh", "no SSH banner in %d bytes: %s" % (len(stream.ahead), excerpt(stream.ahead)))
    return found


def _ending(error):
    return "the server closed the connection" if isinstance(error, EOFError) else "the connection was reset"


def find_banner(data):
    """(banner, lines before it, its end) once the data holds a whole SSH identification line, else None."""
    lines = data.split(b"\n")
    for number, line in enumerate(lines[:-1]):
        if line.startswith(b"SSH-"):
            end = sum(len(before) + 1 for before in lines[: number + 1])
            return text(line), [text(before) for before in lines[:number]][:KEPT_LINES], end
    return None


def read_offer(stream, start, timeout):
    """The algorithms in the server's first packet, which starts behind the banner, or None where it does not come."""

    def whole_packet(data):
        if len(data) < start + 6:
            return None
        length = struct.unpack_from("!I", data, start)[0]
        if length > OFFER_LIMIT_BYTES:
            return b""
        return data[start : start + 4 + length] if len(data) >= start + 4 + length else None

    try:
        packet = stream.peek_until(whole_packet, OFFER_LIMIT_BYTES + BEFORE_BANNER_LIMIT_BYTES, time.time() + timeout)
    except socket.timeout:
        raise Failed("key_exchange_timed_out", "the banner came, but no key-exchange offer within %g s" % timeout)
    except (EOFError, OSError, socket.error) as error:
        raise Failed("key_exchange_failed", "%s after the banner" % _ending(error))
    return parse_offer(packet or b"")


def parse_offer(packet):
    """The name-lists of an SSH_MSG_KEXINIT packet (RFC 4253, 7.1), or None for any other packet."""
    if len(packet) < 6 or bytearray(packet)[5] != KEXINIT:
        return None
    offer, position = {}, 6 + 16
    for field in OFFER_FIELDS:
        if position + 4 > len(packet):
            return None
        length = struct.unpack_from("!I", packet, position)[0]
        names = text(packet[position + 4 : position + 4 + length])
        offer[field] = names.split(",") if names else []
        position += 4 + length
    return offer


def text(data):
    """Bytes of a stranger as text in one line: what is not printable is shown as an escape."""
    decoded = data.decode("utf-8", "replace").rstrip("\r")
    shown = (
        "".join(c if c.isprintable() else repr(c)[1:-1] for c in decoded) if hasattr(decoded, "isprintable") else None
    )
    if shown is None:  # Python 2
        shown = "".join(c if 31 < ord(c) < 127 or ord(c) > 159 else "\\x%02x" % ord(c) for c in decoded)
    return shown[:BANNER_LINE_LIMIT]


def excerpt(data, limit=120):
    shown = text(data[: limit * 2].strip())
    return "'%s'%s" % (shown[:limit], "..." if len(shown) > limit else "") if shown else "nothing readable"


def milliseconds(started):
    return round((time.time() - started) * 1000, 1)
