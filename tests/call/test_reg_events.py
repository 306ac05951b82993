"""The registration event package: who may watch, what is told and when (RFC 3680, RFC 5628, RFC 6665)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from seaway.call.config import NeighbourZone, Registrations, Rule
from seaway.core.sip.registrar import Bounds
from seaway.wire.sip.message import Request, Response

from ..support.messages import request
from ..support.nodes import Pair, users
from ..support.phone import Phone
from .test_admission import Desk
from .test_contacts import Site, device

NS = {"r": "urn:ietf:params:xml:ns:reginfo", "gr": "urn:ietf:params:xml:ns:gruuinfo"}


class Watcher:
    """A phone's subscription to the registration of `aor`."""

    def __init__(self, phone: Phone, aor: str = "") -> None:
        self.phone = phone
        self.target = aor or phone.uri
        self.remote = f"<{self.target}>"
        self.call_id = f"sub-{phone.user}-{len(phone.results)}"
        self.cseq = 0
        self.response: Response | None = None

    def subscribe(self, expires: int | None = 3600, *headers: str) -> int:
        self.cseq += 1
        lines = ["Event: reg", f"Contact: <{self.phone.contact_uri}>", "Accept: application/reginfo+xml", *headers]
        lines += [f"Expires: {expires}"] if expires is not None else []
        got: list[Response | None] = []
        self.phone._ask(
            "SUBSCRIBE", self.target, f"<{self.phone.uri}>;tag=w", self.remote, self.call_id, self.cseq, lines, b"",
            got.append,
        )  # fmt: skip
        self.phone.net.run(1)
        self.cseq += 1  # a challenge may have used another
        self.response = got[-1]
        if self.response is not None and self.response.status == 200:
            self.remote = self.response.require(b"to").decode()
            contact = self.response.require(b"contact").decode()
            self.target = contact.partition("<")[2].partition(">")[0]
        return self.response.status if self.response is not None else 0

    def notified(self) -> list[Request]:
        return [each for each in self.phone.received if each.method == b"NOTIFY"]

    def documents(self) -> list[ET.Element]:
        return [ET.fromstring(each.body) for each in self.notified()]

    def last(self) -> tuple[str, list[tuple[str, str]], str]:
        """State of the registration, (event, URI) of its contacts, Subscription-State, of the last NOTIFY."""
        document = self.documents()[-1]
        (registration,) = document.findall("r:registration", NS)
        contacts = []
        for each in registration.findall("r:contact", NS):
            uri = each.find("r:uri", NS)
            assert uri is not None and uri.text is not None
            contacts.append((each.attrib["event"], uri.text))
        return registration.attrib["state"], contacts, (self.notified()[-1].get(b"subscription-state") or b"").decode()


def site(**changes: Any) -> Site:
    made = Site(**{"registrar": Bounds(minimum=1), **changes})
    made.core.core.clock(1_000_000.0, made.net.now)
    return made


def test_a_user_watches_himself_come_and_go() -> None:
    made = site()
    bob = made.phone("bob", 30)
    watcher = Watcher(bob)
    assert watcher.subscribe() == 200
    assert watcher.response is not None and watcher.response.get(b"expires") == b"3600"
    assert watcher.last() == ("active", [("registered", bob.contact_uri)], "active;expires=3600")
    first = watcher.documents()[0]
    assert (first.attrib["version"], first.attrib["state"]) == ("0", "full")
    made.net.run(10)
    other = made.phone("bob", 31)
    made.net.run(6)
    state, contacts, _ = watcher.last()
    assert (state, contacts) == ("active", [("registered", other.contact_uri)])
    made.net.run(10)
    other.register(0)
    made.net.run(6)
    assert watcher.last()[:2] == ("active", [("unregistered", other.contact_uri)])
    bob.register(0)
    made.net.run(6)
    assert watcher.last()[:2] == ("terminated", [("unregistered", bob.contact_uri)])
    documents = watcher.documents()
    assert [each.attrib["version"] for each in documents] == [str(n) for n in range(len(documents))]
    assert {each.attrib["state"] for each in documents[1:]} == {"partial"}


def test_refreshed_shortened_expired() -> None:
    made = site()
    bob, watching = made.phone("bob", 30), made.phone("bob", 31)
    watcher = Watcher(watching)
    watcher.subscribe()
    for expires, event in ((900, "refreshed"), (20, "shortened")):
        made.net.run(6)
        bob.register(expires)
        made.net.run(6)
        assert watcher.last()[1] == [(event, bob.contact_uri)]
    made.net.run(30)
    assert watcher.last()[1] == [("expired", bob.contact_uri)]


def test_changes_come_together_and_not_too_often() -> None:
    """RFC 3680 §4.10: one NOTIFY in five seconds, with the last of each contact."""
    made = site()
    bob = made.phone("bob", 30)
    watcher = Watcher(bob)
    watcher.subscribe()
    for _ in range(5):
        bob.register(500)
    assert len(watcher.notified()) <= 3
    made.net.run(11)
    assert watcher.last()[1] == [("refreshed", bob.contact_uri)]
    before = len(watcher.notified())
    made.net.run(60)
    assert len(watcher.notified()) == before, "nothing has changed"


def test_gruus_and_facts_in_the_document() -> None:
    """RFC 5628."""
    made = site()
    bob = made.phone("bob", 30, params=device(1) + ";q=0.5", headers=("Supported: path, outbound, gruu",))
    watcher = Watcher(bob)
    watcher.subscribe()
    contact = watcher.documents()[0].find("r:registration/r:contact", NS)
    assert contact is not None
    assert {"id", "duration-registered", "callid", "cseq"} <= set(contact.attrib)
    assert contact.attrib["q"] == "0.5" and int(contact.attrib["expires"]) > 500
    public, temporary = contact.find("gr:pub-gruu", NS), contact.find("gr:temp-gruu", NS)
    assert public is not None and public.attrib["uri"] == made.gruu(bob, "pub")
    assert temporary is not None and temporary.attrib["first-cseq"] == contact.attrib["cseq"]
    dialog = made.phone("alice", 20).call(temporary.attrib["uri"])
    made.net.run(3)
    assert dialog.statuses[-1] == 200
    params = {each.attrib["name"]: each.text for each in contact.findall("r:unknown-param", NS)}
    assert params["reg-id"] == "1" and params["+sip.instance"] == f'"<{device()[17:-2]}>"'


def test_what_stands_in_a_contact_cannot_break_the_document() -> None:
    """R42."""
    made = site()
    bob = made.phone("bob", 30, params=';+sip.instance="<urn:x:&amp;\'x]]>"', headers=("Supported: gruu",))
    watcher = Watcher(bob)
    assert watcher.subscribe() == 200
    params = [each.text for each in watcher.documents()[0].iter(f"{{{NS['r']}}}unknown-param")]
    assert params and "&amp;'x]]" in (params[0] or "")


@pytest.mark.parametrize(("user", "status"), [("alice", 403), ("carol", 200), ("bob", 200)])
def test_who_may_watch(user: str, status: int) -> None:
    made = site(watchers=("carol",))
    made.phone("bob", 30)
    phone = made.phone(user, 40)
    watcher = Watcher(phone, "sip:bob@example.test")
    assert watcher.subscribe() == status
    assert bool(watcher.notified()) == (status == 200)


@pytest.mark.parametrize(("asserted", "status"), [("carol@far.test", 403), ("carol@example.test", 200)])
def test_a_watcher_of_another_domain_is_somebody_else(asserted: str, status: int) -> None:
    """Although a trusted zone vouches for them."""
    made = Desk(watchers=("carol",), neighbours=(NeighbourZone("trunk", ("10.0.0.50",), 5060, "udp"),))
    headers = ["Event: reg", f"P-Asserted-Identity: <sip:{asserted}>", "Contact: <sip:carol@10.0.0.50>"]
    via = "SIP/2.0/UDP 10.0.0.50:5060;branch=z9hG4bK7;rport"
    data = request("SUBSCRIBE", "sip:bob@example.test", headers=headers, via=via)
    answers = [each for _, each, _ in made.receive(data, made.udp("10.0.0.50")) if isinstance(each, Response)]
    assert answers[0].status == status


def test_without_credentials_nobody_watches() -> None:
    """R38."""
    made = site()
    bob = made.phone("bob", 30)
    bob._credentials = lambda *more: ""  # type: ignore[method-assign]
    assert Watcher(bob).subscribe() == 407
    assert len(made.core.core._registering.events) == 0


@pytest.mark.parametrize(
    ("expires", "status", "granted"), [(None, 200, b"3761"), (10, 423, None), (60, 200, b"60"), (99999, 200, b"7200")]
)
def test_how_long(expires: int | None, status: int, granted: bytes | None) -> None:
    made = site()
    watcher = Watcher(made.phone("bob", 30))
    assert watcher.subscribe(expires) == status
    assert watcher.response is not None and watcher.response.get(b"expires") == granted
    if status == 423:
        assert watcher.response.get(b"min-expires") == b"60"


def test_a_refresh_tells_everything_and_an_old_one_nothing() -> None:
    made = site()
    watcher = Watcher(made.phone("bob", 30))
    watcher.subscribe(100)
    made.net.run(50)
    assert watcher.subscribe(100) == 200
    assert watcher.documents()[-1].attrib["state"] == "full"
    made.net.run(80)
    assert len(made.core.core._registering.events) == 1, "it was prolonged"
    watcher.cseq, watcher.phone._reg = 0, 0
    assert watcher.subscribe(100) == 500


def test_the_end_of_a_subscription() -> None:
    made = site()
    bob = made.phone("bob", 30)
    events = made.core.core._registering.events
    watcher = Watcher(bob)
    watcher.subscribe()
    assert watcher.subscribe(0) == 200
    assert watcher.last()[2] == "terminated;reason=timeout" and len(events) == 0
    watcher = Watcher(bob)
    assert watcher.subscribe(0) == 200, "a look without a subscription (RFC 6665 §4.4.3)"
    assert watcher.last()[2] == "terminated;reason=timeout" and len(events) == 0
    watcher = Watcher(bob)
    watcher.subscribe(60)
    made.net.run(70)
    assert watcher.last()[2] == "terminated;reason=timeout" and len(events) == 0
    assert watcher.subscribe() == 481
    assert not made.core.core._registrar.watched


@pytest.mark.parametrize("status", [481, 500])
def test_a_watcher_that_refuses_is_told_no_more(status: int) -> None:
    made = site()
    bob = made.phone("bob", 30)
    watcher = Watcher(bob)
    bob.notify_status = status
    watcher.subscribe()
    assert len(made.core.core._registering.events) == 0


def test_a_watcher_that_is_gone_is_forgotten() -> None:
    made = site()
    bob = made.phone("bob", 30, "tcp")
    watcher = Watcher(bob)
    watcher.subscribe()
    assert bob.flow is not None
    made.net._close(bob.host.streams[bob.flow.id], bob.host, "out of reach")
    made.phone("bob", 31)
    made.net.run(60)
    assert len(made.core.core._registering.events) == 0


@pytest.mark.parametrize(
    ("accept", "status"), [("text/plain", 406), ("*/*", 200), ("a/b, application/reginfo+xml;q=1", 200)]
)
def test_what_the_watcher_can_read(accept: str, status: int) -> None:
    made = site()
    phone = made.phone("bob", 30)
    data = f"Accept: {accept}"
    watcher = Watcher(phone)
    lines = ["Event: reg", f"Contact: <{phone.contact_uri}>", data]
    phone._ask("SUBSCRIBE", phone.uri, f"<{phone.uri}>;tag=w", f"<{phone.uri}>", "c", 1, lines, b"", lambda r: None)
    made.net.run(1)
    assert phone.results[-1] == ("SUBSCRIBE", status) and watcher


def test_other_events_pass_to_the_phone() -> None:
    made = site()
    bob, alice = made.phone("bob", 30), made.phone("alice", 20)
    lines = ["Event: presence", f"Contact: <{alice.contact_uri}>"]
    alice._ask("SUBSCRIBE", bob.uri, f"<{alice.uri}>;tag=w", f"<{bob.uri}>", "p", 1, lines, b"", lambda r: None)
    made.net.run(1)
    assert [each.method for each in bob.received] == [b"SUBSCRIBE"]


def test_a_phone_behind_the_edge_watches_through_it() -> None:
    """The edge vouches for who asks; NOTIFY comes back over the traversal zone and the phone's own flow."""
    both = Pair(
        core={"rules": (Rule(10, ".*", "registrations"),), "users": users("alice", "bob")},
        edge={
            "users": (), "rules": (Rule(20, ".*", "traversal"),),
            "registrations": (Registrations("example.test", "traversal"),),
        },
    )  # fmt: skip
    bob = both.outside("bob")
    watcher = Watcher(bob)
    lines = ["Event: reg", f"Contact: <{bob.contact_uri}>", "Expires: 600"]
    bob._ask("SUBSCRIBE", bob.uri, f"<{bob.uri}>;tag=w", f"<{bob.uri}>", "x", 1, lines, b"", lambda r: None)
    both.net.run(2)
    assert bob.results[-1] == ("SUBSCRIBE", 200)
    assert watcher.last()[1] == [("registered", bob.contact_uri)]
    alice_asks = request("SUBSCRIBE", "sip:alice@example.test", headers=["Event: reg"])
    assert alice_asks
    lines = ["Event: reg", f"Contact: <{bob.contact_uri}>"]
    bob._ask(
        "SUBSCRIBE", "sip:alice@example.test", f"<{bob.uri}>;tag=w", "<sip:alice@example.test>", "y", 1, lines, b"",
        lambda r: None,
    )  # fmt: skip
    both.net.run(2)
    assert bob.results[-1] == ("SUBSCRIBE", 403)


def test_there_are_not_more_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seaway.call.reg_events._MOST_OF_ONE", 3)
    made = site()
    bob = made.phone("bob", 30)
    statuses = []
    for number in range(5):
        watcher = Watcher(bob)
        watcher.call_id = f"many-{number}"
        statuses.append(watcher.subscribe())
    assert statuses == [200, 200, 200, 503, 503]
