# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to the kernel by netlink, and the attributes of its answers: no ip, ss or nft is needed."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import socket
import struct

NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLMSGHDR = struct.Struct("=LHHLL")
SOL_NETLINK, NETLINK_GET_STRICT_CHK = 270, 12
# Flag bits above the number of an attribute say how it is encoded.
ATTRIBUTE_NUMBER = 0x3FFF
ANSWER_LIMIT_BYTES = 8 * 1024 * 1024
TIMEOUT_S = 2


class Refused(OSError):
    """The kernel's own answer: an error number."""


def ask(kind, payload):
    """The body of the one message that answers; raises Refused, or OSError or struct.error where none came."""
    channel = _asked(0, kind, NLM_F_REQUEST, payload)
    try:
        data = channel.recv(65536)
    finally:
        channel.close()
    bodies = []
    _ended, number = messages(data, bodies)
    if number:
        raise Refused(number, os.strerror(number))
    if not bodies:
        raise OSError("a short answer")
    return bodies[0]


def dump(kind, payload, strict=False, protocol=0, limit=ANSWER_LIMIT_BYTES):
    """(the bodies of all messages that answer, why these are not all or None).

    ``strict``: the kernel leaves out what does not fit the payload, where it is new enough (4.20) to do so.
    ``protocol``: another netlink than that of routing.
    """
    bodies, size = [], 0
    try:
        channel = _asked(protocol, kind, NLM_F_REQUEST | NLM_F_DUMP, payload, strict)
    except (OSError, socket.error) as error:
        return [], "netlink: %s" % error
    try:
        while size <= limit:
            data = channel.recv(65536)
            size += len(data)
            ended, number = messages(data, bodies)
            if ended or not data:
                return bodies, "netlink: %s" % os.strerror(number) if number else None
        return bodies, "netlink: more than %d bytes" % limit
    except (OSError, socket.error, struct.error) as error:
        return bodies, "netlink: %s" % error
    finally:
        channel.close()


def _asked(protocol, kind, flags, payload, strict=False):
    """A socket on which the answer to a question will come."""
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    try:
        channel.settimeout(TIMEOUT_S)
        if strict:
            _be_strict(channel)
        channel.send(NLMSGHDR.pack(NLMSGHDR.size + len(payload), kind, flags, 1, 0) + payload)
    except (OSError, socket.error):
        channel.close()
        raise
    return channel


def _be_strict(channel):
    try:
        channel.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    except (OSError, socket.error):
        pass  # an older kernel answers with more


def messages(data, bodies):
    """Put the bodies in one datagram into a list; return (whether it was the last one, the number of an error)."""
    start, end = 0, len(data)
    while end - start >= NLMSGHDR.size:
        length, kind = NLMSGHDR.unpack_from(data, start)[:2]
        if kind == NLMSG_DONE and length >= NLMSGHDR.size + 4 and end - start >= NLMSGHDR.size + 4:
            # A dump that failed on the way says so at its end.
            return True, max(0, -struct.unpack_from("=i", data, start + NLMSGHDR.size)[0])
        if kind == NLMSG_DONE or length < NLMSGHDR.size:
            return True, 0
        if kind == NLMSG_ERROR:
            return True, -struct.unpack_from("=i", data, start + NLMSGHDR.size)[0]
        bodies.append(data[start + NLMSGHDR.size : start + length])
        start += (length + 3) & ~3
    return False, 0


def attribute(name, value):
    """One attribute as the kernel wants it."""
    return struct.pack("=HH", 4 + len(value), name) + value + b"\0" * (-len(value) % 4)


def attributes(data):
    """The (number, value) of each attribute."""
    while len(data) >= 4:
        size, name = struct.unpack_from("=HH", data)
        if size < 4:
            return
        yield name & ATTRIBUTE_NUMBER, data[4:size]
        data = data[(size + 3) & ~3 :]


def table_of(data):
    """The attributes by their number; of several with one number the last."""
    return dict(attributes(data))


def number(value):
    """An attribute that is a number of 8, 16, 32 or 64 bits, or None."""
    kinds = {1: "=B", 2: "=H", 4: "=I", 8: "=Q"}
    return struct.unpack(kinds[len(value)], value)[0] if value is not None and len(value) in kinds else None


def text(value):
    """An attribute that is a string, or None."""
    return None if value is None else value.split(b"\0")[0].decode("utf-8", "replace")


def address(value):
    """An IP address as it is written, or None."""
    families = {4: socket.AF_INET, 16: socket.AF_INET6}
    return socket.inet_ntop(families[len(value)], value) if value is not None and len(value) in families else None


def hardware_address(value):
    """A MAC address as it is written, or None."""
    return ":".join("%02x" % byte for byte in bytearray(value)) if value else None
