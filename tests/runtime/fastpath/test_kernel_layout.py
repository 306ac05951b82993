"""Octets of keys and flows, as the BPF programs read and write them."""

from __future__ import annotations

from struct import pack, pack_into

import pytest

from seaway.media.flows import Flow, FlowCounters, FlowError, FlowKey, FlowKind, PortKind, Prefix
from seaway.runtime.fastpath.layout import (
    VALUE_SIZE,
    decode_key,
    encode_key,
    owner_of,
    pack_flow,
    renewed,
    unpack_counters,
)

KEY = FlowKey(("192.0.2.1", 5004), ("198.51.100.7", 4000), 0x4123)
FLOW = Flow(KEY, ("192.0.2.2", 6000), ("203.0.113.9", 7000), Prefix(PortKind.MUX, 0x01020304), FlowKind.DATA, 48000)
COUNTS = 72  # where counters start
SOURCES = 152


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        KEY._replace(prefix=None),
        KEY._replace(prefix=0),
        FlowKey(("2001:db8::1", 1), ("2001:db8:0:1::2", 65535), 0xFFFFFFFF),
        FlowKey(("2001:db8::1", 1), ("::ffff:192.0.2.1", 65535)),
    ],
)
def test_keys_come_back(key: FlowKey) -> None:
    octets = encode_key(key)
    assert len(octets) == (40 if ":" in key.local[0] else 16)
    assert decode_key(octets, prefixed=key.prefix is not None) == key


def test_octets_of_a_key() -> None:
    expected = bytes([192, 0, 2, 1, 198, 51, 100, 7]) + b"\x13\x8c\x0f\xa0" + pack("=I", 0x4123)
    assert encode_key(KEY) == expected


def test_octets_of_a_flow() -> None:
    value = pack_flow(FLOW, 2)
    assert len(value) == VALUE_SIZE
    assert value[:8] == bytes([FlowKind.DATA, 2, PortKind.MUX, 1]) + pack("=I", 0x01020304)
    assert value[8:12] == bytes([192, 0, 2, 2]) and value[24:28] == bytes([203, 0, 113, 9])
    assert value[40:44] == b"\x17\x70\x1b\x58"
    assert value[44:48] == pack("=I", 48000)
    assert value[48:52] == b"\xff" * 4  # no clocks of payload types
    assert not any(value[COUNTS:])
    assert owner_of(value) == (2, True)


def test_at_most_four_clocks() -> None:
    clocks = tuple((96 + number, 1000 + number) for number in range(6))
    value = pack_flow(Flow(KEY, FLOW.out_local, FLOW.out_remote, clocks=clocks), 1)
    assert value[48:52] == bytes([96, 97, 98, 99])
    assert value[52:68] == pack("=4I", 1000, 1001, 1002, 1003)


@pytest.mark.parametrize(
    ("local", "remote"),
    [(("2001:db8::1", 1), ("2001:db8::2", 2)), (("192.0.2.2", 1), ("2001:db8::2", 2)), (("x", 1), ("192.0.2.1", 2))],
)
def test_addresses_that_cannot_be(local: tuple[str, int], remote: tuple[str, int]) -> None:
    with pytest.raises(FlowError) as caught:
        pack_flow(Flow(KEY, local, remote), 1)
    assert "\n" not in str(caught.value)


def test_counters() -> None:
    value = bytearray(pack_flow(FLOW, 1))
    pack_into("=9QII", value, COUNTS, 10, 2000, 3, 5_500_000_000, 1, 250_000_000, 7, 2, 1_234_567, 2, 0)
    pack_into("=IHHIIIIQQ", value, SOURCES, 1, 100, 109, 0x10000, 0, 8, 0, 0, 0)  # 10 expected, 8 came
    pack_into("=IHHIIIIQQ", value, SOURCES + 40, 2, 65530, 4, 0x10000, 0x10000, 12, 0, 0, 0)  # a duplicate: not -1
    pack_into("=IHHIIIIQQ", value, SOURCES + 80, 3, 0, 99, 0x10000, 0, 1, 0, 0, 0)  # not in use
    assert unpack_counters(bytes(value)) == FlowCounters(
        packets=10, octets=2000, rtcp_packets=3, last_seen=5.5, lost=9, reordered=2, jitter_ms=1.235, max_gap_ms=250.0
    )


def test_counters_of_a_new_flow() -> None:
    assert unpack_counters(pack_flow(FLOW, 1)) == FlowCounters()


def test_a_replaced_action_keeps_counters_and_forgets_its_route() -> None:
    old = bytearray(pack_flow(FLOW, 1))
    old[COUNTS:] = b"\x11" * (VALUE_SIZE - COUNTS)
    new = pack_flow(Flow(KEY, FLOW.out_local, ("203.0.113.10", 7000)), 1)
    made = renewed(bytes(old), new)
    assert made[:COUNTS] == new[:COUNTS]
    assert made[COUNTS : VALUE_SIZE - 32] == b"\x11" * (VALUE_SIZE - COUNTS - 32)
    assert made[VALUE_SIZE - 32 :] == bytes(32)
