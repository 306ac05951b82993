"""The SRTP suites that are spoken here: lengths in octets. Names are those of `a=crypto` (RFC 4568 §6.2)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SUITES", "Suite"]


@dataclass(frozen=True, slots=True)
class Suite:
    """`rtp_tag` and `rtcp_tag` are the authentication tags; the key of HMAC-SHA1 has 20 octets (RFC 3711 §8.2)."""

    name: str
    key: int
    salt: int
    rtp_tag: int
    rtcp_tag: int
    aead: bool = False


SUITES = {
    each.name: each
    for each in (
        # The short tag is for RTP only: SRTCP always has 80 bits (RFC 4568 §6.2.2, RFC 6188 §4.2).
        Suite("AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10),
        Suite("AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10),
        Suite("AES_256_CM_HMAC_SHA1_80", 32, 14, 10, 10),
        Suite("AES_256_CM_HMAC_SHA1_32", 32, 14, 4, 10),
        Suite("AEAD_AES_128_GCM", 16, 12, 16, 16, aead=True),  # RFC 7714 §12
        Suite("AEAD_AES_256_GCM", 32, 12, 16, 16, aead=True),
    )
}
