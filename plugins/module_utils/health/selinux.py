# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SELinux and AppArmor, as far as they concern sshd: mode, label of the port, what they have denied lately."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host, system_log

SELINUX = "/sys/fs/selinux"
CONFIG = "/etc/selinux/config"
PORT_TYPE = "ssh_port_t"
# The policy itself gives sshd only this one.
USUAL_PORT = 22
# Where libsemanage keeps what was added by hand, newer place first.
LOCAL_PORTS = ("/var/lib/selinux/%s/active/ports.local", "/etc/selinux/%s/active/ports.local",
               "/etc/selinux/%s/modules/active/ports.local")  # fmt: skip
PORTCON = re.compile(r"^portcon\s+tcp\s+(\d+)(?:-(\d+))?\s+\S+?:\S+?:(\w+)", re.M)
APPARMOR_ON = "/sys/module/apparmor/parameters/enabled"
PROFILES = "/sys/kernel/security/apparmor/profiles"
CARRIED_OUT = ("enforce", "kill")
AUDIT_LOG = "/var/log/audit/audit.log"
TAIL_BYTES = 512 * 1024
RECENT_S = 900
SHOWN = 10
# The head of a line is the kernel's; further on in some lines are the words of strangers.
HEAD = r"^(?:node=\S+ )?(?:audit: )?type=(?:AVC|1400) (?:msg=)?audit\((?P<when>\d+\.\d+):\d+\): "
AVC = re.compile(HEAD + r"avc:\s+denied\s+\{ (?P<permissions>[^}]*) \} for (?P<rest>.*)$")
APPARMOR = re.compile(HEAD + r"apparmor=\"DENIED\" (?P<rest>.*)$")
FIELD = re.compile(r"\b(\w+)=(\"[^\"]*\"|[^\s\x1d]+)")
# What holds a blank, a quote or a control character is written in hexadecimal, without quotes.
CODED = ("comm", "exe", "name", "path", "profile")
DOMAINS = ("sshd_t", "sshd_session_t", "sshd_auth_t", "sshd_net_t", "sshd_keygen_t")
# Where a daemon runs that could not change to a domain of its own, and what systemd starts it from. No user gets there.
DAEMONS = ("init_t", "initrc_t", "kernel_t", "unconfined_service_t", "unlabeled_t")
PROGRAMS = ("sshd", "sshd-session", "sshd-auth")
EXECUTE = {"execute", "execute_no_trans", "exec", "map"}
# What a program does not get from the one before it, and does not miss.
INHERITED = {"siginh", "rlimitinh", "noatsecure"}
SWITCH = {"transition", "dyntransition", "entrypoint", "setcurrent", "setexec"}
LISTEN = {"net_bind_service", "bind", "listen"}
# What is looked at to see whether somebody may log in.
USERS = re.compile(r"authorized_keys|shadow|(?:^|/)\.ssh(?:/|$)")
# What the daemon reads when it starts, and anew for each connection.
SETTINGS = re.compile(
    r"ssh_host_|sshd_config|opensshserver|\.conf$|(?:^|/)(?:etc|ssh|moduli|crypto-policies|back-ends)$"
)
# Without them a login is poorer by a greeting or an entry in a list, and no more.
DECIDES_NOTHING = re.compile(r"motd|^/proc/sys/|/io\.systemd\.Login$")
# systemd's own process just before it becomes the daemon.
STARTED = "(sshd)"


def look(login, pid, kernel, now):
    """The state of both for a login, and why some of it is not known: (evidence, reason or None)."""
    mode, policy = mode_of(), None
    settings = dict(re.findall(r"^\s*(SELINUX|SELINUXTYPE)=(\w+)", host.read(CONFIG, limit=65536).text, re.M))
    policy = settings.get("SELINUXTYPE")
    answer = {"mode": mode, "configured": settings.get("SELINUX"), "policy": policy, "port": None, "denials": []}
    answer["apparmor"], confined = apparmor(pid)
    reason = None
    if mode != "disabled":
        answer["port"] = port_label(login["port"], policy or "targeted")
    if mode != "disabled" or confined:
        lines, reason = audit_lines(kernel)
        found = [denial for denial in denials(lines, answer["apparmor"]) if now - denial["when"] < RECENT_S]
        answer["denials"] = [_shown(denial, mode, login["port"], pid) for denial in found[-SHOWN:]]
    answer["in_force"] = [denial for denial in answer["denials"] if denial["enforced"]]
    return answer, reason


def mode_of():
    """enforcing, permissive or disabled."""
    text = host.read("%s/enforce" % SELINUX, limit=16)
    if text.error:
        return "disabled"
    return "enforcing" if text.text.strip() == "1" else "permissive"


# --- AppArmor ---


def apparmor(pid):
    """({profile, mode} of the daemon, or what one would be started with; whether AppArmor can deny sshd anything)."""
    own, (loaded, error) = apparmor_of(pid), loaded_profiles()
    shown = own if pid else next((one for one in loaded if one["mode"] in CARRIED_OUT), (loaded or [None])[0])
    # A connection's programs can have profiles that the daemon has not. Who may not see the list cannot rule it out.
    able = any(one["mode"] in CARRIED_OUT for one in loaded + [own or {"mode": None}])
    return shown, able or bool(error and not pid)


def apparmor_of(pid):
    """{profile, mode} that the daemon is confined by, or None."""
    text = host.read("/proc/%s/attr/current" % pid, limit=4096).text.strip("\0\n ") if pid else ""
    return _profile(text)


def loaded_profiles():
    """([{profile, mode}] of sshd that the kernel has, and why they are not known, or None)."""
    if not host.read(APPARMOR_ON, limit=16).text.startswith("Y"):
        return [], None
    text = host.read(PROFILES)
    found = [_profile(line) for line in text.text.splitlines()]
    return [one for one in found if one and _is_of_sshd(one["profile"])], text.error


def _profile(text):
    found = re.match(r"(\S+) \((enforce|complain|kill|prompt|unconfined)\)$", text)
    return {"profile": found.group(1), "mode": found.group(2)} if found else None


def _is_of_sshd(profile):
    """By its name: /usr/sbin/sshd, sshd, sshd//null-/usr/lib/ssh/sshd-session; not that of a container's sshd."""
    return os.path.basename(profile.partition("//")[0]).startswith("sshd") or profile.startswith("usr.sbin.sshd")


# --- the label of the port ---


def port_label(port, policy):
    """{port, type, allowed, source}: the type of a TCP port; None where that is not known."""
    for path in LOCAL_PORTS:
        text = host.read(path % policy)
        if text.error:
            continue
        kind = type_in(text.text, port)
        if kind or port == USUAL_PORT:
            kind = kind or PORT_TYPE
            return {"port": port, "type": kind, "allowed": kind == PORT_TYPE, "source": path % policy}
    if port == USUAL_PORT:
        return {"port": port, "type": PORT_TYPE, "allowed": True, "source": "policy"}
    result = host.run(["semanage", "port", "-l"], timeout=8)
    if result.rc == 0:
        kind = listed_type(result.out, port)
        return {"port": port, "type": kind, "allowed": kind == PORT_TYPE, "source": "semanage port -l"}
    store = os.path.dirname(LOCAL_PORTS[0] % policy)
    if host.names_in(store):
        # Nobody has added a label, and the policy has none for sshd but that of port 22.
        return {"port": port, "type": None, "allowed": False, "source": store}
    return {"port": port, "type": None, "allowed": None, "source": result.error or result.err.strip()[:200]}


def type_in(text, port):
    """The type that a ports.local gives to a TCP port, or None."""
    for low, high, kind in PORTCON.findall(text):
        if int(low) <= port <= int(high or low):
            return kind
    return None


def listed_type(text, port):
    """The type in `semanage port -l`, which lists what the policy says and what was added, by the name of the type.

    What was added counts first. So a port other than 22 that is sshd's was added; else a single port counts before a
    range, and a small range before a large one.
    """
    best = None
    for line in text.splitlines():
        words = line.replace(",", " ").split()
        if len(words) < 3 or words[1] != "tcp":
            continue
        for part in words[2:]:
            found = re.match(r"(\d+)(?:-(\d+))?$", part)
            low, high = (int(found.group(1)), int(found.group(2) or found.group(1))) if found else (1, 0)
            width = -1 if words[0] == PORT_TYPE else high - low
            if low <= port <= high and (best is None or width < best[0]):
                best = (width, words[0])
    return best[1] if best else None


# --- denials ---


def audit_lines(kernel):
    """The lines that may hold denials, and why some are not known, or None.

    auditd writes to its file. Before it runs, and where it does not, the kernel keeps them in its ring buffer. A file
    can be left from a time when auditd ran; the times in the lines are those by which the old ones are passed over.
    """
    tail = host.read(AUDIT_LOG, limit=TAIL_BYTES, tail=True)
    lines = [line for _when, line in kernel] + tail.text.split("\n")
    if tail.error:
        return lines, None if kernel else tail.error
    if not kernel and not host.has_process("auditd"):
        return lines, "auditd does not run, and there is nothing of the kernel's messages to be read"
    return lines, None


def denials(lines, confined=None):
    """[{when, by, permissions, target, kind, path, port, permissive, program}] that concern sshd, oldest first."""
    found = []
    for line in lines:
        match, other = AVC.match(line[:2000]), APPARMOR.match(line[:2000])
        if not match and not other:
            continue
        fields = {name: _value(name, value) for name, value in FIELD.findall((match or other).group("rest"))}
        if match and _is_sshd(fields):
            found.append(_denial("SELinux", match, match.group("permissions").split(), fields))
        elif other and fields.get("comm") in PROGRAMS and _is_own(fields.get("profile", ""), confined):
            # Of a capability it says just the name.
            found.append(_denial("AppArmor", other, [fields.get("capname") or fields.get("operation", "")], fields))
    return sorted(found, key=lambda denial: denial["when"])


def _value(name, value):
    if not value.startswith('"') and name in CODED and re.match(r"(?:[0-9A-F]{2})+$", value):
        value = binascii.unhexlify(value.encode("ascii")).decode("utf-8", "replace")
    return system_log.one_line(value.strip('"'))


def _is_sshd(fields):
    """Whether SELinux has denied it to sshd, or to a program without which sshd lets nobody in."""
    domain, program = _type(fields.get("scontext")), fields.get("comm")
    if domain == "chkpwd_t":
        return "shadow" in fields.get("path", fields.get("name", ""))
    return domain in DOMAINS or (domain in DAEMONS and program in PROGRAMS + (STARTED,))


def _is_own(profile, confined):
    """Whether a profile is that of this host's sshd. The kernel tells of containers, too."""
    same = bool(confined) and profile.partition("//")[0] == confined["profile"].partition("//")[0]
    return same or _is_of_sshd(profile)


def _denial(by, match, permissions, fields):
    port = fields.get("src") if "name_bind" in permissions else None
    return {
        "when": float(match.group("when")),
        "by": by,
        "permissions": permissions,
        "target": _type(fields.get("tcontext")) or fields.get("profile"),
        "kind": fields.get("tclass"),
        "path": fields.get("path") or fields.get("name") or None,
        "port": int(port) if port and port.isdigit() else None,
        "permissive": fields.get("permissive") == "1",
        "program": fields.get("comm"),
    }


def _type(context):
    parts = (context or "").split(":")
    return parts[2] if len(parts) > 2 else None


def _shown(denial, mode, port, pid):
    """A denial as evidence: whether it was carried out, and which outcomes it can produce."""
    enforced = not denial["permissive"] and (denial["by"] == "AppArmor" or mode == "enforcing")
    explains = outcomes(denial, port, pid)
    shown = dict(denial, enforced=enforced, at=host.iso_time(denial["when"]), explains=explains)
    del shown["when"]
    path = denial["path"] or (denial["port"] and "port %d" % denial["port"]) or "something"
    words = (", ".join(denial["permissions"]), path, denial["target"], shown["at"])
    shown["text"] = "%s on %s (%s) at %s" % words
    return shown


def outcomes(denial, port, pid):
    """Where a login can end for a denial, by what sshd wanted; without a daemon (pid None) it may be why."""
    wanted, path = set(denial["permissions"]), denial["path"] or ""
    if "name_bind" in wanted:
        return ["refused"] if denial["port"] == port else []
    if denial["program"] == STARTED:
        # Each connection has a daemon of its own where a socket of systemd's starts them.
        return ["refused"] if pid is None else ["closed_before_banner"]
    vain = denial["kind"] == "vsock_socket" or (denial["target"] or "").startswith("sysctl_") or wanted <= INHERITED
    if vain or DECIDES_NOTHING.search(path):
        return []
    if wanted & EXECUTE and os.path.basename(path) in PROGRAMS:
        return ["closed_before_banner", "key_exchange_failed"]
    if SETTINGS.search(path) or wanted & LISTEN:
        return ["refused", "closed_before_banner", "key_exchange_failed"]
    if USERS.search(path) or denial["kind"] == "dir":
        return ["auth_denied"]
    if wanted & (SWITCH | EXECUTE):
        return ["session_failed", "auth_denied"]
    return ["refused"] * (pid is None) + ["auth_denied", "session_failed", "closed_before_banner"]
