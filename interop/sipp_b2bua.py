"""SIPp scenarios that a B2BUA has to understand on both legs: reliable responses, offers in PRACK and UPDATE, REFER."""

from __future__ import annotations

__all__ = ["prack_callee", "prack_caller", "refer_callee", "refer_caller", "registering"]

_COMMON = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nMax-Forwards: 70\n"
_CONTACT = "Contact: <sip:[service]@[local_ip]:[local_port];transport=[transport]>\n"
_SDP = """v=0
o=sipp 1 {version} IN IP[media_ip_type] [media_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio {port} RTP/AVP 8
a=rtpmap:8 PCMA/8000
"""


def _sdp(port: int, version: int = 1) -> str:
    return _SDP.format(port=port, version=version)


def _send(lines: str, body: str = "", retrans: bool = False, more: str = "") -> str:
    """One message; with a body it is a session description."""
    content = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{body}" if body else "Content-Length: 0\n\n"
    repeat = ' retrans="500"' if retrans else ""
    return f"  <send{repeat}{more}><![CDATA[\n{lines}{content}\n]]></send>\n"


def _scenario(name: str, text: str) -> str:
    return f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="{name}">\n{text}</scenario>\n'


def _auth(user: str, password: str) -> str:
    return f"[authentication username={user} password={password}]\n"


def registering(user: str, password: str, domain: str) -> str:
    """Register, then wait for calls."""

    def register(cseq: int, auth: str = "") -> str:
        return _send(
            f"REGISTER sip:{domain} SIP/2.0\n{_COMMON}From: <sip:{user}@{domain}>;tag=[pid]r\n"
            f"To: <sip:{user}@{domain}>\nCall-ID: [call_id]\nCSeq: {cseq} REGISTER\n{_CONTACT}Expires: 120\n{auth}",
            retrans=True,
        )

    text = register(1) + '  <recv response="401" auth="true"/>\n' + register(2, _auth(user, password))
    return _scenario("register", text + '  <recv response="200"/>\n')


def _invite(user: str, target: str, domain: str, password: str, body: str, headers: str) -> str:
    """INVITE, challenged; the last one has CSeq 2."""

    def invite(cseq: int, auth: str = "") -> str:
        return _send(
            f"INVITE sip:{target}@{domain} SIP/2.0\n{_COMMON}From: <sip:{user}@{domain}>;tag=[pid]c\n"
            f"To: <sip:{target}@{domain}>\nCall-ID: [call_id]\nCSeq: {cseq} INVITE\n{_CONTACT}{headers}{auth}",
            body, retrans=True,
        )  # fmt: skip

    ack = _send(
        f"ACK sip:{target}@{domain} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-1]\n"
        f"Max-Forwards: 70\nFrom: <sip:{user}@{domain}>;tag=[pid]c\nTo: <sip:{target}@{domain}>[peer_tag_param]\n"
        "Call-ID: [call_id]\nCSeq: 1 ACK\n"
    )
    challenged = '  <recv response="100" optional="true"/>\n  <recv response="407" auth="true"/>\n'
    return (
        invite(1) + challenged + ack + invite(2, _auth(user, password)) + '  <recv response="100" optional="true"/>\n'
    )


def _ask(user: str, target: str, domain: str, method: str, cseq: int, headers: str = "", body: str = "") -> str:
    """A request of the caller inside the dialog."""
    return _send(
        f"{method} [next_url] SIP/2.0\n{_COMMON}[routes]\nFrom: <sip:{user}@{domain}>;tag=[pid]c\n"
        f"To: <sip:{target}@{domain}>[peer_tag_param]\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n{_CONTACT}{headers}",
        body, retrans=method != "ACK",
    )  # fmt: skip


def _answer(status: str, headers: str = "", body: str = "", tag: bool = False, retrans: bool = False) -> str:
    own = ";tag=[pid]u" if tag else ""
    return _send(
        f"SIP/2.0 {status}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:]{own}\n[last_Call-ID:]\n"
        f"[last_CSeq:]\n{_CONTACT}{headers}",
        body, retrans,
    )  # fmt: skip


def prack_caller(user: str, target: str, domain: str, password: str) -> str:
    """INVITE without an offer; the offer comes in a reliable 183, the answer goes in PRACK; then an offer in UPDATE."""
    rseq = (
        '  <recv response="183" rrs="true"><action><ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" '
        'assign_to="1"/></action></recv>\n'
    )
    text = _invite(user, target, domain, password, "", "Supported: 100rel\nAllow: INVITE, ACK, BYE, PRACK, UPDATE\n")
    text += rseq
    text += _ask(user, target, domain, "PRACK", 3, "RAck: [$1] 2 INVITE\n", _sdp(26000))
    text += '  <recv response="200"/>\n'
    text += _ask(user, target, domain, "UPDATE", 4, body=_sdp(26002, 2))
    text += '  <recv response="200"><action><ereg regexp="m=audio [1-9]" search_in="body" check_it="true" '
    text += 'assign_to="2"/><log message="[$2]"/></action></recv>\n  <recv response="180" optional="true"/>\n'
    text += '  <recv response="200" rrs="true"/>\n' + _ask(user, target, domain, "ACK", 2)
    text += '  <pause milliseconds="200"/>\n' + _ask(user, target, domain, "BYE", 5) + '  <recv response="200"/>\n'
    return _scenario("prack", text)


def prack_callee() -> str:
    """The other end of it."""
    text = '  <recv request="INVITE"/>\n'
    allow = "Allow: INVITE, ACK, BYE, PRACK, UPDATE\n"
    text += _reliable("183 Session Progress", allow, _sdp(27000))
    text += '  <recv request="PRACK"><action><ereg regexp="m=audio [1-9]" search_in="body" check_it="true" '
    text += 'assign_to="9"/><log message="[$9]"/></action></recv>\n' + _answer("200 OK")
    text += '  <recv request="UPDATE"><action><ereg regexp="m=audio [1-9]" search_in="body" check_it="true" '
    text += 'assign_to="8"/><log message="[$8]"/></action></recv>\n' + _answer("200 OK", body=_sdp(27002, 2))
    text += _to_invite("200 OK") + '  <recv request="ACK"/>\n  <recv request="BYE"/>\n' + _answer("200 OK")
    return _scenario("prack", _with_kept_invite(text))


_FIELDS = (("Via:", 3), ("From:", 4), ("To:", 5), ("CSeq:", 6))


def _reliable(status: str, headers: str, body: str) -> str:
    return _answer(status, "Require: 100rel\nRSeq: 4711\n" + headers, body, tag=True)


def _to_invite(status: str) -> str:
    """The answer to the INVITE, by the fields that were kept."""
    return _send(
        f"SIP/2.0 {status}\nVia:[$3]\nFrom:[$4]\nTo:[$5];tag=[pid]u\n[last_Call-ID:]\nCSeq:[$6]\n{_CONTACT}",
        retrans=True,
    )


def _with_kept_invite(text: str) -> str:
    """`text` with an INVITE whose fields are kept in variables."""
    kept = "".join(
        f'<ereg regexp=".*" search_in="hdr" header="{name}" assign_to="{number}"/>' for name, number in _FIELDS
    )
    return text.replace('<recv request="INVITE"/>', f'<recv request="INVITE"><action>{kept}</action></recv>', 1)


def refer_caller(user: str, target: str, domain: str, password: str) -> str:
    """A call whose callee gives us to somebody else: a re-INVITE with another offer, and later the end."""
    text = _invite(user, target, domain, password, _sdp(26000), "Allow: INVITE, ACK, BYE, UPDATE\n")
    text += '  <recv response="180" optional="true"/>\n  <recv response="200" rrs="true"/>\n'
    text += _ask(user, target, domain, "ACK", 2)
    text += '  <recv request="INVITE"><action><ereg regexp="m=audio [1-9]" search_in="body" check_it="true" '
    text += 'assign_to="9"/><log message="[$9]"/></action></recv>\n' + _answer("200 OK", body=_sdp(26000), retrans=True)
    text += '  <recv request="ACK"/>\n  <pause milliseconds="700"/>\n'
    text += _ask(user, target, domain, "BYE", 3) + '  <recv response="200"/>\n'
    return _scenario("refer", text)


def refer_callee(user: str, third: str, domain: str) -> str:
    """Answer, send REFER to `third`, hear in NOTIFYs that it worked, and be let go."""
    text = '  <recv request="INVITE"><action>'
    text += '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="1"/>'
    text += '<ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact:" assign_to="2"/></action></recv>\n'
    text += _answer("200 OK", body=_sdp(27000), tag=True, retrans=True) + '  <recv request="ACK"/>\n'
    text += _send(
        f"REFER [$2] SIP/2.0\n{_COMMON}From: <sip:{user}@{domain}>;tag=[pid]u\nTo:[$1]\n[last_Call-ID:]\n"
        f"CSeq: 1 REFER\n{_CONTACT}Refer-To: <sip:{third}@{domain}>\n",
        retrans=True,
    )
    notify = '  <recv request="NOTIFY"><action><ereg regexp="SIP/2.0 {status}" search_in="body" '
    notify += 'check_it="true" assign_to="{number}"/><log message="[${number}]"/></action></recv>\n'
    text += '  <recv response="202"/>\n'
    for number, status in ((7, "100"), (8, "180"), (9, "200")):
        text += notify.format(status=status, number=number) + _answer("200 OK")
    text += '  <recv request="BYE"/>\n' + _answer("200 OK")
    return _scenario("refer", text)
