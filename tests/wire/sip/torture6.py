"""The messages of RFC 5118 §4 (IPv6) as octets, each with its section.

`status`: what a request is answered with, `None` for one that is read. Lengths of bodies are counted here: those
that the RFC prints in §4.6, §4.8 and §4.9 (268, 181, 236) are not those of its bodies (251, 189, 245).
"""

from __future__ import annotations

from .torture import Case

__all__ = ["CASES", "TAKEN"]

_VIDEO = "m=video 6024 RTP/AVP 107\r\n"
_H263 = "a=rtpmap:107 H263-1998/90000\r\n"
_G726 = "m=audio 6000 RTP/AVP 2\r\na=rtpmap:2 G726-32/8000\r\n"
_CALL = "SSG9559905523997077@hlau_4100"


def _case(name: str, section: str, start: str, *lines: str, body: str = "", status: int | None = None) -> Case:
    fields = [*lines, "Content-Type: application/sdp"] if body else list(lines)
    head = "\r\n".join([f"{start} SIP/2.0", *fields, f"Content-Length: {len(body)}", "", ""])
    return Case(name, section, (head + body).encode(), status)


def _register(name: str, section: str, uri: str, status: int | None = None) -> Case:
    last = ["Max-Forwards: 70", 'Contact: "Caller" <sip:caller@[2001:db8::1]>']
    if section in ("4.3", "4.4"):
        last.reverse()
    return _case(
        name, section, f"REGISTER {uri}", "To: sip:user@example.com", "From: sip:user@example.com;tag=81x2",
        "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111", f"Call-ID: {_CALL}", *last,
        "CSeq: 98176 REGISTER", status=status,
    )  # fmt: skip


def _options(name: str, address: str, status: int | None) -> Case:
    return _case(
        name, "4.10", f"OPTIONS sip:user@[{address}]", f"To: sip:user@[{address}]",
        "From: sip:user@example.com;tag=810x2", "Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111",
        "Call-ID: G9559905523997077@hlau_4100", "CSeq: 689 OPTIONS", "Max-Forwards: 70", status=status,
    )  # fmt: skip


CASES = [
    _register("ipv6-good", "4.1", "sip:[2001:db8::10]"),
    _register("ipv6-bad", "4.2", "sip:2001:db8::10", 400),
    _register("port-ambiguous", "4.3", "sip:[2001:db8::10:5070]"),
    _register("port-unambiguous", "4.4", "sip:[2001:db8::10]:5070"),
    _case(
        "via-received-param-with-delim", "4.5", "BYE sip:[2001:db8::10]", "To: sip:user@example.com;tag=bd76ya",
        "From: sip:user@example.com;tag=81x2",
        "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111", f"Call-ID: {_CALL}",
        "Max-Forwards: 70", "CSeq: 321 BYE",
    ),
    _case(
        "via-received-param-no-delim", "4.5", "OPTIONS sip:[2001:db8::10]", "To: sip:user@example.com",
        "From: sip:user@example.com;tag=81x2",
        "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3",
        "Call-ID: SSG95523997077@hlau_4100", "Max-Forwards: 70", 'Contact: "Caller" <sip:caller@[2001:db8::9:1]>',
        "CSeq: 921 OPTIONS",
    ),
    _case(
        "ipv6-in-sdp", "4.6", "INVITE sip:user@[2001:db8::10]", "To: sip:user@[2001:db8::10]",
        "From: sip:user@example.com;tag=81x2", "Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111",
        f"Call-ID: {_CALL}", 'Contact: "Caller" <sip:caller@[2001:db8::20]>', "CSeq: 8612 INVITE", "Max-Forwards: 70",
        body="v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video feed for today's meeting\r\n"
        f"c=IN IP6 2001:db8::20\r\nt=3338481189 3370017201\r\n{_G726}{_VIDEO}{_H263}",
    ),
    _case(
        "mult-ip-in-header", "4.7", "BYE sip:user@host.example.net",
        "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144",
        "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200", "Call-ID: 997077@lau_4100",
        "Max-Forwards: 70", "CSeq: 89187 BYE", "To: sip:user@example.net;tag=9817--94",
        "From: sip:user@example.com;tag=81x2",
    ),
    _case(
        "mult-ip-in-sdp", "4.8", "INVITE sip:user@[2001:db8::10]", "To: sip:user@[2001:db8::10]",
        "From: sip:user@example.com;tag=81x2", "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111",
        f"Call-ID: {_CALL}", 'Contact: "Caller" <sip:caller@[2001:db8::9:1]>', "Max-Forwards: 70", "CSeq: 8912 INVITE",
        body="v=0\r\no=bob 280744730 28977631 IN IP4 host.example.com\r\ns=\r\nt=0 0\r\nm=audio 22334 RTP/AVP 0\r\n"
        f"c=IN IP4 192.0.2.1\r\n{_VIDEO}c=IN IP6 2001:db8::1\r\n{_H263}",
    ),
    _case(
        "ipv4-mapped-ipv6", "4.9", "INVITE sip:user@example.com", "To: sip:user@example.com",
        "From: sip:user@east.example.com;tag=81x2", "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
        "Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111", f"Call-ID: {_CALL}",
        'Contact: "T. desk phone" <sip:ted@[::ffff:192.0.2.2]>', "CSeq: 612 INVITE", "Max-Forwards: 70",
        body="v=0\r\no=assistant 971731711378798081 0 IN IP6 ::ffff:192.0.2.2\r\ns=Call me soon, please!\r\n"
        f"c=IN IP6 ::ffff:192.0.2.2\r\nt=3338481189 3370017201\r\n{_G726}{_VIDEO}{_H263}",
    ),
    # What the grammar of RFC 3261 made of the last one (mended by RFC 5954 §4.1): no address, but a proxy passes it on.
    _options("ipv6-bug-abnf-3-colons", "2001:db8:::192.0.2.1", None),
    _options("ipv6-correct-abnf-2-colons", "2001:db8::192.0.2.1", None),
]  # fmt: skip

TAKEN = {case.name: case for case in CASES}
