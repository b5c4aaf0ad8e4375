# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Broken hosts, as data: how each is broken, and what a good engineer would name as the cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SYSTEMD = ("bookworm", "trixie")
ALL = (*SYSTEMD, "bullseye")
RESTART = "if [ -d /run/systemd/system ]; then systemctl restart ssh; else service ssh restart; fi"
# An init script returns before the daemon has ended.
STOP = (
    "if [ -d /run/systemd/system ]; then systemctl stop ssh; else p=$(cat /run/sshd.pid); service ssh stop;"
    ' timeout 10 sh -c "while kill -0 $p; do sleep 0.1; done" 2>/dev/null; fi'
)
RESTART_FAILING = f"{{ {RESTART}; }} >/dev/null 2>&1 || true"
# A program that takes a port and says nothing of SSH.
WEB_SERVER = (
    "$(command -v python3 || command -v python2.7) -c '\n"
    "import os, socket, time\n"
    's = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("", 22)); s.listen(5)\n'
    "if os.fork(): os._exit(0)\n"
    "os.setsid()\n"
    "while True:\n"
    '    c = s.accept()[0]; c.recv(100); c.sendall(b"HTTP/1.1 400 Bad Request\\r\\n\\r\\n"); c.close()\n'
    "'"
)
# As inetd does: an sshd of its own for each connection.
SUPER_SERVER = WEB_SERVER.replace("import os,", "import subprocess, os,").replace(
    'c.recv(100); c.sendall(b"HTTP/1.1 400 Bad Request\\r\\n\\r\\n"); c.close()',
    'subprocess.Popen(["/usr/sbin/sshd", "-i"], stdin=c, stdout=c); c.close()',
)
# Anybody can call a process so, and name any file in its arguments.
FAKE_DAEMON = "cp /bin/sleep /home/ops/sshd; (setsid su ops -c 'exec /home/ops/sshd 5000' &) >/dev/null 2>&1; sleep 0.3"
KEYS = "/etc/ssh/ssh_host_*_key"


@dataclass(frozen=True)
class Fault:
    """One way to break a host."""

    name: str
    cause: str
    outcome: str
    script: str
    images: tuple[str, ...] = ALL
    variables: dict[str, Any] = field(default_factory=dict)
    # What the finding must point at, somewhere in its detail.
    points_at: str = ""
    # Whether remediate with every remedy allowed lets people in again.
    remedied: bool = False
    # Whether the daemon may die of it, as one without memory does at times: then that is what keeps people out.
    deadly: bool = False


FAULTS = [
    Fault("stopped", "sshd_stopped", "refused", STOP, remedied=True),
    Fault("killed", "sshd_stopped", "refused", "kill -9 $(cat /run/sshd.pid)", ("bullseye",), remedied=True),
    Fault("killed by a signal", "sshd_failed", "refused", "mkdir -p /run/systemd/system/ssh.service.d;"
          " printf '[Service]\\nRestart=no\\n' > /run/systemd/system/ssh.service.d/x.conf; systemctl daemon-reload;"
          " kill -9 $(cat /run/sshd.pid); sleep 0.5", SYSTEMD, remedied=True),
    Fault("stopped and disabled", "sshd_stopped", "refused", "systemctl disable --now ssh", SYSTEMD, remedied=True),
    Fault("stopped, and wanted so", "sshd_stopped", "refused", f"touch /etc/ssh/sshd_not_to_be_run; {STOP}",
          points_at="/etc/ssh/sshd_not_to_be_run"),
    Fault("no start links", "sshd_stopped", "refused", "update-rc.d -f ssh remove; service ssh stop", ("bullseye",),
          remedied=True),
    Fault("suspended", "sshd_stopped", "banner_timed_out", "kill -STOP $(cat /run/sshd.pid)", points_at="suspended",
          remedied=True),
    Fault("masked", "sshd_masked", "refused", "systemctl mask --now ssh", SYSTEMD, points_at="ssh.service",
          remedied=True),
    Fault("masked until the next boot", "sshd_masked", "refused", "systemctl mask --now --runtime ssh", SYSTEMD,
          remedied=True),
    Fault("disabled and masked", "sshd_masked", "refused", "systemctl disable --now ssh; systemctl mask ssh", SYSTEMD,
          remedied=True),
    Fault("not installed", "sshd_not_installed", "refused", f"{STOP}; rm /usr/sbin/sshd"),
    Fault("package removed", "sshd_not_installed", "refused",
          "dpkg --force-depends --purge openssh-server >/dev/null 2>&1; ! pgrep -x sshd || pkill -x sshd"),
    Fault("binary without a library", "sshd_failed", "refused",
          f"{STOP}; mv $(ldd /usr/sbin/sshd | awk '/libwrap/ {{print $3}}') /root/; {RESTART_FAILING}",
          ("bookworm", "bullseye"), points_at="libwrap"),
    Fault("helper of the daemon gone", "sshd_failed", "closed_before_banner", "rm /usr/lib/openssh/sshd-session",
          ("trixie",), points_at="sshd-session"),
    Fault("a library gone under the daemon", "sshd_failed", "closed_before_banner",
          "mv $(ldd /usr/sbin/sshd | awk '/libwrap/ {print $3}') /root/", ("bookworm", "bullseye"),
          points_at="libwrap"),
    Fault("binary not executable", "sshd_failed", "refused", f"{STOP}; chmod 644 /usr/sbin/sshd; {RESTART_FAILING}",
          SYSTEMD),
    Fault("unit starts another program", "sshd_failed", "refused", "mkdir -p /etc/systemd/system/ssh.service.d;"
          " printf '[Service]\\nExecStartPre=\\nExecStart=\\nExecStart=/usr/local/sbin/sshd -D\\n'"
          f" > /etc/systemd/system/ssh.service.d/x.conf; systemctl daemon-reload; {RESTART_FAILING}", SYSTEMD),
    Fault("wrong option for the daemon", "sshd_failed", "refused",
          f"echo 'SSHD_OPTS=\"--verbose\"' > /etc/default/ssh; {STOP}; {RESTART_FAILING}", points_at="unknown option"),
    Fault("unknown directive", "sshd_config_invalid", "refused",
          f"echo 'PermitRootLogni yes' >> /etc/ssh/sshd_config; {STOP}; {RESTART_FAILING}",
          points_at="PermitRootLogni"),
    Fault("bad value in a drop-in", "sshd_config_invalid", "refused",
          "grep -q Include /etc/ssh/sshd_config ||"
          " echo 'Include /etc/ssh/sshd_config.d/*.conf' >> /etc/ssh/sshd_config;"
          f" printf '\\n\\nMaxSessions many\\n' > /etc/ssh/sshd_config.d/50-x.conf; {STOP}; {RESTART_FAILING}",
          points_at="/etc/ssh/sshd_config.d/50-x.conf line 3"),
    Fault("directive not allowed in Match", "sshd_config_invalid", "refused",
          f"printf 'Match User bob\\nPort 22\\n' >> /etc/ssh/sshd_config; {STOP}; {RESTART_FAILING}",
          points_at="Match"),
    Fault("no configuration file", "sshd_config_invalid", "refused",
          f"mv /etc/ssh/sshd_config /root/; {STOP}; {RESTART_FAILING}", points_at="/etc/ssh/sshd_config"),
    Fault("a network of its own", "sshd_not_on_address", "refused", "mkdir -p /etc/systemd/system/ssh.service.d; printf"
          " '[Service]\nPrivateNetwork=yes\n' > /etc/systemd/system/ssh.service.d/own.conf; systemctl daemon-reload;"
          " systemctl restart ssh; sleep 1", SYSTEMD, points_at="network of its own"),
    Fault("another port, and the usual one closed", "sshd_on_other_port", "timed_out",
          "echo 'Port 2222' >> /etc/ssh/sshd_config; " + RESTART + "; iptables -A INPUT -p tcp --dport 22 -j DROP",
          points_at="2222"),
    Fault("another port", "sshd_on_other_port", "refused", f"echo 'Port 2222' >> /etc/ssh/sshd_config; {RESTART}",
          points_at="2222"),
    Fault("another port by option", "sshd_on_other_port", "refused",
          f"echo 'SSHD_OPTS=\"-p 2022\"' > /etc/default/ssh; {RESTART}", points_at="2022"),
    Fault("another port, a web server on 22", "sshd_on_other_port", "not_ssh",
          f"echo 'Port 2222' >> /etc/ssh/sshd_config; {RESTART}; {WEB_SERVER}", points_at="2222"),
    Fault("people use a port of their own", "sshd_on_other_port", "refused", "true",
          variables={"remote_login_port": 2200}, points_at="port 22"),
    Fault("loopback only", "sshd_not_on_address", "refused",
          f"echo 'ListenAddress 127.0.0.1' >> /etc/ssh/sshd_config; {RESTART}", points_at="127.0.0.1"),
    Fault("IPv6 only", "sshd_not_on_address", "refused",
          f"echo 'AddressFamily inet6' >> /etc/ssh/sshd_config; {RESTART}", points_at="AddressFamily inet6"),
    Fault("an address of another host", "sshd_not_on_address", "refused",
          f"echo 'ListenAddress 192.0.2.7' >> /etc/ssh/sshd_config; {RESTART_FAILING}; sleep 0.5",
          points_at="192.0.2.7"),
    Fault("web server has the port", "port_taken", "not_ssh", f"{STOP}; {WEB_SERVER}; {RESTART_FAILING}",
          points_at="python"),
    Fault("socket unit of another service", "port_taken", "closed_before_banner",
          f"{STOP}; printf '[Socket]\\nListenStream=22\\nAccept=yes\\n' > /etc/systemd/system/echo.socket;"
          " printf '[Service]\\nExecStart=/bin/true\\nStandardInput=socket\\n' > /etc/systemd/system/echo@.service;"
          f" systemctl daemon-reload; systemctl start echo.socket; {RESTART_FAILING}", SYSTEMD,
          points_at="echo.socket"),
    Fault("socket on 22, Port 2222", "socket_overrides_port", "refused",
          "echo 'Port 2222' >> /etc/ssh/sshd_config; systemctl stop ssh; systemctl start ssh.socket", SYSTEMD,
          variables={"remote_login_port": 2222}, points_at="ssh.socket"),
    Fault("socket on another port", "socket_overrides_port", "refused", "mkdir -p /etc/systemd/system/ssh.socket.d;"
          " printf '[Socket]\\nListenStream=\\nListenStream=2200\\n' > /etc/systemd/system/ssh.socket.d/x.conf;"
          " systemctl daemon-reload; systemctl stop ssh; systemctl start ssh.socket", SYSTEMD, points_at="2200"),
    Fault("keys gone, daemon stopped", "host_keys_missing", "refused", f"rm {KEYS}; {RESTART_FAILING}; {STOP}"),
    Fault("keys gone, old daemon runs", "host_keys_missing", "closed_before_banner", f"rm {KEYS}",
          ("bookworm", "bullseye")),
    Fault("keys empty", "host_keys_missing", "closed_before_banner", f"for key in {KEYS}; do : > $key; done",
          ("bookworm", "bullseye"), points_at="empty"),
    Fault("keys elsewhere", "host_keys_missing", "refused",
          f"echo 'HostKey /etc/ssh/keys/none' >> /etc/ssh/sshd_config; {STOP}; {RESTART_FAILING}",
          points_at="/etc/ssh/keys/none"),
    Fault("keys with a passphrase", "host_keys_missing", "refused", f"for key in {KEYS}; do ssh-keygen -q -p -P ''"
          f" -N secret123 -f $key; done; {STOP}; {RESTART_FAILING}", points_at="encrypted with a passphrase"),
    Fault("keys of a group that this sshd does not know", "host_keys_permissions", "refused", "groupadd ssh_keys;"
          f" chgrp ssh_keys {KEYS}; chmod 640 {KEYS}; {STOP}; {RESTART_FAILING}", points_at="0640"),
    Fault("keys readable by all", "host_keys_permissions", "refused", f"chmod 644 {KEYS}; {STOP}; {RESTART_FAILING}",
          points_at="0644"),
    Fault("keys group-readable, old daemon runs", "host_keys_permissions", "closed_before_banner", f"chmod 640 {KEYS}",
          ("bookworm", "bullseye")),
    Fault("directory gone under the daemon", "privilege_separation_missing", "closed_before_banner", "rm -r /run/sshd",
          ("bookworm", "bullseye"), points_at="/run/sshd"),
    Fault("directory gone under the new daemon", "privilege_separation_missing", "key_exchange_failed",
          "rm -r /run/sshd", ("trixie",), points_at="/run/sshd"),
    Fault("directory open to all", "privilege_separation_missing", "closed_before_banner", "chmod 777 /run/sshd",
          ("bookworm", "bullseye"), points_at="0777"),
    Fault("user gone", "privilege_separation_missing", "closed_before_banner", "sed -i /^sshd:/d /etc/passwd",
          points_at="sshd"),
    Fault("user gone, daemon stopped", "privilege_separation_missing", "refused",
          f"sed -i /^sshd:/d /etc/passwd; {STOP}; {RESTART_FAILING}"),
    # What an attack on the diagnosis found: each was judged wrong once.
    Fault("stopped, and a user's process called sshd", "sshd_stopped", "refused", f"{FAKE_DAEMON}; {STOP}",
          remedied=True),
    Fault("masked, and a user's process called sshd", "sshd_masked", "refused",
          f"{FAKE_DAEMON}; systemctl mask --now ssh", SYSTEMD),
    Fault("stopped, and root's process called sshd", "sshd_stopped", "refused",
          f"cp /bin/sleep /usr/local/bin/sshd; (setsid /usr/local/bin/sshd 5000 &) >/dev/null 2>&1; {STOP}"),
    Fault("stopped, with a failed start in the log", "sshd_stopped", "refused", f"{STOP}; sleep 0.2;"
          " logger -t sshd 'error: Bind to port 22 on 0.0.0.0 failed: Address already in use.'", SYSTEMD,
          remedied=True),
    Fault("stopped, with its binary elsewhere", "sshd_stopped", "refused", "mkdir -p /opt/ossh/sbin"
          " /etc/systemd/system/ssh.service.d; mv /usr/sbin/sshd /opt/ossh/sbin/; printf '[Service]\nExecStartPre=\n"
          "ExecStart=\nExecStart=/opt/ossh/sbin/sshd -D\n' > /etc/systemd/system/ssh.service.d/z.conf;"
          " systemctl daemon-reload; systemctl stop ssh", SYSTEMD, remedied=True),
    Fault("a FIFO among the drop-ins", "sshd_config_invalid", "refused", "grep -q Include /etc/ssh/sshd_config ||"
          " echo 'Include /etc/ssh/sshd_config.d/*.conf' >> /etc/ssh/sshd_config;"
          f" {STOP}; mkfifo /etc/ssh/sshd_config.d/x.conf", points_at="/etc/ssh/sshd_config.d/x.conf"),
    Fault("masked, and sshd hangs", "sshd_masked", "refused", "systemctl mask --now ssh;"
          " printf '#!/bin/sh\nsleep 1000\n' > /usr/sbin/sshd", SYSTEMD),
    Fault("port bound and not listened on", "port_taken", "refused", f"{STOP}; $(command -v python3 || command -v"
          " python2.7) -c 'import os, socket, time; s = socket.socket(); s.bind((\"\", 22))\n"
          f"if os.fork(): os._exit(0)\nos.setsid(); time.sleep(900)' >/dev/null 2>&1; {RESTART_FAILING}",
          points_at="Address already in use"),
    Fault("socket unit with a name of its own", "socket_overrides_port", "refused", "systemctl disable --now ssh;"
          " printf '[Socket]\nListenStream=2222\nService=ssh.service\n[Install]\nWantedBy=sockets.target\n'"
          " > /etc/systemd/system/own.socket; systemctl daemon-reload; systemctl enable --now own.socket", SYSTEMD,
          points_at="own.socket"),
    Fault("socket bound to the loopback device", "sshd_not_on_address", "refused", "mkdir -p"
          " /etc/systemd/system/ssh.socket.d; printf '[Socket]\nBindToDevice=lo\n'"
          " > /etc/systemd/system/ssh.socket.d/a.conf; systemctl daemon-reload; systemctl disable --now ssh;"
          " systemctl enable --now ssh.socket", SYSTEMD),
]  # fmt: skip

# Set-ups that look odd and are right. Nothing may be found that blocks.
HEALTHY = [
    Fault("plain", "", "ok", "true"),
    Fault("two ports", "", "ok", f"printf 'Port 22\\nPort 2222\\n' >> /etc/ssh/sshd_config; {RESTART}"),
    Fault("another port, and people know", "", "ok", f"echo 'Port 2222' >> /etc/ssh/sshd_config; {RESTART}",
          variables={"ansible_port": 2222}),
    Fault("socket activation", "", "ok", "systemctl disable --now ssh; systemctl enable --now ssh.socket", SYSTEMD),
    Fault("socket activation, after a login", "", "ok",
          "systemctl disable --now ssh; systemctl enable --now ssh.socket; (sleep 1 | nc 127.0.0.1 22 || true)"
          " 2>/dev/null", SYSTEMD),
    Fault("socket on 22 and another Port in the file", "", "ok", "echo 'Port 2222' >> /etc/ssh/sshd_config;"
          " systemctl disable --now ssh; systemctl enable --now ssh.socket", SYSTEMD),
    Fault("a drop-in overrides", "", "ok", "printf 'Port 2222\\n' >> /etc/ssh/sshd_config;"
          " sed -i '1i Port 22\\nListenAddress 0.0.0.0:22' /etc/ssh/sshd_config;"
          f" sed -i '/^Port 2222/d' /etc/ssh/sshd_config; {RESTART}"),
    Fault("one key type", "", "ok", f"rm /etc/ssh/ssh_host_rsa_key* /etc/ssh/ssh_host_ecdsa_key*; {RESTART}"),
    Fault("one key refused", "", "ok", f"chmod 644 /etc/ssh/ssh_host_rsa_key; {RESTART}"),
    Fault("deprecated options", "", "ok", f"echo 'UsePrivilegeSeparation yes' >> /etc/ssh/sshd_config; {RESTART}"),
    Fault("reloaded after a change", "", "ok", "sleep 2; echo '# a remark' >> /etc/ssh/sshd_config; sleep 1;"
          " kill -HUP $(cat /run/sshd.pid); sleep 1"),
    Fault("started by hand", "", "ok", "systemctl disable --now ssh; mkdir -p /run/sshd; /usr/sbin/sshd", SYSTEMD),
    Fault("socket unit with a name of its own", "", "ok", "systemctl disable --now ssh; printf"
          " '[Socket]\nListenStream=22\nService=ssh.service\n[Install]\nWantedBy=sockets.target\n'"
          " > /etc/systemd/system/own.socket; systemctl daemon-reload; systemctl enable --now own.socket", SYSTEMD),
    Fault("behind a super-server", "", "ok", f"{STOP}; systemctl disable ssh; mkdir -p /run/sshd; {SUPER_SERVER}",
          SYSTEMD),
    Fault("a file from the future", "", "ok", f"touch -d '+2 days' /etc/ssh/sshd_config; {RESTART}"),
    Fault("a user's process called sshd", "", "ok", FAKE_DAEMON),
    Fault("a web server beside it", "", "ok", WEB_SERVER.replace("22)", "8022)")),
    Fault("options in the environment file", "", "ok",
          f"echo 'SSHD_OPTS=\"-o MaxSessions=5\"' > /etc/default/ssh; {RESTART}"),
    Fault("configuration elsewhere", "", "ok", "cp /etc/ssh/sshd_config /etc/ssh/sshd_main; echo 'Port 2222' >>"
          f" /etc/ssh/sshd_config; echo 'SSHD_OPTS=\"-f /etc/ssh/sshd_main\"' > /etc/default/ssh; {RESTART}"),
]  # fmt: skip

# It works now, and will not after the next restart.
RISKS = [
    Fault("binary gone under the daemon", "sshd_not_installed", "ok", "rm /usr/sbin/sshd", ("trixie",)),
    Fault("disabled", "sshd_disabled_at_boot", "ok", "systemctl disable ssh", SYSTEMD, remedied=True),
    Fault("no start links", "sshd_disabled_at_boot", "ok", "update-rc.d -f ssh remove", ("bullseye",), remedied=True),
    Fault("links turned off", "sshd_disabled_at_boot", "ok", "update-rc.d ssh disable", ("bullseye",), remedied=True),
    Fault("masked while it runs", "sshd_disabled_at_boot", "ok", "systemctl mask ssh", SYSTEMD, remedied=True),
    Fault("not to be run", "sshd_disabled_at_boot", "ok", "touch /etc/ssh/sshd_not_to_be_run",
          points_at="/etc/ssh/sshd_not_to_be_run"),
    Fault("wrong file, old daemon", "sshd_config_invalid", "ok", "echo 'Nonsense yes' >> /etc/ssh/sshd_config",
          points_at="Nonsense"),
    Fault("not loaded", "sshd_config_not_loaded", "ok", "sleep 2; echo 'MaxSessions 9' >> /etc/ssh/sshd_config"),
    Fault("an older file moved in", "sshd_config_not_loaded", "ok", "cp -p /etc/ssh/sshd_config /etc/ssh/new;"
          " touch -d 2020-01-01 /etc/ssh/new; sleep 2; mv /etc/ssh/new /etc/ssh/sshd_config"),
    Fault("keys gone, new daemon runs", "host_keys_missing", "ok", f"rm {KEYS}", ("trixie",)),
]  # fmt: skip
