"""Calls at a fixed rate over one connection from the caller and one to the callee, as a process of its own: sipp of
Debian has no TLS.

`trunk_load.py HOST PORT CALLER CALLEE CALLEE_PORT RATE COUNT [FOLDER]`: with FOLDER, which has ca.pem and the
certificates that `certificates.py` makes, by TLS. INVITE, 180, 200, ACK, BYE, 200; prints what came of it as JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
import time
from pathlib import Path
from typing import cast

import uvloop

__all__ = ["main"]

_SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
)
_LENGTH = re.compile(rb"\r\nContent-Length: *([0-9]+)\r\n", re.IGNORECASE)
_PATIENCE = 20.0  # seconds after the last INVITE


class _End(asyncio.Protocol):
    """One end of a connection: cuts what comes in into messages."""

    def __init__(self, run: _Run, callee: bool) -> None:
        self._run, self._callee = run, callee
        self._data = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        data = self._data + data
        out: list[bytes] = []
        take = self._run.to_callee if self._callee else self._run.to_caller
        while True:
            data = data.lstrip(b"\r\n") if data[:2] == b"\r\n" else data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                break
            found = _LENGTH.search(data, 0, end + 2)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(data) < whole:
                break
            take(data[:end], out)
            data = data[whole:]
        self._data = data
        if out and self.transport is not None:
            self.transport.write(b"".join(out))


class _Run:
    def __init__(self, words: list[str]) -> None:
        host, port, caller, callee, callee_port, rate, count, *folder = words
        self.subject, self.caller, self.callee = (host, int(port)), caller, (callee, int(callee_port))
        self.rate, self.count = int(rate), int(count)
        self.folder = Path(folder[0]) if folder else None
        self._transport = b"TLS" if folder else b"TCP"
        self._stamp = time.time_ns()
        self.begun = self.successful = self.failed = 0
        self.over = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        serving = await loop.create_server(lambda: _End(self, True), *self.callee, ssl=self._context(server=True))
        end = _End(self, False)
        await loop.create_connection(
            lambda: end, *self.subject, local_addr=(self.caller, 0), ssl=self._context(server=False),
            server_hostname="core1.example.test" if self.folder else None,
        )  # fmt: skip
        assert end.transport is not None
        start = time.monotonic()
        while self.begun < self.count:
            due = min(self.count, int((time.monotonic() - start) * self.rate) + 1)
            if due > self.begun:
                end.transport.write(b"".join([self._invite(number) for number in range(self.begun, due)]))
                self.begun = due
            await asyncio.sleep(0.001)
        try:
            await asyncio.wait_for(self.over.wait(), _PATIENCE)
        except TimeoutError:
            self.failed = self.count - self.successful
        end.transport.close()
        serving.close()

    def to_caller(self, head: bytes, out: list[bytes]) -> None:
        status, cseq = head[8:11], _header(head, b"CSeq")
        if status[:1] == b"1":
            return
        if cseq == b"1 INVITE" and status == b"200":
            contact = _header(head, b"Contact").partition(b"<")[2].partition(b">")[0]
            routes = b"".join(b"Route: " + each + b"\r\n" for each in reversed(_headers(head, b"Record-Route")))
            common = routes + b"".join(
                name + b": " + _header(head, name) + b"\r\n" for name in (b"From", b"To", b"Call-ID")
            )
            number = _header(head, b"Call-ID").partition(b"@")[0]
            for sequence, method in ((1, b"ACK"), (2, b"BYE")):
                via = self._via(b"%b%b" % (method, number))
                out.append(
                    b"%b %b SIP/2.0\r\n%bMax-Forwards: 70\r\n%bCSeq: %d %b\r\nContent-Length: 0\r\n\r\n"
                    % (method, contact, via, common, sequence, method)
                )
            return
        self.successful += status == b"200"
        self.failed += status != b"200"
        if self.successful + self.failed >= self.count:
            self.over.set()

    def to_callee(self, head: bytes, out: list[bytes]) -> None:
        method = head[: head.index(b" ")]
        if method == b"ACK":
            return
        if method == b"OPTIONS":
            out.append(_answer(head, b"200 OK"))
        elif method == b"INVITE":
            place = b"%b:%d;transport=%b" % (self.callee[0].encode(), self.callee[1], self._transport.lower())
            contact = b"Contact: <sip:callee@" + place + b">\r\n"
            out.append(_answer(head, b"180 Ringing", contact))
            out.append(_answer(head, b"200 OK", contact + b"Content-Type: application/sdp\r\n", _SDP))
        else:
            out.append(_answer(head, b"200 OK"))

    def _invite(self, number: int) -> bytes:
        caller, transport = self.caller.encode(), self._transport.lower()
        lines = [
            b"INVITE sip:callee@example.test SIP/2.0",
            self._via(b"i%d" % number)[:-2],
            b"Max-Forwards: 70",
            b"From: <sip:caller@example.test>;tag=c%d" % number,
            b"To: <sip:callee@example.test>",
            b"Call-ID: %d-%d@%b" % (self._stamp, number, caller),
            b"CSeq: 1 INVITE",
            b"Contact: <sip:caller@%b:5070;transport=%b>" % (caller, transport),
            b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS",
            b"User-Agent: caller",
            b"Content-Type: application/sdp",
            b"Content-Length: %d" % len(_SDP),
            b"",
            _SDP,
        ]
        return b"\r\n".join(lines)

    def _via(self, branch: bytes) -> bytes:
        place = self.caller.encode()
        return b"Via: SIP/2.0/%b %b:5070;branch=z9hG4bK%d%b\r\n" % (self._transport, place, self._stamp, branch)

    def _context(self, *, server: bool) -> ssl.SSLContext | None:
        if self.folder is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        name = "callee" if server else "caller"
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        context.load_verify_locations(self.folder / "ca.pem")
        return context


def _headers(head: bytes, name: bytes) -> list[bytes]:
    begin = name.lower() + b":"
    lines = head.split(b"\r\n")[1:]
    return [line[len(begin) :].strip() for line in lines if line[: len(begin)].lower() == begin]


def _header(head: bytes, name: bytes) -> bytes:
    return _headers(head, name)[0]


def _answer(head: bytes, status: bytes, more: bytes = b"", body: bytes = b"") -> bytes:
    lines = [b"SIP/2.0 " + status]
    for line in head.split(b"\r\n")[1:]:
        name = line.partition(b":")[0].lower()
        if name == b"to" and b"tag=" not in line:
            line += b";tag=callee"
        if name in (b"via", b"from", b"to", b"call-id", b"cseq", b"record-route"):
            lines.append(line)
    return b"\r\n".join(lines) + b"\r\n" + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def _main(words: list[str]) -> None:
    run = _Run(words)
    await run.run()
    print(json.dumps([run.successful, run.failed, 0]))


def main(words: list[str]) -> None:
    uvloop.run(_main(words))


if __name__ == "__main__":
    main(sys.argv[1:])
