# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each PAM module would answer for this user from this address: its possible return values, and why."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.account import (
    failures,
    pam_access,
    pam_limits,
    pam_tests,
)

# codes: the return values that are possible, one where it is known.
Answer = collections.namedtuple("Answer", "codes reason kind details")
# These do something for a login and have nothing against it. What can fail in them says so in the log.
HARMLESS = (
    "pam_permit pam_env pam_motd pam_mail pam_keyinit pam_loginuid pam_umask pam_systemd pam_selinux pam_lastlog"
    " pam_lastlog2 pam_mkhomedir pam_oddjob_mkhomedir pam_faildelay pam_echo pam_warn pam_group pam_issue pam_xauth"
    " pam_tty_audit pam_gnome_keyring pam_kwallet pam_kwallet5 pam_cap pam_ck_connector pam_elogind pam_debug"
    " pam_namespace pam_pwquality pam_cracklib pam_pwhistory pam_systemd_loadkey pam_sepermit pam_apparmor pam_audit"
    " pam_setquota pam_tmpdir pam_lxcfs pam_cgfs pam_reauthorize pam_ssh pam_snapper pam_ftp pam_ostree"
).split()
# They know the users of a directory; of a user in the local files they mostly say that they do not know it.
DIRECTORIES = "pam_sss pam_ldap pam_krb5 pam_winbind pam_lsass pam_vas3 pam_vas pam_himmelblau pam_centrifydc".split()
ANY = ("success", "ignore", "perm_denied")


def answer(line, subject):
    """The answer of the module of a line: subject tells user, account, client, phase and so on."""
    if line["broken"]:
        return Answer(("must_fail",), line["broken"], "pam", {})
    name = line["module"][:-3] if line["module"].endswith(".so") else line["module"]
    if name in HARMLESS:
        return _known("success")
    judge = MODULES.get(name)
    if judge is not None:
        return judge(line, subject)
    if name in DIRECTORIES:
        return _of_directory(subject)
    place = "%s (%s line %s)" % (line["module"][:80], line.get("file"), line.get("line"))
    return Answer(ANY, "%s is not known here" % place, "pam", {})


def _known(code, reason=None, kind="pam", **details):
    return Answer((code,), reason, kind, details)


def _open(reason, *codes):
    return Answer(codes or ANY, reason, "pam", {})


def _of_directory(subject):
    if subject["phase"] == "auth":
        return _known("success") if subject["account"]["from"] != "files" else _known("user_unknown")
    if subject["phase"] == "session":
        return _known("success")
    if subject["account"]["from"] == "files":
        return _open("a directory may or may not know a local user", "user_unknown", "success", "authinfo_unavail")
    return _open("the directory that has the user is not asked", "success", "perm_denied", "acct_expired")


def _systemd_home(line, subject):
    """It knows the users of systemd-homed only, who are in no file."""
    if subject["account"]["from"] != "files":
        return _open("systemd-homed is not asked", "success", "user_unknown", "acct_expired")
    return _known("success" if subject["phase"] == "session" else "user_unknown")


def _deny(line, subject):
    code = "session_err" if subject["phase"] == "session" else "auth_err"
    return _known(code, "pam_deny.so is reached, which lets nobody in")


# --- pam_unix ---


def _unix(line, subject):
    if subject["phase"] == "session":
        return _known("success")
    if not subject["account"]["exists"]:
        return _known("user_unknown", "the user does not exist", "account_missing")
    password = subject["account"]["password"]
    if subject["phase"] == "auth":
        return _unix_auth(line, subject, password)
    return _unix_account(line, subject, password)


def _unix_auth(line, subject, password):
    """Given that the password is right: whether there is one that can be right."""
    state = password["state"]
    if subject["account"]["from"] != "files" and state != "usable":
        return _open("the password of a user of a directory is not known", "success", "auth_err")
    if state in ("locked", "none"):
        reason = "the password is locked" if state == "locked" else "the user has no password"
        return _known("auth_err", reason, "account_locked")
    if state == "empty":
        allowed = subject["empty_passwords"] and ({"nullok", "nullok_secure"} & set(line["arguments"]))
        return _known("success" if allowed else "auth_err", "the password is empty", "account_locked")
    return _known("success")


def _unix_account(line, subject, password):
    account = subject["account"]
    if account["account_expired"] is None:
        if account["from"] == "nss":
            return _open("the expiry of a user of a directory is not known", "success", "user_unknown")
        if password["in_shadow"] is False:
            return _known("authinfo_unavail", "/etc/shadow has no line for the user", "account_missing")
        return _open("the user's line in /etc/shadow could not be read", "success", "acct_expired")
    if account["password_field"] != "x":
        return _known("success")
    if password["in_shadow"] is False:
        return _known("authinfo_unavail", "/etc/shadow has no line for the user", "account_missing")
    if account["account_expired"]:
        return _known("acct_expired", "the account has expired", "account_expired")
    spared = "no_pass_expiry" in line["arguments"] and subject["method"] == "publickey"
    if password["must_change"] and not spared:
        return _known("new_authtok_reqd", "the password must be changed", "password_expired")
    if password["inactive"] and not spared:
        return _known("authtok_expired", "the password has expired too long ago to be changed", "password_expired")
    if password["expired"] and not spared:
        return _known("new_authtok_reqd", "the password has expired", "password_expired")
    return _known("success")


# --- counters ---


def _faillock(line, subject):
    if subject["phase"] != "auth":
        return _known("success")  # it only sets the counter back
    # The line behind a failed password: it is there to count.
    if "authfail" in line["arguments"]:
        return _known("auth_err", "pam_faillock counts a failure", "pam")
    found = failures.faillock(subject["user"], subject["account"], line["arguments"])
    return _counted(found)


def _tally2(line, subject):
    if subject["phase"] != "auth":
        return _known("success")
    return _counted(failures.tally2(subject["user"], subject["account"], line["arguments"]))


def _counted(found):
    if found["locked"] is None:
        return _open(found["reason"], "success", "auth_err")
    if not found["locked"]:
        return _known("success")
    reason = "%s failed logins, %s allows %s" % (found["count"], found["by"], found["deny"])
    return _known("auth_err", reason, "login_failures_locked", failures=found)


# --- nologin, shells ---


def nologin_file(arguments):
    """The file for which pam_nologin refuses, or None. Only the first one that can be opened counts."""
    named = [word.partition("=")[2] for word in arguments if word.startswith("file=")]
    paths = named[-1:] or ["/run/nologin", "/etc/nologin"]
    return next((path for path in paths if host.status_of(path) is not None), None)


def _nologin(line, subject):
    path = nologin_file(line["arguments"])
    if path is None or subject["account"]["uid"] == 0:
        return _known("success" if path or "successok" in line["arguments"] else "ignore")
    return _known("auth_err", "%s exists" % path, "nologin_file", path=path)


def _shells(line, subject):
    shell = subject["account"]["shell"]
    status = host.status_of("/etc/shells")
    if status is None or status.st_mode & stat.S_IWOTH or not stat.S_ISREG(status.st_mode):
        return _known("auth_err", "/etc/shells is missing, no regular file or writable by all", "login_shell_unusable")
    if shell["in_etc_shells"]:
        return _known("success")
    return _known("auth_err", "%s is not in /etc/shells" % shell["path"], "login_shell_unusable")


# --- lists ---


def _access(line, subject):
    verdict, reason = pam_access.judge(line["arguments"], subject)
    if verdict is None:
        return _open(reason, "success", "perm_denied")
    return _known("success" if verdict else "perm_denied", reason)


def _listfile(line, subject):
    code, reason = pam_tests.listfile(line["arguments"], subject)
    return _known(code, reason) if code else _open(reason, "success", "auth_err")


def _time(line, subject):
    if subject["phase"] != "account":
        return _known("module_unknown", "pam_time.so knows nothing of %s" % subject["phase"])
    code, reason = pam_tests.time_conf(line["arguments"], subject)
    return _known(code, reason) if code else _open(reason, "success", "perm_denied")


def _succeed_if(line, subject):
    code, reason = pam_tests.succeed_if(line["arguments"], subject)
    return _known(code, reason) if code else _open(reason, "success", "auth_err")


def _limits(line, subject):
    if subject["phase"] != "session":
        return _known("success")
    code, reason = pam_limits.judge(line["arguments"], subject)
    return _known(code, reason) if code else _open(reason, "success", "perm_denied")


def _localuser(line, subject):
    local = subject["account"]["from"] == "files"
    return _known("success" if local else "perm_denied", "the user is not in /etc/passwd")


def _usertype(line, subject):
    uid = subject["account"]["uid"]
    if uid is None:
        return _open("the uid is not known")
    system = uid < 1000 and uid != 65534
    wanted = [word for word in line["arguments"] if word in ("issystem", "isregular")]
    fits = wanted and (wanted[-1] == "issystem") == system
    return _known("success" if fits else "auth_err", "the user is %s system account" % ("a" if system else "no"))


def _wheel(line, subject):
    """It asks who called the program; under sshd that is root only where the line says use_uid."""
    if "use_uid" not in line["arguments"]:
        return _open("pam_wheel.so asks who has called sshd")
    group = next((word.partition("=")[2] for word in line["arguments"] if word.startswith("group=")), None)
    if group is not None or "deny" in line["arguments"]:
        return _open("pam_wheel.so asks for the groups of root")
    return _known("success")


def _securetty(line, subject):
    if subject["account"]["uid"] != 0:
        return _known("success")
    text = host.read("/etc/securetty")
    if text.error or "ssh" in text.text.split():
        return _known("success")
    return _known("auth_err", "/etc/securetty does not name the terminal 'ssh', which root needs")


def _rootok(line, subject):
    return _open("pam_rootok.so asks who has called sshd")


MODULES = {
    "pam_unix": _unix,
    "pam_unix2": _unix,
    "pam_unix_acct": _unix,
    "pam_unix_auth": _unix,
    "pam_unix_session": _unix,
    "pam_deny": _deny,
    "pam_faillock": _faillock,
    "pam_tally2": _tally2,
    "pam_nologin": _nologin,
    "pam_shells": _shells,
    "pam_access": _access,
    "pam_listfile": _listfile,
    "pam_time": _time,
    "pam_succeed_if": _succeed_if,
    "pam_limits": _limits,
    "pam_localuser": _localuser,
    "pam_usertype": _usertype,
    "pam_wheel": _wheel,
    "pam_securetty": _securetty,
    "pam_rootok": _rootok,
    "pam_systemd_home": _systemd_home,
}
