# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attempts of the real client in the real log of a host, and logs as no host should have them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.gather import probe
from faults import RESTART
from fixtures import ROOT, Playbook, Run
from fleet import Host
from images import login_key
from test_bans import module

Start = Callable[..., Host]
IMAGES = ["bookworm", "trixie", "bullseye"]
CLIENT = "10.77.1.1"
USERS = (
    "for u in alice carl denny exp; do useradd -m $u; mkdir /home/$u/.ssh; cp /root/.ssh/authorized_keys /home/$u/.ssh;"
    " chown -R $u /home/$u/.ssh; done; chmod 777 /home/carl; usermod -e 2020-01-01 exp; "
)
# A client that is refused some times is turned away before it can say who it is.
NO_PENALTIES = "! sshd -T | grep -q persourcepenalties || sed -i '1i PerSourcePenalties no' /etc/ssh/sshd_config; "


def configured(*lines: str) -> str:
    return "".join(f"sed -i '1i {line}' /etc/ssh/sshd_config; " for line in lines) + f"{NO_PENALTIES}{RESTART}"


def stranger(folder: Path, name: str = "stranger") -> Path:
    """A key that no account takes."""
    key = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key


def attempts(playbook: Playbook, host: Host, **login: Any) -> dict[str, Any]:
    """What auth_log_info says of a host."""
    _run, told = module(playbook, host, "auth_log_info", clients=[CLIENT], **login)
    assert not told.get("failed"), told
    return told


@pytest.mark.parametrize("image", IMAGES)
def test_what_the_log_says_of_real_attempts(image: str, start: Start, playbook: Playbook, tmp_path: Path) -> None:
    host = start(image, USERS + configured("DenyUsers denny"))
    key = stranger(tmp_path)
    assert host.ssh(user="alice")[0] == 0
    host.ssh("true", "-i", str(key), user="nobodyhere")
    host.ssh(user="carl")
    host.ssh(user="denny")
    host.ssh(user="exp")
    host.ssh("true", "-o", "KexAlgorithms=diffie-hellman-group1-sha1")
    many = [word for number in range(7) for word in ("-i", str(stranger(tmp_path, f"k{number}")))]
    host.ssh("true", *many, user="alice")
    with socket.create_connection((host.address, 22)) as web:
        web.sendall(b"GET / HTTP/1.0\r\n\r\n")
        time.sleep(0.5)
    told = attempts(playbook, host)
    assert told["source"]["kind"] == ("file" if image == "bullseye" else "journal")
    found = [(one["user"], one["result"], one["reason"] or "") for one in told["attempts"]]
    for user, result, words in [
        ("alice", "accepted", ""),
        ("nobodyhere", "invalid_user", "Invalid user nobodyhere"),
        ("carl", "failed", "bad ownership or modes for directory /home/carl"),
        ("denny", "refused", "not allowed because listed in DenyUsers"),
        ("exp", "refused", "account exp has expired"),
        (None, "no_common_algorithm", "no matching key exchange method found"),
        ("alice", "failed", "maximum authentication attempts exceeded"),
        (None, "bad_protocol", ""),
    ]:
        assert [one for one in found if one[:2] == (user, result) and words in one[2]], (user, result, words, found)
    # PAM's refusal of an expired account names no address.
    assert {one["address"] for one in told["attempts"]} == {CLIENT, None}
    (source,) = [one for one in told["sources"] if one["address"] == CLIENT]
    assert (source["accepted"], source["attempts"]) == (1, len(found) - 1)


# What OpenSSH's own client sends, and what it would refuse to.
HOSTILE = ["a\nb", "root from 1.2.3.4 port 22 ssh2", "x from 1.2.3.4 port 5 [preauth]"]
MORE_HOSTILE = [
    "x\033[31mred\u202e",
    "x 1.2.3.4 port 5 [preauth]",
    "{{ lookup('pipe', 'touch /tmp/evaluated') }}",
    "y\nNov 21 01:02:03 host sshd[1]: Accepted password for root from 1.2.3.4 port 22 ssh2",
    "invalid user z from 1.2.3.4 port 5 ssh2: ED25519 SHA256:" + "x" * 20,
]


def try_as(host: Host, user: str, key: Path) -> None:
    """A login under a name that OpenSSH's own client would not send."""
    script = (
        "import sys, paramiko\n"
        "transport = paramiko.Transport((sys.argv[1], 22)); transport.start_client(timeout=10)\n"
        "key = paramiko.Ed25519Key.from_private_key_file(sys.argv[3])\n"
        "try:\n    transport.auth_publickey(sys.argv[2], key)\nexcept paramiko.SSHException:\n    transport.close()\n"
    )
    subprocess.run([sys.executable, "-c", script, host.address, user, str(key)], check=True, capture_output=True)


@pytest.mark.parametrize("image", IMAGES)
def test_a_stranger_cannot_put_words_into_the_log_s_mouth(
    image: str, start: Start, playbook: Playbook, diagnose: Callable[..., Run], tmp_path: Path
) -> None:
    host = start(image, configured("LogLevel VERBOSE"))
    key = stranger(tmp_path)
    for user in HOSTILE:
        host.ssh("true", "-i", str(key), user=user)
    for user in MORE_HOSTILE:
        try_as(host, user, key)
    told = attempts(playbook, host)
    mine = [one for one in told["attempts"] if one["result"] == "invalid_user"]
    assert len(mine) == len(HOSTILE + MORE_HOSTILE), told["attempts"]
    assert {one["address"] for one in mine} == {CLIENT}
    assert not [one for one in told["attempts"] if one["result"] == "accepted"]
    assert [one["address"] for one in told["sources"]] == [CLIENT]
    text = json.dumps(told, ensure_ascii=False)
    assert "\033" not in text
    assert "\u202e" not in text
    assert "{{ lookup" in text
    run = diagnose([host])
    assert not Path("/tmp/evaluated").exists()
    assert "\033" not in run.text
    # Ansible's own logins came after the strangers', and the probe's is told from them by its port.
    evidence = json.loads((run.folder / "evidence" / f"{host.name}.json").read_text())
    own = evidence["inside"]["auth_log"]["own_attempt"]
    assert (own["result"], own["port"]) == ("accepted", evidence["outside"][0]["client_port"])


@pytest.mark.parametrize("image", IMAGES)
def test_the_probe_s_own_attempt_is_told_in_sshd_s_words(
    image: str, start: Start, diagnose: Callable[..., Run]
) -> None:
    host = start(image, USERS + configured("DenyUsers root"))
    run = diagnose([host])
    evidence = json.loads((run.folder / "evidence" / f"{host.name}.json").read_text())
    own = evidence["inside"]["auth_log"]["own_attempt"]
    assert (own["port"], own["matched_by"]) == (evidence["outside"][0]["client_port"], "address and port")
    assert own["reason"] == f"User root from {CLIENT} not allowed because listed in DenyUsers"
    assert run[host]["outcome"] == "auth_denied"


@pytest.mark.parametrize("image", IMAGES)
def test_pam_s_refusal_that_names_no_address_is_found_by_user_and_time(
    image: str, start: Start, diagnose: Callable[..., Run]
) -> None:
    host = start(image, "sed -i '1i account required pam_access.so' /etc/pam.d/sshd;"
                 " echo '-:root:ALL' >> /etc/security/access.conf")  # fmt: skip
    run = diagnose([host])
    evidence = json.loads((run.folder / "evidence" / f"{host.name}.json").read_text())
    own = evidence["inside"]["auth_log"]["own_attempt"]
    assert own["matched_by"] == "user and time"
    assert "pam_access(sshd:account): access denied for user" in own["reason"]


@pytest.mark.parametrize("image", ["bookworm", "bullseye"])
def test_too_many_failures_are_told_from_both_sides(
    image: str, start: Start, playbook: Playbook, tmp_path: Path
) -> None:
    host = start(image, configured("MaxAuthTries 1"))
    target = {"address": host.address, "port": 22, "user": "root", "private_key_file": str(stranger(tmp_path))}
    (result,) = probe([{**target, "known_hosts": [], "timeout": 8}])
    assert result["outcome"] == "auth_denied"
    assert "Too many authentication failures" in result["detail"]
    own = attempts(playbook, host, client_ports=[result["client_port"]])["own_attempt"]
    assert own["matched_by"] == "address and port"
    assert "maximum authentication attempts exceeded" in own["reason"]
    assert any("Too many authentication failures" in line for line in own["lines"])


# --- logs as no host should have them ---


def test_a_line_of_a_megabyte_hides_nothing(start: Start, playbook: Playbook) -> None:
    host = start("bullseye", "head -c 1000000 /dev/zero | tr '\\0' x >> /var/log/auth.log; echo >> /var/log/auth.log")
    host.ssh(user="nobodyhere")
    host.run("printf 'Nov 21 00:00:00 h sshd[7]: Invalid user ' >> /var/log/auth.log;"
             " head -c 1000000 /dev/zero | tr '\\0' y >> /var/log/auth.log; echo >> /var/log/auth.log")  # fmt: skip
    told = attempts(playbook, host, user="nobodyhere")
    assert [one["user"] for one in told["attempts"]] == ["nobodyhere"]
    assert told["own_attempt"]["matched_by"] == "address and time"


def test_a_log_of_gigabytes_costs_no_more_than_a_small_one(start: Start, playbook: Playbook) -> None:
    host = start("bullseye")
    host.run("truncate -s 3G /var/log/auth.log; echo >> /var/log/auth.log")
    host.ssh(user="nobodyhere")
    started = time.monotonic()
    told = attempts(playbook, host, timeout=5)
    assert time.monotonic() - started < 30
    assert [one["user"] for one in told["attempts"]] == ["nobodyhere"]


@pytest.mark.parametrize("kind", ["mkfifo", "mkdir", "ln -s /dev/zero", "ln -s /nonexistent"])
def test_what_is_no_file_is_not_waited_for(kind: str, start: Start, playbook: Playbook) -> None:
    host = start("bullseye")
    host.run("service rsyslog stop; rm -f /var/log/auth.log /var/log/messages /var/log/syslog;"
             f" {kind} /var/log/auth.log")  # fmt: skip
    _run, told = module(playbook, host, "auth_log_info", clients=[CLIENT])
    assert told["status"] == "unchecked"
    assert "/var/log/auth.log is not a regular file" in told["reason"] or "no log of this system" in told["reason"]


@pytest.mark.parametrize("image", ["bookworm", "trixie"])
def test_a_journal_that_is_not_kept_leaves_the_file(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image)
    host.run("mkdir -p /etc/systemd/journald.conf.d; printf '[Journal]\\nStorage=none\\n' >"
             " /etc/systemd/journald.conf.d/x.conf; systemctl restart systemd-journald; rm -rf /run/log/journal/*"
             " /var/log/journal/*; sleep 1")  # fmt: skip
    line = f"sshd-session[77]: Invalid user bob from {CLIENT} port 5"
    host.run(f'echo "$(date +%Y-%m-%dT%H:%M:%S.000000%:z) host {line}" > /var/log/auth.log')
    told = attempts(playbook, host, client_ports=[5])
    assert told["source"]["path"] == "/var/log/auth.log"
    assert told["own_attempt"]["user"] == "bob"


def test_the_log_may_be_the_file_of_other_systems(start: Start, playbook: Playbook) -> None:
    host = start("bullseye", "sed -i s,/var/log/auth.log,/var/log/secure, /etc/rsyslog.conf; service rsyslog restart;"
                 " rm -f /var/log/auth.log")  # fmt: skip
    host.ssh(user="nobodyhere")
    told = attempts(playbook, host, user="nobodyhere")
    assert (told["source"]["kind"], told["source"]["path"]) == ("file", "/var/log/secure")
    assert [one["user"] for one in told["attempts"]] == ["nobodyhere"]
    assert told["own_attempt"]["matched_by"] == "address and time"


def test_without_root_it_is_said_what_that_takes(start: Start, playbook: Playbook) -> None:
    host = start("bookworm")
    host.ssh(user="nobodyhere")
    script = (
        "import json, sys; sys.path.insert(0, '/tmp/c')\n"
        "from ansible_collections.rescue.remote_login.plugins.module_utils.auth_log import gather\n"
        "login = {'port': 22, 'addresses': [], 'user': 'root', 'clients': ['10.77.1.1'], 'client_ports': []}\n"
        "print(json.dumps(gather.gather(login)))\n"
    )
    place = "/tmp/c/ansible_collections/rescue/remote_login/plugins"
    host.run(f"mkdir -p {place}")
    subprocess.run(["podman", "cp", f"{ROOT}/plugins/module_utils", f"{host.name}:{place}/"], check=True)
    host.run(f"cat > /tmp/c/x.py <<'X'\n{script}X\nchmod -R a+rX /tmp/c")
    told = json.loads(host.run("su ops -s /bin/sh -c 'python3 /tmp/c/x.py'").stdout)
    assert (told["status"], told["reason"]) == ("unchecked", "the journal: reading the journal needs root")


# --- the client's own part in the key exchange ---

NARROW = (
    "import json, sys\n"
    "from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.gather import probe\n"
    "print(json.dumps(probe([json.loads(sys.argv[1])])[0]))\n"
)


@pytest.mark.parametrize("by", ["key", "password"])
def test_a_client_that_its_ssh_config_narrows_is_told_as_such(by: str, start: Start, tmp_path: Path) -> None:
    """ssh finds its files by the account, not by HOME: a mount of the test's own shows it others."""
    host = start("bookworm")
    config, more = tmp_path / "ssh_config", tmp_path / "more"
    config.write_text(f"Host *\n  Include {more}\n")
    more.write_text("Ciphers aes128-cbc\n")
    target: dict[str, Any] = {"address": host.address, "port": 22, "user": "root", "known_hosts": [], "timeout": 8}
    target.update({"private_key_file": str(login_key())} if by == "key" else {"password": "x"})
    mount = f'mount --bind {config} /etc/ssh/ssh_config && exec "$@"'
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", NARROW, json.dumps(target)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["outcome"] == "key_exchange_failed", result
    (mismatch,) = result["algorithms_mismatch"]
    assert (mismatch["kind"], mismatch["taken"], mismatch["current_openssh"]) == ("cipher", ["aes128-cbc"], True)
    assert "aes128-ctr" in mismatch["offered"]
