# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd is told to do: the word of sshd itself first, the files for pointing at a line.

First value wins for most keywords, Include is expanded in place, and a Match block ends with
its file. So `sshd -T` is asked wherever it can answer; the files stand in where it cannot.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import glob
import os
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host

DEFAULT_PATH = "/etc/ssh/sshd_config"
# Keywords whose every occurrence counts.
ACCUMULATING = ("port", "listenaddress", "hostkey")
# A daemon that hangs must leave time for the rest of its section.
PATIENCE_S = 6
FILES_LIMIT = 200
DEPTH_LIMIT = 16


# --- sshd -t ---

LINE = re.compile(r"^(?P<file>/.+?):? line (?P<line>\d+): (?P<message>.+)$")
WHOLE_FILE = re.compile(r"^(?P<file>/[^:]+): (?P<message>.+)$")
NOISE = re.compile(
    r"terminating, \d+ bad configuration|^@|^Could not load host key|^Unable to load host key"
    r"|Deprecated option|Unsupported option"
)
KEY_NOISE = re.compile(
    r"^(Permissions \d+ for|It is required that|This private key will|bad permissions:|key_load|.*load key)"
)


def test(command):
    """What `sshd -t` says, given the command that starts the daemon."""
    result = host.run(command[:1] + ["-t"] + command[1:], timeout=PATIENCE_S)
    if result.error:
        broken = "cannot be run" in result.error
        return {
            "valid": None,
            "reason": result.error,
            "keys_usable": None,
            "output": result.err,
            "broken_binary": broken,
            "hangs": result.rc is None and not broken,
        }
    return judge_test(result.rc, result.err)


def judge_test(rc, text):
    """What the exit status and the words of `sshd -t` mean.

    sshd reads the configuration first, then wants its user, then its host keys, then its directory:
    a complaint about a later one says that the earlier ones are right.
    """
    verdict = {"valid": True, "reason": None, "keys_usable": True, "output": text.strip()}
    if rc == 0:
        return verdict
    if "Missing privilege separation directory" in text or "must be owned by root and not group or world" in text:
        return verdict
    if "no hostkeys available" in text:
        return dict(verdict, keys_usable=False)
    if "Privilege separation user" in text:
        return dict(verdict, keys_usable=None)
    if rc in (126, 127) or "error while loading shared libraries" in text:
        return dict(verdict, valid=None, keys_usable=None, reason=text.strip(), broken_binary=True)
    if (
        "unknown option" in text
        or "usage: sshd" in text
        or re.search(r"^(command-line|Bad port number|Extra argument)", text, re.M)
    ):
        return dict(verdict, valid=None, keys_usable=None, reason=text.strip().splitlines()[0], bad_options=True)
    if rc < 0:
        reason = "sshd was ended by signal %d" % -rc
        return dict(verdict, valid=None, keys_usable=None, reason=reason, broken_binary=True)
    return dict(verdict, valid=False, keys_usable=None, errors=parse_errors(text))


def parse_errors(text):
    """The complaints of sshd with file and line where it names them."""
    errors = []
    for line in text.splitlines():
        line = line.strip()
        if not line or NOISE.search(line) or KEY_NOISE.match(line):
            continue
        found = LINE.match(line) or WHOLE_FILE.match(line)
        parts = found.groupdict() if found else {"message": line}
        number = parts.get("line")
        errors.append({"file": parts.get("file"), "line": int(number) if number else None, "message": parts["message"]})
    errors.sort(key=lambda error: error["line"] is None)  # the one that names a place first
    return errors or [{"file": None, "line": None, "message": text.strip()[-500:] or "sshd gives no reason"}]


def locate(error, directives):
    """Give an error without a line the place of the one directive that it speaks of, if there is just one."""
    if error["line"] is not None:
        text = directive_at(error, directives)
        return dict(error, directive=text)
    words = set(re.findall(r"[\w.:/-]+", error["message"]))
    named = [entry for entry in directives if entry["keyword"] in [word.lower() for word in words]]
    named = named or [entry for entry in directives if words & set(entry["arguments"])]
    if len(named) != 1:
        return dict(error, directive=None)
    (entry,) = named
    return dict(error, file=entry["file"], line=entry["line"], directive=entry["text"])


def directive_at(error, directives):
    for entry in directives:
        if entry["file"] == error["file"] and entry["line"] == error["line"]:
            return entry["text"]
    return None


# --- sshd -T ---


def effective(command, login):
    """The configuration in force as `sshd -T` prints it, or None where sshd cannot print it."""
    result = host.run(command[:1] + ["-T", "-C", connection_specification(login)] + command[1:], timeout=PATIENCE_S)
    if result.rc not in (0, None):
        # An older sshd knows fewer words in -C, and none of them is needed without a Match block.
        result = host.run(command[:1] + ["-T"] + command[1:], timeout=PATIENCE_S)
    return parse_effective(result.out) if result.rc == 0 else None


def connection_specification(login):
    client = (login.get("clients") or ["127.0.0.1"])[0]
    address = (login.get("addresses") or ["127.0.0.1"])[0]
    user = login.get("user") or "root"
    return "user=%s,host=%s,addr=%s,laddr=%s,lport=%d" % (user, client, client, address, login.get("port") or 22)


def parse_effective(text):
    """keyword -> value, or list of values for the keywords that add up."""
    values = {}
    for line in text.splitlines():
        keyword, _dummy, value = line.strip().partition(" ")
        if keyword in ACCUMULATING:
            values.setdefault(keyword, []).append(value)
        elif keyword:
            values.setdefault(keyword, value)
    return values


# --- the files ---


def directives(path=DEFAULT_PATH):
    """Every directive of the configuration in the order in which sshd reads it, and the files it stands in."""
    found, files = [], []
    _walk(path, found, files, [], 0)
    return found, files


def _walk(path, found, files, outer, depth):
    """Read a file; ``outer`` has the arguments of the Match lines that it is included under."""
    own = []
    if depth > DEPTH_LIMIT or len(files) >= FILES_LIMIT:
        return
    files.append(path)
    # To sshd nothing but a newline ends a line.
    for number, line in enumerate(host.read(path).text.split("\n"), 1):
        keyword, arguments = split_line(line)
        if keyword is None:
            continue
        if keyword == "match":
            own = [arguments]
        elif keyword == "include":
            for pattern in arguments:
                for included in sorted(glob.glob(os.path.join("/etc/ssh", pattern))):
                    _walk(included, found, files, outer + own, depth + 1)
        found.append(
            {
                "file": path,
                "line": number,
                "keyword": keyword,
                "arguments": arguments,
                "text": line.strip()[:200],
                "match": _match_text(outer + own),
                "conditions": outer + own,
            }
        )


def _match_text(conditions):
    """What narrows a directive down, or None where it is for everybody."""
    narrowing = [words for words in conditions if [word.lower() for word in words] != ["all"]]
    return " ".join(narrowing[-1]) if narrowing else None


def folders(entries):
    """The folders where another file, or one file less, changes what sshd is told."""
    found = []
    for entry in entries:
        for pattern in entry["arguments"] if entry["keyword"] == "include" else ():
            folder = os.path.dirname(os.path.join("/etc/ssh", pattern))
            while not glob.glob(folder):
                folder = os.path.dirname(folder)  # up to /, which is there
            found += [place for place in sorted(glob.glob(folder))[:FILES_LIMIT] if place not in found]
    return found


def endless_files(files):
    """The files that sshd would wait for forever: a FIFO or a device among the included ones."""
    found = [(path, host.status_of(path)) for path in files]
    return [
        path for path, status in found if status and (stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode))
    ]


def split_line(line):
    """Keyword and arguments of a line as sshd takes them apart; (None, []) for a comment or nothing."""
    line = line.strip()
    if not line or line.startswith("#"):
        return None, []
    found = re.match(r"^([^\s=]+)\s*=?\s*(.*)$", line)
    if found is None:
        return None, []
    arguments = []
    for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', found.group(2)):
        if plain.startswith("#"):
            break
        arguments.append(quoted or plain)
    return found.group(1).lower(), arguments


def from_files(entries):
    """The configuration in force as far as the files alone tell: what stands outside every Match block."""
    values = {}
    for entry in entries:
        if entry["match"] is not None or entry["keyword"] in ("match", "include"):
            continue
        value = " ".join(entry["arguments"])
        if entry["keyword"] in ACCUMULATING:
            values.setdefault(entry["keyword"], []).append(value)
        else:
            values.setdefault(entry["keyword"], value)
    values.setdefault("port", ["22"])
    values.setdefault("addressfamily", "any")
    return values


def listen_entries(values):
    """Where the configuration tells sshd to listen: [{address, port}], with '*' for every address."""
    ports = [int(port) for port in values.get("port", []) if re.match("[0-9]+$", port)] or [22]
    addresses = values.get("listenaddress") or ["*"]
    entries = []
    for value in addresses:
        value = (value.split() or [""])[0]  # without a routing domain
        found = re.match(r"^\[(.+)\](?::([0-9]+))?$|^([^:]+):([0-9]+)$", value)
        address = (found.group(1) or found.group(3)) if found else value
        port = (found.group(2) or found.group(4)) if found else None
        for number in [int(port)] if port else ports:
            entries.append({"address": address, "port": number})
    return entries


def lines_about(keywords, entries):
    """'file:line text' of the directives with one of these keywords."""
    return ["%(file)s:%(line)d %(text)s" % entry for entry in entries if entry["keyword"] in keywords]
