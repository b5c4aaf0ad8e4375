# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pam_access: who may log in from where, by access.conf."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses

FILE = "/etc/security/access.conf"
FOLDER = "/etc/security/access.d"
VENDOR_FILE = "/usr/share/security/access.conf"
PATIENCE_S = 3
LOOKUPS_LIMIT = 5


def judge(arguments, subject):
    """Whether pam_access lets the user in, and by which line; None where nobody can tell, with the reason."""
    options = dict(word.partition("=")[::2] for word in arguments)
    fields, lists = options.get("fieldsep") or ":", options.get("listsep") or ", \t"
    question = {"subject": subject, "groups_by_name": "nodefgroup" not in options, "lookups": 0}
    question["no_names"] = "nodns" in options
    named = options.get("accessfile")
    files = [named] if named else _usual_files()
    if named and host.status_of(named) is None:
        return False, "its file %s does not exist" % named[:200]
    for path in files:
        text = host.read(path)
        if text.error and host.status_of(path) is not None:
            return None if not host.is_root() else False, "%s cannot be read" % path
        for number, permission, users, origins, line in lines_of(text.text, fields):
            held = matches(users, lists, is_user, question)
            if held is not False:
                origin = matches(origins, lists, is_origin, question)
                held = origin if held or origin is False else None
            place = "%s line %d: %s" % (path, number, line)
            if held is None:
                return None, "%s cannot be judged" % place[:300]
            if held:
                return permission == "+", place[:300]
    return True, None


def _usual_files():
    main = FILE if host.status_of(FILE) is not None or host.status_of(VENDOR_FILE) is None else VENDOR_FILE
    extra = [os.path.join(FOLDER, name) for name in host.names_in(FOLDER) if name.endswith(".conf")]
    return [main] + extra


def lines_of(text, separators):
    """(number, + or -, users, origins, text) of the lines that pam_access takes; one without its newline is none."""
    for number, line in enumerate(text.split("\n")[:-1], 1):
        line = line.rstrip()
        if not line or line.startswith("#"):
            continue
        # As strtok does: separators in a row are one.
        parts = [part for part in re.split("[%s]+" % re.escape(separators), line) if part]
        if len(parts) < 3 or parts[0][0] not in "+-":
            continue
        # The origins may hold the separator, as an IPv6 address does.
        rest = _after_two_fields(line, separators)
        yield number, parts[0][0], parts[1], rest, line


def _after_two_fields(line, separators):
    found = re.match("[%(s)s]*[^%(s)s]+[%(s)s]+[^%(s)s]+[%(s)s](.*)$" % {"s": re.escape(separators)}, line)
    return found.group(1) if found else ""


def matches(text, separators, match, question):
    """Whether a list with its exceptions holds; None where that depends on what nobody knows."""
    result, inclusion, matched, unsure = False, True, False, False
    for word in [word for word in re.split("[%s]+" % re.escape(separators), text) if word]:
        if word.upper() == "EXCEPT":
            if not matched:
                return None if unsure else result
            inclusion, matched = not inclusion, False
            continue
        held = match(word, question)
        if held is None:
            unsure = True
        elif held:
            result, matched = inclusion, True
    return None if unsure and not (result and inclusion) else result


# --- users ---


def is_user(word, question):
    subject = question["subject"]
    account = subject["account"]
    if word.startswith("(") and word.endswith(")"):
        return _in_group(word[1:-1], account, numbers=True)
    name, at, _origin = word.partition("@")
    if word.startswith("@") or (at and word.lstrip("@") != word):
        return None  # a netgroup
    if at:
        held = is_user(name, question)
        return None if held else held  # the second part is this host, under a name of its own
    if word.upper() == "ALL" or word.lower() == subject["user"].lower():
        return True
    if word.isdigit() and account["uid"] == int(word):
        return None  # newer versions take the number of the user, older ones do not
    return _in_group(word, account, numbers=False) if question["groups_by_name"] else False


def _in_group(name, account, numbers):
    if account["groups"] is None:
        return None
    if name in account["groups"]:
        return True
    if numbers and name.isdigit() and int(name) in account["group_ids"]:
        return None  # as above
    return False


# --- origins ---


def is_origin(word, question):
    client = question["subject"]["client"]
    if word.upper() == "ALL":
        return True
    if word.upper() in ("LOCAL", "NONE"):
        return False
    if word.startswith("@") or client is None:
        return None
    name = question["subject"]["client_name"]
    if word.lower() in (client.lower(), (name or "").lower()):
        return True
    if word.startswith("."):
        return bool(name and name.lower().endswith(word.lower()))
    if word.endswith("."):
        return client.startswith(word)
    return _is_address(word, client, question)


def _is_address(word, client, question):
    wanted = addresses.network(client)
    found = addresses.network(word)
    if found is not None:
        # A length of 0 is no mask at all to it.
        return addresses.holds(found, wanted) if not word.endswith("/0") else False
    if "/" in word or re.match(r"(tty|pts|vc|:)\S*$|cron|crond|[0-9.:]+$", word):
        return False
    return _is_name(word, wanted, question)


def _is_name(word, wanted, question):
    """Whether a name is the client's: only newer versions look it up, so that a match leaves it open."""
    if question["no_names"]:
        return False
    if question["lookups"] >= LOOKUPS_LIMIT:
        return None
    question["lookups"] += 1
    answer = host.run(["getent", "ahosts", "--", word], timeout=PATIENCE_S)
    if answer.rc is None:
        return None
    found = [addresses.network(line.split()[0]) for line in answer.out.splitlines() if line.split()]
    return None if wanted in found else False
