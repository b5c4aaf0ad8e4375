# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SELinux and AppArmor, as far as they concern sshd: mode, label of the port, what they have denied lately."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

SELINUX = "/sys/fs/selinux"
CONFIG = "/etc/selinux/config"
PORT_TYPE = "ssh_port_t"
# The policy itself gives sshd only this one.
USUAL_PORT = 22
# Where libsemanage keeps what was added by hand, newer place first.
LOCAL_PORTS = ("/var/lib/selinux/%s/active/ports.local", "/etc/selinux/%s/active/ports.local",
               "/etc/selinux/%s/modules/active/ports.local")  # fmt: skip
PORTCON = re.compile(r"^portcon\s+tcp\s+(\d+)(?:-(\d+))?\s+\S+?:\S+?:(\w+)", re.M)
AUDIT_LOG = "/var/log/audit/audit.log"
TAIL_BYTES = 512 * 1024
RECENT_S = 900
SHOWN = 10
# The head of a line is the kernel's; further on in some lines are the words of strangers.
HEAD = r"^(?:node=\S+ )?(?:audit: )?type=(?:AVC|1400) (?:msg=)?audit\((?P<when>\d+\.\d+):\d+\): "
AVC = re.compile(HEAD + r"avc:\s+denied\s+\{ (?P<permissions>[^}]*) \} for (?P<rest>.*)$")
APPARMOR = re.compile(HEAD + r"apparmor=\"DENIED\" (?P<rest>.*)$")
FIELD = re.compile(r"\b(\w+)=(\"[^\"]*\"|\S+)")
DOMAINS = ("sshd_t", "sshd_session_t", "sshd_auth_t", "sshd_net_t", "sshd_keygen_t")
PROGRAMS = ("sshd", "sshd-session", "sshd-auth")


def look(login, pid, kernel, now):
    """The state of both for a login, and why some of it is not known: (evidence, reason or None)."""
    mode, policy = mode_of(), None
    settings = dict(re.findall(r"^\s*(SELINUX|SELINUXTYPE)=(\w+)", host.read(CONFIG, limit=65536).text, re.M))
    policy = settings.get("SELINUXTYPE")
    answer = {"mode": mode, "configured": settings.get("SELINUX"), "policy": policy, "port": None, "denials": []}
    answer["apparmor"] = apparmor_of(pid)
    reason = None
    confined = answer["apparmor"] and answer["apparmor"]["mode"] == "enforce"
    if mode != "disabled":
        answer["port"] = port_label(login["port"], policy or "targeted")
    if mode != "disabled" or confined:
        lines, reason = audit_lines(kernel)
        found = [denial for denial in denials(lines) if now - denial["when"] < RECENT_S]
        answer["denials"] = [_shown(denial, mode, login["port"]) for denial in found[-SHOWN:]]
    answer["in_force"] = [denial for denial in answer["denials"] if denial["enforced"]]
    return answer, reason


def mode_of():
    """enforcing, permissive or disabled."""
    text = host.read("%s/enforce" % SELINUX, limit=16)
    if text.error:
        return "disabled"
    return "enforcing" if text.text.strip() == "1" else "permissive"


def apparmor_of(pid):
    """{profile, mode} that the daemon is confined by, or None."""
    text = host.read("/proc/%s/attr/current" % pid, limit=4096).text.strip("\0\n ") if pid else ""
    found = re.match(r"(\S+) \((enforce|complain|kill|unconfined)\)$", text)
    return {"profile": found.group(1), "mode": found.group(2)} if found else None


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
    """The closest type in `semanage port -l`: a single port before a range, and a small range before a large one."""
    best = None
    for line in text.splitlines():
        words = line.replace(",", " ").split()
        if len(words) < 3 or words[1] != "tcp":
            continue
        for part in words[2:]:
            found = re.match(r"(\d+)(?:-(\d+))?$", part)
            low, high = (int(found.group(1)), int(found.group(2) or found.group(1))) if found else (1, 0)
            if low <= port <= high and (best is None or high - low < best[0]):
                best = (high - low, words[0])
    return best[1] if best else None


# --- denials ---


def audit_lines(kernel):
    """The lines that may hold denials, and why there are none, or None."""
    tail = host.read(AUDIT_LOG, limit=TAIL_BYTES, tail=True)
    if not tail.error:
        return tail.text.splitlines(), None
    # Without auditd they are in the kernel's ring buffer.
    return [line for _when, line in kernel], None if kernel else tail.error


def denials(lines):
    """[{when, by, permissions, target, kind, path, port, permissive, program}] that concern sshd, oldest first."""
    found = []
    for line in lines:
        match, other = AVC.match(line[:2000]), APPARMOR.match(line[:2000])
        if not match and not other:
            continue
        fields = {name: value.strip('"') for name, value in FIELD.findall((match or other).group("rest"))}
        if match and _type(fields.get("scontext")) in DOMAINS:
            found.append(_denial("SELinux", match, match.group("permissions").split(), fields))
        elif other and fields.get("comm") in PROGRAMS:
            found.append(_denial("AppArmor", other, [fields.get("operation", "")], fields))
    return found


def _denial(by, match, permissions, fields):
    port = fields.get("src") if "name_bind" in permissions else None
    return {
        "when": float(match.group("when")),
        "by": by,
        "permissions": permissions,
        "target": _type(fields.get("tcontext")) or fields.get("profile"),
        "kind": fields.get("tclass"),
        "path": fields.get("path") or fields.get("name"),
        "port": int(port) if port and port.isdigit() else None,
        "permissive": fields.get("permissive") == "1",
        "program": fields.get("comm"),
    }


def _type(context):
    parts = (context or "").split(":")
    return parts[2] if len(parts) > 2 else None


def _shown(denial, mode, port):
    """A denial as evidence: whether it was carried out, and which outcomes it can produce."""
    enforced = not denial["permissive"] and (denial["by"] == "AppArmor" or mode == "enforcing")
    shown = dict(denial, enforced=enforced, at=host.iso_time(denial["when"]), explains=outcomes(denial, port))
    del shown["when"]
    path = denial["path"] or (denial["port"] and "port %d" % denial["port"]) or "something"
    words = (", ".join(denial["permissions"]), path, denial["target"], shown["at"])
    shown["text"] = "%s on %s (%s) at %s" % words
    return shown


def outcomes(denial, port):
    """Where a login can end for a denial, by what sshd wanted."""
    wanted, path = denial["permissions"], denial["path"] or ""
    if "name_bind" in wanted:
        return ["refused"] if denial["port"] == port else []
    if "authorized_keys" in path or path.startswith((".ssh", "ssh")) or "shadow" in path or denial["kind"] == "dir":
        return ["auth_denied"]
    if {"transition", "dyntransition", "entrypoint", "execute", "exec", "setcurrent", "setexec"} & set(wanted):
        return ["session_failed", "auth_denied"]
    if "ssh_host_" in path or "sshd_config" in path or path.endswith((".conf", "moduli")):
        return ["refused", "closed_before_banner", "key_exchange_failed"]
    return ["auth_denied", "session_failed", "closed_before_banner"]
