"""What intrusion protection is told of, and that nobody can have somebody else blocked."""

from __future__ import annotations

import pytest

from seaway.core.sip.io import Flow
from seaway.policy.intrusion import Category

from ..support.messages import flow, header, request
from ..support.nodes import CORE
from .test_admission import Desk

SCANNER = "User-Agent: friendly-scanner"


def tcp(host: str = "192.0.2.10") -> Flow:
    return flow("tcp", (host, 41000), (CORE, 5060), "inner")


def told(desk: Desk) -> list[tuple[Category, str, bool]]:
    return [(each.category, each.flow.remote[0], each.proven) for each in desk.offences]


def test_a_wrong_password_is_proven_by_the_nonce_over_udp_too() -> None:
    desk = Desk()
    assert (
        desk.prove("REGISTER", "sip:example.test", "alice", desk.udp(), to="<sip:alice@example.test>", password="no")
        == 401
    )
    assert told(desk) == [(Category.AUTHENTICATION, "192.0.2.10", True)]


def test_an_unknown_user_is_told_of_as_a_known_one_is() -> None:
    desk = Desk()
    assert desk.prove("INVITE", "sip:bob@example.test", "nobody", desk.udp(), password="x") == 407
    assert told(desk) == [(Category.AUTHENTICATION, "192.0.2.10", True)]


def test_a_good_login_and_a_challenge_are_no_offences() -> None:
    desk = Desk()
    assert desk.register("alice", "sip:alice@192.0.2.10:5060", desk.udp()) == 200
    assert desk.status(request("INVITE"), desk.udp()) == 407
    assert told(desk) == []


def credentials(desk: Desk, **changes: str) -> str:
    """Wrong credentials with a nonce that was given to 192.0.2.10."""
    answer = next(data for _, _, data in desk.receive(request("REGISTER", "sip:example.test"), desk.udp()))
    challenge = header(answer, "www-authenticate")[0]
    nonce = challenge.partition('nonce="')[2].partition('"')[0]
    values = {
        "username": "alice", "realm": "example.test", "nonce": nonce, "uri": "sip:example.test", "response": "0" * 64,
        "cnonce": "c",
    } | changes  # fmt: skip
    text = ", ".join(f'{name}="{value}"' for name, value in values.items() if name != "algorithm")
    return f"Authorization: Digest {text}, algorithm={changes.get('algorithm', 'SHA-256')}, qop=auth, nc=00000001"


@pytest.mark.parametrize("changes", [{}, {"nonce": "invented"}, {"algorithm": "SHA-512-256"}])
def test_a_forged_source_cannot_have_its_owner_blocked(changes: dict[str, str]) -> None:
    """A nonce is for one address: what another one sends with it is not proven, whatever else is wrong with it."""
    desk = Desk()
    line = credentials(desk, **changes)
    victim = desk.udp("192.0.2.99")
    assert desk.status(request("REGISTER", "sip:example.test", branch="z9hG4bKv", headers=[line]), victim) == 401
    assert not [each for each in told(desk) if each[2]]


def test_the_same_from_its_own_address_is_proven() -> None:
    """The positive twin."""
    desk = Desk()
    line = credentials(desk)
    assert desk.status(request("REGISTER", "sip:example.test", branch="z9hG4bKv", headers=[line]), desk.udp()) == 401
    assert told(desk) == [(Category.AUTHENTICATION, "192.0.2.10", True)]


def test_scanners_are_proven_over_streams_only() -> None:
    desk = Desk()
    desk.status(request("OPTIONS", "sip:100@example.test", headers=[SCANNER], branch="z9hG4bK1"), desk.udp())
    desk.status(request("OPTIONS", "sip:100@example.test", headers=[SCANNER], branch="z9hG4bK2"), tcp())
    scanners = [each for each in told(desk) if each[0] is Category.SCANNER]
    assert scanners == [(Category.SCANNER, "192.0.2.10", False), (Category.SCANNER, "192.0.2.10", True)]


def test_what_cannot_be_read() -> None:
    desk = Desk()
    desk.receive(b"nonsense\r\n\r\n", desk.udp())
    desk.receive(b"nonsense\r\n\r\n", tcp())
    desk.receive(b"\r\n\r\n", tcp())
    assert told(desk) == [(Category.MALFORMED, "192.0.2.10", False), (Category.MALFORMED, "192.0.2.10", True)]


def test_who_asks_for_users_over_a_stream_and_never_answers_is_told_of() -> None:
    """R43, enumeration; over UDP anybody could have written the source address."""
    desk, link = Desk(), tcp()
    desk.control.flow_opened(link, 0.0)
    for number in range(3):
        uri = f"sip:{number}00@example.test"
        assert desk.status(request("INVITE", uri, branch=f"z9hG4bKs{number}", transport="TCP"), link) == 407
        assert desk.status(request("INVITE", uri, branch=f"z9hG4bKd{number}"), desk.udp()) == 407
    assert told(desk) == [(Category.ENUMERATION, "192.0.2.10", True)] * 3 and desk.proved == []


def test_a_phone_that_answers_its_challenge_is_relieved() -> None:
    desk, link = Desk(), tcp()
    desk.control.flow_opened(link, 0.0)
    assert desk.register("alice", "sip:alice@192.0.2.10:5060;transport=tcp", link) == 200
    assert told(desk) == [(Category.ENUMERATION, "192.0.2.10", True)] and desk.proved == [link]
    assert desk.register("bob", "sip:bob@192.0.2.10:5060", desk.udp()) == 200
    assert desk.proved == [link], "over UDP nothing is counted, so nothing is taken back"
