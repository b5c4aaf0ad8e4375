# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files with the keys that may log in as this user: which sshd reads, which it refuses, and what they say."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import glob
import os
import re
import stat
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.account import (
    as_user,
    key_lines,
    patterns,
    refusals,
    revoked,
    strict_modes,
)
from ansible_collections.rescue.remote_login.plugins.module_utils.account.chroot import expanded

PATIENCE_S = 10
FILE_LIMIT_BYTES = 8 * 1024 * 1024
SMALL_FILE_BYTES = 64 * 1024
FILES_LIMIT = 50
LINES_LIMIT = 20
AGENT_KEYS_LIMIT = 20
# The other keys of an agent are looked for in files of so many keys.
AGENT_LINES_LIMIT = 1000
MARK = b"\xef\xbb\xbf".decode("utf-8")
MARKED = "the file begins with a byte-order mark, and sshd takes that for a part of the line"
TOKENS = ("%%", "%h", "%u", "%U")
# An RSA key signs with one of these; what is called after the key itself is SHA-1, which clients refuse by now.
RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")


def look(login, account, rules, missing):
    """What sshd would find for the offered key; None with a reason in ``missing``."""
    if rules is None or not rules["settings"] or not account["exists"]:
        absent = "there is no such user" if not account["exists"] else "sshd does not tell where the keys are"
        missing["keys"] = missing.get("rules") or absent
        return None
    wanted, settings = login.get("key_fingerprint"), rules["settings"]
    attempt = {
        "wanted": wanted,
        "client": rules["client"],
        "name": rules["host"],
        "strict": settings["strictmodes"]["value"] == "yes",
        "own_group": rules["group_writable_allowed"],
        "wildcards": is_since(rules["version"], 10, 0),
        "utc_times": is_since(rules["version"], 9, 1),
        "now": time.time(),
        "agent": (login.get("agent_fingerprints") or [])[:AGENT_KEYS_LIMIT],
    }
    names = [name for name in settings["authorizedkeysfile"]["value"].split() if name.lower() != "none"]
    names, unknown = known_only(names)
    answer, reason = as_user.run(account, lambda: look_as_user(names, account, attempt), PATIENCE_S)
    if answer is None:
        missing["keys"] = reason
        return None
    command = settings["authorizedkeyscommand"]["value"]
    evidence = dict(answer, fingerprint=wanted, strict_modes=attempt["strict"])
    evidence["command"] = command if command != "none" else None
    evidence["certificates_of"] = _set(settings["trustedusercakeys"])
    evidence["revoked"] = revoked.look(settings["revokedkeys"], wanted)
    evidence["unsuitable"] = unsuitable(evidence["accepted"], settings)
    evidence["problem"] = problem(evidence)
    if unknown and not answer["accepted"] and not evidence["command"]:
        text = "sshd ends before it has looked, as it does not know the %s of AuthorizedKeysFile" % unknown
        evidence["problem"] = {"kind": "not_authorized", "text": text}
    return evidence


def known_only(names):
    """(the paths in front of the first one with a token that sshd does not know, that token or None)."""
    for number, name in enumerate(names):
        unknown = [token for token in re.findall("%.?", name) if token not in TOKENS]
        if unknown:
            return names[:number], unknown[0]
    return names, None


def _set(setting):
    return setting["value"] if setting["value"] not in ("none", "") else None


def is_since(version, *first):
    """Whether a version of OpenSSH is that one or a later one: wildcards in AuthorizedKeysFile came with 10.0, times in
    UTC with 9.1."""
    found = re.match(r"OpenSSH_([0-9]+)\.([0-9]+)", version or "")
    return bool(found) and (int(found.group(1)), int(found.group(2))) >= first


# --- with the rights of the user ---


def look_as_user(names, account, attempt):
    """{files, accepted, found, seen, agent_key}; runs with the rights of the user."""
    paths = paths_of(names, account, attempt["wildcards"])[:FILES_LIMIT]
    files, hits = look_at_all(paths, account, attempt)
    accepted = _accepted(hits)
    few = sum(entry["keys"] or 0 for entry in files) <= AGENT_LINES_LIMIT
    agent_key = _number_in_agent(paths, account, attempt) if few else None
    if accepted is None and attempt["wanted"]:
        hits += elsewhere([entry["path"] for entry in files], account, attempt)
    found = _found(files, accepted, attempt)
    return {"files": files, "accepted": accepted, "found": found, "seen": hits[:LINES_LIMIT], "agent_key": agent_key}


def look_at_all(paths, account, attempt):
    """The evidence on each file, and the lines of all of them that have the offered key."""
    looked = [look_at(path, account, attempt) for path in paths]
    return [evidence for evidence, _lines in looked], [line for _evidence, lines in looked for line in lines]


def _number_in_agent(paths, account, attempt):
    """The number of the agent's first key that a line lets in, or None."""
    for number, fingerprint in enumerate(attempt["agent"], 1):
        if _accepted(look_at_all(paths, account, dict(attempt, wanted=fingerprint))[1]):
            return number
    return None


def _accepted(hits):
    return next((hit for hit in hits if hit["state"] == "accepted"), None)


def _found(files, accepted, attempt):
    """Whether one of the files lets the key in; None where that cannot be said."""
    if accepted:
        return True
    if not attempt["wanted"]:
        return None
    unseen = [entry for entry in files if entry["cut_off"] or (entry["problem"] and not entry["searched"])]
    return None if unseen else False


def paths_of(names, account, wildcards):
    """The paths that AuthorizedKeysFile comes to, in order."""
    found = []
    for name in names:
        path = expanded(name, account)
        path = path if path.startswith("/") else os.path.join(account["home"]["path"] or "/", path)
        found += sorted(glob.glob(path)) if wildcards and re.search(r"[*?[]", path) else [path]
    return found


def look_at(path, account, attempt):
    """The evidence on one file, and the lines that have the offered key."""
    evidence = {
        "path": path,
        "resolved": None,
        "exists": True,
        "problem": None,
        "searched": False,
        "cut_off": False,
        "keys": None,
        "malformed": [],
        "chain": [],
    }
    problem, kind = what_is_at(path)
    if problem or kind != "file":
        evidence["exists"] = problem != "missing"
        evidence["problem"] = None if problem == "missing" else problem or "%s is a %s" % (path, kind)
        if problem == "missing" and os.path.islink(path):
            evidence["problem"] = "%s is a symbolic link to %s, which is not there" % (path, host.link_target(path))
        # A folder or a FIFO holds no line that could be missed.
        evidence["searched"] = bool(kind) or problem == "missing"
        return evidence, []
    content = host.read(path, limit=FILE_LIMIT_BYTES)
    if content.error and not content.text:
        evidence["problem"] = content.error
        return evidence, []
    evidence["resolved"] = os.path.realpath(path)
    evidence["chain"] = strict_modes.chain(path, account["home"]["path"], account["uid"], attempt["own_group"])
    loose = [link for link in evidence["chain"] if link["problem"]] if attempt["strict"] else []
    if loose:
        evidence["problem"] = "%(path)s %(problem)s (mode %(mode)s)" % loose[0]
    evidence["searched"], evidence["cut_off"] = True, bool(content.error)
    counted, malformed, hits = search(content.text, attempt)
    evidence["keys"], evidence["malformed"] = counted, malformed[:LINES_LIMIT]
    hits = [dict(hit, file=path) for hit in hits]
    if loose:
        hits = [dict(hit, state="refused_file") if hit["state"] == "accepted" else hit for hit in hits]
    return evidence, hits


def what_is_at(path):
    """(problem, kind) of a path: 'missing', or why it cannot be looked at; else what it is."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        if number in (errno.ENOENT, errno.ENOTDIR):
            return "missing", None
        if number in host.BROKEN:
            # What the file holds, and whose it is, nobody can tell now.
            raise OSError(number, "%s: %s" % (path, os.strerror(number)))
        return strict_modes.why_not_read(path, number or errno.EINVAL), None
    names = ((stat.S_ISDIR, "folder"), (stat.S_ISFIFO, "FIFO"), (stat.S_ISSOCK, "socket"), (stat.S_ISREG, "file"))
    kind = next((name for test, name in names if test(mode)), "device")
    if kind == "file" and not os.access(path, os.R_OK):
        return strict_modes.why_not_read(path, errno.EACCES), None
    return None, kind


def search(text, attempt):
    """(number of keys, malformed lines, the lines with the offered key) of a file."""
    count, malformed, hits, lines = 0, [], [], text.split("\n")
    for number, line in enumerate(lines, 1):
        entry = key_lines.parse_line(line, attempt["utc_times"])
        if entry is None:
            hits += _near(number, line.lstrip(key_lines.BLANKS + "#"), attempt, "commented")
            continue
        if entry["problem"]:
            malformed.append({"line": number, "reason": entry["problem"]})
            joined = line.rstrip("\r") + (lines[number] if number < len(lines) else "")
            hits += _near(number, line, attempt, "malformed", entry["problem"])
            hits += _near(number, line.lstrip(MARK), attempt, "malformed", MARKED) if line.startswith(MARK) else []
            hits += _near(number, joined, attempt, "broken_line")
        count += entry["blob"] is not None and entry["problem"] is None
        if entry["blob"] is not None and not entry["problem"] and is_wanted(entry, attempt):
            hits.append(_judged(number, entry, attempt))
    return count, malformed, hits


def is_wanted(entry, attempt):
    return attempt["wanted"] is not None and key_lines.fingerprint(entry["blob"]) == attempt["wanted"]


def _near(number, line, attempt, state, detail=None):
    """The hit of a line that would have the key, were it not for something."""
    entry = key_lines.parse_line(line) if attempt["wanted"] else None
    if not entry or not entry["blob"] or not is_wanted(entry, attempt):
        return []
    return [{"line": number, "state": state, "detail": detail, "type": entry["type"], "options": {}}]


def _judged(number, entry, attempt):
    reason = key_lines.why_not(entry, attempt["client"], attempt["name"], attempt["now"])
    options = {name: value if value is True else value[:300] for name, value in entry["options"].items()}
    hit = {"line": number, "type": entry["type"], "options": options, "bits": key_lines.rsa_bits(entry["blob"])}
    return dict(hit, **(reason or {"state": "accepted", "detail": None}))


def elsewhere(read, account, attempt):
    """The offered key in a file of the user's .ssh that sshd does not read."""
    folder, found = os.path.join(account["home"]["path"] or "/", ".ssh"), []
    for name in host.names_in(folder)[:FILES_LIMIT]:
        path = os.path.join(folder, name)
        problem, kind = what_is_at(path)
        if path in read or problem or kind != "file":
            continue
        hits = search(host.read(path, limit=SMALL_FILE_BYTES).text, attempt)[2]
        found += [dict(hit, file=path, state="other_file") for hit in hits if hit["state"] == "accepted"]
    return found


# --- judging ---


def unsuitable(accepted, settings):
    """The setting that refuses a key of this type or size, or None."""
    if accepted is None:
        return None
    setting = settings.get("pubkeyacceptedalgorithms")
    names = RSA_SIGNATURES if accepted["type"] == "ssh-rsa" else (accepted["type"],)
    if setting and setting["value"] and not any(patterns.matches_list(name, setting["value"]) == 1 for name in names):
        absent = "%s is not among them" % accepted["type"]
        if accepted["type"] == "ssh-rsa":
            absent = "an RSA key signs with %s, and neither is among them" % " or ".join(RSA_SIGNATURES)
        return _unsuitable("pubkeyacceptedalgorithms", setting, absent)
    size = settings.get("requiredrsasize")
    if size and accepted.get("bits") and accepted["bits"] < int(size["value"]):
        return _unsuitable("requiredrsasize", size, "the key has %d bits" % accepted["bits"])
    return None


def _unsuitable(keyword, setting, detail):
    place = {name: setting[name] for name in ("file", "line", "text")}
    return dict(place, keyword=refusals.written(keyword), value=setting["value"][:300], detail=detail)


def problem(evidence):
    """{kind, text}: what keeps the key out, or None where nothing does or nobody can tell."""
    listed, accepted = evidence["revoked"], evidence["accepted"]
    if listed and listed["state"] in ("revoked", "unusable"):
        return {"kind": "revoked", "text": listed["detail"]}
    if accepted:
        found = evidence["unsuitable"]
        return {"kind": "unsuitable", "text": found["detail"]} if found else None
    refused = [entry for entry in evidence["files"] if entry["problem"]]
    with_key = [hit["file"] for hit in evidence["seen"] if hit["state"] == "refused_file"]
    unseen = [entry["path"] for entry in refused if not entry["searched"]]
    blamed = [entry for entry in refused if entry["path"] in with_key + unseen]
    if evidence["fingerprint"] is None:
        usable = [entry for entry in evidence["files"] if entry["keys"] and not entry["problem"]]
        blamed = refused if not usable else []
        if not usable and not refused and not evidence["command"] and not evidence["certificates_of"]:
            return {"kind": "not_authorized", "text": "no file that sshd reads has a key"}
    if blamed:
        return {"kind": "permissions", "text": "; ".join(sorted({entry["problem"] for entry in blamed}))}
    return {"kind": "not_authorized", "text": why(evidence)} if evidence["found"] is False else None


REASONS = {
    "commented": "it is commented out in %(file)s line %(line)d",
    "malformed": "%(file)s line %(line)d has it, but %(detail)s",
    "broken_line": "it is broken over two lines in %(file)s line %(line)d",
    "cert_authority": "%(file)s line %(line)d has it, but %(detail)s",
    "expired": "%(file)s line %(line)d has it, but %(detail)s",
    "from": "%(file)s line %(line)d has it, but %(detail)s",
    "other_file": "it is in %(file)s line %(line)d, which sshd does not read",
}


def why(evidence):
    """In words why the key lets nobody in: the nearest miss, else where it was looked for."""
    near = next((hit for hit in evidence["seen"] if hit["state"] in REASONS), None)
    if near:
        return REASONS[near["state"]] % near
    odd = [entry["problem"] for entry in evidence["files"] if entry["problem"]]
    if odd:
        return odd[0]
    there = [entry["path"] for entry in evidence["files"] if entry["exists"]]
    absent = [entry["path"] for entry in evidence["files"] if not entry["exists"]]
    if there:
        return "it is not in %s" % ", ".join(there)
    return "%s %s not there" % (", ".join(absent), "is" if len(absent) == 1 else "are") if absent else "no file is set"
