# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Units of sshd that hide files from it or take rights away, and such that harm nothing: data like faults.py."""

from __future__ import annotations

from faults import SYSTEMD, Fault
from faults_account import OPS

DROP_IN = "/etc/systemd/system/ssh.service.d/hard.conf"
# A daemon that does not come from the unit, in mounts of its own, and what is mounted only afterwards.
BY_HAND = "systemctl stop ssh; unshare -m --propagation private sh -c 'mkdir -p /run/sshd; /usr/sbin/sshd'; sleep 0.3; "


def unit(*lines: str) -> str:
    text = "\\n".join(lines)
    return (
        f"mkdir -p {DROP_IN.rpartition('/')[0]}; printf '[Service]\\n{text}\\n' > {DROP_IN}; systemctl daemon-reload;"
        " systemctl restart ssh || true; sleep 0.5"
    )


FAULTS = [
    Fault("unit hides the homes", "key_not_authorized", "auth_denied", unit("ProtectHome=yes"), SYSTEMD,
          points_at=f"ProtectHome=yes ({DROP_IN} line 2)"),
    Fault("unit hides the homes from a user", "home_missing", "auth_denied",
          unit("PrivateTmp=yes", "ProtectHome=tmpfs"), SYSTEMD, variables=OPS,
          points_at=f"ProtectHome=tmpfs ({DROP_IN} line 3)"),
    Fault("empty file system on the home", "key_not_authorized", "auth_denied", unit("TemporaryFileSystem=/root:ro"),
          SYSTEMD, points_at="TemporaryFileSystem=/root:ro"),
    Fault("unit hides the keys", "key_not_authorized", "auth_denied",
          unit("InaccessiblePaths=-/root/.ssh -/root/.gnupg"), SYSTEMD, points_at="InaccessiblePaths=-/root/.ssh"),
    Fault("another home bound over it", "authorized_keys_permissions", "auth_denied",
          "cp -a /root /srv/root; chmod 777 /srv/root; " + unit("BindPaths=/srv/root:/root"), SYSTEMD,
          points_at="BindPaths=/srv/root:/root"),
    Fault("unit hides the passwords", "account_missing", "auth_denied", unit("InaccessiblePaths=/etc/shadow"), SYSTEMD,
          variables=OPS, points_at="InaccessiblePaths=/etc/shadow"),
    Fault("unit hides the shell", "login_shell_unusable", "auth_denied", unit("InaccessiblePaths=/bin/bash"), SYSTEMD,
          variables=OPS, points_at="InaccessiblePaths=/bin/bash"),
    Fault("home mounted behind the daemon's back", "key_not_authorized", "auth_denied",
          "cp -a /root /srv/root; rm -r /root/.ssh; " + BY_HAND + "mount --bind /srv/root /root", SYSTEMD,
          points_at="has mounts of its own"),
    Fault("another root without homes", "key_not_authorized", "auth_denied", "mkdir -p /srv/r/root; "
          + unit("RootDirectory=/srv/r", "BindReadOnlyPaths=/usr /etc /bin /lib /lib64 /sbin /var", "MountAPIVFS=yes",
                 "BindPaths=/run"), SYSTEMD, points_at="RootDirectory=/srv/r"),
    Fault("capabilities taken away", "sshd_confined", "key_exchange_failed",
          unit("CapabilityBoundingSet=~CAP_SYS_CHROOT CAP_SETGID"), ("bookworm",),
          points_at="CAP_SYS_CHROOT, CAP_SETGID"),
    Fault("a short list of capabilities", "sshd_confined", "key_exchange_failed",
          unit("CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_SETGID CAP_SYS_CHROOT CAP_KILL CAP_SYS_TTY_CONFIG",
               "CapabilityBoundingSet=CAP_DAC_OVERRIDE"), ("bookworm",), points_at="CAP_SETUID"),
    Fault("system calls taken away", "sshd_confined", "key_exchange_failed", unit("SystemCallFilter=@system-service"),
          ("bookworm",), points_at="may not call chroot"),
    Fault("a system call refused", "sshd_confined", "key_exchange_failed",
          unit("SystemCallFilter=~chroot", "SystemCallErrorNumber=EPERM"), ("bookworm",), points_at="chroot"),
    Fault("users of its own", "sshd_failed", "refused", unit("PrivateUsers=yes"), SYSTEMD,
          points_at=f"PrivateUsers=yes ({DROP_IN} line 2)"),
]  # fmt: skip

RISKS = [
    Fault("unit makes nearly everything read-only", "read_only_filesystem", "ok", unit("ProtectSystem=strict"), SYSTEMD,
          points_at=f"ProtectSystem=strict ({DROP_IN} line 2)"),
]  # fmt: skip

HEALTHY = [
    Fault("hardened, and all that a login takes is there", "", "ok",
          unit("PrivateTmp=yes", "ProtectSystem=full", "NoNewPrivileges=yes", "InaccessiblePaths=/srv",
               "CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_CHOWN", "MemoryDenyWriteExecute=yes",
               "SystemCallFilter=~@module @swap", "ProtectKernelTunables=yes"), SYSTEMD),
    Fault("homes that the unit gives back", "", "ok", unit("ProtectHome=yes", "ProtectHome=no", "PrivateDevices=yes"),
          SYSTEMD, variables=OPS),
]  # fmt: skip
