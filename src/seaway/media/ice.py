"""The answering side of ICE on a plain leg: an ICE-lite agent (RFC 8445 §2.5, §7.3), one for each component.

Its only candidate is the local port. The far side checks; whoever proves that it knows our password is a source of
media, and the one that it nominates is where media goes. A datagram without a valid credential changes nothing (R10).
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.media.latch import Verdict
from seaway.media.protocol import Address
from seaway.wire.stun.address import xor_mapped_address
from seaway.wire.stun.attribute import AttributeType
from seaway.wire.stun.error_code import error_code, unknown_attributes
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.header import BINDING, MessageClass, is_stun
from seaway.wire.stun.message import decode, encode

__all__ = ["Checked", "IceLite"]

_PRIORITY, _USE_CANDIDATE = 0x0024, 0x0025  # RFC 8445 §16.1
_KNOWN = frozenset(
    (
        AttributeType.USERNAME, AttributeType.MESSAGE_INTEGRITY, AttributeType.MESSAGE_INTEGRITY_SHA256, _PRIORITY,
        _USE_CANDIDATE,
    )
)  # fmt: skip
_MOST_VALID = 8  # sources that have proved themselves


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer to a check. `selected`: media goes to its source from now on."""

    data: bytes
    selected: bool


class IceLite:
    """`ufrag` and `password` are ours, from our own SDP. `selected` is where media goes, `None` before a check."""

    __slots__ = ("_key", "_nominated", "_valid", "password", "selected", "ufrag")

    def __init__(
        self, ufrag: str, password: str, selected: Address | None = None, before: IceLite | None = None
    ) -> None:
        """`before`: what it was until a restart; its sources count until one is chosen anew (RFC 8445 §9)."""
        self.ufrag = ufrag
        self.password = password
        self.selected = selected
        self._key = password.encode()
        self._nominated = selected is not None
        self._valid: list[Address] = [] if selected is None else [selected]
        if before is not None and before.selected is not None:
            self._valid.append(before.selected)

    def judge(self, source: Address) -> Verdict:
        """Media counts from the sources that have proved themselves."""
        return Verdict.ACCEPTED if source in self._valid else Verdict.REFUSED

    def check(self, data: bytes, source: Address) -> Checked | None:
        """A STUN datagram from `source`; `None` when it is no check for us: nothing is answered."""
        if not is_stun(data):
            return None
        try:
            message = decode(data, max_attributes=16)
        except StunError:
            return None
        if message.message_class is not MessageClass.REQUEST or message.method != BINDING:
            return None
        user = message.first(AttributeType.USERNAME)
        if user is None or not user.value.startswith(self.ufrag.encode() + b":"):
            return None
        if message.fingerprint_ok() is False or not message.has_integrity(self._key):
            return None
        transaction_id = message.transaction_id
        sha256 = message.first(AttributeType.MESSAGE_INTEGRITY_SHA256) is not None
        unknown = message.unknown_required(_KNOWN)
        if unknown:
            refusal = (error_code(420, "Unknown Attribute"), unknown_attributes(unknown[:8]))
            return Checked(
                encode(MessageClass.ERROR, BINDING, transaction_id, refusal, key=self._key, sha256=sha256), False
            )
        mapped = (xor_mapped_address(source, transaction_id),)
        answer = encode(MessageClass.SUCCESS, BINDING, transaction_id, mapped, key=self._key, sha256=sha256)
        return Checked(answer, self._select(source, message.first(_USE_CANDIDATE) is not None))

    def _select(self, source: Address, nominated: bool) -> bool:
        """Note a source that has proved itself. Before a nomination the first one is it (RFC 8445 §7.3.2)."""
        if source not in self._valid:
            self._valid = (
                [each for each in self._valid if each == self.selected][:1]
                + [each for each in self._valid if each != self.selected][-(_MOST_VALID - 2) :]
                + [source]
            )
        if not nominated and (self._nominated or self.selected is not None):
            return False
        self._nominated = self._nominated or nominated
        moved = source != self.selected
        self.selected = source
        return moved
