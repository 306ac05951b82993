"""Security of the media of an anchored call as its SDP tells it, which the relay passes on (rules R13, R17).

An answer has to be as secure as its offer, or it is refused with 488: nobody may be led to believe in SRTP that is not
there. Keys of `a=crypto` (RFC 4568) go to the relay, so that only packets which authenticate under them count there.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from seaway.core.srtp.suites import SUITES
from seaway.media.protocol import LegName, Security, SrtpKey
from seaway.wire.errors import WireError
from seaway.wire.sdp.crypto import CryptoLine, parse_crypto
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.media import Media
from seaway.wire.sdp.session import Session

__all__ = ["MediaSecurity", "is_secure", "usable"]

_MAX_LINES = 16  # of a=crypto in one media description
_OTHER_KEYS = (b"fingerprint", b"key-mgmt", b"zrtp-hash")  # RFC 5763, RFC 4567, RFC 6189
_SECTION = "RFC 4568 §5.1.2"


def is_secure(media: Media) -> bool:
    """Whether the profile is one of SRTP: RTP/SAVP, RTP/SAVPF (RFC 5124), and those over DTLS (RFC 5764 §8)."""
    return b"SAVP" in media.proto.upper()


def usable(line: CryptoLine) -> tuple[SrtpKey, ...]:
    """The keys of a line; () when its suite or a parameter is not spoken here, or packets cannot be authenticated."""
    suite = SUITES.get(line.suite.decode("latin-1"))
    if suite is None:
        return ()
    for parameter in line.parameters:
        if not parameter.startswith((b"UNENCRYPTED_SRT", b"WSH=")) or (suite.aead and parameter.startswith(b"UNENC")):
            return ()
    if any(len(each.key) != suite.key + suite.salt for each in line.keys):
        return ()
    return tuple(
        SrtpKey(suite.name, b64encode(each.key).decode("ascii"), each.mki.hex())  # type: ignore[arg-type]
        for each in line.keys
    )


@dataclass(frozen=True, slots=True)
class _Offered:
    """What an answer is compared with."""

    enabled: bool
    secure: bool
    proto: bytes
    lines: tuple[CryptoLine | None, ...]  # `None`: one that cannot be read
    other_keys: bool


class MediaSecurity:
    """Of one call. `told_before`: an earlier signalling process may have told the relay of keys."""

    __slots__ = ("_by", "_offer", "_told", "_told_before", "unanswered")
    ends = False

    def __init__(self, *, told_before: bool = False) -> None:
        self._offer: tuple[_Offered, ...] = ()
        self._by: LegName = "a"
        self._told: dict[tuple[int, LegName], tuple[SrtpKey, ...]] = {}
        self._told_before = told_before
        self.unanswered: LegName | None = None
        """Whose offer has no answer yet."""

    def described(self, session: str, sdp: Session, side: LegName, *, answer: bool) -> list[Security]:
        """One side described its media; what the relay has to know, to be told ahead of the addresses.

        Raises `SdpError` (488) for an answer that is less secure than its offer.
        """
        described = tuple(_read(sdp, media) for media in sdp.media)
        keys: dict[tuple[int, LegName], tuple[SrtpKey, ...]] = {}
        if answer and self._by != side:
            for index, (offered, given) in enumerate(zip(self._offer, described, strict=False)):
                chosen = _chosen(index, offered, given)
                other: LegName = "b" if side == "a" else "a"
                keys[index, side] = _keys((given.lines if chosen is not None else ())[:1])
                keys[index, other] = _keys(() if chosen is None else (chosen,))
            self.unanswered = None
        else:
            self._offer, self._by, self.unanswered = described, side, side
            for index, each in enumerate(described):
                found = _keys(each.lines)
                before = self._told.get((index, side), ()) if found else ()  # in use until the answer comes
                keys[index, side] = tuple(dict.fromkeys((*found, *before)))[:_MAX_LINES]
        return [
            Security(session, *leg, "verify" if found else "pass", found)
            for leg, found in keys.items()
            if self._news(leg, found)
        ]

    def _news(self, leg: tuple[int, LegName], keys: tuple[SrtpKey, ...]) -> bool:
        known = self._told.get(leg)
        self._told[leg] = keys
        return self._told_before if known is None and not keys else known != keys


def _read(sdp: Session, media: Media) -> _Offered:
    lines: list[CryptoLine | None] = []
    for value in media.attributes(b"crypto")[: _MAX_LINES + 1]:
        try:
            lines.append(parse_crypto(value) if len(lines) < _MAX_LINES else None)
        except WireError:
            lines.append(None)
    other = any(media.has(name) or sdp.has(name) for name in _OTHER_KEYS)
    return _Offered(media.enabled, is_secure(media), media.proto, tuple(lines), other)


def _chosen(index: int, offered: _Offered, given: _Offered) -> CryptoLine | None:
    """The offered line that an answer took; `None`: none. Raises `SdpError`."""
    if not given.enabled or not offered.enabled:
        return None
    where = f"media description {index + 1}"
    if offered.secure and not given.secure:
        theirs, ours = given.proto.decode("latin-1"), offered.proto.decode("latin-1")
        raise SdpError(f"{where}: the answer is {theirs}, {ours} was offered", status=488, section="RFC 3264 §6")
    line = given.lines[0] if given.lines else None
    if line is not None:
        for each in offered.lines:
            if each is not None and (each.tag, each.suite) == (line.tag, line.suite):
                return each
    if given.lines and any(each is not None for each in offered.lines):
        raise SdpError(f"{where}: a=crypto of the answer was not offered", status=488, section=_SECTION)
    if offered.secure and offered.lines and not (offered.other_keys and given.other_keys):
        raise SdpError(f"{where}: SRTP was offered and the answer has no key", status=488, section=_SECTION)
    return None


def _keys(lines: tuple[CryptoLine | None, ...]) -> tuple[SrtpKey, ...]:
    """All keys that count; () when there is a line of which packets could not be told from garbage."""
    found: list[SrtpKey] = []
    for line in lines:
        keys = usable(line) if line is not None else ()
        if not keys:
            return ()
        found += keys
    return tuple(dict.fromkeys(found))[:_MAX_LINES] if len(found) <= _MAX_LINES else ()
