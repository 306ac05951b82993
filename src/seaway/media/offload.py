"""SRTP of one key, handed over to a fast path: what comes to Python is transformed there too, where the indexes are.

They stand where a `Receiver` and a `Sender` stood. When the fast path does not answer, nothing counts and nothing is
sent; its successor begins where the indexes were last known to be.
"""

from __future__ import annotations

from contextlib import suppress

from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.receiver import SourceIndex
from seaway.media.flows import CipherTable, FlowError

__all__ = ["OffloadedReceiver", "OffloadedSender"]


class _Offloaded:
    def __init__(self, master: MasterKey, table: CipherTable, cipher: int, known: tuple[SourceIndex, ...]) -> None:
        self.master = master
        self.cipher = cipher
        self.turns = 0
        self._table = table
        self._known = known

    def known(self) -> tuple[SourceIndex, ...]:
        found = self._table.indexes(self.cipher)
        if found is not None:
            self._known = found
        return self._known

    def leave(self) -> None:
        self._table.leave(self.cipher)

    def _transform(self, packet: bytes, *, rtcp: bool, verify: bool = False) -> bytes | None:
        with suppress(FlowError):
            return self._table.transform(self.cipher, packet, rtcp=rtcp, verify=verify)
        return None


class OffloadedReceiver(_Offloaded):
    """As `core.srtp.receiver.Receiver`."""

    def authentic_rtp(self, packet: bytes, passed: int = 0) -> bool:
        return self._transform(packet, rtcp=False, verify=True) is not None

    def open_rtp(self, packet: bytes, passed: int = 0) -> bytes | None:
        return self._transform(packet, rtcp=False)

    def open_rtcp(self, packet: bytes) -> bytes | None:
        return self._transform(packet, rtcp=True)


class OffloadedSender(_Offloaded):
    """As `core.srtp.sender.Sender`."""

    def seal_rtp(self, packet: bytes) -> bytes | None:
        return self._transform(packet, rtcp=False)

    def seal_rtcp(self, packet: bytes) -> bytes | None:
        return self._transform(packet, rtcp=True)
