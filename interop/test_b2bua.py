"""Phones talk through the B2BUA of both nodes: SRTP outside and RTP inside, hold and resume, calls that are cleared."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.conftest import lab_name
from interop.sipp_b2bua import prack_callee, prack_caller, refer_callee, refer_caller, registering
from interop.test_restart import _kill
from seaway.admin.cli import main
from seaway.lab.accounts import ALICE, BOB, DAVE, LabUser
from seaway.lab.dns import DOMAIN
from seaway.lab.phones.baresip import Encryption
from seaway.lab.session import Session
from seaway.lab.stage import Stage

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The edge has encrypted media outside and media in clear inside; the core has its B2BUA for every call."""
    with Stage.in_namespaces(lab_name("b2bua"), "dual", engine="userspace") as stage:
        edge, core = stage.pair.config("edge1"), stage.pair.config("core1")
        inside = 'name = "pair"\nmedia_encryption = "force-unencrypted"'
        outside = '\n[local_zone]\nmedia_encryption = "force-encrypted"\nice = true\n'
        edge.write_text(edge.read_text().replace('name = "pair"', inside, 1) + outside)
        core.write_text(core.read_text() + "\n[local_zone]\nb2bua = true\n")
        stage.pair.start()
        assert stage.pair.wait_zone(10.0), stage.pair.crash_report()
        yield stage
        stage.pair.stop()


@pytest.fixture
def phones(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Session]:
    """alice outside, encrypted unless a test says otherwise, and bob inside."""
    encryption: Encryption | None = getattr(request, "param", "srtp-mand")
    session = stage.session()
    try:
        session.phone(ALICE, encryption)
        session.phone(BOB)
        for phone in session.phones.values():
            phone.launch()
        for name in ("alice", "bob"):
            assert session.registered(name), f"{name} does not register: {session.phones[name].tail()}"
        yield session
    finally:
        session.close()


def _dial(phones: Session, caller: LabUser, callee: LabUser) -> int:
    """Call, and wait until it is up; the callee's mark from before."""
    near, far = phones.phones[caller.name], phones.phones[callee.name]
    mark = far.mark()
    near.dial(f"sip:{callee.name}@example.test")
    assert far.wait("CALL_ESTABLISHED", since=mark, patience=8.0), near.tail()
    return mark


@pytest.mark.parametrize("phones", ["srtp-mand", "dtls_srtp"], indirect=True)
@pytest.mark.parametrize(("caller", "callee"), [(ALICE, BOB), (BOB, ALICE)], ids=["from-srtp", "to-srtp"])
def test_srtp_outside_rtp_inside(phones: Session, caller: LabUser, callee: LabUser) -> None:
    _dial(phones, caller, callee)
    near, far = phones.phones[caller.name], phones.phones[callee.name]
    time.sleep(2.5)  # a handshake may need its second flight
    for node in ("core1", "edge1"):
        (row,) = phones.pair.status(node, "calls")
        assert row["mode"] == "b2bua" and row["state"] == "answered", row
    heard = far.heard(caller.tone), near.heard(callee.tone)
    (row,) = phones.pair.status("edge1", "media")
    (stream,) = row["streams"]
    near.hang_up()
    assert all(each is not None and each.tone > 0.9 for each in heard), heard
    sizes = {side: stream[side]["octets"] / stream[side]["packets"] for side in ("from_a", "from_b")}
    secure, clear = ("from_a", "from_b") if caller is ALICE else ("from_b", "from_a")
    assert sizes[secure] >= sizes[clear] + 8, "packets of the phone outside have an authentication tag"


# baresip 1.0 may answer SDES without a key while its ICE is not done, so it is called with DTLS only.
@pytest.mark.parametrize(
    ("encryption", "caller", "callee"),
    [("srtp-mand", ALICE, BOB), ("dtls_srtp", ALICE, BOB), ("dtls_srtp", BOB, ALICE)],
    ids=["from-sdes", "from-dtls", "to-dtls"],
)
def test_ice_outside_none_inside(stage: Stage, encryption: Encryption, caller: LabUser, callee: LabUser) -> None:
    """A full agent behind a NAT checks the edge's relay, which is a lite one, and gets through to who has no ICE."""
    session = stage.session()
    try:
        phone = session.phone(ALICE, encryption, ice=True)
        session.phone(BOB)
        for each in session.phones.values():
            each.launch()
        assert session.registered("alice") and session.registered("bob")
        _dial(session, caller, callee)
        time.sleep(3.0)
        heard = session.phones[callee.name].heard(caller.tone), session.phones[caller.name].heard(callee.tone)
        said = (phone.dir / "log").read_text(errors="replace")
        session.phones[caller.name].hang_up()
        assert "medianat: ice" in said
        assert all(each is not None and each.tone > 0.9 for each in heard), (heard, said[-1000:])
    finally:
        session.close()


@pytest.mark.parametrize(("caller", "callee"), [(ALICE, BOB), (BOB, ALICE)], ids=["outside", "inside"])
def test_hold_and_resume(phones: Session, caller: LabUser, callee: LabUser) -> None:
    mark = _dial(phones, caller, callee)
    near = phones.phones[caller.name]
    time.sleep(0.5)
    near.command("hold")
    time.sleep(0.3)
    held = _packets(phones)
    time.sleep(0.4)
    assert _packets(phones) == held, "nothing passes while the call is held"
    near.command("resume")
    time.sleep(0.7)
    assert all(after > before + 10 for after, before in zip(_packets(phones), held, strict=True))
    near.hang_up()
    assert phones.phones[callee.name].wait("CALL_CLOSED", since=mark), "the other phone was not told of the end"
    for node in ("core1", "edge1"):
        assert not phones.pair.status(node, "calls")
    ids = {row["call_id"] for node in ("core1", "edge1") for row in phones.pair.status(node, "history")[-1:]}
    assert len(ids) == 2, "each node has a Call-ID of its own"


def test_the_operator_ends_a_call(phones: Session) -> None:
    mark = _dial(phones, ALICE, BOB)
    session = phones.pair.status("core1", "calls")[0]["session"]
    run_dir = str(phones.pair.dir / "run" / "core1")
    assert main(["call", "disconnect", session, "--run-dir", run_dir]) == 0
    alice, bob = phones.phones["alice"], phones.phones["bob"]
    assert alice.wait("CALL_CLOSED", since=0) and bob.wait("CALL_CLOSED", since=mark)
    assert main(["call", "disconnect", session, "--run-dir", run_dir]) == 2


@pytest.mark.parametrize("who", ["bob", "alice"])
def test_a_call_outlives_the_signalling_process(stage: Stage, phones: Session, who: str) -> None:
    """Of the core, whose B2BUA has both of its dialogs: the next process ends the call as it should."""
    mark = _dial(phones, ALICE, BOB)
    time.sleep(0.7)
    _kill(stage, "core1", "signal")
    assert stage.pair.wait_zone(10.0), stage.pair.crash_report()
    before = _packets(phones)
    time.sleep(0.5)
    assert all(after > was + 10 for after, was in zip(_packets(phones), before, strict=True)), "media goes on"
    (row,) = phones.pair.status("core1", "calls")
    assert row["mode"] == "b2bua" and row["state"] == "answered"
    other = phones.phones["alice" if who == "bob" else "bob"]
    phones.phones[who].hang_up()
    assert other.wait("CALL_CLOSED", since=mark if who == "alice" else 0), "the other phone was not told of the end"
    assert not phones.pair.status("core1", "calls")


@pytest.mark.parametrize("phones", [None], indirect=True)
def test_a_phone_without_encryption_is_refused_outside(phones: Session) -> None:
    alice, bob = phones.phones["alice"], phones.phones["bob"]
    mark = bob.mark()
    alice.dial("sip:bob@example.test")
    closed = alice.wait("CALL_CLOSED")
    assert closed is not None and "488" in str(closed.get("param")), closed
    assert not bob.wait("CALL_INCOMING", "CALL_ESTABLISHED", since=mark, patience=0.3)


def _packets(phones: Session) -> tuple[int, int]:
    """RTP packets of the call at the edge, from the caller's side and from the callee's."""
    (row,) = phones.pair.status("edge1", "media")
    (stream,) = row["streams"]
    return stream["from_a"]["packets"], stream["from_b"]["packets"]


class _Sipp:
    """Two SIPp users in one host inside: bob is registered and takes a call, dave calls."""

    def __init__(self, stage: Stage, bench: Path) -> None:
        self.stage, self.dir = stage, bench
        assert stage.network is not None
        plan = stage.network.plan
        self.here, self.core = plan.host(DAVE.host).address, f"{plan.host('core1').address}:5060"

    def start(self, name: str, scenario: str, port: int, *more: str) -> subprocess.Popen[bytes]:
        path = self.dir / f"{name}.xml"
        path.write_text(scenario)
        command = [
            "sipp", self.core, "-sf", str(path), "-m", "1", "-nostdin", "-i", self.here, "-mi", self.here, "-p",
            str(port), "-s", name, "-timeout", "12", "-timeout_error", "-trace_err", "-error_file",
            str(self.dir / f"{name}-errors.log"), *more,
        ]  # fmt: skip
        return self.stage.machines.start(DAVE.host, command, self.dir / f"{name}.log")

    def run(self, caller: str, callee: str) -> None:
        """Register bob, let him wait, let dave call; both scenarios have to end well."""
        assert self.start("bob", registering("bob", BOB.password, DOMAIN), 5090).wait(10) == 0, self.said("bob")
        waiting = self.start("bob", callee, 5090, "-aa")
        time.sleep(0.3)
        calling = self.start("dave", caller, 5092)
        try:
            assert calling.wait(15) == 0, self.said("dave")
            assert waiting.wait(5) == 0, self.said("bob")
        finally:
            for each in (waiting, calling):
                each.kill()
                each.wait()

    def said(self, name: str) -> str:
        path = self.dir / f"{name}-errors.log"
        return " ".join(path.read_text(errors="replace").split())[-1500:] if path.exists() else "nothing"


def test_sipp_prack_update_and_a_late_offer(stage: Stage, tmp_path: Path) -> None:
    caller = prack_caller("dave", "bob", DOMAIN, DAVE.password)
    _Sipp(stage, tmp_path).run(caller, prack_callee())
    row = stage.pair.status("core1", "history")[-1]
    assert row["mode"] == "b2bua" and row["reason"] == "hung up by the caller", row


def test_sipp_is_transferred_to_a_phone(stage: Stage, tmp_path: Path) -> None:
    """The phone is outside and encrypted; what stays is SIPp, which answers a re-INVITE with the phone's offer."""
    session = stage.session()
    try:
        session.phone(ALICE, "srtp-mand").launch()
        assert session.registered("alice")
        caller = refer_caller("dave", "bob", DOMAIN, DAVE.password)
        _Sipp(stage, tmp_path).run(caller, refer_callee("bob", "alice", DOMAIN))
        assert session.phones["alice"].wait("CALL_CLOSED"), "the phone was not told of the end"
    finally:
        session.close()
    reasons = [row["reason"] for row in stage.pair.status("core1", "history")[-2:]]
    assert sorted(reasons) == ["hung up by the caller", "transferred"]
