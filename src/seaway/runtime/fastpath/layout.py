"""Keys and values of the BPF maps in octets; `dataplane/bpf/flow.h` says the same in C."""

from __future__ import annotations

from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from struct import Struct

from seaway.media.flows import Flow, FlowCounters, FlowError, FlowKey, PortKind
from seaway.media.protocol import Address

__all__ = [
    "COUNTERS", "VALUE_SIZE", "decode_key", "encode_key", "is_v6", "owner_of", "pack_flow", "renewed",
    "unpack_counters",
]  # fmt: skip

_ACTION = Struct("=4BI16s16s4sI4s4I4x")
_COUNTS = Struct("=9QII")
_SOURCE = Struct("=IHHIIIIQQ")
_ROUTE = Struct("=QII12s4x")
_KEY_TAIL = Struct("=4sI")
_SOURCES = 4
_COUNTS_END = _ACTION.size + _COUNTS.size + _SOURCES * _SOURCE.size
VALUE_SIZE = _COUNTS_END + _ROUTE.size
_NO_TYPE = 0xFF
_NO_CLOCKS: tuple[bytes, tuple[int, ...]] = (bytes([_NO_TYPE] * _SOURCES), (0,) * _SOURCES)

COUNTERS = {
    0: "fast", 1: "no_flow", 2: "not_media", 3: "no_prefix", 4: "ttl", 5: "checksum", 6: "segments", 7: "no_room",
    8: "other_link", 17: "route_blackhole", 18: "route_unreachable", 19: "route_prohibit", 20: "route_local",
    21: "route_forwarding_off", 22: "route_unsupported", 23: "route_no_neighbour", 24: "route_too_long",
    25: "route_no_source", 31: "route_failed",
}  # fmt: skip
"""Slots of the map of global counters -> their names."""


def is_v6(address: str) -> bool:
    return ":" in address


@lru_cache(4096)
def _octets(address: str) -> bytes:
    try:
        return inet_pton(AF_INET6 if is_v6(address) else AF_INET, address)
    except OSError:
        raise FlowError(f"flow: {address} is not an IP address literal without a zone") from None


def encode_key(key: FlowKey) -> bytes:
    """Raises `FlowError`."""
    local, remote = _octets(key.local[0]), _octets(key.remote[0])
    if len(local) != len(remote):
        raise FlowError(f"flow: {key.local[0]} and {key.remote[0]} are of different address families")
    ports = key.local[1].to_bytes(2, "big") + key.remote[1].to_bytes(2, "big")
    return local + remote + _KEY_TAIL.pack(ports, key.prefix or 0)


def decode_key(octets: bytes, *, prefixed: bool) -> FlowKey:
    width = (len(octets) - _KEY_TAIL.size) // 2
    family = AF_INET6 if width == 16 else AF_INET
    ports, prefix = _KEY_TAIL.unpack(octets[2 * width :])
    local: Address = (inet_ntop(family, octets[:width]), int.from_bytes(ports[:2], "big"))
    remote: Address = (inet_ntop(family, octets[width : 2 * width]), int.from_bytes(ports[2:], "big"))
    return FlowKey(local, remote, prefix if prefixed else None)


def pack_flow(flow: Flow, owner: int) -> bytes:
    """The value of a new flow, its counters 0. Raises `FlowError`."""
    local, remote = _octets(flow.out_local[0]), _octets(flow.out_remote[0])
    if len(local) != len(remote) or is_v6(flow.key.local[0]) != is_v6(flow.out_local[0]):
        raise FlowError(f"flow: {flow.key.local[0]} and {flow.out_local[0]} or {flow.out_remote[0]} differ in family")
    add = flow.add.kind if flow.add else 0
    if add == PortKind.PLAIN:
        raise FlowError("flow: a prefix of kind PLAIN")
    kinds, clocks = _NO_CLOCKS
    if flow.clocks:
        types = [*flow.clocks[:_SOURCES], *[(_NO_TYPE, 0)] * _SOURCES][:_SOURCES]
        kinds, clocks = bytes(kind for kind, _ in types), tuple(clock for _, clock in types)
    ports = flow.out_local[1].to_bytes(2, "big") + flow.out_remote[1].to_bytes(2, "big")
    action = _ACTION.pack(
        flow.kind, owner, add, flow.key.prefix is not None, flow.add.value if flow.add else 0, local, remote, ports,
        flow.clock, kinds, *clocks,
    )  # fmt: skip
    return action.ljust(VALUE_SIZE, b"\0")


def renewed(old: bytes, new: bytes) -> bytes:
    """`new` with the counters of `old`."""
    return new[: _ACTION.size] + old[_ACTION.size : _COUNTS_END] + new[_COUNTS_END:]


def owner_of(value: bytes) -> tuple[int, bool]:
    """Owner, and whether the flow's key has a prefix."""
    return value[1], bool(value[3])


def unpack_counters(value: bytes) -> FlowCounters:
    packets, octets, rtcp, seen, _, gap, lost, reordered, jitter, used, _ = _COUNTS.unpack_from(value, _ACTION.size)
    start = _ACTION.size + _COUNTS.size
    for number in range(min(used, _SOURCES)):
        lost += _lost(_SOURCE.unpack_from(value, start + number * _SOURCE.size))
    return FlowCounters(
        packets=packets,
        octets=octets,
        rtcp_packets=rtcp,
        last_seen=seen / 1e9 if seen else None,
        lost=lost,
        reordered=reordered,
        jitter_ms=round(jitter / 1e6, 3),
        max_gap_ms=round(gap / 1e6, 3),
    )


def _lost(source: tuple[int, ...]) -> int:
    _, base, highest, _, cycles, received, *_ = source
    lost = (cycles + highest - base + 1 - received) & 0xFFFFFFFF
    return lost if lost < 0x80000000 else 0
