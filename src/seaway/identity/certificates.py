"""Load and check what a TLS socket needs: certificate, private key, and the CA of the peers.

Only checks; TLS contexts are made in `runtime/tls.py`. Each fault is one line that names the file and the remedy.
"""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

__all__ = ["CertificateError", "Checked", "check", "covers", "load_certificates", "names_of", "read_pem"]

_LIMIT = 256 * 1024  # octets of a PEM file; a longer one is no certificate of ours
_ALARM_DAYS = 30


class CertificateError(Exception):
    """A file that cannot be used. `path` which, `problem` what, `remedy` what to do."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Checked:
    certificate: Path
    key: Path
    ca: Path
    names: tuple[str, ...]  # DNS names and IP literals of the certificate
    expires: datetime
    warning: str | None = None  # near its end


def check(certificate: Path, key: Path, ca: Path, names: Sequence[str] = (), *, now: datetime | None = None) -> Checked:
    """Check one set of files. `names`: what peers will look for; each must be covered. Raises `CertificateError`."""
    now = now or datetime.now(UTC)
    loaded = load_certificates(certificate)[0]
    private_mode = stat.S_IMODE(_stat(key).st_mode)
    if private_mode & 0o077:
        raise CertificateError(key, f"the private key is open to others (mode {private_mode:04o})", f"chmod 600 {key}")
    try:
        private = load_pem_private_key(read_pem(key), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(key, "is no unencrypted PEM private key", "give the key of this certificate") from error
    if _public(private.public_key()) != _public(loaded.public_key()):
        raise CertificateError(key, f"does not belong to {certificate}", "give the key of this certificate")
    _check_time(certificate, loaded, now, "issue a new certificate")
    for each in load_certificates(ca):
        _check_time(ca, each, now, "replace the CA certificate")
    try:
        usage = set(loaded.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        for wanted in (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH):
            if wanted not in usage and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usage:
                kind = "server" if wanted == ExtendedKeyUsageOID.SERVER_AUTH else "client"
                raise CertificateError(
                    certificate, f"is not for TLS {kind}s", "issue one with serverAuth and clientAuth"
                )
    except x509.ExtensionNotFound:
        pass  # no restriction
    present = names_of(loaded)
    for name in names:
        if not covers(present, name):
            listed = ", ".join(present) or "none"
            raise CertificateError(
                certificate, f"does not carry the name {name} (it has: {listed})", "issue it for this name"
            )
    expires = loaded.not_valid_after_utc
    left = expires - now
    warning = f"{certificate} ends in {left.days} days" if left < timedelta(days=_ALARM_DAYS) else None
    return Checked(certificate, key, ca, present, expires, warning)


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """dNSName and iPAddress values of the subject alternative name. The subject's CN does not count (RFC 9525 §2)."""
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = tuple(str(each) for each in san.get_values_for_type(x509.IPAddress))
    return (*san.get_values_for_type(x509.DNSName), *addresses)


def covers(present: Sequence[str], name: str) -> bool:
    """Whether a certificate with the names `present` stands for `name`.

    Wildcards never match: RFC 5922 §7.2 forbids them for SIP domains.
    """
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        return any(_same_address(each, address) for each in present)
    wanted = name.rstrip(".").lower()
    return any(each.rstrip(".").lower() == wanted and "*" not in each for each in present)


def _same_address(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return ipaddress.ip_address(text) == address
    except ValueError:
        return False


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined, no-any-return]  # every public key type has it
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _check_time(path: Path, certificate: x509.Certificate, now: datetime, remedy: str) -> None:
    if certificate.not_valid_after_utc < now:
        raise CertificateError(path, f"ended on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC", remedy)
    if certificate.not_valid_before_utc > now:
        raise CertificateError(
            path, f"is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC", "check the clock"
        )


def load_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file, at least one. Raises `CertificateError`."""
    try:
        found = x509.load_pem_x509_certificates(read_pem(path))
    except ValueError as error:
        raise CertificateError(path, "is no PEM certificate", "give a file with BEGIN CERTIFICATE") from error
    if not found:
        raise CertificateError(path, "has no certificate in it", "give a file with BEGIN CERTIFICATE")
    return found


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise _missing(path, error) from error


def read_pem(path: Path) -> bytes:
    """The octets of a file, at most 256 KiB. Raises `CertificateError`."""
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise _missing(path, error) from error
    if len(data) > _LIMIT:
        raise CertificateError(path, f"is larger than {_LIMIT // 1024} KiB", "give a PEM file")
    return data


def _missing(path: Path, error: OSError) -> CertificateError:
    what = "there is no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "cannot be read")
    return CertificateError(
        path, what, "set the path under [tls], or make a pair's certificates with `seaway node certificates`"
    )
