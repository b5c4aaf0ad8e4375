# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What still runs of a session that has not come to its command: the probe gave up, and its processes wait on."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets

# The command of the probe's session. A shell that has come to it has ended.
COMMAND = "true"
RECENT_S = 300
COMMAND_LIMIT = 200
RUNNERS = ("pam_exec.so", "pam_script.so")
# What these modules tell their programs of the phase.
PAM_TYPES = {"open_session": "session", "account": "account", "auth": "auth"}


def look(account, lines, service):
    """[{pid, by, command, waits_for, place}]: by is shell, rc or a phase of PAM, place the line that says so."""
    parents, found = {}, []
    for pid in host.pids():
        fields = host.process_fields(pid)
        parents.setdefault(int(fields[1]) if fields else None, []).append(pid)
    for pid in sorted(child for children in parents.values() for child in children):
        by = kind(pid, account, service)
        if by is None or (_age(pid) or 0) > RECENT_S:
            continue
        leaf = _leaf(pid, parents)
        waits_for = _command(leaf)
        place = place_of(waits_for, lines) if by in ("shell", "rc") else None
        entry = {"pid": leaf, "by": by, "command": _command(pid), "waits_for": waits_for, "place": place}
        if entry["pid"] not in [one["pid"] for one in found]:
            found.append(entry)
    return found[:5]


def kind(pid, account, service):
    """What a process is to a session of the user that has not begun, or None."""
    status = host.status_of("/proc/%d" % pid)
    if status is None:
        return None
    words = sockets.arguments(pid)
    name = os.path.basename(words[0]).lstrip("-") if words else ""
    if status.st_uid == account["uid"]:
        if words[1:] == ["-c", COMMAND] and name == os.path.basename(account["shell"]["path"] or "sh"):
            return "shell"
        if name == "sh" and len(words) == 2 and re.search(r"^/etc/ssh/sshrc$|(?:^|/)\.ssh/rc$", words[1]):
            return "rc"
    if status.st_uid in (0, account["uid"]):
        environment = host.read("/proc/%d/environ" % pid, limit=65536).text.split("\0")
        told = dict(word.partition("=")[::2] for word in environment if word.startswith("PAM_"))
        if told.get("PAM_SERVICE") == service.lower() and told.get("PAM_USER") == account["user"]:
            return PAM_TYPES.get(told.get("PAM_TYPE"))
    return None


def place_of(command, lines):
    """'FILE line N' of the first line of the start files that has the words of a command."""
    wanted = command.split()
    for line in lines:
        words = re.split(r"[\s;&|(){}]+", line["text"])
        if any(words[at : at + len(wanted)] == wanted for at in range(len(words))):
            return "%s line %d" % (line["file"], line["line"])
    return None


def by_pam(found, stack):
    """The refusals by what PAM still waits for: the line that runs a program which has not ended."""
    answer = []
    for entry in [one for one in found if one["by"] in PAM_TYPES.values()]:
        phase = entry["by"]
        lines = [line for line in stack if line["phase"] == phase and line["module"] in RUNNERS]
        named = [line for line in lines if set(line["arguments"]) & set(entry["command"].split())]
        line = (named or lines)[:1] if named or len(lines) == 1 else []
        place = {name: line[0][name] if line else None for name in ("module", "file", "line")}
        program = [word for word in line[0]["arguments"] if word.startswith("/")][:1] if line else []
        reason = "%s has not ended (process %d: %s)" % (
            "".join(program) or entry["command"], entry["pid"], entry["waits_for"],
        )  # fmt: skip
        stage = "session" if phase == "session" else "auth"
        answer.append(dict(place, by="PAM", kind="pam_denies", stage=stage, phase=phase, reason=reason))
    return answer


def _leaf(pid, parents):
    """The youngest of the processes that a process waits for."""
    for _step in range(20):
        if pid not in parents:
            break
        pid = max(parents[pid])
    return pid


def _command(pid):
    return " ".join(sockets.arguments(pid))[:COMMAND_LIMIT]


def _age(pid):
    fields, uptime = host.process_fields(pid), host.read("/proc/uptime").text.split()
    if len(fields) < 20 or not uptime:
        return None
    return float(uptime[0]) - int(fields[19]) / float(os.sysconf("SC_CLK_TCK"))
