"""The probing side of the media traversal: keeps one flow of a core bound at an edge's demultiplexing port.

States: `PROBING` (nothing heard yet, or consent lost) -> `BOUND` (answered) -> `PROBING` after 30 s without an answer.
Not here: the answering side (`media/demux.py`) and the octets (`probe_message.py`).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from seaway.core.traversal.probe_message import encode_probe, mapped_in_answer
from seaway.wire.stun.address import Address

__all__ = ["BURST", "CONSENT_INTERVAL", "CONSENT_LIFETIME", "Bound", "Lost", "ProbeSender", "ProbeState", "SendProbe"]

BURST = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Seconds after the start at which the first probes go; then every `PROBE_INTERVAL` until answered."""

PROBE_INTERVAL = 1.0
CONSENT_INTERVAL = 5.0
"""Seconds between probes once answered, times 0.8 to 1.2 (RFC 7675 §5.1)."""

CONSENT_LIFETIME = 30.0
"""Seconds after the last answered probe for which the flow stays bound (RFC 7675 §5.1)."""

_OUTSTANDING = 16


class ProbeState(Enum):
    PROBING = "probing"
    BOUND = "bound"


@dataclass(frozen=True, slots=True)
class SendProbe:
    data: bytes
    remote: Address


@dataclass(frozen=True, slots=True)
class Bound:
    """The far side answered; `mapped` is our address as it sees it. Given once for each change of `mapped`."""

    mapped: Address


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer for `CONSENT_LIFETIME`: no media may be sent until the next `Bound` (RFC 7675 §5.1)."""


class ProbeSender:
    """One per component (RTP, RTCP) of a probe leg. Sends the first probe at once."""

    def __init__(
        self,
        remote: Address,
        user: str,
        password: str,
        now: float,
        random_octets: Callable[[int], bytes],
        *,
        sequence: int = 0,
        bound: bool = False,
    ) -> None:
        """`sequence`: of the last probe that an earlier sender of the same flow sent. `bound`: it was answered, and
        consent lives on for `CONSENT_LIFETIME` while this sender asks anew."""
        self.remote = remote
        self.state = ProbeState.PROBING
        self.mapped: Address | None = None
        self._user = user
        self._password = password.encode()
        self._random_octets = random_octets
        self.sequence = sequence
        self._consent_ends = 0.0
        self._outstanding: OrderedDict[bytes, float] = OrderedDict()  # transaction id -> when it was sent
        self._outputs: deque[SendProbe | Bound | Lost] = deque()
        self._start(now)
        if bound:
            self.state, self._consent_ends = ProbeState.BOUND, now + CONSENT_LIFETIME

    @property
    def bound(self) -> bool:
        return self.state is ProbeState.BOUND

    def receive(self, data: bytes, source: Address, now: float) -> bool:
        """True when `data` is the authenticated answer to one of our probes. Everything else changes nothing."""
        if source != self.remote:
            return False
        answer = mapped_in_answer(data, self._password)
        if answer is None or (sent := self._outstanding.pop(answer[0], None)) is None:
            return False
        self._consent_ends = max(self._consent_ends, sent + CONSENT_LIFETIME)
        if not self.bound:
            self.state = ProbeState.BOUND
            self._next_probe = now + self._consent_interval(answer[0])
        if answer[1] != self.mapped:
            self.mapped = answer[1]
            self._outputs.append(Bound(self.mapped))
        return True

    def handle_timeout(self, now: float) -> None:
        if self.bound and now >= self._consent_ends:
            self.state, self.mapped = ProbeState.PROBING, None
            self._outputs.append(Lost())
            self._start(now)
        elif now >= self._next_probe:
            transaction_id = self._probe(now)
            if self.bound:
                self._next_probe = now + self._consent_interval(transaction_id)
            else:
                self._next_probe = self._after_burst(now)

    def next_deadline(self) -> float:
        return min(self._next_probe, self._consent_ends) if self.bound else self._next_probe

    def next_output(self) -> SendProbe | Bound | Lost | None:
        return self._outputs.popleft() if self._outputs else None

    def _start(self, now: float) -> None:
        self._started = now
        self._burst = 1
        self._consent_ends = 0.0
        self._probe(now)
        self._next_probe = now + BURST[1]

    def _after_burst(self, now: float) -> float:
        self._burst += 1
        if self._burst < len(BURST):
            return max(now, self._started + BURST[self._burst])
        return now + PROBE_INTERVAL

    def _probe(self, now: float) -> bytes:
        transaction_id = self._random_octets(12)
        self.sequence += 1
        self._outstanding[transaction_id] = now
        if len(self._outstanding) > _OUTSTANDING:
            self._outstanding.popitem(last=False)
        data = encode_probe(transaction_id, self._user, self._password, self.sequence)
        self._outputs.append(SendProbe(data, self.remote))
        return transaction_id

    @staticmethod
    def _consent_interval(random_octets: bytes) -> float:
        return CONSENT_INTERVAL * (0.8 + 0.4 * random_octets[0] / 255)  # so that flows do not probe in step
