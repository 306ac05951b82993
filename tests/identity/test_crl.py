"""Revocation lists: what the built-in CA makes, and each thing that can be wrong with a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from seaway.identity.ca import create_authority, issue, revoke
from seaway.identity.certificates import CertificateError
from seaway.identity.crl import check_crl


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    return create_authority(tmp_path)


def serials(path: Path) -> set[int]:
    return {each.serial_number for each in x509.load_pem_x509_crl(path.read_bytes())}


def test_a_list_keeps_what_it_held(tmp_path: Path, ca: Path) -> None:
    one, two = (issue(tmp_path, name, [f"{name}.test"])[0] for name in ("one", "two"))
    numbers = [x509.load_pem_x509_certificate(each.read_bytes()).serial_number for each in (one, two)]
    path = revoke(tmp_path, [])
    assert serials(path) == set() and check_crl(path, ca) is None
    assert serials(revoke(tmp_path, [one])) == {numbers[0]}
    assert serials(revoke(tmp_path, [two])) == set(numbers) == serials(revoke(tmp_path, [one]))
    check_crl(path, ca)


def test_ends(tmp_path: Path, ca: Path) -> None:
    path, now = revoke(tmp_path, [], days=10), datetime.now(UTC)
    assert "ends on" in (check_crl(path, ca, now=now + timedelta(days=9)) or "")
    with pytest.raises(CertificateError, match=r"ended on .*; fetch a new list"):
        check_crl(path, ca, now=now + timedelta(days=11))
    with pytest.raises(CertificateError, match=r"valid only from .*; check the clock"):
        check_crl(path, ca, now=now - timedelta(days=1))


def test_files_that_will_not_do(tmp_path: Path, ca: Path) -> None:
    other = tmp_path / "other"
    create_authority(other)  # the same name, another key
    for content, reason in (
        (revoke(other, []).read_bytes(), "no list that is signed by CN=Seaway CA"),
        (b"nothing", "has no revocation list"),
        (b"-----BEGIN X509 CRL-----\nxxxx\n-----END X509 CRL-----\n", "is no PEM revocation list"),
    ):
        path = tmp_path / "list.pem"
        path.write_bytes(content)
        with pytest.raises(CertificateError, match=reason):
            check_crl(path, ca)
    with pytest.raises(CertificateError, match="no such file"):
        check_crl(tmp_path / "none.pem", ca)
    both = tmp_path / "both.pem"
    both.write_bytes(revoke(other, []).read_bytes() + revoke(tmp_path, []).read_bytes())
    check_crl(both, ca)
