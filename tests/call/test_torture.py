"""RFC 4475 and RFC 5118 through a whole node: every message has its outcome.

A trusted peer sends them, so that nothing but the message itself decides; the node is proxy for everybody and registrar
of example.com. A proxy leaves alone what it does not need (RFC 3261 §16.3 step 1): where RFC 4475 has an element refuse
a broken To, From, Date or body, a proxy may pass it on, and does so octet for octet.
"""

from __future__ import annotations

import pytest

from seaway.call.config import Listener, NeighbourZone, Rule
from seaway.call.control import Control
from seaway.core.sip.io import Flow, Send, SendTo
from seaway.wire.sip.message import Request, Response, parse

from ..support.messages import as_response, flow, header
from ..support.nodes import CORE, control
from ..wire.sip.torture import BY_NAME, CASES, Case
from ..wire.sip.torture6 import CASES as CASES6
from ..wire.sip.torture6 import TAKEN

SIX = "2001:db8::10"  # the node of RFC 5118
PASSED, DROPPED = "passed on", "dropped"

OUTCOMES: dict[str, tuple[str | int, str]] = {
    # §3.1.1 valid messages
    "wsinv": (481, "To has a tag and Route names another: a dialog that did not begin here (RFC 3261 §12.2.2)"),
    "intmeth": (PASSED, "an unknown method is passed on"),
    "esc01": (PASSED, "the user part is not unescaped"),
    "escnull": (200, "two contacts that differ in %00 only"),
    "esc02": (404, "% in a method means nothing: not REGISTER; the Request-URI has no user"),
    "lwsdisp": (PASSED, ""),
    "longreq": (PASSED, ""),
    "dblreq": (200, "what follows the REGISTER in the datagram is ignored (RFC 3261 §18.3)"),
    "semiuri": (PASSED, ""),
    "transports": (PASSED, "unknown transports in further Via values are not ours to judge"),
    "mpart01": (PASSED, ""),
    "unreason": (DROPPED, "a response to nothing (RFC 3261 §18.1.2)"),
    "noreason": (DROPPED, "a response to nothing"),
    # §3.1.2 invalid messages
    "badinv01": (400, "the Via cannot be read: the answer goes to where the request came from"),
    "clerr": (400, ""),
    "ncl": (400, ""),
    "scalar02": (400, ""),
    "scalarlg": (DROPPED, "a response in error"),
    "quotbal": (PASSED, "a proxy does not need To"),
    "ltgtruri": (400, ""),
    "lwsruri": (400, ""),
    "lwsstart": (400, ""),
    "trws": (400, ""),
    "escruri": (400, ""),
    "baddate": (PASSED, "Date is not needed"),
    "regbadct": (400, ""),
    "badaspec": (PASSED, "§3.1.2.14 allows to be liberal; a proxy does not need To"),
    "baddn": (PASSED, "§3.1.2.15 the same for From and To"),
    "badvers": (505, ""),
    "mismatch01": (400, ""),
    "mismatch02": (400, "501 only for a method that is known to be unknown; here CSeq is wrong first"),
    "bigcode": (DROPPED, "a response in error"),
    # §3.2 transaction layer
    "badbranch": (PASSED, "the bare cookie is an RFC 2543 branch"),
    # §3.3 application layer
    "insuf": (400, ""),
    "unkscm": (416, ""),
    "novelsc": (416, ""),
    "unksm2": (404, "To is nobody in our domain"),
    "bext01": (420, ""),
    "invut": (PASSED, "an unknown body is the callee's matter"),
    "regaut01": (200, "a scheme that nobody knows is no credential; this peer needs none"),
    "multi01": (400, ""),
    "mcl01": (400, ""),
    "bcast": (DROPPED, "a response to nothing; nothing is sent to the broadcast address (R35)"),
    "zeromf": (483, ""),
    "cparam01": (200, ""),
    "cparam02": (200, ""),
    "regescrt": (400, "a contact becomes a Request-URI, which has no headers (RFC 3261 §19.1.1)"),
    "sdp01": (PASSED, "multipart/mixed passes"),
    # §3.4 RFC 2543
    "inv2543": (PASSED, ""),
}
OUTCOMES6: dict[str, tuple[str | int, str]] = {
    "ipv6-good": (200, ""),
    "ipv6-bad": (400, "an address without brackets"),
    "port-ambiguous": (404, "all of it is the address, and that is not ours"),
    "port-unambiguous": (404, "our address, another port"),
    "via-received-param-with-delim": (481, "a dialog that did not begin here"),
    "via-received-param-no-delim": (200, "OPTIONS for ourselves"),
    "ipv6-in-sdp": (PASSED, ""),
    "mult-ip-in-header": (481, "a dialog that did not begin here"),
    "mult-ip-in-sdp": (PASSED, ""),
    "ipv4-mapped-ipv6": (PASSED, ""),
    "ipv6-bug-abnf-3-colons": (PASSED, "nobody here has to know that address"),
    "ipv6-correct-abnf-2-colons": (PASSED, ""),
}


def node() -> Control:
    zones = (
        NeighbourZone("from", ("192.0.2.10", "2001:db8::66"), 5060, "udp"),
        NeighbourZone("to", ("192.0.2.20",), 5060, "udp"),
    )
    listeners = tuple(
        Listener(transport, (host, 5060), (host, 5060), "inner", "Y01-01")
        for host in (CORE, SIX)
        for transport in ("udp", "tcp")
    )
    made = control(
        domains=("example.com",), realm="example.com", neighbours=zones, rules=(Rule(10, ".*", "to"),),
        listeners=listeners,
    )  # fmt: skip
    made.start(0.0)
    return made


def four(transport: str = "udp") -> Flow:
    return flow(transport, ("192.0.2.10", 4321), (CORE, 5060))


def six() -> Flow:
    return flow("udp", ("2001:db8::66", 4321), (SIX, 5060))


def sent(control: Control, data: bytes, where: Flow) -> list[tuple[tuple[str, int], bytes]]:
    control.receive(data, where, 1.0)
    found: list[tuple[tuple[str, int], bytes]] = []
    while (output := control.next_output()) is not None:
        if isinstance(output, Send):
            found.append((output.flow.remote, output.data))
        elif isinstance(output, SendTo):
            found.append(((output.hop.host, output.hop.port), output.data))
    return found


def outcome(case: Case, where: Flow) -> str | int:
    """What became of it; whatever was sent can be read, or answers what could not."""
    control = node()
    finals = [each for each in sent(control, case.data, where) if not each[1].startswith(b"SIP/2.0 100")]
    assert len(finals) <= 1
    if not finals:
        return DROPPED
    (host, _), data = finals[0]
    if data.startswith(b"SIP/2.0 "):
        assert host == where.remote[0], "an answer goes to where the request came from"
        return int(data[8:11])
    assert host == "192.0.2.20" and isinstance(parse(data), Request)
    body = case.data.partition(b"\r\n\r\n")[2]
    assert data.endswith(b"\r\n\r\n" + body), "the body is passed on as it came"
    return PASSED


def test_every_message_has_an_outcome() -> None:
    assert set(OUTCOMES) == {case.name for case in CASES} and set(OUTCOMES6) == {case.name for case in CASES6}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section}-{case.name}")
def test_rfc4475(case: Case) -> None:
    assert outcome(case, four()) == OUTCOMES[case.name][0]


@pytest.mark.parametrize("case", CASES6, ids=lambda case: f"{case.section}-{case.name}")
def test_rfc5118(case: Case) -> None:
    assert outcome(case, six()) == OUTCOMES6[case.name][0]


@pytest.mark.parametrize("case", [*CASES, *CASES6], ids=lambda case: f"{case.section}-{case.name}")
def test_from_a_stranger_nothing_is_passed_on(case: Case) -> None:
    """The same from outside: a challenge or a refusal at most, and never much more than was asked (invariant 6)."""
    control = node()
    for _, data in sent(control, case.data, flow("udp", ("198.51.100.7", 5060), (CORE, 5060))):
        assert as_response(data).status >= 200 if data[:11] != b"SIP/2.0 400" else True
        assert data.startswith(b"SIP/2.0 ") and len(data) <= 3 * len(case.data)
    assert control.underway.filled() == 0.0, "nothing is kept"


@pytest.mark.parametrize("name", ["quotbal", "badaspec", "baddn", "baddate", "lwsdisp", "intmeth", "ipv4-mapped-ipv6"])
def test_what_a_proxy_does_not_need_it_does_not_touch(name: str) -> None:
    """§3.1.2.14 and §3.1.2.15: liberal by leaving alone, not by guessing."""
    case = BY_NAME.get(name) or TAKEN[name]
    ((_, data),) = [each for each in sent(node(), case.data, four()) if not each[1].startswith(b"SIP/2.0")]
    ours = (b"via", b"record-route", b"max-forwards", b"max-breadth")
    before, after = parse(case.data), parse(data)
    kept = [line for field, line in zip(before.names, before.lines, strict=True) if field not in ours]
    assert [line for field, line in zip(after.names, after.lines, strict=True) if field not in ours] == kept


def test_bext01_names_what_is_not_supported() -> None:
    ((_, data),) = sent(node(), BY_NAME["bext01"].data, four())
    named = ",".join(header(data, "unsupported"))
    assert "noProxiesSupportThis" in named and "norDoAnyProxiesSupportThis" in named


def test_regaut01_from_a_stranger_is_challenged() -> None:
    ((_, data),) = sent(node(), BY_NAME["regaut01"].data, flow("udp", ("198.51.100.7", 5060), (CORE, 5060)))
    assert as_response(data).status == 401


def test_badinv01_is_answered_to_its_source_port() -> None:
    ((remote, _),) = sent(node(), BY_NAME["badinv01"].data, four())
    assert remote == ("192.0.2.10", 4321)


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nVia: x\r\nCSeq: 1 GET\r\n\r\n", b"ACK  sip:x SIP/2.0\r\nVia: x\r\nCSeq: 1 ACK\r\n\r\n",
             b"SIP/2.0  200 OK\r\nVia: x\r\nCSeq: 1 INVITE\r\n\r\n", b"\xff\xfe sip:x SIP/2.0\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_gets_no_answer(data: bytes) -> None:
    assert sent(node(), data, four()) == []


def test_over_a_stream_the_same_answers_come_back() -> None:
    """What can be framed is answered on its connection."""
    for case in CASES:
        if case.stream and isinstance(OUTCOMES[case.name][0], int):
            control, where = node(), four("tcp")
            control.flow_opened(where, 0.0)
            answers = [each for each in sent(control, case.data, where) if not each[1].startswith(b"SIP/2.0 100")]
            assert [data[8:11] for _, data in answers] == [str(OUTCOMES[case.name][0]).encode()], case.name
            assert b"content-length" in answers[0][1].lower()


def test_a_response_that_was_read() -> None:
    assert isinstance(parse(BY_NAME["unreason"].data), Response)
