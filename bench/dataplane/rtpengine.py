"""A client of rtpengine's ng protocol: bencoded dictionaries over UDP, one call by offer and answer.

It runs in this process, with a socket that was opened in the relay's namespace (a socket stays in its namespace).
"""

from __future__ import annotations

import ctypes
import re
import socket
from typing import Any

from sipp import BenchError

__all__ = ["Control", "decode", "encode"]

_CLONE_NEWNET = 0x40000000
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
)


class Control:
    """The connection to one rtpengine; `namespace` is `None` for this one."""

    def __init__(self, namespace: str | None, port: int) -> None:
        self._socket = socket_in(namespace) if namespace else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(3.0)
        self._count = 0

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ping(self) -> None:
        self._ask({"command": "ping"}, "pong")

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            self.ping()
        except BenchError:
            return False
        return True

    def bridge(self, name: str, caller: tuple[str, int], callee: tuple[str, int], crypto: str) -> tuple[int, int]:
        """A call whose caller has SRTP with this `a=crypto` ("": RTP), and the callee RTP; where each has to send."""
        common = {"call-id": name, "from-tag": "a", "ICE": "remove", "replace": ["origin", "session-connection"]}
        sdp = _sdp(caller)
        if crypto:
            sdp = sdp.replace("RTP/AVP", "RTP/SAVP") + f"a=crypto:{crypto}\r\n"
            common["transport-protocol"] = "RTP/AVP"
        there = self._ask({**common, "command": "offer", "sdp": sdp}, "ok")
        common.pop("transport-protocol", None)
        back = self._ask({**common, "command": "answer", "to-tag": "b", "sdp": _sdp(callee)}, "ok")
        ports = [re.search(rb"m=audio ([0-9]+) ", each[b"sdp"]) for each in (back, there)]
        if ports[0] is None or ports[1] is None or (crypto and b"a=crypto:" not in back[b"sdp"]):
            raise BenchError(f"rtpengine: no bridge: {there} {back}")
        return int(ports[0][1]), int(ports[1][1])

    def call(self, name: str, caller: tuple[str, int], callee: tuple[str, int]) -> int:
        """A call between two phones; the port that the caller has to send to."""
        common = {"call-id": name, "from-tag": "a", "ICE": "remove", "replace": ["origin", "session-connection"]}
        offer = {**common, "command": "offer", "direction": ["a", "b"], "sdp": _sdp(caller)}
        self._ask(offer, "ok")
        answer = self._ask({**common, "command": "answer", "to-tag": "b", "sdp": _sdp(callee)}, "ok")
        found = re.search(rb"m=audio ([0-9]+) ", answer[b"sdp"])
        if found is None:
            raise BenchError(f"rtpengine: an answer without audio: {answer}")
        return int(found[1])

    def _ask(self, request: dict[str, Any], result: str) -> dict[bytes, Any]:
        self._count += 1
        cookie = f"{self._count} ".encode()
        self._socket.send(cookie + encode(request))
        try:
            answer = self._socket.recv(65535)
        except (TimeoutError, ConnectionError) as error:
            raise BenchError(f"rtpengine does not answer: {error}") from None
        found, _ = decode(answer, len(cookie))
        if not answer.startswith(cookie) or found.get(b"result") != result.encode():
            raise BenchError(f"rtpengine refused {request['command']}: {found.get(b'error-reason', answer)!r}")
        return found


def socket_in(namespace: str) -> socket.socket:
    """A UDP socket of another network namespace."""
    setns = ctypes.CDLL(None, use_errno=True).setns
    with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{namespace}", "rb") as there:
        if setns(there.fileno(), _CLONE_NEWNET):
            raise BenchError(f"cannot enter the namespace {namespace}")
        try:
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        finally:
            setns(home.fileno(), _CLONE_NEWNET)


def encode(value: Any) -> bytes:
    """Bencoding, of text, integers, lists and dictionaries."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        octets = value.encode()
        return b"%d:%s" % (len(octets), octets)
    if isinstance(value, list):
        return b"l" + b"".join(encode(each) for each in value) + b"e"
    return b"d" + b"".join(encode(name) + encode(value[name]) for name in sorted(value)) + b"e"


def decode(data: bytes, at: int = 0) -> tuple[Any, int]:
    """The value at an offset, and the offset behind it."""
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        parts, at = [], at + 1
        while data[at : at + 1] != b"e":
            part, at = decode(data, at)
            parts.append(part)
        return (dict(zip(parts[::2], parts[1::2], strict=True)) if kind == b"d" else parts), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end], end


def _sdp(at: tuple[str, int]) -> str:
    return _SDP.format(host=at[0], port=at[1])
