"""Who may do what: digest, identity, trusted headers, zones (R22, R38, R39, R40, R43)."""

from __future__ import annotations

import pytest

from seaway.call.config import NeighbourZone, Rule, User
from seaway.call.control import Control
from seaway.call.events import LogEvent, Offence, Proved
from seaway.core.sip.io import Flow, Send, SendTo
from seaway.identity.digest import Challenge, answer, ha1
from seaway.wire.sip.auth import digest_parameters
from seaway.wire.sip.message import Request, Response, parse

from ..support.messages import as_response, flow, header, request
from ..support.nodes import CORE, control

METHODS = ["INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER", "NOTIFY", "INFO", "UPDATE", "PRACK", "BYE",
           "REGISTER", "FOO", "QUERY", "x", "invite"]  # fmt: skip


class Desk:
    """One `Control`, and whoever sends it something."""

    def __init__(self, **changes: object) -> None:
        self.control: Control = control(**changes)
        self.control.start(0.0)
        self.now = 0.0
        self.sent: list[tuple[Flow, Request | Response, bytes]] = []
        self.dialled: list[SendTo] = []
        self.offences: list[Offence] = []
        self.proved: list[Flow] = []
        self.log: list[LogEvent] = []
        self._number = 0

    def udp(self, host: str = "192.0.2.10", port: int = 5060, nic: str = "inner") -> Flow:
        return flow("udp", (host, port), (CORE, 5060), nic)

    def receive(self, data: bytes, where: Flow) -> list[tuple[Flow, Request | Response, bytes]]:
        self.control.receive(data, where, self.now)
        sent = []
        while (output := self.control.next_output()) is not None:
            if isinstance(output, Send):
                sent.append((output.flow, parse(output.data), output.data))
            elif isinstance(output, SendTo):
                self.dialled.append(output)
            elif isinstance(output, Offence):
                self.offences.append(output)
            elif isinstance(output, Proved):
                self.proved.append(output.flow)
            elif isinstance(output, LogEvent):
                self.log.append(output)
        self.sent += sent
        return sent

    def status(self, data: bytes, where: Flow) -> int:
        """Status of the last answer."""
        answers = [each for _, each, _ in self.receive(data, where) if isinstance(each, Response)]
        return answers[-1].status if answers else 0

    def register(self, user: str, contact: str, where: Flow, expires: int = 600) -> int:
        """Register through digest, as a phone does."""
        lines = [f"Contact: <{contact}>", f"Expires: {expires}"]
        return self.prove("REGISTER", "sip:example.test", user, where, to=f"<sip:{user}@example.test>", headers=lines)

    def prove(
        self, method: str, uri: str, user: str, where: Flow, *, password: str | None = None, frm: str | None = None,
        to: str | None = None, headers: list[str] | None = None, algorithm: str | None = None, index: int = 0,
        body: bytes = b"", realm: str | None = None,
    ) -> int:  # fmt: skip
        """A request, the challenge, the request with credentials; the last status."""
        self._number += 2
        frm = frm or f"<sip:{user}@example.test>;tag=t"
        to = to or "<sip:bob@example.test>"
        lines = headers or []

        def make(number: int, *extra: str) -> bytes:
            via = f"SIP/2.0/UDP {where.remote[0]}:{where.remote[1]};rport;branch=z9hG4bKd{number}"
            return request(
                method,
                uri,
                via=via,
                frm=frm,
                to=to,
                cseq=number,
                call_id=f"{user}-{where.id}",
                headers=[*lines, *extra],
                body=body,
            )

        answers = [each for _, each, _ in self.receive(make(self._number), where) if isinstance(each, Response)]
        if answers[-1].status not in (401, 407):
            return answers[-1].status
        register = answers[-1].status == 401
        values = answers[-1].all(b"www-authenticate" if register else b"proxy-authenticate")
        offered = [Challenge.from_parameters(digest_parameters(value) or {}) for value in values]
        challenge = next(each for each in offered if algorithm in (None, each.algorithm))
        value = answer(challenge, user, password or f"secret-{user}", method, uri, cnonce="11")
        self.credentials = f"{'Authorization' if register else 'Proxy-Authorization'}: {value}"
        return self.status(make(self._number + 1, self.credentials), where)

    def forwarded(self) -> list[Request]:
        return [each for _, each, _ in self.sent if isinstance(each, Request)]


# -- every method is asked for credentials


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_every_method_from_the_default_zone(method: str, transport: str) -> None:
    desk = Desk()
    desk.register("bob", "sip:bob@192.0.2.20", desk.udp("192.0.2.20"))
    desk.sent.clear()
    where = flow(transport, ("192.0.2.66", 5060), (CORE, 5060))
    headers = ["Contact: <sip:m@192.0.2.66>"]
    status = desk.status(request(method, "sip:bob@example.test", transport=transport.upper(), headers=headers), where)
    assert status == (401 if method == "REGISTER" else 407)
    assert not desk.forwarded()
    assert len(desk.control._proxy.layer) == len(desk.control._proxy.layer._servers)


@pytest.mark.parametrize("method", METHODS)
def test_no_method_inside_a_dialog_that_is_none(method: str) -> None:
    """A To tag alone, or with a forged Route, opens nothing."""
    desk = Desk()
    desk.register("bob", "sip:bob@192.0.2.20", desk.udp("192.0.2.20"))
    desk.sent.clear()
    for number, route in enumerate(
        [[], ["Route: <sip:n.0123456789abcdef@10.0.0.1:5060;lr>"], ["Route: <sip:10.0.0.1;lr>"]]
    ):
        data = request(
            method, "sip:bob@192.0.2.20", to="<sip:bob@example.test>;tag=x", headers=route, branch=f"z9hG4bK{number}"
        )
        assert desk.status(data, desk.udp("192.0.2.66")) in ((481,) if method != "REGISTER" else (404,))
    assert not desk.forwarded()


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "FOO"])
def test_a_trusted_zone_is_not_asked(method: str) -> None:
    neighbour = NeighbourZone("calls", ("10.0.0.50",), 5060, "udp")
    desk = Desk(neighbours=(neighbour,))
    desk.register("bob", "sip:bob@192.0.2.20", desk.udp("192.0.2.20"))
    desk.sent.clear()
    desk.receive(
        request(method, "sip:bob@example.test", headers=["P-Asserted-Identity: <sip:x@y>"]), desk.udp("10.0.0.50")
    )
    (sent,) = desk.forwarded()
    assert sent.uri == b"sip:bob@192.0.2.20"
    assert sent.get(b"p-asserted-identity") == b"<sip:x@y>"


@pytest.mark.parametrize(
    ("zone", "where", "trusted"),
    [
        (NeighbourZone("n", ("10.0.0.50",), 5060, "udp"), flow("udp", ("10.0.0.50", 9)), True),
        (NeighbourZone("n", ("10.0.0.50",), 5060, "udp"), flow("tls", ("10.0.0.50", 9)), True),
        (NeighbourZone("n", ("10.0.0.50",), 5060, "tcp"), flow("udp", ("10.0.0.50", 9)), False),
        (NeighbourZone("n", ("10.0.0.50",), 5060, "tls"), flow("tcp", ("10.0.0.50", 9)), False),
        (NeighbourZone("n", ("10.0.0.50",), 5060, "udp"), flow("udp", ("10.0.0.51", 9)), False),
        (NeighbourZone("n", ("10.0.0.50",), 5060, "udp"), flow("udp", ("10.0.0.50", 9), nic="outer"), False),
        (NeighbourZone("n", ("10.0.0.50",), 5060, "tls", verify_name="n.test"), flow("tls", ("10.0.0.50", 9)), False),
        (NeighbourZone("n", ("10.0.0.50",), 5060, "tls", verify_name="n.test"),
         flow("tls", ("10.0.0.50", 9), names=("N.test",)), True),
        (NeighbourZone("n", ("",), 5060, "udp"), flow("udp", ("10.0.0.50", 9)), False),
    ],
)  # fmt: skip
def test_what_makes_a_neighbour(zone: NeighbourZone, where: Flow, trusted: bool) -> None:
    """R40: nothing matches everyone; a forged datagram does not pass for a neighbour that uses TLS."""
    desk = Desk(neighbours=(zone,))
    assert desk.control._zones.of(where).trusted == trusted


def test_a_flow_of_an_unknown_zone_is_not_trusted() -> None:
    assert not Desk().control._zones.of(flow("tls", zone="traversal-9")).trusted


# -- the digest


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
def test_both_algorithms(algorithm: str, method: str) -> None:
    desk = Desk()
    uri = "sip:example.test" if method == "REGISTER" else "sip:carol@example.test"
    to = "<sip:alice@example.test>"
    status = desk.prove(
        method, uri, "alice", desk.udp(), algorithm=algorithm, to=to, headers=["Contact: <sip:alice@192.0.2.10>"]
    )
    assert status == (200 if method == "REGISTER" else 480)


def test_challenges_best_first() -> None:
    """RFC 8760 §2.4: a header line for each algorithm, the preferred one on top."""
    desk = Desk()
    for method, uri, name in (
        ("REGISTER", "sip:example.test", "www-authenticate"),
        ("INVITE", "sip:b@x", "proxy-authenticate"),
    ):
        ((_, _, data),) = desk.receive(request(method, uri), desk.udp())
        lines = header(data, name)
        assert ["SHA-256" in line for line in lines] == [True, False]
        assert all('realm="example.test"' in line and 'qop="auth"' in line and "stale" not in line for line in lines)


def test_only_what_some_user_has() -> None:
    desk = Desk(users=(User("alice", {"MD5": ha1("MD5", "alice", "example.test", "secret-alice")}),))
    assert (
        desk.prove(
            "REGISTER",
            "sip:example.test",
            "alice",
            desk.udp(),
            to="<sip:alice@example.test>",
            headers=["Contact: <sip:a@b>"],
        )
        == 200
    )
    ((_, _, data),) = desk.receive(request("INVITE"), desk.udp())
    assert len(header(data, "proxy-authenticate")) == 1


@pytest.mark.parametrize(
    ("user", "password"), [("alice", "wrong"), ("alice", ""), ("nobody", "secret-nobody"), ("ALICE", "secret-alice")]
)
def test_unknown_users_look_like_wrong_passwords(user: str, password: str) -> None:
    """R43: the same status, headers and length; the log alone knows more."""
    answers = []
    for name, secret in ((user, password or "x"), ("alice", "also wrong")):
        desk, to = Desk(), f"<sip:{name}@example.test>"
        assert desk.prove("REGISTER", "sip:example.test", name, desk.udp(), password=secret, to=to) == 401
        reply = as_response(desk.sent[-1][2])
        own = (b"from", b"to", b"call-id")  # these repeat what the peer said
        lines = zip(reply.names, reply.lines, strict=True)
        answers.append([(each, len(line)) for each, line in lines if each not in own])
    assert answers[0] == answers[1]


def test_a_nonce_expires_and_is_stale() -> None:
    desk = Desk()
    assert desk.register("alice", "sip:alice@192.0.2.10", desk.udp()) == 200
    desk.now = 400.0
    data = request(
        "REGISTER",
        "sip:example.test",
        frm="<sip:alice@example.test>;tag=t",
        to="<sip:alice@example.test>",
        cseq=50,
        branch="z9hG4bKlate",
        headers=[desk.credentials],
    )
    assert desk.status(data, desk.udp()) == 401
    assert all("stale=true" in each for each in header(desk.sent[-1][2], "www-authenticate"))
    assert not [each for each in desk.control._outputs if getattr(each, "event", "") == "request.refused"]


@pytest.mark.parametrize(
    ("user", "password", "algorithm", "why"),
    [
        ("alice", "wrong", None, "wrong password of user alice"),
        ("nobody", "x", None, "there is no user nobody on this node"),
        ("old", "secret-old", "SHA-256", "user old has no ha1_sha256 on this node"),
    ],
)
def test_the_log_says_why_credentials_were_refused(user: str, password: str, algorithm: str | None, why: str) -> None:
    forms = {each: ha1(each, "alice", "example.test", "secret-alice") for each in ("SHA-256", "MD5")}
    old = User("old", {"MD5": ha1("MD5", "old", "example.test", "secret-old")})
    desk = Desk(users=(User("alice", forms), old))
    assert (
        desk.prove("MESSAGE", "sip:bob@example.test", user, desk.udp(), password=password, algorithm=algorithm) == 407
    )
    assert [each.fields["why"] for each in desk.log if each.event == "request.refused"] == [why]


def test_credentials_work_once_and_only_from_their_source() -> None:
    desk = Desk()
    assert desk.register("alice", "sip:alice@192.0.2.10", desk.udp()) == 200
    for where in (desk.udp(), desk.udp("192.0.2.99")):
        data = request(
            "REGISTER",
            "sip:example.test",
            frm="<sip:alice@example.test>;tag=t",
            to="<sip:alice@example.test>",
            cseq=50,
            branch=f"z9hG4bKagain{where.id}",
            headers=[desk.credentials],
        )
        assert desk.status(data, where) == 401


def test_a_retransmission_is_answered_by_its_transaction() -> None:
    """The credentials are used up by then: it must not be judged again."""
    desk = Desk()
    where = desk.udp()
    assert desk.register("alice", "sip:alice@192.0.2.10", where) == 200
    before = desk.sent[-1][2]
    data = request(
        "REGISTER", "sip:example.test", via="SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKd3",
        frm="<sip:alice@example.test>;tag=t", to="<sip:alice@example.test>", cseq=3, call_id=f"alice-{where.id}",
    )  # fmt: skip
    ((_, _, again),) = desk.receive(data, where)
    assert again == before


@pytest.mark.parametrize(
    "value",
    [
        "Digest",
        "Digest x",
        'Digest realm="example.test"',
        'Digest username="alice", realm="example.test", nonce="x"',
        'Digest username="alice", realm="example.test", nonce="x", uri="sip:x", response="zz", nc=1, qop=auth',
        'Digest realm="example.test", realm="example.test"',
    ],
)
def test_credentials_that_cannot_be_read(value: str) -> None:
    desk = Desk()
    assert desk.status(request(headers=[f"Proxy-Authorization: {value}"]), desk.udp()) in (400, 407)
    assert not desk.forwarded()


@pytest.mark.parametrize("value", ["Basic YWxpY2U6eA==", "Bearer x", 'Digest realm="other.test", nonce="x"'])
def test_credentials_for_somebody_else_are_none_for_us(value: str) -> None:
    desk = Desk()
    assert desk.status(request(headers=[f"Proxy-Authorization: {value}"]), desk.udp()) == 407


# -- identity


@pytest.mark.parametrize(
    ("frm", "status"),
    [
        ("<sip:alice@example.test>;tag=t", 480),
        ("<sips:alice@EXAMPLE.test>;tag=t", 480),
        ("<sip:%61lice@example.test>;tag=t", 480),
        ("<sip:bob@example.test>;tag=t", 403),
        ("<sip:alice@other.test>;tag=t", 403),
        ("<sip:Alice@example.test>;tag=t", 403),
        ("<sip:example.test>;tag=t", 403),
        ("<tel:+491234>;tag=t", 403),
        ('"alice" <sip:anonymous@anonymous.invalid>;tag=t', 403),
        ('"<sip:alice@example.test>" <sip:bob@example.test>;tag=t', 403),
        ("<sip:alice@example.test:5099>;tag=t", 403),
        ("<sip:alice:pw@example.test>;tag=t", 480),
        ("<sip:bob@example.test>;tag=<sip:alice@example.test>", 403),
    ],
)
def test_from_must_be_who_was_proved(frm: str, status: int) -> None:
    """R39."""
    assert Desk().prove("INVITE", "sip:carol@example.test", "alice", flow("udp", local=(CORE, 5060)), frm=frm) == status


@pytest.mark.parametrize("to", ["<sip:bob@example.test>", "<sip:alice@other.test>", "<sip:example.test>", "<tel:1>"])
def test_nobody_registers_for_another(to: str) -> None:
    desk = Desk()
    headers = ["Contact: <sip:alice@192.0.2.10>"]
    status = desk.prove("REGISTER", "sip:example.test", "alice", desk.udp(), to=to, headers=headers)
    assert status in (403, 404)
    assert len(desk.control._registrar) == 0


TRUSTED = [
    "P-Asserted-Identity: <sip:boss@example.test>",
    "P-Preferred-Identity: <sip:boss@example.test>",
    "Diversion: <sip:x@y>",
    "Remote-Party-ID: <sip:boss@example.test>",
    "History-Info: <sip:x@y>;index=1",
    "y: signature",
    "Identity: signature",
    "X-Cisco-Something: 1",
    "X-Seaway-Zone: traversal",
    "P-Charging-Vector: icid-value=1",
    "P-Served-User: <sip:x@y>",
    "p-asserted-identity : <sip:boss@example.test>",
    "P-ASSERTED-IDENTITY:\r\n <sip:boss@example.test>",
]


def test_what_only_trusted_peers_may_say_is_removed() -> None:
    """R22; and its positive twin: what anybody may say stays."""
    desk = Desk()
    desk.register("bob", "sip:bob@192.0.2.20", desk.udp("192.0.2.20"))
    desk.sent.clear()
    kept = [
        "Subject: hello",
        "Privacy: id",
        "Xy: 1",
        "Px-Own: 1",
    ]
    where = desk.udp()
    other = 'Proxy-Authorization: Digest username="a", realm="other.test", nonce="1", uri="sip:x", response="0"'
    desk.prove(
        "INVITE",
        "sip:bob@example.test",
        "alice",
        where,
        headers=[*TRUSTED, *kept, other, "Contact: <sip:alice@192.0.2.10>"],
    )
    (sent,) = desk.forwarded()
    text = sent.serialise().decode().lower()
    assert "boss" not in text and "x-cisco" not in text and "x-seaway" not in text
    names = set(sent.names)
    assert names.isdisjoint({each.partition(":")[0].strip(" ").lower().encode() for each in TRUSTED} | {b"identity"})
    for line in kept:
        assert line.encode() in sent.lines
    assert sent.all(b"proxy-authorization") == [other.partition(": ")[2].encode()], (
        "ours are used up, those of others pass"
    )
    # The answer of an untrusted phone is cleaned as well.
    from ..support.messages import response

    reply = response(sent.serialise(), 200, headers=("P-Asserted-Identity: <sip:boss@example.test>", "Px-Own: 2"))
    ((_, answered, _),) = desk.receive(reply, desk.udp("192.0.2.20"))
    assert answered.get(b"p-asserted-identity") is None and answered.get(b"px-own") == b"2"


def test_inside_a_dialog_it_is_removed_too() -> None:
    desk = Desk()
    desk.register("bob", "sip:bob@192.0.2.20", desk.udp("192.0.2.20"))
    desk.sent.clear()
    desk.prove("INVITE", "sip:bob@example.test", "alice", desk.udp(), headers=["Contact: <sip:alice@192.0.2.10>"])
    (invite,) = desk.forwarded()
    routes = [f"Route: {value.decode()}" for value in reversed(invite.all(b"record-route"))]
    call_id = invite.require(b"call-id").decode()
    desk.sent.clear()
    data = request(
        "INVITE", "sip:bob@192.0.2.20", branch="z9hG4bKre", call_id=call_id, to="<sip:bob@example.test>;tag=b", cseq=99,
        headers=[*routes, *TRUSTED, desk.credentials],
    )  # fmt: skip
    desk.receive(data, desk.udp())
    (sent,) = desk.forwarded()
    assert b"boss" not in sent.serialise() and sent.get(b"proxy-authorization") is None
    # The token of this dialog opens no new one: without a To tag the caller is asked who it is.
    data = request(
        "INVITE", "sip:somebody@198.51.100.7", branch="z9hG4bKnew", call_id=call_id, cseq=100, headers=routes
    )
    assert desk.status(data, desk.udp("192.0.2.66")) == 407


# -- OPTIONS to the node, and strangers who flood


def test_options_to_the_node_itself() -> None:
    desk = Desk()
    for number, uri in enumerate(
        ["sip:10.0.0.1", "sip:10.0.0.1:5060", "sip:example.test", "sip:EXAMPLE.TEST;transport=udp"]
    ):
        ((_, reply, data),) = desk.receive(request("OPTIONS", uri, branch=f"z9hG4bK{number}"), desk.udp())
        assert isinstance(reply, Response) and reply.status == 200
        assert "INVITE" in header(data, "allow")[0]
    assert len(desk.control._proxy.layer) == 0


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "OPTIONS", "MESSAGE", "CANCEL", "BYE", "ACK"])
def test_a_flood_of_strangers_leaves_nothing(method: str) -> None:
    """Invariant 6: no state, no repetition, no amplification."""
    desk = Desk()
    received = sent = 0
    for number in range(500):
        uri = "sip:example.test" if method in ("REGISTER", "OPTIONS") else "sip:bob@example.test"
        data = request(method, uri, branch=f"z9hG4bKflood{number}", call_id=f"flood{number}")
        received += len(data)
        sent += sum(len(each) for _, _, each in desk.receive(data, desk.udp(f"192.0.2.{number % 250}", 1024 + number)))
    assert len(desk.control._proxy.layer) == 0
    assert sent <= 3 * received
    for second in range(70):
        desk.control.handle_timeout(float(second))
        while (output := desk.control.next_output()) is not None:
            assert not isinstance(output, Send), "an answer to a stranger was repeated"


# -- R35: where a request may go


@pytest.mark.parametrize(
    "uri",
    [
        "sip:x@224.0.0.1",
        "sip:x@230.1.2.3",
        "sip:x@239.255.255.250",
        "sip:x@255.255.255.255",
        "sip:x@0.0.0.0",
        "sip:x@240.0.0.1",
        "sip:x@[ff02::1]",
        "sip:x@[::]",
        "sip:x@[::ffff:224.0.0.1]",
        "sip:x@3758096385",
        "sip:x@0xe0000001",
        "sip:x@224.1",
        "sip:x@10.0.0.1",
        "sip:x@10.0.0.1:5060",
        "sip:x@10.0.0.1:5061;transport=tls",
        "sip:x@[::ffff:10.0.0.1]",
        "sip:x@10.0.0.1:5060;transport=tcp",
        "tel:+49123",
        "sip:x@192.0.2.20;transport=sctp",
    ],
)
@pytest.mark.parametrize("by", ["uri", "route"])
def test_no_request_goes_where_none_may_go(uri: str, by: str) -> None:
    desk = Desk()
    token = desk.control._proxy._tokens.make(b"n", b"call-1").decode()
    routes = [f"Route: <sip:{token}@10.0.0.1:5060;lr>"]
    if by == "route":
        routes.append(f"Route: <{uri};lr>")
    data = request("BYE", uri if by == "uri" else "sip:bob@192.0.2.20", to="<sip:b@c>;tag=b", headers=routes)
    sent = desk.receive(data, desk.udp())
    own = by == "route" and uri.startswith("sip:x@10.0.0.1")  # a Route of ours is taken off, and its user is no token
    assert [each.status for _, each, _ in sent if isinstance(each, Response)]
    assert not [each for _, each, _ in sent if isinstance(each, Request)], (uri, own)


@pytest.mark.parametrize(
    ("uri", "remote"),
    [("sip:x@192.0.2.20", ("192.0.2.20", 5060)), ("sip:x@192.0.2.20:5099;transport=UDP", ("192.0.2.20", 5099)),
     ("sip:x@[::ffff:192.0.2.9]", ("192.0.2.9", 5060))],
)  # fmt: skip
def test_and_everywhere_else_it_goes(uri: str, remote: tuple[str, int]) -> None:
    desk = Desk()
    token = desk.control._proxy._tokens.make(b"n", b"call-1").decode()
    headers = [f"Route: <sip:{token}@10.0.0.1:5060;lr>"]
    ((where, sent, _),) = desk.receive(request("BYE", uri, to="<sip:b@c>;tag=b", headers=headers), desk.udp())
    assert isinstance(sent, Request) and where.remote == remote


def test_answers_go_to_the_source_whatever_the_via_says() -> None:
    desk = Desk()
    for number, via in enumerate(
        ["SIP/2.0/UDP 224.0.0.1;received=224.0.0.1", "SIP/2.0/UDP 8.8.8.8;maddr=9.9.9.9;rport=53"]
    ):
        ((where, _, _),) = desk.receive(
            request("OPTIONS", "sip:example.test", via=f"{via};branch=z9hG4bK{number}"), desk.udp()
        )
        assert where.remote == ("192.0.2.10", 5060)


# -- search


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:carol@example.test", 480),
        ("sip:nobody@example.test", 404),
        ("sip:x@elsewhere.test", 404),
        ("sip:example.test:5099", 404),
        ("tel:+49123", 416),
        ("mailto:a@b", 416),
        ("sip:carol@10.0.0.1", 480),
        ("sip:carol@10.0.0.1:5060", 480),
        ("sip:%ff@example.test", 404),
        ("sip:a@b?x=y", 400),
        ("sip:" + "a" * 300 + "@example.test", 404),
    ],
)
def test_where_nobody_is(uri: str, status: int) -> None:
    desk = Desk()
    assert desk.prove("INVITE", uri, "alice", desk.udp()) == status


def test_a_request_does_not_go_back_to_its_zone() -> None:
    neighbour = NeighbourZone("calls", ("10.0.0.50",), 5060, "udp")
    desk = Desk(neighbours=(neighbour,), rules=(Rule(1, ".*", "calls"),))
    assert desk.status(request(), desk.udp("10.0.0.50")) == 404
    desk.prove("INVITE", "sip:x@y.test", "alice", desk.udp(), headers=["Contact: <sip:alice@192.0.2.10>"])
    assert [each.uri for each in desk.forwarded()] == [b"sip:x@y.test"]


def test_a_neighbour_on_a_transport_without_listener() -> None:
    """It is dialled all the same; Via and Record-Route name a listener that there is."""
    from seaway.call.config import Listener

    neighbour = NeighbourZone("calls", ("10.0.0.50",), 5061, "tls", verify_name="calls.test")
    udp = Listener("udp", (CORE, 5060), (CORE, 5060), "inner", "Y01-01")
    desk = Desk(neighbours=(neighbour,), rules=(Rule(1, ".*", "calls"),), listeners=(udp,))
    desk.prove("INVITE", "sip:x@y.test", "alice", desk.udp(), headers=["Contact: <sip:alice@192.0.2.10>"])
    (dial,) = desk.dialled
    assert dial.hop.verify_name == "calls.test"
    assert b"Via: SIP/2.0/TLS 10.0.0.1:5060;rport;alias;branch=" in dial.data
    assert dial.data.count(b"Record-Route: <sip:") == 2


def test_registrations_of_any_octets_expire_quietly() -> None:
    """A trusted neighbour may register users that are no UTF-8: log and sweep take them."""
    neighbour = NeighbourZone("calls", ("10.0.0.50",), 5060, "udp")
    desk = Desk(neighbours=(neighbour,))
    data = request(
        "REGISTER",
        "sip:example.test",
        to="<sip:%ff%fe@example.test>",
        headers=["Contact: <sip:x@192.0.2.1>", "Expires: 60"],
    )
    assert desk.status(data, desk.udp("10.0.0.50")) == 200
    assert desk.control.snapshot("registrations", 0.0)
    desk.control.handle_timeout(100.0)
    assert not desk.control.snapshot("registrations", 100.0)
