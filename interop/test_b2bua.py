"""baresip phones talk through the B2BUA of both nodes: sound, hold and resume, and a call that the operator ends."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from seaway.admin.cli import main
from seaway.lab.accounts import ALICE, BOB
from seaway.lab.session import Session
from seaway.lab.stage import Stage

pytestmark = pytest.mark.interop

_SETTINGS = "\n[local_zone]\nb2bua = true\nsession_refresh = 90\nminimum_session_refresh = 90\n"


@pytest.fixture(scope="module")
def phones() -> Iterator[Session]:
    with Stage.on_loopback() as stage:
        stage.pair.extra = _SETTINGS
        stage.pair.prepare()
        stage.pair.start()
        assert stage.pair.wait_zone(10.0), stage.pair.crash_report()
        session = stage.session()
        try:
            session.launch()
            for name in ("alice", "bob"):
                assert session.registered(name), f"{name} does not register: {session.phones[name].tail()}"
            yield session
        finally:
            session.close()
            stage.pair.stop()


@pytest.mark.parametrize(("caller", "callee"), [("alice", "bob"), ("bob", "alice")])
def test_a_call_with_hold_and_resume(phones: Session, caller: str, callee: str) -> None:
    near, far = phones.phones[caller], phones.phones[callee]
    for phone in (near, far):
        phone.forget_recordings()
    mark = far.mark()
    near.dial(f"sip:{callee}@example.test")
    assert far.wait("CALL_ESTABLISHED", since=mark, patience=8.0), near.tail()
    for node in ("core1", "edge1"):
        (row,) = phones.pair.status(node, "calls")
        assert row["mode"] == "b2bua" and row["state"] == "answered", row
    time.sleep(1.2)
    heard = far.heard(_tone(caller)), near.heard(_tone(callee))
    near.command("hold")
    time.sleep(0.3)
    held = _packets(phones)
    time.sleep(0.4)
    assert _packets(phones) == held, "nothing passes while the call is held"
    near.command("resume")
    time.sleep(0.7)
    assert all(after > before + 10 for after, before in zip(_packets(phones), held, strict=True))
    near.hang_up()
    assert far.wait("CALL_CLOSED", since=mark), "the other phone was not told of the end"
    assert all(each is not None and each.good for each in heard), heard
    for node in ("core1", "edge1"):
        assert not phones.pair.status(node, "calls")
    ids = {row["call_id"] for node in ("core1", "edge1") for row in phones.pair.status(node, "history")[-1:]}
    assert len(ids) == 2, "each node has a Call-ID of its own"


def test_the_operator_ends_a_call(phones: Session) -> None:
    alice, bob = phones.phones["alice"], phones.phones["bob"]
    mark = bob.mark()
    alice.dial("sip:bob@example.test")
    assert bob.wait("CALL_ESTABLISHED", since=mark, patience=8.0), alice.tail()
    session = phones.pair.status("core1", "calls")[0]["session"]
    run_dir = str(phones.pair.dir / "run" / "core1")
    assert main(["call", "disconnect", session, "--run-dir", run_dir]) == 0
    assert alice.wait("CALL_CLOSED", since=0, patience=5.0) and bob.wait("CALL_CLOSED", since=mark)
    assert main(["call", "disconnect", session, "--run-dir", run_dir]) == 2


def _packets(phones: Session) -> tuple[int, int]:
    """RTP packets of the call at the edge, from the caller's side and from the callee's."""
    (row,) = phones.pair.status("edge1", "media")
    (stream,) = row["streams"]
    return stream["from_a"]["packets"], stream["from_b"]["packets"]


def _tone(name: str) -> int:
    return ALICE.tone if name == "alice" else BOB.tone
