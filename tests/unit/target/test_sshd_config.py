# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import unittest

from target_helpers import fixture, fixture_json, folder_with

from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import config

IMAGES = ("bookworm", "trixie", "bullseye")
SAID = {
    image: {entry["mistake"]: entry for entry in fixture_json("sshd", "sshd_t.%s.json" % image)} for image in IMAGES
}
# Mistakes that are no mistake of the configuration: (valid, keys_usable).
NOT_THE_CONFIGURATION = {
    "valid": (True, True),
    "deprecated_only": (True, True),
    "unsupported_only": (True, True),
    "host_certificate_missing": (True, True),
    "revoked_keys_missing": (True, True),
    "trusted_ca_missing": (True, True),
    "chroot_relative": (True, True),
    "config_is_folder": (True, True),
    "keys_missing": (True, False),
    "keys_open": (True, False),
    "keys_empty": (True, False),
    "keys_garbage": (True, False),
    "host_key_path_missing": (True, False),
    "keys_missing_and_deprecated": (True, False),
    "one_key_open": (True, True),
    "one_key_missing": (True, True),
    "directory_missing": (True, True),
    "directory_writable": (True, True),
    "directory_not_root": (True, True),
    "directory_missing_and_keys_open": (True, True),
    "user_missing": (True, None),
    "library_missing": (None, None),
    "option_unknown": (None, None),
    "option_p_bad": (None, None),
    "option_o_unknown": (None, None),
    "option_o_no_value": (None, None),
}
# What differs between versions is judged by its exit status alone.
DIFFERS = ("subsystem_twice", "user_missing_and_keys_missing")
# sshd names no line for these.
WITHOUT_LINE = ("address_unresolvable", "address_garbage", "authorized_keys_command_no_user", "auth_methods_disabled")
WITHOUT_LINE += ("config_missing", "option_o_unknown", "option_o_no_value", "option_f_missing", "option_p_bad")


def judged(image, mistake):
    said = SAID[image][mistake]
    return config.judge_test(said["rc"], said["stderr"])


def directive(line, keyword, *arguments):
    text = " ".join((keyword,) + arguments)
    return {
        "file": "/f",
        "line": line,
        "keyword": keyword.lower(),
        "arguments": list(arguments),
        "text": text,
        "match": None,
    }


class Judge(unittest.TestCase):
    def test_what_is_no_mistake_of_the_configuration_is_not_put_down_to_it(self):
        for image in IMAGES:
            for mistake, wanted in NOT_THE_CONFIGURATION.items():
                verdict = judged(image, mistake)
                self.assertEqual((verdict["valid"], verdict["keys_usable"]), wanted, (image, mistake))

    def test_every_mistake_of_the_configuration_is_told_with_its_line(self):
        for image in IMAGES:
            for mistake in set(SAID[image]) - set(NOT_THE_CONFIGURATION) - set(DIFFERS):
                verdict = judged(image, mistake)
                self.assertIs(verdict["valid"], False, (image, mistake))
                lines = [error["line"] for error in verdict["errors"]]
                self.assertEqual(any(lines), mistake not in WITHOUT_LINE, (image, mistake, lines))

    def test_the_first_complaint_has_the_line_where_any_has_one(self):
        for image in IMAGES:
            for mistake in ("kex_unknown", "auth_methods_bad", "match_unknown", "match_incomplete"):
                first = judged(image, mistake)["errors"][0]
                self.assertIsNotNone(first["line"], (image, mistake, first))

    def test_file_line_and_message_are_taken_apart(self):
        errors = judged("bookworm", "unknown_keyword")["errors"]
        wanted = {"file": "/etc/ssh/sshd_config", "line": 123, "message": "Bad configuration option: PermitRootLogni"}
        self.assertEqual(errors, [wanted])
        (error,) = judged("bullseye", "dropin_wrong")["errors"]
        self.assertEqual((error["file"], error["line"]), ("/etc/ssh/sshd_config.d/50-own.conf", 1))

    def test_two_mistakes_are_told_in_order(self):
        lines = [error["line"] for error in judged("trixie", "two_mistakes")["errors"]]
        self.assertEqual(lines, [125, 126])

    def test_a_missing_file_is_named(self):
        (error,) = judged("bookworm", "option_f_missing")["errors"]
        self.assertEqual((error["file"], error["message"]), ("/etc/ssh/none", "No such file or directory"))

    def test_a_binary_that_cannot_start_says_why_and_blames_no_line(self):
        for image in IMAGES:
            verdict = judged(image, "library_missing")
            self.assertTrue(verdict["broken_binary"])
            self.assertIn("error while loading shared libraries", verdict["reason"])
        self.assertIn("signal 11", config.judge_test(-11, "")["reason"])

    def test_a_wrong_option_of_the_unit_is_not_a_wrong_line_of_the_file(self):
        verdict = judged("bookworm", "option_unknown")
        self.assertTrue(verdict["bad_options"])
        self.assertEqual(verdict["reason"], "unknown option -- Z")

    def test_a_warning_is_not_blamed_for_the_mistake_below_it(self):
        for warning in ("unsupported_only", "deprecated_only"):
            said = SAID["bookworm"][warning]["stderr"] + SAID["bookworm"]["two_mistakes"]["stderr"]
            first = config.judge_test(255, said)["errors"][0]
            self.assertEqual(first["message"], "Bad configuration option: Prot", warning)

    def test_a_refusal_without_words_still_has_a_reason(self):
        self.assertEqual(config.judge_test(255, "")["errors"][0]["message"], "sshd gives no reason")


class Locate(unittest.TestCase):
    def locate(self, message, *directives):
        return config.locate({"file": None, "line": None, "message": message}, list(directives))

    def test_an_address_without_a_line_is_found_in_the_files(self):
        found = self.locate(
            judged("bookworm", "address_unresolvable")["errors"][0]["message"],
            directive(3, "Port", "22"),
            directive(7, "ListenAddress", "no.such.host.invalid"),
        )
        self.assertEqual((found["file"], found["line"]), ("/f", 7))
        self.assertEqual(found["directive"], "ListenAddress no.such.host.invalid")

    def test_a_keyword_without_a_line_is_found_in_the_files(self):
        message = judged("bookworm", "authorized_keys_command_no_user")["errors"][0]["message"]
        found = self.locate(message, directive(3, "UsePAM", "yes"), directive(9, "AuthorizedKeysCommand", "/bin/true"))
        self.assertEqual(found["line"], 9)

    def test_where_two_lines_could_be_meant_none_is_blamed(self):
        found = self.locate("bad addr or host: x", directive(1, "ListenAddress", "x"), directive(2, "Banner", "x"))
        self.assertEqual((found["line"], found["directive"]), (None, None))

    def test_a_mistake_of_the_command_line_blames_no_line_of_the_file(self):
        for mistake in ("option_p_bad", "option_o_no_value"):
            self.assertTrue(judged("bookworm", mistake)["bad_options"], mistake)

    def test_a_line_that_is_known_gets_its_text(self):
        error = {"file": "/f", "line": 3, "message": "Bad configuration option: Prot"}
        self.assertEqual(config.locate(error, [directive(3, "Prot", "22")])["directive"], "Prot 22")
        self.assertIsNone(config.locate(error, [])["directive"])


class Lines(unittest.TestCase):
    def test_only_a_newline_ends_a_line(self):
        with folder_with({"main": "# form\x0cfeed \x1c\nPort 2222\r\nUsePAM no\x0c\n"}) as root:
            found, _files = config.directives(os.path.join(root, "main"))
        told = [(entry["line"], entry["keyword"], entry["arguments"]) for entry in found]
        self.assertEqual(told, [(2, "port", ["2222"]), (3, "usepam", ["no"])])

    def test_lines_are_taken_apart_as_sshd_does(self):
        cases = [
            ("Port 22", ("port", ["22"])),
            ("  Port\t22  ", ("port", ["22"])),
            ("Port=22", ("port", ["22"])),
            ("Port = 22", ("port", ["22"])),
            ('Banner "/etc/my banner"', ("banner", ["/etc/my banner"])),
            ("AllowUsers a b # and c", ("allowusers", ["a", "b"])),
            ('Banner "#5"', ("banner", ["#5"])),
            ("SetEnv A=1", ("setenv", ["A=1"])),
            ("UsePAM", ("usepam", [])),
            ("# Port 22", (None, [])),
            ("   ", (None, [])),
            ("=", (None, [])),
        ]
        for line, wanted in cases:
            self.assertEqual(config.split_line(line), wanted, line)


class Directives(unittest.TestCase):
    def walk(self, **files):
        with folder_with({name.replace("_", "."): text for name, text in files.items()}) as root:
            for name in os.listdir(root):
                path = os.path.join(root, name)
                with open(path) as handle:
                    text = handle.read().replace("ROOT", root)
                with open(path, "w") as handle:
                    handle.write(text)
            found, read = config.directives(os.path.join(root, "main"))
            return found, [os.path.basename(path) for path in read]

    def test_an_included_file_counts_where_it_is_included(self):
        found, read = self.walk(main="Port 1\nInclude ROOT/*.conf\nPort 4", b_conf="Port 3", a_conf="Port 2")
        self.assertEqual(
            [entry["arguments"] for entry in found if entry["keyword"] == "port"], [["1"], ["2"], ["3"], ["4"]]
        )
        self.assertEqual(read, ["main", "a.conf", "b.conf"])
        self.assertEqual([entry["line"] for entry in found if entry["keyword"] == "port"], [1, 1, 1, 3])

    def test_a_match_block_ends_with_its_file_and_with_match_all(self):
        found, _read = self.walk(main="Include ROOT/x.conf\nPort 2\nMatch User a\nUsePAM no\nMatch all\nPort 3",
                                 x_conf="Match User b\nPort 1")  # fmt: skip
        matches = [entry["match"] for entry in found if entry["keyword"] in ("port", "usepam")]
        self.assertEqual(matches, ["User b", None, "User a", None])

    def test_a_file_included_inside_a_match_block_is_inside_it(self):
        found, _read = self.walk(main="Match User a\nInclude ROOT/x.conf", x_conf="UsePAM no")
        self.assertEqual([entry["match"] for entry in found if entry["keyword"] == "usepam"], ["User a"])

    def test_files_that_include_each_other_come_to_an_end(self):
        _found, read = self.walk(main="Include ROOT/x.conf ROOT/x.conf", x_conf="Include ROOT/main ROOT/main")
        self.assertLessEqual(len(read), config.FILES_LIMIT)

    def test_the_folders_from_which_files_are_included(self):
        with folder_with({"a.d/x.conf": "Port 1\n", "main": ""}) as root:
            found = [{"keyword": "include", "arguments": [os.path.join(root, "a.d/*.conf"), root + "/gone/*/y"]}]
            found.append({"keyword": "port", "arguments": ["/proc/x"]})
            self.assertEqual(config.folders(found), [os.path.join(root, "a.d"), root])
            self.assertEqual(config.folders([{"keyword": "include", "arguments": ["/none/x"]}]), ["/"])

    def test_a_missing_file_has_no_directives(self):
        self.assertEqual(config.directives("/none"), ([], ["/none"]))


class Listen(unittest.TestCase):
    def test_what_sshd_prints_is_where_it_listens(self):
        for image in IMAGES:
            values = config.parse_effective(fixture("sshd", "sshd_T.%s.default.txt" % image))
            places = sorted((entry["address"], entry["port"]) for entry in config.listen_entries(values))
            self.assertEqual(places, [("0.0.0.0", 22), ("::", 22)])
            self.assertEqual(values["permitrootlogin"], "without-password")
            self.assertEqual(len(values["hostkey"]), 3)

    def test_every_port_and_address_that_sshd_prints_counts(self):
        wanted = [("127.0.0.1", 22), ("127.0.0.1", 2222), ("::1", 2022)]
        for image in IMAGES:
            values = config.parse_effective(fixture("sshd", "sshd_T.%s.listen.txt" % image))
            self.assertEqual(values["port"], ["22", "2222"])
            places = {(entry["address"], entry["port"]) for entry in config.listen_entries(values)}
            self.assertEqual(sorted(places), wanted)

    def test_addresses_as_people_write_them(self):
        cases = [
            ("192.0.2.1", ("192.0.2.1", 22)),
            ("192.0.2.1:2222", ("192.0.2.1", 2222)),
            ("2001:db8::1", ("2001:db8::1", 22)),
            ("[2001:db8::1]", ("2001:db8::1", 22)),
            ("[2001:db8::1]:2222", ("2001:db8::1", 2222)),
            ("host.example", ("host.example", 22)),
            ("host.example:2222", ("host.example", 2222)),
            ("192.0.2.1 rdomain vrf", ("192.0.2.1", 22)),
            ("192.0.2.1:2222 rdomain vrf", ("192.0.2.1", 2222)),
        ]
        for value, wanted in cases:
            (entry,) = config.listen_entries({"port": ["22"], "listenaddress": [value]})
            self.assertEqual((entry["address"], entry["port"]), wanted, value)

    def test_without_settings_it_is_every_address_on_port_22(self):
        self.assertEqual(config.listen_entries({}), [{"address": "*", "port": 22}])

    def test_a_port_that_is_no_number_does_not_end_the_section(self):
        for port in ("ssh", "", u"\u00b2", "-1"):  # fmt: skip
            self.assertEqual([entry["port"] for entry in config.listen_entries({"port": [port]})], [22])

    def test_where_sshd_cannot_print_the_files_tell_what_stands_outside_match(self):
        found = [directive(1, "Port", "2222"), directive(2, "UsePAM", "yes"), directive(3, "UsePAM", "no")]
        found.append(dict(directive(4, "X11Forwarding", "no"), match="User a"))
        values = config.from_files(found)
        self.assertEqual((values["port"], values["usepam"]), (["2222"], "yes"))
        self.assertNotIn("x11forwarding", values)

    def test_lines_about_a_setting_can_be_found_in_an_editor(self):
        self.assertEqual(config.lines_about(("port",), [directive(3, "Port", "22")]), ["/f:3 Port 22"])


if __name__ == "__main__":
    unittest.main()
