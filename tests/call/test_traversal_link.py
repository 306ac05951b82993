"""The traversal zone between two `Control`s: proving, keeping alive, reconnecting, and what it lets through."""

from __future__ import annotations

from itertools import pairwise

import pytest

from seaway.core.sip.io import Hop
from seaway.identity.digest import Challenge, answer

from ..support.messages import as_response, request, sdp
from ..support.net import Host
from ..support.nodes import EDGE_INNER, Pair

OPTIONS = "sip:edge.example.test:7001;transport=tls"


class Stranger:
    """Somebody who dials the edge's traversal port and keeps what comes back."""

    def __init__(self, pair: Pair, *names: str) -> None:
        self.pair = pair
        self.got: list[bytes] = []
        self.closed: list[str] = []
        self.host = pair.net.add(Host("stranger", self, {("tls", ("10.0.0.66", 1)): None}, names))  # type: ignore[dict-item]
        self.flow = pair.net.connect(
            self.host, pair.edge, "tls", (EDGE_INNER, 7001), Hop("tls", EDGE_INNER, 7001, "inner")
        )

    def send(self, data: bytes) -> bytes:
        """Send, and return the last answer."""
        before = len(self.got)
        self.pair.net._write(self.host, self.flow, data)
        self.pair.net.run(0.5)
        return self.got[-1] if len(self.got) > before else b""

    def options(self, password: str | None = None, user: str = "core1", cseq: int = 1) -> bytes:
        data = request("OPTIONS", OPTIONS, transport="TLS", branch=f"z9hG4bKs{cseq}", cseq=cseq, call_id="s")
        reply = self.send(data)
        if password is None or not reply:
            return reply
        from seaway.wire.sip.auth import digest_parameters

        challenge = Challenge.from_parameters(digest_parameters(as_response(reply).require(b"www-authenticate")) or {})
        value = answer(challenge, user, password, "OPTIONS", OPTIONS, cnonce="01")
        return self.send(
            request(
                "OPTIONS", OPTIONS, transport="TLS", branch=f"z9hG4bKs{cseq}b", cseq=cseq + 1, call_id="s",
                headers=[f"Authorization: {value}"],
            )
        )  # fmt: skip

    def receive(self, data: bytes, flow: object, now: float) -> None:
        self.got.append(data)

    def flow_closed(self, flow: object, now: float, reason: str = "") -> None:
        self.closed.append(reason)

    def flow_opened(self, flow: object, now: float) -> None: ...
    def pong(self, flow: object, now: float) -> None: ...
    def next_deadline(self) -> float | None:
        return None

    def next_output(self) -> None:
        return None


def reason(pair: Pair, host: Host) -> str:
    return str(host.core.snapshot("zones", pair.net.now)[0]["reason"])


def probes(pair: Pair) -> list[float]:
    """When the core sent OPTIONS, seconds since the start of the network."""
    return [round(each.time - 100, 2) for each in pair.net.sent("core1", "edge1", "OPTIONS")]


def test_the_first_exchange() -> None:
    """OPTIONS, 401 with SHA-256 only, OPTIONS with credentials, 200; nothing else crosses."""
    pair = Pair()
    link = [(each.source, each.first) for each in pair.net.wire]
    assert link == [
        ("core1", f"OPTIONS {OPTIONS} SIP/2.0"),
        ("edge1", "SIP/2.0 401 Unauthorized"),
        ("core1", f"OPTIONS {OPTIONS} SIP/2.0"),
        ("edge1", "SIP/2.0 200 OK"),
    ]
    challenges = as_response(pair.net.wire[1].data).all(b"www-authenticate")
    assert len(challenges) == 1 and b"algorithm=SHA-256" in challenges[0]
    assert b"zone-password" not in b"".join(each.data for each in pair.net.wire)
    assert pair.zones() == ("active", "active")


def test_keep_alives_on_schedule() -> None:
    pair = Pair()
    pair.net.run(299)
    times = probes(pair)[2:]
    assert [round(each) for each in times] == list(range(30, 300, 30))
    pings = [round(each.time - 100) for each in pair.net.wire if each.data == b"\r\n\r\n"]
    assert pings == list(range(15, 300, 15))
    assert pair.zones() == ("active", "active")
    assert len(pair.core.dials) == 1, "all of it on one connection"


def test_nonces_that_expire_do_not_end_the_zone() -> None:
    """The nonce lives for five minutes: then one 401 with stale, and on."""
    pair = Pair()
    pair.net.run(1000)
    assert pair.zones() == ("active", "active")
    refused = pair.net.sent("edge1", "core1", "SIP/2.0 401")
    assert 3 <= len(refused) <= 5
    assert all(b"stale=true" in each.data for each in refused[1:])
    assert not pair.core.events("zone.state")[2:]


def test_a_wrong_password() -> None:
    pair = Pair(zone={"password": "not-it"})
    assert pair.zones() == ("failed", "failed")
    why = reason(pair, pair.core)
    assert why == "the edge answered OPTIONS with 401: check user and password of the traversal zone on both nodes"
    assert reason(pair, pair.edge).startswith("wrong user or password from 10.0.0.1: check user and password")
    assert "not-it" not in repr([each.fields for each in pair.core.log + pair.edge.log])


def test_an_edge_with_another_name_is_refused() -> None:
    pair = Pair(start=False)
    pair.edge.names = ("other.example.test",)
    pair.net.run(5)
    assert pair.zones()[0] == "failed"
    assert "other.example.test, not edge.example.test" in reason(pair, pair.core)
    assert not pair.net.sent("core1"), "nothing is sent to it, no digest either"


def test_a_core_with_another_name_is_refused() -> None:
    pair = Pair(start=False)
    pair.core.names = ("other.example.test",)
    pair.net.run(5)
    assert pair.zones() == ("failed", "failed")
    assert reason(pair, pair.edge) == "the certificate of 10.0.0.1 carries other.example.test, not core.example.test"
    assert "refuse this node's certificate, name or CA" in reason(pair, pair.core)
    assert not pair.net.sent("edge1", "core1", "SIP/2.0 200")


def test_no_certificate_is_refused() -> None:
    pair = Pair(start=False)
    pair.net.unreachable.add((EDGE_INNER, 7001))
    stranger = Stranger(pair)
    pair.net.run(0.1)
    assert stranger.closed
    assert reason(pair, pair.edge) == "the certificate of 10.0.0.66 carries no name, not core.example.test"


def test_a_handshake_that_failed_is_shown_until_the_zone_is_active() -> None:
    pair = Pair(start=False)
    pair.edge.core.link_refused("traversal", "10.0.0.1 connected, but TLS failed", 0.0)
    assert reason(pair, pair.edge) == "10.0.0.1 connected, but TLS failed"
    pair.edge.core.link_refused("no such zone", "nothing", 0.0)
    pair.net.run(5)
    assert pair.zones() == ("active", "active")
    pair.edge.core.link_refused("traversal", "a scanner in the DMZ", 5.0)
    assert pair.zones() == ("active", "active")


def test_back_off_and_recovery() -> None:
    pair = Pair(start=False)
    pair.net.unreachable.add((EDGE_INNER, 7001))
    pair.net.run(100)
    times = [at for at, _ in pair.core.dials]
    gaps = [round(b - a - pair.net.latency, 3) for a, b in pairwise(times)]  # a refusal takes one latency
    assert gaps == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pair.zones()[0] == "failed"
    pair.net.unreachable.clear()
    pair.net.run(40)
    assert pair.zones() == ("active", "active")
    assert not pair.core.core._proxy.layer._tokens and not pair.core.core._proxy.layer._by_flow


def test_a_cut_connection_is_back_in_a_second() -> None:
    pair = Pair()
    (stream,) = list(pair.core.streams.values())
    pair.net.cut(pair.core, stream.ends[0][1], "connection lost: reset")
    assert pair.zones() == ("failed", "failed")
    assert reason(pair, pair.core) == "connection closed: connection lost: reset"
    pair.net.run(1)
    assert pair.zones() == ("active", "active")
    assert len(pair.core.dials) == 2


def test_a_missing_pong_means_a_new_connection() -> None:
    pair = Pair()
    pair.edge.silent = True
    pair.net.run(23)
    assert len(pair.core.dials) == 1
    pair.net.run(3)
    assert "no answer to a ping within 10 s" in [each["reason"] for each in pair.core.events("zone.state")]
    assert len(pair.core.dials) == 2
    assert len(pair.core.streams) == len(pair.edge.streams) == 1, "the old one is closed at both ends"


def test_three_missed_keep_alives_end_it_at_the_edge() -> None:
    pair = Pair()
    pair.net.hosts.remove(pair.core)  # its clock stands still: nothing more comes, the connection stays open
    pair.net.run(89)
    assert pair.zones()[1] == "active"
    pair.net.run(2)
    assert pair.zones()[1] == "failed"
    assert reason(pair, pair.edge) == "no keep-alive for 90 s"
    assert not pair.edge.streams


def test_a_newer_connection_replaces_the_older() -> None:
    pair = Pair()
    (old,) = pair.edge.streams
    rival = Stranger(pair, "core.example.test")
    assert as_response(rival.options("zone-password")).status == 200
    assert old not in pair.edge.streams
    pair.net.run(2)
    assert rival.closed, "the core, coming back, replaces the rival in turn"
    assert len(pair.edge.streams) == 1
    assert pair.zones() == ("active", "active")


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE", "BYE", "PUBLISH", "NOTIFY"])
def test_nothing_before_authentication(method: str) -> None:
    pair = Pair()
    bob = pair.outside("bob")
    before = len(bob.received)
    stranger = Stranger(pair, "core.example.test")
    reply = stranger.send(request(method, "sip:bob@example.test", transport="TLS"))
    assert as_response(reply).status == 403
    assert len(bob.received) == before
    assert pair.zones() == ("active", "active")


def test_guessing_passwords_ends_the_connection() -> None:
    pair = Pair(start=False)
    stranger = Stranger(pair, "core.example.test")
    for attempt in range(10):
        if stranger.closed:
            break
        stranger.options("guess", cseq=10 * attempt + 1)
    assert stranger.closed and attempt == 5
    assert pair.edge.core.counters["zone.refused.digest"] == 5


def test_another_user_looks_like_another_password() -> None:
    pair = Pair(start=False)
    stranger = Stranger(pair, "core.example.test")
    one = as_response(stranger.options("guess", cseq=1))
    two = as_response(stranger.options("zone-password", user="nobody", cseq=11))
    assert one.status == two.status == 401
    assert one.names == two.names
    assert len(one.serialise()) == len(
        two.serialise().replace(b"CSeq: 12 ", b"CSeq: 2 ").replace(b"z9hG4bKs11b", b"z9hG4bKs1b")
    )


def test_answers_of_a_given_up_attempt_do_not_count() -> None:
    """An OPTIONS that is still unanswered when its connection is given up must not end the next attempt."""
    pair = Pair()
    link = pair.core.core._zones.links["traversal"]
    old = link._current
    (stream,) = pair.core.streams.values()
    pair.net.cut(pair.core, stream.ends[0][1])
    pair.net.run(0.505)
    assert pair.zones()[0] == "connecting", "the next attempt is under way"
    link.failed(old, "no answer in time", pair.net.now)
    assert pair.zones()[0] == "connecting"
    pair.net.run(1)
    assert pair.zones()[0] == "active"
    assert len(pair.core.dials) == 2


def test_calls_need_the_zone() -> None:
    pair = Pair()
    alice = pair.inside("alice")
    pair.net.unreachable.add((EDGE_INNER, 7001))
    (stream,) = [each for each in pair.core.streams.values() if each.ends[0][1].zone == "traversal"]
    pair.net.cut(pair.core, stream.ends[0][1])
    dialog = alice.call("sip:bob@example.test", sdp())
    pair.net.run(2)
    assert dialog.statuses == [480]
    pair.net.unreachable.clear()
    pair.net.run(30)
    bob = pair.outside("bob")
    dialog = alice.call(bob.uri, sdp())
    pair.net.run(2)
    assert dialog.statuses[-1] == 200


def test_a_core_without_a_tls_listener_dials_all_the_same() -> None:
    from seaway.call.config import Listener

    from ..support.nodes import CORE

    pair = Pair(core={"listeners": (Listener("udp", (CORE, 5060), (CORE, 5060), "inner", "Y01-01"),)})
    assert pair.zones() == ("active", "active")
    bob, alice = pair.outside("bob"), pair.inside("alice")
    dialog = alice.call(bob.uri, sdp())
    pair.net.run(2)
    assert dialog.statuses[-1] == 200
    bob.bye(bob.dialogs[dialog.call_id])
    pair.net.run(1)
    assert dialog.ended == "bye received"
