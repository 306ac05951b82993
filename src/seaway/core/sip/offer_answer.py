"""Offer and answer in one dialog (RFC 3264, RFC 6337): whose offer is open, and what else may happen meanwhile."""

from __future__ import annotations

from enum import Enum

__all__ = ["OfferAnswer", "OfferState", "glare_delay"]


class OfferState(Enum):
    STABLE = "stable"
    OURS = "ours"  # our offer waits for the peer's answer
    THEIRS = "theirs"  # the peer's offer waits for our answer

    __hash__ = object.__hash__


class OfferAnswer:
    """The state of one dialog. `done` counts the exchanges that were completed."""

    __slots__ = ("done", "state")

    def __init__(self) -> None:
        self.state = OfferState.STABLE
        self.done = 0

    def offered(self) -> None:
        """We send an offer. Only when `may_offer`."""
        self.state = OfferState.OURS

    def received_offer(self) -> None:
        """The peer's offer was taken. Only when `refusal` is `None`."""
        self.state = OfferState.THEIRS

    def answered(self) -> None:
        """The answer was sent or received."""
        if self.state is not OfferState.STABLE:
            self.state = OfferState.STABLE
            self.done += 1

    def rolled_back(self) -> None:
        """The request that carried the offer failed: the session is what it was (RFC 6337 §3.4)."""
        self.state = OfferState.STABLE

    @property
    def may_offer(self) -> bool:
        """Whether we may send an offer now (RFC 3264 §4: never two at once)."""
        return self.state is OfferState.STABLE

    @property
    def refusal(self) -> int | None:
        """How an offer of the peer is refused now: 491 against an offer of ours, 500 with Retry-After when an offer of
        its own is still open (RFC 3311 §5.2, RFC 3261 §14.2); `None`: it may be taken."""
        if self.state is OfferState.OURS:
            return 491
        return 500 if self.state is OfferState.THEIRS else None


def glare_delay(owner: bool, random: bytes) -> float:
    """Seconds until a request that was answered with 491 is sent again, in steps of 10 ms (RFC 3261 §14.1).

    `owner`: we made the Call-ID, then 2.1 to 4 s; else 0 to 2 s. `random` is two random octets.
    """
    share = (random[0] << 8 | random[1]) / 65536
    return (210 + round(share * 190)) / 100 if owner else round(share * 200) / 100
