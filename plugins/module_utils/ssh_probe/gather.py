# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try to log in to many targets at once, each by one attempt, and say where and how each attempt ended."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import resource
import threading
import time

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import (
    client_config,
    connect,
    login,
    openssh,
)
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.connect import Failed, Stream, Undecided
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.login import (
    NoCommonAlgorithm,
)
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.outcomes import RUNG_OF
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.ping import ping

CONNECTIONS_AT_ONCE = 512
# Key exchanges are work for the processor, not waiting.
LOGINS_AT_ONCE = 24
STACK_BYTES = 512 * 1024
DEFAULT_TIMEOUT_S = 8


def probe(targets):
    """One result for each target, in order."""
    results = [_blank(target) for target in targets]
    gates = threading.Semaphore(_connections_at_once()), threading.Semaphore(LOGINS_AT_ONCE)
    workers = []
    _small_stacks()
    for target, result in zip(targets, results):
        gates[0].acquire()
        worker = threading.Thread(target=_guarded, args=(target, result, gates))
        worker.daemon = True
        worker.start()
        workers.append(worker)
    for worker, target, result in zip(workers, targets, results):
        # Only a name lookup has no time-out of its own: the deadline is there for it.
        while worker.is_alive() and not (result["stage"] == "resolve" and _overdue(result, target)):
            worker.join(0.1)
    return [_finished(result, target) for result, target in zip(results, targets)]


def _connections_at_once():
    """As many as this process may have open files for: two each, and some for itself."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(1, min(CONNECTIONS_AT_ONCE, (allowed - 64) // 2))


def _small_stacks():
    try:
        threading.stack_size(STACK_BYTES)
    except (ValueError, RuntimeError):
        pass


def _timeout(target):
    return target.get("timeout") or DEFAULT_TIMEOUT_S


def _overdue(result, target):
    return time.time() > result["started"] + _timeout(target)


def _blank(target):
    return {
        "name": target.get("name") or target.get("address"),
        "address": target.get("address"),
        "port": target.get("port"),
        "user": target.get("user"),
        "outcome": None,
        "rung": None,
        "detail": None,
        "error": None,
        "authenticated": False,
        "timings_ms": {},
        "addresses": [],
        "client_address": None,
        "banner": None,
        "lines_before_banner": [],
        "key_exchange_offer": None,
        "host_key": None,
        "auth_methods": None,
        "auth_banner": None,
        "credential": None,
        "credential_used": None,
        "session": None,
        "reach": {"state": "unknown", "round_trip_ms": None, "detail": None},
        "stage": "resolve",
        "started": time.time(),
    }


def _finished(result, target):
    """The result as it is given away: a copy, because a thread that hangs may still hold the original."""
    result = dict(result)
    if result.pop("stage") == "resolve" and result["outcome"] is None and result["error"] is None:
        result["outcome"], result["rung"] = "name_not_resolved", "resolve"
        result["detail"] = "the resolver did not answer within %g s" % _timeout(target)
    del result["started"]
    return result


def _guarded(target, result, gates):
    """One attempt; whatever happens becomes words in its own result."""
    try:
        result["started"] = time.time()
        _attempt(target, result, gates[1])
        result["outcome"] = "ok"
        result["detail"] = "logged in" if result["authenticated"] else "the server answers; no login was tried"
    except Failed as failure:
        result["outcome"], result["detail"] = failure.outcome, failure.detail
    except Undecided as reason:
        result["error"] = str(reason)
        result["rung"] = "auth" if result["host_key"] else None
    except Exception as error:
        result["error"] = "the probe failed: %s: %s" % (type(error).__name__, error)
    finally:
        gates[0].release()
    try:
        _round_off(result)
    finally:
        result["timings_ms"]["total"] = connect.milliseconds(result["started"])
        result["stage"] = "done"


def _attempt(target, result, login_gate):
    problem = wrong_with(target)
    if problem:
        raise BadTarget(problem)
    target = client_config.applied(target)
    result["port"], result["user"] = target["port"], target["user"]
    timeout = _timeout(target)
    started = time.time()
    candidates = connect.resolve(target["address"], target["port"])
    result["timings_ms"]["resolve"] = connect.milliseconds(started)
    result["stage"] = "connect"
    channel, entry = connect.connect(candidates, timeout, result["addresses"], target.get("max_segment_size"))
    result["timings_ms"]["connect"] = entry["connect_ms"]
    stream = Stream(channel)
    try:
        started = time.time()
        result["banner"], result["lines_before_banner"], end = connect.read_banner(stream, timeout)
        result["timings_ms"]["banner"] = connect.milliseconds(started)
        result["key_exchange_offer"] = connect.read_offer(stream, end, timeout)
        with login_gate:
            _log_in(stream, target, entry["address"], result, timeout)
    finally:
        stream.close()


def _log_in(stream, target, address, result, timeout):
    if login.paramiko is not None:
        try:
            return login.log_in(stream, target, result, timeout)
        except NoCommonAlgorithm:
            pass  # paramiko knows fewer algorithms than the people's own client
    stream.close()
    return openssh.log_in(target, address, result, timeout)


class BadTarget(Undecided):
    """A target that cannot be probed as it was given."""


def wrong_with(target):
    """What is wrong with a target, or None."""
    address, port = target.get("address"), target.get("port")
    if not address or not str(address).strip():
        return "the target has no address"
    if port is not None and (not isinstance(port, int) or not 0 < port < 65536):
        return "the port %s is not between 1 and 65535" % port
    return None


def _round_off(result):
    """What follows from the attempt: the rung, whether the host answers at all, the client's address."""
    if result["outcome"]:
        result["rung"] = RUNG_OF[result["outcome"]]
    tried = result["addresses"]
    if not tried:
        return
    last = tried[-1]
    result["client_address"] = last["client_address"]
    answered = [entry for entry in tried if entry["outcome"] in ("connected", "refused") or _by_itself(entry)]
    if answered:
        how = (answered[0]["answered_by"] or {}).get("kind") or "TCP"
        result["reach"] = {"state": "answers", "round_trip_ms": answered[0]["connect_ms"], "detail": how}
        return
    echoes = [ping(entry["address"]) for entry in tried]
    states = [echo["state"] for echo in echoes]
    best = next((state for state in ("answers", "unknown", "silent") if state in states), "unknown")
    result["reach"] = echoes[states.index(best)]
    if result["outcome"] == "timed_out" and best == "silent":
        result["rung"] = "route"


def _by_itself(entry):
    """Whether an ICMP error came from the very address that was tried: then that host is there."""
    return bool(entry["answered_by"]) and entry["answered_by"]["from"] == entry["address"]
