# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: a folder to keep and attach, and a text that a tired person can read."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

SCHEMA = 1
WIDTH = 100
NAME_LIMIT = 240
STATES = {"pass": "ok", "fail": "FAILED", "unknown": "-"}
VERDICTS = {"cannot_login": "CANNOT LOG IN", "can_login": "can log in", "unknown": "not known"}
ORDER = ("cannot_login", "unknown", "can_login")
# A host that is well gets one line each; with more of them than this, they share one.
LINES_FOR_HEALTHY = 20


class ReportError(Exception):
    """The report could not be written, with the reason."""


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(hosts: Mapping[str, Any]) -> dict[str, Any]:
    """The content of report.json."""
    return {"schema": SCHEMA, "generated_at": now(), "hosts": hosts}


# --- the folder ---


def write(folder: Path, hosts: Mapping[str, Any], evidence: Mapping[str, Any]) -> Path:
    """Write report.json and evidence/HOST.json; return the path of the report."""
    try:
        written = {f"{file_name(host)}.json": document for host, document in evidence.items()}
        for name, document in written.items():
            _write_json(folder / "evidence" / name, document)
        for old in (folder / "evidence").glob("*.json"):
            if old.name not in written:
                old.unlink()  # of a run before: it does not belong to this report
        path = folder / "report.json"
        _write_json(path, as_json(hosts))
    except OSError as error:
        raise ReportError(f"the report could not be written to {folder}: {error.strerror or error}") from error
    return path


def write_document(folder: Path, name: str, document: Mapping[str, Any]) -> Path:
    """Write one more file into the folder of the report; return its path."""
    try:
        _write_json(folder / name, document)
    except OSError as error:
        raise ReportError(f"the report could not be written to {folder}: {error.strerror or error}") from error
    return folder / name


def file_name(host: str) -> str:
    """A host's name as the name of a file: no two share one, and none leads out of the folder."""
    name = quote(host, safe=" @+:,").replace("%20", " ")
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    if len(name.encode()) <= NAME_LIMIT:
        return name
    return f"{name[: NAME_LIMIT - 65]}-{hashlib.sha256(host.encode()).hexdigest()}"


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a file whole or not at all. It names accounts and addresses: only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            json.dump(document, handle, indent=2, sort_keys=False, ensure_ascii=True, default=str)
            handle.write("\n")
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_evidence(folder: Path) -> dict[str, Any]:
    """The saved evidence of every host in a folder, a report folder or its evidence folder."""
    place = folder / "evidence" if (folder / "evidence").is_dir() else folder
    found: dict[str, Any] = {}
    for path in sorted(place.glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ReportError(f"{path}: cannot be read as evidence: {error}") from error
        if (
            not isinstance(document, dict)
            or document.get("schema") != SCHEMA
            or not isinstance(document.get("host"), str)
        ):
            raise ReportError(f"{path}: this is not evidence of schema {SCHEMA}")
        found[document["host"]] = document
    if not found:
        raise ReportError(f"{folder}: there is no evidence in it")
    return found


# --- the text ---


def as_text(hosts: Mapping[str, Any], path: Path | None) -> str:
    """What is printed at the end of a run."""
    names = sorted(hosts, key=lambda name: (ORDER.index(hosts[name]["verdict"]), name))
    brief = [name for name in names if _is_brief(hosts[name])]
    parts = ["\n".join(_host_lines(name, hosts[name])) for name in names if name not in brief]
    if brief:
        parts.append("\n".join(_brief_lines(brief, hosts)))
    parts.append("\n".join(_closing_lines(hosts, path)))
    return "\n\n".join(parts)


def _is_brief(diagnosis: Mapping[str, Any]) -> bool:
    return bool(diagnosis["verdict"] == "can_login" and not diagnosis["findings"] and not diagnosis.get("changes"))


def _brief_lines(names: Sequence[str], hosts: Mapping[str, Any]) -> Iterable[str]:
    if len(names) > LINES_FOR_HEALTHY:
        return _wrapped(f"{len(names)} hosts can log in: {', '.join(names)}", "", "    ")
    return [f"{printable(name)}  can log in  {_target_words(hosts[name])}" for name in names]


def _host_lines(name: str, diagnosis: Mapping[str, Any]) -> Iterable[str]:
    yield f"{printable(name)}  {_verdict_words(diagnosis)}  {_target_words(diagnosis)}"
    for step in diagnosis["ladder"]:
        detail = printable(step["detail"])
        yield f"  {step['rung']:<13} {STATES[step['state']]:<7} {detail}"[:WIDTH].rstrip()
    yield from _cause_lines(diagnosis)
    for finding in diagnosis["findings"]:
        if finding["id"] != diagnosis["cause"]:
            label = "Also" if finding["severity"] == "blocking" else finding["severity"].capitalize()
            yield from _labelled(label, f"{finding['detail']} [{finding['id']}]")
    yield from _unchecked_lines(diagnosis["unchecked"])
    yield from _change_lines(diagnosis)


def _verdict_words(diagnosis: Mapping[str, Any]) -> str:
    after = diagnosis.get("after")
    if after and after["verdict"] != diagnosis["verdict"]:
        return f"{VERDICTS[after['verdict']]} now (before: {VERDICTS[diagnosis['verdict']]})"
    return VERDICTS[diagnosis["verdict"]]


def _target_words(diagnosis: Mapping[str, Any]) -> str:
    target = diagnosis.get("target") or {}
    if not target.get("address"):
        return ""
    return printable(f"({target.get('user')} at {target['address']} port {target.get('port')})")


def _cause_lines(diagnosis: Mapping[str, Any]) -> Iterable[str]:
    cause = next((finding for finding in diagnosis["findings"] if finding["id"] == diagnosis["cause"]), None)
    if cause is not None:
        yield from _labelled("Cause", f"{cause['title']}: {cause['detail']} [{cause['id']}]")
        remedy = f"role {cause['remedy']}, which rescue.remote_login.remediate runs. " if cause["remedy"] else ""
        if remedy or cause["fix"]:
            yield from _labelled("Fix", f"{remedy}{cause['fix']}")
    elif diagnosis["verdict"] == "cannot_login":
        yield from _labelled("Cause", f"not found: {_outcome_words(diagnosis)}, and no rule explains it")
        yield from _open_lines(diagnosis.get("open_causes") or [])
    elif diagnosis["verdict"] == "unknown":
        said = diagnosis.get("error") or "no login was tried"
        yield from _labelled("Not known", f"{said}. Nothing that was looked at would stop a login")


def _outcome_words(diagnosis: Mapping[str, Any]) -> str:
    return f"the login attempt ended with '{diagnosis['outcome']}'" if diagnosis["outcome"] else "no probe told"


def _open_lines(causes: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if not causes:
        return
    yield "  Not everything could be looked at. This leaves open:"
    for cause in causes:
        yield from _wrapped(f"- {cause['title']} [{cause['id']}]", "    ", "      ")
    commands = list(dict.fromkeys(command for cause in causes for command in cause["console"]))
    if commands:
        yield "  At the emergency console, as root:"
        for command in commands:
            yield f"    {command}"


def _unchecked_lines(unchecked: Sequence[Mapping[str, str]]) -> Iterable[str]:
    by_reason: dict[str, list[str]] = {}
    for entry in unchecked:
        by_reason.setdefault(entry["reason"], []).append(entry["section"])
    for reason, sections in by_reason.items():
        yield from _labelled("Unchecked", f"{', '.join(sections)}: {reason}")


def _change_lines(diagnosis: Mapping[str, Any]) -> Iterable[str]:
    for change in diagnosis.get("changes") or []:
        state = "changed" if change["changed"] else "unchanged"
        yield from _labelled("Remedy", f"{change['remedy']}: {state}. {change['detail']}")
    after = diagnosis.get("after")
    if after:
        yield from _labelled("After", f"{VERDICTS[after['verdict']]} ({after['outcome']})")


def _closing_lines(hosts: Mapping[str, Any], path: Path | None) -> Iterable[str]:
    verdicts = [(host.get("after") or host)["verdict"] for host in hosts.values()]
    counts = [(VERDICTS[verdict], verdicts.count(verdict)) for verdict in ORDER]
    summary = ", ".join(f"{count} {words.lower()}" for words, count in counts if count)
    yield f"{len(hosts)} host{'s' if len(hosts) != 1 else ''}: {summary}"
    if path is not None:
        yield f"Report: {path}   Evidence: {path.parent / 'evidence'}"


def _labelled(label: str, text: str) -> list[str]:
    return _wrapped(text, f"  {label + ':':<11}", " " * 13)


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def printable(text: object) -> str:
    """A stranger's words without what a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in str(text))
