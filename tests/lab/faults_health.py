# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that lack room, processes, memory or an answer from a resolver: data like faults.py.

Every limit is that of a group or mount of the one host; the machine itself is never exhausted.
"""

from __future__ import annotations

from typing import Any

from faults import RESTART, SYSTEMD, Fault

USER: dict[str, Any] = {"remote_login_user": "ops"}
LET_IN = "mkdir -p -m 700 /home/ops/.ssh; cp /root/.ssh/authorized_keys /home/ops/.ssh/; chown -R ops: /home/ops; "
DAEMON = "$(cat /run/sshd.pid)"
# Room for so many bytes, all of them taken.
FILL = "head -c 300000 /dev/zero > %s/fill 2>/dev/null || true; "


def small(place: str, options: str = "size=64k") -> str:
    """A small tmpfs over a folder, with what was in it, small files only."""
    return (
        f"mkdir /keep; find {place} -xdev -type f -size -8 | tar -cf /keep/x.tar -T - --numeric-owner 2>/dev/null;"
        f" mount -t tmpfs -o mode=$(stat -c %a {place}),{options} none {place}; tar -C / -xpf /keep/x.tar; "
    )


def full(place: str, options: str = "size=64k") -> str:
    return small(place, options) + FILL % place


def image(place: str, inodes: int = 16) -> str:
    """A file system with so few inodes that all are taken: in a file, or a tmpfs where there is no mkfs.ext4."""
    return (
        f"cp -a {place} /kept; if command -v mkfs.ext4 >/dev/null; then head -c 4194304 /dev/zero > /image;"
        f" mkfs.ext4 -q -N {inodes} /image; mount -o loop /image {place};"
        f" else mount -t tmpfs -o nr_inodes={inodes},mode=755 none {place}; fi;"
        f" cp -a /kept/. {place}/ 2>/dev/null || true;"
        f" for n in $(seq 4000); do touch {place}/$n 2>/dev/null || break; done; "
    )


def group(controller: str, limit: str) -> str:
    """A group of the daemon's own below that of the host, with a limit; its processes are born in it."""
    folder = f"/sys/fs/cgroup/{controller}/sshx"
    return f"mkdir -p {folder}; echo {DAEMON} > {folder}/cgroup.procs; echo {limit.replace(' ', f' > {folder}/', 1)}; "


def session(module: str) -> str:
    return f"echo 'session required {module}' >> /etc/pam.d/sshd; "


# Keys that need no home.
KEYS = (
    "mkdir /etc/keys; cp /root/.ssh/authorized_keys /etc/keys/ops; chmod 644 /etc/keys/ops;"
    " echo 'AuthorizedKeysFile .ssh/authorized_keys /etc/keys/%u' >> /etc/ssh/sshd_config; " + RESTART + "; "
)
NO_HOME = KEYS + "rm -rf /home/ops; "
# Frames to this address go to a card that is not there; the client's name is no longer in the file either.
DEAD_RESOLVER = (
    "ip neigh replace 10.77.1.253 lladdr 02:00:00:00:00:99 dev eth0; cp /etc/hosts /hosts; grep -v '10.77.1.1[^0-9]'"
    " /hosts > /etc/hosts; printf 'nameserver 10.77.1.253\\nnameserver 10.77.1.253\\n' > /etc/resolv.conf; "
)
# A file system whose server never says a word.
PYTHON = "$(command -v python3 || command -v python2.7)"
HUNG = (
    "cat > /hang.py <<'X'\nimport ctypes, os, sys, time\nfd = os.open('/dev/fuse', os.O_RDWR)\n"
    "data = 'fd=' + str(fd) + ',rootmode=40000,user_id=0,group_id=0,allow_other'\n"
    "ctypes.CDLL(None).mount(b'server:/home', sys.argv[1].encode(), b'fuse', 0, data.encode())\ntime.sleep(900)\nX\n"
    "mkdir -p /mnt/far; [ -e /dev/fuse ] || mknod /dev/fuse c 10 229; (setsid " + PYTHON + " /hang.py %s &)"
    " >/dev/null 2>&1; sleep 0.5"
)

# The daemon waits for memory for ever, or gives up the one connection and goes on.
NO_MEMORY = "banner_timed_out or closed_before_banner"
FAULTS = [
    Fault("log full, lastlog required", "disk_full", "session_failed", session("pam_lastlog.so") + full("/var/log"),
          ("bookworm", "bullseye"), points_at="/var/log"),
    Fault("home full, no home yet", "disk_full", "session_failed", NO_HOME + session("pam_mkhomedir.so")
          + full("/home", "size=8k"), variables=USER, points_at="pam_mkhomedir in /etc/pam.d/sshd line"),
    Fault("no inodes, no home yet", "inodes_full", "session_failed", NO_HOME + session("pam_mkhomedir.so")
          + image("/home"), variables=USER, points_at="/home"),
    Fault("home read-only, no home yet", "read_only_filesystem", "session_failed", NO_HOME
          + session("pam_mkhomedir.so") + "mount --bind /home /home; mount -o remount,bind,ro /home", variables=USER,
          points_at="/home"),
    Fault("no tasks", "daemon_cannot_fork", "closed_before_banner", group("pids", "1 pids.max"), points_at="/sshx"),
    Fault("one task", "daemon_cannot_fork", "key_exchange_failed", group("pids", "2 pids.max"), ("bookworm",
          "bullseye"), points_at="at most 2 tasks"),
    Fault("two tasks", "daemon_cannot_fork", "auth_denied", group("pids", "3 pids.max"), ("trixie",),
          points_at="at most 3 tasks"),
    Fault("few descriptors", "daemon_cannot_fork", "auth_denied", f"prlimit --pid {DAEMON} --nofile=12:1024",
          ("trixie",), points_at="may have 12"),
    Fault("no memory", "daemon_cannot_fork", "closed_before_banner", group("memory", "1M memory.limit_in_bytes"),
          SYSTEMD, points_at="killed sshd"),
    Fault("no tasks for the user", "daemon_cannot_fork", "session_failed", LET_IN
          + "echo '@ops hard nproc 0' > /etc/security/limits.d/90-x.conf", variables=USER,
          points_at="/etc/security/limits.d/90-x.conf line 1"),
    Fault("no address space for the session", "daemon_cannot_fork", "session_failed", LET_IN
          + "printf '* hard as 4000\\n' > /etc/security/limits.d/20-x.conf", SYSTEMD, variables=USER,
          points_at="/etc/security/limits.d/20-x.conf line 1"),
    Fault("no descriptors for the session", "daemon_cannot_fork", "session_failed", LET_IN
          + "printf 'ops hard nofile 3\\n' >> /etc/security/limits.conf", SYSTEMD, variables=USER,
          points_at="3 open files (nofile: /etc/security/limits.conf line"),
    Fault("no memory for root's session", "daemon_cannot_fork", "session_failed",
          "echo 'root - data 0' > /etc/security/limits.d/90-x.conf", SYSTEMD, points_at="0 KiB (data"),
    Fault("no descriptors", "daemon_cannot_fork", "closed_before_banner", f"prlimit --pid {DAEMON} --nofile=8:1024",
          ("bookworm",), points_at="may have 8"),
    Fault("no memory, and nobody is killed for it", "memory_exhausted", NO_MEMORY,
          group("memory", "1 memory.oom_control") + "echo 512K > /sys/fs/cgroup/memory/sshx/memory.limit_in_bytes",
          ("bookworm",), points_at="/sshx uses", deadly=True),
    Fault("no memory in the group above, and nobody is killed", "memory_exhausted", NO_MEMORY,
          group("memory", "1 memory.oom_control") + "cd /sys/fs/cgroup/memory/sshx; mkdir own;"
          f" echo {DAEMON} > own/cgroup.procs; echo 512K > memory.limit_in_bytes", ("trixie",), points_at="/sshx uses",
          deadly=True),
    Fault("home hangs", "filesystem_hangs", "auth_denied", HUNG % "/home/ops", variables=USER, points_at="/home/ops"),
    Fault("home is a link to what hangs", "filesystem_hangs", "auth_denied", HUNG % "/mnt/far"
          + "; mv /home/ops /home/was; ln -s ../mnt/far/ops /home/ops", variables=USER, points_at="/mnt/far (fuse"),
    Fault("what served the home has died", "filesystem_hangs", "auth_denied", HUNG % "/home/ops"
          + "; pkill -9 -f '^[^ ]*python[0-9.]* /hang.py'; sleep 0.5", variables=USER, points_at="/home/ops (fuse"),
    Fault("dead resolver, hosts.deny by name", "slow_name_lookup", "banner_timed_out", DEAD_RESOLVER
          + "echo 'sshd: .example.org' > /etc/hosts.deny", points_at="/etc/hosts.deny line 1"),
]  # fmt: skip

# Where the login ends depends on the machine that the lab runs on: it is for the evidence of the rule alone.
UNSTEADY = [
    Fault("hardly any processor", "load_high", "banner_timed_out",
          group("cpu", "1000000 cpu.cfs_period_us") + "echo 1000 > /sys/fs/cgroup/cpu/sshx/cpu.cfs_quota_us",
          ("bookworm",), points_at="/sshx may use 0.001"),
]  # fmt: skip
HEALTHY = [
    Fault("full where no login writes", "", "ok", "mkdir -p /srv/x /boot; mount -t tmpfs -o size=64k none /srv/x;"
          " mount -t tmpfs -o size=64k none /boot; " + FILL % "/srv/x" + FILL % "/boot"
          + "mount -o remount,size=64k /dev/shm; " + FILL % "/dev/shm"),
    Fault("read-only where no login writes", "", "ok", "mount --bind /usr /usr; mount -o remount,bind,ro /usr;"
          " mkdir /mnt/cd; mount -t tmpfs -o ro none /mnt/cd"),
    Fault("read-only and meant so", "", "ok", "mount --bind /home /home; mount -o remount,bind,ro /home;"
          " echo '/home /home none bind,ro 0 0' >> /etc/fstab"),
    Fault("dead resolver, nobody asks it", "", "ok", DEAD_RESOLVER + "echo 'sshd: 192.0.2.1' > /etc/hosts.deny"),
    Fault("a far file system hangs", "", "ok", HUNG % "/mnt/far"),
    Fault("few tasks for others", "", "ok", LET_IN + "printf '@nobody hard nproc 0\\nroot hard nproc 0\\n'"
          " > /etc/security/limits.d/90-x.conf", variables=USER),
    Fault("tight limits of a session, and others", "", "ok", LET_IN + "printf '%s\\n' '* hard as 40000' '* - nofile 24'"
          " '* hard core 0' '* hard memlock 0' 'bob hard as 0' 'root - nproc 0' '* hard fsize 0'"
          " > /etc/security/limits.d/90-x.conf", SYSTEMD, variables=USER),
    Fault("half a processor, and memory enough", "", "ok", group("cpu", "100000 cpu.cfs_period_us")
          + "echo 50000 > /sys/fs/cgroup/cpu/sshx/cpu.cfs_quota_us; " + group("memory", "200M memory.limit_in_bytes")),
    Fault("tasks enough", "", "ok", group("pids", "20 pids.max")),
]  # fmt: skip

RISKS = [
    Fault("home full", "disk_full", "ok", LET_IN + full("/home"), variables=USER, points_at="/home"),
    Fault("log full", "disk_full", "ok", full("/var/log"), points_at="/var/log"),
    Fault("temporary files full", "disk_full", "ok", "mountpoint -q /tmp && umount /tmp; " + full("/tmp"),
          points_at="/tmp"),
    Fault("nowhere any room", "disk_full", "ok", "mountpoint -q /tmp && umount /tmp; " + full("/tmp")
          + "rm -r /keep; " + full("/root") + "rm -r /keep; " + full("/var/tmp"), points_at="/var/tmp"),
    Fault("home without inodes", "inodes_full", "ok", LET_IN + image("/home", 24), variables=USER,
          points_at="/home"),
    Fault("all read-only", "read_only_filesystem", "ok", "mount -o remount,bind,ro /", SYSTEMD,
          points_at="overlay"),
]  # fmt: skip

# Worth knowing: the login works, after a while.
NOTES = [
    Fault("dead resolver, UseDNS", "slow_name_lookup", "ok", DEAD_RESOLVER
          + f"echo 'UseDNS yes' >> /etc/ssh/sshd_config; {RESTART}", points_at="10.77.1.1 takes"),
]  # fmt: skip
