# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the people's own ssh_config on the vantage says of a target: the probe must go where their ssh goes."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import getpass
import glob
import os
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.algorithms import KEYWORDS
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.connect import Undecided
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.login import paramiko

FILES = ("~/.ssh/config", "/etc/ssh/ssh_config")
FILES_LIMIT = 50
KEYWORD = re.compile(r"^[ \t]*(?:%s)\b" % "|".join(KEYWORDS), re.I | re.M)
INCLUDE = re.compile(r"^[ \t]*Include[ \t=]+([^\n#]+)", re.I | re.M)


def applied(target):
    """The target with what it leaves open filled in. Raises Undecided where ssh would go through another host."""
    settings = _lookup(target["address"]) if target.get("use_ssh_config", True) and target.get("address") else {}
    for name in ("proxyjump", "proxycommand"):
        if settings.get(name, "none").lower() != "none":
            way = settings[name]
            raise Undecided("ssh_config goes through %s: name that machine in remote_login_vantages" % way)
    filled = dict(target)
    filled["address"] = settings.get("hostname") or target["address"]
    filled["host_key_alias"] = settings.get("hostkeyalias")
    filled["own_algorithms"] = bool(target.get("use_ssh_config", True)) and chooses_algorithms(FILES)
    if filled.get("port") is None:
        filled["port"] = int(settings["port"]) if str(settings.get("port", "")).isdigit() else 22
    filled["user"] = target.get("user") or settings.get("user") or getpass.getuser()
    keys = [path for path in settings.get("identityfile", []) if os.path.isfile(os.path.expanduser(path))]
    if keys and not target.get("private_key_file") and not target.get("password"):
        filled["private_key_file"] = keys[0]
    return filled


def _lookup(address):
    """The keywords of ssh_config for an address, lower case; empty where there is no file that can be read."""
    settings = {}
    for path in FILES if paramiko is not None else ():
        content = host.read(os.path.expanduser(path))
        if content.error:
            continue
        try:
            found = paramiko.SSHConfig.from_text(content.text).lookup(address)
        except Exception:  # a file that paramiko cannot follow says nothing
            continue
        for name, value in found.items():
            settings.setdefault(name, value)
    if settings.get("hostname") == address:
        del settings["hostname"]
    return settings


def chooses_algorithms(paths):
    """Whether these files, or what they include, set any algorithms, for whatever host: then ssh itself is asked."""
    waiting, seen = list(paths), set()
    while waiting and len(seen) < FILES_LIMIT:
        path = os.path.expanduser(waiting.pop(0))
        if path in seen:
            continue
        seen.add(path)
        text = host.read(path).text
        if KEYWORD.search(text):
            return True
        # A name without a folder is looked for beside the file.
        for name in " ".join(INCLUDE.findall(text)).replace('"', " ").split():
            waiting += sorted(glob.glob(os.path.join(os.path.dirname(path), os.path.expanduser(name))))
    return False
