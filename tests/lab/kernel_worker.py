# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs on the host that kernel.py makes, on Python 2.7 too: orders come as lines of JSON, and so go the answers.

Besides it lets everybody in: who connects to one of the ports that it is told and says a line is told the same.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import resource
import socket
import subprocess
import sys
import threading
import time

from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import gather


def listen(ports):
    """Greet every client on these ports, for ever."""
    for family, wildcard in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        for port in ports:
            server = socket.socket(family, socket.SOCK_STREAM)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            server.bind((wildcard, port))
            server.listen(64)
            thread = threading.Thread(target=greet, args=(server,))
            thread.daemon = True
            thread.start()


def greet(server):
    while True:
        try:
            thread = threading.Thread(target=answer, args=(server.accept()[0],))
            thread.daemon = True
            thread.start()
        except (OSError, socket.error):
            pass


def answer(channel):
    """Each client by itself: one whose words are lost on the way keeps nobody waiting."""
    channel.settimeout(2)
    try:
        words = b""
        while not words.endswith(b"\n"):
            said = channel.recv(65536)
            if not said:
                return
            words += said
        channel.sendall(words)
        # A client that is gone leaves nothing behind, not even a connection that waits for its end.
        channel.recv(1)
    except (OSError, socket.error):
        pass
    finally:
        channel.close()


def run(commands):
    """Run commands, each with its input, up to the first that fails; return what that one said, or None."""
    for argv, text in commands:
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = process.communicate(text.encode("utf-8"))[0].decode("utf-8", "replace")
        if process.returncode != 0:
            return "%s: %s" % (" ".join(argv), said.strip()[:2000])
    return None


def judge(packet):
    started = time.time()
    found = gather.verdict(packet)
    taken = time.time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"found": found, "taken_s": taken, "peak_bytes": peak}


ORDERS = {"listen": listen, "run": run, "judge": judge}


def main():
    print("ready")
    sys.stdout.flush()
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        name, argument = json.loads(line)
        print(json.dumps(ORDERS[name](argument)))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
