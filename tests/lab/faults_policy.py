# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logins that sshd refuses by its own rules or for the files with the keys, and look-alikes that it lets in."""

from __future__ import annotations

from faults import RESTART, SYSTEMD, Fault

MAIN = "/etc/ssh/sshd_config"
DROP_IN = "/etc/ssh/sshd_config.d/50-own.conf"
INCLUDE = (
    "mkdir -p /etc/ssh/sshd_config.d; grep -q '^Include' /etc/ssh/sshd_config"
    " || sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config"
)
OPS = {"ansible_user": "ops"}


def in_main(text: str) -> str:
    """The text in front of the main file, where the first value wins."""
    return f"printf '{text}\\n' > /tmp/new; cat {MAIN} >> /tmp/new; cat /tmp/new > {MAIN}; {RESTART}"


def behind_main(text: str) -> str:
    return f"printf '{text}\\n' >> {MAIN}; {RESTART}"


def in_drop_in(text: str) -> str:
    return f"{INCLUDE}; printf '{text}\\n' > {DROP_IN}; {RESTART}"


def denied(name: str, cause: str, script: str, points_at: str = "", **more: object) -> Fault:
    return Fault(name, cause, "auth_denied", script, points_at=points_at, **more)  # type: ignore[arg-type]


OUTDATED = "sshd_rules_outdated"
RELOAD = f"{{ {RESTART.replace('restart', 'reload')}; }} >/dev/null 2>&1 || true"
USER, ROOT, KEY, PASSWORD = "user_not_allowed", "root_login_disabled", "key_login_disabled", "password_login_disabled"
FILES, UNKNOWN = "authorized_keys_permissions", "key_not_authorized"
BY_PASSWORD = {
    **OPS,
    "remote_login_private_key_file": "",
    "ansible_ssh_private_key_file": "",
    "remote_login_password": "x",
}

FAULTS = [
    denied("DenyUsers in the main file", USER, in_main("DenyUsers root"), "/etc/ssh/sshd_config line 1"),
    denied("DenyUsers in a drop-in", USER, in_drop_in("# ours\\nDenyUsers bob root"), f"{DROP_IN} line 2"),
    denied("AllowUsers below Match", USER, behind_main("\\nMatch Address 10.77.0.0/16,!10.78.0.1\\n  AllowUsers bob"),
           "Match Address 10.77.0.0/16"),
    denied("DenyUsers below Match in a drop-in", USER, in_drop_in("Match User *,!bob\\nDenyUsers r??t"),
           f"{DROP_IN} line 2"),
    denied("DenyUsers with the address", USER, in_main("DenyUsers *@10.77.*"), "*@10.77.*"),
    denied("AllowUsers by pattern, without this one", USER, in_drop_in("AllowUsers ro?? deploy-*"), DROP_IN,
           variables=OPS),
    denied("DenyGroups by pattern", USER, in_main("DenyGroups r[o]* op*"), "op*", variables=OPS),
    denied("AllowGroups without this one's", USER, in_drop_in("AllowGroups sudo adm"), "sudo adm", variables=OPS),
    denied("DenyUsers before AllowUsers", USER, in_main("AllowUsers root\\nDenyUsers root"),
           "/etc/ssh/sshd_config line 2"),
    denied("PermitRootLogin no in the main file", ROOT, in_main("PermitRootLogin no"), "sshd_config line 1"),
    denied("PermitRootLogin no in a drop-in, yes behind it", ROOT,
           f"{in_drop_in('PermitRootLogin no')}; {behind_main('PermitRootLogin yes')}", f"{DROP_IN} line 1"),
    denied("PermitRootLogin no below Match, yes outside", ROOT,
           in_main("PermitRootLogin yes\\nMatch Address 10.77.*\\nPermitRootLogin no\\nMatch all"), "line 3"),
    denied("PermitRootLogin no below Match in a drop-in", ROOT,
           in_drop_in("Match Group wheel,root\\n\\n  PermitRootLogin no"), f"{DROP_IN} line 3"),
    denied("PubkeyAuthentication no", KEY, in_main("PubkeyAuthentication no"), "line 1"),
    denied("PubkeyAuthentication no below Match", KEY, behind_main("\\nMatch LocalPort 22\\nPubkeyAuthentication no"),
           "Match LocalPort 22"),
    denied("AuthenticationMethods password", KEY, in_drop_in("AuthenticationMethods password"), DROP_IN),
    denied("the type of the key is not taken", KEY, in_main("PubkeyAcceptedKeyTypes rsa-sha2-512"), "ssh-ed25519"),
    denied("PasswordAuthentication no, and a password is used", PASSWORD, in_drop_in("PasswordAuthentication no"),
           DROP_IN, variables=BY_PASSWORD),
    denied("AuthenticationMethods publickey, and a password is used", PASSWORD,
           behind_main("\\nMatch User *\\nAuthenticationMethods publickey"), "Match User", variables=BY_PASSWORD),
    denied("fixed and not reloaded", "sshd_rules_outdated", f"{in_drop_in('DenyUsers root')}; sleep 2; rm {DROP_IN};"
           " touch /etc/ssh/sshd_config", "by what they say now"),
    denied("a drop-in taken away and not reloaded", OUTDATED, f"{in_drop_in('AllowUsers ops')}; sleep 2.2; rm {DROP_IN}",
           "listed in AllowUsers"),
    denied("a drop-in set aside and not reloaded, the folder's date as before", OUTDATED,
           f"{in_drop_in('PermitRootLogin no')}; mv {DROP_IN} {DROP_IN}.off; touch -d 2026-01-01 /etc/ssh/sshd_config.d",
           "ROOT LOGIN REFUSED"),
    denied("keys allowed again and not reloaded, the dates as before", OUTDATED,
           f"{in_drop_in('PubkeyAuthentication no')}; rm {DROP_IN}; touch -d 2026-01-01 /etc/ssh/sshd_config.d",
           "the daemon offers password"),
    denied("fixed, but with a slip that keeps it from being read", "sshd_config_invalid",
           f"{in_drop_in('AllowUsers ops')}; printf 'AllowUsers root ops\nMaxAuthTrys 3\n' > {DROP_IN}; {RELOAD}",
           f"{DROP_IN} line 2"),
    denied("RefuseConnection below Match", USER, in_drop_in("Match Address 10.77.*\n\n  RefuseConnection yes"),
           f"{DROP_IN} line 3", images=("trixie",)),
    denied("RefuseConnection for all", USER, in_main("RefuseConnection yes"), "line 1", images=("trixie",)),
    denied("MaxAuthTries 0", "max_auth_tries", in_main("MaxAuthTries 0"), "line 1"),
    denied("AuthenticationMethods any twice below Match", "sshd_rules_fail",
           behind_main("\\nMatch User root\\nAuthenticationMethods password\\nMatch User *\\nAuthenticationMethods any"),
           "must appear alone", images=("bookworm",)),
    denied("home open to all", FILES, "chmod 777 /root", "/root can be written"),
    denied("home elsewhere, open", FILES, "mv /home/ops /home/x; mkdir /home/ops; mv /home/x"
           " /home/ops/x; usermod -d /home/ops/x ops; chmod 777 /home/ops/x", "/home/ops/x", variables=OPS),
    denied("parent of a path outside the home open", FILES, "mkdir -p /srv/keys; cp /root/.ssh/authorized_keys"
           f" /srv/keys/root; chmod 777 /srv; {in_main('AuthorizedKeysFile /srv/keys/%%u')}", "/srv can be"),
    denied("group of several", FILES, "groupadd several; useradd -G several bob; chgrp several /home/ops;"
           " chmod 775 /home/ops", "group several", variables=OPS),
    denied(".ssh of somebody else", FILES, "useradd bob; chown bob /root/.ssh; chmod 755 /root/.ssh", "belongs to bob"),
    denied("file closed to the user", FILES, "chown root: /home/ops/.ssh/authorized_keys", "cannot be read",
           variables=OPS),
    denied(".ssh closed to the user", FILES, "chown root: /home/ops/.ssh", "cannot be entered", variables=OPS),
    denied(".ssh is a link to where all can write", FILES, "mv /root/.ssh /tmp/keys; ln -s /tmp/keys /root/.ssh",
           "/tmp can be written"),
    denied("no file", UNKNOWN, "rm /root/.ssh/authorized_keys", "not there"),
    denied("another key", UNKNOWN, "ssh-keygen -q -t ed25519 -N '' -f /tmp/k; cp /tmp/k.pub /root/.ssh/authorized_keys",
           "it is not in /root/.ssh/authorized_keys"),
    denied("key commented out", UNKNOWN, "sed -i 's/^/# /' /root/.ssh/authorized_keys", "commented out"),
    denied("key broken over two lines", UNKNOWN, "sed -i 's/AAAAC3/AAAAC3\\n/' /root/.ssh/authorized_keys",
           "broken over two lines"),
    denied("key under another name", UNKNOWN, "mv /root/.ssh/authorized_keys /root/.ssh/authorised_keys",
           "/root/.ssh/authorised_keys"),
    denied("AuthorizedKeysFile elsewhere", UNKNOWN, in_drop_in("AuthorizedKeysFile /etc/ssh/keys/%%u"), DROP_IN),
    denied("AuthorizedKeysFile with a token that is none", UNKNOWN, in_drop_in("AuthorizedKeysFile /etc/ssh/keys/%%n"),
           "does not know the %n"),
    denied("a command for keys that its user cannot reach", UNKNOWN, "rm /root/.ssh/authorized_keys; mkdir -m 700"
           " /opt/own; printf '#!/bin/sh\n' > /opt/own/keys; chmod 755 /opt/own/keys; "
           + in_drop_in("AuthorizedKeysCommand /opt/own/keys %%u\nAuthorizedKeysCommandUser nobody"),
           "failed: error: "),
    denied("a command for keys that names none", UNKNOWN, "rm /root/.ssh/authorized_keys; " + in_drop_in(
           "AuthorizedKeysCommand /bin/true\nAuthorizedKeysCommandUser nobody"), "nor did AuthorizedKeysCommand /bin/true"),
    denied("certificates of an authority, and a bare key", UNKNOWN,
           "mv /root/.ssh/authorized_keys /etc/ssh/ca.pub; "
           + in_main("TrustedUserCAKeys /etc/ssh/ca.pub\nAuthorizedPrincipalsFile /etc/ssh/principals/%%u"),
           "certificates of /etc/ssh/ca.pub would do as well (for the principals in /etc/ssh/principals/%u)"),
    denied("from= leaves the client out", UNKNOWN, "sed -i 's/^/from=\"10.77.0.0\\/16,!10.77.1.*\" /'"
           " /root/.ssh/authorized_keys", "is not in from="),
    denied("key expired", UNKNOWN, "sed -i 's/^/expiry-time=\"20210101\" /' /root/.ssh/authorized_keys", "20210101"),
    denied("option that sshd does not know", UNKNOWN, "sed -i 's/^/no-shell /' /root/.ssh/authorized_keys", "no-shell"),
    denied("line for certificates", UNKNOWN, "sed -i 's/^/cert-authority /' /root/.ssh/authorized_keys",
           "certificates"),
    denied("key revoked", UNKNOWN, f"cp /root/.ssh/authorized_keys /etc/ssh/revoked; {in_main('RevokedKeys /etc/ssh/revoked')}",
           "/etc/ssh/revoked"),
    denied("key revoked by a binary list", UNKNOWN, "ssh-keygen -q -k -f /etc/ssh/krl /root/.ssh/authorized_keys;"
           f" {in_main('RevokedKeys /etc/ssh/krl')}", "/etc/ssh/krl"),
    denied("list of revoked keys not there", UNKNOWN, in_main("RevokedKeys /etc/ssh/none"), "refuses every key"),
    denied("a FIFO", UNKNOWN, "rm /root/.ssh/authorized_keys; mkfifo /root/.ssh/authorized_keys", "is a FIFO"),
    denied("a folder", UNKNOWN, "rm /root/.ssh/authorized_keys; mkdir /root/.ssh/authorized_keys", "is a folder"),
    Fault("chroot that others can write to", "chroot_unusable", "session_failed",
          f"mkdir -m 777 /srv/jail; {in_main('ChrootDirectory /srv/jail')}",
          points_at="/srv/jail can be written"),
    Fault("chroot without a shell", "chroot_unusable", "session_failed",
          f"mkdir -p /srv/empty; {in_main('ChrootDirectory /srv/empty')}", points_at="the shell /bin/bash is not inside"),
    Fault("chroot in somebody's home", "chroot_unusable", "session_failed", in_main("ChrootDirectory /home/ops"),
          points_at="/home/ops belongs to"),
    Fault("forced command that fails", "forced_command", "session_failed", in_main("ForceCommand /bin/false"),
          points_at="/bin/false"),
    Fault("only file transfer", "forced_command", "session_failed",
          behind_main("\\nMatch Group root\\n  ForceCommand internal-sftp"), points_at="internal-sftp"),
    Fault("forced command of the key", "forced_command", "session_failed",
          "sed -i 's/^/command=\"exit 3\" /' /root/.ssh/authorized_keys", points_at="authorized_keys line 1"),
    Fault("no sessions", "no_sessions_allowed", "session_failed", in_main("MaxSessions 0"), points_at="line 1"),
]  # fmt: skip

HEALTHY = [
    Fault("no passwords, and a key is used", "", "ok", in_drop_in("PasswordAuthentication no\\nPermitRootLogin"
          " prohibit-password\\nKbdInteractiveAuthentication no"), SYSTEMD),
    Fault("root not let in, and somebody else logs in", "", "ok", in_main("PermitRootLogin no\\nAllowUsers op?"),
          variables=OPS),
    Fault("no for all, yes below Match", "", "ok", in_main("PermitRootLogin no\\nMatch Address 10.77.0.0/16\\n"
          "PermitRootLogin yes\\nMatch all")),
    Fault("lists that are about others", "", "ok", in_main("DenyUsers bob root@192.0.2.* !root\\nAllowUsers root ops"
          "\\nDenyGroups staff\\nMatch User !root,*\\nDenyUsers *\\nMatch all")),
    Fault("keys elsewhere, and there they are", "", "ok", "mkdir /etc/ssh/keys; mv /root/.ssh/authorized_keys"
          f" /etc/ssh/keys/root; {in_main('AuthorizedKeysFile /etc/ssh/keys/%%u')}"),
    Fault(".ssh is a link", "", "ok", "mkdir -p /srv/k; mv /root/.ssh /srv/k/root; ln -s /srv/k/root /root/.ssh"),
    Fault("writable by the group of one", "", "ok", "chmod 775 /home/ops; chmod 664 /home/ops/.ssh/authorized_keys",
          variables=OPS),
    # StrictModes looks no further up than the home.
    Fault("open folder of the homes", "", "ok", "chmod 777 /home", variables=OPS),
    Fault("open home, and StrictModes no", "", "ok", f"chmod 777 /root; {in_main('StrictModes no')}"),
    Fault("options that let the client in", "", "ok", "sed -i 's/^/restrict,from=\"!192.0.2.1,10.77.0.0\\/16\","
          "expiry-time=\"20990101\" /' /root/.ssh/authorized_keys"),
    Fault("a second line for the same key", "", "ok", "sed 's/^/from=\"192.0.2.1\" /' /root/.ssh/authorized_keys >"
          " /tmp/k; cat /root/.ssh/authorized_keys >> /tmp/k; cat /tmp/k > /root/.ssh/authorized_keys"),
    Fault("line ends of Windows", "", "ok", "sed -i 's/$/\\r/' /root/.ssh/authorized_keys"),
    Fault("connections of others are refused", "", "ok", in_drop_in("Match Address 192.0.2.0/24\nRefuseConnection yes"
          "\nMatch Invalid-User\nRefuseConnection yes"), ("trixie",)),
    Fault("a file came and went among the drop-ins", "", "ok", "mkdir -p /etc/ssh/sshd_config.d; sleep 2.2;"
          " touch /etc/ssh/sshd_config.d/x.conf; rm /etc/ssh/sshd_config.d/x.conf"),
    Fault("one try", "", "ok", in_main("MaxAuthTries 1\\nAuthenticationMethods publickey password")),
    Fault("the list of revoked keys has others", "", "ok", "ssh-keygen -q -t ed25519 -N '' -f /tmp/k; cp /tmp/k.pub"
          f" /etc/ssh/revoked; {in_main('RevokedKeys /etc/ssh/revoked')}"),
]  # fmt: skip
