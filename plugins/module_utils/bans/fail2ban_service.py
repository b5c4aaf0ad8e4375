# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fail2ban as a service: is it there, does it run, and if not, why not, in its own words."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import fail2ban

UNIT = "fail2ban.service"
LOG = "/var/log/fail2ban.log"
TAIL_BYTES = 64 * 1024
# The last words of a server that could not start or went down, the telling ones first.
COMPLAINTS = (
    re.compile(r".*\b(?:ERROR|CRITICAL)\s+(?P<words>(?!Async configuration|NOK|Failed to access socket)\S.*)$"),
    re.compile(r"(?P<words>(?:ModuleNotFoundError|ImportError|SyntaxError|PermissionError|OSError|sqlite3\.\w+): .+)$"),
    re.compile(r"(?P<words>%s: (?:Failed with|Main process exited).+)$" % re.escape(UNIT)),
)
STARTED = re.compile(r".*(?:Starting Fail2ban v|Started fail2ban|Starting fail2ban)")


SERVER = "fail2ban-server"
SOCKET = "/run/fail2ban/fail2ban.sock"
STOPPED = "it is stopped"


def look():
    """{installed, version, running, reason, active_state, enabled}; ``running`` is None where nobody can tell."""
    state = {"installed": False, "version": None, "running": False, "reason": "fail2ban is not installed"}
    state.update(active_state=None, enabled=None)
    if host.which(fail2ban.PROGRAM) is None:
        return state
    state["installed"] = True
    if not host.is_root():
        return dict(state, running=None, reason="needs root: only root may ask fail2ban")
    state.update(_unit())
    if not host.has_process(SERVER) and host.status_of(SOCKET) is None:
        return dict(state, reason=why_not(state, STOPPED))
    answer = host.run([fail2ban.PROGRAM, "ping"], timeout=fail2ban.PATIENCE_S)
    if answer.error:
        return dict(state, running=None, reason=answer.error)
    if answer.rc == 0:
        return dict(state, running=True, reason=None, version=_version())
    return dict(state, running=False, reason=why_not(state, fail2ban.said(answer)))


def _version():
    told = host.run([fail2ban.PROGRAM, "-V"], timeout=fail2ban.PATIENCE_S)
    found = re.search(r"\d+(\.\d+)+\S*", told.out)
    return found.group(0) if found else None


def _unit():
    shown = host.run(["systemctl", "show", UNIT, "-p", "LoadState,ActiveState,UnitFileState"])
    values = dict(line.partition("=")[::2] for line in shown.out.splitlines())
    if shown.rc != 0 or values.get("LoadState") != "loaded":
        return {"active_state": None, "enabled": None}
    state = values.get("UnitFileState")
    return {"active_state": values.get("ActiveState"), "enabled": state.startswith("enabled") if state else None}


def why_not(state, answer):
    """Why the server does not run, as it says itself."""
    if state["active_state"] is not None:
        journal = host.run(["journalctl", "--no-pager", "-q", "-b", "-n", "60", "-o", "cat", "-u", UNIT])
        reason = complaint(journal.out)
        if state["active_state"] == "inactive":
            return STOPPED
    else:
        reason = complaint(host.read(LOG, limit=TAIL_BYTES, tail=True).text)
    if reason is None:
        # A start by an init script leaves its complaint on the terminal only; this reads the configuration anew.
        tested = host.run([fail2ban.PROGRAM, "-t"], timeout=fail2ban.PATIENCE_S)
        reason = complaint(tested.err + tested.out) if tested.rc not in (0, None) else None
    if reason is None and "Connection refused" in answer:
        return "it has ended in disorder: its socket is still there"
    return reason or (STOPPED if "Is fail2ban running" in answer else answer)


def complaint(text):
    """The line of the last start that says best what went wrong, or None."""
    lines = text.splitlines()
    marks = [number for number, line in enumerate(lines) if STARTED.match(line)]
    lines = lines[marks[-1] :] if marks else lines
    for pattern in COMPLAINTS:
        found = [pattern.match(line) for line in lines]
        told = [match.group("words") for match in found if match]
        if told:
            return told[0][: fail2ban.WORD_LIMIT]
    return None
