"""The state of a traversal link, at both ends: who dials, who answers, when it counts as active. Sans-IO.

The client (core) keeps one TLS connection to the server (edge). It sends OPTIONS with digest every `keep_alive` seconds
and a CRLF ping (RFC 5626 §4.4.1) every `ping` seconds; the zone is active while both are answered. The server counts a
connection as the zone's only after the peer's certificate carried the right name and its digest was right.

The SIP messages themselves are made by the owner (`call/zones.py`), which drains `next_output()`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from seaway.core.sip.io import Flow

__all__ = ["Dropped", "ProbeZone", "SendPing", "StateChanged", "ZoneClient", "ZoneServer", "ZoneState"]

PONG_TIMEOUT = 10.0  # RFC 5626 §4.4.1
FIRST_BACK_OFF = 0.5  # seconds until the second try; doubles up to LAST_BACK_OFF
LAST_BACK_OFF = 30.0
MISSED_KEEP_ALIVES = 3  # the server gives up a silent client after so many intervals


class ZoneState(Enum):
    IDLE = "idle"  # nothing tried yet, or waiting for the client
    CONNECTING = "connecting"
    ACTIVE = "active"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ProbeZone:
    """Send OPTIONS: on the zone's flow, or by dialling when there is none."""


@dataclass(frozen=True, slots=True)
class SendPing:
    """Send a double CRLF on the flow."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class Dropped:
    """Close the flow."""

    flow: Flow
    reason: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    state: ZoneState
    reason: str


Output = ProbeZone | SendPing | Dropped | StateChanged


class _Zone:
    """What both ends share."""

    def __init__(self) -> None:
        self.state = ZoneState.IDLE
        self.reason = "not tried yet"
        self.since = 0.0
        self.flow: Flow | None = None
        self._outputs: deque[Output] = deque()

    def next_output(self) -> Output | None:
        """What to do next, or `None`."""
        return self._outputs.popleft() if self._outputs else None

    def _enter(self, state: ZoneState, reason: str, now: float) -> None:
        if state is not self.state or reason != self.reason:
            if state is not self.state:
                self.since = now
            self.state = state
            self.reason = reason
            self._outputs.append(StateChanged(state, reason))


class ZoneClient(_Zone):
    """The dialling end."""

    def __init__(self, keep_alive: float = 30.0, ping: float = 15.0) -> None:
        super().__init__()
        self._keep_alive = keep_alive
        self._ping = ping
        self._back_off = FIRST_BACK_OFF
        self._probing = False
        self._next_probe: float | None = None  # keep-alive, or the next try after a failure
        self._next_ping: float | None = None
        self._pong_due: float | None = None

    def start(self, now: float) -> None:
        """Try at once."""
        self._enter(ZoneState.CONNECTING, "dialling", now)
        self._probe()

    def connected(self, flow: Flow, now: float) -> None:
        """The dialled connection is up."""
        if self.flow is not flow:
            self.flow = flow
            self._next_ping = now + self._ping
            self._pong_due = None

    def answered(self, status: int, now: float) -> None:
        """Final answer to OPTIONS after authentication; ignored when the attempt was given up before."""
        if not self._probing:
            return
        self._probing = False
        if 200 <= status < 300 and self.flow is not None:
            self._back_off = FIRST_BACK_OFF
            self._next_probe = now + self._keep_alive
            self._enter(ZoneState.ACTIVE, "keep-alive answered", now)
            return
        reason = f"the edge answered OPTIONS with {status}"
        if status in (401, 403, 407):
            reason += ": check user and password of the traversal zone on both nodes"
        self._fail(reason, now)

    def failed(self, reason: str, now: float) -> None:
        """The connection could not be made, or OPTIONS was not answered; once for each attempt."""
        if self._probing:
            self._fail(reason, now)

    def closed(self, flow: Flow, reason: str, now: float) -> None:
        """The connection ended."""
        if flow is self.flow:
            self.flow = None
            if self.state is ZoneState.CONNECTING:
                reason += (
                    " before OPTIONS was answered: the edge may refuse this node's certificate, name or CA; it says why"
                )
            self._fail(f"connection closed: {reason}", now)

    def pong(self, flow: Flow) -> None:
        """A single CRLF came back."""
        if flow is self.flow:
            self._pong_due = None

    def next_deadline(self) -> float | None:
        """Monotonic seconds, or `None`."""
        times = [each for each in (self._next_probe, self._next_ping, self._pong_due) if each is not None]
        return min(times, default=None)

    def handle_timeout(self, now: float) -> None:
        """Keep-alive, ping, missing pong, or the next try."""
        if self._pong_due is not None and now >= self._pong_due:
            self._fail(f"no answer to a ping within {PONG_TIMEOUT:.0f} s", now)
            return
        if self._next_ping is not None and now >= self._next_ping:
            self._next_ping = now + self._ping
            if self.flow is not None:
                self._outputs.append(SendPing(self.flow))
                if self._pong_due is None:  # the first ping without an answer counts
                    self._pong_due = now + PONG_TIMEOUT
        if self._next_probe is not None and now >= self._next_probe:
            self._next_probe = None
            if self.state is ZoneState.FAILED:
                self._enter(ZoneState.CONNECTING, f"trying again after: {self.reason}", now)
            self._probe()

    def _probe(self) -> None:
        if not self._probing:
            self._probing = True
            self._outputs.append(ProbeZone())

    def _fail(self, reason: str, now: float) -> None:
        self._probing = False
        if self.flow is not None:
            self._outputs.append(Dropped(self.flow, reason))
            self.flow = None
        self._next_ping = self._pong_due = None
        self._next_probe = now + self._back_off
        self._back_off = min(2 * self._back_off, LAST_BACK_OFF)
        self._enter(ZoneState.FAILED, reason, now)


class ZoneServer(_Zone):
    """The listening end: one authenticated connection at a time, the newest counts."""

    def __init__(self, keep_alive: float = 30.0) -> None:
        super().__init__()
        self.reason = "the core has not connected yet"
        self._limit = MISSED_KEEP_ALIVES * keep_alive
        self._expires: float | None = None

    def authenticated(self, flow: Flow, now: float) -> None:
        """An OPTIONS on `flow` carried the right certificate name and digest."""
        if self.flow is not None and self.flow is not flow:
            self._outputs.append(Dropped(self.flow, "replaced by a newer connection of the same zone"))
        self.flow = flow
        self._expires = now + self._limit
        self._enter(ZoneState.ACTIVE, "authenticated", now)

    def closed(self, flow: Flow, reason: str, now: float) -> None:
        """The connection ended."""
        if flow is self.flow:
            self.flow = None
            self._expires = None
            self._enter(ZoneState.FAILED, f"connection closed: {reason}", now)

    def refused(self, reason: str, now: float) -> None:
        """Somebody tried and was refused; shown while the zone is not active."""
        if self.state is not ZoneState.ACTIVE:
            self._enter(ZoneState.FAILED, reason, now)

    def next_deadline(self) -> float | None:
        """Monotonic seconds, or `None`."""
        return self._expires

    def handle_timeout(self, now: float) -> None:
        """The client has been silent for too long."""
        if self._expires is not None and now >= self._expires and self.flow is not None:
            flow = self.flow
            self.flow = None
            self._expires = None
            self._outputs.append(Dropped(flow, "no keep-alive"))
            self._enter(ZoneState.FAILED, f"no keep-alive for {self._limit:.0f} s", now)
