# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts with a broken network, and healthy ones with an unusual one: data like faults.py.

The lab's client is on the same link, unless routed.py puts a router between.
"""

from __future__ import annotations

from dataclasses import dataclass

from faults import SYSTEMD, Fault

CLIENT, CLIENT6 = "10.77.1.1", "fd77:1::1"
V6 = {"ansible_host": "ADDRESS6"}
OWN = "$(ip -4 -o addr show dev eth0 | awk '{split($4, a, \"/\"); print a[1]; exit}')"
OWN6 = "$(ip -6 -o addr show dev eth0 scope global | awk '{split($4, a, \"/\"); print a[1]; exit}')"
# The kernel forgets whom it has already asked for.
FORGET = "ip neigh flush dev eth0; "
RP = "sysctl -qw net.ipv4.conf.all.rp_filter={0} net.ipv4.conf.eth0.rp_filter={0}; "
WRONG_MAC = "02:00:00:de:ad:01"
# A link that leads nowhere but to this host.
SPARE = "ip link add spare type veth peer name other; ip link set spare up; ip link set other up; "
# A host that has another one's address must not tell its neighbours so: they are hosts of other cases.
QUIET = "echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_ignore; "


def over(kind: str, more: str = "") -> str:
    """Put the address of eth0 on a bridge or bond above it."""
    return (
        f"a={OWN}; ip link add top type {kind}; ip link set eth0 down; ip addr flush dev eth0; ip link set eth0 master"
        f" top; ip link set eth0 up; ip link set top up; ip addr add $a/24 dev top; {more}"
    )


FAULTS = [
    Fault("link down", "link_down", "no_route", "ip link set eth0 down", points_at="eth0 is administratively down"),
    Fault("link down, tried by IPv6", "link_down", "no_route", "ip link set eth0 down", variables=V6,
          points_at="eth0 is administratively down"),
    Fault("bridge without its port", "link_down", "no_route", over("bridge", "ip link set eth0 down"),
          points_at="eth0 is administratively down"),
    Fault("bridge with another port up", "link_down", "no_route",
          over("bridge", SPARE + "ip link set spare master top; ip link set eth0 down"),
          points_at="eth0 is administratively down"),
    Fault("port does not forward", "link_down", "no_route", over("bridge", "bridge link set dev eth0 state 0"),
          points_at="eth0 is a port of top in the state disabled"),
    Fault("no ARP", "link_down", "no_route", "ip link set eth0 arp off", points_at="arp off"),
    Fault("answers no ARP for anything", "link_down", "no_route", "echo 8 > /proc/sys/net/ipv4/conf/all/arp_ignore",
          points_at="net.ipv4.conf.all.arp_ignore is 8"),
    Fault("address on the loopback, for which nobody answers", "link_down", "no_route",
          f"a={OWN}; ip addr del $a/24 dev eth0; ip addr add $a/32 dev lo; ip addr add 10.77.1.253/24 dev eth0;"
          " echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_ignore", points_at="arp_ignore is 1"),
    Fault("the queue drops every packet", "link_down", "no_route", "tc qdisc add dev eth0 root pfifo limit 0",
          points_at="qdisc pfifo with limit 0"),
    Fault("address removed", "link_down", "no_route", f"ip addr del {OWN}/24 dev eth0",
          points_at="is on none of the links"),
    Fault("another address", "link_down", "no_route",
          "ip addr flush dev eth0; ip addr add 10.77.1.251/24 dev eth0", points_at="10.77.1.251 on eth0"),
    Fault("no address at all", "link_down", "no_route", "ip addr flush dev eth0",
          points_at="is on none of the links"),
    Fault("IPv6 address removed", "link_down", "no_route", f"ip addr del {OWN6}/64 dev eth0", variables=V6,
          points_at="is on none of the links"),
    Fault("prefix too long", "no_return_route", "timed_out",
          f"a={OWN}; ip addr flush dev eth0; ip addr add $a/32 dev eth0", points_at="no route leads to 10.77.1.1"),
    Fault("blackhole in a table of a rule", "no_return_route", "timed_out",
          f"ip route add blackhole default table 100; ip rule add to {CLIENT} table 100",
          points_at="blackhole default table 100"),
    Fault("unreachable for the port", "no_return_route", "timed_out",
          "ip route add unreachable default table 100; ip rule add ipproto tcp sport 22 table 100",
          points_at="unreachable default table 100"),
    Fault("prohibited by a rule", "no_return_route", "timed_out", f"ip rule add to {CLIENT} prohibit",
          points_at=f"to {CLIENT}/32 prohibit"),
    Fault("blackhole for the host's own address as source", "no_return_route", "timed_out",
          f"ip route add blackhole default table 7; ip rule add from {OWN} table 7", points_at="default table 7"),
    Fault("blackhole for what is marked", "no_return_route", "timed_out",
          "ip route add blackhole default table 9; ip rule add fwmark 9 table 9; nft 'add table inet m; add chain"
          " inet m o { type route hook output priority mangle; }; add rule inet m o tcp sport 22 meta mark set 9'",
          points_at="mark 9 blackhole"),
    Fault("IPv6 unreachable", "no_return_route", "timed_out", f"ip -6 route add unreachable {CLIENT6}/128",
          variables=V6, points_at="unreachable"),
    Fault("client's network is inside", "no_return_route", "timed_out",
          SPARE + QUIET + f"ip addr add 10.77.1.2/30 dev spare; {RP.format(0)}", points_at="spare"),
    Fault("client's address is the host's own", "no_return_route", "no_route",
          SPARE + QUIET + f"ip addr add {CLIENT}/32 dev spare", points_at="is an address of this host itself"),
    Fault("the host's own address is not routed to itself", "no_return_route", "no_route",
          f"ip route del local {OWN} dev eth0 table local; sleep 0.1", points_at="for its own"),
    Fault("wrong neighbour by hand", "no_return_route", "timed_out",
          f"ip neigh replace {CLIENT} lladdr {WRONG_MAC} nud permanent dev eth0", points_at=WRONG_MAC),
    Fault("wrong IPv6 neighbour by hand", "no_return_route", "no_route",
          f"ip -6 neigh replace {CLIENT6} lladdr {WRONG_MAC} nud permanent dev eth0", variables=V6,
          points_at=WRONG_MAC),
    Fault("gateway that is not there", "no_return_route", "timed_out",
          f"ip route add {CLIENT}/32 via 10.77.1.250; {RP.format(0)}", points_at="gateway 10.77.1.250 does not answer"),
    Fault("strict reverse path", "reverse_path_filter", "no_route",
          f"{SPARE}{RP.format(1)}ip route add {CLIENT}/32 dev spare", points_at="strict"),
    Fault("strict reverse path, and a way back for the port only", "reverse_path_filter", "no_route",
          f"{SPARE}ip route add 10.77.1.0/24 dev eth0 table 100; ip rule add ipproto tcp sport 22 lookup 100;"
          f" ip route add 10.77.1.0/30 dev spare; {RP.format(1)}", points_at="without ports the route to 10.77.1.1"),
    Fault("loose reverse path, and a way back for TCP only", "reverse_path_filter", "no_route",
          "ip route add 10.77.1.0/24 dev eth0 table 100; ip rule add ipproto tcp lookup 100; ip route del 10.77.1.0/24"
          f" dev eth0; {RP.format(2)}", points_at="without ports"),
    Fault("encryption wanted", "ipsec_policy_blocks", "timed_out",
          f"ip xfrm policy add src {CLIENT} dst {OWN} dir in tmpl proto esp mode transport; sleep 0.2",
          points_at="IPsec policies"),
    Fault("policy that blocks", "ipsec_policy_blocks", "timed_out",
          f"ip xfrm policy add src {CLIENT} dst {OWN} dir in action block; sleep 0.2", points_at="IPsec policies"),
]  # fmt: skip

HEALTHY = [
    Fault("several addresses", "", "ok",
          "ip addr add 10.77.1.252/24 dev eth0; ip addr add 192.0.2.5/32 dev lo; ip addr add 198.51.100.9/24 dev eth0"),
    Fault("a queue of its own, and ARP for its own link only", "", "ok",
          "tc qdisc add dev eth0 root pfifo limit 100; echo 2 > /proc/sys/net/ipv4/conf/all/arp_ignore"),
    Fault("policy routing", "", "ok",
          f"ip route add 10.77.1.0/24 dev eth0 table 50; ip rule add from {OWN} table 50;"
          " ip rule add fwmark 9 table 51; ip route add blackhole default table 51"),
    Fault("strict and symmetric", "", "ok", RP.format(1)),
    Fault("strict, and another way for one port only", "", "ok",
          SPARE + "ip route add 10.77.1.0/24 dev spare table 100; ip rule add ipproto tcp sport 2222 lookup 100;"
          " ip rule add ipproto udp lookup 100; " + RP.format(1)),
    Fault("an unused link is down", "", "ok",
          "ip link add unused type veth peer name peer; ip addr add 192.0.2.77/24 dev unused;"
          " ip route add blackhole 203.0.113.0/24"),
    Fault("bridge with an idle port", "", "ok",
          over("bridge", "ip link add idle type veth peer name peer; ip link set idle master top")),
    Fault("small MTU on the host", "", "ok", "ip link set eth0 mtu 1280"),
    Fault("IPv6 only", "", "ok", "ip -4 addr flush dev eth0", variables=V6),
    Fault("neighbour by hand", "", "ok", f"ping -c1 -W1 {CLIENT} >/dev/null 2>&1; m=$(ip neigh show {CLIENT} dev eth0 |"
          f" sed 's/.*lladdr //;s/ .*//'); ip neigh replace {CLIENT} lladdr $m nud permanent dev eth0", SYSTEMD),
]  # fmt: skip


@dataclass(frozen=True)
class RoutedFault:
    """What is broken where a router is between client and host; ROUTER, CLIENT and HOST stand for the addresses."""

    name: str
    cause: str
    outcome: str
    script: str = ""
    mtu: int = 1500
    # Whether the router tells nobody what is too big for it.
    silent: bool = False
    version6: bool = False
    points_at: str = ""


NO_RP = "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.net1.rp_filter=0; "
ROUTED = [
    RoutedFault("no default route", "no_return_route", "timed_out", "ip route del default",
                points_at="no route leads to CLIENT; there is no default route"),
    RoutedFault("no default route for IPv6", "no_return_route", "timed_out", "ip -6 route del default", version6=True,
                points_at="no route leads to"),
    RoutedFault("gateway that is not there", "no_return_route", "timed_out",
                f"{NO_RP}ip route replace default via 10.77.1.250", points_at="gateway 10.77.1.250 does not answer"),
    RoutedFault("wrong neighbour by hand", "no_return_route", "timed_out",
                f"ip neigh replace ROUTER lladdr {WRONG_MAC} nud permanent dev net1", points_at=WRONG_MAC),
    RoutedFault("rule for the port", "no_return_route", "timed_out",
                "ip route add blackhole default table 30; ip rule add ipproto tcp sport 22 table 30",
                points_at="blackhole default table 30"),
    RoutedFault("strict reverse path", "reverse_path_filter", "timed_out",
                "ip route replace default via 10.77.1.1; sysctl -qw net.ipv4.conf.all.rp_filter=1",
                points_at="net.ipv4.conf.net1.rp_filter is strict"),
    RoutedFault("strict reverse path for the router only", "reverse_path_filter", "no_route",
                SPARE + "ip route add ROUTER/32 dev spare; sysctl -qw net.ipv4.conf.all.rp_filter=1",
                points_at="when ROUTER asks"),
    RoutedFault("link down", "link_down", "no_route", "ip link set net1 down",
                points_at="net1 is administratively down"),
    RoutedFault("address removed", "link_down", "no_route", "ip addr del HOST/24 dev net1",
                points_at="HOST is on none of the links"),
    RoutedFault("a router that says nothing", "mtu_black_hole", "key_exchange_timed_out", mtu=600, silent=True,
                points_at="big packets of the host"),
    RoutedFault("the host throws away what the router says", "mtu_black_hole", "key_exchange_timed_out",
                "nft 'add table inet f; add chain inet f i { type filter hook input priority 0; }; add rule inet f i"
                " icmp type destination-unreachable drop'", mtu=600, points_at="big packets of the host"),
]  # fmt: skip
ROUTED_HEALTHY = [
    RoutedFault("small MTU and a router that says so", "", "ok", mtu=600),
    RoutedFault("policy routing", "", "ok", "ip route del default; ip route add default via ROUTER table 5;"
                " ip rule add from HOST table 5"),
    RoutedFault("strict and symmetric", "", "ok", "sysctl -qw net.ipv4.conf.all.rp_filter=1"),
    RoutedFault("loose and asymmetric", "", "ok",
                "ip route replace default via 10.77.1.1; sysctl -qw net.ipv4.conf.all.rp_filter=2"),
]  # fmt: skip
