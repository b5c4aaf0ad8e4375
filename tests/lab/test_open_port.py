# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Open a port on real hosts: the client gets in, nobody else does, and nothing else has changed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from fixtures import Playbook
from fleet import Host
from images import DEFINITIONS

Start = Callable[..., Host]

CLIENT, CLIENT6 = "10.77.1.1", "fd77:1::1"
# An address of the lab's own that stands for everybody else.
STRANGER = "10.77.9.1"
BRIDGE = "ip -4 -o addr show to 10.77.1.1"
SYSTEMD = ("bookworm", "trixie")
ALL = (*SYSTEMD, "bullseye")

NFT_CONF = """cat > /etc/nftables.conf <<'END'
#!/usr/sbin/nft -f
flush ruleset
table inet filter {
  set trusted { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }
  chain services { tcp dport 80 accept; tcp dport 22 ip saddr != @trusted %s; }
  chain input {
    type filter hook input priority filter; policy %s;
    ct state established,related accept
    iif lo accept
    ip saddr 203.0.113.9 drop
    meta l4proto { tcp, udp } jump services
  }
}
END
systemctl enable nftables 2>/dev/null; systemctl restart nftables"""
IPTABLES = (
    "{0} -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; {0} -A INPUT -i lo -j ACCEPT;"
    " {0} -A INPUT -s 203.0.113.9/32 -j DROP; "
)
PERSIST = (
    "iptables-save > /etc/iptables/rules.v4; ip6tables-save > /etc/iptables/rules.v6;"
    " if [ -d /run/systemd/system ]; then systemctl enable netfilter-persistent;"
    " systemctl restart netfilter-persistent; else update-rc.d netfilter-persistent enable; fi; "
)
# What a banner adds at run time: it must neither get lost nor become permanent.
BAN = "{0} -N f2b-web; {0} -I INPUT -p tcp --dport 80 -j f2b-web; {0} -A f2b-web -s 203.0.113.77/32 -j REJECT; "
FIREWALLD = "systemctl enable --now firewalld 2>/dev/null; firewall-cmd -q --state; "


def firewalld(*commands: str) -> str:
    """The same commands for the runtime and the permanent configuration."""
    return FIREWALLD + "".join(f"firewall-cmd -q {c}; firewall-cmd -q --permanent {c}; " for c in commands)


def ufw(*commands: str) -> str:
    # ufw itself doubles one of its rules when it is enabled and drops it again at the first change.
    settle = ("prepend allow 9/udp", "delete allow 9/udp")
    return "ufw --force enable >/dev/null; " + "".join(f"ufw {command} >/dev/null; " for command in (*commands, *settle))


# Each: a name, the images that can have it, how the port is blocked, whether that is there after a reboot,
# and how many steps open it.
CASES: list[tuple[str, tuple[str, ...], str, bool]] = [
    ("firewalld-no-service", SYSTEMD, firewalld("--remove-service=ssh"), True),
    ("firewalld-rich-reject", SYSTEMD,
     firewalld("--add-rich-rule='rule family=ipv4 source address=10.77.0.0/16 service name=ssh reject'"), True),
    ("firewalld-zone-drop", SYSTEMD, firewalld("--zone=drop --add-source=10.77.0.0/16"), True),
    ("firewalld-zone-drop-nested", SYSTEMD, firewalld("--zone=drop --add-source=10.0.0.0/8",
     "--zone=work --add-source=10.77.0.0/16", "--zone=work --remove-service=ssh"), True),
    ("firewalld-direct", SYSTEMD,
     firewalld("--direct --add-rule ipv4 filter INPUT 0 -p tcp --dport 22 -j DROP"), True),
    ("firewalld-policy", SYSTEMD, FIREWALLD + "for o in '--new-policy blk' '--policy=blk --set-target=REJECT'"
     " '--policy=blk --set-priority=-10' '--policy=blk --add-ingress-zone=ANY' '--policy=blk --add-egress-zone=HOST'; do"
     " firewall-cmd -q --permanent $o; done; firewall-cmd -q --reload", True),
    ("ufw-default-deny", ("bookworm", "bullseye"), ufw(), True),
    ("ufw-deny-first", ("bookworm", "bullseye"), ufw("deny 22/tcp", "allow 80/tcp", "allow 22/tcp"), True),
    ("ufw-own-allow-behind-deny", ("bookworm", "bullseye"),
     ufw("deny 22/tcp", "allow proto tcp from 10.77.1.1 to any port 22 comment mine", "allow 80/tcp"), True),
    ("ufw-reject-net", ("bookworm", "bullseye"), ufw("reject from 10.77.0.0/16", "allow 22/tcp"), True),
    ("nft-service-policy", SYSTEMD, NFT_CONF % ("counter continue", "drop"), True),
    ("nft-service-user-chain", SYSTEMD, NFT_CONF % ("counter reject with tcp reset", "accept"), True),
    ("nft-plain-vmap", ALL, "nft 'add table inet f; add chain inet f i { type filter hook input priority 0; };"
     " add rule inet f i tcp dport vmap { 22 : drop, 80 : accept }'", False),
    ("nft-plain-prerouting-and-input", ALL, "nft 'add table ip f; add chain ip f p { type filter hook prerouting priority"
     " -310; }; add rule ip f p tcp dport 22 drop; add table inet g; add chain inet g i { type filter hook input"
     " priority 10; policy drop; }; add rule inet g i tcp dport 80 accept'", False),
    ("nft-plain-ingress", ALL, "nft 'add table netdev f; add chain netdev f i { type filter hook ingress device eth0"
     " priority 0; }; add rule netdev f i tcp dport 22 drop'", False),
    ("nft-plain-output", ALL, "nft 'add table inet f; add chain inet f o { type filter hook output priority 0; };"
     " add rule inet f o ip daddr 10.77.0.0/16 tcp sport 22 drop'", False),
    ("nft-plain-goto-policy", ALL, "nft 'add table inet f; add chain inet f i { type filter hook input priority 0;"
     " policy drop; }; add chain inet f u; add rule inet f u tcp dport 80 accept;"
     " add rule inet f i meta l4proto tcp goto u'", False),
    ("iptables-nft", ALL, IPTABLES.format("iptables-nft") + "iptables-nft -A INPUT -p tcp --dport 22 -j REJECT", False),
    ("iptables-nft-multiport-jump", ALL, IPTABLES.format("iptables-nft") + "iptables-nft -N guard;"
     " iptables-nft -A INPUT -p tcp -j guard; iptables-nft -A guard -p tcp -m multiport --dports 20:25,8022 -j DROP",
     False),
    ("iptables-legacy", ALL, IPTABLES.format("iptables-legacy") + "iptables-legacy -P INPUT DROP", False),
    ("both-flavours", ALL, "iptables-legacy -A INPUT -p tcp --dport 22 -j DROP;"
     " iptables-nft -A INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset", False),
    ("netfilter-persistent-rule", ("trixie", "bullseye"), IPTABLES.format("iptables")
     + "iptables -A INPUT -p tcp --dport 22 -j DROP; " + PERSIST + BAN.format("iptables"), True),
    ("netfilter-persistent-policy", ("trixie", "bullseye"), IPTABLES.format("iptables")
     + "iptables -A INPUT -p tcp --dport 80 -j ACCEPT; iptables -P INPUT DROP; " + PERSIST, True),
    ("netfilter-persistent-output", ("trixie", "bullseye"),
     "iptables -A OUTPUT -p tcp --sport 22 -d 10.77.0.0/16 -j DROP; " + PERSIST, True),
]  # fmt: skip


@dataclass
class Outcome:
    """What the module answered."""

    answer: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.answer.get(name)


Change = Callable[..., Outcome]
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Ask for the change
      rescue.remote_login.firewall_port: "{{ wanted }}"
      register: answer
      ignore_errors: true
    - name: Keep the answer
      ansible.builtin.copy:
        content: "{{ answer | to_json }}"
        dest: "{{ answer_file }}"
        mode: "0600"
      delegate_to: localhost
      check_mode: false
      vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
"""


@pytest.fixture
def change(playbook: Playbook) -> Change:
    """change(host, port=22, source=[…]): run the module on a host, out of band."""

    def _change(host: Host, *arguments: str, **wanted: Any) -> Outcome:
        play, answer = playbook.folder / "change.yml", playbook.folder / "answer.json"
        play.write_text(PLAY)
        answer.unlink(missing_ok=True)
        way = {"ansible_connection": "containers.podman.podman", "ansible_host": host.name}
        old = bool(DEFINITIONS[host.image]["python"].endswith("2.7"))
        run = playbook(str(play), {host.name: {**host.inventory(), **way}}, *arguments, old=old,
                       wanted={"port": 22, "source": [CLIENT], **wanted}, answer_file=str(answer))  # fmt: skip
        assert answer.exists(), run.text
        assert "Traceback" not in run.text, run.text
        return Outcome(json.loads(answer.read_text()))

    return _change


def let_the_stranger_answer(host: Host) -> None:
    """Give the lab a second address, and the host the way back to it."""
    device = subprocess.run(BRIDGE.split(), capture_output=True, text=True, check=True).stdout.split()[1]
    subprocess.run(["ip", "addr", "replace", f"{STRANGER}/32", "dev", device], check=True)
    host.run(f"ip route replace {STRANGER}/32 dev eth0")


def gets_in(host: Host, *options: str) -> bool:
    return host.ssh("true", "-o", "ConnectTimeout=3", *options, patience=20)[0] == 0


def stranger_gets_in(host: Host) -> bool:
    return gets_in(host, "-b", STRANGER)


def state_of(host: Host) -> str:
    """All that the packet filters hold, and all that is kept for the next boot; without counters and handles."""
    listed = host.run(
        "nft -s list ruleset; for f in iptables-legacy ip6tables-legacy; do $f-save 2>/dev/null | grep -v '^#'; done;"
        " for d in /etc/nftables* /etc/iptables /etc/ufw /etc/firewalld; do find $d -type f ! -name '*.old' ! -name '*~' |"
        " sort | while read f; do echo \"== $f\"; cat $f; done; done",
        check=False,
    ).stdout
    return "\n".join(line for line in listed.splitlines() if not line.startswith((":", "# ")))


def is_in(wanted: str, run: Outcome) -> bool:
    return wanted in f"{run.msg} {run.detail}"


@pytest.mark.parametrize(
    ("image", "script", "kept"),
    [pytest.param(image, script, kept, id=f"{name}-{image}") for name, images, script, kept in CASES for image in images],
)
def test_the_client_gets_in_and_nobody_else(
    start: Start, change: Change, image: str, script: str, kept: bool
) -> None:
    host = start(image, script)
    let_the_stranger_answer(host)
    before = state_of(host)
    assert not gets_in(host), "the fault does not block"
    was_open = stranger_gets_in(host)
    tried = change(host, "--check", "--diff")
    assert tried.changed, tried.answer
    assert state_of(host) == before
    opened = change(host)
    assert opened.changed, opened.answer
    assert gets_in(host), opened.answer
    assert stranger_gets_in(host) == was_open, "opened wider than asked"
    assert change(host).changed is False
    taken_back = change(host, state="absent")
    assert taken_back.changed, taken_back.answer
    assert state_of(host) == before
    assert not gets_in(host)
    assert change(host, state="absent").changed is False
    if kept:
        again = change(host)
        assert again.changed, again.answer
        host.restart()
        let_the_stranger_answer(host)
        assert gets_in(host), host.run("nft list ruleset; iptables-save", check=False).stdout
        assert stranger_gets_in(host) == was_open, "opened wider than asked after a reboot"
        assert change(host).changed is False
