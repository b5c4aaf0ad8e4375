# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Section sshd: is it there, does it run, where does it listen, and if not, why not."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import config, daemon, log, needs, sandbox, unit


def gather(login):
    """Look at sshd for a login attempt: {port, addresses, user, clients}."""
    tables, error, hidden = sockets.listening()
    if error:
        return {"status": "unchecked", "reason": error}
    service = unit.gather()
    listening = None if hidden else {holder["pid"] for entry in tables for holder in entry["processes"]}
    running = daemon.daemons(listening, service["main_pid"])
    path = daemon.binary(running, service["command"])
    helpers = daemon.helpers(path) if path else []
    evidence = {
        "status": "ok",
        "missing": {},
        "installed": path is not None,
        "binary": path,
        # A daemon with helpers keeps the keys that it has read; before, each connection read them anew.
        "reads_keys_at_start_only": bool(helpers),
        "broken_binary": daemon.broken_helper(helpers),
        "bad_options": None,
    }
    evidence.update(service)
    evidence["daemon"] = _chief(running)
    evidence["confinement"] = sandbox.confinement(evidence["daemon"] and evidence["daemon"]["pid"], service)
    evidence["apart"] = None if running else daemon.in_network_of_its_own(service["main_pid"])
    socket_active = bool(evidence["socket"] and evidence["socket"]["active"])
    evidence["running"] = bool(running) or socket_active
    evidence["failed"] = _failed(evidence)
    evidence["starts_at_boot"] = _starts_at_boot(evidence)
    evidence["listening"] = None if hidden else listeners(tables, running, evidence["socket"])
    if hidden:
        evidence["missing"]["listening"] = hidden
    evidence["start_command"] = start_command(evidence)
    evidence["enable_command"] = enable_command(evidence)
    evidence["log"] = _last_words(evidence, login)
    evidence.update(_configuration(path, evidence, running, login))
    evidence["login"] = judge_login(evidence, tables, login)
    evidence["state_changed_at"] = host.iso_time(evidence["state_changed_at"])
    del evidence["system_calls"]
    if evidence["daemon"]:
        shown = ("pid", "program", "command", "state")
        started_at = host.iso_time(evidence["daemon"]["started_at"])
        evidence["daemon"] = dict(((key, evidence["daemon"][key]) for key in shown), started_at=started_at)
    return evidence


def _chief(running):
    """The daemon that answers for all: the one that runs longest."""
    return min(running, key=lambda process: process["started_at"] or 0) if running else None


def _failed(evidence):
    """Whether the service manager says that sshd could not be started or has died."""
    states = (evidence["unit_active_state"], (evidence["socket"] or {}).get("active_state"))
    restarting = (evidence["unit_sub_state"] or "").startswith("auto-restart")
    # Seen in the middle of a restart loop: it is being started, and not for the first time.
    restarting = restarting or (evidence["unit_active_state"] == "activating" and evidence["unit_restarts"])
    return "failed" in states or bool(restarting)


def _starts_at_boot(evidence):
    """Whether the next boot starts sshd; None where that cannot be told."""
    if evidence["start_blocked_by"]:
        return False
    socket = evidence["socket"] or {}
    if socket.get("enabled"):
        return True
    own = evidence["unit_active_state"] not in ("inactive", "failed") or socket.get("active")
    if evidence["daemon"] and evidence["manager"] == "systemd" and not own:
        return None  # something else than the unit has started it, and may do so again
    return evidence["enabled"]


def start_command(evidence):
    """What an administrator of this system types to start sshd."""
    if evidence["manager"] == "systemd" and evidence["unit"]:
        return "systemctl start %s" % unit_to_start(evidence)
    if evidence["manager"] == "sysv":
        return "service %s start" % evidence["unit"]
    return evidence["binary"]


def enable_command(evidence):
    """What an administrator types to have sshd started at boot; None where it is or nobody knows."""
    if evidence["enabled"] is not False:
        return None
    if evidence["manager"] == "systemd":
        unmask = "systemctl unmask %s; " % evidence["unit"] if evidence["masked"] else ""
        return "%ssystemctl enable %s" % (unmask, unit_to_start(evidence))
    command = "chkconfig %s on" if host.which("chkconfig") else "update-rc.d %s enable"
    return command % evidence["unit"]


def unit_to_start(evidence):
    """The socket unit where that is how sshd is started here, else the service."""
    socket = evidence["socket"] or {}
    by_socket = (socket.get("enabled") or socket.get("active_state") == "failed") and not evidence["enabled"]
    return socket["unit"] if by_socket else evidence["unit"]


def _last_words(evidence, login):
    """What the log says of a daemon that does not run, or does not listen where it should."""
    lines, unavailable = [], None
    if not _has_address(evidence, login):
        lines, unavailable = log.messages(evidence["manager"], _unit_to_blame(evidence))
    attempt = log.last_attempt(lines)
    # After a clean stop, what was said at an earlier start explains nothing.
    tried = evidence["daemon"] or evidence["failed"] or evidence["manager"] != "systemd"
    return {
        "reason": None if evidence["daemon"] else log.reason(attempt),
        "bind_failures": log.bind_failures(attempt) if tried else [],
        "unavailable": unavailable,
    }


def _has_address(evidence, login):
    """Whether the daemon listens on the port and the address of the login."""
    on_port = [entry for entry in evidence["listening"] or [] if entry["port"] == login["port"]]
    if not evidence["daemon"] or not on_port:
        return False
    return listens_on_address(on_port, login["addresses"]) is not False


def _unit_to_blame(evidence):
    socket = evidence["socket"] or {}
    return socket["unit"] if socket.get("active_state") == "failed" else evidence["unit"]


def listeners(tables, running, socket_unit):
    """The TCP sockets on which an SSH login is taken: those of a daemon, and those of an active socket unit."""
    pids = {process["pid"] for process in running}
    unit_ports = [entry["port"] for entry in socket_unit["listen"]] if socket_unit and socket_unit["active"] else []
    found = []
    for entry in tables:
        holders = {process["pid"] for process in entry["processes"]}
        by_unit = 1 in holders and entry["port"] in unit_ports
        if entry["protocol"] == "tcp" and (holders & pids or by_unit):
            listener = {key: entry[key] for key in ("address", "port", "v6only", "pid", "program")}
            found.append(dict(listener, device=socket_unit.get("device") if by_unit else None))
    return found


# --- configuration and what goes with it ---


def _configuration(path, evidence, running, login):
    """The parts that ask the sshd binary, or the reasons why they cannot be had."""
    parts = ("config", "host_keys", "host_keys_usable", "privilege_separation")
    absent = None if path else "sshd is not installed"
    if path and not host.is_root():
        absent = "needs root: sshd tests its configuration and keys only for root"
    elif path and not daemon.is_trusted(path):
        absent = "%s is not run, because others than root can change it" % path
    if absent:
        evidence["missing"].update((part, absent) for part in parts)
        evidence["version"] = None
        return dict.fromkeys(parts)
    command = daemon.command(path, running, evidence["command"])
    tested = config.test(command)
    main_file = daemon.config_path(command) or config.DEFAULT_PATH
    entries, files = config.directives(main_file)
    hangs = tested.get("hangs", False)
    evidence["version"] = None if hangs else daemon.version(path)
    if hangs and config.endless_files(files):
        tested = _waits_for(config.endless_files(files)[0], tested)
    values = None if hangs else config.effective(command, login)
    source = "sshd -T" if values else "files"
    values = values or config.from_files(entries)
    keys = needs.host_keys(values.get("hostkey"), tested["output"])
    usable = tested["keys_usable"]
    if usable is False:
        for key in keys:
            key["problem"] = key["problem"] or needs.refusal(key["path"], "refused by sshd")
    if usable is None and all(key["problem"] == "missing" for key in keys):
        usable = False
    if usable is None:
        evidence["missing"]["host_keys_usable"] = "sshd -t stops before it loads them"
    if tested["valid"] is None:
        evidence["missing"]["config.valid"] = tested["reason"]
    separation = needs.privilege_separation(path, tested["output"])
    separation["problem"] = separation_problem(separation, evidence)
    if tested.get("broken_binary"):
        evidence["broken_binary"] = tested["reason"]
    if tested.get("bad_options"):
        evidence["bad_options"] = tested["reason"]
    settings = {
        "command": command,
        "valid": tested["valid"],
        "reason": tested["reason"],
        "errors": [config.locate(error, entries) for error in tested.get("errors", [])],
        "effective": values,
        "effective_from": source,
        "listen": config.listen_entries(values),
        "listen_lines": config.lines_about(("port", "listenaddress", "addressfamily"), entries),
        "files": files,
    }
    settings.update(_freshness(files, config.folders(entries), evidence, values))
    if settings["newer_than_daemon"]:
        settings["listen_lines"] = []  # what the files say now is not why the daemon listens where it does
    return {
        "config": settings,
        "host_keys": keys,
        "host_keys_usable": usable,
        "privilege_separation": separation,
    }


def _waits_for(path, tested):
    """What `sshd -t` could not say itself, because it waits for this file."""
    message = "%s is not a regular file: sshd waits for it and never starts" % path
    return dict(tested, valid=False, errors=[{"file": path, "line": None, "message": message}])


def separation_problem(separation, evidence):
    """What keeps sshd from separating privileges, or None.

    A directory below /run goes with the daemon and comes back with it: its absence is no fault of a
    daemon that does not run, unless the last start failed for just that.
    """
    if not separation["user_exists"]:
        return "the user %s does not exist" % separation["user"]
    state, directory = separation["directory_state"], separation["directory"]
    if state in (None, "ok"):
        return None
    passing = directory.startswith(("/run/", "/var/run/")) and not evidence["daemon"]
    complained = "rivilege separation directory" in (evidence["log"]["reason"] or "")
    if passing and state == "missing" and not complained:
        return None
    made = os.path.basename(directory) in (evidence["runtime_directory"] or "").split()
    if passing and made and evidence["manager"] == "systemd" and state != "not a directory":
        return None  # systemd sets owner and mode right when it makes the directory
    return "%s is %s" % (directory, state)


def _freshness(files, folders, evidence, values):
    """Whether a file was changed after the daemon last read its configuration."""
    newest, changed_at = None, None
    for path in files:
        status = host.status_of(path)
        if status and (changed_at is None or _written_at(path, status) > changed_at):
            newest, changed_at = path, _written_at(path, status)
    loaded_at = _loaded_at(evidence, values)
    later = [(path, host.status_of(path)) for path in folders if loaded_at]
    # A file more or less, or anything else that was done there: by itself it proves nothing.
    later = [(path, status.st_mtime) for path, status in later if status and status.st_mtime > loaded_at + 1]
    return {
        "newest_file": newest,
        "changed_at": host.iso_time(changed_at),
        "loaded_at": host.iso_time(loaded_at),
        "changed_folder": later[0][0] if later else None,
        "folder_changed_at": host.iso_time(later[0][1]) if later else None,
        # A second of tolerance: the kernel counts a process's start in ticks since a boot in whole seconds.
        "newer_than_daemon": changed_at > loaded_at + 1 if changed_at and loaded_at else None,
    }


def _written_at(path, status):
    """When this content came to this place: also a rename of an older file over it counts."""
    folder = host.status_of(os.path.dirname(path))
    # A rename stamps the file's ctime and its folder in one instant; a chmod stamps only the file.
    renamed = folder is not None and abs(status.st_ctime - folder.st_mtime) < 0.1
    # A date in the future was made up.
    return status.st_ctime if renamed or status.st_mtime > time.time() else status.st_mtime


def _loaded_at(evidence, values):
    """When the daemon last read its configuration: at its start, or at a reload, when it writes its pid file anew."""
    chief = evidence["daemon"]
    if chief is None or chief["started_at"] is None:
        return None
    pid_file = host.status_of(values.get("pidfile") or "/run/sshd.pid")
    moments = [chief["started_at"], evidence["state_changed_at"] or 0, pid_file.st_mtime if pid_file else 0]
    return max(moments)


# --- the login that is diagnosed ---


def judge_login(evidence, tables, login):
    """What a rule cannot compute: does sshd listen where people connect, and who does if not?"""
    port, addresses = login["port"], login["addresses"]
    here = [entry for entry in tables if entry["protocol"] == "tcp" and entry["port"] == port]
    own = evidence["listening"]
    settings = evidence["config"] or {}
    unit_socket = evidence["socket"] or {}
    configured = [entry["port"] for entry in settings.get("listen", [])]
    on_port = [entry for entry in own or [] if entry["port"] == port]
    known = own is not None or not here
    return {
        "port": port,
        "listens_on_port": bool(on_port) if known else None,
        "listens_on_address": listens_on_address(on_port, addresses) if known else None,
        "configured_for_port": port in configured if configured else None,
        "socket_overrides": bool(unit_socket.get("active")) and port in configured and not on_port,
        "port_holder": _holder(here, own, unit_socket) if own is not None else None,
        "bind_failure": _bind_failure(evidence["log"]["bind_failures"], port),
        "ports": sorted({entry["port"] for entry in own or []}),
    }


def listens_on_address(on_port, addresses):
    """Whether one of the addresses that were tried reaches one of these sockets; None where nobody can tell."""
    if not addresses:
        return None
    # A socket that is bound to the loopback device takes nothing from outside, whatever its address.
    outside = [entry for entry in on_port if entry.get("device") != "lo"]
    inner = [address for address in addresses if sockets.is_loopback(address)]
    reached = [(entry, address) for entry in outside for address in addresses]
    reached += [(entry, address) for entry in on_port for address in inner]
    if any(sockets.covers(entry, address) for entry, address in reached):
        return True if any(entry.get("device") is None for entry, _address in reached) or inner else None
    on_port = outside
    foreign = set(addresses) - set(sockets.own_addresses())
    foreign = {address for address in foreign if not sockets.is_loopback(address)}
    behind = [entry for entry in on_port if not sockets.is_loopback(entry["address"])]
    # Behind address translation the tried address is not the host's own: it may lead to any of them.
    families = {":" in address for address in foreign}
    if any((":" in entry["address"]) in families for entry in behind):
        return None
    return False


def _holder(here, own, unit_socket):
    """The program other than sshd that has the port, or None."""
    ours = {(entry["address"], entry["port"]) for entry in own}
    for entry in here:
        if (entry["address"], entry["port"]) in ours:
            continue
        holder = dict(sockets.process(entry["pid"]) if entry["pid"] else {}, address=entry["address"])
        if entry["pid"] == 1:
            holder["unit"] = _socket_unit(entry["port"])
        return dict({"pid": None, "program": None, "command": None, "unit": None}, **holder)
    return None


def _socket_unit(port):
    """The socket unit through which systemd itself listens on a port, or None."""
    listed = host.run(["systemctl", "list-sockets", "--no-legend", "--no-pager", "--full"])
    for line in listed.out.splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[0].endswith(":%d" % port):
            return fields[1]
    return None


def _bind_failure(failures, port):
    return next((failure for failure in reversed(failures) if failure["port"] == port), None)
