# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which package a file belongs to, and whether it is as that left it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import hashlib
import os
import pwd
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import clock, places

PROGRAM_LIMIT_BYTES = 128 * 1024 * 1024
LIST_LIMIT_BYTES, LISTS_LIMIT_BYTES = 32 * 1024 * 1024, 128 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
# What asking for packages and comparing programs may take for all processes together: the rest says that it is unknown.
PATIENCE_S, LEAST_S = 4, 0.2
DPKG, DPKG_LISTS, DIVERSIONS = "/var/lib/dpkg", "info", "diversions"
RPM_DIGESTS = {32: "md5", 40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}
# Seconds that were used of PATIENCE_S.
USED = [0.0]
# {(device, inode) of dpkg's folder: its _Lists}: read once for all processes of a system.
READ = {}


class Unknown(Exception):
    """Why it cannot be told whether a package owns a file."""


def package_of(pid, path):
    """{package, modified, why_unknown, updated_at}: ``modified`` is None where it cannot be told."""
    begun = clock.now()
    deadline = begun + PATIENCE_S - USED[0]
    try:
        if deadline - begun < LEAST_S:
            raise Unknown("there was no time left to ask for it")
        with places.held(pid, DPKG) as folder:
            status = host.status_of("%s/%s" % (folder, DPKG_LISTS), follow=False)
            if status is not None and status.st_uid != 0 and is_somebody(status.st_uid):
                # Who has made a container's root can put into its list what they like.
                raise Unknown("its list of packages is not root's, but of user %d" % status.st_uid)
            if status is not None:
                return _of_dpkg(pid, folder, path, deadline)
        foreign = places.has_own_root(pid)
        if foreign is None:
            raise Unknown("the files of this process may not be looked at")
        if foreign:
            # rpm would work on files of a stranger's, with the rights of root.
            raise Unknown("another system's list of packages is only read where it is dpkg's")
        if host.which("rpm"):
            return _of_rpm(pid, path, deadline - begun)
        raise Unknown("there is no list of packages (neither dpkg nor rpm)")
    except Unknown as reason:
        return {"why_unknown": str(reason)}
    finally:
        USED[0] += clock.now() - begun


def is_somebody(uid):
    """Whether a user of this host has this number; those that containers get for themselves have no name."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def spellings(path):
    """A path as packages may name it: /usr/bin and /bin are one folder on most systems."""
    merged = re.match(r"^(/usr)?(/(?:bin|sbin|lib|lib32|lib64)/.*)$", path)
    return [path, merged.group(2) if merged.group(1) else "/usr" + path] if merged else [path]


# --- dpkg: by its lists, which are the same in a container ---


class _Lists(object):
    """What dpkg has installed: [(package, its files)], and the files that it has put elsewhere."""

    def __init__(self, folder, deadline):
        self.files, self.problem, size = [], None, 0
        info = "%s/%s" % (folder, DPKG_LISTS)
        for name in host.names_in(info):
            if not name.endswith(".list"):
                continue
            text, error = host.read("%s/%s" % (info, name), limit=LIST_LIMIT_BYTES, follow=False)
            self.problem = self.problem or (error and "a list of packages cannot be read")
            size += len(text)
            if size > LISTS_LIMIT_BYTES:
                raise Unknown("the lists of packages are too long")
            if clock.now() > deadline:
                raise Unknown("the lists of packages could not be read in time")
            self.files.append((name[: -len(".list")], "\n%s\n" % text))
        lines = host.read("%s/%s" % (folder, DIVERSIONS), limit=LIST_LIMIT_BYTES, follow=False).text.split("\n")
        self.diversions = list(zip(lines[0::3], lines[1::3], lines[2::3]))

    def owner(self, path):
        """(package, the path in its list) or None."""
        names = spellings(path)
        for source, target, package in self.diversions:
            if target in names:
                return self._owner(spellings(source), others_than=package)
            if source in names:
                return self._owner(names, only=package)
        return self._owner(names)

    def _owner(self, names, only=None, others_than=None):
        for package, files in self.files:
            name = package.partition(":")[0]
            if name == others_than or only not in (None, name):
                continue
            listed = next((each for each in names if "\n%s\n" % each in files), None)
            if listed is not None:
                return package, listed
        return None


def _of_dpkg(pid, folder, path, deadline):
    status = host.status_of(folder)
    key = status.st_dev, status.st_ino
    if key not in READ:
        READ[key] = _Lists(folder, deadline)
    owner = READ[key].owner(path)
    if owner is None:
        return {"why_unknown": READ[key].problem} if READ[key].problem else {"package": None}
    beginning = "%s/%s/%s" % (folder, DPKG_LISTS, owner[0])
    listed = host.status_of(beginning + ".list", follow=False)
    sums = host.read(beginning + ".md5sums", limit=LIST_LIMIT_BYTES, follow=False).text
    match = re.search(r"^([0-9a-f]{32})\s+%s$" % re.escape(owner[1].lstrip("/")), sums, re.M)
    return {
        "package": owner[0],
        "modified": _differs(pid, path, ("md5", match.group(1)) if match else None, deadline),
        "updated_at": int(listed.st_mtime) if listed is not None else None,
    }


# --- rpm ---


def _of_rpm(pid, path, timeout):
    begun = clock.now()
    shape = r"%{NAME} %{INSTALLTIME}\n[%{FILENAMES} %{FILEDIGESTS}\n]"
    answer = host.run(["rpm", "-qf", "--qf", shape, path], timeout=timeout, limit=LIST_LIMIT_BYTES)
    if answer.error:
        raise Unknown(answer.error)
    if answer.rc != 0:
        return {"package": None}
    name, _blank, installed = answer.out.split("\n")[0].partition(" ")
    names = "|".join(re.escape(spelling) for spelling in spellings(path))
    match = re.search(r"^(?:%s) ([0-9a-f]+)$" % names, answer.out, re.M)
    digest = match and (RPM_DIGESTS.get(len(match.group(1))), match.group(1))
    updated = int(installed) if installed.isdigit() else None
    return {"package": name, "modified": _differs(pid, path, digest, begun + timeout), "updated_at": updated}


# --- is it as the package left it? ---


def _differs(pid, path, digest, deadline):
    """Whether a file is another than the package's; of a program that runs, the very file that it was started from."""
    if digest is None or digest[0] is None:
        return None
    running = "/proc/%d/exe" % pid
    if places.as_seen(pid, host.link_target(running)) == path:
        found = digest_of(running, digest[0], deadline)
    else:
        with places.held(pid, path) as name:
            found = digest_of(name, digest[0], deadline)
    return None if found is None else found != digest[1]


def digest_of(path, name, deadline):
    """The digest of a regular file in hexadecimal digits, or None."""
    try:
        made = hashlib.new(name)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None  # a system under FIPS rules has no MD5
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > PROGRAM_LIMIT_BYTES:
            return None
        while clock.now() < deadline:
            data = os.read(descriptor, CHUNK_BYTES)
            if not data:
                return made.hexdigest()
            made.update(data)
        return None
    except OSError:
        return None
    finally:
        os.close(descriptor)
