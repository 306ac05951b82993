from __future__ import annotations

import json
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.media.encoding import MAX_COMMAND, ProtocolError, decode_command, decode_message, encode
from seaway.media.protocol import (
    AddStreams,
    Close,
    Closed,
    Command,
    Describe,
    Described,
    DirectionStats,
    Event,
    Failed,
    Fingerprint,
    Ice,
    Idle,
    Latched,
    LegAddress,
    LegRequest,
    List,
    Listed,
    Open,
    Opened,
    Pause,
    Relabel,
    Reply,
    Secured,
    Security,
    SecurityFailed,
    SessionInfo,
    SetRemote,
    SrtpKey,
    Stats,
    StatsReply,
    StreamAddress,
    StreamRequest,
    StreamStats,
)  # fmt: skip

LEG = LegRequest("demux", "inner", ("T11-09", "T11-10"))
STREAM = StreamRequest(LEG, LegRequest("plain", "outer", ("T11-11", "T11-12")))
ADDRESS = StreamAddress(
    LegAddress(("10.0.0.1", 2776), ("10.0.0.1", 2777), "u", "p"), LegAddress(("::1", 4), ("::1", 5))
)
DIRECTION = DirectionStats(1, 2, 3, 4, 5.5, 6.0, 7, ("192.0.2.1", 8), 9)
STREAM_STATS = StreamStats(DIRECTION, DirectionStats(0, 0, 0, 0, 0.0, 0.0, 0, None))
INFO = SessionInfo("s", "läbel \u2028 {}", (STREAM_STATS,), (ADDRESS,))
KEY = SrtpKey("AEAD_AES_128_GCM", "c2VjcmV0", "01")

COMMANDS = [
    Open(1, "s", "label\n", (STREAM,)), AddStreams(2, "s", ()), Close(3, "s"), Stats(4), Stats(5, "s"), List(6),
    Describe(8), Relabel("s", "other"), Ice("s", 0, "a", "ufrag", "p" * 22), Pause("s", 0, "b", True),
    SetRemote(
        "s", 0, "b", ("192.0.2.1", 1), ("192.0.2.1", 2), ("192.0.2.1",), "u", "p", ((0, 8000), (111, 48000)), (7, 8)
    ),
    Ice("s", 0, "a"), Ice("s", 0, "b", "ufrag", "password", "theirs", True),
    Security("s", 0, "a", "srtp", (KEY, KEY), KEY, "active", (Fingerprint("sha-256", "AB:CD"),)),
]  # fmt: skip
MESSAGES = [
    Opened(1, "s", (ADDRESS,)), Closed(2, "s", (STREAM_STATS,)), StatsReply(3, (INFO,)), Listed(4, (INFO, INFO)),
    Described(8, "tc", "why", 1, 4, 0, "", (("T11-11", 5),), 2, 3, 4),
    Failed(6, None, "what", "why"), Latched("s", 1, "a", "rtcp", ("192.0.2.1", 9)), Idle("s", 30.0),
    Secured("s", 0, "b", "AES_CM_128_HMAC_SHA1_80"), SecurityFailed("s", 0, "b", "fingerprint", "another one"),
]  # fmt: skip


@pytest.mark.parametrize("message", [*COMMANDS, *MESSAGES], ids=lambda message: type(message).__name__)
def test_round_trip_on_one_line(message: Command | Reply | Event) -> None:
    line = encode(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1 and line.isascii()
    decode = decode_command if message in COMMANDS else decode_message
    assert decode(line) == message


def test_every_message_of_the_contract_is_covered() -> None:
    assert {type(each) for each in COMMANDS} == set(get_args(Command))
    assert {type(each) for each in MESSAGES} == {*get_args(Reply), *get_args(Event)}
    assert all(get_type_hints(type(each)) for each in [*COMMANDS, *MESSAGES])


def changed(message: Command, path: str, value: object) -> bytes:
    body = json.loads(encode(message))
    *parents, last = path.split(".")
    target = body
    for name in parents:
        target = target[int(name)] if isinstance(target, list) else target[name]
    target[int(last) if isinstance(target, list) else last] = value
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("type", "Opened", "type"),  # a reply is no command
        ("type", 5, "type"),
        ("request", "1", "request"),
        ("request", True, "request"),
        ("request", 1.0, "request"),
        ("request", 1 << 60, "request"),
        ("session", None, "session"),
        ("streams", {}, "streams"),
        ("streams.0.a.kind", "other", "streams[0].a.kind"),
        ("streams.0.a.kind", ["plain"], "streams[0].a.kind"),
        ("streams.0.a.rows", ["T11-09"], "streams[0].a.rows"),
        ("streams.0.a.rows.1", 7, "streams[0].a.rows[1]"),
        ("streams.0.b", [], "streams[0].b"),
        ("streams.0.b.new", 1, "streams[0].b.new"),
        ("extra", 1, "extra"),
    ],
)
def test_a_wrong_field_is_named(path: str, value: object, field: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_command(changed(COMMANDS[0], path, value))
    assert caught.value.field == field
    assert caught.value.what in str(caught.value)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_command(b'{"type": "Close", "request": 1}')
    assert (caught.value.field, caught.value.what) == ("session", "missing")


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"[]", b'"Open"', b"null", b"\xff", b"[" * 50_000, b'{"type": "List", "request": NaN}',
        b'{"type": "List", "request": 1, "request": 2}', b'{"type": "List", "request": ' + b"1" * 5000 + b"}",
        b'{"type": "List", "request": 1}' + b" " * MAX_COMMAND,
    ],
    ids=range(11),
)  # fmt: skip
def test_what_is_no_message(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_command(line)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_a_message_or_a_protocol_error(value: object) -> None:
    for body in (value, {"type": "Open", "streams": value, "request": 1, "session": "", "label": ""}):
        try:
            decode_command(json.dumps(body).encode())
        except ProtocolError:
            continue


def test_largest_open_fits() -> None:
    assert len(encode(Open(1, "s" * 255, "l" * 8192, (STREAM,) * 16))) < MAX_COMMAND


def test_a_key_is_in_the_line_and_in_no_log_of_it() -> None:
    assert KEY.key.encode() in encode(COMMANDS[-1])
    assert KEY.key not in repr(COMMANDS[-1])
