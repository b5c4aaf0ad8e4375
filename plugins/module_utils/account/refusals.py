# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of sshd's settings refuse a login, and by which methods. Data in, data out."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils.account import patterns

KEY, PASSWORD = "publickey", "password"
METHODS = (KEY, PASSWORD)
# The keywords as people write them.
LISTS = ("DenyUsers", "AllowUsers", "DenyGroups", "AllowGroups")
NAMES = LISTS + (
    "PermitRootLogin",
    "PubkeyAuthentication",
    "PasswordAuthentication",
    "AuthenticationMethods",
    "MaxAuthTries",
    "PubkeyAcceptedAlgorithms",
    "RequiredRSASize",
    "RefuseConnection",
)


def all_of(settings, connection, account):
    """Every refusal: {kind, keyword, value, file, line, text, match, methods}."""
    found = _of_connection(settings)
    if account["exists"]:
        found += _by_lists(settings, connection)
        found += _as_root(settings, account)
    found += _by_method(settings)
    found += _by_tries(settings)
    return found


def applying(found, method):
    """Those that refuse the login by its method; where that is not known, those that leave no method at all."""
    if method in METHODS:
        return [refusal for refusal in found if method in refusal["methods"]]
    for_all = [refusal for refusal in found if set(refusal["methods"]) == set(METHODS)]
    refused = {name for refusal in found for name in refusal["methods"]}
    return found if refused == set(METHODS) else for_all


def unset(settings, method):
    """What sshd names as a reason of refusals, and refuses nobody by as long as it goes by these settings."""
    found = [keyword for keyword in LISTS if not settings[keyword.lower()]["value"]]
    root = settings["permitrootlogin"]["value"]
    if root == "yes" or (method == KEY and root in ("without-password", "prohibit-password")):
        found.append("PermitRootLogin")
    if (settings.get("refuseconnection") or {}).get("value") != "yes":
        found.append("RefuseConnection")
    # Without PAM sshd looks for a lock itself.
    uses_pam = (settings.get("usepam") or {}).get("value") == "yes"
    return found + (["UsePAM"] if uses_pam else ["PAM account", "PAM session"])


def passed_by_files(entries_for, connection, account, method):
    """What of ``unset`` can be told from the files alone: by which of these words they do not refuse this login.

    ``entries_for`` gives the deciding entries of a keyword. It is for files that sshd itself does not take.
    """
    settings = {}
    for keyword in [name.lower() for name in LISTS]:
        words = [word for entry in entries_for(keyword) for word in entry["arguments"]]
        settings[keyword] = {"value": words, "lines": []}
    for keyword, usual in (("permitrootlogin", "prohibit-password"), ("refuseconnection", "no"), ("usepam", None)):
        entries = entries_for(keyword)
        settings[keyword] = {"value": entries[0]["arguments"][0].lower() if entries else usual}
    if settings["usepam"]["value"] is None:
        return []  # what it is then depends on how sshd was built
    listed = _by_lists(settings, connection) if account["exists"] else []
    passed = unset(settings, method)
    return passed if listed else passed + [keyword for keyword in LISTS if keyword not in passed]


def _refusal(kind, keyword, setting, methods=METHODS, **more):
    place = {name: setting.get(name) for name in ("file", "line", "text", "match")}
    value = setting["value"]
    shown = " ".join(value) if isinstance(value, list) else value
    return dict(place, kind=kind, keyword=written(keyword), value=shown, methods=list(methods), **more)


def failure(reason):
    """The refusal of a configuration that sshd cannot follow for this login."""
    return _refusal("rules_fail", None, {"value": reason.replace("sshd -T says: ", "")})


def written(keyword):
    """A keyword as people write it."""
    return next((name for name in NAMES if name.lower() == keyword), keyword)


# --- who ---


def _of_connection(settings):
    """Since 9.9 a Match block can turn a connection away, as soon as it says for whom it is."""
    setting = settings.get("refuseconnection")
    if setting is None or setting["value"] != "yes":
        return []
    return [_refusal("user_not_allowed", "refuseconnection", setting, why="turned away, as set")]


def _by_lists(settings, connection):
    """The first of the four lists that keeps this user out, in the order in which sshd asks them."""
    users, groups = settings["allowusers"], settings["allowgroups"]
    try:
        hit = _first_hit(settings["denyusers"], lambda word: _is_user(word, connection))
        if hit:
            return [_refusal("user_not_allowed", "denyusers", hit, why="listed")]
        if users["value"] and not _first_hit(users, lambda word: _is_user(word, connection)):
            return [_refusal("user_not_allowed", "allowusers", users, why="not listed")]
    except patterns.Inconsistent as error:
        return [_refusal("user_not_allowed", "allowusers", users, why="%s is no network" % error)]
    hit = _first_hit(settings["denygroups"], lambda word: _is_group(word, connection))
    if hit:
        return [_refusal("user_not_allowed", "denygroups", hit, why="listed")]
    if groups["value"] and not _first_hit(groups, lambda word: _is_group(word, connection)):
        return [_refusal("user_not_allowed", "allowgroups", groups, why="not listed")]
    return []


def _is_user(word, connection):
    return patterns.is_user(connection["user"], connection["host"], connection["addr"], word)


def _is_group(word, connection):
    return any(patterns.matches(group, word) for group in connection["groups"])


def _first_hit(setting, is_hit):
    """The first word of a list that is about this login, with the line that it stands on; None where there is none."""
    for number, word in enumerate(setting["value"]):
        if is_hit(word):
            return dict(setting["lines"][number] if setting["lines"] else {}, value=word)
    return None


def _as_root(settings, account):
    """PermitRootLogin is about every user with number 0, whatever the name."""
    setting = settings["permitrootlogin"]
    if account["uid"] != 0 or setting["value"] == "yes":
        return []
    if setting["value"] == "no":
        return [_refusal("root_login_disabled", "permitrootlogin", setting)]
    if setting["value"] == "forced-commands-only":
        # A key that brings a command of its own is let in: the keys tell.
        by_key = _refusal("root_login_disabled", "permitrootlogin", setting, [KEY], unless_key_has_command=True)
        return [_refusal("root_login_disabled", "permitrootlogin", setting, [PASSWORD]), by_key]
    return [_refusal("root_login_disabled", "permitrootlogin", setting, [PASSWORD])]


# --- how ---


def enabled_methods(settings):
    """The methods that are switched on, with keyboard-interactive only where PAM is there to ask for a password."""
    found = set()
    if settings["pubkeyauthentication"]["value"] == "yes":
        found.add(KEY)
    if settings["passwordauthentication"]["value"] == "yes":
        found.add(PASSWORD)
    if settings["kbdinteractiveauthentication"]["value"] == "yes":
        found.add("keyboard-interactive")
    return found


def _by_method(settings):
    enabled, found = enabled_methods(settings), []
    asks = settings["usepam"]["value"] == "yes" and "keyboard-interactive" in enabled
    if KEY not in enabled:
        found.append(_refusal("key_login_disabled", "pubkeyauthentication", settings["pubkeyauthentication"], [KEY]))
    if PASSWORD not in enabled and not asks:
        setting = settings["passwordauthentication"]
        found.append(_refusal("password_login_disabled", "passwordauthentication", setting, [PASSWORD]))
    return found + _by_combination(settings, enabled)


def _by_combination(settings, enabled):
    """What AuthenticationMethods leaves: every one of its lists is a way in, and takes all of its methods."""
    setting = settings["authenticationmethods"]
    if setting["value"] in ("any", ""):
        return []
    ways = [[name.partition(":")[0] for name in way.split(",")] for way in setting["value"].split()]
    ways = [way for way in ways if set(way) <= enabled | {"hostbased", "gssapi-with-mic"}]
    found = []
    for kind, method, names in (
        ("key_login_disabled", KEY, {KEY}),
        ("password_login_disabled", PASSWORD, {PASSWORD, "keyboard-interactive"}),
    ):
        if any(way[0] in names and len(way) == 1 for way in ways):
            continue
        begins = any(way[0] in names for way in ways)
        kind = "more_methods_required" if begins else kind
        found.append(_refusal(kind, "authenticationmethods", setting, [method]))
    return found


def _by_tries(settings):
    """Even the question for the methods that every login begins with is one try too many for 0."""
    setting = settings["maxauthtries"]
    return [_refusal("max_auth_tries", "maxauthtries", setting)] if setting["value"] == "0" else []
