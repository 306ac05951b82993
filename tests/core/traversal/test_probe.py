from __future__ import annotations

from itertools import count

import pytest

from seaway.core.traversal.probe import Bound, Lost, ProbeSender, SendProbe
from seaway.core.traversal.probe_message import decode_probe, encode_answer, mapped_in_answer

EDGE = ("192.0.2.1", 2776)
US = ("10.0.0.5", 36002)


def random_octets(first: int = 127):  # type: ignore[no-untyped-def]
    numbers = count(1)
    return lambda size: bytes((first,)) + next(numbers).to_bytes(size - 1, "big")


def sender(now: float = 0.0, first: int = 127, sequence: int = 0) -> ProbeSender:
    return ProbeSender(EDGE, "user", "password", now, random_octets(first), sequence=sequence)


def outputs(probe: ProbeSender) -> list[SendProbe | Bound | Lost]:
    found = []
    while (output := probe.next_output()) is not None:
        found.append(output)
    return found


def answer(sent: SendProbe | Bound | Lost, mapped: tuple[str, int] = US, password: bytes = b"password") -> bytes:
    assert isinstance(sent, SendProbe)
    probe = decode_probe(sent.data)
    assert probe is not None
    return encode_answer(probe, mapped, password)


def test_burst_then_each_second() -> None:
    probe = sender(100.0)
    times = [100.0]
    assert len(outputs(probe)) == 1
    while len(times) < 8:
        at = probe.next_deadline()
        probe.handle_timeout(at - 0.001)
        assert outputs(probe) == []
        probe.handle_timeout(at)
        assert len(outputs(probe)) == 1
        times.append(at)
    assert times == pytest.approx([100.0, 100.05, 100.1, 100.2, 100.4, 101.4, 102.4, 103.4])


def test_sequence_grows_and_transactions_differ() -> None:
    probe = sender(sequence=41)
    sent = outputs(probe)
    for _ in range(5):
        probe.handle_timeout(probe.next_deadline())
        sent += outputs(probe)
    decoded = [decode_probe(each.data) for each in sent if isinstance(each, SendProbe)]
    assert [each.sequence for each in decoded if each] == [42, 43, 44, 45, 46, 47]
    assert len({each.message.transaction_id for each in decoded if each}) == 6
    assert all(each.message.has_integrity(b"password") for each in decoded if each)


def test_bound_by_the_answer_and_then_each_5_s() -> None:
    probe = sender()
    (sent,) = outputs(probe)
    assert probe.receive(answer(sent), EDGE, 0.02)
    assert probe.bound and outputs(probe) == [Bound(US)]
    assert probe.next_deadline() == pytest.approx(5.02, abs=0.02)
    probe.handle_timeout(probe.next_deadline())
    (again,) = outputs(probe)
    assert probe.receive(answer(again), EDGE, 5.1)
    assert outputs(probe) == []  # nothing changed


@pytest.mark.parametrize(("first", "interval"), [(0, 4.0), (255, 6.0)])
def test_consent_interval_is_spread(first: int, interval: float) -> None:
    probe = sender(first=first)
    (sent,) = outputs(probe)
    probe.receive(answer(sent), EDGE, 0.0)
    assert probe.next_deadline() == pytest.approx(interval)


def test_a_new_mapping_is_told() -> None:
    probe = sender()
    (sent,) = outputs(probe)
    probe.receive(answer(sent), EDGE, 0.0)
    probe.handle_timeout(probe.next_deadline())
    moved = ("10.0.0.5", 50000)
    *_, again = outputs(probe)
    probe.receive(answer(again, moved), EDGE, 5.0)
    assert outputs(probe) == [Bound(moved)]


def test_answers_that_do_not_count() -> None:
    probe = sender()
    (sent,) = outputs(probe)
    good = answer(sent)
    assert not probe.receive(answer(sent, password=b"other"), EDGE, 0.1)
    assert not probe.receive(good, ("192.0.2.1", 2777), 0.1)
    assert not probe.receive(good[:-1], EDGE, 0.1)
    assert isinstance(sent, SendProbe) and not probe.receive(sent.data, EDGE, 0.1)  # our own request, reflected
    assert not probe.receive(answer(outputs(sender(first=3))[0]), EDGE, 0.1)  # of somebody else
    assert not probe.bound
    assert probe.receive(good, EDGE, 0.1)
    assert not probe.receive(good, EDGE, 0.2)  # the same again


def test_consent_ends_30_s_after_the_last_answered_probe_was_sent() -> None:
    probe = sender(100.0)
    (sent,) = outputs(probe)
    probe.receive(answer(sent), EDGE, 101.0)
    outputs(probe)
    while probe.bound:
        at = probe.next_deadline()
        probe.handle_timeout(at)
    assert at == 130.0
    found = outputs(probe)
    assert found[-2] == Lost() and isinstance(found[-1], SendProbe)
    assert probe.next_deadline() == pytest.approx(130.05)  # a new burst


def test_outstanding_transactions_are_bounded() -> None:
    probe = sender()
    for _ in range(100):
        probe.handle_timeout(probe.next_deadline())
    assert len(probe._outstanding) == 16
    assert not probe.receive(answer(outputs(probe)[0]), EDGE, 100.0)  # too old to count


def test_mapped_in_answer_needs_a_mapped_address() -> None:
    (sent,) = outputs(sender())
    assert isinstance(sent, SendProbe)
    assert mapped_in_answer(sent.data, b"password") is None
    assert mapped_in_answer(b"\x80" * 40, b"password") is None
