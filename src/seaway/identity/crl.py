"""Certificate revocation lists (RFC 5280 §5): that a file of them is complete, in time and signed by our CAs.

OpenSSL looks certificates up in them during the handshake (`runtime/tls.py`) and refuses every peer whose CA has no
list that is in time; so this is said before they are used.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from seaway.identity.certificates import CertificateError, load_certificates, read_pem

__all__ = ["check_crl"]

_ONE = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_ALARM = timedelta(days=2)


def check_crl(path: Path, ca: Path, *, now: datetime | None = None) -> str | None:
    """Check the PEM file `path` with the lists of all CAs in `ca`. Raises `CertificateError`.

    Returns a warning when a list ends soon.
    """
    now = now or datetime.now(UTC)
    lists = _lists(path)
    warning = None
    for authority in load_certificates(ca):
        own = [each for each in lists if each.issuer == authority.subject and _signed(each, authority)]
        name = authority.subject.rfc4514_string()
        if not own:
            raise CertificateError(path, f"has no list that is signed by {name}", "add the list of each CA in [tls] ca")
        latest = max(own, key=lambda each: each.last_update_utc)
        ends = latest.next_update_utc
        if ends is None or ends < now:
            shown = "has no end" if ends is None else f"ended on {ends:%Y-%m-%d %H:%M} UTC"
            raise CertificateError(path, f"the list of {name} {shown}", "fetch a new list")
        if latest.last_update_utc > now:
            shown = f"{latest.last_update_utc:%Y-%m-%d %H:%M} UTC"
            raise CertificateError(path, f"the list of {name} is valid only from {shown}", "check the clock")
        if ends - now < _ALARM:
            warning = f"{path}: the list of {name} ends on {ends:%Y-%m-%d %H:%M} UTC"
    return warning


def _lists(path: Path) -> list[x509.CertificateRevocationList]:
    try:
        found = [x509.load_pem_x509_crl(each) for each in _ONE.findall(read_pem(path))]
    except ValueError as error:
        raise CertificateError(path, "is no PEM revocation list", "give a file with BEGIN X509 CRL") from error
    if not found:
        raise CertificateError(path, "has no revocation list in it", "give a file with BEGIN X509 CRL")
    return found


def _signed(one: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return one.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # wrong kinds raise TypeError
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
