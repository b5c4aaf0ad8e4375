# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the people's own ssh_config on the vantage says of a target: the probe must go where their ssh goes."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import getpass
import os

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.algorithms import KEYWORDS
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.connect import Undecided
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.login import paramiko

FILES = ("~/.ssh/config", "/etc/ssh/ssh_config")


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
    filled["own_algorithms"] = any(keyword in settings for keyword in KEYWORDS)
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
