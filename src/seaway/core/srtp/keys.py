"""Master keys, and the session keys that are derived from them (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11).

The key derivation rate is 0: session keys are derived once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from seaway.core.srtp.suites import SUITES, Suite

__all__ = ["MasterKey", "SessionKeys", "derive"]

_AUTHENTICATION_KEY = 20  # octets, HMAC-SHA1


@dataclass(frozen=True, slots=True)
class MasterKey:
    """`mki` goes with each packet, between payload and tag; empty for none (RFC 3711 §3.1)."""

    suite: Suite
    key: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    mki: bytes = b""

    @classmethod
    def joined(cls, suite: str, key_and_salt: bytes, mki: bytes = b"") -> MasterKey:
        """From key and salt in one, as SDP and DTLS give them. Raises `ValueError` for a suite that is not spoken here
        and for a wrong length; the text has no octet of the key."""
        found = SUITES.get(suite)
        if found is None:
            raise ValueError(f"SRTP suite {suite[:40]!r} is not spoken here; use one of {', '.join(SUITES)}")
        if len(key_and_salt) != found.key + found.salt:
            raise ValueError(f"{suite} has {found.key + found.salt} octets of key and salt, not {len(key_and_salt)}")
        if len(mki) > 128:
            raise ValueError("an MKI has at most 128 octets")  # RFC 4568 §6.1
        return cls(found, key_and_salt[: found.key], key_and_salt[found.key :], mki)


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Of RTP or of RTCP. `authentication` is empty for AEAD suites."""

    encryption: bytes = field(repr=False)
    authentication: bytes = field(repr=False)
    salt: bytes = field(repr=False)


def derive(master: MasterKey) -> tuple[SessionKeys, SessionKeys]:
    """The session keys of RTP and of RTCP."""
    return _session(master, 0), _session(master, 3)


def _session(master: MasterKey, first_label: int) -> SessionKeys:
    suite = master.suite
    return SessionKeys(
        _stream(master, first_label, suite.key),
        b"" if suite.aead else _stream(master, first_label + 1, _AUTHENTICATION_KEY),
        _stream(master, first_label + 2, suite.salt),
    )


def _stream(master: MasterKey, label: int, size: int) -> bytes:
    """RFC 3711 §4.3.1: AES-CM with the master key; the label is octet 7 of what is combined with the salt. A salt of
    96 bits is extended with zeros (RFC 7714 §11)."""
    start = bytearray(master.salt.ljust(16, b"\0"))
    start[7] ^= label
    return Cipher(algorithms.AES(master.key), modes.CTR(bytes(start))).encryptor().update(bytes(size))
