# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that may never be answered, such as one to a dead file server: each in a process of its own."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import select
import signal
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host

ANSWER_LIMIT_BYTES = 256 * 1024


def ask(questions, timeout):
    """Call each of {name: function} at once: {name: {value, error, hangs, took_s}}, within this many seconds."""
    begun = time.time()
    children, answers = {}, {}
    for name, function in questions.items():
        try:
            children[name] = _start(function)
        except OSError as error:
            answers[name] = _answer(None, "no process could be started: %s" % error, begun)
    texts = dict.fromkeys(children, b"")
    waiting = {pipe: name for name, (_pid, pipe) in children.items()}
    while waiting:
        ready = select.select(list(waiting), [], [], max(0, begun + timeout - time.time()))[0]
        for pipe in ready:
            data, name = os.read(pipe, 65536), waiting[pipe]
            texts[name] += data
            if not data or len(texts[name]) > ANSWER_LIMIT_BYTES:
                del waiting[pipe]
                answers[name] = _parsed(texts[name], begun)
        if not ready:
            for name in waiting.values():
                # What still runs has no turn on a busy host; what sleeps waits for somebody else.
                hangs = _state(children[name][0]) != "R"
                answers[name] = dict(_answer(None, "no answer within %g s" % timeout, begun), hangs=hangs)
            break
    for name, (pid, pipe) in children.items():
        os.close(pipe)
        _end(pid, name in waiting.values())
    return answers


def _answer(value, error, begun):
    return {"value": value, "error": error, "hangs": False, "took_s": round(time.time() - begun, 1)}


def _parsed(text, begun):
    try:
        found = json.loads(text.decode("utf-8"))
    except ValueError:
        return _answer(None, "ended without an answer", begun)
    return _answer(found["value"], found["error"], begun)


def _state(pid):
    return (host.read("/proc/%d/stat" % pid).text.rpartition(")")[2].split() or [""])[0]


def _start(function):
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    if pid:
        os.close(writer)
        return pid, reader
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, _stop)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(_called(function)).encode("utf-8"))
    finally:
        os._exit(0)


def _stop(_signal, _frame):
    host.end_commands()
    os._exit(1)


def _called(function):
    try:
        return {"value": function(), "error": None}
    except Exception as error:  # whatever a resolver or a file system throws is an answer
        return {"value": None, "error": getattr(error, "strerror", None) or str(error)}


def _end(pid, by_force):
    """Reap a child; one that waits for a file server cannot be ended before that answers, and is left."""
    for number in (signal.SIGTERM, signal.SIGKILL) if by_force else (None,):
        if number is not None:
            try:
                os.kill(pid, number)
            except OSError:
                pass
        deadline = time.time() + (0.2 if by_force else 1)
        while time.time() < deadline:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
            time.sleep(0.005)
