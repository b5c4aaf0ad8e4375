# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install openssh-server with the system's own package manager, and nothing else of another version."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import re
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair

PACKAGE = "openssh-server"
# What is built from the same source and has to have the same version.
OWN = re.compile(r"^(openssh(-server|-client|-clients|-common|-sftp-server)?|ssh)(:\w+)?\Z")
FETCH_TIMEOUT_S = 600
# A package manager must not be ended halfway: this is only for one that hangs.
INSTALL_TIMEOUT_S = 3600
LOCK_WAIT_S = 60
LOCK_RETRY_S = 5
APT = ["apt-get", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=%d" % LOCK_WAIT_S]
FETCH = ["-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20"]
KEEP = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
SAID_LIMIT = 400
# apt-get's words where its lists lack the package, or the version that is installed.
NOT_LISTED = re.compile("Unable to locate package|has no installation candidate|it cannot be downloaded")
LOCKED = (
    r"[Cc]ould not get lock|is another process using it|Another app is currently holding|already locked by"
    r"|System management is locked|transaction lock"
)


def plan():
    """[(words, what does it)] for the package manager that is here."""
    if not host.is_root():
        raise CannotRepair("packages can be installed by root only")
    for program, steps in (("apt-get", _apt), ("dnf", _dnf), ("yum", _dnf), ("zypper", _zypper)):
        if host.which(program):
            return steps(program)
    raise CannotRepair("there is no apt-get, dnf, yum or zypper: install %s by hand" % PACKAGE)


def _step(command, timeout=INSTALL_TIMEOUT_S):
    return " ".join(command), lambda: _run(command, timeout)


def _run(command, timeout, errors=False):
    """Run it, and say in words what is known to go wrong."""
    # A question would wait forever for an answer.
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    result = host.run(command, timeout=timeout)
    if result.error or result.rc != 0:
        raise CannotRepair("'%s' failed: %s" % (" ".join(command), result.error or reason(result.out + result.err)))
    return result.out + result.err if errors else result.out


def reason(text):
    """The decisive words of a package manager that failed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    hints = (
        (LOCKED,
         "another run of the package manager holds its lock; it is left alone"),
        (r"dpkg was interrupted", "an earlier installation was interrupted: dpkg --configure -a"),
        (r"[Cc]ould not resolve|Temporary failure resolving|Failed to fetch|[Cc]annot download|Could not connect"
         r"|Unable to fetch|[Cc]annot retrieve|Failed to download metadata|No route to host|Connection timed out",
         "no repository can be reached"),
        (r"Installed package \S+ .*not available|No packages marked for reinstall",
         "no repository that is configured here has the version that is installed, and another one is not installed"),
        (r"Unable to locate package|has no installation candidate|it cannot be downloaded|No match for argument"
         r"|Unable to find a match|No package .* available|not found in package names"
         r"|No (?:enabled repo|repositories defined)",
         "no repository that is configured here has it"),
    )  # fmt: skip
    for pattern, words in hints:
        found = [line for line in lines if re.search(pattern, line)]
        if found:
            return "%s (%s)" % (words, found[0][:SAID_LIMIT])
    return " ".join(lines[-4:])[:SAID_LIMIT] or "it gives no reason"


# --- Debian and its kin ---


def _apt(program):
    verb = ["install", "--reinstall", PACKAGE] if _dpkg_has_it() else ["install", PACKAGE]
    simulated = host.run([program, "-q", "-s", "--no-install-recommends"] + verb, timeout=FETCH_TIMEOUT_S)
    steps = []
    # That a package cannot be had once more is no failure to apt-get.
    if NOT_LISTED.search(simulated.out + simulated.err):
        steps = [("apt-get update", lambda: _refresh(verb))]
    elif simulated.error or simulated.rc != 0:
        raise CannotRepair(simulated.error or reason(simulated.out + simulated.err))
    else:
        check_apt(simulated.out)
    # What can be broken off is done first: after the download nothing is waited for.
    steps.append(("download %s" % PACKAGE, lambda: _download(verb)))
    return steps + [_step(APT + KEEP + verb)]


def _dpkg_has_it():
    shown = host.run(["dpkg-query", "-W", "-f", "${Status}", PACKAGE])
    return shown.rc == 0 and shown.out.strip().endswith(" installed")


def _refresh(verb):
    """Read the lists of packages anew. apt-get calls it a success when it has reached nobody."""
    said = _run(["apt-get", "-q"] + FETCH + ["update"], FETCH_TIMEOUT_S, errors=True)
    known = host.run(["apt-get", "-q", "-s", "--no-install-recommends"] + verb, timeout=FETCH_TIMEOUT_S)
    if known.error or known.rc != 0 or NOT_LISTED.search(known.out):
        raise CannotRepair(known.error or reason(said + known.out + known.err))


def _download(verb):
    check_apt(_run(["apt-get", "-q", "-s", "--no-install-recommends"] + verb, FETCH_TIMEOUT_S))
    _run(APT + FETCH + ["--download-only"] + verb, FETCH_TIMEOUT_S)


def check_apt(text):
    """Raise where the installation would remove a package, or bring another one to a new version."""
    removed = re.findall(r"^(?:Remv|Purg) (\S+)", text, re.M)
    upgraded = [name for name in re.findall(r"^Inst (\S+) \[", text, re.M) if not OWN.match(name)]
    if removed:
        raise CannotRepair("%s would remove %s: install it by hand" % (PACKAGE, ", ".join(removed[:10])))
    if upgraded:
        raise CannotRepair("%s would upgrade %s: install it by hand" % (PACKAGE, ", ".join(upgraded[:10])))


# --- RHEL and SUSE and their kin ---


def _dnf(program):
    known = host.run(["rpm", "-q", PACKAGE])
    verb = "reinstall" if known.rc == 0 else "install"
    # Else it waits for another run without end; and what waits here is ended halfway.
    return [_step_when_free([program, "-q", "-y", "--setopt=exit_on_lock=True", verb, PACKAGE])]


def _zypper(program):
    words = [program, "--non-interactive", "install", "--no-recommends"]
    if host.run(["rpm", "-q", PACKAGE]).rc == 0:
        words.append("--force")
    return [_step_when_free(words + [PACKAGE])]


def _step_when_free(command):
    return " ".join(command), lambda: _run_when_free(command)


def _run_when_free(command):
    """Run it; while another run holds the lock, try again for a while. apt-get does so by itself."""
    deadline = time.time() + LOCK_WAIT_S
    while True:
        try:
            return _run(command, INSTALL_TIMEOUT_S)
        except CannotRepair as error:
            if not re.search(LOCKED, str(error)) or time.time() >= deadline:
                raise
        time.sleep(LOCK_RETRY_S)
