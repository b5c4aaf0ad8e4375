# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts whose packet filter blocks the lab's client, or everything but it: data like faults.py."""

from __future__ import annotations

from faults import ALL, RESTART, SYSTEMD, Fault

CAUSE = "firewall_blocks_port"
BOOKWORM, TRIXIE, BULLSEYE = ("bookworm",), ("trixie",), ("bullseye",)
UFW = ("bookworm", "bullseye")
NAT = ("iptables -t nat -N DOCKER; iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER;"
       " iptables -t nat -A DOCKER -i docker0 -j RETURN; iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080"
       " -j DNAT --to-destination 172.17.0.2:80; iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0"
       " -j MASQUERADE; ")  # fmt: skip

# The host's own link becomes the port of a bridge, which takes its addresses over.
BRIDGED = ("A=$(ip -4 -o addr show eth0 | awk '{print $4}'); ip link add br0 address $(cat /sys/class/net/eth0/address)"
           " type bridge; ip link set br0 up; ip -4 addr flush dev eth0; ip link set eth0 master br0;"
           " ip addr add $A dev br0; ")  # fmt: skip
# The address of the host moves to a link of its own, while the way back stays where it was. Nobody may learn from the
# host's own questions for neighbours that its address is to be found behind that link as well.
TWO_LINKS = ("A=$(ip -4 -o addr show eth0 | awk '{print $4}'); bash -c 'echo > /dev/tcp/10.77.1.1/9' 2>/dev/null || true;"
             " M=$(ip neigh show 10.77.1.1 | awk '{print $5}'); echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_ignore;"
             " ip link add link eth0 name net1 type macvlan mode bridge; echo 1 > /proc/sys/net/ipv4/conf/net1/arp_notify;"
             " ip addr del $A dev eth0; ip addr add ${A%/*}/32 dev net1; ip link set net1 up;"
             " ip route add 10.77.1.0/24 dev eth0 src ${A%/*}; ip neigh replace 10.77.1.1 lladdr $M dev eth0; ")  # fmt: skip


def nft(*rules: str, hook: str = "input", family: str = "inet", policy: str = "accept", sets: str = "",
        priority: str = "0") -> str:  # fmt: skip
    """A table with one base chain; a rule that starts with 'chain' is a chain of its own."""
    chains = [rule for rule in rules if rule.startswith("chain ")]
    lines = "\n".join(rule for rule in rules if rule not in chains)
    head = f"type filter hook {hook} priority {priority}; policy {policy};"
    table = f"table {family} guard {{\n{sets}\n{' '.join(chains)}\nchain entry {{ {head}\n{lines}\n}}\n}}"
    return f"nft -f - <<'END'\n{table}\nEND\n"


def iptables(*rules: str, program: str = "iptables") -> str:
    return "".join(f"{program} {rule}; " for rule in rules)


def firewalld(*commands: str) -> str:
    """The same commands for the runtime and the permanent configuration."""
    both = "".join(f"firewall-cmd -q {command}; firewall-cmd -q --permanent {command}; " for command in commands)
    return f"systemctl -q enable --now firewalld; firewall-cmd -q --state; {both}"


def firewalld_permanent(*commands: str) -> str:
    told = "".join(f"firewall-cmd -q --permanent {command}; " for command in commands)
    return f"{firewalld()}{told}firewall-cmd -q --reload"


def ufw(*commands: str) -> str:
    return "ufw --force enable >/dev/null; " + "".join(f"ufw {command} >/dev/null; " for command in commands)


def fault(name: str, outcome: str, script: str, points_at: str, images: tuple[str, ...] = ALL, **more: object) -> Fault:
    return Fault(name, CAUSE, outcome, script, images, points_at=points_at, **more)  # type: ignore[arg-type]


ESTABLISHED = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
POLICY_OBJECT = ("--new-policy blk", "--policy=blk --set-target=REJECT", "--policy=blk --set-priority=-10",
                 "--policy=blk --add-ingress-zone=ANY", "--policy=blk --add-egress-zone=HOST")  # fmt: skip
TIMED = "timed_out"

FAULTS = [
    # What is answered.
    fault("dropped", TIMED, nft("tcp dport 22 drop"), "tcp dport 22 drop", remedied=True),
    fault("rejected with port-unreachable", "refused", nft("tcp dport 22 reject"), "tcp dport 22 reject"),
    fault("rejected with a reset", "refused", nft("tcp dport 22 reject with tcp reset"), "reject with tcp reset"),
    fault("rejected with host-prohibited", "no_route", nft("tcp dport 22 reject with icmp type host-prohibited",
          family="ip"), "reject with icmp", TRIXIE),
    fault("rejected with admin-prohibited", "no_route", nft("tcp dport 22 reject with icmpx type admin-prohibited"),
          "reject with icmpx", BULLSEYE),
    fault("rejected with net-unreachable", "no_route",
          iptables("-A INPUT -p tcp --dport 22 -j REJECT --reject-with icmp-net-unreachable"),
          "--reject-with icmp-net-unreachable", BOOKWORM),
    fault("rejected, and the answer is dropped", TIMED, nft("tcp dport 22 reject with tcp reset")
          + "nft 'add chain inet guard out { type filter hook output priority 0; policy drop; }'",
          "tcp dport 22 reject with tcp reset", BOOKWORM),
    # Who is meant.
    fault("named set", TIMED, nft("ip saddr @enemies drop",
          sets="set enemies { type ipv4_addr; elements = { 203.0.113.9, 10.77.1.1 } }"), "ip saddr @enemies drop",
          remedied=True),
    fault("interval set", "refused", nft("ip saddr @nets reject with tcp reset", sets="set nets { type ipv4_addr;"
          " flags interval; auto-merge; elements = { 198.51.100.0/24, 10.77.0.0-10.77.3.255 } }"), "ip saddr @nets"),
    fault("concatenated intervals", TIMED, nft("ip saddr . tcp dport @pairs drop", sets="set pairs { type ipv4_addr ."
          " inet_service; flags interval; elements = { 10.77.0.0/16 . 20-25, 192.0.2.0/24 . 22 } }"), "@pairs", TRIXIE),
    fault("anonymous verdict map", TIMED, nft("tcp dport vmap { 22 : drop, 80 : accept }"), "vmap", remedied=True),
    fault("named verdict map", TIMED, nft("ip saddr vmap @judge", "chain refuse { counter drop; }",
          sets="map judge { type ipv4_addr : verdict; elements = { 192.0.2.1 : accept, 10.77.1.1 : jump refuse } }"),
          "counter", BOOKWORM),
    fault("negated source", TIMED, nft("ip saddr != 192.0.2.0/24 tcp dport 22 drop"), "192.0.2.0/24 tcp dport 22 drop"),
    fault("negated source of iptables", "refused", iptables("-A INPUT ! -s 192.0.2.0/24 -p tcp --dport 22 -j REJECT"
          " --reject-with tcp-reset"), "! -s 192.0.2.0/24", BULLSEYE, remedied=True),
    fault("ipset", TIMED, "ipset create enemies hash:net; ipset add enemies 10.77.0.0/16; "
          + iptables("-A INPUT -m set --match-set enemies src ! --update-counters -p tcp --dport 22 -j DROP"),
          "--match-set enemies src"),
    fault("list of ipsets", TIMED, "ipset create a hash:ip; ipset add a 10.77.1.1; ipset create all list:set;"
          " ipset add all a; " + iptables("-A INPUT -m set --match-set all src -j DROP", program="iptables-legacy"),
          "--match-set all src", BOOKWORM),
    fault("multiport", TIMED, iptables("-A INPUT -p tcp -m multiport --dports 80,20:25 -j DROP"), "20:25", remedied=True),
    fault("address range", TIMED, iptables("-A INPUT -m iprange --src-range 10.77.1.0-10.77.1.9 -j DROP"),
          "10.77.1.0-10.77.1.9", TRIXIE),
    fault("only IPv4", TIMED, nft("tcp dport 22 drop", family="ip"), "tcp dport 22 drop", TRIXIE, remedied=True),
    fault("only IPv6", TIMED, nft("tcp dport 22 drop", family="ip6"), "tcp dport 22 drop", SYSTEMD,
          variables={"ansible_host": "ADDRESS6"}),
    fault("only IPv6, by ip6tables", "refused", iptables("-A INPUT -p tcp --dport 22 -j REJECT", program="ip6tables"),
          "-j REJECT", BULLSEYE, variables={"ansible_host": "ADDRESS6"}),
    # Where it is.
    fault("policy", TIMED, nft("ct state established,related accept", "tcp dport 80 accept", policy="drop"),
          "policy drop", remedied=True),
    fault("policy of iptables", TIMED, iptables(ESTABLISHED, "-A INPUT -p tcp --dport 80 -j ACCEPT", "-P INPUT DROP"),
          "-P INPUT DROP", remedied=True),
    fault("prerouting", TIMED, nft("tcp dport 22 drop", hook="prerouting", priority="-150"), "tcp dport 22 drop", SYSTEMD),
    fault("raw", TIMED, iptables("-t raw -A PREROUTING -p tcp --dport 22 -j DROP"), "-A PREROUTING"),
    fault("mangle", TIMED, iptables("-t mangle -A INPUT -s 10.77.1.0/24 -j DROP"), "table ip mangle", BULLSEYE),
    fault("security", TIMED, iptables("-t security -A INPUT -p tcp --dport 22 -j DROP"), "table ip security", BOOKWORM),
    fault("ingress", TIMED, nft("tcp dport 22 drop", hook="ingress device eth0", family="netdev"), "netdev guard",
          remedied=True),
    fault("port of a bridge", TIMED, BRIDGED + nft('iifname "eth0" tcp dport 22 drop', family="bridge"),
          'iifname "eth0" tcp dport 22 drop', UFW, remedied=True),
    fault("another link than that of the way back", TIMED, TWO_LINKS + nft('iifname "net1" tcp dport 22 drop'),
          'iifname "net1" tcp dport 22 drop', TRIXIE),
    fault("accepted first, dropped behind", TIMED, nft("tcp dport 22 accept", priority="-10")
          + "nft 'add table ip late; add chain ip late i { type filter hook input priority 10; };"
          " add rule ip late i tcp dport { 21, 22 } drop'", "table ip late", BOOKWORM),
    fault("legacy and nft at once", TIMED, iptables("-A INPUT -p tcp --dport 22 -j ACCEPT", program="iptables-nft")
          + iptables("-A INPUT -p tcp --dport 22 -j DROP", program="iptables-legacy"), "iptables-legacy, table"),
    fault("only legacy", "no_route", iptables("-A INPUT -p tcp --dport 22 -j REJECT --reject-with icmp-host-prohibited",
          program="iptables-legacy"), "icmp-host-prohibited", remedied=True),
    fault("jump into a chain", TIMED, nft("tcp dport 22 jump guests", "chain guests { ip saddr 10.77.0.0/16 drop; }"),
          "ip saddr 10.77.0.0/16 drop", SYSTEMD),
    fault("goto and the policy", TIMED, nft("meta l4proto tcp goto web", "tcp dport 22 accept",
          "chain web { tcp dport 80 accept; }", policy="drop"), "policy drop", TRIXIE),
    fault("chains of chains", "refused", iptables("-N A", "-N B", "-N C", "-A INPUT -p tcp -j A", "-A A -j B",
          "-A A -p tcp --dport 22 -g C", "-A B -p tcp --dport 80 -j ACCEPT", "-A B -j RETURN", "-A C -j REJECT"),
          "-A C -j REJECT"),
    fault("accepted by a mark that is not set", TIMED, nft("meta mark 0x16 accept", "tcp dport 22 drop"),
          "tcp dport 22 drop", BULLSEYE),
    fault("marked in raw, dropped in filter", TIMED, iptables("-t raw -A PREROUTING -p tcp --dport 22 -j MARK --set-mark 7",
          "-A INPUT -m mark --mark 7 -j DROP"), "--mark 0x7", BOOKWORM),
    fault("reject at the end of INPUT", "no_route", iptables(ESTABLISHED, "-A INPUT -p icmp -j ACCEPT", "-A INPUT -i lo"
          " -j ACCEPT", "-A INPUT -p tcp --dport 80 -j ACCEPT", "-A INPUT -j REJECT --reject-with icmp-host-prohibited"),
          "-A INPUT -j REJECT", remedied=True),
    fault("untracked", TIMED, iptables("-t raw -A PREROUTING -p tcp --dport 22 -j CT --notrack", "-A INPUT -m conntrack"
          " --ctstate NEW -p tcp --dport 22 -j ACCEPT", "-A INPUT -p tcp --dport 22 -j DROP"), "--dport 22 -j DROP", BOOKWORM),
    # What nobody can judge: the limit is used up by then.
    fault("over a rate", TIMED, nft("tcp dport 22 limit rate over 1/hour burst 1 packets drop")
          + "timeout 2 bash -c 'echo > /dev/tcp/127.0.0.1/22' || true", "tcp dport 22 limit rate over 1/hour burst 1 packets"
          " drop", BOOKWORM),
    # The way back, and what comes after the first packet.
    fault("policy of OUTPUT", TIMED, iptables("-A OUTPUT -p udp --dport 53 -j ACCEPT", "-P OUTPUT DROP"),
          "-P OUTPUT DROP", remedied=True),
    fault("reply dropped", TIMED, nft("tcp sport 22 ip daddr 10.77.0.0/16 drop", hook="output"), "tcp sport 22", TRIXIE),
    fault("only new connections", "banner_timed_out", nft("ct state new tcp dport 22 accept", policy="drop"),
          "policy drop", SYSTEMD),
    fault("only new connections, by iptables", "banner_timed_out", iptables("-A INPUT -p tcp --dport 22 -m state --state"
          " NEW -j ACCEPT", "-P INPUT DROP"), "-P INPUT DROP", BULLSEYE),
    fault("redirected to where nobody waits", "refused", iptables("-t nat -A PREROUTING -p tcp --dport 22 -j REDIRECT"
          " --to-ports 2200"), "--to-ports 2200"),
    fault("redirected by nft", "refused", "nft 'add table ip n; add chain ip n p { type nat hook prerouting priority -100;"
          " }; add rule ip n p tcp dport 22 redirect to :2200'", "redirect to :2200", TRIXIE),
    fault("redirected to loopback", TIMED, "nft 'add table ip n; add chain ip n p { type nat hook prerouting priority -100;"
          " }; add rule ip n p tcp dport 22 dnat to 127.0.0.1:22'", "dnat to 127.0.0.1:22", BOOKWORM),
    fault("redirected to sshd, and the port before that dropped", TIMED, "echo 'Port 2222' >> /etc/ssh/sshd_config; " + RESTART
          + "; nft 'add table ip n; add chain ip n p { type nat hook prerouting priority -100; };"
          " add rule ip n p tcp dport 22 redirect to :2222'; " + nft("meta l4proto tcp ct original proto-dst 22 drop"),
          "ct original proto-dst 22 drop", SYSTEMD),
    fault("the port before a translation", "refused", iptables("-A INPUT -m conntrack --ctorigdstport 22 -j REJECT"),
          "--ctorigdstport 22 -j REJECT"),
    # Behind the handshake.
    fault("large packets", "key_exchange_timed_out", nft("meta length 800-65535 drop", hook="output"), "meta length 800-65535",
          SYSTEMD),
    fault("packets with data", "key_exchange_timed_out", iptables("-A INPUT -p tcp --dport 22 --tcp-flags PSH PSH -j DROP"),
          "PSH PSH -j DROP"),
    fault("the banner", "banner_timed_out", iptables("-A OUTPUT -p tcp --sport 22 -m string --string SSH-2.0 --algo bm -j DROP"),
          "SSH-2.0"),
    # The managers of firewalls.
    fault("firewalld: service removed", "no_route", firewalld("--remove-service=ssh"), "zone public", SYSTEMD,
          remedied=True),
    fault("firewalld: rich rule", "refused", firewalld("--add-rich-rule='rule family=ipv4 source address=10.77.0.0/16"
          " service name=ssh reject'"), "10.77.0.0/16", SYSTEMD, remedied=True),
    fault("firewalld: zone drop for a network", TIMED, firewalld("--zone=drop --add-source=10.77.0.0/16"), "zone drop", SYSTEMD,
          remedied=True),
    fault("firewalld: the zone of the interface", "no_route", firewalld("--zone=block --change-interface=eth0"), "zone block",
          BOOKWORM),
    fault("firewalld: direct rule", TIMED, firewalld("--direct --add-rule ipv4 filter INPUT 0 -p tcp --dport 22 -j DROP"),
          "--dport 22 -j DROP", SYSTEMD, remedied=True),
    fault("firewalld: policy", "no_route", firewalld_permanent(*POLICY_OBJECT), "filter_IN_policy_blk", SYSTEMD, remedied=True),
    fault("firewalld: ipset", TIMED, firewalld_permanent("--new-ipset=enemies --type=hash:net",
          "--ipset=enemies --add-entry=10.77.0.0/16", "--zone=drop --add-source=ipset:enemies"), "zone drop", TRIXIE),
    fault("firewalld: panic", TIMED, firewalld() + "firewall-cmd -q --panic-on", "firewalld_policy_drop", BOOKWORM),
    fault("ufw: default deny", TIMED, ufw("allow 80/tcp"), "-P INPUT DROP", UFW, remedied=True),
    fault("ufw: deny before allow", TIMED, ufw("deny proto tcp from 10.77.0.0/16 to any port 22", "allow 22/tcp"), "--dport 22 -j DROP", UFW, remedied=True),
    fault("ufw: reject", "refused", ufw("reject from 10.77.0.0/16", "allow 22/tcp"), "10.77.0.0/16", BOOKWORM),
    fault("ufw: default reject", "refused", ufw("default reject incoming"), "REJECT", BULLSEYE),
]  # fmt: skip

MANY = nft(*(f"ip saddr 198.51.{number // 250}.{number % 250} tcp dport {{ 22, {1000 + number} }} drop"
             for number in range(500)), "tcp dport 22 accept", policy="drop")  # fmt: skip
CROWD = ", ".join(f"198.18.{number // 250}.{number % 250}" for number in range(5000))

IN_FULL = (
    ESTABLISHED,
    "-A INPUT -i lo -j ACCEPT",
    "-A INPUT -m conntrack --ctstate INVALID -j DROP",
    "-A INPUT -p icmp -j ACCEPT",
    "-A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT",
    "-A INPUT -j REJECT --reject-with icmp-host-prohibited",
    "-P INPUT DROP",
    "-P FORWARD DROP",
)
IN_FULL_LEGACY = (
    ESTABLISHED,
    "-A INPUT -p tcp --tcp-flags ALL NONE -j DROP",
    "-A INPUT -p tcp ! --syn -m state --state NEW -j DROP",
    "-A INPUT -p tcp --dport 22 -j ACCEPT",
    "-P INPUT DROP",
)
IN_FULL_NFT = (
    "ct state vmap { established : accept, related : accept, invalid : drop }",
    "iif lo accept",
    "meta l4proto { icmp, ipv6-icmp } accept",
    "tcp dport { 22, 80, 443 } ct state new accept",
    'log prefix "refused: " counter reject',
)
# Busy firewalls that let the client in. Nothing may be found, and nothing left unchecked.
HEALTHY = [
    Fault("container host", "", "ok", NAT + iptables("-N DOCKER", "-P FORWARD DROP", "-A FORWARD -o docker0 -j DOCKER",
          "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT")),
    Fault("words and lengths of others", "", "ok", iptables("-A INPUT -m string --string BitTorrent --algo bm -j DROP",
          "-A INPUT -p tcp -m length --length 1:39 -j DROP") + nft("meta length > 9000 drop", hook="output")),
    Fault("redirected to sshd on another port", "", "ok", "echo 'Port 2222' >> /etc/ssh/sshd_config; " + RESTART
          + "; nft 'add table ip n; add chain ip n p { type nat hook prerouting priority -100; };"
          " add rule ip n p tcp dport 22 redirect to :2222'; " + nft("tcp dport 22 drop"), SYSTEMD),
    Fault("iptables in full", "", "ok", iptables(*IN_FULL)),
    Fault("iptables in full, legacy", "", "ok", iptables(*IN_FULL_LEGACY, program="iptables-legacy")),
    Fault("nftables in full", "", "ok", nft(*IN_FULL_NFT, policy="drop")),
    Fault("both directions", "", "ok", nft("ct state established,related accept", "tcp dport 22 accept", policy="drop")
          + "nft 'add chain inet guard out { type filter hook output priority 0; policy drop; };"
          " add rule inet guard out ct state established,related accept'", SYSTEMD),
    Fault("ufw with ssh allowed", "", "ok", ufw("allow 22/tcp", "deny 23/tcp", "deny from 203.0.113.9"), UFW),
    Fault("ufw with ssh limited", "", "ok", ufw("limit 22/tcp"), UFW),
    Fault("firewalld with ssh", "", "ok", firewalld(), SYSTEMD),
    Fault("firewalld, others dropped", "", "ok", firewalld("--zone=drop --add-source=203.0.113.0/24",
          "--add-rich-rule='rule family=ipv4 source address=198.51.100.0/24 service name=ssh reject'"), SYSTEMD),
    Fault("500 rules", "", "ok", MANY, ("bookworm", "bullseye")),
    Fault("5000 addresses of others", "", "ok", nft("ip saddr @crowd drop",
          sets=f"set crowd {{ type ipv4_addr; elements = {{ {CROWD} }} }}"), TRIXIE),
    Fault("set of others, by iptables", "", "ok", "ipset create f2b-sshd hash:ip timeout 600; ipset add f2b-sshd 203.0.113.9; "
          + iptables("-A INPUT -p tcp -m multiport --dports 22 -m set --match-set f2b-sshd src -j REJECT")),
    Fault("banned others", "", "ok", iptables("-N f2b-sshd", "-A f2b-sshd -s 203.0.113.9/32 -j REJECT", "-A f2b-sshd -j"
          " RETURN", "-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd")),
    Fault("limited new connections", "", "ok", nft("ct state established,related accept", "tcp dport 22 ct state new"
          " limit rate 30/minute burst 50 packets accept", "tcp dport 22 drop")),
    Fault("limited by the match recent", "", "ok", iptables("-A INPUT -p tcp --dport 22 -m state --state NEW -m recent --set",
          "-A INPUT -p tcp --dport 22 -m state --state NEW -m recent --update --seconds 60 --hitcount 20 -j DROP")),
    Fault("limited connections at once", "", "ok", iptables("-A INPUT -p tcp --syn --dport 22 -m connlimit"
          " --connlimit-above 50 -j REJECT")),
    Fault("limited by hash", "", "ok", iptables("-A INPUT -p tcp --dport 22 -m hashlimit --hashlimit-name ssh"
          " --hashlimit-above 100/min --hashlimit-mode srcip -j DROP"), BOOKWORM),
    Fault("other ports dropped", "", "ok", nft("tcp dport { 21, 23, 3306 } drop", "tcp dport 1000-2000 reject")),
    Fault("other interfaces dropped", "", "ok", nft('iifname "eth1" drop', 'iifname != { "lo", "eth0" } tcp dport 22 drop')),
    Fault("a bridge that keeps others out", "", "ok", BRIDGED + nft("ether type arp accept", 'iifname != "eth0" drop',
          "tcp dport 22 accept", policy="drop", family="bridge"), TRIXIE),
    Fault("drop for the other family", "", "ok", nft("tcp dport 22 drop", family="ip6"), TRIXIE),
    Fault("drop for forwarded packets", "", "ok", nft("tcp dport 22 drop", hook="forward", policy="drop")),
    Fault("drop behind a return", "", "ok", nft("tcp dport 22 jump guests", "chain guests { ip saddr 10.77.0.0/16 return;"
          " drop; }"), SYSTEMD),
    Fault("accepted before the drop", "", "ok", iptables("-A INPUT -p tcp --dport 22 -j ACCEPT", "-A INPUT -j DROP")),
    Fault("a chain that nobody calls", "", "ok", iptables("-N unused", "-A unused -j DROP")),
    Fault("redirected to sshd", "", "ok", "nft 'add table ip n; add chain ip n p { type nat hook prerouting priority -100;"
          " }; add rule ip n p tcp dport 2222 redirect to :22'", SYSTEMD, variables={"ansible_port": 2222}),
]  # fmt: skip
