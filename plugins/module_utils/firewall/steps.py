# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of a change that can each be taken back: a command, a file that is replaced."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import shutil
import stat
import tempfile
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host

# What the comment of every rule that is added starts with.
MARK = "rescue.remote_login"
COMMAND_TIMEOUT_S = 60
NOT_UTF8 = b"\xef\xbf\xbd".decode("utf-8")
FILE_LIMIT_BYTES = 64 * 1024 * 1024


class CannotChange(Exception):
    """Why a port could not be opened or closed. What had been done is taken back, but for ``left``."""

    def __init__(self, reason, left=()):
        # Python 2.7 could not turn other text into a message.
        Exception.__init__(self, reason if isinstance(reason, str) else reason.encode("ascii", "backslashreplace"))
        self.left = list(left)


class Command(object):
    """A command, and the one that takes it back."""

    def __init__(self, argv, undo=None):
        self.argv, self.undo = argv, undo
        self.words = " ".join(quoted(word) for word in argv)
        self.done = False

    def do(self):
        self.said(run(self.argv))
        self.done = True

    def said(self, output):
        """What the command printed, for those whose way back depends on it."""

    def take_back(self):
        if self.done and self.undo:
            run(self.undo)
        self.done = False


class Replace(object):
    """A file with a new text, or without one; ``check`` takes the path of a candidate and returns a reason or None.

    A file of somebody else's is kept beside it under another name (``keep``).
    """

    def __init__(self, path, before, after, check=None, move=os.rename, keep=True):
        self.path, self.before, self.after = os.path.realpath(path), before, after
        self.check, self.move, self.keep = check, move, keep and before is not None
        self.words = "%s %s" % ("remove" if after is None else "write" if before is None else "change", path)
        self.backup = None
        self.done = False

    def do(self):
        if text_of(self.path) != self.before:
            raise CannotChange("%s has been changed in the meantime" % self.path)
        backup = "%s.%s~" % (self.path, time.strftime("%Y-%m-%d@%H:%M:%S", time.gmtime()))
        try:
            if self.keep and host.status_of(backup) is None:
                shutil.copy2(self.path, backup)
                self.backup = backup
            self.done = True
            self._write(self.after, self.check)
        except (OSError, IOError) as error:
            raise CannotChange("%s cannot be changed: %s" % (self.path, error))

    def _write(self, text, check):
        if text is None:
            os.unlink(self.path)
            return
        descriptor, candidate = tempfile.mkstemp(prefix=".rescue.remote_login.", dir=os.path.dirname(self.path))
        try:
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(text.encode("utf-8"))
                handle.flush()
                os.fsync(handle.fileno())
            self._like_the_original(candidate)
            reason = check(candidate) if check else None
            if reason:
                raise CannotChange("%s would not be valid: %s" % (self.path, reason))
            self.move(candidate, self.path)
        finally:
            if os.path.exists(candidate):
                os.unlink(candidate)

    def _like_the_original(self, candidate):
        status = host.status_of(self.path)
        os.chmod(candidate, stat.S_IMODE(status.st_mode) if status else 0o600)
        if status:
            os.chown(candidate, status.st_uid, status.st_gid)

    def take_back(self):
        if self.done and text_of(self.path) != self.before:
            self._write(self.before, None)
        if self.backup and os.path.exists(self.backup):
            os.unlink(self.backup)
        self.done = False


def carry_out(steps):
    """Do all steps; when one fails, take back what was done, and say why."""
    for number, step in enumerate(steps):
        try:
            step.do()
        except Exception as reason:  # whatever it is, nothing may be left half done
            raise CannotChange(reason_of(reason), left=take_back(steps[: number + 1]))


def reason_of(error):
    return str(error) if isinstance(error, CannotChange) else "%s: %s" % (type(error).__name__, error)


def take_back(steps):
    """Undo steps, the last one first; return what could not be undone, in words."""
    left = []
    for step in reversed(steps):
        try:
            step.take_back()
        except Exception as reason:
            left.append("%s (%s)" % (step.words, reason_of(reason)))
    return left


def run(argv):
    """Run a command that has to succeed; return what it printed."""
    result = host.run(argv, timeout=COMMAND_TIMEOUT_S)
    if result.error or result.rc != 0:
        said = result.error or " ".join((result.err or result.out).split())[:400] or "exit status %s" % result.rc
        raise CannotChange("'%s' failed: %s" % (" ".join(quoted(word) for word in argv), said))
    return result.out


def text_of(path):
    """The text of a file that is to be changed, or None where there is none."""
    if host.status_of(path) is None:
        return None
    content = host.read(path, limit=FILE_LIMIT_BYTES)
    if content.error:
        raise CannotChange(content.error)
    if NOT_UTF8 in content.text:  # what is not UTF-8 would not be written back as it was
        raise CannotChange("%s is not plain UTF-8 text, so it is not changed" % path)
    return content.text


def quoted(word):
    """A word as a person would type it in a shell."""
    return word if re.match(r"[A-Za-z0-9_@%+=:,./-]+\Z", word) else "'%s'" % word.replace("'", "'\"'\"'")
