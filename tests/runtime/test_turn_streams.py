"""Streams of the TURN server with transports that only keep books: slow readers, and pipes of TCP relays."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from seaway.core.turn.io import ClientKey
from seaway.observe.counters import Counters
from seaway.runtime.turn_streams import ClientStream, PeerStream

_ALLOCATE = bytes.fromhex("000300002112a442") + bytes(12)


class FakeTransport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.waiting = 0
        self.paused = self.closed = self.aborted = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def set_write_buffer_limits(self, high: int) -> None: ...

    def get_extra_info(self, name: str) -> None: ...

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


class Owner:
    def __init__(self) -> None:
        self.counters = Counters()
        self.frames: list[bytes] = []
        self.gone: list[str] = []

    def client_data(self, stream: ClientStream, frames: list[bytes]) -> None:
        self.frames += frames

    def client_gone(self, stream: ClientStream, reason: str) -> None:
        self.gone.append(reason)

    def web_request(self, stream: ClientStream, first: bytes) -> bool:
        return False

    def peer_gone(self, stream: PeerStream, reason: str) -> None:
        self.gone.append(reason)

    def settle(self) -> None: ...


def client(owner: Owner, *, web: bool = False) -> tuple[ClientStream, FakeTransport, list[int]]:
    left: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as made:
        stream = ClientStream(made, False, web, owner, 7, lambda: left.append(1))
    transport: Any = FakeTransport()
    stream.connection_made(transport)
    return stream, transport, left


def test_frames_and_key() -> None:
    owner = Owner()
    stream, _, _ = client(owner)
    assert isinstance(stream.key, ClientKey) and stream.key.transport == "tcp" and stream.key.connection == 7
    stream.data_received(_ALLOCATE[:9])
    assert owner.frames == [] and not stream.heard
    stream.data_received(_ALLOCATE[9:] + b"\x40\x00\x00\x02ab\0\0")
    assert owner.frames == [_ALLOCATE, b"\x40\x00\x00\x02ab\0\0"] and stream.heard


def test_a_slow_reader_loses_datagrams_first_and_then_the_connection() -> None:
    owner = Owner()
    stream, transport, _ = client(owner)
    transport.waiting = 200 * 1024
    assert not stream.send(b"relayed", droppable=True) and not transport.written
    assert stream.send(b"answer", droppable=False) and transport.written == [b"answer"]
    transport.waiting = 600 * 1024
    assert not stream.send(b"answer", droppable=False) and transport.aborted
    assert owner.counters.get("turn.stream.dropped") == owner.counters.get("turn.stream.not_reading") == 1


def test_the_end_is_told_once() -> None:
    owner = Owner()
    stream, _, left = client(owner)
    stream.close("because")
    stream.connection_lost(None)
    assert left == [1] and owner.gone == ["because"]


@pytest.mark.parametrize("since", [0.0, 5.0])
def test_overdue(since: float) -> None:
    stream, _, _ = client(Owner())
    stream.since = stream.waits_since = since
    assert stream.overdue(since + 29, 30) is None
    assert stream.overdue(since + 31, 30) == "no whole message within 30 s"
    stream.data_received(_ALLOCATE)
    assert stream.overdue(since + 1000, 30) is None
    stream.data_received(_ALLOCATE[:5])
    stream.waits_since = since
    assert stream.overdue(since + 31, 30) == "half a message for 30 s"


def test_a_pipe_carries_both_ways_and_ends_together() -> None:
    owner = Owner()
    stream, near, _ = client(owner)
    peer = PeerStream(("out", 1), owner)
    far: Any = FakeTransport()
    peer.connection_made(far)
    assert far.paused, "a peer is not read before a client has bound it"
    peer.data_received(b"early")
    stream.data_received(b"\x00\x01")  # the first octets of what follows the bind request
    stream.join(peer)
    peer.join(stream)
    assert not far.paused
    assert near.written == [b"early"] and far.written == [b"\x00\x01"]
    stream.data_received(b"GET / to the peer")
    peer.data_received(b"and back")
    assert far.written[-1] == b"GET / to the peer" and near.written[-1] == b"and back"
    stream.pause_writing()
    assert far.paused, "the client does not read, so the peer must wait"
    stream.resume_writing()
    assert not far.paused
    assert stream.overdue(1e9, 30) is None
    peer.connection_lost(None)
    assert near.closed and owner.gone == ["closed by the peer"]


@pytest.mark.parametrize("web", [False, True])
def test_a_web_request_is_answered_and_closed(web: bool) -> None:
    owner = Owner()
    stream, transport, _ = client(owner, web=web)
    stream.data_received(b"GET / HTTP/1.1\r\n\r\n")
    assert transport.written[0].startswith(b"HTTP/1.1 400 ") and transport.closed and owner.frames == []
