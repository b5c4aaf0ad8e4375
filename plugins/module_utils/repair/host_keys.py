# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the host keys that are missing, and set owner and mode of those that are there. None is ever replaced."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import grp
import os
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import files
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import config, daemon, needs

KEYGEN_TIMEOUT_S = 60
# RHEL up to 8 lets the helper for host-based logins read the keys through this group.
READERS = "ssh_keys"
TYPES = ("ed25519", "ecdsa", "rsa", "dsa")


def plan(evidence):
    """(steps as (words, what does it), what only a person may do). Nothing is changed by it."""
    steps, told = [], []
    entries, _files = config.directives(daemon.config_path(evidence["config"]["command"]) or config.DEFAULT_PATH)
    named = [entry for entry in entries if entry["keyword"] == "hostkey" and entry["match"] is None]
    paths = [entry["arguments"][0] for entry in named if entry["arguments"]]
    paths = [path for number, path in enumerate(paths) if path not in paths[:number]]
    # Of the usual keys some may be left out on purpose: they are made only where none is of use.
    wanted = bool(paths) or evidence["host_keys_usable"] is False
    for path in [path for path in paths if path != "none"] or needs.DEFAULT_KEYS:
        try:
            steps += _steps_for(path, wanted, evidence)
        except CannotRepair as reason:
            told.append(reason.args[0])
    return steps, told


def _steps_for(path, wanted, evidence):
    if not path.startswith("/"):
        raise CannotRepair("%s is no absolute path" % path)
    real = os.path.realpath(path)
    if host.status_of(path, follow=False) is None:
        return [_making(path)] if wanted else []
    status = host.status_of(real, follow=False)
    if status is None:
        raise CannotRepair("%s is a link to %s, which does not exist" % (path, real))
    problem = next((key["problem"] for key in evidence["host_keys"] if key["path"] == path), None)
    if not stat.S_ISREG(status.st_mode):
        raise CannotRepair("%s is no regular file: move it away, and make a key by %s" % (path, keygen(path)))
    if status.st_size == 0:
        words = "%s is empty and is not replaced; when nothing can bring it back: rm %s && %s"
        raise CannotRepair(words % (path, path, keygen(path)))
    if problem == needs.ENCRYPTED:
        words = (
            "%s is encrypted with a passphrase and is not replaced: ssh-keygen -p -N '' -f %s, or mv %s %s.old && %s"
        )
        raise CannotRepair(words % (path, path, path, path, keygen(path)))
    steps = _securing(path, real, status, problem)
    if problem in ("unreadable", "refused by sshd") and not steps:
        raise CannotRepair(
            "sshd cannot read the key in %s, and it is not replaced; when nothing can bring it back: mv %s %s.old && %s"
            % (path, path, path, keygen(path))
        )
    public = [] if problem else _public_half(path, real)
    return steps + public


# --- a key that is missing ---


def kind_of(path):
    """The type of a key by its file's name; any sshd takes an Ed25519 key."""
    name = os.path.basename(path).lower()
    return next((kind for kind in TYPES if re.search(r"(^|[^a-z])%s($|[^a-z0-9])" % kind, name)), TYPES[0])


def keygen(path):
    return "ssh-keygen -q -t %s -N '' -f %s" % (kind_of(path), path)


def _making(path):
    folder = os.path.dirname(path)
    if host.status_of(folder) is None:
        raise CannotRepair("%s is missing, and so is its folder: mount it, or correct HostKey" % path)
    _check_folder(os.path.realpath(path))
    if host.which("ssh-keygen") is None:
        raise CannotRepair("%s is missing, and there is no ssh-keygen" % path)
    return keygen(path), lambda: _make(path)


def _make(path):
    # Without a terminal ssh-keygen overwrites nothing that has come there meanwhile.
    result = host.run(["ssh-keygen", "-q", "-t", kind_of(path), "-N", "", "-f", path], timeout=KEYGEN_TIMEOUT_S)
    if result.error or result.rc != 0:
        said = result.error or (result.err or result.out).strip()[-300:]
        raise CannotRepair("%s cannot be made: %s" % (path, said))
    for made in (path, path + ".pub"):
        files.restore_context(made)


# --- owner and mode ---


def _securing(path, real, status, problem):
    """A private key is root's alone; with the sshd of RHEL, which does not mind, a group may read it."""
    readers = _group(status.st_gid) == READERS and problem != "permissions"
    allowed = 0o640 if readers else 0o600
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid == 0 and not mode & ~allowed and mode & 0o400:
        return []
    _check_folder(real)
    if status.st_nlink > 1:
        words = "%s is left alone, it has %d names (hard links): chown root:root %s; chmod 600 %s"
        raise CannotRepair(words % (path, status.st_nlink, path, path))
    words = "chown root%s %s; chmod %04o %s" % ("" if readers else ":root", path, allowed, path)
    return [(words, lambda: _secure(real, allowed, -1 if readers else 0))]


def _group(gid):
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return None


def _secure(real, mode, group):
    try:
        descriptor = os.open(real, files.FLAGS)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise CannotRepair("%s was exchanged meanwhile" % real)
            os.fchown(descriptor, 0, group)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CannotRepair("owner and mode of %s cannot be set: %s" % (real, error.strerror))


def _check_folder(real):
    folder = files.untrusted_folder(real)
    if folder:
        raise CannotRepair("%s is left alone: others than root can change %s" % (real, folder))


# --- the public half ---


def _public_half(path, real):
    if host.status_of(path + ".pub", follow=False) is not None or host.which("ssh-keygen") is None:
        return []
    if files.untrusted_folder(real) or files.untrusted_folder(os.path.realpath(path + ".pub")):
        return []
    return [("ssh-keygen -y -f %s > %s.pub" % (path, path), lambda: _make_public(path))]


def _make_public(path):
    result = host.run(["ssh-keygen", "-y", "-P", "", "-f", path])
    if result.error or result.rc != 0 or not result.out.strip():
        raise CannotRepair("%s.pub cannot be made: %s" % (path, result.error or result.err.strip()[-300:]))
    try:
        descriptor = os.open(path + ".pub", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o644)
        try:
            files.write_descriptor(descriptor, result.out.encode("utf-8"))
            os.fchmod(descriptor, 0o644)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CannotRepair("%s.pub cannot be made: %s" % (path, error.strerror))
    files.restore_context(path + ".pub")
