# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only door to the machine: commands with a time-out, reads with a bound.

A broken host hangs, truncates and answers with megabytes. Nothing in here raises for that:
a failed command or read comes back as a value that carries its reason in ``error``.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import errno
import os
import select
import signal
import stat
import subprocess
import time

SEARCH_PATH = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")
COMMAND_TIMEOUT_S = 10
OUTPUT_LIMIT_BYTES = 1024 * 1024
# With these a mounted file system answers at once that it cannot: its server or disk, or what served it, is gone.
BROKEN = (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.ESHUTDOWN, errno.ENXIO)

# error: None, or why there is no complete answer. rc is None where the command did not end by itself.
Result = collections.namedtuple("Result", "rc out err error")
Text = collections.namedtuple("Text", "text error")
# The commands that this process is waiting for.
RUNNING = set()


def which(name):
    """The path of a program, or None. Not from PATH alone: a login shell of root may lack the sbin folders."""
    for folder in tuple(os.environ.get("PATH", "").split(os.pathsep)) + SEARCH_PATH:
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def run(argv, timeout=COMMAND_TIMEOUT_S, limit=OUTPUT_LIMIT_BYTES):
    """Run a command without a shell and without input, and wait for it at most ``timeout`` seconds."""
    environment = dict(os.environ, LC_ALL="C", LANGUAGE="C", PATH=os.pathsep.join(SEARCH_PATH))
    name = os.path.basename(argv[0])
    try:
        with open(os.devnull, "rb") as nothing:
            # A session of its own, so that what the command starts can be ended with it.
            process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                argv,
                stdin=nothing,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd="/",
                close_fds=True,
                preexec_fn=os.setsid,
            )
    except (OSError, ValueError, TypeError) as error:
        reason = "is not installed" if getattr(error, "errno", None) == errno.ENOENT else "cannot be run: %s" % error
        return Result(None, "", "", "%s %s" % (name, reason))
    RUNNING.add(process.pid)
    out, err, problem = _collect(process, time.time() + timeout, limit)
    if problem is None:
        problem = _wait(process, time.time() + 1)
    RUNNING.discard(process.pid)
    if problem is not None:
        _kill(process)
        return Result(None, _decode(out), _decode(err), "%s %s" % (name, problem % {"timeout": timeout}))
    return Result(process.returncode, _decode(out), _decode(err), None)


def end_commands():
    """End what this process is waiting for, when it is itself about to be ended."""
    for pid in list(RUNNING):
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass


def _collect(process, deadline, limit):
    """Read both pipes until they close, the deadline or the limit; return the bytes and a problem or None."""
    chunks = {process.stdout.fileno(): [], process.stderr.fileno(): []}
    out, err = chunks[process.stdout.fileno()], chunks[process.stderr.fileno()]
    open_pipes, size, problem = set(chunks), 0, None
    while open_pipes and problem is None:
        remaining = deadline - time.time()
        try:
            ready = select.select(list(open_pipes), [], [], max(0, remaining))[0]
        except (OSError, select.error) as error:
            if error.args[0] == errno.EINTR:
                continue
            raise
        if not ready:
            problem = "did not answer within %(timeout)s s"
        for pipe in ready:
            data = os.read(pipe, 65536)
            if not data:
                open_pipes.discard(pipe)
            chunks[pipe].append(data)
            size += len(data)
        if size > limit:
            problem = "wrote more than {0} bytes".format(limit)
    process.stdout.close()
    process.stderr.close()
    return b"".join(out)[:limit], b"".join(err)[:limit], problem


def _wait(process, deadline):
    while process.poll() is None:
        if time.time() > deadline:
            return "closed its output but did not end"
        time.sleep(0.005)
    return None


def _kill(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass
    # A process in an uninterruptible wait does not end; leave it rather than hang with it.
    _wait(process, time.time() + 1)


def read(path, limit=OUTPUT_LIMIT_BYTES, tail=False, follow=True):
    """The text of a regular file (the last ``limit`` bytes with ``tail``); never waits on a FIFO or a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW))
    except (OSError, TypeError, ValueError) as error:
        return Text("", _reason(path, error))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Text("", "%s is not a regular file" % path)
        if tail and status.st_size > limit:
            os.lseek(descriptor, -limit, os.SEEK_END)
        chunks, size = [], 0
        while size <= limit:
            data = os.read(descriptor, 65536)
            if not data:
                return Text(_decode(b"".join(chunks)), None)
            chunks.append(data)
            size += len(data)
        return Text(_decode(b"".join(chunks)[:limit]), None if tail else "%s is larger than %d bytes" % (path, limit))
    except OSError as error:
        return Text("", _reason(path, error))
    finally:
        os.close(descriptor)


def status_of(path, follow=True):
    """What stat says of a path, or None where there is nothing or it cannot be looked at."""
    try:
        return os.stat(path) if follow else os.lstat(path)
    except (OSError, ValueError):
        return None


def link_target(path):
    """Where a symbolic link points, or None."""
    try:
        target = os.readlink(path)
    except (OSError, ValueError):
        return None
    # Bytes in Python 2, which do not go together with texts.
    return target.decode("utf-8", "replace") if isinstance(target, bytes) else target


def names_in(path):
    """The sorted names in a folder; empty where it cannot be listed."""
    try:
        return sorted(os.listdir(path))
    except (OSError, ValueError):
        return []


def kernel_has(module):
    """Whether the kernel has this module at hand. Using one that it has not would make it load it: no mere look."""
    if status_of("/sys/module/%s" % module) is not None or status_of("/proc/modules") is None:
        return True
    return "/%s.ko" % module in read("/lib/modules/%s/modules.builtin" % os.uname()[2]).text


def pids():
    """The numbers of all processes."""
    return [int(name) for name in names_in("/proc") if name.isdigit()]


def process_fields(pid):
    """The fields of /proc/PID/stat behind the name, which can hold anything: first the state. Empty: it has ended."""
    return read("/proc/%d/stat" % pid, limit=4096).text.rpartition(")")[2].split()


def has_process(program):
    """Whether a process runs this program, itself or as the script of an interpreter."""
    for pid in pids():
        words = read("/proc/%d/cmdline" % pid, limit=65536).text.split("\0")[:4]
        if program in [os.path.basename(word) for word in words]:
            return True
    return False


def iso_time(seconds):
    """A point in time as ISO 8601 in UTC, or None."""
    if seconds is None:
        return None
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return None  # a file can be dated in any year


def is_root():
    return os.geteuid() == 0


def _reason(path, error):
    return "%s: %s" % (path, getattr(error, "strerror", None) or error)


def _decode(data):
    return data.decode("utf-8", "replace")
