# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import time
import unittest

from target_helpers import fixture, folder_with, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils import banners, host, system_log
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import (
    addresses,
    database,
    fail2ban,
    fail2ban_files,
    fail2ban_service,
    gather,
    ignore,
    iptables,
    managers,
    nft,
    others,
    packet_filter,
    routes,
    sshd_limits,
    unban,
)

IMAGES = ("bookworm", "trixie", "bullseye")
BANNED, OTHER = addresses.network("198.51.100.7"), addresses.network("198.51.100.99")
IN_NETWORK = addresses.network("203.0.113.77")


def told(name, image="trixie"):
    return fixture("bans", "%s.%s.txt" % (name, image))


def journal(image):
    return pairs(system_log.parse_journal(fixture("bans", "sshd_journal.%s.jsonl" % image)))


def pairs(entries):
    return [(entry["at"], entry["message"]) for entry in entries]


class Jails(unittest.TestCase):
    def test_the_jails_of_a_server(self):
        for image in IMAGES:
            self.assertEqual(fail2ban.parse_status(told("status", image)), ["nginx-http-auth", "recidive", "sshd"])

    def test_bans_with_their_times(self):
        for image in IMAGES:
            entries = fail2ban.parse_bans(told("banip_sshd", image))
            self.assertEqual(
                [address for address, _timed in entries], ["198.51.100.7", "203.0.113.0/24", "2001:db8::7"]
            )
            with_times = fail2ban.times(entries[0][1])
            self.assertEqual(with_times["permanent"], False)
            self.assertTrue(with_times["since"] < with_times["until"])

    def test_a_ban_for_ever_has_no_end(self):
        entries = fail2ban.parse_bans(told("banip_recidive"))
        shown = fail2ban.times(entries[1][1])
        self.assertEqual((entries[1][0], shown["until"], shown["permanent"]), ("198.51.100.8", None, True))

    def test_an_old_client_knows_the_addresses_only(self):
        for image in ("bookworm", "bullseye"):
            wanted = ["198.51.100.7", "203.0.113.0/24", "2001:db8::7"]
            self.assertEqual(fail2ban.parse_jail_status(told("status_sshd", image)), wanted)
        self.assertEqual(fail2ban.parse_jail_status("   `- IP list:\t192.0.2.1 "), ["192.0.2.1"])
        self.assertEqual(fail2ban.times(None), {"since": None, "until": None, "permanent": None})

    def test_the_bans_that_hold_a_client(self):
        entries = fail2ban.parse_bans(told("banip_sshd"))
        clients = [("198.51.100.7", BANNED), ("203.0.113.77", IN_NETWORK), ("198.51.100.99", OTHER)]
        clients.append(("2001:db8::7", addresses.network("2001:DB8::0007")))
        found = [(ban["client"], ban["address"], ban["network"]) for ban in fail2ban.bans_of(entries, clients)]
        self.assertEqual(found[0], ("198.51.100.7", "198.51.100.7", False))
        self.assertEqual(found[1], ("203.0.113.77", "203.0.113.0/24", True))
        self.assertEqual(found[2], ("2001:db8::7", "2001:db8::7", False))
        self.assertEqual(len(found), 3)

    def test_a_hundred_thousand_bans_are_soon_looked_through(self):
        line = "10.%d.%d.%d \t2026-11-21 04:07:43 + 3600 = 2026-11-21 05:07:43"
        text = "\n".join(line % (n >> 16, n >> 8 & 255, n & 255) for n in range(100000))
        started = time.time()
        entries = fail2ban.parse_bans(text)
        found = fail2ban.bans_of(entries, [("10.1.0.7", addresses.network("10.1.0.7"))])
        self.assertEqual((len(entries), len(found)), (100000, 1))
        self.assertLess(time.time() - started, 10)

    def test_what_a_jail_reads(self):
        self.assertEqual(fail2ban.parse_logpath(told("logpath")), ["journal"])
        self.assertEqual(fail2ban.parse_logpath(told("logpath", "bullseye")), ["/var/log/auth.log"])

    def test_the_actions_of_a_jail(self):
        self.assertEqual(fail2ban.parse_actions(told("actions")), ["nftables"])

    def test_a_failure_is_told_without_the_prefix_of_the_log(self):
        result = host.Result(255, "", told("unknown_jail"), None)
        self.assertEqual(fail2ban.said(result), "Sorry but the jail 'nojail' does not exist")


class Patience(unittest.TestCase):
    def answers(self, listed, short):
        def run(argv, **_options):
            if argv[1] == "status":
                return host.Result(0, told("status"), "", None)
            if "banip" in argv:
                return listed
            return short if argv[1] == "banned" else host.Result(0, "", "", None)

        login = {"port": 22, "addresses": [], "clients": ["198.51.100.7"]}
        with replaced(host, run=run):
            return fail2ban.look(login, [("198.51.100.7", BANNED)])

    def test_where_the_list_does_not_come_the_server_is_asked_about_the_client(self):
        late = host.Result(None, "", "", "fail2ban-client did not answer within 12 s")
        short = host.Result(0, "[['sshd', 'recidive']]", "", None)
        _jails, own, reasons, sure = self.answers(late, short)
        self.assertEqual([(ban["jail"], ban["since"]) for ban in own], [("recidive", None), ("sshd", None)])
        self.assertTrue(reasons)
        self.assertTrue(sure)

    def test_a_server_that_says_nothing_leaves_it_open(self):
        late = host.Result(None, "", "", "fail2ban-client did not answer within 12 s")
        _jails, own, _reasons, sure = self.answers(late, late)
        self.assertEqual((own, sure), ([], False))


class Actions(unittest.TestCase):
    def test_what_an_action_bans_with(self):
        for command, kind in (
            ("nft add element inet f2b-table <addr_set> \\{ <ip> \\}", "nftables"),
            ("<iptables> -I f2b-sshd 1 -s <ip> -j <blocktype>", "iptables"),
            ("ipset -exist add f2b-sshd <ip> timeout 0", "ipset"),
            ("ufw prepend reject from <ip> to any", "ufw"),
            ("firewall-cmd --add-rich-rule=\"rule\"", "firewalld"),
            ("printf %b \"<daemon_list>: <ip_value>\\n\" >> <file>", "hosts_deny"),
            ("ip route add unreachable <ip>", "route"),
            ("printf 'Subject: banned' | sendmail root", "other"),
        ):  # fmt: skip
            self.assertEqual(fail2ban.kind_of(command), kind, command)

    def test_ports(self):
        for ports, covered in (
            ("ssh", True), ("22", True), ("http,https", False), ("0:65535", True), ("2222,20:30", True), ("all", True),
            ("http https 22", True), ("nosuchservice", None), ("nosuchservice,ssh", True), (None, None),
        ):  # fmt: skip
            self.assertEqual(fail2ban.covers(ports, 22), covered, ports)

    def test_an_action_for_all_ports_names_none(self):
        self.assertTrue(fail2ban.names_a_port("iptables -I INPUT -p tcp -m multiport --dports ssh -j f2b-sshd"))
        self.assertFalse(fail2ban.names_a_port("iptables -I INPUT -p tcp -j f2b-recidive"))


class Service(unittest.TestCase):
    def test_the_reason_of_the_last_start(self):
        words = "Failed during configuration: Have not found any log file for nginx-http-auth jail"
        for image in ("bookworm", "trixie"):
            self.assertEqual(fail2ban_service.complaint(told("journal_no_log", image)), words)
        for image in IMAGES:
            self.assertEqual(fail2ban_service.complaint(told("test_no_log", image)), words)

    def test_a_failure_before_the_last_start_is_history(self):
        text = told("journal_no_log") + "Started fail2ban.service - Fail2Ban Service.\nServer ready\n"
        self.assertIsNone(fail2ban_service.complaint(text))

    def test_a_server_that_was_not_started_has_no_complaint(self):
        self.assertIsNone(fail2ban_service.complaint(told("ping_stopped")))


class Nft(unittest.TestCase):
    def setUp(self):
        self.listed, error = nft.parse(told("nft_ruleset"))
        self.assertIsNone(error)

    def sets(self, wanted, answers, port=22):
        def run(argv, **_options):
            return host.Result(0, answers, "", None) if argv[5] == "addr-set-sshd" else host.Result(1, "", "no", None)

        with replaced(host, run=run):
            return nft._in_sets(self.listed, wanted, port)[0]

    def test_an_element_of_a_banner_s_set(self):
        (entry,) = self.sets(BANNED, told("nft_get_element"))
        self.assertEqual((entry["by"], entry["jail"], entry["covers_login"]), ("fail2ban", "sshd", True))
        place = ["nft", "delete", "element", "inet", "f2b-table", "addr-set-sshd"]
        self.assertEqual(entry["remove"], place + ["{", "198.51.100.7", "}"])

    def test_another_port_is_not_covered(self):
        (entry,) = self.sets(BANNED, told("nft_get_element"), port=2222)
        self.assertFalse(entry["covers_login"])

    def test_networks_and_ranges_in_a_set(self):
        text = "set s {\n elements = { %s }\n}"
        for element in ("198.51.100.0/24", "198.51.100.1-198.51.100.9"):
            self.assertEqual(nft.elements(text % (element + " timeout 1h expires 59m"), BANNED), [element])

    def test_rules_in_a_banner_s_chain(self):
        found = nft.in_rules(self.listed, BANNED, 22)
        self.assertEqual([entry["chain"] for entry in found], ["f2b-nginx-http-auth"])
        self.assertIsNone(found[0]["covers_login"])  # only iptables can read the ports of its multiport
        self.assertEqual(nft.in_rules(self.listed, OTHER, 80), [])

    def test_an_old_nft_does_not_tell_what_is_iptables_own(self):
        rule = {"family": "ip", "table": "t", "chain": "c", "expr": [{"xt": None}, {"jump": {"target": "f2b-x"}}]}
        chain = {"family": "ip", "table": "t", "name": "c", "hook": "input"}
        listed = [("chain", chain), ("rule", rule)]
        self.assertIsNone(nft._covers(dict(rule, chain="f2b-x", expr=[]), 22, listed))

    def test_a_rule_with_several_addresses_is_shared(self):
        match = {"left": {"payload": {"protocol": "ip", "field": "saddr"}}, "op": "=="}
        rule = {"family": "inet", "table": "t", "chain": "f2b-x", "handle": 7, "expr": [{"match": match}]}
        for values, shared in ((["198.51.100.7"], False), (["198.51.100.7", "192.0.2.1"], True)):
            match["right"] = {"set": values}
            (entry,) = nft.in_rules([("rule", rule)], BANNED, 22)
            self.assertEqual(entry["shared"], shared)

    def test_what_is_no_json_is_a_reason(self):
        for text in ("", "{", "[]", '{"nftables": 5}', '{"nftables": [5]}'):
            self.assertEqual(nft.parse(text)[0], [])
            self.assertTrue(nft.parse(text)[1], text)


class Iptables(unittest.TestCase):
    def entries(self, wanted, image="bullseye", port=22):
        return iptables.in_rules(iptables.parse(told("iptables_save", image)), wanted, port, "iptables-nft", "ip")

    def test_rules_in_banners_chains_with_the_ports_of_the_jumps(self):
        found = {entry["chain"]: entry["covers_login"] for entry in self.entries(BANNED)}
        self.assertEqual(found, {"f2b-sshd": True, "f2b-nginx-http-auth": False, "f2b-recidive": True})
        self.assertEqual(self.entries(OTHER), [])

    def test_a_network_in_a_chain(self):
        (entry,) = self.entries(IN_NETWORK)
        self.assertEqual((entry["element"], entry["jail"]), ("203.0.113.0/24", "sshd"))

    def test_what_takes_a_rule_out_again(self):
        (entry,) = [entry for entry in self.entries(BANNED) if entry["chain"] == "f2b-sshd"]
        wanted = (
            "iptables-nft -w -t filter -D f2b-sshd -s 198.51.100.7/32 -j REJECT --reject-with icmp-port-unreachable"
        )
        self.assertEqual(" ".join(entry["remove"]), wanted)

    def test_a_negated_source_is_nobody_s_ban(self):
        rules = iptables.parse("*filter\n-A f2b-x ! -s 192.0.2.1/32 -j DROP\nCOMMIT\n")
        self.assertEqual(iptables.in_rules(rules, BANNED, 22, "iptables", "ip"), [])

    def test_a_chain_that_nothing_jumps_to_covers_nothing(self):
        rules = iptables.parse("*filter\n-A f2b-x -s 198.51.100.7/32 -j DROP\n-A f2b-y -j f2b-y\nCOMMIT\n")
        self.assertFalse(iptables.in_rules(rules, BANNED, 22, "iptables", "ip")[0]["covers_login"])
        self.assertFalse(iptables.chain_covers(rules, "filter", "f2b-y", 22))

    def test_elements_of_an_ipset(self):
        saved = told("ipset_save")
        self.assertEqual(iptables.parse_elements(saved, BANNED), ["198.51.100.7"])
        self.assertEqual(iptables.parse_elements(saved, IN_NETWORK), ["203.0.113.0/24"])
        self.assertEqual(iptables.parse_elements(saved, OTHER), [])

    def test_whose_a_name_is(self):
        for name, by, jail in (
            ("f2b-sshd", "fail2ban", "sshd"),
            ("addr6-set-sshd", "fail2ban", "sshd"),
            ("fail2ban-SSH", "fail2ban", "SSH"),
            ("crowdsec-blacklists", "crowdsec", None),
            ("CROWDSEC_CHAIN", "crowdsec", None),
            ("sshguard4", "sshguard", None),
        ):
            self.assertEqual(banners.owner(name), {"by": by, "jail": jail})
        self.assertEqual(banners.owner("attackers", "sshguard"), {"by": "sshguard", "jail": None})
        for name in ("INPUT", "bans", "my-f2b-", "ufw-user-input", None):
            self.assertIsNone(banners.owner(name))


class Managers(unittest.TestCase):
    def ufw(self, wanted, port=22):
        rules = managers.parse_ufw(told("ufw_user_rules", "bookworm"))
        self.assertEqual(len(rules), 4)
        found = [managers._ufw_entry(rule, "ip", "user.rules", wanted, port) for rule in rules]
        return [entry for entry in found if entry]

    def test_a_comment_tells_whose_a_rule_of_ufw_is(self):
        (entry,) = self.ufw(BANNED)
        self.assertEqual((entry["jail"], entry["covers_login"]), ("sshd", True))
        self.assertEqual(" ".join(entry["remove"]), "ufw delete reject from 198.51.100.7 to any")

    def test_a_rule_for_a_network_is_an_administrator_s(self):
        self.assertEqual(self.ufw(IN_NETWORK), [])

    def test_without_a_comment_it_is_an_administrator_s(self):
        self.assertEqual(self.ufw(addresses.network("203.0.113.5")), [])

    def test_rich_rules_by_zone(self):
        found = managers.parse_zones(told("zones", "bookworm"))
        self.assertEqual([zone for zone, _rule in found], ["public", "public"])
        self.assertTrue(all(rule.startswith("rule family=") for _zone, rule in found))
        ports = {managers._rich_covers(rule, 22) for _zone, rule in found}
        self.assertEqual(ports, {True})


class Routes(unittest.TestCase):
    def test_networks_that_lead_nowhere(self):
        found = [addresses.text(network) for network in routes.parse_ipv4(told("proc_net_route"))]
        self.assertEqual(found, ["198.51.100.7", "203.0.113.0/24"])
        found = [addresses.text(network) for network in routes.parse_ipv6(told("proc_net_ipv6_route"))]
        self.assertIn("2001:db8::7", found)
        self.assertNotIn("::1", found)


class Limits(unittest.TestCase):
    def test_why_a_connection_was_dropped(self):
        lines_since_9_8 = journal("trixie")
        reasons = [drop["reason"] for drop in sshd_limits.drops_in(lines_since_9_8)]
        penalty = "penalty: connections without attempting authentication"
        self.assertEqual(reasons, ["Maxstartups"] * 3 + [penalty] * 2)
        before = pairs(system_log.parse_syslog(fixture("bans", "auth_log.bullseye.txt")))
        self.assertEqual({drop["reason"] for drop in sshd_limits.drops_in(before)}, {"past MaxStartups"})
        reasons = {drop["reason"] for drop in sshd_limits.drops_in(journal("bookworm"))}
        self.assertEqual(reasons, {"past MaxStartups"})

    def test_a_penalty_that_still_runs(self):
        found = journal("trixie")
        given_at = next(when for when, message in found if "active penalty" in message)
        client = [("127.0.0.1", addresses.network("127.0.0.1"))]
        self.assertEqual(sshd_limits._given(found, client, given_at + 5)[0]["network"], "127.0.0.1/32")
        self.assertEqual(sshd_limits._given(found, client, given_at + 11), [])
        self.assertEqual(sshd_limits._given(found, [("192.0.2.1", OTHER)], given_at + 5), [])

    def test_the_title_of_the_daemon(self):
        for image in IMAGES:
            match = sshd_limits.TITLE.match(told("title", image).strip())
            self.assertEqual(match.groupdict(), {"current": "2", "begin": "2", "full": "2"})

    def test_a_stranger_s_words_are_no_drop(self):
        text = "Invalid user drop connection #1 from [192.0.2.1]:1 on [192.0.2.2]:22 penalty: x from 192.0.2.9 port 1"
        self.assertEqual(sshd_limits.drops_in([(0.0, text)]), [])

    def test_a_program_that_is_linked_with_libwrap(self):
        self.assertTrue(sshd_limits.USES_LIBWRAP.search("x\0libwrap.so.0\0libc.so.6"))
        self.assertFalse(sshd_limits.USES_LIBWRAP.search("about libwrap.so.0"))


class Others(unittest.TestCase):
    def test_decisions_of_crowdsec(self):
        decision = {"type": "ban", "value": "198.51.100.0/24", "scenario": "ssh-bf", "id": 7, "until": "2026"}
        captcha = dict(decision, type="captcha")
        for listed in ([{"decisions": [decision, captcha, 5]}], [decision], [{"decisions": None}, decision]):
            (ban,) = others.parse_decisions(json.dumps(listed), "198.51.100.7")
            self.assertEqual((ban["by"], ban["address"], ban["reason"]), ("crowdsec", "198.51.100.0/24", "ssh-bf"))
        for text in ("null", "", "No active decisions", "[]", "{}", "[5]", '[{"type": "ban"}]'):
            self.assertEqual(others.parse_decisions(text, "198.51.100.7"), [])

    def test_lines_of_denyhosts_bear_its_remark(self):
        text = "sshd: 192.0.2.1\n# DenyHosts: Sat Nov 21 04:00:00 2026 | sshd: 198.51.100.7\nsshd: 198.51.100.7\n"
        self.assertEqual(others.denyhosts_lines(text.splitlines()), [(3, "198.51.100.7")])


class Database(unittest.TestCase):
    def setUp(self):
        if database.sqlite3 is None:
            self.skipTest("no sqlite3")

    def test_the_bans_in_force_come_back(self):
        clients = [("198.51.100.7", BANNED)]
        now = int(time.time())
        with folder_with({"empty": ""}) as root:
            path = root + "/fail2ban.sqlite3"
            made = database.sqlite3.connect(path)
            made.execute("CREATE TABLE bips(ip TEXT, jail TEXT, timeofban INTEGER, bantime INTEGER)")
            made.execute("CREATE TABLE bans(jail TEXT, ip TEXT, timeofban INTEGER, data JSON)")
            rows = [("198.51.100.7", "sshd", now - 10, 600), ("198.51.100.7", "old", now - 1000, 600)]
            rows += [("198.51.100.0/24", "net", now, -1), ("192.0.2.1", "sshd", now, 600)]
            made.executemany("INSERT INTO bips VALUES (?, ?, ?, ?)", rows)
            made.execute("INSERT INTO bans VALUES ('old', '198.51.100.7', 1, '{}')")
            made.commit()
            made.close()
            found, error = database.bans_of(clients, path)
            self.assertEqual(([ban["jail"] for ban in found], error), (["net", "sshd"], None))
            self.assertTrue(database.has_banned("198.51.100.7", path))
            self.assertFalse(database.has_banned("192.0.2.1", path))
            self.assertIsNone(database.forget("sshd", "198.51.100.7", path))
            self.assertEqual([ban["jail"] for ban in database.bans_of(clients, path)[0]], ["net"])

    def test_a_database_that_cannot_be_read_is_a_reason(self):
        with folder_with({"broken": "this is no database, but text that is long enough to be looked at" * 20}) as root:
            self.assertTrue(database.bans_of([], root + "/broken")[1])
            self.assertTrue(database.bans_of([], root + "/none")[1])


class Files(unittest.TestCase):
    def test_the_files_say_of_an_action_what_the_server_says(self):
        for image, kind in (("trixie", "nftables"), ("bullseye", "iptables")):
            found = fail2ban_files.actions(fail2ban_files.parse(told("dump", image)), 22)
            (action,) = found["sshd"]
            self.assertEqual((action["kind"], action["ports"], action["covers_login"]), (kind, "ssh", True))
            self.assertEqual(found["nginx-http-auth"][0]["covers_login"], False)
            self.assertEqual((found["recidive"][0]["ports"], found["recidive"][0]["covers_login"]), ("all", True))

    def test_nothing_but_plain_values_is_taken(self):
        lines = ["['add', 'sshd'", "['add', __import__('os').getpid()]", "{}", "", "['add', 'sshd', 'auto']"]
        self.assertEqual(fail2ban_files.parse("\n".join(lines)), [["add", "sshd", "auto"]])


class Ignored(unittest.TestCase):
    def test_what_the_jails_ignore_by_the_configuration(self):
        for image in ("trixie", "bullseye"):
            found = fail2ban_files.ignored(fail2ban_files.parse(told("dump", image)))
            self.assertEqual(found["sshd"], ["192.0.2.0/24", "fe80::1"])
            self.assertEqual(found["nginx-http-auth"], ["198.51.100.9"])

    def test_a_drop_in_is_read_as_it_was_written(self):
        listed = {"sshd": ["198.51.100.7", "2001:db8::7"], "recidive": ["198.51.100.7"]}
        text = ignore.drop_in(listed)
        self.assertIn("ignoreip = %(known/ignoreip)s 198.51.100.7", text)
        self.assertEqual(ignore.parse_drop_in(text), listed)

    def test_what_is_ignored_already(self):
        self.assertTrue(ignore.is_in(IN_NETWORK, ["localhost", "203.0.113.0/24"]))
        self.assertFalse(ignore.is_in(IN_NETWORK, ["localhost", "203.0.113.1"]))


class Together(unittest.TestCase):
    def evidence(self, **more):
        ban = {"by": "fail2ban", "jail": "sshd", "client": "198.51.100.7", "address": "198.51.100.7", "network": False}
        ban.update(kinds=["iptables"], covers_login=True, route=False)
        entry = packet_filter.entry("iptables", "ip", "filter", by="fail2ban", jail="sshd", element="198.51.100.7")
        entry.update(client="198.51.100.7", covers_login=True)
        found = {"client": "198.51.100.7", "client_bans": [ban], "filter_entries": [entry], "routes": []}
        found["wrappers"] = {"program": None, "verdict": None, "ban": None}
        found.update(more)
        gather.judge(found)
        return found

    def test_a_ban_that_is_carried_out_is_in_force(self):
        found = self.evidence()
        self.assertEqual((len(found["in_force"]), found["left_behind"]), (1, []))

    def test_a_ban_that_is_only_listed_is_not(self):
        self.assertEqual(self.evidence(filter_entries=[])["in_force"], [])

    def test_an_entry_that_nobody_knows_of_was_left_behind(self):
        self.assertEqual(len(self.evidence(client_bans=[])["left_behind"]), 1)

    def test_an_entry_of_another_jail_was_left_behind(self):
        entry = packet_filter.entry("ipset", "ip", None, by="fail2ban", jail="other", element="198.51.100.7")
        entry.update(client="198.51.100.7", covers_login=True)
        found = self.evidence(filter_entries=[entry])
        self.assertEqual((found["in_force"], len(found["left_behind"])), ([], 1))

    def test_a_set_for_ipv6_has_a_6_behind_the_name(self):
        self.assertEqual(gather.jail_names("sshd6"), ("sshd6", "sshd"))
        self.assertEqual(gather.jail_names("sshd"), ("sshd",))

    def test_a_ban_of_another_client_is_not_this_one_s(self):
        self.assertEqual(self.evidence(client="192.0.2.1")["in_force"], [])


class Asked(unittest.TestCase):
    def test_an_address_of_a_person_is_checked(self):
        for text in ("22", "host", "192.0.2.1; reboot", "", "0.0.0.0/0", "::/0", "192.0.2.1/33"):
            self.assertRaises(unban.CannotUnban, unban.checked_address, text)
        self.assertEqual(unban.checked_address("198.51.100.7"), BANNED)

    def test_a_name_of_a_jail_is_checked(self):
        for name in ("a b", "a;b", "$(x)", "-x", "", "a\nb", "[sshd]", "x" * 100, "sshd\n"):
            self.assertIsNone(unban.JAIL.match(name), name)
        for name in ("sshd", "nginx-http-auth", "my.jail_2"):
            self.assertTrue(unban.JAIL.match(name))

    def test_what_holds_others_too_is_told(self):
        found = {"bans": [], "returning": [], "entries": [{"element": "198.51.100.0/24", "shared": False}]}
        self.assertEqual(unban.held_by_networks(found, BANNED), ["198.51.100.0/24"])
        listed = {"address": "198.51.100.0/24", "kinds": ["nftables"]}
        self.assertEqual(unban.held_by_networks(dict(found, bans=[listed], entries=[]), BANNED), [])
        single = {"element": "198.51.100.7", "shared": False}
        self.assertEqual(unban.held_by_networks(dict(found, entries=[single]), BANNED), [])


if __name__ == "__main__":
    unittest.main()
