# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set owner and mode of a user's home, .ssh and authorized_keys as sshd's StrictModes wants them.

It goes down from the home descriptor by descriptor and follows no symbolic link: what is looked at is what is changed.
Nothing is given to the user that could be somebody else's.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import grp
import os
import pwd
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import files
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair
from ansible_collections.rescue.remote_login.plugins.module_utils.sockets import user_name

DEFAULT_FILES = ".ssh/authorized_keys .ssh/authorized_keys2"
# What belongs into a folder that is given to a user; it may not be somebody's treasure under another name.
USUAL_NAMES = re.compile(r"^(authorized_keys|known_hosts|id_|config|environment$|rc$|allowed_signers|agent|control|\.)")
NAMES_LIMIT = 200
KEY_LINE = re.compile(
    r"^(?:[^\x00-\x08\x0e-\x1f]*[ \t])?"
    r"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+|[a-z0-9-]+-cert-v01@openssh\.com)"
    r"[ \t]+AAAA[A-Za-z0-9+/=]+"
)
# No account's home is one of these, whatever the table of users says.
SYSTEM = re.compile(
    r"^/(?:(?:bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|tmp|usr|var/tmp)(?:/.*)?"
    r"|home|mnt|opt|srv|var(?:/(?:cache|lib|log|mail|spool))?)?$"
)


def paths(values, account):
    """(the files below the home, those elsewhere) that sshd reads keys from, by the words of AuthorizedKeysFile."""
    inside, outside = [], []
    values = values or DEFAULT_FILES
    if not isinstance(values, str):
        values = values.encode("utf-8")  # Python 2 has the table of users in bytes
    for word in values.split():
        if word == "none":
            continue
        path = expand(word, account)
        path = os.path.normpath(path if path.startswith("/") else os.path.join(account.pw_dir, path))
        below = path.startswith(account.pw_dir.rstrip("/") + "/")
        (inside if below else outside).append(path)
    return inside, outside


def expand(word, account):
    values = {"%%": "%", "%h": account.pw_dir, "%u": account.pw_name, "%U": str(account.pw_uid)}
    return re.sub(r"%.", lambda found: values.get(found.group(0), found.group(0)), word)


class Repair(object):
    """One user's way to the keys, from the home downwards.

    ``changes`` are (path, before, after), ``told`` is what was left alone, ``exposed`` what others could write to.
    """

    def __init__(self, account, dry):
        self.account = account
        self.dry = dry
        self.changes = []
        self.told = []
        self.exposed = []
        self._seen = set()

    def run(self, names):
        """``names``: the paths of the files, all below the home."""
        home = os.path.normpath(self.account.pw_dir)
        descriptor = self._open_home(home)
        try:
            self._fix(descriptor, home, True)
            for path in names:
                self._descend(descriptor, home, os.path.relpath(path, home).split("/"))
        finally:
            os.close(descriptor)

    def _open_home(self, home):
        if not home.startswith("/") or (SYSTEM.match(home) and home != "/root"):
            raise CannotRepair("%s is left alone: it is no home of a user" % home)
        status = host.status_of(home, follow=False)
        if status is None:
            raise CannotRepair("the home %s does not exist" % home)
        if stat.S_ISLNK(status.st_mode):
            raise CannotRepair("the home %s is a symbolic link, which is not followed" % home)
        folder = files.untrusted_folder(os.path.realpath(home))
        if folder:
            raise CannotRepair("%s is left alone: others than root can change %s" % (home, folder))
        return _open(home, home, True)

    def _descend(self, above, path, parts):
        """Go on to the next name below an open folder."""
        name, path, is_folder = parts[0], os.path.join(path, parts[0]), len(parts) > 1
        entry = "/proc/self/fd/%d/%s" % (above, name)
        try:
            if host.status_of(entry, follow=False) is None:
                return
            descriptor = _open(entry, path, is_folder)
        except CannotRepair as reason:
            self._tell(reason.args[0])
            return
        try:
            self._fix(descriptor, path, is_folder)
            if is_folder:
                self._descend(descriptor, path, parts[1:])
        except CannotRepair as reason:
            self._tell(reason.args[0])
        finally:
            os.close(descriptor)

    def _tell(self, text):
        if text not in self.told:
            self.told.append(text)

    def _fix(self, descriptor, path, is_folder):
        """Set owner and mode of what is open, if they need it and it may be done."""
        if path in self._seen:
            return
        self._seen.add(path)
        status = os.fstat(descriptor)
        needed = 0o100 if is_folder else 0o400
        mode = stat.S_IMODE(status.st_mode) & ~files.OTHERS_WRITE
        owner = status.st_uid
        if owner not in (0, self.account.pw_uid) or (owner == 0 and not self._can_use(status, needed)):
            self._check_gift(descriptor, path, is_folder, status)
            owner = self.account.pw_uid
        if owner == self.account.pw_uid:
            mode |= needed
        if (mode, owner) == (stat.S_IMODE(status.st_mode), status.st_uid):
            return
        if not is_folder and status.st_nlink > 1:
            raise CannotRepair("%s is left alone: it has %d names (hard links)" % (path, status.st_nlink))
        group = self.account.pw_gid if owner != status.st_uid else status.st_gid
        self.changes.append((path, files.described(status), "%s:%d %04o" % (user_name(owner), group, mode)))
        if status.st_mode & files.OTHERS_WRITE:
            self.exposed.append(path)
        if not self.dry:
            self._set(descriptor, path, owner if owner != status.st_uid else -1, group, mode)

    def _set(self, descriptor, path, owner, group, mode):
        try:
            if owner != -1:
                os.fchown(descriptor, owner, group)
            os.fchmod(descriptor, mode)
        except OSError as error:
            self.changes.pop()
            raise CannotRepair("owner and mode of %s cannot be set: %s" % (path, error.strerror))

    def _can_use(self, status, needed):
        """Whether sshd, as the user, can read what root owns."""
        if self.account.pw_uid == 0:
            return True
        shift = 3 if status.st_gid == self.account.pw_gid or self._is_member(status.st_gid) else 0
        return bool((status.st_mode << (6 - shift)) & needed)

    def _is_member(self, gid):
        try:
            return self.account.pw_name in grp.getgrgid(gid).gr_mem
        except KeyError:
            return False

    def _check_gift(self, descriptor, path, is_folder, status):
        """Raise where what belongs to somebody else may not be given to the user."""
        command = "look at it, then: chown %s %s" % (self.account.pw_name, path)
        if is_folder:
            self._check_folder(descriptor, path, status, command)
            return
        if status.st_nlink > 1:
            raise CannotRepair("%s is left alone: it has %d names (hard links)" % (path, status.st_nlink))
        if not holds_keys_only(files.read_descriptor(descriptor, files.SIZE_LIMIT_BYTES + 1)):
            words = "%s belongs to %s and holds something else than public keys: %s"
            raise CannotRepair(words % (path, user_name(status.st_uid), command))

    def _check_folder(self, descriptor, path, status, command):
        if path == os.path.normpath(self.account.pw_dir):
            others = [entry for entry in pwd.getpwall() if entry.pw_uid != self.account.pw_uid]
            shared = [entry.pw_name for entry in others if os.path.normpath(entry.pw_dir) == path]
            if shared:
                raise CannotRepair("%s is the home of %s as well: %s" % (path, ", ".join(shared[:5]), command))
            return
        names = host.names_in("/proc/self/fd/%d" % descriptor)
        strange = [name for name in names if not USUAL_NAMES.match(name)]
        if strange or len(names) > NAMES_LIMIT:
            words = "%s belongs to %s and holds more than keys: %s"
            raise CannotRepair(words % (path, user_name(status.st_uid), command))


def _open(entry, path, is_folder):
    """A descriptor of just this kind of thing; raises for links, FIFOs, devices and the like."""
    status = host.status_of(entry, follow=False)
    if status is None:
        raise CannotRepair("%s is gone" % path)
    if stat.S_ISLNK(status.st_mode):
        raise CannotRepair("%s is a symbolic link, which is not followed" % path)
    right = stat.S_ISDIR(status.st_mode) if is_folder else stat.S_ISREG(status.st_mode)
    if not right:
        raise CannotRepair("%s is no %s" % (path, "folder" if is_folder else "regular file"))
    try:
        descriptor = os.open(entry, files.FLAGS | (os.O_DIRECTORY if is_folder else 0))
    except OSError as error:
        raise CannotRepair("%s cannot be opened: %s" % (path, error.strerror))
    found = os.fstat(descriptor)
    if (found.st_dev, found.st_ino) != (status.st_dev, status.st_ino):
        os.close(descriptor)
        raise CannotRepair("%s was exchanged meanwhile" % path)
    return descriptor


def holds_keys_only(data):
    """Whether a file is nothing but public keys, remarks and empty lines."""
    if len(data) > files.SIZE_LIMIT_BYTES or b"\0" in data:
        return False
    lines = [line.strip() for line in data.decode("latin-1").split("\n")]
    return all(not line or line.startswith("#") or KEY_LINE.match(line) for line in lines)


def look_at(path):
    """What is wrong with a file outside the home, in words, or None. It is only told."""
    status = host.status_of(path, follow=False)
    if status is None or stat.S_ISLNK(status.st_mode):
        return None
    folder = files.untrusted_folder(path)
    wrong = status.st_mode & files.OTHERS_WRITE
    if folder or wrong:
        return "%s lies outside the home and is only told: others can write to %s" % (path, folder or path)
    return None
