"""The top Via of a request that arrived: transaction key, RFC 3581 stamping, and where the response goes.

RFC 3261 §17.2.3 (matching), §18.2.1 (received), §18.2.2 (sending responses), RFC 3581 §4 (rport).
"""

from __future__ import annotations

from seaway.core.sip.io import Flow
from seaway.wire.sip.message import Message, Request
from seaway.wire.sip.nameaddr import split_commas
from seaway.wire.sip.via import parse_via

__all__ = ["MAGIC", "pop_via", "read_top_via", "split_via"]

MAGIC = b"z9hG4bK"


_MAX_HEADS = 10_000
_heads: dict[bytes, tuple[str, int | None, bytes]] = {}
"""`SIP/2.0/UDP host:port` -> host, port, sent-by: a peer writes the same each time. A cache of a pure function."""


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
    index = message.names.index(b"via")
    line = message.lines[index]
    _, comma, rest = line.partition(b",")
    if comma:
        rest = rest.strip(b" \t")
        # The short way for two values on a line, as a callee may write those of two proxies or of us and the caller.
        if rest and not (b"," in rest or b'"' in line or b"<" in line or b"\r" in line):
            message.lines[index] = b"Via: " + rest
            return
        split_via(message)
    del message.names[index], message.lines[index]


def read_top_via(request: Request, flow: Flow) -> tuple[bytes, int]:
    """Read and stamp the top Via of `request`, which came in on `flow`. Raises `SipError`.

    Returns the transaction key (branch and sent-by; without the magic cookie the RFC 2543 fields) and, for UDP, the
    port at the source address to which the response goes.
    """
    index = split_via(request)
    line = request.lines[index]
    head, _, params = line.partition(b":")[2].strip(b" \t").partition(b";")
    known = _heads.get(head)
    if known is None or b" " in params or b'"' in params or b"\t" in params or b"\r" in line:
        via = parse_via(request.value(index))  # new or unusual: take the long way and write it plainly
        head, _, params = via.serialise().partition(b";")
        known = (via.address, via.port, via.sent_by)
        if len(_heads) >= _MAX_HEADS:
            _heads.clear()
        _heads[head] = known
    host, port, sent_by = known
    branch: bytes | None = None
    rport = False
    if params.startswith(b"branch=") and b";" not in params:  # nothing else: sipp, and proxies without RFC 3581
        branch = params[7:]
    else:
        for param in params.split(b";"):
            name, equals, text = param.partition(b"=")
            name = name.lower()
            if name == b"branch" and branch is None:
                branch = text
            elif name == b"rport" and not equals:
                rport = True
    remote_host, remote_port = flow.remote
    if rport or host != remote_host:
        request.lines[index] = _stamped(head, params, rport, remote_host, remote_port)
    if branch is not None and branch.startswith(MAGIC) and len(branch) > len(MAGIC):
        key = branch + b" " + sent_by
    else:
        key = _old_key(request, line)
    return key, remote_port if rport else (port or 5060)


def _stamped(head: bytes, params: bytes, rport: bool, remote_host: str, remote_port: int) -> bytes:
    """RFC 3261 §18.2.1 and RFC 3581 §4: say in the Via where the request really came from."""
    kept = [head]
    for param in params.split(b";"):
        name = param.partition(b"=")[0].lower()
        if rport and param.lower() == b"rport":
            param = b"rport=%d" % remote_port
        if name != b"received" and param:
            kept.append(param)
    kept.append(b"received=" + remote_host.encode())
    return b"Via: " + b";".join(kept)


def _old_key(request: Request, via: bytes) -> bytes:
    """RFC 3261 §17.2.3 for peers that make no unique branch (RFC 2543): enough fields to tell requests apart."""
    from_value = request.require(b"from")
    number = request.require(b"cseq").split(b" ")[0]
    return b"\0".join((request.uri, from_value, request.require(b"call-id"), number, via))
