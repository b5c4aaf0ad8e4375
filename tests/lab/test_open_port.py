# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Open a port on real hosts: the client gets in, nobody else does, and nothing else has changed."""

from __future__ import annotations

import contextlib
import select
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fixtures import Outcome, Playbook, asked_of, on_each_image
from fleet import Host
from images import login_key

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
    iif eth0 ip saddr 203.0.113.9 drop
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
# As the package iptables-services has it on RHEL: its file, its unit.
SERVICES = """mkdir -p /etc/sysconfig; cat > /etc/sysconfig/iptables <<'END'
# sample configuration for iptables service
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
END
rm -f /usr/lib/systemd/system/ip*tables.service
cat > /etc/systemd/system/iptables.service <<'END'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c "iptables-restore < /etc/sysconfig/iptables"
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload; systemctl enable --now iptables"""
# What a banner adds at run time: it must neither get lost nor become permanent.
BAN = "{0} -N f2b-web; {0} -I INPUT -p tcp --dport 80 -j f2b-web; {0} -A f2b-web -s 203.0.113.77/32 -j REJECT; "
FIREWALLD = "systemctl enable --now firewalld 2>/dev/null; firewall-cmd -q --state; "


def firewalld(*commands: str) -> str:
    """The same commands for the runtime and the permanent configuration."""
    return FIREWALLD + "".join(f"firewall-cmd -q {c}; firewall-cmd -q --permanent {c}; " for c in commands)


def ufw(*commands: str) -> str:
    # ufw itself doubles one of its rules when it is enabled and drops it again at the first change.
    settle = ("prepend allow 9/udp", "delete allow 9/udp")
    return "ufw --force enable >/dev/null; " + "".join(
        f"ufw {command} >/dev/null; " for command in (*commands, *settle)
    )


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
     " '--policy=blk --set-priority=-10' '--policy=blk --add-ingress-zone=ANY' '--policy=blk --add-egress-zone=HOST';"
     " do firewall-cmd -q --permanent $o; done; firewall-cmd -q --reload", True),
    ("ufw-default-deny", ("bookworm", "bullseye"), ufw(), True),
    ("ufw-deny-first", ("bookworm", "bullseye"), ufw("deny 22", "allow 80/tcp", "allow 22/tcp"), True),
    ("ufw-reject-net", ("bookworm", "bullseye"), ufw("reject from 10.77.0.0/16", "allow 22/tcp"), True),
    ("nft-service-policy", SYSTEMD, NFT_CONF % ("counter continue", "drop"), True),
    ("nft-service-user-chain", SYSTEMD, NFT_CONF % ("counter reject with tcp reset", "accept"), True),
    ("nft-plain-vmap", ALL, "nft 'add table inet f; add chain inet f i { type filter hook input priority 0; };"
     " add rule inet f i tcp dport vmap { 22 : drop, 80 : accept }'", False),
    ("nft-plain-prerouting-and-input", ALL, "nft 'add table ip f; add chain ip f p { type filter hook prerouting"
     " priority -310; }; add rule ip f p tcp dport 22 drop; add table inet g; add chain inet g i { type filter hook"
     " input priority 10; policy drop; }; add rule inet g i tcp dport 80 accept'", False),
    ("nft-plain-ingress", ALL, "nft 'add table netdev f; add chain netdev f i { type filter hook ingress device eth0"
     " priority 0; }; add rule netdev f i tcp dport 22 drop'", False),
    ("nft-plain-output", ALL, "nft 'add table inet f; add chain inet f o { type filter hook output priority 0; };"
     " add rule inet f o ip daddr 10.77.0.0/16 tcp sport 22 drop'", False),
    ("nft-plain-chain-of-two-hooks", ALL, "nft 'add table inet f; add chain inet f u; add chain inet f i { type filter"
     " hook input priority 0; }; add chain inet f o { type filter hook output priority 0; }; add rule inet f i jump u;"
     " add rule inet f o jump u; add rule inet f u tcp dport 80 accept; add rule inet f u meta l4proto tcp drop'",
     False),
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
    ("iptables-services", SYSTEMD, SERVICES, True),
    ("netfilter-persistent-rule", ("trixie", "bullseye"), IPTABLES.format("iptables")
     + "iptables -A INPUT -p tcp --dport 22 -j DROP; " + PERSIST + BAN.format("iptables"), True),
    ("netfilter-persistent-policy", ("trixie", "bullseye"), IPTABLES.format("iptables")
     + "iptables -A INPUT -p tcp --dport 80 -j ACCEPT; iptables -P INPUT DROP; " + PERSIST, True),
    ("netfilter-persistent-output", ("trixie", "bullseye"),
     "iptables -A OUTPUT -p tcp --sport 22 -d 10.77.0.0/16 -j DROP; " + PERSIST, True),
]  # fmt: skip


Change = Callable[..., list[Outcome]]


@pytest.fixture
def change(playbook: Playbook) -> Change:
    """change(host, {…}, {…}): run the module on a host, out of band, once for each of these."""

    def _change(host: Host, *wanted: dict[str, Any], options: tuple[str, ...] = ()) -> list[Outcome]:
        asked = [{"port": 22, "source": [CLIENT], **each} for each in wanted]
        return asked_of(playbook, "firewall_port", host, asked, *options)

    return _change


def in_charge(playbook: Playbook, host: Host) -> tuple[str, bool | None, bool | None]:
    """The firewall in charge, whether it is active now, and whether it is started at boot."""
    (found,) = asked_of(playbook, "firewall_info", host, [{}])
    manager = next(each for each in found.managers if each["name"] == found.in_charge)
    return found.in_charge, manager["active"], manager["enabled"]


def let_the_stranger_answer(host: Host) -> None:
    """Give the lab a second address, and the host the way back to it."""
    device = subprocess.run(BRIDGE.split(), capture_output=True, text=True, check=True).stdout.split()[1]
    subprocess.run(["ip", "addr", "replace", f"{STRANGER}/32", "dev", device], check=True)
    host.run(f"ip route replace {STRANGER}/32 dev eth0")


def gets_in(host: Host, *options: str) -> bool:
    return bool(host.ssh("true", "-o", "ConnectTimeout=3", *options, patience=20)[0] == 0)


@contextlib.contextmanager
def session(host: Host, *options: str) -> Iterator[Callable[[str], bool]]:
    """A session that stays open; what it yields tells whether a word still comes back from the host."""
    known = ("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
    argv = ["ssh", *options, *known, "-i", str(login_key()), f"root@{host.address}", "cat"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        to_host, from_host = process.stdin, process.stdout
        assert to_host is not None
        assert from_host is not None

        def says(word: str) -> bool:
            # The lab's bridge gets another MAC address when hosts come and go.
            host.run("ip neigh flush dev eth0")
            to_host.write(word + "\n")
            readable, _writable, _odd = select.select([from_host], [], [], 20)
            return bool(readable) and from_host.readline() == word + "\n"

        try:
            yield says
        finally:
            process.kill()


def stranger_gets_in(host: Host) -> bool:
    return gets_in(host, "-b", STRANGER)


def state_of(host: Host) -> str:
    """All that the packet filters hold, and all that is kept for the next boot; without counters and handles."""
    listed = host.run(
        "nft -s list ruleset; for f in iptables-legacy ip6tables-legacy; do $f-save 2>/dev/null | grep -v '^#'; done;"
        " for d in /etc/nftables* /etc/iptables /etc/sysconfig /etc/ufw /etc/firewalld;"
        " do find $d -type f ! -name '*.old' ! -name '*~'"
        ' | sort | while read f; do echo "== $f"; cat $f; done; done',
        check=False,
    ).stdout
    return "\n".join(line for line in listed.splitlines() if not line.startswith((":", "# ")))


PRESENT: dict[str, Any] = {}
ABSENT = {"state": "absent"}
TWO_CLIENTS = {"source": [CLIENT, CLIENT6, "192.0.2.0/24"]}


@pytest.mark.parametrize(("image", "script", "kept"), on_each_image(CASES))
def test_the_client_gets_in_and_nobody_else(start: Start, change: Change, image: str, script: str, kept: bool) -> None:
    host = start(image, script)
    let_the_stranger_answer(host)
    before = state_of(host)
    assert not gets_in(host), "the fault does not block"
    was_open = stranger_gets_in(host)
    (tried,) = change(host, PRESENT, options=("--check", "--diff"))
    assert tried.changed, tried.answer
    assert state_of(host) == before
    opened, again = change(host, PRESENT, PRESENT)
    assert opened.changed, opened.answer
    assert again.changed is False, again.answer
    assert gets_in(host), opened.answer
    assert stranger_gets_in(host) == was_open, "opened wider than asked"
    closed, again = change(host, ABSENT, ABSENT)
    assert closed.changed, closed.answer
    assert again.changed is False, again.answer
    assert state_of(host) == before
    assert not gets_in(host)
    if kept:
        assert change(host, PRESENT)[0].changed
        host.restart()
        let_the_stranger_answer(host)
        assert gets_in(host), host.run("nft list ruleset; iptables-save", check=False).stdout
        assert stranger_gets_in(host) == was_open, "opened wider than asked after a reboot"
        assert change(host, PRESENT)[0].changed is False


BY_HAND = "{0} -I INPUT -p tcp --dport 22 -j ACCEPT"
# Open or blocked by what is loaded now, and blocked by something else after a reboot.
DRIFTED: list[tuple[str, tuple[str, ...], str]] = [
    ("nft-accept-by-hand", SYSTEMD, NFT_CONF % ("counter drop", "drop")
     + "; nft insert rule inet filter input tcp dport 22 accept"),
    ("iptables-accept-by-hand", ("trixie", "bullseye"), IPTABLES.format("iptables")
     + "iptables -A INPUT -p tcp --dport 22 -j DROP; " + PERSIST + BY_HAND.format("iptables")),
    ("iptables-other-rule-now", ("trixie", "bullseye"), IPTABLES.format("iptables") + "iptables -P INPUT DROP; "
     + PERSIST + "iptables -I INPUT -p tcp --dport 22 -j DROP"),
    ("ufw-accept-by-hand", ("bookworm", "bullseye"), ufw() + BY_HAND.format("iptables")),
    ("firewalld-source-by-hand", ("trixie",), firewalld("--remove-service=ssh")
     + f"firewall-cmd -q --zone=trusted --add-source={CLIENT}"),
]  # fmt: skip


@pytest.mark.parametrize(("image", "script"), on_each_image(DRIFTED))
def test_what_blocks_only_after_a_reboot_is_opened_too(start: Start, change: Change, image: str, script: str) -> None:
    host = start(image, script)
    before = state_of(host)
    opened, again = change(host, PRESENT, PRESENT)
    assert opened.changed, opened.answer
    assert again.changed is False, again.answer
    assert change(host, ABSENT)[0].changed
    assert state_of(host) == before
    assert change(host, PRESENT)[0].changed
    host.restart()
    let_the_stranger_answer(host)
    assert gets_in(host), host.run("nft list ruleset; iptables-save", check=False).stdout
    assert not stranger_gets_in(host), "opened wider than asked after a reboot"


@pytest.mark.parametrize("image", ["bookworm", "bullseye"])
def test_the_operator_s_own_ufw_rule_is_moved_before_the_denial(start: Start, change: Change, image: str) -> None:
    host = start(image, ufw("deny 22", "allow proto tcp from 10.77.1.1 to any port 22 comment mine", "allow 80/tcp"))
    assert not gets_in(host)
    opened, again, closed = change(host, PRESENT, PRESENT, ABSENT)
    assert (opened.changed, again.changed, closed.changed) == (True, False, False), opened.answer
    assert gets_in(host)
    assert "mine" in host.run("ufw status").stdout


def test_bad_input_is_refused_in_words_and_changes_nothing(start: Start, change: Change) -> None:
    host = start("bookworm", firewalld("--remove-service=ssh"))
    before = state_of(host)
    wanted = [
        ({"port": 0}, "between 1 and 65535"),
        ({"port": 70000}, "between 1 and 65535"),
        ({"port": "ssh"}, "ssh"),
        ({"source": ["bastion.example.org"]}, "names are not resolved"),
        ({"source": []}, "source is empty"),
        ({"source": ["10.77.1.1/24"]}, "write 10.77.1.0/24 or 10.77.1.1"),
        ({"zone": "nowhere"}, "block, dmz, drop"),
        ({"zone": "work"}, "are in zone public"),
        ({"protocol": "icmp"}, "protocol"),
    ]
    answers = change(host, *(each for each, _words in wanted))
    for answer, (each, words) in zip(answers, wanted, strict=True):
        assert answer.failed, each
        assert answer.says(words), answer.answer
        assert not answer.changed
    assert state_of(host) == before


def test_without_a_firewall_there_is_nothing_to_do(start: Start, change: Change) -> None:
    host = start("bookworm")
    before = state_of(host)
    present, absent, zone = change(host, PRESENT, ABSENT, {"zone": "public"})
    assert (present.changed, absent.changed, present.in_charge) == (False, False, "none"), present.answer
    assert zone.says("zone is for firewalld"), zone.answer
    assert state_of(host) == before


def test_several_sources_of_both_families_in_one_call(start: Start, change: Change, playbook: Playbook) -> None:
    host = start("bookworm", NFT_CONF % ("counter drop", "drop"))
    before = state_of(host)
    (tried,) = change(host, PRESENT, options=("--check", "--diff"))
    assert state_of(host) == before
    _own, main, commands = tried.diff
    assert main["before_header"] == "/etc/nftables.conf"
    assert 'include "/etc/nftables.rescue.remote_login*.conf"' in main["after"].replace(main["before"], "")
    assert f"ip saddr {CLIENT} tcp dport 22 accept" in commands["prepared"]
    opened, again = change(host, TWO_CLIENTS, TWO_CLIENTS)
    assert opened.changed, opened.answer
    assert again.changed is False, again.answer
    assert gets_in(host)
    assert [each["after"] for each in opened.verdicts] == ["accept"] * 3
    assert change(host, {**TWO_CLIENTS, **ABSENT})[0].changed
    assert state_of(host) == before
    host.run("systemctl -q disable nftables")
    assert in_charge(playbook, host) == ("nftables", True, False), "in charge now, not at boot"


def test_a_network_is_open_for_all_of_it(start: Start, change: Change) -> None:
    host = start("bookworm", "nft 'add table inet f; add chain inet f i { type filter hook input priority 0; };"
                 " add rule inet f i tcp dport 80 accept; add rule inet f i ip saddr 10.77.1.1 drop'")  # fmt: skip
    assert not gets_in(host)
    wanted = {"source": ["10.77.0.0/16"]}
    opened, again = change(host, wanted, wanted)
    assert (opened.changed, again.changed) == (True, False), opened.answer
    assert gets_in(host)


# A ban that is there now and in no file, and how to see it.
BANS = {
    "firewalld-no-service": (
        "firewall-cmd -q --add-rich-rule='rule family=ipv4 source address=203.0.113.77 reject'",
        "firewall-cmd --list-rich-rules",
    ),
    "ufw-default-deny": (BAN.format("iptables"), "iptables -S f2b-web"),
    "nft-service-policy": (
        "nft 'add table inet f2b-table; add set inet f2b-table addr-set-sshd { type ipv4_addr; };"
        " add element inet f2b-table addr-set-sshd { 203.0.113.77 }'",
        "nft list set inet f2b-table addr-set-sshd",
    ),
}


@pytest.mark.parametrize("name", BANS)
def test_sessions_and_bans_outlive_an_opening(start: Start, change: Change, name: str) -> None:
    # Without a rule that asks for it the kernel tracks no connection, and a firewall that comes later knows of none.
    host = start("bookworm", "nft 'add table inet t; add chain inet t i { type filter hook input priority -9; };"
                 " add rule inet t i ct state established accept'")  # fmt: skip
    let_the_stranger_answer(host)
    with session(host, "-b", STRANGER) as says:
        assert says("before")
        host.run(next(script for case, _images, script, _kept in CASES if case == name))
        ban, listing = BANS[name]
        host.run(ban)
        assert not gets_in(host)
        assert change(host, PRESENT)[0].changed
        assert gets_in(host)
        assert "203.0.113.77" in host.run(listing).stdout
        assert says("after")
        assert change(host, ABSENT)[0].changed
        assert "203.0.113.77" in host.run(listing).stdout
        assert says("in the end")


# What no rule of the firewall in charge comes before.
BEYOND = {
    "firewalld": (firewalld("--add-port=80/tcp") + "nft insert rule inet firewalld filter_INPUT tcp dport 22 drop",
                  "opened, but still blocked by tcp dport 22 drop"),
    "ufw": (ufw("allow 22/tcp") + "iptables -I ufw-before-input -p tcp --dport 22 -j DROP", "a file of ufw blocks it"),
    "ufw at boot": ("sed -i '/^# End required/a -A ufw-before-input -p tcp --dport 22 -j DROP' /etc/ufw/before.rules; "
                    + ufw() + BY_HAND.format("iptables"), "after a reboot it is blocked: a file of ufw blocks it"),
}  # fmt: skip


@pytest.mark.parametrize("name", BEYOND)
def test_what_stays_blocked_is_a_failure_that_says_so(start: Start, change: Change, name: str) -> None:
    script, words = BEYOND[name]
    host = start("bookworm", script)
    before = state_of(host)
    (answer,) = change(host, PRESENT)
    assert answer.failed, answer.answer
    assert answer.says(words), answer.answer
    assert (answer.changed, answer.left) == (False, [])
    assert state_of(host) == before


@pytest.mark.parametrize(
    ("name", "manager"),
    [("firewalld-rich-reject", "firewalld"), ("ufw-default-deny", "ufw"), ("nft-service-policy", "nftables")],
)
def test_everybody_gets_in_when_the_operator_says_so(
    start: Start, change: Change, playbook: Playbook, name: str, manager: str
) -> None:
    host = start("bookworm", next(script for case, _images, script, _kept in CASES if case == name))
    let_the_stranger_answer(host)
    before = state_of(host)
    assert not gets_in(host)
    everybody = {"source": ["any"]}
    opened, again = change(host, everybody, everybody)
    assert opened.changed, opened.answer
    assert again.changed is False, again.answer
    assert gets_in(host)
    assert stranger_gets_in(host)
    assert in_charge(playbook, host) == (manager, True, True)
    host.restart()
    let_the_stranger_answer(host)
    assert gets_in(host)
    assert stranger_gets_in(host)
    assert change(host, {**everybody, **ABSENT})[0].changed
    assert state_of(host) == before


def test_a_ban_is_left_to_its_banner(start: Start, change: Change) -> None:
    host = start("bookworm", "nft 'add table inet f2b-table; add set inet f2b-table addr-set-sshd { type ipv4_addr; };"
                 " add chain inet f2b-table f2b-chain { type filter hook input priority -1; };"
                 " add element inet f2b-table addr-set-sshd { 10.77.1.1 };"
                 " add rule inet f2b-table f2b-chain tcp dport 22 ip saddr @addr-set-sshd reject'")  # fmt: skip
    before = state_of(host)
    (answer,) = change(host, PRESENT)
    assert answer.failed
    assert answer.says("banned by fail2ban (sshd)"), answer.answer
    assert state_of(host) == before


def test_for_now_only_is_gone_after_a_reboot(start: Start, change: Change) -> None:
    host = start("trixie", firewalld("--remove-service=ssh"))
    saved = host.run("cat /etc/firewalld/zones/public.xml").stdout
    for_now = {"permanent": False, "zone": "public"}
    opened, again, log = change(host, for_now, for_now, {**for_now, "protocol": "udp", "port": 514})
    assert (opened.changed, again.changed, log.changed) == (True, False, True), opened.answer
    assert gets_in(host)
    assert 'port port="514" protocol="udp" accept' in host.run("firewall-cmd --list-rich-rules").stdout
    assert host.run("cat /etc/firewalld/zones/public.xml").stdout == saved
    kept, absent = change(host, PRESENT, {**ABSENT, "permanent": True})
    assert kept.changed, kept.answer
    assert len(kept.steps) == 1, "what is there already is not done again"
    assert absent.changed
    assert change(host, for_now)[0].changed
    host.restart()
    assert not gets_in(host)


def test_a_step_that_fails_takes_back_the_others(start: Start, change: Change, playbook: Playbook) -> None:
    host = start("trixie", IPTABLES.format("iptables") + "iptables -A INPUT -p tcp --dport 22 -j DROP; " + PERSIST)
    host.run("mv /usr/sbin/xtables-nft-multi /usr/sbin/x; printf '#!/bin/sh\\ncase \"$0 $*\" in *--test*) echo no >&2;"
             " exit 1;; esac\\nexec -a \"$0\" /usr/sbin/x \"$@\"\\n' | sed 's,/bin/sh,/bin/bash,' >"
             " /usr/sbin/xtables-nft-multi; chmod 755 /usr/sbin/xtables-nft-multi")  # fmt: skip
    before = state_of(host)
    (answer,) = change(host, PRESENT)
    assert answer.failed, answer.answer
    assert answer.says("would not be valid"), answer.answer
    assert (answer.changed, answer.left) == (False, [])
    assert state_of(host) == before
    assert in_charge(playbook, host) == ("netfilter-persistent", True, True)


ROLE = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Open the port
      ansible.builtin.include_role:
        name: rescue.remote_login.open_port
"""


def test_the_role_needs_to_be_told_whom_it_lets_in(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", "nft 'add table inet f; add chain inet f i { type filter hook input priority 0; };"
                 " add rule inet f i tcp dport 22 drop'")  # fmt: skip
    play = playbook.folder / "role.yml"
    play.write_text(ROLE)
    way = {"ansible_connection": "containers.podman.podman", "ansible_host": host.name}
    inventory = {host.name: {**host.inventory(), **way}}
    nobody = playbook(str(play), inventory)
    assert nobody.status != 0
    assert "source is empty" in nobody.text
    assert not gets_in(host)
    assert playbook(str(play), inventory, remote_login_allowed_sources=[CLIENT]).status == 0
    assert gets_in(host)


@pytest.mark.parametrize(("image", "port"), [("bookworm", 22), ("trixie", 2222), ("bullseye", 22)])
def test_remediate_opens_the_port_and_proves_it(start: Start, playbook: Playbook, image: str, port: int) -> None:
    host = start(image, f"sed -i '1i Port {port}' /etc/ssh/sshd_config; service ssh restart;"
                 " nft 'add table inet f; add chain inet f i { type filter hook input priority 0; policy drop; };"
                 " add rule inet f i ct state established accept; add rule inet f i tcp dport 80 accept'")  # fmt: skip
    let_the_stranger_answer(host)
    assert host.ssh(port=port)[0] != 0
    inventory = {host.name: host.inventory(ansible_port=port)}
    run = playbook("remediate", inventory, old=image == "bullseye")
    assert run.status == 0, run.text
    assert run[host]["cause"] == "firewall_blocks_port", run.text
    (made,) = run[host]["changes"]
    assert (made["remedy"], made["changed"]) == ("open_port", True), made
    assert run[host]["after"]["verdict"] == "can_login"
    assert host.ssh(port=port)[0] == 0
    assert host.ssh("true", "-b", STRANGER, port=port)[0] != 0
    assert f"tcp dport {port} accept comment" in host.run("nft list ruleset").stdout


def test_remediate_opens_for_ipv6_where_that_alone_is_blocked(start: Start, playbook: Playbook) -> None:
    host = start("trixie", "nft 'add table ip6 f; add chain ip6 f i { type filter hook input priority 0; };"
                 " add rule ip6 f i tcp dport 22 reject with tcp reset'")  # fmt: skip
    assert gets_in(host)
    host.address = host.address6
    assert not gets_in(host)
    run = playbook("remediate", [host])
    assert run.status == 0, run.text
    assert run[host]["after"]["verdict"] == "can_login", run.text
    assert gets_in(host)
    assert f"ip6 saddr {CLIENT6} tcp dport 22 accept" in host.run("nft list ruleset").stdout
