# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM modules that test something: pam_listfile, pam_succeed_if, pam_time."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import fnmatch
import re
import stat
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host

TTY = "ssh"
TIME_CONF = "/etc/security/time.conf"
DAYS = {"su": 1, "mo": 2, "tu": 4, "we": 8, "th": 16, "fr": 32, "sa": 64, "wk": 62, "wd": 65, "al": 127}
QUIET = ("debug", "use_uid", "quiet", "quiet_fail", "quiet_success", "audit")
# These are the same whoever has called sshd.
OF_THE_LOGIN = {"service", "ruser", "rhost", "tty"}
ATTRIBUTES = "login name user uid gid shell home dir homedir service ruser rhost tty".split()
NUMERIC = {
    "<": lambda left, right: left < right,
    "lt": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    "le": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    "gt": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "ge": lambda left, right: left >= right,
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
}


# --- pam_listfile: (return value or None, reason) ---


def listfile(arguments, subject):
    """Whether a list of users, groups, addresses or shells holds what the line asks for."""
    options = dict(word.partition("=")[::2] for word in arguments)
    on_error = "success" if options.get("onerr") == "succeed" else "service_err"
    item, sense, path = options.get("item"), options.get("sense"), options.get("file")
    if item not in ("user", "group", "rhost", "shell", "tty", "ruser") or sense not in ("allow", "deny") or not path:
        return on_error, "its arguments are incomplete"
    if item in ("rhost", "tty") and not _applies(options.get("apply"), subject):
        return "ignore", None
    status = host.status_of(path, follow=False)
    if status is None:
        return on_error, "its list %s does not exist" % path[:200]
    if status.st_mode & stat.S_IWOTH or not stat.S_ISREG(status.st_mode):
        return "auth_err", "its list %s is writable by all or no regular file" % path[:200]
    text = host.read(path, limit=16 * 1024 * 1024)
    if text.error:
        return None, text.error
    held = _is_listed(item, [line.rstrip("\r") for line in text.text.split("\n")], subject)
    if held is None:
        return None, "it is not known what %s to look for in %s" % (item, path[:200])
    if held == (sense == "allow"):
        return "success", None
    how = "is in" if held else "is not in"
    value = {"user": "user", "group": "a group of the user", "rhost": "the client", "shell": "the shell"}
    return "auth_err", "%s %s %s (sense=%s)" % (value.get(item, "the " + item), how, path[:200], sense)


def _applies(limit, subject):
    if limit is None:
        return True
    if limit.startswith("@"):
        return limit[1:] in (subject["account"]["groups"] or [])
    return limit == subject["user"]


def _is_listed(item, lines, subject):
    account = subject["account"]
    if item == "group":
        return None if account["groups"] is None else any(line in account["groups"] for line in lines if line)
    value = {
        "user": subject["user"],
        "rhost": subject["rhost"],
        "shell": (account["shell"] or {}).get("path"),
        "tty": TTY,
        "ruser": "",
    }[item]
    if value is None:
        return None
    return value != "" and value in [line for line in lines if line]


# --- pam_succeed_if ---


def succeed_if(arguments, subject):
    """Whether every condition of the line holds."""
    words = [word for word in arguments if word not in QUIET]
    if len(words) % 3:
        return "service_err", "its condition is incomplete"
    if "use_uid" in arguments and not {left.lower() for left in words[::3]} <= OF_THE_LOGIN:
        return None, "pam_succeed_if.so asks who has called sshd"
    for number in range(0, len(words), 3):
        left, test, right = words[number : number + 3]
        held = condition(left, test, right, subject)
        if held is None:
            return None, "its condition %s cannot be judged" % " ".join((left, test, right))[:200]
        if not held:
            return "auth_err", "its condition '%s' does not hold" % " ".join((left, test, right))[:200]
    return "success", None


def condition(left, test, right, subject):
    """Whether a condition holds; None where nobody can tell."""
    test, account = test.lower(), subject["account"]
    groups = account["groups"]
    if test in ("ingroup", "notingroup"):
        held = None if groups is None else any(name in groups for name in right.split(":"))
        return held if held is None or test == "ingroup" else not held
    if left.lower() not in ATTRIBUTES:
        return False
    value = _attribute(left.lower(), subject)
    if value is None or test in ("innetgr", "notinnetgr"):
        return None
    if test in NUMERIC:
        numbers = re.match(r"-?\d+$", value) and re.match(r"-?\d+$", right)
        return NUMERIC[test](int(value), int(right)) if numbers else False
    tests = {
        "=": value == right,
        "!=": value != right,
        "=~": fnmatch.fnmatchcase(value, right),
        "glob": fnmatch.fnmatchcase(value, right),
        "!~": not fnmatch.fnmatchcase(value, right),
        "noglob": not fnmatch.fnmatchcase(value, right),
        "in": value in right.split(":"),
        "notin": value not in right.split(":"),
    }
    return tests.get(test, False)


def _attribute(name, subject):
    account = subject["account"]
    values = {
        "uid": account["uid"],
        "gid": account["gid"],
        "shell": (account["shell"] or {}).get("path"),
        "service": subject["service"].lower(),
        "rhost": subject["rhost"],
        "ruser": "",
        "tty": TTY,
    }
    values.update(dict.fromkeys(("login", "name", "user"), subject["user"]))
    values.update(dict.fromkeys(("home", "dir", "homedir"), (account["home"] or {}).get("path")))
    value = values.get(name)
    return None if value is None else "%s" % value


# --- pam_time ---


def time_conf(arguments, subject, now=None):
    """Whether time.conf lets the user in at this hour of the host's own time zone."""
    named = [word.partition("=")[2] for word in arguments if word.startswith("conffile=")]
    path = named[-1] if named else TIME_CONF
    text = host.read(path)
    if text.error:
        return "success", None  # it says so in the log and lets everybody in
    local = time.localtime(now)
    # Python counts the days from Monday, pam_time from Sunday.
    at = (1 << (local.tm_wday + 1) % 7, local.tm_hour * 100 + local.tm_min)
    for number, line in time_rules(text.text):
        fields = [field.strip() for field in line.split(";")]
        if len(fields) != 4:
            continue
        if fields[2].startswith("@"):
            return None, "%s line %d names a netgroup" % (path, number)
        about = (
            logic(fields[0], lambda word: fits(subject["service"].lower(), word))
            and logic(fields[1], lambda word: fits(TTY, word))
            and logic(fields[2], lambda word: fits(subject["user"], word))
        )
        if about and not logic(fields[3], lambda word: is_time(word, at)):
            return "perm_denied", "%s line %d: %s" % (path, number, line[:200])
    return "success", None


def time_rules(text):
    """(number, rule) of the lines that say something."""
    held, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        line, start = line.partition("#")[0], start or number
        if line.endswith("\\"):
            held += line[:-1]
            continue
        rule, first = (held + line).strip(), start
        held, start = "", 0
        if rule:
            yield first, rule


def logic(text, agrees):
    """A field of names joined by & and |, each perhaps with a ! before it; read from left to right."""
    result, joined_by_and, negated, expects_name = False, False, False, True
    for word in re.findall(r"[&|!]|[A-Za-z0-9*_./:-]+", text):
        if expects_name:
            if word == "!":
                negated = not negated
                continue
            if word in "&|":
                return False
            held = agrees(word) != negated
            result = (result and held) if joined_by_and else (result or held)
            expects_name, negated = False, False
        elif word in "&|":
            joined_by_and, expects_name = word == "&", True
        else:
            return False
    return result


def fits(value, pattern):
    """One * stands for any text."""
    head, star, tail = pattern.partition("*")
    if not star:
        return value == pattern
    return value.startswith(head) and value.endswith(tail)


def is_time(text, at):
    """Whether days and hours such as MoTuWe0800-1800 hold a moment (day's bit, hour * 100 + minute)."""
    found = re.match(r"([A-Za-z]*)(\d{1,4})-(\d{1,4})$", text)
    days = 0
    for name in re.findall("..", found.group(1)) if found else []:
        days ^= DAYS.get(name.lower(), 0)
    if not found or not days:
        return bool(days)
    today, minute = at
    start, end = int(found.group(2)), int(found.group(3))
    if start < end:
        return bool(today & days) and start <= minute < end
    next_days = (days << 1 | days >> 6) & 127
    return (bool(today & days) and minute >= start) or (bool(today & next_days) and minute <= end)
