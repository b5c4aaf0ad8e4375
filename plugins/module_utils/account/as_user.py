# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a user's files with the user's own rights, as sshd does: then no link leads to what is not the user's."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import select
import signal
import time

FILES_LIMIT = 4096
ANSWER_LIMIT_BYTES = 4 * 1024 * 1024


def run(account, function, timeout):
    """(what the function returns, None), or (None, why not). It runs in a process that has only the user's rights."""
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        os.close(reader)
        os.close(writer)
        return None, "no process could be started: %s" % error
    if pid == 0:
        _answer(account, function, writer)
    os.close(writer)
    answer, reason = _read(reader, time.time() + timeout)
    os.close(reader)
    _end(pid)
    if reason:
        return None, reason
    try:
        answer = json.loads(answer.decode("utf-8"))
    except ValueError:
        return None, "the look with the rights of the user ended without an answer"
    return answer.get("result"), answer.get("reason")


def _answer(account, function, writer):
    """The child: give up all rights but the user's, for good, answer, and end without what the parent registered."""
    try:
        # Whoever waits for the end of another pipe must not wait for this process as well.
        os.closerange(3, writer)
        os.closerange(writer + 1, FILES_LIMIT)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            become(account)
            answer = {"result": function()}
        except Exception as error:  # the promise of every section: a reason, never a traceback
            answer = {"reason": "%s: %s" % (type(error).__name__, error)}
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(answer).encode("utf-8"))
    finally:
        os._exit(0)


def become(account):
    """Take on the user's groups and number; root keeps its own."""
    if account["uid"] == 0:
        return
    os.initgroups(account["user"], account["gid"])
    os.setresgid(account["gid"], account["gid"], account["gid"])
    os.setresuid(account["uid"], account["uid"], account["uid"])


def _read(reader, deadline):
    chunks, size = [], 0
    while size <= ANSWER_LIMIT_BYTES:
        try:
            ready = select.select([reader], [], [], max(0, deadline - time.time()))[0]
        except (OSError, select.error):
            continue
        if not ready:
            return None, "the files of the user did not answer in time"
        data = os.read(reader, 65536)
        if not data:
            return b"".join(chunks), None
        chunks.append(data)
        size += len(data)
    return None, "more than %d bytes about the files of the user" % ANSWER_LIMIT_BYTES


def _end(pid):
    """Reap the child; one that hangs in a file system that is gone is left behind."""
    deadline = time.time() + 1
    try:
        os.kill(pid, signal.SIGKILL)
        while time.time() < deadline and not os.waitpid(pid, os.WNOHANG)[0]:
            time.sleep(0.005)
    except OSError:
        pass
