"""Datagrams at the SIP ports that only keep a NAT's binding alive: STUN (RFC 5626 §4.4.2, §8), and empty ones.

They cost the path of a message nothing: only what the parser refused comes here.
"""

from __future__ import annotations

from seaway.core.sip.io import Flow
from seaway.wire.stun.address import xor_mapped_address
from seaway.wire.stun.error_code import error_code, unknown_attributes
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.header import BINDING, MessageClass, is_stun
from seaway.wire.stun.message import decode, encode

__all__ = ["answer_keep_alive"]

_MAX_ATTRIBUTES = 8


def answer_keep_alive(data: bytes, flow: Flow) -> bytes | None:
    """`None`: this is no keep-alive. b"": one without an answer. Else the answer, for the place it came from.

    Nothing is remembered, and the answer is hardly longer than the request.
    """
    if not data.strip(b"\r\n\0 "):
        return b""
    if flow.transport != "udp" or not is_stun(data):
        return None
    try:
        request = decode(data, max_attributes=_MAX_ATTRIBUTES)
    except StunError:
        return b""
    wanted = request.message_class is MessageClass.REQUEST and request.method == BINDING
    if not wanted or request.fingerprint_ok() is False:
        return b""
    unknown = request.unknown_required(frozenset())
    if unknown:
        attributes = (error_code(420, "Unknown Attribute"), unknown_attributes(unknown))
        return encode(MessageClass.ERROR, BINDING, request.transaction_id, attributes, fingerprint=False)
    mapped = xor_mapped_address(flow.remote, request.transaction_id)
    return encode(MessageClass.SUCCESS, BINDING, request.transaction_id, (mapped,), fingerprint=False)
