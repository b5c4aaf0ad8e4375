# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this system starts sshd: its unit or init script, its socket unit, and what they say of it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host

SERVICES = ("ssh.service", "sshd.service")
SOCKETS = ("ssh.socket", "sshd.socket")
# Debian's unit and init script do nothing while this file exists.
NOT_TO_BE_RUN = "/etc/ssh/sshd_not_to_be_run"
SCRIPTS = ("/etc/init.d/ssh", "/etc/init.d/sshd", "/etc/rc.d/init.d/sshd")
PROPERTIES = [
    "Id",
    "LoadState",
    "LoadError",
    "ActiveState",
    "SubState",
    "Result",
    "UnitFileState",
    "WantedBy",
    "RequiredBy",
    "Listen",
    "ListenStream",
    "Accept",
    "NRestarts",
    "ExecStart",
    "MainPID",
    "TriggeredBy",
    "BindToDevice",
    "RuntimeDirectory",
    "StateChangeTimestampMonotonic",
    "FragmentPath",
    "DropInPaths",
    "SystemCallFilter",
]
# File states in which a unit is started at boot by itself.
ENABLED_STATES = ("enabled", "alias")


def gather():
    """The service manager's view of sshd. Values that it cannot tell are None."""
    script = next((path for path in SCRIPTS if host.status_of(path) is not None), None)
    if host.status_of("/run/systemd/system") is not None:
        evidence = _systemd()
    elif script is not None:
        evidence = _sysv(script)
    else:
        evidence = dict(_nothing("unknown"), unit_reason="neither systemd nor an init script starts sshd here")
    if host.status_of(NOT_TO_BE_RUN) is not None:
        evidence["start_blocked_by"] = NOT_TO_BE_RUN
    return evidence


def _nothing(manager):
    return {
        "manager": manager,
        "unit": None,
        "unit_load_state": None,
        "unit_active_state": None,
        "unit_sub_state": None,
        "unit_file_state": None,
        "unit_result": None,
        "main_pid": None,
        "unit_restarts": None,
        "unit_path": None,
        "unit_files": [],
        "system_calls": None,
        "masked": None,
        "enabled": None,
        "socket": None,
        "command": None,
        "runtime_directory": None,
        "start_blocked_by": None,
        "state_changed_at": None,
        "unit_reason": None,
    }


# --- systemd ---


def _systemd():
    shown = host.run(["systemctl", "show", "--no-pager", "-p", ",".join(PROPERTIES)] + list(SERVICES + SOCKETS))
    units = parse_show(shown.out)
    others = [name for name in triggers(units) if name not in SOCKETS]
    if others:
        more = host.run(["systemctl", "show", "--no-pager", "-p", ",".join(PROPERTIES)] + others)
        units += parse_show(more.out)
    if shown.error or (shown.rc != 0 and not shown.out.strip()):
        return dict(_nothing("systemd"), unit_reason=shown.error or shown.err.strip() or "systemctl show failed")
    return describe(units)


def triggers(units):
    """The socket units that start one of these services, under whatever name."""
    named = " ".join(unit.get("TriggeredBy", "") for unit in units).split()
    return sorted({name for name in named if name.endswith(".socket")})


def parse_show(text):
    """One dictionary of properties for each unit in the output of systemctl show."""
    units = []
    for block in re.split(r"\n\s*\n", text.strip()):
        unit = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        listens = [line[len("Listen=") :] for line in block.splitlines() if line.startswith("Listen=")]
        # Older systemd repeats ListenStream= instead.
        listens += [line[len("ListenStream=") :] for line in block.splitlines() if line.startswith("ListenStream=")]
        unit["Listen"] = listens
        if unit.get("Id"):
            units.append(unit)
    return units


def describe(units):
    """The evidence from the properties of the candidate units."""
    service = _choose([unit for unit in units if unit["Id"].endswith(".service")])
    socket = _choose([unit for unit in units if unit["Id"].endswith(".socket")])
    evidence = _nothing("systemd")
    if socket is not None:
        evidence["socket"] = {
            "unit": socket["Id"],
            "active_state": socket.get("ActiveState"),
            "active": socket.get("ActiveState") == "active",
            "file_state": socket.get("UnitFileState"),
            "enabled": _enabled(socket),
            "masked": _masked(socket),
            "result": socket.get("Result"),
            "accept": socket.get("Accept") == "yes",
            "device": socket.get("BindToDevice") or None,
            "listen": [parse_listen(value) for value in socket["Listen"]],
        }
    if service is None:
        return evidence
    evidence.update(
        unit=service["Id"],
        unit_load_state=service.get("LoadState"),
        unit_active_state=service.get("ActiveState"),
        unit_sub_state=service.get("SubState"),
        unit_file_state=service.get("UnitFileState"),
        unit_result=service.get("Result"),
        main_pid=int(service["MainPID"]) if service.get("MainPID", "0") not in ("", "0") else None,
        unit_restarts=int(service["NRestarts"]) if service.get("NRestarts", "").isdigit() else None,
        unit_path=service.get("FragmentPath") or None,
        unit_files=(service.get("FragmentPath", "") + " " + service.get("DropInPaths", "")).split(),
        system_calls=service.get("SystemCallFilter") or None,
        masked=_masked(service),
        enabled=_enabled(service),
        command=parse_exec(service.get("ExecStart", "")),
        runtime_directory=service.get("RuntimeDirectory") or None,
        state_changed_at=_wall_clock(service.get("StateChangeTimestampMonotonic")),
    )
    if service.get("LoadState") in ("error", "bad-setting"):
        evidence["unit_reason"] = service.get("LoadError")
    return evidence


def _choose(units):
    """The unit that is meant: Debian's alias sshd.service turns into a broken one when ssh.service is masked."""
    ranks = ("loaded", "masked", "bad-setting", "error")
    present = [unit for unit in units if unit.get("LoadState") in ranks]
    # Of several socket units the one that listens counts, else the one that will.
    present.sort(
        key=lambda unit: (ranks.index(unit["LoadState"]), unit.get("ActiveState") != "active", not _enabled(unit))
    )
    sockets_first = present and present[0]["Id"].endswith(".socket")
    return (
        present[0]
        if sockets_first
        else next(iter(sorted(present, key=lambda unit: ranks.index(unit["LoadState"]))), None)
    )


def _masked(unit):
    return unit.get("LoadState") == "masked" or unit.get("UnitFileState", "").startswith("masked")


def _enabled(unit):
    """Whether the unit starts at the next boot; None where its file does not say."""
    state = unit.get("UnitFileState", "")
    if _masked(unit) or state in ("enabled-runtime", "linked-runtime"):
        return False
    if state in ("disabled", "static", "linked"):
        # Another unit can want it without its own [Install] section knowing.
        return bool(unit.get("WantedBy", "") + unit.get("RequiredBy", ""))
    if state == "generated":
        return _rc_enabled(unit["Id"].rsplit(".", 1)[0])
    return True if state in ENABLED_STATES else None


def _wall_clock(microseconds):
    """Seconds since 1970 of a point in time that systemd counts from the boot, or None."""
    uptime = host.read("/proc/uptime").text.split()
    if not uptime or not (microseconds or "").isdigit() or microseconds == "0":
        return None
    return time.time() - float(uptime[0]) + int(microseconds) / 1e6


def parse_exec(text):
    """The argument vector in a property such as ExecStart={ path=… ; argv[]=… ; … }."""
    found = re.search(r"argv\[\]=(.*?) ;", text)
    return found.group(1).split() if found else None


def parse_listen(text):
    """Address and port of a line such as '[::]:22 (Stream)'; a path or another kind keeps its text as address."""
    value = text.split(" (")[0].strip()
    found = re.match(r"^(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[^:]*)):(?P<port>[0-9]+)$", value)
    if found is None:
        port = int(value) if re.match(r"[0-9]+$", value) else None
        return {"address": "::" if port else value, "port": port}
    return {"address": found.group("v6") or found.group("v4") or "::", "port": int(found.group("port"))}


# --- SysV init ---


def _sysv(script):
    name = script.rsplit("/", 1)[1]
    evidence = _nothing("sysv")
    text = host.read(script).text
    evidence.update(
        unit=name,
        unit_load_state="loaded",
        unit_path=script,
        masked=False,
        enabled=_rc_enabled(name),
        # Debian's script makes the privilege separation directory before it starts the daemon.
        runtime_directory="sshd" if "mkdir" in text and "sshd" in text else None,
    )
    return evidence


def _rc_enabled(name):
    """Whether the default runlevel starts an init script; None where runlevels cannot be read."""
    inittab = host.read("/etc/inittab").text
    if re.search(r"^[^#:]*:[0-9]*:(respawn|once):.*\bsshd\b", inittab, re.M):
        return True
    found = re.search(r"^[^#:]*:(\d):initdefault:", inittab, re.M)
    levels = found.group(1) if found else "2345"
    folders = ["%s%s.d" % (prefix, level) for prefix in ("/etc/rc", "/etc/rc.d/rc") for level in levels]
    listed = [host.names_in(folder) for folder in folders if host.status_of(folder) is not None]
    if not listed:
        return None
    return any(re.match(r"S\d\d%s$" % re.escape(name), entry) for names in listed for entry in names)
