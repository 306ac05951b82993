"""Bad clients, run inside a lab host: `python hostile.py KIND HOST PORT`. Prints one line when its connections stand.

Kinds: garbage, half, slow, headers, length, idle, and octets, pipelined, noise, which are odd but right: each of their
requests has to be answered, over TLS at port 5061. `idle` takes further arguments: source addresses, then how many
connections from each; it holds them until its standard input is closed.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import ssl
import sys
import time

_GOOD = (
    b"OPTIONS sip:example.test SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKx%d\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:x@example.test>;tag=1\r\nTo: <sip:example.test>\r\n"
    b"Call-ID: hostile-%d\r\nCSeq: 1 OPTIONS\r\n"
)


def _open(host: str, port: int, source: str | None = None) -> socket.socket:
    return socket.create_connection((host, port), 3.0, (source, 0) if source else None)


def _drain(link: socket.socket, seconds: float) -> bytes:
    """What comes back until the other side closes, for at most `seconds`."""
    link.settimeout(seconds)
    got = b""
    try:
        while data := link.recv(65536):
            got += data
    except OSError:
        pass
    return got


def _send(link: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the node may close the connection: that is its right
        link.sendall(data)


def garbage(host: str, port: int) -> None:
    for count in range(50):
        link = _open(host, port)
        _send(link, os.urandom(4096) + b"\r\n\r\n" * (count % 3))
        link.close()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(500):
        udp.sendto(os.urandom(700), (host, port))


def half(host: str, port: int) -> None:
    for count in range(50):
        link = _open(host, port)
        text = _GOOD % (count, count)
        _send(link, text[: 1 + count * len(text) // 50])
        link.close()


def slow(host: str, port: int) -> None:
    links = [_open(host, port) for _ in range(50)]
    for at in range(20):
        for number, link in enumerate(links):
            _send(link, (_GOOD % (number, number))[at : at + 1])
        time.sleep(0.05)
    print("standing", flush=True)
    sys.stdin.read()


def headers(host: str, port: int) -> None:
    for count in range(20):
        link = _open(host, port)
        _send(link, _GOOD % (count, count) + b"X-Long: " + b"a" * 65536 + b"\r\n\r\n")
        _drain(link, 0.2)
        link.close()
        link = _open(host, port)
        _send(link, _GOOD % (count, count) + b"".join(b"X-%d: y\r\n" % n for n in range(6000)) + b"\r\n")
        _drain(link, 0.2)
        link.close()


def length(host: str, port: int) -> None:
    for value in (
        b"-1",
        b"99999999999",
        b"4294967296",
        b"abc",
        b"5\r\nContent-Length: 6",
        b"1000",
        b"+3",
        b"0x10",
    ):
        link = _open(host, port)
        _send(link, _GOOD % (1, 1) + b"Content-Length: " + value + b"\r\n\r\nhello")
        _drain(link, 0.2)
        link.close()


def _right(host: str, port: int) -> socket.socket:
    link = _open(host, port)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if port != 5061:
        return link
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(link)


def _requests(count: int, body: bytes = b"") -> list[bytes]:
    return [_GOOD % (n, n) + b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for n in range(count)]


def _answered(link: socket.socket, count: int) -> None:
    """Each of them, by its Call-ID, within 5 s and once."""
    link.settimeout(5.0)
    got, wanted = b"", {b"hostile-%d" % number for number in range(count)}
    while got.lower().count(b"\r\ncall-id:") < count or not got.endswith(b"\r\n\r\n"):
        data = link.recv(65536)
        assert data, f"closed after {got.count(b'SIP/2.0 ')} of {count} answers"
        got += data
    lines = [line.partition(b":")[2].strip() for line in got.split(b"\r\n") if line[:8].lower() == b"call-id:"]
    assert sorted(lines) == sorted(wanted), f"{len(lines)} answers to {count} requests"
    link.close()


def octets(host: str, port: int) -> None:
    """Each octet is a segment of its own."""
    link = _right(host, port)
    for octet in b"".join(_requests(3, b"--\r\n\r\nOPTIONS sip:x SIP/2.0\r\n\r\n")):
        link.sendall(bytes((octet,)))
    _answered(link, 3)


def pipelined(host: str, port: int) -> None:
    """Many in one write, and cut where no message ends."""
    sent = b"".join(_requests(60, b"x" * 1001))
    link = _right(host, port)
    link.sendall(sent)
    _answered(link, 60)
    link = _right(host, port)
    for begin in range(0, len(sent), 1460):
        link.sendall(sent[begin : begin + 1460])
    _answered(link, 60)


def noise(host: str, port: int) -> None:
    """CRLF before, between and after (RFC 3261 §7.5): pings among them are answered with CRLF, which is no answer."""
    link = _right(host, port)
    link.sendall(b"\r\n" * 999)
    for number, each in enumerate(_requests(20)):
        link.sendall(b"\r\n" * (number % 5) + each)
    _answered(link, 20)


def idle(host: str, port: int, sources: list[str], each: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    links = []
    for source in sources:
        for _ in range(each):
            try:
                links.append(_open(host, port, source))
            except OSError:
                break
    print(f"standing {len(links)}", flush=True)
    sys.stdin.read()


def main() -> None:
    kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "idle":
        idle(host, port, sys.argv[5:], int(sys.argv[4]))
        return
    kinds = (garbage, half, slow, headers, length, octets, pipelined, noise)
    next(each for each in kinds if each.__name__ == kind)(host, port)


if __name__ == "__main__":
    main()
