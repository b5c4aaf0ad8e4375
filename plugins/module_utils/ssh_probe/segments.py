# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key exchange that timed out once more, with small packets and with usual ones: does their size make the difference?

On a path that lets through smaller packets than both ends believe, and where nobody tells them, the banner comes and
everything big is lost.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import connect, login
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.connect import Failed, Stream, Undecided

# With its headers this is less than any path must carry (RFC 791: 576 bytes as a whole).
SMALL_BYTES = 256


def compare(result, timeout, login_gate):
    """{mss, outcome, again}: what became of the same key exchange with small segments, and then with usual ones.

    An attempt that cannot be made leaves its value null.
    """
    found = {"mss": SMALL_BYTES, "outcome": None, "again": None}
    found["outcome"] = _outcome(result, timeout, login_gate, SMALL_BYTES)
    if found["outcome"] == "ok":
        # It may have been a passing trouble, and not the size.
        found["again"] = _outcome(result, timeout, login_gate, None)
    return found


def _outcome(result, timeout, login_gate, size):
    try:
        _exchange(result, timeout, login_gate, size)
    except Failed as failure:
        return failure.outcome
    except login.NoCommonAlgorithm:
        pass  # both offers have come over, which is what they timed out with
    except (Undecided, OSError, socket.error):
        return None
    return "ok"


def _exchange(result, timeout, login_gate, size):
    """As far as the first attempt did not come: to the server's offer, or to the end of the key exchange."""
    address = [entry["address"] for entry in result["addresses"] if entry["outcome"] == "connected"][-1]
    tried = []
    channel, entry = connect.connect(connect.resolve(address, result["port"]), timeout, tried, size)
    stream = Stream(channel)
    try:
        if size is not None and entry["max_segment_size"] is None:
            raise Undecided("this vantage cannot choose the size of segments")
        end = connect.read_banner(stream, timeout)[2]
        connect.read_offer(stream, end, timeout)
        if result["key_exchange_offer"] is None:
            return
        if login.paramiko is None:
            raise Undecided("the key exchange itself needs paramiko")
        target = {"address": address, "port": result["port"], "authenticate": False, "known_hosts": []}
        with login_gate:
            login.log_in(stream, target, {"timings_ms": {}}, timeout)
    finally:
        stream.close()
