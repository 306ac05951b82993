"""DNS for the node: addresses, SRV and NAPTR, kept by their TTL. Servers are asked in `dns_query.py`.

Answers are cached by their TTL, that there is nothing by the zone's SOA (RFC 2308), failures briefly; the cache is
bounded. A list of names can be checked each interval; `snapshot()` shows their state to `seaway status dns`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

import dns.rdata
import dns.rdatatype
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from seaway.core.dns.io import Answer, Kind, Naptr, Record, Srv
from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.runtime.dns_query import DNS_ROWS, Found, Query, ResolveError
from seaway.runtime.sockets import Sockets

__all__ = ["DNS_ROWS", "ResolveError", "Resolver"]

_CACHE = 1000  # questions
_SHORTEST, _LONGEST = 5.0, 3600.0  # seconds an answer is kept, whatever its TTL
_NOTHING = 300.0  # at most, that there is nothing
_FAILED = 5.0  # that no server could say
_RECORDS = 64  # of one answer

_Question = tuple[str, Kind]


@dataclass(slots=True)
class _Answer:
    records: tuple[Record, ...]
    until: float
    failure: ResolveError | None = None
    known: bool = True  # a server told, if only that there is nothing
    server: str = ""
    row: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(each for each in self.records if isinstance(each, str))

    def plain(self) -> Answer:
        return Answer(self.records, "" if self.known else str(self.failure))


@dataclass(slots=True)
class _Watched:
    name: str
    state: str = "not checked"
    addresses: tuple[str, ...] = ()
    reason: str = ""
    server: str = ""
    row: str = ""
    milliseconds: float = 0.0
    at: float = field(default_factory=time.monotonic)


class Resolver:
    """`servers`: IP literals, in order; `timeout`: seconds for one server; `families`: 4 and 6 as our NICs are."""

    def __init__(
        self,
        sockets: Sockets,
        servers: Sequence[str],
        counters: Counters,
        *,
        timeout: float = 2.0,
        families: frozenset[int] = frozenset({4, 6}),
        port: int = 53,
    ) -> None:
        self._query = Query(sockets, servers, counters, timeout=timeout, port=port)
        self._families = families
        self._cache: dict[_Question, _Answer] = {}
        self._running: dict[_Question, asyncio.Task[_Answer]] = {}
        self._watched: dict[str, _Watched] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._log = log.get()

    async def addresses(self, name: str) -> tuple[str, ...]:
        """The IP literals of a name; a literal stands for itself. Raises `ResolveError`."""
        try:
            return (str(ip_address(name)),)
        except ValueError:
            pass
        answer = await self._answer((name.rstrip(".").lower(), "ADDRESS"))
        if answer.failure is not None:
            raise answer.failure
        return answer.addresses

    def cached(self, name: str, kind: Kind) -> Answer | None:
        """The answer when it needs no query. `name` is in lower case, without the final dot."""
        if kind == "ADDRESS" and (name[:1].isdigit() or ":" in name):
            try:
                return Answer((str(ip_address(name)),))
            except ValueError:
                pass
        found = self._cache.get((name, kind))
        return found.plain() if found is not None and found.until > time.monotonic() else None

    async def lookup(self, name: str, kind: Kind) -> Answer:
        """The records of a name. Raises nothing: `Answer.failure` says what went wrong."""
        return (await self._answer((name, kind))).plain()

    async def _answer(self, question: _Question) -> _Answer:
        found = self._cache.get(question)
        if found is not None and found.until > time.monotonic():
            return found
        # One query for all who ask at the same time.
        task = self._running.get(question)
        if task is None:
            task = self._running[question] = asyncio.get_running_loop().create_task(self._look_up(question))
            task.add_done_callback(lambda _: self._running.pop(question, None))
        return await asyncio.shield(task)

    async def _look_up(self, question: _Question) -> _Answer:
        name, kind = question
        if kind == "ADDRESS":
            types = [
                each for version, each in ((4, dns.rdatatype.A), (6, dns.rdatatype.AAAA)) if version in self._families
            ]
        else:
            types = [dns.rdatatype.SRV if kind == "SRV" else dns.rdatatype.NAPTR]
        said = await asyncio.gather(*(self._query.ask(name, each) for each in types), return_exceptions=True)
        found = [each for each in said if isinstance(each, Found)]
        failed = [each for each in said if isinstance(each, BaseException)]
        for error in failed:
            if not isinstance(error, ResolveError):
                raise error
        records = tuple(_record(each) for one in found for each in one.records)[:_RECORDS]
        answer = self._kept(name, kind, records, found, next((e for e in failed if isinstance(e, ResolveError)), None))
        self._cache.pop(question, None)
        while len(self._cache) >= _CACHE:
            self._cache.pop(next(iter(self._cache)))
        self._cache[question] = answer
        return answer

    def _kept(
        self, name: str, kind: Kind, records: tuple[Record, ...], found: list[Found], failure: ResolveError | None
    ) -> _Answer:
        now = time.monotonic()
        server, row = (found[-1].server, found[-1].row) if found else ("", "")
        if records:
            ttl = min(each.ttl for each in found if each.records)
            return _Answer(records, now + min(_LONGEST, max(_SHORTEST, ttl)), None, True, server, row)
        if failure is not None or not found:
            failure = failure or ResolveError(name, "no NIC has an address", "give the node an address")
            return _Answer((), now + _FAILED, failure, False, server, row)
        if not all(each.exists for each in found):
            failure = ResolveError(name, "there is no such name", "check the name and the DNS zone")
        else:
            what = "address" if kind == "ADDRESS" else f"{kind} record"
            failure = ResolveError(name, f"has no {what}", "check the DNS zone")
        ttl = min(_NOTHING, max(_SHORTEST, min(each.ttl for each in found)))
        return _Answer((), now + ttl, failure, True, server, row)

    # -- names that are watched

    def watch(self, names: Sequence[str], interval: float) -> None:
        """Look up `names` now and each `interval` seconds; literals are left out."""
        for name in names:
            try:
                ip_address(name)
            except ValueError:
                self._watched.setdefault(name, _Watched(name))
        if self._watched and self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch(interval))

    async def _watch(self, interval: float) -> None:
        while True:
            for each in list(self._watched.values()):
                begin = time.monotonic()
                answer = await self._look_up((each.name.rstrip(".").lower(), "ADDRESS"))
                each.at = time.monotonic()
                each.milliseconds = (each.at - begin) * 1000
                state = "resolved" if answer.failure is None else "failed"
                reason = "" if answer.failure is None else str(answer.failure)
                if state != each.state:
                    report = self._log.info if answer.failure is None else self._log.warning
                    report("dns.name", name=each.name, state=state, reason=reason, addresses=answer.addresses)
                each.state, each.reason, each.addresses = state, reason, answer.addresses
                each.server, each.row = answer.server, answer.row
            await asyncio.sleep(interval)

    def snapshot(self) -> list[dict[str, object]]:
        now = time.monotonic()
        return [
            {
                "name": each.name,
                "state": each.state,
                "addresses": list(each.addresses),
                "server": each.server,
                "row": each.row,
                "milliseconds": round(each.milliseconds, 1),
                "checked": round(now - each.at),
                "reason": each.reason,
            }
            for each in self._watched.values()
        ]

    def close(self) -> None:
        for task in (*self._running.values(), *([self._watcher] if self._watcher else [])):
            task.cancel()


def _record(data: dns.rdata.Rdata) -> Record:
    if isinstance(data, SRV):
        return Srv(data.priority, data.weight, data.port, _name(data.target.to_text()))
    if isinstance(data, NAPTR):
        flags, service, regexp = (octets.decode("latin-1") for octets in (data.flags, data.service, data.regexp))
        return Naptr(data.order, data.preference, flags, service, regexp, _name(data.replacement.to_text()))
    return data.to_text()


def _name(text: str) -> str:
    return text.rstrip(".").lower()
