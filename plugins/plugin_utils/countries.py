# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The country of an address, from a database that the operator has on the controller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils.peers import address_of

try:
    import maxminddb
except ImportError:
    HAS_MAXMINDDB = False
else:
    HAS_MAXMINDDB = True


class NoCountries(Exception):
    """No country can be told, with the reason."""


def reader(path: str) -> Callable[[str], str | None]:
    """A function that tells the ISO code of the country of an address, or None."""
    if not HAS_MAXMINDDB:
        raise NoCountries("the Python that runs Ansible has no maxminddb: pip install maxminddb")
    place = Path(path).expanduser()
    try:
        database: Any = maxminddb.open_database(str(place))
    except Exception as error:  # the library has errors of its own, in different places by its version
        raise NoCountries(f"{place}: cannot be read as a MaxMind database: {error}") from error
    return lambda text: country_of(database, text)


def country_of(database: Any, text: str) -> str | None:
    """The country in which an address is, else the one that it is registered in; private ones have none."""
    address = address_of(text)
    if address is None or not address.is_global or address.is_multicast:
        return None
    try:
        found = database.get(str(address))
    except Exception:  # an IPv6 address in a database of IPv4, or a damaged record: nothing is known of it
        return None
    for kind in ("country", "registered_country"):
        part = found.get(kind) if isinstance(found, dict) else None
        # The free databases of others than MaxMind have the code itself there.
        code = part.get("iso_code") if isinstance(part, dict) else part
        if isinstance(code, str) and len(code) == 2:
            return code.upper()
    code = found.get("country_code") if isinstance(found, dict) else None
    return code.upper() if isinstance(code, str) and len(code) == 2 else None
