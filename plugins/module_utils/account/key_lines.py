# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of authorized_keys as sshd takes them apart. Text in, data out."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import base64
import binascii
import calendar
import hashlib
import re
import struct
import time

from ansible_collections.rescue.remote_login.plugins.module_utils.account import patterns

# The types of keys, with the number of parts that the encoded key has.
PARTS = {
    "ssh-ed25519": 2,
    "ssh-rsa": 3,
    "ssh-dss": 5,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "sk-ssh-ed25519@openssh.com": 3,
    "sk-ecdsa-sha2-nistp256@openssh.com": 4,
}
FLAGS = ("cert-authority", "restrict", "no-touch-required", "verify-required")
FLAGS_WITH_NO = ("port-forwarding", "agent-forwarding", "x11-forwarding", "pty", "user-rc", "touch-required")
VALUED = ("command", "principals", "from", "expiry-time", "environment", "permitopen", "permitlisten", "tunnel")
ONCE = ("command", "principals", "from")
BLANKS = " \t"
# YYYYMMDD[HHMM[SS]]. The C library, which sshd leaves it to, takes a blank for the first digit of two.
PAIR = "([ 0-9][0-9])"
TIME = re.compile(r"([0-9]{4})%s%s(?:%s%s%s?)?(Z|UTC)?\Z" % ((PAIR,) * 5), re.I)
HIGHEST = (9999, 12, 31, 23, 59, 61)


class BadOptions(ValueError):
    """Options that make sshd pass over the line."""


def fingerprint(blob):
    """The SHA-256 fingerprint of an encoded key as OpenSSH prints it."""
    return printed(hashlib.sha256(blob).digest())


def printed(digest):
    """A SHA-256 sum as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def parse_line(line, utc_times=True):
    """{type, blob, options, problem} of a line; None for one that is empty or a comment.

    ``utc_times``: whether this sshd lets a time be given in UTC.
    """
    line = line.split("\0")[0].strip("\r\n").lstrip(BLANKS)
    if not line or line.startswith("#"):
        return None
    entry = {"type": None, "blob": None, "options": {}, "problem": None}
    kind, blob, problem = read_key(line)
    if kind is None:
        end = end_of_options(line)
        kind, blob, problem = read_key(line[end:].lstrip(BLANKS)) if end is not None else (None, None, "no key")
        try:
            entry["options"] = parse_options(line[:end], utc_times) if kind is not None else {}
        except BadOptions as error:
            problem = problem or str(error)
    return dict(entry, type=kind, blob=blob, problem=problem if kind is not None else "there is no key on it")


def read_key(text):
    """(type, encoded key, problem) of 'TYPE BASE64 comment'; (None, None, None) where it does not begin with a type."""
    words = re.split(r"[ \t]+", text, maxsplit=2)
    if words[0] not in PARTS:
        return None, None, None
    if len(words) < 2 or not words[1].strip():
        return words[0], None, "the key itself is not on it"
    try:
        blob = base64.b64decode(re.sub(r"\s", "", words[1]).encode("ascii"))
    except (ValueError, TypeError, UnicodeError, binascii.Error):
        return words[0], None, "the key is cut off or is not base64"
    if re.search(r"[^A-Za-z0-9+/=\s]", words[1]):
        return words[0], None, "the key is not base64"
    parts = parts_of(blob)
    if parts is None or len(parts) != PARTS[words[0]]:
        return words[0], None, "the key is cut off or damaged"
    if parts[0] != words[0].encode("ascii"):
        return words[0], None, "the key is not of the type that the line says"
    return words[0], blob, None


def parts_of(blob):
    """The length-prefixed parts of an encoded key; None where they do not come out even."""
    parts, place = [], 0
    while place < len(blob):
        if len(blob) - place < 4:
            return None
        size = struct.unpack(">I", blob[place : place + 4])[0]
        place += 4
        if size > len(blob) - place:
            return None
        parts.append(blob[place : place + size])
        place += size
    return parts


def rsa_bits(blob):
    """The length of an RSA key in bits; None for another type."""
    parts = parts_of(blob) or []
    if len(parts) != 3 or parts[0] != b"ssh-rsa":
        return None
    return len(bin(int(binascii.hexlify(parts[2]) or b"0", 16))) - 2


def end_of_options(line):
    """Where the options at the beginning of a line end; None where nothing follows them."""
    quoted, place = False, 0
    while place < len(line) and (quoted or line[place] not in BLANKS):
        if line[place : place + 2] == '\\"':
            place += 1
        elif line[place] == '"':
            quoted = not quoted
        place += 1
    return None if place >= len(line) or quoted else place


def parse_options(text, utc_times=True):
    """{name: value or True} of a line's options. Raises BadOptions."""
    found, rest = {}, text
    while True:
        named = re.match(r"([A-Za-z0-9-]+)", rest)
        name = named.group(1).lower() if named else ""
        rest = rest[len(name) :]
        if name in VALUED:
            value, rest = _value(name, rest)
            if name in ONCE and name in found:
                raise BadOptions("the option %s is there twice" % name)
            found[name] = _sooner(found.get(name), value, utc_times) if name == "expiry-time" else value
        elif name in FLAGS or (name[3:] if name.startswith("no-") else name) in FLAGS_WITH_NO:
            found[name] = True
        else:
            raise BadOptions("sshd knows no option %s" % (name or rest)[:60])
        if not rest:
            return found
        if not rest.startswith(","):
            raise BadOptions("after the option %s something is wrong" % name)
        rest = rest[1:]
        if not rest:
            return found  # sshd takes a comma that nothing follows


def _value(name, rest):
    quoted = re.match(r'="((?:[^"\\]|\\"|\\(?!"))*)"', rest)
    if quoted is None:
        raise BadOptions("the value of the option %s is not in quotes" % name)
    return quoted.group(1).replace('\\"', '"'), rest[quoted.end() :]


def _sooner(other, text, utc_times):
    """The one of two expiry times that counts, as it is written. Raises BadOptions."""
    end = point_in_time(text, utc_times)
    if end is None:
        raise BadOptions('this sshd takes no expiry-time="%s"' % text[:40])
    return text if other is None or end < point_in_time(other) else other


# --- whether a line lets a client in ---


def why_not(entry, client, name, now):
    """{state, detail} of what keeps a line with the right key from letting this client in; None where nothing does."""
    if entry["problem"]:
        return {"state": "malformed", "detail": entry["problem"]}
    options = entry["options"]
    if "cert-authority" in options:
        return {"state": "cert_authority", "detail": "the line is for certificates that the key has signed"}
    if "principals" in options:
        return {"state": "cert_authority", "detail": "its option principals is for certificates only"}
    if "expiry-time" in options and point_in_time(options["expiry-time"]) < now:
        return {"state": "expired", "detail": 'it is valid until expiry-time="%s"' % options["expiry-time"]}
    if "from" in options and not _comes_from(options["from"], client, name):
        return {"state": "from", "detail": '%s is not in from="%s"' % (client, options["from"][:200])}
    return None


def _comes_from(allowed, client, name):
    try:
        return patterns.is_host(name, client, allowed)
    except patterns.Inconsistent:
        return False


def point_in_time(text, utc_times=True):
    """When a time of day is, by the clock and the time zone of this host; None for what sshd does not take."""
    found = TIME.match(text)
    if found is None or (found.group(7) and not utc_times):
        return None
    fields = [int(digits or 0) for digits in found.groups()[:6]]
    if fields[0] < 1970 or 0 in fields[1:3] or any(field > most for field, most in zip(fields, HIGHEST)):
        return None
    try:
        # A day that a month does not have is one of the next, and summer time is left aside.
        end = calendar.timegm(fields) if found.group(7) else time.mktime(tuple(fields + [0, 0, 0]))
    except (ValueError, OverflowError):
        return None
    return end if end > 0 else None
