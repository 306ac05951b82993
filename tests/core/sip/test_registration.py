"""Reading a REGISTER."""

from __future__ import annotations

import pytest

from seaway.core.sip.registration import Asked, option_tags, read_path, read_registration
from seaway.wire.errors import WireError

from ...support.messages import as_request, request

URN = "<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"


def read(*headers: str, via: list[str] | None = None) -> Asked:
    return read_registration(as_request(request("REGISTER", headers=headers, via=via)), 600)


def test_a_plain_contact() -> None:
    asked = read("Contact: <sip:a@192.0.2.1>;q=0.3;expires=70")
    assert asked.contacts is not None and asked.direct and not asked.path and not asked.supported
    (only,) = asked.contacts
    assert (only.uri, only.q, only.expires, only.instance, only.reg_id) == (b"sip:a@192.0.2.1", 300, 70, None, 0)
    assert read("Contact: <sip:a@192.0.2.1>").contacts[0].expires == 600  # type: ignore[index]


@pytest.mark.parametrize(("supported", "reg_id"), [("outbound, path", 3), ("OUTBOUND", 3), ("path", 0), ("", 0)])
def test_reg_id_counts_with_the_option_tag_only(supported: str, reg_id: int) -> None:
    """RFC 5626 §6."""
    headers = [f'Contact: <sip:a@192.0.2.1>;reg-id=3;+sip.instance="{URN}"']
    asked = read(*headers, *([f"Supported: {supported}"] if supported else []))
    assert asked.contacts is not None
    assert (asked.contacts[0].instance, asked.contacts[0].reg_id) == (URN[1:-1].encode(), reg_id)


def test_reg_id_without_instance_is_ignored() -> None:
    asked = read("Contact: <sip:a@192.0.2.1>;reg-id=3", "Supported: outbound")
    assert asked.contacts is not None and asked.contacts[0].reg_id == 0


@pytest.mark.parametrize(
    "params",
    [
        '+sip.instance="urn:x:y"', '+sip.instance="<>"', '+sip.instance="<a b>"', '+sip.instance="<a<b>"',
        f'+sip.instance="{URN}";reg-id=0', f'+sip.instance="{URN}";reg-id=x',
        f'+sip.instance="{URN}";reg-id=2147483648',
        '+sip.instance="<' + "u" * 257 + '>"',
    ],
)  # fmt: skip
def test_parameters_that_cannot_be_read(params: str) -> None:
    with pytest.raises(WireError):
        read(f"Contact: <sip:a@192.0.2.1>;{params}", "Supported: outbound")


def test_path_values_in_order_and_whether_there_was_a_hop() -> None:
    hops = ["SIP/2.0/UDP p2;branch=z9hG4bK2", "SIP/2.0/UDP p1;branch=z9hG4bK1"]
    asked = read("Path: <sip:p2;lr>,<sip:x@p1;ob;lr>", "Path: <sip:p0;lr>", "Contact: <sip:a@192.0.2.1>", via=hops)
    assert asked.path == (b"<sip:p2;lr>", b"<sip:x@p1;ob;lr>", b"<sip:p0;lr>") and not asked.direct


@pytest.mark.parametrize(
    "path", ["<sip:p1>", "<tel:+1;lr>", "sip:p1;lr", "<sip:p1;lr>,", "<sip:p ;lr>", ",".join(["<sip:p;lr>"] * 9),
             "<sip:" + "u" * 2048 + "@p;lr>"],
)  # fmt: skip
def test_a_path_that_is_no_route(path: str) -> None:
    with pytest.raises(WireError):
        read_path(as_request(request("REGISTER", headers=[f"Path: {path}"])))


def test_option_tags() -> None:
    found = as_request(request("REGISTER", headers=["Supported: Path,  outbound ,", "k: gruu"]))
    assert option_tags(found, b"supported") == {b"path", b"outbound", b"gruu"}
    assert option_tags(found, b"require") == frozenset()
