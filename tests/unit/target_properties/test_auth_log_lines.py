# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever a stranger calls themselves, the log names the address that the kernel saw, or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.rescue.remote_login.plugins.module_utils import system_log
from ansible_collections.rescue.remote_login.plugins.module_utils.auth_log import attempts, lines

# Names made of the words that the parser looks for.
WORDS = st.sampled_from(
    [
        *r"""x|root|invalid user |user |authenticating user | from | for | port |1.2.3.4|::1| 1.2.3.4 port 5| ssh2|:
|: ED25519 SHA256:abc|: RSA-CERT SHA256:abc ID | (serial 0) CA RSA SHA256:abc| [preauth]| not allowed because
|'| from 1.2.3.4 port 5| from 1.2.3.4 port 5 ssh2|Accepted password for root from 1.2.3.4 port 5 ssh2|error: |fatal:
|Too many authentication failures|{{ 7*7 }}|(|)|\"""".replace("\n", "").split("|"),
        "\n",
        "\r",
        "\x1b[31m",
        "\u202e",
    ]
)
NAMES = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=12).map("".join))
ADDRESSES = st.ip_addresses().map(str).filter(lambda address: lines.canonical(address) not in ("1.2.3.4", "::1"))
PORTS = st.integers(1, 65535).filter(lambda port: port != 5)
KEY = "ED25519 SHA256:zzz"
# What sshd writes about a connection, with the places of what a stranger chooses.
FORMS = [
    f"Accepted publickey for root from ADDRESS port PORT ssh2: {KEY}",
    "Accepted publickey for root from ADDRESS port PORT ssh2: RSA-CERT SHA256:z ID NAME (serial 1) CA RSA SHA256:y",
    "Failed password for invalid user NAME from ADDRESS port PORT ssh2",
    f"Failed publickey for invalid user NAME from ADDRESS port PORT ssh2: {KEY}",
    "Failed publickey for NAME from ADDRESS port PORT ssh2: RSA-CERT SHA256:z ID NAME (serial 1) CA RSA SHA256:y",
    'Failed hostbased for NAME from ADDRESS port PORT ssh2: RSA SHA256:z, client user "NAME", client host "NAME"',
    f"Postponed publickey for NAME from ADDRESS port PORT ssh2: {KEY} [preauth]",
    "error: maximum authentication attempts exceeded for invalid user NAME from ADDRESS port PORT ssh2 [preauth]",
    "Invalid user NAME from ADDRESS port PORT",
    "Invalid user NAME from ADDRESS",
    "User NAME from ADDRESS not allowed because listed in DenyUsers",
    "error: PAM: Authentication failure for illegal user NAME from ADDRESS",
    "Connection closed by invalid user NAME ADDRESS port PORT [preauth]",
    "Connection reset by authenticating user NAME ADDRESS port PORT [preauth]",
    "Disconnected from user NAME ADDRESS port PORT",
    "Disconnecting invalid user NAME ADDRESS port PORT: Too many authentication failures [preauth]",
    "Disconnecting authenticating user NAME ADDRESS port PORT: Change of username or service not allowed: (NAME,x) ->"
    " (NAME,ssh-connection) [preauth]",
    "Received disconnect from ADDRESS port PORT:11: NAME [preauth]",
    "Unable to negotiate with ADDRESS port PORT: no matching cipher found. Their offer: NAME [preauth]",
    "Bad protocol version identification 'NAME' from ADDRESS port PORT",
    "ssh_dispatch_run_fatal: Connection from invalid user NAME ADDRESS port PORT: message NAME [preauth]",
    "drop connection #1 from [ADDRESS]:PORT on [192.0.2.1]:22 penalty: failed authentication",
    "fatal: Access denied for user NAME by PAM account configuration [preauth]",
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=ADDRESS  user=NAME",
]


def line(form: str, name: str, address: str, port: int) -> str:
    return system_log.one_line(form.replace("ADDRESS", address).replace("PORT", str(port)).replace("NAME", name))


@pytest.mark.parametrize("form", FORMS)
@given(name=NAMES, address=ADDRESSES, port=PORTS)
def test_no_name_puts_another_address_into_a_line(form: str, name: str, address: str, port: int) -> None:
    said = lines.read(line(form, name, address, port)) or {"address": None, "port": None}
    assert said["address"] in (lines.canonical(address), None)
    assert said["port"] in (port, None)


@given(name=NAMES, address=ADDRESSES, port=PORTS, form=st.sampled_from(FORMS), more=st.sampled_from(FORMS))
def test_an_attempt_and_its_count_have_the_right_source(
    name: str, address: str, port: int, form: str, more: str
) -> None:
    messages = [line(one, name, address, port) for one in (form, more, "Connection closed by ADDRESS port PORT")]
    found, _complaints = attempts.group([{"at": 1.0, "pid": "7", "message": message} for message in messages])
    assert {attempt["address"] for attempt in found} <= {lines.canonical(address), None}
    assert {source["address"] for source in attempts.sources(found, 20)} <= {lines.canonical(address), None}
    json.dumps([attempts.shown(attempt) for attempt in found])


@given(name=NAMES)
def test_a_plain_name_comes_back_whole(name: str) -> None:
    shown = system_log.one_line(name)
    said = lines.read(f"Invalid user {shown} from 192.0.2.1 port 4")
    assert said is not None
    assert (said["address"], said["user"]) == ("192.0.2.1", shown)


PARSERS: dict[str, Callable[[str], Any]] = {
    "system_log.parse_syslog": lambda text: attempts.group(system_log.parse_syslog(text, 1795250000.0)),
    "system_log.parse_journal": system_log.parse_journal,
    "system_log.one_line": system_log.one_line,
    "system_log.syslog_time": system_log.syslog_time,
    "lines.read": lines.read,
    "lines.canonical": lines.canonical,
    "lines.reasons": lambda text: [lines.reasons(text.splitlines(), accepted) for accepted in (True, False)],
}


@pytest.mark.parametrize("name", PARSERS)
@given(text=NAMES)
def test_no_text_crashes_a_parser(name: str, text: str) -> None:
    PARSERS[name](text)
    for header in ("Nov 21 01:02:03 h sshd[7]: ", "<1>1 2026-11-21T01:02:03Z h sshd 7 - - "):
        PARSERS[name](header + text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(message=JSON, when=JSON, pid=JSON, program=JSON)
def test_no_entry_of_a_journal_crashes_the_parser(message: Any, when: Any, pid: Any, program: Any) -> None:
    usual = {"_COMM": "sshd", "_UID": "0", "_PID": pid, "__REALTIME_TIMESTAMP": "1"}
    for entry in (message, {**usual, "MESSAGE": message}, {**usual, "MESSAGE": "x", "__REALTIME_TIMESTAMP": when},
                  {**usual, "MESSAGE": "x", "_EXE": program, "_COMM": program, "_TRANSPORT": program}):  # fmt: skip
        attempts.group(system_log.parse_journal(json.dumps(entry)))


@given(text=st.text())
def test_what_is_kept_is_one_printable_line(text: str) -> None:
    shown = system_log.one_line(text)
    assert shown.isprintable()
