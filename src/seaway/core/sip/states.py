"""The four SIP transaction state machines as tables (RFC 3261 figures 5 to 8, with RFC 6026 §7 and §8).

`TABLE[state, event]` is the next state; a pair that is missing means that the event changes nothing. The code in
`server.py` and `client.py` takes its transitions from here, so a diagram drawn from this file is true.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["INVITE_CLIENT", "INVITE_SERVER", "NON_INVITE_CLIENT", "NON_INVITE_SERVER", "Event", "State", "Table"]


class State(Enum):
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"  # RFC 6026: a 2xx was sent or received, further 2xx pass
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"

    __hash__ = object.__hash__  # members are singletons; the inherited hash is a Python call on a hot path


class Event(Enum):
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    ACK = "ack"
    TIMEOUT = "timeout"  # timer B, F or H
    LINGER = "linger"  # timer D, I, J, K, L or M: time to forget
    TRANSPORT_ERROR = "transport error"

    __hash__ = object.__hash__


Table = dict[tuple[State, Event], State]

INVITE_CLIENT: Table = {
    (State.CALLING, Event.PROVISIONAL): State.PROCEEDING,
    (State.CALLING, Event.SUCCESS): State.ACCEPTED,
    (State.CALLING, Event.FAILURE): State.COMPLETED,
    (State.CALLING, Event.TIMEOUT): State.TERMINATED,
    (State.CALLING, Event.TRANSPORT_ERROR): State.TERMINATED,
    (State.PROCEEDING, Event.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Event.SUCCESS): State.ACCEPTED,
    (State.PROCEEDING, Event.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Event.TIMEOUT): State.TERMINATED,  # timer C (RFC 3261 §16.8)
    (State.PROCEEDING, Event.TRANSPORT_ERROR): State.TERMINATED,
    (State.ACCEPTED, Event.SUCCESS): State.ACCEPTED,
    (State.ACCEPTED, Event.LINGER): State.TERMINATED,
    (State.COMPLETED, Event.FAILURE): State.COMPLETED,
    (State.COMPLETED, Event.LINGER): State.TERMINATED,
    (State.COMPLETED, Event.TRANSPORT_ERROR): State.TERMINATED,
}

NON_INVITE_CLIENT: Table = {
    (State.TRYING, Event.PROVISIONAL): State.PROCEEDING,
    (State.TRYING, Event.SUCCESS): State.COMPLETED,
    (State.TRYING, Event.FAILURE): State.COMPLETED,
    (State.TRYING, Event.TIMEOUT): State.TERMINATED,
    (State.TRYING, Event.TRANSPORT_ERROR): State.TERMINATED,
    (State.PROCEEDING, Event.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Event.SUCCESS): State.COMPLETED,
    (State.PROCEEDING, Event.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Event.TIMEOUT): State.TERMINATED,
    (State.PROCEEDING, Event.TRANSPORT_ERROR): State.TERMINATED,
    (State.COMPLETED, Event.LINGER): State.TERMINATED,
}

INVITE_SERVER: Table = {
    (State.PROCEEDING, Event.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Event.SUCCESS): State.ACCEPTED,
    (State.PROCEEDING, Event.FAILURE): State.COMPLETED,
    (State.ACCEPTED, Event.SUCCESS): State.ACCEPTED,
    (State.ACCEPTED, Event.ACK): State.ACCEPTED,
    (State.ACCEPTED, Event.LINGER): State.TERMINATED,
    (State.COMPLETED, Event.ACK): State.CONFIRMED,
    (State.COMPLETED, Event.TIMEOUT): State.TERMINATED,
    (State.CONFIRMED, Event.ACK): State.CONFIRMED,
    (State.CONFIRMED, Event.LINGER): State.TERMINATED,
}

NON_INVITE_SERVER: Table = {
    (State.TRYING, Event.PROVISIONAL): State.PROCEEDING,
    (State.TRYING, Event.SUCCESS): State.COMPLETED,
    (State.TRYING, Event.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Event.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Event.SUCCESS): State.COMPLETED,
    (State.PROCEEDING, Event.FAILURE): State.COMPLETED,
    (State.COMPLETED, Event.LINGER): State.TERMINATED,
}
