# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's own tables of listening sockets, and whose they are.

From /proc alone: a minimal host has no ss, lsof or netstat. What several sections need of
sockets and addresses is here, because gatherers do not import each other.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import pwd
import re
import socket
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host, netlink

TABLES = (("tcp", "/proc/net/tcp"), ("tcp", "/proc/net/tcp6"), ("udp", "/proc/net/udp"), ("udp", "/proc/net/udp6"))
# State of a socket that waits for peers: TCP_LISTEN, and TCP_CLOSE for an unconnected UDP socket.
WAITING = {"tcp": "0A", "udp": "07"}
# What is shown of a command line, and what is read of it.
COMMAND_LINE_LIMIT = 256
ARGUMENTS_LIMIT_BYTES = 2 * 1024 * 1024


def parse_table(text, protocol):
    """The waiting sockets in the text of a /proc/net/{tcp,udp}{,6} file."""
    sockets = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != WAITING[protocol]:
            continue
        try:
            address, port = fields[1].split(":")
            sockets.append(
                {
                    "protocol": protocol,
                    "address": parse_address(address),
                    "port": int(port, 16),
                    "uid": int(fields[7]),
                    "inode": int(fields[9]),
                }
            )
        except (ValueError, struct.error):
            continue  # a line that the kernel would not write
    return sockets


def parse_address(digits):
    """The address that the kernel prints as one hexadecimal number for each 32 bits, in the host's byte order."""
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def listening():
    """All waiting sockets, each with its processes, and why the list is not complete, or None.

    Returns (sockets, error, owners_error): with error there is no list at all; with owners_error
    some sockets could not be put down to a process.
    """
    sockets = []
    for protocol, path in TABLES:
        table = host.read(path, limit=32 * 1024 * 1024)
        if table.error and not path.endswith("6"):  # a kernel without IPv6 has no such table
            return [], table.error, None
        sockets.extend(parse_table(table.text, protocol))
    owners, hidden = _owners({entry["inode"] for entry in sockets})
    v6only = _v6only()
    names = {}
    for entry in sockets:
        inode = entry.pop("inode")
        entry["processes"] = owners.get(inode, [])
        entry["v6only"] = v6only.get(inode)
        # pid 1 holds the socket of a socket unit together with the service that it started.
        first = next((process for process in entry["processes"] if process["pid"] != 1), None)
        first = first or (entry["processes"][0] if entry["processes"] else {"pid": None, "program": None})
        entry["pid"], entry["program"] = first["pid"], first["program"]
        uid = entry.pop("uid")
        entry["user"] = names.setdefault(uid, user_name(uid))
    for entry in sockets:
        if entry["address"] == "::" and entry["v6only"] is None:
            entry["v6only"] = _probably_v6only(entry, sockets)
    sockets.sort(key=lambda entry: (entry["protocol"], entry["port"], entry["address"]))
    return sockets, None, hidden


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def process(pid):
    """Name and command line of a process."""
    name = host.read("/proc/%d/comm" % pid, limit=4096).text.strip()
    return {"pid": pid, "program": name, "command": " ".join(arguments(pid))[:COMMAND_LINE_LIMIT]}


def arguments(pid):
    """The whole argument vector of a process; empty for one that has ended."""
    words = host.read("/proc/%d/cmdline" % pid, limit=ARGUMENTS_LIMIT_BYTES).text.split("\0")
    return [word for word in words if word]


def _owners(inodes):
    """Which processes hold which of these sockets, and why some cannot be seen, or None."""
    owners, unreadable = {}, 0
    for pid in host.pids():
        folder = "/proc/%d/fd" % pid
        try:
            descriptors = os.listdir(folder)
        except OSError:
            unreadable += 1
            continue
        for descriptor in descriptors:
            target = host.link_target(os.path.join(folder, descriptor)) or ""
            if not target.startswith("socket:["):
                continue
            inode = int(target[8:-1])
            if inode in inodes:
                holders = owners.setdefault(inode, [])
                if not any(holder["pid"] == pid for holder in holders):
                    holders.append(process(pid))
    hidden = None
    if unreadable and not host.is_root():
        hidden = "not root: the processes of other users cannot be seen"
    return owners, hidden


# --- IPv6 sockets: does [::] take IPv4 too? /proc does not say, sock_diag does. ---

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
INET_DIAG_SKV6ONLY = 11
TCP_LISTEN = 10
INET_DIAG_MSG_LENGTH = 72


def _v6only():
    """inode -> whether a listening TCP socket takes IPv6 only; empty where the kernel does not tell."""
    if not host.kernel_has("tcp_diag"):
        return {}
    payload = struct.pack("=BBBBI48x", socket.AF_INET6, socket.IPPROTO_TCP, 0, 0, 1 << TCP_LISTEN)
    bodies, _error = netlink.dump(SOCK_DIAG_BY_FAMILY, payload, protocol=NETLINK_SOCK_DIAG)
    return dict(pair for pair in map(parse_diag, bodies) if pair)


def _probably_v6only(entry, sockets):
    """What a kernel that does not tell leaves to conclude."""
    if entry["program"] == "sshd":
        return True  # it always asks for IPv6 alone, and opens a second socket for IPv4
    beside = [other for other in sockets if other["address"] == "0.0.0.0" and other["protocol"] == entry["protocol"]]
    if any(other["port"] == entry["port"] for other in beside):
        return True
    return host.read("/proc/sys/net/ipv6/bindv6only").text.strip() == "1"


def parse_diag(body):
    """(inode, whether it takes IPv6 only) of one socket, or None where the kernel does not tell."""
    option = netlink.table_of(body[INET_DIAG_MSG_LENGTH:]).get(INET_DIAG_SKV6ONLY)
    if not option:
        return None
    return struct.unpack_from("=I", body, INET_DIAG_MSG_LENGTH - 4)[0], bytearray(option)[0] == 1


# --- addresses ---


def covers(entry, address):
    """Whether a listening socket takes connections to an address."""
    bound, address = entry["address"], address.split("%")[0]
    if bound == "0.0.0.0":
        return ":" not in address
    if bound == "::":
        return ":" in address or not entry["v6only"]
    if bound.startswith("::ffff:"):
        bound = bound[len("::ffff:") :]
    return bound == address


def is_loopback(address):
    return address == "::1" or address.startswith("127.")


def parse_fib_trie(text):
    """The IPv4 addresses of this host in the text of /proc/net/fib_trie."""
    found, address = [], None
    for line in text.splitlines():
        leaf = re.search(r"\|-- (\d+\.\d+\.\d+\.\d+)", line)
        if leaf:
            address = leaf.group(1)
        elif "host LOCAL" in line and address and address not in found:
            found.append(address)
    return found


def own_addresses():
    """The addresses of this host, both families."""
    found = parse_fib_trie(host.read("/proc/net/fib_trie", limit=8 * 1024 * 1024).text)
    for line in host.read("/proc/net/if_inet6").text.splitlines():
        digits = line.split()[0] if line.split() else ""
        if len(digits) == 32:
            packed = struct.pack("=16B", *[int(digits[i : i + 2], 16) for i in range(0, 32, 2)])
            found.append(socket.inet_ntop(socket.AF_INET6, packed))
    return found
