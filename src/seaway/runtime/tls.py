"""TLS contexts of a node: one server context for each listener kind, one client context.

TLS 1.2 and 1.3, forward-secret AEAD suites, no renegotiation, no compression. Peers are verified against the pair's CA
and its revocation lists; which name a peer must carry is checked per connection (`peer_names`, `require_name`).
Contexts are exchanged as a whole when files have changed: connections keep what they began with.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seaway.identity.certificates import CertificateError, covers
from seaway.runtime.tls_files import Chain, TlsFiles

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


class TlsContexts:
    """What a new connection takes at its beginning; `reload` exchanges all of them at once.

    `alpn`: protocols offered to clients (RFC 7301).
    """

    def __init__(self, files: TlsFiles, alpn: Sequence[str] = ()) -> None:
        self._alpn = list(alpn)
        self.server: ssl.SSLContext  # no certificate asked of the client (5061)
        self.asking: ssl.SSLContext  # a client that has a certificate of our CA shows it (TLS neighbours at 5061)
        self.mutual: ssl.SSLContext  # a certificate of our CA is required of the client (5062, 7001)
        self.client: ssl.SSLContext  # presents our certificate, verifies chain and name
        self.reload(files)

    def reload(self, files: TlsFiles) -> None:
        """Use other files from now on. Raises `CertificateError`; then all stays as it was."""
        server = self._by_name(files, ssl.CERT_NONE)
        asking = self._by_name(files, ssl.CERT_OPTIONAL)
        mutual = self._by_name(files, ssl.CERT_REQUIRED)
        client = _context(ssl.PROTOCOL_TLS_CLIENT, files, files.chains[0])
        self.server, self.asking, self.mutual, self.client = server, asking, mutual, client

    def _by_name(self, files: TlsFiles, verify: ssl.VerifyMode) -> ssl.SSLContext:
        """The context of the first chain, which hands over to that of another one when the client asks for its name."""
        made = []
        for chain in files.chains:
            context = _context(ssl.PROTOCOL_TLS_SERVER, files, chain)
            context.verify_mode = verify
            if self._alpn:
                context.set_alpn_protocols(self._alpn)
            made.append(context)
        if len(made) > 1:
            made[0].sni_callback = _chooser(files.chains, made)
        return made[0]


def load_contexts(files: TlsFiles, alpn: Sequence[str] = ()) -> TlsContexts:
    """Contexts from checked files. Raises `CertificateError`."""
    return TlsContexts(files, alpn)


def _chooser(
    chains: Sequence[Chain], contexts: Sequence[ssl.SSLContext]
) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    """RFC 6066 §3: the certificate that carries the server name; the first one when none does or none is asked for."""

    def choose(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name is None or covers(chains[0].names, name):
            return
        for chain, context in zip(chains, contexts, strict=True):
            if covers(chain.names, name):
                connection.context = context
                return

    return choose


def _context(protocol: int, files: TlsFiles, chain: Chain) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        with _in_memory(chain.certificate) as certificate, _in_memory(chain.key) as key:
            context.load_cert_chain(certificate, key)
        with _in_memory(files.ca) as ca:
            context.load_verify_locations(ca)
        if files.crl is not None:
            with _in_memory(files.crl) as crl:
                context.load_verify_locations(crl)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(
            Path(chain.label), f"TLS refuses it ({error})", "check certificate, key, CA and revocation lists"
        ) from error
    context.hostname_checks_common_name = False
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0  # no resumption: each connection proves its name by a full handshake
    return context


@contextmanager
def _in_memory(octets: bytes) -> Iterator[str]:
    """A path that OpenSSL can read `octets` from; they are on no disk."""
    descriptor = os.memfd_create("seaway-tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(octets)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


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
