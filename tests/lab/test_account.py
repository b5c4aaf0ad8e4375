# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accounts: what is told of them and what never is, refusals that are no fault, and a client with too many keys."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults import RESTART
from fixtures import Playbook, Run
from fleet import Host
from images import login_key
from test_auth_log import stranger
from test_bans import module
from test_repair import state_of

Start = Callable[..., Host]
Diagnose = Callable[..., Run]
USERS = ("ops", "carl", "root")


def several(host: Host, *users: str) -> dict[str, dict[str, Any]]:
    """An inventory that has a host once for each of its users."""
    return {f"{host.name}-{user}": host.inventory(ansible_user=user) for user in users}


def files_of(host: Host) -> str:
    """What state_of() tells but for the number of sshd's processes: a connection of Ansible's may stay open."""
    return state_of(host).strip().rpartition("\n")[0]


# --- what is told ---

# A name server that knows one user: hesiod is the source of accounts that every C library brings along.
HESIOD = """
import os, socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(("127.0.0.1", 53))
if os.fork(): os._exit(0)
os.setsid()
while True:
    asked, client = server.recvfrom(4096)
    name = asked[12:asked.index(b"\\0", 12) + 5]
    text = b"dora:*:2100:2100:Dora:/home/dora:/bin/bash"
    known = name.startswith(b"\\4dora\\6passwd")
    record = b"\\xc0\\x0c" + name[-4:] + b"\\0\\0\\0\\x3c\\0" + bytes([len(text) + 1, len(text)]) + text
    flags = b"\\x84\\0" if known else b"\\x84\\3"
    server.sendto(asked[:2] + flags + b"\\0\\1\\0" + bytes([known]) + b"\\0" * 4 + name + record * known, client)
"""
DIRECTORY = (
    "echo 'nameserver 127.0.0.1' > /etc/resolv.conf; printf 'lhs=.ns\\nrhs=.lab\\nclasses=IN\\n' > /etc/hesiod.conf;"
    " sed -i 's/^passwd:.*/passwd: files hesiod/' /etc/nsswitch.conf;"
    f" python3 -c '{HESIOD}' >/dev/null 2>&1; cp -r /home/ops /home/dora; chown -R 2100:2100 /home/dora"
)


def test_a_user_of_a_directory(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", DIRECTORY)
    assert host.ssh(user="dora")[0] == 0
    _run, told = module(playbook, host, "account_info", user="dora")
    assert (told["exists"], told["from"], told["uid"]) == (True, "nss", 2100), told
    host.run("chmod 750 /home/ops; chown root /home/ops")
    _run, told = module(playbook, host, "account_info", user="ops")
    assert (told["exists"], told["from"]) == (True, "files")
    home = {name: told["home"][name] for name in ("path", "exists", "mode", "owner", "reachable")}
    assert home == {"path": "/home/ops", "exists": True, "mode": "0750", "owner": "root", "reachable": True}


# --- what never is ---


def everything(run: Run) -> str:
    """All that a run has printed and written."""
    return run.text + "".join(path.read_text() for path in sorted(run.folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("image", ["bookworm", "bullseye"])
def test_no_hash_leaves_the_host(image: str, start: Start, diagnose: Diagnose) -> None:
    """Not the one in shadow or in passwd, and not by way of a link to shadow in the place of the keys."""
    host = start(
        image,
        "useradd -m carl; for u in root ops carl; do echo $u:pw-of-$u | chpasswd; done;"
        ' hash=$(awk -F: \'$1 == "carl" {print $2}\' /etc/shadow); sed -i "s#^carl:x:#carl:$hash:#" /etc/passwd;'
        " rm /home/ops/.ssh/authorized_keys; ln -s /etc/shadow /home/ops/.ssh/authorized_keys",
    )
    hashes = [host.run(f"awk -F: '$1 == \"{user}\" {{print $2}}' /etc/shadow").stdout.strip() for user in USERS]
    secrets = [part for text in hashes for part in text.split("$") if len(part) > 4]
    assert len(secrets) >= 6, hashes
    before = files_of(host)
    run = diagnose(several(host, *USERS), "-vvv", old=image == "bullseye")
    said = everything(run)
    assert '"in_shadow": true' in said
    assert [secret for secret in [*secrets, "daemon:*:"] if secret in said] == []
    assert files_of(host) == before
    ops, carl, root = (run[f"{host.name}-{user}"] for user in USERS)
    assert root["verdict"] == "can_login"
    assert carl["cause"] == "key_not_authorized"
    assert ops["cause"] == "authorized_keys_permissions", json.dumps(ops, indent=1)
    assert "/home/ops/.ssh/authorized_keys" in ops["findings"][0]["detail"]


def test_a_user_s_name_is_no_template(start: Start, playbook: Playbook, tmp_path: Path) -> None:
    host = start("bookworm")
    names = tmp_path / "names.yml"
    names.write_text('remote_login_user: !unsafe "ops\\n{{ 7*7 }}"\n')
    run = playbook("diagnose", [host], "-e", f"@{names}")
    assert "Traceback" not in run.text
    assert run[host]["cause"] == "account_missing", run.text
    assert run[host]["target"]["user"] == "ops\n{{ 7*7 }}"
    assert run[host]["findings"][0]["detail"].startswith("ops\n{{ 7*7 }}: no user")


# --- refusals that are meant so ---


@pytest.mark.parametrize("image", ["trixie", "bullseye"])
def test_a_refusal_of_policy_is_told_and_left(image: str, start: Start, playbook: Playbook) -> None:
    script = (
        "useradd -m carl; cp -r /home/ops/.ssh /home/carl/; chown -R carl: /home/carl; usermod -e 2020-01-01 ops;"
        f" sed -i '1i PermitRootLogin no\\nDenyUsers carl' /etc/ssh/sshd_config; {RESTART}"
    )
    host = start(image, script)
    before = files_of(host)
    run = playbook("remediate", several(host, *USERS), old=image == "bullseye", remote_login_allow=["all"])
    text = json.dumps(run.report, indent=1)
    found = {user: run[f"{host.name}-{user}"] for user in USERS}
    causes = {"root": "root_login_disabled", "carl": "user_not_allowed", "ops": "account_expired"}
    assert {user: one["cause"] for user, one in found.items()} == causes, text
    assert [change for one in found.values() for change in one["changes"]] == [], text
    assert files_of(host) == before
    assert [host.ssh(user=user)[0] for user in USERS] == [255, 255, 255]


# --- a client with many keys ---


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An agent with three strangers' keys and the right one last."""
    place = tmp_path / "agent"
    running = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
    deadline = time.monotonic() + 10
    while not place.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    keys = [stranger(tmp_path, f"stranger{number}") for number in range(3)]
    subprocess.run(["ssh-add", "-q", *map(str, keys), str(login_key())], check=True, stderr=subprocess.DEVNULL)
    yield place
    running.terminate()
    running.wait()


def by_agent(host: Host) -> tuple[int, str]:
    """What a client says that is told of no key."""
    argv = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "IdentityFile=none"]
    argv += ["-o", "UserKnownHostsFile=/dev/null", f"root@{host.address}", "true"]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(("image", "client"), [("bookworm", "OpenSSH"), ("bullseye", "paramiko")])
def test_an_agent_with_too_many_keys(
    image: str, client: str, agent: Path, start: Start, diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = start(image, f"sed -i '1i MaxAuthTries 2' /etc/ssh/sshd_config; {RESTART}")
    assert "Too many authentication failures" in by_agent(host)[1]
    if client == "OpenSSH":
        (agent.parent / "paramiko.py").write_text("raise ImportError('not here')\n")
        monkeypatch.setenv("PYTHONPATH", str(agent.parent), prepend=os.pathsep)
    run = diagnose({host.name: host.inventory(ansible_ssh_private_key_file="")}, old=image == "bullseye")
    text = json.dumps(run[host], indent=1)
    assert (run[host]["verdict"], run[host]["cause"]) == ("cannot_login", "max_auth_tries"), text
    detail = run.finding(host, "max_auth_tries")["detail"]
    assert "MaxAuthTries is 2: /etc/ssh/sshd_config line 1; the agent of the client has " in detail
    # Of an agent's keys paramiko is given one.
    assert run[host]["outcome"] == {"OpenSSH": "auth_denied", "paramiko": None}[client], text


def test_an_agent_s_key_that_is_reached_in_time(agent: Path, start: Start, diagnose: Diagnose) -> None:
    host = start("trixie", f"sed -i '1i MaxAuthTries 2' /etc/ssh/sshd_config; {RESTART}")
    keys = [agent.parent / "stranger0", login_key(), agent.parent / "stranger1", agent.parent / "stranger2"]
    subprocess.run(["ssh-add", "-q", "-D"], check=True)
    subprocess.run(["ssh-add", "-q", *map(str, keys)], check=True, stderr=subprocess.DEVNULL)
    assert by_agent(host)[0] == 0
    run = diagnose({host.name: host.inventory(ansible_ssh_private_key_file="")})
    assert (run[host]["verdict"], run.causes(host)) == ("unknown", []), json.dumps(run[host], indent=1)
    assert "name one key" in run[host]["error"]
