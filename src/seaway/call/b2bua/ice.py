"""ICE in the SDP of a call through the B2BUA: the relay as an ICE-lite agent towards zones with `ice` (RFC 8839 §5).

Our offers have its credential and host candidates; our answers when the peer's offer has ICE. What the peer says of its
own candidates is of no use to a lite agent, which never sends a check: only that it has ICE counts, and its user name
fragment, another one of which is a restart (RFC 8445 §9). Towards the same zones RTCP shares a port with RTP where both
sides want that (RFC 5761), ICE or not; and the first line alone stays in a bundle (RFC 9143 §7.3.3), so that each line
has a port of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from seaway.call.b2bua.profiles import is_rtp
from seaway.call.record import Protection
from seaway.media.protocol import Ice, LegAddress, LegName, Security
from seaway.wire.sdp.media import Media
from seaway.wire.sdp.session import Session

__all__ = ["IceTranslation"]

_HOST = 126 << 24 | 65535 << 8  # RFC 8445 §5.1.2.1: type preference of host candidates, one local preference
_MAX_TOKEN = 256  # characters of a fragment or an identification of a media description


@dataclass(slots=True)
class _Leg:
    """`theirs` has the peer's user name fragment by stream, as it said last; nothing when it has no ICE. `told` is what
    the relay knows, `before` what there was before the last restart. `mids`: how the peer
    names its streams (RFC 5888), `bundles`: it has some in a bundle."""

    wanted: bool
    ufrag: str = ""
    password: str = field(default="", repr=False)
    theirs: dict[int, str] = field(default_factory=dict)
    mux: set[int] = field(default_factory=set)
    told: dict[int, Ice] = field(default_factory=dict)
    before: tuple[dict[int, str], str, str] = field(default=({}, "", ""), repr=False)
    mids: dict[int, bytes] = field(default_factory=dict)
    bundles: bool = False


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

    @property
    def ends(self) -> bool:
        """Whether SRTP ends in the relay."""
        return self._inner.ends

    def described(self, session: str, sdp: Session, side: LegName, *, answer: bool) -> list[Security | Ice]:
        """As `Protection.described`; what the relay has to know of ICE comes first."""
        near = self._legs[side]
        self._writing, self._answering = ("b" if side == "a" else "a"), answer
        told: list[Security | Ice] = []
        if near.wanted:
            told += self._read(session, sdp, side, near, answer=answer)
        told += self._inner.described(session, sdp, side, answer=answer)
        return told

    def _read(self, session: str, sdp: Session, side: LegName, near: _Leg, *, answer: bool) -> list[Ice]:
        found = {} if sdp.has(b"ice-lite") else _fragments(sdp)  # two lite agents have nobody who checks
        if not answer and any(found.get(index, each) != each for index, each in near.theirs.items()):
            self._restart(near, found)
        near.theirs = found
        near.mux = {index for index, each in _streams(sdp) if each.has(b"rtcp-mux")}
        near.mids = {
            index: mid for index, each in enumerate(sdp.media)
            if (mid := each.attribute(b"mid")) is not None and len(mid) <= _MAX_TOKEN
        }  # fmt: skip
        near.bundles = any(each.startswith(b"BUNDLE ") for each in sdp.attributes(b"group"))
        if found:
            self._credential(near)
        news: list[Ice] = []
        for index, _ in _streams(sdp):
            mux, theirs = index in near.mux, found.get(index)
            ours = (near.ufrag, near.password) if theirs is not None else ("", "")
            ice = Ice(session, index, side, *ours, theirs or "", mux)
            if near.told.get(index, Ice(session, index, side)) != ice:
                near.told[index] = ice
                news.append(ice)
        return news

    def write(self, sdp: Session, addresses: list[LegAddress]) -> None:
        """Put our side of ICE into a description that goes out, with our addresses in it already."""
        leg = self._legs[self._writing]
        if not leg.wanted:
            return
        ice = not self._answering or bool(leg.theirs)
        if ice:
            self._credential(leg)
            sdp.add_attribute(b"ice-lite")
            sdp.add_attribute(b"ice-options", b"ice2")
        first = next((index for index, _ in _streams(sdp)), None)
        if first is not None and not self._answering:
            leg.mids.setdefault(first, b"%d" % first)
        if first in leg.mids and (leg.bundles or not self._answering):
            sdp.add_attribute(b"group", b"BUNDLE " + leg.mids[first])
        for index, (media, local) in enumerate(zip(sdp.media, addresses, strict=False)):
            if index in leg.mids:
                media.add_attribute(b"mid", leg.mids[index])
            if not media.enabled or not is_rtp(media):
                continue
            one = self._answering and index in leg.mux
            if one:
                media.set_rtcp(local.rtp[1])
            if one or not self._answering:
                media.add_attribute(b"rtcp-mux")
            if ice and (not self._answering or index in leg.theirs):
                _candidates(media, leg, (local.rtp,) if one else (local.rtp, local.rtcp))

    def _restart(self, near: _Leg, found: dict[int, str]) -> None:
        """Ours are new as well, or those of before when the offer of a restart was refused."""
        fragments, ufrag, password = near.before
        near.before = near.theirs, near.ufrag, near.password
        near.ufrag, near.password = (ufrag, password) if fragments == found else ("", "")

    def _credential(self, leg: _Leg) -> None:
        """RFC 8839 §5.4: at least 24 bits of randomness in the fragment, 128 in the password."""
        if not leg.ufrag:
            leg.ufrag, leg.password = self._random(4).hex(), self._random(16).hex()


def _candidates(media: Media, leg: _Leg, components: tuple[tuple[str, int], ...]) -> None:
    media.add_attribute(b"ice-ufrag", leg.ufrag.encode())
    media.add_attribute(b"ice-pwd", leg.password.encode())
    for component, (host, port) in enumerate(components, 1):
        text = f"1 {component} UDP {_HOST | 256 - component} {host} {port} typ host"
        media.add_attribute(b"candidate", text.encode())
    media.add_attribute(b"end-of-candidates")


def _streams(sdp: Session) -> list[tuple[int, Media]]:
    """Those that ICE is for."""
    return [(index, media) for index, media in enumerate(sdp.media) if media.enabled and is_rtp(media)]


def _fragments(sdp: Session) -> dict[int, str]:
    """The user name fragments of the streams with ICE; those with one that is malformed have none."""
    found = {}
    for index, media in _streams(sdp):
        value = media.attribute(b"ice-ufrag") or sdp.attribute(b"ice-ufrag") or b""
        if 4 <= len(value) <= _MAX_TOKEN and value.isascii() and b":" not in value:
            found[index] = value.decode("ascii")
    return found
