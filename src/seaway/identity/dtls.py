"""The certificate that a node shows in DTLS-SRTP: its own, self-signed, of this start, in memory only.

Who trusts it does so by the fingerprint in signalling (RFC 5763 §5); there is nothing in it to read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["DtlsIdentity", "create_identity"]

_DAYS = 365
_BACKDATE = timedelta(days=1)  # clocks of phones are wrong more often than not


@dataclass(frozen=True, slots=True)
class DtlsIdentity:
    """`certificate` and `key` are DER; `fingerprint` is SHA-256 as in `a=fingerprint`, upper-case pairs with colons."""

    certificate: bytes
    key: bytes = field(repr=False)
    fingerprint: str


def create_identity(now: datetime | None = None) -> DtlsIdentity:
    """A new key and certificate: ECDSA P-256, which every WebRTC peer takes (RFC 8827 §6.5)."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = now or datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "media")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + timedelta(days=_DAYS))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return DtlsIdentity(certificate, private, hashlib.sha256(certificate).digest().hex(":").upper())
