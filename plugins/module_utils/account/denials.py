# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who refuses the login and at which step: sshd itself first, then PAM."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import host

# sshd's own words for where a refusal shows: before anybody is let in, or after.
AUTH, SESSION = "auth", "session"
NOLOGIN = "/etc/nologin"


def _refusal(kind, stage, reason, **more):
    answer = dict.fromkeys(("module", "file", "line"))
    answer.update({"by": "sshd", "kind": kind, "stage": stage, "reason": reason})
    answer.update(more)
    return answer


def by_sshd(account, values):
    """What sshd finds wrong with an account, in the order in which it looks."""
    if account["exists"] is None:
        return []
    if not account["exists"]:
        return [_refusal("account_missing", AUTH, "no user of this name exists")]
    found = _about_shell(account["shell"], values["chrootdirectory"] or "none")
    if values["usepam"] == "no":
        found += _without_pam(account)
    return found


def _about_shell(shell, chroot):
    """A shell that sshd or the kernel refuses. In a chroot another one is started, which is not looked at."""
    if chroot.lower() != "none":
        return []
    if not shell["exists"]:
        return [_refusal("login_shell_unusable", AUTH, "%s does not exist" % shell["path"])]
    if not shell["executable"]:
        return [_refusal("login_shell_unusable", AUTH, "%s is not an executable file" % shell["path"])]
    if shell["refuses"]:
        return [_refusal("login_shell_unusable", SESSION, "%s %s" % (shell["path"], shell["refuses"]))]
    if shell["problem"]:
        reason = "%s cannot be started: %s" % (shell["path"], shell["problem"])
        return [_refusal("login_shell_unusable", SESSION, reason)]
    return []


def _without_pam(account):
    """Where sshd does without PAM it looks at the password's lock and at the account's expiry itself."""
    password, found = account["password"], []
    if account["sshd_says_expired"]:
        found.append(_refusal("account_expired", AUTH, "the account has expired"))
    if password["sshd_says_locked"]:
        reason = "the password is locked, which without PAM (UsePAM no) locks the account"
        found.append(_refusal("account_locked", AUTH, reason, keys_too=True))
    elif password["state"] in ("locked", "none") and account["method"] == "password":
        found.append(_refusal("account_locked", AUTH, "the user has no password"))
    elif password["state"] == "empty" and account["method"] == "password":
        found.append(_refusal("account_locked", AUTH, "the password is empty"))
    if account["method"] == "password" and (password["must_change"] or password["expired"]):
        reason = "the password %s" % ("must be changed" if password["must_change"] else "has expired")
        found.append(_refusal("password_expired", SESSION, reason))
    if host.status_of(NOLOGIN) is not None and account["uid"] != 0:
        found.append(_refusal("nologin_file", SESSION, "%s exists" % NOLOGIN, path=NOLOGIN))
    return found


def by_pam(pam):
    """The refusals of PAM, as those of sshd are told."""
    found = []
    for entry in pam["refusals"]:
        stage = SESSION if entry["phase"] == "session" else AUTH
        kind = "pam_denies" if entry["kind"] == "pam" else entry["kind"]
        more = {key: entry[key] for key in ("phase", "module", "file", "line")}
        more.update(entry["details"])
        found.append(_refusal(kind, stage, entry["reason"], **dict(more, by="PAM")))
    return found
