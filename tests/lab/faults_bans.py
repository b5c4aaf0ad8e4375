# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that ban the lab's client, or others, in every way that a banner can: data like faults.py."""

from __future__ import annotations

from faults import RESTART, SYSTEMD, Fault

CLIENT = "10.77.1.1"
# Whose bans have to stay.
STRANGER = "203.0.113.9"
START = (
    "if [ -d /run/systemd/system ]; then systemctl -q enable --now fail2ban; else update-rc.d fail2ban enable;"
    " service fail2ban start; fi >/dev/null 2>&1; timeout 20 sh -c"
    " 'until fail2ban-client status sshd; do sleep 0.2; done' >/dev/null 2>&1; "
)
KILL = "pkill -9 -x fail2ban-server; rm -f /run/fail2ban/*; "
OFF = "systemctl -q mask --now --runtime fail2ban 2>/dev/null || update-rc.d fail2ban disable; "
# Clients that hang on before they have logged in.
HOLD = (
    "(setsid perl -MIO::Socket::INET -e 'for (1 .. 2) { push @c, IO::Socket::INET->new(PeerAddr => q(127.0.0.1),"
    " PeerPort => 22) } sleep 900' &) >/dev/null 2>&1; sleep 1"
)
WAITING = "sed -i '1i MaxStartups 2\\nLoginGraceTime 0\\n%s' /etc/ssh/sshd_config; " + RESTART + "; sleep 0.5; " + HOLD


def jail(action: str, more: str = "", jails: str = "[sshd]\nenabled = true\n") -> str:
    """Configure and start fail2ban so that the jail sshd bans by this action."""
    text = f"[DEFAULT]\nbanaction = {action}\nbanaction_allports = {action}\n{more}\n{jails}"
    systemd = "if [ -d /run/systemd/system ]; then sed -i 's/^\\[sshd\\]$/[sshd]\\nbackend = systemd/'"
    place = "/etc/fail2ban/jail.d/lab.local"
    return f"cat > {place} <<'X'\n{text}X\n{systemd} {place}; fi; {START}"


def ban(*where: str, address: str = CLIENT) -> str:
    return (
        "".join(f"fail2ban-client set {name} banip {address} >/dev/null; " for name in where or ("sshd",)) + "sleep 1"
    )


def left_set(name: str, table: str, element: str = CLIENT, verdict: str = "drop", flags: str = "") -> str:
    """A set of a banner that is not there any more."""
    return (
        f"nft 'add table inet {table}; add set inet {table} {name} {{ type ipv4_addr; {flags} }};"
        f" add element inet {table} {name} {{ {element}, {STRANGER} }};"
        f" add chain inet {table} c {{ type filter hook input priority -1; }};"
        f" add rule inet {table} c tcp dport 22 ip saddr @{name} {verdict}'"
    )


def left_chain(program: str = "iptables", name: str = "f2b-sshd") -> str:
    return (
        f"{program} -N {name}; {program} -A {name} -s {STRANGER} -j DROP; {program} -A {name} -s {CLIENT} -j DROP;"
        f" {program} -A {name} -j RETURN; {program} -I INPUT -p tcp -m multiport --dports 22 -j {name}"
    )


def denied(text: str, file: str = "deny") -> str:
    return f"printf '{text}\\n' > /etc/hosts.{file}"


MORE_JAILS = (
    "[sshd]\nenabled = true\n[recidive]\nenabled = true\nlogpath = /var/log/fail2ban.log\nbackend = auto\n"
    "[nginx-http-auth]\nenabled = true\nlogpath = /var/log/nginx.err\nbackend = auto\n"
)
OWN_ACTION = (
    "printf '[Definition]\nactionstart = iptables -t raw -N GUARD-<name>; iptables -t raw -I PREROUTING -j GUARD-<name>"
    "\nactionstop =\nactionban = iptables -t raw -A GUARD-<name> -s <ip> -j DROP"
    "\nactionunban = iptables -t raw -D GUARD-<name> -s <ip> -j DROP\n' > /etc/fail2ban/action.d/own.conf; "
)
NGINX = "touch /var/log/nginx.err; "
UFW = "ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null; "
FIREWALLD = "systemctl -q enable --now firewalld; firewall-cmd -q --state; "
FAKE_CSCLI = (
    'printf \'#!/bin/sh\\nnft get element ip crowdsec crowdsec-blacklists "{ 10.77.1.1 }" >/dev/null 2>&1 ||'
    ' { [ "$2" = delete ] || echo null; exit 0; }\\nif [ "$2" = delete ]; then nft delete element ip crowdsec'
    ' crowdsec-blacklists "{ 10.77.1.1 }"; else echo \\047[{"decisions": [{"duration": "3h", "id": 7, "type":'
    ' "ban", "scope": "Ip", "value": "10.77.1.1", "scenario": "crowdsecurity/ssh-bf"}]}]\\047; fi\\n\''
    " > /usr/local/bin/cscli; chmod 755 /usr/local/bin/cscli; "
)

FAULTS = [
    Fault("banned by nftables", "fail2ban_banned", "refused", jail("nftables") + ban(), points_at="sshd",
          remedied=True),
    Fault("banned by iptables-multiport", "fail2ban_banned", "refused", jail("iptables-multiport") + ban(),
          points_at="since 20", remedied=True),
    Fault("banned by iptables-allports", "fail2ban_banned", "refused", jail("iptables-allports") + ban(),
          points_at="until 20", remedied=True),
    Fault("banned by ipset", "fail2ban_banned", "refused", jail("iptables-ipset-proto6") + ban(), remedied=True),
    Fault("banned by dropping", "fail2ban_banned", "timed_out", jail("nftables[blocktype=drop]") + ban(),
          remedied=True),
    Fault("banned by ufw", "fail2ban_banned", "refused", UFW + jail("ufw") + ban(), ("bookworm", "bullseye"),
          remedied=True),
    Fault("banned by a rich rule", "fail2ban_banned", "refused", FIREWALLD + jail("firewallcmd-rich-rules") + ban(),
          SYSTEMD, remedied=True),
    Fault("banned by a rich rule, and the server hangs", "fail2ban_banned", "refused",
          FIREWALLD + jail("firewallcmd-rich-rules") + ban() + "; kill -STOP $(pidof -x fail2ban-server)", SYSTEMD),
    Fault("banned by hosts.deny", "fail2ban_banned", "closed_before_banner", jail("hostsdeny") + ban(), remedied=True),
    Fault("banned by a route", "fail2ban_banned", "timed_out", jail("route") + ban(), remedied=True),
    Fault("banned in a chain of its own name", "fail2ban_banned", "timed_out",
          OWN_ACTION + jail("own[name=door]") + ban(), remedied=True),
    Fault("banned for ever", "fail2ban_banned", "refused", jail("iptables-multiport", "bantime = -1") + ban(),
          points_at="without an end", remedied=True),
    Fault("banned in several jails", "fail2ban_banned", "refused",
          NGINX + jail("iptables-multiport", jails=MORE_JAILS) + ban("sshd", "recidive", "nginx-http-auth"),
          points_at="recidive, sshd", remedied=True),
    Fault("banned in recidive only", "fail2ban_banned", "refused",
          NGINX + jail("nftables", jails=MORE_JAILS) + ban("recidive"), points_at="recidive", remedied=True),
    Fault("banned as part of a network", "fail2ban_banned", "refused",
          jail("iptables-multiport") + ban(address="10.77.1.0/24"), points_at="part of 10.77.1.0/24"),
    # What was left behind.
    Fault("killed, with its rules left", "stale_ban", "refused", jail("iptables-multiport") + ban() + "; "
          + ban(address=STRANGER) + "; " + KILL + OFF, points_at="f2b-sshd", remedied=True),
    Fault("an element left in a set", "stale_ban", "timed_out", left_set("addr-set-sshd", "f2b-table"),
          points_at="10.77.1.1 in set addr-set-sshd", remedied=True),
    Fault("an element that fail2ban does not know", "stale_ban", "refused", jail("nftables")
          + ban(address="203.0.113.9") + "; nft add element inet f2b-table addr-set-sshd '{ 10.77.1.1 }'",
          remedied=True),
    Fault("rules left by iptables-legacy", "stale_ban", "timed_out", left_chain("iptables-legacy"), remedied=True),
    Fault("a left ipset", "stale_ban", "timed_out", "ipset create f2b-sshd hash:ip timeout 0; ipset add f2b-sshd"
          " 203.0.113.9; ipset add f2b-sshd 10.77.1.1; iptables -I INPUT -p tcp --dport 22 -m set --match-set f2b-sshd"
          " src -j DROP", remedied=True),
    Fault("blocked by sshguard", "stale_ban", "timed_out", left_set("attackers", "sshguard", flags="flags interval;"),
          points_at="sshguard", remedied=True),
    Fault("blocked by CrowdSec", "stale_ban", "timed_out", left_set("crowdsec-blacklists", "crowdsec").replace(
          "inet", "ip") + "; " + FAKE_CSCLI, points_at="crowdsecurity/ssh-bf", remedied=True),
    Fault("blocked by CrowdSec, which is gone", "stale_ban", "timed_out",
          left_set("crowdsec-blacklists", "crowdsec").replace("inet", "ip"), points_at="crowdsec", remedied=True),
    Fault("denied by DenyHosts", "stale_ban", "closed_before_banner", "printf '# a\\014remark\nsshd:"
          " 203.0.113.9\n# DenyHosts: Sat Nov 21 04:00:00 2026 | sshd: 10.77.1.1\nsshd: 10.77.1.1\nsshd: 203.0.113.9\n'"
          " >> /etc/hosts.deny; mkdir -p /var/lib/denyhosts; echo"
          " '10.77.1.1:0:Sat Nov 21 04:00:00 2026' > /var/lib/denyhosts/hosts", points_at="denyhosts", remedied=True),
    # hosts.deny.
    Fault("denied to all", "tcp_wrappers_deny", "closed_before_banner", denied("sshd: ALL"),
          points_at="/etc/hosts.deny line 1"),
    Fault("denied by a prefix", "tcp_wrappers_deny", "closed_before_banner", denied("ALL: 192.0.2. 10.77."),
          points_at="10.77."),
    Fault("denied by a mask", "tcp_wrappers_deny", "closed_before_banner", denied("sshd: 10.77.0.0/255.255.0.0")),
    Fault("denied with an exception", "tcp_wrappers_deny", "closed_before_banner",
          denied("ALL EXCEPT in.tftpd: ALL EXCEPT 10.77.2."), points_at="EXCEPT"),
    Fault("denied in hosts.allow", "tcp_wrappers_deny", "closed_before_banner",
          denied("sshd: 192.0.2.1\\nsshd: 10.77.1.1 : spawn /bin/true : deny\\nsshd: ALL", "allow"),
          points_at="/etc/hosts.allow line 2"),
    Fault("denied over two lines", "tcp_wrappers_deny", "closed_before_banner",
          denied("# a remark \\\\\\\\\\nsshd: 192.0.2.1\\nsshd: 192.0.2.2, \\\\\\\\\\n  10.77.1.0/24"),
          points_at="/etc/hosts.deny line 3"),
    Fault("denied by a file", "tcp_wrappers_deny", "closed_before_banner",
          "printf '192.0.2.1\\n10.77.1.1\\n' > /etc/bad; " + denied("sshd: /etc/bad"), points_at="/etc/bad"),
    Fault("answered in the place of sshd", "tcp_wrappers_deny", "not_ssh",
          denied("sshd: ALL: twist /bin/echo go away", "allow"), points_at="twist"),
    Fault("denied by a line without an end", "tcp_wrappers_deny", "closed_before_banner",
          "printf 'sshd: 192.0.2.1' > /etc/hosts.deny", points_at="no newline"),
    # sshd itself.
    Fault("too many waiting", "max_startups", "closed_before_banner", WAITING % "PerSourcePenalties no", ("trixie",),
          points_at="2 wait to log in"),
    Fault("too many waiting, before 9.8", "max_startups", "closed_before_banner", WAITING % "",
          ("bookworm", "bullseye"), points_at="2 wait to log in"),
    # A ban that is not the cause.
    Fault("stopped, and banned on the web", "sshd_stopped", "refused", NGINX + jail("iptables-multiport",
          jails=MORE_JAILS) + ban("nginx-http-auth") + "; { systemctl stop ssh || service ssh stop; } 2>/dev/null"),
]  # fmt: skip

FOREIGN = "".join(f"203.0.113.{number} " for number in range(1, 40))
HEALTHY = [
    Fault("busy jails", "", "ok", jail("iptables-multiport") + f"fail2ban-client set sshd banip {FOREIGN} >/dev/null;"
          " sleep 2"),
    Fault("banned on the web only", "", "ok", NGINX + jail("iptables-multiport", jails=MORE_JAILS)
          + ban("nginx-http-auth")),
    Fault("a network that nftables did not take", "", "ok", jail("nftables") + ban(address="10.77.1.0/24")),
    Fault("fail2ban cannot start", "", "ok", "rm -f /var/log/auth.log; printf '[sshd]\\nenabled = true\\nbackend ="
          " auto\\n' > /etc/fail2ban/jail.d/lab.local; { systemctl start fail2ban || service fail2ban start || true; }"
          " >/dev/null 2>&1; sleep 1"),
    Fault("hosts.deny for others", "", "ok", denied("sshd: 192.0.2. 203.0.113.0/255.255.255.0\\nin.tftpd: ALL")),
    Fault("hosts.allow before hosts.deny", "", "ok", denied("sshd: 10.77.1.0/24", "allow") + "; "
          + denied("ALL: ALL")),
    Fault("foreign elements left", "", "ok", left_set("addr-set-sshd", "f2b-table", "203.0.113.7")),
]  # fmt: skip
