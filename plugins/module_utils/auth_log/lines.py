# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one line of sshd says: about whom, from where, and how it went.

A stranger chooses the user name, and so most of a line. A line is therefore read in every way in which sshd could have
meant it: where a longer and a shorter user name lead to different addresses, it names none.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re
import socket

SHORT = {
    "ADDRESS": r"(?P<address>[0-9A-Fa-f.:]{2,45}(?:%[\w.-]{1,40})?)",
    "PORT": r"port (?P<port>\d{1,5})",
    "METHOD": r"(?P<method>[\w/-]{1,60})",
    "INVALID": r"(?P<invalid>(?:invalid|illegal) user )?",
    "WHO": r"(?:(?P<state>authenticating|invalid) user|user) USER ",
    # The name in a certificate and the client's names in a host-based login are a stranger's words, too.
    "KEY": r"(?:: [\w-]+ DIGEST(?: ID .* \(serial \d+\) CA [\w-]+ DIGEST)?"
    r'(?:, client user ".*", client host ".*")?)?',
    "DIGEST": r"(?:SHA256:[\w+/=]+|(?:MD5:)?[0-9a-f:]{47})",
}
# How sshd words it, and what that says of the attempt. None: nothing that another line would not say better.
# USER stands for whatever a stranger can choose.
FORMS = (
    ("accepted", r"Accepted METHOD for USER from ADDRESS PORT ssh2KEY"),
    ("failed", r"(?:Failed|Partial) METHOD for INVALIDUSER from ADDRESS PORT ssh2KEY"),
    (None, r"Postponed METHOD for INVALIDUSER from ADDRESS PORT ssh2KEY"),
    ("failed", r"maximum authentication attempts exceeded for INVALIDUSER from ADDRESS PORT ssh2"),
    ("invalid_user", r"Invalid user USER from ADDRESS(?: PORT)?"),
    ("invalid_user", r"input_userauth_request: invalid user USER"),
    ("refused", r"User USER from (?:ADDRESS|\S+) not allowed because .*"),
    ("refused", r"User USER not allowed because .*"),
    ("refused", r"administratively prohibited connection for INVALIDUSER from ADDRESS PORT"),
    ("refused", r"Access denied for user USER by PAM account configuration"),
    ("refused", r"ROOT LOGIN REFUSED FROM ADDRESS(?: PORT)?"),
    ("refused", r"Account USER has expired"),
    ("refused", r"User USER password has expired.*"),
    ("refused", r"Login restricted for USER: .*"),
    ("refused", r"\S+:\d+: Authentication tried for USER with correct key but not from a permitted host .*"),
    ("refused", r"refused connect from \S+ \(ADDRESS\)"),
    ("failed", r"PAM: [^:]{1,80}? for INVALIDUSER from (?:ADDRESS|\S+)"),
    ("closed", r"Connection (?:closed|reset) by WHOADDRESS PORT"),
    ("closed", r"Connection (?:closed|reset) by ADDRESS(?: PORT)?"),
    ("closed", r"Disconnecting WHOADDRESS PORT: .*"),
    ("closed", r"Disconnecting ADDRESS PORT: .*"),
    ("closed", r"Disconnected from WHOADDRESS PORT"),
    ("closed", r"Disconnected from ADDRESS(?: PORT)?"),
    ("closed", r"Received disconnect from ADDRESS(?: PORT)?: ?\d+:.*"),
    ("closed", r"(?:ssh_dispatch_run_fatal: )?Connection from WHOADDRESS PORT: .*"),
    ("closed", r"(?:ssh_dispatch_run_fatal: )?Connection from ADDRESS PORT: .*"),
    ("closed", r"Did not receive identification string from ADDRESS(?: PORT)?"),
    ("timed_out", r"Timeout before authentication for ADDRESS(?: PORT)?"),
    ("timed_out", r"Timeout before authentication for connection from ADDRESS to \S+, pid = (?P<pid>\d+)"),
    ("no_common_algorithm", r"Unable to negotiate with ADDRESS(?: PORT)?: .*"),
    ("bad_protocol", r"banner exchange: Connection from ADDRESS PORT: .*"),
    ("bad_protocol", r"Bad protocol version identification 'USER' from ADDRESS(?: PORT)?"),
    ("dropped", r"drop connection #\d+ from \[ADDRESS\]:(?P<port>\d{1,5}) on .*"),
    (None, r"Connection from ADDRESS PORT on \S+ port \d+.*"),
)
DECORATION = re.compile(r"^(?:(?:error|fatal): )?(?P<body>.*?)(?: \[preauth\])?$", re.S)
# What the daemon says of itself: these are not about one connection.
DAEMON = re.compile(
    r"(?:error: |fatal: )?(?:Server listening on |Received signal |Received SIGHUP|Bind to port |Cannot bind "
    r"|fork: |(?:beginning|exited) MaxStartups|sshd: no hostkeys|Could not load host key|Unable to load host key"
    r"|srclimit_penalise)"
)


def _compiled(form):
    """The form as two patterns: what stands before the stranger's words, and what ends the line behind them."""
    for name in ("WHO", "KEY", "DIGEST", "ADDRESS", "PORT", "METHOD", "INVALID"):
        form = form.replace(name, SHORT[name])
    before, found, behind = form.partition("USER")
    return re.compile(before if found else before + "$"), re.compile(behind + "$") if found else None


PATTERNS = [(result,) + _compiled(form) for result, form in FORMS]


def body_of(message):
    """A message without what sshd puts around it."""
    return DECORATION.match(message).group("body")


def read(message):
    """{result, address, port, user, method, pid}, all None where the line does not say so; None for other lines."""
    body = body_of(message)
    for result, before, behind in PATTERNS:
        found = _readings(body, before, behind)
        if found:
            return _said(result, found)
    return None


def _readings(body, before, behind):
    """Every way in which a line can be read as this form."""
    start = before.match(body)
    if start is None:
        return []
    if behind is None:
        return [start.groupdict()]
    found = []
    for end in range(start.end(), len(body) + 1):
        rest = behind.match(body, end)
        if rest:
            found.append(dict(start.groupdict(), user=body[start.end() : end], **rest.groupdict()))
    return found


def _said(result, readings):
    """What all readings of a line agree on."""
    agreed = {}
    for names in (("address", "port"), ("user",), ("method",), ("state",), ("pid",)):
        values = {tuple(one.get(name) for name in names) for one in readings}
        agreed.update(zip(names, values.pop() if len(values) == 1 else [None] * len(names)))
    address = canonical(agreed["address"])
    port = int(agreed["port"]) if address and agreed["port"] else 0
    if result == "closed":
        result = {"authenticating": "failed", "invalid": "invalid_user"}.get(agreed["state"], "closed")
    return {
        "result": result,
        "address": address,
        "port": port if 0 < port < 65536 else None,
        "user": None if result == "bad_protocol" else agreed["user"],
        "method": agreed["method"],
        "pid": agreed["pid"],
    }


def canonical(address):
    """An address in the one way in which addresses can be compared, or None: IPv4 also where it came as IPv6."""
    text = (address or "").partition("%")[0]
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            packed = socket.inet_pton(family, text)
        except (ValueError, UnicodeError, socket.error):
            continue
        if family == socket.AF_INET6 and packed[:12] == b"\0" * 10 + b"\xff\xff":
            return socket.inet_ntop(socket.AF_INET, packed[12:])
        return socket.inet_ntop(family, packed)
    return None


# --- why ---

# Modules of PAM that talk at logins that are fine.
TALKATIVE = "unix|env|systemd|succeed_if|lastlog|motd|mail|limits|loginuid|selinux|umask"
# The line that tells most, first. What sshd says when somebody just leaves tells nothing, and is not here.
REASONS = [
    re.compile(pattern)
    for pattern in (
        r"User .* not allowed because |administratively prohibited connection for ",
        r"Authentication refused: |ROOT LOGIN REFUSED |Could not open (?:user|authorized|file)|Unsafe Authorized"
        r"|User .* (?:is not a regular file|bad ownership)|\S+:\d+: Authentication tried for |Certificate "
        r"|userauth_\w+: .*(?: not in | not allowed|unsupported)|Refusing |Account .* has expired|Login restricted for "
        r"|User .* password has expired|AuthorizedKeysCommand|AuthorizedPrincipals|Key .* revoked|.* failed, status \d",
        r"pam_(?!%s)\w+\(sshd:(?:auth|account)\): (?!.*[Aa]uthentication (?:failure|success)|received for .*: 10 \()"
        r"|pam_unix\(sshd:account\): "
        r"|pam_\w+\(sshd:\w+\): .*(?:denied|[Rr]efused|locked|expired|not permitted)" % TALKATIVE,
        r"PAM unable to dlopen|PAM (?:adding faulty|bad|no|error|pam_)|PAM: ",
        r"Access denied for user ",
        r"maximum authentication attempts exceeded |Disconnecting .*: Too many authentication failures",
        r"Invalid user |input_userauth_request: invalid user ",
        r"Unable to negotiate with |Bad protocol version |banner exchange: |drop connection |refused connect from "
        r"|Timeout before authentication |no matching |kex_\w+: (?!.*(?:Connection (?:closed|reset)|read:))",
        # A module for users from elsewhere says of each local one that it does not know it (10).
        r"Failed (?!none)[\w/-]+ for |pam_\w+\(sshd:auth\): .*(?:failure|unknown|not known|not met)",
    )
]
COMPLAINT = re.compile(r"(?:fatal|error): (?!kex_exchange_identification: (?:read: )?Connection |Received disconnect )")
# After a login: what keeps the session from working.
SESSION = re.compile(
    # RHEL's sshd says nothing of an error when SELinux lets it not start a session. No session needs pam_systemd.
    r"(?:fatal|error): |PAM unable to dlopen|\w*selinux\w*: .*failed(?!.*\[preauth\]$)"
    r"|pam_(?!systemd)\w+\(sshd:(?:session|setcred)\): .*(?:denied|[Rr]efused)"
    r"|pam_(?!%s)\w+\(sshd:(?:session|setcred)\): .*failed" % TALKATIVE
)


def reasons(messages, accepted):
    """The lines that say why, the most telling one first."""
    if accepted:
        return [message for message in messages if SESSION.match(message)]
    ranked = [(rank, number, message) for number, message in enumerate(messages) for rank in [_rank(message)] if rank]
    found = []
    for _rank_of, _number, message in sorted(ranked):
        if body_of(message) not in [body_of(other) for other in found]:
            found.append(message)
    return found


# What sshd refuses by, where its words leave no doubt: a keyword of its rules, or PAM and at which of its steps.
LISTS = "AllowUsers|DenyUsers|AllowGroups|DenyGroups"
REFUSALS = [
    (keyword, re.compile(pattern))
    for keyword, pattern in (
        (None, r"User .* from \S+ not allowed because .*\b(?P<keyword>%s)$" % LISTS),
        ("UsePAM", r"User .* not allowed because account is locked$"),
        ("PermitRootLogin", r"ROOT LOGIN REFUSED FROM \S+(?: port \d+)?$"),
        ("RefuseConnection", r"administratively prohibited connection for .* from \S+ port \d+$"),
        ("PAM account", r"Access denied for user .* by PAM account configuration$"),
        ("PAM session", r"PAM: pam_open_session\(\): "),
    )
]


def refused_by(messages):
    """The keyword or the step of PAM by which an attempt was refused, None where the log does not say so."""
    for message in messages:
        for keyword, pattern in REFUSALS:
            found = pattern.match(body_of(message))
            if found:
                return keyword or found.group("keyword")
    return None


def _rank(message):
    body = body_of(message)
    for rank, pattern in enumerate(REASONS, 1):
        if pattern.match(body):
            return rank
    # Any other complaint of sshd says more than a bare 'Failed'.
    return len(REASONS) - 0.5 if COMPLAINT.match(message) else None
