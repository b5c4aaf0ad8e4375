# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accounts that cannot log in, for themselves or for PAM, and odd ones that can."""

from __future__ import annotations

from typing import Any

from faults import RESTART, SYSTEMD, Fault
from images import cache_dir, login_key

OPS: dict[str, Any] = {"ansible_user": "ops"}
ACCESS = "/etc/security/access.conf"
PYTHON = "$(command -v python3 || command -v python2.7)"
# Keys of the accounts outside their homes, for what is about the home.
KEYS_ELSEWHERE = (
    "mkdir -p /etc/ssh/keys; cp /home/ops/.ssh/authorized_keys /etc/ssh/keys/ops; chmod 644 /etc/ssh/keys/ops;"
    f" echo 'AuthorizedKeysFile /etc/ssh/keys/%u .ssh/authorized_keys' >> /etc/ssh/sshd_config; {RESTART}"
)
NO_PAM = f"sed -i '/^UsePAM/d' /etc/ssh/sshd_config; sed -i '1i UsePAM no' /etc/ssh/sshd_config; {RESTART}"
MISSING_MODULE = "pam_corp.so"
# How the RHEL family lays the stack out, with modules that Debian has as well.
RHEL = (
    "cd /etc/pam.d; printf '%s\\n' 'auth substack password-auth' 'auth include postlogin'"
    " 'account required pam_nologin.so' 'account include password-auth' 'password include password-auth'"
    " 'session required pam_loginuid.so' 'session include password-auth' 'session include postlogin' > sshd;"
    " printf '%s\\n' 'auth required pam_env.so' 'auth required pam_faillock.so preauth silent'"
    " 'auth sufficient pam_unix.so nullok' 'auth required pam_faillock.so authfail' 'auth required pam_deny.so'"
    " 'account required pam_faillock.so' 'account required pam_unix.so' 'account sufficient pam_localuser.so'"
    " 'account required pam_permit.so' 'password required pam_unix.so' 'session required pam_limits.so'"
    " '-session optional pam_systemd.so' 'session required pam_unix.so' > password-auth;"
    " printf 'session optional pam_umask.so silent\\n' > postlogin"
)


def pam_line(line: str, service: str = "sshd") -> str:
    """The line in front of a service's own."""
    return f"sed -i '1i {line}' /etc/pam.d/{service}"


def access(*lines: str, arguments: str = "") -> str:
    """pam_access with these lines."""
    text = "\\n".join(lines)
    return f"printf -- '{text}\\n' >> {ACCESS}; " + pam_line(f"account required pam_access.so {arguments}")


def failures(count: int, age_s: int = 0, user: str = "ops") -> str:
    """A file of pam_faillock with so many failed logins."""
    program = (
        f'import struct, time; r = struct.pack("=52sHHQ", b"203.0.113.9", 0, 3, int(time.time()) - {age_s});'
        f' open("/run/faillock/{user}", "wb").write(r * {count})'
    )
    return f"mkdir -p /run/faillock; {PYTHON} -c '{program}'; chown {user} /run/faillock/{user}"


def by_password() -> dict[str, Any]:
    """A login with a password, to a host whose key is known beforehand."""
    known = cache_dir() / "known_hosts_of_password_logins"
    known.write_text(f"* {login_key().with_suffix('.pub').read_text()}")
    return {
        **OPS,
        "ansible_ssh_private_key_file": "",
        "remote_login_password": "pw",
        "remote_login_known_hosts": [str(known)],
    }


KNOWN_HOST_KEY = (
    f"rm /etc/ssh/ssh_host_*; printf '%s' '{login_key().read_text()}' > /etc/ssh/ssh_host_ed25519_key;"
    f" chmod 600 /etc/ssh/ssh_host_ed25519_key; {RESTART}; echo ops:pw | chpasswd"
)
BY_PASSWORD = by_password()


def denied(name: str, cause: str, script: str, points_at: str = "", **more: Any) -> Fault:
    return Fault(name, cause, "auth_denied", script, points_at=points_at, **{"variables": OPS, **more})


def ended(name: str, cause: str, script: str, points_at: str = "", **more: Any) -> Fault:
    return Fault(name, cause, "session_failed", script, points_at=points_at, **{"variables": OPS, **more})


def hook(line: str, *words: str) -> str:
    """A program that PAM runs for a session, on a line of common-session."""
    text = "\\n".join(["#!/bin/sh", *words])
    return (
        f"printf '{text}\\n' > /usr/local/sbin/hook; chmod 755 /usr/local/sbin/hook;"
        f" echo 'session {line} /usr/local/sbin/hook' >> /etc/pam.d/common-session"
    )


PAM, SHELL, EXPIRED, START = "pam_denies", "login_shell_unusable", "account_expired", "session_start_files"
FAULTS = [
    denied("no such user", "account_missing", "true", "carol", variables={"ansible_user": "carol"}),
    denied("the user was deleted, the home stays", "account_missing", "userdel ops"),
    denied("a line of passwd is gone", "account_missing", "sed -i /^ops:/d /etc/passwd"),
    denied("no line in shadow", "account_missing", "sed -i /^ops:/d /etc/shadow", "/etc/shadow"),
    denied("expired yesterday", EXPIRED, "usermod -e $(date -u -d yesterday +%F) ops"),
    denied("expired today", EXPIRED, "usermod -e $(date -u +%F) ops"),
    denied("expired long ago, and locked", EXPIRED, "usermod -L -e 1 ops", "1970-01-02"),
    denied("root has expired", EXPIRED, "usermod -e 1 root", "root", variables={}),
    denied("expired, in the layout of RHEL", EXPIRED, f"{RHEL}; usermod -e 1 ops"),
    denied("expired, and sshd without PAM", EXPIRED, f"usermod -p '*' -e 1 ops; {NO_PAM}"),
    denied("locked, and sshd without PAM", "account_locked", f"usermod -L ops; {NO_PAM}", "UsePAM no"),
    denied("locked, and a password is used", "account_locked", f"{KNOWN_HOST_KEY}; usermod -L ops",
           variables=BY_PASSWORD),
    ended("the password must be changed", "password_expired", "echo ops:pw | chpasswd; chage -d 0 ops", "must be"),
    ended("the password is too old", "password_expired", "chage -d 2026-01-01 -M 30 ops", "2026-02-01"),
    denied("the password is too old to be changed", "password_expired", "chage -d 2026-01-01 -M 30 -I 5 ops"),
    ended("root must change the password", "password_expired", "chage -d 0 root", "root", variables={}),
    denied("locked by failed logins", "login_failures_locked", f"{RHEL}; {KNOWN_HOST_KEY}; {failures(3)}",
           "203.0.113.9", variables=BY_PASSWORD),
    denied("locked for good by failed logins", "login_failures_locked", f"{RHEL}; {KNOWN_HOST_KEY}; printf 'deny ="
           " 5\\nunlock_time = 0\\n' > /etc/security/faillock.conf; " + failures(6, 90000), "allows 5",
           variables=BY_PASSWORD),
    denied("nologin in /etc", "nologin_file", "echo 'back at noon' > /etc/nologin", "back at noon"),
    denied("nologin in /run", "nologin_file", ": > /run/nologin", "/run/nologin"),
    denied("nologin, in the layout of RHEL", "nologin_file", f"{RHEL}; : > /etc/nologin", "/etc/nologin"),
    denied("another nologin file", "nologin_file", "echo no > /srv/closed; "
           + pam_line("account requisite pam_nologin.so file=/srv/closed"), "/srv/closed"),
    ended("nologin, and sshd without PAM", "nologin_file", f"usermod -p '*' ops; {NO_PAM}; : > /etc/nologin"),
    ended("the shell nologin", SHELL, "usermod -s /usr/sbin/nologin ops", "/usr/sbin/nologin"),
    ended("the shell false", SHELL, "usermod -s /bin/false ops", "/bin/false"),
    denied("a shell that is not installed", SHELL, "usermod -s /usr/bin/zsh ops", "/usr/bin/zsh does not exist"),
    denied("a shell that is not executable", SHELL, "cp /bin/bash /opt/sh; chmod 644 /opt/sh; usermod -s /opt/sh ops",
           "/opt/sh is not an executable"),
    ended("a shell for its owner only", SHELL, "cp /bin/bash /opt/sh; chmod 700 /opt/sh; usermod -s /opt/sh ops"),
    ended("a shell in a closed folder", SHELL, "mkdir -m 700 /opt/own; cp /bin/bash /opt/own/sh;"
          " usermod -s /opt/own/sh ops", "may not pass /opt/own"),
    ended("a shell without its interpreter", SHELL, "printf '#!/opt/none\\n' > /opt/sh; chmod 755 /opt/sh;"
          " usermod -s /opt/sh ops", "/opt/none"),
    denied("a shell that PAM does not know", SHELL, "cp /bin/bash /opt/sh; usermod -s /opt/sh ops; "
           + pam_line("account required pam_shells.so"), "/etc/shells"),
    denied("access.conf, all but root", PAM, access("# ours", "- : ALL EXCEPT root : ALL"), f"{ACCESS} line"),
    denied("access.conf, others only", PAM, access("+ : root : ALL", "+ : (adm) : 192.0.2.0/24", "- : ALL : ALL"),
           "- : ALL : ALL"),
    denied("access.conf, from elsewhere only", PAM, access("- : ops : ALL EXCEPT LOCAL 10.78. 10.77.1.128/25")),
    denied("access.conf of another name", PAM, "echo '- | ops | 10.77.1.0/24' > /etc/ssh/access; "
           + access(arguments="accessfile=/etc/ssh/access fieldsep=|"), "/etc/ssh/access line 1"),
    denied("access.d", PAM, "mkdir -p /etc/security/access.d; echo '-:ops:ALL' > /etc/security/access.d/50.conf; "
           + access(), "/etc/security/access.d/50.conf line 1", images=SYSTEMD),
    denied("access.conf in an included file", PAM, "echo '- : ops : ALL' >> /etc/security/access.conf; "
           + pam_line("account required pam_access.so", "common-account"), "/etc/security/access.conf"),
    ended("access.conf for the session", PAM, access("- : ops : ALL").replace("1i account", "1i session"), ACCESS),
    denied("a list of the denied", PAM, "printf 'bob\\nops\\n' > /etc/ssh/denied; "
           + pam_line("account required pam_listfile.so onerr=succeed item=user sense=deny file=/etc/ssh/denied"),
           "/etc/ssh/denied"),
    denied("a list of groups without this one's", PAM, "echo sudo > /etc/ssh/groups; "
           + pam_line("account required pam_listfile.so onerr=fail item=group sense=allow file=/etc/ssh/groups"),
           "/etc/ssh/groups"),
    denied("a list that is gone", PAM, pam_line(
           "account required pam_listfile.so onerr=fail item=user sense=allow file=/etc/ssh/allowed"), "not exist"),
    denied("not at this time", PAM, "echo 'sshd;*;!root;!Al0000-2400' >> /etc/security/time.conf; "
           + pam_line("account required pam_time.so"), "/etc/security/time.conf line"),
    denied("a condition on the group", PAM, pam_line("account required pam_succeed_if.so quiet user ingroup admins"),
           "user ingroup admins"),
    denied("a program that says no", PAM, "echo 'account required pam_exec.so quiet /bin/false' >> /etc/pam.d/sshd",
           "pam_exec.so quiet /bin/false"),
    ended("a program that says no to the session", PAM,
          "echo 'session required pam_exec.so quiet /bin/false' >> /etc/pam.d/sshd", "pam_exec.so quiet /bin/false"),
    denied("a module that is not installed", PAM, pam_line(f"account required {MISSING_MODULE}"), MISSING_MODULE),
    denied("a file that is no module", PAM, "echo x > /root/pam_own.so; " + pam_line(
           "account required /root/pam_own.so"), "/root/pam_own.so"),
    denied("a control word misspelt", PAM, pam_line("account requierd pam_permit.so"), "requierd"),
    denied("an include that is gone", PAM, pam_line("@include common-corp"), "common-corp"),
    denied("a substack that is gone", PAM, pam_line("account substack corp-auth"), "corp-auth"),
    denied("deny for all", PAM, pam_line("account requisite pam_deny.so"), "/etc/pam.d/sshd line 1"),
    denied("a jump too far", PAM, "echo 'account [success=3 default=ignore] pam_permit.so' >> /etc/pam.d/sshd"),
    denied("another service of PAM denies", PAM, "cp /etc/pam.d/sshd /etc/pam.d/corp; echo 'account required"
           " pam_deny.so' >> /etc/pam.d/corp; printf '\\nMatch User ops\\nPAMServiceName Corp\\n' >>"
           f" /etc/ssh/sshd_config; {RESTART}", "/etc/pam.d/corp line", images=("trixie",)),
    denied("the other file denies", PAM, "rm /etc/pam.d/sshd; echo 'account required pam_deny.so' > /etc/pam.d/other",
           "/etc/pam.d/other line 1"),
    ended("a module for sessions that is not installed", PAM, pam_line(f"session required {MISSING_MODULE}"),
          MISSING_MODULE),
    ended("no logins allowed", PAM, "echo 'ops hard maxlogins 0' > /etc/security/limits.d/x.conf",
          "/etc/security/limits.d/x.conf line 1"),
    denied("the home with the keys is gone", "home_missing", "mv /home /old", "/home/ops: it does not exist"),
    ended("a shell where no programs are started", SHELL, "mkdir /opt/sh; mount -t tmpfs -o noexec none /opt/sh;"
          " cp /bin/bash /opt/sh/; usermod -s /opt/sh/bash ops", "noexec"),
    ended("a shell without its library", SHELL, "chmod 600 /lib/x86_64-linux-gnu/libtinfo.so.6*", "libtinfo",
          images=SYSTEMD),
    ended("the environment breaks the shell", SHELL, "mkdir /opt/lib; echo x > /opt/lib/libtinfo.so.6; echo"
          " LD_LIBRARY_PATH=/opt/lib >> /etc/environment", "LD_LIBRARY_PATH=/opt/lib in /etc/environment line",
          images=SYSTEMD),
    ended("a hook of PAM that does not end", PAM, hook("optional pam_exec.so quiet", "exec sleep 9999"),
          "/usr/local/sbin/hook has not ended"),
    denied("a hook of PAM for the account that does not end", PAM, hook("optional pam_exec.so", "sleep 9999").replace(
           "'session ", "'account ").replace("common-session", "common-account"), "/usr/local/sbin/hook has not ended"),
    ended("a hook of PAM that fails", PAM, hook("required pam_exec.so", "[ $PAM_TYPE != open_session ]"),
          "pam_exec", images=SYSTEMD),
    ended("bash.bashrc ends what has no terminal", START, "sed -i '1i [ -t 0 ] || exit 1' /etc/bash.bashrc",
          "/etc/bash.bashrc line 1"),
    ended("a .bashrc that ends every session", START, "sed -i '1i exit 3' /home/ops/.bashrc || echo exit 3 >"
          " /home/ops/.bashrc", "/home/ops/.bashrc line 1"),
    ended("a file that .bashrc takes in ends the session", START, "echo 'if [ -n x ]; then exit 7; fi' > /etc/corp.sh;"
          " echo '. /etc/corp.sh' > /home/ops/.bashrc", "/etc/corp.sh line 1"),
    ended("sshrc does not end", START, "echo 'sleep 4000' > /etc/ssh/sshrc", "sleep 4000) of", variables={}),
    ended("a user's rc does not end", START, "mkdir -p /home/ops/.ssh; echo 'tail -f /dev/null' > /home/ops/.ssh/rc",
          "/home/ops/.ssh/rc line 1"),
    ended("a .bashrc that does not end", START, "echo 'while :; do sleep 5; done' > /home/ops/.bashrc", "sleep 5"),
    # Several at once: what is asked first is what keeps people out.
    denied("expired, and a shell that is not installed", SHELL, "usermod -e 1 -s /bin/none ops", "/bin/none"),
]  # fmt: skip

HEALTHY = [
    Fault("a locked password and a key", "", "ok", "usermod -L ops", variables=OPS),
    Fault("an empty password and a key", "", "ok", "passwd -d ops", variables=OPS),
    Fault("no password, and sshd without PAM", "", "ok", f"usermod -p '*' ops; {NO_PAM}", variables=OPS),
    Fault("a password must be changed, without PAM and by key", "", "ok",
          f"usermod -p '*' ops; chage -d 0 ops; {NO_PAM}", variables=OPS),
    Fault("another user has expired", "", "ok", "useradd -m -e 1 bob; usermod -L bob", variables=OPS),
    Fault("expires tomorrow", "", "ok", "usermod -e $(date -u -d tomorrow +%F) ops; chage -M 90 -W 80 ops",
          variables=OPS),
    Fault("nologin, and root", "", "ok", "echo 'back at noon' > /etc/nologin; : > /run/nologin"),
    Fault("nologin that PAM is not asked for", "", "ok", "sed -i /pam_nologin/d /etc/pam.d/sshd; : > /etc/nologin",
          variables=OPS),
    Fault("failed logins, and a key", "", "ok", f"{RHEL}; {failures(9)}", variables=OPS),
    Fault("a few failed logins, and the password", "", "ok", f"{RHEL}; {KNOWN_HOST_KEY}; {failures(2)}",
          variables=BY_PASSWORD),
    Fault("a shell that is not listed", "", "ok", "cp /bin/bash /opt/mysh; usermod -s /opt/mysh ops", variables=OPS),
    Fault("no shell at all", "", "ok", "sed -i 's#^\\(ops:.*:\\)[^:]*$#\\1#' /etc/passwd", variables=OPS),
    Fault("access.conf permits", "", "ok", access("+ : root : ALL", "+ : (ops) : 10.77.1.0/24", "- : ALL : ALL"),
          variables=OPS),
    Fault("access.conf denies others", "", "ok", access("- : ALL EXCEPT root ops : ALL", "- : ops : 192.0.2. ::1"),
          variables=OPS),
    Fault("access.conf for passwords only", "", "ok", access("- : ops : ALL").replace("1i account", "1i auth"),
          variables=OPS),
    Fault("on the list of the allowed", "", "ok", "printf 'root\\nops\\n' > /etc/ssh/allowed; " + pam_line(
          "account required pam_listfile.so onerr=fail item=user sense=allow file=/etc/ssh/allowed"), variables=OPS),
    Fault("at any time", "", "ok", "echo 'sshd;*;ops|bob;Al0000-2400' >> /etc/security/time.conf; " + pam_line(
          "account required pam_time.so"), variables=OPS),
    Fault("modules that are not there, and not needed", "", "ok", pam_line(f"-session optional {MISSING_MODULE}")
          + "; " + pam_line(f"auth required {MISSING_MODULE}") + "; " + pam_line(f"account optional {MISSING_MODULE}"),
          variables=OPS),
    Fault("deny behind a permit", "", "ok", pam_line("account sufficient pam_permit.so")
          + "; sed -i '2i account required pam_deny.so' /etc/pam.d/sshd", variables=OPS),
    Fault("another service of PAM, and that of sshd would deny", "", "ok", "cp /etc/pam.d/sshd /etc/pam.d/corp; "
          + pam_line("account required pam_deny.so")
          + f"; sed -i '1i PAMServiceName corp' /etc/ssh/sshd_config; {RESTART}", ("trixie",), variables=OPS),
    Fault("no file for sshd", "", "ok", "rm /etc/pam.d/sshd", variables=OPS),
    Fault("the layout of RHEL", "", "ok", RHEL, variables=OPS),
    Fault("logins are limited", "", "ok", "printf '* - maxlogins 10\\nops - maxlogins 3\\n' >>"
          " /etc/security/limits.conf", variables=OPS),
    Fault("little of everything, but enough", "", "ok", "printf 'ops hard as 400000\nops soft nofile 64\nops - stack"
          " 512\n* hard as 2000\nops - data -1\n' >> /etc/security/limits.conf", variables=OPS),
    Fault("a program whose no does not count", "", "ok",
          "echo 'account optional pam_exec.so quiet /bin/false' >> /etc/pam.d/sshd", variables=OPS),
    Fault("start files that end other sessions", "", "ok", "printf '%s\\n' 'stop() { exit 1; }' '[ -z x ] && exit 1'"
          " 'case $- in' '*i*) ;;' '*) return;;' esac 'exit 5' > /home/ops/.bashrc; echo exit 1 > /etc/ssh/sshrc",
          variables=OPS),
    Fault("many users", "", "ok", "for n in $(seq 3000); do echo \"u$n:x:$((10000 + n)):100::/:/bin/sh\"; done"
          " >> /etc/passwd", variables=OPS),
]  # fmt: skip

# A login works, and something about the account is worth knowing.
NOTES = [
    Fault("the home is gone", "home_missing", "ok", f"{KEYS_ELSEWHERE}; rm -r /home/ops", variables=OPS,
          points_at="/home/ops: it does not exist"),
    Fault("the home is a file", "home_missing", "ok", f"{KEYS_ELSEWHERE}; rm -r /home/ops; : > /home/ops",
          variables=OPS, points_at="it is no directory"),
    Fault("the home is closed", "home_missing", "ok", f"{KEYS_ELSEWHERE}; mkdir -m 700 /srv/own; mv /home/ops"
          " /srv/own/; sed -i s#:/home/ops:#:/srv/own/ops:# /etc/passwd", variables=OPS,
          points_at="may not pass /srv/own"),
]  # fmt: skip
