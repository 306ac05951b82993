"""Learning where a plain leg's far side really is: symmetric RTP, restricted to signalled addresses (rule R12).

The address in SDP is a hint and no destination of media: the first valid packet from an allowed IP address decides; RTP
and RTCP learn apart. Later sources are refused until signalling moved the hint or the learned source fell silent. Only
the first datagrams of a DTLS handshake go to the hint: a passive side says nothing before it hears one (RFC 5763 §5).
So do the first ones of media on a leg to another node of ours, where two relays would wait for each other for ever.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import ip_address

from seaway.media.protocol import Address

__all__ = ["KNOCKS", "RELATCH_SILENCE", "RELATCH_WINDOW", "Latch", "Verdict", "sendable"]

RELATCH_SILENCE = 5.0
"""Seconds without a valid packet from the learned source after which another allowed source may take its place."""

KNOCKS = 20
"""Datagrams that may go to a hint, for each hint."""

RELATCH_WINDOW = 5.0
"""Seconds after a change of the hint during which another allowed source may take the learned one's place."""


def sendable(host: str, port: int) -> bool:
    """Whether an IP literal and a port are something to send to."""
    address = ip_address(host)
    return not address.is_multicast and not address.is_unspecified and 0 < port < 65536


class Verdict(Enum):
    ACCEPTED = "accepted"
    LATCHED = "latched"  # accepted, and the source is new
    REFUSED = "refused"


class Latch:
    """State of one component. `source` is where to send, `None` as long as nothing was learned."""

    __slots__ = ("_allowed", "_hint", "_knocks", "_last", "_open_until", "_ssrcs", "source")

    def __init__(self) -> None:
        self.source: Address | None = None
        self._allowed: frozenset[str] = frozenset()
        self._hint: Address | None = None
        self._knocks = 0
        self._last = 0.0
        self._open_until = 0.0
        self._ssrcs: frozenset[int] = frozenset()

    def signal(self, hint: Address, allowed: frozenset[str], now: float, ssrcs: frozenset[int] = frozenset()) -> None:
        """Signalling said where the far side is. A learned source whose IP address is no longer allowed is dropped.

        `ssrcs`: when there are any, RTP and RTCP of another SSRC is nothing to learn from (RFC 5576 §4.1).
        """
        if hint != self._hint:
            self._open_until = now + RELATCH_WINDOW
            self._knocks = KNOCKS
        self._hint, self._allowed, self._ssrcs = hint, allowed, ssrcs
        if self.source is not None and self.source[0] not in allowed:
            self.source = None

    def knock(self) -> Address | None:
        """Where a datagram of a handshake may go while nothing was learned; `None`: nowhere (any more)."""
        hint = self._hint
        if self.source is not None or hint is None or hint[0] not in self._allowed or not self._knocks:
            return None
        if not sendable(*hint):
            return None
        self._knocks -= 1
        return hint

    @property
    def memory(self) -> tuple[Address | None, tuple[str, ...], tuple[int, ...]]:
        """What `remember` of a later process needs besides the source: hint, allowed addresses, SSRCs."""
        return self._hint, tuple(sorted(self._allowed)), tuple(sorted(self._ssrcs))

    def remember(
        self,
        source: Address | None,
        hint: Address | None,
        allowed: frozenset[str],
        ssrcs: frozenset[int],
        now: float,
    ) -> None:
        self.source, self._hint, self._allowed, self._ssrcs, self._last = source, hint, allowed, ssrcs, now

    def heard(self, when: float) -> None:
        """A fast path passed a packet of the learned source at this time."""
        self._last = max(self._last, when)

    def judge(self, source: Address, now: float, ssrc: int | None = None) -> Verdict:
        """What a packet that is known to be well-formed would be, nothing learned; `ssrc` is `None` for STUN, DTLS."""
        if source == self.source:
            return Verdict.ACCEPTED
        if source[0] not in self._allowed:
            return Verdict.REFUSED
        if self._ssrcs and ssrc is not None and ssrc not in self._ssrcs:
            return Verdict.REFUSED
        if self.source is not None and now >= self._open_until and now - self._last <= RELATCH_SILENCE:
            return Verdict.REFUSED
        return Verdict.LATCHED

    def accept(self, source: Address, now: float) -> None:
        """Learn from a packet that was not refused."""
        self._last = now
        if source != self.source:
            self.source, self._open_until = source, 0.0

    def packet(self, source: Address, now: float, ssrc: int | None = None) -> Verdict:
        """Judge a packet and learn from it."""
        verdict = self.judge(source, now, ssrc)
        if verdict is not Verdict.REFUSED:
            self.accept(source, now)
        return verdict
