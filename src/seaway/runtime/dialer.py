"""Sending to a hop for which there is no flow yet: resolve, pick the row, dial or reuse a connection.

A connection is reused only for the same transport, host, port, NIC, zone and verified name (R33, RFC 5923 §5). Local
ports come from the row's source range (`sockets.py`). What waits for a connection is bounded.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator

from seaway.catalog.model import Transport
from seaway.core.sip.io import Address, Hop, SendTo
from seaway.runtime.connecting import wait_connected
from seaway.runtime.driver import Driver
from seaway.runtime.faults import describe
from seaway.runtime.resolver import ResolveError
from seaway.runtime.sip_rows import SIP_DIAL_ROWS, TRAVERSAL_ROW
from seaway.runtime.sockets import SocketError, Sockets
from seaway.runtime.stream import StreamConnection, StreamKind
from seaway.runtime.tls import TlsContexts
from seaway.runtime.udp import UdpListener
from seaway.wire.endpoint import shown, version_of

__all__ = ["Dialer"]

_CONNECT = 5.0  # seconds for TCP, and again for TLS; far below timer B (32 s), so that another hop can be tried
_ADDRESSES = 4  # addresses of a name that are tried
_WAITING = 1000  # messages that wait for one connection
_LINKS = 4900  # connections dialled at a time: the default source ports, but for some that rest
_IDLE = 1800.0  # seconds without a message after which a dialled connection is closed
_BRIEF = 60.0  # the same when there is no room for another connection
_SWEEP = 60.0  # seconds between looks for idle ones
_QUIET = 90.0  # seconds without anything after which a dialled connection is pinged (RFC 5626 §4.4.1)

_Key = tuple[str, str, int, str, str | None, str | None]


class _Link:
    __slots__ = ("connection", "task", "used", "waiting")

    def __init__(self, now: float) -> None:
        self.used = now
        self.connection: StreamConnection | None = None
        self.task: asyncio.Task[None] | None = None
        self.waiting: list[SendTo] = []


class Dialer:
    """`resolve(host)` gives the IP literals of a name; `contexts` has the TLS client context."""

    def __init__(
        self,
        sockets: Sockets,
        driver: Driver,
        contexts: TlsContexts | None,
        resolve: Callable[[str], Awaitable[tuple[str, ...]]],
        datagrams: dict[tuple[str, int], UdpListener],
        *,
        limit: int = _LINKS,
    ) -> None:
        self._limit = limit
        self._sockets = sockets
        self._driver = driver
        self._contexts = contexts
        self._resolve = resolve
        self._datagrams = datagrams  # by NIC and IP version
        self._links: dict[_Key, _Link] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_SWEEP, self._sweep)

    def send(self, output: SendTo, now: float) -> None:
        """Carry out one `SendTo`; call control hears `sent_on` or `send_failed` for its token."""
        hop = output.hop
        if hop.transport == "udp":
            self._keep(self._loop.create_task(self._send_datagram(output)))
            return
        key = (hop.transport, hop.host.lower(), hop.port, hop.nic, hop.zone, hop.verify_name)
        link = self._links.get(key)
        if link is not None and link.connection is not None and not link.connection.closing:
            flow = link.connection.flow
            if flow is not None:
                link.used = now
                link.connection.write(output.data)
                self._driver.core.sent_on(output.token, flow, now)
                return
        if link is None or link.task is None:
            if len(self._links) >= self._limit and not self.recycle(now, _BRIEF, 1):
                self._driver.core.send_failed(output.token, f"{self._limit} connections are dialled already", now)
                return
            link = self._links[key] = _Link(now)
            link.task = self._loop.create_task(self._connect(key, hop, link))
            self._keep(link.task)
        if len(link.waiting) >= _WAITING:
            self._driver.core.send_failed(output.token, f"{_WAITING} messages wait for this connection", now)
            return
        link.waiting.append(output)

    def recycle(self, now: float, idle: float = _IDLE, most: int | None = None) -> int:
        """Close at most `most` connections that carried no message for `idle` seconds, the idlest first; returns how
        many. Their source ports go back to the range. Traversal links stay: they have keep-alives of their own."""
        found = [
            (max(link.used, link.connection.spoke), key, link.connection)
            for key, link in self._links.items()
            if link.connection is not None and link.task is None and key[4] is None
        ]
        found = sorted((each for each in found if now - each[0] >= idle), key=lambda each: each[0])[:most]
        for _, key, connection in found:
            del self._links[key]
            self._driver.counters.add("sip.dial.recycled")
            connection.close(f"no message for {idle:g} s")
        return len(found)

    def _sweep(self) -> None:
        self._timer = self._loop.call_later(_SWEEP, self._sweep)
        now = time.monotonic()
        self.recycle(now)
        self.keep_alive(now)

    def keep_alive(self, now: float) -> None:
        """Ping what has been quiet, so that no firewall forgets it; close what answered pings before and is silent now.

        A peer that never answered one need not know them: RFC 3261 §7.5 has it ignore them.
        """
        for key, link in list(self._links.items()):
            connection = link.connection
            if connection is None or link.task is not None or key[4] is not None:
                continue
            if connection.pinged is not None and connection.ponged and now - connection.pinged >= _SWEEP / 2:
                del self._links[key]
                self._driver.counters.add("sip.dial.silent")
                connection.abort("no answer to a ping")
            elif now - max(connection.waits_since, connection.pinged or 0.0) >= _QUIET:
                connection.ping(now)

    def close(self) -> None:
        self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        for link in list(self._links.values()):
            if link.connection is not None:
                link.connection.close("the node stops")

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- streams

    async def _connect(self, key: _Key, hop: Hop, link: _Link) -> None:
        connection, reason = None, ""
        try:
            connection = await self._establish(key, hop, link)
        except (SocketError, ResolveError, OSError, TimeoutError, ssl.SSLError) as error:
            reason = describe(error)
        except Exception as error:  # a defect of ours ends this dial only
            reason = f"{type(error).__name__}: {error}"
            self._driver.log.error("defect", where="dial", error=reason, exc_info=error)
        driver, waiting = self._driver, link.waiting
        link.task, link.waiting, link.connection = None, [], connection
        now = time.monotonic()
        if connection is None or connection.flow is None:
            if self._links.get(key) is link:
                del self._links[key]
            driver.counters.add("sip.dial.failed")
            driver.log.info("dial.failed", host=hop.host, port=hop.port, zone=hop.zone, reason=reason)
            for each in waiting:
                driver.tell(driver.core.send_failed, each.token, reason or "the connection was lost at once", now)
        else:
            driver.counters.add("sip.dial.done")
            for each in waiting:
                connection.write(each.data)
                driver.tell(driver.core.sent_on, each.token, connection.flow, now)
        driver.settle(now)

    async def _establish(self, key: _Key, hop: Hop, link: _Link) -> StreamConnection:
        """Try the addresses of the hop in turn. Raises the error of the last one."""
        context = None
        if hop.transport == "tls":
            if self._contexts is None or hop.verify_name is None:
                raise SocketError(
                    "-", shown((hop.host, hop.port)), "TLS without a name to verify", "set [tls] and verify_name"
                )
            context = self._contexts.client
        rows = (TRAVERSAL_ROW,) if hop.zone is not None else SIP_DIAL_ROWS
        failure: Exception | None = None
        for host in (await self._resolve(hop.host))[:_ADDRESSES]:
            try:
                return await self._dial_one(key, hop, (host, hop.port), rows, context, link)
            except (SocketError, OSError, TimeoutError, ssl.SSLError) as error:
                failure = error
        raise failure or ResolveError(hop.host, "has no address", "check the DNS zone")

    async def _dial_one(
        self,
        key: _Key,
        hop: Hop,
        remote: Address,
        rows: tuple[str, ...],
        context: ssl.SSLContext | None,
        link: _Link,
    ) -> StreamConnection:
        row = self._sockets.choose(rows, Transport.TCP, remote, hop.nic)
        sock = self._sockets.dial(row, remote, nic=hop.nic)
        kind = StreamKind(hop.transport, sock.entry.nic, row, hop.zone, True, hop.verify_name)

        def ended(_connection: StreamConnection) -> None:
            if self._links.get(key) is link and link.task is None:
                del self._links[key]

        connection = StreamConnection(kind, self._driver, ended)
        try:
            try:
                async with asyncio.timeout(_CONNECT):
                    await wait_connected(self._loop, sock)
            except TimeoutError:
                why = f"no answer in {_CONNECT:g} s"
                raise SocketError(row, f"{shown(remote)}/tcp", why, "a firewall may drop this row's packets") from None
            await self._loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=context,
                server_hostname=hop.verify_name if context else None,
                ssl_handshake_timeout=_CONNECT if context else None,
                ssl_shutdown_timeout=2.0 if context else None,
            )
        except BaseException:
            sock.close()
            raise
        if connection.failure is not None:
            raise ConnectionError(connection.failure)
        return connection

    # -- datagrams

    async def _send_datagram(self, output: SendTo) -> None:
        hop, driver = output.hop, self._driver
        reason = "" if self._datagrams else "there is no SIP listener on UDP"
        if not reason:
            try:
                remotes = [(address, hop.port) for address in await self._resolve(hop.host)]
                reason = "no SIP listener on UDP has its address family" if remotes else "the name has no address"
                for listener, remote in self._listeners_for(hop.nic, remotes):
                    if not listener.may(*remote):
                        reason = "no catalog row allows this destination"
                        continue
                    flow = listener.flow(remote)
                    listener.send(output.data, remote)
                    now = time.monotonic()
                    driver.tell(driver.core.sent_on, output.token, flow, now)
                    driver.settle(now)
                    return
            except (ResolveError, OSError, TimeoutError) as error:
                reason = describe(error)
        now = time.monotonic()
        driver.tell(driver.core.send_failed, output.token, reason, now)
        driver.settle(now)

    def _listeners_for(self, nic: str, remotes: list[Address]) -> Iterator[tuple[UdpListener, Address]]:
        """Each address with the socket of its family: that of `nic`, else any."""
        for remote in remotes:
            version = version_of(remote)
            found = [each for (at, of), each in self._datagrams.items() if of == version and at == nic]
            found += [each for (_, of), each in self._datagrams.items() if of == version]
            if found:
                yield found[0], remote
