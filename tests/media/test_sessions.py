"""Opening, growing, closing: limits, and that a failure leaves nothing behind."""

from __future__ import annotations

from seaway.media.protocol import (
    AddStreams,
    Close,
    Closed,
    Describe,
    Described,
    Failed,
    LegRequest,
    List,
    Listed,
    Open,
    Opened,
    Relabel,
    Stats,
    StatsReply,
    StreamRequest,
)  # fmt: skip

from .cases import DEMUX, PLAIN_INNER, PLAIN_OUTER
from .harness import FakePorts, make_engine

PLAIN = StreamRequest(PLAIN_OUTER, PLAIN_INNER)
TRAVERSAL = StreamRequest(DEMUX, PLAIN_OUTER)


def test_addresses_and_rows_of_an_opened_session() -> None:
    ports = FakePorts()
    reply = make_engine(ports).command(Open(7, "s", "", (TRAVERSAL,)), 0.0)
    assert isinstance(reply, Opened) and (reply.request, reply.session) == (7, "s")
    (stream,) = reply.streams
    assert (stream.a.rtp, stream.a.rtcp) == (("10.9.0.1", 2776), ("10.9.0.1", 2777))
    assert stream.a.ufrag and len(stream.a.ufrag) == 16 and stream.a.password and len(stream.a.password) == 32
    assert stream.b.rtp[1] % 2 == 0 and stream.b.rtcp == (stream.b.rtp[0], stream.b.rtp[1] + 1)
    assert stream.b.ufrag is None and stream.b.password is None
    assert sorted(row for row, _, _ in ports.opened.values()) == ["T11-09", "T11-10", "T11-11", "T11-12"]


def test_close_gives_everything_back() -> None:
    ports = FakePorts()
    engine = make_engine(ports)
    before = dict(ports.opened)
    engine.command(Open(1, "s", "", (TRAVERSAL, PLAIN)), 0.0)
    assert len(ports.opened) == len(before) + 6
    assert isinstance(engine.command(Close(2, "s"), 1.0), Closed)
    assert ports.opened == before
    assert isinstance(engine.command(Open(3, "s", "", (TRAVERSAL,)), 2.0), Opened)


def test_sessions_are_bounded() -> None:
    engine = make_engine(FakePorts(), max_sessions=2)
    for name in "ab":
        assert isinstance(engine.command(Open(1, name, "", (PLAIN,)), 0.0), Opened)
    reply = engine.command(Open(3, "c", "", (PLAIN,)), 0.0)
    assert isinstance(reply, Failed)
    assert (reply.request, reply.session, reply.what) == (3, "c", "sessions-exhausted")
    assert "maximum of 2" in reply.reason


def test_streams_are_bounded_also_when_added() -> None:
    ports = FakePorts()
    engine = make_engine(ports)
    assert isinstance(engine.command(Open(1, "s", "", (TRAVERSAL,) * 15), 0.0), Opened)
    count = len(ports.opened)
    reply = engine.command(AddStreams(2, "s", (TRAVERSAL, TRAVERSAL)), 0.0)
    assert isinstance(reply, Failed) and reply.what == "streams-exhausted"
    assert len(ports.opened) == count
    reply = engine.command(AddStreams(3, "s", (TRAVERSAL,)), 0.0)
    assert isinstance(reply, Opened) and len(reply.streams) == 1
    stats = engine.command(Stats(4), 0.0)
    assert isinstance(stats, StatsReply) and len(stats.sessions[0].streams) == 16


def test_exhausted_ports_leave_nothing_allocated() -> None:
    ports = FakePorts()
    engine = make_engine(ports, low=36000, high=36005)  # three pairs
    before = dict(ports.opened)
    reply = engine.command(Open(1, "s", "", (PLAIN, PLAIN)), 0.0)
    assert isinstance(reply, Failed) and reply.what == "ports-exhausted"
    assert "widen the media range" in reply.reason
    assert ports.opened == before
    assert isinstance(engine.command(Open(2, "s", "", (PLAIN,)), 10.1), Opened)  # after the guard time


def test_ports_are_free_again_after_the_guard_time_only() -> None:
    engine = make_engine(FakePorts(), low=36000, high=36003)  # two pairs
    assert engine.ports_free(0.0)
    assert isinstance(engine.command(Open(1, "s", "", (PLAIN,)), 0.0), Opened)
    assert not engine.ports_free(1.0)
    engine.command(Close(2, "s"), 1.0)
    assert not engine.ports_free(10.9)
    described = engine.command(Describe(3), 10.9)
    assert isinstance(described, Described)
    assert (described.port_pairs, described.port_pairs_used, described.port_pairs_resting) == (2, 0, 2)
    assert engine.ports_free(11.0)


def test_a_port_held_by_another_process_is_passed_over() -> None:
    ports = FakePorts()
    ports.busy = {36000, 36003}  # the second one is the RTCP port of its pair
    engine = make_engine(ports)
    reply = engine.command(Open(1, "s", "", (PLAIN,)), 0.0)
    assert isinstance(reply, Opened)
    assert (reply.streams[0].a.rtp[1], reply.streams[0].b.rtp[1]) == (36004, 36006)


def test_attempts_are_bounded() -> None:
    ports = FakePorts()
    ports.busy = set(range(36000, 36200))
    before = dict(ports.opened)
    reply = make_engine(ports).command(Open(1, "s", "", (PLAIN,)), 0.0)
    assert isinstance(reply, Failed) and reply.what == "port-refused"
    assert "in use" in reply.reason
    assert len(ports.opened) == len(before) + 2  # the demultiplexing pair of this engine only


def test_a_port_that_cannot_be_opened_at_all() -> None:
    ports = FakePorts()
    engine = make_engine(ports)
    ports.broken = True
    reply = engine.command(Open(1, "s", "", (PLAIN,)), 0.0)
    assert isinstance(reply, Failed) and (reply.what, reply.reason) == ("port-refused", "row T11-11: no permission")


def test_demux_only_where_there_is_one() -> None:
    engine = make_engine(FakePorts())
    leg = LegRequest("demux", "outer", ("T11-09", "T11-10"))
    reply = engine.command(Open(1, "s", "", (StreamRequest(leg, PLAIN_INNER),)), 0.0)
    assert isinstance(reply, Failed) and reply.what == "no-demux"


def test_six_pairs_share_the_load() -> None:
    engine = make_engine(FakePorts(), pairs=6)
    used = []
    for number in range(12):
        reply = engine.command(Open(number, str(number), "", (TRAVERSAL,)), 0.0)
        assert isinstance(reply, Opened)
        used.append(reply.streams[0].a.rtp[1])
    assert sorted(used) == sorted([2776, 2778, 2780, 2782, 2784, 2786] * 2)


def test_credentials_differ() -> None:
    engine = make_engine(FakePorts())
    reply = engine.command(Open(1, "s", "", (TRAVERSAL,) * 8), 0.0)
    assert isinstance(reply, Opened)
    assert len({each.a.ufrag for each in reply.streams}) == 8
    assert len({each.a.password for each in reply.streams}) == 8
    # SDP carries them in `a=x-seaway-media`, which takes letters and digits only
    assert all((each.a.ufrag or "").isalnum() and (each.a.password or "").isalnum() for each in reply.streams)


def test_a_session_gets_another_label() -> None:
    engine = make_engine(FakePorts())
    engine.command(Open(1, "s", "first", (PLAIN,)), 0.0)
    engine.take_changed()
    assert engine.command(Relabel("s", "second"), 1.0) is None
    listed = engine.command(List(2), 1.0)
    assert isinstance(listed, Listed) and listed.sessions[0].label == "second"
    kept = engine.take_changed()["s"]
    assert isinstance(kept, dict) and kept["label"] == "second", "and a later relay process knows it"
    for bad, what in ((Relabel("x", "y"), "no-session"), (Relabel("s", "y" * 8193), "bad-name")):
        failed = engine.command(bad, 2.0)
        assert isinstance(failed, Failed) and (failed.request, failed.what) == (0, what)
