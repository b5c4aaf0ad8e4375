# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PAM stack of sshd: its files taken apart as libpam does, every line with its place."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

# What sshd calls itself, unless PAMServiceName says otherwise (OpenSSH 9.8 and later).
SERVICE = "sshd"
FOLDERS = ("/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d", "/usr/share/pam.d")
OTHER = "other"
PHASES = ("auth", "account", "session")
TYPES = PHASES + ("password",)
DEPTH_LIMIT = 32
LINES_LIMIT = 1000
TOKEN = re.compile(r"\[((?:\\\]|[^\]])*)\]|(\S+)")
# The return values of a module that its control can name.
CODES = (
    "success open_err symbol_err service_err system_err buf_err perm_denied auth_err cred_insufficient"
    " authinfo_unavail user_unknown maxtries new_authtok_reqd acct_expired session_err cred_unavail cred_expired"
    " cred_err no_module_data conv_err authtok_err authtok_recover_err authtok_lock_busy authtok_disable_aging"
    " try_again ignore abort authtok_expired module_unknown bad_item conv_again incomplete"
).split()
ACTIONS = ("ignore", "ok", "done", "bad", "die", "reset")
WORDS = {
    "required": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "bad"},
    "requisite": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "die"},
    "optional": {"success": "ok", "new_authtok_reqd": "ok", "default": "ignore"},
    "sufficient": {"success": "done", "new_authtok_reqd": "done", "default": "ignore"},
}
MODULE_FOLDERS = (
    "/lib/security", "/lib64/security", "/usr/lib/security", "/usr/lib64/security", "/lib/*/security",
    "/usr/lib/*/security",
)  # fmt: skip


def read_stack(service=SERVICE):
    """{phase: [line]} in the order in which libpam asks them, and why PAM as a whole does not start, or None."""
    service = service.lower()  # as libpam does before it looks for the file
    lines, fatal, file = _of_service(service)
    others, _fatal, other_file = _of_service(OTHER)
    if file is None and other_file is None:
        return {phase: [] for phase in PHASES}, "there is neither a file %s/%s nor %s" % (FOLDERS[0], service, OTHER)
    stack = {}
    for phase in PHASES:
        own = [line for line in lines if line["phase"] == phase]
        # What a service says nothing about, the file 'other' decides.
        stack[phase] = own or [line for line in others if line["phase"] == phase]
    return stack, fatal


def _of_service(name):
    path = find(name)
    if path is None:
        return [], None, None
    lines, fatal = [], []
    _read(path, None, 0, 0, lines, fatal)
    return lines, fatal[0] if fatal else None, path


def find(name):
    """The file of a service or an include, or None."""
    if name.startswith("/"):
        return name if host.status_of(name) else None
    for folder in FOLDERS:
        path = os.path.join(folder, name)
        if host.status_of(path) is not None:
            return path
    return None


def _read(path, wanted, level, depth, lines, fatal):
    """Append the lines of a file: those of the phase ``wanted``, or of all. ``level`` counts substacks."""
    for number, text in assembled(host.read(path).text):
        if len(lines) > LINES_LIMIT:
            return
        place = {"file": path, "line": number, "text": text[:200], "level": level}
        tokens = tokens_of(text)
        if tokens[0].lower() == "@include":
            _at_include(tokens, place, wanted, level, depth, lines, fatal)
            continue
        phase = tokens[0].lstrip("-").lower()
        if phase not in TYPES:
            lines.append(_broken(place, wanted or "auth", "unknown type '%s'" % tokens[0][:40]))
            continue
        if wanted is not None and phase != wanted:
            continue
        if phase in PHASES:
            _line(tokens, dict(place, phase=phase), depth, lines, fatal)


def _at_include(tokens, place, wanted, level, depth, lines, fatal):
    """Debian's @include takes in a whole file; where it cannot, PAM does not start at all."""
    target = find(tokens[1]) if len(tokens) > 1 else None
    if target is None or depth >= DEPTH_LIMIT:
        named = tokens[1] if len(tokens) > 1 else "nothing"
        fatal.append("%s line %d includes %s, which cannot be read" % (place["file"], place["line"], named))
        return
    _read(target, wanted, level, depth + 1, lines, fatal)


def _line(tokens, entry, depth, lines, fatal):
    """Append one line, or what it includes."""
    if len(tokens) < 2:
        lines.append(_broken(entry, entry["phase"], "it has no control"))
        return
    control = tokens[1]
    if control.lower() in ("include", "substack"):
        _include(tokens, entry, depth, lines, fatal)
        return
    actions, wrong = parse_control(control)
    entry.update(control=control, actions=actions, broken=None, arguments=tokens[3:])
    if len(tokens) < 3:
        lines.append(_broken(entry, entry["phase"], "it names no module", actions))
        return
    entry["module"] = os.path.basename(tokens[2])
    entry["broken"] = wrong or module_problem(tokens[2])
    entry["missing_module"] = not wrong and entry["broken"] is not None
    lines.append(entry)


def _include(tokens, entry, depth, lines, fatal):
    name = tokens[2] if len(tokens) > 2 else ""
    target = find(name) if name else None
    if target is None or depth >= DEPTH_LIMIT:
        lines.append(_broken(entry, entry["phase"], "it includes %s, which does not exist" % (name or "nothing")))
        return
    level = entry["level"] + (tokens[1].lower() == "substack")
    _read(target, entry["phase"], level, depth + 1, lines, fatal)


def _broken(place, phase, reason, actions=None):
    """A line that libpam cannot use: it always fails."""
    return dict(
        place,
        phase=phase,
        control=None,
        actions=actions or {"default": "bad"},
        module=None,
        arguments=[],
        broken=reason,
        missing_module=False,
    )


def assembled(text):
    """(number, text) of the lines with something on them: comments cut off, continued lines joined."""
    start, held = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"(^|[^\\])#.*$", r"\1", line)
        start = start or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        whole, first = (held + line).strip(), start
        start, held = 0, ""
        if whole:
            yield first, whole


def tokens_of(text):
    """The words of a line; one in brackets may hold blanks and begins with a bracket here."""
    found = []
    for bracketed, plain in TOKEN.findall(text):
        found.append(plain if plain else "[" + bracketed.replace("\\]", "]"))
    return found


def parse_control(control):
    """What to do with each return value, and what is wrong with the control, or None."""
    if control.lower() in WORDS:
        return WORDS[control.lower()], None
    if not control.startswith("["):
        # Not one of the words: libpam then counts every answer of the module as a failure.
        return {"default": "bad"}, "unknown control '%s'" % control[:40]
    actions = {}
    pairs = re.sub(r"\s*=\s*", "=", control[1:].strip()).split()
    for pair in pairs:
        code, _equals, action = pair.partition("=")
        action = "ignore" if action == "0" else action
        if code not in CODES + ["default"] or not (action in ACTIONS or action.isdigit()):
            return dict(actions, default=actions.get("default", "bad")), "unknown control '%s'" % pair[:40]
        actions[code] = action
    actions.setdefault("default", "bad")
    return actions, None


def module_problem(name):
    """Why a module cannot be loaded, or None."""
    path = name.replace("$ISA", "security") if name.startswith("/") else None
    if path is None:
        folders = module_folders()
        if not folders:
            return None
        path = next((os.path.join(folder, name) for folder in folders if _is_there(folder, name)), None)
        if path is None:
            return "the module %s does not exist" % name[:80]
    if host.status_of(path) is None:
        return "the module %s does not exist" % name[:80]
    head = host.read(path, limit=4).text
    return None if head == "\x7fELF" else "%s is not a module that can be loaded" % path[:120]


def _is_there(folder, name):
    return host.status_of(os.path.join(folder, name)) is not None


def module_folders():
    """The folders that hold PAM modules here."""
    found = []
    for folder in MODULE_FOLDERS:
        parent, star, rest = folder.partition("/*")
        if star:
            found += [parent + "/" + name + rest for name in host.names_in(parent) if "-linux-" in name]
        else:
            found.append(folder)
    return [folder for folder in found if host.status_of(folder) is not None]
