# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet of real hosts, each with its own init, sshd and packet filter, to break and throw away.

Everything happens inside one network namespace of the project's own, so that nothing is
added to the machine's network, and with a podman store of its own.

As a command: `fleet.py up` leaves a small fleet with some faults running, `fleet.py down` removes it.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import yaml

from images import DEFINITIONS, build_all, cache_dir, locked, login_key, root_of

NAMESPACE = "remote-login-lab"
NETWORK = "labnet"
SUBNETS = ("10.77.1.0/24", "fd77:1::/64")
TOOLS = ("podman", "runc", "debootstrap", "ip", "ssh", "ssh-keygen", "nft")
CLONE_NEWNET = 0x40000000
# Without an address of its own a bridge takes that of a member, and every connection stalls when that member leaves.
BRIDGE_ADDRESS = "02:00:0a:4d:01:01"


def why_not() -> str | None:
    """Why no lab can run on this machine, or None."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"needs {', '.join(missing)}" if missing else None


def quiet(argv: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command of the lab itself; failing is a bug of the lab, so it raises with what was said."""
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done


class Host:
    """One lab host. It is gone, and all that was done to it, after remove()."""

    def __init__(self, lab: Lab, image: str, name: str) -> None:
        self.lab = lab
        self.image = image
        self.name = name
        self.address = ""
        self.address6 = ""

    @property
    def init(self) -> str:
        return str(DEFINITIONS[self.image]["init"])

    def run(self, script: str, check: bool = True, timeout: int = 60) -> subprocess.CompletedProcess[str]:
        """Run a shell script on the host as root, out of band."""
        argv = ["podman", "exec", self.name, "sh", "-ec" if check else "-c", script]
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, "timeout": timeout}
        done: subprocess.CompletedProcess[str] = subprocess.run(argv, check=False, **options)
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {script!r}: {done.stderr.strip() or done.stdout.strip()}")
        return done

    def ssh(
        self, command: str = "true", *options: str, user: str = "root", port: int = 22, patience: int = 60
    ) -> tuple[int, str]:
        """Log in with the real OpenSSH client; return its exit status and what it said. 124 means that it hangs."""
        argv = [
            "timeout", str(patience), "ssh", *options, "-F", "none",
            "-i", str(login_key()), "-p", str(port), "-l", user,
            "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=8",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            self.address, command,
        ]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout + done.stderr

    def inventory(self, **variables: Any) -> dict[str, Any]:
        """The host's line in an Ansible inventory: over SSH, with podman as the way in out of band."""
        return {
            "ansible_host": self.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(login_key()),
            "ansible_ssh_common_args": "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
            "ansible_python_interpreter": DEFINITIONS[self.image]["python"],
            "remote_login_oob_connection": "containers.podman.podman",
            "remote_login_oob_host": self.name,
            **variables,
        }

    def wait_booted(self, seconds: float = 60) -> None:
        """Return once the host's init has started everything."""
        if self.init == "systemd":
            booted = "systemctl is-system-running --wait 2>/dev/null | grep -qE 'running|degraded'"
        else:
            booted = (
                "test -e /run/initctl && test -n \"$(pidof sshd)\" && test -s /run/sshd.pid && runlevel | grep -q '2$'"
            )
        deadline = time.monotonic() + seconds
        while self.run(booted, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} ({self.image}) did not boot within {seconds:.0f} s")
            time.sleep(0.2)

    def restart(self) -> None:
        """Boot the host again; what a script left in /run is lost, as on a real one."""
        quiet(["podman", "restart", "-t", "5", self.name])
        self.find_address()
        self.wait_booted()

    def find_address(self) -> None:
        """The network gives a new address at every start; whoever had it before has to be forgotten."""
        (state,) = json.loads(quiet(["podman", "inspect", self.name]).stdout)
        network = state["NetworkSettings"]["Networks"][NETWORK]
        self.address, self.address6 = network["IPAddress"], network["GlobalIPv6Address"]
        for address in (self.address, self.address6):
            quiet(["ip", "neigh", "flush", "to", address])

    def switch_off(self) -> None:
        """Nothing answers any more, neither the network nor podman; the address stays taken."""
        self.run("ip link set eth0 down")
        quiet(["podman", "pause", self.name])

    def remove(self) -> None:
        subprocess.run(["podman", "unpause", self.name], capture_output=True, check=False)
        subprocess.run(["podman", "rm", "-f", "-t", "0", self.name], capture_output=True, check=False)


class Lab:
    """The namespace, the network and the hosts that this process started."""

    def __init__(self, label: str | None = None) -> None:
        self.label = label or f"t{uuid.uuid4().hex[:8]}"
        self.state = cache_dir() / "podman"
        self._numbers = itertools.count(1)

    def enter(self) -> None:
        """Move this process, and all that it starts from now on, into the lab's network."""
        build_all()  # while there still is a way to the packages
        self._configure_podman()
        with locked("network"):
            if not Path(f"/run/netns/{NAMESPACE}").exists():
                quiet(["ip", "netns", "add", NAMESPACE])
            with open(f"/run/netns/{NAMESPACE}") as handle:
                if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            quiet(["ip", "link", "set", "lo", "up"])
            self._clear_up()
            if subprocess.run(["podman", "network", "exists", NETWORK], check=False).returncode != 0:
                subnets = [argument for subnet in SUBNETS for argument in ("--subnet", subnet)]
                quiet(["podman", "network", "create", "--internal", "--ipv6", *subnets, NETWORK])

    def _clear_up(self) -> None:
        """Remove rules on the lab's side that a run that was cut off has left: their hosts are gone."""
        running = quiet(["podman", "ps", "-a", "--format", "{{.Names}}"]).stdout.replace("-", "_").split()
        for line in quiet(["nft", "list", "tables"]).stdout.splitlines():
            _table, family, name = line.split()
            if re.fullmatch(r"t[0-9a-f]{8}_\w+", name) and name not in running:
                subprocess.run(["nft", "delete", "table", family, name], capture_output=True, check=False)

    def _configure_podman(self) -> None:
        self.state.mkdir(exist_ok=True)
        containers, storage = self.state / "containers.conf", self.state / "storage.conf"
        containers.write_text(
            f'[engine]\nruntime = "runc"\n[network]\nnetwork_backend = "netavark"\n'
            f'network_config_dir = "{self.state}/networks"\n'
            f'[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
        )
        storage.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{self.state}/storage"\nrunroot = "/run/{NAMESPACE}-podman"\n'
        )
        os.environ.update(CONTAINERS_CONF=str(containers), CONTAINERS_STORAGE_CONF=str(storage))
        # With the usual 128 only some twenty hosts with systemd can boot.
        instances = Path("/proc/sys/fs/inotify/max_user_instances")
        if int(instances.read_text()) < 4096:
            instances.write_text("4096")

    def start(self, image: str, script: str = "", name: str | None = None, wait: bool = True) -> Host:
        """Boot a fresh host, and run a script on it once it is up."""
        host = Host(self, image, f"{self.label}-{name or f'{image}-{os.getpid()}-{next(self._numbers)}'}")
        argv = ["podman", "run", "-dt", "--privileged", "--network", NETWORK, "--label", f"lab={self.label}"]
        argv += ["--name", host.name, "--hostname", host.name, "--stop-timeout", "5"]
        argv += ["--systemd=always"] if host.init == "systemd" else ["--systemd=false"]
        quiet([*argv, "--rootfs", f"{root_of(image)}:O", "/sbin/init"])
        self._pin_bridge()
        host.find_address()
        if wait:
            host.wait_booted()
        if script:
            host.run(script)
        return host

    def _pin_bridge(self) -> None:
        """Keep the address of the lab's bridge, which is there while a host is, whoever comes and goes."""
        for line in quiet(["ip", "-o", "link", "show", "type", "bridge"]).stdout.splitlines():
            if BRIDGE_ADDRESS not in line:
                quiet(["ip", "link", "set", "dev", line.split(": ")[1], "address", BRIDGE_ADDRESS])

    def remove_all(self) -> None:
        """Remove every host with this lab's label, whoever started it."""
        found = quiet(["podman", "ps", "-aq", "--filter", f"label=lab={self.label}"]).stdout.split()
        if found:
            subprocess.run(["podman", "rm", "-f", "-t", "0", *found], capture_output=True, check=False)


# What `make lab` leaves running: one healthy host of each kind, and faults to try the commands on.
SHOWCASE = [
    ("healthy-12", "bookworm", ""),
    ("healthy-13", "trixie", ""),
    ("healthy-11", "bullseye", ""),
    ("stopped", "bookworm", "systemctl stop ssh"),
    ("masked", "trixie", "systemctl disable --now ssh; systemctl mask ssh"),
    ("bad-config", "bookworm", "echo 'PermitRootLogni yes' >> /etc/ssh/sshd_config; systemctl restart ssh || true"),
    ("other-port", "bullseye", "echo 'Port 2222' >> /etc/ssh/sshd_config; service ssh restart"),
    ("filtered", "bookworm", "nft 'add table inet f; add chain inet f i { type filter hook input priority 0; };"
     " add rule inet f i tcp dport 22 drop'"),
]  # fmt: skip


def up(folder: Path) -> None:
    lab = Lab("lab")
    lab.enter()
    lab.remove_all()
    hosts = {name: lab.start(image, script, name=name).inventory() for name, image, script in SHOWCASE}
    folder.mkdir(parents=True, exist_ok=True)
    inventory = folder / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}, sort_keys=False))
    print(f"lab: {len(hosts)} hosts are running. To use them:\n")
    for variable in ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"):
        print(f"  export {variable}={os.environ[variable]}")
    print(f"  nsenter --net=/run/netns/{NAMESPACE} make diagnose VENV=.venv-test INVENTORY={inventory}\n")
    print("  make lab-down removes them.")


def down() -> None:
    if not Path(f"/run/netns/{NAMESPACE}").exists():
        return
    lab = Lab("lab")
    lab.enter()
    lab.remove_all()
    print("lab: removed")


if __name__ == "__main__":
    reason = why_not()
    if reason:
        sys.exit(f"lab: cannot run here: {reason}")
    if sys.argv[1:] == ["up"]:
        up(Path(__file__).resolve().parents[2] / ".build" / "lab")
    elif sys.argv[1:] == ["down"]:
        down()
    else:
        sys.exit(__doc__)
