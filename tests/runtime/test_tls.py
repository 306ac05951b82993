"""TLS contexts: by server name, with revocation lists, exchanged while connections are open."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from seaway.identity.ca import create_authority, issue, revoke
from seaway.identity.certificates import CertificateError
from seaway.runtime.tls import TlsContexts, load_contexts
from seaway.runtime.tls_files import TlsFiles, decode_files, encode_files, read_files
from seaway.runtime.tls_settings import ExtraCertificate, Tls

NAMES = {"edge1": "edge1.example.test", "meet": "meet.example.test", "phone": "phone.example.test"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_authority(tmp_path)
    for name, dns in NAMES.items():
        issue(tmp_path, name, [dns])
    return tmp_path


def files(folder: Path, *extra: str, crl: bool = False) -> TlsFiles:
    more = tuple(ExtraCertificate(certificate=folder / f"{e}.pem", key=folder / f"{e}.key") for e in extra)
    tls = Tls(
        ca=folder / "ca.pem", certificate=folder / "edge1.pem", key=folder / "edge1.key",
        crl=folder / "crl.pem" if crl else None, extra=more,
    )  # fmt: skip
    return read_files(tls, ["edge1.example.test"])


def client(folder: Path, node: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.check_hostname = False
    if node is not None:
        context.load_cert_chain(folder / f"{node}.pem", folder / f"{node}.key")
    return context


def shake(server: ssl.SSLContext, peer: ssl.SSLContext, name: str | None) -> dict[str, Any]:
    """A whole handshake in memory; returns the server's certificate. Raises `ssl.SSLError`."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        peer.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    ends[0].write(b"x")
    assert ends[1].read(1) == b"x"
    return ends[0].getpeercert() or {}


def name_shown(server: ssl.SSLContext, peer: ssl.SSLContext, name: str | None) -> str:
    return str(shake(server, peer, name)["subjectAltName"][0][1])


@pytest.mark.parametrize("mutual", [False, True])
def test_the_certificate_is_chosen_by_the_server_name(folder: Path, mutual: bool) -> None:
    contexts = load_contexts(files(folder, "meet"))
    server = contexts.mutual if mutual else contexts.server
    peer = client(folder, "phone" if mutual else None)
    assert name_shown(server, peer, "MEET.example.test") == NAMES["meet"]
    for name in ("edge1.example.test", "other.example.test", None):
        assert name_shown(server, peer, name) == NAMES["edge1"]
    if mutual:
        for name in ("edge1.example.test", "meet.example.test"):
            with pytest.raises(ssl.SSLError, match="did not return a certificate"):
                shake(server, client(folder), name)


def test_alpn_is_that_of_every_certificate(folder: Path) -> None:
    contexts = TlsContexts(files(folder, "meet"), ["stun.turn"])
    peer = client(folder)
    peer.set_alpn_protocols(["stun.turn"])
    for name in ("meet.example.test", "edge1.example.test"):
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        one = peer.wrap_bio(to_client, to_server, server_hostname=name)
        two = contexts.server.wrap_bio(to_server, to_client, server_side=True)
        for _ in range(4):
            for end in (one, two):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        assert one.selected_alpn_protocol() == "stun.turn"


@pytest.mark.parametrize("name", ["edge1.example.test", "meet.example.test"])
def test_a_revoked_peer_is_refused_and_others_are_not(folder: Path, name: str) -> None:
    revoke(folder, [folder / "phone.pem"])
    contexts = load_contexts(files(folder, "meet", crl=True))
    with pytest.raises(ssl.SSLError, match="revoked"):
        shake(contexts.mutual, client(folder, "phone"), name)
    shake(contexts.mutual, client(folder, "meet"), name)
    shake(load_contexts(files(folder, "meet")).mutual, client(folder, "phone"), name)
    # A server that is revoked is refused by our client side too.
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(folder / "phone.pem", folder / "phone.key")
    with pytest.raises(ssl.SSLError, match="revoked"):
        shake(theirs, contexts.client, "phone.example.test")


def test_reload_takes_all_or_nothing(folder: Path) -> None:
    contexts = load_contexts(files(folder))
    before = (contexts.server, contexts.mutual, contexts.client)
    bad = files(folder)
    key = files(folder, "meet").chains[1].key
    broken = TlsFiles(bad.ca, bad.crl, (type(bad.chains[0])(bad.chains[0].certificate, key, (), "x.pem"),))
    with pytest.raises(CertificateError, match=r"x\.pem: TLS refuses it"):
        contexts.reload(broken)
    assert (contexts.server, contexts.mutual, contexts.client) == before
    issue(folder, "edge1", ["edge1.example.test", "new.example.test"])
    contexts.reload(files(folder))
    names = shake(contexts.server, client(folder), None)["subjectAltName"]
    assert ("DNS", "new.example.test") in names


def test_files_travel_to_another_process(folder: Path) -> None:
    revoke(folder, [])
    read = files(folder, "meet", crl=True)
    assert decode_files(encode_files(read)) == read
    assert "PRIVATE" not in repr(read)


def test_what_is_wrong_with_files_is_one_line(folder: Path) -> None:
    with pytest.raises(CertificateError, match=r"crl\.pem: there is no such file"):
        files(folder, crl=True)
    (folder / "meet.key").chmod(0o644)
    with pytest.raises(CertificateError, match=r"meet\.key: the private key is open to others"):
        files(folder, "meet")
