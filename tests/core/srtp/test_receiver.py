"""Rollover counters, repetitions and bounds of what is received."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seaway.core.srtp.receiver import MAX_SOURCES, Receiver
from seaway.core.srtp.sender import Sender
from seaway.core.srtp.suites import SUITES
from seaway.core.srtp.transform import transform_of
from seaway.wire.rtp.packet import is_rtp
from seaway.wire.rtp.rtcp import is_rtcp

from .test_transform import master_of

MASTER = master_of("AES_CM_128_HMAC_SHA1_80")
SEALED = transform_of(MASTER)


def clear(sequence: int, ssrc: int = 7) -> bytes:
    return b"\x80\x00" + (sequence & 0xFFFF).to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big") + b"voice"


def sealed(index: int, ssrc: int = 7) -> bytes:
    return SEALED.seal_rtp(clear(index, ssrc), index)


def rtcp(index: int, ssrc: int = 7) -> bytes:
    return SEALED.seal_rtcp(b"\x80\xc9\x00\x01" + ssrc.to_bytes(4, "big"), index)


def test_a_stream_goes_on_over_the_rollover_with_reordering() -> None:
    receiver = Receiver(MASTER)
    for index in (
        65530,
        65534,
        65535,
        65537,
        65536,
        65533,
        65536 + 32760,
        2 * 65536 - 100,
        2 * 65536 + 5,
        2 * 65536 - 10,
    ):
        assert receiver.open_rtp(sealed(index)) == clear(index), index
    assert receiver.known() == ((7, 2 * 65536 + 5, -1),)


def test_the_first_packet_may_have_a_rollover_counter_of_its_own() -> None:
    assert Receiver(MASTER).authentic_rtp(sealed(3 * 65536 + 9))
    assert not Receiver(MASTER).authentic_rtp(sealed(4 * 65536 + 9))
    assert Receiver(MASTER).authentic_rtp(sealed(9 * 65536 + 9), passed=6 * 65536)


def test_a_repetition_does_not_count() -> None:
    receiver = Receiver(MASTER)
    assert receiver.authentic_rtp(sealed(500)) and not receiver.authentic_rtp(sealed(500))
    assert receiver.authentic_rtp(sealed(499)) and not receiver.authentic_rtp(sealed(499))
    assert not receiver.authentic_rtp(sealed(500 - 128))
    assert receiver.open_rtcp(rtcp(4)) is not None and receiver.open_rtcp(rtcp(4)) is None
    assert receiver.open_rtcp(rtcp(5)) is not None and receiver.open_rtcp(rtcp(3)) is not None


def test_packets_that_went_another_way_are_counted_in() -> None:
    """A fast path passes a stream for hours; then the source moves (re-latch)."""
    receiver = Receiver(MASTER)
    assert receiver.authentic_rtp(sealed(100))
    moved = sealed(100 + 5 * 65536 + 40)
    assert not receiver.authentic_rtp(moved)
    assert receiver.authentic_rtp(moved, passed=5 * 65536)
    assert not receiver.authentic_rtp(sealed(200), passed=5 * 65536)  # what was captured before


def test_one_stream_of_several_passed_less_than_all_together() -> None:
    receiver = Receiver(MASTER)
    assert receiver.authentic_rtp(sealed(100))
    assert receiver.authentic_rtp(sealed(100 + 65536), passed=9 * 65536)


def test_a_search_is_bounded() -> None:
    receiver = Receiver(MASTER)
    assert receiver.authentic_rtp(sealed(100))
    calls: list[int] = []
    receiver._transform.authentic_rtp = lambda packet, index: bool(calls.append(index))  # type: ignore[method-assign, func-returns-value]
    assert not receiver.authentic_rtp(sealed(100 + 65536), passed=2**47)
    assert len(calls) <= 65
    calls.clear()
    assert not receiver.authentic_rtp(sealed(100, ssrc=99), passed=2**47)
    assert len(calls) <= 68


def test_strangers_allocate_nothing_and_sources_are_bounded() -> None:
    receiver = Receiver(MASTER)
    for number in range(1000):
        assert not receiver.authentic_rtp(clear(1, ssrc=number) + bytes(10))
    assert receiver.known() == ()
    for number in range(MAX_SOURCES + 5):
        assert receiver.authentic_rtp(sealed(1, ssrc=number))
    assert len(receiver.known()) == MAX_SOURCES


def test_another_process_goes_on() -> None:
    first = Receiver(MASTER)
    assert first.authentic_rtp(sealed(7 * 65536, ssrc=7)) is False
    first.learn(7, 7 * 65536, -1)
    assert first.open_rtcp(rtcp(12)) is not None
    second = Receiver(MASTER, first.known())
    assert not second.authentic_rtp(sealed(7 * 65536)) and second.authentic_rtp(sealed(7 * 65536 + 1))
    assert second.open_rtcp(rtcp(12)) is None and second.open_rtcp(rtcp(13)) is not None


@given(st.binary(min_size=12, max_size=120), st.sampled_from(sorted(SUITES)), st.binary(max_size=4))
def test_no_well_formed_packet_raises(data: bytes, suite: str, mki: bytes) -> None:
    receiver, sender = Receiver(master_of(suite, mki)), Sender(master_of(suite, mki))
    packet = bytes([data[0] & 0x3F | 0x80]) + data[1:]
    if is_rtp(packet):
        receiver.open_rtp(packet)
        receiver.authentic_rtp(packet, passed=2**40)
        sealed = sender.seal_rtp(packet)
        assert sealed is not None and Receiver(master_of(suite, mki)).open_rtp(sealed) == packet
    if is_rtcp(packet):
        receiver.open_rtcp(packet)
        sealed = sender.seal_rtcp(packet)
        assert sealed is not None and Receiver(master_of(suite, mki)).open_rtcp(sealed) == packet
