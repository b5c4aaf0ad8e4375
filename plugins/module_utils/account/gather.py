# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section account: whether the user whose login is diagnosed may log in, and what refuses it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import host, pam_stack, view
from ansible_collections.rescue.remote_login.plugins.module_utils.account import (
    authorized_keys,
    denials,
    failures,
    pam,
    pam_modules,
    policy,
    settings,
    shadow,
    start_files,
    unfinished,
    user,
)
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import sandbox

MESSAGE_LIMIT = 300
# What a login looks at, beside what its own settings name.
FILES = (
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/pam.d",
    "/etc/security",
    "/etc/shells",
    "/etc/nologin",
    "/run/nologin",
)
PRIVATE = ("password_field", "group_ids", "sshd_says_expired")


def gather(login):
    """Look at the account for a login attempt: {port, addresses, user, clients, method}."""
    daemons = policy.daemons_of(login)
    running, service = daemons
    pid = running[0]["pid"] if running else None
    if not view.is_apart(pid) and not view.is_apart(pid, 1):
        return _look(login, daemons)
    # A daemon with mounts of its own may see other files, and so do its sessions.
    answer = view.asked(pid, lambda: _look(login, daemons))
    evidence = answer["value"] or _look(login, daemons)
    if answer["error"]:
        evidence["missing"]["view"] = "the files could not be seen as sshd sees them: %s" % answer["error"]
    differs = view.differing(pid, _paths(evidence))
    because = sandbox.mount_settings(service["unit_files"], differs)
    because = because or ["process %d of sshd has mounts of its own" % pid]
    evidence["view"] = {"pid": pid, "differs": differs, "because": because if differs else []}
    return evidence


def _paths(account):
    """The files that decide the login."""
    own = [
        account["home"]["path"],
        account["shell"]["path"],
        ((account["rules"] or {}).get("chroot") or {}).get("path"),
        pam_stack.find(account["pam"]["service"]),
    ]
    own += [entry["path"] for entry in (account["keys"] or {}).get("files", [])]
    return [path for path in own + list(FILES) if path]


def _look(login, daemons):
    evidence = {"status": "ok", "missing": {}, "user": login["user"], "method": login.get("method")}
    evidence["view"] = None
    missing = evidence["missing"]
    evidence.update(user.look(login["user"], missing))
    evidence.update(shadow.look(login["user"], evidence, missing))
    evidence["passed_by_files"] = []
    evidence["rules"] = policy.look(login, evidence, daemons, missing)
    evidence["keys"] = authorized_keys.look(login, evidence, evidence["rules"], missing)
    values = settings.look(login, evidence["rules"], missing)
    subject = _subject(login, evidence, values)
    used = None if values["usepam"] is None else values["usepam"] == "yes"
    evidence["pam"] = pam.look(used, subject, missing)
    evidence["failures"] = _failures(subject)
    evidence["nologin"] = _nologin()
    evidence["start_files"] = start_files.look(evidence, values, missing)
    evidence["unfinished"] = unfinished.look(
        evidence, (evidence["start_files"] or {}).get("lines") or (), subject["service"]
    )
    evidence["refusals"] = denials.by_sshd(evidence, values) + denials.by_pam(evidence["pam"])
    evidence["refusals"] += unfinished.by_pam(evidence["unfinished"], evidence["pam"]["stack"])
    evidence["login_needs_home"] = _needs_home(evidence)
    for name in PRIVATE:
        evidence.pop(name, None)
    return evidence


def _subject(login, account, values):
    """What PAM is told about the login."""
    client = (login.get("clients") or [None])[0]
    rules = account["rules"] or {}
    name = rules.get("host") if rules.get("host") != client else None
    looked_up = values["usedns"] == "yes"
    return {
        "user": login["user"],
        "account": account,
        "method": login.get("method"),
        "service": values["pamservicename"] or pam_stack.SERVICE,
        "client": client,
        "client_name": name,
        # With UseDNS PAM is given the client's name where it has one.
        "rhost": name if looked_up else client,
        "empty_passwords": values["permitemptypasswords"] == "yes",
    }


def _failures(subject):
    """The failed logins that the modules of sshd's stack have counted."""
    if not subject["account"]["exists"]:
        return []
    found = []
    for line in pam.lines_of("auth", subject["service"]):
        if line["module"] == "pam_faillock.so":
            found.append(failures.faillock(subject["user"], subject["account"], line["arguments"]))
        elif line["module"] == "pam_tally2.so":
            found.append(failures.tally2(subject["user"], subject["account"], line["arguments"]))
    # Its lines stand for one counter.
    return [entry for number, entry in enumerate(found) if entry["file"] not in [one["file"] for one in found[:number]]]


def _nologin():
    """The files that keep everybody but root out, with what the first of them says."""
    paths = [path for path in ("/run/nologin", "/etc/nologin") if host.status_of(path) is not None]
    message = host.read(paths[0], limit=4096).text.strip()[:MESSAGE_LIMIT] if paths else None
    return {"paths": paths, "message": message or None, "effective": pam_modules.nologin_file([])}


def _needs_home(account):
    """Whether the only keys that sshd looks for lie in the home directory; None where that was not found out."""
    found = (account["rules"] or {}).get("settings") or {}
    values = {name: (found.get(name) or {}).get("value") for name in ("authorizedkeysfile", "authorizedkeyscommand")}
    paths = (values["authorizedkeysfile"] or "").split()
    if not paths:
        return None
    inside = all(path.startswith("%h") or not path.startswith("/") for path in paths if path.lower() != "none")
    return inside and (values["authorizedkeyscommand"] or "none").lower() == "none"
