"""What is no SIP message: keep-alives, nonsense, and how much of it is told."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from seaway.call.events import LogEvent, Offence
from seaway.call.noise import Noise
from seaway.call.unreadable import Unreadable
from seaway.core.sip.io import Send
from seaway.wire.errors import WireError

from ..support.messages import flow


def made() -> tuple[Unreadable, deque[Any], Counter[str]]:
    outputs: deque[Any] = deque()
    counters: Counter[str] = Counter()
    noise = Noise(lambda: counters.update(("log.suppressed",)))
    return Unreadable(outputs, counters, noise, lambda where, port: where), outputs, counters


def kinds(outputs: deque[Any], kind: type) -> int:
    return sum(isinstance(each, kind) for each in outputs)


def test_nonsense_is_counted_each_time_and_told_ten_times_a_second() -> None:
    unreadable, outputs, counters = made()
    for _ in range(25):
        unreadable.received(b"nonsense\r\n\r\n", flow(), WireError("no SIP"), 5.0)
    assert counters["sip.malformed"] == kinds(outputs, Offence) == 25
    assert kinds(outputs, LogEvent) == 10 and counters["log.suppressed"] == 15
    assert kinds(outputs, Send) == 0
    unreadable.received(b"nonsense\r\n\r\n", flow(), WireError("no SIP"), 6.5)
    assert kinds(outputs, LogEvent) == 11


def test_a_keep_alive_is_no_offence() -> None:
    unreadable, outputs, counters = made()
    unreadable.received(b"\r\n\r\n", flow(), WireError("empty"), 5.0)
    assert counters["sip.keep_alive"] == 1 and counters["sip.malformed"] == 0
    assert kinds(outputs, Offence) == kinds(outputs, LogEvent) == 0
