# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses the bandwidth, as a table that a tired person can read in any terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils.figures import bar_of, percent, rate, size
from ansible_collections.rescue.remote_login.plugins.plugin_utils.report import WIDTH, printable

Entry = Mapping[str, Any]

BAR, WIDE_BAR = 10, 14
PEERS_SHOWN = 3
# So many hosts are told in full, the busiest ones; of the others each has a line.
HOSTS_IN_FULL = 10
VERDICTS = {"suspicious": "SUSPICIOUS", "normal": "normal", "unknown": "unknown"}
# What iftop's users know its columns by.
SPANS = (("2s", "last_2s_bps"), ("10s", "last_10s_bps"), ("40s", "last_40s_bps"))
COLUMN = 11


def as_text(hosts: Mapping[str, Entry], path: Path | None) -> str:
    """What is printed at the end of a run: the busiest hosts first."""
    measured = sorted((name for name in hosts if hosts[name].get("status") == "ok"), key=lambda name: _use(hosts[name]))
    others = sorted(name for name in hosts if name not in measured)
    parts = ["\n".join(_host_lines(name, hosts[name])) for name in measured[:HOSTS_IN_FULL]]
    if measured[HOSTS_IN_FULL:]:
        parts.append("\n".join(line for name in measured[HOSTS_IN_FULL:] for line in _brief(name, hosts[name])))
    if others:
        parts.append("\n".join(line for name in others for line in _not_measured(name, hosts[name])))
    parts.append("\n".join(_closing_lines(hosts, measured, path)))
    return "\n\n".join(parts)


def _use(host: Entry) -> tuple[float, int]:
    """By what hosts are sorted: the share of the fullest link, then what passes."""
    outer = _outer(host)
    return -max([_share(link) or 0.0 for link in outer] or [0.0]), -sum(link.get("total_bps") or 0 for link in outer)


def _outer(host: Entry) -> list[Entry]:
    return [link for link in host.get("interfaces") or [] if link.get("outer")]


def _share(link: Entry) -> float | None:
    known = [link[name] for name in ("tx_share", "rx_share") if link.get(name) is not None]
    return max(known) if known else None


# --- one host ---


def _host_lines(name: str, host: Entry) -> Iterator[str]:
    first = f"{printable(name)}  {_busiest_words(host)}"
    yield from _wrapped(
        f"{first}  ({host.get('duration_s')} s from {host.get('started_at')}, by {host.get('via')})", "", "  "
    )
    yield from _link_lines(host)
    yield from _process_lines(host)
    yield from _iftop_lines(host)
    yield from _rest_lines(host)
    yield from _blind_lines(host)


def _busiest_words(host: Entry) -> str:
    """How full the fullest link is, in words."""
    outer = _outer(host)
    if not outer:
        return "no link that leads out was measured"
    link = max(outer, key=lambda link: (_share(link) or 0.0, link.get("total_bps") or 0))
    share = _share(link)
    if share is None:
        return f"{rate(link.get('total_bps'))} on {link.get('name')}"
    return f"{percent(share)} of {link.get('name')} is used"


def _link_lines(host: Entry) -> Iterator[str]:
    yield f"  {'LINK':<13}{'TX':>{COLUMN}}{'RX':>{COLUMN}}{'TOTAL':>{COLUMN}}  SHARE OF CAPACITY"
    for link in host.get("interfaces") or []:
        if not link.get("outer") and not link.get("total_bytes"):
            continue
        label = str(link.get("name")) if link.get("outer") else f"({link.get('name')})"
        numbers = "".join(f"{rate(link.get(way + '_bps')):>{COLUMN}}" for way in ("tx", "rx", "total"))
        yield _cut(f"  {_fit(label, 13)}{numbers}  {_capacity_words(link)}")
        dropped = _drop_words(link)
        if dropped:
            yield from _wrapped(f"dropped: {dropped}", "      ", "        ")


def _capacity_words(link: Entry) -> str:
    share = _share(link)
    if share is None:
        return "capacity not known"
    way = "tx" if link.get("tx_share") == share else "rx"
    of = f"{rate(link.get(f'capacity_{way}_bps'))}"
    return f"{bar_of(share, WIDE_BAR)} {percent(share)} {way.upper()} of {of} ({link.get('capacity_from')})"


def _drop_words(link: Entry) -> str:
    names = {
        "tx_dropped": "TX",
        "rx_dropped": "RX",
        "queue_drops": "in the queue",
        "tx_errors": "TX errors",
        "rx_errors": "RX errors",
    }
    return ", ".join(f"{link[name]} {words}" for name, words in names.items() if link.get(name))


def _process_lines(host: Entry) -> Iterator[str]:
    found = host.get("processes") or []
    method = host.get("method") or {}
    unseen = "processes" in host and host["processes"] is None
    if not found and (unseen or not (method.get("connections") or method.get("datagrams"))):
        yield "  PROCESSES   could not be measured: see 'not seen' below"
        return
    if not found:
        seen = "none of those that can be seen uses" if host.get("missing") else "none uses"
        yield f"  PROCESSES   {seen} a link that leads out"
        return
    total = sum(link.get("total_bps") or 0 for link in _outer(host))
    heads = f"{'TX':>{COLUMN}}{'RX':>{COLUMN}}{'TOTAL':>{COLUMN}}"
    yield f"  {'SHARE':<{BAR + 2}}{heads}  {'PID':<8}{'USER':<10}{'PROCESS':<22}JUDGEMENT"
    for process in found:
        yield from _one_process(process, total)
    rest = host.get("other_processes") or {}
    if rest.get("count"):
        yield f"  {' ' * (BAR + 2)}{_numbers(rest)}  and {rest['count']} more"


def _numbers(entry: Entry) -> str:
    return "".join(f"{rate(entry.get(way + '_bps')):>{COLUMN}}" for way in ("tx", "rx", "total"))


def _one_process(process: Entry, total: float) -> Iterator[str]:
    judged = process.get("judgement") or {}
    share = (process.get("total_bps") or 0) / total if total else None
    who = f"{_fit(process.get('pid'), 8)}{_fit(process.get('user') or '-', 10)}{_fit(_what(process), 22)}"
    yield _cut(f"  {bar_of(share, BAR)}{_numbers(process)}  {who}{VERDICTS.get(str(judged.get('verdict')), '')}")
    for peer in (process.get("peers") or [])[:PEERS_SHOWN]:
        yield _peer_line(peer)
    more = len(process.get("peers") or []) - PEERS_SHOWN
    if more > 0:
        yield f"      and {more} more peers"
    yield from _wrapped(
        f"runs: {process.get('command') or process.get('name') or 'not known'}", "      ", "        ", 2
    )
    unit, container = process.get("unit"), process.get("container")
    if unit or container:
        words = [f"unit {unit}"] * bool(unit) + [f"container {container}"] * bool(container)
        yield from _wrapped(f"in: {', '.join(words)}", "      ", "        ", 1)
    if process.get("instances", 1) > 1:
        yield f"      these are {process['instances']} short processes of that name"
    if process.get("shared_with"):
        pids = ", ".join(str(pid) for pid in process["shared_with"][:8])
        yield from _wrapped(f"shares its sockets with: {pids}", "      ", "        ", 1)
    yield from _wrapped(f"{judged.get('verdict')}: {'; '.join(judged.get('reasons') or [])}", "      ", "        ", 6)
    for command in (judged.get("look_at") or []) if judged.get("verdict") == "suspicious" else []:
        yield from _wrapped(f"look at: {command}", "      ", "        ")


def _what(process: Entry) -> str:
    inside = process.get("container")
    unit = str(process.get("unit") or "")
    place = f"[{str(inside)[:8]}]" if inside else unit[: -len(".service")] if unit.endswith(".service") else ""
    name = str(process.get("name") or "?")
    return f"{name} {place}".strip() if place != name else name


def _peer_line(peer: Entry) -> str:
    address = peer.get("address") or "not IP"
    if peer.get("port"):
        address = f"[{address}]:{peer['port']}" if ":" in str(address) else f"{address}:{peer['port']}"
    words = [str(address), str(peer.get("protocol") or "")]
    if peer.get("local_port"):
        words.append(f"to port {peer['local_port']} here")
    words += [str(peer[name]) for name in ("country", "host") if peer.get(name)]
    return _cut(f"    - peer    {_numbers(peer)}  {' '.join(word for word in words if word)}")


# --- as iftop tells it ---


def _iftop_lines(host: Entry) -> Iterator[str]:
    rows = [(f"{link.get('name')} {way.upper()}", link, way) for link in _outer(host) for way in ("tx", "rx", "total")]
    rows += [
        (f"{process.get('name')} {process.get('pid')}", process, "total") for process in host.get("processes") or []
    ]
    rows = [row for row in rows if row[1].get(f"{row[2]}_last_2s_bps") is not None]
    if not rows:
        return
    heads = [title for title, key in SPANS if any(row[1].get(f"{row[2]}_{key}") is not None for row in rows)]
    titles = "".join(f"{head:>{COLUMN}}" for head in [*heads, "cum", "peak"])
    yield f"  {'LAST':<24}{titles}"
    for label, entry, way in rows:
        numbers = [rate(entry.get(f"{way}_{key}")) for title, key in SPANS if title in heads]
        numbers += [size(entry.get(f"{way}_bytes")), rate(entry.get(f"{way}_peak_bps"))]
        yield _cut(f"  {_fit(label, 24)}{''.join(f'{number:>{COLUMN}}' for number in numbers)}")


# --- what belongs to no process, and what cannot be seen ---


def _rest_lines(host: Entry) -> Iterator[str]:
    found = host.get("unattributed") or []
    if found:
        yield f"  {'NO PROCESS':<{BAR + 2}}{'TX':>{COLUMN}}{'RX':>{COLUMN}}{'TOTAL':>{COLUMN}}  WHY"
    for entry in found:
        first = f"  {' ' * (BAR + 2)}{_numbers(entry)}  "
        yield from _wrapped(entry.get("reason"), first, " " * len(first))
        for peer in [peer for peer in entry.get("peers") or [] if peer.get("address")][:PEERS_SHOWN]:
            yield _peer_line(peer)


def _blind_lines(host: Entry) -> Iterator[str]:
    blind = (host.get("method") or {}).get("blind_spots") or []
    missing = [f"{name}: {reason}" for name, reason in (host.get("missing") or {}).items()]
    for line in dict.fromkeys([*map(str, blind), *missing]):
        yield from _wrapped(f"not seen: {line}", "  ", "    ")


# --- the other hosts, and the end ---


def _brief(name: str, host: Entry) -> Iterator[str]:
    totals = [sum(link.get(f"{way}_bps") or 0 for link in _outer(host)) for way in ("tx", "rx")]
    first = next(iter(host.get("processes") or []), None)
    words = f"{printable(name)}  {_busiest_words(host)}, TX {rate(totals[0])}, RX {rate(totals[1])}"
    if first:
        words += f"; most: {first.get('name')} ({first.get('pid')}) {rate(first.get('total_bps'))}"
    yield _cut(words)
    strange = _suspicious(host)
    if strange:
        names = ", ".join(f"{process.get('name')} ({process.get('pid')})" for process in strange[:5])
        yield from _wrapped(f"SUSPICIOUS: {names}", "  ", "    ", 1)


def _suspicious(host: Entry) -> list[Entry]:
    found = host.get("processes") or []
    return [process for process in found if (process.get("judgement") or {}).get("verdict") == "suspicious"]


def _not_measured(name: str, host: Entry) -> Iterator[str]:
    yield from _wrapped(f"{name}  NOT MEASURED: {host.get('reason') or 'nobody told why'}", "", "    ")


def _closing_lines(hosts: Mapping[str, Entry], measured: Sequence[str], path: Path | None) -> Iterator[str]:
    words = f"{len(hosts)} host{'s' if len(hosts) != 1 else ''}: {len(measured)} measured"
    if len(hosts) > len(measured):
        words += f", {len(hosts) - len(measured)} not measured"
    partly = sum(1 for name in measured if hosts[name].get("missing"))
    words += f" ({partly} only in part)" if partly else ""
    strange = sum(len(_suspicious(hosts[name])) for name in measured)
    if measured:
        words += f", {strange or 'no'} suspicious process{'es' if strange != 1 else ''}"
    if measured and len(hosts) > 1:
        words += f"; the busiest is {measured[0]}: {_busiest_words(hosts[measured[0]])}"
    yield from _wrapped(words, "", "    ")
    for reason in dict.fromkeys(str(host["no_countries"]) for host in hosts.values() if host.get("no_countries")):
        yield from _wrapped(f"Countries are not told: {reason}", "", "    ")
    if path is not None:
        yield f"Report: {path}"


def _fit(value: Any, width: int) -> str:
    """A column of a stranger's text, with a blank behind it."""
    text = printable(value)
    return f"{text if len(text) < width else text[: width - 2] + '~':<{width}}"


def _cut(line: str) -> str:
    return printable(line)[:WIDTH].rstrip()


def _wrapped(text: object, first: str, rest: str, most: int = 20) -> list[str]:
    lines = textwrap.wrap(
        printable(text), WIDTH, initial_indent=first, subsequent_indent=rest, max_lines=most, placeholder=" ...",
        break_on_hyphens=False,
    )  # fmt: skip
    return lines or [first.rstrip()]
