# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs on a lab host: for each configuration, what the section account says of some logins, and how they really end.

Reads [{files: {path: text}, main: path, logins: [{user, client, address, method, key}]}] and writes for each login
{evidence, status, said} as one line of JSON. Python 2.7 and later.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import socket
import subprocess
import sys
import time
from multiprocessing.pool import ThreadPool

from ansible_collections.rescue.remote_login.plugins.module_utils.account import gather

FOLDER = "/root/matrix"
PORT = 2200
LOGINS_AT_ONCE = 5
SECRET = "matrix-secret"


def write(path, text):
    if not os.path.isdir(os.path.dirname(path)):
        os.makedirs(os.path.dirname(path))
    with open(path, "w") as handle:
        handle.write(text)


def start(main):
    """An sshd of its own on the port, and None; or None, and why it does not start."""
    daemon = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-p", str(PORT), "-f", main],
        stderr=open(FOLDER + "/log", "w"),
        close_fds=True,
    )
    for _attempt in range(100):
        if daemon.poll() is not None:
            with open(FOLDER + "/log") as handle:
                return None, handle.read()
        try:
            socket.create_connection(("127.0.0.1", PORT), 1).close()
            return daemon, None
        except (OSError, socket.error):
            time.sleep(0.05)
    daemon.kill()
    return None, "it does not listen"


def log_in(login):
    """The exit status of the real client, and what it said."""
    by_key = login["method"] == "publickey"
    argv = ["timeout", "30", "ssh", "-F", "none", "-b", login["client"], "-p", str(PORT), "-l", login["user"]]
    options = [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=VERBOSE",
        "IdentitiesOnly=yes",
        "NumberOfPasswordPrompts=1",
        "PreferredAuthentications=%s" % ("publickey" if by_key else "password,keyboard-interactive"),
    ]
    for option in options:
        argv += ["-o", option]
    argv += ["-i", login["key"]] if by_key else []
    environment = dict(os.environ, SSH_ASKPASS=FOLDER + "/askpass", SSH_ASKPASS_REQUIRE="force", DISPLAY=":0")
    with open(os.devnull) as nothing:
        done = subprocess.Popen(
            argv + [login["address"], "true"],
            stdin=nothing,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        said = done.communicate()[0].decode("utf-8", "replace")
    return done.returncode, said


def evidence_of(login):
    attempt = {
        "port": PORT,
        "addresses": [login["address"]],
        "clients": [login["client"]],
        "user": login["user"],
        "method": login["method"],
        "key_fingerprint": login["fingerprint"] if login["method"] == "publickey" else None,
    }
    return gather.gather(attempt)


def main():
    write(FOLDER + "/askpass", "#!/bin/sh\necho %s\n" % SECRET)
    os.chmod(FOLDER + "/askpass", 0o755)
    for number, case in enumerate(json.load(sys.stdin)):
        for path, text in case["files"].items():
            write(path, text)
        daemon, problem = start(case["main"])
        logins = case["logins"] if daemon else []
        pool = ThreadPool(LOGINS_AT_ONCE)
        endings = pool.map(log_in, logins)  # a refused login is slow, and costs nothing
        pool.close()
        pool.join()
        for login, (status, said) in zip(logins, endings):
            answer = {"case": number, "login": login, "status": status, "said": said, "evidence": evidence_of(login)}
            print(json.dumps(answer))
        if daemon:
            daemon.terminate()
            daemon.wait()
        else:
            print(json.dumps({"case": number, "problem": problem}))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
