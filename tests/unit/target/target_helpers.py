# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of target code share. Python 2.7 and later, like the code."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import binascii
import contextlib
import io
import json
import os
import shutil
import tempfile
import time

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")


def fixture(section, name):
    """The text of a fixture."""
    with io.open(os.path.join(FIXTURES, section, name), encoding="utf-8", newline="") as handle:
        return handle.read()


def fixture_json(section, name):
    return json.loads(fixture(section, name))


def fixture_bytes(section, name):
    """The byte strings of a fixture that has one in each line, in hexadecimal."""
    return [binascii.unhexlify(line) for line in fixture(section, name).split()]


@contextlib.contextmanager
def replaced(owner, **attributes):
    """Give a module or class other attributes for a while."""
    kept = {name: getattr(owner, name) for name in attributes}
    for name, value in attributes.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(owner, name, value)


@contextlib.contextmanager
def folder_with(files):
    """A folder with these files, by name and text; None makes a folder."""
    root = tempfile.mkdtemp()
    try:
        for name, text in files.items():
            path = os.path.join(root, name)
            if text is None:
                os.makedirs(path)
                continue
            if not os.path.isdir(os.path.dirname(path)):
                os.makedirs(os.path.dirname(path))
            with io.open(path, "w", encoding="utf-8") as handle:
                handle.write(u"%s" % text)  # fmt: skip
        yield root
    finally:
        shutil.rmtree(root)


def soon_true(condition, seconds=3):
    """Whether a condition comes true within some seconds."""
    deadline = time.time() + seconds
    while not condition():
        if time.time() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_running(pid):
    """Whether a process is there and not just waiting for somebody to take note of its end."""
    try:
        with open("/proc/%d/stat" % pid) as handle:
            return handle.read().rpartition(")")[2].split()[0] != "Z"
    except IOError:
        return False
