# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What comes of remedies: after which of them a login is worth another attempt."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.rescue.remote_login.plugins.plugin_utils import remedies

LIMITED = {"remedy": "limit_process", "changed": True}


@pytest.mark.parametrize(
    ("changes", "after", "expected"),
    [
        ([LIMITED], {"verdict": "cannot_login"}, True),
        ([LIMITED], {"verdict": "unknown"}, True),
        ([LIMITED], {"verdict": "can_login"}, False),
        ([{**LIMITED, "changed": False}], {"verdict": "cannot_login"}, False),
        ([{**LIMITED, "remedy": "start_sshd"}], {"verdict": "cannot_login"}, False),
        ([LIMITED], None, False),
    ],
)
def test_a_full_queue_takes_a_while(changes: list[Any], after: Any, expected: bool) -> None:
    host = {"changes": changes, **({"after": after} if after else {})}
    assert remedies.takes_a_while(host) == expected
