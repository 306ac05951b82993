"""SRTP between real phones through the pair: keys in SDP, and DTLS (rules R13, R17)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from interop.conftest import lab_name
from interop.test_restart import _kill
from seaway.lab.accounts import ALICE, BOB
from seaway.lab.session import CallReport
from seaway.lab.stage import Stage


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with Stage.in_namespaces(lab_name("srtp"), "dual", engine=request.param) as made:
        made.pair.start()
        assert made.pair.wait_zone(10.0), made.pair.crash_report()
        yield made
        made.pair.stop()


def _secured(report: CallReport) -> None:
    """Sound both ways, and what counted was authentic. baresip opens the way with an RTCP packet in clear."""
    assert report.good, report.problem()
    for node in ("core1", "edge1"):
        (media,) = report.nodes[node]["media"]
        for side in ("from_a", "from_b"):
            assert media[side]["packets"] > 50 and media[side]["unauthenticated"] <= 2, (node, side, media[side])


@pytest.mark.parametrize("stage", ["userspace"], indirect=True)
def test_a_call_with_dtls_srtp(stage: Stage) -> None:
    session = stage.session()
    try:
        session.launch(encryption="dtls_srtp")
        assert session.registered("alice") and session.registered("bob")
        # Without ICE the phone behind the NAT has to begin the handshake: the one that answers does.
        _secured(session.call(BOB, ALICE, talk=2.0))
    finally:
        session.close()


@pytest.mark.parametrize(
    ("stage", "child"), [("userspace", "relay"), ("python", "relay"), ("tc", "worker")], indirect=["stage"]
)
def test_srtp_goes_on_when_processes_are_killed(stage: Stage, child: str) -> None:
    """Keys and packet indexes are noted; in the worker they never were away. The kernel goes on without its worker."""
    session = stage.session()
    try:
        session.launch(encryption="srtp-mand")
        assert session.registered("alice") and session.registered("bob")
        reports: list[CallReport] = []
        call = threading.Thread(target=lambda: reports.append(session.call(ALICE, BOB, talk=5.0)))
        call.start()
        time.sleep(2.0)
        for node in ("core1", "edge1"):
            assert _kill(stage, node, child) < 2.0
        call.join(30)
        (report,) = reports
        _secured(report)
    finally:
        session.close()
