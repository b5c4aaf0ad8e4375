# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network namespaces of this host, each with a descriptor by which it can be entered."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host

NAME = re.compile(r"^net:\[(\d+)\]$")
NAMESPACES_LIMIT = 256
# Their parent is always in the namespace that the system started with.
KERNEL_THREADS = 2
HIDDEN = "those of the processes of others cannot be told: not root, or not with all its rights"
# Where namespaces have names; nobody needs to live in one.
NAMED = ("/run/netns", "/run/docker/netns", "/var/run/netns")


def number_of(pid):
    """The inode that names the network namespace of a process, or None."""
    match = NAME.match(host.link_target("/proc/%s/ns/net" % pid) or "")
    return int(match.group(1)) if match else None


def others():
    """({inode: descriptor} of the namespaces besides one's own, why these are not all or None).

    Only from the host's own namespace: seen from a container, the host's is the outside world.
    """
    here = number_of("self")
    if here is None:
        return {}, "/proc does not name the network namespaces"
    if (number_of(1) or number_of(KERNEL_THREADS) or here) != here:
        return {}, None
    found, error = {}, HIDDEN if _hidden() else None
    for path, number in candidates():
        if number == here or number in found:
            continue
        if len(found) >= NAMESPACES_LIMIT:
            return found, "there are more than %d network namespaces" % NAMESPACES_LIMIT
        descriptor = _opened(path, number)
        if descriptor is not None:
            found[number] = descriptor
        elif host.status_of(path) is not None:
            error = "some network namespaces could not be opened"
    return found, error


def _hidden():
    """Whether there are processes of which one may not know the namespace."""
    return any(number_of(pid) is None and host.status_of("/proc/%d/ns" % pid) is not None for pid in host.pids())


def candidates():
    """(path, inode) of all namespaces to be seen, some of them more than once."""
    for pid in host.pids():
        number = number_of(pid)
        if number is not None:
            yield "/proc/%d/ns/net" % pid, number
    for folder in NAMED:
        for name in host.names_in(folder):
            path = "%s/%s" % (folder, name)
            status = host.status_of(path)
            if status is not None and stat.S_ISREG(status.st_mode) and status.st_dev != _device_of(folder):
                yield path, status.st_ino


def _device_of(folder):
    return getattr(host.status_of(folder), "st_dev", None)


def _opened(path, number):
    """A descriptor of the namespace, or None where it has gone meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    if os.fstat(descriptor).st_ino == number:
        return descriptor
    os.close(descriptor)
    return None
