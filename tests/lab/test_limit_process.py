# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lowering the rate of one process or unit on real hosts, ending it, and what is never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from faults_bandwidth import BOX, PEER, PEER6
from fixtures import Outcome, Playbook, asked_of
from fleet import Host, Lab, quiet
from limiting import run_role
from traffic import SENDER, Sink, sink

Start = Callable[..., Host]
RATE_BPS = 16_000_000
LIMIT_BPS = 2_000_000
MODULE = "process_limit"
# What iptables shows as tables of nft stays there, empty, once it has been used.
RULES = {
    "nft": "nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*//'",
    "iptables": "for tool in iptables ip6tables; do $tool-save | grep -E '^-|rllimit'; done",
}
STATE = "tc qdisc; tc filter; find /sys/fs/cgroup -name 'remote_login_limit*'; grep -v /run/user/ /proc/self/mounts"


@pytest.fixture
def counted(lab: Lab) -> Iterator[Sink]:
    """What counts the traffic, in the lab's network."""
    with sink() as found:
        yield found


def name_of(host: Host, pid: int) -> dict[str, int]:
    """A process as bandwidth_info names it."""
    stat = host.run(f"cat /proc/{pid}/stat").stdout
    return {"pid": pid, "start_ticks": int(stat.rpartition(")")[2].split()[19])}


def command(host: Host, kind: str, counted: Sink, *options: str) -> str:
    host.run(f"cat > /root/sender.py <<'END'\n{SENDER}\nEND")
    python = "python2.7" if host.image == "bullseye" else "python3"
    words = [python, "/root/sender.py", kind, counted.address, str(counted.port), str(RATE_BPS // 8), *options]
    return " ".join(words)


def sender(host: Host, counted: Sink, kind: str = "keep", *options: str) -> dict[str, int]:
    """Start what sends, from a shell, and wait until it does; return its name."""
    started = command(host, kind, counted, *options)
    pid = int(host.run(f"setsid {started} >/root/sender.log 2>&1 & echo $!").stdout)
    settled(host, counted, RATE_BPS * 0.5, RATE_BPS * 2)
    return name_of(host, pid)


def ask(playbook: Playbook, host: Host, *options: str, **wanted: Any) -> Outcome:
    return asked_of(playbook, MODULE, host, [wanted], *options)[0]


def settled(host: Host, counted: Sink, low: float, high: float) -> None:
    """Wait until a rate has settled. A connection needs some seconds after the lab's bridge got or lost a host."""
    rate = 0.0
    for _number in range(8):
        rate = counted.rate(3)
        if low < rate < high:
            return
    assert low < rate < high, host.run("cat /root/sender.log; ss -tinpo; nft list ruleset; iptables-save -c").stdout


def state(host: Host) -> str:
    script = f"{RULES['iptables' if host.image == 'bullseye' else 'nft']}; {STATE}"
    number = quiet(["podman", "inspect", "--format", "{{.Id}}", host.name]).stdout.strip()
    # The control groups of other hosts are to be seen as well.
    lines = host.run(script, check=False).stdout.splitlines(keepends=True)
    return "".join(line for line in lines if "libpod-" not in line or number in line)


@pytest.mark.parametrize("kind", ["keep", "new", "udp", "child"])
@pytest.mark.parametrize("image", ["trixie", "bookworm", "bullseye"])
def test_a_process_is_slowed_down_and_let_go_again(
    image: str, kind: str, start: Start, playbook: Playbook, counted: Sink
) -> None:
    host = start(image)
    options = ("child",) if kind == "child" else ()
    one = sender(host, counted, "keep" if kind == "child" else kind, *options)
    before = state(host)
    checked = ask(playbook, host, "--check", **one, rate_bps=LIMIT_BPS)
    assert checked.changed, checked
    assert state(host) == before
    settled(host, counted, RATE_BPS * 0.5, RATE_BPS * 2)
    limited = ask(playbook, host, **one, rate_bps=LIMIT_BPS)
    assert limited.changed, limited
    assert limited.diff == {"before": {"rate_bps": None}, "after": {"rate_bps": LIMIT_BPS}}
    settled(host, counted, LIMIT_BPS * 0.3, LIMIT_BPS * 1.5)
    assert host.ssh()[0] == 0
    assert not ask(playbook, host, **one, rate_bps=LIMIT_BPS).changed
    again = ask(playbook, host, **one, rate_bps=LIMIT_BPS * 3)
    assert again.diff["before"] == {"rate_bps": LIMIT_BPS}, again
    settled(host, counted, LIMIT_BPS * 1.6, LIMIT_BPS * 4.5)
    assert ask(playbook, host, **one, action="restore").changed
    assert not ask(playbook, host, **one, action="restore").changed
    settled(host, counted, RATE_BPS * 0.5, RATE_BPS * 2)
    assert state(host) == before
    assert host.run(f"kill -0 {one['pid']}", check=False).returncode == 0


@pytest.mark.parametrize(("kind", "address"), [("take", PEER), ("take", PEER6), ("keep", PEER6), ("udp", PEER6)])
@pytest.mark.parametrize("image", ["trixie", "bookworm", "bullseye"])
def test_what_it_receives_is_limited_and_ipv6(
    image: str, kind: str, address: str, start: Start, playbook: Playbook, counted: Sink
) -> None:
    host = start(image)
    host.run("while ip -6 address show dev eth0 tentative | grep -q inet6; do sleep 0.2; done")
    counted.address = address
    one = sender(host, counted, kind)
    before = state(host)
    limited = ask(playbook, host, **one, rate_bps=LIMIT_BPS)
    assert limited.changed, limited
    settled(host, counted, LIMIT_BPS * 0.3, LIMIT_BPS * 1.5)
    assert host.ssh()[0] == 0
    assert ask(playbook, host, **one, action="restore").changed
    settled(host, counted, RATE_BPS * 0.5, RATE_BPS * 2)
    assert state(host) == before


# The packets of that network leave with this host's address, so that what is sent to can answer.
HIDDEN = BOX + "nft 'add table ip hide; add chain ip hide out { type nat hook postrouting priority 100; };" \
    " add rule ip hide out ip saddr 192.168.99.0/24 masquerade'"  # fmt: skip
IN_BOX = "nsenter --net=/run/netns/box"


@pytest.mark.parametrize("kind", ["keep", "udp"])
@pytest.mark.parametrize("image", ["trixie", "bookworm"])
def test_a_process_in_a_network_of_its_own_is_limited_there(
    image: str, kind: str, start: Start, playbook: Playbook, counted: Sink
) -> None:
    host = start(image, HIDDEN)
    pid = int(host.run(f"{IN_BOX} setsid {command(host, kind, counted)} >/root/sender.log 2>&1 & echo $!").stdout)
    settled(host, counted, RATE_BPS * 0.5, RATE_BPS * 2)
    one, before = name_of(host, pid), state(host)
    for rate in (LIMIT_BPS, LIMIT_BPS * 3):
        limited = ask(playbook, host, **one, rate_bps=rate)
        assert limited.changed, limited
        settled(host, counted, rate * 0.3, rate * 1.5)
        assert not ask(playbook, host, **one, rate_bps=rate).changed
    assert host.run(RULES["nft"]).stdout in before
    assert "remote_login_limit" in host.run(f"{IN_BOX} nft list ruleset").stdout
    assert ask(playbook, host, **one, action="restore").changed
    settled(host, counted, RATE_BPS * 0.5, RATE_BPS * 2)
    assert state(host) == before
    assert host.run(f"{IN_BOX} nft list ruleset").stdout == ""
    # Once the process has ended its network is found all the same.
    assert ask(playbook, host, **one, rate_bps=LIMIT_BPS).changed
    assert ask(playbook, host, **one, action="terminate").ended
    assert ask(playbook, host, "--check", **one, action="restore").changed
    assert ask(playbook, host, **one, action="restore").changed
    assert not ask(playbook, host, **one, action="restore").changed
    assert host.run(f"{IN_BOX} nft list ruleset").stdout == ""
    assert state(host) == before


def unit(host: Host, counted: Sink, kind: str = "keep") -> None:
    """The same as a service of systemd, with a child."""
    host.run(f"systemd-run --quiet --unit=sender {command(host, kind, counted, 'child')}")
    settled(host, counted, RATE_BPS * 0.5, RATE_BPS * 2)


@pytest.mark.parametrize("image", ["trixie", "bookworm"])
def test_a_unit_is_slowed_down_and_stopped(image: str, start: Start, playbook: Playbook, counted: Sink) -> None:
    host = start(image)
    unit(host, counted)
    before, status = state(host), "systemctl show -p ActiveState,MainPID,ControlGroup,TasksCurrent sender"
    shown = host.run(status).stdout
    limited = ask(playbook, host, unit="sender.service", rate_bps=LIMIT_BPS)
    assert limited.changed, limited
    settled(host, counted, LIMIT_BPS * 0.3, LIMIT_BPS * 1.5)
    assert host.run(status).stdout == shown
    assert not ask(playbook, host, unit="sender.service", rate_bps=LIMIT_BPS).changed
    assert ask(playbook, host, unit="sender.service", action="restore").changed
    settled(host, counted, RATE_BPS * 0.5, RATE_BPS * 2)
    assert state(host) == before
    # One of its processes, so that the group is not its own, and systemd goes on counting it to the unit.
    one = name_of(host, int(host.run("pgrep -nf '[s]ender.py'").stdout))
    assert ask(playbook, host, **one, rate_bps=LIMIT_BPS).changed
    settled(host, counted, LIMIT_BPS * 0.3, LIMIT_BPS * 1.5)
    assert host.run(status).stdout == shown
    told = ask(playbook, host, "--check", unit="sender.service", action="stop_unit")
    assert told.changed, told
    assert host.run(status).stdout == shown
    told = ask(playbook, host, **one, action="stop_unit")
    assert (told.changed, told.ended) == (True, True), told
    assert host.run("pgrep -f '[s]ender.py'", check=False).stdout == ""
    assert not ask(playbook, host, unit="sender.service", action="stop_unit").changed
    assert ask(playbook, host, **one, action="restore").changed
    assert state(host) == before


@pytest.mark.parametrize("image", ["trixie", "bookworm", "bullseye"])
def test_a_process_is_ended_and_no_other_one(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image)
    pids = host.run(
        "for n in 1 2 3; do setsid sleep 1000 >/dev/null 2>&1 & echo $!; done;"
        " setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' >/dev/null 2>&1 & echo $!"
    ).stdout
    one, two, three, deaf = [name_of(host, int(pid)) for pid in pids.split()]
    wrong = {**three, "start_ticks": three["start_ticks"] + 1}
    for action in ("lower", "stop_unit", "terminate", "kill"):
        refused = ask(playbook, host, **wrong, action=action, rate_bps=LIMIT_BPS)
        assert refused.says("is another process by now"), refused
        assert not refused.changed
    checked = ask(playbook, host, "--check", **one, action="terminate")
    assert (checked.changed, checked.ended) == (True, None), checked
    for named, action in ((one, "terminate"), (two, "kill")):
        told = ask(playbook, host, **named, action=action)
        assert (told.changed, told.ended) == (True, True), told
        assert not ask(playbook, host, **named, action=action).changed
    told = ask(playbook, host, **deaf, action="terminate", wait=2)
    assert (told.changed, told.ended) == (True, False), told
    assert told.says("it has not ended within 2 s")
    assert host.run(f"kill -0 {three['pid']}; kill -0 {deaf['pid']}").returncode == 0


# (what is started on the host, the command that tells the pids, the reason)
DO_NOT_TOUCH = [
    ("", "echo 1", "is the first process"),
    ("", "pgrep -xo sshd", "an SSH server"),
    (
        "cp /usr/sbin/sshd /usr/sbin/other; /usr/sbin/other -p 2222; sleep 1",
        "pgrep -xo other",
        "holds the port of the login",
    ),
    ("/usr/sbin/sshd -p 2223 -o PidFile=/run/2.pid", "cat /run/2.pid", "an SSH server"),
    ("setsid SUPERVISOR >/dev/null 2>&1 & sleep 2", "pgrep -of supervising", "an SSH server"),
]
SUPERVISOR = "sh -c ': supervising; /usr/sbin/sshd -D -p 2224; true'"


@pytest.mark.parametrize("image", ["trixie", "bookworm", "bullseye"])
def test_the_way_in_is_never_touched(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image)
    before = state(host)
    wanted = []
    for script, pids, _reason in DO_NOT_TOUCH:
        host.run(script.replace("SUPERVISOR", SUPERVISOR) or "true")
        wanted.append(name_of(host, int(host.run(pids).stdout)))
    for action in ("terminate", "lower"):
        told = asked_of(playbook, MODULE, host, [{**one, "action": action, "rate_bps": LIMIT_BPS} for one in wanted])
        for outcome, (_script, _pids, reason) in zip(told, DO_NOT_TOUCH, strict=True):
            assert outcome.failed, outcome
            assert outcome.says(reason), outcome
            assert not outcome.changed
    assert state(host) == before
    for one in wanted:
        assert host.run(f"kill -0 {one['pid']}").returncode == 0
    assert host.ssh()[0] == 0


UNITS = [
    "ssh.service", "ssh.socket", "system.slice", "user.slice", "systemd-logind.service", "dbus.service", "init.scope",
    "needs-ssh.service", "tunnel-up.service", "-.slice", "--version.service", "basic.target", "x; reboot.service",
    "ssh", "user@0.service",
]  # fmt: skip


@pytest.mark.parametrize("image", ["trixie", "bookworm"])
def test_no_unit_of_the_way_in_is_stopped(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image)
    host.run("printf '[Service]\nExecStart=/bin/sleep 1000\n[Unit]\nBefore=ssh.service\n' >"
             " /etc/systemd/system/needs-ssh.service; mkdir -p /etc/systemd/system/ssh.service.d;"
             " printf '[Unit]\nRequires=needs-ssh.service uplink.target\n' > /etc/systemd/system/ssh.service.d/x.conf;"
             " printf '[Service]\nExecStart=/bin/sleep 1000\n' > /etc/systemd/system/tunnel-up.service;"
             " printf '[Unit]\nRequires=tunnel-up.service\n' > /etc/systemd/system/uplink.target;"
             " systemctl daemon-reload; systemctl start needs-ssh uplink.target")  # fmt: skip
    shown = "systemctl list-units --state=active --plain --no-legend | awk '{print $1, $4}' | grep -v timers"
    before = host.run(shown).stdout
    told = asked_of(playbook, MODULE, host, [{"unit": name, "action": "stop_unit"} for name in UNITS])
    for name, outcome in zip(UNITS, told, strict=True):
        assert outcome.failed, (name, outcome)
        assert not outcome.changed
    assert host.run(shown).stdout == before
    assert host.ssh()[0] == 0


RELAY = """
import socket, time
listener = socket.create_server(("0.0.0.0", 2022))
link, _peer = listener.accept()
onward = socket.create_connection(("127.0.0.1", 22))
time.sleep(1000)
"""
CLIENT = """
import socket, time
link = socket.create_connection(("127.0.0.1", 2022))
time.sleep(1000)
"""


def test_a_proxy_that_logins_come_through_is_left_alone(start: Start, playbook: Playbook) -> None:
    host = start("trixie")
    host.run(f"cat > /root/relay.py <<'END'\n{RELAY}\nEND\nsetsid python3 /root/relay.py >/dev/null 2>&1 & sleep 1")
    host.run(f"cat > /root/client.py <<'END'\n{CLIENT}\nEND\nsetsid python3 /root/client.py >/dev/null 2>&1 & sleep 1")
    relay = name_of(host, int(host.run("pgrep -of relay.py").stdout))
    told = ask(playbook, host, **relay, action="kill")
    assert told.failed, told
    assert told.says("passes a login on"), told


INNER = """
import socket, time
link = socket.create_connection(("192.168.99.1", 22))
time.sleep(1000)
"""


@pytest.mark.parametrize("image", ["trixie", "bookworm"])
def test_a_proxy_in_a_container_is_left_alone(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image, BOX + "true")
    host.run(f"cat > /root/inner.py <<'END'\n{INNER}\nEND\n"
             f"setsid {IN_BOX} python3 /root/inner.py >/dev/null 2>&1 &"
             f" setsid {IN_BOX} sleep 1234 >/dev/null 2>&1 & sleep 2")  # fmt: skip
    found = [host.run(f"pgrep -of '{words}'").stdout for words in ("[i]nner.py", "[s]leep 1234")]
    proxy, other = [name_of(host, int(pid)) for pid in found]
    told = ask(playbook, host, **proxy, action="kill")
    assert told.failed, told
    assert told.says("passes a login on"), told
    assert host.run(f"kill -0 {proxy['pid']}").returncode == 0
    assert ask(playbook, host, **other, action="kill").ended


@pytest.mark.parametrize("image", ["trixie", "bullseye"])
def test_the_role_does_what_is_named_and_nothing_else(image: str, start: Start, playbook: Playbook) -> None:
    host = start(image)
    run, told = run_role(playbook, host, {})
    assert (run.status, told["changed"]) == (0, False), run.text
    assert told["msg"].startswith("not applied: name the process, for example")
    one = name_of(host, int(host.run("setsid sleep 1000 >/dev/null 2>&1 & echo $!").stdout))
    for changed in (True, False):
        run, told = run_role(playbook, host, {**one, "action": "terminate"})
        assert (run.status, told["changed"]) == (0, changed), run.text
    run, _told = run_role(playbook, host, {**name_of(host, 1), "action": "terminate"})
    assert run.status != 0
    assert "is the first process" in run.text
