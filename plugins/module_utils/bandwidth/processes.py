# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process is: its program, who started it and what it belongs to."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import pwd
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import children, host, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import glances, owners, places, programs

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
DELETED = " (deleted)"
# The names that runtimes of containers give to control groups.
CONTAINER = re.compile(
    r"(?:^|[/:-])(?:docker|libpod|cri-containerd|crio|containerd)[-/:]([0-9a-f]{12,64})(?:\.scope)?"
    r"|/(?:(?:kubepods[^/]*|ecs)/(?:[^/]+/)*?([0-9a-f]{64})|lxc(?:/|\.payload[./])([\w.-]+)|machine-([^/]+)\.scope"
    r"|systemd-nspawn@([^/]+)\.service/payload)"
)
UNIT = re.compile(r"/([^/]+\.(?:service|scope))(?=/|$)")
FIRST_GROUP = "/init.scope"
# What is declared there outlasts a reboot; transient units are started by hand.
UNIT_FOLDERS = (
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
INIT_SCRIPTS, SCRIPTS_LIMIT = "/etc/init.d", 200
EXEC = re.compile(r"^Exec(?:Start|StartPre|StartPost|Reload)\s*=\s*[-@:+!|]*(.*)$", re.M)
# A program beside the one that a service names belongs to it as well, but not where programs of all kinds are.
SHARED_FOLDERS = re.compile(
    r"^/?$|^(?:/usr)?(?:/local)?/(?:s?bin|lib(?:exec|64)?)$|^/(?:usr|opt|srv|home|root|var|etc|tmp|data|mnt)$"
    r"|^/(?:home|var|usr)/[^/]+$|^/(?:var/tmp|dev/shm)$"
)
FOLDER = re.compile(r"^WorkingDirectory\s*=\s*-?(\S+)\s*$", re.M)
USER = re.compile(r"^User\s*=\s*([\w.-]+)\s*$", re.M)
BARE_NAME = re.compile(r"^(?![-/])[\w./+-]+$")
ANCESTORS_LIMIT = 8
# What looking at the files of processes may take: of all, a little more than at their packages; then of each by itself.
TOGETHER_S, EACH_S = 5, 1
NO_NAME = {"value": None}


def describe(pid, known=None, glance=None):
    """A process with what can be told of it without asking files or others, which look_closer adds.

    Of one that has ended that is only what was ``known`` before, an owners.State, and a glances.Glance at it.
    """
    state = owners.state(pid)
    exists = state is not None and (known is None or known.start_ticks == state.start_ticks)
    state = state if exists else known
    found = {"pid": pid, "exists": exists, "name": state.name if state else None}
    found["start_ticks"] = state.start_ticks if state else None
    found["started_at"] = (
        host.iso_time(_boot_time() + state.start_ticks // CLOCK_TICKS)
        if state and state.start_ticks is not None
        else None
    )
    found.update(
        dict.fromkeys(
            ("command", "executable", "user", "uid", "unit", "container", "declared_in", "declared_beside", "program")
        )
    )
    found["executable_exists"], found["to_be_looked_for"] = None, False
    found["parents"] = parents(state.parent) if state else []
    # Where the first thread has ended and others go on, only these could be looked at.
    glance = (glances.look(pid) if exists else None) or glance
    if glance is not None:
        _note_glance(found, glance)
    return found


def _note_glance(found, glance):
    found["command"] = " ".join(glance.words)[: sockets.COMMAND_LINE_LIMIT]
    found["uid"], found["user"] = glance.uid, str(glance.uid)
    gone = glance.executable.endswith(DELETED)
    found["executable"] = text(glance.executable[: -len(DELETED)] if gone else glance.executable)
    found["executable_exists"] = False if gone else found["exists"] or None
    found["to_be_looked_for"] = not found["exists"] and not gone and glance.same_root
    found["unit"], found["container"] = parse_groups(glance.groups, root_group(_groups(1)))
    if glance.same_root:
        # What shares this system's root is in no container of it, though this system may be one itself.
        found["container"] = None


def text(name):
    """The name of a file as a text; a stranger's need be none in any encoding."""
    return (
        name.decode("utf-8", "replace") if isinstance(name, bytes) else name.encode("utf-8", "replace").decode("utf-8")
    )


# --- what its files, and who keeps the accounts, say ---


def look_closer(found):
    """Add to processes what their files say, and their users' names. Return why some of it is missing, or None.

    A full link is one on which file servers do not answer, and a program, its script or its folder may be on one.
    Nor does a directory of users.
    """
    questions = {number: _name_of(entry["uid"]) for number, entry in enumerate(found) if entry["uid"] is not None}
    questions["files"] = lambda: [_looked(entry) for entry in found]
    answers = children.ask(questions, TOGETHER_S)
    parts = answers["files"]["value"] or [None] * len(found)
    if answers["files"]["value"] is None:
        # What does not answer of one must not cost what can be told of the others.
        each = children.ask({number: _question(entry) for number, entry in enumerate(found)}, EACH_S)
        parts = [each[number]["value"] for number in range(len(found))]
    missing = []
    for number, (entry, part) in enumerate(zip(found, parts)):
        del entry["to_be_looked_for"]
        entry.update(part or {})
        entry["user"] = answers.get(number, NO_NAME)["value"] or entry["user"]
        if part is None:
            why = "did not answer" if each[number]["late"] else each[number]["error"]
            missing.append("the files of process %d: %s" % (entry["pid"], why))
    return "; ".join(missing) or None


def _name_of(uid):
    return lambda: sockets.user_name(uid)


def _question(entry):
    return lambda: _looked(entry)


def _looked(entry):
    if entry["exists"]:
        return _files_of(entry)
    if entry["to_be_looked_for"]:
        return {"executable_exists": host.status_of(entry["executable"]) is not None}
    return {}


def _files_of(entry):
    pid, executable, words = entry["pid"], entry["executable"], sockets.arguments(entry["pid"])
    started = _boot_time() + entry["start_ticks"] // CLOCK_TICKS
    found = {"program": programs.look(pid, executable, words, started)}
    view = places.view_of(pid, executable)
    if view != pid:
        # It shares all mounts with this one; another folder as its root makes no container.
        found["container"] = None
    path, itself = declared(view, entry["unit"], found["program"], executable, words)
    found["declared_in" if itself else "declared_beside"] = path
    return found


def parents(pid):
    """The names of those that a process comes from, the nearest first."""
    names = []
    while pid and len(names) < ANCESTORS_LIMIT:
        state = owners.state(pid)
        if state is None:
            break
        names.append("%s (%d)" % (state.name, pid))
        pid = state.parent
    return names


def _groups(pid):
    return host.read("/proc/%d/cgroup" % pid, limit=65536).text


def root_group(text):
    """What stands before all groups of this system where it is a container itself, by those of its first process."""
    for line in text.splitlines():
        path = line.split(":", 2)[-1]
        if path.endswith(FIRST_GROUP):
            return path[: -len(FIRST_GROUP)]
    return ""


def parse_groups(text, root=""):
    """(systemd's unit, the container) in the text of /proc/PID/cgroup; each may be None."""
    unit = container = None
    for line in text.splitlines():
        path = line.split(":", 2)[-1]
        if root and (path == root or path.startswith(root + "/")):
            path = path[len(root) :]
        found = UNIT.findall(path)
        # The innermost one: what a manager of a user's own has started is that user's.
        unit = unit or (found[-1] if found else None)
        # Of containers in each other the innermost one.
        names = [next(name for name in groups if name) for groups in CONTAINER.findall(path)]
        container = container or (names[-1] if names else None)
    return unit, container


def declared(pid, unit, program, executable, words):
    """(the file in which the host declares a service that starts this very program, or None; whether it is certain).

    Belonging to a unit is not enough: what cron starts, and what breaks out of a web server, is in their units. And
    it is not certain of what lies with the service's program where others than root can put something.
    """
    if program["own_root"] or program["path"] is None:
        return None, False
    beside = None
    for path in _declarations(unit):
        text = _joined(path)
        commands = [command.split() for command in EXEC.findall(text)] if path.endswith(".service") else []
        if not commands:
            commands = [[name] for name in re.findall(r"(/(?:opt|usr|s?bin|srv|home)/[\w./+-]+)", text)]
        folder = _working_directory(text)
        for command in [command for command in commands if command]:
            for one in (command, _in_folder(command, folder)):
                if starts(pid, one, program, executable, words):
                    return path, True
            if beside is None and is_beside(pid, command, program):
                beside = path
    return beside, bool(beside and program["only_root_writes"])


def _working_directory(text):
    """Where a service is started, or None; ~ is the home of its user."""
    folder, user = (FOLDER.findall(text) or [None])[-1], (USER.findall(text) or ["root"])[-1]
    if folder != "~":
        return folder
    try:
        return pwd.getpwnam(user).pw_dir
    except KeyError:
        return None


def _in_folder(command, folder):
    """A command with the files of the working directory named in full."""
    if folder is None or not folder.startswith("/"):
        return command
    return command[:1] + [
        os.path.normpath(os.path.join(folder, word)) if BARE_NAME.match(word) else word for word in command[1:]
    ]


def _declarations(unit):
    """The files that may declare what is in a unit; on a system without units every script that starts a service."""
    if unit is None:
        names = host.names_in(INIT_SCRIPTS)[:SCRIPTS_LIMIT] if not os.path.isdir("/run/systemd/system") else []
        return ["%s/%s" % (INIT_SCRIPTS, name) for name in names]
    if not unit.endswith(".service"):
        return []
    names = [unit, re.sub(r"@[^@]*\.service$", "@.service", unit)]
    paths = ["%s/%s" % (folder, name) for folder in UNIT_FOLDERS for name in names]
    paths.append("%s/%s" % (INIT_SCRIPTS, unit[: -len(".service")]))
    return [path for path in paths if host.status_of(path) is not None]


def _joined(path):
    """The text of a declaration with the operator's additions, each command on one line."""
    text = host.read(path, limit=65536).text
    for folder in [path + ".d", "/etc/systemd/system/%s.d" % os.path.basename(path)]:
        for name in host.names_in(folder):
            text += "\n" + host.read("%s/%s" % (folder, name), limit=65536).text
    return text.replace("\\\n", " ")


def starts(pid, command, program, executable, words):
    """Whether a command that a service is declared with starts this program."""
    named = [places.resolved(pid, word.strip("'\"")) for word in command if word.strip("'\"").startswith("/")]
    if program["path"] in named and not (program["is_interpreter"] and program["script"] is None):
        return True
    if not named:
        return False
    if program["is_interpreter"] and program["script"] is None:
        # What an interpreter runs is known only where the whole command is the declared one, and not by its own name:
        # every script for a service begins with the shell's.
        arguments = [word.strip("'\"") for word in command[1:]]
        return bool(arguments) and executable == named[0] and arguments == words[1:]
    # One that unpacks itself elsewhere and goes on from there.
    return bool(os.path.basename(named[0]) == os.path.basename(program["path"]) and program["only_root_writes"])


def is_beside(pid, command, program):
    """Whether a program was installed together with the one that a service is declared with."""
    named = [places.resolved(pid, word.strip("'\"")) for word in command if word.strip("'\"").startswith("/")]
    if not named or (program["is_interpreter"] and program["script"] is None):
        return False
    folder = os.path.dirname(named[0])
    folder = os.path.dirname(folder) if os.path.basename(folder) in ("bin", "sbin", "libexec") else folder
    return not SHARED_FOLDERS.match(folder) and program["path"].startswith(folder + "/")


def _boot_time():
    match = re.search(r"^btime (\d+)", host.read("/proc/stat", limit=4 * 1024 * 1024).text, re.M)
    return int(match.group(1)) if match else 0
