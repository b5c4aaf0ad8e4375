# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The five actions: each looks first, refuses or does, and tells what is so now."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils import children, host
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import ending, protected
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit import target as targets
from ansible_collections.rescue.remote_login.plugins.module_utils.process_limit.limit import Limit, listed

STOP_TIMEOUT_S = 120
# What one look at all processes may take. What is known to wait for file servers is given up long before.
LOOK_TIMEOUT_S = 25


def act(params, check_mode):
    """What the module returns."""
    if params["action"] == "restore":
        return restore(named(params), check_mode)
    target = looked_at(params)
    if target.ended:
        return nothing_to_end(target, params["action"])
    return ACTIONS[params["action"]](target, params, check_mode)


def looked_at(params):
    """The target, or refusal. A look that never ends must not cost more than its time."""
    answer = children.ask({"look": lambda: as_answer(params)}, LOOK_TIMEOUT_S)["look"]
    if answer["late"]:
        raise targets.Refused("who is part of the way in cannot be told in time (%d s)" % LOOK_TIMEOUT_S)
    if answer["error"]:
        raise targets.Refused("who is part of the way in cannot be told: %s" % answer["error"])
    if answer["value"]["refused"] is not None:
        raise targets.Refused(answer["value"]["refused"])
    found = answer["value"]["target"]
    return targets.Target(**dict(found, members=dict(found["members"])))


def as_answer(params):
    """The look as what can be handed over; numbers are no keys there."""
    try:
        found = look(params)
    except targets.Refused as reason:
        return {"refused": reason.args[0]}
    members = sorted(found.members.items())
    return {"refused": None, "target": dict(zip(found._fields, found._replace(members=members)))}


def look(params):
    """What is to be acted on. Refuse where that is part of the way in."""
    states = targets.states_of_all()
    if params["unit"] is not None:
        target = targets.unit(params["unit"], states)
        protected.check_name(target.unit)
    else:
        target = targets.process(params["pid"], params["start_ticks"], states)
    if params["action"] == "stop_unit" and target.pid is not None and not target.ended:
        target = unit_around(target, states)
    if not target.ended:
        protected.check(target, params["action"], params["port"])
    return target


def answer(target, steps, before, after, told=(), ended=False):
    what = list(steps) + list(told)
    return {
        "changed": bool(steps),
        "steps": steps,
        "detail": "; ".join(what) or "nothing to do",
        "pids": sorted(target.members),
        "ended": ended,
        "diff": {"before": before, "after": after},
    }


def nothing_to_end(target, action):
    if action == "lower":
        raise targets.Refused("%s has ended already, there is nothing to lower" % target.words)
    return answer(target, [], {"running": False}, {"running": False}, ["%s does not run" % target.words], True)


# --- lower and restore ---


def lower(target, params, check_mode):
    if not target.members:
        raise targets.Refused("%s has no process that could be limited" % target.words)
    limit = Limit(target)
    with limit.network():
        return lower_there(limit, target, params["rate_bps"], check_mode)


def lower_there(limit, target, rate, check_mode):
    before = {"rate_bps": limit.rate()}
    if limit.is_in_force(rate):
        told = ["%s is limited to %d bit/s already" % (target.words, rate)]
        return answer(target, [], before, before, told)
    step = "limit %s to %d bit/s in each direction" % (target.words, rate)
    if not check_mode:
        limit.lower(rate)
    told = ["until it is restored or the host starts anew" + (", or the unit does" if target.unit else "")]
    return answer(target, [step], before, {"rate_bps": rate}, told + limit.notes)


def named(params):
    """A target by its name alone, whether it still runs or not: what was made for it shall go."""
    if params["unit"] is not None:
        targets.check_name(params["unit"])
        name = params["unit"]
        if host.status_of(targets.SYSTEMD_FOLDER) is not None:
            name = targets.show(name).get("Id") or name
        key = targets.key_of(None, None, name)
        return targets.Target(key, name, None, None, name, None, {}, None)
    pid, start_ticks = params["pid"], params["start_ticks"]
    words = "process %d" % pid
    return targets.Target(targets.key_of(pid, start_ticks, None), words, pid, start_ticks, None, None, {}, None)


def restore(target, check_mode):
    try:
        limit = Limit(target)
    except targets.Refused as reason:  # where no limit can be made there is none
        return answer(target, [], {"rate_bps": None}, {"rate_bps": None}, [reason.args[0]], None)
    folders = limit.left_over()
    found = limit.lift(check_mode)
    before = {"rate_bps": found[0].rate_bps if found else None}
    if not found and not folders:
        return answer(target, [], before, before, ["%s is not limited" % target.words], None)
    steps = ["lift the limit of %s" % target.words]
    return answer(target, steps, before, {"rate_bps": None}, ended=None)


# --- ending ---


def unit_around(target, states):
    """The unit that a process belongs to."""
    name = targets.unit_of(target.pid)
    if name is None:
        raise targets.Refused("%s belongs to no unit of the system's: terminate it" % target.words)
    found = targets.unit(name, states)
    if target.pid not in found.members:
        raise targets.Refused("%s is not one of %s's: terminate it" % (target.words, name))
    return found


def stop_unit(target, params, check_mode):
    running = {"running": True}
    command = ["systemctl", "stop", "--", target.unit]
    told = []
    if not check_mode:
        done = host.run(command, timeout=STOP_TIMEOUT_S)
        if done.error or done.rc != 0:
            reason = done.error or done.err.strip()[:300]
            raise targets.Refused("%s could not be stopped: %s" % (target.unit, reason), changed=True)
    waker = [name for name in targets.show(target.unit).get("TriggeredBy", "").split() if is_active(name)]
    if waker:
        told.append("%s can start it again" % ", ".join(waker))
    ended = None if check_mode else not ending.wait(target.members, params["wait"])
    return answer(target, [" ".join(command)], running, {"running": False}, told, ended)


def is_active(name):
    return targets.UNIT_NAME.match(name) is not None and targets.show(name).get("ActiveState") == "active"


def end(target, params, check_mode):
    """Send the signal to the process, or to all of the unit."""
    chosen = target.members if target.pid is None else {target.pid: target.start_ticks}
    if not chosen:
        raise targets.Refused("%s has no process" % target.words)
    others = sorted(set(target.members) - set(chosen))
    step = "%s %s (%s)" % (params["action"], target.words, listed(chosen))
    told = ["what it has started goes on: %s" % listed(others)] if others else []
    if check_mode:
        return answer(target, [step], {"running": True}, {"running": False}, told, None)
    number = ending.SIGNALS[params["action"]]
    reached = [pid for pid in sorted(chosen) if ending.send(pid, chosen[pid], number)]
    left = ending.wait(chosen, params["wait"])
    if target.pid is None:  # what has been started meanwhile, by the unit itself or by systemd
        left = sorted(set(left) | set(targets.members_now(target, targets.states_of_all())))
    told.append("it has ended" if not left else "it has not ended within %d s: %s" % (params["wait"], listed(left)))
    others = [pid for pid in others if ending.is_there(pid, target.members[pid])]
    told = told[-1:] + (["what it has started goes on: %s" % listed(others)] if others else [])
    return answer(target, [step] if reached else [], {"running": True}, {"running": bool(left)}, told, not left)


ACTIONS = {"lower": lower, "restore": restore, "stop_unit": stop_unit, "terminate": end, "kill": end}
