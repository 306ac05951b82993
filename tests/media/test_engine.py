from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seaway.media.engine import SendPacket
from seaway.media.memory import describe, session_memory
from seaway.media.protocol import Close, Closed, Failed, List, Listed, Open, Opened, SetRemote, StreamRequest

from .cases import (
    ALICE,
    ALICE_RTCP,
    BETWEEN,
    BOB,
    BOB_RTCP,
    BOTH_LATCHED,
    CASES,
    CORE,
    DEMUX,
    DEMUX_BOUND,
    EVIL,
    PLAIN_OUTER,
    Case,
    In,
    Probe,
    opened,
    rtp,
)  # fmt: skip
from .harness import FakePorts, Runner, drain, make_engine
from .ice_cases import ICE_CASES


@pytest.mark.parametrize("case", [*CASES, *ICE_CASES], ids=lambda case: case.name)
def test_case(case: Case) -> None:
    Runner().run(case)


def run(*steps: object) -> Runner:
    runner = Runner()
    runner.run(Case("setup", steps))  # type: ignore[arg-type]
    return runner


def test_ten_thousand_injected_packets_change_nothing() -> None:
    # R12: none is forwarded, none answered, the call goes on
    runner = run(*BOTH_LATCHED)
    port = runner._key("0.a.rtp")
    for number in range(10_000):
        source = (f"203.0.113.{number % 256}", 1024 + number)
        runner.engine.receive(rtp(number & 0xFFFF, ssrc=number), port, source, 1.2)
    assert drain(runner.engine) == []
    runner.engine.receive(rtp(2), port, ALICE, 1.3)
    assert drain(runner.engine) == [SendPacket(runner._key("0.b.rtp"), BOB, rtp(2))]
    reply = runner.engine.command(Close(2, "s"), 2.0)
    assert isinstance(reply, Closed)
    assert reply.streams[0].from_a.refused == 10_000
    assert (reply.streams[0].from_a.packets, reply.streams[0].from_a.source) == (2, ALICE)


def test_ten_thousand_packets_at_the_demultiplexing_port_allocate_nothing() -> None:
    runner = run(*DEMUX_BOUND)
    port = runner._key("0.a.rtp")
    bad = runner._input(In(0, "0.a.rtp", EVIL, Probe("0.a", 9, password="guess")))
    (pair,) = {id(o): o for o in runner.engine._owners.values() if not hasattr(o, "latch")}.values()
    before = (len(pair.flows[port]), len(runner.engine._timers))  # type: ignore[union-attr]
    for number in range(10_000):
        runner.engine.receive(rtp() if number % 2 else bad, port, (f"203.0.113.{number % 256}", number), 2.0)
    assert drain(runner.engine) == []
    assert runner.engine.unknown_source == 10_000
    assert (len(pair.flows[port]), len(runner.engine._timers)) == before  # type: ignore[union-attr]


@given(st.lists(st.tuples(st.sampled_from(["0.a.rtp", "0.a.rtcp", "0.b.rtp"]), st.binary(max_size=80)), max_size=30))
@settings(max_examples=50)
def test_garbage_from_strangers_never_raises_and_never_leaves(packets: list[tuple[str, bytes]]) -> None:
    runner = run(*DEMUX_BOUND)
    for name, data in packets:
        for candidate in (data, b"\x00\x01" + len(data).to_bytes(2, "big") + bytes.fromhex("2112a442") + data):
            runner.engine.receive(candidate, runner._key(name), EVIL, 1.5)
    assert drain(runner.engine) == []


def test_answers_are_smaller_than_probes() -> None:
    runner = run(*DEMUX_BOUND)
    probe = runner._input(In(0, "0.a.rtp", CORE, Probe("0.a", 5)))
    runner.engine.receive(probe, runner._key("0.a.rtp"), CORE, 2.0)
    (answer,) = drain(runner.engine)
    assert isinstance(answer, SendPacket) and len(answer.data) < len(probe)


def test_two_calls_share_the_demultiplexing_port() -> None:
    ports = FakePorts()
    engine = make_engine(ports)
    runner = Runner()
    runner.engine, runner.ports = engine, ports
    other = ("10.0.0.5", 36012)
    for number, (name, core) in enumerate((("s", CORE), ("t", other))):
        reply = engine.command(Open(number, name, "", (StreamRequest(DEMUX, PLAIN_OUTER),)), 0.0)
        assert isinstance(reply, Opened)
        runner.legs = {"0.a": reply.streams[0].a, "0.b": reply.streams[0].b}
        engine.command(SetRemote(name, 0, "b", BOB, BOB_RTCP, (BOB[0],)), 0.0)
        engine.receive(rtp(1), runner._key("0.b.rtp"), BOB, 0.5)
        engine.receive(runner._input(In(0, "", core, Probe("0.a", 1))), runner._key("0.a.rtp"), core, 1.0)
        drain(engine)
    engine.receive(rtp(5), runner._key("0.a.rtp"), CORE, 2.0)
    engine.receive(rtp(6), runner._key("0.a.rtp"), other, 2.0)
    sent = drain(engine)
    assert [output.data for output in sent if isinstance(output, SendPacket)] == [rtp(5), rtp(6)]
    assert sent[0].local != sent[1].local  # type: ignore[attr-defined]
    engine.command(Close(3, "s"), 3.0)
    engine.receive(rtp(7), runner._key("0.a.rtp"), CORE, 3.1)
    assert drain(engine) == []


def test_a_source_reused_for_another_call_changes_over() -> None:
    runner = run(*DEMUX_BOUND)
    first = dict(runner.legs)
    reply = runner.engine.command(Open(2, "t", "", (StreamRequest(DEMUX, PLAIN_OUTER),)), 2.0)
    assert isinstance(reply, Opened)
    runner.legs = {"0.a": reply.streams[0].a, "0.b": reply.streams[0].b}
    runner.engine.receive(runner._input(In(0, "", CORE, Probe("0.a", 1))), runner._key("0.a.rtp"), CORE, 2.1)
    drain(runner.engine)
    runner.legs = first
    runner.engine.receive(rtp(9), runner._key("0.b.rtp"), BOB, 2.2)
    assert drain(runner.engine) == []  # the first call has no flow now
    runner.engine.command(Close(3, "s"), 2.3)  # and closing it must not take the second one's
    runner.engine.receive(rtp(9), runner._key("0.a.rtp"), CORE, 2.4)
    assert runner.engine.unknown_source == 0


def test_datagrams_of_a_closed_session_are_ignored() -> None:
    runner = run(*BOTH_LATCHED)
    port = runner._key("0.a.rtp")
    runner.engine.command(Close(2, "s"), 2.0)
    runner.engine.receive(rtp(), port, ALICE, 2.0)
    runner.engine.handle_timeout(100.0)
    assert drain(runner.engine) == []
    assert runner.engine.next_deadline() is None


def test_counters_name_both_directions() -> None:
    runner = run(*BOTH_LATCHED)
    runner.engine.receive(rtp(4), runner._key("0.a.rtp"), ALICE, 1.5)
    reply = runner.engine.command(List(5), 2.0)
    assert isinstance(reply, Listed)
    (session,) = reply.sessions
    assert (session.session, session.label) == ("s", "label")
    assert (session.streams[0].from_a.packets, session.streams[0].from_a.lost) == (2, 2)
    assert (session.streams[0].from_b.packets, session.streams[0].from_b.source) == (1, BOB)
    assert session.streams[0].from_a.max_gap_ms == 500.0
    assert session.addresses[0].a == runner.legs["0.a"]


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (SetRemote("nobody", 0, "a", ALICE, ALICE_RTCP, ()), "no-session"),
        (SetRemote("s", 1, "a", ALICE, ALICE_RTCP, ()), "no-stream"),
        (SetRemote("s", -1, "a", ALICE, ALICE_RTCP, ()), "no-stream"),
        (SetRemote("s", 0, "a", ALICE, ALICE_RTCP, ("192.0.2.1",) * 17), "bad-address"),
        (Close(3, "nobody"), "no-session"),
        (Open(4, "s", "", ()), "session-exists"),
        (Open(4, "", "", ()), "bad-name"),
    ],
)
def test_commands_that_fail(command: SetRemote | Close | Open, what: str) -> None:
    runner = run(*BOTH_LATCHED)
    reply = runner.engine.command(command, 2.0)
    assert isinstance(reply, Failed) and reply.what == what


def test_a_name_among_the_allowed_is_left_out() -> None:
    # `c=` of SDP may be a DNS name
    runner = run(BOTH_LATCHED[0])
    allowed = ("phone.example", "192.0.2.10", "2001:DB8::1")
    assert runner.engine.command(SetRemote("s", 0, "a", ("phone.example", 4), ALICE_RTCP, allowed), 1.0) is None
    runner.engine.receive(rtp(), runner._key("0.a.rtp"), ("2001:db8::1", 9), 1.1)
    assert len(drain(runner.engine)) == 1


def test_a_leg_between_relays_knocks_again_after_a_restart() -> None:
    runner = run(opened(PLAIN_OUTER, BETWEEN))
    session = runner.engine._table.sessions["s"]
    memory, _ = session_memory(json.loads(json.dumps(describe(session))))
    assert [each.request.knocks for each in memory.streams[0]] == [False, True]
    later = make_engine(FakePorts())
    assert later.restore(describe(session), 1.0) is None
    stream = later._table.sessions["s"].streams[0]
    assert [leg.rtp.knocks for leg in (stream.a, stream.b)] == [False, True]
