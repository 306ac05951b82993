"""Digest: the vectors of RFC 7616 §3.9.1, and what a server must refuse."""

from __future__ import annotations

import pytest

from seaway.identity.digest import ALGORITHMS, Authenticator, Verdict, answer, choose, ha1, response
from seaway.wire.sip.auth import Challenge, Credentials, parse_challenge, parse_credentials

SECRET = b"0123456789abcdef"
NOW = 5000.0
SOURCE = "203.0.113.9"
URI = b"sip:example.test"


def stored(user: str = "alice", password: str = "correct horse") -> dict[str, str]:
    return {each: ha1(each, user, "example.test", password) for each in ALGORITHMS}


def ask(auth: Authenticator, algorithm: bytes = b"SHA-256", now: float = NOW) -> Challenge:
    return next(each for each in auth.challenges(SOURCE, now) if each.algorithm == algorithm)


def reply(
    challenge: Challenge, password: str = "correct horse", nc: int = 1, method: bytes = b"REGISTER"
) -> Credentials:
    return answer(challenge, "alice", password, method, URI, cnonce=b"c0ffee", nc=nc)


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (b"MD5", b"8ca523f5e9506fed4657c9700eebdbec"),
        (b"SHA-256", b"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_vectors_of_rfc_7616_section_3_9_1(algorithm: bytes, expected: bytes) -> None:
    secret = ha1(algorithm.decode(), "Mufasa", "http-auth@example.org", "Circle of Life")
    made = response(
        algorithm, secret, b"GET", b"/dir/index.html", b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        nc=b"00000001", cnonce=b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )  # fmt: skip
    assert made == expected


@pytest.mark.parametrize("algorithm", [b"SHA-256", b"MD5"])
def test_a_right_answer_is_accepted_over_the_wire_form(algorithm: bytes) -> None:
    auth = Authenticator("example.test", SECRET)
    challenge = parse_challenge(ask(auth, algorithm).serialise())
    assert isinstance(challenge, Challenge)
    credentials = parse_credentials(reply(challenge).serialise())
    assert isinstance(credentials, Credentials)
    assert auth.verify(credentials, b"REGISTER", stored(), SOURCE, NOW + 1) is Verdict.ACCEPTED


def test_challenges_are_ordered_best_first_and_chosen_by_strength() -> None:
    offered = Authenticator("example.test", SECRET).challenges(SOURCE, NOW)
    assert [each.algorithm for each in offered] == [b"SHA-256", b"MD5"]
    assert choose(reversed(offered)) is offered[0]
    assert choose(offered, realm="other.test") is None  # R37: only the realm we were configured for
    assert choose([Challenge(b"r", b"n", algorithm=b"SHA-512-256", qop=(b"auth",))]) is None


@pytest.mark.parametrize("user", ["known", "unknown"])
def test_wrong_password_and_unknown_user_are_refused_alike(user: str) -> None:
    auth = Authenticator("example.test", SECRET)
    credentials = reply(ask(auth), password="wrong")
    assert auth.verify(credentials, b"REGISTER", stored() if user == "known" else None, SOURCE, NOW) is Verdict.REFUSED
    assert auth.remembered == 0  # nothing is kept for who has not proved itself


def test_the_digest_covers_method_and_uri() -> None:
    auth = Authenticator("example.test", SECRET)
    assert auth.verify(reply(ask(auth)), b"INVITE", stored(), SOURCE, NOW) is Verdict.REFUSED


def test_a_nonce_of_another_source_expired_or_invented_is_stale() -> None:
    auth = Authenticator("example.test", SECRET, lifetime=300)
    credentials = reply(ask(auth))
    assert auth.verify(credentials, b"REGISTER", stored(), "203.0.113.10", NOW) is Verdict.STALE
    assert auth.verify(credentials, b"REGISTER", stored(), SOURCE, NOW + 301) is Verdict.STALE
    invented = reply(Challenge(b"example.test", b"A" * 38, algorithm=b"SHA-256", qop=(b"auth",)))
    assert auth.verify(invented, b"REGISTER", stored(), SOURCE, NOW) is Verdict.STALE
    assert auth.verify(credentials, b"REGISTER", stored(), SOURCE, NOW + 299) is Verdict.ACCEPTED


def test_a_nonce_count_is_taken_once() -> None:
    auth = Authenticator("example.test", SECRET)
    challenge = ask(auth)
    for nc, verdict in (
        (2, Verdict.ACCEPTED),
        (2, Verdict.STALE),
        (1, Verdict.ACCEPTED),
        (1, Verdict.STALE),
        (3, Verdict.ACCEPTED),
    ):
        assert auth.verify(reply(challenge, nc=nc), b"REGISTER", stored(), SOURCE, NOW) is verdict, nc


def test_nonces_from_before_a_restart_are_stale() -> None:
    before = Authenticator("example.test", SECRET)
    credentials = reply(ask(before))
    assert before.verify(credentials, b"REGISTER", stored(), SOURCE, NOW) is Verdict.ACCEPTED
    after = Authenticator("example.test", SECRET)  # same secret, but the used counts are gone
    assert after.verify(credentials, b"REGISTER", stored(), SOURCE, NOW + 5) is Verdict.STALE


def test_without_qop_there_is_no_entry() -> None:
    auth = Authenticator("example.test", SECRET)
    good = reply(ask(auth))
    bare = Credentials(good.username, good.realm, good.nonce, good.uri, good.response, good.algorithm)
    assert auth.verify(bare, b"REGISTER", stored(), SOURCE, NOW) is Verdict.REFUSED


def test_an_algorithm_that_is_off_is_refused() -> None:
    both, strict = Authenticator("example.test", SECRET), Authenticator("example.test", SECRET, algorithms=("SHA-256",))
    assert strict.verify(reply(ask(both, b"MD5")), b"REGISTER", stored(), SOURCE, NOW) is Verdict.REFUSED
