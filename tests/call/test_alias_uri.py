from __future__ import annotations

import pytest

from seaway.call.alias_uri import number_of, uri_of_alias, with_domain
from seaway.wire.sip.uri import parse_request_uri


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("bob", "bob@example.test"), ("bob@x", "bob@x"), ("10.0.0.1", "10.0.0.1"), ("1234", "1234@example.test"),
        ("[2001:db8::1]", "[2001:db8::1]"), ("1.2.3", "1.2.3@example.test"),
    ],
)  # fmt: skip
def test_an_alias_without_a_domain_gets_one(alias: str, expected: str) -> None:
    assert with_domain(alias, "example.test") == expected


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("bob@example.test", b"sip:bob@example.test"),
        ("a b>c@d@example.test", b"sip:a%20b%3Ec%40d@example.test"),
        ("50%@example.test", b"sip:50%25@example.test"),
        ("#31@example.test", b"sip:%2331@example.test"),
        ("bob@example.test:5070", b"sip:bob@example.test:5070"),
        ("192.0.2.1", b"sip:192.0.2.1"),
        ("bob@[2001:db8::1]", b"sip:bob@[2001:db8::1]"),
        ("bob@exa mple.test", None),
        ("bob@", None),
        ("@example.test", None),
        ("bob@example.test;lr", b"sip:bob@example.test;lr"),
        ("bob@example.test?Route=x", None),
    ],
)
def test_the_uri_of_an_alias(alias: str, expected: bytes | None) -> None:
    assert uri_of_alias(b"sip", alias) == expected
    if expected is not None:
        assert parse_request_uri(expected).serialise() == expected


@pytest.mark.parametrize("octet", range(0x20, 0x7F))
def test_every_octet_survives_the_way_out_and_back(octet: int) -> None:
    alias = f"a{chr(octet)}b@example.test"
    uri = uri_of_alias(b"sip", alias)
    assert uri is not None and parse_request_uri(uri).aor() == alias.encode()


@pytest.mark.parametrize(
    ("alias", "digits"),
    [
        ("+491234@x", "491234"), ("491234", "491234"), ("+49-30.(12)@x", "493012"), ("+@x", None), ("bob@x", None),
        ("1" * 15, "1" * 15), ("1" * 16, None), ("\u0661@x", None), ("+4+9@x", None), ("", None),
    ],
)  # fmt: skip
def test_numbers(alias: str, digits: str | None) -> None:
    assert number_of(alias) == digits
