"""Directions of media that both sides of a call have agreed on, for the relay (rule R20): who is on hold, mute or only
listens, is not heard on the other side whatever it sends, DTMF in RTP included.

An answer counts when it is final, an offer at once for what it allows: no media is cut for want of signalling that is
still on its way. A side is paused when both descriptions say that it sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from seaway.call.media_security import is_secure
from seaway.media.protocol import LegName, Pause
from seaway.wire.sdp.session import Session

__all__ = ["Directions", "directions_of"]

_SENDS = frozenset((b"sendrecv", b"sendonly", b""))
_RECEIVES = frozenset((b"sendrecv", b"recvonly", b""))
_BOTH: tuple[LegName, LegName] = ("a", "b")


def directions_of(session: Session, *, sealed: bool) -> tuple[bytes, ...]:
    """What each media description says, "off" with port 0; b"" where nothing is to be paused: it is no RTP, or
    with `sealed` SRTP that passes, whose receiver would lose count of packets that it never sees (RFC 3711 §3.3.1)."""
    return tuple(
        b"" if b"RTP/" not in media.proto.upper() or (sealed and is_secure(media))
        else session.direction_of(index) if media.enabled else b"off"
        for index, media in enumerate(session.media)
    )  # fmt: skip


class Directions:
    """Of one call. `told_before`: an earlier signalling process may have told the relay of pauses."""

    __slots__ = ("_before", "_paused", "_said", "_told_before")

    def __init__(self, *, told_before: bool = False) -> None:
        self._said: dict[LegName, tuple[bytes, ...]] = {}
        self._before: dict[LegName, tuple[bytes, ...]] | None = None  # while an offer is open
        self._paused: dict[tuple[int, LegName], bool] = {}
        self._told_before = told_before

    def described(self, session: str, side: LegName, said: tuple[bytes, ...], *, answer: bool) -> list[Pause]:
        """One side described its media; which pauses end at once."""
        if not answer and self._before is None:
            self._before = dict(self._said)
        self._said[side] = said
        if answer:
            return []
        other: LegName = "b" if side == "a" else "a"
        told: list[Pause] = []
        for index, direction in enumerate(said):
            if direction in _SENDS:
                told += self._tell(session, index, side, False)
            if direction in _RECEIVES:
                told += self._tell(session, index, other, False)
        return told

    def settled(self, session: str, *, failed: bool) -> list[Pause]:
        """The exchange is over; which pauses begin and end. `failed`: the offer was refused (RFC 3261 §14.1)."""
        if failed and self._before is None:
            return []
        if failed and self._before is not None:
            self._said = self._before
        self._before = None
        if len(self._said) < 2:
            return []
        a, b = self._said["a"], self._said["b"]
        return [
            each
            for index in range(min(len(a), len(b)))
            for side, paused in zip(_BOTH, _pauses(a[index], b[index]), strict=True)
            for each in self._tell(session, index, side, paused)
        ]

    def _tell(self, session: str, index: int, side: LegName, paused: bool) -> Iterator[Pause]:
        known = self._paused.get((index, side), None if self._told_before else False)
        if known is not paused:
            self._paused[index, side] = paused
            yield Pause(session, index, side, paused)


def _pauses(a: bytes, b: bytes) -> tuple[bool, bool]:
    if b"" in (a, b):
        return False, False
    if b"off" in (a, b):
        return True, True
    return a not in _SENDS and b not in _RECEIVES, b not in _SENDS and a not in _RECEIVES
