# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Opening a port: the rule must be narrow, stand where it takes effect, and leave no trace when it is taken back."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import io
import os
import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import (
    boot,
    change,
    change_firewalld,
    change_iptables,
    change_nft,
    change_ufw,
    gather,
    iptables,
    source,
    steps,
)

(CLIENT,) = source.parse(["10.77.1.1"])
(CLIENT6,) = source.parse(["fd77:1::1"])
EVERYBODY = source.parse(["any"])[0]
REQUEST = change.Request(22, "tcp", [CLIENT])


def blocker(**known):
    usual = {"stage": "arrival", "verdict": "drop", "backend": "nft", "family": "inet", "table": "filter"}
    usual.update(chain="input", handle=None, line=None, text="policy drop", path=["input"], ban=None)
    return dict(usual, **known)


def said(text):
    """A host.run that always answers this."""
    return lambda *_arguments, **_options: host.Result(0, text, "", None)


class TestSource(unittest.TestCase):
    def test_an_address_means_that_one_address(self):
        self.assertEqual((CLIENT.family, CLIENT.text, CLIENT.sample), ("ipv4", "10.77.1.1", "10.77.1.1"))
        self.assertEqual(source.parse(["10.77.1.1/32"]), [CLIENT])
        self.assertEqual(source.parse(["FD77:1:0::1%eth0"]), [CLIENT6])

    def test_a_network_is_tried_with_an_address_of_it(self):
        self.assertEqual(source.parse(["192.0.2.0/24"])[0][1:], ("192.0.2.0/24", "192.0.2.1"))

    def test_of_a_network_the_addresses_are_tried_that_rules_tell_apart(self):
        network, rules = source.parse(["10.77.0.0/16"])[0], "ip saddr { 10.77.1.1, 10.77.2.0/24, 10.78.0.1 } 1.2.3.4.5"
        self.assertEqual(source.samples(network, rules), ["10.77.0.1", "10.77.1.1", "10.77.2.1"])
        self.assertEqual(source.samples(CLIENT, rules), ["10.77.1.1"])
        self.assertEqual(
            source.samples(source.parse(["fd77::/16"])[0], "-s fd77:1::1/128 -d fe80::1")[1:], ["fd77:1::1"]
        )

    def test_any_is_both_families_and_0_0_0_0_one(self):
        self.assertEqual(
            [(one.family, one.everybody) for one in source.parse(["any"])], [("ipv4", True), ("ipv6", True)]
        )
        self.assertEqual([one.family for one in source.parse(["0.0.0.0/0", "any"])], ["ipv4", "ipv6"])

    def test_what_is_no_source_is_refused_with_the_reason(self):
        for words, reason in [
            ([], "empty"),
            (["bastion.example.org"], "names are not resolved"),
            (["192.0.2.7/24"], "write 192.0.2.0/24 or 192.0.2.7"),
            (["192.0.2.0/33"], "between 0 and 32"),
            (["192.0.2.0/"], "prefix length"),
            (["192.0.2"], "no address"),
            (["10.0.0.1; reboot"], "no address"),
            (["::ffff:192.0.2.1"], "write 192.0.2.1"),
            ([""], "no address"),
        ]:
            with self.assertRaises(ValueError) as caught:
                source.parse(words)
            self.assertIn(reason, str(caught.exception))

    def test_whether_a_network_holds_an_address(self):
        self.assertTrue(source.holds("10.77.0.0/16", "10.77.1.1"))
        self.assertFalse(source.holds("10.78.0.0/16", "10.77.1.1"))
        self.assertTrue(source.holds("::/0", "fd77::1"))
        self.assertFalse(source.holds("00:11:22:33:44:55", "10.77.1.1"))


class TestSteps(unittest.TestCase):
    def test_a_file_is_changed_with_a_backup_and_comes_back(self):
        with folder_with({"rules": "old\n"}) as folder:
            path = os.path.join(folder, "rules")
            os.chmod(path, 0o640)
            step = steps.Replace(path, "old\n", "new\n")
            step.do()
            self.assertEqual(host.read(path).text, "new\n")
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
            self.assertEqual(host.read(step.backup).text, "old\n")
            step.take_back()
            self.assertEqual((host.read(path).text, os.listdir(folder)), ("old\n", ["rules"]))

    def test_a_text_that_is_refused_leaves_the_file_alone(self):
        with folder_with({"rules": "old\n"}) as folder:
            step = steps.Replace(os.path.join(folder, "rules"), "old\n", "new\n", check=lambda _path: "line 1: no")
            with self.assertRaises(steps.CannotChange) as caught:
                steps.carry_out([step])
            self.assertIn("line 1: no", str(caught.exception))
            self.assertEqual((host.read(step.path).text, os.listdir(folder)), ("old\n", ["rules"]))

    def test_somebody_else_s_change_in_between_is_not_overwritten(self):
        with folder_with({"rules": "theirs\n"}) as folder:
            with self.assertRaises(steps.CannotChange):
                steps.carry_out([steps.Replace(os.path.join(folder, "rules"), "old\n", "new\n")])
            self.assertEqual(host.read(os.path.join(folder, "rules")).text, "theirs\n")

    def test_a_file_that_is_not_utf_8_is_left_alone(self):
        with folder_with({}) as folder:
            path = os.path.join(folder, "rules")
            with io.open(path, "wb") as handle:
                handle.write(b"# caf\xe9\n")
            with self.assertRaises(steps.CannotChange):
                steps.text_of(path)

    def test_a_reason_is_told_in_whatever_letters(self):
        cafe = b"caf\xc3\xa9".decode("utf-8")
        with self.assertRaises(steps.CannotChange) as caught:
            raise steps.CannotChange("%s: %s" % (steps.quoted("/etc/x"), cafe))
        self.assertIn("caf", str(caught.exception))

    def test_a_failure_takes_back_what_was_done_before(self):
        with folder_with({}) as folder:
            mark = os.path.join(folder, "mark")
            good, bad = steps.Command(["touch", mark], ["rm", mark]), steps.Command(["false"], ["touch", mark + "2"])
            with self.assertRaises(steps.CannotChange):
                steps.carry_out([good, bad])
            self.assertEqual(os.listdir(folder), [])


class TestNft(unittest.TestCase):
    OPENED = fixture("firewall", "nft_list_ruleset.bookworm.opened.txt")
    AT_BOOT = fixture("firewall", "nft_list_ruleset.bookworm.at_boot.txt")
    REJECT = blocker(
        chain="services",
        handle=5,
        verdict="reject",
        text="tcp dport 22 ip saddr != @trusted counter packets 7 bytes 420 reject with tcp reset",
    )

    def words(self, listed, *arguments):
        with replaced(host, run=said(listed)):
            return [step.words for step in change_nft.Nft(REQUEST).open(*arguments)]

    def test_the_rule_stands_right_before_the_one_that_blocks(self):
        self.assertEqual(
            self.words("", CLIENT, self.REJECT),
            ["nft -a -e insert rule inet filter services position 5 ip saddr 10.77.1.1 tcp dport 22 accept comment"
             " '\"rescue.remote_login 22/tcp from 10.77.1.1\"'"],
        )  # fmt: skip

    def test_before_a_policy_it_stands_last(self):
        (words,) = self.words("", CLIENT6, blocker())
        self.assertIn("add rule inet filter input ip6 saddr fd77:1::1 tcp dport 22 accept", words)

    def test_an_answer_is_told_by_where_it_goes_and_comes_from(self):
        (words,) = self.words("", CLIENT, blocker(stage="reply", chain="output"))
        self.assertIn("ip daddr 10.77.1.1 tcp sport 22 accept", words)

    def test_everybody_means_one_family_at_a_time(self):
        self.assertIn("meta protocol ip tcp dport 22 accept", self.words("", EVERYBODY, blocker())[0])

    def test_a_rule_that_has_fallen_behind_is_moved(self):
        words = self.words(self.OPENED, CLIENT, dict(self.REJECT, handle=4))
        self.assertEqual(words[0], "nft delete rule inet filter services handle 11")
        self.assertIn("position 4", words[1])

    def test_a_rule_that_stands_there_already_is_not_added_again(self):
        self.assertEqual(self.words(self.OPENED, CLIENT, self.REJECT), [])

    def test_what_is_added_is_found_again(self):
        with replaced(host, run=said(self.OPENED)):
            tool = change_nft.Nft(REQUEST)
            (closing,) = tool.close(CLIENT)
            (behind,) = tool.behind_own(CLIENT)
            self.assertEqual(change_nft.Nft(change.Request(2222, "tcp", [CLIENT])).close(CLIENT), [])
        self.assertEqual(closing.words, "nft delete rule inet filter services handle 11")
        self.assertEqual(" ".join(closing.undo[:9]), "nft insert rule inet filter services position 5 ip")
        self.assertEqual((behind["chain"], behind["handle"]), ("services", 5))

    def test_a_name_that_nft_could_misread_is_refused(self):
        with self.assertRaises(steps.CannotChange):
            change_nft.place_of(blocker(chain="input; flush ruleset"))

    def test_the_file_for_the_boot_cannot_fail_and_is_included_by_a_pattern(self):
        with folder_with({"nftables.conf": "flush ruleset"}) as folder:
            path = os.path.join(folder, "nftables.conf")
            with replaced(change_nft, at_boot=lambda _path: change_nft.parse(self.AT_BOOT)):
                own, main = change_nft.Nft(REQUEST).save(CLIENT, [self.REJECT], path, os.rename)
        self.assertEqual(own.path, os.path.join(folder, "nftables.rescue.remote_login.conf"))
        declared = "add table inet filter\nadd chain inet filter services\n"
        self.assertIn(declared + "insert rule inet filter services ip saddr", own.after)
        self.assertEqual(main.after, 'flush ruleset\ninclude "%s/nftables.rescue.remote_login*.conf"\n' % folder)

    def test_nothing_is_kept_for_a_chain_that_the_boot_does_not_make(self):
        with folder_with({"nftables.conf": "flush ruleset\n"}) as folder:
            path = os.path.join(folder, "nftables.conf")
            with replaced(change_nft, at_boot=lambda _path: change_nft.parse(self.AT_BOOT)):
                self.assertEqual(change_nft.Nft(REQUEST).save(CLIENT, [blocker(table="x")], path, os.rename), [])

    def test_everybody_is_not_let_past_what_keeps_some_out(self):
        with folder_with({"nftables.conf": ""}) as folder:
            path = os.path.join(folder, "nftables.conf")
            listed = change_nft.parse(self.AT_BOOT)
            late = blocker(handle=10, text="meta l4proto { tcp, udp } jump services")
            with replaced(change_nft, at_boot=lambda _path: listed), self.assertRaises(steps.CannotChange) as caught:
                change_nft.Nft(REQUEST).save(EVERYBODY, [late], path, os.rename)
        self.assertIn("ip saddr 203.0.113.9 drop", str(caught.exception))

    def test_taking_back_leaves_the_files_as_they_were(self):
        main = "flush ruleset\n"
        with folder_with({"nftables.conf": main}) as folder:
            path = os.path.join(folder, "nftables.conf")
            with replaced(change_nft, at_boot=lambda _path: None, check_alone=lambda _path: None,
                          check_as_at_boot=lambda _path: None):  # fmt: skip
                tool = change_nft.Nft(REQUEST)
                saving = tool.save(CLIENT, [self.REJECT], path, os.rename)
                steps.carry_out(saving)
                self.assertEqual(tool.save(CLIENT, [self.REJECT], path, os.rename), [])
                steps.carry_out(tool.forget(CLIENT, path, os.rename))
            self.assertEqual(host.read(path).text, main)
            self.assertEqual([name for name in os.listdir(folder) if not name.endswith("~")], ["nftables.conf"])


class TestIptables(unittest.TestCase):
    SAVED = fixture("firewall", "rules_v4.bookworm.by_hand.txt")
    LOADED = fixture("firewall", "iptables_save.bookworm.by_hand.txt")
    MULTIPORT = blocker(backend="iptables-nft", family="ip", chain="guard", line=1,
                        text="-A guard -p tcp -m multiport --dports 20:25,8022 -j DROP")  # fmt: skip
    POLICY = blocker(backend="iptables-nft", family="ip", chain="INPUT", text="-P INPUT DROP")

    def tool(self):
        with replaced(host, which=lambda name: "/usr/sbin/" + name, run=said("iptables v1.8.9 (nf_tables)")):
            return change_iptables.Iptables(REQUEST, "iptables-nft", "ipv4")

    def opened(self, listed, obstacle):
        tool = self.tool()
        with replaced(host, run=said(listed)):
            return [step.words for step in tool.open(CLIENT, obstacle)]

    def test_the_rule_stands_right_before_the_one_that_blocks(self):
        self.assertEqual(
            self.opened(self.LOADED, self.MULTIPORT),
            ["/usr/sbin/iptables-nft -w -t filter -I guard 1 -s 10.77.1.1 -p tcp --dport 22 -m comment --comment"
             " 'rescue.remote_login 22/tcp from 10.77.1.1' -j ACCEPT"],
        )  # fmt: skip

    def test_before_a_policy_it_stands_last(self):
        self.assertIn("-t filter -A INPUT -s 10.77.1.1", self.opened(self.LOADED, self.POLICY)[0])

    def saved(self, obstacle, loaded):
        tool = self.tool()
        boot = replaced(tool, _loaded_at_boot=lambda _path: loaded)
        with folder_with({"rules.v4": self.SAVED}) as folder:
            path = os.path.join(folder, "rules.v4")
            with boot:
                return tool.save(CLIENT, [obstacle], path, os.rename)

    def test_one_line_goes_into_the_saved_file_and_nothing_else_changes(self):
        for loaded in (self.LOADED, None):
            (step,) = self.saved(self.MULTIPORT, loaded)
            added = [line for line in step.after.splitlines() if line not in self.SAVED.splitlines()]
            self.assertEqual(added, ['-A guard -s 10.77.1.1 -p tcp --dport 22 -m comment --comment'
                                     ' "rescue.remote_login 22/tcp from 10.77.1.1" -j ACCEPT'])  # fmt: skip
            self.assertEqual(step.after.replace(added[0] + "\n", ""), self.SAVED)
            lines = step.after.splitlines()
            self.assertIn("multiport", lines[lines.index(added[0]) + 1])

    def test_a_policy_is_met_at_the_end_of_its_chain(self):
        lines = self.saved(self.POLICY, None)[0].after.splitlines()
        place = next(number for number, line in enumerate(lines) if "rescue" in line)
        self.assertEqual(lines[place - 1], "-A INPUT -p tcp -j guard")

    def test_nothing_is_saved_for_what_the_boot_does_not_load(self):
        self.assertEqual(self.saved(dict(self.MULTIPORT, text="-A guard -j DROP"), self.LOADED), [])
        self.assertEqual(self.saved(dict(self.POLICY, chain="OUTPUT"), self.LOADED), [])

    def test_what_is_added_is_found_again(self):
        tool = self.tool()
        listed = self.LOADED.replace("-A guard -p tcp -m multiport", '-A guard -s 10.77.1.1/32 -p tcp -m tcp --dport 22'
                                     ' -m comment --comment "rescue.remote_login 22/tcp from 10.77.1.1" -j ACCEPT\n'
                                     "-A guard -p tcp -m multiport")  # fmt: skip
        with replaced(host, run=said(listed)):
            (step,) = tool.close(CLIENT)
            (behind,) = tool.behind_own(CLIENT)
        self.assertIn("-D guard 1", step.words)
        self.assertIn("rescue.remote_login 22/tcp from 10.77.1.1", step.undo)
        self.assertEqual(behind["text"], self.MULTIPORT["text"])


class TestUfw(unittest.TestCase):
    def tool(self, version, request=REQUEST):
        files = {
            "user.rules": fixture("firewall", "ufw_user_rules.bookworm.txt"),
            "user6.rules": fixture("firewall", "ufw_user6_rules.bookworm.txt"),
        }
        answers = replaced(host, run=said("ufw %s\n" % version))
        with folder_with(files) as folder, replaced(change_ufw, FOLDERS=(folder,)), answers:
            return change_ufw.Ufw(request)

    def test_the_rule_goes_first(self):
        (step,) = self.tool("0.36.2").add(CLIENT6)
        self.assertEqual(step.words, "ufw prepend allow proto tcp from fd77:1::1 to ::/0 port 22 comment"
                                     " 'rescue.remote_login 22/tcp from fd77:1::1'")  # fmt: skip

    def test_an_old_ufw_numbers_the_rules_of_both_families_in_one_row(self):
        (step,) = self.tool("0.35").add(CLIENT6)
        self.assertTrue(step.words.startswith("ufw insert 4 allow"), step.words)

    def test_the_operator_s_own_rule_is_moved_with_its_comment_and_not_taken_away_later(self):
        tool = self.tool("0.36.2")
        leave, come = tool.add(CLIENT)
        self.assertTrue(leave.words.startswith("ufw delete allow proto tcp from 10.77.1.1"), leave.words)
        self.assertEqual(leave.undo[:3], ["ufw", "insert", "2"])
        self.assertTrue(come.words.endswith("comment mine"), come.words)
        self.assertEqual(tool.close(CLIENT), [])

    def test_a_rule_for_the_runtime_alone_is_refused(self):
        with self.assertRaises(steps.CannotChange):
            self.tool("0.36.2", change.Request(22, "tcp", [CLIENT], permanent=False))


class TestFirewalld(unittest.TestCase):
    def test_the_rich_rule_is_the_narrowest(self):
        tool = change_firewalld.Firewalld.__new__(change_firewalld.Firewalld)
        tool.request, tool.version = REQUEST, (1, 3, 3)
        self.assertEqual(tool.rich_rule(CLIENT), 'rule priority="-32768" family="ipv4" source address="10.77.1.1"'
                                                 ' port port="22" protocol="tcp" accept')  # fmt: skip
        tool.version = (0, 6, 3)
        self.assertTrue(tool.rich_rule(CLIENT).startswith('rule family="ipv4" source'))

    def test_zones_and_what_is_bound_to_them(self):
        active = change_firewalld.parse_active(fixture("firewall", "firewall_cmd_get_active_zones.trixie.txt"))
        self.assertEqual(active["drop"], {"sources": ["10.77.0.0/16"], "interfaces": []})
        self.assertEqual(active["public"], {"sources": [], "interfaces": ["eth0"]})

    def test_rich_rules_are_found_in_their_zone(self):
        listed = change_firewalld.parse_listing(fixture("firewall", "firewall_cmd_list_all_zones.trixie.txt"))
        rule = 'rule family="ipv4" source address="10.77.0.0/16" service name="ssh" reject'
        self.assertEqual([zone for zone in listed if rule in listed[zone]], ["public"])

    def test_the_zone_is_read_from_the_chain_s_name(self):
        for chain, name in [
            ("filter_IN_public_allow", "public"),
            ("filter_IN_public", "public"),
            ("IN_work_deny", "work"),
            ("filter_IN_policy_blk_pre", "policy_blk"),
            ("filter_IN_my_zone_post", "my_zone"),
        ]:
            self.assertEqual(change_firewalld.ZONE_CHAIN.match(chain).group("name"), name)
        self.assertIsNone(change_firewalld.ZONE_CHAIN.match("filter_INPUT_POLICIES"))

    def zone_at_boot(self, permanent, default="public"):
        tool = change_firewalld.Firewalld.__new__(change_firewalld.Firewalld)
        tool.request = REQUEST
        answers = {("--permanent", "--list-all-zones"): permanent, ("--get-default-zone",): default}
        with replaced(tool, ask=lambda *words: answers[words]):
            return tool._zone_at_boot("trusted", CLIENT, {"packet": {"interface": "eth-of-nobody"}})

    def test_a_source_that_only_the_runtime_binds_is_in_another_zone_after_a_reboot(self):
        listed = "public (default)\n  interfaces: %s\n  sources:\n\ntrusted\n  interfaces:\n  sources: %s\n"
        self.assertEqual(self.zone_at_boot(listed % ("", ""), "home"), "home")
        self.assertEqual(self.zone_at_boot(listed % ("eth-of-nobody", ""), "home"), "public")
        self.assertEqual(self.zone_at_boot(listed % ("", "10.77.0.0/16")), "trusted")


class TestChange(unittest.TestCase):
    def test_one_rule_is_enough_for_each_base_chain(self):
        first, second = blocker(chain="services", path=["input", "services"]), blocker()
        other = blocker(table="other")
        self.assertEqual(change.first_in_each_chain([first, second, other]), [first, other])

    def test_the_worst_that_happens_in_a_network_counts_but_a_ban_of_one_of_it(self):
        ban = blocker(ban={"by": "fail2ban", "jail": "sshd"})
        banned = {"verdict": "drop", "blockers": [ban], "packet": {"source": "10.77.1.1"}}
        accepted = {"verdict": "accept", "blockers": [], "packet": {"source": "10.77.0.1"}}
        work = change.Change(REQUEST)
        self.assertEqual(change.worst([accepted, banned]), banned)
        self.assertEqual(change.worst(work._but_for_bans([accepted, banned]))["verdict"], "accept")
        self.assertIn("10.77.1.1", work.notes[0])
        self.assertEqual(work._but_for_bans([banned]), [banned])

    def test_a_ban_is_not_opened_around(self):
        work = change.Change(REQUEST)
        ban = blocker(ban={"by": "fail2ban", "jail": "sshd"})
        with self.assertRaises(steps.CannotChange) as caught:
            work._steps_to_open(CLIENT, {"verdict": "reject", "blockers": [ban]})
        self.assertIn("banned by fail2ban (sshd)", str(caught.exception))

    def test_what_cannot_be_judged_is_not_opened_by_guess(self):
        work = change.Change(REQUEST)
        with self.assertRaises(steps.CannotChange) as caught:
            work._steps_to_open(CLIENT, {"verdict": "unknown", "blockers": [], "rule": None, "reason": "bpf program"})
        self.assertIn("bpf program", str(caught.exception))

    def test_who_made_a_rule_changes_it(self):
        work = change.Change(REQUEST)
        ufw = [{"name": "ufw", "active": True, "enabled": True}]
        chain = {"backend": "iptables-nft", "family": "ip", "chain": "ufw-user-input", "line": 2}
        work.managers = {"in_charge": "ufw", "managers": ufw}
        self.assertEqual(work._owner(blocker(**chain)), ("ufw",))
        chain["chain"] = "INPUT"
        self.assertEqual(work._owner(blocker(**chain)), ("iptables", "iptables-nft", "ipv4"))
        chain["line"] = None
        self.assertEqual(work._owner(blocker(**chain)), ("ufw",))
        self.assertEqual(work._owner(blocker(table="firewalld")), ("firewalld",))
        self.assertEqual(work._owner(blocker()), ("nft",))


class TestBoot(unittest.TestCase):
    PACKET = {"protocol": "tcp", "source": "10.77.1.1", "destination": None, "port": 22, "interface": "eth0"}

    def test_of_ufw_s_chains_only_what_ufw_makes_is_there_after_a_reboot(self):
        listed = (
            "*filter\n:INPUT ACCEPT [0:0]\n:ufw-user-input - [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
            "-A INPUT -j ufw-user-input\n-A ufw-user-input -p tcp -m tcp --dport %d -j ACCEPT\nCOMMIT\n"
        )
        for port, policy, verdict in [(80, "DROP", "drop"), (80, "ACCEPT", "accept"), (22, "REJECT", "accept")]:
            world = boot.World()
            loaded = iptables.chains(listed % port, "iptables-nft", 4, world)
            found = boot.of_ufw(loaded, 'DEFAULT_INPUT_POLICY="%s"\n' % policy)
            self.assertEqual(gather.judge(found, world, self.PACKET)["verdict"], verdict)

    def test_everybody_is_not_let_in_at_boot_by_guess(self):
        with folder_with({"nftables.conf": ""}) as folder:
            path = os.path.join(folder, "nftables.conf")
            with replaced(change_nft, at_boot=lambda _path: None), self.assertRaises(steps.CannotChange):
                change_nft.Nft(REQUEST).save(EVERYBODY, [blocker(handle=4)], path, os.rename)


if __name__ == "__main__":
    unittest.main()
