# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change a file of root's without ever leaving half of it: taken as it is, written anew beside it, renamed over it.

Owner, mode, SELinux context, ACL and other attributes stay what they were. A file that others than root could
exchange meanwhile is not touched.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import fnmatch
import os
import stat
import tempfile
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.sockets import user_name

SIZE_LIMIT_BYTES = 1024 * 1024
OTHERS_WRITE = 0o022
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class CannotRepair(Exception):
    """Why something could not be repaired; ``changed`` tells whether something was done before."""

    def __init__(self, reason, changed=False):
        Exception.__init__(self, reason)
        self.changed = changed


class Taken(object):
    """A file as it was read: the path that was asked for, the one that it really has, and the content."""

    def __init__(self, path):
        self.path = path
        self.real = os.path.realpath(path)
        self.data, self.status = _read(self.real)

    def check_changeable(self):
        """Raise where replacing the file would be unsafe, or would tear a second name of it off."""
        folder = untrusted_folder(self.real)
        if folder:
            raise CannotRepair("%s is left alone: others than root can change %s" % (self.real, folder))
        if not only_roots(self.status):
            raise CannotRepair("%s is left alone: others than root can change it" % self.real)
        if self.status.st_nlink > 1:
            raise CannotRepair("%s is left alone: it has %d names (hard links)" % (self.real, self.status.st_nlink))

    def check_unchanged(self):
        """Raise where somebody has written to the file, or exchanged it, since it was read."""
        data, status = _read(self.real)
        same = all(getattr(status, name) == getattr(self.status, name) for name in ("st_dev", "st_ino", "st_ctime"))
        if data != self.data or not same or os.path.realpath(self.path) != self.real:
            raise CannotRepair("%s was changed by somebody else meanwhile: nothing was done" % self.path)


def _read(path):
    try:
        descriptor = os.open(path, FLAGS)
    except (OSError, ValueError, TypeError) as error:
        raise CannotRepair("%s: %s" % (path, getattr(error, "strerror", None) or error))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise CannotRepair("%s is not a regular file" % path)
        if status.st_size > SIZE_LIMIT_BYTES:
            raise CannotRepair("%s is larger than %d bytes" % (path, SIZE_LIMIT_BYTES))
        data = read_descriptor(descriptor)
        return data, status
    finally:
        os.close(descriptor)


def read_descriptor(descriptor, limit=SIZE_LIMIT_BYTES):
    """The bytes of an open file, at most ``limit`` of them."""
    chunks, size = [], 0
    while size < limit:
        data = os.read(descriptor, min(65536, limit - size))
        if not data:
            break
        chunks.append(data)
        size += len(data)
    return b"".join(chunks)


def only_roots(status):
    """Whether nobody but root can change it. Root's own group has no other members that count."""
    return status.st_uid == 0 and not status.st_mode & (0o002 if status.st_gid == 0 else OTHERS_WRITE)


def untrusted_folder(path):
    """The outermost folder on the way to a real path that others than root could change, or None."""
    folder, found = os.path.dirname(path), None
    while True:
        status = host.status_of(folder, follow=False)
        if status is None or not stat.S_ISDIR(status.st_mode) or not only_roots(status):
            found = folder
        if folder in ("/", ""):
            return found
        folder = os.path.dirname(folder)


# --- writing ---


def replace(taken, data):
    """Put other content into a file that is still as it was taken."""
    taken.check_unchanged()
    new = _copy_beside(taken)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        try:
            write_descriptor(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        taken.check_unchanged()
        os.rename(new, taken.real)
    except (IOError, OSError) as error:
        _remove(new)
        raise CannotRepair("%s cannot be replaced: %s" % (taken.real, error.strerror or error))
    except CannotRepair:
        _remove(new)
        raise


def write_descriptor(descriptor, data):
    while data:
        data = data[os.write(descriptor, data) :]


def _copy_beside(taken):
    """A copy in the same folder with everything that belongs to the file, under a name that no pattern matches."""
    try:
        descriptor, new = tempfile.mkstemp(dir=os.path.dirname(taken.real), prefix=".remote-login-", suffix="~")
    except (IOError, OSError) as error:
        raise CannotRepair("%s cannot be replaced: %s" % (taken.real, error.strerror or error))
    os.close(descriptor)
    _copy(taken, new)
    return new


def _copy(taken, new):
    """Copy content, owner, mode, context and attributes onto an empty file; on failure it is gone."""
    result = host.run(["cp", "-a", "--", taken.real, new])
    status = host.status_of(new, follow=False)
    kept = ("st_uid", "st_gid", "st_mode", "st_size")
    if not result.error and result.rc == 0 and all(getattr(status, k) == getattr(taken.status, k) for k in kept):
        return
    _remove(new)
    said = result.error or result.err.strip() or "owner or mode cannot be kept"
    raise CannotRepair("%s cannot be copied: %s" % (taken.real, said[:300]))


def keep(taken, patterns=()):
    """Copy a file to a name beside it that none of these patterns would read; return that name."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    folder, name = os.path.split(taken.real)
    for form in ("%s.remote-login-%s", ".%s.remote-login-%s", ".%s.remote-login-%s~"):
        path = os.path.join(folder, form % (name, stamp))
        if any(matches(path, pattern) for pattern in patterns):
            continue
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        except OSError as error:
            if error.errno == errno.EEXIST:
                continue
            raise CannotRepair("no backup of %s can be made: %s" % (taken.real, error.strerror))
        _copy(taken, path)
        return path
    raise CannotRepair("no backup of %s can be made that sshd would not read" % taken.real)


def matches(path, pattern):
    """Whether a shell pattern of a path stands for this path: a wildcard takes no slash, and no dot in front."""
    words, parts = path.split("/"), os.path.normpath(pattern).split("/")
    if len(words) != len(parts):
        return False
    hidden = any(word.startswith(".") and not part.startswith(".") for word, part in zip(words, parts))
    return not hidden and all(fnmatch.fnmatchcase(word, part) for word, part in zip(words, parts))


def put_back(taken, backup):
    """Give a file its former content and attributes again."""
    os.rename(backup, taken.real)


def _remove(path):
    try:
        os.unlink(path)
    except OSError:
        pass


# --- owner and mode, on a descriptor ---


def restore_context(path):
    """Give a new file the SELinux label that the policy has for it, where there is SELinux."""
    if host.status_of("/sys/fs/selinux/enforce") is not None and host.which("restorecon"):
        host.run(["restorecon", path])


def described(status):
    """Owner, group and mode as a diff shows them."""
    return "%s:%d %04o" % (user_name(status.st_uid), status.st_gid, stat.S_IMODE(status.st_mode))
