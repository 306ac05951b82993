"""Digest: the vectors of RFC 7616 §3.9.1, and what a server must refuse."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.identity.digest import (
    ALGORITHMS,
    Authenticator,
    Challenge,
    Credentials,
    DigestError,
    Verdict,
    answer,
    choose,
    ha1,
    response,
)
from seaway.wire.sip.auth import parse_auth_params

SECRET = b"0123456789abcdef"
NOW = 5000.0
SOURCE = "203.0.113.9"
URI = "sip:example.test"


def stored(user: str = "alice", password: str = "correct horse") -> dict[str, str]:
    return {each: ha1(each, user, "example.test", password) for each in ALGORITHMS}


def read(kind: type[Any], value: object) -> Any:
    """A header value through the wire form: split by the parser of `wire/`, then as parameters."""
    fields = parse_auth_params(str(value).removeprefix("Digest ").encode())
    return kind.from_parameters({name.decode(): each.decode() for name, each in fields.items()})


def ask(auth: Authenticator, algorithm: str = "SHA-256", now: float = NOW) -> Challenge:
    return next(each for each in auth.challenges(SOURCE, now) if each.algorithm == algorithm)


def reply(challenge: Challenge, password: str = "correct horse", nc: int = 1, method: str = "REGISTER") -> Credentials:
    made = read(Credentials, answer(challenge, "alice", password, method, URI, cnonce="c0ffee", nc=nc))
    assert isinstance(made, Credentials)
    return made


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_vectors_of_rfc_7616_section_3_9_1(algorithm: str, expected: str) -> None:
    secret = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
    made = response(
        algorithm, secret, "GET", "/dir/index.html", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        nc="00000001", cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )  # fmt: skip
    assert made == expected


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_a_right_answer_is_accepted_over_the_wire_form(algorithm: str) -> None:
    auth = Authenticator("example.test", SECRET)
    credentials = reply(read(Challenge, ask(auth, algorithm)))
    assert auth.verify(credentials, "REGISTER", stored(), SOURCE, NOW + 1) is Verdict.ACCEPTED


def test_challenges_are_ordered_best_first_and_chosen_by_strength() -> None:
    offered = Authenticator("example.test", SECRET).challenges(SOURCE, NOW)
    assert [each.algorithm for each in offered] == ["SHA-256", "MD5"]
    assert choose(reversed(offered)) is offered[0]
    assert choose(offered, realm="other.test") is None  # R37: only the realm we were configured for
    assert choose([Challenge("r", "n", algorithm="SHA-512-256", qop=("auth",))]) is None


@pytest.mark.parametrize("user", ["known", "unknown"])
def test_wrong_password_and_unknown_user_are_refused_alike(user: str) -> None:
    auth = Authenticator("example.test", SECRET)
    credentials = reply(ask(auth), password="wrong")
    assert auth.verify(credentials, "REGISTER", stored() if user == "known" else None, SOURCE, NOW) is Verdict.REFUSED
    assert auth.remembered == 0  # nothing is kept for who has not proved itself


def test_the_digest_covers_method_and_uri() -> None:
    auth = Authenticator("example.test", SECRET)
    assert auth.verify(reply(ask(auth)), "INVITE", stored(), SOURCE, NOW) is Verdict.REFUSED


def test_a_nonce_of_another_source_expired_or_invented_is_stale() -> None:
    auth = Authenticator("example.test", SECRET, lifetime=300)
    credentials = reply(ask(auth))
    assert auth.verify(credentials, "REGISTER", stored(), "203.0.113.10", NOW) is Verdict.STALE
    assert auth.verify(credentials, "REGISTER", stored(), SOURCE, NOW + 301) is Verdict.STALE
    invented = reply(Challenge("example.test", "A" * 38, algorithm="SHA-256", qop=("auth",)))
    assert auth.verify(invented, "REGISTER", stored(), SOURCE, NOW) is Verdict.STALE
    assert auth.verify(credentials, "REGISTER", stored(), SOURCE, NOW + 299) is Verdict.ACCEPTED


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
        assert auth.verify(reply(challenge, nc=nc), "REGISTER", stored(), SOURCE, NOW) is verdict, nc


def test_nonces_from_before_a_restart_are_stale() -> None:
    before = Authenticator("example.test", SECRET)
    credentials = reply(ask(before))
    assert before.verify(credentials, "REGISTER", stored(), SOURCE, NOW) is Verdict.ACCEPTED
    after = Authenticator("example.test", SECRET)  # same secret, but the used counts are gone
    assert after.verify(credentials, "REGISTER", stored(), SOURCE, NOW + 5) is Verdict.STALE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("qop", None),
        ("qop", "auth-int"),
        ("nc", "1"),
        ("nc", "+0000001"),
        ("cnonce", None),
        ("response", "zz"),
        ("username", "u" * 300),
    ],
)
def test_unusable_credentials_name_the_field(field: str, value: str | None) -> None:
    good = {
        "username": "alice", "realm": "example.test", "nonce": "n", "uri": URI, "response": "00", "cnonce": "c",
        "nc": "00000001", "qop": "auth",
    }  # fmt: skip
    Credentials.from_parameters(good)
    bad = {**good, field: value} if value is not None else {name: each for name, each in good.items() if name != field}
    with pytest.raises(DigestError) as caught:
        Credentials.from_parameters(bad)
    assert caught.value.field == field


def test_an_algorithm_that_is_off_is_refused() -> None:
    both, strict = Authenticator("example.test", SECRET), Authenticator("example.test", SECRET, algorithms=("SHA-256",))
    assert strict.verify(reply(ask(both, "MD5")), "REGISTER", stored(), SOURCE, NOW) is Verdict.REFUSED
