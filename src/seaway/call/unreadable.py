"""What arrives and is no SIP message: keep-alives are answered; the rest is counted, logged and, where it can be,
answered."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from seaway.call.events import LogEvent, Offence
from seaway.call.keep_alive import answer_keep_alive
from seaway.call.malformed import answer_malformed
from seaway.call.noise import Noise
from seaway.call.views import place_of
from seaway.core.sip.io import Flow, Send
from seaway.policy.intrusion import Category
from seaway.wire.errors import WireError

__all__ = ["Unreadable"]


class Unreadable:
    """Of one node. `reply_flow(flow, port)` is the flow for an answer to a message with that sent-by port."""

    def __init__(
        self, outputs: deque[Any], counters: Counter[str], noise: Noise, reply_flow: Callable[[Flow, int], Flow]
    ) -> None:
        self._outputs = outputs
        self._counters = counters
        self._noise = noise
        self._reply_flow = reply_flow

    def received(self, data: bytes, flow: Flow, error: WireError, now: float) -> None:
        """Deal with what `parse` refused with `error`."""
        alive = answer_keep_alive(data, flow)
        if alive is not None:
            self._counters["sip.keep_alive"] += 1
            if alive:
                self._outputs.append(Send(flow, alive))
            return
        self._counters["sip.malformed"] += 1
        self._outputs.append(Offence(Category.MALFORMED, flow, flow.reliable))
        if self._noise.allows(now):
            fields: dict[str, object] = {"source": place_of(flow), "why": str(error)}
            self._outputs.append(LogEvent("message.malformed", fields, "warning"))
        answer = answer_malformed(data, flow, error)
        if answer is not None:
            self._outputs.append(Send(self._reply_flow(flow, answer.port), answer.data))
