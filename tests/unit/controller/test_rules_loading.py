# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A rule file that is wrong is told with file, rule and reason, before any host is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.rescue.remote_login.plugins.plugin_utils import rules

GOOD: dict[str, Any] = {
    "id": "mine",
    "title": "Mine",
    "rung": "port",
    "severity": "note",
    "when": "inside.sshd.running",
    "detail": "{unit} runs",
    "facts": {"unit": "inside.sshd.unit"},
    "source": "own",
}


def load(folder: Path, *items: Any) -> list[rules.Rule]:
    (folder / "own.yml").write_text(yaml.safe_dump(list(items)))
    return rules.load([str(folder)])


def test_the_operator_s_rules_come_beside_the_collection_s(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)
    assert loaded[-1].id == "mine"
    assert len(loaded) == len(rules.load()) + 1


def test_yaml_files_of_both_endings_and_empty_ones_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump([GOOD]))
    (tmp_path / "b.yml").write_text("---\n# nothing yet\n")
    (tmp_path / "c.txt").write_text("not a rule")
    assert rules.load([str(tmp_path)])[-1].id == "mine"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"serverity": "note"}, "unknown key 'serverity'"),
    "bad JMESPath": ({"when": "inside.sshd.["}, "when: bad JMESPath"),
    "empty condition": ({"when": ""}, "when: bad JMESPath"),
    "bad JMESPath in a fact": ({"facts": {"unit": "a b"}}, "fact unit: bad JMESPath"),
    "bad JMESPath in risk_when": ({"risk_when": "&&"}, "risk_when: bad JMESPath"),
    "unknown function": ({"when": "matches(inside.sshd.unit, 'x')"}, "when: JMESPath has no function 'matches'"),
    "unknown function deep inside": ({"when": "a[?b && !regex(c)]"}, "no function 'regex'"),
    "unknown outcome": ({"explains": ["refused", "rejected"]}, "unknown outcome 'rejected'"),
    "unknown rung": ({"rung": "firewall"}, "unknown rung 'firewall'"),
    "unknown severity": ({"severity": "fatal"}, "unknown severity 'fatal'"),
    "wrong type": ({"explains": "refused"}, "'explains' has the wrong type"),
    "wrong type of a condition": ({"when": True}, "'when' has the wrong type"),
    "wrong type in a list": ({"needs": ["sshd", 5]}, "'needs' must hold strings"),
    "wrong type of a fact": ({"facts": {"unit": 5}}, "fact unit must be a string"),
    "placeholder not among the facts": ({"detail": "{unit} and {other}"}, "'detail' uses {other}"),
    "placeholder of a fix not among the facts": ({"fix": "start {it}"}, "'fix' uses {it}"),
    "id with a space": ({"id": "my rule"}, "an id is lower case"),
    "id with a line break": ({"id": "mine\n"}, "an id is lower case"),
    "unless names no rule": ({"unless": ["sshd_stoped"]}, "'unless' names no rule: sshd_stoped"),
    "needs names no section": ({"needs": ["sshdd"]}, "sshdd"),
    "needs with a bad part": ({"needs": ["sshd.config["]}, "sshd.config["),
    "blocking on no rung": ({"rung": None, "severity": "blocking"}, "rung"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_told_with_file_rule_and_reason(tmp_path: Path, name: str) -> None:
    changed, reason = WRONG[name]
    with pytest.raises(rules.RuleError) as caught:
        load(tmp_path, {**GOOD, **changed})
    told = str(caught.value)
    assert str(tmp_path / "own.yml") in told
    assert reason in told
    assert f"rule {changed.get('id', 'mine')}" in told


@pytest.mark.parametrize("key", rules.REQUIRED)
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(rules.RuleError, match=f"missing key '{key}'"):
        load(tmp_path, {name: value for name, value in GOOD.items() if name != key})


def test_an_id_that_is_taken_says_by_which_file(tmp_path: Path) -> None:
    with pytest.raises(rules.RuleError, match=r"own\.yml: rule sshd_stopped: the id is taken by .*sshd\.yml"):
        load(tmp_path, {**GOOD, "id": "sshd_stopped"})
    with pytest.raises(rules.RuleError, match="the id is taken"):
        load(tmp_path, GOOD, GOOD)


@pytest.mark.parametrize("item", ["text", 5, None, ["nested"]])
def test_a_rule_that_is_no_dictionary_is_told_by_its_number(tmp_path: Path, item: Any) -> None:
    with pytest.raises(rules.RuleError, match="rule number 2: a rule is a dictionary"):
        load(tmp_path, GOOD, item)


@pytest.mark.parametrize("text", ["id: mine", "just words", "5"])
def test_a_file_that_is_no_list_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "own.yml").write_text(text)
    with pytest.raises(rules.RuleError, match=r"own\.yml: a rule file is a list of rules"):
        rules.load([str(tmp_path)])


@pytest.mark.parametrize(
    "content", [b"- {id: [", b"\xff\xfe\x00", b"- !!python/object:os.system {}", b"- {id: 2024-99-99}", b"[" * 5000]
)
def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "own.yml").write_bytes(content)
    with pytest.raises(rules.RuleError) as caught:
        rules.load([str(tmp_path)])
    assert str(caught.value).startswith(str(tmp_path / "own.yml"))
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(rules.RuleError, match="none: not a folder of rules"):
        rules.load([str(tmp_path / "none")])


def test_a_folder_may_be_below_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.yml").write_text(yaml.safe_dump([GOOD]))
    assert rules.load(["~"])[-1].id == "mine"


def test_what_a_stranger_wrote_is_never_a_template() -> None:
    facts = {"program": "{pid}[{pid}]", "pid": 7}
    assert rules.filled("{program} has it", facts) == "{pid}[{pid}] has it"


def test_a_part_in_brackets_is_told_only_with_all_its_facts() -> None:
    template = "down[ since {since}][, by {who} ({pid})]."
    assert rules.filled(template, {"since": None, "who": "web", "pid": None}) == "down."
    assert rules.filled(template, {"since": "noon", "who": "web", "pid": 0}) == "down since noon, by web (0)."
    assert rules.filled("{x}", {"x": None}) == "unknown"
    assert rules.filled("{x}", {"x": ["a", True, None]}) == "a, yes, unknown"
