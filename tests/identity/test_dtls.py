"""The certificate of DTLS-SRTP."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from seaway.identity.dtls import create_identity


def test_each_start_has_its_own_and_the_key_is_not_shown() -> None:
    one, two = create_identity(), create_identity()
    assert one.fingerprint != two.fingerprint
    assert repr(one.key) not in repr(one)
    parsed = x509.load_der_x509_certificate(one.certificate)
    key = parsed.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    assert parsed.not_valid_after_utc > parsed.not_valid_before_utc
    assert bytes.fromhex(one.fingerprint.replace(":", "")) == hashlib.sha256(one.certificate).digest()
    assert len(one.fingerprint.split(":")) == 32 and one.fingerprint == one.fingerprint.upper()
