"""Why a connection failed: each cause is named with what to do, from real handshakes."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seaway.identity.ca import create_authority, issue
from seaway.runtime.faults import describe

NAME = "edge1.example.test"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    for each in ("ours", "other"):
        create_authority(folder / each, each, now=NOW - timedelta(days=90))
        issue(folder / each, "good", [NAME])
        issue(folder / each, "another", ["another.example.test"])
        issue(folder / each, "ended", [NAME], now=NOW - timedelta(days=60), days=30)
        issue(folder / each, "early", [NAME], now=NOW + timedelta(days=30))
    return folder


def client(folder: Path, own: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "ours" / "ca.pem"))
    if own is not None:
        context.load_cert_chain(folder / f"{own}.pem", folder / f"{own}.key")
    return context


def server(folder: Path, own: str, *, mutual: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{own}.pem", folder / f"{own}.key")
    if mutual:
        context.load_verify_locations(folder / "ours" / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def handshake(a: ssl.SSLContext, b: ssl.SSLContext) -> tuple[str, str]:
    """What client and server say went wrong."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [a.wrap_bio(down, up, server_hostname=NAME), b.wrap_bio(up, down, server_side=True)]
    said = ["", ""]
    for _ in range(6):
        for at, end in enumerate(ends):
            # The client's side is done before the server has looked at its certificate (TLS 1.3): it reads on.
            steps: tuple[Callable[[], object], ...] = (end.do_handshake, lambda end=end: end.read(1))  # type: ignore[misc]
            for step in steps:
                if said[at]:
                    break
                try:
                    step()
                except ssl.SSLWantReadError:
                    break
                except ssl.SSLError as error:
                    said[at] = describe(error)
    return said[0], said[1]


@pytest.mark.parametrize(
    ("certificate", "words", "told"),
    [
        ("ours/ended", "it has ended; issue a new one", "this node's certificate has ended"),
        ("ours/early", "it is not valid yet; check the clocks", "the peer refuses this node's certificate"),
        ("ours/another", f"it does not carry {NAME}; correct verify_name", "refuses this node's certificate"),
        ("other/good", "its CA is not in ca under [tls]", "does not know the CA of this node's certificate"),
    ],
)
def test_a_certificate_that_the_dialling_end_refuses(site: Path, certificate: str, words: str, told: str) -> None:
    here, there = handshake(client(site), server(site, certificate))
    assert here.startswith("the peer's certificate was refused: ") and words in here
    assert there.startswith("TLS failed: ") and told in there


@pytest.mark.parametrize(
    ("certificate", "words", "told"),
    [
        (None, "the peer shows no certificate", "wants a certificate of this node"),
        ("ours/ended", "it has ended", "this node's certificate has ended"),
        ("other/good", "its CA is not in ca", "does not know the CA"),
    ],
)
def test_a_certificate_that_the_listening_end_refuses(
    site: Path, certificate: str | None, words: str, told: str
) -> None:
    here, there = handshake(client(site, certificate), server(site, "ours/good", mutual=True))
    assert words in there and told in here


def test_what_is_no_tls(site: Path) -> None:
    end = client(site).wrap_bio(incoming := ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=NAME)
    incoming.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError) as caught:
        end.do_handshake()
    assert describe(caught.value) == "TLS failed: what the peer sends is no TLS; check its port and transport"


def test_the_rest() -> None:
    assert describe(TimeoutError()) == "no answer in time"
    assert describe(ConnectionRefusedError(111, "Connection refused")) == "connection refused"
    assert "closed by the peer before TLS was up" in describe(ConnectionResetError())
    assert describe(ConnectionResetError(104, "Connection reset by peer")) == "connection reset by peer"
    assert describe(KeyError()) == "KeyError"
