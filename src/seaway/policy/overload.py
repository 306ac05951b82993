"""Overload control: how many new requests a node takes on when it cannot do all that is asked of it.

Local control in the sense of RFC 6357 §5. The owner reports each `TICK` how late it is and how busy. While that is too
much a token bucket (RFC 7415 §3.5.1, with priorities as in §3.5.3) admits new requests. Its rate is the time that is
there for them divided by what one costs, rest of its dialog included: both are measured, so nothing has to be set. What
belongs to a dialog is not asked about here, so a call that was admitted ends well. Shedding costs too: refusals may
take a share of the time, beyond that requests are dropped.

Pure: time is passed in, monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from math import ceil

__all__ = ["TICK", "Load", "Overload", "Rank", "Verdict"]

TICK = 0.05  # seconds between two reports
_LATE = 0.05  # seconds that work may wait
_BUSY = 0.97  # share of the time; above it there is no room for a burst
_ENTER = 0.25  # seconds of trouble, quiet ticks deducted, after which the bucket is put up
_LEAVE = 1.0  # seconds without trouble and without a refusal after which it is taken down
_AT_FIRST = 0.8  # of what was admitted in the first tick
_FILL = 0.92  # of the time that is there
_CROWDED = 0.85  # of the table of transactions: what is left is for dialogs
_MEMORY = 2.0  # seconds over which the cost of a request is averaged
_DRAIN = 0.8  # of the rate, while work waits
_STEP = 1.05  # growth in a tick that had time left although somebody was refused
_LEAST = 10.0  # requests per second that are always admitted
_DEPTH = 0.1  # seconds of the rate that the bucket holds
_LEAST_DEPTH = 10.0  # tokens
_REFUSING = 0.35  # share of the time for shedding
_MANY = 1000  # more than one look brings
_SOURCES = 10_000  # sources told apart in a second; more are not
_FAIR = 2.0  # shares that one source may have before others
_FEW = 3  # requests of a source in a window that are always within its share
_WINDOW = 1.0  # seconds over which a source is counted


class Verdict(Enum):
    ADMIT = "admit"
    REFUSE = "refuse"  # 503 with Retry-After
    DROP = "drop"


class Rank(IntEnum):
    """What is more important goes first: it may take tokens that others must leave in the bucket."""

    EMERGENCY = 0  # urn:service:sos (RFC 5031)
    TRUSTED = 1  # from a zone of ours
    PROVING = 2  # gives credentials
    CALL = 3  # INVITE without
    OTHER = 4  # REGISTER, SUBSCRIBE, ... without
    LEAST = 5  # OPTIONS, and what is oddly written


_LEFT = (0.0, 0.0, 0.2, 0.4, 0.6, 0.8)  # share of the bucket that a rank leaves


@dataclass(frozen=True, slots=True)
class Load:
    """One report. `late`: seconds that work waits or has been waiting; `busy`: share of the time since the last one;
    `filled`: share of the table of transactions that is in use."""

    late: float
    busy: float
    filled: float = 0.0


class Overload:
    """One for each process. Without trouble it does nothing; `limiting` says whether `verdict` has to be asked."""

    def __init__(self) -> None:
        self.limiting = False
        self.rate = 0.0  # new requests per second; 0 before the first tick of an episode
        self.since = 0.0  # when the present episode began
        self.admitted = self.refused = self.dropped = 0  # in the present or last episode
        self._last = 0.0
        self._trouble = 0.0
        self._eased = 0.0  # when there was last a reason to limit
        self._work = self._count = 0.0  # seconds of work and requests admitted, both fading away
        self._share = 0.0  # of the time, that shedding takes
        self._there = 1.0  # share of a core that we get
        self._tokens = 0.0
        self._filled = 0.0
        self._spent = 0.0  # seconds of this tick that refusals took
        self._unmet = False  # somebody was refused since the last tick
        self._before = 0  # `admitted` at the last tick
        self._window = 0.0
        self._counts: dict[str, int] = {}
        self._active = 1  # sources in the window before

    # -- once each tick

    def tick(self, load: Load, now: float) -> bool:
        """Take a report; returns whether `limiting` has changed."""
        passed = max(now - self._last, TICK / 5) if self._last else TICK
        self._last = now
        late, full = load.late > _LATE, load.busy > _BUSY or load.filled > _CROWDED
        if not self.limiting:
            self._trouble += TICK if late or full else -passed  # one long pause of the process is no overload
            self._trouble = max(0.0, self._trouble)
            if self._trouble < _ENTER:
                return False
            self._begin(now)
            return True
        self._adapt(load, late, passed)
        if late or full or self._unmet:
            self._eased = now
        self._spent, self._unmet, self._before = 0.0, False, self.admitted
        if now - self._eased < _LEAVE:
            return False
        self.limiting, self._trouble = False, 0.0
        self._counts.clear()
        return True

    def _begin(self, now: float) -> None:
        self.limiting = True
        self.since = self._eased = self._filled = self._window = now
        self.rate = self._work = self._count = self._share = self._spent = self._tokens = 0.0
        self._there, self._unmet, self._active = 1.0, False, 1
        self.admitted = self.refused = self.dropped = self._before = 0
        self._counts.clear()

    def _adapt(self, load: Load, late: bool, passed: float) -> None:
        """A new rate from what this tick told."""
        admitted = self.admitted - self._before
        faded = max(0.0, 1.0 - passed / _MEMORY)
        self._work = faded * self._work + max(0.0, load.busy * passed - self._spent)
        self._count = faded * self._count + admitted
        self._share += 0.3 * (self._spent / passed - self._share)
        # Late and not busy: other programs have the core, and what we get is what there is.
        self._there += 0.2 * ((min(1.0, load.busy) if late else 1.0) - self._there)
        if self.rate == 0.0:
            self.rate = max(_LEAST, _AT_FIRST * admitted / passed)
            return
        room = max(0.0, _FILL * self._there - self._share)
        able = room * self._count / self._work if self._work and self._count else self.rate
        if late:
            self.rate = _DRAIN * able
        elif self._unmet and load.busy < _FILL * self._there:
            self.rate = max(able, self.rate * _STEP)
        else:
            self.rate = able
        if load.filled > _CROWDED:  # transactions stay for half a minute: no more than go
            self.rate = min(self.rate, able * max(0.0, (1.0 - load.filled) / (1.0 - _CROWDED) - 0.3))
        self.rate = max(_LEAST, self.rate)

    # -- for each new request while limiting

    def verdict(self, rank: Rank, source: str, now: float) -> Verdict:
        """What to do with a request that begins something. `source` is the address it came from."""
        if self.rate == 0.0:
            self.admitted += 1
            return Verdict.ADMIT
        depth = max(_LEAST_DEPTH, _DEPTH * self.rate)
        tokens = min(depth, self._tokens + (now - self._filled) * self.rate)
        self._filled = now
        left = _LEFT[rank]
        if rank > Rank.TRUSTED and self._over_share(source, now):
            left = 0.9  # only what nobody else wants
        if tokens - 1.0 >= left * (depth - 1.0):
            self._tokens = tokens - 1.0
            self.admitted += 1
            return Verdict.ADMIT
        self._tokens = tokens
        self._unmet = True
        if self._spent > _REFUSING * TICK:
            self.dropped += 1
            return Verdict.DROP
        self.refused += 1
        return Verdict.REFUSE

    def drop(self) -> None:
        """One was dropped unasked."""
        self.dropped += 1
        self._unmet = True

    def room(self, now: float) -> tuple[int, int, int]:
        """How many requests may be let through to `verdict` now: of trusted sources, with credentials, of others. A few
        more than there are tokens, so that the more important can be chosen; all of them while the rate is measured."""
        if self.rate == 0.0:
            return (_MANY, _MANY, _MANY)
        depth = max(_LEAST_DEPTH, _DEPTH * self.rate)
        tokens = min(depth, self._tokens + (now - self._filled) * self.rate)
        ranks = (Rank.TRUSTED, Rank.PROVING, Rank.CALL)
        first, second, third = (max(0, ceil(tokens - 1.0 - _LEFT[each] * (depth - 1.0)) + 1) for each in ranks)
        return (first, second, third)

    def refusals(self) -> int:
        """How many may be refused before the next look at the time."""
        return _MANY if self._spent <= _REFUSING * TICK else 0

    def shed(self, refused: int, dropped: int, seconds: float) -> None:
        """So many have been refused and dropped elsewhere, in so much time."""
        self.refused += refused
        self.dropped += dropped
        self._unmet = self._unmet or refused + dropped > 0
        self._spent += seconds

    def full(self, now: float) -> bool:
        """Whether any new request would be dropped: then it need not even be looked at."""
        return (
            self._spent > _REFUSING * TICK and self.rate > 0.0 and self._tokens + (now - self._filled) * self.rate < 1.0
        )

    def spent(self, seconds: float) -> None:
        """How long it took to shed something."""
        self._spent += seconds

    def _over_share(self, source: str, now: float) -> bool:
        """Whether `source` asks for more than twice its share of the rate, among those who asked lately."""
        counts = self._counts
        if now - self._window >= _WINDOW:
            self._active = max(1, len(counts))
            counts.clear()
            self._window = now
        count = counts.get(source, 0) + 1
        if count > 1 or len(counts) < _SOURCES:
            counts[source] = count
        # Who came before the present window is not known: with two or more sources now, they share already.
        return count > max(_FEW, _FAIR * self.rate * _WINDOW / max(self._active, len(counts)))
