# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's key against known_hosts."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import base64
import fnmatch
import hashlib
import os

from ansible_collections.rescue.remote_login.plugins.module_utils import host

try:
    import paramiko
except ImportError:
    paramiko = None  # the OpenSSH client stands in

DEFAULT_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts")
LIMIT_BYTES = 8 * 1024 * 1024


def known_keys(target):
    """The keys that known_hosts has for this target: {type: [(key, file:line), ...]}. A wrong line hides no other."""
    found = {}
    for marker, line, place in _lines_about(target):
        if marker:
            continue  # certificates and revoked keys: not a key to compare with
        try:
            entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
        except Exception:  # paramiko has several ways of refusing a line
            continue
        if entry is not None and entry.key is not None:
            found.setdefault(entry.key.get_name(), []).append((entry.key, place))
    return found


def revoked_in(target, shown):
    """The lines that mark the key with this fingerprint as revoked, which no client overlooks: [file:line]."""
    lines = _lines_about(target)
    return [place for marker, _line, place in lines if marker == "@revoked" and fingerprint_in(place) == shown]


def _lines_about(target):
    """(marker or None, the rest, file:line) of each line of known_hosts about a target."""
    wanted = known_name(target)
    paths = target.get("known_hosts")
    for path in DEFAULT_FILES if paths is None else paths:
        path = os.path.expanduser(path)
        for number, line in enumerate(host.read(path, limit=LIMIT_BYTES).text.splitlines(), 1):
            marker = line.split()[0] if line.lstrip()[:1] == "@" else None
            line = line.strip()[len(marker or "") :].strip()
            if line and line[0] != "#" and names_host(line.split()[0], wanted):
                yield marker, line, "%s:%d" % (path, number)


def known_name(target):
    """What a target is called in known_hosts."""
    if target.get("host_key_alias"):
        return target["host_key_alias"]
    return target["address"] if target["port"] == 22 else "[%s]:%d" % (target["address"], target["port"])


def names_host(field, wanted):
    """Whether the first field of a known_hosts line is about this host: names, patterns, negations or a hash."""
    if field.startswith("|1|"):
        try:
            return paramiko.HostKeys.hash_host(wanted, field) == field
        except Exception:
            return False
    patterns = field.lower().split(",")
    if any(fnmatch.fnmatchcase(wanted.lower(), _glob(pattern[1:])) for pattern in patterns if pattern[:1] == "!"):
        return False
    return any(fnmatch.fnmatchcase(wanted.lower(), _glob(pattern)) for pattern in patterns)


def _glob(pattern):
    return pattern.replace("[", "[[]")  # a bracket stands for itself, as in [host]:port


def judge_host_key(key, known, revoked=()):
    """The evidence on the host key that the server has shown; ``revoked``: the lines that mark it as such."""
    kind = key.get_name()
    same_type = known.get(kind, [])
    status = "unknown"
    if any(key.asbytes() == other.asbytes() for other, _place in same_type):
        status = "known"
    elif same_type:
        status = "changed"
    if revoked:
        status = "revoked"
    expected = same_type if status == "changed" else []
    return {
        "type": kind,
        "fingerprint": fingerprint(key.asbytes()),
        "status": status,
        "known_fingerprints": [fingerprint(other.asbytes()) for other, _place in expected],
        "known_in": list(revoked) or [place for _other, place in expected],
    }


def refusal(judged):
    """Why a client goes no further, in words."""
    shows = "the host shows the %s key %s" % (judged["type"], judged["fingerprint"])
    if judged["status"] == "revoked":
        return "%s, which known_hosts marks as revoked" % shows
    return "%s, known_hosts has %s" % (shows, ", ".join(judged["known_fingerprints"]))


def fingerprint(blob):
    """The SHA-256 fingerprint of a key as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def fingerprint_in(place):
    """The fingerprint of the key in a line of known_hosts, given as file:line; None where there is none."""
    path, _colon, number = place.rpartition(":")
    lines = host.read(path, limit=LIMIT_BYTES).text.splitlines()
    fields = lines[int(number) - 1].split() if 0 < int(number) <= len(lines) else []
    # A line may begin with a marker; every key begins with the length of the name of its type.
    key = next((field for field in fields[2:4] if field.startswith("AAAA")), None)
    try:
        return fingerprint(base64.b64decode(key.encode("ascii"))) if key else None
    except (ValueError, TypeError):
        return None
