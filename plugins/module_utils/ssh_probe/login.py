# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key exchange, host key, authentication and session, by paramiko."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import socket
import threading
import time

from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe import known_hosts
from ansible_collections.rescue.remote_login.plugins.module_utils.ssh_probe.connect import (
    IDENTIFICATION,
    Failed,
    Undecided,
    milliseconds,
    text,
)

try:
    import paramiko
except ImportError:
    paramiko = None  # the OpenSSH client stands in

# What a login runs: nothing, but by the account's own shell.
COMMAND = "true"
DEFAULT_KEYS = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")
OUTPUT_LIMIT_BYTES = 2048
AGENT_KEYS_SHOWN = 20
PARTING_LIMIT_BYTES = 300
# Name lookups and PAM may take their time; a server grants two minutes.
AUTH_PATIENCE = 4
RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
# paramiko still takes what OpenSSH's client refuses since years. The probe must fail where people fail.
WEAK = {
    "ciphers": ("cbc", "arcfour", "blowfish"),
    "digests": ("md5", "-96", "ripemd"),
    "kex": ("group1-sha1", "group14-sha1", "exchange-sha1"),
    "key_types": ("ssh-rsa", "ssh-dss"),
}


class NoCommonAlgorithm(Exception):
    """This library and the server have no algorithm in common; another client may well have one."""


# --- credentials ---


def find_credential(target):
    """The one credential that is tried: (kind, secret, description, the fingerprints of all the agent's keys).

    The last is None where the key is not the agent's. Raises Undecided where there is no credential.
    """
    if target.get("private_key_file"):
        return _key_file(target["private_key_file"], target.get("passphrase"))
    if target.get("password"):
        return "password", target["password"], "the given password", None
    if target.get("use_agent", True):
        # Of the agent's keys one: a server counts each key that it refuses.
        keys = paramiko.Agent().get_keys() if paramiko and os.environ.get("SSH_AUTH_SOCK") else ()
        if keys:
            more = ", the first of %d" % len(keys) if len(keys) > 1 else ""
            agent = [known_hosts.fingerprint(key.asbytes()) for key in keys]
            return "key", keys[0], "agent key %s%s" % (agent[0], more), agent
        for path in DEFAULT_KEYS:
            if os.path.exists(os.path.expanduser(path)):
                return _key_file(path, target.get("passphrase"))
    raise Undecided("no credential: neither a key file nor a password was given, and there is no agent or default key")


def used(kind, secret, agent):
    """A credential as evidence, without the secret."""
    is_key = kind == "key"
    return {
        "kind": "publickey" if is_key else kind,
        "type": secret.get_name() if is_key else None,
        "fingerprint": known_hosts.fingerprint(secret.asbytes()) if is_key else None,
        "agent_keys": len(agent) if agent else None,
        "agent_fingerprints": (agent or [])[:AGENT_KEYS_SHOWN],
    }


def _key_file(path, passphrase):
    """Load a private key of any type."""
    path = os.path.expanduser(path)
    if not os.path.isfile(path):
        raise Undecided("the key file %s does not exist" % path)
    reasons = []
    for kind in ("Ed25519Key", "ECDSAKey", "RSAKey"):
        try:
            key = getattr(paramiko, kind).from_private_key_file(path, password=passphrase or None)
            return "key", key, "key file %s (%s)" % (path, known_hosts.fingerprint(key.asbytes())), None
        except paramiko.PasswordRequiredException:
            raise Undecided("the key file %s is encrypted and no passphrase was given" % path)
        except Exception as error:  # each type refuses the others in its own way
            reasons.append(str(error))
    # The reason of the library can quote the file; the file may be the secret of something else.
    wrong = passphrase and "the passphrase is wrong or the file is not a private key"
    raise Undecided("the key file %s cannot be used: %s" % (path, wrong or "it is not an SSH private key"))


# --- the attempt ---


def log_in(stream, target, result, timeout):
    """Go on from the banner to a session; fills ``result`` and raises Failed or Undecided where it ends."""
    transport = paramiko.Transport(stream)
    # The thread must not keep a vantage's Python alive after the answer is out.
    transport.daemon = True
    transport.local_version = IDENTIFICATION
    parting = _listen_for_parting_words(transport)
    try:
        known = known_hosts.known_keys(target)
        _exchange_keys(transport, known, result, timeout)
        key = transport.get_remote_server_key()
        revoked = known_hosts.revoked_in(target, known_hosts.fingerprint(key.asbytes()))
        result["host_key"] = known_hosts.judge_host_key(key, known, revoked)
        if result["host_key"]["status"] in ("changed", "revoked"):
            raise Failed("host_key_changed", known_hosts.refusal(result["host_key"]))
        if not target.get("authenticate", True):
            return
        _authenticate(transport, target, result, timeout * AUTH_PATIENCE, parting)
        # What PAM starts a session with may take its time, and no client minds.
        _open_session(transport, result, timeout * AUTH_PATIENCE)
    finally:
        transport.close()


def _listen_for_parting_words(transport):
    """A list that gets what the server says when it disconnects; paramiko itself only logs it."""
    said = []

    def heard(message):
        message.get_int()
        said.append(text(message.get_binary()[:PARTING_LIMIT_BYTES]))

    transport._parse_disconnect = heard
    return said


def _exchange_keys(transport, known, result, timeout):
    started = time.time()
    options = transport.get_security_options()
    for field, weak in WEAK.items():
        offered = [name for name in getattr(options, field) if not any(word in name for word in weak)]
        setattr(options, field, offered)
    # As OpenSSH does: ask for a type of key that is known, so that it can be compared.
    options.key_types = sorted(options.key_types, key=lambda kind: _known_name(kind) not in known)
    done = threading.Event()
    transport.start_client(event=done)
    done.wait(timeout)
    result["timings_ms"]["key_exchange"] = milliseconds(started)
    if transport.initial_kex_done and transport.is_active():
        return
    error = transport.saved_exception
    if isinstance(error, getattr(paramiko.ssh_exception, "IncompatiblePeer", ())) or "no acceptable" in str(error):
        raise NoCommonAlgorithm(str(error))
    if not done.is_set():
        raise Failed("key_exchange_timed_out", "the key exchange was not finished within %g s" % timeout)
    raise Failed("key_exchange_failed", _words(error) or "the server closed the connection during the key exchange")


def _known_name(kind):
    return "ssh-rsa" if kind in RSA_SIGNATURES else kind


def _words(error):
    return text(str(error).encode("utf-8")) if error and str(error) else None


def _authenticate(transport, target, result, timeout, parting):
    started = time.time()
    transport.auth_timeout = timeout
    try:
        _auth_steps(transport, target, result)
        result["authenticated"] = True
    except paramiko.BadAuthenticationType as error:
        result["auth_methods"] = [text(name.encode("utf-8")) for name in error.allowed_types]
        raise Failed("auth_denied", "the server takes only %s" % ", ".join(result["auth_methods"]))
    except paramiko.SSHException as error:
        if transport.is_active() and "imeout" in str(error):
            raise Failed("auth_denied", "no answer to the authentication request within %g s" % timeout)
        said = _words(error) if not isinstance(error, paramiko.AuthenticationException) else None
        raise Failed("auth_denied", _denied_text(target, result, " ".join(parting) or said))
    except (EOFError, OSError, socket.error):
        said = "".join(": %s" % words for words in parting)
        raise Failed("auth_denied", "the server closed the connection during authentication%s" % said)
    finally:
        banner = transport.get_banner()
        if banner:
            result["auth_banner"] = text(banner[:OUTPUT_LIMIT_BYTES].replace(b"\n", b" "))
        result["timings_ms"]["auth"] = milliseconds(started)


def _auth_steps(transport, target, result):
    """Ask for the methods, as every client does first, then try the one credential."""
    user = target["user"]
    try:
        transport.auth_none(user)
        return
    except paramiko.BadAuthenticationType as error:
        result["auth_methods"] = [text(name.encode("utf-8")) for name in error.allowed_types]
    kind, secret, result["credential"], agent = find_credential(target)
    result["credential_used"] = used(kind, secret, agent)
    if kind == "password":
        if "password" not in result["auth_methods"] and "keyboard-interactive" not in result["auth_methods"]:
            raise paramiko.BadAuthenticationType("no password", result["auth_methods"])
        if result["host_key"]["status"] != "known" and not target.get("accept_unknown_host_key"):
            raise Undecided("the password was not sent: the host's key is not in known_hosts")
        more = transport.auth_password(user, secret)
    else:
        try:
            more = transport.auth_publickey(user, secret)
        except paramiko.AuthenticationException:
            if transport.is_active() and "the first of" in result["credential"]:
                raise Undecided("%s was denied; the others were not tried, name one key" % result["credential"])
            raise
    if more:
        raise Undecided("%s was accepted; %s" % (result["credential"], _what_else(kind, more)))


def _what_else(kind, more):
    """What a server asks for beyond a credential that it has accepted."""
    used = "password" if kind == "password" else "publickey"
    if list(more) == [used]:
        return "the server also wants another %s, the same one does not count twice" % (
            "key" if kind == "key" else kind
        )
    return "the server also wants %s" % ", ".join(more)


def _denied_text(target, result, said):
    methods = ", ".join(result["auth_methods"] or []) or "unknown methods"
    told = "the server denied %s for user %s (it takes %s)" % (
        result.get("credential") or "the login",
        target["user"],
        methods,
    )
    return "%s: %s" % (told, said) if said else told


def _open_session(transport, result, timeout):
    started = time.time()
    result["session"] = session = {"exit_status": None, "output": ""}
    try:
        channel = transport.open_session(timeout=timeout)
        channel.settimeout(timeout)
        channel.exec_command(COMMAND)
        channel.shutdown_write()
        ended = channel.status_event.wait(timeout)
        session["output"] = _output(channel)
    except (paramiko.SSHException, EOFError, OSError, socket.error) as error:
        raise Failed("session_failed", "logged in, but the session ended: %s" % (_words(error) or "closed"))
    finally:
        result["timings_ms"]["session"] = milliseconds(started)
    if not ended:
        raise Failed("session_failed", "logged in, but the command 'true' did not end within %g s" % timeout)
    session["exit_status"] = channel.recv_exit_status()
    if session["exit_status"] != 0:
        ending = "exit status %d" % session["exit_status"] if session["exit_status"] > 0 else "no exit status"
        said = ": %s" % session["output"] if session["output"] else ""
        raise Failed("session_failed", "logged in, but the command 'true' ended with %s%s" % (ending, said))


def _output(channel):
    """What the session said, bounded; it has ended, so that nothing is waited for."""
    said = b""
    channel.settimeout(0.2)
    for read in (channel.recv, channel.recv_stderr):
        try:
            said += read(OUTPUT_LIMIT_BYTES)
        except (socket.timeout, OSError, socket.error):
            pass
    return text(said.strip().replace(b"\n", b" "))
