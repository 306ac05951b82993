"""Datagrams that only keep a binding alive: STUN at the SIP port (RFC 5626 §8)."""

from __future__ import annotations

import pytest

from seaway.call.keep_alive import answer_keep_alive
from seaway.core.sip.io import Send
from seaway.wire.stun.address import decode_xor_address
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.message import decode, encode

from ..support.messages import flow
from ..support.nodes import control

ID = bytes(range(12))
BIND = encode(MessageClass.REQUEST, BINDING, ID, fingerprint=False)


@pytest.mark.parametrize("remote", [("192.0.2.10", 40000), ("2001:db8::10", 5060)])
@pytest.mark.parametrize("fingerprint", [False, True])
def test_a_binding_request_is_told_its_place(remote: tuple[str, int], fingerprint: bool) -> None:
    core, source = control(), flow("udp", remote)
    core.receive(encode(MessageClass.REQUEST, BINDING, ID, fingerprint=fingerprint), source, 1.0)
    output = core.next_output()
    assert isinstance(output, Send) and output.flow is source and core.next_output() is None
    said = decode(output.data)
    assert (said.message_class, said.transaction_id) == (MessageClass.SUCCESS, ID)
    mapped = said.first(AttributeType.XOR_MAPPED_ADDRESS)
    assert mapped is not None and decode_xor_address(mapped.value, ID) == remote
    assert len(output.data) < 3 * len(BIND), "a forged source gains nothing"
    counters = {row["name"]: row["value"] for row in core.snapshot("counters", 1.0)}
    assert counters["sip.keep_alive"] == 1 and "sip.malformed" not in counters


def test_an_unknown_attribute_is_420() -> None:
    data = encode(MessageClass.REQUEST, BINDING, ID, (Attribute(0x7000, b"1234"),))
    said = decode(answer_keep_alive(data, flow()) or b"")
    code = said.first(AttributeType.ERROR_CODE)
    assert said.message_class is MessageClass.ERROR and code is not None and code.value[2:4] == b"\x04\x14"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\r\n\r\n", b"\0", encode(MessageClass.INDICATION, BINDING, ID),
        encode(MessageClass.SUCCESS, BINDING, ID), encode(MessageClass.REQUEST, 0x003, ID),
        encode(MessageClass.REQUEST, BINDING, ID)[:-1] + b"\0",
    ],
)  # fmt: skip
def test_what_gets_no_answer(data: bytes) -> None:
    assert answer_keep_alive(data, flow()) == b""


@pytest.mark.parametrize("data", [b"OPTIONS", BIND[:-1], BIND + b"x", b"\0\1\0\0" + b"x" * 16])
def test_what_is_no_keep_alive(data: bytes) -> None:
    assert answer_keep_alive(data, flow()) is None
    assert answer_keep_alive(BIND, flow("tcp")) is None
