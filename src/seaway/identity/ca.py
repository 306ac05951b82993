"""The built-in certificate authority for a pair's first start: one CA, one certificate for each node.

ECDSA P-256 throughout. Node certificates serve both ends of mutual TLS (serverAuth and clientAuth). Key files are
created with mode 0600 and are never overwritten by accident. Loading and checking is in `certificates.py`.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from seaway.identity.certificates import CertificateError, load_certificates, read_pem

__all__ = ["create_authority", "issue", "revoke"]

_CA_DAYS = 3650
_NODE_DAYS = 397
_CRL_DAYS = 30
_BACKDATE = timedelta(minutes=5)  # the peer's clock may be a little behind ours


def create_authority(directory: Path, name: str = "Seaway CA", *, now: datetime | None = None) -> Path:
    """Write `ca.pem` and `ca.key` into `directory` and return the path of `ca.pem`.

    An authority that is already there is kept: its certificates are in use. Raises `CertificateError` when a file
    cannot be written, or when only one of the two is there.
    """
    certificate_path, key_path = directory / "ca.pem", directory / "ca.key"
    if certificate_path.exists() != key_path.exists():
        missing = key_path if certificate_path.exists() else certificate_path
        raise CertificateError(
            missing, "is missing beside the other half of the CA", "restore it, or remove both to start a new CA"
        )
    if certificate_path.exists():
        return certificate_path
    key = ec.generate_private_key(ec.SECP256R1())
    now = now or datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + timedelta(days=_CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    directory.mkdir(parents=True, exist_ok=True)
    _write(key_path, _private(key), 0o600)
    _write(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate_path


def issue(
    directory: Path, name: str, names: Sequence[str], *, now: datetime | None = None, days: int = _NODE_DAYS
) -> tuple[Path, Path]:
    """Issue `NAME.pem` and `NAME.key` from the CA in `directory`; returns (certificate, key).

    `names` become the subject alternative names: IP literals as iPAddress, the rest as dNSName. Existing files of this
    name are replaced. Raises `CertificateError`.
    """
    if not names:
        raise ValueError("a certificate needs at least one name")
    if not name or "/" in name or name.startswith(".") or "\0" in name:
        raise ValueError(f"no plain file name: {name!r}")
    authority, authority_key = _load_authority(directory)
    key = ec.generate_private_key(ec.SECP256R1())
    now = now or datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(min(now + timedelta(days=days), authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in names]), critical=False)
        .add_extension(
            # RFC 5922 §7.1 allows the SIP purposes alone; serverAuth and clientAuth serve every stack (R57).
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    certificate_path, key_path = directory / f"{name}.pem", directory / f"{name}.key"
    for path in (certificate_path, key_path):
        path.unlink(missing_ok=True)
    _write(key_path, _private(key), 0o600)
    _write(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate_path, key_path


def revoke(
    directory: Path, certificates: Sequence[Path], *, now: datetime | None = None, days: int = _CRL_DAYS
) -> Path:
    """Write `crl.pem`, the CA's revocation list, with what it held before and `certificates`; returns its path.

    Without certificates the list is only made new. Raises `CertificateError`.
    """
    authority, authority_key = _load_authority(directory)
    now = now or datetime.now(UTC)
    path = directory / "crl.pem"
    held: dict[int, datetime] = {}
    if path.exists():
        try:
            held = {each.serial_number: each.revocation_date_utc for each in x509.load_pem_x509_crl(read_pem(path))}
        except ValueError as error:
            raise CertificateError(path, "is no PEM revocation list", "remove it to start a new one") from error
    for each in certificates:
        held.setdefault(load_certificates(each)[0].serial_number, now)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - _BACKDATE)
        .next_update(now + timedelta(days=days))
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    for number, date in held.items():
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(number).revocation_date(date).build()
        )
    new = directory / "crl.pem.new"
    new.unlink(missing_ok=True)
    _write(new, builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644)
    new.replace(path)
    return path


def _load_authority(directory: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate_path, key_path = directory / "ca.pem", directory / "ca.key"
    try:
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    except OSError as error:
        raise CertificateError(
            Path(error.filename or directory), error.strerror or "cannot be read", "create the CA first"
        ) from error
    except ValueError as error:
        raise CertificateError(certificate_path, "is no PEM certificate with its key", "create a new CA") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(key_path, "is no ECDSA key", "use a CA made by Seaway")
    return certificate, key


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates, key_cert_sign=sign_certificates, crl_sign=sign_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Create a new file; it has `mode` from its first moment."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except OSError as error:
        raise CertificateError(path, error.strerror or "cannot be written", "check the folder and its owner") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
