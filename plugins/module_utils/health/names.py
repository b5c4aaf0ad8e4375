# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a login waits for names: of the client by DNS, of the user by whatever holds the accounts."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import pwd
import re
import socket

from ansible_collections.rescue.remote_login.plugins.module_utils import children, host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import wrappers

PATIENCE_S = 12
SLOW_S = 2.5
FILES = ("/etc/hosts.allow", "/etc/hosts.deny")
# What a pattern of libwrap's says by itself, without a name.
WORDS = ("ALL", "EXCEPT")
ADDRESS = re.compile(r"^\[?[0-9A-Fa-f.:*?]*\]?(/[0-9.]+)?$")
LOCAL = {"files", "compat", "db", "systemd", "myhostname"}
ASKING = ("KNOWN", "UNKNOWN", "PARANOID", "LOCAL")


def look(login):
    """{client, account, servers, sources, wrappers}: each lookup with its answer and how long it took."""
    client = (login.get("clients") or [None])[0]
    user = login.get("user") or "root"
    questions = {"account": lambda: account(user)}
    if client:
        questions["client"] = lambda: name_of(client)
    answers = children.ask(questions, PATIENCE_S)
    known = sources(host.read("/etc/nsswitch.conf", limit=65536).text)
    found = {
        "client": _told(answers.get("client"), client, known.get("hosts")),
        "account": _told(answers["account"], user, known.get("passwd", []) + known.get("group", [])),
        "servers": re.findall(r"^nameserver\s+(\S+)", host.read("/etc/resolv.conf", limit=65536).text, re.M)[:8],
        "sources": known,
        "wrappers": asking_line(),
    }
    return found, answers["account"]["value"]


def _told(answer, asked, places):
    if answer is None:
        return None
    # Where only this host's own files are asked, a long time is that of a busy host.
    far = not places or not set(places) <= LOCAL
    slow = far and (answer["hangs"] or answer["took_s"] >= SLOW_S)
    error = None if answer["value"] else answer["error"] or "unknown"
    return {"asked": asked, "took_s": answer["took_s"], "hangs": answer["hangs"], "slow": slow, "error": error}


def name_of(client):
    """The name of an address and its addresses, as sshd asks for them with UseDNS."""
    name = socket.gethostbyaddr(client)[0]
    return {"name": name, "addresses": sorted({entry[4][0] for entry in socket.getaddrinfo(name, None)})[:16]}


def account(user):
    """{name, uid, gid, home, shell, groups} by every source of accounts, or None where none knows the user."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    groups = host.run(["id", "-Gn", "--", user], timeout=PATIENCE_S).out.split()
    known = {"name": entry.pw_name, "uid": entry.pw_uid, "gid": entry.pw_gid}
    return dict(known, home=entry.pw_dir, shell=entry.pw_shell, groups=groups[:1000])


def local_account(user):
    """The same from /etc/passwd alone, for a host whose other sources do not answer."""
    for line in host.read("/etc/passwd").text.splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[0] == user and fields[2].isdigit() and fields[3].isdigit():
            known = {"name": user, "uid": int(fields[2]), "gid": int(fields[3]), "groups": []}
            return dict(known, home=fields[5], shell=fields[6])
    return None


def sources(text):
    """{database: [source]} of nsswitch.conf for what a login asks."""
    found = {}
    for name, words in re.findall(r"^\s*(passwd|group|hosts)\s*:\s*([^#\n]*)", text, re.M):
        found[name] = re.findall(r"[A-Za-z]\w*", re.sub(r"\[[^\]]*\]", " ", words))
    return found


def asking_line(files=FILES):
    """'FILE line N' of the first rule for which libwrap must know the client's name, or None.

    It takes a name pattern in a rule that is about sshd. Whether this sshd asks libwrap at all is told elsewhere.
    """
    for path in files:
        for rule in wrappers.parse(host.read(path).text, path):
            daemons, clients = [re.split(r"[,\s]+", part.strip()) for part in (rule.daemons, rule.clients)]
            if not {"sshd", "ALL"} & {word.partition("@")[0] for word in daemons}:
                continue
            if any(takes_lookup(word) for word in clients) or re.search(r"%[hnc]", ":".join(rule.options)):
                return "%s line %d" % (path, rule.line)
    return None


def takes_lookup(pattern):
    """Whether a pattern of hosts_access(5) is about a name."""
    if not pattern or pattern in WORDS or pattern.startswith("/"):
        return False
    return pattern in ASKING or not ADDRESS.match(pattern.rpartition("@")[2] if pattern[0] != "@" else pattern)
