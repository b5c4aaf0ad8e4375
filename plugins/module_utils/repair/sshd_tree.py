# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sshd's configuration with all that it includes: read once, written elsewhere to be tried, taken apart."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import glob
import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils.repair import files
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import config

FOLDER = "/etc/ssh"
MARK = b"# remote_login: "


class Tree(object):
    """The files by path, each as lines of bytes. sshd ends a line at a line feed and nowhere else."""

    def __init__(self, main):
        self.main = main
        self.taken = {}
        self.lines = {}
        self.patterns = []
        self._load(main)

    def _load(self, path):
        if path in self.taken:
            return
        if len(self.taken) >= config.FILES_LIMIT:
            raise files.CannotRepair("the configuration has more than %d files" % config.FILES_LIMIT)
        self.taken[path] = files.Taken(path)
        self.lines[path] = self.taken[path].data.split(b"\n")
        for line in self.lines[path]:
            keyword, arguments = split(line)
            if keyword == "include":
                self.patterns += [os.path.join(FOLDER, pattern) for pattern in arguments]
                for included in included_by(arguments):
                    self._load(included)

    def comment_out(self, path, number):
        line = self.lines[path][number - 1]
        self.lines[path][number - 1] = MARK + line

    def restore(self, path, number, line):
        self.lines[path][number - 1] = line

    def forget(self, path, number):
        """Have a line as it was read."""
        self.lines[path][number - 1] = self.taken[path].data.split(b"\n")[number - 1]

    def content(self, path):
        return b"\n".join(self.lines[path])

    def changed(self):
        """The paths of the files whose content is another one than was read."""
        return sorted(path for path in self.taken if self.content(path) != self.taken[path].data)

    def write_to(self, folder):
        """Write all files into a folder, each Include pointing there; return copy -> path, the main file first."""
        paths = [self.main] + sorted(path for path in self.taken if path != self.main)
        copies = {path: os.path.join(folder, str(number)) for number, path in enumerate(paths)}
        for path, copy in copies.items():
            text = b"\n".join(self._moved(line, copies) for line in self.lines[path])
            descriptor = os.open(copy, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
            try:
                files.write_descriptor(descriptor, text)
            finally:
                os.close(descriptor)
        return {copy: path for path, copy in copies.items()}

    @staticmethod
    def _moved(line, copies):
        keyword, arguments = split(line)
        if keyword != "include" or not arguments:
            return line
        targets = [copies[path] for path in included_by(arguments)]
        return ("Include %s" % " ".join(targets)).encode("utf-8") if targets else b"#"

    def directives(self):
        """Every directive in the order in which sshd reads them: {file, line, keyword, arguments, text, match}."""
        found = []
        self._walk(self.main, None, found, 0)
        return found

    def _walk(self, path, match, found, depth):
        if depth > config.DEPTH_LIMIT:
            return
        for number, line in enumerate(self.lines[path], 1):
            keyword, arguments = split(line)
            if keyword is None:
                continue
            entry = {"file": path, "line": number, "keyword": keyword, "arguments": arguments, "text": text_of(line)}
            if keyword == "match":
                match = None if [word.lower() for word in arguments] == ["all"] else " ".join(arguments)
            elif keyword == "include":
                for included in included_by(arguments):
                    self._walk(included, match, found, depth + 1)
            found.append(dict(entry, match=match))


def included_by(patterns):
    """The files that an Include names, in sshd's order."""
    try:
        return [path for pattern in patterns for path in sorted(glob.glob(os.path.join(FOLDER, pattern)))]
    except UnicodeError:
        raise files.CannotRepair("Include takes in a file whose name is no text: %s" % " ".join(patterns))


def split(line):
    return config.split_line(line.decode("utf-8", "replace").replace("\0", " "))


def text_of(line):
    """A line as it is told: bounded and on one line."""
    return printable(line).strip()[:200]


def printable(data):
    """Text without what would move a cursor."""
    return re.sub("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]", "?", data.decode("utf-8", "replace"))
