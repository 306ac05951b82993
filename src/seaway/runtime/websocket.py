"""SIP over WebSocket (RFC 7118) on an accepted TLS connection: one SIP message in each WebSocket message.

Opening handshake, framing, pongs and closing are those of the `websockets` library's protocol without I/O. Here: who
may open one (subprotocol `sip`, allowed origins), fragments put together, keep-alives of browsers and our own pings.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from websockets.exceptions import InvalidMessage
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from seaway.policy.intrusion import Category
from seaway.runtime.driver import Driver
from seaway.runtime.stream import StreamConnection, StreamKind
from seaway.wire.sip.message import DEFAULT_LIMITS

__all__ = ["WebSocketConnection"]

_LARGEST = DEFAULT_LIMITS.head + DEFAULT_LIMITS.body  # octets of one WebSocket message, fragments together
_MOST_FRAGMENTS = 100
_HANDSHAKE = 16 * 1024  # octets of an opening handshake; browsers with all their cookies send less
_PING = 30.0  # seconds of silence after which we ping: firewalls and proxies forget quiet connections
_PONG = 20.0  # seconds for anything to come back

_QUIET = logging.getLogger("seaway.websockets")  # what the library would say is said by our own log
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class WebSocketConnection(StreamConnection):
    """`origins`: web origins whose pages may connect (RFC 6455 §10.2); programs send none and are let in."""

    __slots__ = ("_early", "_names", "_parts", "_protocol", "_spoilt")

    def __init__(
        self,
        kind: StreamKind,
        driver: Driver,
        ended: Callable[[StreamConnection], None],
        origins: Sequence[str] = (),
    ) -> None:
        super().__init__(kind, driver, ended)
        self._names: tuple[str, ...] = ()
        self._early = 0  # octets that came before the handshake was done
        self._parts: list[bytes] = []  # of a message that is not complete
        self._spoilt = False  # nothing that still comes counts
        self._protocol = ServerProtocol(
            origins=[*(Origin(each) for each in origins), None],
            subprotocols=[Subprotocol("sip")],  # RFC 7118 §4.1: required of the client, named in the answer
            max_size=_LARGEST,
            logger=_QUIET,
        )

    # -- in

    def _begin(self, names: tuple[str, ...]) -> None:
        self._names = names  # there is no flow before the handshake

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        now = time.monotonic()
        protocol, driver = self._protocol, self._driver
        protocol.receive_data(data)
        self.pinged = None
        for event in protocol.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
            elif isinstance(event, Frame):
                self._frame(event, now)
        if not self._parts:
            self.waits_since = now
        if self.flow is None:
            self._early += len(data)
            if self._early > _HANDSHAKE and protocol.handshake_exc is None:
                protocol.handshake_exc = InvalidMessage(f"a handshake of more than {_HANDSHAKE} octets")
        self._push()
        driver.settle(now)
        ended = protocol.state in (State.CLOSING, State.CLOSED) or protocol.handshake_exc is not None
        if ended and not self.closing:
            self._over()

    def eof_received(self) -> bool:
        self._protocol.receive_eof()
        return False

    def _shake_hands(self, request: Request) -> None:
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        if response.status_code == 101:
            super()._begin(self._names)

    def _frame(self, frame: Frame, now: float) -> None:
        if self._spoilt or frame.opcode in (Opcode.PING, Opcode.PONG, Opcode.CLOSE):
            return  # answered by the library
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            if len(self._parts) > _MOST_FRAGMENTS:
                self._spoilt = True
                self._protocol.fail(1008, "too many fragments")
            return
        message = b"".join(self._parts) if len(self._parts) > 1 else self._parts[0]
        self._parts.clear()
        flow, driver = self.flow, self._driver
        if flow is None:
            return
        if message == b"\r\n\r\n":
            self.write(b"\r\n")  # RFC 7118 §6, RFC 5626 §4.4.1
        elif not message.strip(b"\r\n"):
            driver.tell(driver.core.pong, flow, now)
        else:
            self.heard = True
            driver.receive(message, flow, now)

    def _over(self) -> None:
        """The handshake was refused, or one side has closed."""
        error = self._protocol.handshake_exc or self._protocol.parser_exc
        if error is not None:
            self._driver.counters.add("sip.websocket.refused")
            if (self.flow is not None or isinstance(error, InvalidMessage)) and self.source:  # not a mere wrong origin
                self._driver.offence(Category.MALFORMED, self.source, True)
            if self._driver.noise.allows(time.monotonic()):
                reason = " ".join(str(error).split())[:200]
                self._driver.log.info("websocket.refused", row=self._kind.row, reason=reason)
        super().close(str(error) if error is not None else "closed by the peer")

    # -- out

    def write(self, data: bytes) -> None:
        """One SIP message: text where it is UTF-8, for the sake of browsers (RFC 7118 §4.2)."""
        if self.closing or self._protocol.state is not State.OPEN:
            return
        try:
            data.decode()
        except UnicodeDecodeError:
            self._protocol.send_binary(data)
        else:
            self._protocol.send_text(data)
        self._push()

    def close(self, reason: str) -> None:
        if self._protocol.state is State.OPEN and not self.closing:
            self._protocol.send_close(1000)
            self._push()
        super().close(reason)

    def _push(self) -> None:
        """What the protocol has to send waits for the next flush."""
        for octets in self._protocol.data_to_send():
            if octets:  # b"" would be the end, which the transport says by closing
                super().write(octets)

    # -- limits

    def overdue(self, now: float, patience: float) -> str | None:
        """Why it is to be closed. A quiet one is pinged first."""
        if self.flow is None:
            return f"no WebSocket handshake within {patience:g} s" if now - self.since > patience else None
        if not self.heard and now - self.since > patience:
            return f"no whole message within {patience:g} s"
        if self._parts and now - self.waits_since > patience:
            return f"half a message for {patience:g} s"
        if self.pinged is not None:
            return f"no pong within {_PONG:g} s" if now - self.pinged > _PONG else None
        if now - self.waits_since > _PING and self._protocol.state is State.OPEN and not self._parts:
            self.pinged = now
            self._protocol.send_ping(b"")
            self._push()
            self.flush()
        return None
