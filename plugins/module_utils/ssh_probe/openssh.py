# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenSSH client, where paramiko is missing or has no algorithm in common with the server."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.connect import Failed, Undecided, text
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.login import (
    AUTH_PATIENCE,
    COMMAND,
    DEFAULT_KNOWN_HOSTS,
    known_name,
)

HOST_KEY = re.compile(r"^debug1: Server host key: (\S+) (\S+)", re.M)
METHODS = re.compile(r"^debug1: Authentications that can continue: (\S+)", re.M)
CHANGED = re.compile(r"^@ +WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! +@", re.M)
# 'Offering public key: PATH TYPE FINGERPRINT [explicit] [agent]'
OFFERED = re.compile(r"^debug1: Offering public key: .* (\S+) (SHA256:\S+)(.*)$", re.M)
ACCEPTED = re.compile(r"^debug1: Server accepts key: .* (\S+) (SHA256:\S+)", re.M)
# Before 8.0 'RSA SHA256:x PATH' stood in another order.
OFFERED_BEFORE = re.compile(r"^debug1: Offering (?:[A-Z0-9-]+ )?public key: (\S+) (SHA256:\S+) (.*)$", re.M)
AUTHENTICATED = re.compile(r"^(debug1: )?Authenticated to ", re.M)
IDLE_WORDS = (
    "Warning: Permanently added ",
    "debug1: ",
    "Authenticated to ",
    "Transferred: ",
    "Bytes per second: ",
    "OpenSSH_",
)


def log_in(target, address, result, timeout):
    """One login by `ssh`; fills ``result`` and raises Failed or Undecided where it ends."""
    program = host.which("ssh")
    if program is None:
        raise Undecided("neither paramiko nor an OpenSSH client that fits the server is on this vantage")
    if target.get("password") and not target.get("private_key_file"):
        raise Undecided("the OpenSSH client cannot be given a password; install paramiko on this vantage")
    key = target.get("private_key_file")
    if key and not os.path.isfile(os.path.expanduser(key)):
        raise Undecided("the key file %s does not exist" % key)
    answer = host.run([program] + arguments(target, address, timeout), timeout=timeout * (AUTH_PATIENCE + 2))
    result["timings_ms"]["key_exchange"] = None
    result["credential"] = "key file %s" % key if key else "what the OpenSSH client finds"
    judge(answer.rc, answer.out, answer.err, answer.error, target, result)


def arguments(target, address, timeout):
    """The options of one attempt that writes nothing and asks nothing. The people's own ssh_config counts."""
    paths = target.get("known_hosts")
    known = [os.path.expanduser(path) for path in (DEFAULT_KNOWN_HOSTS if paths is None else paths)]
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "%d" % max(1, timeout),
        "ConnectionAttempts": "1",
        "ControlPath": "none",
        "HostKeyAlias": known_name(target),
        # Unknown keys would be written to the first file.
        "UserKnownHostsFile": " ".join(["/dev/null"] + known),
        "StrictHostKeyChecking": "no",
        "UpdateHostKeys": "no",
    }
    if target.get("private_key_file"):
        options["IdentitiesOnly"] = "yes"
    argv = ["-v"]
    for name in sorted(options):
        argv += ["-o", "%s=%s" % (name, options[name])]
    if target.get("private_key_file"):
        argv += ["-i", os.path.expanduser(target["private_key_file"])]
    return argv + ["-p", str(target["port"]), "-l", target["user"], "--", address, COMMAND]


def own_words(err):
    """The lines of the client itself: it ends them with a carriage return, and escapes those of the server."""
    lines = [line[:-1] for line in err.split("\n") if line.endswith("\r")]
    return "\n".join(lines) if lines else err


def used(err):
    """The key that the client offered, the one that was accepted first; None where it offered none."""
    offered = OFFERED.findall(err) or OFFERED_BEFORE.findall(err)
    if not offered:
        return None
    accepted = ACCEPTED.search(err)
    kind, fingerprint = accepted.groups() if accepted else offered[0][:2]
    of_agent = [entry for entry in offered if entry[2].rstrip().endswith("agent")]
    return {
        "kind": "publickey",
        "type": key_type(kind),
        "fingerprint": fingerprint,
        "agent_keys": len(of_agent) or None,
    }


def key_type(name):
    """The name of a key's type in its file, where the client says it in short."""
    short = {"RSA": "ssh-rsa", "ED25519": "ssh-ed25519", "DSA": "ssh-dss"}
    return short.get(name, name if name[:1].islower() else None)


def judge(rc, out, err, error, target, result):
    """What the client's exit status and words say of the attempt."""
    err = own_words(err)
    said = [line for line in err.splitlines() if line and not line.startswith(IDLE_WORDS)]
    last = text((said[-1] if said else out).strip().encode("utf-8")) or "the client says nothing"
    changed = CHANGED.search(err) is not None
    found = HOST_KEY.search(err)
    if found:
        status = "changed" if changed else "known" if "is known and matches" in err else "unknown"
        kind, fingerprint = found.groups()
        result["host_key"] = {"type": kind, "fingerprint": fingerprint, "status": status, "known_fingerprints": []}
    methods = METHODS.findall(err)
    if methods:
        result["auth_methods"] = methods[-1].split(",")
    if changed:
        raise Failed("host_key_changed", "the host's key is not the one in known_hosts")
    result["credential_used"] = used(err)
    authenticated = AUTHENTICATED.search(err) is not None
    if error and not authenticated:
        stage = "key_exchange_timed_out" if found is None else "auth_denied"
        raise Failed(stage, "the OpenSSH client %s" % error)
    if not authenticated and "debug1: SSH2_MSG_NEWKEYS received" not in err:
        raise Failed("key_exchange_failed", last)
    if not target.get("authenticate", True):
        return
    if not authenticated:
        raise Failed("auth_denied", last)
    result["authenticated"] = True
    result["session"] = {"exit_status": rc, "output": text(out.strip()[:500].encode("utf-8"))}
    if rc != 0:
        said = result["session"]["output"] or last
        raise Failed("session_failed", "logged in, but the command 'true' ended with status %s: %s" % (rc, said))
