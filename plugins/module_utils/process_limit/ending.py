# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End a process, or all of a unit, and never another one that got the same pid meanwhile."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import os
import signal
import time

from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import owners
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import target as targets

SIGNALS = {"terminate": signal.SIGTERM, "kill": signal.SIGKILL}


def send(pid, start_ticks, number):
    """Send a signal to just this process; whether it was there to get it."""
    if not hasattr(os, "pidfd_open") or not hasattr(signal, "pidfd_send_signal"):
        return is_there(pid, start_ticks) and _sent(os.kill, pid, number)
    try:
        descriptor = os.pidfd_open(pid)
    except OSError as error:
        if error.errno == errno.ESRCH:
            return False
        if error.errno in (errno.ENOSYS, errno.EPERM):  # an old kernel, or a sandbox that does not know the call
            return is_there(pid, start_ticks) and _sent(os.kill, pid, number)
        raise
    try:
        # What the descriptor stands for cannot become another process any more, so that this settles it.
        return is_there(pid, start_ticks) and _sent(signal.pidfd_send_signal, descriptor, number)
    finally:
        os.close(descriptor)


def _sent(how, whom, number):
    try:
        how(whom, number)
        return True
    except OSError as error:
        if error.errno == errno.ESRCH:
            return False
        raise targets.Refused("no signal can be sent: %s" % error.strerror)


def is_there(pid, start_ticks):
    state = owners.state(pid)
    return state is not None and state.start_ticks == start_ticks and not targets.owner_has_ended(pid)


def wait(members, seconds):
    """Those that have not ended after so many seconds."""
    deadline = time.time() + seconds
    while True:
        left = [pid for pid in sorted(members) if is_there(pid, members[pid])]
        if not left or time.time() > deadline:
            return left
        time.sleep(0.1)
