# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore what sshd -t complains of, or comment it out as long as that lets nobody in who could not before.

Everything is tried on copies in a folder of its own. The real files are replaced once the copies are valid.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import shutil
import tempfile

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.repair import files, sshd_former, sshd_lines
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.files import CannotRepair
from ansible_collections.rescue.remote_login.plugins.module_utils.repair.sshd_tree import Tree, printable, text_of
from ansible_collections.rescue.remote_login.plugins.module_utils.sshd import config, daemon

LINES_LIMIT = 20


def plan(command, login_port, place):
    """What is to be done: (tree with the change in it, [{file, line, text, message, restored, restored_from}]).

    ``command`` starts the daemon, ``place`` is a folder for the copies. Raises CannotRepair where a line has to stay.
    """
    main = daemon.config_path(command) or config.DEFAULT_PATH
    if host.status_of(main) is None:
        raise CannotRepair("%s is missing, and nobody knows what it said: put it back from a backup by hand" % main)
    tree = Tree(main)
    folder = tempfile.mkdtemp(dir=place)
    try:
        return tree, _mend(tree, command, login_port, folder)
    except (IOError, OSError) as error:
        raise CannotRepair("the configuration cannot be tried: %s" % error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _mend(tree, command, login_port, folder):
    done, restored = [], {}
    while True:
        error = _complaint(tree, command, folder)
        if error is None:
            return done
        place = (error["file"], error["line"])
        if place in restored:
            # What an older copy says is not right for this sshd either.
            error = _take_back(tree, restored[place], done)
        if len(done) == LINES_LIMIT:
            raise CannotRepair("more than %d lines are wrong: that is no slip of the pen" % LINES_LIMIT)
        bad = _entry_at(tree, error)
        others = _options(command) + _others(tree, bad)
        former = None if place in restored else _former(tree, bad, error["message"], others)
        reason = None if former else sshd_lines.why_not(bad, error["message"], others, login_port)
        if reason:
            raise CannotRepair(refusal(bad, error, reason))
        tree.taken[bad["file"]].check_changeable()
        entry = {"file": bad["file"], "line": bad["line"], "text": bad["text"], "message": error["message"]}
        if former:
            tree.restore(bad["file"], bad["line"], former[0])
            restored[place] = entry
            done.append(dict(entry, restored=text_of(former[0]), restored_from=former[1]))
        else:
            tree.comment_out(bad["file"], bad["line"])
            done.append(dict(entry, restored=None, restored_from=None))


def _former(tree, bad, message, others):
    return sshd_former.line_for(bad, tree.lines[bad["file"]][bad["line"] - 1], message, others)


def _take_back(tree, entry, done):
    """Have the bad line again where an older one was put in its place; return sshd's complaint of the bad one."""
    tree.forget(entry["file"], entry["line"])
    done[:] = [other for other in done if (other["file"], other["line"]) != (entry["file"], entry["line"])]
    return {name: entry[name] for name in ("file", "line", "message")}


def refusal(bad, error, reason):
    return (
        "%(file)s line %(line)d is left alone: %(text)s (%(said)s). To drop it is not safe: %(reason)s. "
        "Correct it by hand: sed -i '%(line)ds/.*/THE RIGHT LINE/' %(file)s && sshd -t"
    ) % dict(bad, said=error["message"], reason=reason)


def _complaint(tree, command, folder):
    """The first complaint of sshd about the copies, with the place in the real files; None where they are valid."""
    copies = tree.write_to(folder)
    (main,) = [copy for copy, path in copies.items() if path == tree.main]
    tested = config.test(with_file(command, main))
    if tested["valid"] is None:
        raise CannotRepair("sshd cannot test the configuration: %s" % tested["reason"])
    if tested["valid"]:
        return None
    error = dict(tested["errors"][0])
    for copy in sorted(copies, key=len, reverse=True):
        error["message"] = error["message"].replace(copy, copies[copy])
    if error["line"] is None or error["file"] not in copies:
        raise CannotRepair("sshd names no line that could be dropped: %s" % error["message"])
    return dict(error, file=copies[error["file"]])


def with_file(command, path):
    """The daemon's command with another configuration file."""
    words = []
    for letter, value in daemon.options(command[1:]):
        if letter != "f":
            words += ["-" + letter] if value is None else ["-" + letter, value]
    return command[:1] + words + ["-f", path]


def _options(command):
    """What the daemon's -o options set comes before every line."""
    found = []
    for letter, value in daemon.options(command[1:]):
        keyword, arguments = config.split_line(value or "") if letter == "o" else (None, [])
        if keyword:
            found.append({"keyword": keyword, "arguments": arguments, "text": value, "match": None})
        elif letter == "p" and value:
            found.append({"keyword": "port", "arguments": [value], "text": value, "match": None})
    return found


def _entry_at(tree, error):
    for entry in tree.directives():
        if (entry["file"], entry["line"]) == (error["file"], error["line"]):
            return entry
    raise CannotRepair("%s line %d: %s, but no directive is there" % (error["file"], error["line"], error["message"]))


def _others(tree, bad):
    place = (bad["file"], bad["line"])
    return [entry for entry in tree.directives() if (entry["file"], entry["line"]) != place]


# --- doing it ---


def carry_out(tree, command):
    """Replace the files, and look at what sshd says of them; return the backups. On failure all is as it was."""
    for path in tree.changed():
        tree.taken[path].check_unchanged()
    backups = {}
    try:
        for path in tree.changed():
            backups[path] = files.keep(tree.taken[path], tree.patterns)
            files.replace(tree.taken[path], tree.content(path))
        tested = config.test(command)
        if not tested["valid"]:
            said = tested["reason"] or tested["errors"][0]["message"]
            raise CannotRepair("the configuration is wrong all the same: %s" % said)
    except CannotRepair as reason:
        raise CannotRepair("%s; %s" % (reason.args[0], _put_back(tree, backups)))
    return backups


def _put_back(tree, backups):
    """Give the files their former content; what came of that in words."""
    left = []
    for path, backup in sorted(backups.items()):
        try:
            files.put_back(tree.taken[path], backup)
        except OSError as error:
            left.append("%s could not be put back from %s: %s" % (path, backup, error.strerror))
    return "; ".join(left) or "the files are as they were"


def texts(tree):
    """What a diff shows: each changed file before and after."""
    shown = []
    for path in tree.changed():
        shown.append(
            {
                "before_header": path,
                "after_header": path,
                "before": printable(tree.taken[path].data),
                "after": printable(tree.content(path)),
            }
        )
    return shown
