# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever stands in a packet or an answer of the kernel: no crash, and never more bytes than there were."""

from __future__ import annotations

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    datagrams,
    kernel_events,
    owners,
    packets,
    processes,
    queues,
    tcp,
)

KINDS = st.sampled_from([packets.ETH_P_IP, packets.ETH_P_IPV6, 0x0806, 0])
ADDRESSES = {4: st.binary(min_size=4, max_size=4), 6: st.binary(min_size=16, max_size=16)}
PORTS = st.integers(0, 65535)


def ipv4(source: bytes, destination: bytes, protocol: int, inner: bytes, options: bytes = b"", place: int = 0) -> bytes:
    words = (20 + len(options)) // 4
    total = 20 + len(options) + len(inner)
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, min(total, 65535), 77, place, 64, protocol, 0)
    return head + source + destination + options + inner


def ipv6(source: bytes, destination: bytes, protocol: int, inner: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, min(len(inner), 65535), protocol, 64) + source + destination + inner


@given(st.binary(max_size=200), KINDS, st.integers(0, 70000), st.integers(0, 40))
def test_garbage_is_no_packet_or_one_that_carries_no_more_than_it_is_long(
    data: bytes, kind: int, length: int, start: int
) -> None:
    found = packets.parse(data, start, len(data), length, kind)
    if found is not None:
        protocol, addresses, ports, payload, _fragment = found
        assert 0 <= payload <= max(0, length)
        assert 0 <= protocol <= 255
        assert len(addresses) in (8, 32)
        assert len(ports) in (0, 4)


@given(ADDRESSES[4], ADDRESSES[4], PORTS, PORTS, st.integers(0, 1400), st.integers(0, 10), st.integers(0, 46))
def test_a_datagram_of_ipv4_carries_what_was_sent(
    source: bytes, destination: bytes, port: int, other: int, size: int, words: int, filling: int
) -> None:
    inner = struct.pack("!HHHH", port, other, 8 + size, 0) + b"x" * size
    whole = ipv4(source, destination, packets.UDP, inner, b"\1" * 4 * words) + b"\0" * filling
    found = packets.parse(whole[:96], 0, min(96, len(whole)), len(whole), packets.ETH_P_IP)
    assert found == (packets.UDP, source + destination, struct.pack("!HH", port, other), size, None)


@given(ADDRESSES[6], ADDRESSES[6], PORTS, PORTS, st.integers(0, 1400), st.lists(st.integers(0, 2), max_size=3))
def test_a_datagram_of_ipv6_is_found_behind_options(
    source: bytes, destination: bytes, port: int, other: int, size: int, options: list[int]
) -> None:
    inner = struct.pack("!HHHH", port, other, 8 + size, 0) + b"x" * size
    following = packets.UDP
    for units in options:
        inner = struct.pack("!BB", following, units) + b"\0" * (6 + 8 * units) + inner
        following = 60
    whole = ipv6(source, destination, following, inner)
    found = packets.parse(whole, 0, len(whole), len(whole), packets.ETH_P_IPV6)
    assert found == (packets.UDP, source + destination, struct.pack("!HH", port, other), size, None)


@given(ADDRESSES[4], ADDRESSES[4], st.integers(1, 8191), st.integers(8, 1400))
def test_the_middle_of_a_datagram_names_no_ports(source: bytes, destination: bytes, offset: int, size: int) -> None:
    whole = ipv4(source, destination, packets.UDP, b"y" * size, place=offset)
    found = packets.parse(whole, 0, len(whole), len(whole), packets.ETH_P_IP)
    assert found == (packets.UDP, source + destination, b"", size, (77, False))


@given(st.integers(0, 3000))
def test_a_packet_that_the_kernel_has_put_together_counts_whole(more: int) -> None:
    """One longer than its own field can tell, as of segmentation offload."""
    head = ipv4(b"\1" * 4, b"\2" * 4, packets.UDP, struct.pack("!HHHH", 1, 2, 0, 0))
    length = len(head) + more
    whole = struct.pack("!BBH", 0x45, 0, 0) + head[4:]
    found = packets.parse(whole, 0, len(whole), length, packets.ETH_P_IP)
    assert found is not None
    assert found[3] == more


@given(st.binary(max_size=600))
def test_garbage_of_sock_diag_is_no_connection(body: bytes) -> None:
    pair = tcp.parse(body)
    assert pair is None or (len(pair[0]) == 8 and pair[1].sent >= 0)


@given(
    st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), PORTS, PORTS, ADDRESSES[4], st.integers(136, 260),
    st.lists(st.tuples(st.sampled_from([5, 8, 11, 15]), st.binary(max_size=9)), max_size=4),
)  # fmt: skip
def test_the_counters_of_a_connection_are_found_among_all_attributes(
    sent: int, received: int, port: int, other: int, address: bytes, size: int, before: list[tuple[int, bytes]]
) -> None:
    info = bytearray(size)
    struct.pack_into("=QQ", info, tcp.BYTES_AT, sent, received)
    ends = (address + b"\0" * 12, address[::-1] + b"\0" * 12)
    ports = (socket.htons(port), socket.htons(other))
    body = tcp.MESSAGE.pack(socket.AF_INET, 1, 0, 0, *ports, *ends, 0, b"cookie!!", 0, 0, 0, 0, 4711)
    for name, value in [*before, (tcp.INET_DIAG_INFO, bytes(info))]:
        body += netlink.attribute(name, value)
    pair = tcp.parse(body)
    assert pair is not None
    cookie, found = pair
    assert (cookie, found.sent, found.received, found.inode) == (b"cookie!!", sent, received, 4711)
    assert (found.local, found.remote) == ((address, port), (address[::-1], other))
    assert (found.segments is None) == (size < tcp.SEGMENTS_AT + 8)


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.booleans())
def test_a_connection_never_moves_backwards(before: int, after: int, same: bool) -> None:
    old = tcp.Connection((b"\1" * 4, 1), (b"\2" * 4, 2), 5, before, before, (1, 1), True, 0)
    new = old._replace(sent=after, received=after, local=old.local if same else (b"\3" * 4, 9))
    moved = tcp.growth(new, old)
    assert moved.sent == (after - before if same and after >= before else after) >= 0


@given(st.binary(max_size=80))
def test_garbage_of_the_kernels_events_is_left_out(data: bytes) -> None:
    pair = kernel_events.parse_sample(data, 0, len(data))
    assert pair is None or len(pair[1]) <= len(data)


@given(st.text(max_size=300))
def test_garbage_in_proc_is_no_socket_and_no_process(text: str) -> None:
    assert all(entry.inode >= 0 for entry in datagrams.parse("head\n" + text, 17))
    datagrams.parse_packet_sockets(text)
    owners.parse_state(text)
    processes.parse_groups(text, processes.root_group(text))
    owners.tunnel_of(text)


@given(st.binary(max_size=80), st.sampled_from(["tbf", "cake", "htb", "fq", ""]))
def test_garbage_of_a_queue_has_no_rate_or_a_positive_one(options: bytes, kind: str) -> None:
    rate = queues.rate_of(kind, options)
    assert rate is None or rate > 0
