"""One DTLS-SRTP association: the handshake of one component of a leg, by OpenSSL in memory (RFC 5763, RFC 5764).

Rules R15 and R16. A stranger's ClientHello gets a cookie and leaves nothing behind; an association belongs to the
address that brought its cookie back, and once it is there no other handshake touches it. Keys exist only when the far
side's certificate has a signalled fingerprint.
"""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key
from OpenSSL import SSL, crypto

from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.suites import SUITES
from seaway.identity.dtls import DtlsIdentity
from seaway.media.protocol import Address, Fingerprint, SrtpSuite
from seaway.wire.dtls import datagrams, hello_verify_request, parse_client_hello, sane, without_clear_alerts

__all__ = ["GIVE_UP", "Association"]

GIVE_UP = 30.0
"""Seconds from the first flight after which a handshake has failed."""

_KEEP = 30.0  # seconds that an ended handshake can still answer a repetition of the far side's last flight
_OTHERS_AFTER = 3.0  # seconds of silence after which another address may begin in place of one that did not go on
_MTU = 1200
_DTLS_1_2 = 0xFEFD
_HANDSHAKE, _CLIENT_HELLO = 22, b"\1"  # RFC 6347 §4.1, §4.3.2
_PROFILES: dict[bytes, SrtpSuite] = {
    b"SRTP_AEAD_AES_256_GCM": "AEAD_AES_256_GCM",
    b"SRTP_AEAD_AES_128_GCM": "AEAD_AES_128_GCM",
    b"SRTP_AES128_CM_SHA1_80": "AES_CM_128_HMAC_SHA1_80",
}
_EXPLICIT_CURVE = bytes.fromhex("06072a8648ce3d020130")
"""id-ecPublicKey and then a SEQUENCE in place of a curve's name (RFC 5480 §2.1.1 forbids it, rule R19)."""

_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
_HASHES = {"sha-512": "sha512", "sha-384": "sha384", "sha-256": "sha256"}  # strongest first


class Association:
    """`role`: "passive" or "active". After `receive`, `start` and `handle_timeout` drain `next_datagram()`, then look
    at `keys` and `failure`."""

    def __init__(
        self, identity: DtlsIdentity, role: str, fingerprints: tuple[Fingerprint, ...],
        random_octets: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self.role, self.fingerprints = role, fingerprints
        self.source: Address | None = None
        """Where the far side is, as soon as there is a handshake with it."""
        self.suite: SrtpSuite | None = None
        self.keys: tuple[MasterKey, MasterKey] | None = None
        """Ours to seal with, theirs to open with; once the handshake ended well."""
        self.failure: tuple[str, str] | None = None
        """A word and a line, as in `SecurityFailed`; the association is dead then."""
        self.due: float | None = None  # deadline that is in somebody's queue
        self.told = False  # the failure
        self._identity = identity
        self._secret = random_octets(32)
        self._connection: SSL.Connection | None = None
        self._out: deque[tuple[bytes, Address]] = deque()
        self._began = self._heard = 0.0
        self._timer: float | None = None
        self._mismatch = ""

    def established(self) -> None:
        """An earlier process ended the handshake; nothing more comes of this association."""
        self._secret = b""

    def start(self, remote: Address, now: float) -> None:
        """Begin an active handshake, once."""
        if self.role != "active" or self._connection is not None or self._over:
            return
        self.source = remote
        self._begin(now).set_connect_state()
        self._advance(now)

    def receive(self, data: bytes, source: Address, now: float, *, proved: bool = False) -> None:
        """A datagram of DTLS records from an address that may have media. `proved`: by ICE, so it needs no cookie, and
        its ClientHello may come in fragments."""
        if self._over and (self._connection is None or source != self.source):
            return
        if not sane(data) or not (data := without_clear_alerts(data)):
            return
        if self._connection is not None and source == self.source:
            self._heard = now
            self._connection.bio_write(data)
            self._advance(now)
        elif self.role == "passive" and (self._connection is None or now - self._heard > _OTHERS_AFTER):
            if proved:
                self._proved(data, source, now)
            else:
                self._hello(data, source, now)

    def handle_timeout(self, now: float) -> None:
        connection = self._connection
        if connection is None or self._timer is None or now < self._timer:
            return
        if self._over:
            self._connection = self._timer = None
        elif now - self._began >= GIVE_UP:
            self._fail("timeout", f"the DTLS handshake has not ended for {GIVE_UP:.0f} s")
        else:
            with suppress(SSL.Error):
                connection.DTLSv1_handle_timeout()
            self._flush()
            self._arm(now)

    def next_deadline(self) -> float | None:
        return self._timer

    def next_datagram(self) -> tuple[bytes, Address] | None:
        return self._out.popleft() if self._out else None

    # -- inside

    @property
    def _over(self) -> bool:
        return self.keys is not None or self.failure is not None or not self._secret

    def _hello(self, data: bytes, source: Address, now: float) -> None:
        """RFC 6347 §4.2.1: only who gets our answers may begin."""
        hello = parse_client_hello(data)
        if hello is None:
            return
        place = f"{source[0]} {source[1]} ".encode()
        cookie = hmac.digest(self._secret, place + hello.unchanging, "sha256")[:20]
        if not hmac.compare_digest(hello.cookie, cookie):
            self._out.append((hello_verify_request(hello, cookie), source))
            return
        self.source, self._heard = source, now
        connection = self._begin(now)
        connection.set_accept_state()
        connection.bio_write(data)
        try:
            connection.DTLSv1_listen()
        except SSL.Error:
            self._connection = self._timer = None
            return
        connection.bio_write(data)  # listening has read it, and the handshake begins with it
        self._advance(now)

    def _proved(self, data: bytes, source: Address, now: float) -> None:
        if data[0] != _HANDSHAKE or data[13:14] != _CLIENT_HELLO:
            return
        self.source = source
        connection = self._begin(now, cookies=False)
        connection.set_accept_state()
        connection.bio_write(data)
        self._advance(now)

    def _begin(self, now: float, *, cookies: bool = True) -> SSL.Connection:
        context = _context(self._identity, cookies)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        connection = self._connection = SSL.Connection(context)
        connection.set_ciphertext_mtu(_MTU)
        self._began = self._heard = now
        return connection

    def _verify(self, connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
        if depth > 0:  # whoever signed it does not matter
            return True
        self._mismatch = _mismatch(certificate, self.fingerprints)
        return not self._mismatch

    def _advance(self, now: float) -> None:
        connection = self._connection
        assert connection is not None
        try:
            if self._over:
                with suppress(SSL.WantReadError, SSL.ZeroReturnError):
                    while connection.recv(2048):  # nothing is expected; repetitions are answered
                        pass
            else:
                connection.do_handshake()
                self._finish(connection, now)
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            if not self._over:
                self._flush()  # the alert
                self._fail(*(("fingerprint", self._mismatch) if self._mismatch else ("handshake", _reason(error))))
                return
        self._flush()
        if not self._over:
            self._arm(now)

    def _finish(self, connection: SSL.Connection, now: float) -> None:
        certificate = connection.get_peer_certificate()
        wrong = "no certificate" if certificate is None else _mismatch(certificate, self.fingerprints)
        if wrong:
            self._fail("fingerprint", wrong)
            return
        suite = _PROFILES.get(connection.get_selected_srtp_profile())
        if suite is None:
            self._fail("profile", "the far side has none of our SRTP profiles (use_srtp)")
            return
        key, salt = SUITES[suite].key, SUITES[suite].salt
        octets = connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))  # RFC 5764 §4.2
        client = MasterKey.joined(suite, octets[:key] + octets[2 * key : 2 * key + salt])
        server = MasterKey.joined(suite, octets[key : 2 * key] + octets[2 * key + salt :])
        self.suite = suite
        self.keys = (client, server) if self.role == "active" else (server, client)
        self._timer = now + _KEEP

    def _fail(self, what: str, reason: str) -> None:
        self.failure = (what, reason)
        self._connection = self._timer = None

    def _flush(self) -> None:
        connection = self._connection
        if connection is None or self.source is None:
            return
        flight = b""
        with suppress(SSL.WantReadError):
            while part := connection.bio_read(16384):
                flight += part
        self._out.extend((each, self.source) for each in datagrams(flight, _MTU))

    def _arm(self, now: float) -> None:
        assert self._connection is not None
        wait = self._connection.DTLSv1_get_timeout()
        last = self._began + GIVE_UP
        self._timer = last if wait is None else min(last, now + max(wait, 0.01))


def _context(identity: DtlsIdentity, cookies: bool) -> SSL.Context:
    """One for each association: the library ties the verification to it."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    context.set_options((SSL.OP_COOKIE_EXCHANGE or 0) if cookies else 0)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(b":".join(_PROFILES))
    context.set_cookie_generate_callback(lambda connection: b"-")  # not used: the cookie was checked before
    context.set_cookie_verify_callback(lambda connection, cookie: True)
    certificate, key = _parsed(identity)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    return context


@lru_cache(maxsize=4)
def _parsed(identity: DtlsIdentity) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = load_der_private_key(identity.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return x509.load_der_x509_certificate(identity.certificate), key


def _mismatch(certificate: crypto.X509, fingerprints: tuple[Fingerprint, ...]) -> str:
    """What is wrong with a certificate, "" for nothing. Of several hashes the strongest decides (RFC 8122 §5.1)."""
    if not fingerprints:
        return "no fingerprint of the far side's certificate was signalled"
    signalled = {each.hash for each in fingerprints}
    strongest = next(name for name in _HASHES if name in signalled)
    found = certificate.digest(_HASHES[strongest]).decode("ascii")
    if not any(each.hash == strongest and hmac.compare_digest(each.value, found) for each in fingerprints):
        return "the certificate of the far side is not the one that was signalled"
    try:
        certificate.to_cryptography().public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "the key in the certificate of the far side is malformed or of an unknown kind"
    if _EXPLICIT_CURVE in crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate):
        return "the key in the certificate of the far side has a curve with explicit parameters"
    return ""


def _reason(error: SSL.Error) -> str:
    parts = [str(each[-1]) for each in error.args[0]] if error.args and isinstance(error.args[0], list) else []
    return f"the DTLS handshake failed: {parts[0] if parts else 'the far side broke it off'}"
