#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: sshd_info
short_description: Whether sshd is there, runs and listens, and if not, why not
version_added: 0.1.0
description:
  - Looks at the OpenSSH server of a host, with systemd or SysV init, under whichever name its unit has there.
  - The configuration is judged by C(sshd -t) and C(sshd -T); the files are read only to point at file and line.
  - A value that could not be found out is V(null), and RV(missing) says why.
extends_documentation_fragment:
  - rescue.remote_login.login
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
seealso:
  - module: rescue.remote_login.login_evidence
  - module: rescue.remote_login.listening_ports_info
"""

EXAMPLES = r"""
- name: Look at sshd
  rescue.remote_login.sshd_info:
    port: 22
  become: true
  register: sshd

- name: Say why it does not run
  ansible.builtin.debug:
    msg: "{{ sshd.unit }}: {{ sshd.unit_active_state }} ({{ sshd.unit_result }}): {{ sshd.log.reason }}"
  when: not sshd.running
"""

RETURN = r"""
status:
  description: V(ok), or V(unchecked) when sshd could not be looked at.
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
installed:
  description: Whether there is an sshd binary.
  returned: when RV(status) is V(ok)
  type: bool
  sample: true
binary:
  description: Its path.
  returned: when RV(status) is V(ok)
  type: str
  sample: /usr/sbin/sshd
version:
  description: The version that it reports.
  returned: when RV(status) is V(ok)
  type: str
  sample: OpenSSH_9.2p1
broken_binary:
  description: What it says when it cannot run at all, such as a missing library.
  returned: when the binary was asked
  type: str
  sample: null
bad_options:
  description: What it says when the options that the unit or init script gives are wrong.
  returned: when the binary was asked
  type: str
  sample: null
reads_keys_at_start_only:
  description:
    - Whether a running daemon keeps working when its host keys are removed (OpenSSH 9.8 and later).
  returned: when RV(status) is V(ok)
  type: bool
  sample: false
manager:
  description: What starts sshd, V(systemd), V(sysv) or V(unknown).
  returned: when RV(status) is V(ok)
  type: str
  sample: systemd
unit:
  description: The unit or init script of sshd under the name that it has on this system.
  returned: when RV(status) is V(ok)
  type: str
  sample: ssh.service
unit_path:
  description: The file of the unit or init script.
  returned: when RV(status) is V(ok)
  type: str
  sample: /lib/systemd/system/ssh.service
unit_files:
  description: The files of the unit, its own first and then the drop-ins, in the order in which they count.
  returned: when RV(status) is V(ok)
  type: list
  elements: str
  sample: [/lib/systemd/system/ssh.service]
confinement:
  description:
    - What the unit lets the daemon do. C(lacks) has the capabilities that process 1 has and the daemon has not,
      C(filtered) tells whether its system calls are filtered, C(calls) has those that every login takes and the filter
      does not allow, C(users) a user that the daemon's own user namespace has not got.
    - C(problem) says in words why no login can work with that. C(settings) has the lines of the unit about such rights,
      C(mounts) those that make files look different to the daemon and its sessions.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"lacks": [], "filtered": false, "calls": [], "users": null, "problem": null, "settings": [], "mounts": []}
unit_load_state:
  description: systemd's LoadState.
  returned: when RV(status) is V(ok)
  type: str
  sample: loaded
unit_active_state:
  description: systemd's ActiveState.
  returned: when RV(status) is V(ok)
  type: str
  sample: active
unit_sub_state:
  description: systemd's SubState.
  returned: when RV(status) is V(ok)
  type: str
  sample: running
unit_file_state:
  description: systemd's UnitFileState.
  returned: when RV(status) is V(ok)
  type: str
  sample: enabled
unit_result:
  description: systemd's Result of the last run.
  returned: when RV(status) is V(ok)
  type: str
  sample: success
unit_reason:
  description: Why the service manager could not be asked, or could not load the unit.
  returned: when RV(status) is V(ok)
  type: str
  sample: null
runtime_directory:
  description: The directory below C(/run) that starting the unit makes.
  returned: when RV(status) is V(ok)
  type: str
  sample: sshd
command:
  description: The command line in the unit.
  returned: when RV(status) is V(ok)
  type: list
  elements: str
  sample: ["/usr/sbin/sshd", "-D", "$SSHD_OPTS"]
apart:
  description: The process id of a daemon that lives in another network than the host's, as C(PrivateNetwork=) makes it.
  returned: when RV(status) is V(ok)
  type: int
  sample: null
state_changed_at:
  description: When the unit last changed its state, ISO 8601 in UTC.
  returned: when RV(status) is V(ok)
  type: str
  sample: "2026-11-21T00:54:58Z"
masked:
  description: Whether the unit is masked, so that it cannot be started.
  returned: when RV(status) is V(ok)
  type: bool
  sample: false
enabled:
  description: Whether the unit or init script starts at boot.
  returned: when RV(status) is V(ok)
  type: bool
  sample: true
starts_at_boot:
  description: Whether the next boot starts sshd in any way, its socket unit included.
  returned: when RV(status) is V(ok)
  type: bool
  sample: true
start_blocked_by:
  description: The file that keeps Debian's unit and init script from starting sshd.
  returned: when RV(status) is V(ok)
  type: str
  sample: null
failed:
  description: Whether the service manager says that sshd could not be started or has died.
  returned: when RV(status) is V(ok)
  type: bool
  sample: false
socket:
  description: The socket unit of sshd, active or not, with the addresses and ports that it listens on.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"unit": "ssh.socket", "active": false, "enabled": false, "listen": [{"address": "::", "port": 22}]}
running:
  description: Whether a daemon waits for connections, or systemd does for it.
  returned: when RV(status) is V(ok)
  type: bool
  sample: true
daemon:
  description: The process of the daemon, V(null) when there is none.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"pid": 613, "command": "/usr/sbin/sshd -D", "state": "S", "started_at": "2026-11-21T00:54:57Z"}
listening:
  description: The TCP sockets on which an SSH login is taken.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: [{"address": "0.0.0.0", "port": 22, "pid": 613, "program": "sshd", "v6only": null}]
config:
  description:
    - The configuration, with C(valid), C(errors) (each with file, line, directive and message),
      C(effective) and where that comes from (C(sshd -T), or the files when sshd cannot print it), C(listen),
      C(files) in the order in which they are read, and C(newer_than_daemon).
    - C(changed_folder) is a folder of included files that was changed after the daemon last read its files, when a file
      came or went there, or for another reason (C(folder_changed_at), ISO 8601 in UTC).
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"valid": true, "errors": [], "effective_from": "sshd -T", "files": ["/etc/ssh/sshd_config"]}
host_keys:
  description:
    - Each configured host key with path, mode, owner, its fingerprint, and what is wrong with it. C(problem) is
      V(missing), V(empty), V(permissions), V(not a regular file), V(encrypted with a passphrase), V(unreadable), or
      V(refused by sshd) where nothing of that can be seen.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: [{"path": "/etc/ssh/ssh_host_rsa_key", "exists": true, "mode": "0600", "owner": "root", "problem": null}]
host_keys_usable:
  description: Whether sshd can load at least one host key.
  returned: when RV(status) is V(ok)
  type: bool
  sample: true
privilege_separation:
  description: The directory and the user that sshd needs, and what is wrong with them.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"directory": "/run/sshd", "directory_state": "ok", "user": "sshd", "user_exists": true, "problem": null}
log:
  description: The reason that the journal or log gives for a daemon that does not run, and where it could not listen.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"reason": null, "bind_failures": [], "unavailable": null}
login:
  description: How all this fits the login attempt at O(port) of O(addresses).
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"port": 22, "listens_on_port": true, "listens_on_address": true, "port_holder": null}
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import run_info_module


def main():
    run_info_module("sshd")


if __name__ == "__main__":
    main()
