# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which firewall is in charge: what is installed, what is switched on and what is loaded are different things."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import manager

NOTHING = {"nft": False, "iptables": False, "iptables-legacy": False, "ufw": False}


def gathered(shown, loaded, programs=(), ufw_conf="ENABLED=no\n"):
    """What is gathered on a host with systemd whose systemctl show prints this."""
    answers = replaced(
        host,
        run=lambda _argv: host.Result(0, shown, "", None),
        status_of=lambda path: path == "/run/systemd/system" or None,
        which=lambda name: "/usr/sbin/" + name if name in programs else None,
        pids=list,
    )
    with folder_with({"ufw.conf": ufw_conf}) as folder, replaced(manager, UFW_CONF=folder + "/ufw.conf"), answers:
        found = manager.gather(dict(NOTHING, **loaded))
    return found["in_charge"], {entry["name"]: entry for entry in found["managers"]}


class TestInCharge(unittest.TestCase):
    BOOKWORM = fixture("firewall", "systemctl_show.bookworm.nftables_and_firewalld_masked.txt")
    TRIXIE = fixture("firewall", "systemctl_show.trixie.firewalld_and_netfilter_persistent.txt")

    def test_the_nftables_service_that_has_exited_is_in_charge_while_its_rules_are_loaded(self):
        in_charge, found = gathered(self.BOOKWORM, {"nft": True}, ["firewall-cmd", "ufw"])
        self.assertEqual(in_charge, "nftables")
        self.assertEqual((found["nftables"]["active"], found["nftables"]["enabled"]), (True, True))
        self.assertEqual(found["nftables"]["file"], "/etc/nftables.conf")

    def test_flushed_rules_leave_nobody_in_charge(self):
        in_charge, found = gathered(self.BOOKWORM, {})
        self.assertEqual(in_charge, "none")
        self.assertIn("none of its rules are loaded", found["nftables"]["detail"])

    def test_a_masked_firewalld_is_neither_active_nor_enabled(self):
        found = gathered(self.BOOKWORM, {"nft": True}, ["firewall-cmd"])[1]["firewalld"]
        self.assertEqual((found["active"], found["enabled"]), (False, False))
        self.assertIn("masked", found["detail"])

    def test_ufw_s_unit_is_active_on_every_host_and_says_nothing(self):
        found = gathered(self.BOOKWORM, {"nft": True}, ["ufw"])[1]["ufw"]
        self.assertEqual((found["active"], found["enabled"]), (False, False))
        self.assertIn("ENABLED=no", found["detail"])

    def test_ufw_is_in_charge_when_its_chains_are_loaded(self):
        in_charge, found = gathered(self.BOOKWORM, {"ufw": True, "iptables": True}, ["ufw"], "# no\nENABLED=yes\n")
        self.assertEqual(in_charge, "ufw")
        self.assertEqual((found["ufw"]["active"], found["ufw"]["enabled"]), (True, True))

    def test_ufw_that_is_switched_on_and_was_flushed_is_not_active(self):
        in_charge, found = gathered(self.BOOKWORM, {"iptables": True}, ["ufw"], 'ENABLED="yes"\n')
        self.assertEqual(in_charge, "ruleset")
        self.assertEqual((found["ufw"]["active"], found["ufw"]["enabled"]), (False, True))

    def test_an_alias_is_told_under_its_own_name_only(self):
        in_charge, found = gathered(self.TRIXIE, {"iptables": True})
        self.assertEqual(in_charge, "netfilter-persistent")
        self.assertNotIn("iptables", found)
        self.assertEqual((found["firewalld"]["active"], found["firewalld"]["enabled"]), (False, True))

    def test_rules_that_no_service_keeps_are_a_plain_ruleset(self):
        self.assertEqual(gathered("", {"iptables-legacy": True}), ("ruleset", {}))
        self.assertEqual(gathered("", {}), ("none", {}))

    def test_a_systemctl_that_fails_leaves_it_open(self):
        with replaced(host, run=lambda _argv: host.Result(None, "", "", "systemctl did not answer within 10 s"),
                      which=lambda name: "/usr/bin/" + name if name == "firewall-cmd" else None, pids=list,
                      status_of=lambda path: path == "/run/systemd/system" or None):  # fmt: skip
            (found,) = manager.gather(NOTHING)["managers"]
        self.assertIn("did not answer", found["detail"])
        self.assertIsNone(found["enabled"])


if __name__ == "__main__":
    unittest.main()
