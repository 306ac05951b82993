"""Session timers: what is agreed, who refreshes, and when it is over (RFC 4028)."""

from __future__ import annotations

import pytest

from seaway.core.sip.session_timer import SessionTimer, TimerWishes, min_se, session_expires
from seaway.wire.sip.errors import SipError

from ...support.messages import as_request, as_response, request, response


def asked(*headers: str):  # type: ignore[no-untyped-def]
    return as_request(request(headers=list(headers)))


def answered(status: int, *headers: str):  # type: ignore[no-untyped-def]
    return as_response(response(request(), status, headers=headers))


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        # RFC 4028 §9, table 2: does the UAC know timers, which refresher does it name -> who
        ((), [(b"Session-Expires", b"1800;refresher=uas")]),
        (("Session-Expires: 900",), [(b"Session-Expires", b"900;refresher=uas")]),
        (
            ("Session-Expires: 900", "Supported: timer"),
            [(b"Session-Expires", b"900;refresher=uac"), (b"Require", b"timer")],
        ),
        (
            ("Session-Expires: 900;refresher=uas", "Supported: timer"),
            [(b"Session-Expires", b"900;refresher=uas")],
        ),
        (
            ("Session-Expires: 7200;refresher=uac", "Supported: timer"),
            [(b"Session-Expires", b"1800;refresher=uac"), (b"Require", b"timer")],
        ),
        (
            ("Session-Expires: 7200;refresher=uac", "Min-SE: 3600", "Supported: timer"),
            [(b"Session-Expires", b"3600;refresher=uac"), (b"Require", b"timer")],
        ),
        (("Session-Expires: 1",), [(b"Session-Expires", b"90;refresher=uas")]),
    ],
)  # fmt: skip
def test_answer(headers: tuple[str, ...], wanted: list[tuple[bytes, bytes]]) -> None:
    timer = SessionTimer(TimerWishes(1800, 500))
    assert list(timer.answer(asked(*headers), 100.0)) == wanted
    assert timer.ours is wanted[0][1].endswith(b"uas")


def test_no_timer_wished_and_none_asked_for() -> None:
    timer = SessionTimer(TimerWishes(0, 90))
    assert timer.answer(asked(), 0.0) == () and timer.deadline is None
    assert timer.request_headers() == ()
    assert timer.answer(asked("Session-Expires: 100"), 0.0)[0][1] == b"100;refresher=uas"


def test_deadlines() -> None:
    """Half of the interval for who refreshes; 32 s or a third before the end for who waits (RFC 4028 §10)."""
    timer = SessionTimer(TimerWishes(1800, 90))
    timer.accepted(answered(200, "Session-Expires: 600;refresher=uac"), 1000.0)
    assert timer.ours and timer.deadline == 1300.0
    timer.accepted(answered(200, "Session-Expires: 600;refresher=uas"), 1000.0)
    assert not timer.ours and timer.deadline == 1568.0
    timer.accepted(answered(200, "Session-Expires: 90;refresher=uas"), 1000.0)
    assert timer.deadline == 1060.0


def test_a_peer_without_timers_is_refreshed_by_us() -> None:
    timer = SessionTimer(TimerWishes(1800, 90))
    assert timer.request_headers() == ((b"Session-Expires", b"1800"),)
    timer.accepted(answered(200), 0.0)
    assert timer.ours and timer.deadline == 900.0
    assert timer.request_headers() == ((b"Session-Expires", b"1800;refresher=uac"),)


def test_422() -> None:
    timer = SessionTimer(TimerWishes(1800, 90))
    timer.request_headers()
    assert timer.too_small(answered(422, "Min-SE: 3600"))
    assert timer.request_headers() == ((b"Session-Expires", b"3600"), (b"Min-SE", b"3600"))
    assert not timer.too_small(answered(422, "Min-SE: 3600")), "it has that already"
    assert not timer.too_small(answered(422, "Min-SE: 2147483647")), "nobody gets a session for ever"
    assert not timer.too_small(answered(422)) and not timer.too_small(answered(422, "Min-SE: x"))


def test_refusal() -> None:
    timer = SessionTimer(TimerWishes(1800, 500))
    assert timer.refusal(asked("Session-Expires: 120", "Supported: timer")) == 500
    assert timer.refusal(asked("x: 120;refresher=uac", "k: timer")) == 500
    assert timer.refusal(asked("Session-Expires: 120")) is None, "a proxy put it in, the UAC knows nothing of 422"
    assert timer.refusal(asked("Session-Expires: 500", "Supported: timer")) is None
    assert timer.refusal(asked("Supported: timer")) is None


@pytest.mark.parametrize("line", ["Session-Expires: x", "Session-Expires: 2147483648", "Session-Expires: ;a"])
def test_nonsense(line: str) -> None:
    with pytest.raises(SipError):
        session_expires(asked(line))
    timer = SessionTimer(TimerWishes(1800, 500))
    timer.accepted(answered(200, line), 5.0)
    assert timer.ours and timer.since == 5.0
    with pytest.raises(SipError):
        timer.refusal(asked("Min-SE: -1"))
    assert min_se(asked()) is None
