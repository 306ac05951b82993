"""Messages to and from the userspace worker, as `dataplane/worker/protocol.h` has them: one in a SEQPACKET datagram.

Numbers are in the host's byte order, ports and addresses in network order.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from struct import Struct, unpack_from
from struct import error as StructError

from seaway.core.srtp.receiver import SourceIndex
from seaway.core.srtp.sender import MAX_SENT_SOURCES
from seaway.media.flows import Cipher, DatagramUp, Flow, FlowCounters, FlowError, FlowKey, PortKind, Prefix
from seaway.media.protocol import Address

__all__ = [
    "MAX_MESSAGE", "MAX_UP", "RTCP", "SRTP", "VERIFY", "VERSION", "Operation", "Reply", "Status", "WorkerTotals",
    "decode_counters", "decode_indexes", "decode_keys", "decode_ports", "decode_reply", "decode_totals", "decode_up",
    "encode_address", "encode_cipher", "encode_flow", "encode_id", "encode_key", "encode_request",
]  # fmt: skip

VERSION = 2
SRTP = 1  # a feature, in the answer to HELLO
MAX_MESSAGE = 32768  # of a reply
MAX_UP = 65536 + 40

_HEAD = Struct("=BBHI")
_ADDRESS = Struct("!BxH16s")
_KEY = Struct("=20s20sIB3x")
_ACTION = Struct("=20s20sIBBBxI4I4BQQB7x")
_PORT = Struct("=20sB3x")
_COUNTERS = Struct("=5Q3dQ")
_CIPHER = Struct("=QB?BB48s16sI")
_INDEX = Struct("=I4xqq")
_ID = Struct("=Q")
_TOTALS = Struct("=6Q3I4x")
_MAX_CLOCKS = 4


class Operation(IntEnum):
    HELLO = 1
    ATTACH = 2
    DETACH = 3
    ADD = 4
    REMOVE = 5
    READ = 6
    KEYS = 7
    PORTS = 8
    FETCH = 9
    TOTALS = 10
    CIPHER = 11
    UNCIPHER = 12
    INDEXES = 13
    TRANSFORM = 14


RTCP, VERIFY = 1, 2  # how to transform
_SUITES = (
    "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32",
    "AEAD_AES_128_GCM", "AEAD_AES_256_GCM",
)  # fmt: skip
_MAX_MKI = 16


class Status(IntEnum):
    DONE = 0
    REFUSED = 1  # the body says why
    UNKNOWN = 2  # no such flow or port


@dataclass(frozen=True, slots=True)
class Reply:
    operation: int
    status: int
    number: int
    body: bytes


@dataclass(frozen=True, slots=True)
class WorkerTotals:
    """Of the whole worker, since it started. Packets but for the last three, which are what there is now."""

    passed: int
    up: int  # handed to their owner
    up_dropped: int  # the owner did not read fast enough
    unowned: int  # no flow, and the owner was away
    send_failed: int
    reads: int  # system calls that read `passed` and the others
    ports: int
    flows: int
    siblings: int


@lru_cache(maxsize=8192)
def encode_address(address: Address) -> bytes:
    """Raises `FlowError` for what is no IP literal and port."""
    host, port = address
    family, code = (socket.AF_INET6, 6) if ":" in host else (socket.AF_INET, 4)
    try:
        return _ADDRESS.pack(code, port if 0 <= port <= 0xFFFF else -1, socket.inet_pton(family, host))
    except (OSError, ValueError, StructError):
        raise FlowError(f"{host}:{port}: no address of a media port; give an IP literal and a port") from None


@lru_cache(maxsize=8192)
def _address(octets: bytes) -> Address:
    family, port, packed = _ADDRESS.unpack(octets)
    if family == 4:
        return socket.inet_ntop(socket.AF_INET, packed[:4]), port
    return socket.inet_ntop(socket.AF_INET6, packed), port


def encode_request(operation: Operation, body: bytes = b"", *, a: int = 0, number: int = 0) -> bytes:
    return _HEAD.pack(operation, a, 0, number) + body


def encode_key(key: FlowKey) -> bytes:
    prefix = key.prefix
    if prefix is not None and not 0 <= prefix <= 0xFFFFFFFF:
        raise FlowError(f"prefix {prefix}: more than 32 bits")
    return _KEY.pack(encode_address(key.local), encode_address(key.remote), prefix or 0, prefix is not None)


def encode_flow(flow: Flow) -> bytes:
    """Raises `FlowError` for values that no flow can have."""
    add = flow.add or Prefix(PortKind.PLAIN, 0)
    clocks = flow.clocks[:_MAX_CLOCKS]
    if not 0 <= add.value <= 0xFFFFFFFF:
        raise FlowError(f"prefix {add.value}: more than 32 bits")
    rates = [flow.clock, *(hertz for _, hertz in clocks)]
    if not all(0 < rate <= 0xFFFFFFFF for rate in rates) or not all(0 <= kind < 128 for kind, _ in clocks):
        raise FlowError("a clock of a flow is a payload type up to 127 and a rate above 0 Hz")
    missing = _MAX_CLOCKS - len(clocks)
    return encode_key(flow.key) + _ACTION.pack(
        encode_address(flow.out_local),
        encode_address(flow.out_remote),
        add.value,
        add.kind if flow.add is not None else 0,
        flow.kind,
        len(clocks),
        flow.clock,
        *(hertz for _, hertz in clocks),
        *(0,) * missing,
        *(kind for kind, _ in clocks),
        *(0,) * missing,
        flow.receive,
        flow.send,
        flow.verify,
    )


def encode_cipher(cipher: Cipher) -> bytes:
    """Raises `FlowError` for an MKI that is too long."""
    master, known = cipher.master, cipher.known[:MAX_SENT_SOURCES]
    if len(master.mki) > _MAX_MKI:
        raise FlowError(f"the userspace worker takes an MKI of {_MAX_MKI} octets at most")
    head = _CIPHER.pack(
        cipher.id, _SUITES.index(master.suite.name) + 1, cipher.sends, min(cipher.counters, 255), len(master.mki),
        master.key + master.salt, master.mki, len(known),
    )  # fmt: skip
    indexes = b"".join(_INDEX.pack(*each) for each in known)
    return head + indexes.ljust(MAX_SENT_SOURCES * _INDEX.size, b"\0")


def encode_id(cipher: int) -> bytes:
    return _ID.pack(cipher)


def decode_indexes(body: bytes) -> tuple[SourceIndex, ...]:
    return tuple((ssrc, rtp, rtcp) for ssrc, rtp, rtcp in _INDEX.iter_unpack(body))


def decode_reply(message: bytes) -> Reply:
    """Raises `FlowError` for what is none."""
    if len(message) < _HEAD.size:
        raise FlowError("the worker sent half an answer; restart it")
    operation, status, _, number = _HEAD.unpack_from(message)
    return Reply(operation, status, number, message[_HEAD.size :])


def decode_counters(body: bytes) -> FlowCounters:
    packets, octets, rtcp, lost, reordered, last, jitter, gap, bad = _COUNTERS.unpack(body)
    return FlowCounters(packets, octets, rtcp, last or None, lost, reordered, round(jitter, 3), round(gap, 3), bad)


def decode_keys(body: bytes) -> list[FlowKey]:
    return [
        FlowKey(_address(local), _address(remote), prefix if has_prefix else None)
        for local, remote, prefix, has_prefix in _KEY.iter_unpack(body)
    ]


def decode_ports(body: bytes) -> list[tuple[Address, PortKind]]:
    return [(_address(local), PortKind(kind)) for local, kind in _PORT.iter_unpack(body)]


def decode_totals(body: bytes) -> WorkerTotals:
    return WorkerTotals(*_TOTALS.unpack(body))


def decode_up(message: bytes) -> DatagramUp | None:
    """`None` for what is too short to have addresses."""
    if len(message) < 40:
        return None
    local, source = unpack_from("20s20s", message)
    return DatagramUp(_address(local), _address(source), message[40:])
