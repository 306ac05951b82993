"""Asks a policy service over HTTPS: one question, one connection, within the time that call policy gives it.

HTTP/1.1 is h11's; the socket is that of row Y10-01, the certificate must carry the service's name.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast
from urllib.parse import urlencode, urlsplit

import h11

from seaway.call.events import AskPolicy
from seaway.identity.certificates import CertificateError
from seaway.policy.service import ServiceSettings
from seaway.runtime.connecting import wait_connected
from seaway.runtime.driver import Driver
from seaway.runtime.faults import describe
from seaway.runtime.resolver import ResolveError
from seaway.runtime.sockets import SocketError, Sockets

__all__ = ["POLICY_ROW", "PolicyService", "policy_context", "service_address"]

POLICY_ROW = "Y10-01"
_MAX_ANSWER = 1_000_000  # octets


class _Refused(Exception):
    """The service answered with something that is no answer; `str()` is one line."""


def service_address(url: str) -> tuple[str, int, str]:
    """Host, port and target of `https://host[:port]/path`. Raises `ValueError` with one clear phrase."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme != "https" or not host or parts.username is not None or parts.fragment:
        raise ValueError("is no URL like https://policy.example.org/path")
    target = parts.path or "/"
    return host, port, f"{target}?{parts.query}" if parts.query else target


def policy_context(ca: Path) -> ssl.SSLContext:
    """Verifies the service's certificate against `ca`, a PEM file. Raises `CertificateError`."""
    try:
        context = ssl.create_default_context(cafile=str(ca))
    except (ssl.SSLError, OSError) as error:
        reason = describe(error)
        raise CertificateError(ca, f"cannot be used for the policy service ({reason})", "give a PEM file") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class PolicyService:
    """One service. `resolve(name)` gives addresses; call control hears `policy_answered` for each question, once."""

    def __init__(
        self, settings: ServiceSettings, sockets: Sockets, driver: Driver, context: ssl.SSLContext,
        resolve: Callable[[str], Awaitable[tuple[str, ...]]], answered: Callable[..., None],
    ) -> None:  # fmt: skip
        self._settings = settings
        self._host, self._port, self._target = service_address(settings.url)
        self._sockets = sockets
        self._driver = driver
        self._context = context
        self._resolve = resolve
        self._answered = answered
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, question: AskPolicy) -> None:
        """Ask in the background."""
        task = asyncio.get_running_loop().create_task(self._ask(question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    async def _ask(self, question: AskPolicy) -> None:
        body: bytes | None = None
        problem = ""
        try:
            async with asyncio.timeout(self._settings.timeout):
                body = await self._exchange(urlencode(question.form).encode())
        except TimeoutError:
            problem = f"no answer in {self._settings.timeout:g} s"
        except (SocketError, ResolveError, OSError, ssl.SSLError, h11.ProtocolError, _Refused) as error:
            problem = describe(error)
        except Exception as error:  # a defect of ours: the call is decided all the same
            problem = f"{type(error).__name__}: {error}"
            self._driver.log.error("defect", where="policy", error=problem, exc_info=error)
        now = time.monotonic()
        self._driver.tell(self._answered, question.token, body, problem, now)
        self._driver.settle(now)

    async def _exchange(self, form: bytes) -> bytes:
        failure: Exception | None = None
        for address in await self._resolve(self._host):
            try:
                exchange = await self._connect(address)
            except (SocketError, OSError, ssl.SSLError) as error:
                failure = error
                continue
            try:
                return await exchange.post(self._host, self._target, self._headers(), form)
            finally:
                exchange.close()
        raise failure or ResolveError(self._host, "has no address", "check the DNS zone")

    async def _connect(self, address: str) -> _Exchange:
        loop = asyncio.get_running_loop()
        sock = self._sockets.dial(POLICY_ROW, (address, self._port), nic="inner")
        exchange = _Exchange(loop)
        try:
            await wait_connected(loop, sock)
            await loop.create_connection(
                lambda: exchange, sock=sock, ssl=self._context, server_hostname=self._host, ssl_shutdown_timeout=1.0
            )
        except BaseException:
            sock.close()
            raise
        return exchange

    def _headers(self) -> list[tuple[str, str]]:
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/cpl+xml, text/xml")]
        if self._settings.user:
            secret = f"{self._settings.user}:{self._settings.password}".encode()
            headers.append(("Authorization", "Basic " + base64.b64encode(secret).decode()))
        return headers


class _Exchange(asyncio.Protocol):
    """One request and its response."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=16_384)
        self._answer: asyncio.Future[bytes] = loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._body = bytearray()
        self._status = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's over TLS is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._feed(b"")
        if not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the service closed the connection"))

    async def post(self, host: str, target: str, headers: list[tuple[str, str]], form: bytes) -> bytes:
        """The body of a 200. Raises `_Refused` for another status."""
        assert self._transport is not None
        head = h11.Request(
            method="POST",
            target=target,
            headers=[("Host", host), ("Content-Length", str(len(form))), ("Connection", "close"), *headers],
        )
        octets = b"".join(filter(None, (self._http.send(head), self._http.send(h11.Data(data=form)))))
        self._transport.write(octets + (self._http.send(h11.EndOfMessage()) or b""))
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._answer.done() and not self._answer.cancelled():
            self._answer.exception()  # nobody waits for it any more

    def _feed(self, data: bytes) -> None:
        if self._answer.done():
            return
        try:
            self._http.receive_data(data)
            while (event := self._http.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Response):
                    self._status = event.status_code
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > _MAX_ANSWER:
                        raise _Refused(f"its answer is longer than {_MAX_ANSWER} octets")
                elif isinstance(event, h11.EndOfMessage):
                    self._finish()
                    return
                elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                    return
        except (h11.ProtocolError, _Refused) as error:
            self._answer.set_exception(error)

    def _finish(self) -> None:
        if self._status == 200:
            self._answer.set_result(bytes(self._body))
        else:
            self._answer.set_exception(_Refused(f"it answers {self._status}"))
