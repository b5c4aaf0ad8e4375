# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fail2ban's database, read without its server: what will be banned again when that starts."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import time

from ansible_collections.rescue.remote_login.plugins.module_utils import host
from ansible_collections.rescue.remote_login.plugins.module_utils.bans import addresses

try:
    import sqlite3
except ImportError:
    sqlite3 = None

PATH = "/var/lib/fail2ban/fail2ban.sqlite3"
ROWS_LIMIT = 200000
NO_END = "this version keeps no end of a ban in its database"


def bans_of(clients, path=PATH):
    """The bans in force of these clients ([(text, network)]), and why they are not known, or None.

    The newest row of an address in a jail counts; one with a time of -1 never ends.
    """
    rows, error = _rows(path)
    newest = {}
    for jail, address, begin, seconds in rows:
        key = (jail, address)
        if key not in newest or begin >= newest[key][0]:
            newest[key] = (begin, seconds)
    found, now = [], time.time()
    for (jail, address), (begin, seconds) in sorted(newest.items()):
        if seconds >= 0 and begin + seconds < now:
            continue
        banned = addresses.network(address)
        for client, wanted in clients:
            if addresses.holds(banned, wanted):
                found.append(_ban(jail, address, client, begin, seconds))
    return found, error


def _ban(jail, address, client, begin, seconds):
    return {
        "jail": jail,
        "address": address,
        "network": "/" in address,
        "client": client,
        "since": host.iso_time(begin),
        "until": host.iso_time(begin + seconds) if seconds >= 0 else None,
        "permanent": seconds < 0,
    }


def lasting(clients, path=PATH):
    """The bans that may be made again with the next start, and why that is not known, or None.

    Where no row says when its ban ends, each one of a very client counts.
    """
    found, error = bans_of(clients, path)
    if error != NO_END:
        return found, error
    rows, error = _query("SELECT DISTINCT jail, ip, timeofban FROM bans LIMIT %d" % ROWS_LIMIT, (), path)
    for jail, address, begin in rows:
        banned = addresses.network(str(address))
        for client, wanted in clients:
            if banned == wanted:
                ban = _ban(str(jail), str(address), client, int(begin), 0)
                found.append(dict(ban, until=None, permanent=None))
            elif addresses.holds(banned, wanted):
                error = "it has had %s in jail %s, and %s" % (address, jail, NO_END)
    return found, error


def has_banned(address, path=PATH):
    """Whether the database has the very address in any of its rows, also a ban that is over."""
    rows, _error = _query("SELECT 1 FROM bans WHERE ip = ? LIMIT 1", (address,), path)
    return bool(rows)


def forget(jail, address, path=PATH):
    """Take a ban out of the database of a server that does not run; return why that failed, or None."""
    if sqlite3 is None:
        return "this Python has no sqlite3"
    try:
        database = sqlite3.connect(path, timeout=5)
        try:
            with database:
                # Before 0.11 there is no bips.
                known = "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('bips', 'bans')"
                for (table,) in database.execute(known).fetchall():
                    database.execute("DELETE FROM %s WHERE jail = ? AND ip = ?" % table, (jail, address))
        finally:
            database.close()
    except sqlite3.Error as error:
        return "%s: %s" % (path, error)
    return None


def _rows(path):
    """(jail, address, begin, seconds) of every ban; the bans in force have a table of their own since 0.11."""
    rows, error = _query("SELECT jail, ip, timeofban, bantime FROM bips LIMIT %d" % ROWS_LIMIT, (), path)
    if error:
        query = "SELECT jail, ip, timeofban, -1 FROM bans ORDER BY timeofban DESC LIMIT %d" % ROWS_LIMIT
        rows, error = _query(query, (), path)
        # Before 0.11 a row does not say when its ban ends.
        error = error or (NO_END if rows else None)
        rows = []
    return [(str(row[0]), str(row[1]), int(row[2]), int(row[3])) for row in rows], error


def _query(query, values, path):
    if sqlite3 is None:
        return [], "this Python has no sqlite3"
    if host.status_of(path) is None:
        return [], "%s does not exist" % path
    try:
        database = _open(path)
        try:
            return database.execute(query, values).fetchall(), None
        finally:
            database.close()
    except (sqlite3.Error, ValueError, TypeError) as error:
        return [], "%s: %s" % (path, error)


def _open(path):
    """Open it in a way that writes nothing, not even a journal beside it."""
    try:
        return sqlite3.connect("file:%s?mode=ro&immutable=1" % path, uri=True, timeout=1)
    except TypeError:
        # Python 2.7 knows no such way. What another process is in the middle of writing is left alone.
        for name in (path + "-journal", path + "-wal"):
            status = host.status_of(name)
            if status is not None and status.st_size:
                raise ValueError("it is being written to")
        database = sqlite3.connect(path, timeout=1)
        database.execute("PRAGMA query_only = ON")
        return database
