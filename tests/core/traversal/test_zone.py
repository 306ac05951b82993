"""The state of a traversal link at both ends, with exact times."""

from __future__ import annotations

import pytest

from seaway.core.sip.io import Flow
from seaway.core.traversal.zone import (
    Dropped,
    Output,
    ProbeZone,
    SendPing,
    StateChanged,
    ZoneClient,
    ZoneServer,
    ZoneState,
)

from ...support.messages import flow


def drain(zone: ZoneClient | ZoneServer) -> list[Output]:
    found = []
    while (output := zone.next_output()) is not None:
        found.append(output)
    return found


def run(zone: ZoneClient | ZoneServer, since: float, until: float) -> list[tuple[float, Output]]:
    """Fire what is due between two times; (time, output)."""
    found = [(since, each) for each in drain(zone)]
    while (deadline := zone.next_deadline()) is not None and deadline <= until:
        zone.handle_timeout(deadline)
        found += [(deadline, each) for each in drain(zone)]
    return found


def times(found: list[tuple[float, Output]], kind: type) -> list[float]:
    return [at for at, output in found if isinstance(output, kind)]


def active(keep_alive: float = 30.0, ping: float = 15.0) -> tuple[ZoneClient, Flow]:
    zone, link = ZoneClient(keep_alive, ping), flow("tls", zone="traversal")
    zone.start(0.0)
    zone.connected(link, 0.0)
    zone.answered(200, 0.0)
    drain(zone)
    assert zone.state is ZoneState.ACTIVE
    return zone, link


def test_the_client_comes_up() -> None:
    zone, link = ZoneClient(), flow("tls")
    assert (zone.state, zone.next_deadline()) == (ZoneState.IDLE, None)
    zone.start(5.0)
    assert drain(zone) == [StateChanged(ZoneState.CONNECTING, "dialling"), ProbeZone()]
    zone.connected(link, 5.1)
    assert zone.flow is link
    zone.answered(200, 5.2)
    assert drain(zone) == [StateChanged(ZoneState.ACTIVE, "keep-alive answered")]
    assert zone.since == 5.2


def test_keep_alives_and_pings_have_their_own_intervals() -> None:
    zone, link = active(keep_alive=30, ping=15)
    found = []
    for second in range(1, 121):
        for at, output in run(zone, second, second):
            found.append((at, output))
            if isinstance(output, ProbeZone):
                zone.answered(200, at)
            elif isinstance(output, SendPing):
                assert output.flow is link
                zone.pong(link)
    assert times(found, ProbeZone) == [30, 60, 90, 120]
    assert times(found, SendPing) == [15, 30, 45, 60, 75, 90, 105, 120]
    assert not times(found, StateChanged)


def test_no_second_probe_while_one_is_out() -> None:
    zone, link = active(keep_alive=5, ping=1000)
    found = run(zone, 0, 5)
    assert times(found, ProbeZone) == [5]
    assert times(run(zone, 5, 500), ProbeZone) == []
    zone.answered(200, 500)
    assert times(run(zone, 500, 505), ProbeZone) == [505]
    assert zone.flow is link


@pytest.mark.parametrize("ping", [3.0, 15.0])
def test_a_missing_pong_ends_the_connection_after_ten_seconds(ping: float) -> None:
    """Also when the next ping is due before that (RFC 5626 §4.4.1)."""
    zone, link = active(ping=ping)
    found = run(zone, 0, ping + 9.9)
    assert zone.state is ZoneState.ACTIVE and times(found, SendPing)[0] == ping
    found = run(zone, 0, ping + 10)
    reason = "no answer to a ping within 10 s"
    assert [output for _, output in found] == [Dropped(link, reason), StateChanged(ZoneState.FAILED, reason)]
    assert zone.flow is None


def test_a_pong_of_another_connection_does_not_count() -> None:
    zone, _ = active()
    run(zone, 0, 15)
    zone.pong(flow("tls"))
    run(zone, 15, 25)
    assert zone.state is ZoneState.FAILED


def test_back_off_doubles_up_to_half_a_minute() -> None:
    zone = ZoneClient()
    zone.start(0.0)
    drain(zone)
    now, tries = 0.0, []
    for _ in range(9):
        zone.failed("refused", now)
        found = run(zone, now, now + 100)
        (at,) = times(found, ProbeZone)
        tries.append(at - now)
        assert zone.state is ZoneState.CONNECTING
        assert zone.reason == "trying again after: refused"
        now = at
    assert tries == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    zone.connected(flow("tls"), now)
    zone.answered(200, now)
    zone.closed(zone.flow, "reset", now)  # type: ignore[arg-type]
    assert times(run(zone, now, now + 100), ProbeZone) == [now + 0.5], "success begins anew"


@pytest.mark.parametrize(
    ("status", "hint"), [(401, True), (403, True), (407, True), (404, False), (500, False), (302, False)]
)
def test_a_refusal_says_what_to_check(status: int, hint: bool) -> None:
    zone, link = ZoneClient(), flow("tls")
    zone.start(0.0)
    zone.connected(link, 0.0)
    zone.answered(status, 0.0)
    assert zone.state is ZoneState.FAILED
    assert zone.reason.startswith(f"the edge answered OPTIONS with {status}")
    assert ("check user and password of the traversal zone on both nodes" in zone.reason) == hint
    assert "\n" not in zone.reason
    assert any(isinstance(each, Dropped) and each.flow is link for each in drain(zone))


def test_one_failure_counts_once() -> None:
    """The connection ends, so its OPTIONS fails too: that is one failure, with the first reason."""
    zone, link = active(keep_alive=30, ping=1000)
    run(zone, 0, 30)
    zone.closed(link, "reset by peer", 31)
    zone.failed("connection closed", 31)
    zone.answered(200, 31)
    assert zone.reason == "connection closed: reset by peer"
    assert times(run(zone, 31, 100), ProbeZone) == [31.5]


def test_other_connections_do_not_matter() -> None:
    zone, link = active()
    zone.closed(flow("tls"), "reset", 1)
    assert zone.state is ZoneState.ACTIVE and zone.flow is link


def test_a_probe_that_fails_ends_an_active_zone() -> None:
    zone, link = active(keep_alive=5, ping=1000)
    run(zone, 0, 5)
    zone.failed("no answer in time", 37)
    assert zone.state is ZoneState.FAILED
    assert Dropped(link, "no answer in time") in drain(zone)
    assert times(run(zone, 37, 38), ProbeZone) == [37.5], "the next attempt is not held up by the last"


def test_closed_before_the_first_answer_names_the_certificate() -> None:
    """The edge closes at once when it does not like our certificate: the reason says so."""
    zone, link = ZoneClient(), flow("tls")
    zone.start(0.0)
    zone.connected(link, 0.0)
    zone.closed(link, "closed by the peer", 0.1)
    assert "refuse this node's certificate, name or CA" in zone.reason and "\n" not in zone.reason


# -- the server


def test_the_server_comes_up_and_keeps_the_newest_connection() -> None:
    zone, first, second = ZoneServer(30), flow("tls"), flow("tls")
    assert zone.reason == "the core has not connected yet"
    zone.authenticated(first, 1.0)
    assert drain(zone) == [StateChanged(ZoneState.ACTIVE, "authenticated")]
    zone.authenticated(first, 2.0)
    assert drain(zone) == []
    zone.authenticated(second, 3.0)
    assert drain(zone) == [Dropped(first, "replaced by a newer connection of the same zone")]
    zone.closed(first, "closed by us", 4.0)
    assert zone.state is ZoneState.ACTIVE and zone.flow is second
    zone.closed(second, "reset", 5.0)
    assert (zone.state, zone.flow, zone.next_deadline()) == (ZoneState.FAILED, None, None)


def test_three_missed_keep_alives() -> None:
    zone, link = ZoneServer(30), flow("tls")
    zone.authenticated(link, 0.0)
    zone.authenticated(link, 30.0)
    drain(zone)
    assert run(zone, 30, 119.9) == []
    found = run(zone, 119.9, 120)
    assert [output for _, output in found] == [
        Dropped(link, "no keep-alive"),
        StateChanged(ZoneState.FAILED, "no keep-alive for 90 s"),
    ]
    assert zone.flow is None


def test_a_refusal_is_shown_only_while_the_zone_is_down() -> None:
    zone, link = ZoneServer(30), flow("tls")
    zone.refused("wrong user or password from 192.0.2.1", 0.0)
    assert (zone.state, zone.reason) == (ZoneState.FAILED, "wrong user or password from 192.0.2.1")
    zone.authenticated(link, 1.0)
    zone.refused("wrong user or password from 192.0.2.1", 2.0)
    assert zone.state is ZoneState.ACTIVE
