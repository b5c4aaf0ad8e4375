# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a process talks to addresses that the operator does not expect."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# How many are named.
PEERS_SHOWN = 3


def unexpected(
    process: Mapping[str, Any],
    expected_networks: Sequence[str],
    expected_countries: Sequence[str],
    country_of: Callable[[str], str | None] | None,
) -> Iterator[str]:
    """What is to be said against the peers of a process; where nothing is expected, nothing."""
    addresses = list(dict.fromkeys(str(peer["address"]) for peer in process.get("peers") or [] if peer.get("address")))
    networks = networks_of(expected_networks)
    strange = [text for text in addresses if is_outside(text, networks)]
    if networks and strange:
        yield f"talks to {_some(strange)}, outside of the expected networks"
    wanted = {country.upper() for country in expected_countries}
    if country_of and wanted:
        countries = {text: country_of(text) for text in addresses}
        abroad = [f"{text} ({country})" for text, country in countries.items() if country and country not in wanted]
        if abroad:
            yield f"talks to {_some(abroad)}, outside of the expected countries"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - PEERS_SHOWN} more" if len(names) > PEERS_SHOWN else ""
    return ", ".join(names[:PEERS_SHOWN]) + more


def networks_of(texts: Iterable[str]) -> list[Network]:
    """The operator's networks; one that is none is a ValueError that names it."""
    return [ipaddress.ip_network(text.strip(), strict=False) for text in texts]


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address that a host told; an IPv4 address of an IPv6 socket is an IPv4 address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_outside(text: str, networks: Sequence[Network]) -> bool:
    """Whether an address is in none of these networks. What never leaves the own link is not outside."""
    address = address_of(text)
    if (
        address is None
        or address.is_multicast
        or address.is_link_local
        or address.is_loopback
        or address.is_unspecified
    ):
        return False
    if str(address) == "255.255.255.255":
        return False
    return not any(address.version == network.version and address in network for network in networks)
