"""The top Via of a request that arrived: transaction key, RFC 3581 stamping, and where the response goes.

RFC 3261 §17.2.3 (matching), §18.2.1 (received), §18.2.2 (sending responses), RFC 3581 §4 (rport).
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.core.sip.io import Flow
from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Message, Request
from seaway.wire.sip.nameaddr import split_commas
from seaway.wire.sip.via import parse_via

__all__ = ["MAGIC", "TopVia", "pop_via", "read_top_via", "split_via"]

MAGIC = b"z9hG4bK"
_PLAIN = frozenset((b"SIP/2.0/UDP", b"SIP/2.0/TCP", b"SIP/2.0/TLS"))


@dataclass(slots=True)
class TopVia:
    key: bytes  # transaction key: branch and sent-by; without the magic cookie: RFC 2543 fields
    sent_by: bytes  # host[:port] as the peer wrote it
    port: int  # UDP only: where the response goes at the address the request came from


def split_via(message: Message) -> int:
    """Index of the top Via line, after making sure that it holds one value only."""
    index = message.names.index(b"via")
    if b"," in message.lines[index]:
        values = split_commas(message.value(index))
        message.lines[index] = b"Via: " + values[0]
        for offset, value in enumerate(values[1:], 1):
            message.insert(index + offset, b"via", b"Via: " + value)
    return index


def pop_via(message: Message) -> None:
    """Remove the top Via value."""
    index = split_via(message)
    del message.names[index], message.lines[index]


def read_top_via(request: Request, flow: Flow) -> TopVia:
    """Read and stamp the top Via of `request`, which came in on `flow`. Raises `SipError`."""
    index = split_via(request)
    value = request.value(index)
    head, _, params = value.partition(b";")
    protocol, _, sent_by = head.strip(b" \t").partition(b" ")
    host, colon, port_text = sent_by.rpartition(b":")
    if protocol not in _PLAIN or b" " in sent_by or b"[" in sent_by or b" " in params or b'"' in params:
        parsed = parse_via(value)  # unusual spelling: take the long way and write it plainly
        sent_by = parsed.sent_by
        value = parsed.serialise()
        params = value.partition(b";")[2]
        host, port = parsed.host, parsed.port
    elif colon:
        try:
            port = parse_digits(port_text, maximum=65535)
        except WireError as error:
            raise SipError(f"Via port: {error.what}", section="RFC 3261 §20.42") from None
    else:
        host, port = sent_by, None
    branch = rport = None
    for param in params.split(b";"):
        name, equals, text = param.partition(b"=")
        name = name.lower()
        if name == b"branch":
            branch = text
        elif name == b"rport" and not equals:
            rport = param
    remote_host, remote_port = flow.remote
    source = remote_host.encode()
    if rport is not None or host.strip(b"[]") != source:
        kept = []
        for param in params.split(b";"):
            name = param.partition(b"=")[0].lower()
            if rport is not None and param.lower() == b"rport":
                param = b"rport=%d" % remote_port
            if name != b"received" and param:
                kept.append(param)
        kept.append(b"received=" + source)
        request.lines[index] = b"Via: %b;%b" % (value.partition(b";")[0], b";".join(kept))
    if branch is not None and branch.startswith(MAGIC) and len(branch) > len(MAGIC):
        key = branch + b" " + sent_by
    else:
        key = _old_key(request, value)
    return TopVia(key, sent_by, remote_port if rport is not None else (port or 5060))


def _old_key(request: Request, via: bytes) -> bytes:
    """RFC 3261 §17.2.3 for peers that make no unique branch (RFC 2543): enough fields to tell requests apart."""
    from_value = request.require(b"from")
    number = request.require(b"cseq").split(b" ")[0]
    return b"\0".join((request.uri, from_value, request.require(b"call-id"), number, via))
