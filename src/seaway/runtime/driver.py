"""Between the sockets and call control: what comes in goes to the core, what it puts out goes to the sockets.

After each burst of input the owner calls `settle`, which drains the core's outputs, writes each touched stream once,
and arms the one timer. A defect in the core costs the one message that met it: it is logged with an id, counted, and
the process goes on (R68).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol

from seaway.call.events import AskPolicy, KeepDue, KeepFlow, LogEvent, MediaCommand, Offence, Proved
from seaway.call.noise import Noise
from seaway.core.dns.io import Answer, Resolve
from seaway.core.sip.io import Address, CloseFlow, Flow, Send, SendTo
from seaway.media.protocol import Command
from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.policy.intrusion import Category

__all__ = ["Blocked", "Core", "DatagramSender", "Driver", "StreamSender"]

_SLACK = 0.01  # seconds that a timer may fire late; the shortest timer of SIP is half a second


class Core(Protocol):
    """What the runtime asks of call control (`call/control.py`)."""

    def start(self, now: float) -> None: ...
    def receive(self, data: bytes, flow: Flow, now: float) -> None: ...
    def flow_opened(self, flow: Flow, now: float) -> None: ...
    def flow_closed(self, flow: Flow, now: float, reason: str = ...) -> None: ...
    def link_refused(self, zone: str, reason: str, now: float) -> None: ...
    def pong(self, flow: Flow, now: float) -> None: ...
    def sent_on(self, token: int, flow: Flow, now: float) -> None: ...
    def send_failed(self, token: int, reason: str, now: float) -> None: ...
    def resolved(self, token: int, answer: Answer, now: float) -> None: ...
    def handle_timeout(self, now: float) -> None: ...
    def next_deadline(self) -> float | None: ...
    def next_output(self) -> Any | None: ...


class DatagramSender(Protocol):
    def send(self, data: bytes, remote: Address) -> None: ...
    def flush(self) -> None: ...


class StreamSender(Protocol):
    proved: bool  # the peer has proved who it is

    def write(self, data: bytes) -> None: ...
    def flush(self) -> None: ...
    def close(self, reason: str) -> None: ...


class Blocked(Protocol):
    """The addresses that are blocked; false while there are none."""

    def __bool__(self) -> bool: ...
    def __contains__(self, address: str) -> bool: ...


class _Nobody:
    def __bool__(self) -> bool:
        return False

    def __contains__(self, address: str) -> bool:
        return False


class Driver:
    """One per process. `send_to`, `resolve`, `media` and `policy` are set by the owner before `start`."""

    def __init__(self, core: Core, counters: Counters) -> None:
        self.core = core
        self.counters = counters
        self.log = log.get()
        self.noise = Noise(lambda: self.counters.add("log.suppressed.sockets"))  # of what strangers do to sockets
        self.send_to: Callable[[SendTo, float], None] = self._nowhere
        self.resolve: Callable[[Resolve, float], None] = self._nobody
        self.media: Callable[[Command], None] = lambda command: None
        self.offence: Callable[[Category, str, bool], None] = lambda category, address, proven: None
        self.relief: Callable[[str], None] = lambda address: None  # a challenge was answered rightly
        self.blocked: Blocked = _Nobody()
        self.keep: Callable[[], None] = lambda: None
        self.promised: dict[int, float] = {}  # by flow id: seconds within which the peer keeps its flow alive
        self.policy: Callable[[AskPolicy], None] | None = None
        self.gate: Callable[[bytes, Flow, float], bool] | None = None  # under overload: which messages pass
        self.shed: Callable[[int, float], tuple[int, list[tuple[bytes, Address]]]] | None = None  # how UDP is read then
        self.datagrams: dict[Address, DatagramSender] = {}  # by local address
        self.streams: dict[int, StreamSender] = {}  # by flow id
        self.touched: list[StreamSender | DatagramSender] = []  # written to since the last settle
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._armed = float("inf")  # monotonic seconds
        self._flows = 0

    def flow_id(self) -> int:
        self._flows += 1
        return self._flows

    # -- what comes in; each is followed by `settle` once per burst

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One SIP message."""
        try:
            if self.gate is not None and not self.gate(data, flow, now):
                return
            self.core.receive(data, flow, now)
        except Exception as error:  # noqa: BLE001  # any defect of ours: this message only
            self._defect(error, "receive", flow)

    def tell(self, action: Callable[..., None], *arguments: Any) -> None:
        """Any other input of the core, by its method."""
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001  # see receive
            self._defect(error, getattr(action, "__name__", "?"), None)

    # -- what goes out

    def settle(self, now: float) -> None:
        """Drain the core, flush the streams, arm the timer."""
        next_output, datagrams, streams = self.core.next_output, self.datagrams, self.streams
        while True:
            try:
                output = next_output()
                if output is None:
                    break
                if type(output) is Send:
                    flow = output.flow
                    if flow.transport == "udp":
                        datagrams[flow.local].send(output.data, flow.remote)
                    elif (stream := streams.get(flow.id)) is not None:
                        stream.write(output.data)
                    else:
                        self.counters.add("sip.stream.gone")  # closed since; the core has been told
                else:
                    self._other(output, now)
            except Exception as error:  # noqa: BLE001  # see receive
                self._defect(error, "output", None)
        if self.touched:
            touched, self.touched = self.touched, []
            for each in touched:
                each.flush()
        deadline = self.core.next_deadline()
        if deadline is not None and deadline < self._armed:
            self._arm(deadline, now)

    def _other(self, output: object, now: float) -> None:
        if isinstance(output, SendTo):
            self.send_to(output, now)
        elif isinstance(output, Resolve):
            self.resolve(output, now)
        elif isinstance(output, MediaCommand):
            self.media(output.command)
        elif isinstance(output, KeepDue):
            self.keep()
        elif isinstance(output, KeepFlow):
            if output.flow.id in self.streams:
                self.promised[output.flow.id] = output.seconds
        elif isinstance(output, AskPolicy) and self.policy is not None:
            self.policy(output)
        elif isinstance(output, CloseFlow):
            stream = self.streams.get(output.flow.id)
            if stream is not None:
                stream.close(output.reason)
        elif isinstance(output, Offence):
            if output.flow.zone is None:  # nobody at the far end of a link that proved itself
                self.offence(output.category, output.flow.remote[0], output.proven)
        elif isinstance(output, Proved):
            if (proved := self.streams.get(output.flow.id)) is not None:
                proved.proved = True
            if output.flow.zone is None:
                self.relief(output.flow.remote[0])
        elif isinstance(output, LogEvent):
            self.counters.add(f"event.{output.event}")
            if output.level == "warning":
                self.log.warning(output.event, **output.fields)
            else:
                self.log.info(output.event, **output.fields)
        else:
            raise TypeError(f"no such output: {type(output).__name__}")

    def _nowhere(self, output: SendTo, now: float) -> None:
        self.core.send_failed(output.token, "nothing can be dialled here", now)

    def _nobody(self, question: Resolve, now: float) -> None:
        self.core.resolved(question.token, Answer((), "nobody can be asked here"), now)

    # -- time

    def _arm(self, deadline: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = deadline
        # A little late, so that one wake-up serves all timers of that moment: under load some thousand end each second.
        self._timer = self._loop.call_later(max(0.0, deadline - now) + _SLACK, self._due)

    def _due(self) -> None:
        self._timer, self._armed = None, float("inf")
        now = time.monotonic()
        deadline = self.core.next_deadline()
        if deadline is not None and deadline <= now:
            self.tell(self.core.handle_timeout, now)
            deadline = self.core.next_deadline()
            if deadline is not None and deadline <= now:
                # Still due: a defect kept the work from being done. Do not spin on it.
                self.settle(now)
                self._arm(now + 0.1, now)
                return
        self.settle(now)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _defect(self, error: Exception, where: str, flow: Flow | None) -> None:
        self.counters.add("defects")
        if self.counters.get("defects") > 1000 and self.counters.get("defects") % 1000:
            return  # the log is no sink for a flood
        self.log.error(
            "defect",
            id=secrets.token_hex(4),
            where=where,
            error=f"{type(error).__name__}: {error}",
            peer=flow.remote if flow else None,
            row=flow.row if flow else None,
            exc_info=error,
        )
