# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is never touched: the way in that is in use, and what the host cannot do without to let anybody in.

Decided by what a process does, not by what it is called alone: it holds the port of the login, a connection to it, the
tunnel that such connections come through, or this very run was started from it.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import functools
import os
import re
import stat
import struct

from ansible_collections.rescue.remote_login.plugins.module_utils import children, host, routing, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import namespaces, owners
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import target as targets

KERNEL_THREAD = 0x00200000
THREAD = "is a thread of the kernel"
ESTABLISHED, LISTENING = "01", "0A"
TABLES = ("tcp", "tcp6")
TABLE_LIMIT_BYTES = 32 * 1024 * 1024
PROGRAM_LIMIT_BYTES = 4 * 1024 * 1024
# How long to wait for the files of programs, and how many are asked for side by side where one does not answer.
PATIENCE_S, AT_ONCE = 2, 16
UNANSWERED = "may be an SSH server: its program's file does not answer, as on a dead file server"
DAEMONS = re.compile(r"^(?:sshd(?:-session|-auth)?|dropbear|tinysshd|lshd)(?:\d+)?$")
NEEDED = frozenset((
    "systemd", "systemd-logind", "systemd-networkd", "systemd-resolved", "systemd-udevd", "systemd-journald",
    "elogind", "dbus-daemon", "dbus-broker", "dbus-broker-launch", "NetworkManager", "wicked", "wickedd",
    "connmand", "dhclient", "dhcpcd", "udhcpc", "wpa_supplicant", "sssd", "sssd_nss", "sssd_pam", "sssd_be",
    "nslcd", "winbindd",
    # What keeps a tunnel whose packets the kernel makes, so that no descriptor tells whose it is.
    "pppd", "pptp", "xl2tpd", "openl2tpd", "openfortivpn", "charon", "charon-systemd", "charon-nm", "pluto", "iked",
    "racoon",
))  # fmt: skip
NEEDED_UNITS = re.compile(
    r"^(?:sshd?|sshd?@.*|dropbear|dropbear@.*|systemd-(?:logind|networkd|udevd.*|journald.*|user-sessions)|"
    r"dbus(?:-broker)?|NetworkManager|networking|network|wicked.*|connman|dhcpcd|wpa_supplicant.*|init|"
    r"sssd|nslcd|winbind|user@0|user-runtime-dir@0)\.(?:service|socket|scope)$|^(?:-|system|user|user-0)\.slice$"
)


class World(object):
    """The processes, and which of them are part of the way in: ``protected`` is {pid: why}."""

    def __init__(self, states=None, me=None):
        self.states = targets.states_of_all() if states is None else states
        self.protected, self.interfaces, self.programs = {}, set(), {}
        self.add([1], "is the first process, on which all others hang")
        self.add(ancestors(os.getpid() if me is None else me, self.states), "is what this very run was started from")
        named = {pid: by_name(pid, self.states[pid].name) for pid in self.states}
        named = {pid: why for pid, why in named.items() if why}
        # Of the few that listen more is asked, later: to read the programs of all would take too long on a busy host.
        imitations = looked_at(is_imitation, [pid for pid in named if named[pid] != THREAD])
        for pid in named:
            if not imitations.get(pid):  # None: it cannot be told
                self.add([pid], named[pid])

    def add(self, pids, why):
        for pid in pids:
            self.protected.setdefault(pid, why)

    def look_at_connections(self, port):
        """Protect what holds the port of the login, and what its connections come through."""
        rows = connections()
        holders = owners.look()
        if holders.problem:
            raise targets.Refused("who holds the login's connections cannot be told: %s" % holders.problem)
        listening = [row for row in rows if row["state"] == LISTENING]
        self.programs = looked_at(program, {pid for row in listening for pid in holders.sockets.get(row["inode"], [])})
        ports = {port} | {row["port"] for row in listening if self.is_sshds(row, holders)}
        used = [row for row in rows if row["port"] in ports]
        for row in used:
            self.add(holders.sockets.get(row["inode"], []), "holds the port of the login (%d)" % row["port"])
        live = [row for row in used if row["state"] == ESTABLISHED]
        ends = {(row["peer"], row["peer_port"]) for row in live}
        for row in rows + (connections_elsewhere(self.states) if live else []):
            if row["state"] == ESTABLISHED and (row["address"], row["port"]) in ends:
                self.add(holders.sockets.get(row["inode"], []), "passes a login on to this host's SSH server")
        self.interfaces = ways_of(live)
        for device in holders.tunnels:
            if device in self.interfaces:
                self.add(holders.tunnels[device], "is the tunnel %s that logins come through" % device)

    def is_sshds(self, row, holders):
        return any(self.is_server(pid) for pid in holders.sockets.get(row["inode"], []))

    def is_server(self, pid):
        """Whether a process that listens is an SSH server: by its name, or by what its program reads."""
        name = self.states[pid].name if pid in self.states else ""
        named = any(DAEMONS.match(each) for each in names_of(pid, name))
        if not named and self.programs[pid] is None:
            # It is left alone itself. Hardly anybody logs in through it now, so that its port protects nobody else.
            self.add([pid], UNANSWERED)
            return False
        found = self.programs[pid] or {"is_imitation": False}
        return (named or found["reads_sshd_config"]) and not found["is_imitation"]

    def why_not(self, members):
        """Why these processes are left alone, or None."""
        for pid in sorted(members):
            if pid in self.protected:
                name = self.states[pid].name if pid in self.states else "?"
                return "process %d (%s) %s" % (pid, name, self.protected[pid])
        return None


def check(target, action, port):
    """Refuse where the target, or what goes with it, is part of the way in."""
    world = World()
    world.look_at_connections(port)
    members = set(target.members)
    if target.unit and target.pid is None:
        check_unit_name(target.unit, world)
    if action == "stop_unit":
        for name, shown in targets.stopped_with(target.unit).items():
            check_unit_name(name, world, target.unit)
            group = shown.get("ControlGroup")
            if group:
                members |= {pid for pid in world.states if targets.is_within(targets.group_of(pid), group)}
    # Who ends a supervisor ends what it keeps running.
    for pid in list(members):
        members |= set(targets.descendants(pid, world.states))
    why = world.why_not(members)
    if why:
        words = why.replace(target.words, "it", 1) if why.startswith(target.words + " ") else why
        raise targets.Refused("%s is left alone: %s" % (target.words, words))


def check_name(name, with_it=""):
    """Refuse a unit that is known by its name, whether it runs now or not."""
    if NEEDED_UNITS.match(name):
        raise targets.Refused("%s%s is left alone: the way in hangs on it" % (name, with_it))


def check_unit_name(name, world, because_of=None):
    with_it = ", which is stopped with %s," % because_of if because_of not in (None, name) else ""
    check_name(name, with_it)
    instance = re.match(r"^[^@]+@(.+)\.service$", name)
    if instance and instance.group(1).replace("\\x2d", "-") in world.interfaces:
        words = "%s%s is left alone: logins come through the interface %s"
        raise targets.Refused(words % (name, with_it, instance.group(1)))


def ancestors(pid, states):
    found = []
    while pid and pid not in found:
        found.append(pid)
        pid = states[pid].parent if pid in states else 0
    return found


def by_name(pid, name):
    """Why a process is left alone for what it is called, or None."""
    fields = host.process_fields(pid)
    if len(fields) > 6 and fields[6].isdigit() and int(fields[6]) & KERNEL_THREAD:
        return THREAD
    names = names_of(pid, name)
    if not any(DAEMONS.match(each) or each in NEEDED for each in names):
        return None
    return "is an SSH server" if any(DAEMONS.match(each) for each in names) else "is one that logins need"


def looked_at(function, pids):
    """{pid: function(pid)} of questions to the files of processes; None where a file server does not answer."""
    pids = sorted(pids)
    if not pids:
        return {}
    together = children.ask({"all": lambda: [function(pid) for pid in pids]}, PATIENCE_S)["all"]
    if together["value"] is not None:
        return dict(zip(pids, together["value"]))
    found = {}
    # Each by itself, so that one that hangs costs nothing of the others.
    for start in range(0, len(pids), AT_ONCE):
        questions = {pid: functools.partial(function, pid) for pid in pids[start : start + AT_ONCE]}
        answers = children.ask(questions, PATIENCE_S)
        found.update({pid: answers[pid]["value"] for pid in questions})
    return found


def program(pid):
    """What the file of a process's program tells. It may never answer."""
    return {"is_imitation": is_imitation(pid), "reads_sshd_config": reads_sshd_config(pid)}


def reads_sshd_config(pid):
    """Whether the program is OpenSSH's server, whatever it is called: it has the path of its configuration in it."""
    path = "/proc/%d/exe" % pid
    status = host.status_of(path)
    if status is None or status.st_size > PROGRAM_LIMIT_BYTES:
        return False
    return "/sshd_config" in host.read(path, limit=PROGRAM_LIMIT_BYTES).text


def names_of(pid, name):
    """What a process is called by the kernel, by its program and by itself; a session's title is 'sshd: USER'."""
    path = (host.link_target("/proc/%d/exe" % pid) or "").replace(" (deleted)", "")
    words = sockets.arguments(pid)
    title = re.match(r"^(sshd(?:-session|-auth)?): ", words[0]) if words else None
    return {name, os.path.basename(path)} | ({title.group(1)} if title else set())


def is_imitation(pid):
    """Whether the program is one that others than root could have put there: a name alone protects nobody."""
    status = host.status_of("/proc/%d/exe" % pid)
    path = (host.link_target("/proc/%d/exe" % pid) or "").replace(" (deleted)", "")
    if status is None or not path.startswith("/"):
        return False
    if status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return True
    folder = os.path.dirname(path)
    while folder != "/":
        status = host.status_of("/proc/%d/root%s" % (pid, folder))
        if status is not None and (status.st_uid != 0 or status.st_mode & stat.S_IWOTH):
            return True
        folder = os.path.dirname(folder)
    return False


# --- connections ---


def connections():
    """The TCP sockets of this network that listen or are connected."""
    found, error = connections_in("/proc/net")
    if error:
        raise targets.Refused("the login's connections cannot be seen: %s" % error)
    return found


def connections_in(folder):
    """(the rows of the tables in a folder, why these are not all or None)."""
    found, error = [], None
    for name in TABLES:
        table = host.read(os.path.join(folder, name), limit=TABLE_LIMIT_BYTES)
        if not name.endswith("6"):  # without IPv6 there is no such table
            error = table.error
        found += parse_connections(table.text)
    return found, error


def connections_elsewhere(pids):
    """The TCP sockets of the other networks of this host: a proxy in a container has its end of a connection there."""
    found, seen = [], {None, namespaces.number_of("self")}
    for pid in sorted(pids):
        number = namespaces.number_of(pid)
        if number in seen:
            continue
        rows, error = connections_in("/proc/%d/net" % pid)
        if error is None:  # else it has ended, and another one of that network is asked
            seen.add(number)
            found += rows
    return found


def parse_connections(text):
    """The rows of a /proc/net/{tcp,udp}{,6} file."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        try:
            (address, port), (peer, peer_port) = fields[1].split(":"), fields[2].split(":")
            row = {"address": plain(sockets.parse_address(address)), "port": int(port, 16), "state": fields[3]}
            row.update(peer=plain(sockets.parse_address(peer)), peer_port=int(peer_port, 16), inode=int(fields[9]))
        except (ValueError, IndexError, struct.error):
            continue  # a line that the kernel would not write
        found.append(row)
    return found


def plain(address):
    """An IPv4 address that an IPv6 socket has, as itself."""
    return address[len("::ffff:") :] if address.startswith("::ffff:") and "." in address else address


def ways_of(rows):
    """The interfaces by which answers to these connections leave."""
    found = set()
    for peer in sorted({row["peer"] for row in rows})[:50]:
        found.add(routing.to(peer).get("interface"))
    return found - {None, "lo"}
