"""Every (state, event) pair of the four tables, by driving the layer: what the table says is what happens."""

from __future__ import annotations

import pytest

from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.server import ServerTransaction
from seaway.core.sip.states import (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    Event,
    State,
    Table,
)

from ...support.layers import Bench
from ...support.messages import flow, request, response

STATUS = {Event.PROVISIONAL: 180, Event.SUCCESS: 200, Event.FAILURE: 404}
PLACE = flow()


class Client:
    """A client transaction in a state, and ways to make each event happen."""

    def __init__(self, method: str, state: State) -> None:
        self.bench = Bench()
        self.transaction, self.data = self.bench.client(method, PLACE)
        path = {State.PROCEEDING: 180, State.ACCEPTED: 200, State.COMPLETED: 404}
        if state in path:
            self.bench.receive(response(self.data, path[state]), PLACE)
        elif state is State.TERMINATED:
            self.bench.run(40)
        assert self.transaction.state is state
        self.bench.sent()
        self.bench.user.events.clear()

    def cause(self, event: Event) -> None:
        bench = self.bench
        if event in STATUS:
            bench.receive(response(self.data, STATUS[event]), PLACE)
        elif event is Event.TRANSPORT_ERROR:
            bench.layer._fail(self.transaction, 503, "no route to host", bench.now)
        elif event is Event.TIMEOUT:
            bench.run(250)  # timer B, F or C, whatever the state waits for
        elif event is Event.LINGER:
            bench.run(32)


class Server:
    def __init__(self, method: str, state: State) -> None:
        self.bench = Bench()
        self.method = method
        self.data = request(method)
        self.transaction = self.bench.server(self.data, PLACE)
        path = {State.ACCEPTED: 200, State.COMPLETED: 404, State.CONFIRMED: 404, State.TERMINATED: 404}
        if state is State.PROCEEDING:
            self._respond(180)
        elif state in path:
            if method != "INVITE" and state is State.COMPLETED:
                self._respond(200)
            else:
                self._respond(path[state])
        if state in (State.CONFIRMED, State.TERMINATED) and method == "INVITE":
            self.bench.receive(request("ACK"), PLACE)
        if state is State.TERMINATED:
            self.bench.run(40)
        assert self.transaction.state is state
        self.bench.sent()
        self.bench.user.events.clear()

    def _respond(self, status: int) -> None:
        self.bench.layer.respond(self.transaction, response(self.data, status), status, self.bench.now)

    def cause(self, event: Event) -> None:
        if event in STATUS:
            self._respond(STATUS[event])
        elif event is Event.ACK:
            self.bench.receive(request("ACK"), PLACE)
        elif event is Event.TIMEOUT or event is Event.LINGER:
            self.bench.run(32)


def pairs(table: Table, states: list[State], events: list[Event]) -> list[tuple[State, Event, State | None]]:
    return [(state, event, table.get((state, event))) for state in states for event in events]


RESPONSES = [Event.PROVISIONAL, Event.SUCCESS, Event.FAILURE]
IC = [State.CALLING, State.PROCEEDING, State.ACCEPTED, State.COMPLETED, State.TERMINATED]
NC = [State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED]
IS = [State.PROCEEDING, State.ACCEPTED, State.COMPLETED, State.CONFIRMED, State.TERMINATED]
NS = [State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED]
CLIENT_EVENTS = [*RESPONSES, Event.TIMEOUT, Event.LINGER, Event.TRANSPORT_ERROR]
SERVER_EVENTS = [*RESPONSES, Event.ACK, Event.TIMEOUT, Event.LINGER]


def waits(table: Table, state: State, event: Event) -> bool:
    """TIMEOUT and LINGER are caused by letting time pass, so a state that waits for one cannot show the other."""
    other = Event.LINGER if event is Event.TIMEOUT else Event.TIMEOUT
    return event in (Event.TIMEOUT, Event.LINGER) and (state, other) in table


def check(actor: Client | Server, event: Event, want: State | None, before: State) -> None:
    length = len(actor.bench.layer)
    actor.cause(event)
    state = actor.transaction.state
    assert state is (before if want is None else want)
    if state is State.TERMINATED:
        assert len(actor.bench.layer) == 0
        assert actor.bench.layer.next_deadline() is None or before is not State.TERMINATED
    elif want is None:
        assert len(actor.bench.layer) == length


@pytest.mark.parametrize(("state", "event", "want"), pairs(INVITE_CLIENT, IC, CLIENT_EVENTS))
def test_invite_client(state: State, event: Event, want: State | None) -> None:
    if waits(INVITE_CLIENT, state, event):
        return
    actor = Client("INVITE", state)
    check(actor, event, want, state)
    told = actor.bench.user.names()
    acks = [each for each in actor.bench.sent() if each.startswith(b"ACK")]
    # RFC 3261 §17.1.1.3: each non-2xx final is acknowledged here; RFC 6026 §7.2: each 2xx goes up, unacknowledged.
    assert len(acks) == (event is Event.FAILURE and want is not None)
    if event in RESPONSES:
        assert told == (["response"] if want is not None and state is not State.COMPLETED else [])


@pytest.mark.parametrize(("state", "event", "want"), pairs(NON_INVITE_CLIENT, NC, CLIENT_EVENTS))
def test_non_invite_client(state: State, event: Event, want: State | None) -> None:
    if waits(NON_INVITE_CLIENT, state, event):
        return
    actor = Client("OPTIONS", state)
    check(actor, event, want, state)
    if event in RESPONSES:
        assert actor.bench.user.names() == (["response"] if want is not None else [])
        assert actor.bench.sent() == []


@pytest.mark.parametrize(("state", "event", "want"), pairs(INVITE_SERVER, IS, SERVER_EVENTS))
def test_invite_server(state: State, event: Event, want: State | None) -> None:
    if waits(INVITE_SERVER, state, event):
        return
    actor = Server("INVITE", state)
    check(actor, event, want, state)
    if event in RESPONSES:
        assert len(actor.bench.sent()) == (want is not None)
    if event is Event.ACK:
        # Only the ACK of a 2xx belongs to the user; a stray one does too, since it fits no transaction.
        passed = state in (State.ACCEPTED, State.TERMINATED)
        assert actor.bench.user.names() == (["ack"] if passed else [])


@pytest.mark.parametrize(("state", "event", "want"), pairs(NON_INVITE_SERVER, NS, SERVER_EVENTS))
def test_non_invite_server(state: State, event: Event, want: State | None) -> None:
    if waits(NON_INVITE_SERVER, state, event):
        return
    actor = Server("OPTIONS", state)
    check(actor, event, want, state)
    if event in RESPONSES:
        assert len(actor.bench.sent()) == (want is not None)


RETRANSMITTED: list[tuple[str, State, int]] = [
    # method, state, how many answers a retransmission of the request gets
    ("INVITE", State.PROCEEDING, 1),
    ("INVITE", State.COMPLETED, 1),
    ("INVITE", State.CONFIRMED, 1),
    ("INVITE", State.ACCEPTED, 0),  # RFC 6026 §7.1: absorbed
    ("OPTIONS", State.TRYING, 0),  # RFC 3261 §17.2.2: discarded
    ("OPTIONS", State.PROCEEDING, 1),
    ("OPTIONS", State.COMPLETED, 1),
]


@pytest.mark.parametrize(("method", "state", "answers"), RETRANSMITTED)
def test_retransmitted_requests_never_reach_the_user(method: str, state: State, answers: int) -> None:
    actor = Server(method, state)
    actor.bench.receive(actor.data, PLACE)
    assert len(actor.bench.sent()) == answers
    assert actor.bench.user.names() == []
    assert actor.transaction.state is state


def test_every_entry_of_the_tables_is_reached() -> None:
    """The lists above hold every state and event that the tables name."""
    for table, states, events in (
        (INVITE_CLIENT, IC, CLIENT_EVENTS),
        (NON_INVITE_CLIENT, NC, CLIENT_EVENTS),
        (INVITE_SERVER, IS, SERVER_EVENTS),
        (NON_INVITE_SERVER, NS, SERVER_EVENTS),
    ):
        assert set(table) <= {(state, event) for state in states for event in events}
        assert all(after in states for after in table.values())
        # What the time-out pass cannot show because two timers share a state is shown by the schedules.
        skipped = {p for p in table if waits(table, *p)}
        assert not skipped, skipped


def test_transitions_come_from_the_tables_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """`advance` is the only way to change state; with an empty table nothing changes."""
    for transaction in (ClientTransaction, ServerTransaction):
        assert "state" in transaction.__slots__
    actor = Client("INVITE", State.CALLING)
    monkeypatch.setattr("seaway.core.sip.client.INVITE_CLIENT", {})
    actor.cause(Event.SUCCESS)
    assert actor.transaction.state is State.CALLING
