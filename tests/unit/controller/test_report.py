# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from evidence_helpers import evidence, probed, rule

from ansible_collections.rescue.remote_login.plugins.plugin_utils import report
from ansible_collections.rescue.remote_login.plugins.plugin_utils.diagnosis import conclude

HOSTILE_NAMES = [
    "../../x",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "a\0b",
    "a\nb",
    ".hidden",
    "~root",
    "a b",
    "\u202e",
    "-rf",
]
# What a terminal would obey, reorder or hide.
HOSTILE_TEXT = "\x1b[2J\x1b]0;title\x07\r\nCause: all is well\x9b31m\u202egnorw\u200b\x00"


def diagnosis(outcome: str = "refused", **more: Any) -> dict[str, Any]:
    return {**conclude(evidence(probed(outcome), sshd={}), [rule("mine")]), **more}


# --- the folder ---


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_no_host_s_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "deep" / "report"
    report.write(folder, {name: diagnosis()}, {name: {"schema": 1, "host": name}})
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.parent for path in written) == [folder, folder / "evidence"]
    assert report.read_evidence(folder) == {name: {"schema": 1, "host": name}}


def test_two_hosts_never_share_a_file(tmp_path: Path) -> None:
    names = ["a/b", "a_b", ".a_b", "a b", "..a/b"]
    report.write(tmp_path, {}, {name: {"schema": 1, "host": name} for name in names})
    assert set(report.read_evidence(tmp_path)) == set(names)


def test_a_name_that_is_longer_than_a_file_s_can_be_is_written(tmp_path: Path) -> None:
    name = "web." * 100
    report.write(tmp_path, {}, {name: {"schema": 1, "host": name}})
    assert set(report.read_evidence(tmp_path)) == {name}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    hosts = {"web": diagnosis(detail=HOSTILE_TEXT)}
    document = {"schema": 1, "host": "web", "text": HOSTILE_TEXT, "surrogate": "\udcff", "number": 1.5}
    path = report.write(tmp_path, hosts, {"web": document})
    assert json.loads(path.read_text())["hosts"] == hosts
    assert report.read_evidence(tmp_path) == {"web": document}
    assert report.read_evidence(tmp_path / "evidence") == {"web": document}


def test_a_host_that_is_gone_from_the_run_is_gone_from_the_evidence(tmp_path: Path) -> None:
    report.write(tmp_path, {}, {"old": {"schema": 1, "host": "old"}, "web": {"schema": 1, "host": "web"}})
    report.write(tmp_path, {}, {"web": {"schema": 1, "host": "web"}})
    assert set(report.read_evidence(tmp_path)) == {"web"}


def test_only_its_owner_may_read_the_report(tmp_path: Path) -> None:
    path = report.write(tmp_path, {}, {"web": {"schema": 1, "host": "web"}})
    for file in (path, tmp_path / "evidence" / "web.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_the_old_report_whole_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = report.write(tmp_path, {"web": diagnosis()}, {})
    before = path.read_text()

    def no_space(*_arguments: Any, **_options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", no_space)
    with pytest.raises(report.ReportError, match="No space left on device"):
        report.write(tmp_path, {}, {})
    assert path.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(report.ReportError, match="could not be written to"):
        report.write(tmp_path / "file" / "report", {}, {})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "cannot be read as evidence"),
        (b"\xff", "cannot be read as evidence"),
        (b"[" * 100000, "cannot be read as evidence"),
        (b"[]", "this is not evidence of schema 1"),
        (b'{"schema": 2, "host": "web"}', "this is not evidence of schema 1"),
        (b'{"schema": 1}', "this is not evidence of schema 1"),
        (b'{"schema": 1, "host": 5}', "this is not evidence of schema 1"),
    ],
)
def test_a_file_that_is_no_evidence_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "web.json").write_bytes(content)
    with pytest.raises(report.ReportError, match=rf"web\.json: {reason}"):
        report.read_evidence(tmp_path)


def test_a_folder_without_evidence_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(report.ReportError, match="there is no evidence in it"):
            report.read_evidence(folder)


def test_a_report_folder_is_no_evidence_of_its_own(tmp_path: Path) -> None:
    report.write(tmp_path, {"web": diagnosis()}, {"web": {"schema": 1, "host": "web"}})
    assert list(report.read_evidence(tmp_path)) == ["web"]


# --- the text ---


def hostile_diagnosis() -> dict[str, Any]:
    mine = rule("mine", facts={"said": "outside[0].banner"}, detail="{said}", fix="{said}", console=["sshd -t"])
    seen = evidence(
        probed("refused", banner=HOSTILE_TEXT, detail=HOSTILE_TEXT),
        sshd={"status": "unchecked", "reason": HOSTILE_TEXT},
    )
    seen["target"] = {"address": HOSTILE_TEXT, "user": HOSTILE_TEXT, "port": HOSTILE_TEXT}
    risk = rule("risk", severity="risk", facts={"said": "outside[0].banner"}, detail="{said}")
    change = {"remedy": "start_sshd", "changed": True, "detail": HOSTILE_TEXT, "reverted": False}
    after = {"verdict": "cannot_login", "outcome": "refused"}
    return {**conclude(seen, [mine, risk, rule("open", needs=["sshd"])]), "changes": [change], "after": after}


@pytest.mark.parametrize("count", [1, report.LINES_FOR_HEALTHY + 1])
def test_no_escape_of_a_stranger_reaches_the_terminal(count: int) -> None:
    healthy = {
        f"{HOSTILE_TEXT}{number}": diagnosis("ok", findings=[], target=hostile_diagnosis()["target"])
        for number in range(count)
    }
    text = report.as_text({f"bad{HOSTILE_TEXT}": hostile_diagnosis(), **healthy}, Path("/r/report.json"))
    assert [character for character in text if not character.isprintable() and character != "\n"] == []
    assert not [line for line in text.splitlines() if line.startswith("Cause: all is well")]


def test_the_text_says_cause_fix_and_what_was_not_looked_at() -> None:
    seen = evidence(probed("refused"), sshd={"status": "unchecked", "reason": "needs root"})
    stopped = rule("sshd_stopped", detail="it is down", fix="Start it.", remedy="start_sshd")
    text = report.as_text({"web": conclude(seen, [stopped])}, None)
    for words in (
        "web  CANNOT LOG IN",
        "it is down [sshd_stopped]",
        "role start_sshd",
        "Start it.",
        "sshd: needs root",
    ):
        assert words in text


def test_without_a_cause_the_text_says_what_to_type_at_the_console() -> None:
    seen = {**evidence(probed("refused")), "inside": {"via": None, "reason": "no way in"}}
    text = report.as_text({"web": conclude(seen, [rule("open", needs=["sshd"], console=["sshd -t"])])}, None)
    assert "not found" in text
    assert "[open]" in text
    assert "    sshd -t" in text.splitlines()


def test_hosts_in_trouble_come_first_and_healthy_ones_are_brief() -> None:
    hosts = {"fine": diagnosis("ok", findings=[]), "down": diagnosis(), "dark": conclude(evidence(), [])}
    lines = report.as_text(hosts, None).splitlines()
    order = [
        next(number for number, line in enumerate(lines) if line.startswith(name)) for name in ("down", "dark", "fine")
    ]
    assert order == sorted(order)
    assert lines[-1] == "3 hosts: 1 cannot log in, 1 not known, 1 can log in"


def test_many_healthy_hosts_share_a_paragraph() -> None:
    hosts = {f"web-{number}": diagnosis("ok", findings=[]) for number in range(report.LINES_FOR_HEALTHY + 5)}
    text = report.as_text(hosts, None)
    assert f"{len(hosts)} hosts can log in: web-0, web-1," in text
    assert all(name in text for name in hosts)


def test_a_report_of_no_host_is_a_report(tmp_path: Path) -> None:
    assert os.path.exists(report.write(tmp_path, {}, {}))
    assert report.as_text({}, None).startswith("0 hosts")
