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

from ansible_collections.rescue.remote_login.plugins.module_utils import host, listening_ports
from ansible_collections.rescue.remote_login.plugins.module_utils.account import gather as account
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import gather as bans
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import gather as firewall
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather as sshd

# A section has one line here, and a gatherer that takes the login attempt and returns its evidence.
SECTIONS = {
    "account": account.gather,
    "bans": bans.gather,
    "firewall": firewall.gather,
    "listening_ports": listening_ports.gather,
    "sshd": sshd.gather,
}
ANSWER_LIMIT_BYTES = 16 * 1024 * 1024


def gather(names, login, timeout):
    """The evidence of these sections: {name: {status, reason, …}}; what does not answer in time is unchecked."""
    children = {name: _start(SECTIONS[name], login) for name in names}
    answers = dict.fromkeys(names, b"")
    reasons = {name: child["reason"] for name, child in children.items() if child["reason"]}
    pending = {child["pipe"]: name for name, child in children.items() if not child["reason"]}
    deadline = time.time() + timeout
    while pending:
        ready = select.select(list(pending), [], [], max(0, deadline - time.time()))[0]
        if not ready:
            reasons.update((name, "did not finish within %s s" % timeout) for name in pending.values())
            break
        for pipe in ready:
            data, name = os.read(pipe, 65536), pending[pipe]
            answers[name] += data
            if len(answers[name]) > ANSWER_LIMIT_BYTES:
                reasons[name] = "more than %d bytes of evidence" % ANSWER_LIMIT_BYTES
            if not data or name in reasons:
                del pending[pipe]
    for name, child in children.items():
        _end(child, name in reasons)
    return {name: _evidence(answers[name], reasons.get(name)) for name in names}


def gather_one(name, login, timeout):
    """The evidence of one section."""
    return gather([name], login, timeout)[name]


def _start(gatherer, login):
    """A child that gathers: {pid, pipe, reason}; the reason says why there is none."""
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        os.close(reader)
        os.close(writer)
        return {"pid": None, "pipe": None, "reason": "no process could be started: %s" % error}
    if pid:
        os.close(writer)
        return {"pid": pid, "pipe": reader, "reason": None}
    # The child answers through the pipe and ends without running what the parent had registered.
    try:
        os.close(reader)
        os.setsid()
        signal.signal(signal.SIGTERM, _stop)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(_safely(gatherer, login)).encode("utf-8"))
    finally:
        os._exit(0)


def _stop(_signal, _frame):
    host.end_commands()
    os._exit(1)


def _safely(gatherer, login):
    try:
        return gatherer(login)
    except Exception as error:  # the promise of every section: a reason, never a traceback
        return {"status": "unchecked", "reason": "%s: %s" % (type(error).__name__, error)}


def _evidence(answer, reason):
    """What a child has answered, or why it has not."""
    if reason is None:
        try:
            return json.loads(answer.decode("utf-8"))
        except ValueError:
            reason = "the gatherer ended without an answer"
    return {"status": "unchecked", "reason": reason}


def _end(child, by_force):
    """Reap a child; one that is late is told to end its commands first, and then ended itself."""
    if child["pid"] is None:
        return
    os.close(child["pipe"])
    for number in (signal.SIGTERM, signal.SIGKILL) if by_force else (None,):
        if number is not None:
            try:
                os.kill(child["pid"], number)
            except OSError:
                pass
        deadline = time.time() + 1
        while time.time() < deadline:
            if os.waitpid(child["pid"], os.WNOHANG)[0]:
                return
            time.sleep(0.005)
