# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file systems as another process sees them: a daemon may have mounts of its own, and its sessions inherit them."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os

try:
    import ctypes
except ImportError:  # some systems leave it out
    ctypes = None

from ansible_collections.rescue.remote_login.plugins.module_utils import children, host

CLONE_NEWNS = 0x00020000
# Leaves time for what the sections do themselves before they are given up.
PATIENCE_S = 25
COMPARE_S = 4


def is_apart(pid, other="self"):
    """Whether a process has other mounts than this one, or than the other; None where that cannot be seen."""
    if pid is None:
        return None
    found = [host.link_target("/proc/%s/ns/mnt" % name) for name in (pid, other)]
    return None if None in found else found[0] != found[1]


def asked(pid, function, timeout=PATIENCE_S):
    """What the function answers in a process that sees what this process sees, as children.ask tells it."""

    def look():
        _enter(pid)
        return function()

    return children.ask({"seen": look}, timeout)["seen"]


def _enter(pid):
    if is_apart(pid) is False:
        return
    if ctypes is None:
        raise OSError("this Python has no ctypes")
    # Python has a word of its own for this since 3.12 only.
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open("/proc/%d/ns/mnt" % pid, os.O_RDONLY)
    try:
        if library.setns(descriptor, CLONE_NEWNS):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def differing(pid, paths):
    """Those of these paths at which the process sees something else than process 1, or nothing.

    Who has come by a login through the daemon has its mounts, so that one's own are no measure.
    """
    inside, outside = [asked(number, lambda: _what_is_at(paths), COMPARE_S)["value"] for number in (pid, 1)]
    if outside is None or inside is None:
        return []
    return [path for number, path in enumerate(paths) if outside[number] != inside[number]]


def _what_is_at(paths):
    found = []
    for path in paths:
        status = host.status_of(path)
        found.append(status and [status.st_dev, status.st_ino])
    return found
