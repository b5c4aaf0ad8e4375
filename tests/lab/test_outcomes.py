# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every outcome of the probe by a real fault, held against what the real OpenSSH client says of the same host."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import login
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.gather import RUNG_OF, probe
from ansible_collections.rescue.remote_login.plugins.plugin_utils import words
from faults import WEB_SERVER
from fixtures import Playbook
from fleet import Host
from images import login_key

Start = Callable[..., Host]

NFT = "nft add table inet t; nft 'add chain inet t i { type filter hook input priority 0; }'; nft add rule inet t i"
# outcome -> how the host is broken, and what the OpenSSH client says then.
CASES = {
    "no_route": (f"{NFT} tcp dport 22 reject with icmp type host-prohibited", r"No route to host"),
    "timed_out": (f"{NFT} tcp dport 22 drop", r"timed out"),
    "refused": ("systemctl stop ssh", r"Connection refused"),
    "closed_before_banner": ("rm /etc/ssh/ssh_host_*_key", r"kex_exchange_identification: (read: )?Connection"),
    "banner_timed_out": ("kill -STOP $(cat /run/sshd.pid)", r"timed out during banner exchange"),
    "not_ssh": (f"systemctl stop ssh; {WEB_SERVER}", r"kex_exchange_identification|Connection (reset|closed)|HTTP"),
    "key_exchange_failed": (
        "echo 'Ciphers 3des-cbc' >> /etc/ssh/sshd_config; systemctl restart ssh",
        r"Unable to negotiate",
    ),
    # What a path with a small MTU and no ICMP does: the first large packet never arrives.
    "key_exchange_timed_out": (f"{NFT} tcp dport 22 meta length 600-65535 drop", r"^$"),
    "host_key_changed": ("true", r"REMOTE HOST IDENTIFICATION HAS CHANGED"),
    "auth_denied": ("rm /root/.ssh/authorized_keys", r"Permission denied"),
    "session_failed": ("usermod -s /usr/sbin/nologin root", r"currently not available"),
    "ok": ("true", r"^(Warning.*\n)?$"),
}


def target(host: Host, **options: Any) -> dict[str, Any]:
    usual = {"port": 22, "user": "root", "private_key_file": str(login_key()), "known_hosts": [], "timeout": 4}
    return {"name": host.name, "address": host.address, **usual, **options}


def test_every_outcome_is_tried() -> None:
    assert set(RUNG_OF.values()) == set(words.RUNGS)
    assert set(CASES) | {"name_not_resolved"} == set(words.OUTCOMES)


@pytest.mark.parametrize("outcome", CASES)
def test_the_probe_agrees_with_the_real_client(outcome: str, start: Start, tmp_path: Path) -> None:
    script, said = CASES[outcome]
    host = start("bookworm", script)
    options: dict[str, Any] = {}
    arguments: list[str] = []
    if outcome == "host_key_changed":
        other = tmp_path / "known_hosts"
        other.write_text(f"{host.address} {login_key().with_suffix('.pub').read_text()}")
        options["known_hosts"] = [str(other)]
        arguments = ["-o", f"UserKnownHostsFile={other}", "-o", "StrictHostKeyChecking=yes"]
    (result,) = probe([target(host, **options)])
    assert result["outcome"] == outcome, result
    status, words_of_ssh = host.ssh("true", *arguments, patience=15)
    assert re.search(said, words_of_ssh, re.M), words_of_ssh
    assert (status == 0) == (outcome == "ok")
    # After the banner the client has no time-out of its own: it hangs.
    assert (status == 124) == (outcome == "key_exchange_timed_out")


@pytest.mark.parametrize("client", ["paramiko", "OpenSSH"])
def test_a_key_that_is_revoked_lets_nobody_in(
    client: str, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = start("bookworm")
    if client == "OpenSSH":
        monkeypatch.setattr(login, "paramiko", None)
    keys = [line.split()[:2] for line in host.run("cat /etc/ssh/ssh_host_*_key.pub").stdout.splitlines()]
    known = tmp_path / "known_hosts"
    known.write_text("".join(f"{host.address} {kind} {key}\n@revoked * {kind} {key}\n" for kind, key in keys))
    (result,) = probe([target(host, known_hosts=[str(known)])])
    strict = ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes"]
    status, said = host.ssh("true", *strict, patience=15)
    assert status != 0
    assert "REVOKED HOST KEY" in said
    assert (result["outcome"], result["host_key"]["status"]) == ("host_key_changed", "revoked"), result
    (place,) = result["host_key"]["known_in"]
    number = int(place.rpartition(":")[2])
    assert (number % 2, keys[number // 2 - 1][0]) == (0, result["host_key"]["type"])


def fingerprint(file: Path) -> str:
    said = subprocess.run(["ssh-keygen", "-lf", str(file)], capture_output=True, text=True, check=True).stdout
    return said.split()[1]


def test_known_hosts_is_told_and_never_changed(start: Start, playbook: Playbook, tmp_path: Path) -> None:
    host = start("bookworm")
    folder, key = tmp_path / "client", tmp_path / "key.pub"
    folder.mkdir()
    known = folder / "known_hosts"
    known.write_text(f"# mine\n{host.address} {login_key().with_suffix('.pub').read_text()}")
    key.write_text(host.run("cat /etc/ssh/ssh_host_ed25519_key.pub").stdout)
    before, status = known.read_bytes(), known.stat()
    inventory = {host.name: host.inventory(remote_login_known_hosts=[str(known)])}
    for name, options in (("diagnose", {}), ("remediate", {"remote_login_allow": ["all"]})):
        run = playbook(name, inventory, **options)
        assert run[host]["cause"] == "host_key_changed", run.text
        detail = next(finding["detail"] for finding in run[host]["findings"] if finding["id"] == "host_key_changed")
        assert fingerprint(key) in detail
        assert fingerprint(login_key().with_suffix(".pub")) in detail
        assert not [change for change in run[host].get("changes", []) if change["changed"]]
        assert known.read_bytes() == before
        assert known.stat().st_mtime_ns == status.st_mtime_ns
        # ssh-keygen -R leaves the old file beside the new one.
        assert [each.name for each in folder.iterdir()] == ["known_hosts"]


def test_a_name_that_does_not_exist(lab: Any) -> None:
    (result,) = probe([{"address": "no-such-host.invalid", "port": 22, "user": "root", "timeout": 4}])
    assert (result["outcome"], result["rung"]) == ("name_not_resolved", "resolve")


def test_ipv6_is_tried_and_both_addresses_are_noted(start: Start, tmp_path: Path) -> None:
    host = start("bookworm", "echo 'AddressFamily inet6' >> /etc/ssh/sshd_config; systemctl restart ssh")
    (by_v6,) = probe([target(host, address=host.address6)])
    assert by_v6["outcome"] == "ok"
    assert [entry["family"] for entry in by_v6["addresses"]] == ["ipv6"]
    (by_v4,) = probe([target(host)])
    assert by_v4["outcome"] == "refused"
    assert by_v4["addresses"][0]["answered_by"] == {"kind": "TCP reset", "from": None}


def test_who_refuses_is_told_apart(start: Start) -> None:
    host = start("bookworm", f"{NFT} tcp dport 22 reject with icmp type port-unreachable")
    (result,) = probe([target(host)])
    assert result["outcome"] == "refused"
    assert result["addresses"][0]["answered_by"] == {"kind": "ICMP port unreachable", "from": host.address}
    assert result["reach"]["state"] == "answers"


def test_a_host_that_is_off_and_a_filtered_port_are_told_apart(start: Start) -> None:
    off, filtered = start("bookworm"), start("bookworm", f"{NFT} tcp dport 22 drop")
    off.switch_off()
    dead, silent = probe([target(off), target(filtered)])
    assert (dead["rung"], dead["reach"]["state"]) == ("route", "silent")
    assert (silent["rung"], silent["reach"]["state"]) == ("port", "answers")


def test_bad_targets_get_their_own_clear_result_and_the_others_theirs(start: Start, tmp_path: Path) -> None:
    host = start("bookworm")
    encrypted, nonsense = tmp_path / "encrypted", tmp_path / "nonsense"
    host.run("ssh-keygen -q -t ed25519 -N secret-words -f /root/k")
    encrypted.write_text(host.run("cat /root/k").stdout)
    nonsense.write_text("this is a secret, not a key\n")
    cases = [
        ({"port": 70000}, "70000"),
        ({"port": "ssh"}, "ssh"),
        ({"address": ""}, "no address"),
        ({"private_key_file": str(tmp_path / "none")}, "does not exist"),
        ({"private_key_file": str(encrypted)}, "encrypted"),
        ({"private_key_file": str(encrypted), "passphrase": "wrong"}, "cannot be used"),
        ({"private_key_file": str(nonsense)}, "not an SSH private key"),
    ]
    results = probe([target(host), *(target(host, **options) for options, _said in cases), target(host)])
    assert [results[0]["outcome"], results[-1]["outcome"]] == ["ok", "ok"]
    for result, (_options, said) in zip(results[1:-1], cases, strict=True):
        assert result["outcome"] is None
        assert said in result["error"]
        assert "secret" not in str(result).replace(str(nonsense), "")
    right = probe([target(host, private_key_file=str(encrypted), passphrase="secret-words")])[0]
    assert right["outcome"] == "auth_denied"
    assert "secret-words" not in str(right)


def test_a_probe_authenticates_once_and_not_at_all_when_told_so(start: Start) -> None:
    host = start("bookworm", "echo 'LogLevel VERBOSE' >> /etc/ssh/sshd_config; systemctl restart ssh;"
                 " rm /root/.ssh/authorized_keys")  # fmt: skip
    (denied,) = probe([target(host)])
    assert denied["outcome"] == "auth_denied"
    failures = host.run("journalctl -u ssh --no-pager | grep -c 'Failed publickey'").stdout.strip()
    assert failures == "1"
    (looked,) = probe([target(host, authenticate=False)])
    assert (looked["outcome"], looked["authenticated"]) == ("ok", False)
    assert looked["host_key"]["fingerprint"].startswith("SHA256:")
    assert host.run("journalctl -u ssh --no-pager | grep -c 'Failed'").stdout.strip() == "1"


def test_a_password_is_not_sent_to_a_host_that_is_not_known(start: Start, tmp_path: Path) -> None:
    host = start("bookworm", "echo ops:open-sesame | chpasswd")
    by_password = {"user": "ops", "private_key_file": None, "password": "open-sesame"}
    (unknown,) = probe([target(host, **by_password)])
    assert (unknown["outcome"], unknown["error"]) == (
        None,
        "the password was not sent: the host's key is not in known_hosts",
    )
    known = tmp_path / "known_hosts"
    key = host.run("cat /etc/ssh/ssh_host_ed25519_key.pub").stdout
    known.write_text(f"{host.address} {key}")
    (trusted,) = probe([target(host, known_hosts=[str(known)], **by_password)])
    assert (trusted["outcome"], trusted["host_key"]["status"]) == ("ok", "known")
    assert "open-sesame" not in str(trusted)


def test_a_server_that_only_openssh_can_talk_to_is_no_fault(start: Start) -> None:
    host = start("bookworm", "echo 'Ciphers chacha20-poly1305@openssh.com' >> /etc/ssh/sshd_config;"
                 " systemctl restart ssh")  # fmt: skip
    (result,) = probe([target(host)])
    assert (result["outcome"], result["authenticated"]) == ("ok", True), result


def test_the_probe_goes_where_ssh_config_leads(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = start("bookworm", "echo 'Port 2222' >> /etc/ssh/sshd_config; systemctl restart ssh")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(
        f"Host web\n  HostName {host.address}\n  Port 2222\n  User ops\n  IdentityFile {login_key()}\n"
        "Host far\n  ProxyJump bastion\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    near, far, plain = probe([{"address": name, "timeout": 4} for name in ("web", "far", "web.invalid")])
    assert (near["outcome"], near["port"], near["user"]) == ("ok", 2222, "ops"), near
    assert (far["outcome"], "bastion" in far["error"]) == (None, True)
    assert plain["outcome"] == "name_not_resolved"
