# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which firewalls are there, which are active now and at boot, and which one is in charge.

From units, init scripts, files and the process table: firewall-cmd waits for D-Bus, and ufw runs other tools.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

# Each firewall's units, and its program: a unit that is gone leaves the program, and the other way round.
UNITS = {
    "firewalld": ("firewalld.service",),
    "ufw": ("ufw.service",),
    "nftables": ("nftables.service",),
    "iptables": ("iptables.service", "ip6tables.service"),
    "netfilter-persistent": ("netfilter-persistent.service",),
}
# They write the whole ruleset by themselves, from files of their own.
OTHERS = ("shorewall", "shorewall6", "ferm", "firehol", "csf", "apf")
PROGRAMS = {"firewalld": "firewall-cmd", "ufw": "ufw"}
ORDER = ("firewalld", "ufw") + OTHERS + ("nftables", "iptables", "netfilter-persistent")
# What each of these loads its rules with.
BACKENDS = {
    "nftables": ("nft",),
    "iptables": ("iptables", "iptables-legacy"),
    "netfilter-persistent": ("iptables", "iptables-legacy"),
}
PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,Result,WantedBy,RequiredBy,ExecStart"
# What is loaded at boot, where the unit does not say so itself.
NFTABLES_FILES = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf")
UFW_CONF = "/etc/ufw/ufw.conf"
SCRIPT_FOLDERS = ("/etc/init.d", "/etc/rc.d/init.d")


def gather(loaded):
    """Who is in charge: {"in_charge": name, "managers": [{name, active, enabled, detail, file}]}.

    ``loaded`` says which backends hold rules, {"nft", "iptables", "iptables-legacy"}, and "ufw": whether ufw's
    chains are among them. A key that is missing is not known; active and enabled are None where that leaves it open.
    """
    units = _units()
    found = [manager for manager in (_manager(name, units, loaded) for name in ORDER) if manager]
    return {"in_charge": in_charge(found, loaded), "managers": found}


def in_charge(managers, loaded):
    """The firewall that is active; 'ruleset' where rules are loaded that none of them keeps, or 'none'."""
    for manager in managers:
        if manager["active"]:
            return manager["name"]
    return "ruleset" if any(loaded.get(key) for key in ("nft", "iptables", "iptables-legacy")) else "none"


def _manager(name, units, loaded):
    """One firewall, or None where there is no sign of it."""
    program = PROGRAMS.get(name)
    installed = bool(units.get(name)) or (program is not None and host.which(program) is not None)
    if not installed:
        return None
    manager = {"name": name, "active": None, "enabled": None, "detail": "installed", "file": None}
    manager.update(_state(units.get(name)))
    if name == "nftables" and manager["file"] is None:
        manager["file"] = next((path for path in NFTABLES_FILES if host.status_of(path) is not None), None)
    if name == "ufw":
        manager.update(_ufw(manager, loaded))
    elif name == "firewalld" and not manager["active"]:
        manager.update(_firewalld_process(manager))
    elif name in BACKENDS and manager["active"]:
        manager.update(_still_loaded(name, manager, loaded))
    return manager


def _state(states):
    """Active, enabled and the reason, of the units or the script that belong to one firewall."""
    if not states:
        return {"active": False, "enabled": False, "detail": "installed, and nothing starts it"}
    return {
        "active": _either(state["active"] for state in states),
        "enabled": _either(state["enabled"] for state in states),
        "detail": "; ".join(state["detail"] for state in states),
        "file": next((state["file"] for state in states if state.get("file")), None),
    }


def _either(values):
    values = list(values)
    return True if True in values else None if None in values else False


def _firewalld_process(manager):
    """A firewalld that was started by hand, or where there is no systemd."""
    for pid in host.pids():
        if host.read("/proc/%d/comm" % pid, limit=4096).text.strip() == "firewalld":
            return {"active": True, "detail": "%s; process %d" % (manager["detail"], pid)}
    return {"active": False}


def _ufw(manager, loaded):
    """ufw's unit is active on every host that has it installed: its switch is in a file, its chains in the kernel."""
    switch = host.read(UFW_CONF)
    values = re.findall(r"^[ \t]*ENABLED[ \t]*=[ \t]*[\"']?(\w*)", switch.text, re.M)
    on = bool(values) and values[-1].lower() == "yes"
    chains = loaded.get("ufw", False if manager["active"] is False and not on else None)
    detail = "%s; %s" % (manager["detail"], switch.error or "ENABLED=%s in %s" % ("yes" if on else "no", UFW_CONF))
    if on and chains is False:
        detail += "; its chains are not loaded"
    return {"active": chains if chains is not None else on, "enabled": on and manager["enabled"], "detail": detail}


def _still_loaded(name, manager, loaded):
    """A oneshot unit stays active when its rules have been flushed since."""
    backends = BACKENDS[name]
    if any(loaded.get(backend) is not False for backend in backends):
        return {}
    return {"active": False, "detail": "%s; none of its rules are loaded" % manager["detail"]}


# --- systemd and SysV ---


def _units():
    """What starts each firewall: {name: [{active, enabled, detail}]}."""
    wanted = dict(UNITS, **{name: (name + ".service",) for name in OTHERS})
    if host.status_of("/run/systemd/system") is None:
        return {name: _scripts(name) for name in wanted}
    names = sorted(unit for units in wanted.values() for unit in units)
    shown = host.run(["systemctl", "show", "--no-pager", "-p", PROPERTIES] + names)
    states = parse_show(shown.out)
    reason = shown.error or (shown.err.strip() if shown.rc != 0 and not states else None)
    if reason:
        unknown = {"active": None, "enabled": None, "detail": reason}
        return {name: [unknown] if host.which(PROGRAMS.get(name, "")) else [] for name in wanted}
    return {name: [states[unit] for unit in units if unit in states] for name, units in wanted.items()}


def parse_show(text):
    """The state of each unit that exists, by name, in the output of systemctl show."""
    states = {}
    for block in re.split(r"\n\s*\n", text.strip()):
        unit = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if unit.get("Id") and unit.get("LoadState", "not-found") != "not-found":
            states[unit["Id"]] = describe(unit)
    return states


def describe(unit):
    """Active, enabled and a word for it, from the properties of one unit."""
    masked = unit["LoadState"] == "masked" or unit.get("UnitFileState", "").startswith("masked")
    file_state = unit.get("UnitFileState", "")
    wanted = bool(unit.get("WantedBy", "") + unit.get("RequiredBy", ""))
    if masked or file_state in ("enabled-runtime", "linked-runtime"):
        enabled = False
    elif file_state == "generated":
        enabled = script_enabled(unit["Id"].rpartition(".")[0])
    else:
        enabled = file_state in ("enabled", "alias") or wanted
    active = unit.get("ActiveState") in ("active", "reloading")
    words = "%s: %s (%s)" % (unit["Id"], unit.get("ActiveState"), unit.get("SubState"))
    if unit.get("Result") not in (None, "", "success"):
        words += ", result %s" % unit["Result"]
    loads = re.search(r"argv\[\]=\S*\bnft\b.* -f (\S+) ;", unit.get("ExecStart", ""))
    return {
        "active": active,
        "enabled": enabled,
        "detail": "%s, %s" % (words, "masked" if masked else file_state or "no unit file"),
        "file": loads.group(1) if loads else None,
    }


def _scripts(name):
    """The init scripts of a firewall. One that only loads rules leaves no process to see."""
    found = []
    for script in [unit.rpartition(".")[0] for unit in UNITS.get(name, (name + ".service",))]:
        path = next((path for path in ("%s/%s" % (folder, script) for folder in SCRIPT_FOLDERS)
                     if host.status_of(path) is not None), None)  # fmt: skip
        if path is None:
            continue
        enabled = script_enabled(script)
        # Where rules of its kind are loaded, what loads them at boot is taken to have loaded these.
        active = bool(enabled) if name in BACKENDS else False
        words = {True: "started at boot", False: "not started at boot", None: "its runlevels cannot be read"}[enabled]
        found.append({"active": active, "enabled": enabled, "detail": "%s: %s" % (path, words)})
    return found


def script_enabled(name):
    """Whether the boot or the default runlevel starts an init script; None where runlevels cannot be read."""
    default = re.search(r"^[^#:]*:(\d):initdefault:", host.read("/etc/inittab").text, re.M)
    levels = "S" + (default.group(1) if default else "2345")
    folders = ["%s%s.d" % (prefix, level) for prefix in ("/etc/rc", "/etc/rc.d/rc") for level in levels]
    listed = [host.names_in(folder) for folder in folders if host.status_of(folder) is not None]
    if not listed:
        return None
    return any(re.match(r"S\d\d%s\Z" % re.escape(name), entry) for names in listed for entry in names)
