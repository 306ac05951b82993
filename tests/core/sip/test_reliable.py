"""RSeq and RAck (RFC 3262)."""

from __future__ import annotations

import pytest

from seaway.core.sip.reliable import ReliableReceiver, ReliableSender, rack_of, rseq_of
from seaway.wire.sip.errors import SipError

from ...support.messages import as_request, request


def test_one_at_a_time_in_order() -> None:
    sender = ReliableSender(7)
    first = sender.send("a", 0.0)
    assert first is not None and first.number == 7
    assert sender.send("b", 0.1) is None
    assert sender.next(0.2) is None, "the first has no PRACK yet"
    assert sender.acknowledged(8) is None
    assert sender.acknowledged(7) is first
    assert sender.acknowledged(7) is None
    second = sender.next(0.3)
    assert second is not None and (second.number, second.item) == (8, "b")
    assert sender.next(0.3) is None


def test_repeated_until_64_t1() -> None:
    sender = ReliableSender(1)
    sender.send("a", 0.0)
    now, times = 0.5, []
    while (delay := sender.again(now)) is not None:
        times.append(now)
        now += delay
    assert times == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert now == 32.0


def test_waiting_is_bounded_and_ends_with_the_final_response() -> None:
    sender = ReliableSender(1)
    for number in range(20):
        sender.send(number, 0.0)
    seen = 1
    while sender.current is not None:
        sender.acknowledged(sender.current.number)
        if sender.next(0.0) is not None:
            seen += 1
    assert seen == 9
    sender.send("x", 0.0)
    sender.send("y", 0.0)
    sender.stop()
    assert sender.current is None and sender.next(0.0) is None


def test_receiver_takes_each_once_in_order() -> None:
    receiver = ReliableReceiver()
    assert [receiver.accept(each) for each in (5, 5, 7, 6, 6, 7)] == [True, False, False, True, False, True]


def test_reading() -> None:
    message = as_request(request("PRACK", headers=["RSeq: 4294967295", "RAck: 776656 1 INVITE"]))
    assert rseq_of(message) == 4294967295 and rack_of(message) == (776656, 1, b"INVITE")


@pytest.mark.parametrize("line", ["RSeq: -1", "RSeq: 4294967296", "RAck: 1 INVITE", "RAck: x 1 INVITE", "X: 1"])
def test_reading_nonsense(line: str) -> None:
    message = as_request(request("PRACK", headers=[line]))
    for read in (rseq_of, rack_of):
        with pytest.raises(SipError):
            read(message)
