from __future__ import annotations

import pytest

from seaway.core.sip.routing import first_route, is_loose, pop_own_routes, restore_strict, uri_host_port, uri_user

from ...support.messages import as_request, request

OWN = frozenset((b"192.0.2.1:5060", b"us.test"))


@pytest.mark.parametrize(
    ("uri", "place", "user"),
    [
        (b"sip:a@B.test:5070;x=y?h=v", b"b.test:5070", b"a"),
        (b"SIPS:a:secret@b.test", b"b.test", b"a"),
        (b"sip:b.test;lr", b"b.test", b""),
        (b"sip:a;x=@@b.test", b"b.test", b"a;x=@"),
        (b"sip:a@[2001:DB8::1]:5060;lr", b"[2001:db8::1]:5060", b"a"),
        (b"tel:+1234", b"", b""),
        (b"sip", b"", b""),
        (b"", b"", b""),
    ],
)
def test_parts_of_a_uri_without_a_parse(uri: bytes, place: bytes, user: bytes) -> None:
    assert (uri_host_port(uri), uri_user(uri)) == (place, user)


@pytest.mark.parametrize(
    ("uri", "loose"),
    [(b"sip:a;lr", True), (b"sip:a;LR", True), (b"sip:a;x=y;lr=on", True), (b"sip:a;lrx", False), (b"sip:lr", False),
     (b"sip:a?lr", False), (b"sip:a;x=lr", False)],
)  # fmt: skip
def test_lr(uri: bytes, loose: bool) -> None:
    assert is_loose(uri) == loose


def test_leading_values_only() -> None:
    routes = [
        "Route: <sip:one@us.test;lr>, <sip:two@192.0.2.1:5060;lr>, <sip:x@other.test;lr>",
        "Route: <sip:three@us.test;lr>",
    ]
    message = as_request(request(headers=routes))
    assert pop_own_routes(message, OWN) == b"two"
    assert message.all(b"route") == [b"<sip:x@other.test;lr>", b"<sip:three@us.test;lr>"]
    assert pop_own_routes(message, OWN) is None
    assert first_route(message) == b"sip:x@other.test;lr"


def test_a_comma_in_a_name_is_none() -> None:
    message = as_request(request(headers=['Route: "a, b" <sip:one@us.test;lr>;x="y,z"']))
    assert pop_own_routes(message, OWN) == b"one"
    assert message.all(b"route") == []


def test_strict() -> None:
    message = as_request(request("BYE", "sip:T@us.test;lr", headers=["Route: <sip:a@b>"]))
    assert restore_strict(message, OWN) == b"T"
    assert (message.uri, message.all(b"route")) == (b"sip:a@b", [])
    for uri, routes in (
        ("sip:T@us.test;lr", []),
        ("sip:T@us.test", ["Route: <sip:a@b>"]),
        ("sip:T@x.test;lr", ["Route: <sip:a@b>"]),
    ):
        message = as_request(request("BYE", uri, headers=routes))
        assert restore_strict(message, OWN) is None
        assert message.uri == uri.encode()
