"""GRUUs (RFC 5627)."""

from __future__ import annotations

import pytest

from seaway.core.sip.gruu import Gruus, aor_uri
from seaway.wire.sip.uri import SipUri, parse_request_uri

AOR, URN = b"alice@example.test", b"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


def gruus(secret: bytes = b"0123456789abcdef", boot: bytes = b"boot") -> Gruus:
    return Gruus(secret, boot)


def test_a_public_gruu_is_the_address_with_the_instance() -> None:
    made = gruus().public(AOR, URN)
    assert made == b"sip:alice@example.test;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"  # RFC 5627 §5.2
    assert gruus().read(made) == (AOR, URN)


@pytest.mark.parametrize("instance", [b"urn:x:a=b;c", b"urn:x:%41", b"urn:x:a,b@c"])
def test_an_instance_that_needs_escapes(instance: bytes) -> None:
    made = gruus().public(b"a b%@example.test", instance)
    parse_request_uri(made)
    assert gruus().read(made) == (b"a b%@example.test", instance)


def test_temporary_gruus_hide_user_and_device_and_are_all_different() -> None:
    """RFC 5627 §5.3: two of one registration cannot be linked by who reads them."""
    one = gruus()
    index = one.index(AOR, URN, b"call-1")
    made = [one.temporary(AOR, index) for _ in range(100)]
    assert len(set(made)) == 100
    for each in made:
        uri = parse_request_uri(each)
        assert isinstance(uri, SipUri) and uri.host == b"example.test" and b"alice" not in each and b"gr" in uri.params
        assert one.read(each) == index
        assert gruus(boot=b"next").read(each) == index, "also after a restart"
    assert not set(made) & {gruus(boot=b"next").temporary(AOR, index) for _ in range(100)}
    assert max(sum(a == b for a, b in zip(made[0], each, strict=True)) for each in made[1:]) < len(made[0]) - 20


def test_the_index_is_of_one_registration() -> None:
    one = gruus()
    index = one.index(AOR, URN, b"call-1")
    others = [
        one.index(b"bob@example.test", URN, b"call-1"), one.index(AOR, URN + b"7", b"call-1"),
        one.index(AOR, URN, b"call-2"), gruus(b"another secret!!").index(AOR, URN, b"call-1"),
    ]  # fmt: skip
    assert index not in others and index == gruus().index(AOR, URN, b"call-1")


def test_a_forged_or_changed_one_means_nothing() -> None:
    one = gruus()
    good = one.temporary(AOR, one.index(AOR, URN, b"c"))
    assert gruus(b"another secret!!").read(good) is None
    begin = good.index(b"tgruu.") + 6
    for place in range(begin, begin + 35):
        octet = b"A" if good[place : place + 1] != b"A" else b"B"
        changed = good[:place] + octet + good[place + 1 :]
        if place < begin + 34:  # the last character has bits that decode to nothing
            assert one.read(changed) is None, place


@pytest.mark.parametrize(
    "uri",
    [
        b"sip:alice@example.test", b"sip:example.test;gr", b"sip:tgruu.@example.test;gr", b"sip:x@example.test;gr",
        b"tel:+49;gr=x", b"\xff", b"", b"sip:tgruu." + b"A" * 34 + b"@example.test;gr",
        b"sip:tgruu." + b"!" * 35 + b"@example.test;gr", b"sip:tgruu." + b"A" * 35 + b"@example.test;gr",
    ],
)  # fmt: skip
def test_what_is_no_gruu(uri: bytes) -> None:
    assert gruus().read(uri) is None


def test_an_address_of_record_as_uri() -> None:
    assert aor_uri(b"alice@example.test") == b"sip:alice@example.test"
    assert aor_uri(b"a<b>@example.test") == b"sip:a%3Cb%3E@example.test"
