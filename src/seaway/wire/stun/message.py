"""A whole STUN message: bytes <-> one frozen value (RFC 8489 §5, §6).

Parsed once; every later question (integrity, user name, address) is asked of the same object, so a duplicate
attribute cannot mean one thing to the check and another to the action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seaway.wire.stun.attribute import Attribute, AttributeType, decode_attributes, encode_attribute
from seaway.wire.stun.header import HEADER_LENGTH, Header, MessageClass
from seaway.wire.stun.integrity import (
    append_fingerprint,
    append_integrity,
    append_integrity_sha256,
    fingerprint_fits,
    integrity_fits,
)

__all__ = ["Message", "decode", "encode"]

_INTEGRITY = (AttributeType.MESSAGE_INTEGRITY, AttributeType.MESSAGE_INTEGRITY_SHA256)
_AFTER_INTEGRITY = (AttributeType.MESSAGE_INTEGRITY_SHA256, AttributeType.FINGERPRINT)


@dataclass(frozen=True, slots=True)
class Message:
    """`attributes` has all of them in order, unknown and ignored ones too; `raw` is the datagram."""

    message_class: MessageClass
    method: int
    transaction_id: bytes
    attributes: tuple[Attribute, ...]
    raw: bytes

    def first(self, kind: int) -> Attribute | None:
        """The attribute of this type that counts: the first (RFC 8489 §14), and not one that must be ignored.

        After MESSAGE-INTEGRITY only MESSAGE-INTEGRITY-SHA256 and FINGERPRINT count, after the latter of the two
        integrity attributes only FINGERPRINT (§14.5, §14.6): they are not covered by the check.
        """
        covered = True
        for attribute in self.attributes:
            counts = covered or attribute.type in _AFTER_INTEGRITY
            if counts and attribute.type == kind:
                return attribute
            covered = covered and attribute.type not in _INTEGRITY
        return None

    def has_integrity(self, key: bytes) -> bool:
        """True when the stronger of the integrity attributes present was made with `key` (RFC 8489 §9.1.3)."""
        attribute = self.first(AttributeType.MESSAGE_INTEGRITY_SHA256) or self.first(AttributeType.MESSAGE_INTEGRITY)
        return attribute is not None and integrity_fits(self.raw, attribute, key)

    def fingerprint_ok(self) -> bool | None:
        """`None` when there is no FINGERPRINT."""
        attribute = self.first(AttributeType.FINGERPRINT)
        return None if attribute is None else fingerprint_fits(self.raw, attribute)

    def unknown_required(self, known: frozenset[int]) -> tuple[int, ...]:
        """Types below 0x8000 that count and are not in `known` (RFC 8489 §6.3): the reason for a 420."""
        unknown: list[int] = []
        for attribute in self.attributes:
            if attribute.type in _INTEGRITY:
                break
            if attribute.comprehension_required and attribute.type not in known | set(unknown):
                unknown.append(attribute.type)
        return tuple(unknown)


def decode(data: bytes, *, max_attributes: int = 64) -> Message:
    """One datagram. Raises `StunError` when a length does not agree or there are more than `max_attributes`."""
    header = Header.decode(data)
    attributes = decode_attributes(data, HEADER_LENGTH, max_attributes=max_attributes)
    return Message(header.message_class, header.method, header.transaction_id, attributes, data)


def encode(
    message_class: MessageClass,
    method: int,
    transaction_id: bytes,
    attributes: Sequence[Attribute] = (),
    *,
    key: bytes | None = None,
    sha256: bool = False,
    fingerprint: bool = True,
) -> bytes:
    """A message with the given attributes; then integrity when `key` is given (SHA-256 instead of SHA-1 with
    `sha256`), then FINGERPRINT."""
    body = b"".join(map(encode_attribute, attributes))
    message = Header(message_class, method, len(body), transaction_id).encode() + body
    if key is not None:
        message = append_integrity_sha256(message, key) if sha256 else append_integrity(message, key)
    return append_fingerprint(message) if fingerprint else message
