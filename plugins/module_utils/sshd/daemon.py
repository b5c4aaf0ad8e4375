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

# Where distributions keep the options that the unit or init script adds; of a variable's files the last counts.
OPTION_FILES = (
    ("/etc/default/ssh", "SSHD_OPTS"),
    ("/etc/sysconfig/sshd", "OPTIONS"),
    ("/etc/sysconfig/ssh", "SSHD_OPTS"),
    # RHEL 8 and its kin: the algorithms that the system allows, unless its administrator has taken them out.
    ("/etc/crypto-policies/back-ends/opensshserver.config", "CRYPTO_POLICY"),
    ("/etc/sysconfig/sshd", "CRYPTO_POLICY"),
    # Fedora 30 and 31, and what was upgraded from them.
    ("/etc/sysconfig/sshd-permitrootlogin", "PERMITROOTLOGIN"),
)
# The options of sshd that take a value, and those that make no difference to what it reads or where it listens.
VALUED = "fhopcCugbEk"
IDLE = "DdeiqtTEugkb"
# Since 9.8 the daemon hands each connection to programs of their own; their paths are compiled in.
HELPER = re.compile(r"\0(/[\w./-]+/sshd-(?:session|auth))\0")
BINARY_LIMIT_BYTES = 16 * 1024 * 1024


def binary(running, unit_command):
    """The path of sshd, executable or not, or None: that of the running daemon, of the unit, or the usual one."""
    if running and running[0]["executable"]:
        return running[0]["executable"]
    named = [unit_command[0]] if unit_command and os.path.basename(unit_command[0]) == "sshd" else []
    candidates = named + ["%s/sshd" % folder for folder in host.SEARCH_PATH]
    return next((path for path in candidates if host.status_of(path) is not None), None)


def is_trusted(path):
    """Whether nobody but root could have put this program there: only then is it run."""
    status = host.status_of(path)
    return status is not None and status.st_uid == 0 and not status.st_mode & 0o022


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


def daemons(listening, main_pid):
    """The processes that wait for connections in this host's own network and file system, not the sessions.

    Anybody can call a process sshd. A daemon is root's, its program is called so too, and it listens
    (``listening``: the pids that do, or None where that cannot be seen) or is the unit's own.
    """
    found = []
    network, root = host.link_target("/proc/self/ns/net"), host.status_of("/")
    for pid in host.pids():
        if listening is not None and pid not in listening and pid != main_pid:
            continue
        process, arguments = sockets.process(pid), sockets.arguments(pid)
        if process["program"] != "sshd" or not is_daemon(" ".join(arguments)) or not _is_roots(pid):
            continue
        state = _state(pid)
        if state in (None, "Z", "X"):
            continue  # it has ended
        if host.link_target("/proc/%d/ns/net" % pid) not in (network, None):
            continue  # the daemon of a container
        its_root = host.status_of("/proc/%d/root" % pid)
        # A unit's own may have a root of its own (RootDirectory=).
        if (
            pid != main_pid
            and its_root is not None
            and (its_root.st_dev, its_root.st_ino) != (root.st_dev, root.st_ino)
        ):
            continue
        process.update(state=state, started_at=_started_at(pid), arguments=arguments, executable=_executable(pid))
        found.append(process)
    return found


def in_network_of_its_own(main_pid):
    """The id of the unit's own sshd where it lives in another network than this host's, or None."""
    if main_pid is None or sockets.process(main_pid)["program"] != "sshd":
        return None
    networks = [host.link_target("/proc/%s/ns/net" % pid) for pid in ("self", main_pid)]
    return main_pid if None not in networks and networks[0] != networks[1] else None


def _is_roots(pid):
    status = host.status_of("/proc/%d" % pid)
    return status is not None and status.st_uid == 0 and _executable(pid) is not False


def _executable(pid):
    """The program that a process runs, where it still exists; None where nobody can see it, False for another one."""
    target = host.link_target("/proc/%d/exe" % pid)
    if target is None:
        return None
    path = target.replace(" (deleted)", "")
    if os.path.basename(path) != "sshd":
        return False
    return path if host.status_of(path) is not None else None


def is_daemon(command):
    """A session calls itself 'sshd: USER ...'; a daemon keeps its command line, behind 'sshd: ' since 8.2."""
    return not command.startswith("sshd:") or command.startswith("sshd: /") or "[listener]" in command


def _state(pid):
    fields = host.process_fields(pid)
    return fields[0] if fields else None


def _started_at(pid):
    fields = host.process_fields(pid)
    booted = re.search(r"^btime (\d+)", host.read("/proc/stat").text, re.M)
    if len(fields) < 20 or booted is None:
        return None
    return int(booted.group(1)) + int(fields[19]) / float(os.sysconf("SC_CLK_TCK"))


# --- its command line ---


def command(path, running, unit_command):
    """The command that tests this daemon's configuration: the binary with the options that the daemon gets."""
    words = _own_words(running[0]["arguments"]) if running else unit_command or ["sshd", "$SSHD_OPTS"]
    return [path] + kept_options(expand(words[1:], _option_files()))


def _own_words(arguments):
    """The arguments of a daemon. Since 8.2 it joins them into a title; then an option with a space is torn apart."""
    if not arguments or not arguments[0].startswith("sshd: "):
        return arguments
    words = arguments[0].replace("sshd: ", "", 1).split()
    return words[: words.index("[listener]")] if "[listener]" in words else words


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


def options(words):
    """[(letter, value or None)] as getopt takes them apart: flags may stand together, a value in the next word."""
    found, rest = [], list(words)
    while rest:
        letters = rest.pop(0)
        if not letters.startswith("-") or len(letters) < 2:
            continue
        if letters.startswith("--"):  # sshd has no long options, and says so
            found.append((letters[1:], None))
            continue
        letters = letters[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in VALUED:
                found.append((letter, letters or (rest.pop(0) if rest else "")))
                break
            found.append((letter, None))
    return found


def kept_options(words):
    """The options that change what is read or where it listens."""
    kept = []
    for letter, value in options(words):
        if letter not in IDLE:  # an unknown one is kept: sshd is to complain of it
            kept += ["-" + letter] if value is None else ["-" + letter, value]
    return kept


def config_path(command_words):
    """The configuration file that a command names, or None for the usual one."""
    return next((value for letter, value in options(command_words[1:]) if letter == "f"), None)
