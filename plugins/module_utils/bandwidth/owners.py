# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes hold which sockets and tunnels: one walk over the descriptors of all processes."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import errno
import os
import re
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import glances

TUN, SOCKET = "/dev/net/tun", re.compile(r"^socket:\[(\d+)\]$")
DESCRIPTORS_LIMIT = 500000
GLANCES_LIMIT = 1000
PATIENCE_S = 3
# The parent of the kernel's own threads, which have no files.
KERNEL = 2

# start_ticks: since the host's start, and so together with the pid a process's own name; cpu_ticks: used so far.
State = collections.namedtuple("State", "start_ticks cpu_ticks parent name")


class Holders(object):
    """{inode: [pid]} of all sockets, {device: [pid]} of all tunnels, and the state of their processes."""

    def __init__(self):
        self.sockets, self.tunnels, self.states, self.glances = {}, {}, {}, {}
        self.problem, self.hidden = None, False

    def note(self, pid, target, folder, descriptor, thread):
        match = SOCKET.match(target)
        if match:
            holders = self.sockets.setdefault(int(match.group(1)), [])
        elif target == TUN:
            device = tunnel_of(host.read("%sinfo/%s" % (folder, descriptor), limit=4096).text)
            holders = self.tunnels.setdefault(device, [])
        else:
            return
        if pid not in self.glances and len(self.glances) < GLANCES_LIMIT:
            self.glances[pid] = glances.look(thread)
        if pid not in holders:
            holders.append(pid)


def look():
    """Walk over the descriptors of all processes."""
    found, looked, deadline = Holders(), 0, time.time() + PATIENCE_S
    hidden = not host.is_root()
    for pid in host.pids():
        # Of those without a socket as well: they may have one soon, and be gone before the next look.
        found.states[pid] = state(pid)
        try:
            thread, descriptors = descriptors_of(pid, found.states[pid])
        except OSError as error:
            hidden = hidden or error.errno in (errno.EACCES, errno.EPERM)
            continue
        folder = "/proc/%d/fd" % thread
        for descriptor in descriptors:
            target = host.link_target("%s/%s" % (folder, descriptor))
            if target is not None and target[0] in "s/":
                found.note(pid, target, folder, descriptor, thread)
        looked += len(descriptors)
        if looked > DESCRIPTORS_LIMIT or time.time() > deadline:
            found.problem = "there are too many open files to look at all: %d were" % looked
            break
    found.hidden = hidden
    if hidden:
        found.problem = "the processes of others cannot be looked into: not root, or not with all its rights"
    return found


def descriptors_of(pid, state):
    """(the thread, its descriptors): those of the process, or where its first thread has ended of one that goes on."""
    found = os.listdir("/proc/%d/fd" % pid)
    if found or state is None or KERNEL in (pid, state.parent):
        return pid, found
    for thread in [int(name) for name in host.names_in("/proc/%d/task" % pid) if name != str(pid)]:
        found = os.listdir("/proc/%d/fd" % thread)
        if found:
            return thread, found
    return pid, []


def tunnel_of(text):
    """The name of the tunnel in a descriptor's fdinfo, or None."""
    match = re.search(r"^iff:\s*(\S+)", text, re.M)
    return match.group(1) if match else None


def state(pid):
    """What /proc/PID/stat tells, or None for a process that has ended."""
    return parse_state(host.read("/proc/%d/stat" % pid, limit=4096).text)


def parse_state(text):
    # The name stands in brackets, and may itself hold brackets and blanks.
    before, _bracket, after = text.rpartition(")")
    fields = after.split()
    if len(fields) < 20 or "(" not in before:
        return None
    try:
        return State(int(fields[19]), int(fields[11]) + int(fields[12]), int(fields[1]), before.partition("(")[2])
    except ValueError:
        return None


def choose(holders, before, after):
    """Of several processes with one socket the one that probably works with it: it has used the processor most.

    A server may hold what its child serves, a child may have inherited what only its parent uses. Where neither has
    done much, the younger one: it was started for this.
    """

    def worked(pid):
        old, new = before.get(pid), after.get(pid)
        used = new.cpu_ticks - old.cpu_ticks if old and new and old.start_ticks == new.start_ticks else 0
        born = (new or old).start_ticks if new or old else 0
        return pid != 1, used, born, pid

    return max(holders, key=worked)
