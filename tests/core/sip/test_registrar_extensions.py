"""Path, outbound and GRUU at the registrar (RFC 3327, RFC 5626 §6, RFC 5627 §5)."""

from __future__ import annotations

import re
from itertools import count

import pytest

from seaway.core.sip.gruu import Gruus
from seaway.core.sip.io import Flow
from seaway.core.sip.registrar import Bounds, Registrar, RegistrarResult

from ...support.messages import as_request, flow, request

AOR = b"alice@example.test"
URN = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
ONE, TWO = "<sip:alice@192.0.2.10:5060>", "<sip:alice@192.0.2.11:5060>"
DIRECT = ["SIP/2.0/TCP ua;branch=z9hG4bKa"]
BEHIND = ["SIP/2.0/TCP proxy;branch=z9hG4bKb", *DIRECT]


class Desk:
    def __init__(self, **bounds: object) -> None:
        self.registrar = Registrar(Bounds(**bounds), Gruus(b"0123456789abcdef", b"boot"))  # type: ignore[arg-type]
        self.now = 0.0
        self.cseq = count(1)

    def register(
        self, *contacts: str, supported: str = "path, outbound, gruu", via: list[str] | None = None, path: str = "",
        there: Flow | None = None, call_id: str = "r1", zone: str | None = None, expires: int = 600,
    ) -> RegistrarResult:  # fmt: skip
        headers = [*(f"Contact: {each}" for each in contacts), f"Supported: {supported}", f"Expires: {expires}"]
        headers += [f"Path: {path}"] if path else []
        data = request("REGISTER", call_id=call_id, cseq=next(self.cseq), headers=headers, via=via or DIRECT)
        return self.registrar.register(as_request(data), AOR, there or flow("tcp"), self.now, zone)

    def device(self, uri: str = ONE, reg_id: int | None = None) -> str:
        return f'{uri};+sip.instance="<{URN}>"' + (f";reg-id={reg_id}" if reg_id is not None else "")


def values(result: RegistrarResult, name: bytes) -> list[bytes]:
    return [value for each, value in result.headers if each == name]


def gruu(result: RegistrarResult, kind: str) -> bytes:
    found = re.search(rf'{kind}-gruu="([^"]+)"', values(result, b"Contact")[0].decode())
    assert found is not None
    return found.group(1).encode()


# -- Path


def test_a_path_is_kept_and_shown_to_who_supports_it() -> None:
    """RFC 3327 §5.3."""
    desk = Desk()
    result = desk.register(ONE, path="<sip:p2;lr>, <sip:p1;lr>", via=BEHIND, zone="trunk")
    assert values(result, b"Path") == [b"<sip:p2;lr>", b"<sip:p1;lr>"]
    (binding,) = desk.registrar.lookup(AOR, 0)
    assert (binding.path, binding.zone) == ((b"<sip:p2;lr>", b"<sip:p1;lr>"), "trunk")
    result = desk.register(ONE, supported="gruu", path="<sip:p3;lr>", via=BEHIND)
    assert (result.status, values(result, b"Path"), binding.path) == (200, [], (b"<sip:p3;lr>",))
    desk.register(ONE)
    assert (binding.path, binding.zone) == ((), None), "the phone has moved"


def test_a_strict_registrar_refuses_a_path_that_the_phone_does_not_know_of() -> None:
    desk = Desk(strict_path=True)
    result = desk.register(ONE, supported="gruu", path="<sip:p1;lr>", via=BEHIND)
    assert (result.status, result.headers) == (420, ((b"Unsupported", b"path"),))
    assert not desk.registrar.lookup(AOR, 0)
    assert desk.register(ONE, path="<sip:p1;lr>", via=BEHIND).status == 200


def test_service_route() -> None:
    """RFC 3608 §6.3: in every 200, in order."""
    desk = Desk(service_route=(b"<sip:a.example.test;lr>", b"<sip:b.example.test;lr>"))
    expected = [b"<sip:a.example.test;lr>", b"<sip:b.example.test;lr>"]
    assert values(desk.register(ONE), b"Service-Route") == expected
    assert values(desk.register(), b"Service-Route") == expected
    assert not values(Desk().register(ONE), b"Service-Route")


# -- outbound


def test_flows_of_one_device_are_bindings_of_their_own() -> None:
    """RFC 5626 §6: known by instance and reg-id, whatever the contact URI."""
    desk = Desk(flow_timer=90)
    first, second, third = flow("tcp"), flow("tcp"), flow("tcp")
    result = desk.register(desk.device(ONE, 1), there=first)
    assert (values(result, b"Require"), values(result, b"Flow-Timer")) == ([b"outbound"], [b"90"])
    assert b";reg-id=1" in values(result, b"Contact")[0]
    desk.register(desk.device(ONE, 2), there=second)
    assert {each.reg_id: each.flow for each in desk.registrar.all(0)} == {1: first, 2: second}
    desk.register(desk.device(TWO, 1), there=third)  # the phone has got another address
    assert {each.reg_id: (each.uri, each.flow) for each in desk.registrar.all(0)} == {
        1: (b"sip:alice@192.0.2.11:5060", third), 2: (b"sip:alice@192.0.2.10:5060", second),
    }  # fmt: skip
    assert desk.registrar.by_contact(b"sip:alice@192.0.2.11:5060", 0) is not None
    desk.register(desk.device(TWO, 1) + ";expires=0")
    assert [each.reg_id for each in desk.registrar.all(0)] == [2]
    desk.registrar.flow_closed(second)
    desk.register("*", expires=0)
    assert not desk.registrar._by_flow and not desk.registrar._by_uri and not desk.registrar._by_index


def test_outbound_is_not_said_when_it_was_not_asked_for() -> None:
    desk = Desk()
    for contact, supported in ((desk.device(ONE), "outbound"), (desk.device(ONE, 1), "path"), (ONE, "outbound")):
        result = desk.register(contact, supported=supported)
        assert result.status == 200 and not values(result, b"Require") and not values(result, b"Flow-Timer")
    assert len(desk.registrar) == 1, "without outbound the contact URI is the key"


@pytest.mark.parametrize(
    ("via", "path", "status"),
    [
        (DIRECT, "", 200), (BEHIND, "", 439), (BEHIND, "<sip:p1;lr>", 439), (BEHIND, "<sip:t@p1;lr;ob>", 200),
        (BEHIND, "<sip:p2;lr>, <sip:t@p1;ob;lr>", 200), (BEHIND, "<sip:p2;lr;ob>, <sip:p1;lr>", 439),
    ],
)  # fmt: skip
def test_the_first_hop_must_support_outbound(via: list[str], path: str, status: int) -> None:
    desk = Desk()
    assert desk.register(desk.device(ONE, 1), via=via, path=path).status == status
    assert bool(desk.registrar.all(0)) == (status == 200)


def test_one_request_opens_one_flow() -> None:
    desk = Desk()
    assert desk.register(desk.device(ONE, 1), desk.device(TWO, 2)).status == 400
    assert not desk.registrar.all(0)


# -- GRUU


def test_gruus_are_given_to_who_asks() -> None:
    desk = Desk()
    result = desk.register(desk.device())
    public, temporary = gruu(result, "pub"), gruu(result, "temp")
    assert public == f"sip:alice@example.test;gr={URN}".encode()
    binding = desk.registrar.lookup(AOR, 0)[0]
    assert desk.registrar.by_gruu(public, 0) == desk.registrar.by_gruu(temporary, 0) == [binding]
    for result in (desk.register(desk.device(), supported="path"), desk.register(ONE)):
        assert b"gruu" not in values(result, b"Contact")[0]


def test_all_temporary_gruus_of_a_registration_live_and_end_with_it() -> None:
    """RFC 5627 §5.4: refreshes give new ones and keep the old; another Call-ID or the end of the binding ends them."""
    desk = Desk()
    made = [gruu(desk.register(desk.device()), "temp") for _ in range(20)]
    assert len(set(made)) == 20
    assert all(desk.registrar.by_gruu(each, 0) for each in made)
    assert len(desk.registrar._by_index) == 1, "no state for each"
    fresh = gruu(desk.register(desk.device(), call_id="r2"), "temp")
    assert [desk.registrar.by_gruu(each, 0) for each in made] == [[]] * 20, "ours, but not valid any more"
    assert desk.registrar.by_gruu(fresh, 0)
    desk.register(desk.device() + ";expires=0", call_id="r2")
    assert desk.registrar.by_gruu(fresh, 0) == []
    assert not desk.registrar._by_index


def test_a_gruu_means_every_flow_of_the_device_and_no_other_device() -> None:
    desk = Desk()
    result = desk.register(desk.device(ONE, 1))
    desk.now = 1
    desk.register(desk.device(ONE, 2))
    desk.register(f'{TWO};+sip.instance="<urn:uuid:other>"')
    for kind in ("pub", "temp"):
        found = desk.registrar.by_gruu(gruu(result, kind), 1)
        assert found is not None and [each.reg_id for each in found] == [2, 1], "the newest first"
    assert desk.registrar.by_gruu(b"sip:alice@example.test;gr=urn:uuid:gone", 1) == []
    assert desk.registrar.by_gruu(b"sip:bob@example.test;gr=urn:uuid:x", 1) is None, "perhaps another node knows"


def test_a_gruu_cannot_be_registered_as_a_contact() -> None:
    """RFC 5627 §5.1."""
    desk = Desk()
    made = gruu(desk.register(desk.device()), "temp").decode()
    assert desk.register(f"<{made}>").status == 403
    assert desk.register(f"<sip:alice@example.test;gr={URN}>").status == 403
    assert len(desk.registrar) == 1


def test_q_is_given_back() -> None:
    assert b";q=0.500" in values(Desk().register(f"{ONE};q=0.5"), b"Contact")[0]


def test_what_a_store_must_be_told() -> None:
    desk = Desk()
    desk.register()
    assert not desk.registrar.changed, "a query changes nothing"
    desk.register(ONE)
    assert desk.registrar.changed == {AOR}
    desk.registrar.changed.clear()
    (binding,) = desk.registrar.of(AOR)
    there = binding.flow
    assert there is not None
    binding.kept = binding.expires  # it has been told
    for now, told in ((0, False), (200, False), (239, False), (241, True)):
        desk.now = now
        desk.register(ONE, there=there)
        assert bool(desk.registrar.changed) == told, "what the store has lasts for 60 % of the time that is left"
    desk.registrar.changed.clear()
    binding.kept = binding.expires
    for change in ({"there": flow("tcp")}, {"call_id": "other"}, {"path": "<sip:p;lr>"}, {"expires": 3600}):
        desk.registrar.changed.clear()
        desk.register(ONE, **change)  # type: ignore[arg-type]
        assert desk.registrar.changed, change
        binding.kept = binding.expires
    desk.registrar.changed.clear()
    desk.registrar.expire(9000.0)
    assert desk.registrar.changed == {AOR}
