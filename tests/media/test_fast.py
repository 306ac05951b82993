"""Flows follow what the engine knows: added when both sides are known, moved, removed; counted and remembered."""

from __future__ import annotations

from seaway.catalog.ports import PortRange
from seaway.media.engine import Engine
from seaway.media.fast import FastFlows
from seaway.media.flows import FlowKey
from seaway.media.pool import PortPool
from seaway.media.protocol import Address, Close, Closed, Idle, Latched, Pause, SetRemote, Stats, StatsReply

from .cases import (
    ALICE,
    BOB,
    BOTH_KNOWN,
    BOTH_LATCHED,
    CASES,
    CORE,
    CORE_MOVED,
    DEMUX_BOUND,
    EDGE,
    EVIL,
    PROBE_BOUND,
    Case,
    In,
    Out,
    Probe,
    ProbeAnswer,
    Step,
    Told,
    rtp,
)  # fmt: skip
from .fake_table import FakeTable
from .harness import FakePorts, Random, Runner, demux_pair, drain
from .ice_cases import ICE_CASES

A_OTHER: Address = (ALICE[0], 41000)


class Fast(Runner):
    """A runner whose engine has a fast path; `table` is what it was told."""

    def __init__(self, *, admitted: bool = True) -> None:
        super().__init__()
        self.table = FakeTable()
        self.ports = FakePorts()
        self.fast = FastFlows(
            self.table, lambda local, remote, incoming: "IN" if incoming and admitted else "OUT" if admitted else None
        )
        self.engine = self.made()

    def made(self) -> Engine:
        demux = [demux_pair(self.ports, 2776)]
        return Engine(self.ports, PortPool(PortRange(36000, 36199)), Random(), demux=demux, fast=self.fast)

    def address(self, name: str) -> Address:
        return self._address(name)

    def flows(self) -> dict[FlowKey, tuple[Address, Address]]:
        return {key: (flow.out_local, flow.out_remote) for key, flow in self.table.flows.items()}

    def after(self, *steps: Step) -> Fast:
        self.run(Case("fast", steps))
        return self


def _both(runner: Fast) -> dict[FlowKey, tuple[Address, Address]]:
    a, b = runner.address("0.a.rtp"), runner.address("0.b.rtp")
    return {FlowKey(a, ALICE): (b, BOB), FlowKey(b, BOB): (a, ALICE)}


def test_every_case_of_the_oracle_is_the_same_with_a_fast_path_that_hears_nothing() -> None:
    for case in (*CASES, *ICE_CASES):
        Fast().run(case)


def test_a_flow_each_way_when_both_sides_are_known_and_not_before() -> None:
    assert Fast().after(*BOTH_KNOWN).flows() == {}
    runner = Fast().after(*BOTH_LATCHED)
    assert runner.flows() == _both(runner)


def test_no_flow_that_no_row_admits() -> None:
    runner = Fast(admitted=False).after(*BOTH_LATCHED)
    assert runner.flows() == {} and runner.fast.refused and "no row admits" in runner.fast.last_refusal


def test_a_full_table_leaves_media_to_the_engine() -> None:
    runner = Fast()
    runner.table.full = True
    runner.after(*BOTH_LATCHED, In(1.2, "0.a.rtp", ALICE, rtp(2), then=(Out("0.b.rtp", BOB, rtp(2)),)))
    assert runner.flows() == {} and "full" in runner.fast.last_refusal


def test_a_demultiplexed_flow_moves_with_its_probe_and_ends_with_consent() -> None:
    runner = Fast().after(*DEMUX_BOUND)
    demux = runner.address("0.a.rtp")
    assert FlowKey(demux, CORE) in runner.flows()
    moved = (
        *DEMUX_BOUND,
        In(2.0, "0.a.rtp", CORE_MOVED, Probe("0.a", 2),
           then=(Out("0.a.rtp", CORE_MOVED, ProbeAnswer("0.a", CORE_MOVED)), Told("Latched", "0.a.rtp", CORE_MOVED))),
    )  # fmt: skip
    runner = Fast().after(*moved)
    assert {key.remote for key in runner.flows()} == {CORE_MOVED, BOB}
    runner.engine.handle_timeout(40.0)
    assert runner.flows() == {}


def test_media_of_the_fast_path_keeps_the_latch_closed_and_its_silence_opens_it() -> None:
    runner = Fast().after(*BOTH_LATCHED)
    key, port = FlowKey(runner.address("0.a.rtp"), ALICE), runner._key("0.a.rtp")
    runner.table.passed(key, 500, last_seen=20.0)
    runner.engine.receive(rtp(600), port, A_OTHER, 22.0)
    assert drain(runner.engine) == [], "valid media flows on the fast path"
    runner.engine.receive(rtp(601), port, A_OTHER, 25.1)
    assert [type(each) for each in drain(runner.engine)][:1] == [Latched]
    assert {each.remote for each in runner.flows()} == {A_OTHER, BOB}


def test_injected_packets_never_become_a_flow() -> None:
    # R12
    runner = Fast().after(*BOTH_LATCHED)
    before = runner.flows()
    for number in range(1000):
        runner.engine.receive(rtp(number, ssrc=number), runner._key("0.a.rtp"), (EVIL[0], 1024 + number), 30.0)
    assert drain(runner.engine) == [] and runner.flows() == before


def test_statistics_are_of_both_paths_also_after_a_flow_ended() -> None:
    runner = Fast().after(*BOTH_LATCHED)
    key = FlowKey(runner.address("0.a.rtp"), ALICE)
    runner.table.passed(key, 500, last_seen=20.0)
    runner.engine.command(SetRemote("s", 0, "a", A_OTHER, A_OTHER, ("198.51.100.99",)), 21.0)
    assert runner.flows() == {}, "the address is not allowed any more"
    reply = runner.engine.command(Stats(1, "s"), 22.0)
    assert isinstance(reply, StatsReply) and reply.sessions[0].streams[0].from_a.packets == 501
    closed = runner.engine.command(Close(2, "s"), 23.0)
    assert isinstance(closed, Closed) and closed.streams[0].from_a.packets == 501


def test_a_session_is_not_idle_while_the_fast_path_hears_it() -> None:
    runner = Fast().after(*BOTH_LATCHED)
    runner.table.passed(FlowKey(runner.address("0.a.rtp"), ALICE), 1, last_seen=29.0)
    runner.engine.handle_timeout(31.5)
    assert not [each for each in drain(runner.engine) if isinstance(each, Idle)]
    runner.engine.handle_timeout(59.5)
    assert [each for each in drain(runner.engine) if isinstance(each, Idle)]


def test_packets_are_counted_for_the_rows_that_admit_them_also_after_the_call() -> None:
    runner = Fast().after(*BOTH_LATCHED)
    runner.table.passed(FlowKey(runner.address("0.a.rtp"), ALICE), 5, last_seen=2.0)
    runner.table.passed(FlowKey(runner.address("0.b.rtp"), BOB), 3, last_seen=2.0)
    assert runner.fast.rows() == {"IN": 8, "OUT": 8}
    runner.engine.command(Close(2, "s"), 3.0)
    assert runner.fast.rows() == {"IN": 8, "OUT": 8}


def test_closing_takes_the_flows_away() -> None:
    runner = Fast().after(*BOTH_LATCHED)
    runner.engine.command(Close(2, "s"), 3.0)
    assert runner.flows() == {}


def test_signalled_clocks_reach_the_flow() -> None:
    runner = Fast().after(*BOTH_KNOWN)
    runner.engine.command(SetRemote("s", 0, "b", BOB, BOB, (BOB[0],), clocks=((111, 48000),)), 0.2)
    runner.engine.receive(rtp(1), runner._key("0.a.rtp"), ALICE, 1.0)
    runner.engine.receive(rtp(1), runner._key("0.b.rtp"), BOB, 1.1)
    assert {flow.clocks for flow in runner.table.flows.values()} == {((111, 48000),)}


def _successor(runner: Fast) -> Engine:
    """A new process: its own ports, the same table, what the first one noted."""
    notes = runner.engine.take_changed()
    runner.ports = FakePorts()
    runner.fast = FastFlows(runner.table)
    runner.engine = runner.made()
    for data in notes.values():
        assert runner.engine.restore(data, 100.0) is None
    return runner.engine


def test_a_successor_has_the_same_ports_and_flows() -> None:
    for steps in (BOTH_LATCHED, DEMUX_BOUND, PROBE_BOUND):
        runner = Fast().after(*steps)
        before, addresses = runner.flows(), dict(runner.legs)
        engine = _successor(runner)
        reply = engine.command(Stats(1, "s"), 100.0)
        assert isinstance(reply, StatsReply)
        found = reply.sessions[0].addresses[0]
        assert (found.a, found.b) == (addresses["0.a"], addresses["0.b"])
        assert runner.flows() == before
        assert engine.remove_orphans() == 0


def test_a_successor_goes_on_relaying_and_learns_nothing_anew() -> None:
    runner = Fast().after(*BOTH_LATCHED)
    engine = _successor(runner)
    engine.receive(rtp(5), runner._key("0.a.rtp"), A_OTHER, 100.5)
    assert drain(engine) == [], "the source was learned before"
    engine.receive(rtp(5), runner._key("0.a.rtp"), ALICE, 100.6)
    assert [type(each).__name__ for each in drain(engine)] == ["SendPacket"]


def test_a_successor_probes_with_higher_numbers_and_keeps_sending_meanwhile() -> None:
    runner = Fast().after(*PROBE_BOUND)
    engine = _successor(runner)
    probes = [each for each in drain(engine) if type(each).__name__ == "SendPacket"]
    assert {each.remote for each in probes} >= {EDGE}
    engine.receive(rtp(7), runner._key("0.b.rtp"), BOB, 100.2)
    assert drain(engine)[-1].remote == EDGE


def test_flows_of_nobody_are_removed() -> None:
    runner = Fast().after(*BOTH_LATCHED)
    runner.ports, runner.fast = FakePorts(), FastFlows(runner.table)
    assert runner.made().remove_orphans() == 2 and runner.flows() == {}


def test_a_gone_session_is_noted_as_gone() -> None:
    runner = Fast().after(*BOTH_LATCHED)
    assert runner.engine.take_changed()["s"] is not None
    runner.engine.command(Close(2, "s"), 3.0)
    assert runner.engine.take_changed() == {"s": None}
    assert runner.engine.take_changed() == {}


def test_nonsense_in_the_notes_is_one_line() -> None:
    for data in (None, {}, {"session": "x", "label": "", "streams": [{"a": {}}]}, {"streams": [3]}, [1]):
        reason = Fast().engine.restore(data, 1.0)
        assert reason is not None and "\n" not in reason


def test_r20_a_paused_side_has_no_flow_and_its_packets_come_to_the_engine() -> None:
    runner = Fast().after(*BOTH_LATCHED)
    both, key = _both(runner), FlowKey(runner.address("0.a.rtp"), ALICE)
    runner.table.passed(key, 5, last_seen=20.0)
    assert runner.engine.command(Pause("s", 0, "a", True), 21.0) is None
    assert runner.flows() == {each: out for each, out in both.items() if each != key}, "the other way goes on"
    port = runner._key("0.a.rtp")
    runner.engine.receive(rtp(600), port, A_OTHER, 22.0)
    assert drain(runner.engine) == [], "what the fast path heard keeps the latch"
    runner.engine.receive(rtp(600), port, ALICE, 22.0)
    assert drain(runner.engine) == []
    reply = runner.engine.command(Stats(1, "s"), 23.0)
    assert isinstance(reply, StatsReply)
    heard = reply.sessions[0].streams[0].from_a
    assert (heard.paused, heard.refused, heard.packets) == (1, 1, 7)
    noted = runner.engine.take_changed()["s"]
    assert runner.engine.command(Pause("s", 0, "a", False), 24.0) is None
    assert runner.flows() == both
    successor = Fast()
    assert successor.engine.restore(noted, 25.0) is None
    assert {each.remote for each in successor.flows()} == {BOB}, "a later process knows of it"
