"""RFC 4475: every message is read or refused as the RFC says, however it arrives."""

from __future__ import annotations

import pytest

from seaway.wire.sdp.session import parse_sdp
from seaway.wire.sip.auth import digest_parameters
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.framing import FramingError, Pong, StreamFramer
from seaway.wire.sip.message import Request, Response, parse
from seaway.wire.sip.nameaddr import parse_contacts, parse_nameaddr, split_commas, tag_of, uri_of
from seaway.wire.sip.uri import SipUri, parse_uri, same_uri
from seaway.wire.sip.via import branch_of, parse_via

from .reading import read_all
from .torture import BY_NAME, CASES, UNREASON, Case

READ = [case for case in CASES if case.status is None]
REFUSED = [case for case in CASES if case.status is not None]


def _id(case: Case) -> str:
    return f"{case.section}-{case.name}"


def test_all_sections_are_here() -> None:
    assert len(CASES) == 13 + 19 + 1 + 15 + 1


@pytest.mark.parametrize("case", READ, ids=_id)
def test_read(case: Case) -> None:
    read_all(case.data)


@pytest.mark.parametrize("case", REFUSED, ids=_id)
def test_refused(case: Case) -> None:
    with pytest.raises(SipError) as caught:
        read_all(case.data)
    assert caught.value.status == case.status


@pytest.mark.parametrize("case", READ, ids=_id)
def test_read_messages_come_out_octet_for_octet(case: Case) -> None:
    message = parse(case.data)
    assert case.data.startswith(message.serialise())


@pytest.mark.parametrize("case", [case for case in CASES if case.stream], ids=_id)
def test_stream_byte_by_byte_is_the_same_as_whole(case: Case) -> None:
    whole = StreamFramer().feed(case.data)
    framer = StreamFramer()
    pieces = [item for octet in case.data for item in framer.feed(bytes((octet,)))]
    messages = [item for item in pieces if isinstance(item, bytes)]
    assert messages == [item for item in whole if isinstance(item, bytes)]
    assert messages
    assert case.data.startswith(messages[0])


@pytest.mark.parametrize("name", ["ncl", "mcl01", "inv2543"])
def test_stream_without_one_valid_length_is_given_up(name: str) -> None:
    with pytest.raises(FramingError) as caught:
        StreamFramer().feed(BY_NAME[name].data)
    assert caught.value.status == 400
    assert caught.value.close
    assert caught.value.head.endswith(b"\r\n\r\n")


def test_stream_waits_for_the_missing_body() -> None:
    framer = StreamFramer()
    assert framer.feed(BY_NAME["clerr"].data) == []
    assert framer.pending == len(BY_NAME["clerr"].data)


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_truncated_at_every_seventh_octet(case: Case) -> None:
    head_end = case.data.index(b"\r\n\r\n") + 4
    for end in range(0, len(case.data), 7):
        if end < head_end:
            with pytest.raises(SipError):
                parse(case.data[:end])
        else:
            try:
                read_all(case.data[:end])
            except SipError as error:
                assert 400 <= error.status < 700


@pytest.mark.parametrize("case", READ, ids=_id)
def test_trailing_octets_in_a_datagram_change_nothing(case: Case) -> None:
    # RFC 3261 §18.3: with Content-Length the rest is dropped; without, the body ends with the datagram.
    plain = parse(case.data)
    longer = parse(case.data + b"\x00garbage\r\n\r\nINVITE")
    if plain.get(b"content-length") is None:
        assert longer.body == plain.body + b"\x00garbage\r\n\r\nINVITE"
    else:
        assert longer.serialise() == plain.serialise()


def _request(name: str) -> Request:
    message = parse(BY_NAME[name].data)
    assert isinstance(message, Request)
    return message


def test_wsinv_values() -> None:
    message = _request("wsinv")
    assert tag_of(message.require(b"to")) == b"1918181833n"
    sender = parse_nameaddr(message.require(b"from"))
    assert (sender.display, sender.uri, sender.tag) == (
        b'"J Rosenberg \\\\\\""',
        b"sip:jdrosen@example.com",
        b"98asjd8",
    )
    assert message.require(b"max-forwards") == b"0068"
    assert message.require(b"cseq") == b"0009 INVITE"
    assert message.require(b"subject") == b""
    assert message.require(b"newfangledheader") == b"newfangled value continued newfangled value"
    assert message.require(b"unknownheaderwithunusualvalue") == b";;,,;;,;"
    vias = [parse_via(value) for line in message.all(b"via") for value in split_commas(line)]
    assert [(via.transport, via.host, via.branch) for via in vias] == [
        (b"UDP", b"192.0.2.2", b"390skdjuw"),
        (b"TCP", b"spindle.example.com", b"z9hG4bK9ikj8"),
        (b"UDP", b"192.168.255.111", b"z9hG4bK30239"),
    ]
    contacts = parse_contacts(message.all(b"contact"))
    assert not isinstance(contacts, str)
    assert [(each.uri, each.q, each.params.get(b"newparam")) for each in contacts] == [
        (b"sip:jdrosen@example.com", 330, b"newvalue")
    ]
    assert b"secondparam" in contacts[0].params
    assert len(message.body) == 150


def test_intmeth_values() -> None:
    message = _request("intmeth")
    assert message.method == b"!interesting-Method0123456789_*+`.%indeed'~"
    uri = parse_uri(message.uri)
    assert isinstance(uri, SipUri)
    assert uri.user == b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert uri.host == b"example.com"
    assert tag_of(message.require(b"from")) == b"_token~1'+`*%!-."
    sender = parse_nameaddr(message.require(b"from"))
    assert sender.params.text(b"fromparam''~+*_!.-%") == "работающий".encode()
    assert message.require(b"extensionheader-!.%*+_`'~") == "\ufeff大停電".encode()


def test_esc01_values() -> None:
    message = _request("esc01")
    uri = parse_uri(message.uri)
    assert isinstance(uri, SipUri)
    assert (uri.scheme, uri.user, uri.host) == (b"sip", b"sips%3Auser%40example.com", b"example.net")
    assert same_uri(parse_uri(uri_of(message.require(b"to"))), parse_uri(b"sip:user@example.com"))
    contacts = parse_contacts(message.all(b"contact"))
    assert not isinstance(contacts, str)
    contact = contacts[0].parsed_uri()
    # %6C%72 is `lr`, n%61me is `name`, and the value is `value%41`: unescaping happens once.
    assert same_uri(contact, parse_uri(b"sip:caller@host5.example.net;lr;name=value%25%34%31"))
    assert not same_uri(contact, parse_uri(b"sip:caller@host5.example.net;lr;name=valueA"))


def test_escnull_contacts_are_two() -> None:
    contacts = parse_contacts(_request("escnull").all(b"contact"))
    assert not isinstance(contacts, str)
    keys = [uri.aor() for uri in (each.parsed_uri() for each in contacts) if isinstance(uri, SipUri)]
    assert keys == [b"\x00@host5.example.com", b"\x00\x00@host5.example.com"]


def test_esc02_percent_is_no_escape_in_method_header_name_and_display_name() -> None:
    message = _request("esc02")
    assert message.method == b"RE%47IST%45R"
    assert len(message.all(b"contact")) == 2
    assert message.require(b"c%6fntact") == b"<sip:alias2@host2.example.com>"
    assert parse_nameaddr(message.require(b"to")).display == b'"%Z%45"'
    assert branch_of(message.require(b"via")) == b"z9hG4bK209%fzsnel234"


def test_longreq_values() -> None:
    message = _request("longreq")
    assert len(message.all(b"via")) == 34
    assert tag_of(message.require(b"from")) == b"12" + b"982" * 50 + b"424"
    assert parse_via(message.all(b"via")[33]).branch == b"very" + b"long" * 50 + b"branchvalue"
    assert message.get(b"unknown-" + b"long" * 20 + b"-name") is not None


def test_dblreq_is_one_register_and_the_stream_finds_both() -> None:
    message = _request("dblreq")
    assert (message.method, message.body) == (b"REGISTER", b"")
    # The INVITE's body is longer than its Content-Length, so a stream that goes on with the rest is given up there.
    with pytest.raises(FramingError) as caught:
        StreamFramer().feed(BY_NAME["dblreq"].data)
    first, between, second = caught.value.items
    assert isinstance(first, bytes) and first.startswith(b"REGISTER ")
    assert isinstance(between, Pong)
    assert isinstance(second, bytes) and second.startswith(b"INVITE ")


def test_semiuri_user_holds_the_parameter() -> None:
    uri = parse_uri(_request("semiuri").uri)
    assert isinstance(uri, SipUri)
    assert (uri.user, uri.params.items) == (b"user;par=u%40example.net", ())
    assert uri.aor() == b"user;par=u@example.net@example.com"


def test_transports_are_kept() -> None:
    assert [parse_via(value).transport for value in _request("transports").all(b"via")] == [
        b"UDP",
        b"SCTP",
        b"TLS",
        b"UNKNOWN",
        b"TCP",
    ]


def test_mpart01_body_is_binary_and_whole() -> None:
    message = _request("mpart01")
    assert len(message.body) == 553
    assert b"\x00" in message.body


def test_reason_phrases() -> None:
    unusual, empty = parse(BY_NAME["unreason"].data), parse(BY_NAME["noreason"].data)
    assert isinstance(unusual, Response) and isinstance(empty, Response)
    assert (unusual.status, unusual.reason) == (200, UNREASON)
    assert (empty.status, empty.reason) == (100, b"")


def test_contact_parameter_or_uri_parameter() -> None:
    first = parse_contacts(_request("cparam01").all(b"contact"))
    second = parse_contacts(_request("cparam02").all(b"contact"))
    assert not isinstance(first, str) and not isinstance(second, str)
    assert (first[0].uri, b"unknownparam" in first[0].params) == (b"sip:+19725552222@gw1.example.net", True)
    assert (second[0].uri, second[0].params.items) == (b"sip:+19725552222@gw1.example.net;unknownparam", ())


def test_regescrt_keeps_the_uri_header() -> None:
    contacts = parse_contacts(_request("regescrt").all(b"contact"))
    assert not isinstance(contacts, str)
    uri = contacts[0].parsed_uri()
    assert isinstance(uri, SipUri)
    assert uri.header_items() == [(b"Route", b"%3Csip:sip.example.com%3E")]


def test_regaut01_scheme_is_unknown_not_malformed() -> None:
    assert digest_parameters(_request("regaut01").require(b"authorization")) is None


def test_bext01_lists() -> None:
    message = _request("bext01")
    assert split_commas(message.require(b"proxy-require")) == [b"noProxiesSupportThis", b"norDoAnyProxiesSupportThis"]


def test_inv2543_has_no_tag_and_no_branch() -> None:
    message = _request("inv2543")
    assert tag_of(message.require(b"from")) is None
    # user=phone stands outside brackets here, so it belongs to the header field.
    assert uri_of(message.require(b"to")) == b"sip:+16505552222@ss1.example.net"
    assert branch_of(message.require(b"via")) is None


def test_badbranch_is_the_bare_cookie() -> None:
    assert branch_of(_request("badbranch").require(b"via")) == b"z9hG4bK"


def test_bodies_that_are_sdp_are_read() -> None:
    # a=rtpmap:31 LPC has no clock and is wrong; nothing but who asks for it is disturbed.
    for name in ("esc01", "longreq", "unreason", "bcast", "sdp01", "inv2543"):
        message = parse(BY_NAME[name].data)
        session = parse_sdp(message.body)
        assert session.media[0].port == 49217
        assert session.serialise() == message.body
