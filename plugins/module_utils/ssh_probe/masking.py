# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the secrets of the targets out of what is returned, and leaves the words on which a diagnosis rests alone.

Ansible itself replaces a secret wherever its letters stand: with the password 'auth' no outcome of any host of the same
run would be known by its name any more.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible.module_utils.common.text.converters import to_text

SECRETS = ("password", "passphrase")
MASK = "********"
# Names of targets, words of this collection, and what a server says before it could have heard a secret.
KEPT = (
    "name address port user outcome rung family state kind status type fingerprint again vantage client_address from"
    " known_fingerprints known_in key_exchange_offer algorithms_mismatch"
).split()
METHODS = "password publickey keyboard-interactive hostbased gssapi-with-mic gssapi-keyex none".split()


def take_secrets(targets):
    """The secrets of the targets, longest first; in the targets that are given back they are masked."""
    found = {to_text(target[name]) for target in targets for name in SECRETS if target.get(name)}
    covered = [dict(target, **{name: MASK for name in SECRETS if target.get(name)}) for target in targets]
    return sorted(found, key=len, reverse=True), covered


def masked(value, secrets):
    """A result in which no free text has a secret."""
    if isinstance(value, dict):
        return {name: part if name in KEPT else masked(part, secrets) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(part, secrets) for part in value]
    if not hasattr(value, "splitlines") or value in METHODS:
        return value
    value = to_text(value)
    for secret in secrets:
        value = value.replace(secret, MASK)
    return value
