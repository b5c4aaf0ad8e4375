# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd needs beside its configuration: host keys, and the directory and user for privilege separation."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import base64
import hashlib
import pwd
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.sockets import user_name

DEFAULT_KEYS = ["/etc/ssh/ssh_host_%s_key" % kind for kind in ("rsa", "ecdsa", "ed25519")]
# The directory is compiled in: Debian; RHEL up to 8; RHEL 9 and Fedora; SUSE; upstream.
DIRECTORIES = ("/run/sshd", "/var/run/sshd", "/var/empty/sshd", "/usr/share/empty.sshd", "/var/lib/sshd", "/var/empty")
USER = "sshd"
ENCRYPTED = "encrypted with a passphrase"
# The names of format and cipher stand in front; no part of the key itself is read.
HEADER_BYTES = 120
BINARY_LIMIT_BYTES = 16 * 1024 * 1024


def host_keys(paths, said):
    """Each configured host key, with what sshd itself complained of (``said``: the words of `sshd -t`)."""
    too_open = re.findall(r"Permissions \d+ for '([^']+)' are too open", said)
    return [_host_key(path, path in too_open, said) for path in paths or DEFAULT_KEYS]


def _host_key(path, too_open, said):
    status = host.status_of(path)
    key = {"path": path, "exists": status is not None, "mode": None, "owner": None, "group": None, "problem": None}
    key["fingerprint"] = _fingerprint("%s.pub" % path)
    if status is None:
        key["problem"] = "missing"
        return key
    key.update(mode="%04o" % stat.S_IMODE(status.st_mode), owner=user_name(status.st_uid), group=status.st_gid)
    if not stat.S_ISREG(status.st_mode):
        key["problem"] = "not a regular file"
    elif too_open:
        key["problem"] = "permissions"
    elif status.st_size == 0:
        key["problem"] = "empty"
    else:
        refused = re.search(
            r"(?:Unable to load host key|Could not load host key)[^\n]*%s[^\n]*" % re.escape(path), said
        )
        key["problem"] = refusal(path) if refused else None
    return key


def refusal(path, otherwise="unreadable"):
    """Why sshd refuses a key file that is there: where it is encrypted, nobody is there to type the passphrase."""
    return ENCRYPTED if is_encrypted(host.read(path, limit=HEADER_BYTES).text) else otherwise


def is_encrypted(header):
    """Whether the beginning of a private key file says that what follows is encrypted."""
    first, _newline, rest = header.partition("\n")
    if first.strip() != "-----BEGIN OPENSSH PRIVATE KEY-----":
        return "BEGIN ENCRYPTED PRIVATE KEY" in first or "Proc-Type: 4,ENCRYPTED" in header
    try:
        start = base64.b64decode(rest[:32].encode("ascii"))
    except (ValueError, TypeError):
        return False
    # Behind the magic word stand the length of the cipher's name (4 bytes) and its name.
    return start.startswith(b"openssh-key-v1\0") and not start[15:].startswith(b"\0\0\0\4none")


def _fingerprint(path):
    """The SHA-256 fingerprint of a public key file, or None: the private key is never read."""
    fields = host.read(path, limit=65536).text.split()
    try:
        blob = base64.b64decode(fields[1].encode("ascii")) if len(fields) > 1 else None
    except (ValueError, TypeError):
        return None
    if not blob:
        return None
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def privilege_separation(binary, said):
    """State of the directory and the user, and whether the daemon can do without (nothing wrong)."""
    directory = _directory(binary, said)
    try:
        pwd.getpwnam(USER)
        user_exists = True
    except KeyError:
        user_exists = False
    return {
        "directory": directory,
        "directory_state": _directory_state(directory),
        "user": USER,
        "user_exists": user_exists and "Privilege separation user" not in said,
    }


def _directory(binary, said):
    named = re.search(r"Missing privilege separation directory: (\S+)|^(\S+) must be owned by root", said, re.M)
    if named:
        return named.group(1) or named.group(2)
    content = host.read(binary, limit=BINARY_LIMIT_BYTES).text
    return next((path for path in DIRECTORIES if "\0%s\0" % path in content), None)


def _directory_state(directory):
    if directory is None:
        return None
    status = host.status_of(directory)
    if status is None:
        return "missing"
    if not stat.S_ISDIR(status.st_mode):
        return "not a directory"
    if status.st_uid != 0:
        return "owned by %s" % user_name(status.st_uid)
    if status.st_mode & 0o022:
        return "writable by others (mode %04o)" % stat.S_IMODE(status.st_mode)
    return "ok"
