"""Reliable provisional responses in one dialog (RFC 3262): RSeq, RAck, and when the next may go out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from seaway.core.sip.timers import T1, TIMEOUT
from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Message

__all__ = ["Outstanding", "ReliableReceiver", "ReliableSender", "rack_of", "rseq_of"]

_MAX = 2**32 - 1
_MAX_WAITING = 8  # provisional responses that wait for the PRACK of one before


def rseq_of(message: Message) -> int:
    """RSeq of a response. Raises `SipError` (400)."""
    try:
        return parse_digits(message.require(b"rseq"), maximum=_MAX)
    except WireError as error:
        raise SipError(f"RSeq: {error.what}", section="RFC 3262 §7.1") from None


def rack_of(message: Message) -> tuple[int, int, bytes]:
    """RAck of a PRACK: RSeq, CSeq number and method of what it acknowledges. Raises `SipError` (400)."""
    parts = message.require(b"rack").split()
    if len(parts) != 3:
        raise SipError("RAck has not three parts", section="RFC 3262 §7.2")
    try:
        return parse_digits(parts[0], maximum=_MAX), parse_digits(parts[1], maximum=_MAX), parts[2]
    except WireError as error:
        raise SipError(f"RAck: {error.what}", section="RFC 3262 §7.2") from None


@dataclass(slots=True)
class Outstanding:
    """A reliable response without its PRACK. `item` is the owner's."""

    number: int
    item: Any
    since: float
    interval: float = T1


class ReliableSender:
    """The UAS side: one response at a time is on its way, the next waits for its PRACK (RFC 3262 §3)."""

    __slots__ = ("_next", "_waiting", "current")

    def __init__(self, first: int) -> None:
        self._next = first  # RFC 3262 §3: 1 to 2**31 - 1, chosen at random
        self._waiting: deque[Any] = deque()
        self.current: Outstanding | None = None

    def send(self, item: Any, now: float) -> Outstanding | None:
        """`item` shall go out: `Outstanding` when it goes now, `None` when it waits, or is one too many."""
        if self.current is not None:
            if len(self._waiting) < _MAX_WAITING:
                self._waiting.append(item)
            return None
        self.current = Outstanding(self._next, item, now)
        self._next += 1
        return self.current

    def acknowledged(self, number: int) -> Outstanding | None:
        """The PRACK for `number` came; `None` when nothing of that number is on its way: 481."""
        found = self.current
        if found is None or found.number != number:
            return None
        self.current = None
        return found

    def next(self, now: float) -> Outstanding | None:
        """What goes out after a PRACK."""
        return self.send(self._waiting.popleft(), now) if self._waiting and self.current is None else None

    def again(self, now: float) -> float | None:
        """The current response is due again: seconds until the next time, `None` when 64*T1 are over."""
        current = self.current
        if current is None or now - current.since >= TIMEOUT - 1e-6:
            return None
        current.interval *= 2
        return min(current.interval, current.since + TIMEOUT - now)

    def stop(self) -> None:
        """A final response went out."""
        self.current = None
        self._waiting.clear()


class ReliableReceiver:
    """The UAC side: takes reliable responses in order, once each (RFC 3262 §4)."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: int | None = None

    def accept(self, number: int) -> bool:
        """Whether the response with this RSeq is new and in order; a repeated or early one is dropped."""
        if self._last is not None and number != self._last + 1:
            return False
        self._last = number
        return True
