from __future__ import annotations

from dataclasses import replace

import pytest

from seaway.media.flows import Flow, FlowError, FlowKey, PortKind, Prefix
from seaway.runtime.fastpath.worker_protocol import (
    decode_keys,
    decode_reply,
    decode_up,
    encode_address,
    encode_flow,
    encode_key,
)  # fmt: skip

V4 = FlowKey(("192.0.2.1", 4000), ("198.51.100.7", 6000))
V6 = FlowKey(("2001:db8::1", 1), ("2001:db8:ffff::7", 65535), 0xFFFFFFFF)
FLOW = Flow(V4, ("192.0.2.1", 4002), ("203.0.113.9", 7000), Prefix(PortKind.CHANNEL, 0x4001), clocks=((96, 48000),))


def test_addresses() -> None:
    assert encode_address(("192.0.2.1", 0x1234)) == bytes.fromhex("04001234c0000201") + bytes(12)
    assert encode_address(("2001:db8::1", 80)) == bytes.fromhex("06000050 20010db8") + bytes(11) + b"\x01"


def test_keys_there_and_back() -> None:
    zero = FlowKey(V4.local, V4.remote, 0)
    assert decode_keys(encode_key(V4) + encode_key(V6) + encode_key(zero)) == [V4, V6, zero]


def test_a_flow_has_its_fixed_length() -> None:
    assert len(encode_flow(FLOW)) == 144
    assert len(encode_flow(replace(FLOW, clocks=tuple((n, 8000) for n in range(9))))) == 144


@pytest.mark.parametrize(
    "address", [("example.org", 1), ("192.0.2.1", 65536), ("192.0.2.1", -1), ("1::2::3", 4), ("", 5)]
)
def test_what_is_no_address(address: tuple[str, int]) -> None:
    with pytest.raises(FlowError, match="no address of a media port"):
        encode_address(address)


@pytest.mark.parametrize(
    "flow",
    [
        replace(FLOW, clock=0),
        replace(FLOW, clocks=((128, 8000),)),
        replace(FLOW, clocks=((0, -1),)),
        replace(FLOW, add=Prefix(PortKind.MUX, 1 << 32)),
        replace(FLOW, key=V6._replace(prefix=-1)),
    ],
)
def test_what_is_no_flow(flow: Flow) -> None:
    with pytest.raises(FlowError):
        encode_flow(flow)


def test_what_is_cut_short() -> None:
    with pytest.raises(FlowError):
        decode_reply(b"\x01")
    assert decode_up(bytes(39)) is None
