"""The matching part of nftables rules: addresses, ports with parity, transport; and merging rules that say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self

from seaway.catalog.model import Opens, Transport
from seaway.catalog.ports import ANY_PORT, PortRange, PortSet
from seaway.catalog.resolve import Connection

__all__ = ["Match", "addresses", "matches", "merged_matches"]

_ANYWHERE = frozenset({"0.0.0.0/0", "::/0"})


@dataclass(frozen=True, slots=True)
class Match:
    """One rule. Port sets here hold ranges of one step each, so that one parity test is enough."""

    row: str
    number: int  # of the row; marks its conntrack entries
    way: Literal["forward", "reply"]
    comment: str
    stateful: bool = True
    family: Literal["ip", "ip6"] = "ip"
    source: tuple[str, ...] = ()
    destination: tuple[str, ...] = ()
    not_source: tuple[str, ...] = ()  # inside `source`, but not meant
    not_destination: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()  # "tcp", "udp", or one IP protocol number
    source_ports: PortSet = ANY_PORT
    destination_ports: PortSet = ANY_PORT

    @classmethod
    def reply(cls, connection: Connection, number: int) -> Self:
        return cls(connection.row.id, number, "reply", f"{connection.row.id} replies")

    @property
    def is_reply(self) -> bool:
        return self.way == "reply"

    @property
    def condition(self) -> str:
        source = _address(self.family, "saddr", self.source, self.not_source)
        destination = _address(self.family, "daddr", self.destination, self.not_destination)
        family = [] if source or destination else [f"meta nfproto {'ipv4' if self.family == 'ip' else 'ipv6'}"]
        header = self.transports[0] if len(self.transports) == 1 else "th"
        if header.isdecimal():
            return " ".join([*family, *source, *destination, f"meta l4proto {header}"])
        ports = [
            *_ports(header, "sport", self.source_ports),
            *_ports(header, "dport", self.destination_ports),
        ]
        if header == "th":
            ports.insert(0, f"meta l4proto {_set(self.transports)}")
        elif not ports:
            ports = [f"meta l4proto {header}"]
        return " ".join([*family, *source, *destination, *ports])


def matches(
    connection: Connection,
    number: int,
    source: Sequence[str],
    destination: Sequence[str],
    *,
    not_source: Sequence[str] = (),
    not_destination: Sequence[str] = (),
) -> list[Match]:
    """The forward rules of one connection whose ends have these addresses here, apart from those which it excepts."""
    carrier = connection.carrier
    family: Literal["ip", "ip6"] = "ip6" if ":" in source[0] else "ip"
    whole = Match(
        connection.row.id, number, "forward", f"{connection.row.id} {connection.row.purpose}",
        connection.opens is Opens.SOURCE, family, _sorted(source), _sorted(destination),
        _of_family(not_source, family), _of_family(not_destination, family),
        (str(carrier.protocol) if carrier.transport is Transport.IP else str(carrier.transport),),
    )  # fmt: skip
    return [
        replace(whole, source_ports=one, destination_ports=other)
        for one in _by_parity(connection.source.ports)
        for other in _by_parity(connection.destination.ports)
    ]


def merged_matches(found: Iterable[Match]) -> list[Match]:
    """Rules of one row that differ in the transport, or in one side's addresses only, become one rule with a set."""
    rules = list(dict.fromkeys(found))
    for differing in _MERGED:
        merged: dict[Match, Match] = {}
        for rule in rules:
            if rule.transports[0].isdecimal():
                merged[rule] = rule  # a bare IP protocol: no set with the others
                continue
            key = differing.put(rule, ())
            first = merged.get(key)
            values = differing.get(rule) if first is None else (*differing.get(first), *differing.get(rule))
            merged[key] = differing.put(rule, _sorted(values))
        rules = list(merged.values())
    return rules


class _Field(NamedTuple):
    get: Callable[[Match], tuple[str, ...]]
    put: Callable[[Match, tuple[str, ...]], Match]


_MERGED = (
    _Field(lambda rule: rule.transports, lambda rule, values: replace(rule, transports=values)),
    _Field(lambda rule: rule.source, lambda rule, values: replace(rule, source=values)),
    _Field(lambda rule: rule.destination, lambda rule, values: replace(rule, destination=values)),
)


def addresses(networks: Sequence[str]) -> tuple[str, ...]:
    """As nftables prints them: host addresses without their prefix length."""
    return tuple(each.removesuffix("/32").removesuffix("/128") for each in networks)


def _of_family(networks: Sequence[str], family: str) -> tuple[str, ...]:
    return _sorted(each for each in networks if (":" in each) == (family == "ip6"))


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))


def _set(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else "{ " + ", ".join(texts) + " }"


def _address(family: str, field: str, networks: Sequence[str], apart: Sequence[str]) -> list[str]:
    meant = [] if set(networks) & _ANYWHERE else [f"{family} {field} {_set(addresses(networks))}"]
    return [*meant, f"{family} {field} != {_set(addresses(apart))}"] if apart else meant


def _by_parity(ports: PortSet) -> list[PortSet]:
    """One port set per parity, so that each can be one nftables expression. No ports at all: one "any"."""
    if not ports.ranges:
        return [ANY_PORT]
    groups: dict[int | None, list[PortRange]] = {}
    for each in ports.ranges:
        parity = each.low % 2 if each.step == 2 and each.low != each.high else None
        groups.setdefault(parity, []).append(each)
    return [PortSet(tuple(group)) for group in groups.values()]


def _ports(header: str, field: str, ports: PortSet) -> list[str]:
    if ports == ANY_PORT:
        return []
    texts = [str(each.low) if each.low == each.high else f"{each.low}-{each.high}" for each in ports.ranges]
    rules = [f"{header} {field} {_set(texts)}"]
    first = ports.ranges[0]
    if first.step == 2 and first.low != first.high:
        rules.append(f"{header} {field} & 1 == {first.low % 2}")
    return rules
