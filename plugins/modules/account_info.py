#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: account_info
short_description: Whether a user's account lets the user log in, and what refuses it
version_added: 0.1.0
description:
  - Looks at the account of O(user), its shell, home, password and expiry, at failed logins that were counted, and at
    what the PAM stack of sshd says to this user from the first of O(clients).
  - Asks sshd for the rules of exactly this login, and looks for the line that decides.
  - Reads the files with the authorized keys with the rights of the user, and judges them as sshd does.
  - Hashes of passwords are looked at to tell whether there is a password. No part of one is ever returned.
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
- name: Look at an account
  rescue.remote_login.account_info:
    user: alice
    clients: [198.51.100.7]
  become: true
  register: account

- name: Say what keeps the user out
  ansible.builtin.debug:
    msg: "{{ account.refusals | map(attribute='reason') | join(', ') }}"
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
  description: The user whose account this is.
  returned: when RV(status) is V(ok)
  type: str
  sample: alice
method:
  description: What the login is tried with, V(publickey) or V(password); V(null) where that is not known.
  returned: when RV(status) is V(ok)
  type: str
  sample: publickey
view:
  description:
    - V(null) where the daemon sees the files that everybody sees. Where it has mounts of its own, as by
      C(ProtectHome) or C(InaccessiblePaths) of its unit, the whole account is looked at as the daemon sees it.
    - C(pid) is the daemon, C(differs) has those of the files and folders that decide the login at which it sees
      something else or nothing, C(because) the settings of its unit that make it so.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    pid: 612
    differs: [/root]
    because: ["ProtectHome=yes (/etc/systemd/system/ssh.service.d/hard.conf line 2)"]
exists:
  description: Whether there is such a user; V(null) where a directory that may have it does not answer.
  returned: when RV(status) is V(ok)
  type: bool
  sample: true
from:
  description: V(files) for a user of C(/etc/passwd), V(nss) for one that another source of the name service has.
  returned: when RV(status) is V(ok)
  type: str
  sample: files
uid:
  description: The number of the user.
  returned: when RV(status) is V(ok)
  type: int
  sample: 1000
gid:
  description: The number of the user's first group.
  returned: when RV(status) is V(ok)
  type: int
  sample: 1000
groups:
  description: The names of the user's groups.
  returned: when RV(status) is V(ok)
  type: list
  elements: str
  sample: [alice, sudo]
shell:
  description:
    - The shell. C(executable) is as sshd judges it, C(problem) why this user cannot start it all the same.
    - C(refuses) says why a shell such as C(nologin) lets nobody in; C(known) is V(true) for a usual shell.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    path: /bin/bash
    exists: true
    executable: true
    in_etc_shells: true
    known: true
    refuses: null
    problem: null
home:
  description:
    - The home directory, and whether the user can get into it; C(blocked_at) is the folder that keeps the user out.
    - One on a network file system is not looked at.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    path: /home/alice
    exists: true
    is_directory: true
    mode: "0755"
    owner: alice
    reachable: true
    blocked_at: null
password:
  description:
    - C(state) is V(usable), V(locked), V(empty), V(none) (no password will ever fit) or V(unknown).
    - C(expired) and C(must_change) are judged for today in UTC by the host's own clock; C(inactive) says that it
      expired too long ago to be changed. C(expires_at) and C(last_changed) are ISO 8601 in UTC.
    - C(sshd_says_locked) is what sshd takes for a locked account where it does not ask PAM.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    state: usable
    sshd_says_locked: false
    in_shadow: true
    expired: false
    must_change: false
    inactive: false
    last_changed: "2026-08-01T00:00:00Z"
    expires_at: null
account_expires_at:
  description: The day from which on the account has expired, ISO 8601 in UTC; V(null) for never.
  returned: when RV(status) is V(ok)
  type: str
  sample: null
account_expired:
  description: Whether the account has expired today, in UTC by the host's own clock.
  returned: when RV(status) is V(ok)
  type: bool
  sample: false
today:
  description: Today's date in UTC by the host's own clock, ISO 8601, by which expiry is judged.
  returned: when RV(status) is V(ok)
  type: str
  sample: "2026-11-21T00:00:00Z"
failures:
  description:
    - What pam_faillock or pam_tally2 have counted, where the stack of sshd has one of them. C(locked) tells whether
      that refuses a password now, C(until) until when; times in seconds.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample:
    - by: pam_faillock
      file: /var/run/faillock/alice
      count: 2
      deny: 3
      fail_interval: 900
      unlock_time: 600
      even_deny_root: false
      locked: false
      latest: "2026-11-21T08:27:46Z"
      until: null
      sources: [203.0.113.9]
      reason: null
nologin:
  description: The files that keep everybody but root out, and what the first of them says.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"paths": [], "message": null, "effective": null}
pam:
  description:
    - Whether sshd asks PAM (C(used)) and by which name (C(service)), the lines of its stack with file and line, those
      that cannot be used (C(broken)), and why PAM does not even start (C(fatal)).
    - C(phases) has the verdict of each phase that such a login goes through; without a password that is not C(auth).
    - C(verdict) is V(allow), V(change) (the password must be changed), V(refuse), V(unused), or V(null) where it
      depends on a module whose answer is not known.
    - C(undecided) are the lines whose answer is not known and refuses the login if it is a no.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    used: true
    service: sshd
    fatal: null
    stack: [{"phase": "account", "control": "required", "module": "pam_nologin.so", "arguments": [],
             "file": "/etc/pam.d/sshd", "line": 7}]
    broken: []
    phases: {"account": {"verdict": "allow", "unknown": []}, "session": {"verdict": "allow", "unknown": []}}
    verdict: allow
    undecided: []
    refusals: []
refusals:
  description:
    - Everything that refuses this login, by sshd itself or by PAM, in the order in which it is asked.
    - C(stage) is V(auth) where nobody gets in, V(session) where the login works and the session ends at once.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample:
    - by: PAM
      kind: pam_denies
      stage: auth
      phase: account
      module: pam_access.so
      file: /etc/pam.d/sshd
      line: 10
      reason: "/etc/security/access.conf line 3: - : alice : ALL"
start_files:
  description:
    - The files that are run before the command of a session, by sshd or by the user's shell (C(run_by)), as far as they
      are there. They are read with the rights of the user and never run.
    - C(lines) are those that can end (C(does) is V(ends)) or hold up (V(waits)) a session, C(exits) the statuses other
      than 0 that the former name, and C(loader) what the environment of a session tells the loader of programs.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    shell: bash
    files: [{"path": /etc/bash.bashrc, "run_by": bash, "problem": null}]
    lines: [{"file": /etc/bash.bashrc, "line": 1, "text": "[ -t 0 ] || exit 1", "does": ends, "status": 1}]
    exits: [1]
    loader: []
unfinished:
  description:
    - Processes of a session of the user that was begun in the last 5 minutes and has not come to its command. C(by) is
      V(shell) for the shell in its start files, V(rc) for what sshd runs, or the phase in which a module of PAM runs a
      program, V(auth), V(account) or V(session).
    - C(pid) and C(waits_for) are the process that it waits for, C(place) is the line of a start file that runs it.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample:
    - pid: 129
      by: rc
      command: /bin/sh /etc/ssh/sshrc
      waits_for: sleep 4000
      place: /etc/ssh/sshrc line 1
login_needs_home:
  description: Whether sshd looks for the user's keys in the home directory only.
  returned: when RV(status) is V(ok)
  type: bool
  sample: true
rules:
  description:
    - What the sshd that has O(port) says of this login. C(settings) has the value of each keyword, and file, line and
      C(match) of the directive that decides, V(null) for a default.
    - C(refusals) is everything that refuses the user, each with the C(methods) that it is about and C(kind), one of
      V(user_not_allowed), V(root_login_disabled), V(key_login_disabled), V(password_login_disabled),
      V(more_methods_required), V(max_auth_tries), V(rules_fail). C(refused) are those that refuse O(method); without
      it, those that leave no method.
    - C(unset) are the words that sshd logs for a refusal which these rules cannot have led to; a daemon that logs one
      of them goes by others.
    - C(unless_key_has_command) marks the one that a key with a command of its own gets past.
    - C(chroot) is the folder of ChrootDirectory and what sshd finds wrong with it.
    - C(group_writable_allowed) tells whether this sshd takes files that a group of nobody but the user can write to.
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    command: [/usr/sbin/sshd]
    version: OpenSSH_9.2
    client: 198.51.100.7
    host: 198.51.100.7
    method: publickey
    group_writable_allowed: true
    chroot: null
    unset: [DenyUsers, AllowUsers, DenyGroups, AllowGroups, RefuseConnection, UsePAM]
    settings:
      permitrootlogin: {"value": "no", "file": "/etc/ssh/sshd_config", "line": 33, "text": "PermitRootLogin no",
                        "match": null}
    refused:
      - kind: root_login_disabled
        keyword: PermitRootLogin
        value: "no"
        file: /etc/ssh/sshd_config
        line: 33
        text: PermitRootLogin no
        match: null
        methods: [publickey, password]
passed_by_files:
  description: >-
    Where sshd itself does not take its files, so that C(rules) is V(null), the words for refusals as in C(unset) of
    C(rules), by which the files as they are now do not refuse this login.
  returned: when RV(status) is V(ok)
  type: list
  elements: str
  sample: []
keys:
  description:
    - The files that sshd reads for the authorized keys of the user, with what it has against each (C(problem)), the
      modes and owners up the path (C(chain)), the number of keys and the lines that are malformed.
    - C(found) tells whether a line lets in the key O(key_fingerprint), C(accepted) is that line with its options, and
      C(seen) are all lines with that key, each with its C(state), V(accepted), V(refused_file), V(commented),
      V(malformed), V(broken_line), V(cert_authority), V(expired), V(from) or V(other_file).
    - C(agent_key) is the number of the first of O(agent_fingerprints) that a line lets in, V(null) where there is none.
    - C(command) is AuthorizedKeysCommand, which is not run, C(certificates_of) is TrustedUserCAKeys.
    - C(revoked) is what RevokedKeys says, C(unsuitable) the setting that refuses the type or the size of the key.
    - C(problem) is what it comes to, of C(kind) V(permissions), V(not_authorized), V(unsuitable) or V(revoked).
  returned: when RV(status) is V(ok)
  type: dict
  sample:
    fingerprint: "SHA256:W5/Cz0spKpksLGsL890+FS67vhK+kvoO0fTSqHa3LMs"
    strict_modes: true
    found: false
    accepted: null
    agent_key: null
    command: null
    certificates_of: null
    revoked: null
    unsuitable: null
    problem: {"kind": "permissions", "text": "/home/alice can be written by everybody (mode 0777)"}
    files:
      - path: /home/alice/.ssh/authorized_keys
        resolved: /home/alice/.ssh/authorized_keys
        exists: true
        problem: /home/alice can be written by everybody (mode 0777)
        searched: true
        cut_off: false
        keys: 1
        malformed: []
        chain: [{"path": "/home/alice", "mode": "0777", "owner": "alice", "problem": "can be written by everybody"}]
    seen: [{"file": "/home/alice/.ssh/authorized_keys", "line": 1, "state": "refused_file", "detail": null,
            "type": "ssh-ed25519", "bits": null, "options": {}}]
"""

from ansible_collections.rescue.remote_login.plugins.module_utils.info_module import run_info_module


def main():
    run_info_module("account")


if __name__ == "__main__":
    main()
