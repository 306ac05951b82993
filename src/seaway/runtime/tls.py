"""TLS contexts of a node: one server context for each listener kind, one client context. Loaded once, as root.

TLS 1.2 and 1.3, forward-secret AEAD suites, no renegotiation, no compression. Peers are verified against the pair's CA;
which name a peer must carry is checked per connection (`peer_names`, `require_name`).
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seaway.identity.certificates import CertificateError, Checked, covers

__all__ = ["PeerNameError", "TlsContexts", "load_contexts", "peer_names", "require_name"]

_SUITES = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)


class PeerNameError(Exception):
    """The peer's certificate is valid but stands for somebody else."""

    def __init__(self, wanted: str, present: tuple[str, ...]) -> None:
        super().__init__(f"the peer's certificate does not carry {wanted} (it has: {', '.join(present) or 'no name'})")
        self.wanted = wanted
        self.present = present


@dataclass(frozen=True, slots=True)
class TlsContexts:
    server: ssl.SSLContext  # no certificate asked of the client (5061)
    mutual: ssl.SSLContext  # a certificate of our CA is required of the client (5062, 7001)
    client: ssl.SSLContext  # presents our certificate, verifies chain and name


def load_contexts(files: Checked) -> TlsContexts:
    """Contexts from checked files. Raises `CertificateError`."""
    try:
        server, mutual = (_context(ssl.PROTOCOL_TLS_SERVER, files) for _ in range(2))
        mutual.verify_mode = ssl.CERT_REQUIRED
        client = _context(ssl.PROTOCOL_TLS_CLIENT, files)
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(
            files.certificate, f"TLS refuses it ({error})", "check certificate, key and CA"
        ) from error
    return TlsContexts(server, mutual, client)


def _context(protocol: int, files: Checked) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.ca)
    context.hostname_checks_common_name = False
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0  # no resumption: each connection proves its name by a full handshake
    return context


def peer_names(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """DNS names of a verified peer certificate as `SSLObject.getpeercert()` gives it; () without one."""
    if not certificate:
        return ()
    return tuple(value.rstrip(".").lower() for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS")


def require_name(certificate: Mapping[str, Any] | None, wanted: str) -> tuple[str, ...]:
    """The DNS names of the certificate. Raises `PeerNameError` unless it stands for `wanted` (R33, RFC 5922 §7.2).

    OpenSSL has checked the name already; it would let a wildcard pass, which SIP forbids.
    """
    present = tuple(
        value for kind, value in (certificate or {}).get("subjectAltName", ()) if kind in ("DNS", "IP Address")
    )
    if not covers(present, wanted):
        raise PeerNameError(wanted, present)
    return peer_names(certificate)
