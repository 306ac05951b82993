"""Handshakes of DTLS-SRTP (rules R15, R16)."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import crypto

from seaway.core.srtp.suites import SUITES
from seaway.identity.dtls import create_identity
from seaway.media import dtls as module
from seaway.media.dtls import GIVE_UP, Association
from seaway.media.protocol import Fingerprint

from .dtls_peer import Peer
from .harness import Random

IDENTITY = create_identity()
EXPLICIT = (
    "MIICaTCCAg+gAwIBAgIUdPGQY0TDAWWePcoyDNSSSiRi3dkwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEcGVlcjAgFw0yNjExMjUxNTMxNTZa"
    "GA8yMTI2MTEwMTE1MzE1NlowDzENMAsGA1UEAwwEcGVlcjCCAUswggEDBgcqhkjOPQIBMIH3AgEBMCwGByqGSM49AQECIQD/////AAAAAQAA"
    "AAAAAAAAAAAAAP///////////////zBbBCD/////AAAAAQAAAAAAAAAAAAAAAP///////////////AQgWsY12Ko6k+ez671VdpiGvGUdBrDM"
    "U7D2O848PifSYEsDFQDEnTYIhucEk2pmeOETnSa3gZ9+kARBBGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tK"
    "fA+eFivOM1drMV7Oy7ZAaDe/UfUCIQD/////AAAAAP//////////vOb6racXnoTzucrC/GMlUQIBAQNCAATCapPlTzKjB5UnNKnbFzHZriVH"
    "VYhAZmuNgYqEQR0CP3fqZ7+5FFPfrYKKsA2PpZ0GJvD8NffOj046C1wDA9kgo1MwUTAdBgNVHQ4EFgQUVOuwc6JdkfMGHlbcf0yPsMlki3Iw"
    "HwYDVR0jBBgwFoAUVOuwc6JdkfMGHlbcf0yPsMlki3IwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAueHG8puD2SCLf0naz"
    "aTtajRVfPZ1S3ecFwE10Tik8DwIhAP8p5ZmRmBgO64W51TRFEHUwNTe8l3GfBLjRUAdwJ+1/"
)
THERE, ELSEWHERE = ("192.0.2.10", 40000), ("192.0.2.10", 40002)


def waiting(*fingerprints: Fingerprint, role: str = "passive") -> Association:
    return Association(IDENTITY, role, fingerprints, Random())


def drained(association: Association) -> list[tuple[bytes, tuple[str, int]]]:
    found = []
    while (datagram := association.next_datagram()) is not None:
        found.append(datagram)
    return found


def shake(association: Association, peer: Peer, source: tuple[str, int] = THERE, now: float = 0.0) -> None:
    """Until both are silent."""
    if association.role == "active":
        association.start(source, now)
        towards_us: list[bytes] = []
    else:
        towards_us = peer.send()
    for _ in range(20):
        for data in towards_us:
            association.receive(data, source, now)
        out = drained(association)
        assert all(len(data) <= 1200 and to == source for data, to in out)
        towards_us = [answer for data, _ in out for answer in peer.send(data)]
        if not towards_us:
            return


@pytest.mark.parametrize("role", ["passive", "active"])
@pytest.mark.parametrize(
    ("profiles", "suite"),
    [
        (b"SRTP_AES128_CM_SHA1_80", "AES_CM_128_HMAC_SHA1_80"),
        (b"SRTP_AEAD_AES_128_GCM", "AEAD_AES_128_GCM"),
        (b"SRTP_AEAD_AES_256_GCM", "AEAD_AES_256_GCM"),
        (b"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM", None),
    ],
)
def test_both_sides_have_the_same_keys(role: str, profiles: bytes, suite: str | None) -> None:
    """R16 also: an active side ends with a flight to which it has nothing to say; the keys are there all the same."""
    peer = Peer(client=role == "passive", profiles=profiles)
    association = waiting(peer.fingerprint(), role=role)
    shake(association, peer)
    assert association.failure is None and peer.done and association.keys is not None
    assert association.suite is not None and suite in (association.suite, None)
    ours, theirs = association.keys
    sizes = SUITES[association.suite].key, SUITES[association.suite].salt
    assert (theirs.key + theirs.salt, ours.key + ours.salt) == peer.keys(*sizes)
    assert association.source == THERE


def test_a_peer_with_an_rsa_certificate() -> None:
    peer = Peer(client=True, key="rsa")
    association = waiting(peer.fingerprint())
    shake(association, peer)
    assert association.keys is not None


def flipped(it: Fingerprint) -> Fingerprint:
    return Fingerprint(it.hash, f"{int(it.value[:2], 16) ^ 1:02X}{it.value[2:]}")


@pytest.mark.parametrize("role", ["passive", "active"])
def test_r16_one_flipped_bit_of_the_fingerprint(role: str) -> None:
    peer = Peer(client=role == "passive")
    association = waiting(flipped(peer.fingerprint()), role=role)
    shake(association, peer)
    assert association.keys is None and association.suite is None
    assert association.failure is not None and association.failure[0] == "fingerprint"


def test_r16_no_fingerprint_matches_nothing() -> None:
    peer = Peer(client=True)
    association = waiting()
    shake(association, peer)
    assert association.keys is None and association.failure is not None and association.failure[0] == "fingerprint"


def test_r16_no_certificate_at_all() -> None:
    peer = Peer(client=True, shows=False)
    association = waiting(peer.fingerprint())
    shake(association, peer)
    assert association.keys is None and association.failure is not None


def test_r16_several_fingerprints() -> None:
    """One of several certificates, or one certificate by several hashes; the strongest hash decides."""
    for good in (True, False):
        peer, other = Peer(client=True), Peer(client=True)
        strong = (peer if good else other).fingerprint("sha-512")
        association = waiting(other.fingerprint("sha-512"), peer.fingerprint("sha-256"), strong)
        shake(association, peer)
        assert (association.keys is not None) is good


def test_r16_another_peer_of_the_same_name_is_not_the_signalled_one() -> None:
    peer, other = Peer(client=True), Peer(client=True)
    association = waiting(other.fingerprint())
    shake(association, peer)
    assert association.keys is None and not association.next_datagram()


def test_no_srtp_profile_in_common() -> None:
    for profiles in (b"", b"SRTP_AES128_CM_SHA1_32"):
        peer = Peer(client=True, profiles=profiles)
        association = waiting(peer.fingerprint())
        shake(association, peer)
        assert association.keys is None and association.failure is not None and association.failure[0] == "profile"


def test_r15_a_hello_without_a_cookie_leaves_nothing_behind_and_amplifies_nothing() -> None:
    association, peer = waiting(), Peer(client=True)
    (hello,) = peer.send()
    for number in range(100):
        association.receive(hello, ("192.0.2.10", 1000 + number), 0.0)
    out = drained(association)
    assert len(out) == 100 and all(len(data) < len(hello) for data, _ in out)
    assert association.source is None and association.next_deadline() is None
    again = Association(IDENTITY, "passive", (), Random())
    again.receive(hello, THERE, 0.0)
    assert again.source is None


def test_r15_a_cookie_is_good_for_one_address_only() -> None:
    association, peer = waiting(), Peer(client=True)
    association.receive(peer.send()[0], THERE, 0.0)
    ((request, _),) = drained(association)
    (second,) = peer.send(request)
    association.receive(second, ELSEWHERE, 0.0)
    ((other, to),) = drained(association)
    assert to == ELSEWHERE and other != request and association.source is None
    association.receive(second, THERE, 0.0)
    assert association.source == THERE


def test_r15_a_handshake_from_elsewhere_does_not_disturb_the_good_one() -> None:
    peer, evil = Peer(client=True), Peer(client=True)
    association = waiting(peer.fingerprint())
    association.receive(peer.send()[0], THERE, 0.0)
    second = peer.send(drained(association)[0][0])[0]
    association.receive(second, THERE, 0.0)
    flight = drained(association)
    shake(association, evil, ELSEWHERE, 1.0)  # while it goes on
    association.receive(b"\x16\xfe\xfd" + bytes(20), ELSEWHERE, 1.0)
    assert association.source == THERE and association.failure is None
    for data, _ in flight:
        for answer in peer.send(data):
            association.receive(answer, THERE, 1.1)
    assert association.keys is not None
    keys = association.keys
    assert drained(association)
    shake(association, Peer(client=True), ELSEWHERE, 60.0)  # and when it has ended
    shake(association, Peer(client=True), THERE, 60.0)
    assert association.keys == keys and association.failure is None


def test_r15_another_address_may_begin_when_the_first_did_not_go_on() -> None:
    gone, peer = Peer(client=True), Peer(client=True)
    association = waiting(peer.fingerprint())
    association.receive(gone.send()[0], ELSEWHERE, 0.0)
    association.receive(gone.send(drained(association)[0][0])[0], ELSEWHERE, 0.0)
    drained(association)
    assert association.source == ELSEWHERE
    shake(association, peer, THERE, 4.0)
    assert association.keys is not None and association.source == THERE


def test_garbage_ends_no_handshake() -> None:
    peer = Peer(client=True)
    association = waiting(peer.fingerprint())
    association.receive(peer.send()[0], THERE, 0.0)
    association.receive(peer.send(drained(association)[0][0])[0], THERE, 0.0)
    flight = drained(association)
    for data in (
        b"",
        b"\x16",
        b"\x16\xfe\xfd" + bytes(8) + b"\xff\xff",
        bytes(13),
        b"\x17\xfe\xfd" + bytes(10),
        b"\x15\xfe\xfd\0\1" + bytes(6) + b"\0\2xy",
    ):
        association.receive(data, THERE, 0.0)
    for data, _ in flight:
        for answer in peer.send(data):
            association.receive(answer, THERE, 0.1)
    assert association.keys is not None


def test_r19_a_message_that_says_to_be_too_long_is_not_read() -> None:
    peer = Peer(client=True)
    association = waiting(peer.fingerprint())
    association.receive(peer.send()[0], THERE, 0.0)
    association.receive(peer.send(drained(association)[0][0])[0], THERE, 0.0)
    drained(association)
    long = b"\x16\xfe\xfd" + bytes(8) + b"\0\x0c" + b"\x0b" + (16 * 1024 + 1).to_bytes(3, "big") + bytes(8)
    association.receive(long, THERE, 0.5)
    assert not drained(association) and association.failure is None


def test_a_handshake_that_does_not_go_on_fails_in_time() -> None:
    association = waiting(role="active")
    association.start(THERE, 100.0)
    assert len(drained(association)) == 1
    deadline = association.next_deadline()
    assert deadline is not None and 100.0 < deadline <= 101.1
    association.handle_timeout(100.0 + GIVE_UP)
    assert association.failure is not None and association.failure[0] == "timeout"
    assert association.next_deadline() is None
    association.start(THERE, 200.0)
    assert not drained(association)


def test_an_ended_handshake_is_let_go() -> None:
    peer = Peer(client=True)
    association = waiting(peer.fingerprint())
    shake(association, peer)
    deadline = association.next_deadline()
    assert deadline is not None
    association.handle_timeout(deadline)
    assert association._connection is None and association.keys is not None and association.next_deadline() is None


def test_a_forged_alert_ends_no_handshake() -> None:
    peer = Peer(client=True)
    association = waiting(peer.fingerprint())
    association.receive(peer.send()[0], THERE, 0.0)
    association.receive(peer.send(drained(association)[0][0])[0], THERE, 0.0)
    flight = drained(association)
    for sequence in range(5, 9):  # fatal: handshake_failure
        association.receive(b"\x15\xfe\xfd\0\0" + bytes([0, 0, 0, 0, 0, sequence]) + b"\0\x02\x02\x28", THERE, 0.0)
    assert association.failure is None
    for data, _ in flight:
        for answer in peer.send(data):
            association.receive(answer, THERE, 0.1)
    assert association.keys is not None


def test_r19_a_curve_with_explicit_parameters_is_refused() -> None:
    """OpenSSL CVE-2022-0778 against WebRTC. The certificate was made with `openssl ecparam -param_enc explicit`."""
    certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, b64decode(EXPLICIT))
    shown = (Fingerprint("sha-256", certificate.digest("sha256").decode()),)
    assert "explicit parameters" in module._mismatch(certificate, shown)
    usual = crypto.X509.from_cryptography((peer := Peer(client=True)).certificate)
    assert module._mismatch(usual, (peer.fingerprint(),)) == ""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=6), st.booleans())
def test_nothing_that_a_peer_sends_raises(parts: list[bytes], client: bool) -> None:
    """In a handshake, and when it has ended: records of any kind, with any content, in any epoch."""
    peer = Peer(client=client)
    association = waiting(peer.fingerprint(), role="passive" if client else "active")
    hostile = [
        bytes([kind]) + b"\xfe\xfd" + epoch + bytes(6) + len(part).to_bytes(2, "big") + part
        for part in parts for kind in (20, 21, 22, 23) for epoch in (b"\0\0", b"\0\1")
    ]  # fmt: skip
    if client:
        association.receive(peer.send()[0], THERE, 0.0)
        association.receive(peer.send(drained(association)[0][0])[0], THERE, 0.0)
    else:
        association.start(THERE, 0.0)
    for data in (*hostile, *parts):
        association.receive(data, THERE, 0.1)
        association.receive(data, ELSEWHERE, 0.1)
    drained(association)
    ended = waiting(peer.fingerprint())
    shake(ended, Peer(client=True))
    for data in (*hostile, *parts):
        ended.receive(data, THERE, 0.1)
