# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which text an interpreter runs, by its command line. Each reads its options in its own way: -e is code for Perl and
Ruby, but "stop at errors" for a shell; -I takes a folder in Perl, and nothing in Python.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re

# Files without a name, or that are another one for each who looks.
NAMELESS = re.compile(r"^/(?:dev/(?:fd/|std)|proc/)")
SHELL_APPLETS = ("sh", "ash", "-sh", "-ash")


class Reader(object):
    """How one kind of interpreter reads its command line. Options are told by their letters, long ones by words."""

    def __init__(self, names, **options):
        self.names = re.compile("^(?:%s)$" % names)
        # What follows is the program itself, is a module's name, or comes from the standard input.
        self.code, self.module, self.stdin = (options.get(kind, "") for kind in ("code", "module", "stdin"))
        # What follows is a value: the rest of the word or the next one, the rest of the word only, the next one only.
        self.valued, self.attached, self.next = (options.get(kind, "") for kind in ("valued", "attached", "next"))
        self.file = options.get("file", "")
        self.long_code, self.long_valued = options.get("long_code", ()), options.get("long_valued", ())
        # Words that stand before the script, such as "run".
        self.commands = options.get("commands", ())
        # A single dash: the standard input, but for a shell the end of its options.
        self.dash_is_input = options.get("dash_is_input", True)
        # The first word that is no option is the program itself.
        self.first_is_code = options.get("first_is_code", False)

    def read(self, words):
        """(the name of the text or None, whether it runs what no file holds): the second is None if that is unknown."""
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word == "-" and self.dash_is_input:
                return None, True
            if word in ("-", "--"):
                return (rest[0], None) if rest else (None, True)
            if word in self.commands:
                continue
            if word[:1] not in ("-", "+") or len(word) < 2:
                return (None, True) if self.first_is_code else (word, None)
            told = self._long(word, rest) if word.startswith("--") else self._letters(word, rest)
            if told is not None:
                return told
        return None, True

    def _long(self, word, rest):
        name, equals, _value = word.partition("=")
        if name in self.long_code:
            return None, True
        if name in self.long_valued and not equals and rest:
            rest.pop(0)
        return None

    def _letters(self, word, rest):
        """What a word such as -ec tells, or None."""
        for place, letter in enumerate(word[1:], 2):
            if letter in self.next and rest:
                rest.pop(0)
            elif letter in self.attached:
                return None
            elif letter in self.module:
                return None, None
            elif letter in self.code or letter in self.stdin:
                return None, True
            elif letter in self.file:
                return word[place:] or (rest.pop(0) if rest else None), None
            elif letter in self.valued:
                if not word[place:] and rest:
                    rest.pop(0)
                return None
        return None


JAVA = re.compile("^java$")
CLASSES = ("-cp", "-classpath", "--class-path")
NODE_VALUED = (
    "--require --import --loader --experimental-loader --conditions --title --icu-data-dir --openssl-config"
    " --diagnostic-dir --stack-trace-limit --max-http-header-size --preload --config --import-map --cwd"
).split()
LOADER_VALUED = (
    "--argv0 --library-path --inhibit-rpath --preload --audit --glibc-hwcaps-prepend --glibc-hwcaps-mask".split()
)
READERS = (
    Reader(r"python[\d.]*|pypy[\d.]*", code="c", module="m", valued="WXQ", long_valued=["--check-hash-based-pycs"]),
    Reader(r"perl[\d.]*", code="eE", valued="I", attached="MmiCdDVxF"),
    Reader(r"ruby[\d.]*", code="e", valued="IrCE", attached="WKxiFT0"),
    Reader(
        "node|nodejs|deno|bun", code="ep", next="rC", long_code=["--eval", "--print"], long_valued=NODE_VALUED,
        commands=["run", "serve"],
    ),
    Reader(
        r"php[\d.]*", code="rBRE", valued="cdzSt", file="fF",
        long_code=["--run", "--process-begin", "--process-code", "--process-end"],
        long_valued=["--php-ini", "--define", "--zend-extension", "--server", "--docroot"],
    ),
    Reader(r"lua(?:jit)?[\d.]*", code="e", valued="l"),
    Reader(r"tclsh[\d.]*"),
    Reader("expect", code="c", file="fb", valued="D"),
    Reader("[gmn]?awk", file="f", valued="vF", first_is_code=True, long_valued=["--assign", "--field-separator"]),
    Reader(
        r"r?bash|dash|sh|zsh|ksh\d*", code="c", stdin="s", next="oO", dash_is_input=False,
        long_valued=["--rcfile", "--init-file"],
    ),
    Reader(r"ld-linux.*|ld-musl.*|ld-[\d.]+\.so|ld\.so", long_valued=LOADER_VALUED),
)  # fmt: skip
SHELL = next(reader for reader in READERS if reader.names.match("sh"))


def reader_of(executable, words):
    """How this program reads its command line, or None where it is no interpreter. Java has its own way: JAVA."""
    name = os.path.basename(executable or "")
    if JAVA.match(name):
        return JAVA
    applet = os.path.basename(words[0]) if words else ""
    if name == "busybox":
        return SHELL if applet in SHELL_APPLETS else None
    return next((reader for reader in READERS if reader.names.match(name)), None)


def named(executable, words):
    """(the names that the text of an interpreter may have, whether it runs what no file holds).

    The second is None where neither can be told from the command line.
    """
    reader = reader_of(executable, words)
    if reader is None:
        return [], False
    if reader is JAVA:
        return _of_java(list(words[1:])), None
    if len(words) == 1 and " " in words[0]:
        # A title that it has given itself.
        return [], None
    name, inline = reader.read(words[1:])
    if name is None or NAMELESS.match(name):
        return [], True if name is not None else inline
    return [name], None


def _of_java(rest):
    while rest:
        word = rest.pop(0)
        if word == "-jar" and rest:
            return [rest[0]]
        if word in CLASSES and rest:
            return rest[0].split(":")
        if word[:1] != "-":
            break
    return []
