"""One SIP connection over TCP or TLS, accepted or dialled: framing, keep-alives, limits.

Messages of one read burst go to call control one by one; all answers leave in one write. Who accepts connections is in
`listener.py`, who dials in `dialer.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from seaway.core.sip.build import build_response
from seaway.core.sip.io import Flow, TransportName
from seaway.policy.intrusion import Category
from seaway.runtime.driver import Driver
from seaway.runtime.faults import describe
from seaway.runtime.tls import PeerNameError, peer_names, require_name
from seaway.wire.errors import WireError
from seaway.wire.sip.framing import FramingError, Ping, StreamFramer
from seaway.wire.sip.message import Request, parse_lenient

__all__ = ["StreamConnection", "StreamKind"]

_PAUSE = 64 * 1024  # octets waiting to be sent at which we stop reading from this peer
_BOUND = 1024 * 1024  # octets waiting at which the peer is given up
_BOUND_ZONE = 16 * 1024 * 1024  # the same for a traversal link, which carries all calls of a zone


@dataclass(frozen=True, slots=True)
class StreamKind:
    """What a connection is, as known before it is up."""

    transport: TransportName
    nic: str
    row: str
    zone: str | None = None
    dialled: bool = False
    verify_name: str | None = None  # dialled TLS: the name the peer must carry


_GRACE = 15.0  # seconds that a keep-alive may be late


class StreamConnection(asyncio.Protocol):
    """`ended(connection)` is called once, when the connection is gone, whether it was ever up or not."""

    __slots__ = (
        "_driver", "_ended", "_framer", "_kind", "_pending", "_reason", "_touched", "_transport", "closing", "failure",
        "flow", "heard", "pinged", "ponged", "proved", "since", "spoke", "waits_since",
    )  # fmt: skip

    def __init__(self, kind: StreamKind, driver: Driver, ended: Callable[[StreamConnection], None]) -> None:
        self._kind = kind
        self._driver = driver
        self._ended = ended
        self._framer = StreamFramer(dialled=kind.dialled)
        self._pending: list[bytes] = []
        self._touched = False
        self._reason = ""
        self._transport: asyncio.Transport | None = None
        self.closing = False
        self.failure: str | None = None  # why it was given up before it was up
        self.flow: Flow | None = None
        self.heard = False  # a whole message has arrived
        self.proved = False  # by a certificate, or by the answer to a challenge
        self.since = self.waits_since = time.monotonic()  # opened; since when an incomplete message waits
        self.spoke = self.since  # when the last whole message came
        self.pinged: float | None = None  # when we pinged; nothing came since
        self.ponged = False  # the peer has answered a ping: it knows how to

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's TLS transports do not inherit from it
        self._transport = transport
        self.since = self.waits_since = time.monotonic()
        kind = self._kind
        names: tuple[str, ...] = ()
        remote = transport.get_extra_info("peername")
        tls = transport.get_extra_info("ssl_object")
        if remote is None:  # reset before we got to it
            self._give_up("the peer closed the connection")
            return
        if tls is not None:
            certificate = tls.getpeercert()
            names = peer_names(certificate)
            self.proved = bool(names)
            if kind.verify_name is not None:
                try:
                    names = require_name(certificate, kind.verify_name)
                except PeerNameError as error:
                    self._give_up(str(error))
                    return
        transport.set_write_buffer_limits(_PAUSE)
        self._begin(names)

    def _begin(self, names: tuple[str, ...]) -> None:
        """From now on there is a flow. `names`: those of the peer's verified certificate."""
        kind, transport = self._kind, self._transport
        assert transport is not None
        local, remote = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        self.flow = flow = Flow(
            self._driver.flow_id(), kind.transport, local[:2], remote[:2], kind.nic, kind.row, kind.zone, names
        )
        self._driver.streams[flow.id] = self
        self._driver.tell(self._driver.core.flow_opened, flow, self.since)
        if not kind.dialled:
            self._driver.settle(self.since)

    def data_received(self, data: bytes) -> None:
        flow = self.flow
        if flow is None or self.closing:
            return
        now = time.monotonic()
        error: FramingError | None = None
        try:
            items = self._framer.feed(data)
        except FramingError as caught:
            items, error = caught.items, caught
        driver = self._driver
        for item in items:
            if type(item) is bytes:
                self.heard = True
                self.spoke = now
                driver.receive(item, flow, now)
            elif isinstance(item, Ping):
                self.write(b"\r\n")  # RFC 5626 §4.4.1
            else:
                self.ponged = True
                driver.tell(driver.core.pong, flow, now)
        if items or not self._framer.pending:
            self.waits_since = now
        self.pinged = None
        driver.settle(now)
        if error is not None:  # after the answers to what came before it
            self._unreadable(error, flow)

    def pause_writing(self) -> None:
        # A peer that does not read its answers gets no more of its requests read.
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> bool:
        return False  # a half-closed SIP connection is of no use: close

    def connection_lost(self, error: Exception | None) -> None:
        self.closing = True
        flow, self.flow = self.flow, None
        self._pending.clear()
        self._ended(self)
        if flow is None:
            return
        driver = self._driver
        driver.streams.pop(flow.id, None)
        reason = self._reason or (f"connection lost: {describe(error)}" if error else "closed by the peer")
        now = time.monotonic()
        driver.tell(driver.core.flow_closed, flow, now, reason)
        driver.settle(now)

    # -- StreamSender

    def write(self, data: bytes) -> None:
        if self.closing:
            return
        self._pending.append(data)
        if not self._touched:
            self._touched = True
            self._driver.touched.append(self)

    def flush(self) -> None:
        self._touched = False
        transport, pending = self._transport, self._pending
        if transport is None or not pending:
            return
        transport.write(b"".join(pending) if len(pending) > 1 else pending[0])
        pending.clear()
        waiting = transport.get_write_buffer_size()
        if waiting > (_BOUND if self._kind.zone is None else _BOUND_ZONE):
            self._driver.counters.add("sip.stream.not_reading")
            self._reason = "the peer does not read"
            self.closing = True
            transport.abort()

    def close(self, reason: str) -> None:
        """Send what is waiting, then close."""
        if self.closing:
            return
        self.flush()
        self.closing = True
        self._reason = reason
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        if not self.closing:
            self.closing = True
            self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def ping(self, now: float) -> None:
        """Ask for a sign of life (RFC 5626 §4.4.1)."""
        self.pinged = now
        self.write(b"\r\n\r\n")
        self.flush()

    @property
    def kind(self) -> StreamKind:
        return self._kind

    def forget(self) -> None:
        """Count it as gone, before its transport says so."""
        self._ended(self)

    @property
    def connected(self) -> bool:
        """Whether there is a transport; there may be no flow on it yet."""
        return self._transport is not None

    @property
    def source(self) -> str:
        """The peer's address, "" when it is not known."""
        remote = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(remote[0]) if remote else ""

    @property
    def of_zone(self) -> bool:
        """Whether it is at a traversal port, or dialled for a traversal zone."""
        return self._kind.zone is not None

    # -- limits

    def overdue(self, now: float, patience: float) -> str | None:
        """Why a slow sender is to be closed: nothing whole since it came, or half a message for too long."""
        if not self.heard and not self._kind.dialled and now - self.since > patience:
            return f"no whole message within {patience:g} s"
        if self._framer.pending and now - self.waits_since > patience:
            return f"half a message for {patience:g} s"
        return None

    def silent(self, now: float, seconds: float) -> bool:
        """Whether nothing has come for longer than the peer had promised, with some grace."""
        return now - self.waits_since > seconds + _GRACE

    # -- inside

    def _give_up(self, reason: str) -> None:
        self.failure = self._reason = reason
        self.closing = True
        assert self._transport is not None
        self._transport.abort()

    def _unreadable(self, error: FramingError, flow: Flow) -> None:
        """Answer a request that broke the framing when its head allows it, then close (RFC 3261 §18.3)."""
        driver = self._driver
        driver.counters.add("sip.stream.unreadable")
        if flow.zone is None:
            driver.offence(Category.MALFORMED, flow.remote[0], True)
        if driver.noise.allows(time.monotonic()):
            driver.log.warning("stream.unreadable", peer=flow.remote, row=flow.row, reason=str(error))
        if error.head:
            try:
                request = parse_lenient(error.head)
                if isinstance(request, Request) and request.method != b"ACK":
                    for name in (b"via", b"from", b"to", b"call-id", b"cseq"):
                        request.require(name)
                    self.write(build_response(request, error.status, tag=b"unreadable").serialise())
            except (WireError, ValueError):
                driver.counters.add("sip.stream.unanswered")
        self.close(str(error))
