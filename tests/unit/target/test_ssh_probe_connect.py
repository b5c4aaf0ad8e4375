# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import contextlib
import errno
import socket
import struct
import threading
import time
import unittest

from target_helpers import fixture_bytes, replaced

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import connect, gather

BANNERS = {
    "bookworm": "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10",
    "trixie": "SSH-2.0-OpenSSH_10.0p2 Debian-7+deb13u4",
    "bullseye": "SSH-2.0-OpenSSH_8.4p1 Debian-5+deb11u3",
}


def first_bytes(image):
    (data,) = fixture_bytes("ssh_probe", "first_bytes.%s.hex" % image)
    return data


@contextlib.contextmanager
def server(*steps):
    """A stream to a server that sends bytes, waits for seconds, and closes."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)

    def serve():
        other = listener.accept()[0]
        try:
            for step in steps:
                if isinstance(step, bytes):
                    other.sendall(step)
                else:
                    time.sleep(step)
        except (OSError, socket.error):
            pass
        other.close()

    worker = threading.Thread(target=serve)
    worker.daemon = True
    worker.start()
    mine = socket.create_connection(listener.getsockname())
    try:
        yield connect.Stream(mine)
    finally:
        mine.close()
        listener.close()


class Wrapped(object):
    """An object with some of its methods replaced."""

    def __init__(self, inner, **methods):
        self._inner = inner
        self.__dict__.update(methods)

    def __getattr__(self, name):
        return getattr(self._inner, name)


class Banner(unittest.TestCase):
    def outcome(self, *steps):
        with server(*steps) as stream:
            try:
                connect.read_banner(stream, 0.3)
            except connect.Failed as failure:
                return failure.outcome, failure.detail
        return "ok", ""

    def test_the_banner_of_every_version_is_read(self):
        for image, wanted in BANNERS.items():
            with server(first_bytes(image)) as stream:
                self.assertEqual(connect.read_banner(stream, 5)[:2], (wanted, []))

    def test_lines_before_the_banner_are_kept(self):
        found = connect.find_banner(b"Welcome\r\nNo entry\nSSH-2.0-x\r\nSSH-2.0-y\n")
        self.assertEqual(found, ("SSH-2.0-x", ["Welcome", "No entry"], 29))

    def test_many_lines_before_the_banner_are_cut(self):
        self.assertEqual(len(connect.find_banner(b"x\n" * 500 + b"SSH-2.0-x\n")[1]), connect.KEPT_LINES)

    def test_half_a_banner_is_none_yet(self):
        for data in (b"", b"SSH-2.0-x", b"hello\n", b"XSSH-2.0\n"):
            self.assertIsNone(connect.find_banner(data))

    def test_a_banner_that_comes_byte_by_byte_is_read(self):
        steps = [part for byte in b"SSH-2.0-x\n".decode("ascii") for part in (byte.encode("ascii"), 0.005)]
        self.assertEqual(self.outcome(*steps)[0], "ok")

    def test_a_server_that_closes_at_once(self):
        self.assertEqual(self.outcome()[0], "closed_before_banner")

    def test_what_a_server_says_before_it_resets_the_connection_is_not_lost(self):
        reason = b"Not allowed at this time\r\n"
        with server(reason, 2) as stream:
            time.sleep(0.1)

            def reset(_line):
                raise OSError(errno.ECONNRESET, "Connection reset by peer")

            stream._channel = Wrapped(stream._channel, sendall=reset)
            with self.assertRaises(connect.Failed) as caught:
                connect.read_banner(stream, 0.3)
        self.assertIn("Not allowed at this time", caught.exception.detail)

    def test_sshd_that_turns_a_connection_away_with_a_word_is_still_sshd(self):
        # What sshd sends for MaxStartups and PerSourcePenalties before it closes.
        for said in (b"Exceeded MaxStartups\r\n", b"Not allowed at this time\r\n"):
            outcome, detail = self.outcome(said)
            self.assertEqual(outcome, "closed_before_banner")
            self.assertIn(said.strip().decode("ascii"), detail)

    def test_a_server_that_says_nothing(self):
        self.assertEqual(self.outcome(2)[0], "banner_timed_out")

    def test_another_protocol_is_quoted(self):
        for steps in ((b"HTTP/1.0 400 Bad request\r\n\r\n",), (b"220 mail ESMTP\r\n", 2)):
            outcome, detail = self.outcome(*steps)
            self.assertEqual(outcome, "not_ssh")
            self.assertTrue("HTTP/1.0" in detail or "220 mail" in detail)

    def test_an_endless_flood_is_cut_off(self):
        self.assertEqual(self.outcome(b"x" * 200000, 2)[0], "not_ssh")


class Offer(unittest.TestCase):
    def offer(self, data, wait=0):
        with server(data, wait) as stream:
            _banner, _lines, end = connect.read_banner(stream, 2)
            return connect.read_offer(stream, end, 0.3)

    def test_the_offer_of_every_version_is_read(self):
        for image in BANNERS:
            offer = self.offer(first_bytes(image))
            self.assertIn("curve25519-sha256", offer["kex_algorithms"])
            self.assertIn("ssh-ed25519", offer["server_host_key_algorithms"])
            self.assertEqual(offer["compression_server_to_client"], ["none", "zlib@openssh.com"])
            self.assertEqual(sorted(offer), sorted(connect.OFFER_FIELDS))

    def test_a_line_before_the_banner_that_repeats_it_does_not_hide_the_offer(self):
        banner = BANNERS["bookworm"].encode("ascii")
        self.assertIsNotNone(self.offer(b"This is " + banner + b"\r\n" + first_bytes("bookworm")))

    def test_a_banner_with_unprintable_characters_does_not_hide_the_offer(self):
        packet = first_bytes("bookworm").split(b"\n", 1)[1]
        self.assertIsNotNone(self.offer(b"SSH-2.0-\x07bell\r\n" + packet))

    def test_silence_after_the_banner_is_a_black_hole(self):
        with self.assertRaises(connect.Failed) as caught:
            self.offer(b"SSH-2.0-x\r\n" + first_bytes("bookworm").split(b"\n", 1)[1][:500], wait=2)
        self.assertEqual(caught.exception.outcome, "key_exchange_timed_out")

    def test_a_close_after_the_banner(self):
        with self.assertRaises(connect.Failed) as caught:
            self.offer(b"SSH-2.0-x\r\n")
        self.assertEqual(caught.exception.outcome, "key_exchange_failed")

    def test_a_packet_that_is_none_is_no_offer(self):
        whole = first_bytes("bookworm").split(b"\n", 1)[1]
        for packet in (b"", b"\0" * 30, whole[:5] + b"\x01" + whole[6:], whole[:40], b"\xff" * 100):
            self.assertIsNone(connect.parse_offer(packet), packet[:8])

    def test_an_offer_that_is_cut_off_is_no_offer(self):
        whole = first_bytes("bookworm").split(b"\n", 1)[1]
        self.assertIsNone(connect.parse_offer(whole[:200]))

    def test_a_packet_of_impossible_length_is_not_waited_for(self):
        started = time.time()
        self.assertIsNone(self.offer(b"SSH-2.0-x\r\n" + struct.pack("!I", 2**31) + b"\0" * 20, wait=1))
        self.assertLess(time.time() - started, 1)


class Words(unittest.TestCase):
    def test_a_stranger_s_control_characters_are_shown_not_obeyed(self):
        shown = connect.text(b"a\x1b[2Jb\x00c\x9bd\ne\r")
        self.assertEqual([c for c in shown if ord(c) < 32 or 127 <= ord(c) < 160], [])
        self.assertTrue(shown.startswith("a\\x1b[2Jb"))

    def test_text_that_is_not_utf8_is_still_text(self):
        self.assertEqual(connect.text(b"gr\xfc\xdfe"), u"gr\ufffd\ufffde")  # fmt: skip
        self.assertEqual(connect.text(u"gr\xfc\xdfe".encode("utf-8")), u"gr\xfc\xdfe")  # fmt: skip

    def test_an_excerpt_is_short_and_says_when_it_is_one(self):
        self.assertEqual(connect.excerpt(b"  hello\r\n"), "'hello'")
        self.assertEqual(connect.excerpt(b"x" * 1000, limit=5), "'xxxxx'...")
        self.assertEqual(connect.excerpt(b" \r\n"), "nothing readable")


class Streams(unittest.TestCase):
    def test_what_was_read_ahead_is_read_again(self):
        with server(b"SSH-2.0-x\r\nrest", 1) as stream:
            connect.read_banner(stream, 2)
            stream.settimeout(2)
            self.assertEqual(stream.recv(4) + stream.recv(100), b"SSH-2.0-x\r\nrest")

    def test_the_identification_goes_out_once(self):
        mine, other = socket.socketpair()
        try:
            stream = connect.Stream(mine)
            stream.identify()
            line = (connect.IDENTIFICATION + "\r\n").encode("ascii")
            self.assertEqual(stream.send(line), len(line))
            stream.send(b"next")
            time.sleep(0.05)
            self.assertEqual(other.recv(1000), line + b"next")
        finally:
            mine.close()
            other.close()


class Connect(unittest.TestCase):
    def test_how_a_connection_attempt_can_end(self):
        cases = [
            (socket.timeout("timed out"), "timed_out"),
            (OSError(errno.ECONNREFUSED, "Connection refused"), "refused"),
            (OSError(errno.ETIMEDOUT, "Connection timed out"), "timed_out"),
            (OSError(errno.EHOSTUNREACH, "No route to host"), "no_route"),
            (OSError(errno.ENETUNREACH, "Network is unreachable"), "no_route"),
        ]
        for error, wanted in cases:
            self.assertEqual(connect.classify(error)[0], wanted, error)

    def test_a_closed_port_is_told_by_its_reset(self):
        with contextlib.closing(socket.socket()) as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            tried = []
            with self.assertRaises(connect.Failed) as caught:
                connect.connect(connect.resolve("127.0.0.1", port), 2, tried)
        self.assertEqual(caught.exception.outcome, "refused")
        self.assertEqual(tried[0]["answered_by"]["kind"], "TCP reset")
        self.assertEqual(tried[0]["client_address"], "127.0.0.1")

    def test_a_prohibition_by_icmpv6_arrives_as_permission_denied(self):
        def prohibited(_family, _address, _timeout, entry, _max_segment_size):
            entry["answered_by"] = {"kind": "ICMPv6 administratively prohibited", "from": "2001:db8::1"}
            raise OSError(errno.EACCES, "Permission denied")

        with replaced(connect, _connect_one=prohibited), self.assertRaises(connect.Failed) as caught:
            connect.connect([(socket.AF_INET6, ("2001:db8::1", 22))], 1, [])
        self.assertEqual(caught.exception.outcome, "no_route")

    def test_a_maximum_segment_size_is_announced(self):
        with contextlib.closing(socket.socket()) as server:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            tried = []
            channel = connect.connect([(socket.AF_INET, server.getsockname())], 2, tried, 1101)[0]
            accepted = server.accept()[0]
            self.assertLessEqual(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG), 1101)
            self.assertEqual(tried[0]["max_segment_size"], 1101)
            channel.close()
            accepted.close()

    def test_a_name_that_does_not_exist(self):
        for name in ("no-such-host.invalid", "a" * 70 + ".invalid", "..", u"\xfc" * 64):  # fmt: skip
            with self.assertRaises(connect.Failed) as caught:
                connect.resolve(name, 22)
            self.assertEqual(caught.exception.outcome, "name_not_resolved")

    def test_a_vantage_without_free_descriptors_does_not_blame_the_host(self):
        def exhausted(*_arguments):
            raise OSError(errno.EMFILE, "Too many open files")

        with replaced(socket, socket=exhausted):
            (result,) = gather.probe([{"address": "127.0.0.1", "port": 22, "user": "root"}])
        self.assertIsNone(result["outcome"])
        self.assertIn("Too many open files", result["error"])


class Segments(unittest.TestCase):
    """A server whose offer comes only where the client has announced small segments, or never, or from now on."""

    def probed(self, *answers):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        kept, sizes = [], []

        def serve():
            for whole in answers:
                other = listener.accept()[0]
                sizes.append(other.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
                kept.append(other)
                data = first_bytes("bookworm")
                other.sendall(data if whole else data[: data.index(b"\n") + 1])

        worker = threading.Thread(target=serve)
        worker.daemon = True
        worker.start()
        target = {"address": "127.0.0.1", "port": listener.getsockname()[1], "user": "root", "timeout": 0.5}
        try:
            (result,) = gather.probe([dict(target, use_ssh_config=False)])
        finally:
            for channel in kept + [listener]:
                channel.close()
        self.assertEqual(result["outcome"], "key_exchange_timed_out")
        return result["small_segments"], sizes

    def test_only_small_segments_pass(self):
        found, sizes = self.probed(False, True, False)
        self.assertEqual(found, {"mss": 256, "outcome": "ok", "again": "key_exchange_timed_out"})
        self.assertLessEqual(sizes[1], 256)
        self.assertGreater(min(sizes[0], sizes[2]), 256)

    def test_a_server_that_hangs_whatever_the_size(self):
        found, _sizes = self.probed(False, False)
        self.assertEqual(found, {"mss": 256, "outcome": "key_exchange_timed_out", "again": None})

    def test_a_trouble_that_has_passed(self):
        found, _sizes = self.probed(False, True, True)
        self.assertEqual((found["outcome"], found["again"]), ("ok", "ok"))


class Probe(unittest.TestCase):
    def test_a_wrong_target_is_told_and_the_others_are_probed(self):
        with contextlib.closing(socket.socket()) as unused:
            unused.bind(("127.0.0.1", 0))
            good = {"address": "127.0.0.1", "port": unused.getsockname()[1], "user": "root"}
            wrong = [
                {},
                {"address": " ", "port": 22},
                dict(good, port="ssh"),
                dict(good, port=0),
            ]
            results = gather.probe(wrong + [good])
        self.assertEqual([result["outcome"] for result in results], [None] * len(wrong) + ["refused"])
        self.assertTrue(all(result["error"] for result in results[:-1]))

    def test_a_bug_in_the_probe_says_nothing_about_the_host(self):
        def broken(*_arguments):
            raise RuntimeError("bug")

        with replaced(connect, resolve=broken):
            (result,) = gather.probe([{"address": "192.0.2.1", "port": 22, "user": "root"}])
        self.assertIsNone(result["outcome"])
        self.assertIn("RuntimeError: bug", result["error"])

    def test_a_resolver_that_hangs_is_given_up(self):
        release = threading.Event()
        with replaced(connect, resolve=lambda *_arguments: release.wait(20)):
            (result,) = gather.probe([{"address": "192.0.2.1", "port": 22, "user": "root", "timeout": 0.3}])
            release.set()
        self.assertEqual((result["outcome"], result["rung"]), ("name_not_resolved", "resolve"))

    def test_every_outcome_has_its_rung(self):
        for outcome in ("refused", "not_ssh", "auth_denied", "ok"):
            self.assertIn(outcome, gather.RUNG_OF)


if __name__ == "__main__":
    unittest.main()
