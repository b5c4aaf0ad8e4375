# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lower what a process or a unit may send and receive, and take that back."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import os
import socket

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import connections, groups, networks
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import target as targets
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit.by_iptables import Iptables
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit.by_nft import Nft
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit.state import Group, Unusable

INSTEAD = "terminate it (terminate) or stop its unit (stop_unit) instead"
TRIAL = ("127.0.0.1", 9)


class Limit(object):
    """The limit of one target: what is in force, and what is to become of it."""

    def __init__(self, target):
        self.target = target
        self.hierarchy = groups.Groups()
        self.ways = [way for way in (Nft(), Iptables()) if way.usable()]
        self.notes, self.tried = [], []
        why = self.hierarchy.why_not()
        if why is None and not self.ways:
            why = "neither nft nor iptables is here"
        if why:
            raise targets.Refused(
                "the rate of %s cannot be lowered here, because %s: %s" % (target.words, why, INSTEAD)
            )
        self.hierarchy.mount()

    def current(self):
        """(the way by which a limit is in force, what it is), or (None, None)."""
        for way in self.ways:
            found = self._found(way)
            if found is not None:
                return way, found
        return None, None

    def _found(self, way):
        """What is in force; an unanswered question is not a no."""
        try:
            return way.find(self.target.key)
        except Unusable as error:
            raise targets.Refused("whether %s is limited cannot be told: %s" % (self.target.words, error))

    def rate(self):
        return self.current()[1].rate_bps if self.current()[1] else None

    # --- lower ---

    def is_in_force(self, rate_bps):
        """Whether nothing is left to do."""
        _way, found = self.current()
        name, own = self._group()
        if found is None or (found.rate_bps, found.group) != (rate_bps, self.hierarchy.number(name)):
            return False
        return own or not self.hierarchy.outside(self.target, name)

    def _group(self):
        """(the name of the group to limit, whether it is the target's without anybody being moved)."""
        own = self.hierarchy.own(self.target)
        return (own, True) if own else (self.hierarchy.child(self.target), False)

    def network(self):
        """Be where the target's packets are made, to look there and to limit them there."""
        home, apart = networks.home_of(self.target)
        if home is not None:
            # To ask iptables alone would make its tables there.
            self.ways = [way for way in self.ways if way.name == Nft.name]
        words = None if self.ways else "it is in a network of its own (a container), and nft is not here"
        if len(apart) == len(self.target.members):
            words = "its processes are in several networks of their own: name one of them"
        if words:
            raise targets.Refused("the rate of %s cannot be lowered: %s; or %s" % (self.target.words, words, INSTEAD))
        if apart:
            self.notes.append("not limited, as they are in other networks: %s" % listed(apart))
        return networks.network_of(home, self.target.members.get(home))

    def lower(self, rate_bps):
        """Put the limit in force; where that fails everything is as it was, or it is said what is not."""
        name, own = self._group()
        before, earlier = self.current()
        existed = self.hierarchy.number(name) is not None
        try:
            if not own:
                self._move(name)
            self._apply(rate_bps, name, own, before)
        except (targets.Refused, Unusable, OSError, IOError) as error:
            told = self._taken_back(name, own or existed, earlier)
            raise targets.Refused("; ".join([self._words(error)] + told), changed=bool(told))

    def _move(self, name):
        apart = self.hierarchy.apart(self.target, name)
        if apart:
            self.notes.append("not limited, as they are in control groups of their own: %s" % listed(apart))
        self.hierarchy.fill(self.target, name)

    def _words(self, error):
        if isinstance(error, targets.Refused):
            return error.args[0]
        reason = getattr(error, "strerror", None) or error
        return "the rate of %s cannot be lowered here, because %s: %s" % (self.target.words, reason, INSTEAD)

    def _taken_back(self, name, keep, earlier):
        """Remove what a failure has left; what is not as it was before, [words]."""
        told, left = [], None if self.tried else earlier
        for way in self.tried:
            try:
                left = self._kept(way, earlier) or left
            except Unusable as error:
                told.append("what was made could not be removed: %s" % error)
        if earlier is not None and left is None and not told:
            told.append("the limit that there was, %s bit/s, has been lifted" % earlier.rate_bps)
        try:
            if not keep:
                self.hierarchy.empty(name)
        except (targets.Refused, OSError, IOError) as error:
            told.append(error.args[0] if isinstance(error, targets.Refused) else "%s: %s" % (name, error.strerror))
        return told

    def _kept(self, way, earlier):
        """Remove a limit that is not the earlier one; the one that stays."""
        found = way.find(self.target.key)
        if found is None or (earlier is not None and found[:2] == earlier[:2]):
            return found
        way.remove(self.target.key)
        return None

    def _apply(self, rate_bps, name, own, before):
        path = self.hierarchy.path(name)
        group = Group(name, path, self.hierarchy.place, self.hierarchy.number(name))
        members = targets.members_now(self.target, targets.states_of_all())
        sockets = connections.of(members)
        reasons = []
        for way in [before] if before else self.ways:
            self.tried.append(way)
            try:
                way.apply(self.target.key, rate_bps, group, sockets._replace(pairs=sockets.pairs[: way.pairs_limit]))
            except Unusable as error:
                reasons.append(str(error))
                continue
            if works(way, self.target.key, path):
                left_out = len(sockets.pairs) - way.pairs_limit
                if left_out > 0 and not own:
                    self.notes.append("%d connections that were made before are not limited" % left_out)
                return
            way.remove(self.target.key)
            reasons.append("%s does not tell packets by their control group here" % way.name)
        raise Unusable("; ".join(reasons))

    # --- restore ---

    def left_over(self):
        return self.hierarchy.left_over(self.target.key)

    def lift(self, check_mode):
        """Take the limit back, in whatever network it is, and what was made for it; what there was, [Found]."""
        found = []
        try:
            self._lift(self.ways, check_mode, found)
            if host.which("nft"):
                networks.in_others(lambda: self._lift([Nft()], check_mode, found))
            for name in self.left_over() if not check_mode else []:
                self.hierarchy.empty(name)
        except (targets.Refused, OSError, IOError) as error:
            changed = bool(found) and not check_mode
            raise targets.Refused(self._not_lifted(error), changed=changed or getattr(error, "changed", False))
        return found

    def _not_lifted(self, error):
        if isinstance(error, targets.Refused):
            return error.args[0]
        return "the limit of %s cannot be lifted: %s" % (self.target.words, error.strerror or error)

    def _lift(self, ways, check_mode, lifted):
        """Lift what is in force here, and note it."""
        present = [(way, self._found(way)) for way in ways]
        for way, found in present:
            if found is None:
                continue
            try:
                if not check_mode:
                    way.remove(self.target.key)
            except Unusable as error:
                raise targets.Refused("the limit of %s cannot be lifted: %s" % (self.target.words, error))
            lifted.append(found)


def works(way, key, path):
    """Whether a datagram to this very host, sent from within the group, is seen by the limit."""
    before = way.find(key)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            groups.put(path, os.getpid())
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", TRIAL)
            status = 0
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    after = way.find(key)
    # Where nothing could be sent, nothing is known against it.
    return status != 0 or (after is not None and after.seen > (before.seen if before else 0))


def listed(pids):
    return ", ".join(str(pid) for pid in sorted(pids)[:20])
