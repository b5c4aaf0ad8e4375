# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that may never be answered, such as one to a dead file server: each in a process of its own."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import json
import os
import re
import select
import signal
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host

ANSWER_LIMIT_BYTES = 4 * 1024 * 1024
DESCRIPTORS_LIMIT = 4096
# So long after its time a late process is looked at again: what hangs has had no turn in between, nor wanted one.
SECOND_LOOK_S = 0.5
# How long a process may take to end once it is told to: less with each level, as it ends its own first.
STEP_S, LEVELS = 0.2, 5
# What this process is: its level, and those it has started and not waited for.
LEVEL, STARTED = [0], set()


def ask(questions, timeout, limit=ANSWER_LIMIT_BYTES):
    """Call each of {name: function} at once: {name: {value, error, late, hangs, took_s}}, within so many seconds.

    ``late``: it has not answered in time; ``hangs``: it sleeps and does not even wake, and so waits for somebody else.
    """
    begun = time.time()
    children, answers, texts = {}, {}, {}
    for name, function in questions.items():
        try:
            children[name] = _start(function)
        except OSError as error:
            answers[name] = _answer(begun, error="no process could be started: %s" % error)
    waiting = {pipe: name for name, (_pid, pipe) in children.items()}
    while waiting:
        ready = _ready(list(waiting), begun + timeout)
        if not ready:
            break
        for pipe in ready:
            data, name = os.read(pipe, 65536), waiting[pipe]
            texts.setdefault(name, []).append(data)
            if not data or sum(map(len, texts[name])) > limit:
                del waiting[pipe]
                answers[name] = _parsed(b"".join(texts[name]), limit, begun)
    asleep = _asleep({children[name][0] for name in waiting.values()})
    for name in waiting.values():
        hangs = children[name][0] in asleep
        answers[name] = _answer(begun, error="no answer within %g s" % timeout, late=True, hangs=hangs)
    for _pid, pipe in children.values():
        os.close(pipe)
    _end({pid for pid, _pipe in children.values()}, {children[name][0] for name in children if answers[name]["error"]})
    return answers


def _answer(begun, **more):
    took = round(time.time() - begun, 1)
    return dict({"value": None, "error": None, "late": False, "hangs": False, "took_s": took}, **more)


def _ready(pipes, deadline):
    """The pipes on which something came; none where the time is over."""
    while True:
        try:
            return select.select(pipes, [], [], max(0, deadline - time.time()))[0]
        except (OSError, select.error) as error:
            if error.args[0] != errno.EINTR:
                raise


def _parsed(text, limit, begun):
    if len(text) > limit:
        return _answer(begun, error="more than %d bytes were answered" % limit)
    try:
        found = json.loads(text.decode("utf-8"))
    except ValueError:
        return _answer(begun, error="it ended without an answer")
    return _answer(begun, **found)


def _asleep(pids):
    """Those that sleep all the time. On a busy host what waits for a turn, or for its memory, gets on in the end."""
    before = {pid: _turns(pid) for pid in pids}
    if pids:
        time.sleep(SECOND_LOOK_S)
    return {pid for pid in pids if before[pid] and before[pid] == _turns(pid)}


def _turns(pid):
    """How often a process that sleeps now has had the processor; None of one that runs, or has ended."""
    text = host.read("/proc/%d/status" % pid, limit=65536).text
    turns = re.findall(r"^\w*voluntary_ctxt_switches:\s*(\d+)", text, re.M)
    return turns if turns and re.search(r"^State:\s*[SD]", text, re.M) else None


# --- the child ---


def _start(function):
    """(pid, pipe) of a child that calls the function and answers through the pipe."""
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    if pid:
        STARTED.add(pid)
        os.close(writer)
        return pid, reader
    # It ends without running what the parent had registered.
    try:
        LEVEL[0] += 1
        STARTED.clear()
        _let_go(writer)
        # Whoever waits for the end of another pipe must not wait for this process as well.
        os.closerange(3, writer)
        os.closerange(writer + 1, DESCRIPTORS_LIMIT)
        os.setsid()
        signal.signal(signal.SIGTERM, _stop)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(_called(function))
    finally:
        os._exit(0)


def _let_go(writer):
    """Keep no stream of the connection open: one that cannot be ended would keep that open for ever."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
    except OSError:
        return
    for stream in {0, 1, 2} - {writer}:
        os.dup2(nothing, stream)


def _stop(_signal, _frame):
    host.end_commands()
    _end(set(STARTED), set(STARTED))
    os._exit(1)


def _signalled(pid, number):
    try:
        os.kill(pid, number)
    except OSError:
        pass  # it has ended


def _called(function):
    try:
        return _as_json({"value": function()})
    except Exception as error:  # the promise of every section: a reason, never a traceback
        said = getattr(error, "strerror", None) or error
        return _as_json({"error": "%s: %s" % (type(error).__name__, said)})


def _as_json(value):
    """As bytes. A stranger's name that is in no encoding must not cost the whole answer."""
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        return json.dumps(_readable(value)).encode("utf-8")


def _readable(value):
    """The same with texts that can be written anywhere: what is none in it becomes a question mark or the like."""
    if isinstance(value, dict):
        return {_readable(key): _readable(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_readable(part) for part in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.encode("utf-8", "replace").decode("utf-8") if hasattr(value, "encode") else value


def _has_ended(pid):
    try:
        return bool(os.waitpid(pid, os.WNOHANG)[0])
    except OSError:
        return True  # it was waited for when the signal came that this is the answer to


def _end(pids, by_force):
    """Reap children; some are told to end their commands first, and then ended themselves.

    One that waits for a file server cannot be ended before that answers, and is left.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids & by_force:
            _signalled(pid, number)
        deadline = time.time() + STEP_S * max(1, LEVELS - LEVEL[0])
        while pids and time.time() < deadline:
            ended = {pid for pid in pids if _has_ended(pid)}
            pids = pids - ended
            STARTED.difference_update(ended)
            time.sleep(0.002 if pids else 0)
