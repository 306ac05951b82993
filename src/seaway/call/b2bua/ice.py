"""ICE in the SDP of a call through the B2BUA: the relay as an ICE-lite agent towards zones with `ice` (RFC 8839 §5).

Our offers have its credential and host candidates; our answers when the peer's offer has ICE. What the peer says of its
own candidates is of no use to a lite agent, which never sends a check: only that it has ICE counts, and its user name
fragment, another one of which is a restart (RFC 8445 §9).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seaway.call.b2bua.profiles import is_rtp
from seaway.call.record import Protection
from seaway.media.protocol import Ice, LegAddress, LegName, Security
from seaway.wire.sdp.media import Media
from seaway.wire.sdp.session import Session

__all__ = ["IceTranslation"]

_HOST = 126 << 24 | 65535 << 8  # RFC 8445 §5.1.2.1: type preference of host candidates, one local preference


@dataclass(slots=True)
class _Leg:
    """`theirs` is the peer's user name fragment, `None` when it has said nothing of ICE. `told`: streams that the relay
    has the credential of."""

    wanted: bool
    ufrag: str = ""
    password: str = ""
    theirs: bytes | None = None
    told: set[int] | None = None


class IceTranslation:
    """In front of another `Protection`. `wanted` tells for leg a and leg b whether their zones have ICE."""

    def __init__(self, wanted: tuple[bool, bool], inner: Protection, random: Callable[[int], bytes]) -> None:
        self._legs: dict[LegName, _Leg] = {"a": _Leg(wanted[0]), "b": _Leg(wanted[1])}
        self._inner = inner
        self._random = random
        self._writing: LegName = "b"
        self._answering = False

    @property
    def unanswered(self) -> LegName | None:
        """Whose offer has no answer yet."""
        return self._inner.unanswered

    def described(self, session: str, sdp: Session, side: LegName, *, answer: bool) -> list[Security | Ice]:
        """As `Protection.described`; what the relay has to know of ICE comes first."""
        near = self._legs[side]
        self._writing, self._answering = ("b" if side == "a" else "a"), answer
        told: list[Security | Ice] = []
        if near.wanted:
            told += self._read(session, sdp, side, near)
        told += self._inner.described(session, sdp, side, answer=answer)
        return told

    def _read(self, session: str, sdp: Session, side: LegName, near: _Leg) -> list[Ice]:
        found = _fragment(sdp)
        if found is None:
            gone, near.told, near.theirs = near.told or set(), None, None
            return [Ice(session, index, side, "", "") for index in sorted(gone)]
        if near.theirs is not None and found != near.theirs:
            near.ufrag, near.told = "", None  # a restart: ours are new as well
        near.theirs = found
        self._credential(near)
        told = near.told = near.told or set()
        fresh = [index for index, media in enumerate(sdp.media) if _has_ice(sdp, media) and index not in told]
        told.update(fresh)
        return [Ice(session, index, side, near.ufrag, near.password) for index in fresh]

    def write(self, sdp: Session, addresses: list[LegAddress]) -> None:
        """Put our side of ICE into a description that goes out, with our addresses in it already."""
        leg = self._legs[self._writing]
        if not leg.wanted or (self._answering and leg.theirs is None):
            return
        self._credential(leg)
        sdp.add_attribute(b"ice-lite")
        for media, local in zip(sdp.media, addresses, strict=False):
            if not media.enabled or not is_rtp(media):
                continue
            media.add_attribute(b"ice-ufrag", leg.ufrag.encode())
            media.add_attribute(b"ice-pwd", leg.password.encode())
            for component, (host, port) in enumerate((local.rtp, local.rtcp), 1):
                text = f"1 {component} UDP {_HOST | 256 - component} {host} {port} typ host"
                media.add_attribute(b"candidate", text.encode())

    def _credential(self, leg: _Leg) -> None:
        """RFC 8839 §5.4: at least 24 bits of randomness in the fragment, 128 in the password."""
        if not leg.ufrag:
            leg.ufrag, leg.password = self._random(4).hex(), self._random(16).hex()


def _has_ice(sdp: Session, media: Media) -> bool:
    return media.enabled and is_rtp(media) and (media.has(b"ice-ufrag") or sdp.has(b"ice-ufrag"))


def _fragment(sdp: Session) -> bytes | None:
    """The user name fragment of the first stream with ICE; `None` when there is none."""
    found = [
        media.attribute(b"ice-ufrag") or sdp.attribute(b"ice-ufrag") or b""
        for media in sdp.media
        if _has_ice(sdp, media)
    ]
    return found[0] if found else None
