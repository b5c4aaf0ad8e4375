# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes a small database of countries in MaxMind's format, of IPv4 networks that do not overlap."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

Node = list[Any]


def database(countries: Mapping[str, str]) -> bytes:
    """A database that knows these networks, each with the code of its country."""
    nodes: list[Node] = [[None, None]]
    data = b""
    for network, code in countries.items():
        _insert(nodes, ipaddress.IPv4Network(network), len(data))
        data += _encoded({"country": {"iso_code": code}})
    tree = b"".join(_record(half, len(nodes)) for node in nodes for half in node)
    small = {"record_size": 24, "ip_version": 4, "binary_format_major_version": 2, "binary_format_minor_version": 0}
    fields = [_encoded(name) + _number(5, 2, value) for name, value in small.items()]
    fields += [
        _encoded("node_count") + _number(6, 4, len(nodes)),
        _encoded("build_epoch") + bytes([8, 2]) + (1).to_bytes(8, "big"),
    ]
    fields += [_encoded("database_type") + _encoded("Country"), _encoded("description") + _encoded({"en": "test"})]
    fields += [_encoded("languages") + bytes([1, 4]) + _encoded("en")]
    metadata = bytes([7 << 5 | len(fields)]) + b"".join(fields)
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + metadata


def _insert(nodes: list[Node], network: ipaddress.IPv4Network, offset: int) -> None:
    bits = f"{int(network.network_address):032b}"[: network.prefixlen]
    place = 0
    for bit in bits[:-1]:
        if nodes[place][int(bit)] is None:
            nodes.append([None, None])
            nodes[place][int(bit)] = len(nodes) - 1
        place = nodes[place][int(bit)]
    nodes[place][int(bits[-1])] = ("data", offset)


def _record(half: Any, count: int) -> bytes:
    number = count if half is None else count + 16 + half[1] if isinstance(half, tuple) else half
    return int(number).to_bytes(3, "big")


def _encoded(value: Any) -> bytes:
    if isinstance(value, dict):
        return bytes([7 << 5 | len(value)]) + b"".join(_encoded(key) + _encoded(item) for key, item in value.items())
    return bytes([2 << 5 | len(value)]) + str(value).encode()


def _number(kind: int, size: int, value: int) -> bytes:
    return bytes([kind << 5 | size]) + value.to_bytes(size, "big")
