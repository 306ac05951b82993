"""SRTP between real phones through the pair: keys in SDP, and DTLS (rules R13, R17)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from interop.conftest import lab_name
from interop.test_restart import _kill
from seaway.lab.accounts import ALICE, BOB
from seaway.lab.phones.baresip import Encryption
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


@pytest.fixture
def ending(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The edge ends SRTP: encrypted outside, in clear inside."""
    with Stage.in_namespaces(lab_name("ending"), "dual", engine=request.param) as made:
        config = made.pair.config("edge1")
        inside = 'name = "pair"\nmedia_encryption = "force-unencrypted"'
        outside = '\n[local_zone]\nmedia_encryption = "force-encrypted"\n'
        config.write_text(config.read_text().replace('name = "pair"', inside, 1) + outside)
        made.pair.start()
        assert made.pair.wait_zone(10.0), made.pair.crash_report()
        yield made
        made.pair.stop()


@pytest.mark.parametrize(
    ("ending", "encryption"), [("tc", "srtp-mand"), ("userspace", "dtls_srtp")], indirect=["ending"]
)
def test_srtp_that_ends_goes_on_when_the_relay_is_killed(ending: Stage, encryption: Encryption) -> None:
    """The worker has the sockets, the keys and the packet indexes; beside a kernel engine as well."""
    session = ending.session()
    try:
        session.phone(ALICE, encryption).launch()
        session.phone(BOB).launch()
        assert session.registered("alice") and session.registered("bob")
        reports: list[CallReport] = []
        call = threading.Thread(target=lambda: reports.append(session.call(ALICE, BOB, talk=5.0)))
        call.start()
        time.sleep(2.0)
        ((one, other),) = [
            (stream["from_a"]["security"], stream["from_b"]["security"])
            for row in ending.pair.status("edge1", "media") for stream in row["streams"]
        ]  # fmt: skip
        assert str(one).startswith("srtp A" if encryption == "srtp-mand" else "dtls A") and other == "rtp"
        assert _kill(ending, "edge1", "relay") < 2.0
        call.join(30)
        (report,) = reports
        assert report.good, report.problem()
        (media,) = report.nodes["edge1"]["media"]
        assert media["from_a"]["packets"] > 200 and media["from_a"]["max_gap_ms"] < 500, media
        (relay,) = ending.pair.status("edge1", "relay")
        assert relay["engine"] == ("tc" if encryption == "srtp-mand" else "userspace")
    finally:
        session.close()
