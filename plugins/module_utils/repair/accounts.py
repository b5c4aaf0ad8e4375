# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account by the name that a person gave."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import pwd
import re

from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair

# Directories of users know names with a domain in front or behind. No option, no path, no field separator.
NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,254}\$?\Z")


def find(name):
    """The account; raises where there is none, or where the name is none."""
    if not NAME.match(name) or ".." in name:
        raise CannotRepair("'%s' is no name of a user" % name[:100])
    try:
        return pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise CannotRepair("there is no user %s" % name)
