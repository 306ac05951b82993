"""Totals by row and kind of leg: with closed sessions, and never less than before."""

from __future__ import annotations

from seaway.media.engine import Engine
from seaway.media.protocol import Close, Describe, Described, LegTotals, Open, Opened, SetRemote
from seaway.media.totals import Totals
from tests.media.test_stats import packet

from .harness import FakePorts, drain, make_engine
from .test_sessions import PLAIN

FAR = ("198.51.100.7", 5000)


def legs(engine: Engine) -> dict[str, LegTotals]:
    reply = engine.command(Describe(1), 100.0)
    assert isinstance(reply, Described)
    return {each.row: each for each in reply.legs}


def call(engine: Engine, ports: FakePorts, name: str, sequences: tuple[int, ...]) -> None:
    opened = engine.command(Open(1, name, "", (PLAIN,)), 0.0)
    assert isinstance(opened, Opened)
    engine.command(SetRemote(name, 0, "a", FAR, FAR, (FAR[0],)), 0.0)
    key = ports.key_of(opened.streams[0].a.rtp)
    for number, sequence in enumerate(sequences):
        engine.receive(packet(sequence), key, FAR, 1.0 + 0.02 * number)
    engine.receive(b"\x80\x00", key, FAR, 2.0)
    drain(engine)


def test_closed_sessions_count_on() -> None:
    ports = FakePorts()
    engine = make_engine(ports)
    call(engine, ports, "one", (1, 2, 5))
    call(engine, ports, "two", (1, 2, 3))
    row = PLAIN.a.rows[0]
    assert set(legs(engine)) == {row, PLAIN.b.rows[0]}
    before = legs(engine)[row]
    assert (before.kind, before.legs, before.packets, before.lost, before.refused) == ("plain", 2, 6, 2, 2)
    assert before.octets == 6 * 12 and before.max_jitter_ms >= before.mean_jitter_ms > 0
    engine.command(Close(3, "one"), 3.0)
    after = legs(engine)[row]
    assert (after.legs, after.packets, after.octets, after.lost, after.refused) == (1, 6, 72, 2, 2)
    engine.command(Close(4, "two"), 3.0)
    assert (legs(engine)[row].legs, legs(engine)[row].packets, legs(engine)[row].max_jitter_ms) == (0, 6, 0.0)


def test_a_loss_that_was_told_stays() -> None:
    """A counter that falls looks like a restart to whoever reads it."""
    ports = FakePorts()
    engine = make_engine(ports)
    opened = engine.command(Open(1, "s", "", (PLAIN,)), 0.0)
    assert isinstance(opened, Opened)
    engine.command(SetRemote("s", 0, "a", FAR, FAR, (FAR[0],)), 0.0)
    key = ports.key_of(opened.streams[0].a.rtp)
    for sequence in (1, 3):
        engine.receive(packet(sequence), key, FAR, 1.0)
    assert legs(engine)[PLAIN.a.rows[0]].lost == 1
    engine.receive(packet(2), key, FAR, 1.1)
    assert legs(engine)[PLAIN.a.rows[0]].lost == 1 and legs(engine)[PLAIN.a.rows[0]].reordered == 1


def test_nothing_ended_nothing_live() -> None:
    assert Totals().now((), ()) == ()
