# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of a process only while it lives: taken early of those that may be gone at the end."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets

# words: its command line; executable: where the link to its program points; groups: the text of its control groups.
Glance = collections.namedtuple("Glance", "words executable uid groups same_root")


def look(pid):
    """A Glance at a process, or None where it has ended, or is a thread of the kernel."""
    executable = host.link_target("/proc/%d/exe" % pid)
    status = host.status_of("/proc/%d" % pid)
    if executable is None or status is None:
        return None
    groups = host.read("/proc/%d/cgroup" % pid, limit=65536).text
    return Glance(sockets.arguments(pid), executable, status.st_uid, groups, _root(pid) == _root("self"))


def _root(pid):
    status = host.status_of("/proc/%s/root/." % pid)
    return None if status is None else (status.st_dev, status.st_ino)
