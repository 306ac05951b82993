"""What is read of DTLS records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.wire.dtls import datagrams, hello_verify_request, parse_client_hello, sane, without_clear_alerts

BODY = b"\xfe\xfd" + bytes(range(32)) + b"\x02SI" + b"\x03COO" + b"\0\x02\xc0\x2b\x01\0"


def message(body: bytes = BODY, *, kind: int = 1, offset: int = 0, length: int | None = None) -> bytes:
    size = (len(body) if length is None else length).to_bytes(3, "big")
    return bytes([kind]) + size + b"\0\x01" + offset.to_bytes(3, "big") + len(body).to_bytes(3, "big") + body


def record(body: bytes, *, kind: int = 22, epoch: int = 0) -> bytes:
    return bytes([kind]) + b"\xfe\xfd" + epoch.to_bytes(2, "big") + b"SEQUEN" + len(body).to_bytes(2, "big") + body


def test_a_client_hello() -> None:
    hello = parse_client_hello(record(message()))
    assert hello is not None
    assert (hello.record_sequence, hello.cookie) == (b"SEQUEN", b"COO")
    assert hello.unchanging == BODY.replace(b"\x03COO", b"")
    other = parse_client_hello(record(message(BODY.replace(b"\x03COO", b"\0"))))
    assert other is not None and other.cookie == b"" and other.unchanging == hello.unchanging


@pytest.mark.parametrize(
    "data",
    [
        b"", record(message(), kind=23), record(message(), epoch=1), record(message(kind=2)),
        record(message(offset=1)), record(message(length=500)), record(message(BODY[:30])),
        record(message(BODY[:34] + b"\xff")), record(message(BODY[:37] + b"\xffC")), record(message())[:-1],
    ],
)  # fmt: skip
def test_what_is_no_whole_client_hello(data: bytes) -> None:
    assert parse_client_hello(data) is None


def test_any_cut_is_none() -> None:
    whole = record(message())
    assert all(parse_client_hello(whole[:size]) is None for size in range(len(whole)))
    for size in range(len(BODY)):
        parse_client_hello(record(message(BODY[:size])))  # whatever it is, it does not raise


def test_rfc6347_4_2_1_hello_verify_request() -> None:
    hello = parse_client_hello(record(message()))
    assert hello is not None
    assert hello_verify_request(hello, b"cookie") == (
        b"\x16\xfe\xff\0\0SEQUEN\0\x15" + b"\x03\0\0\x09\0\0\0\0\0\0\0\x09" + b"\xfe\xff\x06cookie"
    )


def test_flights_are_cut_between_records() -> None:
    one, two = record(b"a" * 100), record(b"b" * 50)
    assert datagrams(one + two + one, 200) == [one + two, one]
    assert datagrams(one + two, 50) == [one, two]
    assert datagrams(b"", 50) == []


def test_alerts_in_clear_are_taken_out() -> None:
    alert, sealed, hello = record(b"\x02\x28", kind=21), record(b"x" * 20, kind=21, epoch=1), record(message())
    assert without_clear_alerts(alert + hello + alert + sealed) == hello + sealed
    assert without_clear_alerts(alert) == b""


def test_sanity() -> None:
    assert sane(record(message()) + record(b"x", epoch=1)) and sane(record(b"x", kind=20))
    assert not sane(b"") and not sane(record(message())[:-1]) and not sane(record(b"short"))
    assert not sane(record(message(length=16385)))


@given(st.binary(max_size=120))
def test_any_octets_are_read_without_an_error(data: bytes) -> None:
    for given_data in (data, record(data), record(message(data)), record(message(BODY[:34] + data))):
        parse_client_hello(given_data)
        sane(given_data)
