# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that a client cannot agree with, or whose key it does not trust any more: data like faults.py."""

from __future__ import annotations

from pathlib import Path

from faults import RESTART, SYSTEMD, Fault
from faults_account import KNOWN_HOST_KEY
from images import cache_dir, login_key

# A line of known_hosts for every host, with a key that none has.
OTHER_KEY = {"remote_login_known_hosts": [str(Path(__file__).parent / "other_known_hosts")]}


def revoked() -> dict[str, list[str]]:
    """A known_hosts that has the key of a host with KNOWN_HOST_KEY, and marks it as revoked."""
    known = cache_dir() / "known_hosts_with_a_revoked_key"
    key = login_key().with_suffix(".pub").read_text()
    known.write_text(f"* {key}@revoked 10.77.* {key}")
    return {"remote_login_known_hosts": [str(known)]}


REVOKED = revoked()
# Another SSH server, with a key of its own, gets the connections that are meant for sshd.
IMPOSTOR = (
    "ssh-keygen -q -t ed25519 -N '' -f /opt/key; mkdir -p /run/sshd; cp /usr/sbin/sshd /opt/gitsshd; printf 'Port"
    " 2222\\nHostKey /opt/key\\nPidFile none\\n' > /opt/config; /opt/gitsshd -f /opt/config; nft 'add table ip n;"
    " add chain ip n p { type nat hook prerouting priority -100; }; add rule ip n p tcp dport 22 redirect to :2222'"
)


def offering(*lines: str) -> str:
    """A server that offers only this. What a new sshd does not know any more, it is not told."""
    text = "\\n".join(lines)
    return f"sed -i '1i {text}' /etc/ssh/sshd_config; {RESTART}"


MISMATCH = ("algorithms_mismatch", "key_exchange_failed")
FAULTS = [
    Fault("an old key exchange only", *MISMATCH, offering("KexAlgorithms diffie-hellman-group1-sha1"),
          points_at="diffie-hellman-group1-sha1"),
    Fault("an old host key type only", *MISMATCH, offering("HostKeyAlgorithms ssh-rsa"), points_at="ssh-rsa"),
    Fault("a DSA host key only", *MISMATCH, "ssh-keygen -q -t dsa -N '' -f /etc/ssh/ssh_host_dsa_key; "
          + offering("HostKey /etc/ssh/ssh_host_dsa_key", "HostKeyAlgorithms ssh-dss"), ("bookworm", "bullseye"),
          points_at="ssh-dss"),
    Fault("CBC ciphers only", *MISMATCH, offering("Ciphers aes256-cbc,aes128-cbc,3des-cbc"), points_at="aes256-cbc"),
    Fault("MD5 only", *MISMATCH, offering("Ciphers aes128-ctr", "MACs hmac-md5,hmac-md5-96"), points_at="hmac-md5"),
    Fault("several kinds are old", *MISMATCH, offering("KexAlgorithms diffie-hellman-group14-sha1",
          "Ciphers 3des-cbc", "MACs hmac-md5"), points_at="3des-cbc"),
    Fault("old ciphers in a drop-in", *MISMATCH, "grep -q Include /etc/ssh/sshd_config ||"
          " sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config;"
          f" echo 'Ciphers 3des-cbc' > /etc/ssh/sshd_config.d/10-old.conf; {RESTART}", points_at="3des-cbc"),
    Fault("old ciphers, and a host key that is empty", *MISMATCH,
          ": > /etc/ssh/ssh_host_rsa_key; " + offering("Ciphers 3des-cbc"), ("bookworm", "bullseye"),
          points_at="3des-cbc"),
    Fault("keys made anew", "host_key_changed", "host_key_changed", "rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null;"
          f" {RESTART}", variables=OTHER_KEY, points_at="other_known_hosts:2"),
    Fault("a key that is marked as revoked", "host_key_changed", "host_key_changed", KNOWN_HOST_KEY,
          variables=REVOKED, points_at="known_hosts_with_a_revoked_key:2"),
    Fault("another server answers", "host_key_changed", "host_key_changed", IMPOSTOR, SYSTEMD, variables=OTHER_KEY,
          points_at="does not have that key"),
]  # fmt: skip

# Old algorithms that do no harm.
HEALTHY = [
    Fault("one current cipher among old ones", "", "ok", offering("Ciphers 3des-cbc,aes128-cbc,aes256-ctr")),
    Fault("old MACs beside ciphers that need none", "", "ok",
          offering("Ciphers aes128-gcm@openssh.com", "MACs hmac-md5")),
    Fault("one current key exchange among old ones", "", "ok",
          offering("KexAlgorithms diffie-hellman-group1-sha1,ecdh-sha2-nistp256")),
    Fault("many attempts in the log", "", "ok", "for n in 1 2 3 4 5; do timeout 5 ssh -o BatchMode=yes"
          " -o StrictHostKeyChecking=no nosuchuser@127.0.0.1 true || true; done >/dev/null 2>&1"),
    Fault("a log that says nothing", "", "ok", f"sed -i '1i LogLevel QUIET' /etc/ssh/sshd_config; {RESTART}"),
]  # fmt: skip
