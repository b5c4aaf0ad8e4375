# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bad line of sshd's configuration may be dropped: one without which nobody gets in who could not before.

What the line was meant to say is guessed towards the stricter side: a misspelt keyword stands for every keyword
that it resembles, a value that sshd does not know for the strictest one.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import difflib
import re

# Without one of these sshd falls back to a default that lets nobody in. They say how a session runs, what is logged,
# and how much a client may ask of the daemon; the lists of algorithms fall back to what OpenSSH itself deems good.
NEUTRAL = frozenset(
    """
    acceptenv banner channeltimeout ciphers clientalivecountmax clientaliveinterval compression debianbanner
    fingerprinthash hostkeyalgorithms ipqos kexalgorithms logingracetime loglevel logverbose macs maxauthtries
    maxsessions maxstartups modulifile persourcemaxstartups persourcenetblocksize persourcepenalties
    persourcepenaltyexemptlist pidfile printlastlog printmotd protocol rekeylimit serverkeybits
    keyregenerationinterval showpatchlevel streamlocalbindmask subsystem syslogfacility tcpkeepalive
    unusedconnectiontimeout useprivilegeseparation versionaddendum x11displayoffset xauthlocation
    """.split()
)
# keyword: (what holds where no line says it, [values from strict to lax; those in one string are not comparable]).
# A default that differs between systems is taken for the laxest.
_NO_YES = ["no", "yes"]
_YES_NO = ["yes", "no"]
ORDERED = {
    "addressfamily": ("any", ["inet inet6", "any"]),
    "allowagentforwarding": ("yes", _NO_YES),
    "allowstreamlocalforwarding": ("yes", ["no", "local remote", "yes all"]),
    "allowtcpforwarding": ("yes", ["no", "local remote", "yes all"]),
    "disableforwarding": ("no", _YES_NO),
    "exposeauthinfo": ("no", _NO_YES),
    "gatewayports": ("no", ["no", "clientspecified", "yes"]),
    "gssapiauthentication": ("yes", _NO_YES),
    "gssapikeyexchange": ("yes", _NO_YES),
    "hostbasedauthentication": ("no", _NO_YES),
    "ignorerhosts": ("yes", ["yes", "shosts-only", "no"]),
    "ignoreuserknownhosts": ("no", _YES_NO),
    "kbdinteractiveauthentication": ("yes", _NO_YES),
    "kerberosauthentication": ("no", _NO_YES),
    "passwordauthentication": ("yes", _NO_YES),
    "permitemptypasswords": ("no", _NO_YES),
    "permitrootlogin": ("yes", ["no", "forced-commands-only", "prohibit-password without-password", "yes"]),
    "permittty": ("yes", _NO_YES),
    "permittunnel": ("no", ["no", "ethernet point-to-point", "yes"]),
    "permituserenvironment": ("no", _NO_YES),
    "permituserrc": ("yes", _NO_YES),
    "pubkeyauthentication": ("yes", _NO_YES),
    "refuseconnection": ("no", _YES_NO),
    "streamlocalbindunlink": ("no", _NO_YES),
    "strictmodes": ("yes", _YES_NO),
    "usedns": ("no", ["no yes"]),
    "usepam": ("no", ["no yes"]),
    "x11forwarding": ("no", _NO_YES),
    "x11uselocalhost": ("yes", _YES_NO),
}
# These name who or what is let in, or where; without one of them more may be.
RESTRICTING = frozenset(
    """
    allowgroups allowusers authenticationmethods authorizedkeyscommand authorizedkeyscommanduser authorizedkeysfile
    authorizedprincipalscommand authorizedprincipalscommanduser authorizedprincipalsfile casignaturealgorithms
    chrootdirectory denygroups denyusers forcecommand hostbasedacceptedalgorithms hostbasedacceptedkeytypes
    hostbasedusesnamefrompacketonly hostcertificate hostkey hostkeyagent include listenaddress match pamservicename
    permitlisten permitopen port pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthoptions rdomain
    requiredrsasize revokedkeys securitykeyprovider setenv sshdauthpath sshdsessionpath trustedusercakeys
    """.split()
)
ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "keepalive": "tcpkeepalive",
}
KEYWORDS = NEUTRAL | RESTRICTING | frozenset(ORDERED) | frozenset(ALIASES)
MISPLACED = "not allowed within a Match block"
ALIKE = 0.75
# A further word of a line is looked at only where it can hardly be a value.
ALIKE_INSIDE, LETTERS_INSIDE = 0.87, 6


def why_not(bad, message, remaining, login_port):
    """Why a bad line must not be dropped, or None where nobody gets in who could not before.

    ``bad`` and ``remaining`` are directives as {keyword, arguments, text, match}, the latter those of the whole
    configuration without the bad line; ``message`` is what sshd says of it.
    """
    if re.match(r"[<>=|]{7}", bad["text"]):
        return "it is the mark of an unfinished merge, and which side counts is not decided"
    hidden = _hidden_in(bad)
    if hidden:
        return "it holds the word %s as well, which may keep people out" % hidden
    for keyword in meant_by(bad):
        reason = _why_not_keyword(keyword, bad, message, remaining, login_port)
        if reason:
            return reason
    return None


def meant_by(bad):
    """The keywords that a line may stand for: its own, or else all that it resembles, the likeliest first."""
    word = re.sub(r"[^a-z0-9]", "", bad["keyword"])
    if word in KEYWORDS:
        return [ALIASES.get(word, word)]
    words = [word]
    if bad["arguments"]:
        words.append(word + re.sub(r"[^a-z0-9]", "", bad["arguments"][0].lower()))
    found = []
    for each in words:
        found += difflib.get_close_matches(each, KEYWORDS, n=12, cutoff=ALIKE)
        if len(each) > 3:
            found += sorted(k for k in KEYWORDS if k.startswith(each) or (len(k) > 4 and each.startswith(k)))
    found = [ALIASES.get(keyword, keyword) for keyword in found]
    return [keyword for number, keyword in enumerate(found) if keyword not in found[:number]]


def _hidden_in(bad):
    """A word behind the first one that is another directive, lost in this line; or None."""
    for word in re.findall(r"[A-Za-z0-9]+", bad["text"])[1:]:
        word = word.lower()
        if len(word) < LETTERS_INSIDE or word in NEUTRAL:
            continue
        near = difflib.get_close_matches(word, KEYWORDS - NEUTRAL, n=1, cutoff=ALIKE_INSIDE)
        if near:
            return near[0]
    return None


def _why_not_keyword(keyword, bad, message, remaining, login_port):
    if keyword in NEUTRAL:
        return None
    if keyword == "port":
        return _why_not_port(remaining, login_port)
    if keyword == "listenaddress":
        if any(entry["keyword"] == "listenaddress" and entry["match"] is None for entry in remaining):
            return None  # it then listens on fewer addresses
        return "without ListenAddress sshd would listen on every address"
    if keyword not in ORDERED:
        return "it stands for %s, without which people could get in or do what they could not before" % keyword
    default, order = ORDERED[keyword]
    wanted = (bad["arguments"] or [""])[0].lower()
    if _rank(wanted, order) == len(order) - 1 > 0:
        return None  # nothing is laxer than what the line allows
    if bad["match"] is not None and MISPLACED not in message:
        return "it stands in a Match block, and %s would be what holds for everybody" % keyword
    after = _in_force(keyword, default, remaining)
    if at_least_as_strict(after, wanted, order):
        return None
    return "%s would then be %s" % (keyword, after)


def _why_not_port(remaining, login_port):
    """Without its Port sshd must still listen where people connect."""
    ports = [
        entry["arguments"][0]
        for entry in remaining
        if entry["keyword"] == "port" and entry["match"] is None and entry["arguments"]
    ]
    if str(login_port) in (ports or ["22"]):
        return None
    return "sshd would then listen on port %s, and people use port %d" % (", ".join(ports or ["22"]), login_port)


def _in_force(keyword, default, remaining):
    """The value that the rest of the configuration gives a keyword outside every Match block."""
    for entry in remaining:
        name = ALIASES.get(entry["keyword"], entry["keyword"])
        if name == keyword and entry["match"] is None and entry["arguments"]:
            return entry["arguments"][0].lower()
    return default


def _rank(value, order):
    return next((number for number, values in enumerate(order) if value in values.split()), None)


def at_least_as_strict(after, wanted, order):
    """Whether a value lets in no more than what was wanted; an unknown one is taken for the strictest."""
    strictest = order[0].split()
    now, meant = _rank(after, order), _rank(wanted, order)
    if now is None:
        return False
    if meant is None:
        return len(strictest) == 1 and now == 0
    same = after == wanted or (order[now] == order[meant] and "prohibit-password" in order[now])
    return same or now < meant
