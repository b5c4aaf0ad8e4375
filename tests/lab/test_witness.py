# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Both ends at once: is the login's packet stopped before the host, or by it?"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from faults import RESTART
from fixtures import Playbook, Run
from fleet import Host
from full_table import FULL_TABLE, YIELDING_TABLE
from images import login_key
from upstream import upstream

Start = Callable[..., Host]
ALL = ("bookworm", "trixie", "bullseye")
INPUT = "nft 'add table inet f; add chain inet f i {{ type filter hook {} }}; add rule inet f i tcp dport 22 {}'"
DROP = INPUT.format("input priority 0;", "drop")


def diagnosed(playbook: Playbook, host: Host, *arguments: str, **variables: Any) -> tuple[Run, dict[str, Any]]:
    """A diagnosis, and what was seen on the host meanwhile."""
    run = playbook("diagnose", {host.name: host.inventory(**variables)}, *arguments, old=host.image == "bullseye")
    assert run.status == 0, run.text
    assert "Traceback" not in run.text
    evidence = json.loads((run.folder / "evidence" / f"{host.name}.json").read_text())
    return run, evidence["inside"].get("packet_witness")


def nothing_is_left(host: Host) -> bool:
    """Whether no watch goes on and no job file of Ansible is there."""
    left = host.run("grep -a rescue.remote_login /proc/net/unix; ls -d /root/.ansible_async 2>/dev/null", check=False)
    return left.stdout == ""


# --- stopped before the host ---

BEFORE = {
    "dropped": ("timed_out", {"rule": "ip daddr ADDRESS tcp dport 22 drop"}),
    "everything dropped": ("timed_out", {"rule": "ip daddr ADDRESS drop"}),
    "prohibited": (
        "no_route",
        {"family": "inet", "rule": "ip daddr ADDRESS tcp dport 22 reject with icmpx admin-prohibited"},
    ),
    "port unreachable": (
        "refused",
        {"family": "inet", "rule": "ip daddr ADDRESS tcp dport 22 reject with icmpx port-unreachable"},
    ),
    "reset": ("refused", {"family": "inet", "rule": "ip daddr ADDRESS tcp dport 22 reject with tcp reset"}),
}


@pytest.mark.parametrize("image", ALL)
@pytest.mark.parametrize("shape", BEFORE)
def test_what_never_arrives_is_stopped_before_the_host(
    shape: str, image: str, start: Start, playbook: Playbook
) -> None:
    host = start(image)
    outcome, rule = BEFORE[shape]
    with upstream(host, **rule):
        run, seen = diagnosed(playbook, host)
    assert (run[host]["outcome"], run[host]["cause"]) == (outcome, "blocked_upstream"), run.text
    assert run.causes(host) == ["blocked_upstream"]
    assert (seen["arrived"], seen["syns"]) == (False, 0)
    assert seen["probe"]["syns"] >= 2
    assert "packet_witness" not in [entry["section"] for entry in run[host]["unchecked"]]
    assert nothing_is_left(host)


def test_what_never_arrives_over_ipv6(start: Start, playbook: Playbook) -> None:
    host = start("bookworm")
    with upstream(host, "ip6 daddr ADDRESS6 tcp dport 22 drop"):
        run, seen = diagnosed(playbook, host, remote_login_address=host.address6)
    assert run[host]["cause"] == "blocked_upstream", run.text
    assert seen["arrived"] is False


def test_another_vantage_than_the_controller(start: Start, playbook: Playbook) -> None:
    second, host = start("vantage"), start("bookworm")
    inventory = {
        second.name: second.inventory(remote_login_oob_connection=""),
        host.name: host.inventory(remote_login_vantages=[second.name]),
    }
    with upstream(host, f"ip saddr {second.address} ip daddr ADDRESS tcp dport 22 drop"):
        run = playbook("diagnose", inventory)
    assert run[host]["cause"] == "blocked_upstream", run.text
    assert second.name in run.finding(host, "blocked_upstream")["detail"]


@pytest.mark.parametrize("image", ALL)
def test_over_ssh_where_only_people_s_port_is_stopped(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, f"printf 'Port 22\\nPort 2222\\n' >> /etc/ssh/sshd_config; {RESTART}")
    # A user who becomes root by sudo, and no other way in.
    variables = {
        "ansible_user": "ops",
        "ansible_port": 2222,
        "remote_login_port": 22,
        "remote_login_oob_connection": "",
    }
    with upstream(host, "ip daddr ADDRESS tcp dport 22 drop"):
        run, seen = diagnosed(playbook, host, **variables)
    assert run[host]["cause"] == "blocked_upstream", run.text
    assert seen["arrived"] is False
    assert nothing_is_left(host)


def test_check_mode_looks_at_both_ends_too(start: Start, playbook: Playbook) -> None:
    host = start("trixie")
    with upstream(host, "ip daddr ADDRESS tcp dport 22 drop"):
        run, _seen = diagnosed(playbook, host, "--check")
    assert run[host]["cause"] == "blocked_upstream", run.text


# --- stopped by the host ---

BY_THE_HOST = {
    "input": (DROP, []),
    "before connection tracking": (INPUT.format("prerouting priority -300;", "drop"), []),
    "ingress": (
        "nft 'add table netdev f; add chain netdev f i { type filter hook ingress device eth0 priority 0; };"
        " add rule netdev f i tcp dport 22 drop'",
        [],
    ),
    "prohibited": (
        INPUT.format("input priority 0;", "reject with icmpx type admin-prohibited"),
        ["ICMP administratively prohibited"],
    ),
    "reset": (INPUT.format("input priority 0;", "reject with tcp reset"), ["RST"]),
    "no way back": ("ip route add blackhole 10.77.1.1", []),
}


@pytest.mark.parametrize("image", ALL)
@pytest.mark.parametrize("shape", BY_THE_HOST)
def test_what_arrives_is_not_stopped_before_the_host(shape: str, image: str, start: Start, playbook: Playbook) -> None:
    script, answers = BY_THE_HOST[shape]
    host = start(image, script)
    run, seen = diagnosed(playbook, host)
    assert "blocked_upstream" not in run.causes(host), run.text
    assert "host_unreachable" not in run.causes(host)
    assert (seen["arrived"], seen["answered"]) == (True, bool(answers))
    assert seen["syns"] >= 2
    assert seen["interface"] == "eth0"
    assert [answer["kind"] for answer in seen["answers"]] == answers
    assert nothing_is_left(host)


def test_the_client_is_known_behind_address_translation(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", DROP)
    with upstream(host, "ip daddr ADDRESS tcp dport 22 snat to 10.77.1.254", family="ip"):
        run, seen = diagnosed(playbook, host)
    assert "blocked_upstream" not in run.causes(host), run.text
    assert seen["arrived"] is True
    assert [(place["source"], place["known_by"]) for place in seen["sources"]] == [("10.77.1.254", "mark")]


def test_a_frame_that_passes_a_bridge_counts_once(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", DROP)
    host.run(
        f"ip link add br0 type bridge; ip link set br0 address $(cat /sys/class/net/eth0/address) up;"
        f" ip link set eth0 master br0; ip addr flush dev eth0; ip addr add {host.address}/24 dev br0"
    )
    _run, seen = diagnosed(playbook, host)
    assert (seen["interface"], seen["interfaces"]) == ("br0", ["eth0", "br0"])
    assert seen["syns"] <= 8  # two connections in four seconds


def test_an_address_that_another_machine_has_as_well(start: Start, playbook: Playbook) -> None:
    other = start("bookworm", DROP)
    host = start("trixie", "sysctl -qw net.ipv6.conf.all.accept_dad=1 net.ipv6.conf.eth0.accept_dad=1")
    host.run(f"ip -6 addr add {other.address6}/64 dev eth0; timeout 10 sh -c 'until ip -6 addr show dadfailed |"
             f" grep -q {other.address6}; do sleep 0.2; done'")  # fmt: skip
    run, _seen = diagnosed(playbook, host, ansible_host=other.address6)
    assert (run[host]["outcome"], run[host]["cause"]) == ("timed_out", "link_down"), run.text
    words = f"{other.address6} is not used: another machine on eth0 answers for it"
    assert words in run[host]["findings"][0]["detail"]
    evidence = json.loads((run.folder / "evidence" / f"{host.name}.json").read_text())
    assert evidence["inside"]["network"]["login"]["address_state"] == "duplicate"


def test_a_full_accept_queue_is_told_by_the_kernel_s_counters(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", "echo 0 > /proc/sys/net/ipv4/tcp_syncookies; kill -STOP $(cat /run/sshd.pid)")
    with ExitStack() as crowd:
        for _number in range(140):
            client = crowd.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex((host.address, 22))
        run, seen = diagnosed(playbook, host)
    assert run[host]["outcome"] == "timed_out", run.text
    assert "blocked_upstream" not in run.causes(host)
    assert (seen["arrived"], seen["answered"]) == (True, False)
    assert seen["counters"]["ListenDrops"] > 0


def test_the_host_blocks_one_vantage_alone(start: Start, playbook: Playbook) -> None:
    second, host = start("vantage"), start("bookworm", DROP.replace("tcp dport", "ip saddr 10.77.1.1 tcp dport"))
    second.run(f"cat > /root/key <<'KEY'\n{login_key().read_text()}KEY\nchmod 600 /root/key")
    inventory = {
        second.name: second.inventory(),
        host.name: host.inventory(remote_login_private_key_file="/root/key"),
    }
    run = playbook("diagnose", inventory, "--limit", host.name, remote_login_vantages=["localhost", second.name])
    assert run[host]["cause"] == "firewall_blocks_port", run.text
    assert "local_network_problem" not in run.causes(host)


# --- the connection tracking table ---


@pytest.mark.parametrize("image", ALL)
def test_a_full_connection_tracking_table(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, FULL_TABLE)
    run, seen = diagnosed(playbook, host)
    assert (run[host]["outcome"], run[host]["cause"]) == ("timed_out", "connection_tracking_full"), run.text
    assert run.causes(host) == ["connection_tracking_full"]
    assert seen["counters"]["conntrack_drop"] > 0


@pytest.mark.parametrize("image", ALL)
def test_a_full_table_of_what_gives_way_keeps_nobody_out(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, YIELDING_TABLE)
    run, _seen = diagnosed(playbook, host)
    assert (run[host]["verdict"], run[host]["findings"]) == ("can_login", []), run.text


def test_a_full_table_is_not_the_cause_where_nothing_arrives(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", FULL_TABLE)
    with upstream(host, "ip daddr ADDRESS tcp dport 22 drop"):
        run, _seen = diagnosed(playbook, host)
    assert run.causes(host) == ["blocked_upstream"], run.text


# --- who pays, who cannot ---


def test_a_host_whose_login_works_pays_nothing(start: Start, playbook: Playbook) -> None:
    host = start("bookworm")
    run, seen = diagnosed(playbook, host)
    assert (run[host]["verdict"], seen) == ("can_login", None)
    assert "watch" not in run.text.lower()


def test_who_is_not_root_is_told_that_nobody_could_watch(start: Start, playbook: Playbook, tmp_path: Path) -> None:
    host = start("bookworm")
    tasks = [
        {"rescue.remote_login.packet_witness": {"duration": 1}, "register": "seen"},
        {"ansible.builtin.debug": {"msg": "{{ seen.witness.status }}: {{ seen.witness.reason }}"}},
    ]
    play = tmp_path / "play.yml"
    play.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    variables = {"ansible_connection": "containers.podman.podman", "ansible_host": host.name, "ansible_user": "ops"}
    run = playbook(str(play), {host.name: host.inventory(**variables)}, "-v")
    assert run.status == 0, run.text
    assert "unchecked: no packet socket: " in run.text
    assert "Operation not permitted" in run.text
