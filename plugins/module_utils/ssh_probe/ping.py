# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does anything answer at this address? An ICMP echo, the `ping` of seed document 000."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import socket
import struct
import time

TRIES = 2
WAIT_S = 1.5
ECHO = {socket.AF_INET: (socket.IPPROTO_ICMP, 8, 0), socket.AF_INET6: (socket.IPPROTO_ICMPV6, 128, 129)}


def ping(address):
    """{state: answers | silent | unknown, round_trip_ms, detail}."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        channel, raw = _open(family)
    except (OSError, socket.error) as error:
        return _reach("unknown", detail="no ping socket: %s" % error)
    try:
        identifier = os.getpid() & 0xFFFF
        for sequence in range(1, TRIES + 1):
            elapsed = _echo(channel, family, raw, address, identifier, sequence)
            if elapsed is not None:
                return _reach("answers", round_trip_ms=round(elapsed * 1000, 1))
        return _reach("silent", detail="no answer to %d echo requests" % TRIES)
    except (OSError, socket.error) as error:
        return _reach("silent", detail="ping: %s" % (error.strerror or error))
    finally:
        channel.close()


def _reach(state, round_trip_ms=None, detail=None):
    return {"state": state, "round_trip_ms": round_trip_ms, "detail": detail}


def _open(family):
    """An unprivileged ping socket where the system allows it, else a raw one, which needs root."""
    protocol = ECHO[family][0]
    try:
        return socket.socket(family, socket.SOCK_DGRAM, protocol), False
    except (OSError, socket.error):
        return socket.socket(family, socket.SOCK_RAW, protocol), True


def _echo(channel, family, raw, address, identifier, sequence):
    """Seconds until the answer, or None."""
    _protocol, request, reply = ECHO[family]
    payload = struct.pack("!HH", identifier, sequence) + b"remote_login"
    header = struct.pack("!BBH", request, 0, 0)
    # The kernel fills in the checksum of ICMPv6 and of ping sockets, not that of raw IPv4.
    packet = struct.pack("!BBH", request, 0, checksum(header + payload)) + payload
    started = time.time()
    channel.sendto(packet, (address, 0))
    while True:
        remaining = started + WAIT_S - time.time()
        if remaining <= 0:
            return None
        channel.settimeout(remaining)
        try:
            data, sender = channel.recvfrom(1024)
        except socket.timeout:
            return None
        if raw and family == socket.AF_INET:
            data = data[(bytearray(data)[0] & 0x0F) * 4 :]
        # A raw socket sees every echo on the machine; a ping socket has an identifier of the kernel's own.
        mine = len(data) >= 8 and bytearray(data)[0] == reply and sender[0].split("%")[0] == address.split("%")[0]
        mine = mine and struct.unpack("!H", data[6:8])[0] == sequence
        if mine and (not raw or struct.unpack("!H", data[4:6])[0] == identifier):
            return time.time() - started


def checksum(data):
    """The Internet checksum of RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
