# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Machines that are namespaces only: network, processes, mounts. They end with this process, however that ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

TOOLS = ("unshare", "nsenter", "ip")
# What takes longer than this to start or to end is stuck.
PATIENCE_S = 20
NAMED = "/run/netns"


def why_not() -> str | None:
    """Why this cannot run on this machine, or None."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--net", "--pid", "--fork", "true"], capture_output=True, text=True, check=False)
    return f"cannot make namespaces: {tried.stderr.strip()}" if tried.returncode else None


class Ended:
    """A process that has ended: what it printed, and the processor time that it took."""

    def __init__(self, started: Started) -> None:
        _pid, self.status, usage = os.wait4(started.process.pid, 0)
        started.process.returncode = os.waitstatus_to_exitcode(self.status)
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.lived_s = time.time() - started.at


class Started:
    """A process on one side. ``pid`` is its number there."""

    def __init__(self, side: Side, argv: list[str], **options: Any) -> None:
        self.at = time.time()
        self.process = subprocess.Popen([*side.enter, *argv], stdin=subprocess.DEVNULL, text=True, **options)
        self.outer = only_child(self.process.pid)
        numbers = next(line for line in status_of(self.outer) if line.startswith("NSpid:")).split()
        self.pid = int(numbers[-1])

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            os.kill(self.outer, number)


def status_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def only_child(pid: int) -> int:
    """The process that nsenter or unshare has started: it stays as its parent, as a pid namespace is for children."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.001)
    raise RuntimeError(f"process {pid} has started nothing")


class Side:
    """One machine: its own network and processes, as long as the process that holds them has something to read."""

    def __init__(self, inside: Side | None = None) -> None:
        """A machine, or a container inside of one: a network of its own among the machine's processes."""
        own = ["--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]
        argv = [*inside.enter, "unshare", "--net", "cat"] if inside else ["unshare", "--net", *own, "cat"]
        self.holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.pid = only_child(self.holder.pid)
        self.enter = ["nsenter", "--target", str(self.pid), "--net", "--pid", "--mount"]
        self._wait_for_proc()
        if inside is None and Path(NAMED).is_dir():
            # What else has a network on this machine is no container of this one.
            self.run("mount", "-t", "tmpfs", "none", NAMED)
        self.run("ip", "link", "set", "lo", "up")

    def _wait_for_proc(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while Path(f"/proc/{self.pid}/comm").read_text().strip() != "cat":
            if time.monotonic() > deadline:
                raise RuntimeError("no namespaces")
            time.sleep(0.01)

    def run(self, *argv: str) -> str:
        """Run a command on its network, with the processes of the lab in sight."""
        enter = ["nsenter", "--target", str(self.pid), "--net", "--mount"]
        done = subprocess.run([*enter, *argv], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout

    def start(self, *argv: str, **options: Any) -> Started:
        return Started(self, list(argv), **options)

    def remove(self) -> None:
        assert self.holder.stdin is not None
        self.holder.stdin.close()
        self.holder.wait(PATIENCE_S)
