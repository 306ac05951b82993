"""Registrations with digest at a fixed rate, as a process of its own: sipp cannot choose between two challenges.

`digest_load.py HOST PORT SOURCE RATE COUNT USERS` registers user0, user1... in turn, each with the MD5 challenge it is
given, and prints what came of it as JSON. Requests are repeated after 0.5, 1 and 2 s (RFC 3261 timer E).
"""

from __future__ import annotations

import hashlib
import json
import re
import select
import socket
import sys
import time
from heapq import heappop, heappush

__all__ = ["main"]

_DOMAIN = "example.test"
_PASSWORD = "benchmark"
_NUMBER = re.compile(rb"\r\nCall-ID: ([0-9]+)@")
_NONCE = re.compile(rb'nonce="([^"]+)"')
_AGAIN = (0.5, 1.0, 2.0)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class _Run:
    def __init__(self, target: tuple[str, int], source: str, rate: int, count: int, users: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        self._socket.bind((source, 5070))
        self._socket.connect(target)
        self._socket.setblocking(False)
        self._source = source
        self._interval, self._count = 1.0 / rate, count
        self._secrets = [_md5(f"user{each}:{_DOMAIN}:{_PASSWORD}") for each in range(users)]
        self._begin = time.time_ns()  # makes Call-IDs and CSeq grow from run to run
        self._waiting: dict[int, tuple[int, bytes]] = {}  # number -> CSeq step, last request
        self._repeat: list[tuple[float, int, int, int]] = []  # heap: when, number, step, times
        self.successful = self.failed = self.retransmissions = 0

    def run(self) -> None:
        start = time.monotonic()
        sent = 0
        while sent < self._count or self._waiting:
            now = time.monotonic()
            while sent < self._count and start + sent * self._interval <= now:
                self._send(sent, 1, "", now)
                sent += 1
            while self._repeat and self._repeat[0][0] <= now:
                self._again(heappop(self._repeat), now)
            wake = start + sent * self._interval if sent < self._count else now + 0.1
            if select.select([self._socket], [], [], max(0.0, wake - time.monotonic()))[0]:
                self._read()

    def _send(self, number: int, step: int, credentials: str, now: float) -> None:
        user = f"user{number % len(self._secrets)}"
        request = (
            f"REGISTER sip:{_DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP {self._source}:5070;branch=z9hG4bK{self._begin:x}"
            f"-{number}-{step}\r\nMax-Forwards: 70\r\nFrom: <sip:{user}@{_DOMAIN}>;tag={number}\r\n"
            f"To: <sip:{user}@{_DOMAIN}>\r\nCall-ID: {number}@{self._begin:x}\r\nCSeq: {step} REGISTER\r\n{credentials}"
            f"Contact: <sip:{user}@{self._source}:5070>\r\nExpires: 3600\r\nUser-Agent: phone\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()
        self._waiting[number] = (step, request)
        heappush(self._repeat, (now + _AGAIN[0], number, step, 0))
        self._socket.send(request)

    def _again(self, entry: tuple[float, int, int, int], now: float) -> None:
        _, number, step, times = entry
        waiting = self._waiting.get(number)
        if waiting is None or waiting[0] != step:
            return
        if times >= len(_AGAIN):
            self.failed += 1
            del self._waiting[number]
            return
        self.retransmissions += 1
        self._socket.send(waiting[1])
        heappush(self._repeat, (now + _AGAIN[min(times + 1, len(_AGAIN) - 1)], number, step, times + 1))

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(65535)
            except BlockingIOError:
                return
            found = _NUMBER.search(data)
            waiting = self._waiting.get(int(found[1])) if found else None
            if found is None or waiting is None:
                continue  # the answer to a retransmission
            number = int(found[1])
            if b"CSeq: %d " % waiting[0] not in data:
                continue
            if data.startswith(b"SIP/2.0 200 ") and waiting[0] == 2:
                self.successful += 1
                del self._waiting[number]
            elif data.startswith(b"SIP/2.0 401 ") and waiting[0] == 1:
                self._send(number, 2, self._credentials(number, data), time.monotonic())
            else:
                self.failed += 1
                del self._waiting[number]

    def _credentials(self, number: int, data: bytes) -> str:
        challenge = next(
            line
            for line in data.split(b"\r\n")
            if line.startswith(b"WWW-Authenticate:") and b"algorithm=SHA" not in line
        )
        found = _NONCE.search(challenge)
        assert found is not None
        nonce, uri, cnonce = found[1].decode(), f"sip:{_DOMAIN}", f"{number:08x}"
        which = number % len(self._secrets)
        digest = _md5(f"{self._secrets[which]}:{nonce}:00000001:{cnonce}:auth:{_md5(f'REGISTER:{uri}')}")
        return (
            f'Authorization: Digest username="user{which}", realm="{_DOMAIN}", nonce="{nonce}", uri="{uri}", '
            f'response="{digest}", algorithm=MD5, cnonce="{cnonce}", qop=auth, nc=00000001\r\n'
        )


def main(host: str, port: str, source: str, rate: str, count: str, users: str) -> None:
    run = _Run((host, int(port)), source, int(rate), int(count), int(users))
    run.run()
    print(json.dumps([run.successful, run.failed, run.retransmissions]))


if __name__ == "__main__":
    main(*sys.argv[1:])
