"""The name server of loopback mode."""

from __future__ import annotations

import dns.message
import dns.rcode
import pytest

from seaway.lab.dns import zone_text
from seaway.lab.names import NameServer


def _ask(name: str, kind: str = "A") -> dns.message.Message:
    server = NameServer({"edge1.example.test": "127.0.3.20"})
    try:
        reply = server.answer(dns.message.make_query(name, kind).to_wire())
    finally:
        server.close()
    assert reply is not None
    return dns.message.from_wire(reply)


@pytest.mark.parametrize("name", ["edge1.example.test", "EDGE1.example.TEST"])
def test_a_known_name(name: str) -> None:
    assert [str(each) for rrset in _ask(name).answer for each in rrset] == ["127.0.3.20"]


def test_other_types_are_empty_and_other_names_unknown() -> None:
    empty = _ask("edge1.example.test", "AAAA")
    assert empty.rcode() == dns.rcode.NOERROR and not empty.answer
    assert _ask("core1.example.test").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("data", [b"", b"x", bytes(12), bytes(range(60))])
def test_garbage_is_ignored(data: bytes) -> None:
    server = NameServer({})
    try:
        assert server.answer(data) is None
    finally:
        server.close()


def test_the_public_zone_does_not_tell_of_the_core() -> None:
    assert "core1" not in zone_text("203.0.113.20", None)
    assert "core1 IN A 10.0.1.10" in zone_text("10.0.2.20", "10.0.1.10")
