# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine that this runs on is probed as well, at the address that others would use."""

from __future__ import annotations

from ansible_collections.rescue.remote_login.plugins.plugin_utils import targets

LOCAL = {"connection": "local", "user": None, "private_key_file": None}


def test_the_machine_itself_is_probed_and_no_login_is_guessed() -> None:
    (target,) = targets.for_vantage("localhost", {"localhost": {}}, LOCAL)
    assert target["address"] == targets.own_address()
    assert target["authenticate"] is False


def test_a_vantage_does_not_probe_itself() -> None:
    assert targets.for_vantage("bastion", {"bastion": {}}, {**LOCAL, "connection": "ssh"}) == []
