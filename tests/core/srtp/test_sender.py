"""No index is used twice, and what is sealed can be opened."""

from __future__ import annotations

from seaway.core.srtp.index import MAX_RTCP_INDEX
from seaway.core.srtp.receiver import Receiver
from seaway.core.srtp.sender import MAX_SENT_SOURCES, Sender

from .test_receiver import MASTER, clear

REPORT = b"\x80\xc9\x00\x01" + (7).to_bytes(4, "big")


def test_a_receiver_follows_over_the_rollover() -> None:
    sender, receiver = Sender(MASTER), Receiver(MASTER)
    for index in (65000, 65535, 65534, 65536, 70000, 100000, 130000, 2 * 65536 + 1):
        packet = sender.seal_rtp(clear(index))
        assert packet is not None and receiver.open_rtp(packet) == clear(index)


def test_no_sequence_number_is_sealed_twice() -> None:
    """Two contents under one index would give both away."""
    sender = Sender(MASTER)
    assert sender.seal_rtp(clear(5)) is not None
    assert sender.seal_rtp(clear(5)[:-1] + b"X") is None
    assert sender.seal_rtp(clear(65535)) is None  # would be before the beginning
    assert sender.seal_rtp(clear(300)) is not None and sender.seal_rtp(clear(100)) is None  # too old to tell


def test_rtcp_has_indexes_of_its_own() -> None:
    sender, receiver = Sender(MASTER), Receiver(MASTER)
    one, two = sender.seal_rtcp(REPORT), sender.seal_rtcp(REPORT)
    assert one is not None and two is not None and one != two
    assert receiver.open_rtcp(one) == receiver.open_rtcp(two) == REPORT


def test_a_key_that_is_used_up_seals_nothing() -> None:
    sender = Sender(MASTER, [(7, -1, MAX_RTCP_INDEX)])
    assert sender.seal_rtcp(REPORT) is None


def test_one_source_too_many_is_not_sent() -> None:
    sender = Sender(MASTER)
    assert all(sender.seal_rtp(clear(1, ssrc=number)) for number in range(MAX_SENT_SOURCES))
    assert sender.seal_rtp(clear(1, ssrc=999)) is None
    assert sender.seal_rtp(clear(2, ssrc=0)) is not None


def test_another_process_goes_on_and_repeats_nothing() -> None:
    first = Sender(MASTER)
    first.seal_rtp(clear(5))
    first.seal_rtcp(REPORT)
    second = Sender(MASTER, first.known())
    assert second.seal_rtp(clear(5)) is None and second.seal_rtp(clear(6)) is not None
    assert second.seal_rtcp(REPORT) == Sender(MASTER, [(7, -1, 0)]).seal_rtcp(REPORT)
    assert second.known() == ((7, 6, 1),)
