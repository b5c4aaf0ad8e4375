# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All sections in one go, each in a process of its own, so that none can hang or break another."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import children, listening_ports
from ansible_collections.rescue.remote_login.plugins.module_utils.account import gather as account
from ansible_collections.rescue.remote_login.plugins.module_utils.auth_log import gather as auth_log
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import gather as bandwidth
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import gather as bans
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import gather as firewall
from ansible_collections.rescue.remote_login.plugins.module_utils.health import gather as health
from ansible_collections.rescue.remote_login.plugins.module_utils.network import gather as network
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import gather as sshd

# A section has one line here, and a gatherer that takes the login attempt and returns its evidence.
SECTIONS = {
    "account": account.gather,
    "auth_log": auth_log.gather,
    "bandwidth": bandwidth.gather,
    "bans": bans.gather,
    "firewall": firewall.gather,
    "health": health.gather,
    "listening_ports": listening_ports.gather,
    "network": network.gather,
    "sshd": sshd.gather,
}
# Those that are only gathered where they are asked for: a measurement takes seconds.
ON_REQUEST = ("bandwidth",)
USUAL = tuple(sorted(set(SECTIONS) - set(ON_REQUEST)))
ANSWER_LIMIT_BYTES = 16 * 1024 * 1024


def gather(names, login, timeout):
    """The evidence of these sections: {name: {status, reason, …}}; what does not answer in time is unchecked."""
    questions = {name: _question(SECTIONS[name], login) for name in names}
    answers = children.ask(questions, timeout, ANSWER_LIMIT_BYTES)
    return {name: _evidence(answers[name], timeout) for name in names}


def gather_one(name, login, timeout):
    """The evidence of one section."""
    return gather([name], login, timeout)[name]


def _question(gatherer, login):
    return lambda: gatherer(login)


def _evidence(answer, timeout):
    """What a gatherer has answered, or why it has not."""
    if answer["error"] is None:
        return answer["value"]
    reason = "did not finish within %s s" % timeout if answer["late"] else answer["error"]
    return {"status": "unchecked", "reason": reason}
