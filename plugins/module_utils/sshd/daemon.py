# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sshd binary and its running daemon: which options it has, since when it runs, what it listens on."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets

# Where distributions keep the options that the unit or init script adds.
OPTION_FILES = (
    ("/etc/default/ssh", "SSHD_OPTS"),
    ("/etc/sysconfig/sshd", "OPTIONS"),
    ("/etc/sysconfig/ssh", "SSHD_OPTS"),
)
# The options of sshd that take a value, and those that make no difference to what it reads or where it listens.
VALUED = "fhopcCugbEk"
IDLE = "DdeiqtTEugkb"
# Since 9.8 the daemon hands each connection to programs of their own; their paths are compiled in.
HELPER = re.compile(r"\0(/[\w./-]+/sshd-(?:session|auth))\0")
BINARY_LIMIT_BYTES = 16 * 1024 * 1024


def binary():
    """The path of sshd, executable or not, or None."""
    found = host.which("sshd")
    candidates = ["%s/sshd" % folder for folder in host.SEARCH_PATH]
    return found or next((path for path in candidates if host.status_of(path) is not None), None)


def version(path):
    """The version that sshd reports; an older one does so by refusing the option."""
    result = host.run([path, "-V"])
    found = re.search(r"OpenSSH_[^\s,]+", result.out + result.err)
    return found.group(0) if found else None


def helpers(path):
    """The programs that sshd starts for each connection; none before 9.8."""
    found = HELPER.findall(host.read(path, limit=BINARY_LIMIT_BYTES).text)
    for helper in list(found):
        found += [
            name for name in HELPER.findall(host.read(helper, limit=BINARY_LIMIT_BYTES).text) if name not in found
        ]
    return found


def broken_helper(paths):
    """What is wrong with the first of these programs that cannot be started, or None."""
    for path in paths:
        status = host.status_of(path)
        if status is None or not status.st_mode & 0o111:
            return "%s %s" % (path, "is missing" if status is None else "is not executable")
    return None


# --- the daemon's processes ---


def daemons():
    """The processes that wait for connections in this host's own network and file system, not the sessions."""
    found = []
    network, root = host.link_target("/proc/self/ns/net"), host.status_of("/")
    for pid in host.pids():
        process = sockets.process(pid)
        if process["program"] != "sshd" or not is_daemon(process["command"]):
            continue
        state = _state(pid)
        if state in (None, "Z", "X"):
            continue  # it has ended
        if host.link_target("/proc/%d/ns/net" % pid) not in (network, None):
            continue  # the daemon of a container
        its_root = host.status_of("/proc/%d/root" % pid)
        if its_root is not None and (its_root.st_dev, its_root.st_ino) != (root.st_dev, root.st_ino):
            continue
        found.append(dict(process, state=state, started_at=_started_at(pid)))
    return found


def is_daemon(command):
    """A session calls itself 'sshd: USER …'; a daemon keeps its command line, with '[listener]' since 8.2."""
    return "[listener]" in command or not command.startswith("sshd:")


def _fields_of_stat(pid):
    text = host.read("/proc/%d/stat" % pid).text
    return text.rpartition(")")[2].split()


def _state(pid):
    fields = _fields_of_stat(pid)
    return fields[0] if fields else None


def _started_at(pid):
    fields = _fields_of_stat(pid)
    booted = re.search(r"^btime (\d+)", host.read("/proc/stat").text, re.M)
    if len(fields) < 20 or booted is None:
        return None
    return int(booted.group(1)) + int(fields[19]) / float(os.sysconf("SC_CLK_TCK"))


# --- its command line ---


def command(path, running, unit_command):
    """The command that tests this daemon's configuration: the binary with the options that the daemon gets."""
    if running:
        words = running[0]["command"].replace("sshd: ", "", 1).split()
        words = words[: words.index("[listener]")] if "[listener]" in words else words
    else:
        words = unit_command or ["sshd", "$SSHD_OPTS"]
    return [path] + kept_options(expand(words[1:], _option_files()))


def _option_files():
    variables = {}
    for name, variable in OPTION_FILES:
        found = re.findall(r"^\s*%s=[\"']?([^\"'\n]*)" % variable, host.read(name).text, re.M)
        if found:
            variables[variable] = found[-1]
    return variables


def expand(words, variables):
    """Replace $NAME and ${NAME}, as the unit's EnvironmentFile or the init script would."""
    expanded = []
    for word in words:
        found = re.match(r"^\$\{?(\w+)\}?$", word)
        expanded.extend(variables.get(found.group(1), "").split() if found else [word])
    return expanded


def kept_options(words):
    """The options that change what is read or where it listens."""
    kept, rest = [], list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or len(word) < 2:
            continue
        letter = word[1]
        option = [word]
        if letter in VALUED and len(word) == 2 and rest:
            option.append(rest.pop(0))
        if letter not in IDLE:
            kept.extend(option)  # an unknown one too: sshd is to complain of it
    return kept


def config_path(command_words):
    """The configuration file that a command names, or None for the usual one."""
    for option, value in zip(command_words, command_words[1:]):
        if option == "-f":
            return value
    return None
