#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: health_info
short_description: Whether a host has the room, memory, processes and time that a login needs
version_added: 0.1.0
description:
  - Looks at the file systems that a login of O(user) writes to, at memory and whom the kernel killed for want of it, at
    the limits on processes and open files, at the load, at how long a login waits for names, and at SELinux and
    AppArmor.
  - What can hang, such as a dead file server or resolver, is asked in a process of its own and given up after some
    seconds.
  - A value that could not be found out is V(null), and RV(missing) says why.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
seealso:
  - module: rescue.remote_login.login_evidence
  - module: rescue.remote_login.sshd_info
"""

EXAMPLES = r"""
- name: Look at what a login of a user needs
  rescue.remote_login.health_info:
    user: alice
    clients: [198.51.100.7]
  become: true
  register: health

- name: Name the file systems that are full
  ansible.builtin.debug:
    msg: "{{ health.storage.full | map(attribute='mount_point') | list }}"
"""

RETURN = r"""
status:
  description: V(ok), or V(unchecked) when nothing could be looked at.
  returned: always
  type: str
  sample: ok
reason:
  description: Why it could not be looked at.
  returned: when RV(status) is V(unchecked)
  type: str
  sample: did not finish within 45 s
missing:
  description: What could not be found out, each with its reason.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {}
user:
  description: The account of O(user), V(null) where no source of accounts knows it.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"name": "alice", "uid": 1000, "home": "/home/alice"}
lookups:
  description:
    - How long it takes to look up the name of the first of O(clients) and the account of O(user), with the resolvers,
      the sources in C(nsswitch.conf), and in C(wrappers) the first line of C(hosts.allow) and C(hosts.deny) that
      asks for the client's name.
    - C(slow) is what takes 2.5 seconds and more, C(hangs) what has no answer within 12 seconds.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    client: {"asked": "198.51.100.7", "took_s": 0.1, "hangs": false, "slow": false, "error": "Unknown host"}
    account: {"asked": "alice", "took_s": 0.0, "hangs": false, "slow": false, "error": null}
    servers: [192.0.2.53]
    sources: {"passwd": [files, sss], "hosts": [files, dns]}
    wrappers: null
storage:
  description:
    - The file systems that hold the user's home and the folders of the system that a login writes to
      (C(filesystems)), with what is left for whoever writes there in bytes and inodes.
    - Those of them that are C(full), have C(no_inodes), are C(read_only) though nobody wants them so, or do not answer
      (C(hangs)), once a mount. Where the daemon has mounts of its own, they are looked at as it sees them, and
      C(sshd_only) tells which are read-only for it and its sessions alone.
    - C(refused_by) has the PAM modules that end the login because they cannot write.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    filesystems: [{"path": "/home/alice", "mount_point": "/home", "free_bytes": 0, "problems": ["full"]}]
    full: [{"mount_point": "/home", "device": "/dev/sda3", "paths": ["/home/alice"], "home": true, "free_bytes": 0}]
    no_inodes: []
    read_only: []
    hangs: []
    refused_by: []
memory:
  description:
    - Memory and swap of the host in bytes, and whether hardly any is left (C(scarce)).
    - The limits of the daemon's control groups (C(groups)), and the one that leaves no room (C(full_group)).
    - Whom the kernel killed for want of memory (C(oom_kills)), those of the last 5 minutes (C(oom_recent)), and the
      processes of sshd among these (C(oom_sshd)).
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"total_bytes": 8589934592, "available_bytes": 4294967296, "scarce": false, "oom_kills": []}
processes:
  description:
    - Tasks of the host and their limits, the limits of the daemon's control groups and open files, the tasks of O(user)
      with the line of C(limits.conf) and the slice that limit them.
    - C(session_limits) are lines of C(limits.conf) that leave a session of O(user) too little to come to its shell,
      with what it takes (C(least)).
    - C(complaints) has what sshd said in the last 5 minutes of a process or file that it did not get; C(obstacles) what
      leaves no room for this login, with the outcomes that it C(explains).
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    count: 398
    pid_max: 4194304
    threads_max: 192686
    groups: [{"group": "/sys/fs/cgroup/system.slice/ssh.service", "limit": 28902, "current": 1, "room": 28901}]
    daemon_files: {"limit": 1024, "used": 5, "room": 1019}
    user: {"uid": 1000, "count": 3, "limit": null, "group": null}
    session_limits: []
    complaints: []
    obstacles: []
killed:
  description: The last process of sshd that the kernel killed within 5 minutes, and the outcomes that it explains.
  returned: when RV(status) is V(ok)
  type: dict
  sample: null
load:
  description:
    - The load averages, also for each processor, the pressure on processor, disks and memory in percent of the last
      10 seconds (V(null) before Linux 4.20), and the share of processors that the daemon may have (C(quota)).
    - C(high) where thirty tasks and more wait for each processor and the pressure agrees, where nearly everything waits
      for disks or memory, or where the daemon may have less than a twentieth of a processor.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"averages": [0.1, 0.2, 0.1], "cpus": 2, "per_cpu": 0.1, "pressure": {"cpu": {"some": 0.0}}, "high": false}
random:
  description: The entropy of the kernel in bits, and whether it can give random numbers, V(null) where nobody can tell.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"entropy_bits": 256, "pool_bits": 256, "ready": true}
clock:
  description:
    - The host's own time (ISO 8601 in UTC), its seconds since the boot, and whether systemd keeps it right.
    - C(offset_s) is by how many seconds it is ahead of O(controller_time), less than 0 where it is behind. The seconds
      that Ansible takes to start the module are part of it.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"now": "2026-11-21T08:39:14Z", "uptime_s": 28815, "synchronized": true,
           "offset_s": 2}
selinux:
  description:
    - The mode of SELinux (V(enforcing), V(permissive) or V(disabled)), the label of O(port), and the AppArmor profile
      of the daemon, or of a daemon that is not running the one that the kernel has for it.
    - What either has denied sshd within 15 minutes (C(denials)), and those that were carried out (C(in_force)), each
      with the outcomes that it C(explains).
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    mode: enforcing
    policy: targeted
    port: {"port": 2222, "type": "unreserved_port_t", "allowed": false, "source": "semanage port -l"}
    apparmor: null
    denials: []
    in_force: []
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import run_info_module


def main():
    run_info_module("health")


if __name__ == "__main__":
    main()
