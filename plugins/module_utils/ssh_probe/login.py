# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key exchange, host key, authentication and session, by paramiko."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import base64
import fnmatch
import hashlib
import os
import socket
import threading
import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
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
DEFAULT_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts")
OUTPUT_LIMIT_BYTES = 2048
KNOWN_HOSTS_LIMIT_BYTES = 8 * 1024 * 1024
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


def fingerprint(key):
    """The SHA-256 fingerprint as OpenSSH prints it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


# --- credentials ---


def find_credential(target):
    """The one credential that is tried: (kind, secret, description, how many keys the agent has).

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
            return "key", keys[0], "agent key %s%s" % (fingerprint(keys[0]), more), len(keys)
        for path in DEFAULT_KEYS:
            if os.path.exists(os.path.expanduser(path)):
                return _key_file(path, target.get("passphrase"))
    raise Undecided("no credential: neither a key file nor a password was given, and there is no agent or default key")


def used(kind, secret, agent_keys):
    """A credential as evidence, without the secret."""
    is_key = kind == "key"
    return {
        "kind": "publickey" if is_key else kind,
        "type": secret.get_name() if is_key else None,
        "fingerprint": fingerprint(secret) if is_key else None,
        "agent_keys": agent_keys,
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
            return "key", key, "key file %s (%s)" % (path, fingerprint(key)), None
        except paramiko.PasswordRequiredException:
            raise Undecided("the key file %s is encrypted and no passphrase was given" % path)
        except Exception as error:  # each type refuses the others in its own way
            reasons.append(str(error))
    # The reason of the library can quote the file; the file may be the secret of something else.
    wrong = passphrase and "the passphrase is wrong or the file is not a private key"
    raise Undecided("the key file %s cannot be used: %s" % (path, wrong or "it is not an SSH private key"))


# --- the host's key against known_hosts ---


def known_keys(target):
    """The keys that known_hosts has for this target: {type: [key, ...]}. A line that is wrong hides no other."""
    wanted = known_name(target)
    found = {}
    paths = target.get("known_hosts")
    for path in DEFAULT_KNOWN_HOSTS if paths is None else paths:
        for line in host.read(os.path.expanduser(path), limit=KNOWN_HOSTS_LIMIT_BYTES).text.splitlines():
            # Marked lines are about certificates and revoked keys; what they say is not a key to compare with.
            if not line.strip() or line.strip()[0] in "#@" or not names_host(line.split()[0], wanted):
                continue
            try:
                entry = paramiko.hostkeys.HostKeyEntry.from_line(line.strip())
            except Exception:  # paramiko has several ways of refusing a line
                continue
            if entry is not None and entry.key is not None:
                found.setdefault(entry.key.get_name(), []).append(entry.key)
    return found


def known_name(target):
    """What a target is called in known_hosts."""
    if target.get("host_key_alias"):
        return target["host_key_alias"]
    return target["address"] if target["port"] == 22 else "[%s]:%d" % (target["address"], target["port"])


def names_host(field, wanted):
    """Whether the first field of a known_hosts line is about this host: names, patterns, negations or a hash."""
    if field.startswith("|1|"):
        try:
            return paramiko.HostKeys.hash_host(wanted, field) == field
        except Exception:
            return False
    patterns = field.lower().split(",")
    if any(fnmatch.fnmatchcase(wanted.lower(), _glob(pattern[1:])) for pattern in patterns if pattern[:1] == "!"):
        return False
    return any(fnmatch.fnmatchcase(wanted.lower(), _glob(pattern)) for pattern in patterns)


def _glob(pattern):
    return pattern.replace("[", "[[]")  # a bracket stands for itself, as in [host]:port


def judge_host_key(key, known):
    """The evidence on the host key that the server has shown."""
    kind = key.get_name()
    same_type = known.get(kind, [])
    status = "unknown"
    if any(key.asbytes() == other.asbytes() for other in same_type):
        status = "known"
    elif same_type:
        status = "changed"
    expected = [fingerprint(other) for other in same_type] if status == "changed" else []
    return {"type": kind, "fingerprint": fingerprint(key), "status": status, "known_fingerprints": expected}


# --- the attempt ---


def log_in(stream, target, result, timeout):
    """Go on from the banner to a session; fills ``result`` and raises Failed or Undecided where it ends."""
    transport = paramiko.Transport(stream)
    # The thread must not keep a vantage's Python alive after the answer is out.
    transport.daemon = True
    transport.local_version = IDENTIFICATION
    try:
        known = known_keys(target)
        _exchange_keys(transport, known, result, timeout)
        key = transport.get_remote_server_key()
        result["host_key"] = judge_host_key(key, known)
        if result["host_key"]["status"] == "changed":
            raise Failed("host_key_changed", _changed_text(result["host_key"]))
        if not target.get("authenticate", True):
            return
        _authenticate(transport, target, result, timeout * AUTH_PATIENCE)
        _open_session(transport, result, timeout)
    finally:
        transport.close()


def _changed_text(host_key):
    return "the host shows the %s key %s, known_hosts has %s" % (
        host_key["type"],
        host_key["fingerprint"],
        ", ".join(host_key["known_fingerprints"]),
    )


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


def _authenticate(transport, target, result, timeout):
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
        raise Failed("auth_denied", _denied_text(target, result, said))
    except (EOFError, OSError, socket.error):
        raise Failed("auth_denied", "the server closed the connection during authentication")
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
    kind, secret, result["credential"], agent_keys = find_credential(target)
    result["credential_used"] = used(kind, secret, agent_keys)
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
        raise Undecided("%s was accepted; the server also wants %s" % (result["credential"], ", ".join(more)))


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
