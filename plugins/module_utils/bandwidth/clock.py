# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clocks: the time that passes, and the processor time that was used here."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import contextlib
import os
import resource
import time

# How much sooner than others this process gets its turn.
NICE = -10
# A clock that nobody sets; Python 2.7 has none.
now = getattr(time, "monotonic", time.time)


def processor_time_s():
    """What this process has used, and the commands that it has run."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


@contextlib.contextmanager
def in_time():
    """Get one's turn in time for a while, also on a host with too much to do. Only root may want that."""
    before = os.nice(0)
    try:
        os.nice(NICE)
    except OSError:
        pass
    try:
        yield
    finally:
        os.nice(before - os.nice(0))
