# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules: read from YAML, checked to the last key before any host is touched, then asked of evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.rescue.remote_login.plugins.plugin_utils import words

try:
    import jmespath
    from jmespath.exceptions import JMESPathError
    from jmespath.functions import Functions
except ImportError:
    HAS_JMESPATH = False
    JMESPathError = ValueError  # type: ignore[assignment,misc]
else:
    HAS_JMESPATH = True

SHIPPED = Path(__file__).resolve().parents[2] / "roles" / "diagnose" / "rules"
ID = re.compile(r"^[a-z][a-z0-9_]*$")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
# A part of a text in brackets is told only when every fact in it is known.
OPTIONAL = re.compile(r"\[([^\[\]]*\{\w+\}[^\[\]]*)\]")


class RuleError(Exception):
    """A rule file that is wrong: file, rule and reason."""


@dataclass(frozen=True)
class Rule:
    """One rule, as its file has it."""

    id: str
    title: str
    when: str
    # Where on the path; None for what is on no rung, such as a risk at the next boot.
    rung: str | None = None
    severity: str = "blocking"
    # While this holds, the finding is only a risk: the login works, and will not after the next restart.
    risk_when: str | None = None
    # While this holds, the finding is only worth knowing.
    note_when: str | None = None
    explains: list[str] = field(default_factory=list)
    # Sections, or 'section.part', without which the rule cannot be asked.
    needs: list[str] = field(default_factory=list)
    # Findings that say the same better: with one of them this one is not told.
    unless: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    detail: str = ""
    fix: str = ""
    remedy: str | None = None
    # What to type at the emergency console where nobody can look inside.
    console: list[str] = field(default_factory=list)
    source: str = ""
    path: str = ""


KINDS: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "title": str,
    "when": str,
    "rung": (str, type(None)),
    "severity": str,
    "risk_when": str,
    "note_when": str,
    "explains": list,
    "needs": list,
    "unless": list,
    "facts": dict,
    "detail": str,
    "fix": str,
    "remedy": (str, type(None)),
    "console": list,
    "source": str,
}
REQUIRED = ("id", "title", "rung", "severity", "when", "detail", "source")


def load(extra_folders: Iterable[str] = ()) -> list[Rule]:
    """The collection's own rules and the operator's, in the order of their files."""
    if not HAS_JMESPATH:
        raise RuleError("the Python that runs Ansible has no jmespath: pip install jmespath")
    rules: list[Rule] = []
    places: dict[str, str] = {}
    for folder in (SHIPPED, *(Path(name).expanduser() for name in extra_folders)):
        if not folder.is_dir():
            raise RuleError(f"{folder}: not a folder of rules")
        for path in sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")]):
            for rule in _read(path):
                if rule.id in places:
                    raise RuleError(f"{path}: rule {rule.id}: the id is taken by {places[rule.id]}")
                places[rule.id] = str(path)
                rules.append(rule)
    for rule in rules:
        unknown = [name for name in rule.unless if name not in places]
        if unknown:
            raise RuleError(f"{rule.path}: rule {rule.id}: 'unless' names no rule: {', '.join(unknown)}")
    return rules


def _read(path: Path) -> list[Rule]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise RuleError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if content is None:
        return []
    if not isinstance(content, list):
        raise RuleError(f"{path}: a rule file is a list of rules")
    return [_checked(item, path, number) for number, item in enumerate(content, 1)]


def _checked(item: Any, path: Path, number: int) -> Rule:
    """A rule from its YAML, or RuleError with the reason."""
    name = f"rule {item.get('id', f'number {number}')}" if isinstance(item, dict) else f"rule number {number}"
    reason = _wrong_shape(item) or _wrong_words(item) or _wrong_expressions(item)
    if reason:
        raise RuleError(f"{path}: {name}: {reason}")
    return Rule(**item, path=str(path))


def _wrong_shape(item: Any) -> str | None:
    if not isinstance(item, dict):
        return "a rule is a dictionary"
    for key, value in item.items():
        if key not in KINDS:
            return f"unknown key '{key}'"
        if not isinstance(value, KINDS[key]):
            return f"'{key}' has the wrong type"
        if isinstance(value, list) and not all(isinstance(element, str) for element in value):
            return f"'{key}' must hold strings"
    missing = [key for key in REQUIRED if key not in item]
    return f"missing key '{missing[0]}'" if missing else None


def _wrong_words(item: dict[str, Any]) -> str | None:
    if not ID.fullmatch(item["id"]):
        return "an id is lower case letters, digits and underscores"
    if item["rung"] not in (*words.RUNGS, None):
        return f"unknown rung '{item['rung']}'"
    if item["severity"] == "blocking" and item["rung"] is None:
        return "a rule that blocks stands on a rung"
    if item["severity"] not in words.SEVERITIES:
        return f"unknown severity '{item['severity']}'"
    for outcome in item.get("explains", []):
        if outcome not in (*words.OUTCOMES, words.ANY_OUTCOME):
            return f"unknown outcome '{outcome}'"
    for need in item.get("needs", []):
        if need.partition(".")[0] not in ("outside", *words.SECTIONS):
            return f"'needs' names no section: {need}"
    for key in ("detail", "fix"):
        for name in PLACEHOLDER.findall(item.get(key, "")):
            if name not in item.get("facts", {}):
                return f"'{key}' uses {{{name}}}, which is not among the facts"
    return None


def _wrong_expressions(item: dict[str, Any]) -> str | None:
    expressions = {"when": item["when"], "risk_when": item.get("risk_when"), "note_when": item.get("note_when")}
    expressions.update({f"fact {name}": text for name, text in item.get("facts", {}).items()})
    expressions.update({f"need {need}": need for need in item.get("needs", [])})
    for place, text in expressions.items():
        if text is None:
            continue
        if not isinstance(text, str):
            return f"{place} must be a string"
        try:
            parsed = jmespath.compile(text).parsed
        except JMESPathError as error:
            return f"{place}: bad JMESPath: {' '.join(str(error).split())}"
        for function in _functions(parsed):
            if function not in Functions.FUNCTION_TABLE:
                return f"{place}: JMESPath has no function '{function}'"
    return None


def _functions(node: Any) -> Iterable[str]:
    """The names of the functions that a parsed expression calls."""
    if isinstance(node, dict):
        if node.get("type") == "function_expression":
            yield node["value"]
        for child in node.get("children", []):
            yield from _functions(child)


# --- asking ---


class Unchecked(Exception):
    """The evidence does not hold what the rule needs."""

    def __init__(self, section: str, reason: str) -> None:
        super().__init__(reason)
        self.section, self.reason = section, reason


def require(rule: Rule, evidence: Mapping[str, Any]) -> None:
    """Raise Unchecked unless everything that the rule needs was seen."""
    for need in rule.needs:
        if need == "outside":
            results = evidence.get("outside") or []
            if not any(result.get("outcome") for result in results):
                reasons = [str(result["error"]) for result in results if result.get("error")]
                raise Unchecked("outside", reasons[0] if reasons else "no probe could be carried through")
            continue
        section, _dot, part = need.partition(".")
        data = (evidence.get("inside") or {}).get(section)
        if data is None:
            reason = (evidence.get("inside") or {}).get("reason")
            raise Unchecked(section, str(reason or "nobody could look inside"))
        if not isinstance(data, Mapping):
            raise Unchecked(section, "what was gathered is no evidence")
        if data.get("status") != "ok":
            raise Unchecked(section, str(data.get("reason") or "no reason was given"))
        if part and search(part, data) is None:
            raise Unchecked(need, _why_missing(data, part))


def _why_missing(data: Mapping[str, Any], part: str) -> str:
    missing = data.get("missing") or {}
    for name in (part, part.rpartition(".")[0], part.partition(".")[0]):
        if name in missing:
            return str(missing[name])
    return "it could not be found out"


def search(expression: str, data: Any) -> Any:
    """What a JMESPath expression finds."""
    return jmespath.search(expression, data)


def holds(rule: Rule, expression: str | None, data: Any) -> bool:
    """Whether a condition is true in JMESPath's sense: everything but null, false and what is empty."""
    if expression is None:
        return False
    try:
        value = search(expression, data)
    except Exception as error:  # jmespath lets Python's own errors through; one rule must not end the run
        raise Unchecked(f"rule {rule.id}", " ".join(str(error).split())) from error
    return value is not None and value is not False and value not in ("", [], {})


def facts_of(rule: Rule, data: Any) -> dict[str, Any]:
    """The facts that a finding shows; one that cannot be computed is unknown."""
    facts: dict[str, Any] = {}
    for name, expression in rule.facts.items():
        try:
            facts[name] = search(expression, data)
        except Exception:  # as above
            facts[name] = None
    return facts


def filled(template: str, facts: Mapping[str, Any]) -> str:
    """A text with its facts put in. The facts are strangers' words and are never looked at as a template."""

    def kept(found: re.Match[str]) -> str:
        known = all(facts.get(name) not in (None, [], "") for name in PLACEHOLDER.findall(found.group(1)))
        return found.group(1) if known else ""

    return PLACEHOLDER.sub(lambda found: shown(facts.get(found.group(1))), OPTIONAL.sub(kept, template))


def shown(value: Any) -> str:
    """A fact as it is read by a person."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(shown(element) for element in value) or "none"
    return str(value)
