# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook bandwidth: it names process and peer, judges what it finds, and never takes silence for zero."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from faults_health import HUNG
from fixtures import Playbook, Run
from fleet import Host
from images import login_key

Start = Callable[..., Host]
WIDTH = 100
PORT = 9000
SECONDS = 3

# Sends 1 Mb/s until it is ended.
SENDER = """
import socket, sys, time
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while True:
    peer.sendall(b"x" * 2500)
    time.sleep(0.02)
"""
SINK = f"""
import socket, threading
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("", {PORT}))
listener.listen(20)
def take(peer):
    while peer.recv(65536):
        pass
while True:
    threading.Thread(target=take, args=listener.accept()[:1]).start()
"""
IN_BACKGROUND = "setsid {} >/dev/null 2>&1 </dev/null &"


def put(host: Host, path: str, text: str) -> None:
    host.run(f"mkdir -p $(dirname {path}); cat > {path} <<'END'\n{text}\nEND")


def background(host: Host, *commands: str) -> None:
    host.run("\n".join(IN_BACKGROUND.format(command) for command in commands) + "\nsleep 1")


@pytest.fixture
def sink(start: Start) -> Host:
    host = start("bookworm")
    put(host, "/usr/local/sbin/sink.py", SINK)
    background(host, "python3 /usr/local/sbin/sink.py")
    return host


def look(playbook: Playbook, hosts: Any, *arguments: str, **variables: Any) -> tuple[Run, dict[str, Any]]:
    """Run the playbook; return the run and bandwidth.json, once the text is one that fits a terminal."""
    run = playbook("bandwidth", hosts, *arguments, **{"remote_login_bandwidth_duration_s": SECONDS, **variables})
    assert run.status == 0, run.text
    path = run.folder / "bandwidth.json"
    assert path.stat().st_mode & 0o077 == 0
    table = run.text[run.text.index("Write it into the report") :]
    # A path is as long as it is.
    assert max(len(line) for line in table.splitlines() if not line.startswith("Report: ")) <= WIDTH, table
    found: dict[str, Any] = json.loads(path.read_text())["hosts"]
    return run, found


def by_command(host: dict[str, Any], words: str) -> dict[str, Any]:
    (process,) = [process for process in host["processes"] if words in (process["command"] or "")]
    return dict(process)


# In each image, how its Python is called.
@pytest.mark.parametrize(
    ("image", "python"), [("bookworm", "python3"), ("trixie", "python3"), ("bullseye", "python2.7")]
)
def test_process_and_peer_are_named_and_a_script_in_tmp_is_suspicious(
    image: str, python: str, start: Start, sink: Host, playbook: Playbook
) -> None:
    host = start(image)
    put(host, "/tmp/send.py", SENDER)
    background(host, f"{python} /tmp/send.py {sink.address} {PORT}")
    inventory = {one.name: one.inventory() for one in (host, sink)}
    capacity = {"remote_login_bandwidth_link_capacity_bps": 10_000_000}
    run, found = look(playbook, inventory, old=image == "bullseye", **capacity)
    process = by_command(found[host.name], "/tmp/send.py")
    peer = process["peers"][0]
    assert (peer["address"], peer["port"]) == (sink.address, PORT)
    assert process["tx_bps"] == pytest.approx(1_000_000, rel=0.2)
    assert process["judgement"]["verdict"] == "suspicious"
    assert "/tmp/send.py is in /tmp, where everybody may write" in process["judgement"]["reasons"]
    other = by_command(found[sink.name], "sink.py")
    assert other["rx_bps"] == pytest.approx(1_000_000, rel=0.2)
    assert other["peers"][0]["address"] == host.address
    assert other["judgement"]["verdict"] == "unknown"
    for words in (f"{sink.address}:{PORT} tcp", "of 10.0 Mb/s (stated)", "SUSPICIOUS", "2 hosts: 2 measured"):
        assert words in run.text, run.text
    # In check mode, and again, it tells the same.
    for arguments in (["--check"], []):
        _run, again = look(playbook, inventory, *arguments, old=image == "bullseye")
        assert by_command(again[host.name], "/tmp/send.py")["pid"] == process["pid"]


def test_each_shape_has_its_judgement(start: Start, sink: Host, playbook: Playbook) -> None:
    host, where = start("bookworm"), f"{sink.address} {PORT}"
    for path in ("/usr/local/lib/app/agent.py", "/tmp/s.py"):
        put(host, path, SENDER)
    host.run("""
        python=$(readlink -f /usr/bin/python3); mkdir -p /opt/vendor/bin /root/.x /ov /c
        for name in /opt/vendor/bin/vendord /usr/bin/.sshd /root/.x/kdevtmpfsi /opt/gone /var/cache/x /tmp/evil; do
            cp $python $name
        done
        mount -t tmpfs none /ov; mkdir /ov/u /ov/w
        mount -t overlay overlay -o lowerdir=/,upperdir=/ov/u,workdir=/ov/w /c; cp $python /c/root/dropped
        cp /lib/x86_64-linux-gnu/libm.so.6 /var/cache/lib.so
    """)
    script = f"/usr/local/lib/app/agent.py {where}"
    for name, program in (("vendor", "/opt/vendor/bin/vendord"), ("evil", "/tmp/evil")):
        put(host, f"/etc/systemd/system/{name}.service", f"[Service]\nExecStart={program} {script}")
    host.run("systemctl daemon-reload; systemctl start vendor evil")
    background(
        host,
        f"python3 {script}",
        f"/usr/bin/.sshd {script}",
        f"bash -c 'exec -a \"[kworker/0:1]\" /root/.x/kdevtmpfsi {script}'",
        f"/opt/gone {script}",
        f"/var/cache/x {script}",
        f"env LD_PRELOAD=/var/cache/lib.so python3 -u {script}",
        f"chroot /c /root/dropped {script}",
        f"chroot /c /opt/vendor/bin/vendord -u {script}",
    )
    host.run("rm /opt/gone")
    _run, found = look(playbook, [host], remote_login_bandwidth_top=20)
    expected = {
        "/opt/vendor/bin/vendord /usr": ("normal", "/etc/systemd/system/vendor.service starts it"),
        "/tmp/evil": ("suspicious", "where everybody may write"),
        "python3 /usr/local": ("unknown", "only root can have put it there"),
        "/usr/bin/.sshd": ("suspicious", "hidden"),
        "[kworker/0:1]": ("suspicious", "name of a thread of the kernel"),
        "/opt/gone": ("suspicious", "deleted while it runs"),
        "/var/cache/x": ("suspicious", "belongs to no package and to no service"),
        "python3 -u": ("suspicious", "/var/cache/lib.so is loaded before its own"),
        "/root/dropped": ("suspicious", "was put into its container"),
        "/opt/vendor/bin/vendord -u": ("unknown", "part of its container's image"),
    }
    for command, (verdict, words) in expected.items():
        judged = by_command(found[host.name], command)["judgement"]
        assert judged["verdict"] == verdict, (command, judged)
        assert words in " ".join(judged["reasons"]), (command, judged)


def test_a_packaged_program_is_normal_until_its_file_is_changed(start: Start, sink: Host, playbook: Playbook) -> None:
    host = start("trixie")
    copy = f"ssh -F none -o StrictHostKeyChecking=no -o BatchMode=yes -i /root/key root@{sink.address} 'cat >/dev/null'"
    host.run(f"umask 77; cat > /root/key <<'KEY'\n{login_key().read_text()}KEY\n")
    feed = "sh -c 'while :; do head -c 2500 /dev/zero; sleep 0.02; done | %s'"
    background(host, feed % copy.replace("'", '"'))
    _run, found = look(playbook, [host])
    judged = by_command(found[host.name], "ssh -F none")["judgement"]
    assert (judged["verdict"], judged["reasons"]) == (
        "normal", ["/usr/bin/ssh belongs to the package openssh-client (unmodified)"]), judged  # fmt: skip
    host.run(
        "pkill -x ssh; sleep 0.3; cp /usr/bin/ssh /usr/bin/new; echo >> /usr/bin/new; mv /usr/bin/new /usr/bin/ssh"
    )
    background(host, feed % copy.replace("'", '"'))
    _run, found = look(playbook, [host])
    judged = by_command(found[host.name], "ssh -F none")["judgement"]
    assert judged["verdict"] == "suspicious"
    assert "/usr/bin/ssh is not as its package openssh-client left it" in judged["reasons"]


def test_a_peer_outside_of_the_expected_networks_is_told(start: Start, sink: Host, playbook: Playbook) -> None:
    host = start("bookworm")
    put(host, "/usr/local/lib/agent.py", SENDER)
    background(host, f"python3 /usr/local/lib/agent.py {sink.address} {PORT}")
    networks = {"remote_login_expected_networks": ["192.0.2.0/24"]}
    _run, found = look(playbook, [host], **networks)
    judged = by_command(found[host.name], "agent.py")["judgement"]
    assert judged["reasons"][0] == f"talks to {sink.address}, outside of the expected networks"
    mine = {"vendor": "Example", "name": "agent", "path": "/usr/local/lib/agent.py"}
    _run, found = look(playbook, [host], remote_login_cloud_agents_extra=[mine])
    assert by_command(found[host.name], "agent.py")["judgement"]["verdict"] == "normal"
    run = playbook("bandwidth", [host], remote_login_expected_networks=["192.0.2.0/99"])
    assert run.status != 0
    assert "remote_login_expected_networks" in run.text
    run, found = look(playbook, [host], remote_login_geoip_database="/no/such.mmdb")
    assert found[host.name]["processes"]
    assert "Countries are not told: remote_login_geoip_database: " in run.text
    assert "Traceback" not in run.text


def test_a_dead_file_server_costs_only_what_lies_on_it(start: Start, sink: Host, playbook: Playbook) -> None:
    host = start("trixie")
    for path in ("/usr/local/lib/agent.py", "/mnt/far/send.py"):
        put(host, path, SENDER)
        background(host, f"python3 {path} {sink.address} {PORT}")
    host.run(HUNG % "/mnt/far")
    run, found = look(playbook, [host])
    for name, is_known in (("agent.py", True), ("/mnt/far/send.py", False)):
        process = by_command(found[host.name], name)
        assert process["tx_bps"] == pytest.approx(1_000_000, rel=0.2)
        assert process["judgement"]["verdict"] == "unknown"
        assert ("its files could not be looked at" not in process["judgement"]["reasons"]) == is_known
    assert f"the files of process {process['pid']}: did not answer" in run.text


def test_without_root_it_says_what_is_missing(start: Start, sink: Host, playbook: Playbook) -> None:
    host = start(
        "bookworm", "mkdir -p /home/ops/.ssh; cp /root/.ssh/authorized_keys /home/ops/.ssh/; chown -R ops /home/ops"
    )
    put(host, "/usr/local/lib/agent.py", SENDER)
    background(host, f"python3 /usr/local/lib/agent.py {sink.address} {PORT}")
    inventory = {key: value for key, value in host.inventory(ansible_user="ops").items() if "oob" not in key}
    run, found = look(playbook, {host.name: inventory}, remote_login_become=False)
    mine = found[host.name]
    assert mine["missing"]["processes"].startswith("the processes of others cannot be looked into: not root")
    assert not [process for process in mine["processes"] or [] if not process["total_bytes"]]
    unknown = sum(entry["tx_bps"] for entry in mine["unattributed"] if entry["peers"])
    assert unknown == pytest.approx(1_000_000, rel=0.2)
    assert "not seen: processes: the processes of others" in run.text
    assert "only in part" in run.text


def test_a_host_that_ssh_does_not_reach_is_looked_at_out_of_band_or_told(start: Start, playbook: Playbook) -> None:
    other, host = start("bookworm", "systemctl stop ssh"), start("bookworm", "systemctl stop ssh")
    no_way = {key: value for key, value in host.inventory().items() if "oob" not in key}
    run, found = look(playbook, {other.name: other.inventory(), host.name: no_way})
    assert (found[other.name]["status"], found[other.name]["via"]) == ("ok", "oob")
    assert found[host.name]["status"] == "unchecked"
    assert "Connection refused" in found[host.name]["reason"]
    assert f"{host.name}  NOT MEASURED: connection:" in run.text
    assert "2 hosts: 1 measured, 1 not measured" in run.text
