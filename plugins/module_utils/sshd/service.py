# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring sshd back: unmask, enable, start, and wait until it listens. Nothing else is touched."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather

START_TIMEOUT_S = 90
POLL_S = 0.5
SHOWN = ("unit", "unit_file_state", "unit_active_state", "masked", "starts_at_boot", "running")


class CannotStart(Exception):
    """Why sshd could not be started; ``changed`` tells whether something was done before."""

    def __init__(self, reason, changed=False):
        Exception.__init__(self, reason)
        self.changed = changed


def plan(evidence):
    """The commands that are needed, in order; raises CannotStart where they could not help."""
    if evidence["status"] != "ok":
        raise CannotStart(evidence["reason"])
    if not host.is_root():
        raise CannotStart("starting a service needs root")
    if not evidence["running"]:
        obstacle = obstacles(evidence)
        if obstacle:
            raise CannotStart(obstacle)
    steps = []
    if evidence["daemon"] and evidence["daemon"]["state"] == "T":
        steps.append(["kill", "-CONT", str(evidence["daemon"]["pid"])])
    if evidence["manager"] == "systemd":
        return steps + _systemd_steps(evidence)
    if evidence["manager"] == "sysv":
        return steps + _sysv_steps(evidence)
    if evidence["running"]:
        return steps
    raise CannotStart("%s; start it by hand: %s" % (evidence["unit_reason"], evidence["binary"]))


def obstacles(evidence):
    """What starting would fail for, or None. Found before anything is changed."""
    if not evidence["installed"]:
        return "sshd is not installed"
    if evidence["start_blocked_by"]:
        return "%s exists: somebody wants sshd not to run" % evidence["start_blocked_by"]
    for reason in (evidence.get("broken_binary"), evidence.get("bad_options")):
        if reason:
            return reason
    settings = evidence["config"] or {}
    if settings.get("valid") is False:
        error = settings["errors"][0]
        place = "%s line %s: " % (error["file"], error["line"]) if error["line"] else ""
        return "the configuration is wrong: %s%s" % (place, error["message"])
    if evidence["host_keys_usable"] is False:
        return "there is no usable host key"
    separation = evidence["privilege_separation"] or {}
    if separation.get("problem"):
        return separation["problem"]
    holder = evidence["login"]["port_holder"]
    if holder and evidence["login"]["configured_for_port"]:
        return "port %d belongs to %s (pid %s)" % (evidence["login"]["port"], holder["program"], holder["pid"])
    if evidence["unit"] is None and evidence["manager"] == "systemd":
        return evidence["unit_reason"] or "there is no unit for sshd"
    return None


def _systemd_steps(evidence):
    unit = gather.unit_to_start(evidence)
    steps = []
    if evidence["masked"]:
        runtime = ["--runtime"] if evidence["unit_file_state"] == "masked-runtime" else []
        steps.append(["systemctl", "unmask"] + runtime + [evidence["unit"]])
    if evidence["starts_at_boot"] is False and not evidence["start_blocked_by"]:
        by_socket = (evidence["socket"] or {}).get("active") and not evidence["daemon"]
        steps.append(["systemctl", "enable", evidence["socket"]["unit"] if by_socket else unit])
    if not evidence["running"]:
        if evidence["failed"]:
            # A unit that failed too often in a row is refused until this.
            steps.append(["systemctl", "reset-failed", unit])
        steps.append(["systemctl", "start", unit])
    return steps


def _sysv_steps(evidence):
    steps = []
    if evidence["starts_at_boot"] is False:
        if host.which("update-rc.d"):
            # 'defaults' makes the links where there are none, 'enable' turns them on where they are off.
            steps.append(["update-rc.d", evidence["unit"], "defaults"])
            steps.append(["update-rc.d", evidence["unit"], "enable"])
        elif host.which("chkconfig"):
            steps.append(["chkconfig", evidence["unit"], "on"])
    if not evidence["running"]:
        steps.append([evidence["unit_path"], "start"])
    return steps


def carry_out(steps):
    """Run the commands; raises CannotStart at the first that fails."""
    for number, step in enumerate(steps):
        result = host.run(step, timeout=START_TIMEOUT_S)
        if result.error or result.rc != 0:
            said = result.error or (result.err or result.out).strip().replace("\n", " ")[:400]
            raise CannotStart("'%s' failed: %s" % (" ".join(step), said), changed=number > 0)


def wait_until_listening(login, seconds):
    """The evidence once sshd listens; raises CannotStart when it does not."""
    deadline = time.time() + seconds
    while True:
        evidence = gather.gather(login)
        if evidence["status"] == "ok" and evidence["running"] and evidence["listening"]:
            return evidence
        if time.time() > deadline:
            reason = (evidence.get("log") or {}).get("reason") or evidence.get("reason") or "the log gives no reason"
            raise CannotStart("sshd was started and does not listen after %d s: %s" % (seconds, reason), changed=True)
        time.sleep(POLL_S)


def shown(evidence):
    """The part of the evidence that a diff shows."""
    return {key: evidence.get(key) for key in SHOWN}
