from __future__ import annotations

import pytest

from seaway.media.stats import DirectionCounter, clock_rate


def packet(sequence: int, timestamp: int | None = None, *, ssrc: int = 1, kind: int = 0) -> bytes:
    stamp = (160 * sequence if timestamp is None else timestamp) & 0xFFFFFFFF
    return (
        bytes((0x80, kind))
        + (sequence & 0xFFFF).to_bytes(2, "big")
        + stamp.to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
    )


def counted(*sequences: int, start: float = 0.0) -> DirectionCounter:
    counter = DirectionCounter()
    for number, sequence in enumerate(sequences):
        counter.rtp(packet(sequence), start + 0.02 * number)
    return counter


@pytest.mark.parametrize(
    ("sequences", "lost", "reordered"),
    [
        ((0, 1, 2, 3), 0, 0),
        ((5, 6, 9), 2, 0),
        ((65534, 65535, 0, 1), 0, 0),  # wraps
        ((65534, 1), 2, 0),
        ((1, 3, 2, 4), 0, 1),
        ((1, 2, 2, 3), 0, 0),  # a duplicate is no gain
        ((10, 9, 8, 11), 0, 2),  # earlier than the first one: not expected, so not lost
        ((0, 65535, 1), 0, 1),
    ],
)
def test_loss_and_reordering(sequences: tuple[int, ...], lost: int, reordered: int) -> None:
    stats = counted(*sequences).snapshot(None)
    assert (stats.lost, stats.reordered, stats.packets) == (lost, reordered, len(sequences))


def test_a_jump_is_believed_when_the_next_packet_follows() -> None:
    # RFC 3550 §A.1
    assert counted(1, 2, 30000, 3).snapshot(None).lost == 0  # a stray packet
    assert counted(1, 2, 30000, 30001, 30003).snapshot(None).lost == 1  # the sender started again


def test_losses_of_earlier_sources_are_kept_and_sources_are_bounded() -> None:
    counter = DirectionCounter()
    for ssrc in range(20):
        counter.rtp(packet(1, ssrc=ssrc), 0.0)
        counter.rtp(packet(3, ssrc=ssrc), 0.0)
    assert counter.snapshot(None).lost == 20
    assert len(counter._sources) == 4


def test_jitter_is_zero_when_packets_come_in_step() -> None:
    assert counted(*range(100)).snapshot(None).jitter_ms == pytest.approx(0.0, abs=1e-6)


def test_jitter_follows_rfc_3550() -> None:
    # §6.4.1: each packet 10 ms late or early against the one before: |D| = 80 units each time, J -> 80 = 10 ms
    counter = DirectionCounter()
    expected = 0.0
    for number in range(200):
        counter.rtp(packet(number), 0.02 * number + (0.01 if number % 2 else 0.0))
        if number:
            expected += (80 - expected) / 16
    assert counter.snapshot(None).jitter_ms == pytest.approx(expected / 8, abs=0.01)
    assert counter.snapshot(None).jitter_ms == pytest.approx(10.0, abs=0.01)


def test_jitter_survives_the_wrap_of_the_timestamp() -> None:
    counter = DirectionCounter()
    for number in range(10):
        counter.rtp(packet(number, 0xFFFFFFFF - 400 + 160 * number), 1000.0 + 0.02 * number)
    assert counter.snapshot(None).jitter_ms == pytest.approx(0.0, abs=1e-3)


def test_longest_gap_and_octets() -> None:
    counter = DirectionCounter()
    for at in (1.0, 1.02, 1.5, 1.52):
        counter.rtp(packet(1) + bytes(20), at)
    stats = counter.snapshot(("192.0.2.1", 9))
    assert (stats.max_gap_ms, stats.octets, stats.source) == (480.0, 4 * 32, ("192.0.2.1", 9))


def test_clock_rates() -> None:
    # RFC 3551 §6; G.722 has 8000 by an old error of the registry
    assert [clock_rate(kind) for kind in (0, 8, 9, 6, 11, 34, 96)] == [8000, 8000, 8000, 16000, 44100, 90000, 8000]
