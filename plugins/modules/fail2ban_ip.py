#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: fail2ban_ip
short_description: Lift every ban of an address, or ban it
version_added: 0.1.0
description:
  - Lifts the bans of an address in every jail of fail2ban, in its database, and in the packet filter, there also those
    that fail2ban no longer knows of. So that they stay lifted it looks again after some seconds.
  - Bans of CrowdSec, sshguard and DenyHosts are lifted as well when O(jail=all).
  - Only what names just this address is touched. No other ban, rule or set element is lost, and fail2ban is neither
    restarted nor stopped.
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.changing_module
options:
  ip:
    description:
      - Addresses or networks (CIDR), IPv4 or IPv6. A network stands for the ban of just this network.
      - A network with host bits set, such as V(192.0.2.7/24), is refused rather than widened.
    type: list
    elements: str
    required: true
  state:
    description: Whether the addresses are to be banned.
    type: str
    choices: [unbanned, banned]
    default: unbanned
  jail:
    description: The jail, or V(all).
    type: str
    default: all
  networks:
    description:
      - Lift also the ban of a network that holds the address. That lets in everybody else in it.
      - Without it such a ban is a failure that names the network, and nothing is changed.
    type: bool
    default: false
  ignore:
    description:
      - Have fail2ban ignore the addresses from now on, and after its next start by a drop-in of its own,
        C(/etc/fail2ban/jail.d/zz-remote-login.local), that extends what the jails ignore already.
    type: bool
    default: false
  port:
    description: The port that people use to log in.
    type: int
    default: 22
  wait:
    description: After how many seconds to look whether a ban has come back, 0 to 3600.
    type: int
    default: 3
notes:
  - It needs root. fail2ban is asked and told through C(fail2ban-client) only; while it does not run, what it has left
    in the packet filter and in its database is taken out.
requirements:
  - Linux. Nothing needs to be installed beside Python 2.7 or 3.6 and later.
seealso:
  - module: rescue.remote_login.fail2ban_info
author:
  - rescue.remote_login authors (@rescue)
"""

EXAMPLES = r"""
- name: Let a client in again
  rescue.remote_login.fail2ban_ip:
    ip: [198.51.100.7]
  become: true

- name: Let the office in again and never ban it
  rescue.remote_login.fail2ban_ip:
    ip: [198.51.100.0/24]
    ignore: true
  become: true
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["fail2ban-client unban 198.51.100.7"]
notes:
  description: What may bring a ban back and nobody could look into, such as the database of a stopped fail2ban.
  returned: success
  type: list
  elements: str
  sample: []
detail:
  description: RV(steps) and RV(notes) as one line.
  returned: success
  type: str
  sample: "198.51.100.7: fail2ban-client unban 198.51.100.7"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses, ignore, unban


def main():
    module = AnsibleModule(
        argument_spec={
            "ip": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["unbanned", "banned"], "default": "unbanned"},
            "jail": {"type": "str", "default": unban.ALL_JAILS},
            "networks": {"type": "bool", "default": False},
            "ignore": {"type": "bool", "default": False},
            "port": {"type": "int", "default": 22},
            "wait": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    done, notes = {}, []
    try:
        carry_out(module, done, notes)
    except (unban.CannotUnban, ignore.CannotIgnore) as reason:
        changed = bool(getattr(reason, "changed", False) or any(done.values())) and not module.check_mode
        module.fail_json(msg=reason.args[0], changed=changed)
    listed = [step for steps in done.values() for step in steps]
    for note in notes:
        module.warn(note)
    detail = "; ".join([told(done, module)] + notes)
    module.exit_json(changed=bool(listed), steps=listed, notes=notes, detail=detail, diff=shown(done, module))


def carry_out(module, done, notes):
    """Do what is asked for, address by address; ``done`` keeps the steps, also those before a failure."""
    asked = module.params
    if asked["state"] == "banned" and asked["ignore"]:
        raise unban.CannotUnban("an address cannot be both banned and ignored")
    if not 0 < asked["port"] < 65536:
        raise unban.CannotUnban("port must be between 1 and 65535, not %d" % asked["port"])
    wait = unban.checked_wait(asked["wait"])
    # Everything is looked at before anything is changed.
    targets = [unban.checked_address(text) for text in asked["ip"]]
    state = unban.checked_server(asked["jail"], needed=asked["state"] == "banned" or asked["ignore"])
    for wanted in targets:
        steps = done.setdefault(addresses.text(wanted), [])
        if asked["state"] == "banned":
            steps += unban.ban(wanted, asked["jail"], module.check_mode)
            continue
        if asked["ignore"]:
            # First, so that nothing bans it anew in between.
            planned = ignore.plan(wanted, state, asked["jail"], unban.ALL_JAILS)
            if not module.check_mode:
                ignore.carry_out(planned, wanted, module.atomic_move)
            steps += ignore.words(planned, wanted)
        lifted, unknown = unban.unban(
            wanted,
            asked["port"],
            asked["jail"],
            asked["networks"],
            wait,
            module.check_mode,
            module.atomic_move,
        )
        steps += lifted
        notes += ["%s: %s" % (addresses.text(wanted), unknown)] if unknown else []


def told(done, module):
    """One line for all addresses."""
    nothing = "is not banned" if module.params["state"] == "unbanned" else "is banned already"
    return "; ".join("%s: %s" % (address, ", ".join(steps) or nothing) for address, steps in sorted(done.items()))


def shown(done, module):
    """What a diff shows: each address with what bans it, in the words of what lifts it."""
    before = {address: "banned" if steps else module.params["state"] for address, steps in done.items()}
    if module.params["state"] == "banned":
        before = {address: "unbanned" if steps else "banned" for address, steps in done.items()}
    return {"before": before, "after": dict.fromkeys(done, module.params["state"])}


if __name__ == "__main__":
    main()
