# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracepoints of the kernel by perf events: which process did what. Without any program in the kernel."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import mmap
import os
import re
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import syscalls
from ansible_collections.rescue.remote_login.plugins.module_utils.health import mounts

PLACE, OLD_PLACE = "/sys/kernel/tracing", "/sys/kernel/debug/tracing"
FIELD = re.compile(r"^\s*field:(?P<type>[^;]*?)\b(?P<name>\w+)(?:\[\w*\])?;\s*offset:(\d+);\s*size:(\d+);", re.M)
PERF_TYPE_TRACEPOINT = 2
PERF_SAMPLE_TID, PERF_SAMPLE_RAW = 1 << 1, 1 << 10
PERF_RECORD_LOST, PERF_RECORD_COMM, PERF_RECORD_FORK, PERF_RECORD_SAMPLE = 2, 3, 7, 9
PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE, PERF_EVENT_IOC_SET_FILTER = 0x2400, 0x2401, 0x40082406
# perf_event_attr as it was first: type, size, config, period, sample_type, read_format, flags, wakeup, bp_type, addr.
ATTRIBUTES = struct.Struct("=IIQQQQQIIQ")
# Of the flags: not yet at work; tell of names and of new processes as well.
DISABLED, NAMES, BIRTHS = 1, 1 << 9, 1 << 13
RECORD = struct.Struct("=IHH")
HEAD_AND_TAIL = struct.Struct("=QQ")
# Numbers by their size, and fields that are addresses.
KINDS = {1: "B", 2: "H", 4: "I", 8: "Q"}
AS_BYTES = frozenset(("saddr", "daddr", "saddr_v6", "daddr_v6", "src", "dst"))
THREAD_AND_SIZE = struct.Struct("=III")
# In the page before the records: where the kernel writes, and where we have read.
HEAD_AT, TAIL_AT = 1024, 1032
LOST = struct.Struct("=QQ")
COMM, FORK = struct.Struct("=II"), struct.Struct("=IIII")
# What a processor's events have room in, and those of all together.
RING_BYTES, RINGS_BYTES = 256 * 1024, 12 * 1024 * 1024
KNOWN_LIMIT = 100000
FLAGS_FIELD, INTERRUPT_FLAGS = "common_flags", 0x08 | 0x10


class Unsupported(OSError):
    """Why there is no such tracepoint."""


def definitions(names):
    """{tracepoint: the text of its 'format' file}. Where nothing is mounted, in a mount namespace of a child's own.

    Old kernels have one tracefs for all mounts, and a further mount may change the options of the others.
    """
    paths = ["events/%s/format" % name for name in names]
    place = mounted("tracefs")
    if place is None and os.path.isdir(PLACE):
        return dict(zip(names, syscalls.in_a_private_view(PLACE, "tracefs", paths)))
    # Before the two were parted. Since then a look at it would mount tracefs there.
    place = place or OLD_PLACE
    return {name: host.read("%s/%s" % (place, path), limit=65536).text for name, path in zip(names, paths)}


def mounted(kind):
    """Where a file system of this kind is mounted, or None."""
    return next((mount["mount_point"] for mount in mounts.table()[0] if mount["fstype"] == kind), None)


def parse_definition(text):
    """(the number of the tracepoint, {field: (offset, size)}); raises Unsupported."""
    number = re.search(r"^ID:\s*(\d+)", text, re.M)
    if number is None:
        raise Unsupported("the kernel has no such tracepoint, or does not show it")
    fields = {match[1]: (int(match[2]), int(match[3])) for match in FIELD.findall(text)}
    return int(number.group(1)), fields


class Watch(object):
    """The events of one tracepoint on all processors, with the process in whose name each happened."""

    def __init__(self, name, definition, condition, with_names=False):
        self.name = name
        # Of processes that began or took a name meanwhile.
        self.names, self.parents = {}, {}
        self.number, self.fields = parse_definition(definition)
        self.lost, self.enabled, self.pause_s = 0, False, 0
        self.rings = []
        try:
            numbers = processors()
            for processor in numbers:
                self.rings.append(Ring(self.number, processor, condition, pages(len(numbers)), with_names))
        except syscalls.FAILURES as error:
            self.close()
            raise Unsupported(str(getattr(error, "strerror", None) or error))

    def enable(self, wanted=True):
        self.enabled = wanted
        for ring in self.rings:
            syscalls.ioctl(ring.descriptor, PERF_EVENT_IOC_ENABLE if wanted else PERF_EVENT_IOC_DISABLE)

    def records(self):
        """The (process, data) of each event since the last call."""
        found = []
        for ring in self.rings:
            self.lost += ring.take(found, self._note)
        return found

    def _note(self, kind, data):
        """What is told of processes besides the event itself."""
        if kind == PERF_RECORD_COMM and len(data) > COMM.size:
            pid, thread = COMM.unpack_from(data)
            if pid == thread and len(self.names) < KNOWN_LIMIT:
                self.names[pid] = data[COMM.size :].split(b"\0")[0].decode("utf-8", "replace")
        elif kind == PERF_RECORD_FORK and len(data) >= FORK.size:
            pid, parent = FORK.unpack_from(data)[:2]
            if pid != parent and len(self.parents) < KNOWN_LIMIT:
                self.parents[pid] = parent

    def layout(self, names):
        """How to read the fields of these names, behind the one that tells whether it was in an interrupt."""
        names = (FLAGS_FIELD,) + names
        missing = [name for name in names if name not in self.fields]
        if missing:
            raise Unsupported("the kernel does not tell %s" % ", ".join(missing))
        try:
            return Layout(self.fields, names)
        except struct.error:
            raise Unsupported("the kernel's records cannot be read")

    def close(self):
        for ring in self.rings:
            ring.close()
        self.rings = []


def processors():
    """The numbers of the processors that are on."""
    found = []
    for part in host.read("/sys/devices/system/cpu/online", limit=4096).text.strip().split(","):
        first, _dash, last = part.partition("-")
        if first.isdigit():
            found.extend(range(int(first), int(last or first) + 1))
    return found or [0]


def pages(count):
    """How many pages the events of each of so many processors have: a power of two, as the kernel wants it."""
    size = min(RING_BYTES, RINGS_BYTES // max(1, count))
    return 1 << max(1, size // mmap.PAGESIZE).bit_length() - 1


class Ring(object):
    """The events of one processor, in memory shared with the kernel."""

    def __init__(self, number, processor, condition, count, with_names):
        kinds = PERF_SAMPLE_TID | PERF_SAMPLE_RAW
        flags = DISABLED | (NAMES | BIRTHS if with_names else 0)
        attributes = ATTRIBUTES.pack(PERF_TYPE_TRACEPOINT, ATTRIBUTES.size, number, 1, kinds, 0, flags, 1, 0, 0)
        self.descriptor = syscalls.perf_event_open(attributes, processor)
        try:
            if condition:
                syscalls.ioctl(self.descriptor, PERF_EVENT_IOC_SET_FILTER, condition)
            self.size = count * mmap.PAGESIZE
            self.memory = mmap.mmap(self.descriptor, self.size + mmap.PAGESIZE)
        except Exception:
            os.close(self.descriptor)
            raise

    def take(self, found, note):
        """Append the (process, data) of each new event, ``note`` what else is told; return how many were lost."""
        head, tail = HEAD_AND_TAIL.unpack_from(self.memory, HEAD_AT)
        if head == tail:
            return 0
        lost = walk(self._bytes(tail, min(head - tail, self.size)), found, note)
        # What is no record is passed over as a whole.
        struct.pack_into("=Q", self.memory, TAIL_AT, head)
        return lost

    def _bytes(self, start, size):
        """Some bytes of the records, which go on at the front behind the last place."""
        start %= self.size
        first = self.memory[mmap.PAGESIZE + start : mmap.PAGESIZE + min(start + size, self.size)]
        rest = size - len(first)
        return first + self.memory[mmap.PAGESIZE : mmap.PAGESIZE + rest] if rest else first

    def close(self):
        self.memory.close()
        os.close(self.descriptor)


def walk(data, found, note):
    """The records in these bytes: samples are appended as (process, data), others noted; how many the kernel lost."""
    place, end, lost = 0, len(data), 0
    while end - place >= RECORD.size:
        kind, _misc, size = RECORD.unpack_from(data, place)
        if size < RECORD.size or size > end - place:
            break  # nothing that the kernel would write
        if kind == PERF_RECORD_SAMPLE:
            pair = parse_sample(data, place + RECORD.size, place + size)
            if pair is not None:
                found.append(pair)
        elif kind == PERF_RECORD_LOST and size >= RECORD.size + LOST.size:
            lost += LOST.unpack_from(data, place + RECORD.size)[1]
        elif kind in (PERF_RECORD_COMM, PERF_RECORD_FORK):
            note(kind, data[place + RECORD.size : place + size])
        place += size
    return lost


def parse_sample(data, start, end):
    """(process, raw data) of a record, or None where it is too short for what it says."""
    if end - start < THREAD_AND_SIZE.size:
        return None
    process, _thread, size = THREAD_AND_SIZE.unpack_from(data, start)
    begin = start + THREAD_AND_SIZE.size
    return (process, data[begin : begin + size]) if size <= end - begin else None


class Layout(object):
    """Some fields of a tracepoint, to be had from a record in one go."""

    def __init__(self, fields, names):
        placed = sorted(fields[name] + (name,) for name in names)
        parts, place = ["="], 0
        for offset, size, name in placed:
            parts.append(
                "%dx%s" % (offset - place, KINDS.get(size, "%ds" % size) if name not in AS_BYTES else "%ds" % size)
            )
            place = offset + size
        self.reader = struct.Struct("".join(parts))
        found = [name for _offset, _size, name in placed]
        self.order = [found.index(name) for name in names]

    def read(self, data):
        """The values in the order of the names; None where the record is too short."""
        if len(data) < self.reader.size:
            return None
        values = self.reader.unpack_from(data)
        return [values[place] for place in self.order]
