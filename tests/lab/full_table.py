# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A script that fills a host's connection tracking table: its size is the machine's, its content the host's own."""

from __future__ import annotations

# The kernel's own interface (ctnetlink), many entries in one message: a second or two for 262144. With STATUS 14
# (seen reply, assured, confirmed) no entry gives way to a new connection; with 8 they all do.
FILL = r"""
nft 'add table inet track; add chain inet track i { type filter hook input priority 0; }'
nft 'add rule inet track i ct state new accept'
$(command -v python3 || command -v python2.7) - STATUS <<'END'
import socket, struct, sys
def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)
def nested(kind, *parts):
    return attribute(kind | 0x8000, b"".join(parts))
def side(kind, source, destination, ports):
    return nested(kind, nested(1, attribute(1, source), attribute(2, destination)), nested(2, attribute(1, b"\x06"),
        attribute(2, struct.pack("!H", ports[0])), attribute(3, struct.pack("!H", ports[1]))))
def entry(number):
    here, there, port = struct.pack("!I", 0xC6120000 + number % 65536), b"\xcb\x00\x71\x01", 1024 + number // 65536
    data = side(1, here, there, (port, 80)) + side(2, there, here, (80, port)) + attribute(3, struct.pack("!I",
        int(sys.argv[1]))) + attribute(7, struct.pack("!I", 3000)) + nested(4, nested(1, attribute(1, b"\x03")))
    return struct.pack("=LHHLLBBH", 20 + len(data), 0x100, 0x601, 0, 0, socket.AF_INET, 0, 0) + data
channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
total = int(open("/proc/sys/net/netfilter/nf_conntrack_max").read()) + 2000
for first in range(0, total, 100):
    channel.send(b"".join(map(entry, range(first, first + 100))))
END
cat /proc/sys/net/netfilter/nf_conntrack_count /proc/sys/net/netfilter/nf_conntrack_max
"""
FULL_TABLE = FILL.replace("STATUS", "14")
# Full as well, of half-open connections, which the kernel throws out as soon as it needs the room.
YIELDING_TABLE = FILL.replace("STATUS", "8").replace('b"\\x03"', 'b"\\x01"')
