# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start sshd after a repair, where it does not run. Nothing is unmasked, enabled, restarted or reloaded for that."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type


from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather, service

# What modules have that start sshd at their end; documented in the fragment 'start'.
ARGUMENTS = {"start": {"type": "bool", "default": True}, "wait": {"type": "int", "default": 15}}


def plan(evidence, enable=False):
    """(commands, why not): what starts sshd, and what keeps it from that where something does."""
    if evidence["running"] is not False:
        return [], None
    if evidence["masked"]:
        return [], "%s is masked" % evidence["unit"]
    wanted = evidence if enable else dict(evidence, starts_at_boot=True)
    try:
        return service.plan(wanted), None
    except service.CannotStart as reason:
        return [], reason.args[0]


def as_if(evidence, **repaired):
    """The evidence as it would be after the repair, for what check mode tells."""
    settings = dict(evidence["config"] or {}, valid=True) if repaired.get("config") else evidence["config"]
    separation = dict(evidence["privilege_separation"] or {})
    if repaired.get("separation"):
        separation["problem"] = None
    usable = True if repaired.get("keys") else evidence["host_keys_usable"]
    return dict(evidence, config=settings, privilege_separation=separation, host_keys_usable=usable)


def carry_out(steps, login, seconds):
    """Run the commands and wait until sshd listens; raises CannotRepair where it does not."""
    try:
        service.carry_out(steps)
        return service.wait_until_listening(login, seconds)
    except service.CannotStart as reason:
        raise CannotRepair("repaired, but %s" % reason.args[0], changed=True)


def finish(module, login, imagined, enable=False):
    """Start sshd where that is wanted and possible; (commands, what is to be told besides).

    ``imagined`` is the evidence to plan with in check mode; else the host is looked at anew.
    """
    if not module.params["start"]:
        return [], []
    evidence = imagined if module.check_mode else gather.gather(login)
    if evidence["status"] != "ok":
        return [], ["sshd was not started: %s" % evidence["reason"]]
    steps, obstacle = plan(evidence, enable=enable)
    if steps and not module.check_mode:
        carry_out(steps, login, module.params["wait"])
    return [" ".join(step) for step in steps], ["sshd was not started: %s" % obstacle] if obstacle else []
