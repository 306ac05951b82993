"""What call policy is told of a request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seaway.call.facts import facts_of, party_of_uri
from seaway.core.sip.context import Context
from seaway.core.sip.server import ServerTransaction
from seaway.policy.cpl.facts import Party

from ..support.messages import as_request, flow


@pytest.mark.parametrize(
    ("uri", "party"),
    [
        (b"sip:bob@Example.test:5070", Party("sip", "bob", "example.test", "5070")),
        (b"sips:bob@[2001:db8::1]", Party("sips", "bob", "2001:db8::1")),
        (b"sip:192.0.2.1", Party("sip", "", "192.0.2.1")),
        (b"tel:+44-20.7123(4567);ext=1", Party("tel", telephone="442071234567")),
        (b"sip:+44-207@example.test;user=phone", Party("sip", "+44-207", "example.test", telephone="44207")),
        (b"mailto:a@b", Party()),
        (b"sip:", Party()),
    ],
)
def test_parts_of_a_uri(uri: bytes, party: Party) -> None:
    found = party_of_uri(uri)
    assert replace(found, host=found.host.lower()) == party


def test_facts_of_a_request() -> None:
    data = (
        b"INVITE sip:desk@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        b'From: "Anne W" <sip:anne@clinic.example>;tag=1\r\nTo: <sip:front@example.test>\r\nCall-ID: c\r\n'
        b"CSeq: 1 INVITE\r\nSubject: Ward round\r\nOrganization: Clinic\r\nUser-Agent: Phone/1\r\n"
        b"Priority: urgent\r\nAccept-Language: de-AT;q=0.8, en\r\nContent-Length: 0\r\n\r\n"
    )
    request, where = as_request(data), flow()
    context = Context(ServerTransaction(b"k", request, where, 0.0), request, where, b"c")
    facts = facts_of(context, "guests", "anne@clinic.example", 12.0)
    assert facts.origin == Party("sip", "anne", "clinic.example", display="Anne W")
    assert (facts.destination.user, facts.original_destination.user) == ("desk", "front")
    assert (facts.subject, facts.organization, facts.user_agent) == ("Ward round", "Clinic", "Phone/1")
    assert (facts.priority, facts.languages, facts.zone, facts.when) == ("urgent", ("de-AT", "en"), "guests", 12.0)
