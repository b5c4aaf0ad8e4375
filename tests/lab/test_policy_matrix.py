# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hundreds of configurations, users and addresses: the prediction and the end of a real login agree every time."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.rescue.remote_login.plugins.plugin_utils import rules
from ansible_collections.rescue.remote_login.plugins.plugin_utils.diagnosis import conclude
from fixtures import ROOT
from fleet import Host
from images import DEFINITIONS
from policy_matrix import KEY, matrix, setup

HERE = Path(__file__).parent
PLACE = "ansible_collections/rescue/remote_login/plugins/module_utils"
SEED = int(os.environ.get("REMOTE_LOGIN_MATRIX_SEED", "1"))
CONFIGURATIONS = int(os.environ.get("REMOTE_LOGIN_MATRIX_CONFIGURATIONS", "50"))


def ship(host: Host) -> None:
    """Copy the code of the target to the host."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        folders = [Path(PLACE)]
        for path in sorted((ROOT / "plugins" / "module_utils").rglob("*.py")):
            name = Path(PLACE) / path.relative_to(ROOT / "plugins" / "module_utils")
            archive.add(path, str(name))
            folders.append(name.parent)
        for package in {parent for folder in folders for parent in [folder, *folder.parents][:-1]}:
            archive.addfile(tarfile.TarInfo(str(package / "__init__.py")))
        archive.add(HERE / "policy_worker.py", "policy_worker.py")
    host.run("mkdir -p /root/matrix")
    argv = ["podman", "exec", "-i", host.name, "tar", "-C", "/root/matrix", "-xf", "-"]
    subprocess.run(argv, input=packed.getvalue(), check=True)


def answers(host: Host, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    python = DEFINITIONS[host.image]["python"]
    argv = ["podman", "exec", "-i", host.name, python, "-B", "/root/matrix/policy_worker.py"]
    done = subprocess.run(argv, input=json.dumps(cases), capture_output=True, text=True, check=True, timeout=1800)
    return [json.loads(line) for line in done.stdout.splitlines()]


def blocking(evidence: dict[str, Any], outcome: str) -> list[str]:
    """The ids of what the rules find, were that the outcome."""
    probe = {"outcome": outcome, "rung": {"auth_denied": "auth"}.get(outcome, "session"), "authenticated": False}
    document = {"outside": [probe], "inside": {"account": evidence}}
    known = [rule for rule in rules.load() if Path(rule.path).name == "account.yml"]
    found = conclude(document, known)["findings"]
    # The client of this test has no second method.
    return [
        finding["id"]
        for finding in found
        if (outcome in finding["explains"] and finding["severity"] == "blocking")
        or finding["id"] == "more_methods_required"
    ]


def disagreement(answer: dict[str, Any]) -> str | None:
    """What the prediction and the login do not agree on."""
    evidence, status = answer["evidence"], answer["status"]
    if evidence["missing"] and evidence["rules"] is None:
        return f"unchecked: {evidence['missing']}"
    denied, failing = blocking(evidence, "auth_denied"), blocking(evidence, "session_failed")
    if "Authenticated to " not in answer["said"]:
        return None if denied else "it was denied"
    if status != 0:
        return None if failing else "the session failed"
    if denied:
        return f"it was let in, in spite of {denied}"
    return f"the session is fine, in spite of {failing}" if set(failing) - {"forced_command"} else None


@pytest.mark.parametrize("image", ["bookworm", "trixie", "bullseye"])
def test_prediction_and_login_agree(image: str, start: Callable[..., Host]) -> None:
    host = start(image)
    ship(host)
    host.run(f"for n in key other; do ssh-keygen -q -t ed25519 -N '' -f /root/matrix/$n; done; test -e {KEY}")
    public, other = (" ".join(host.run(f"cat /root/matrix/{n}.pub").stdout.split()[:2]) for n in ("key", "other"))
    fingerprint = host.run(f"ssh-keygen -lf {KEY}.pub").stdout.split()[1]
    host.run(setup(public, other), timeout=600)
    cases = matrix(SEED, CONFIGURATIONS, image, host.address, fingerprint)
    found = answers(host, cases)
    tried = [answer for answer in found if "problem" not in answer]
    wrong = []
    for answer in tried:
        problem = disagreement(answer)
        if problem:
            files = cases[answer["case"]]["files"]
            wrong.append({"problem": problem, **{k: answer[k] for k in ("login", "said", "status")}, "files": files})
    assert not wrong, json.dumps(wrong, indent=1)[:20000]
    assert len(tried) > 3 * CONFIGURATIONS, [answer for answer in found if "problem" in answer][:5]
