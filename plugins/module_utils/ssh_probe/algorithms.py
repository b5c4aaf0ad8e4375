# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What server and client offer each other in the key exchange, and where they have nothing in common."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host

# kind, as the words of the client name it; the keyword of ssh_config; the name-lists of the server's offer (RFC 4253).
KINDS = (
    ("key exchange method", "kexalgorithms", ("kex_algorithms",)),
    ("host key type", "hostkeyalgorithms", ("server_host_key_algorithms",)),
    ("cipher", "ciphers", ("encryption_client_to_server", "encryption_server_to_client")),
    ("MAC", "macs", ("mac_client_to_server", "mac_server_to_client")),
)
KEYWORDS = tuple(keyword for _kind, keyword, _fields in KINDS)
# What the client of OpenSSH 10.0 takes as it comes.
CURRENT = {
    "kexalgorithms": (
        "mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,"
        "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
        "diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
        "diffie-hellman-group14-sha256"
    ).split(","),
    "hostkeyalgorithms": (
        "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,"
        "ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,"
        "sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,"
        "rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,ssh-ed25519,ecdsa-sha2-nistp256,"
        "ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,"
        "rsa-sha2-512,rsa-sha2-256"
    ).split(","),
    "ciphers": (
        "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr"
    ).split(","),
    "macs": (
        "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
        "hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1"
    ).split(","),
}
# Signals in the list of key exchange methods that are no methods.
SIGNALS = ("kex-strict-", "ext-info-")
# These ciphers need no MAC.
AUTHENTICATED = ("chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
NO_MATCHING = re.compile(r"no matching (?P<kind>key exchange method|host key type|cipher|MAC)(?: method)? found")


def client_takes(options, address):
    """What the vantage's OpenSSH client takes, its ssh_config included: {keyword: [names]}, or None."""
    program = host.which("ssh")
    if program is None:
        return None
    answer = host.run([program, "-G"] + options + ["--", address])
    return parse_settings(answer.out) if answer.rc == 0 else None


def parse_settings(text):
    """The lists of algorithms in the output of `ssh -G`, or None where one is missing."""
    found = {}
    for line in text.splitlines():
        keyword, _space, value = line.partition(" ")
        if keyword in KEYWORDS and value:
            found[keyword] = value.split(",")
    return found if len(found) == len(KEYWORDS) else None


def mismatches(offer, takes):
    """Each kind in which a client has nothing in common with the server: [{kind, offered, taken, current_openssh}]."""
    found = []
    for kind, keyword, fields in KINDS:
        offered = _offered(offer, fields)
        if all(_agree(offer, takes, keyword, field) for field in fields):
            continue
        current = all(_agree(offer, CURRENT, keyword, field) for field in fields)
        found.append({"kind": kind, "offered": offered, "taken": takes[keyword], "current_openssh": current})
    return found


def _offered(offer, fields):
    names = []
    for field in fields:
        names += [name for name in offer[field] if name not in names and not name.startswith(SIGNALS)]
    return names


def _agree(offer, takes, keyword, field):
    if keyword == "macs":
        cipher = _first(takes["ciphers"], offer[field.replace("mac_", "encryption_")])
        if cipher is None or cipher in AUTHENTICATED:
            return True  # nothing is said about MACs then
    return _first(takes[keyword], offer[field]) is not None


def _first(taken, offered):
    return next((name for name in taken if name in offered and not name.startswith(SIGNALS)), None)


def judge(said, offer, takes):
    """The mismatches behind the client's words; a client whose lists nobody knows still names the kind."""
    named = NO_MATCHING.search(said)
    if not offer or named is None:
        return []
    found = mismatches(offer, takes) if takes else []
    if any(one["kind"] == named.group("kind") for one in found):
        return found
    kind, keyword, fields = next(entry for entry in KINDS if entry[0] == named.group("kind"))
    current = all(_agree(offer, CURRENT, keyword, field) for field in fields)
    return [{"kind": kind, "offered": _offered(offer, fields), "taken": None, "current_openssh": current}]


def words(found):
    """The mismatches in one line."""
    return "; ".join("no %s in common, the server offers %s" % (one["kind"], ",".join(one["offered"])) for one in found)
