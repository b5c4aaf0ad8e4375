# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both ways to limit share: what is kept of a limit, and where. There is no file: the filter's comments say it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

NOTE = re.compile(r"remote_login_limit rate_bps=(\d+) group=(\d+)")
# A packet that is still to be cut into segments counts as one of up to 64 KiB; some of them shall pass.
SMALLEST_BURST_BYTES = 128 * 1024
LIST_LIMIT_BYTES = 8 * 1024 * 1024

# The group as the packet filter needs it: its name in /proc/PID/cgroup, its folder, where the hierarchy is mounted.
Group = collections.namedtuple("Group", "name path place number")
# A limit that is in force; seen: the packets that it took for the group's.
Found = collections.namedtuple("Found", "rate_bps group seen")


class Unusable(Exception):
    """Why this way cannot be gone here."""


def burst_bytes(rate_bps):
    """What may be sent at once: a quarter of a second's worth."""
    return max(SMALLEST_BURST_BYTES, rate_bps // 32)


def note(rate_bps, group):
    return "remote_login_limit rate_bps=%d group=%d" % (rate_bps, group.number)


def noted(text):
    """(rate, number of the group) of a limit, None where it is not noted."""
    match = NOTE.search(text)
    return (int(match.group(1)), int(match.group(2))) if match else (None, None)


def run(command):
    return output(command, host.run(command, timeout=30))


def look(command, absent):
    """What a command lists, or None where it says that there is no such thing. No answer is not the same as none."""
    answer = host.run(command, limit=LIST_LIMIT_BYTES)
    if not answer.error and answer.rc != 0 and absent.search(answer.err):
        return None
    return output(command, answer)


def output(command, answer):
    if answer.error or answer.rc != 0:
        said = (answer.err or answer.out).strip().split("\n")[0][:300]
        raise Unusable(answer.error or "%s says: %s" % (command[0], said))
    return answer.out
