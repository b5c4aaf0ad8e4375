# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal and the files of syslog: where they are, how their lines and times are read."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import calendar
import json
import re
import time
import unicodedata

from ansible_collections.rescue.remote_login.plugins.module_utils import host

LOG_FILES = ("/var/log/auth.log", "/var/log/secure", "/var/log/messages", "/var/log/syslog")
JOURNAL_LIMIT_BYTES = 8 * 1024 * 1024
TAIL_BYTES = 2 * 1024 * 1024
# What is older than this may be left from a time when the log was written elsewhere: the next one is looked at, too.
FRESH_S = 3600
# Since 9.8 each connection has programs of its own.
SSHD_PROGRAMS = ("sshd", "sshd-session", "sshd-auth")
# sshd cuts its own messages at 1024 bytes.
MESSAGE_LIMIT = 1100
LINE_LIMIT = 4096
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
# As rsyslog, syslog-ng and busybox write it: a time of two kinds, the host, busybox's facility, the program, its pid.
TRADITIONAL = re.compile(
    r"^(?:<\d{1,3}>)?(?P<when>\d{4}-\d\d-\d\dT\S+|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) \S+ (?:\w+\.\w+ )?"
    r"(?P<program>[\w.-]+)\[(?P<pid>\d{1,10})\]: (?P<message>.*)$"
)
# RFC 5424: <priority>1 time host program pid message-id structured-data message
RFC5424 = re.compile(
    r"^<\d{1,3}>1 (?P<when>\d{4}-\d\d-\d\dT\S+) \S+ (?P<program>[\w.-]+) (?P<pid>\d{1,10}) \S+ "
    r'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\])+) (?:\ufeff|\xef\xbb\xbf)?(?P<message>.*)$'
)


def has_journal():
    """Whether a journal is kept on this host, and can be asked."""
    return host.status_of("/run/systemd/journal") is not None and host.which("journalctl") is not None


def journal(matches, lines, *options):
    """The newest entries that match, as `journalctl -o json` prints them, and why there are none, or None."""
    argv = ["journalctl", "--no-pager", "-q", "-n", str(lines), "-o", "json"]
    result = host.run(argv + list(options) + matches, limit=JOURNAL_LIMIT_BYTES)
    if result.rc == 0:
        return result.out, None
    return "", result.error or result.err.strip()[:200] or "journalctl ended with status %d" % result.rc


def sshd_matches():
    """What the journal may have from root's sshd. A process that ended at once has no _COMM there."""
    matches = []
    for field in ("_COMM", "SYSLOG_IDENTIFIER"):
        for program in SSHD_PROGRAMS:
            matches += ["+"] * bool(matches) + ["%s=%s" % (field, program), "_UID=0"]
    return matches


def message_text(value):
    """A message of the journal as text, or None; bytes that are not UTF-8 come as numbers."""
    if isinstance(value, list):
        numbers = [number for number in value if isinstance(number, int) and 0 <= number < 256]
        return bytes(bytearray(numbers)).decode("utf-8", "replace")
    return value if hasattr(value, "splitlines") else None


def parse_journal(text):
    """The entries of root's sshd: [{at, pid, message}], as the journal has them in order."""
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RuntimeError):  # too deeply nested is a RuntimeError
            continue
        if not isinstance(entry, dict) or not _is_of_sshd(entry):
            continue
        message, at = message_text(entry.get("MESSAGE")), _microseconds(entry.get("__REALTIME_TIMESTAMP"))
        if message and at is not None:
            pid = "%s/%s" % (entry.get("_BOOT_ID"), entry.get("_PID"))
            found.append({"at": at, "pid": pid, "message": one_line(message)})
    return found


def _is_of_sshd(entry):
    """Whether the journal itself says that root's sshd sent this; the kernel's audit messages only are about it."""
    sent = entry.get("_COMM", entry.get("SYSLOG_IDENTIFIER")) in SSHD_PROGRAMS and entry.get("_UID") == "0"
    executable = entry.get("_EXE")
    if hasattr(executable, "rpartition"):
        sent = sent and executable.replace(" (deleted)", "").rpartition("/")[2] in SSHD_PROGRAMS
    return sent and entry.get("_TRANSPORT", "syslog") in ("syslog", "journal", "stdout")


def _microseconds(value):
    return int(value) / 1e6 if re.match(r"[0-9]{1,18}$", str(value or "")) else None


def parse_syslog(text, now=None):
    """The lines of sshd in a file of syslog: [{at, pid, message}] in order. Anybody on the host may have sent them."""
    found = []
    for line in text.split("\n"):
        if "sshd" not in line[:200] or len(line) > LINE_LIMIT:
            continue
        match = RFC5424.match(line) or TRADITIONAL.match(line)
        at = syslog_time(match.group("when"), now) if match and match.group("program") in SSHD_PROGRAMS else None
        if at is not None:
            found.append({"at": at, "pid": match.group("pid"), "message": one_line(match.group("message"))})
    return found


def one_line(message):
    """A stranger's words as one line of bounded length, in which nothing steers a terminal."""
    shown = message[:MESSAGE_LIMIT].rstrip("\r\n")
    return "".join(c if c == " " or unicodedata.category(_u(c))[0] not in "CZ" else _escaped(c) for c in shown)


def _u(character):
    return character if not isinstance(character, bytes) else character.decode("latin-1")


def _escaped(character):
    number = ord(character)
    return "\\x%02x" % number if number < 256 else "\\u%04x" % number


# --- which log ---


def of_sshd(now, since_s, lines):
    """([(when, message)] of sshd since so many seconds, oldest first, and why there are none, or None)."""
    entries, source, problems = newest_of_sshd(now, since_s, lines)
    if source is None:
        return [], "; ".join(problems) or "no log of this system can be read"
    return [(entry["at"], entry["message"]) for entry in entries if now - entry["at"] < since_s], None


def newest_of_sshd(now, since_s, lines):
    """(entries, source, problems): of the logs that there are, the one in which sshd has written last."""
    problems, best, best_source = [], None, None
    for source, look in _logs(since_s, lines):
        entries, problem = look()
        if problem:
            problems.append(problem)
            continue
        last = max([entry["at"] for entry in entries] or [0])
        if best_source is None or last > max([entry["at"] for entry in best] or [0]):
            best, best_source = entries, source
        if now - last < FRESH_S:
            break
    return best, best_source, problems


def _logs(since_s, lines):
    """The logs, the most trustworthy first, each with the way to read it."""
    if has_journal():
        yield {"kind": "journal", "path": None}, lambda: _journal_of_sshd(since_s, lines)
    for path in LOG_FILES:
        if host.status_of(path) is not None:
            yield {"kind": "file", "path": path}, lambda path=path: _file_of_sshd(path, lines)


def _journal_of_sshd(since_s, lines):
    text, problem = journal(sshd_matches(), lines, "--since=-%ds" % since_s)
    entries = [] if problem else parse_journal(text)
    if not problem and not entries and not host.is_root():
        # Others than root see only their own lines, and are not told so.
        problem = "reading the journal needs root"
    return entries, "the journal: %s" % problem if problem else None


def _file_of_sshd(path, lines):
    tail = host.read(path, limit=TAIL_BYTES, tail=True)
    if tail.error:
        return [], tail.error
    status = host.status_of(path)
    # The first line of a tail is torn; its rest may be a stranger's words.
    whole = status is not None and status.st_size <= TAIL_BYTES
    text = tail.text if whole else tail.text.partition("\n")[2]
    return parse_syslog(text)[-lines:], None


# --- times ---


def syslog_time(text, now=None):
    """Seconds since 1970, or None. Times are local where they name no zone, and of the nearest past year."""
    try:
        if "T" in text:
            return _iso(text)
        month, day, clock = text.split()
        return _nearest_past(MONTHS.index(month) + 1, int(day), clock, time.time() if now is None else now)
    except (ValueError, OverflowError):
        return None


def _nearest_past(month, day, clock, now):
    hour, minute, second = [int(part) for part in clock.split(":")]
    if hour > 23 or minute > 59 or second > 60:
        return None
    this_year = time.localtime(now).tm_year + 1  # on New Year's Eve a clock may already be ahead
    for year in range(this_year, this_year - 10, -1):
        when = time.mktime((year, month, day, hour, minute, second, 0, 0, -1))
        # A clock may be ahead by some hours; and the 29th of February is not in every year.
        if when <= now + 86400 and time.localtime(when).tm_mday == day:
            return when
    return None


def _iso(text):
    match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,]\d{1,9})?(Z|[+-]\d\d:?\d\d)?$", text)
    if match is None:
        return None
    parsed = time.strptime(match.group(1), "%Y-%m-%dT%H:%M:%S")
    zone = match.group(2)
    if zone is None:
        return time.mktime(parsed)
    digits = "+0000" if zone == "Z" else zone.replace(":", "")
    offset = (int(digits[1:3]) * 60 + int(digits[3:])) * 60
    return calendar.timegm(parsed) - (offset if digits[0] == "+" else -offset)
