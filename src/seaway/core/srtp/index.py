"""Packet indexes: the rollover counter as estimated from the sequence number, and the replay list (RFC 3711 §3.3)."""

from __future__ import annotations

__all__ = ["MAX_RTCP_INDEX", "WINDOW", "Seen", "estimate"]

WINDOW = 128
"""Indexes below the highest one that can still be told from a repetition; RFC 3711 §3.3.2 asks for 64 at least."""

MAX_RTCP_INDEX = 2**31 - 1
_MAX_RTP_INDEX = 2**48 - 1


def estimate(highest: int, sequence: int) -> int:
    """The index of a packet with this sequence number that is nearest to `highest` (RFC 3711 §3.3.1, appendix A);
    below 0 when it would be from before the first rollover counter."""
    counter, last = highest >> 16, highest & 0xFFFF
    if last < 0x8000:
        if sequence - last > 0x8000:
            counter -= 1
    elif last - 0x8000 > sequence:
        counter += 1
    return counter << 16 | sequence


class Seen:
    """The indexes of one source in one direction. `highest` is -1 as long as there is none."""

    __slots__ = ("_bits", "highest")

    def __init__(self, highest: int = -1) -> None:
        self.highest = highest
        self._bits = (1 << WINDOW) - 1 if highest >= 0 else 0  # bit n: highest - n was seen; of before, all

    def fresh(self, index: int) -> bool:
        """Whether a packet of this index may still come."""
        if index > self.highest:
            return index <= _MAX_RTP_INDEX
        behind = self.highest - index
        return index >= 0 and behind < WINDOW and not self._bits >> behind & 1

    def add(self, index: int) -> None:
        """It came, and was authentic."""
        ahead = index - self.highest
        if ahead > 0:
            self._bits = (self._bits << ahead | 1) & ((1 << WINDOW) - 1) if ahead < WINDOW else 1
            self.highest = index
        else:
            self._bits |= 1 << -ahead
