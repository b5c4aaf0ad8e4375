# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bans on real hosts, beyond naming and lifting them: what must not get lost, what is refused, how long it takes."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults_bans import CLIENT, MORE_JAILS, NGINX, START, STRANGER, ban, jail
from fixtures import Playbook, Run
from fleet import Host

Start = Callable[..., Host]
CLIENT6 = "fd77:1::1"


def module(playbook: Playbook, host: Host, name: str, *arguments: str, **options: Any) -> tuple[Run, dict[str, Any]]:
    """Run one module on a host, out of band; return the run and what it returned."""
    place = playbook.folder / f"{name}{playbook.runs}"
    task = {"name": "Run it", f"rescue.remote_login.{name}": options, "register": "told", "ignore_errors": True}
    copy = {
        "name": "Keep it",
        "ansible.builtin.copy": {"content": "{{ told | to_json }}", "dest": str(place), "mode": "0600"},
        "delegate_to": "localhost",
        "connection": "local",
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "check_mode": False,
    }
    play = playbook.folder / f"{name}{playbook.runs}.yml"
    play.write_text(json.dumps([{"name": "One module", "hosts": "all", "gather_facts": False, "tasks": [task, copy]}]))
    line = {**host.inventory(), "ansible_connection": "containers.podman.podman", "ansible_host": host.name}
    run = playbook(str(play), {host.name: line}, *arguments, old=host.image == "bullseye")
    assert run.status == 0, run.text
    return run, json.loads(Path(place).read_text())


def banned(host: Host) -> str:
    return host.run("fail2ban-client banned").stdout


@pytest.mark.parametrize("image", ["bookworm", "bullseye"])
def test_a_network_s_ban_is_lifted_only_when_told_to(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, jail("iptables-multiport") + ban(address="10.77.1.0/24") + "; " + ban(address=STRANGER))
    before = host.run("iptables-save | grep -v '^#'; fail2ban-client banned").stdout
    run = playbook("remediate", [host])
    assert run.status != 0
    assert run[host]["cause"] == "fail2ban_banned"
    assert "10.77.1.0/24" in run[host]["changes"][0]["detail"]
    assert not run[host]["changes"][0]["changed"]
    assert host.run("iptables-save | grep -v '^#'; fail2ban-client banned").stdout == before
    run = playbook("remediate", [host], remote_login_unban_networks=True)
    assert run[host]["after"]["verdict"] == "can_login", run.text
    assert STRANGER in banned(host)
    assert "10.77.1.0/24" not in banned(host)


@pytest.mark.parametrize("image", ["bookworm", "trixie", "bullseye"])
def test_a_named_jail_s_ban_alone_is_lifted(image: str, start: Start, playbook: Playbook) -> None:
    jails = MORE_JAILS.partition("[nginx")[0]
    host = start(image, jail("iptables-multiport", jails=jails) + ban("sshd", "recidive"))
    kept = host.run("iptables-save | grep -- '-A f2b-recidive '").stdout
    assert CLIENT in kept
    _run, told = module(playbook, host, "fail2ban_ip", ip=[CLIENT], jail="sshd")
    assert told["steps"] == [f"fail2ban-client set sshd unbanip {CLIENT}"], told
    _run, told = module(playbook, host, "fail2ban_ip", ip=[CLIENT], jail="sshd")
    assert (told["changed"], told["steps"]) == (False, []), told
    assert banned(host).count(CLIENT) == 1
    assert CLIENT in host.run("fail2ban-client get recidive banip").stdout
    assert host.run("iptables-save | grep -- '-A f2b-recidive '").stdout == kept
    assert CLIENT not in host.run("iptables-save | grep -- '-A f2b-sshd '").stdout


@pytest.mark.parametrize("image", ["bookworm", "trixie", "bullseye"])
def test_a_ban_that_is_made_again_each_second_is_a_failure(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, jail("iptables-multiport") + ban() + f"; (setsid sh -c 'while sleep 1; do fail2ban-client set"
                 f" sshd banip {CLIENT}; done' &) >/dev/null 2>&1")  # fmt: skip
    _run, told = module(playbook, host, "fail2ban_ip", ip=[CLIENT], wait=2)
    assert (told["failed"], told["changed"]) == (True, True), told
    assert f"{CLIENT} is banned again whenever it is let in" in told["msg"]
    assert f"fail2ban-client unban {CLIENT}" in told["msg"]


@pytest.mark.parametrize("image", ["bookworm", "trixie", "bullseye"])
def test_a_network_s_ban_stays_lifted(image: str, start: Start, playbook: Playbook) -> None:
    network = "10.77.1.0/24"
    host = start(image, jail("iptables-multiport") + ban(address=network) + "; " + ban(address=STRANGER))
    _run, told = module(playbook, host, "fail2ban_ip", ip=[network])
    assert told["changed"], told
    _run, told = module(playbook, host, "fail2ban_ip", ip=[network])
    assert (told["changed"], told["steps"]) == (False, []), told
    host.restart()
    host.run(START, check=False)
    assert banned(host).strip() == f"[{{'sshd': ['{STRANGER}']}}]"
    assert "10.77.1." not in host.run("iptables-save").stdout
    assert host.ssh()[0] == 0


@pytest.mark.parametrize(("image", "action"), [("trixie", "nftables"), ("bookworm", "iptables-ipset-proto6"),
                                               ("bullseye", "hostsdeny")])  # fmt: skip
def test_nobody_else_is_let_in(image: str, action: str, start: Start, playbook: Playbook) -> None:
    host = start(image, "echo 'ALL: 198.51.100.1' >> /etc/hosts.deny; " + jail(action) + ban() + "; "
                 + ban(address=STRANGER))  # fmt: skip
    run = playbook("remediate", [host])
    assert run[host]["after"]["verdict"] == "can_login", run.text
    assert banned(host).strip() == f"[{{'sshd': ['{STRANGER}']}}]"
    held = host.run("nft list ruleset; ipset save; cat /etc/hosts.deny", check=False).stdout
    assert STRANGER in held
    assert "198.51.100.1" in held
    assert CLIENT not in held


@pytest.mark.parametrize("image", ["trixie", "bullseye"])
def test_an_ignored_client_is_not_banned_again_and_no_list_is_lost(
    image: str, start: Start, playbook: Playbook
) -> None:
    own = MORE_JAILS.replace("[recidive]\n", "[recidive]\nignoreip = 198.51.100.9\n")
    host = start(image, NGINX + jail("iptables-multiport", "ignoreip = 192.0.2.0/24", own) + ban("sshd", "recidive"))
    run = playbook("remediate", [host], "--check", remote_login_unban_ignore=True)
    assert run[host]["changes"][0]["changed"]
    assert host.run("ls /etc/fail2ban/jail.d | grep remote-login", check=False).stdout == ""
    run = playbook("remediate", [host], remote_login_unban_ignore=True)
    assert run[host]["after"]["verdict"] == "can_login", run.text
    _run, again = module(playbook, host, "fail2ban_ip", ip=[CLIENT], ignore=True)
    assert not again["changed"], again
    for command in ("true", "fail2ban-client reload"):
        host.run(command)
        listed = host.run("for j in sshd recidive; do fail2ban-client get $j ignoreip; done").stdout
        assert listed.count(CLIENT) == 2, listed
        assert listed.count("192.0.2.0/24") == 1
        assert listed.count("198.51.100.9") == 1
    # And it goes on when what the drop-in extends is gone.
    host.run("sed -i '/^ignoreip/d' /etc/fail2ban/jail.d/lab.local; fail2ban-client reload")
    assert CLIENT in host.run("fail2ban-client get sshd ignoreip").stdout


WRONG = [
    ({"ip": ["22"]}, "neither an IP address nor a network"),
    ({"ip": ["web-03.example.com"]}, "neither an IP address nor a network"),
    ({"ip": [CLIENT, "10.77.1.1; reboot"]}, "neither an IP address nor a network"),
    ({"ip": ["0.0.0.0/0"]}, "is everybody"),
    ({"ip": ["10.77.1.1/24"]}, "has host bits set: write 10.77.1.0/24 or 10.77.1.1"),
    ({"ip": [STRANGER, CLIENT6 + "/64"], "state": "banned"}, "has host bits set"),
    ({"ip": [CLIENT], "wait": -1}, "wait must be between 0 and 3600, not -1"),
    ({"ip": [CLIENT], "jail": "sshd; reboot"}, "is no name of a jail"),
    ({"ip": [CLIENT], "jail": "no such jail"}, "is no name of a jail"),
    ({"ip": [CLIENT], "jail": "nosuch"}, "there is no jail 'nosuch'; there are: sshd"),
    ({"ip": [CLIENT], "port": 0}, "port must be between 1 and 65535"),
    ({"ip": [CLIENT], "state": "banned", "ignore": True}, "both banned and ignored"),
]


@pytest.mark.parametrize("image", ["bookworm"])
def test_bad_input_gets_a_clear_error_and_changes_nothing(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, jail("iptables-multiport") + ban())
    before = host.run("iptables-save | grep -v '^#'; fail2ban-client banned").stdout
    for options, words in WRONG:
        _run, told = module(playbook, host, "fail2ban_ip", **options)
        assert told["failed"], options
        assert words in told["msg"]
        assert not told["changed"]
    assert host.run("iptables-save | grep -v '^#'; fail2ban-client banned").stdout == before
    _run, told = module(playbook, host, "fail2ban_ip", ip=[STRANGER], state="banned", jail="sshd")
    assert told["changed"]
    _run, told = module(playbook, host, "fail2ban_ip", ip=[STRANGER], state="banned", jail="sshd")
    assert not told["changed"]
    host.run("systemctl stop fail2ban")
    _run, told = module(playbook, host, "fail2ban_ip", ip=[STRANGER], state="banned")
    assert "fail2ban is not running: it is stopped" in told["msg"]


@pytest.mark.parametrize("image", ["bookworm", "trixie", "bullseye"])
def test_a_ban_of_an_ipv6_client(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, jail("iptables-multiport") + ban(address=CLIENT6))
    line = {host.name: host.inventory(ansible_host=host.address6)}
    run = playbook("diagnose", line, old=image == "bullseye")
    assert run[host]["cause"] == "fail2ban_banned", run.text
    assert CLIENT6 in run.finding(host, "fail2ban_banned")["detail"]
    run = playbook("remediate", line, old=image == "bullseye")
    assert run[host]["after"]["verdict"] == "can_login", run.text


def test_a_penalty_is_told_with_its_reason(start: Start, playbook: Playbook) -> None:
    host = start("trixie")
    host.run("sed -i '1i MaxStartups 7:30:70\\nPerSourcePenalties noauth:600 min:1' /etc/ssh/sshd_config;"
             " systemctl restart ssh; sleep 1")  # fmt: skip
    for _number in range(3):
        socket.create_connection((host.address, 22)).close()
        time.sleep(1)
    run = playbook("diagnose", [host])
    assert (run[host]["outcome"], run[host]["cause"]) == ("closed_before_banner", "source_penalty"), run.text
    detail = run.finding(host, "source_penalty")["detail"]
    assert "without attempting authentication" in detail
    (setting,) = re.findall(r"PerSourcePenalties ([^)]+)\)", detail)
    assert {"noauth:600", "min:1"} <= set(setting.split()), detail
    _run, told = module(playbook, host, "fail2ban_info", clients=[CLIENT])
    assert told["penalties"]["now"]
    assert (told["startups"]["begin"], told["startups"]["full"], told["startups"]["now"]) == (7, 70, False)


@pytest.mark.parametrize("image", ["bookworm", "bullseye"])
def test_a_hundred_thousand_bans(image: str, start: Start, playbook: Playbook) -> None:
    """The jail lists its first 100 and the number of all, and the client among them is found in time."""
    # An action that does nothing, as a command for each ban takes longer than everything else.
    host = start(image, "printf '[Definition]\nactionban =\nactionunban =\n' > /etc/fail2ban/action.d/none.conf; "
                 + jail("none"))  # fmt: skip
    host.run("for part in $(seq 1 100); do fail2ban-client set sshd banip $(for n in $(seq 1 250); do for k in 1 2 3 4;"
             " do echo 100.$k.$part.$n; done; done) >/dev/null; done", timeout=600)  # fmt: skip
    _run, told = module(playbook, host, "fail2ban_info", clients=["100.4.100.250"])
    (found,) = told["fail2ban"]["jails"]
    if not told["missing"]:  # a machine that is busy with other things gets a shorter answer
        assert (found["banned"], len(found["bans"])) == (100000, 100)
    assert [one["jail"] for one in told["client_bans"]] == ["sshd"]
    assert told["in_force"] == []


def test_a_client_that_hangs_is_said_so(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", jail("iptables-multiport") + ban() + "; pkill -STOP -x fail2ban-server")
    _run, told = module(playbook, host, "fail2ban_info", clients=[CLIENT])
    assert told["status"] == "ok"
    assert told["fail2ban"]["running"] is None
    assert "did not answer" in told["missing"]["fail2ban.jails"]
    _run, told = module(playbook, host, "fail2ban_ip", ip=[CLIENT])
    assert "fail2ban does not answer" in told["msg"]
    assert not told["changed"]


@pytest.mark.parametrize("image", ["bookworm", "trixie"])
def test_the_client_s_line_alone_leaves_sshguard_s_blacklist(image: str, start: Start, playbook: Playbook) -> None:
    blacklist = "/var/lib/sshguard/blacklist.db"
    attacks = "".join(f"100 {address} 4 10\\n" * 3 for address in ("10.77.1.10", CLIENT, STRANGER))
    host = start(image, f"mkdir -p /var/lib/sshguard; printf '{attacks}' | /usr/libexec/sshguard/sshg-blocker -a 20"
                 f" -p 120 -s 1800 -b 20:{blacklist} >/dev/null; chmod 640 {blacklist}")  # fmt: skip
    before = host.run(f"cat {blacklist}").stdout.splitlines()
    assert [line.rpartition("|")[2] for line in before] == ["10.77.1.10", CLIENT, STRANGER]
    _run, told = module(playbook, host, "fail2ban_ip", "--check", ip=[CLIENT])
    assert told["changed"], told
    assert host.run(f"cat {blacklist}").stdout.splitlines() == before
    _run, told = module(playbook, host, "fail2ban_ip", ip=[CLIENT])
    assert told["steps"] == [f"remove from {blacklist}: {before[1]}"], told
    assert host.run(f"cat {blacklist}").stdout.splitlines() == [before[0], before[2]]
    assert host.run(f"stat -c %a {blacklist}").stdout == "640\n"
    _run, told = module(playbook, host, "fail2ban_ip", ip=[CLIENT])
    assert (told["changed"], told["steps"]) == (False, []), told


@pytest.mark.parametrize("image", ["bookworm", "trixie", "bullseye"])
def test_what_a_stopped_server_would_ban_again(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, jail("iptables-multiport") + ban() + "; " + ban(address=STRANGER)
                 + "; { systemctl stop fail2ban || service fail2ban stop; } >/dev/null 2>&1")  # fmt: skip
    hidden = "for file in /usr/lib/python*/lib-dynload/_sqlite3*.so; do mv $file $file.off; done"
    host.run(hidden)
    _run, told = module(playbook, host, "fail2ban_ip", ip=[CLIENT])
    assert (told["failed"], told["changed"], told["steps"]) == (False, False, []), told
    (note,) = told["notes"]
    assert "may ban it again when it starts, its database cannot tell: this Python has no sqlite3" in note
    assert note in told["detail"]
    assert told["warnings"] == [note]
    host.run(hidden.replace("_sqlite3*.so", "_sqlite3*.off").replace("$file.off", "${file%.off}"))
    _run, told = module(playbook, host, "fail2ban_ip", ip=[CLIENT])
    assert told["steps"] == [f"take {CLIENT} of jail sshd out of the database"], told
    assert told["notes"] == []
    _run, told = module(playbook, host, "fail2ban_ip", ip=[CLIENT])
    assert (told["changed"], told["notes"]) == (False, []), told
    # A server that answers has not made all the bans of its database again yet.
    host.run(f"{START} timeout 20 sh -c 'until fail2ban-client banned | grep -q {STRANGER}; do sleep 0.3; done'", False)
    assert banned(host).strip() == f"[{{'sshd': ['{STRANGER}']}}]"


@pytest.mark.parametrize("image", ["bookworm", "trixie", "bullseye"])
def test_why_fail2ban_does_not_run(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, "rm -f /var/log/auth.log; printf '[sshd]\\nenabled = true\\nbackend = auto\\nlogpath ="
                 " /var/log/auth.log\\n' > /etc/fail2ban/jail.d/zz.local; { systemctl start fail2ban ||"
                 " service fail2ban start || true; } >/dev/null 2>&1; sleep 2")  # fmt: skip
    _run, told = module(playbook, host, "fail2ban_info", clients=[CLIENT])
    assert told["fail2ban"]["running"] is False
    assert "Have not found any log file for sshd jail" in told["fail2ban"]["reason"]
