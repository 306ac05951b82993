"""SIPp completes calls in both directions over every transport that a default or a setting allows."""

from __future__ import annotations

import time

import pytest

from interop.conftest import Peers
from seaway.lab.accounts import ALICE, BOB, CAROL, DAVE, LabUser
from seaway.lab.session import Session

# Inside, and outside with edge_udp and edge_tcp on.
_PLACES = [(DAVE, "udp"), (DAVE, "tcp"), (CAROL, "udp"), (CAROL, "tcp")]
_IDS = [f"{user.name}-{transport}" for user, transport in _PLACES]


def _far(user: LabUser) -> LabUser:
    """The phone at the other node, so that each call crosses the pair."""
    return ALICE if user.node == "core1" else BOB


@pytest.mark.parametrize(("user", "transport"), [*_PLACES, (CAROL, "tls"), (DAVE, "tls")])
def test_sipp_calls_a_phone(peers: Peers, phones: Session, user: LabUser, transport: str) -> None:
    far = phones.phones[_far(user).name]
    far.forget_recordings()
    mark = far.mark()
    peers.sipp(user, transport).call(far.name, milliseconds=1500)
    assert far.wait("CALL_ESTABLISHED", since=mark), "the phone saw no call"
    assert far.wait("CALL_CLOSED", since=mark), "the phone was not told of the end"
    if transport != "tls":  # through the TLS pipe SIPp's SDP names 127.0.0.1, and media is not the pipe's
        heard = far.heard(user.tone)
        assert heard is not None and heard.good, heard


@pytest.mark.parametrize(("user", "transport"), _PLACES, ids=_IDS)
def test_a_phone_calls_sipp(peers: Peers, phones: Session, user: LabUser, transport: str) -> None:
    far_user = _far(user)
    far = phones.phones[far_user.name]
    sipp = peers.sipp(user, transport)
    waiting = sipp.answer()
    peers.wait_registered(user, transport)
    far.forget_recordings()
    mark = far.mark()
    far.dial(f"sip:{user.name}@example.test")
    event = far.wait("CALL_ESTABLISHED", "CALL_CLOSED", since=mark, patience=8.0)
    assert event is not None and event["type"] == "CALL_ESTABLISHED", event
    time.sleep(1.5)
    heard = far.heard(user.tone)
    far.hang_up()
    sipp.finish(waiting, "answer")
    assert heard is not None and heard.good, heard
