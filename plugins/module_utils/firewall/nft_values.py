# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the expressions of nft's JSON mean for a packet: the value on the left, and whether the right covers it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible_collections.rescue.remote_login.plugins.module_utils.firewall import packet as packets

BITS = {"ip4": 32, "ip6": 128, "port": 16, "int": 32}
ETHERTYPES = {"ip": 0x0800, "ip6": 0x86DD, "arp": 0x0806, "vlan": 0x8100, "8021q": 0x8100, "8021ad": 0x88A8}
NAMES = {
    "protocol": packets.PROTOCOLS,
    "flags": packets.TCP_FLAGS,
    "state": packets.CT_STATES,
    "status": packets.CT_STATUSES,
    "nfproto": {"ipv4": 2, "ipv6": 10, "ip": 2, "ip6": 10},
    "ethertype": ETHERTYPES,
    "pkttype": {"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3},
    "direction": {"original": 0, "reply": 1},
    "fibtype": {
        "unspec": 0,
        "unicast": 1,
        "local": 2,
        "broadcast": 3,
        "anycast": 4,
        "multicast": 5,
        "blackhole": 6,
        "unreachable": 7,
        "prohibit": 8,
        "throw": 9,
    },
}
WITHOUT_PORTS = ("icmp", "icmpv6", "igmp", "udplite", "dccp", "sctp", "esp", "ah", "comp", "arp", "gre", "vxlan")
# Fields of the headers that are known: offset in bits -> (length, kind of value, attribute of the packet).
TRANSPORT = {0: (16, "port", "source_port"), 16: (16, "port", "destination_port")}
NETWORK = {
    4: {72: (8, "protocol", "protocol"), 96: (32, "ip4", "source"), 128: (32, "ip4", "destination")},
    6: {48: (8, "protocol", "protocol"), 64: (128, "ip6", "source"), 192: (128, "ip6", "destination")},
}


class Absent(Exception):
    """The packet has no such thing: the rule does not match, whatever it compares with."""


class Unjudged(Exception):
    """Nobody can tell; the message says what."""


def address_kind(packet):
    return "ip6" if packet.version == 6 else "ip4"


def value_of(expression, context):
    """(kind, value) of an expression; a value of None is not known. A concatenation gives tuples."""
    if not isinstance(expression, dict):
        return "int", constant("int", expression)
    name, content = next(iter(expression.items()))
    if name in OPERATORS:
        return _calculated(name, content, context)
    if name == "concat":
        parts = [value_of(part, context) for part in content]
        return tuple(kind for kind, _value in parts), tuple(value for _kind, value in parts)
    if name == "map":
        return _mapped(content, context)
    if name in READERS:
        return READERS[name](content, context.packet, context.world)
    if name in ("prefix", "range", "elem"):
        return "int", None
    raise Unjudged(name)


def _calculated(name, operands, context):
    kind, left = value_of(operands[0], context)
    right = constant(kind, operands[1]) if len(operands) == 2 else None
    if name == "&" and operands[0] == {"payload": {"protocol": "ip", "field": "frag-off"}} and right is not None:
        return "int", 0 if not right & ~0x1FFF else None  # a first packet is never a later fragment
    if left is None or right is None or isinstance(left, (tuple, packets.Interval)):
        return kind, None
    return kind, OPERATORS[name](left, right)


OPERATORS = {
    "&": lambda left, right: left & right,
    "|": lambda left, right: left | right,
    "^": lambda left, right: left ^ right,
    "<<": lambda left, right: left << right,
    ">>": lambda left, right: left >> right,
}


# --- what a packet is ---


def _payload(content, packet, _world):
    if "base" in content:
        return _raw_payload(content, packet)
    protocol, field = content["protocol"], content["field"]
    if protocol in ("ip", "ip6"):
        return _network_field(protocol, field, packet)
    if protocol in ("tcp", "udp", "th"):
        return _transport_field(protocol, field, packet)
    if protocol in WITHOUT_PORTS:
        if packets.PROTOCOLS.get(protocol) != packet.protocol:
            raise Absent()
        return "int", None
    if protocol == "ether" and field == "type":
        return "ethertype", ETHERTYPES["ip6" if packet.version == 6 else "ip"]
    return "mac" if protocol == "ether" else "int", None


def _network_field(protocol, field, packet):
    if (protocol == "ip6") != (packet.version == 6):
        raise Absent()
    if field in ("saddr", "daddr"):
        return address_kind(packet), packets_number(packet.source if field == "saddr" else packet.destination)
    if field in ("protocol", "nexthdr"):
        return "protocol", packet.protocol
    if field == "version":
        return "int", packet.version
    if field == "length" and protocol == "ip":
        return "int", packet.length
    return "int", None


def _transport_field(protocol, field, packet):
    if protocol != "th" and packets.PROTOCOLS[protocol] != packet.protocol:
        raise Absent()
    if field in ("sport", "dport"):
        attribute = "source_port" if field == "sport" else "destination_port"
        return "port", packets.CLIENT_PORT if packet.is_client_port(attribute) else getattr(packet, attribute)
    if field == "flags":
        return "flags", packet.flags
    return "int", None


def _raw_payload(content, packet):
    base, offset, length = content["base"], content["offset"], content["len"]
    fields = TRANSPORT if base == "th" else NETWORK[packet.version] if base == "nh" else {}
    for start, (size, _kind, attribute) in fields.items():
        if start <= offset and offset + length <= start + size:
            value = getattr(packet, attribute)
            value = packets_number(value) if attribute in ("source", "destination") else value
            if value is None:
                return "int", None
            return "int", (value >> (start + size - offset - length)) & ((1 << length) - 1)
    return "int", None


def packets_number(address):
    return None if address is None else packets.number_of(address)


def _meta(content, packet, _world):
    key = content["key"]
    version6 = packet.version == 6
    known = {
        "l4proto": ("protocol", packet.protocol),
        "protocol": ("ethertype", ETHERTYPES["ip6" if version6 else "ip"]),
        "nfproto": ("nfproto", 10 if version6 else 2),
        "iif": ("interface", packet.input),
        "iifname": ("interface", packet.input),
        "oif": ("interface", packet.output),
        "oifname": ("interface", packet.output),
        "ibrname": ("interface", packet.bridge if packet.input != "" else ""),
        "obrname": ("interface", packet.bridge if packet.output != "" else ""),
        "mark": ("int", packet.mark),
        "pkttype": ("pkttype", 0),
        "length": ("int", packet.length),
    }
    return known.get(key, ("int", None))


def _ct(content, packet, _world):
    key, direction = content["key"], content.get("dir")
    if key == "state":
        return "state", packet.state()
    if packet.untracked or not packet.tracked:
        raise Absent()
    if key == "status":
        return "status", packet.connection_status
    if key == "direction":
        return "direction", packet.direction
    if key == "mark":
        return "int", packet.connection_mark
    if key == "protocol":
        return "protocol", packet.protocol
    if key == "l3proto":
        return "nfproto", 10 if packet.version == 6 else 2
    return _tuple_field(key, direction, packet)


def _tuple_field(key, direction, packet):
    """Addresses and ports of the connection as its client has sent them."""
    source, destination, source_port, destination_port = packet.original
    if direction != "original":
        return "int", None
    fields = {
        "proto-src": ("port", source_port),
        "proto-dst": ("port", destination_port),
        "saddr": (address_kind(packet), packets_number(source)),
        "daddr": (address_kind(packet), packets_number(destination)),
    }
    family, _space, name = key.partition(" ")
    if name and (family == "ip6") != (packet.version == 6):
        raise Absent()
    return fields.get(name or key, ("int", None))


def _fib(content, packet, world):
    flags = content.get("flags") or []
    flags = [flags] if not isinstance(flags, list) else flags
    address = packet.destination if "daddr" in flags else packet.source
    known = {"saddr", "daddr", "iif"} | ({"mark"} if packet.mark == 0 else set())
    if set(flags) - known or address is None:
        return "int", None
    if content["result"] == "type":
        if "iif" in flags and not (address == packet.destination and _is_of_interface(packet, world)):
            return "fibtype", None
        return "fibtype", world.address_type(address)
    if "saddr" not in flags or not packet.input:
        return "interface", None
    back = world.interface_to(address) if packet.input != "lo" else "lo"
    if "iif" in flags:
        back = packet.input if back == packet.input else ""
    return "interface", back


def _is_of_interface(packet, world):
    """Whether the destination is the very address with which the host answers by the interface of the packet."""
    if packet.source is None:
        return False
    way_back = world.route(packet.source)
    return way_back["source"] == packet.destination and way_back["interface"] == packet.input


def _exthdr(content, _packet, _world):
    """The first packet of a connection has no extension header of IPv6."""
    if "field" in content:
        raise Absent()
    return "int", 0


def _unknown(name):
    def read(content, _packet, _world):
        raise Unjudged("%s %s" % (name, content.get("key", "") if isinstance(content, dict) else ""))

    return read


READERS = {"payload": _payload, "meta": _meta, "ct": _ct, "fib": _fib, "exthdr": _exthdr}
READERS.update(
    (name, _unknown(name))
    for name in ("rt", "socket", "numgen", "jhash", "symhash", "osf", "tcp option", "ipsec", "xt")
)


# --- what a rule compares it with ---


def constant(kind, item):
    """A value of a rule as a number (or a name for an interface); None for what is not understood."""
    if isinstance(item, bool):
        return int(item)
    if isinstance(item, dict):
        return _constant_of_bits(kind, item.get("|") or item.get("elem", {}).get("val"))
    if isinstance(item, list):
        return _constant_of_bits(kind, item)
    if kind == "interface":
        return item
    if not hasattr(item, "splitlines"):
        return item if item is None else int(item)
    if kind in ("ip4", "ip6"):
        return packets.number_of(item)
    named = NAMES.get(kind, {}).get(item)
    if named is not None:
        return named
    try:
        return int(item, 0)
    except ValueError:
        return None


def _constant_of_bits(kind, items):
    if items is None:
        return None
    numbers = [constant(kind, item) for item in (items if isinstance(items, list) else [items])]
    total = 0
    for number in numbers:
        if number is None or not hasattr(number, "bit_length"):
            return None
        total |= number
    return total


def covers(kind, item, value, context):
    """Whether the right-hand side of a comparison covers a value: True, False or None."""
    if isinstance(item, dict):
        return _covers_structure(kind, item, value, context)
    if item == "*":
        return True
    if hasattr(item, "startswith") and item.startswith("@"):
        return context.set_holds(item[1:], kind, value)
    if value is None or isinstance(value, tuple):
        return None
    if kind == "interface":
        return _covers_interface(item, value)
    if kind == "literal":
        return item == value
    return _is_number(constant(kind, item), value)


def _is_number(number, value):
    if isinstance(value, packets.Interval):
        return None if number is None else value.is_within(number, number)
    return None if number is None else number == value


def _covers_interface(item, value):
    if isinstance(item, bool):
        return bool(value) == item  # exists or missing
    if not hasattr(item, "endswith"):
        return None if item is None else item == value
    if item.endswith("*") and not item.endswith("\\*"):
        return value.startswith(item[:-1])
    return item == value


def _covers_structure(kind, item, value, context):
    name, content = next(iter(item.items()))
    if name == "elem":
        return covers(kind, content["val"], value, context)
    if name == "set":
        return holds(content, kind, value, context)
    if name == "concat":
        if not isinstance(value, tuple) or len(value) != len(content):
            return None
        return packets.every(covers(kind[i], part, value[i], context) for i, part in enumerate(content))
    if name == "range":
        return _covers_range(kind, content, value)
    if value is None or isinstance(value, tuple):
        return None
    if name == "prefix":
        return _covers_prefix(kind, content, value)
    return _is_number(constant(kind, item), value)


def _covers_range(kind, content, value):
    low, high = constant(kind, content[0]), constant(kind, content[1])
    if low is None or high is None:
        return None
    if isinstance(value, packets.Interval):
        return value.is_within(low, high)
    return None if value is None or isinstance(value, tuple) else low <= value <= high


def _covers_prefix(kind, content, value):
    start = constant(kind, content["addr"])
    if start is None or kind not in BITS or isinstance(value, packets.Interval):
        return None
    shift = BITS[kind] - content["len"]
    return start >> shift == value >> shift


def holds(items, kind, value, context):
    """Whether one of these elements covers the value."""
    items = items if isinstance(items, list) else [items]
    key = (id(items), kind, value)
    if key not in context.memory:
        context.memory[key] = _one_covers(items, kind, value, context)
    return context.memory[key]


def _one_covers(items, kind, value, context):
    """Element by element; those that are the value as it is written need no reading, which a huge set wants."""
    written = written_as(kind, value)
    if written is None:
        return packets.some(covers(kind, item, value, context) for item in items)
    rest = []
    for item in items:
        if isinstance(item, dict) and "elem" in item:
            item = item["elem"]["val"]
        if isinstance(item, dict) or item == "*":
            rest.append(item)
        elif item == written:
            return True
    return packets.some(covers(kind, item, value, context) for item in rest)


def written_as(kind, value):
    """How nft writes a value, for the kinds that it writes in one way only; else None."""
    if value is None or kind not in ("ip4", "ip6", "port") or isinstance(value, packets.Interval):
        return None
    return value if kind == "port" else packets.address_of(value, kind == "ip6")


def looked_up(pairs, kind, value, context):
    """What a map has for a value: [(truth, data)] of the entries that may be meant; a catch-all comes last."""
    found = []
    for key, data in sorted(pairs, key=lambda pair: pair[0] == "*"):
        truth = covers(kind, key, value, context)
        if truth is not False:
            found.append((truth, data))
        if truth:
            break
    return found


def _mapped(content, context):
    """The value that a map gives for a key."""
    kind, key = value_of(content["key"], context)
    found = looked_up(context.pairs(content["data"]), kind, key, context)
    if not found:
        raise Absent()
    truth, data = found[0]
    if truth is None:
        return "int", None
    number = constant("int", data) if not isinstance(data, dict) else None
    return ("literal", data) if number is None else ("int", number)
