# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process has closed a connection or sent a datagram, from the kernel's own events."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import struct

from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import (
    clock,
    glances,
    kernel_events,
    owners,
    packets,
    syscalls,
    tcp,
)

# The states of a connection that its process brings about: it closes first or second, it gives up.
TCP_EVENT = "sock/inet_sock_set_state"
TCP_CONDITION = b"protocol == 6 && (newstate == 4 || newstate == 9 || newstate == 7)"
TCP_FIELDS = ("family", "sport", "dport", "saddr", "daddr", "saddr_v6", "daddr_v6")
LOOKUP_EVENTS = (("fib/fib_table_lookup", b"proto != 6 && proto != 0"), ("fib6/fib6_table_lookup", b"proto != 6"))
NO_INTERRUPT = b"!(common_flags & 24)"
LOOKUP_FIELDS = ("proto", "dst", "sport", "dport")
PORTS = struct.Struct("!HH")
AF_INET6 = 10
# More events of one kind a second than this cost too much.
EVENTS_PER_SECOND = 10000
# Two looks in a row say nothing of how many come in a second.
USUAL_S = 0.25
KNOWN_LIMIT = 200000


class Callers(object):
    """{connection: pid} and {datagram's flow: pid}, and what was known of these processes while they lived."""

    def __init__(self):
        self.connections, self.datagrams, self.states, self.glances = {}, {}, {}, {}
        self.problems, self.taken_at = {}, clock.now()
        self.definitions = None
        self.closing = self._watch(TCP_EVENT, TCP_CONDITION, TCP_FIELDS, with_names=True)
        # Kept when it is closed, for what it knows of short processes.
        self.births = self.closing
        self.sending = [self._watch(name, condition, LOOKUP_FIELDS) for name, condition in LOOKUP_EVENTS]

    def _watch(self, name, condition, fields, with_names=False):
        try:
            definition = self._definition(name)
            try:
                # What happens in an interrupt is nobody's, and under a flood it is nearly everything.
                watch = kernel_events.Watch(name, definition, b"(" + condition + b") && " + NO_INTERRUPT, with_names)
            except kernel_events.Unsupported:
                # An old kernel has no such negation.
                watch = kernel_events.Watch(name, definition, condition, with_names)
        except syscalls.FAILURES as error:
            self.problems[name] = str(getattr(error, "strerror", None) or error)
            return None
        try:
            watch.reader = watch.layout(fields)
            watch.enable()
            return watch
        except syscalls.FAILURES as error:
            watch.close()
            self.problems[name] = str(getattr(error, "strerror", None) or error)
            return None

    def _definition(self, name):
        if self.definitions is None:
            # All at once: one child can have to be started for it.
            names = [TCP_EVENT] + [event for event, _condition in LOOKUP_EVENTS]
            self.definitions = kernel_events.definitions(names)
        return self.definitions[name]

    def close(self):
        for watch in [self.closing] + self.sending:
            if watch is not None:
                watch.close()
        self.closing, self.sending = None, []

    def take(self):
        """Note what has happened since the last time."""
        now = clock.now()
        elapsed, self.taken_at = now - self.taken_at, now
        if self.closing is not None:
            self._take_connections(self._records(self.closing, elapsed))
        for watch in self.sending:
            if watch is not None:
                self._take_lookups(watch, self._records(watch, elapsed))

    def _records(self, watch, elapsed):
        """What a watch has seen. One that sees too much looks away for a while, for what it has cost."""
        watch.pause_s -= elapsed
        records = watch.records()
        too_much = len(records) / float(EVENTS_PER_SECOND) - max(elapsed, USUAL_S)
        if too_much > 0:
            watch.enable(False)
            watch.pause_s = too_much
            self.problems[watch.name] = "of more than %d events a second some were passed over" % EVENTS_PER_SECOND
        elif watch.pause_s <= 0 and not watch.enabled:
            watch.enable()
        elif watch.lost:
            self.problems[watch.name] = "%d events came too fast to be noted" % watch.lost
        return records

    def _take_connections(self, records):
        read = self.closing.reader.read
        for pid, data in records:
            values = read(data)
            if values is None or values[0] & kernel_events.INTERRUPT_FLAGS:
                continue
            _flags, family, source_port, destination_port, source, destination, wide_source, wide_destination = values
            if family == AF_INET6 and not wide_source.startswith(tcp.MAPPED):
                source, destination = wide_source, wide_destination
            self._note(self.connections, ((source, source_port), (destination, destination_port)), pid)

    def _take_lookups(self, watch, records):
        read = watch.reader.read
        for pid, data in records:
            values = read(data)
            if values is None or values[0] & kernel_events.INTERRUPT_FLAGS:
                continue
            _flags, protocol, destination, source_port, destination_port = values
            ports = PORTS.pack(source_port, destination_port) if protocol in packets.WITH_PORTS else b""
            self._note(self.datagrams, (protocol, destination, ports), pid)

    def _note(self, table, key, pid):
        if pid <= 0 or len(table) >= KNOWN_LIMIT:
            return  # a process of another pid namespace has no number here
        table[key] = pid
        if pid not in self.states:
            # It may be gone in a moment.
            self.states[pid] = owners.state(pid)
            if self.states[pid] is not None and len(self.glances) < owners.GLANCES_LIMIT:
                self.glances[pid] = glances.look(pid)

    def state(self, pid, before):
        """What is known of a process: what was to be seen, or what the kernel told when it began."""
        if self.states.get(pid) is not None or self.births is None:
            return self.states.get(pid)
        name = self.births.names.get(pid)
        parent = self.births.parents.get(pid)
        if name is None and parent is not None:
            # It has kept its parent's name.
            known = before.get(parent) or owners.state(parent)
            name = self.births.names.get(parent) or (known.name if known else None)
        return owners.State(None, 0, parent or 0, name) if name is not None else None
