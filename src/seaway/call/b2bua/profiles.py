"""RTP profiles and keys in one media description: what a peer offers or answers (RFC 3551, 3711, 4585, 5124, 5764)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Literal

from seaway.core.srtp.suites import SUITES
from seaway.media.protocol import Fingerprint, SrtpKey
from seaway.wire.errors import WireError
from seaway.wire.sdp.crypto import CryptoLine, parse_crypto
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.media import Media
from seaway.wire.sdp.session import Session

__all__ = ["KEY_LINES", "SPOKEN", "Given", "is_rtp", "profile", "read"]

Kind = Literal["rtp", "srtp", "dtls"]

SPOKEN = ("AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80")
"""Suites that end here, preferred first. Those with a tag of 32 bits are not offered and not taken."""

KEY_LINES = frozenset(
    (b"crypto", b"fingerprint", b"setup", b"tls-id", b"connection", b"key-mgmt", b"zrtp-hash", b"dtls-id")
)
"""Attributes that belong to one leg's protection (RFC 4568, 8122, 4145, 8842, 4567, 6189)."""

_HASHES = frozenset(("sha-256", "sha-384", "sha-512"))
_MOST = 16  # lines of a kind that are looked at
_RTP = frozenset((b"RTP/AVP", b"RTP/AVPF", b"RTP/SAVP", b"RTP/SAVPF", b"UDP/TLS/RTP/SAVP", b"UDP/TLS/RTP/SAVPF"))


@dataclass(frozen=True, slots=True)
class Given:
    """What one side said of one stream. `lines`: usable `a=crypto` with their keys, in order. `refused` says why others
    are not."""

    proto: bytes
    lines: tuple[tuple[CryptoLine, tuple[SrtpKey, ...]], ...]
    fingerprints: tuple[Fingerprint, ...]
    setup: bytes
    refused: str

    @property
    def secure(self) -> bool:
        """Whether the profile demands SRTP."""
        return b"SAVP" in self.proto

    @property
    def feedback(self) -> bool:
        return self.proto.endswith(b"F")

    @property
    def dtls(self) -> bool:
        """Whether its keys come from DTLS: so it says, or it has a fingerprint and no `a=crypto`."""
        return self.proto.startswith(b"UDP/TLS/") or (self.secure and bool(self.fingerprints) and not self.lines)


def is_rtp(media: Media) -> bool:
    """Whether it is RTP of any profile; BFCP and what nobody knows is not."""
    return media.proto.upper() in _RTP


def profile(kind: Kind, feedback: bool) -> bytes:
    """The protocol of an `m=` line."""
    start = {"rtp": b"RTP/AVP", "srtp": b"RTP/SAVP", "dtls": b"UDP/TLS/RTP/SAVP"}[kind]
    return start + b"F" if feedback or kind == "dtls" else start


def read(session: Session, media: Media) -> Given:
    """What `media` says; session-level fingerprint and setup count where it says nothing (RFC 8122 §5)."""
    lines: list[tuple[CryptoLine, tuple[SrtpKey, ...]]] = []
    refused = ""
    for value in media.attributes(b"crypto")[:_MOST]:
        try:
            line = parse_crypto(value)
        except WireError as error:
            refused = refused or str(error)
            continue
        keys, why = _keys(line)
        if keys:
            lines.append((line, keys))
        else:
            refused = refused or why
    fingerprints = tuple(
        found for each in (media.attributes(b"fingerprint") or session.attributes(b"fingerprint"))[:_MOST]
        if (found := _fingerprint(each)) is not None
    )  # fmt: skip
    setup = media.attribute(b"setup") or session.attribute(b"setup") or b""
    return Given(media.proto.upper(), tuple(lines), fingerprints, setup.strip().lower(), refused)


def _keys(line: CryptoLine) -> tuple[tuple[SrtpKey, ...], str]:
    """The keys of a line, or why it cannot be taken: its suite, a session parameter, the length of a key."""
    name = line.suite.decode("latin-1")
    suite = SUITES.get(name)
    if suite is None or name not in SPOKEN:
        return (), f"suite {name} is not spoken here"
    for parameter in line.parameters:
        if not parameter.startswith(b"WSH="):  # a window size is a hint; all else changes the packets (RFC 4568 §6.3)
            return (), f"session parameter {parameter.partition(b'=')[0].decode('latin-1')} is not spoken here"
    if any(len(each.key) != suite.key + suite.salt for each in line.keys):
        return (), f"a key of {name} has not {suite.key + suite.salt} octets"
    return (
        tuple(
            SrtpKey(suite.name, b64encode(each.key).decode("ascii"), each.mki.hex())  # type: ignore[arg-type]
            for each in line.keys
        ),
        "",
    )


def _fingerprint(value: bytes) -> Fingerprint | None:
    """`None` for a hash that is too weak, or one that is malformed (R16)."""
    name, _, digits = value.strip().partition(b" ")
    hash_name = name.lower().decode("latin-1")
    text = digits.strip().upper().decode("latin-1")
    if hash_name not in _HASHES or not text or text.strip("0123456789ABCDEF:"):
        return None
    return Fingerprint(hash_name, text)  # type: ignore[arg-type]


def bad(index: int, why: str) -> SdpError:
    """A media description that cannot be taken."""
    return SdpError(f"media description {index + 1}: {why}", status=488, section="RFC 3264 §6")
