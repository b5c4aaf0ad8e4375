# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Password and expiry, as /etc/shadow has them. A hash is looked at and never kept."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.account import user

SHADOW = "/etc/shadow"
DAY_S = 86400
# The usual greatest age of a password, 99999 days, means that it never expires.
NEVER_DAYS = 99999
# What crypt makes: $id$…, or 13 characters of DES, or BSDi's extended DES.
HASH = re.compile(r"^(\$[^:]+|[./0-9A-Za-z]{13}|_[./0-9A-Za-z]{19})$")
UNKNOWN = {
    "state": "unknown",
    "sshd_says_locked": None,
    "in_shadow": None,
    "expired": None,
    "must_change": None,
    "inactive": None,
    "last_changed": None,
    "expires_at": None,
}


def look(name, account, missing):
    """{password, account_expires_at, account_expired} of an existing user."""
    today = int(time.time() // DAY_S)
    answer = {"password": dict(UNKNOWN), "account_expires_at": None, "account_expired": None, "today": _date(today)}
    answer["sshd_says_expired"] = None
    if account["exists"] is False:
        # There is nothing that could expire.
        password = dict(UNKNOWN, in_shadow=False, expired=False, must_change=False, inactive=False)
        return dict(answer, password=password, account_expired=False)
    if account["exists"] is None:
        missing["password"] = missing["account_expired"] = missing["exists"]
        return answer
    fields, reason = _fields(name, account)
    if reason:
        missing["password"] = missing["account_expired"] = reason
        return answer
    return dict(answer, **judge(account["password_field"], fields, today))


def _fields(name, account):
    """The fields of the user's line, None where there is none, and why it could not be looked at, or None."""
    if not host.is_root():
        return None, "needs root: only root may read %s" % SHADOW
    text = host.read(SHADOW, limit=user.FILE_LIMIT_BYTES)
    fields = user.find_line(text.text, name, 8)
    if fields is not None or account["from"] == "files":
        return fields, None if fields is not None or account["password_field"] != "x" else text.error
    answer = host.run(["getent", "shadow", "--", name], timeout=user.PATIENCE_S)
    if answer.rc == 0:
        return user.find_line(answer.out, name, 8), None
    return None, "the directory that has the user tells nothing of its password"


def judge(field, fields, today):
    """What a line of /etc/shadow means on a day (counted as shadow does, in UTC). ``field``: that of passwd."""
    # A password may also stand in passwd itself, and then only there.
    secret = fields[1] if fields is not None else field
    password = dict(UNKNOWN, state=state_of(secret, fields), in_shadow=fields is not None)
    password["sshd_says_locked"] = secret.startswith("!")
    days = [_days(value) for value in fields[2:8]] if fields is not None else [None] * 6
    changed, _least, most, _warn, inactive, expires = days
    limit = changed + most if changed and most is not None and most < NEVER_DAYS else None
    password["must_change"] = changed == 0
    password["expired"] = limit is not None and today > limit
    # After this many days more the password can no longer be changed by its owner.
    password["inactive"] = limit is not None and inactive is not None and today > limit + inactive
    password["last_changed"] = _date(changed) if changed else None
    password["expires_at"] = _date(limit + 1) if limit is not None else None
    if field == "x" and fields is None:
        password.update(expired=None, must_change=None, inactive=None)
    return {
        "password": password,
        "account_expires_at": _date(expires),
        # PAM's word; sshd's own check without PAM gives one day more.
        "account_expired": expires is not None and today >= expires,
        "sshd_says_expired": expires is not None and today > expires,
    }


def state_of(secret, fields):
    """usable, locked, empty, none (no password will ever fit), or unknown."""
    if fields is None and secret == "x":
        return "unknown"
    if secret == "":
        return "empty"
    if secret.startswith("!"):
        return "locked"
    return "usable" if HASH.match(secret) else "none"


def _days(text):
    """A number of days since 1970, or None where the field is empty or says never (-1)."""
    return int(text) if re.match(r"[0-9]{1,9}$", text.strip()) else None


def _date(days):
    return host.iso_time(days * DAY_S) if days is not None else None
