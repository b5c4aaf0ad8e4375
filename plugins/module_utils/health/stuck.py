# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on its way a path is stuck: each step is asked for again, so that a disk that was only busy is not blamed."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import children, host

PATIENCE_S, LEAST_S = 4, 0.5
# For all links on the way together.
TOGETHER_S = 6
LINKS = 4


def places(paths):
    """{path: the first step of its way, links followed, that does not answer this time either}."""
    found, ways, deadline = {}, {path: path for path in paths}, time.time() + TOGETHER_S
    for _link in range(LINKS):
        asked = sorted({step for way in ways.values() for step in steps(way)})
        left = deadline - time.time()
        if not asked or left < LEAST_S:
            break
        answers = children.ask({step: _question(step) for step in asked}, min(PATIENCE_S, left))
        further = {}
        for path, way in ways.items():
            stuck, link = follow(way, answers)
            if stuck:
                found[path] = stuck
            elif link:
                further[path] = link
        ways = further
    return found


def steps(path):
    """The folders that lead to a path, from the root on, and the path itself."""
    names = [name for name in path.split("/") if name]
    return ["/" + "/".join(names[:number]) for number in range(len(names) + 1)]


def follow(way, answers):
    """(the step that is stuck, None), (None, the way by the first link on it), or (None, None)."""
    for step in steps(way):
        if answers[step]["hangs"]:
            return step, None
        if answers[step]["value"]:
            behind = way[len(step) :].lstrip("/")
            return None, os.path.normpath(os.path.join(os.path.dirname(step), answers[step]["value"], behind))
        if answers[step]["error"]:
            break
    return None, None


def _question(step):
    return lambda: look(step)


def look(step):
    """Where a link points; else nothing, once the file system has answered."""
    target = host.link_target(step)
    if target is None:
        os.statvfs(step)
    return target
