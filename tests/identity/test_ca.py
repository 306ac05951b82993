"""The built-in CA makes what `certificates.check` accepts and TLS stacks verify."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509

from seaway.identity.ca import create_authority, issue
from seaway.identity.certificates import CertificateError, check, names_of


def test_a_pair_gets_certificates_for_both_ends(tmp_path: Path) -> None:
    ca = create_authority(tmp_path)
    certificate, key = issue(tmp_path, "edge1", ["edge1.example.test", "203.0.113.20"])
    checked = check(certificate, key, ca, ["edge1.example.test", "203.0.113.20"])
    assert checked.names == ("edge1.example.test", "203.0.113.20")
    assert checked.warning is None
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    loaded.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.read_bytes()))
    assert names_of(loaded) == checked.names


def test_keys_are_private_from_the_start(tmp_path: Path) -> None:
    create_authority(tmp_path)
    _, key = issue(tmp_path, "core1", ["core1.example.test"])
    for path in (key, tmp_path / "ca.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_start_keeps_the_authority(tmp_path: Path) -> None:
    before = create_authority(tmp_path).read_bytes()
    assert create_authority(tmp_path).read_bytes() == before


def test_half_an_authority_is_an_error(tmp_path: Path) -> None:
    create_authority(tmp_path)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(CertificateError, match=r"ca\.key: is missing"):
        create_authority(tmp_path)


def test_without_an_authority_nothing_is_issued(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="create the CA first"):
        issue(tmp_path, "core1", ["core1.example.test"])


@pytest.mark.parametrize("name", ["", "../evil", ".hidden", "a/b", "a\0b"])
def test_file_names_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    create_authority(tmp_path)
    with pytest.raises(ValueError, match="file name"):
        issue(tmp_path, name, ["core1.example.test"])
