# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all repairs have in common: steps as (words, what does it), and a failure that tells what was done before."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair

SAID_LIMIT = 300


def attempt(module, work):
    """Call ``work(done)``, which ends the module; ``done`` keeps what was done, also that before a failure."""
    done = []
    try:
        work(done)
    except CannotRepair as reason:
        changed = (reason.changed or bool(done)) and not module.check_mode
        module.fail_json(msg="; ".join(done + [reason.args[0]]), changed=changed)


def take(steps, module, done):
    """Take the steps, or say in check mode which would be taken."""
    for words, act in steps:
        if not module.check_mode:
            act()
        done.append(words)


def run(command, timeout=60):
    """Run a command that has to succeed."""
    result = host.run(command, timeout=timeout)
    if result.error or result.rc != 0:
        said = result.error or (result.err or result.out).strip()[-SAID_LIMIT:]
        raise CannotRepair("'%s' failed: %s" % (" ".join(command), said))
