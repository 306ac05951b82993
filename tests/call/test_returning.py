"""Contacts of users whose registrar is elsewhere."""

from __future__ import annotations

from seaway.call.returning import Returning

from ..support.messages import flow

URI = b"sip:bob@192.0.2.1;transport=tls"


def test_the_last_connection_of_the_same_user() -> None:
    known, one, two = Returning(), flow("tls"), flow("tls")
    assert known.flow(URI) is None
    known.note(URI, b"bob@example.test", one)
    known.note(URI, b"bob@example.test", two)
    assert known.flow(URI) is two


def test_nobody_takes_over_a_contact_by_claiming_it() -> None:
    """Also when the connection of the first is closed; and it stays so."""
    known, one, two = Returning(), flow("tls"), flow("tls")
    known.note(URI, b"bob@example.test", one)
    known.note(URI, b"mallory@example.test", two)
    assert known.flow(URI) is None
    known.note(URI, b"mallory@example.test", two)
    assert known.flow(URI) is None


def test_it_is_bounded_and_the_oldest_go() -> None:
    known, there = Returning(3), flow("tls")
    for number in (1, 2, 3, 1, 4):
        known.note(b"sip:%d@x" % number, b"u", there)
    assert [number for number in (1, 2, 3, 4) if known.flow(b"sip:%d@x" % number) is there] == [1, 3, 4]
    assert len(known._known) == 3
