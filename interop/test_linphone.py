"""Linphone completes calls with sound in both directions, inside and outside, over UDP, TCP and TLS."""

from __future__ import annotations

import time

import pytest

from interop.conftest import Peers
from seaway.lab.accounts import ALICE, BOB, CAROL, DAVE, LabUser
from seaway.lab.session import Session

_PLACES = [(CAROL, "tls"), (CAROL, "tcp"), (CAROL, "udp"), (DAVE, "udp"), (DAVE, "tcp"), (DAVE, "tls")]


def _far(user: LabUser) -> LabUser:
    return ALICE if user.node == "core1" else BOB


@pytest.mark.parametrize(("user", "transport"), _PLACES)
def test_linphone_calls_and_is_called(peers: Peers, phones: Session, user: LabUser, transport: str) -> None:
    linphone = peers.linphone(user, transport)
    peers.wait_registered(user, transport)
    far_user = _far(user)
    far = phones.phones[far_user.name]

    far.forget_recordings()
    mark = far.mark()
    linphone.dial(f"sip:{far.name}@example.test")
    assert far.wait("CALL_ESTABLISHED", since=mark, patience=8.0), linphone.output()[-800:]
    time.sleep(2.0)
    heard = far.heard(user.tone)
    linphone.hang_up()
    assert far.wait("CALL_CLOSED", since=mark), "linphone's hang-up did not arrive"
    assert heard is not None and heard.good, heard

    far.forget_recordings()
    mark = far.mark()
    far.dial(f"sip:{user.name}@example.test")
    event = far.wait("CALL_ESTABLISHED", "CALL_CLOSED", since=mark, patience=8.0)
    assert event is not None and event["type"] == "CALL_ESTABLISHED", (event, linphone.output()[-800:])
    time.sleep(2.0)
    far.hang_up()
    peers.wait_idle()
    heard = linphone.heard(far_user.tone)
    assert heard is not None and heard.tone > 0.3, heard
