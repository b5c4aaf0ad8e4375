#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: firewall_port
short_description: Open a port in the packet filter for named sources, no wider, now and after a reboot
version_added: 0.1.0
author:
  - rescue.remote_login authors (@rescue)
description:
  - Finds the rules that block new connections from each source to the port, and places one rule before each of them, by
    the firewall that has made it. That is firewalld, ufw, an nftables ruleset, or an iptables ruleset of either
    flavour; several can block at once.
  - Then it judges the same packets again. A port that is opened and still blocked is a failure that names the rule that
    blocks, and everything that was added is taken back.
  - No firewall is enabled, disabled, reloaded or saved as a whole, so bans and other people's rules stay.
  - A source that is banned (fail2ban, CrowdSec, sshguard) is refused, because an open port does not undo a ban.
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.changing_module
options:
  state:
    description:
      - V(present) opens the port where it is blocked. A port that is open already is left as it is.
      - V(absent) takes back what V(present) has added for the same port, protocol and sources. Rules that somebody else
        has made stay, so the port can be open afterwards.
    type: str
    choices: [present, absent]
    default: present
  port:
    description: The port, between 1 and 65535.
    type: int
    required: true
  protocol:
    description: The protocol.
    type: str
    choices: [tcp, udp]
    default: tcp
  source:
    description:
      - Whom to open the port for, as addresses or as networks in CIDR notation. An address means that one address.
      - V(any) means everybody, V(0.0.0.0/0) everybody with IPv4, V(::/0) everybody with IPv6.
      - A network counts as open when its first address is, and those of its addresses that rules name, up to 32. Bans
        of single members stay.
      - A network with host bits set, such as V(192.0.2.7/24), is refused rather than widened. Names are not resolved.
    type: list
    elements: str
    required: true
  permanent:
    description:
      - With V(true) the port is open now and after a reboot, with V(false) until the next one only. ufw keeps every
        rule for good and takes V(true) only.
      - A port that is open now and that the files of nftables, iptables or ufw would close at the next boot is opened
        there. Where that cannot be done, it is a failure that names the rule.
    type: bool
    default: true
  zone:
    description:
      - The firewalld zone in which the packets are expected. By default, and always in effect, the one that firewalld
        itself puts them in, by source, then by interface, then the default zone. Another one is an error.
    type: str
  addresses:
    description:
      - The addresses that people connect to, for rules that tell the host's addresses apart. By default, and where none
        of them is the host's own, the one from which it answers the source.
    type: list
    elements: str
    default: []
  unbanned:
    description: Plan in check mode as if the bans of the sources were lifted, because something before will do that.
    type: bool
    default: false
notes:
  - It needs root. It runs C(firewall-cmd), C(ufw), C(nft) or C(iptables), and the programs that list rulesets.
  - Every rule but firewalld's carries a comment that starts with C(rescue.remote_login). firewalld's is a rich rule
    with priority -32768, or a direct rule.
  - What loads at boot is changed by the line, never written anew from what is loaded now. The file before the change
    stays beside it, with a date in its name.
seealso:
  - module: rescue.remote_login.firewall_info
"""

EXAMPLES = r"""
- name: Let one machine in
  rescue.remote_login.firewall_port:
    port: 22
    source: [192.0.2.7]
  become: true

- name: Let an office in, until the next reboot
  rescue.remote_login.firewall_port:
    port: 2222
    source: [198.51.100.0/24, "2001:db8:7::/48"]
    permanent: false
  become: true

- name: Take it back
  rescue.remote_login.firewall_port:
    port: 22
    source: [192.0.2.7]
    state: absent
  become: true
"""

RETURN = r"""
steps:
  description: The commands that were run and the files that were changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["nft -a -e insert rule inet filter input position 7 ip saddr 192.0.2.7 tcp dport 22 accept comment …"]
detail:
  description: What was done, in words.
  returned: success
  type: str
  sample: "22/tcp is open for 192.0.2.7; ufw prepend allow proto tcp from 192.0.2.7 to 0.0.0.0/0 port 22 comment …"
in_charge:
  description: The firewall in charge, as in the evidence of the section firewall.
  returned: success
  type: str
  sample: ufw
verdicts:
  description: For each source the verdict before, and the one after, which is null in check mode.
  returned: when state is present
  type: list
  elements: dict
  sample: [{"source": "192.0.2.7", "before": "drop", "after": "accept"}]
left:
  description: What could not be taken back after a failure.
  returned: failure
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import change, source
from ansible_collections.rescue.remote_login.plugins.module_utils.firewall.steps import CannotChange, Replace

ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "port": {"type": "int", "required": True},
    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
    "source": {"type": "list", "elements": "str", "required": True},
    "permanent": {"type": "bool", "default": True},
    "zone": {"type": "str"},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "unbanned": {"type": "bool", "default": False},
}


def main():
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        wanted = request(module.params, module.check_mode)
    except ValueError as reason:
        module.fail_json(msg=str(reason))
    work = change.Change(wanted, module.atomic_move)
    try:
        work.look()
        if module.params["state"] == "absent":
            work.close(module.check_mode)
            verdicts = None
        else:
            verdicts = work.open(module.check_mode)
    except CannotChange as reason:
        module.fail_json(msg=str(reason), changed=bool(reason.left), left=reason.left)
    module.exit_json(**result(work, verdicts, module.check_mode))


def request(params, only_look):
    """What is asked for; raises ValueError for what makes no sense."""
    if not 0 < params["port"] < 65536:
        raise ValueError("port must be between 1 and 65535, not %d" % params["port"])
    return change.Request(
        params["port"],
        params["protocol"],
        source.parse(params["source"]),
        permanent=params["permanent"],
        zone=params["zone"],
        addresses=params["addresses"],
        unbanned=params["unbanned"] and only_look,
    )


def result(work, verdicts, only_look):
    words = [step.words for step in work.done]
    answer = {
        "changed": bool(words),
        "steps": words,
        "in_charge": work.in_charge,
        "detail": "; ".join(told(work, verdicts, only_look) + words + work.notes),
        "diff": diff(work),
    }
    if verdicts:
        before, after = verdicts
        answer["verdicts"] = [
            {"source": one.words, "before": before[number]["verdict"], "after": after and after[number]["verdict"]}
            for number, one in enumerate(work.request.sources)
        ]
    return answer


def told(work, verdicts, only_look):
    """What is the case now, for each source."""
    port = "%d/%s" % (work.request.port, work.request.protocol)
    sources = ", ".join(one.words for one in work.request.sources)
    if not verdicts:
        return ["nothing was added for %s from %s" % (port, sources)] if not work.done else []
    if only_look:
        return ["would open %s for %s" % (port, sources) if work.done else "%s is open for %s" % (port, sources)]
    doubts = [verdict for verdict in verdicts[1] if verdict["verdict"] != "accept"]
    if doubts:
        return ["%s from %s: whether that is enough cannot be told: %s" % (port, sources, doubts[0].get("reason"))]
    return ["%s is open for %s" % (port, sources)]


def diff(work):
    """Files before and after, and the commands that change what is loaded."""
    files = [step for step in work.done if isinstance(step, Replace)]
    commands = [step.words for step in work.done if not isinstance(step, Replace)]
    shown = [
        {"before_header": step.path, "after_header": step.path, "before": step.before or "", "after": step.after or ""}
        for step in files
    ]
    if commands:
        shown.append({"prepared": "".join(words + "\n" for words in commands)})
    return shown


if __name__ == "__main__":
    main()
