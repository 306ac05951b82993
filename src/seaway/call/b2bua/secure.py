"""Media security of a call through the B2BUA: each leg as its zone wants it, ended in the relay (RFC 4568, RFC 5763).

Stands in the place of `call/media_security.py`, with which keys only pass. An offer comes in as one zone allows and
goes out as the other demands; its answer goes back in the terms of the offer. Where that is not possible it is refused
with 488: there is no silent fall-back from SRTP (R17).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

from seaway.call.b2bua.profiles import KEY_LINES, SPOKEN, Given, Kind, bad, is_rtp, profile, read
from seaway.core.srtp.suites import SUITES
from seaway.media.protocol import LegName, Security, SrtpKey
from seaway.policy.zone_settings import MediaEncryption
from seaway.wire.sdp.crypto import CryptoLine
from seaway.wire.sdp.media import Media
from seaway.wire.sdp.session import Session

__all__ = ["Translation", "enforced"]


def enforced(one: MediaEncryption, other: MediaEncryption) -> bool:
    """Whether a zone demands anything: then protection ends here, else it passes."""
    return (one, other) != ("auto", "auto")


@dataclass(slots=True)
class _Leg:
    """One leg of one stream. `kind` is what was agreed, `offered` what we have offered to it, `both`: SRTP in an offer
    of RTP/AVP (RFC 8643). `given` is its own last offer, `chosen` the line of it that we take."""

    kind: Kind | None = None
    offered: Kind = "rtp"
    both: bool = False
    given: Given | None = None
    taken: Kind = "rtp"
    chosen: tuple[CryptoLine, tuple[SrtpKey, ...]] | None = None
    keys: dict[str, SrtpKey] = field(default_factory=dict)  # ours, by suite
    told: Security | None = None


class Translation:
    """Of one call. `policies` are those of the zones of leg a and leg b, `random(n)` gives n random octets.
    `fingerprint()` is of the relay's certificate, "" when there is no DTLS."""

    ends = True

    def __init__(
        self, policies: tuple[MediaEncryption, MediaEncryption], random: Callable[[int], bytes],
        fingerprint: Callable[[], str],
    ) -> None:  # fmt: skip
        self._policies: dict[LegName, MediaEncryption] = {"a": policies[0], "b": policies[1]}
        self._random = random
        self._own_fingerprint = fingerprint
        self._streams: list[dict[LegName, _Leg]] = []
        self.unanswered: LegName | None = None

    def described(self, session: str, sdp: Session, side: LegName, *, answer: bool) -> list[Security]:
        """One side described its media: rewrite it for the other side. What the relay has to know, to be told ahead of
        the addresses. Raises `SdpError` (488)."""
        other: LegName = "b" if side == "a" else "a"
        while len(self._streams) < len(sdp.media):
            self._streams.append({"a": _Leg(), "b": _Leg()})
        found: list[Security] = []
        for index, (media, legs) in enumerate(zip(sdp.media, self._streams, strict=False)):
            if not is_rtp(media):
                if answer and legs[other].given is not None:
                    raise bad(index, f"the answer is {media.proto.decode('latin-1')}, RTP was offered")
                self._no_rtp(media)
                continue
            given = read(sdp, media)
            if answer:
                found += self._answer(session, index, media, given, legs[side], legs[other], (side, other))
            else:
                found += self._offer(session, index, media, given, legs[side], legs[other], (side, other))
        sdp.remove_attributes(KEY_LINES)
        self.unanswered = None if answer else side
        return found

    def _no_rtp(self, media: Media) -> None:
        """BFCP and other lines have no protection that ends here: they are refused where a zone demands it."""
        if media.enabled and "force-encrypted" in self._policies.values():
            media.set_port(0)

    # -- offers

    def _offer(
        self, session: str, index: int, media: Media, given: Given, near: _Leg, far: _Leg,
        sides: tuple[LegName, LegName],
    ) -> list[Security]:  # fmt: skip
        first = near.kind is None and far.kind is None
        media.remove_attributes(KEY_LINES)
        if media.enabled:
            near.given = given
            near.taken, near.chosen = self._take(index, given, sides[0])
            far.offered, far.both = self._form(near, far, sides[1])
        else:
            near.given = given
            far.offered, far.both = far.kind or "rtp", False
        # The F of WebRTC's profile is always there and says nothing of what the peer wants.
        media.set_proto(profile("rtp" if far.both else far.offered, given.feedback and not given.dtls))
        if far.offered == "srtp" and media.enabled:
            for tag, suite in enumerate(SPOKEN, 1):  # the same each time: an answer is read as it was offered
                media.add_attribute(b"crypto", _line(tag, self._key(far, suite)))
        if far.offered != "rtp" and media.enabled and self._own_fingerprint():
            self._fingerprint(media, b"actpass")
        if not first or not media.enabled:
            return []
        # Nothing may cross before the answer tells the keys.
        waiting = "srtp" if far.offered != "rtp" and not far.both else "rtp"
        return self._news(far, Security(session, index, sides[1], waiting))  # type: ignore[arg-type]

    def _take(
        self, index: int, given: Given, side: LegName
    ) -> tuple[Kind, tuple[CryptoLine, tuple[SrtpKey, ...]] | None]:
        """How an offer of `side` is taken. Raises `SdpError`."""
        policy = self._policies[side]
        if policy == "force-unencrypted":
            if given.secure:
                raise bad(index, f"{given.proto.decode('latin-1')} is offered, and the zone has media in clear only")
            return "rtp", None
        if given.dtls or (given.fingerprints and not given.lines and self._own_fingerprint()):
            if not given.fingerprints:
                raise bad(index, "DTLS-SRTP is offered without a fingerprint by a strong hash")
            if not self._own_fingerprint():
                raise bad(index, "DTLS-SRTP is offered, and the relay here has none")
            if given.setup == b"holdconn":
                raise bad(index, "DTLS-SRTP is offered with setup:holdconn")
            return "dtls", None
        if given.lines:
            return "srtp", given.lines[0]
        if given.secure:
            raise bad(index, f"SRTP is offered without a key that can be taken ({given.refused or 'no a=crypto'})")
        if policy == "force-encrypted":
            raise bad(index, f"{given.proto.decode('latin-1')} is offered, and the zone has encrypted media only")
        return "rtp", None

    def _form(self, near: _Leg, far: _Leg, side: LegName) -> tuple[Kind, bool]:
        """How the offer goes out to `side`, and whether it may be answered without SRTP: with best effort, or when the
        other side offers SRTP in RTP/AVP itself."""
        policy = self._policies[side]
        if policy == "force-unencrypted" or (policy == "auto" and near.taken == "rtp"):
            return "rtp", False
        if far.kind == "dtls":
            return "dtls", False
        soft = near.given is not None and not near.given.secure
        return "srtp", policy == "best-effort" or (policy == "auto" and soft)

    # -- answers

    def _answer(
        self, session: str, index: int, media: Media, given: Given, near: _Leg, far: _Leg,
        sides: tuple[LegName, LegName],
    ) -> list[Security]:  # fmt: skip
        """`near` has answered what we offered it; `far` made the offer."""
        offer = far.given
        if offer is None:
            raise bad(index, "it was not offered")
        media.remove_attributes(KEY_LINES)
        media.set_proto(offer.proto)
        if not media.enabled:
            return []
        ours = self._checked(session, index, given, near, sides[0])
        near.kind, far.kind = ours.mode, far.taken  # type: ignore[assignment]
        return [*self._news(near, ours), *self._news(far, self._agreed(session, index, media, offer, far, sides[1]))]

    def _checked(self, session: str, index: int, given: Given, near: _Leg, side: LegName) -> Security:
        """What an answer means for its own leg. Raises `SdpError` when it is less than what was offered."""
        wanted = "SRTP" if near.offered == "srtp" else "DTLS-SRTP" if near.offered == "dtls" else "RTP"
        said = given.proto.decode("latin-1")
        if near.offered == "dtls":
            if not given.dtls or not given.fingerprints:
                raise bad(index, f"the answer is {said} without a strong fingerprint, {wanted} was offered")
            return self._dtls(session, index, given, side)
        if given.proto.startswith(b"UDP/TLS/"):
            raise bad(index, f"the answer is {said}, {wanted} was offered")
        if given.secure is not (near.offered == "srtp" and not near.both):
            raise bad(index, f"the answer is {said}, {wanted} was offered")
        none = not given.lines and not given.fingerprints and not given.refused
        if near.offered == "rtp" or (near.both and near.kind in (None, "rtp") and none):
            return Security(session, index, side, "rtp")
        if given.fingerprints and not given.lines and self._own_fingerprint():  # both were offered
            return self._dtls(session, index, given, side)
        for line, keys in given.lines[:1]:
            suite = line.suite.decode("latin-1")
            if 1 <= line.tag <= len(SPOKEN) and SPOKEN[line.tag - 1] == suite:
                return Security(session, index, side, "srtp", keys, self._key(near, suite))
        raise bad(index, f"SRTP was offered and the answer has none of its keys ({given.refused or 'no a=crypto'})")

    def _agreed(self, session: str, index: int, media: Media, offer: Given, far: _Leg, side: LegName) -> Security:
        """Write our answer to the offer of `far`."""
        if far.taken == "dtls":
            self._fingerprint(media, b"active" if offer.setup == b"passive" else b"passive")
            return self._dtls(session, index, offer, side)
        if far.taken == "srtp":
            assert far.chosen is not None
            line, keys = far.chosen
            key = self._key(far, line.suite.decode("latin-1"))
            media.add_attribute(b"crypto", _line(line.tag, key))
            return Security(session, index, side, "srtp", keys, key)
        return Security(session, index, side, "rtp")

    def _dtls(self, session: str, index: int, given: Given, side: LegName) -> Security:
        role = "active" if given.setup == b"passive" else "passive"
        return Security(session, index, side, "dtls", role=role, fingerprints=given.fingerprints)  # type: ignore[arg-type]

    # -- inside

    def _fingerprint(self, media: Media, setup: bytes) -> None:
        media.add_attribute(b"fingerprint", b"sha-256 " + self._own_fingerprint().encode())
        media.add_attribute(b"setup", setup)

    def _key(self, leg: _Leg, suite: str) -> SrtpKey:
        """Our key of `leg` for `suite`: the same as long as the call lasts."""
        known = leg.keys.get(suite)
        if known is None:
            spec = SUITES[suite]
            octets = self._random(spec.key + spec.salt)
            known = leg.keys[suite] = SrtpKey(suite, b64encode(octets).decode("ascii"))  # type: ignore[arg-type]
        return known

    def _news(self, leg: _Leg, security: Security) -> list[Security]:
        if leg.told == security:
            return []
        leg.told = security
        return [security]


def _line(tag: int, key: SrtpKey) -> bytes:
    return f"{tag} {key.suite} inline:{key.key}".encode()
