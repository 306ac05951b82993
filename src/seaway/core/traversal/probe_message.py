"""The two messages of the media probe: Binding request and its success answer (docs/traversal-media.md).

Short-term credential (RFC 8489 §9.1): user name and password travelled in the traversal signalling. Neighbours:
`probe.py` sends requests, `media/demux.py` answers them.
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.wire.stun.address import Address, decode_xor_address, xor_mapped_address
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.error_code import error_code, unknown_attributes
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.header import BINDING, MessageClass, is_stun
from seaway.wire.stun.message import Message, decode, encode
from seaway.wire.stun.text import username

__all__ = ["Probe", "decode_probe", "encode_answer", "encode_probe", "encode_unknown", "mapped_in_answer"]

_KNOWN = frozenset((AttributeType.USERNAME, AttributeType.MESSAGE_INTEGRITY, AttributeType.MESSAGE_INTEGRITY_SHA256))


@dataclass(frozen=True, slots=True)
class Probe:
    """A well-formed probe whose integrity is not yet checked. `sequence` grows by at least 1 with each probe."""

    user: bytes
    sequence: int
    message: Message

    @property
    def sha256(self) -> bool:
        return self.message.first(AttributeType.MESSAGE_INTEGRITY_SHA256) is not None

    @property
    def unknown_required(self) -> tuple[int, ...]:
        return self.message.unknown_required(_KNOWN)


def encode_probe(transaction_id: bytes, user: str, password: bytes, sequence: int) -> bytes:
    attributes = (username(user), Attribute(AttributeType.PROBE_SEQUENCE, sequence.to_bytes(4, "big")))
    return encode(MessageClass.REQUEST, BINDING, transaction_id, attributes, key=password)


def decode_probe(data: bytes) -> Probe | None:
    """`None` for whatever is not a probe: other STUN, no user name, no integrity, no sequence, wrong FINGERPRINT."""
    message = _decode(data)
    if message is None or message.message_class is not MessageClass.REQUEST or message.method != BINDING:
        return None
    user, sequence = message.first(AttributeType.USERNAME), message.first(AttributeType.PROBE_SEQUENCE)
    signed = message.first(AttributeType.MESSAGE_INTEGRITY) or message.first(AttributeType.MESSAGE_INTEGRITY_SHA256)
    if user is None or signed is None or sequence is None or len(sequence.value) != 4:
        return None
    return Probe(user.value, int.from_bytes(sequence.value, "big"), message)


def encode_answer(probe: Probe, mapped: Address, password: bytes) -> bytes:
    """Binding success with the probe's source; integrity of the same kind as the request's (RFC 8489 §9.1.3)."""
    transaction_id = probe.message.transaction_id
    return encode(
        MessageClass.SUCCESS,
        BINDING,
        transaction_id,
        (xor_mapped_address(mapped, transaction_id),),
        key=password,
        sha256=probe.sha256,
    )


def encode_unknown(probe: Probe, password: bytes) -> bytes:
    """420 with the types that were not understood (RFC 8489 §6.3.1); only for probes whose integrity is right."""
    attributes = (error_code(420, "Unknown Attribute"), unknown_attributes(probe.unknown_required[:8]))
    return encode(
        MessageClass.ERROR, BINDING, probe.message.transaction_id, attributes, key=password, sha256=probe.sha256
    )


def mapped_in_answer(data: bytes, password: bytes) -> tuple[bytes, Address] | None:
    """`(transaction id, mapped address)` of a Binding success made with `password`, else `None`."""
    message = _decode(data)
    if message is None or message.message_class is not MessageClass.SUCCESS or message.method != BINDING:
        return None
    if not message.has_integrity(password) or message.unknown_required(_KNOWN | {AttributeType.XOR_MAPPED_ADDRESS}):
        return None
    attribute = message.first(AttributeType.XOR_MAPPED_ADDRESS)
    if attribute is None:
        return None
    try:
        return message.transaction_id, decode_xor_address(attribute.value, message.transaction_id)
    except StunError:
        return None


def _decode(data: bytes) -> Message | None:
    if not is_stun(data):
        return None
    try:
        message = decode(data, max_attributes=16)
    except StunError:
        return None
    return None if message.fingerprint_ok() is False else message
