# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to the kernel that Python has no name for, or none in its older versions. All raise OSError."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import contextlib
import mmap
import os
import platform
import socket

try:
    import ctypes
except ImportError:  # a small Python leaves it out
    ctypes = None

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241, "ppc64le": 319, "s390x": 331, "riscv64": 241, "i686": 336}
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PERF_FLAG_FD_CLOEXEC = 8
READ_LIMIT_BYTES, END_OF_FILE = 65536, b"\0"
NO_CTYPES = "this Python has no ctypes"
# What the kernel's refusals are in Python: in the old one these are no kinds of OSError.
FAILURES = (OSError, IOError, socket.error, mmap.error, ValueError)


def _called(name, *arguments):
    """The answer of a function of the C library."""
    if ctypes is None:
        raise OSError(0, NO_CTYPES)
    library = ctypes.CDLL(None, use_errno=True)
    try:
        answer = getattr(library, name)(*arguments)
    except AttributeError:
        raise OSError(0, "the C library has no %s" % name)
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


def perf_event_open(attributes, processor):
    """A descriptor for an event of all processes on one processor."""
    number = PERF_EVENT_OPEN.get(platform.machine())
    if number is None:
        raise OSError(0, "perf_event_open has no known number on %s" % platform.machine())
    if ctypes is None:
        raise OSError(0, NO_CTYPES)
    minus_one, flags = ctypes.c_int(-1), ctypes.c_ulong(PERF_FLAG_FD_CLOEXEC)
    return _called("syscall", ctypes.c_long(number), attributes, minus_one, ctypes.c_int(processor), minus_one, flags)


def ioctl(descriptor, request, text=None):
    """An ioctl with a text or without anything."""
    argument = ctypes.c_void_p(0) if text is None else ctypes.c_char_p(text)
    return _called("ioctl", ctypes.c_int(descriptor), ctypes.c_ulong(request), argument)


def in_a_private_view(place, kind, paths):
    """The texts of files below a file system that only a child mounts, in a mount namespace of its own."""
    if ctypes is None:
        raise OSError(0, NO_CTYPES)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            _called("unshare", CLONE_NEWNS)
            _called("mount", b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
            # Not read-only: old kernels would make every other mount of it so, and that is more than a look.
            _called("mount", kind.encode(), place.encode(), kind.encode(), ctypes.c_ulong(0), None)
            for path in paths:
                os.write(writer, _bytes_of(os.path.join(place, path)) + END_OF_FILE)
        finally:
            os._exit(0)
    os.close(writer)
    chunks = []
    try:
        while True:
            data = os.read(reader, READ_LIMIT_BYTES)
            if not data:
                break
            chunks.append(data)
    finally:
        os.close(reader)
        os.waitpid(child, 0)
    texts = b"".join(chunks).decode("utf-8", "replace").split(END_OF_FILE.decode())
    return (texts + [""] * len(paths))[: len(paths)]


def _bytes_of(path):
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, READ_LIMIT_BYTES)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def network_namespace(descriptor):
    """Be in another network namespace for a while. What is opened there stays there."""
    if ctypes is None:
        raise OSError(0, NO_CTYPES)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        _called("setns", ctypes.c_int(descriptor), ctypes.c_int(CLONE_NEWNET))
        try:
            yield
        finally:
            _called("setns", ctypes.c_int(own), ctypes.c_int(CLONE_NEWNET))
    finally:
        os.close(own)
