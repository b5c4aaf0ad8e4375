# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Buffers shared with the kernel, whatever stands in them; and sums that agree, whatever was seen."""

from __future__ import annotations

import contextlib
import mmap
import struct
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    attribution,
    datagrams,
    interfaces,
    kernel_events,
    owners,
    packets,
    processes,
    queues,
    rates,
    ring,
    summary,
    tcp,
)
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth.flows import Flow

ADDRESS = st.binary(min_size=4, max_size=4)


# --- the records of a tracepoint ---


def events_ring(size: int) -> Any:
    found = kernel_events.Ring.__new__(kernel_events.Ring)
    found.size = size
    found.memory = mmap.mmap(-1, size + mmap.PAGESIZE)
    return found


def put(events: Any, start: int, data: bytes) -> None:
    for number, byte in enumerate(bytearray(data)):
        place = mmap.PAGESIZE + (start + number) % events.size
        events.memory[place : place + 1] = bytes([byte])


def record(kind: int, body: bytes) -> bytes:
    return kernel_events.RECORD.pack(kind, 0, kernel_events.RECORD.size + len(body)) + body


@given(
    st.one_of(st.integers(3900, 4096), st.integers(0, 2**40)),
    st.lists(st.one_of(st.tuples(st.integers(0, 2**31), st.binary(max_size=60)), st.integers(0, 2**32)), max_size=20),
)
@example(4080, [(4711, b"x" * 40)])
def test_each_event_is_found_wherever_the_buffer_begins_anew(start: int, happened: list[Any]) -> None:
    events, wanted, lost, data = events_ring(4096), [], 0, b""
    start &= ~7
    for event in happened:
        if isinstance(event, int):
            lost += event
            data += record(kernel_events.PERF_RECORD_LOST, struct.pack("=QQ", 7, event))
            continue
        process, raw = event
        raw += b"\0" * (-(len(raw) + 4) % 8)
        wanted.append((process, raw))
        data += record(kernel_events.PERF_RECORD_SAMPLE, struct.pack("=III", process, process, len(raw)) + raw)
    put(events, start, data)
    struct.pack_into("=QQ", events.memory, kernel_events.HEAD_AT, start + len(data), start)
    found: list[Any] = []
    assert events.take(found, mock.Mock()) == lost
    assert found == wanted
    assert struct.unpack_from("=Q", events.memory, kernel_events.TAIL_AT)[0] == start + len(data)
    assert events.take(found, mock.Mock()) == 0
    assert found == wanted


@given(st.integers(0, 2**40), st.binary(max_size=2000))
def test_garbage_in_the_buffer_of_events_is_left_behind(start: int, data: bytes) -> None:
    events = events_ring(4096)
    put(events, start, data)
    struct.pack_into("=QQ", events.memory, kernel_events.HEAD_AT, start + len(data), start)
    found: list[Any] = []
    assert events.take(found, mock.Mock()) >= 0
    assert sum(len(raw) for _process, raw in found) <= len(data)
    assert struct.unpack_from("=Q", events.memory, kernel_events.TAIL_AT)[0] == start + len(data)


@given(st.integers(0, 2**31), st.binary(max_size=40), st.integers(-20, 20))
def test_an_event_that_is_cut_off_is_left_out(process: int, raw: bytes, missing: int) -> None:
    size = max(0, len(raw) + missing)
    data = struct.pack("=III", process, process, size) + raw
    found = kernel_events.parse_sample(b"??" + data + b"more of the next", 2, 2 + len(data))
    assert found == ((process, raw[:size]) if size <= len(raw) else None)


@given(st.text(max_size=400))
def test_garbage_is_no_definition_of_a_tracepoint(text: str) -> None:
    for place in (text, "ID: 7\n" + text):
        with contextlib.suppress(kernel_events.Unsupported):
            number, fields = kernel_events.parse_definition(place)
            assert number >= 0
            assert all(len(field) == 2 and min(field) >= 0 for field in fields.values())


NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)


@given(st.integers(0, 9999), st.lists(st.tuples(NAMES, st.sampled_from(["", "[4]", "[IFNAMSIZ]"])), max_size=9))
def test_each_field_of_a_tracepoint_is_found(number: int, names: list[tuple[str, str]]) -> None:
    lines = ["name: x", f"ID: {number}", "format:"]
    wanted = {}
    for place, (name, length) in enumerate(names):
        lines.append(f"\tfield:const void * {name}{length};\toffset:{place};\tsize:{place + 1};\tsigned:0;")
        wanted[name] = place, place + 1
    assert kernel_events.parse_definition("\n".join(lines)) == (number, wanted)


# --- the blocks of packets ---


def packet_ring(size: int = 0, tcp_share: int = ring.TCP_AS_REST) -> Any:
    found = ring.Ring.__new__(ring.Ring)
    found.filters, found.flows, found.usual, found.first_fragments = [(0, size, tcp_share)], {}, {}, {}
    found.begun, found.ended = 0, None
    return found


def way_of(outgoing: bool) -> Any:
    return ring.WAYS.get(ring.PACKET_OUTGOING if outgoing else 0, ring.IN)


def frame(data: bytes, length: int, kind: int, outgoing: bool, last: bool) -> bytes:
    network = ring.FRAME.size
    size = (network + len(data) + 15) & ~15
    way = ring.PACKET_OUTGOING if outgoing else 0
    swapped = struct.unpack("=H", struct.pack("!H", kind))[0]
    head = ring.FRAME.pack(0 if last else size, 5, 5, len(data), length, network, swapped, 3, way)
    whole = head + data
    return whole + b"\0" * (size - len(whole))


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=120), st.integers(0, 70000), st.sampled_from([0x800, 0x86DD, 0x806]), st.booleans()
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([0, 1024, 1 << 17]),
)
def test_each_packet_of_a_block_counts_once_in_its_direction(seen: list[Any], size: int) -> None:
    packet_ring_ = packet_ring(size)
    data = b"".join(frame(*one, last=number == len(seen) - 1) for number, one in enumerate(seen))
    packet_ring_._add(data, 0, len(seen))
    assert sum(moved[3] for moved in packet_ring_.flows.values()) == len(seen)
    for outgoing in (True, False):
        flows = [(key, moved) for key, moved in packet_ring_.flows.items() if key[0] == way_of(outgoing)]
        lengths = [one[1] for one in seen if one[3] is outgoing]
        if all(key[3] != packets.TCP for key, _moved in flows):
            assert (
                abs(sum(moved[0] for _key, moved in flows) - sum(max(one, size if one else 0) for one in lengths))
                < 1e-3
            )
        assert all(0 <= moved[2] <= moved[0] for _key, moved in flows)


@given(st.integers(1, 65535), st.integers(1, 65535), st.integers(0, 1400), st.integers(0, 28), st.booleans())
def test_a_datagram_in_a_block_is_found_with_its_ports_or_cut_off(
    port: int, other: int, size: int, kept: int, outgoing: bool
) -> None:
    data = struct.pack("!BBHHHBBH", 0x45, 0, 28 + size, 1, 0, 64, packets.UDP, 0) + b"\n\0\0\1" + b"\n\0\0\2"
    data += struct.pack("!HHHH", port, other, 8 + size, 0)
    whole, cut = packet_ring(), packet_ring()
    block = frame(data, len(data) + size, 0x800, outgoing, last=True)
    whole._add(block, 0, 1)
    key = way_of(outgoing), 3, 0x800, packets.UDP, b"\n\0\0\1\n\0\0\2", struct.pack("!HH", port, other)
    assert whole.flows == {key: [28 + size, 1, size, 1]}
    # The block ends before what it says that it has kept of the packet.
    cut._add(block[: ring.FRAME.size + kept], 0, 1)
    ((_key, moved),) = cut.flows.items()
    assert moved[0] == 28 + size
    assert moved[2] <= 28 + size


@given(st.binary(max_size=3000), st.integers(0, 3000), st.integers(0, 2**32 - 1))
def test_a_garbage_block_ends_and_makes_no_more_of_it_than_it_says(data: bytes, place: int, count: int) -> None:
    garbage = packet_ring()
    garbage._add(data, place, count)
    for moved in garbage.flows.values():
        assert moved[0] >= moved[2] >= 0
        assert moved[3] <= min(count, len(data))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30))
def test_frames_that_overlap_end(steps: list[int]) -> None:
    data = bytearray(4096)
    place = 0
    for step in steps:
        struct.pack_into("=I", data, place, step)
        place += step
    overlapping = packet_ring()
    overlapping._add(bytes(data), 0, 2**32 - 1)
    assert sum(moved[3] for moved in overlapping.flows.values()) <= len(data)


@given(st.integers(0, 2**24), st.integers(1, 1500), st.floats(0.001, 1e4), st.sampled_from([0, 1, 64, 2**20]))
def test_the_filter_can_work_with_any_share(size: int, mean: int, too_many: float, tcp_share: int) -> None:
    size = 1 << size.bit_length() if size else 0
    wanted, share = ring.adapted((0, size, tcp_share), ring.TCP_SHARE, mean, too_many)
    assert wanted & (wanted - 1) == 0
    assert share & (share - 1) == 0
    assert all(0 <= line[1] < 256 and 0 <= line[2] < 256 for line in ring.keeping(list(range(64)), wanted, share))


# --- answers of netlink ---


@given(st.binary(max_size=300))
def test_garbage_of_netlink_is_no_endless_answer(data: bytes) -> None:
    bodies: list[bytes] = []
    with contextlib.suppress(struct.error):  # the one that asks tells it as a reason
        ended, _number = netlink.messages(data, bodies)
        assert ended in (True, False)
    assert sum(map(len, bodies)) <= len(data)


@given(st.lists(st.tuples(st.integers(4, 200), st.binary(max_size=30)), max_size=6), st.integers(0, 15))
def test_each_message_of_netlink_is_found_until_one_is_too_short(wanted: list[tuple[int, bytes]], short: int) -> None:
    data = b""
    for kind, body in wanted:
        data += netlink.NLMSGHDR.pack(16 + len(body), kind, 0, 1, 1) + body + b"\0" * (-len(body) % 4)
    bodies: list[bytes] = []
    assert netlink.messages(data, bodies) == (False, 0)
    assert bodies == [body for _kind, body in wanted]
    assert netlink.messages(data + netlink.NLMSGHDR.pack(short, 20, 0, 1, 1) + data, []) == (True, 0)


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=20)), max_size=8))
def test_attributes_come_back_as_they_were_packed(wanted: list[tuple[int, bytes]]) -> None:
    packed = b"".join(netlink.attribute(name, value) for name, value in wanted)
    assert list(netlink.attributes(packed)) == wanted


@given(st.binary(max_size=200))
def test_garbage_is_no_link_that_leads_out(data: bytes) -> None:
    for body in (data, b"\0" * 16 + data):
        found = interfaces.links.parse_all([body])
        assert all(name for name in interfaces.outer(found, {}) if name is not None)


@given(st.sampled_from([0, 43, 51, 60]), st.integers(0, 255), st.integers(0, 400))
def test_headers_that_are_longer_than_the_packet_leave_nothing(kind: int, units: int, size: int) -> None:
    inner = struct.pack("!BB", packets.UDP, units) + b"\0" * 6
    header = (units + 2) * 4 if kind == packets.AUTHENTICATION else (units + 1) * 8
    inner = (inner + b"\0" * max(0, header - 8))[: 8 + size] + struct.pack("!HHHH", 7, 9, 8, 0)
    data = struct.pack("!IHBB", 6 << 28, len(inner), kind, 64) + b"\1" * 32 + inner
    found = packets.parse(data, 0, len(data), len(data), packets.ETH_P_IPV6)
    assert found is not None
    assert found[3] >= 0
    if header <= 8 + size:
        assert found[:3] == (packets.UDP, b"\1" * 32, struct.pack("!HH", 7, 9))
        assert found[3] == len(inner) - header - 8


# --- connections ---

CONNECTION = st.builds(
    tcp.Connection,
    st.just((b"\1" * 4, 1)),
    st.just((b"\2" * 4, 2)),
    st.just(5),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.one_of(st.none(), st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))),
    st.booleans(),
    st.integers(0, 2**64 - 1),
)


@given(CONNECTION, st.one_of(st.none(), CONNECTION))
def test_a_connection_has_moved_no_more_than_it_ever_did(after: Any, before: Any) -> None:
    moved = tcp.growth(after, before)
    assert 0 <= moved.sent <= after.sent
    assert 0 <= moved.received <= after.received
    assert 0 <= moved.repeated <= after.repeated
    assert moved.segments is None or all(0 <= count < 2**32 for count in moved.segments)


@given(
    st.sampled_from([4, 6]), st.binary(min_size=16, max_size=16), st.integers(0, 65535), st.integers(0, 65535),
    st.integers(1, 2**32 - 1),
)  # fmt: skip
def test_a_socket_of_proc_is_found_by_its_packets(
    version: int, address: bytes, port: int, other: int, inode: int
) -> None:
    local, remote = (address[:4], address[4:8]) if version == 4 else (address, address[::-1])
    for part in (local, remote):
        if part.startswith(tcp.MAPPED):
            return
    lines = ["head"]
    written = [
        "".join(f"{word:08X}" for word in struct.unpack(f"={len(part) // 4}I", part)) + f":{number:04X}"
        for part, number in ((local, port), (remote, other))
    ]
    lines.append(f" 1: {written[0]} {written[1]} 01 0:0 00:0 0 0 0 {inode} 2 0 0")
    table = datagrams.Table({local})
    for entry in datagrams.parse("\n".join(lines), packets.UDP):
        table.add(entry)
    assert table.inodes(packets.UDP, (local, port), (remote, other)) == [inode]


# --- sums ---


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0.3, 2.1)), min_size=1, max_size=30))
def test_a_rate_is_what_was_moved_in_its_time(steps: list[tuple[float, float]]) -> None:
    moved = [size for size, _length in steps]
    ends = [sum(length for _size, length in steps[: number + 1]) for number in range(len(steps))]
    found = rates.of(moved, ends, ends[-1])
    assert found["bytes"] == round(sum(moved))
    assert abs(found["bps"] - 8 * sum(moved) / ends[-1]) <= 1
    fastest = max(8 * size / length for size, length in steps) + 1
    for name, value in found.items():
        assert value is None or name == "bytes" or 0 <= value <= fastest


FLOW = st.tuples(
    st.sampled_from([packets.TCP, packets.UDP, packets.ICMP, ("link", 0x806)]),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 65535),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=3),
    st.integers(0, 10**6),
    st.booleans(),
)


def seen_window(flows: list[Any], counters: list[tuple[int, int, int, int]]) -> Any:
    """A window on one interface in which this was seen, and this was counted by the interface."""
    seen = mock.Mock()
    link = {"name": "eth0", "index": 2, "kind": "device", "speed_mbps": 1000, "master": None, "lower": None, "up": True}
    seen.links, seen.outer, seen.tunnels, seen.queues, seen.problems = {2: link}, ["eth0"], [], {}, {}
    seen.names = lambda: {"eth0": link}
    sums = [0, 0, 0, 0]
    seen.samples = [
        (100.0, {"eth0": dict(zip(("tx_bytes", "rx_bytes", "tx_packets", "rx_packets"), sums, strict=True))})
    ]
    for number, step in enumerate(counters):
        sums = [before + more for before, more in zip(sums, step, strict=True)]
        entry = dict(zip(("tx_bytes", "rx_bytes", "tx_packets", "rx_packets"), sums, strict=True))
        seen.samples.append((101.0 + number, {"eth0": entry}))
    seen.flows = {}
    seen.connected = lambda: {
        flow.remote for flow in seen.flows.values() if flow.protocol == packets.TCP and not flow.sampled
    }
    for place, (protocol, sampled, peer, port, steps, repeated, owned) in enumerate(flows):
        sampled = sampled or protocol != packets.TCP
        local, remote = (b"\n\0\0\1", place), (bytes([10, 0, 0, peer]), port)
        name = "eth0" if sampled else None
        flow = Flow(None, protocol, local, remote, inode=place + 1 if owned else None, interface=name, sampled=sampled)
        for number, (tx, rx) in enumerate(steps[: len(counters)]):
            flow.add(number, tx, rx)
            if sampled:
                for way, size in ((0, tx), (2, rx)):
                    flow.wire[way] += size + 28
                    flow.wire[way + 1] += 1
        flow.repeated = repeated
        seen.flows[place] = flow
    holders = owners.Holders()
    holders.sockets = {number: [100 + number % 3] for number in range(1, len(flows) + 1)}
    seen.before = seen.after = holders
    seen.started_at, seen.listens = 1.0, lambda flow: flow.local[1] == 40000
    seen.callers.connections, seen.callers.datagrams, seen.callers.glances = {}, {}, {}
    seen.callers.state = lambda pid, before: None
    seen.tables = {None: datagrams.Table({b"\n\0\0\1"})}
    seen.counters, seen.before.hidden = {}, False
    seen.ring.filters, seen.ring.lost = [(0, 0, 64)], 0
    return seen


@given(
    st.lists(FLOW, max_size=12),
    st.lists(
        st.tuples(st.integers(0, 10**10), st.integers(0, 10**10), st.integers(0, 10**6), st.integers(0, 10**6)),
        min_size=1,
        max_size=3,
    ),
    st.integers(1, 4),
)
def test_processes_and_the_rest_are_what_passed_the_interface(flows: list[Any], counters: list[Any], top: int) -> None:
    seen = seen_window(flows, counters)
    described = mock.Mock(side_effect=lambda pid, *_known: {"pid": pid})
    way = mock.Mock(return_value={"local": False, "interface": "eth0"})
    with (
        mock.patch.object(processes, "describe", described),
        mock.patch.object(processes, "look_closer", mock.Mock(return_value=None)),
        mock.patch.object(attribution.routing, "to", way),
        mock.patch.object(queues, "look", dict),
    ):
        found = summary.Summary(seen, top, None).result()
    (interface,) = found["interfaces"]
    groups = [*found["processes"], found["other_processes"], *found["unattributed"]]
    for name in ("tx_bytes", "rx_bytes"):
        assert abs(sum(group[name] for group in groups) - interface[name]) <= len(groups), name
    for group in [*found["processes"], found["other_processes"], *found["peers"], *found["unattributed"]]:
        if group.get("reason") != summary.UNEXPLAINED:
            assert group["tx_bytes"] >= 0
            assert group["rx_bytes"] >= 0
        assert group["total_bytes"] - group["tx_bytes"] - group["rx_bytes"] in (-1, 0, 1)
    assert len(found["processes"]) <= top


@pytest.mark.parametrize(
    ("protocol", "local", "remote", "told"),
    [
        (packets.TCP, 22, 40001, (22, None)),
        (packets.TCP, 40001, 443, (None, 443)),
        # Both are such as clients take: the one on which this host listens counts, else the other end's.
        (packets.TCP, 40000, 33333, (40000, None)),
        (packets.TCP, 33333, 41000, (None, 41000)),
        (packets.TCP, 41000, 33333, (None, 33333)),
        (packets.UDP, 33333, 41000, (33333, None)),
        (packets.UDP, 500, 500, (500, 500)),
    ],
)
def test_of_the_ports_the_one_of_a_service_is_told(protocol: int, local: int, remote: int, told: Any) -> None:
    seen = mock.Mock(listens=lambda flow: flow.local[1] == 40000)
    flow = mock.Mock(protocol=protocol, local=(b"", local), remote=(b"peer", remote))
    whose = mock.Mock(whole=lambda flow: flow)
    assert summary.Summary._peer(mock.Mock(seen=seen, whose=whose), flow) == (b"peer", protocol, *told)


FIELDS = st.lists(st.sampled_from([1, 2, 4, 8, 16]), min_size=1, max_size=8)


@given(FIELDS, st.binary(max_size=80), st.randoms(use_true_random=False))
def test_fields_are_read_in_any_order_or_not_at_all(sizes: list[int], data: bytes, chance: Any) -> None:
    fields, offset = {}, 0
    for number, size in enumerate(sizes):
        fields[f"field{number}"] = offset, size
        offset += size + chance.randint(0, 3)
    names = list(fields)
    chance.shuffle(names)
    values = kernel_events.Layout(fields, tuple(names)).read(data)
    if values is None:
        last = max(place + size for place, size in fields.values())
        assert len(data) < last
        return
    for name, value in zip(names, values, strict=True):
        place, size = fields[name]
        part = data[place : place + size]
        assert value == (int.from_bytes(part, "little") if size < 16 else part)


def test_packets_from_before_the_window_are_no_packets() -> None:
    """A block that came before the window began is passed over as a whole, and tells no length."""
    memory = bytearray(ring.BLOCK_BYTES * ring.BLOCKS)
    block = frame(b"x" * 40, 40, 0x806, outgoing=False, last=True)
    first = 64
    ring.BLOCK.pack_into(memory, ring.BLOCK_AT, ring.USER, 1, first)
    memory[first : first + len(block)] = block
    found = packet_ring()
    found.memory, found.channel = memory, mock.Mock(getsockopt=lambda *_args: b"\0" * 12)
    found.position = found.taken = found.lost = found.taken_at = 0
    found.mean_length, found.begun = 1024, 1e9
    come, _elapsed = found.take()
    assert (come, found.mean_length, found.step()) == (1, 1024, {})
