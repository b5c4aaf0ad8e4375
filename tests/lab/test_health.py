# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What slows a login down is told as a note."""

from __future__ import annotations

import pytest

import faults_health
from batches import Batch, cases
from faults import Fault


@pytest.mark.parametrize(("fault", "image"), cases("note", faults_health.NOTES))
def test_a_login_that_waits_is_worth_a_note(fault: Fault, image: str, batch: Batch) -> None:
    host = batch.hosts[fault.name, image]
    diagnosis = batch.run("diagnose", "diagnose")[host]
    assert (diagnosis["verdict"], diagnosis["cause"]) == ("can_login", None)
    found = {finding["id"]: finding for finding in diagnosis["findings"]}
    assert found[fault.cause]["severity"] == "note"
    assert fault.points_at in found[fault.cause]["detail"]
