# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel has said lately, with times."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

OUTPUT_BYTES = 4 * 1024 * 1024
MESSAGE_LIMIT = 400
KERNEL = re.compile(r"^(?:<\d+>)?\[ *(?P<when>\d+\.\d+)\](?:\[[^\]]*\])? (?P<message>.*)$")


def read(now):
    """[(when, message)] that the kernel's ring buffer holds, oldest first, and why there are none, or None."""
    result = host.run(["dmesg"], timeout=5, limit=OUTPUT_BYTES)
    if result.rc != 0:
        return [], result.error or result.err.strip()[:MESSAGE_LIMIT]
    uptime = host.read("/proc/uptime").text.split()
    try:
        booted = now - float(uptime[0])
    except (IndexError, ValueError):
        return [], "the time since the boot is not known"
    return parse(result.out, booted), None


def parse(text, booted):
    found = [KERNEL.match(line) for line in text.splitlines()]
    return [(booted + float(match.group("when")), match.group("message")[: 4 * MESSAGE_LIMIT])
            for match in found if match]  # fmt: skip
