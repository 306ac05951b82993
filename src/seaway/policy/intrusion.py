"""Intrusion protection: who is blocked for how long, from what they were caught at.

Each category has a threshold, a window and a time. A source that is caught at it `threshold` times within `window`
seconds is blocked for `block` seconds. A source is an IPv4 address or an IPv6 /64: whoever has one address of a /64 has
them all. Our own peers are exempt and never counted.

An offence counts only when it is proven where it came from: over TCP or TLS, or, over UDP, by an answer to a challenge
that only that address was sent. Otherwise whoever forges a source address could have somebody else blocked.

Pure: time is passed in, seconds of one clock; the owner chooses which.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

from seaway.wire.endpoint import source_of

__all__ = ["DEFAULTS", "LONGEST_BLOCK", "Block", "Category", "Intrusion", "Trigger", "is_scanner"]

Network = IPv4Network | IPv6Network

LONGEST_BLOCK = 604_800
"""Seconds."""


class Category(Enum):
    AUTHENTICATION = "authentication"  # wrong credentials
    ENUMERATION = "enumeration"  # requests that were challenged and never came back with credentials
    SCANNER = "scanner"  # programs that are known to look for weak spots
    MALFORMED = "malformed"  # what cannot be read as SIP
    FLOOD = "flood"  # more connections than one source may have, and such as never send anything
    HANDSHAKE = "handshake"  # TLS handshakes that fail


@dataclass(frozen=True, slots=True)
class Trigger:
    """`threshold` offences within `window` seconds give `block` seconds."""

    threshold: int
    window: float
    block: float
    enabled: bool = True


DEFAULTS: Mapping[Category, Trigger] = {
    Category.AUTHENTICATION: Trigger(10, 60.0, 600.0),
    Category.ENUMERATION: Trigger(100, 60.0, 600.0),
    Category.SCANNER: Trigger(3, 60.0, 3600.0),
    Category.MALFORMED: Trigger(50, 60.0, 600.0),
    Category.FLOOD: Trigger(100, 60.0, 600.0),
    Category.HANDSHAKE: Trigger(50, 60.0, 600.0),
}

_SCANNERS = (
    b"friendly-scanner", b"friendly-request", b"sipvicious", b"sundayddr", b"sip-scan", b"sipsak", b"sipcli",
    b"vaxsipuseragent", b"pplsip", b"siparmyknife", b"smap", b"iwar", b"sivus", b"gulp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """`until` and `since` in seconds of the owner's clock."""

    source: str
    category: Category
    since: float
    until: float


def is_scanner(user_agent: bytes) -> bool:
    """Whether a User-Agent names a program that is used for nothing else than scanning."""
    text = user_agent.lower()
    return any(each in text for each in _SCANNERS)


class Intrusion:
    """`exempt` are never counted nor blocked. At most `sources` are watched at a time: those not seen for longest are
    forgotten first. At most `blocks` are blocked: beyond that nobody more is, until some are over."""

    def __init__(
        self, triggers: Mapping[Category, Trigger] = DEFAULTS, exempt: Iterable[Network] = (), *,
        sources: int = 20_000, blocks: int = 20_000,
    ) -> None:  # fmt: skip
        self._triggers = dict(triggers)
        self._exempt = tuple(exempt)
        self._sources, self._most = sources, blocks
        self._caught: OrderedDict[tuple[str, Category], deque[float]] = OrderedDict()
        self._blocks: dict[str, Block] = {}
        self.unproven = 0

    def report(self, category: Category, address: str, now: float, *, proven: bool = True) -> Block | None:
        """Somebody was caught; the block when that is enough for one."""
        trigger = self._triggers.get(category)
        if trigger is None or not trigger.enabled:
            return None
        if not proven:
            self.unproven += 1
            return None
        source = source_of(address)
        if source in self._blocks or self.exempts(address):
            return None
        key = (source, category)
        times = self._caught.get(key)
        if times is None:
            times = self._caught[key] = deque(maxlen=trigger.threshold)
            if len(self._caught) > self._sources:
                self._caught.popitem(last=False)
        else:
            self._caught.move_to_end(key)
        times.append(now)
        if len(times) < trigger.threshold or now - times[0] > trigger.window or len(self._blocks) >= self._most:
            return None
        for each in Category:
            self._caught.pop((source, each), None)
        block = self._blocks[source] = Block(source, category, now, now + trigger.block)
        return block

    def relieve(self, category: Category, address: str) -> None:
        """One offence of that kind was none after all."""
        times = self._caught.get((source_of(address), category))
        if times:
            times.pop()

    def exempts(self, address: str) -> bool:
        """Whether `address` or, for IPv6, anything in its /64 is exempt."""
        parsed = ip_address(source_of(address))
        if isinstance(parsed, IPv4Address):
            return any(isinstance(each, IPv4Network) and parsed in each for each in self._exempt)
        wide = IPv6Network((parsed, 64))
        return any(isinstance(each, IPv6Network) and each.overlaps(wide) for each in self._exempt)

    def restore(self, block: Block, now: float) -> bool:
        """Take over a block of an earlier life; `False` when it is over, or exempt by now."""
        if block.until <= now or self.exempts(block.source) or len(self._blocks) >= self._most:
            return False
        self._blocks[block.source] = block
        return True

    def expire(self, now: float) -> list[Block]:
        """The blocks that are over; they are forgotten."""
        over = [each for each in self._blocks.values() if each.until <= now]
        for each in over:
            del self._blocks[each.source]
        return over

    def unblock(self, address: str | None) -> list[Block]:
        """Lift the block of `address`, or all of them for `None`. Raises `ValueError` for what is no address."""
        sources = list(self._blocks) if address is None else [source_of(str(ip_address(address)))]
        return [self._blocks.pop(each) for each in sources if each in self._blocks]

    def blocks(self) -> list[Block]:
        """The present ones."""
        return list(self._blocks.values())

    def watched(self) -> int:
        """How many sources and categories are counted."""
        return len(self._caught)
