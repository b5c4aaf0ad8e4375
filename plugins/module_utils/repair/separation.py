# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd wants to separate privileges: a directory of root's, and a system user as its package makes it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import files, steps
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather

SYSUSERS = "/usr/lib/sysusers.d"
POSTINST = "/var/lib/dpkg/info/openssh-server.postinst"
MODE = 0o755


def plan(evidence):
    """The steps as (words, what does it); raises CannotRepair where a person has to do it."""
    separation = evidence["privilege_separation"]
    if not separation or not separation["problem"]:
        return []
    planned = []
    if not separation["user_exists"]:
        command = _command_for_user(separation["user"])
        planned.append((" ".join(command), lambda: steps.run(command)))
    if gather.separation_problem(dict(separation, user_exists=True), evidence):
        planned.append(_step_for_directory(separation["directory"]))
    return planned


# --- the user ---


def _command_for_user(user):
    """How the package itself makes its user. Nobody else's number, group or shell is made up here."""
    for name in host.names_in(SYSUSERS):
        text = host.read(os.path.join(SYSUSERS, name)).text
        if re.search(r"^u\S*\s+%s\s" % re.escape(user), text, re.M) and host.which("systemd-sysusers"):
            return ["systemd-sysusers", name]
    line = re.search(
        r"^\s*adduser (?=[^\n]*--system)([^\n;&|`$]*) %s\s*$" % re.escape(user), host.read(POSTINST).text, re.M
    )
    if line and host.which("adduser"):
        return ["adduser"] + line.group(1).split() + [user]
    raise CannotRepair(
        "the user %s does not exist, and its package leaves no word of how it makes it: reinstall openssh-server" % user
    )


# --- the directory ---


def _step_for_directory(path):
    status = host.status_of(path, follow=False)
    if status is None:
        _check_parent(path)
        return "mkdir -m 0755 %s" % path, lambda: _make(path)
    if not stat.S_ISDIR(status.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no directory"
        raise CannotRepair("%s is %s: look at it, take it away, and start sshd" % (path, kind))
    _check_parent(path)
    return "give %s to root:root with mode 0755" % path, lambda: _set(path)


def _check_parent(path):
    folder = files.untrusted_folder(os.path.realpath(os.path.dirname(path)) + "/x")
    if folder:
        raise CannotRepair("%s is left alone: others than root can change %s, or it is missing" % (path, folder))


def _make(path):
    try:
        os.mkdir(path, 0o700)
    except OSError as error:
        raise CannotRepair("%s cannot be made: %s" % (path, error.strerror))
    _set(path)
    files.restore_context(path)


def _set(path):
    try:
        descriptor = os.open(path, files.FLAGS | os.O_DIRECTORY)
        try:
            os.fchown(descriptor, 0, 0)
            os.fchmod(descriptor, MODE)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CannotRepair("owner and mode of %s cannot be set: %s" % (path, error.strerror))
