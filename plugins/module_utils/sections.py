# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All sections in one go, each in a process of its own, so that none can hang or break another."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import select
import signal
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import listening_ports
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather as sshd

# A section has one line here, and a gatherer that takes the login attempt and returns its evidence.
SECTIONS = {"listening_ports": listening_ports.gather, "sshd": sshd.gather}
ANSWER_LIMIT_BYTES = 16 * 1024 * 1024


def gather(names, login, timeout):
    """The evidence of these sections: {name: {status, reason, …}}; what does not answer in time is unchecked."""
    running = {name: _start(SECTIONS[name], login) for name in names}
    deadline = time.time() + timeout
    return {name: _finish(pid, pipe, deadline, timeout) for name, (pid, pipe) in running.items()}


def gather_one(name, login, timeout):
    """The evidence of one section."""
    return gather([name], login, timeout)[name]


def _start(gatherer, login):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    # The child answers through the pipe and ends without running what the parent had registered.
    try:
        os.close(reader)
        os.setsid()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(_safely(gatherer, login)).encode("utf-8"))
    finally:
        os._exit(0)


def _safely(gatherer, login):
    try:
        return gatherer(login)
    except Exception as error:  # the promise of every section: a reason, never a traceback
        return {"status": "unchecked", "reason": "%s: %s" % (type(error).__name__, error)}


def _finish(pid, pipe, deadline, timeout):
    chunks, size, reason = [], 0, None
    while reason is None:
        ready = select.select([pipe], [], [], max(0, deadline - time.time()))[0]
        data = os.read(pipe, 65536) if ready else None
        if data is None:
            reason = "did not finish within %s s" % timeout
        elif not data:
            break
        else:
            chunks.append(data)
            size += len(data)
            if size > ANSWER_LIMIT_BYTES:
                reason = "more than %d bytes of evidence" % ANSWER_LIMIT_BYTES
    os.close(pipe)
    _end(pid, reason is not None)
    if reason is None:
        try:
            return json.loads(b"".join(chunks).decode("utf-8"))
        except ValueError:
            reason = "the gatherer ended without an answer"
    return {"status": "unchecked", "reason": reason}


def _end(pid, by_force):
    """Reap the child; the commands that it started are in its session and go with it."""
    if by_force:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
    for _dummy in range(200):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        time.sleep(0.005)
