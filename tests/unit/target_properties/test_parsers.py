# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a broken host says is hostile: no parser may crash on it, whatever it is."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.rescue.remote_login.plugins.module_utils import netlink, sockets
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import connect, openssh
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import config, daemon, log, unit

# Text as a parser gets it: whatever bytes, decoded with replacement; often made of the words that it looks for.
WORDS = st.sampled_from(
    [
        *r"""sshd| [1]: |: line 5: |/etc/ssh/sshd_config|Bind to port 22 on :: failed: |[listener]|Id=ssh.service
|UnitFileState=|Listen=| (Stream)|ExecStart={ argv[]=| ;|{"MESSAGE": |null|[1, 300]|0A|00000000:0016 |Port |Match
|=|"|#|-p|-o|$|debug1: |Authenticated to|SSH-2.0-|host LOCAL|1""".split("|"),
        *("\n", "\t", "\u00b2", "\u0663", "\x85", "|-- 10.0.0.1"),
    ]
)
TEXT = st.one_of(st.text(), st.lists(WORDS | st.text(max_size=3), max_size=20).map("".join))
BYTES = st.binary(max_size=400)


def judge_client(text: str) -> None:
    # Where the attempt ended is an answer; anything else that is raised is a bug.
    with contextlib.suppress(connect.Failed):
        openssh.judge(255, text, text, None, {"user": "root"}, {})


PARSERS: dict[str, Callable[[str], Any]] = {
    "sockets.parse_table": lambda text: [sockets.parse_table(text, protocol) for protocol in ("tcp", "udp")],
    "sockets.parse_fib_trie": sockets.parse_fib_trie,
    "config.judge_test": lambda text: [config.judge_test(rc, text) for rc in (0, 1, 127, 255, -9)],
    "config.parse_errors": config.parse_errors,
    "config.split_line": config.split_line,
    "config.parse_effective": lambda text: config.listen_entries(config.parse_effective(text)),
    "config.listen_entries": lambda text: config.listen_entries({"port": [text], "listenaddress": [text, text]}),
    "unit.parse_show": lambda text: unit.describe(unit.parse_show(text)),
    "unit.parse_listen": unit.parse_listen,
    "unit.parse_exec": unit.parse_exec,
    "daemon.kept_options": lambda text: daemon.kept_options(text.split()),
    "daemon.expand": lambda text: daemon.expand(text.split(), {"SSHD_OPTS": text}),
    "daemon.is_daemon": daemon.is_daemon,
    "daemon.config_path": lambda text: daemon.config_path(text.split()),
    "log.parse_journal": log.parse_journal,
    "log.parse_log": lambda text: log.reason(log.last_attempt(log.parse_log(text))),
    "log.bind_failures": lambda text: log.bind_failures(text.splitlines()),
    "openssh.judge": judge_client,
}


@pytest.mark.parametrize("name", PARSERS)
@given(text=TEXT)
def test_no_text_crashes_a_parser(name: str, text: str) -> None:
    PARSERS[name](text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(message=JSON)
def test_no_journal_entry_crashes_the_parser_and_all_messages_are_text(message: Any) -> None:
    for entry in (message, {"MESSAGE": message}):
        assert all(
            isinstance(line, str) and len(line) <= log.MESSAGE_LIMIT
            for _when, line in log.parse_journal(json.dumps(entry))
        )


@given(data=BYTES)
def test_no_datagram_of_the_kernel_crashes_or_stalls_the_parser(data: bytes) -> None:
    for head in (b"", struct.pack("=LHHLL", len(data) + 16, 20, 2, 1, 0), struct.pack("=LHHLL", 100, 20, 2, 1, 0)):
        bodies: list[bytes] = []
        netlink.messages(head + data, bodies)
        for body in bodies:
            sockets.parse_diag(body)


@given(attributes=BYTES)
def test_no_attribute_of_a_datagram_crashes_the_parser(attributes: bytes) -> None:
    sockets.parse_diag(b"\0" * 72 + attributes)


@given(data=BYTES)
def test_no_packet_crashes_the_parser_of_offers(data: bytes) -> None:
    for head in (b"", b"\0\0\1\0\4\x14" + b"\0" * 16):
        offer = connect.parse_offer(head + data)
        assert offer is None or sorted(offer) == sorted(connect.OFFER_FIELDS)


@given(data=BYTES)
def test_whatever_a_stranger_sends_becomes_one_printable_line(data: bytes) -> None:
    for shown in (connect.text(data), connect.excerpt(data)):
        assert shown.isprintable()
    found = connect.find_banner(data)
    assert found is None or found[0].startswith("SSH-")


@given(digits=st.text(alphabet="0123456789ABCDEF", min_size=8, max_size=8))
def test_an_ipv4_address_of_the_kernel_is_read_in_its_byte_order(digits: str) -> None:
    wanted = ".".join(str(byte) for byte in struct.pack("=I", int(digits, 16)))
    assert sockets.parse_address(digits) == wanted


@given(port=st.integers(1, 65535), address=st.ip_addresses())
def test_every_listen_address_that_sshd_prints_is_read_back(port: int, address: Any) -> None:
    shown = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    (entry,) = config.listen_entries({"listenaddress": [shown]})
    assert entry == {"address": str(address), "port": port}
    assert unit.parse_listen(f"{shown} (Stream)") == {"address": str(address), "port": port}


@given(address=st.ip_addresses(v=4))
def test_a_socket_on_every_ipv4_address_covers_each(address: Any) -> None:
    assert sockets.covers({"address": "0.0.0.0", "v6only": None}, str(address))
    assert sockets.covers({"address": f"::ffff:{address}", "v6only": None}, str(address))
