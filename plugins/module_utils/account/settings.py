# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of sshd that decide how an account is judged: whether PAM is asked, and what of the password counts."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import host, pam_stack, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.account import match_lines
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import config, daemon, unit

KEYWORDS = ("usepam", "pamservicename", "usedns", "permitemptypasswords", "permituserrc", "chrootdirectory")


def look(login, rules, missing):
    """{keyword: value or None}: from the rules for this login where they were found out, else by asking sshd."""
    if rules and rules.get("settings"):
        found = rules["settings"]
        values = {keyword: (found.get(keyword) or {}).get("value") for keyword in KEYWORDS}
        # An sshd that was built without PAM does not know the word.
        return dict(values, usepam=values["usepam"] or "no")
    values, reason = _ask(login)
    if reason:
        missing["pam.used"] = reason
    return {keyword: values.get(keyword) for keyword in KEYWORDS}


def pam_service(login, pid):
    """The name under which the daemon ``pid`` asks PAM. sshd is asked only where a line of its files gives one."""
    process = [{"arguments": sockets.arguments(pid)}] if pid else []
    command = daemon.command("sshd", process, None)
    entries, _files = config.directives(daemon.config_path(command) or config.DEFAULT_PATH)
    entries = match_lines.options(daemon.options(command[1:])) + entries
    named = [entry for entry in entries if entry["keyword"] == "pamservicename"]
    found = look(login, None, {})["pamservicename"] if named else None
    return found or pam_stack.SERVICE


def _ask(login):
    if not host.is_root():
        return {}, "needs root: sshd tells its configuration only to root"
    service = unit.gather()
    tables, error, hidden = sockets.listening()
    known = None if error or hidden else {holder["pid"] for entry in tables for holder in entry["processes"]}
    running = daemon.daemons(known, service["main_pid"])
    path = daemon.binary(running, service["command"])
    if path is None or not daemon.is_trusted(path):
        return {}, "there is no sshd that can be asked"
    command = daemon.command(path, running, service["command"])
    values = config.effective(command, login)
    if values is None:
        entries, _files = config.directives(daemon.config_path(command) or config.DEFAULT_PATH)
        values = config.from_files(entries)
    return values, None
