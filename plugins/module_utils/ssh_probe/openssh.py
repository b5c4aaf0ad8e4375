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
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import algorithms, known_hosts
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.connect import Failed, Undecided, text
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.login import (
    AGENT_KEYS_SHOWN,
    AUTH_PATIENCE,
    COMMAND,
)

HOST_KEY = re.compile(r"^debug1: Server host key: (\S+) (\S+)", re.M)
OFFENDING = re.compile(r"^Offending \S+ key in (/.+:\d+)$", re.M)
METHODS = re.compile(r"^debug1: Authentications that can continue: (\S+)", re.M)
CHANGED = re.compile(r"^@ +WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! +@", re.M)
REVOKED = re.compile(r"^@ +WARNING: REVOKED HOST KEY DETECTED! +@", re.M)
# 'Offering public key: PATH TYPE FINGERPRINT [explicit] [agent]'
OFFERED = re.compile(r"^debug1: Offering public key: .* (\S+) (SHA256:\S+)(.*)$", re.M)
ACCEPTED = re.compile(r"^debug1: Server accepts key: .* (\S+) (SHA256:\S+)", re.M)
# Before 8.0 'RSA SHA256:x PATH' stood in another order.
OFFERED_BEFORE = re.compile(r"^debug1: Offering (?:[A-Z0-9-]+ )?public key: (\S+) (SHA256:\S+) (.*)$", re.M)
PARTLY = re.compile(r"^(debug1: )?Authenticated (using \S+ )?with partial success", re.M)
AUTHENTICATED = re.compile(r"^(debug1: )?Authenticated to ", re.M)
PARTING = re.compile(r"^Received disconnect from \S+ port \d+:\d+: \S")
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
    if cannot_be_given(target):
        raise Undecided("the OpenSSH client cannot be given a password; install paramiko on this vantage")
    key = target.get("private_key_file")
    if key and not os.path.isfile(os.path.expanduser(key)):
        raise Undecided("the key file %s does not exist" % key)
    answer = host.run([program] + arguments(target, address, timeout), timeout=timeout * (AUTH_PATIENCE + 2))
    result["timings_ms"]["key_exchange"] = None
    result["credential"] = "key file %s" % key if key else "what the OpenSSH client finds"
    try:
        judge(answer.rc, answer.out, answer.err, answer.error, target, result)
    except Failed as failure:
        _tell_what_differs(failure, target, address, result)
        raise


def cannot_be_given(target):
    """Whether this login is by a password, which the client takes from a terminal only."""
    return bool(target.get("password")) and not target.get("private_key_file")


def _tell_what_differs(failure, target, address, result):
    """Put to a failure what the client's words alone do not tell."""
    if failure.outcome == "key_exchange_failed":
        takes = algorithms.client_takes(options(target), address)
        offer = result.get("key_exchange_offer")
        result["algorithms_mismatch"] = algorithms.judge(failure.detail, offer, takes)
    elif failure.outcome == "host_key_changed":
        if result["host_key"]["status"] == "revoked":
            result["host_key"]["known_in"] = known_hosts.revoked_in(target, result["host_key"]["fingerprint"])
            return
        known = [known_hosts.fingerprint_in(place) for place in result["host_key"]["known_in"]]
        result["host_key"]["known_fingerprints"] = [fingerprint for fingerprint in known if fingerprint]


def options(target):
    """Whom and where: the options on which it depends what the people's ssh_config says."""
    config = [] if target.get("use_ssh_config", True) else ["-F", "none"]
    return config + ["-p", str(target["port"]), "-l", target["user"]]


def arguments(target, address, timeout):
    """The options of one attempt that writes nothing and asks nothing. The people's own ssh_config counts."""
    paths = target.get("known_hosts")
    known = [os.path.expanduser(path) for path in (known_hosts.DEFAULT_FILES if paths is None else paths)]
    settings = {
        "BatchMode": "yes",
        "ConnectTimeout": "%d" % max(1, timeout),
        "ConnectionAttempts": "1",
        "ControlPath": "none",
        "HostKeyAlias": known_hosts.known_name(target),
        # Unknown keys would be written to the first file.
        "UserKnownHostsFile": " ".join(["/dev/null"] + known),
        "StrictHostKeyChecking": "no",
        "UpdateHostKeys": "no",
    }
    if target.get("private_key_file"):
        settings["IdentitiesOnly"] = "yes"
    argv = ["-v"]
    for name in sorted(settings):
        argv += ["-o", "%s=%s" % (name, settings[name])]
    if target.get("private_key_file"):
        argv += ["-i", os.path.expanduser(target["private_key_file"])]
    return argv + options(target) + ["--", address, COMMAND]


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
        "agent_fingerprints": [entry[1] for entry in of_agent][:AGENT_KEYS_SHOWN],
    }


def key_type(name):
    """The name of a key's type in its file, where the client says it in short."""
    short = {"RSA": "ssh-rsa", "ED25519": "ssh-ed25519", "DSA": "ssh-dss"}
    return short.get(name, name if name[:1].islower() else None)


def judge(rc, out, err, error, target, result):
    """What the client's exit status and words say of the attempt."""
    err = own_words(err)
    said = [line for line in err.splitlines() if line and not line.startswith(IDLE_WORDS)]
    # Why the server disconnects stands before the mere fact.
    parting = [line for line in said if PARTING.match(line)]
    last = (
        text((parting[-1] if parting else said[-1] if said else out).strip().encode("utf-8"))
        or "the client says nothing"
    )
    changed, revoked = CHANGED.search(err) is not None, REVOKED.search(err) is not None
    found = HOST_KEY.search(err)
    if found:
        status = "known" if "is known and matches" in err else "unknown"
        status = "revoked" if revoked else "changed" if changed else status
        kind, fingerprint = found.groups()
        places = OFFENDING.findall(err) if changed else []
        result["host_key"] = {"type": kind, "fingerprint": fingerprint, "status": status, "known_fingerprints": []}
        result["host_key"]["known_in"] = places
    methods = METHODS.findall(err)
    if methods:
        result["auth_methods"] = methods[-1].split(",")
    if changed:
        raise Failed("host_key_changed", "the host's key is not the one in known_hosts")
    if revoked:
        raise Failed("host_key_changed", "known_hosts marks the host's key as revoked")
    result["credential_used"] = used(err)
    authenticated = AUTHENTICATED.search(err) is not None
    if error and not authenticated:
        stage = "key_exchange_timed_out" if found is None else "auth_denied"
        raise Failed(stage, "the OpenSSH client %s" % error)
    if not authenticated and "debug1: SSH2_MSG_NEWKEYS received" not in err:
        raise Failed("key_exchange_failed", last)
    if not target.get("authenticate", True):
        return
    if not authenticated and PARTLY.search(err):
        raise Undecided("%s was accepted; the server also wants %s" % (result["credential"], methods[-1]))
    if not authenticated:
        raise Failed("auth_denied", last)
    result["authenticated"] = True
    result["session"] = {"exit_status": rc, "output": text(out.strip()[:500].encode("utf-8"))}
    if rc != 0:
        said = result["session"]["output"] or last
        raise Failed("session_failed", "logged in, but the command 'true' ended with status %s: %s" % (rc, said))
