# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a program comes from: which package owns it, whether it is as that left it, and who could have put it there."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import errno
import os
import re
import stat

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import packages, places, scripts

MAPS_LIMIT_BYTES = 8 * 1024 * 1024
SOCKETS_LIMIT_BYTES = 2 * 1024 * 1024
SYSTEM_PROGRAM = re.compile(r"^(?:/usr(?:/lib(?:exec)?)?)?/(?:s?bin|lib|libexec|systemd)/")
PRELOAD_FILE, PRELOAD_VARIABLES = "/etc/ld.so.preload", ("LD_PRELOAD", "LD_AUDIT")
PRELOADED_LIMIT = 5
ENVIRONMENT_LIMIT_BYTES = 1024 * 1024


def look(pid, executable, words, started=None):
    """Of what a process runs. RETURN in modules/bandwidth_info.py says what each part is."""
    view = places.view_of(pid, executable)
    script, inline = script_of(pid, executable, words, view)
    executable = places.as_seen(view, executable)
    path = script or executable
    mount = places.mount_of(view, path)
    found = {"path": path, "script": script, "inline": inline}
    found["is_interpreter"] = scripts.reader_of(executable, words) is not None
    found["input_from_network"] = inline is not False and input_from_network(pid)
    found["script_exists"] = not is_gone(view, script) if script else None
    found.update(places.described(view, path, mount))
    found["own_root"] = places.has_own_root(view)
    found["in_image"] = places.in_image(path, mount) if found["own_root"] else None
    found["claims"] = claimed(view, executable, words)
    found["there_again"] = executable is not None and places.status_of(view, executable) is not None
    found["preloaded"] = [_library(view, name) for name in preloaded(pid, view)]
    found.update(package=None, modified=None, why_unknown=None, updated_at=None, replaced_by_update=None)
    if path is None:
        found["why_unknown"] = "the program cannot be seen"
    else:
        found.update(packages.package_of(view, path))
    if started is not None and found["updated_at"] is not None:
        found["replaced_by_update"] = found["updated_at"] >= started
    found["interpreter"] = _interpreter(view, executable) if script else None
    return found


def _library(pid, path):
    found = dict({"package": None, "modified": None, "why_unknown": None}, path=path)
    found.update(packages.package_of(pid, path))
    found.update(places.described(pid, path, places.mount_of(pid, path)))
    return found


def _interpreter(pid, executable):
    """What runs a script can itself be another than it should be."""
    return dict(_library(pid, executable), is_interpreter=True)


# --- what is run ---


def script_of(pid, executable, words, view=None):
    """(the absolute path of the text that an interpreter runs or None, whether it runs what no file holds).

    The second is None where neither can be told from the command line. The text may be gone since.
    """
    view, root = view or pid, host.link_target("/proc/%d/root" % pid) or "/"
    names, inline = scripts.named(executable, words)
    if view != pid and executable.startswith(root + "/"):
        names = [root + name if name.startswith("/") else name for name in names]
    found = _first_of(pid, names, view)
    # One that is named in full can be told by that alone. Of others it is not known from where they were named.
    if found is None and len(names) == 1 and names[0].startswith("/") and is_gone(view, names[0]):
        found = os.path.normpath(names[0])
    return found, inline


def is_gone(pid, path):
    """Whether there is no such file, which is more than that it cannot be seen."""
    if host.link_target("/proc/%d/root" % pid) is None:
        return False
    try:
        os.lstat(places.native("/proc/%d/root%s" % (pid, path)))
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR)
    except ValueError:
        return False  # a name that this Python cannot write where the language is not set
    return False


def _first_of(pid, names, view):
    """The first of these files that is there, as the process would find it."""
    folder = places.as_seen(view, host.link_target("/proc/%d/cwd" % pid)) or "/"
    for name in names:
        path = places.resolved(view, os.path.normpath(os.path.join(folder, name.rstrip("*"))))
        status = places.status_of(view, path)
        if status is not None and (stat.S_ISREG(status.st_mode) or len(names) > 1):
            return path
    return None


def claimed(pid, executable, words):
    """The system's program that the process calls itself by its path while it runs another one, or None."""
    name = words[0].partition(" ")[0] if words else ""
    if executable is None or not SYSTEM_PROGRAM.match(name) or name == executable:
        return None
    target = places.resolved(pid, name)
    same_folder = os.path.dirname(target) == os.path.dirname(executable) and not SYSTEM_PROGRAM.match(executable)
    if executable in (target, name) or same_folder or _stem(target) == _stem(executable):
        return None
    # A text that its interpreter has named itself after, and a wrapper that starts another program.
    return None if _is_text(pid, target) else name


def _stem(path):
    return re.sub(r"[\d.]+$", "", os.path.basename(path))


def _is_text(pid, path):
    return places.read(pid, path, 2).text == "#!"


def input_from_network(pid):
    """Whether the standard input of a process is a connection or another socket of the network's; None if unknown."""
    match = re.match(r"^socket:\[(\d+)\]$", host.link_target("/proc/%d/fd/0" % pid) or "")
    if match is None:
        return False
    cut = False
    for name in ("tcp", "tcp6", "udp", "udp6"):
        read = host.read("/proc/%d/net/%s" % (pid, name), limit=SOCKETS_LIMIT_BYTES)
        if any(line.split()[9:10] == [match.group(1)] for line in read.text.splitlines()):
            return True
        cut = cut or len(read.text) >= SOCKETS_LIMIT_BYTES
    return None if cut else False


def preloaded(pid, view):
    """The libraries that were loaded into the process before its own: those of them that are really there."""
    wanted = places.read(view, PRELOAD_FILE, 65536).text.split()
    for entry in host.read("/proc/%d/environ" % pid, limit=ENVIRONMENT_LIMIT_BYTES).text.split("\0"):
        name, _equals, value = entry.partition("=")
        if name in PRELOAD_VARIABLES:
            wanted.extend(re.split(r"[:\s]+", value.strip()))
    names = {os.path.basename(name) for name in wanted if name}
    if not names:
        return []
    found = set()
    for line in host.read("/proc/%d/maps" % pid, limit=MAPS_LIMIT_BYTES).text.splitlines():
        path = line.partition("/")[2].replace(" (deleted)", "")
        if os.path.basename(path) in names:
            found.add("/" + path)
    return sorted(found)[:PRELOADED_LIMIT]
