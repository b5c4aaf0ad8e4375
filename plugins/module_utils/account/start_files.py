# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that sshd and the shell run before the command of a session, and what in them can end or hold it up.

They are read and never run.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import glob
import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.account import as_user

PATIENCE_S = 4
FILE_LIMIT_BYTES = 64 * 1024
FILES_LIMIT, LINES_LIMIT, DEPTH_LIMIT, TEXT_LIMIT = 40, 20, 3, 160
# What each shell reads for a command that comes over SSH. The other ones, such as dash and ksh, read nothing then.
BASH = ("/etc/bash.bashrc", "~/.bashrc")
ZSH = ("/etc/zsh/zshenv", "/etc/zshenv", "~/.zshenv")
CSH = ("/etc/csh.cshrc", "~/.tcshrc", "~/.cshrc")
FISH = ("/etc/fish/conf.d/*.fish", "/etc/fish/config.fish", "~/.config/fish/conf.d/*.fish",
        "~/.config/fish/config.fish")  # fmt: skip
FILES = {"bash": BASH, "rbash": BASH, "zsh": ZSH, "tcsh": CSH, "csh": CSH, "fish": FISH}
# sshd has /bin/sh run the first of these that is there.
OF_SSHD = ("~/.ssh/rc", "/etc/ssh/sshrc")

# Where the environment of a session comes from. What is said there to the loader is said to every shell.
ENVIRONMENT = ("/etc/environment", "/etc/default/locale", "/etc/security/pam_env.conf", "~/.pam_environment",
               "~/.ssh/environment")  # fmt: skip
LOADER = re.compile(r"\s*(?:export\s+)?LD_[A-Z_]+[\s=]")

# Where a command can begin.
BEGIN = r"(?:^|[;&|({]|\b(?:then|do|else|if|while|until|and|or)\b|\))\s*"
ENDS = re.compile(
    BEGIN + r"(?:(?P<exit>exit|logout)(?:\s+(?P<status>\d{1,3}))?(?=\s*(?:$|[;&|)}]))|exit\s|exec\s+(?![<>\d&-])"
    r"|kill\s+.*\$|set\s+-(?:\w*e\w*|o\s+errexit)\b)"
)
WAITS = re.compile(
    BEGIN + r"(?:sleep\s|read(?:\s|$)|select\s|wait\s*(?:$|[;&])|tail\s+-[fF]|(?:while|until)\s+(?::|true)\s*(?:;|$))"
)
SOURCES = re.compile(BEGIN + r"(?:\.|source)\s+[\"']?([~$/][\w./~${}*-]*)")
LOOPS = re.compile(r"^\s*for\s+\w+\s+in\s+(.*?)\s*(?:;|$)")
FUNCTION = re.compile(r"^(\s*)(?:function\s+[\w-]+\s*(?:\(\))?|[\w-]+\s*\(\))\s*\{?")
# What asks whether somebody sits at a terminal: a 'return' just behind it ends the file for all others.
ASKS_FOR_TERMINAL = re.compile(r"PS1|\$-|\$\{-\}|-t\s+[012]\b|is-interactive|\$\?prompt|\[\[? -o interactive")
GUARD_LINES = 4


def look(account, settings, missing):
    """{shell, files, lines, exits, loader}: the start files of a command's session, and the lines that matter."""
    home = account["home"]["path"]
    if not account["exists"] or account["home"]["exists"] is None:
        missing["start_files"] = missing.get("home") or "there is no such user"
        return None
    shell = os.path.basename(os.path.realpath(account["shell"]["path"] or "/bin/sh"))
    own_rc = (settings.get("permituserrc") or "yes") == "yes"
    answer, reason = as_user.run(account, lambda: (read_all(shell, home, own_rc), for_the_loader(home)), PATIENCE_S)
    if answer is None:
        missing["start_files"] = reason
        return None
    files, loader = answer
    lines = [dict(line, file=entry["path"]) for entry in files for line in entry.pop("lines")]
    # How a file that sshd runs ends is nothing to the session.
    ignored = {entry["path"] for entry in files if entry["run_by"] == "sshd"}
    statuses = {line["status"] for line in lines if line["file"] not in ignored}
    lines = [line for line in lines if line["does"] != "ends" or line["file"] not in ignored]
    exits = sorted(statuses - {None, 0})
    return {"shell": shell, "files": files, "lines": lines[:LINES_LIMIT], "exits": exits, "loader": loader}


def read_all(shell, home, own_rc):
    """[{path, run_by, problem, lines}] in the order in which they are run."""
    found, by_sshd = [], [expanded(path, home) for path in OF_SSHD if own_rc or not path.startswith("~")]
    by_sshd = [path for path in by_sshd if host.status_of(path) is not None][:1]
    for path in by_sshd:
        _read(path, "sshd", home, 0, found)
    for pattern in FILES.get(shell, ()):
        for path in _named(expanded(pattern, home)):
            _read(path, shell, home, 0, found)
    return found


def for_the_loader(home):
    """[{file, line, text}]: what the environment of a session tells the loader of every program."""
    found = []
    for path in [expanded(path, home) for path in ENVIRONMENT]:
        for number, line in enumerate(host.read(path, limit=FILE_LIMIT_BYTES).text.split("\n"), 1):
            if LOADER.match(line):
                found.append({"file": path, "line": number, "text": line.strip()[:TEXT_LIMIT]})
    return found[:LINES_LIMIT]


def expanded(path, home):
    for start in ("~/", "$HOME/", "${HOME}/"):
        if path.startswith(start):
            return os.path.join(home, path[len(start) :])
    return path


def _named(pattern):
    """The files of a pattern that are there."""
    paths = sorted(glob.glob(pattern)) if "*" in pattern else [pattern]
    return [path for path in paths if host.status_of(path) is not None]


def _read(path, run_by, home, depth, found):
    """A start file, and behind it the files that it takes in."""
    if len(found) >= FILES_LIMIT or path in [entry["path"] for entry in found]:
        return
    text = host.read(path, limit=FILE_LIMIT_BYTES)
    lines, sourced = scan(text.text, run_by)
    found.append({"path": path, "run_by": run_by, "problem": text.error, "lines": lines[:LINES_LIMIT]})
    if depth < DEPTH_LIMIT:
        for name in sourced:
            for inner in _named(expanded(name, home)):
                _read(inner, run_by, home, depth + 1, found)


def scan(text, run_by="bash"):
    """([{line, text, does, status}], [files that are taken in]) of the part that a session without terminal runs."""
    lines, sourced, inside, asked = [], [], None, None
    for number, line in enumerate(text.split("\n"), 1):
        code = re.sub(r"(?:^|\s)#.*", "", line).rstrip()
        if inside is not None:
            # The body of a function is not run where it stands.
            inside = None if code.startswith(inside + "}") else inside
            continue
        function = FUNCTION.match(code)
        if function:
            inside = None if code.endswith("}") else function.group(1)
            continue
        if re.match(r"\s*(?:alias|trap)\s", code):
            continue
        if ASKS_FOR_TERMINAL.search(code):
            asked = number
        if asked is not None and number - asked <= GUARD_LINES and re.search(r"\breturn\b", code):
            break
        told = _judge(code, run_by)
        if told:
            lines.append(dict(told, line=number, text=line.strip()[:TEXT_LIMIT]))
        sourced += SOURCES.findall(code)
        loop = LOOPS.match(code)
        sourced += [word for word in loop.group(1).split() if re.match(r"[~$/]", word)] if loop else []
    return lines, sourced


def _judge(code, run_by):
    """{does, status} of a line that can end the session or make it wait, or None."""
    ends = ENDS.search(code)
    # In the C shells 'exit' is a usual end of a start file alone.
    if ends and not (run_by in ("csh", "tcsh") and ends.group("exit")):
        status = ends.group("status")
        return {"does": "ends", "status": int(status) & 255 if status else None}
    return {"does": "waits", "status": None} if WAITS.search(code) else None
