"""Raw SIP messages for tests, and reading what comes out."""

from __future__ import annotations

from itertools import count

from seaway.core.sip.build import build_response
from seaway.core.sip.io import Flow
from seaway.wire.sip.message import Request, Response, parse

__all__ = ["SDP", "as_request", "as_response", "flow", "header", "request", "response", "sdp"]

_flow_ids = count(1)


def flow(
    transport: str = "udp", remote: tuple[str, int] = ("192.0.2.10", 5060),
    local: tuple[str, int] = ("198.51.100.1", 5060), nic: str = "inner", zone: str | None = None,
    names: tuple[str, ...] = (), row: str = "test",
) -> Flow:  # fmt: skip
    return Flow(next(_flow_ids), transport, local, remote, nic, row, zone, names)  # type: ignore[arg-type]


def request(
    method: str = "INVITE",
    uri: str = "sip:bob@example.test",
    *,
    via: str | list[str] | None = None,
    branch: str = "z9hG4bKbranch1",
    transport: str = "UDP",
    frm: str = "<sip:alice@example.test>;tag=a1",
    to: str = "<sip:bob@example.test>",
    call_id: str = "call-1",
    cseq: int = 1,
    max_forwards: int | str | None = 70,
    headers: list[str] | tuple[str, ...] = (),
    body: bytes = b"",
    length: bool = True,
) -> bytes:
    """One request; `via` overrides the single Via made from `transport` and `branch`."""
    vias = [via] if isinstance(via, str) else via
    if vias is None:
        vias = [f"SIP/2.0/{transport} 192.0.2.10:5060;branch={branch};rport"]
    lines = [f"{method} {uri} SIP/2.0", *(f"Via: {each}" for each in vias)]
    if max_forwards is not None:
        lines.append(f"Max-Forwards: {max_forwards}")
    lines += [f"From: {frm}", f"To: {to}", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def response(
    received: bytes, status: int, *, tag: str = "b1", headers: tuple[str, ...] = (), body: bytes = b""
) -> bytes:
    """What a phone answers to the request `received`."""
    message = build_response(
        as_request(received), status, tag=tag.encode() if status > 100 else None,
        headers=tuple((name.encode(), value.encode()) for name, _, value in (h.partition(": ") for h in headers)),
    )  # fmt: skip
    if body:
        message.set_body(body, b"application/sdp")
    return message.serialise()


def as_request(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request), data
    return message


def as_response(data: bytes) -> Response:
    message = parse(data)
    assert isinstance(message, Response), data
    return message


def header(data: bytes, name: str) -> list[str]:
    """All values of a header, by its canonical name."""
    return [value.decode("latin-1") for value in parse(data).all(name.encode())]


def sdp(address: str = "192.0.2.10", port: int = 30000, *extra: str, video: int | None = None) -> bytes:
    """An audio description (and video, when a port is given); `extra` are lines of the audio section."""
    kind = "IP6" if ":" in address else "IP4"
    lines = [
        "v=0", f"o=- 1 1 IN {kind} {address}", "s=-", f"c=IN {kind} {address}", "t=0 0",
        f"m=audio {port} RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000", "a=sendrecv", *extra,
    ]  # fmt: skip
    if video is not None:
        lines += [f"m=video {video} RTP/AVP 96", "a=rtpmap:96 H264/90000"]
    return "\r\n".join([*lines, ""]).encode()


SDP = sdp()
