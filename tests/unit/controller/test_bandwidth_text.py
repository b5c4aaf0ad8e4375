# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.rescue.remote_login.plugins.plugin_utils import bandwidth, bandwidth_text, figures
from ansible_collections.rescue.remote_login.plugins.plugin_utils.judgement import Settings
from ansible_collections.rescue.remote_login.plugins.plugin_utils.report import WIDTH

HOSTILE = "\x1b[2J\x1b]0;title\x07\r\nall is well\x9b31m\u202egnorw\u200b\x00" * 3


def rates(tx: int | None, rx: int | None, spans: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {}
    both = None if tx is None or rx is None else tx + rx
    for way, value in (("tx", tx), ("rx", rx), ("total", both)):
        found |= {f"{way}_bps": value, f"{way}_bytes": value, f"{way}_peak_bps": value}
        found |= {f"{way}_last_2s_bps": value, f"{way}_last_10s_bps": value if spans else None}
        found |= {f"{way}_last_40s_bps": None}
    return found


def link(tx: int, rx: int, capacity: int | None = None, **more: Any) -> dict[str, Any]:
    shares = {f"{way}_share": value / capacity if capacity else None for way, value in (("tx", tx), ("rx", rx))}
    known = {"capacity_tx_bps": capacity, "capacity_rx_bps": capacity, "capacity_from": "stated"}
    return {"name": "eth0", "outer": True, **rates(tx, rx, True), **shares, **known, **more}


def process(**more: Any) -> dict[str, Any]:
    peer = {"address": "2001:db8::1", "port": 443, "local_port": None, "protocol": "tcp", **rates(300_000_000, 5)}
    return {
        "pid": 4711, "exists": True, "name": "iperf3", "user": "root", "command": "iperf3 -c x", "unit": None,
        "container": None, "instances": 1, "shared_with": [], "peers": [peer], "program": None, **rates(300_000_000, 5),
        **more,
    }  # fmt: skip


def measured(*links: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = {
        "status": "ok", "started_at": "2026-11-21T19:44:51Z", "duration_s": 5.0, "changed": False,
        "interfaces": list(links), "processes": [process()], "peers": [],
        "other_processes": {"count": 0, **rates(0, 0)},
        "unattributed": [{"reason": "headers of packets", "peers": [], **rates(1000, 1000)}],
        "method": {"connections": "sock_diag", "datagrams": "packet ring", "blind_spots": []}, "missing": {},
    }  # fmt: skip
    return bandwidth.judged([("connection", {**found, **more})], Settings())


def test_the_table_names_link_process_peer_and_judgement() -> None:
    text = bandwidth_text.as_text(
        {"web": measured(link(300_000_000, 5000, 400_000_000, queue_drops=7))}, Path("/r/b.json")
    )
    for words in (
        "web  75 % of eth0 is used",
        "[##########....] 75 % TX of 400 Mb/s (stated)",
        "7 in the queue",
        "[##########]   300 Mb/s      5 b/s   300 Mb/s  4711    root      iperf3",
        "[2001:db8::1]:443 tcp",
        "headers of packets",
        "LAST                             2s        10s        cum       peak",
        "1 host: 1 measured, no suspicious processes",
        "Report: /r/b.json",
    ):
        assert words in text, text


@pytest.mark.parametrize("count", [1, 30])
def test_no_escape_of_a_stranger_reaches_the_terminal_and_no_line_is_too_long(count: int) -> None:
    strange = process(name=HOSTILE, user=HOSTILE, command=HOSTILE * 20, unit=HOSTILE, container=HOSTILE, host=HOSTILE)
    strange["peers"] = [{"address": HOSTILE, "protocol": HOSTILE, "host": HOSTILE, **rates(1, 1)}] * 9
    strange["program"] = {"path": HOSTILE, "writable_place": HOSTILE}
    rest = [{"reason": HOSTILE, "peers": [], **rates(1, 1)}]
    method = {"connections": HOSTILE, "blind_spots": [HOSTILE]}
    one = measured(
        link(1, 1, name=HOSTILE, capacity_from=HOSTILE), processes=[strange], unattributed=rest, method=method
    )
    hosts = {f"{HOSTILE}{number}": one for number in range(count)}
    hosts[f"bad{HOSTILE}"] = bandwidth.not_measured(HOSTILE)
    text = bandwidth_text.as_text(hosts, None)
    assert [character for character in text if not character.isprintable() and character != "\n"] == []
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert not [line for line in text.splitlines() if line.startswith("all is well")]


def test_the_busiest_hosts_come_first_and_the_others_have_a_line_each() -> None:
    hosts = {f"h{number:04}": measured(link(number * 1000, 0, 10_000_000)) for number in range(1000)}
    hosts["off"] = bandwidth.not_measured("connection: no route to host")
    lines = bandwidth_text.as_text(hosts, None).splitlines()
    assert lines[0].startswith("h0999  10 % of eth0 is used")
    assert len([line for line in lines if line.startswith("h")]) == 1000
    assert len(lines) < 1000 + 30 * bandwidth_text.HOSTS_IN_FULL
    assert "off  NOT MEASURED: connection: no route to host" in lines
    assert "1001 hosts: 1000 measured, 1 not measured" in " ".join(lines)


def test_a_suspicious_process_of_a_host_that_has_one_line_is_named() -> None:
    strange = process(executable="/tmp/x", program={"path": "/tmp/x", "writable_place": "/tmp", "package": None})
    hosts = {f"h{number}": measured(link(9_000_000, 0, 10_000_000)) for number in range(20)}
    hosts["quiet"] = measured(link(10, 0, 10_000_000), processes=[strange])
    assert "SUSPICIOUS: iperf3 (4711)" in bandwidth_text.as_text(hosts, None)


def test_what_could_not_be_measured_is_never_a_zero() -> None:
    blind = {"connections": None, "datagrams": None, "blind_spots": ["connections: the kernel has no sock_diag"]}
    text = bandwidth_text.as_text({"web": measured(link(10, 5), processes=[], method=blind)}, None)
    assert "PROCESSES   could not be measured" in text
    assert "not seen: connections: the kernel has no sock_diag" in text
    unknown = measured(link(10, 5), processes=[], missing={"processes": "not root"})
    text = bandwidth_text.as_text({"web": unknown}, None)
    assert "none of those that can be seen" in text
    assert "1 measured (1 only in part)" in text


def test_a_host_that_nobody_reached_says_why() -> None:
    looks: list[tuple[str, dict[str, Any]]] = [
        ("connection", {"unreachable": True, "msg": "Connection timed out"}),
        ("oob", {"skipped": True}),
    ]
    found = bandwidth.judged(looks, Settings())
    assert found == {"status": "unchecked", "reason": "connection: Connection timed out", "via": None}
    text = bandwidth_text.as_text({"web": found}, None)
    assert "1 host: 0 measured, 1 not measured" in text
    assert "suspicious" not in text


def test_the_look_that_succeeds_counts() -> None:
    looks: list[tuple[str, dict[str, Any]]] = [
        ("connection", {"failed": True, "msg": "no sudo"}),
        ("oob", {"status": "ok", "processes": [], "changed": False}),
    ]
    found = bandwidth.judged(looks, Settings())
    assert (found["via"], found["status"]) == ("oob", "ok")
    assert "changed" not in found


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"), (0, "0 b/s"), (999, "999 b/s"), (999.6, "1.00 kb/s"), (1500, "1.50 kb/s"), (99_950, "100 kb/s"),
        (123_456_789, "123 Mb/s"), (-2_621_482, "-2.62 Mb/s"), (1.5e13, "15.0 Tb/s"), (9.9e18, "9900000 Tb/s"),
    ],
)  # fmt: skip
def test_a_rate_is_told_in_three_digits(value: float | None, words: str) -> None:
    assert figures.rate(value) == words


@pytest.mark.parametrize(("share", "expected"), [(None, "[????]"), (0, "[....]"), (0.01, "[#...]"), (1.7, "[####]")])
def test_a_share_is_a_bar(share: float | None, expected: str) -> None:
    assert figures.bar_of(share, 4) == expected


def test_where_no_process_can_be_seen_that_is_said() -> None:
    seen = {"connections": "sock_diag", "datagrams": None, "blind_spots": ["processes: not root"]}
    unseen = measured(link(10, 5), processes=None, other_processes=None, method=seen)
    assert "PROCESSES   could not be measured" in bandwidth_text.as_text({"web": unseen}, None)
