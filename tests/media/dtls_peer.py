"""The far side of a DTLS-SRTP handshake, by OpenSSL in memory, written apart from the product's."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from seaway.media.protocol import Fingerprint, HashName

PROFILES = b"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM"


class Peer:
    """`client`: begins. `key`: "ec" or "rsa"; `shows`: whether it has a certificate at all."""

    def __init__(
        self, *, client: bool, profiles: bytes = PROFILES, key: str = "ec", shows: bool = True, oldest: int = 0xFEFD
    ) -> None:
        private = ec.generate_private_key(ec.SECP256R1()) if key == "ec" else rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
            .serial_number(5).not_valid_before(now - timedelta(days=9)).not_valid_after(now + timedelta(days=9))
            .sign(private, hashes.SHA256())
        )  # fmt: skip
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(oldest)
        context.set_options(SSL.OP_NO_QUERY_MTU)
        context.set_cipher_list(b"ALL:@SECLEVEL=0" if oldest < 0 else b"ALL")
        if profiles:
            context.set_tlsext_use_srtp(profiles)
        if shows:
            context.use_certificate(self.certificate)
            context.use_privatekey(private)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        self.connection = SSL.Connection(context)
        self.connection.set_ciphertext_mtu(1200)
        self.client = client
        (self.connection.set_connect_state if client else self.connection.set_accept_state)()
        self.done = False
        self.broken = ""

    def fingerprint(self, name: HashName = "sha-256") -> Fingerprint:
        algorithm = {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}[name]
        return Fingerprint(name, self.certificate.fingerprint(algorithm).hex(":").upper())

    def send(self, data: bytes = b"") -> list[bytes]:
        """What the peer says to a datagram, or unasked."""
        if data:
            self.connection.bio_write(data)
        try:
            self.connection.do_handshake()
            self.done = True
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            self.broken = str(error)
        out = []
        with suppress(SSL.WantReadError):
            out.append(self.connection.bio_read(65536))
        return out

    def keys(self, size: int, salt: int) -> tuple[bytes, bytes]:
        """What this peer seals with, and what it opens with: key and salt together."""
        octets = self.connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (size + salt))
        client = octets[:size] + octets[2 * size : 2 * size + salt]
        server = octets[size : 2 * size] + octets[2 * size + salt :]
        return (client, server) if self.client else (server, client)
