# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have fail2ban ignore an address, now and after its next start.

The drop-in extends what each jail ignores already, whatever file that stands in, and is kept only if
fail2ban reads the same as before from all files, and the address besides.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import tempfile

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses, fail2ban, fail2ban_files

FOLDER = "/etc/fail2ban/jail.d"
# Read before jail.local: something for the other file to extend where nothing else says what to ignore.
BASE = os.path.join(FOLDER, "00-remote-login.conf")
# Read after everything else.
DROP_IN = os.path.join(FOLDER, "zz-remote-login.local")
JAIL_CONF = "/etc/fail2ban/jail.conf"
REMARK = "# Written by rescue.remote_login: addresses that fail2ban is never to ban.\n"
DUMP_TIMEOUT_S = 20


class CannotIgnore(Exception):
    """Why an address could not be ignored."""


# --- what is ignored ---


def configured():
    """jail -> what it ignores, as fail2ban reads its files; raises CannotIgnore where it cannot."""
    commands, error = fail2ban_files.dump(DUMP_TIMEOUT_S)
    if error:
        raise CannotIgnore("fail2ban cannot read its configuration: %s" % error)
    return fail2ban_files.ignored(commands)


def running(jail):
    """What a jail of the running server ignores."""
    text, error = fail2ban.Client(**fail2ban.UNHURRIED).ask("get", jail, "ignoreip")
    if error:
        raise CannotIgnore(error)
    return re.findall(r"^[|`]- (\S+)", text, re.M)


def is_in(wanted, listed):
    return any(addresses.holds(addresses.network(text), wanted) for text in listed)


# --- the drop-in ---


def parse_drop_in(text):
    """jail -> the addresses in a drop-in that this wrote."""
    found, jail = {}, None
    for line in text.splitlines():
        section = re.match(r"\[([^\]]+)\]$", line)
        values = re.match(r"ignoreip = %\(known/ignoreip\)s (.+)$", line)
        if section:
            jail = section.group(1)
        elif values and jail:
            found[jail] = values.group(1).split()
    return found


def drop_in(listed):
    """The text of the drop-in for jail -> addresses."""
    sections = ["[%s]\nignoreip = %%(known/ignoreip)s %s\n" % (jail, " ".join(listed[jail])) for jail in sorted(listed)]
    return REMARK + "\n".join(sections)


def base():
    """The text of the file that is read first: what jail.conf itself has all jails ignore, or nothing."""
    kept, section = [], None
    for line in host.read(JAIL_CONF).text.splitlines():
        found = re.match(r"\[([^\]]+)\]", line)
        section = found.group(1) if found else section
        value = re.match(r"ignoreip\s*=\s*(.*)$", line)
        if value and section == "DEFAULT":
            kept = [value.group(1).strip()]
    return "%s[DEFAULT]\nignoreip = %s\n" % (REMARK, "".join(kept))


# --- doing it ---


def plan(wanted, state, jail, all_jails):
    """{live: jails to be told now, files: {path: text}, jails: those that the files are to have it for}."""
    names = [jail] if jail != all_jails else state.get("names") or []
    before = configured()
    live = [name for name in names if not is_in(wanted, running(name))]
    lacking = [name for name in (names or sorted(before)) if not is_in(wanted, before.get(name, []))]
    files = {}
    if lacking:
        listed = parse_drop_in(host.read(DROP_IN).text)
        for name in lacking:
            listed[name] = listed.get(name, []) + [addresses.text(wanted)]
        files = {BASE: base(), DROP_IN: drop_in(listed)}
        files = {path: text for path, text in files.items() if host.read(path).text != text}
    return {"live": live, "files": files, "jails": lacking, "before": before}


def words(planned, wanted):
    """What a plan does, in words."""
    text = addresses.text(wanted)
    told = ["%s set %s addignoreip %s" % (fail2ban.PROGRAM, jail, text) for jail in planned["live"]]
    return told + ["write %s" % path for path in sorted(planned["files"])]


def carry_out(planned, wanted, move):
    """Write the files, look whether fail2ban reads the same as before and the address besides, and tell the server."""
    kept = {path: host.read(path) for path in planned["files"]}
    for path in sorted(planned["files"]):
        _write(path, planned["files"][path], move)
    problem = _problem(planned, wanted) if planned["files"] else None
    if problem:
        for path in sorted(kept):
            if kept[path].error:
                os.unlink(path)
            else:
                _write(path, kept[path].text, move)
        raise CannotIgnore("%s; the files are as they were" % problem)
    for jail in planned["live"]:
        _text, error = fail2ban.Client(**fail2ban.UNHURRIED).ask("set", jail, "addignoreip", addresses.text(wanted))
        if error:
            raise CannotIgnore(error)


def _write(path, text, move):
    descriptor, new = tempfile.mkstemp(dir=FOLDER, prefix=".remote-login-")
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(text.encode("utf-8"))
    os.chmod(new, 0o644)
    move(new, path)


def _problem(planned, wanted):
    """What is wrong with what fail2ban reads now, or None."""
    try:
        now = configured()
    except CannotIgnore as error:
        return str(error)
    for jail, listed in planned["before"].items():
        lost = [text for text in listed if text not in now.get(jail, [])]
        if lost:
            return "jail %s would no longer ignore %s" % (jail, ", ".join(lost))
    missing = [jail for jail in planned["jails"] if not is_in(wanted, now.get(jail, []))]
    return "jail %s would not ignore it" % missing[0] if missing else None
