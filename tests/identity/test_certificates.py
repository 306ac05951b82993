"""Certificate faults: each is one line that names the file and what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seaway.identity.ca import create_authority, issue
from seaway.identity.certificates import CertificateError, check, covers


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    ca = create_authority(tmp_path)
    return (*issue(tmp_path, "edge1", ["edge1.example.test"]), ca)


def fails(message: str, *args: object, **named: object) -> None:
    with pytest.raises(CertificateError, match=message) as caught:
        check(*args, **named)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value) and str(caught.value).startswith("/")


def test_missing_file(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    certificate, key, ca = files
    fails("there is no such file", tmp_path / "none.pem", key, ca)
    fails("there is no such file", certificate, tmp_path / "none.key", ca)
    fails("there is no such file", certificate, key, tmp_path / "none.pem")


def test_key_of_another_certificate(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    certificate, _, ca = files
    _, other = issue(tmp_path, "core1", ["core1.example.test"])
    fails("does not belong to", certificate, other, ca)


def test_key_that_others_can_read(files: tuple[Path, Path, Path]) -> None:
    files[1].chmod(0o640)
    fails(r"open to others \(mode 0640\); chmod 600", *files)


def test_garbage(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    certificate, key, ca = files
    junk = tmp_path / "junk.pem"
    junk.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    junk.chmod(0o600)
    fails("is no PEM certificate", junk, key, ca)
    fails("is no unencrypted PEM private key", certificate, junk, ca)
    fails("is no PEM certificate", certificate, key, junk)


def test_time(files: tuple[Path, Path, Path]) -> None:
    fails("ended on", *files, now=datetime.now(UTC) + timedelta(days=400))
    fails("is valid only from", *files, now=datetime.now(UTC) - timedelta(days=1))
    near = check(*files, now=datetime.now(UTC) + timedelta(days=380))
    assert near.warning is not None and "ends in 16 days" in near.warning


def test_name(files: tuple[Path, Path, Path]) -> None:
    fails(
        r"does not carry the name edge2\.example\.test \(it has: edge1\.example\.test\)", *files, ["edge2.example.test"]
    )


def test_names_match_without_case_and_never_by_wildcard() -> None:
    assert covers(["Edge1.Example.test"], "edge1.example.test.")
    assert not covers(["*.example.test"], "edge1.example.test")
    assert not covers(["*.example.test"], "*.example.test")
    assert not covers(["edge1.example.test"], "example.test")
    assert covers(["2001:db8::1"], "2001:0db8::0001")
    assert not covers(["203.0.113.2"], "203.0.113.20")
