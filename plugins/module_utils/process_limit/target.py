# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an action is about: one process, named by its pid and its start, or one unit of systemd."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import collections
import hashlib
import re

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import owners

# A unit's name as systemd allows it; none begins with a dash, so that it is never taken for an option.
UNIT_NAME = re.compile(r"^[A-Za-z0-9_:.@\\][A-Za-z0-9_:.@\\-]{0,250}\.(service|scope|slice|socket)\Z")
# Any unit that can stand between that one and another.
BETWEEN = re.compile(r"^[A-Za-z0-9_:.@\\-]{1,250}\.[a-z]{4,9}\Z")
PROPERTIES = (
    "Id", "LoadState", "ActiveState", "ControlGroup", "RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf",
    "PropagatesStopTo", "Triggers", "TriggeredBy",
)  # fmt: skip
# What systemd stops together with a unit.
FOLLOWERS = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo", "Triggers")
FOLLOWERS_LIMIT = 200
# Of the fields of /proc/PID/stat behind the name: how many threads there are.
THREADS = 17
SYSTEMD_FOLDER = "/run/systemd/system"

# pid and start_ticks, or unit; group: the control group; members: {pid: start_ticks} of all that the action is about;
# ended: nothing of it runs any more.
Target = collections.namedtuple("Target", "key words pid start_ticks unit group members ended")


class Refused(Exception):
    """Why nothing is done; ``changed`` tells whether something was done before."""

    def __init__(self, reason, changed=False):
        Exception.__init__(self, reason)
        self.changed = changed


def key_of(pid, start_ticks, unit):
    """The name under which a limit of this target is kept in the kernel."""
    if unit is not None:
        return "unit_%s" % hashlib.sha256(unit.encode("utf-8")).hexdigest()[:12]
    return "%d_%d" % (pid, start_ticks)


def process(pid, start_ticks, states):
    """A process and its descendants, or refusal where the pid is another process's by now."""
    state = states.get(pid)
    found = Target(key_of(pid, start_ticks, None), "process %d" % pid, pid, start_ticks, None, None, {}, True)
    if state is None or owner_has_ended(pid):
        return found
    if state.start_ticks != start_ticks:
        words = "pid %d is another process by now: %s with start_ticks %d, not %d. The one that was named has ended"
        raise Refused(words % (pid, state.name, state.start_ticks, start_ticks))
    members = {each: states[each].start_ticks for each in [pid] + descendants(pid, states)}
    words = "process %d (%s)" % (pid, state.name)
    return found._replace(words=words, group=group_of(pid), members=members, ended=False)


def owner_has_ended(pid):
    """Whether a process is only waiting for its parent to take note of its end."""
    fields = host.process_fields(pid)
    if fields[:1] == ["Z"]:
        # So is called one of which the first thread alone has ended, too; the others go on.
        return fields[THREADS] in ("0", "1")
    return fields[:1] in (["X"], [])


def members_now(target, states):
    """The processes of a target as they are now."""
    if target.pid is None:
        return [pid for pid in states if is_within(group_of(pid), target.group)]
    present = states.get(target.pid)
    if present is None or present.start_ticks != target.start_ticks:
        raise Refused("%s has ended meanwhile" % target.words)
    return [target.pid] + descendants(target.pid, states)


def descendants(pid, states):
    """All children of a process, and theirs."""
    children = {}
    for each, state in states.items():
        children.setdefault(state.parent, []).append(each)
    found, left = [], [pid]
    while left:
        for child in children.get(left.pop(), []):
            if child not in found and child != pid:
                found.append(child)
                left.append(child)
    return found


def unit(name, states):
    """A unit of systemd with all processes of its control group."""
    check_name(name)
    shown = show(name)
    name = shown.get("Id") or name
    group = shown.get("ControlGroup") or None
    members = {}
    if group not in (None, "/"):
        members = {pid: state.start_ticks for pid, state in states.items() if is_within(group_of(pid), group)}
    ended = shown.get("ActiveState") in ("inactive", "failed") and not members
    return Target(key_of(None, None, name), name, None, None, name, group, members, ended)


def check_name(name):
    if not UNIT_NAME.match(name):
        words = "'%s' is no name of a unit that can be acted on: one ends in .service, .scope, .slice or .socket"
        raise Refused(words % name[:100])


def show(name):
    """The properties of a unit that matter here."""
    if host.status_of(SYSTEMD_FOLDER) is None:
        raise Refused("systemd does not run here, so that there are no units: name a process")
    answer = host.run(["systemctl", "show", "-p", ",".join(PROPERTIES), "--", name])
    if answer.error or answer.rc != 0:
        raise Refused("what %s is cannot be told: %s" % (name, answer.error or answer.err.strip()[:300]))
    return parse_show(answer.out)


def parse_show(text):
    """The properties in the output of systemctl show."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def stopped_with(name):
    """The units that systemd stops together with this one, itself among them: {name: properties}.

    Of any kind: one may stop another through a target or a mount.
    """
    found, left = {}, [name]
    while left:
        each = left.pop()
        if each in found or not BETWEEN.match(each):
            continue
        if len(found) >= FOLLOWERS_LIMIT:
            raise Refused("%s is left alone: more than %d units are stopped with it" % (name, FOLLOWERS_LIMIT))
        # A template is never active itself, and systemctl tells nothing of it.
        found[each] = shown = {} if "@." in each else show(each)
        left += [other for key in FOLLOWERS if key in shown for other in shown[key].split()]
    return found


def unit_of(pid):
    """The unit that a process belongs to, or None where it is none of the system's own manager."""
    names = re.findall(r"/([^/]+\.(?:service|scope))(?=/|$)", group_of(pid) or "")
    if any(re.match(r"user@\d+\.service$", name) for name in names):
        return None
    return names[-1] if names else None


def group_of(pid):
    """The control group of a process: in systemd's own hierarchy, else in the unified one."""
    return parse_group(host.read("/proc/%d/cgroup" % pid, limit=65536).text)


def parse_group(text, kinds=("name=systemd", "")):
    found = {}
    for line in text.splitlines():
        _number, _colon, rest = line.partition(":")
        controllers, _colon, path = rest.partition(":")
        if path.startswith("/"):
            found[controllers] = path
    return next((found[kind] for kind in kinds if kind in found), None)


def is_within(path, group):
    return path is not None and (path == group or path.startswith(group.rstrip("/") + "/"))


def states_of_all():
    """{pid: State} of all processes."""
    found = {pid: owners.state(pid) for pid in host.pids()}
    return {pid: state for pid, state in found.items() if state is not None}
