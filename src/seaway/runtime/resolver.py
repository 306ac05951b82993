"""DNS: A and AAAA look-ups over our own sockets, which come from the catalog's DNS rows.

UDP first, TCP when the answer was truncated (N-02). Answers are cached by their TTL, failures briefly; the cache is
bounded. A list of names can be checked each interval; `snapshot()` shows their state to `seaway status dns`.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from seaway.catalog.model import Transport
from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.runtime.connecting import wait_connected
from seaway.runtime.sockets import RowSocket, SocketError, Sockets

__all__ = ["DNS_ROWS", "ResolveError", "Resolver"]

DNS_ROWS = ("T5-04", "T4-04", "T6-04", "T6-05", "P-05")
_PORT = 53
_CACHE = 1000  # names
_SHORTEST, _LONGEST, _FAILED = 5.0, 3600.0, 5.0  # seconds an answer is kept, whatever its TTL
_TRIES = 2  # rounds over the servers


class ResolveError(Exception):
    """A name without address. `str()` is one line: name, reason, remedy."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(f"{name}: {reason}; {remedy}")
        self.name = name
        self.reason = reason
        self.remedy = remedy


@dataclass(slots=True)
class _Answer:
    addresses: tuple[str, ...]
    until: float
    failure: ResolveError | None = None
    server: str = ""
    row: str = ""


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
        port: int = _PORT,
    ) -> None:
        self._sockets = sockets
        self._servers = tuple(servers)
        self._counters = counters
        self._timeout = timeout
        self._families = families
        self._port = port
        self._cache: dict[str, _Answer] = {}
        self._running: dict[str, asyncio.Task[_Answer]] = {}
        self._watched: dict[str, _Watched] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._log = log.get()

    async def addresses(self, name: str) -> tuple[str, ...]:
        """The IP literals of a name; a literal stands for itself. Raises `ResolveError`."""
        try:
            return (str(ip_address(name)),)
        except ValueError:
            pass
        answer = await self._answer(name.rstrip(".").lower())
        if answer.failure is not None:
            raise answer.failure
        return answer.addresses

    async def _answer(self, name: str) -> _Answer:
        found = self._cache.get(name)
        if found is not None and found.until > time.monotonic():
            return found
        # One query for all who ask at the same time.
        task = self._running.get(name)
        if task is None:
            task = self._running[name] = asyncio.get_running_loop().create_task(self._look_up(name))
            task.add_done_callback(lambda _: self._running.pop(name, None))
        return await asyncio.shield(task)

    async def _look_up(self, name: str) -> _Answer:
        addresses: list[str] = []
        seconds, failure, server, row = _LONGEST, None, "", ""
        for version, kind in ((4, dns.rdatatype.A), (6, dns.rdatatype.AAAA)):
            if version not in self._families:
                continue
            try:
                texts, ttl, server, row = await self._query(name, kind)
            except ResolveError as error:
                failure = error
                continue
            addresses += texts
            seconds = min(seconds, ttl)
        now = time.monotonic()
        if addresses:
            answer = _Answer(tuple(addresses), now + max(_SHORTEST, seconds), None, server, row)
        else:
            failure = failure or ResolveError(name, "has no address", "check the DNS zone")
            answer = _Answer((), now + _FAILED, failure, server, row)
        while len(self._cache) >= _CACHE:
            self._cache.pop(next(iter(self._cache)))
        self._cache[name] = answer
        return answer

    async def _query(self, name: str, kind: dns.rdatatype.RdataType) -> tuple[list[str], float, str, str]:
        """Texts of the records, their TTL, and by which server and row they came. Raises `ResolveError`."""
        try:
            question = dns.message.make_query(name, kind, use_edns=0, payload=1232)
        except dns.exception.DNSException:
            raise ResolveError(name, "is no DNS name", "correct it") from None
        failure = ResolveError(
            name, "no name server is set", "set [dns] servers or hosts.internal_dns of the deployment"
        )
        for server in self._servers * _TRIES:
            try:
                async with asyncio.timeout(self._timeout):
                    reply, row = await self._exchange(question, server)
            except SocketError as error:
                failure = ResolveError(name, f"server {server}: {error}", "correct [dns] servers")
                continue
            except (TimeoutError, OSError) as error:
                self._counters.add("dns.timeout")
                why = "no answer" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()
                failure = ResolveError(
                    name, f"server {server}: {why}", "check the server and row T4-04, T5-04 or T6-04"
                )
                continue
            except (dns.exception.DNSException, ValueError, EOFError) as error:
                self._counters.add("dns.malformed")
                failure = ResolveError(
                    name, f"server {server}: malformed answer ({type(error).__name__})", "check the server"
                )
                continue
            code = reply.rcode()
            if code == dns.rcode.NXDOMAIN:
                raise ResolveError(name, "there is no such name", "check the name and the DNS zone")
            if code != dns.rcode.NOERROR:
                failure = ResolveError(name, f"server {server}: {dns.rcode.to_text(code)}", "check the server")
                continue
            try:
                chain = reply.resolve_chaining()
            except dns.exception.DNSException:
                failure = ResolveError(name, f"server {server}: answer does not fit", "check the server")
                continue
            records = [] if chain.answer is None else [str(each) for each in chain.answer]
            return records, float(chain.minimum_ttl), server, row
        raise failure

    async def _exchange(self, question: dns.message.Message, server: str) -> tuple[dns.message.QueryMessage, str]:
        loop = asyncio.get_running_loop()
        row, nic = self._row(Transport.UDP, server)
        octets = question.to_wire()
        reply: dns.message.QueryMessage | None = None
        self._counters.add("dns.queries")
        sock = self._sockets.datagram_client(row, (server, self._port), nic)
        try:
            await loop.sock_sendall(sock, octets)
            while True:
                datagram = await loop.sock_recv(sock, 65535)
                if len(datagram) >= 12 and datagram[:2] == octets[:2] and datagram[2] & 0x02:  # TC (RFC 1035 §4.1.1)
                    break
                reply = _read(datagram, question)
                if reply is not None:
                    break
                self._counters.add("dns.foreign")  # not an answer to this question: keep waiting
        finally:
            sock.close()
        if reply is not None:
            return reply, row
        self._counters.add("dns.truncated")
        row, nic = self._row(Transport.TCP, server)
        sock = self._sockets.dial(row, (server, self._port), nic=nic)
        try:
            await wait_connected(loop, sock)
            await loop.sock_sendall(sock, struct.pack(">H", len(octets)) + octets)
            (length,) = struct.unpack(">H", await _exactly(loop, sock, 2))
            whole = _read(await _exactly(loop, sock, length), question)
            if whole is None:
                raise ValueError("not an answer to this question")
            return whole, row
        finally:
            sock.close()

    def _row(self, transport: Transport, server: str) -> tuple[str, str]:
        try:
            return self._sockets.choose(DNS_ROWS, transport, (server, self._port), "inner"), "inner"
        except SocketError:
            return self._sockets.choose(DNS_ROWS, transport, (server, self._port), "outer"), "outer"

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
                answer = await self._look_up(each.name.rstrip(".").lower())
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


def _read(octets: bytes, question: dns.message.Message) -> dns.message.QueryMessage | None:
    """The message when it answers `question`, else `None`. Raises `DNSException` when it cannot be read."""
    if len(octets) < 12 or octets[:2] != struct.pack(">H", question.id):
        return None
    reply = dns.message.from_wire(octets, ignore_trailing=False, raise_on_truncation=False)
    return reply if isinstance(reply, dns.message.QueryMessage) and question.is_response(reply) else None


async def _exactly(loop: asyncio.AbstractEventLoop, sock: RowSocket, count: int) -> bytes:
    held = b""
    while len(held) < count:
        more = await loop.sock_recv(sock, count - len(held))
        if not more:
            raise EOFError("the server closed the connection")
        held += more
    return held
