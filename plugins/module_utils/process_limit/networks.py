# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network that a target's packets are made in: this one, or one of its own, such as a container has.

The rules for them have to be in that network. nft and the control groups are those of the host all the same.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import contextlib
import os

from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import namespaces, syscalls
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import ending
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import target as targets


class NotEntered(targets.Refused):
    """Why a network cannot be entered."""


def home_of(target):
    """(the pid whose network the target is in, None for this one; the members that are in yet another one)."""
    here, where = namespaces.number_of("self"), {}
    for pid in target.members:
        where.setdefault(namespaces.number_of(pid), []).append(pid)
    where.pop(None, None)
    home = namespaces.number_of(target.pid) if target.pid else here
    # Of a unit those in this network count, unless all are in one and the same other one.
    if home not in where and len(where) == 1:
        home = next(iter(where))
    apart = sorted(pid for number, pids in where.items() if number != home for pid in pids)
    if home not in where or home == here:
        return None, apart
    return target.pid or min(where[home]), apart


@contextlib.contextmanager
def network_of(pid, start_ticks):
    """Be in the network of a process; None is this one."""
    if pid is None:
        yield
        return
    try:
        descriptor = os.open("/proc/%d/ns/net" % pid, os.O_RDONLY)
    except OSError as error:
        raise targets.Refused("the network of process %d cannot be reached: %s" % (pid, error.strerror))
    try:
        # Whoever has the pid from now on, what is open stays.
        if not ending.is_there(pid, start_ticks):
            raise targets.Refused("process %d has ended meanwhile" % pid)
        with entered(descriptor):
            yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def entered(descriptor):
    manager = syscalls.network_namespace(descriptor)
    try:
        manager.__enter__()
    except OSError as error:
        raise NotEntered("the network of its own that it is in cannot be entered: %s" % error.strerror)
    try:
        yield
    finally:
        manager.__exit__(None, None, None)


def in_others(function):
    """What a function answers in each of the other networks of this host that can be entered."""
    found, _error = namespaces.others()
    answers = []
    try:
        for number in sorted(found):
            try:
                with entered(found[number]):
                    answers.append(function())
            except NotEntered:  # so nothing can have been made there
                continue
    finally:
        for descriptor in found.values():
            os.close(descriptor)
    return answers
