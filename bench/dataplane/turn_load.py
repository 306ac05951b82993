"""python turn_load.py COUNT PHASE...: a TURN client with COUNT allocations, in the generator's namespace.

Before each phase it prints a line and waits for one; after it it prints one: the phase, the number of transactions,
and the seconds it took. Phases: `challenge` (Allocate without credentials, answered with 401), `allocate` (with them),
`permission`, `refresh`, `channel`, `delete`. Flow i has the local port SOURCE_PORT + i and the peer SINK:SINK_PORT + i.
Requests are prepared before the line, so that the client's own work does not hold the server back.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from dataplane.flows import SINK, SINK_PORT, SOURCE, SOURCE_PORT
from dataplane.network import R_A

_SERVER = (R_A, 3478)
_USER, _PASSWORD = "bench", "correct-horse"
_COOKIE = 0x2112A442
_WINDOW = 16  # transactions under way
_PATIENCE, _ATTEMPTS = 1.0, 5
_ALLOCATE, _REFRESH, _PERMISSION, _CHANNEL = 3, 4, 8, 9  # RFC 8656 §17
_USERNAME, _INTEGRITY, _NUMBER, _LIFETIME, _PEER = 0x0006, 0x0008, 0x000C, 0x000D, 0x0012
_REALM, _NONCE, _TRANSPORT = 0x0014, 0x0015, 0x0019


class Client:
    """One allocation."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((SOURCE, SOURCE_PORT + index))
        self.socket.connect(_SERVER)
        self.socket.setblocking(False)
        self.realm = self.nonce = self.key = b""

    def request(self, phase: str) -> bytes:
        """The request of a phase, with credentials once the server has told its nonce."""
        peer = _attribute(_PEER, self._peer())
        body = {
            "challenge": (_ALLOCATE, _attribute(_TRANSPORT, b"\x11\0\0\0")),
            "allocate": (_ALLOCATE, _attribute(_TRANSPORT, b"\x11\0\0\0")),
            "refresh": (_REFRESH, _attribute(_LIFETIME, struct.pack("!I", 600))),
            "delete": (_REFRESH, _attribute(_LIFETIME, bytes(4))),
            "permission": (_PERMISSION, peer),
            "channel": (_CHANNEL, _attribute(_NUMBER, struct.pack("!HH", 0x4000, 0)) + peer),
        }[phase]
        return self._signed(*body) if phase != "challenge" else _message(body[0], body[1], len(body[1]))

    def learn(self, answer: bytes) -> None:
        """What a 401 says."""
        at = 20
        while at + 4 <= len(answer):
            kind, length = struct.unpack_from("!HH", answer, at)
            value = answer[at + 4 : at + 4 + length]
            if kind == _REALM:
                self.realm = value
            elif kind == _NONCE:
                self.nonce = value
            at += 4 + length + -length % 4
        self.key = hashlib.md5(f"{_USER}:{self.realm.decode()}:{_PASSWORD}".encode()).digest()

    def _peer(self) -> bytes:
        packed = int.from_bytes(socket.inet_aton(SINK), "big") ^ _COOKIE
        return struct.pack("!BBHI", 0, 1, (SINK_PORT + self.index) ^ (_COOKIE >> 16), packed)

    def _signed(self, method: int, attributes: bytes) -> bytes:
        attributes += _attribute(_USERNAME, _USER.encode())
        attributes += _attribute(_REALM, self.realm) + _attribute(_NONCE, self.nonce)
        text = _message(method, attributes, len(attributes) + 24)
        return text + _attribute(_INTEGRITY, hmac.digest(self.key, text, "sha1"))


def _message(method: int, attributes: bytes, length: int) -> bytes:
    return struct.pack("!HHI", method, length, _COOKIE) + os.urandom(12) + attributes


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _play(clients: list[Client], phase: str, requests: list[bytes], done: Callable[[Client, bytes], None]) -> None:
    """All requests, some at a time. A lost one is sent again, an error ends the program."""
    poll = select.epoll()
    waiting: dict[int, tuple[Client, float]] = {}
    again = 0
    for each in clients:
        poll.register(each.socket.fileno(), select.EPOLLIN)
    ahead = iter(clients)
    while True:
        while len(waiting) < _WINDOW and (client := next(ahead, None)) is not None:
            client.socket.send(requests[client.index])
            waiting[client.socket.fileno()] = (client, time.monotonic())
        if not waiting:
            return
        for number, _ in poll.poll(_PATIENCE):
            client, _ = waiting.get(number, (None, 0.0))
            if client is None:
                clients[number - clients[0].socket.fileno()].socket.recv(2048)
                continue
            answer = client.socket.recv(2048)
            if answer[8:20] != requests[client.index][8:20]:
                continue
            kind = struct.unpack_from("!H", answer)[0]
            if (kind & 0x0110) != (0x0110 if phase == "challenge" else 0x0100):
                sys.exit(f"turn_load: {phase} of client {client.index} was answered with {answer.hex()}")
            del waiting[number]
            done(client, answer)
        now = time.monotonic()
        for number, (client, sent) in list(waiting.items()):
            if now - sent > _PATIENCE:
                again += 1
                if again > _ATTEMPTS * _WINDOW:
                    sys.exit(f"turn_load: the server does not answer {phase}")
                client.socket.send(requests[client.index])
                waiting[number] = (client, now)


def _phase(clients: list[Client], phase: str) -> None:
    requests = [each.request(phase) for each in clients]
    print("prepared", flush=True)
    sys.stdin.readline()
    begin = time.monotonic()
    _play(
        clients,
        phase,
        requests,
        (lambda client, answer: client.learn(answer)) if phase == "challenge" else lambda *_: None,
    )
    print(phase, len(clients), time.monotonic() - begin, flush=True)


def main(words: list[str]) -> None:
    clients = [Client(index) for index in range(int(words[0]))]
    phases = words[1:]
    if phases[0] == "allocate":
        phases = ["challenge", *phases]
    for each in phases:
        _phase(clients, each)


if __name__ == "__main__":
    main(sys.argv[1:])
