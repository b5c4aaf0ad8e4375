# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts with several causes at once: the first on the path leads, what waits behind it is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from faults import STOP
from faults_account import OPS
from faults_bans import ban, jail
from fixtures import Run
from fleet import Host

DROP = (
    "nft 'add table inet x; add chain inet x i { type filter hook input priority 0; }; add rule inet x i tcp dport 22 "
)
# name, script, the blocking findings in their order
SEVERAL = [
    ("filter, lists, account", f"{DROP}drop'; usermod -e 1 ops; sed -i '1i DenyUsers op?' /etc/ssh/sshd_config",
     ["firewall_blocks_port", "user_not_allowed", "account_expired"]),
    ("filter and stopped", f"{DROP}drop'; {STOP}", ["firewall_blocks_port", "sshd_stopped"]),
    ("stopped, and a filter that lets pass", f"{DROP}accept'; {STOP}", ["sshd_stopped"]),
    ("ban and permissions", jail("nftables") + ban() + "; chmod 777 /home/ops/.ssh",
     ["fail2ban_banned", "authorized_keys_permissions"]),
    ("filter and a password that is locked", f"{DROP}reject'; usermod -L ops", ["firewall_blocks_port"]),
    ("filter, nologin, shell", f"{DROP}drop'; : > /etc/nologin; usermod -s /usr/sbin/nologin ops",
     ["firewall_blocks_port", "login_shell_unusable", "nologin_file"]),
    ("filter, and a home that is not there", f"{DROP}drop'; mv /home/ops /home/old",
     ["firewall_blocks_port", "home_missing"]),
]  # fmt: skip


@pytest.mark.every_image
@pytest.mark.parametrize("image", ["bookworm", "trixie", "bullseye"])
def test_what_waits_behind_the_first_cause_is_told_too(
    image: str, start: Callable[..., Host], diagnose: Callable[..., Run]
) -> None:
    hosts = {name: start(image, script) for name, script, _causes in SEVERAL}
    inventory = {host.name: host.inventory(**OPS) for host in hosts.values()}
    run = diagnose(inventory, old=image == "bullseye")
    found = {name: run.causes(host) for name, host in hosts.items()}
    assert found == {name: causes for name, _script, causes in SEVERAL}, run.text
    assert {run[host]["cause"] for host in hosts.values()} <= {causes[0] for _name, _script, causes in SEVERAL}
