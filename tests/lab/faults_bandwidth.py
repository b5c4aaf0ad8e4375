# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts whose link is full, and healthy ones whose link only looks so: data like faults.py.

Each host limits its own link to a megabit, so that all of them together send little.
"""

from __future__ import annotations

from faults import SYSTEMD, Fault
from faults_network import SPARE, V6

PEER, PEER6 = "10.77.1.1", "fd77:1::1"
PYTHON = "$(command -v python3 || command -v python2.7)"
# Datagrams of many sockets: what waits in the queue counts against the buffer of the socket that sent it.
SENDER = (
    "cat > /send.py <<'X'\nimport socket, sys, time\n"
    "target, rate, count, priority = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])\n"
    "family = socket.AF_INET6 if ':' in target else socket.AF_INET\n"
    "senders = [socket.socket(family, socket.SOCK_DGRAM) for _number in range(count)]\n"
    "for one in senders:\n    one.setblocking(False)\n    one.setsockopt(socket.SOL_SOCKET, 12, priority)\n"
    "def send(number):\n"
    "    try:\n        senders[number % count].sendto(b'x' * 1200, (target, 9999))\n"
    "    except (OSError, socket.error):\n        pass\n"
    "if rate > 2e6:\n    for number in range(100 * count):\n        send(number)\n"
    "begun, number = time.time(), 0\n"
    "while time.time() < begun + 900:\n"
    "    send(number)\n    number += 1\n    time.sleep(max(0, begun + number * 9600 / rate - time.time()))\nX\n"
)


def sending(target: str = PEER, rate: str = "3e6", sockets: int = 32, priority: int = 0, within: str = "") -> str:
    """A process that sends datagrams: the queue is full at once, and stays so."""
    command = f"{within} {PYTHON} /send.py {target} {rate} {sockets} {priority}"
    return f"{SENDER}(setsid {command.strip()} & echo $! > /send.pid) >/dev/null 2>&1; sleep 1"


def shaped(rate: str = "1mbit", limit: str = "2500k", link: str = "eth0") -> str:
    return f"tc qdisc replace dev {link} root tbf rate {rate} burst 4k limit {limit}; "


# A class for what nothing sorts, below one for all.
CLASSES = (
    "tc qdisc replace dev eth0 root handle 1: htb default 10;"
    " tc class add dev eth0 parent 1: classid 1:1 htb rate 50mbit;"
    " tc class add dev eth0 parent 1:1 classid 1:10 htb rate {0} ceil {0};"
    " tc class add dev eth0 parent 1:1 classid 1:20 htb rate {1} ceil {1};"
    " tc qdisc add dev eth0 parent 1:10 bfifo limit 2500k; tc qdisc add dev eth0 parent 1:20 bfifo limit 2500k; "
)
# What is sent with this priority gets into the class 1:20, without any filter.
SECOND_CLASS = 0x10020
# Another network namespace, as a container has, of which this host forwards the packets.
BOX = (
    "ip netns add box; ip link add inner type veth peer name eth0 netns box; ip addr add 192.168.99.1/24 dev inner;"
    " ip link set inner up; sysctl -qw net.ipv4.ip_forward=1; nsenter --net=/run/netns/box sh -ec 'ip link set lo up;"
    " ip addr add 192.168.99.2/24 dev eth0; ip link set eth0 up; ip route add default via 192.168.99.1'; "
)
# The login is slow, for a reason of its own.
SLOW_SESSION = "echo 'session optional pam_exec.so /bin/sleep 3' >> /etc/pam.d/sshd; "

# The answer to the question who has the address waits in the queue as well, and the client may give up on that.
TIMED_OUT = "timed_out or no_route"

FAULTS = [
    Fault("datagrams fill the queue", "bandwidth_saturated", TIMED_OUT, shaped() + sending(),
          points_at="10.77.1.1 udp port 9999"),
    Fault("the class of all others is full", "bandwidth_saturated", TIMED_OUT, CLASSES.format("1mbit", "5mbit")
          + sending(), points_at="htb class 1:10"),
    Fault("full, tried by IPv6", "bandwidth_saturated", TIMED_OUT, shaped() + sending(PEER6), SYSTEMD, variables=V6,
          points_at="fd77:1::1 udp port 9999"),
    Fault("a container fills it", "bandwidth_saturated", TIMED_OUT, shaped() + BOX
          + sending(within="nsenter --net=/run/netns/box"), points_at="python"),
    Fault("full by what is stated", "bandwidth_saturated", TIMED_OUT, shaped(rate="1100kbit") + sending(),
          ("trixie",), variables={"remote_login_link_capacity_bps": "1000000"}, points_at="1000000 b/s (as stated)"),
    # What the packet filter drops is lost with an empty link as well.
    Fault("full, and the port is filtered", "firewall_blocks_port", TIMED_OUT, shaped() + sending() + "; nft 'add table"
          " inet f; add chain inet f i { type filter hook input priority 0; }; add rule inet f i tcp dport 22 drop'",
          ("trixie",)),
]  # fmt: skip
# People get in, and wait for it.
RISKS = [
    Fault("full, and the login gets through", "bandwidth_saturated", "ok", shaped() + sending(sockets=2), ("trixie",),
          points_at="10.77.1.1 udp port 9999"),
]  # fmt: skip
HEALTHY = [
    Fault("half full", "", "ok", SLOW_SESSION + shaped("2mbit") + sending(rate="1e6")),
    Fault("limited and idle", "", "ok", SLOW_SESSION + shaped(), SYSTEMD),
    Fault("another link is full", "", "ok", SLOW_SESSION + SPARE + "ip addr add 192.168.98.1/24 dev spare;"
          " ip neigh replace 192.168.98.2 lladdr 02:00:00:00:00:99 dev spare; " + shaped(link="spare")
          + sending("192.168.98.2")),
    Fault("another class is full", "", "ok", SLOW_SESSION + CLASSES.format("5mbit", "1mbit")
          + sending(priority=SECOND_CLASS), SYSTEMD),
]  # fmt: skip
