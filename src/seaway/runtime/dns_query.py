"""One question to the name servers, over sockets of the catalog's DNS rows: UDP, TCP when truncated (N-02)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype

from seaway.catalog.model import Transport
from seaway.observe.counters import Counters
from seaway.runtime.connecting import wait_connected
from seaway.runtime.sockets import RowSocket, SocketError, Sockets

__all__ = ["DNS_ROWS", "Found", "Query", "ResolveError"]

DNS_ROWS = ("T5-04", "T4-04", "T6-04", "T6-05", "P-05")
_TRIES = 2  # rounds over the servers
_UNSAID = 5.0  # seconds that an empty answer is kept whose server does not say for how long


class ResolveError(Exception):
    """A name without address. `str()` is one line: name, reason, remedy."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(f"{name}: {reason}; {remedy}")
        self.name = name
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Found:
    """What a server said: `records` of the kind asked for, aliases followed; `exists`: whether there is the name.

    `ttl`: seconds, for how long it may be kept; of an empty answer by the zone's SOA (RFC 2308 §5).
    """

    records: tuple[dns.rdata.Rdata, ...]
    ttl: float
    exists: bool
    server: str
    row: str


class Query:
    """`servers`: IP literals, in order; `timeout`: seconds for one server."""

    def __init__(
        self, sockets: Sockets, servers: Sequence[str], counters: Counters, *, timeout: float, port: int = 53
    ) -> None:
        self._sockets = sockets
        self._servers = tuple(servers)
        self._counters = counters
        self._timeout = timeout
        self._port = port

    async def ask(self, name: str, kind: dns.rdatatype.RdataType) -> Found:
        """The records of `name`. Raises `ResolveError` when no server could say."""
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
            if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                failure = ResolveError(name, f"server {server}: {dns.rcode.to_text(code)}", "check the server")
                continue
            try:
                chain = reply.resolve_chaining()
            except dns.exception.DNSException:
                failure = ResolveError(name, f"server {server}: answer does not fit", "check the server")
                continue
            records = () if chain.answer is None else tuple(chain.answer)
            ttl = float(chain.minimum_ttl) if records or _has_soa(reply) else _UNSAID
            return Found(records, ttl, code == dns.rcode.NOERROR, server, row)
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


def _has_soa(reply: dns.message.QueryMessage) -> bool:
    return any(each.rdtype == dns.rdatatype.SOA for each in reply.authority)


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
