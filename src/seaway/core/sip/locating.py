"""Locating SIP servers (RFC 3263 §4): from a place to the DNS questions, from their answers to hops in order.

One `Locating` for each request that has a name to find. `begin` gives the first questions; each answer goes to
`answered`, which gives the next ones; `hops` is set when there is nothing left to ask. NAPTR says which transports the
domain wants, SRV which hosts and ports, A and AAAA where these are. The certificate of a TLS hop must carry the name
that was asked for, not one that the DNS gave (RFC 5922 §4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

from seaway.core.dns.io import Answer, Kind, Naptr, Srv
from seaway.core.dns.order import srv_order
from seaway.core.sip.io import Hop, Place, TransportName
from seaway.wire.endpoint import canonical

__all__ = ["MOST_HOPS", "Locating", "Question", "default_port", "is_literal"]

Question = tuple[str, Kind]

MOST_HOPS = 10  # destinations that are tried for one request
_MOST_SERVICES = 8  # NAPTR records followed
_MOST_TARGETS = 8  # SRV targets whose addresses are asked for
_MOST_NAME = 253  # octets of a name (RFC 1035 §2.3.4)
_SERVICES: dict[str, TransportName] = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}  # RFC 3263 §4.1
_PREFIX = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}


def default_port(transport: str) -> int:
    """RFC 3261 §19.1.2."""
    return 5061 if transport in ("tls", "wss") else 5060


def is_literal(host: str) -> bool:
    """Whether `host` is an IP literal."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Locating:
    """One search. `hops` is `None` while it goes on; () at its end means that nothing was found, `why` says so."""

    def __init__(self, place: Place, random: Callable[[int], bytes]) -> None:
        self._place = place = replace(place, host=_plain_name(place.host))
        self._random = random
        self._transports = _transports(place)
        self._services: list[tuple[TransportName, str]] = []  # SRV names in order
        self._targets: list[tuple[TransportName, str, int]] = []  # hosts in order
        self._answers: dict[Question, Answer] = {}
        self._open: set[Question] = set()
        self.hops: tuple[Hop, ...] | None = None
        self.why = ""

    def begin(self) -> list[Question]:
        """The first questions; [] when none is needed and `hops` is set."""
        place = self._place
        if not self._transports:
            return self._end((), f"no transport that {place.host} may be reached by is available here")
        if is_literal(place.host):
            transport = self._plain()
            return self._end((self._hop(transport, place.host, place.port or default_port(transport)),))
        if place.port is not None:
            transport = self._plain()
            return self._ask_addresses([(transport, place.host, place.port)])
        if place.transport is not None:
            return self._ask_services([(each, _PREFIX[each] + place.host) for each in self._transports])
        return self._ask([(place.host, "NAPTR")])

    def answered(self, question: Question, answer: Answer) -> list[Question]:
        """Take an answer; the questions that follow from it. One that was not asked for changes nothing."""
        if question not in self._open:
            return []
        self._open.discard(question)
        self._answers[question] = answer
        if self._open:
            return []
        kind = question[1]
        if kind == "NAPTR":
            return self._after_naptr(answer)
        return self._after_services() if kind == "SRV" else self._after_addresses()

    # -- steps

    def _after_naptr(self, answer: Answer) -> list[Question]:
        """RFC 3263 §4.1. Without a record that fits, or without an answer, SRV is asked for each transport of ours."""
        fitting = sorted(
            (each.order, each.preference, _SERVICES[each.service.upper()], _plain_name(each.replacement))
            for each in answer.records
            if isinstance(each, Naptr)
            and each.flags.lower() == "s"
            and _SERVICES.get(each.service.upper()) in self._transports
            and each.replacement
        )
        # RFC 3403 §4.1: once a record of an order fits, those of higher orders do not count.
        chosen = [(each[2], each[3]) for each in fitting if each[0] == fitting[0][0]][:_MOST_SERVICES]
        return self._ask_services(
            chosen or [(transport, _PREFIX[transport] + self._place.host) for transport in self._transports]
        )

    def _ask_services(self, services: list[tuple[TransportName, str]]) -> list[Question]:
        self._services = services
        return self._ask([(name, "SRV") for _, name in services])

    def _after_services(self) -> list[Question]:
        found: list[tuple[TransportName, str, int]] = []
        refused = False
        for transport, name in self._services:
            records = [each for each in self._answers[name, "SRV"].records if isinstance(each, Srv)]
            for each in srv_order(records, self._random):
                if each.target and each.port:
                    found.append((transport, _plain_name(each.target), each.port))
                else:
                    refused = True  # "." (RFC 2782): decidedly not offered
        if found:
            return self._ask_addresses(found)
        if refused:
            return self._end((), f"{self._place.host} offers no SIP by a transport that is available here")
        transport = self._plain()
        return self._ask_addresses([(transport, self._place.host, default_port(transport))])

    def _ask_addresses(self, targets: list[tuple[TransportName, str, int]]) -> list[Question]:
        names: list[str] = []
        for _, name, _ in targets:
            if name not in names and len(names) < _MOST_TARGETS:
                names.append(name)
        self._targets = [each for each in targets if each[1] in names]
        return self._ask([(name, "ADDRESS") for name in names])

    def _after_addresses(self) -> list[Question]:
        hops: dict[Hop, None] = {}
        why = ""
        for transport, name, port in self._targets:
            answer = self._answers[name, "ADDRESS"]
            why = why or answer.failure
            for each in answer.records:
                address = _unicast(each) if isinstance(each, str) else None
                if address is not None:
                    hops.setdefault(self._hop(transport, address, port))
        return self._end(tuple(hops)[:MOST_HOPS], why or f"{self._place.host} has no usable address")

    # -- inside

    def _plain(self) -> TransportName:
        """The transport when the DNS names none (RFC 3263 §4.1): what is said, else UDP, else our first."""
        return "udp" if "udp" in self._transports else self._transports[0]

    def _hop(self, transport: TransportName, host: str, port: int) -> Hop:
        place = self._place
        return Hop(transport, host, port, place.nic, (place.verify_name or place.host) if transport == "tls" else None)

    def _ask(self, questions: list[Question]) -> list[Question]:
        asked = list(dict.fromkeys(questions))
        self._open = set(asked)
        if any(len(name) > _MOST_NAME for name, _ in asked):
            return self._end((), f"{self._place.host[:64]}... is too long for a DNS name")
        return asked

    def _end(self, hops: tuple[Hop, ...], why: str = "") -> list[Question]:
        self._open.clear()
        self.hops = hops
        self.why = "" if hops else why
        return []


def _transports(place: Place) -> tuple[TransportName, ...]:
    """What may be used, preferred first."""
    wanted: tuple[TransportName, ...] = place.allowed
    if place.secure:
        wanted = ("tls",) if place.transport in (None, "tcp", "tls") else ()  # RFC 3261 §26.2.2
    elif place.transport is not None:
        wanted = (place.transport,)
    return tuple(each for each in wanted if each in place.allowed and each in _PREFIX)


def _plain_name(name: str) -> str:
    return name.rstrip(".").lower()


def _unicast(host: str) -> str | None:
    """The address in its plain form, `None` for one to which nothing is sent (R35)."""
    try:
        address = ip_address(canonical(host))
    except ValueError:
        return None
    if address.is_multicast or address.is_unspecified or (address.version == 4 and address.is_reserved):
        return None
    return str(address)
