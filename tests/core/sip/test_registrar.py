"""The registrar (RFC 3261 §10.3)."""

from __future__ import annotations

from itertools import count

import pytest

from seaway.core.sip.registrar import Bounds, Registrar, RegistrarResult
from seaway.wire.errors import WireError

from ...support.messages import as_request, flow, request

AOR = b"alice@example.test"
ONE, TWO = "<sip:alice@192.0.2.10:5060>", "<sip:alice@192.0.2.11:5060>"


class Desk:
    """A registrar, its clock, and REGISTER requests."""

    def __init__(self, **bounds: int) -> None:
        self.registrar = Registrar(Bounds(**bounds))
        self.now = 0.0
        self.flow = flow()
        self.cseq = count(1)

    def register(
        self, *contacts: str, expires: int | str | None = None, call_id: str = "r1", cseq: int | None = None,
        aor: bytes = AOR, extra: tuple[str, ...] = (),
    ) -> RegistrarResult:  # fmt: skip
        headers = [*(f"Contact: {each}" for each in contacts), *extra]
        if expires is not None:
            headers.append(f"Expires: {expires}")
        data = request("REGISTER", call_id=call_id, cseq=next(self.cseq) if cseq is None else cseq, headers=headers)
        return self.registrar.register(as_request(data), aor, self.flow, self.now)

    def contacts(self, aor: bytes = AOR) -> list[str]:
        return [each.uri.decode() for each in self.registrar.lookup(aor, self.now)]


def answered(result: RegistrarResult) -> dict[str, int]:
    """URI -> seconds of the Contact values in a 200."""
    found = {}
    for name, value in result.headers:
        assert name == b"Contact"
        uri, _, expires = value.decode().partition(">;expires=")
        found[uri[1:]] = int(expires.partition(";")[0])
    return found


def test_a_binding_comes_refreshes_and_expires() -> None:
    desk = Desk()
    result = desk.register(ONE, expires=600)
    assert (result.status, result.added, result.removed) == (200, (b"sip:alice@192.0.2.10:5060",), ())
    assert answered(result) == {"sip:alice@192.0.2.10:5060": 600}
    desk.now = 300
    assert answered(desk.register()) == {"sip:alice@192.0.2.10:5060": 300}, "a query changes nothing"
    result = desk.register(ONE, expires=600)
    assert (result.added, answered(result)) == ((), {"sip:alice@192.0.2.10:5060": 600})
    desk.now = 899.9
    assert desk.contacts()
    desk.now = 900
    assert not desk.contacts()
    assert len(desk.registrar) == 1
    assert [each.uri for each in desk.registrar.expire(desk.now)] == [b"sip:alice@192.0.2.10:5060"]
    assert len(desk.registrar) == 0 and not desk.registrar.all(desk.now)


def test_the_parameter_wins_over_the_header_and_both_over_the_default() -> None:
    desk = Desk(minimum=60, maximum=3600, default=1000)
    result = desk.register(f"{ONE};expires=100", TWO, expires=200)
    assert answered(result) == {"sip:alice@192.0.2.10:5060": 100, "sip:alice@192.0.2.11:5060": 200}
    assert answered(desk.register("<sip:alice@192.0.2.12>"))["sip:alice@192.0.2.12"] == 1000
    assert answered(desk.register(f"{ONE};expires=soon"))["sip:alice@192.0.2.10:5060"] == 3600  # §20.10
    assert answered(desk.register(f"{ONE};expires=4000000000"))["sip:alice@192.0.2.10:5060"] == 3600


@pytest.mark.parametrize("expires", [1, 59])
def test_too_short_is_423_and_changes_nothing(expires: int) -> None:
    desk = Desk(minimum=60)
    result = desk.register(ONE, f"{TWO};expires={expires}", expires=600)
    assert (result.status, result.headers) == (423, ((b"Min-Expires", b"60"),))
    assert not desk.contacts()
    assert desk.register(ONE, expires=60).status == 200


@pytest.mark.parametrize("expires", ["abc", "-1", "+60", "", "1.5", "4294967296", "9" * 100, " 60 60"])
def test_an_expires_header_that_is_no_number(expires: str) -> None:
    """R27: a defined outcome."""
    with pytest.raises(WireError):
        Desk().register(ONE, expires=expires)


def test_zero_removes_one_binding() -> None:
    desk = Desk()
    desk.register(ONE, TWO)
    result = desk.register(f"{ONE};expires=0")
    assert (result.status, result.removed) == (200, (b"sip:alice@192.0.2.10:5060",))
    assert desk.contacts() == ["sip:alice@192.0.2.11:5060"]
    assert desk.register(ONE, expires=0).status == 200, "removing what is not there is no error"


def test_a_star_removes_everything() -> None:
    desk = Desk()
    desk.register(ONE, TWO)
    result = desk.register("*", expires=0)
    assert (result.status, result.headers, len(result.removed)) == (200, (), 2)
    assert len(desk.registrar) == 0
    assert desk.register("*", expires=0).status == 200


@pytest.mark.parametrize(
    ("contacts", "expires"), [(["*"], 60), (["*"], None), (["*", ONE], 0), ([ONE, "*"], 0), (["*;expires=0"], None)]
)
def test_a_star_that_is_not_allowed(contacts: list[str], expires: int | None) -> None:
    """RFC 3261 §10.3 step 6."""
    desk = Desk()
    desk.register(ONE)
    with pytest.raises(WireError):
        desk.register(*contacts, expires=expires)
    assert desk.contacts() == ["sip:alice@192.0.2.10:5060"]


@pytest.mark.parametrize(("cseq", "status"), [(4, 500), (5, 500), (6, 200)])
@pytest.mark.parametrize("contact", [ONE, f"{ONE};expires=0", "*"])
def test_order_within_one_call_id(cseq: int, status: int, contact: str) -> None:
    """RFC 3261 §10.3 step 7: an older request of the same Call-ID changes nothing."""
    desk = Desk()
    desk.register(ONE, cseq=5)
    expires = 0 if contact == "*" else None
    assert desk.register(contact, cseq=cseq, expires=expires).status == status
    assert bool(desk.contacts()) == (status == 500 or contact == ONE)


def test_another_call_id_begins_anew() -> None:
    desk = Desk()
    desk.register(ONE, cseq=50, call_id="before the phone restarted")
    assert desk.register(ONE, cseq=1, call_id="after").status == 200


def test_out_of_order_aborts_the_whole_request() -> None:
    desk = Desk()
    desk.register(ONE, cseq=5)
    assert desk.register(TWO, ONE, cseq=5).status == 500
    assert desk.contacts() == ["sip:alice@192.0.2.10:5060"]


def test_order_of_lookup() -> None:
    desk = Desk(contacts_per_user=10)
    for number, q in enumerate([";q=0.5", ";q=1", ";q=0", "", ";q=0.501"]):
        desk.now += 1
        desk.register(f"<sip:alice@192.0.2.{number}>{q}", expires=600)
    assert desk.contacts() == [f"sip:alice@192.0.2.{each}" for each in (3, 1, 4, 0, 2)]


@pytest.mark.parametrize("q", ["2", "0.5000", "-1", "x", "1.001"])
def test_a_q_that_is_none_changes_nothing(q: str) -> None:
    """Also when it stands on the last contact: all or nothing."""
    desk = Desk()
    desk.register(ONE, expires=600)
    with pytest.raises(WireError):
        desk.register(f"{ONE};expires=0", f"{TWO};q={q}")
    assert desk.contacts() == ["sip:alice@192.0.2.10:5060"]


@pytest.mark.parametrize(
    "uri", ["sip:alice@ho st", "tel:+4912345", "mailto:a@b", "sip:", "sip:a@b?x=y", "sip:a\x01@b", "x"]
)
def test_a_contact_that_cannot_stand_in_a_request_line(uri: str) -> None:
    desk = Desk()
    with pytest.raises(WireError):
        desk.register(ONE, f"<{uri}>")
    assert not desk.contacts()


def test_several_contacts_in_one_line() -> None:
    desk = Desk()
    result = desk.register(f'"A, B" {ONE};q=0.1, {TWO};expires=100')
    assert len(answered(result)) == 2
    assert desk.contacts()[0] == "sip:alice@192.0.2.11:5060"


def test_the_same_contact_twice_in_one_request() -> None:
    desk = Desk(contacts_per_user=1)
    assert desk.register(ONE, ONE).status == 200
    assert len(desk.registrar) == 1


def test_the_limit_of_one_user() -> None:
    desk = Desk(contacts_per_user=2)
    assert desk.register(ONE, TWO).status == 200
    assert desk.register("<sip:alice@192.0.2.12>").status == 403
    assert desk.register(ONE).status == 200, "a refresh is no new binding"
    assert desk.register("<sip:alice@192.0.2.12>", f"{ONE};expires=0").status == 200, "one goes, one comes"
    assert sorted(desk.contacts()) == ["sip:alice@192.0.2.11:5060", "sip:alice@192.0.2.12"]
    assert desk.register(*(f"<sip:bob@192.0.2.{n}>" for n in range(3)), aor=b"bob@example.test").status == 403
    assert not desk.contacts(b"bob@example.test"), "nothing of a refused request is kept"


def test_the_limit_of_all() -> None:
    desk = Desk(bindings=2)
    assert desk.register(ONE).status == 200
    assert desk.register("<sip:b@192.0.2.1>", aor=b"b@example.test").status == 200
    result = desk.register("<sip:c@192.0.2.1>", aor=b"c@example.test")
    assert (result.status, result.headers) == (503, ((b"Retry-After", b"60"),))
    assert desk.register(ONE).status == 200


def test_a_stream_that_closes() -> None:
    """The binding stays, unreachable, until the phone registers again; other flows are not touched."""
    desk = Desk()
    desk.flow = first = flow("tcp")
    desk.register(ONE)
    desk.flow = flow("tcp")
    desk.register(TWO)
    desk.registrar.flow_closed(first)
    assert [each.flow for each in desk.registrar.lookup(AOR, 0) if each.uri.endswith(b"10:5060")] == [None]
    assert [each.flow for each in desk.registrar.lookup(AOR, 0) if each.uri.endswith(b"11:5060")] == [desk.flow]
    desk.register(ONE)
    assert all(each.flow is desk.flow for each in desk.registrar.lookup(AOR, 0))
    desk.registrar.flow_closed(first)
    assert all(each.flow is desk.flow for each in desk.registrar.lookup(AOR, 0)), "it moved to the new one"
    desk.registrar.flow_closed(desk.flow)
    assert all(each.flow is None for each in desk.registrar.lookup(AOR, 0))
    desk.register("*", expires=0)
    assert not desk.registrar._by_flow and not desk.registrar._by_uri


def test_by_contact() -> None:
    desk = Desk()
    desk.register(ONE, expires=600)
    uri = b"sip:alice@192.0.2.10:5060"
    found = desk.registrar.by_contact(uri, 0)
    assert found is not None and found.aor == AOR
    assert desk.registrar.by_contact(uri, 600) is None, "expired"
    assert desk.registrar.by_contact(b"sip:alice@192.0.2.99", 0) is None


def test_nobody_takes_over_a_contact_by_claiming_it() -> None:
    """A second user with the same contact URI makes it ambiguous, not his."""
    desk = Desk()
    desk.register(ONE)
    uri = b"sip:alice@192.0.2.10:5060"
    desk.register(ONE, aor=b"mallory@example.test")
    assert desk.registrar.by_contact(uri, 0) is None
    desk.register("*", expires=0, aor=b"mallory@example.test")
    found = desk.registrar.by_contact(uri, 0)
    assert found is not None and found.aor == AOR


def test_ten_thousand_streams_close_quickly() -> None:
    """Closing one stream does not look at every binding."""
    import time

    desk = Desk(bindings=20_000)
    flows = []
    for number in range(10_000):
        desk.flow = flow("tcp")
        flows.append(desk.flow)
        desk.register(f"<sip:u@192.0.2.1:{number + 1}>", aor=b"u%d@example.test" % number, call_id=str(number))
    began = time.perf_counter()
    for each in flows:
        desk.registrar.flow_closed(each)
    assert time.perf_counter() - began < 0.5
    assert all(each.flow is None for each in desk.registrar.all(0))
