"""ICE towards zones that want it: the relay is an ICE-lite agent, the other side hears nothing of it (RFC 8839)."""

from __future__ import annotations

from dataclasses import replace

from seaway.call.config import NeighbourZone
from seaway.core.sip.io import Hop
from seaway.media.protocol import Ice, Security, SetRemote
from seaway.policy.search_settings import SearchRule
from seaway.policy.zone_settings import DefaultZone, ZoneSettings

from ...support.messages import sdp
from ...support.nodes import CORE
from ...support.ua import Ua
from .bench import ALICE, SETTINGS, Bench

FAR = "10.0.0.60"
THEIRS = ("a=ice-ufrag:thrs", "a=ice-pwd:their-password-of-22-chars", "a=candidate:1 1 UDP 1 10.0.0.20 30000 typ host")


def lines(body: bytes, name: str) -> list[str]:
    return [each[2:] for each in body.decode().split("\r\n") if each.startswith("a=" + name)]


class Site(Bench):
    """Alice is in a zone with ICE, the neighbour has none."""

    def __init__(self, **more: object) -> None:
        local = replace(SETTINGS, b2bua="auto", ice=True, **more)  # type: ignore[arg-type]
        far = NeighbourZone("far", (FAR,), 5060, "udp", settings=ZoneSettings())
        rules = (SearchRule(10, "registrations", mode="any-alias"), SearchRule(20, "far", mode="any-alias"))
        super().__init__(
            local_zone=local, default_zone=DefaultZone(local), neighbours=(far,), rules=(), search_rules=rules
        )
        self.far = Ua(self.net, "far", (FAR, 5060), Hop("udp", CORE, 5060, "inner"))
        self.alice = self.ua("alice")


def test_an_offer_with_ice_is_answered_with_ice() -> None:
    site = Site()
    sent = site.alice.start("sip:123@example.test", sdp(ALICE, 30000, *THEIRS))
    came = site.far.take("INVITE")
    assert site.calls()[0]["mode"] == "b2bua"
    assert not lines(came.body, "ice") and not lines(came.body, "candidate")
    (told,) = site.relay.ice
    assert (told.stream, told.leg) == (0, "a")
    order = [type(each) for each in site.relay.log if isinstance(each, (Ice, SetRemote, Security))]
    assert order[0] is Ice, "ahead of the addresses"
    site.far.reply(came, 200, sdp(FAR, 40000))
    site.net.run(0.3)
    body = sent.last.body
    assert lines(body, "ice-lite") == ["ice-lite"]
    assert lines(body, "ice-ufrag") == [f"ice-ufrag:{told.ufrag}"] and lines(body, "ice-pwd") == [
        f"ice-pwd:{told.password}"
    ]
    port = int(body.split(b"m=audio ")[1].split(b" ")[0])
    assert lines(body, "candidate") == [
        f"candidate:1 1 UDP 2130706431 {CORE} {port} typ host",
        f"candidate:1 2 UDP 2130706430 {CORE} {port + 1} typ host",
    ]  # fmt: skip
    assert len(told.ufrag) >= 4 and len(told.password) >= 22


def test_an_offer_without_ice_is_answered_without() -> None:
    site = Site()
    sent = site.alice.start("sip:123@example.test", sdp(ALICE, 30000))
    site.far.reply(site.far.take("INVITE"), 200, sdp(FAR, 40000))
    site.net.run(0.3)
    assert sent.final == 200 and not lines(sent.last.body, "ice") and not site.relay.ice


def test_our_offer_has_ice_and_the_answer_decides() -> None:
    for answer, told in ((THEIRS, 1), ((), 0)):
        site = Site()
        sent = site.far.start("sip:alice@example.test", sdp(FAR, 40000))
        came = site.alice.take("INVITE")
        assert lines(came.body, "ice-lite") and len(lines(came.body, "candidate")) == 2
        assert not site.relay.ice, "nothing counts before the answer"
        site.alice.reply(came, 200, sdp(ALICE, 30000, *answer))
        site.net.run(0.3)
        assert sent.final == 200 and not lines(sent.last.body, "ice") and len(site.relay.ice) == told


def test_a_restart_and_the_end_of_ice() -> None:
    site = Site()
    sent = site.alice.start("sip:123@example.test", sdp(ALICE, 30000, *THEIRS))
    site.far.reply(site.far.take("INVITE"), 200, sdp(FAR, 40000))
    site.net.run(0.3)
    dialog = sent.dialogs[next(iter(sent.acked))]
    first = site.relay.ice[0]

    def change(*more: str) -> bytes:
        again = site.alice.ask(dialog, "INVITE", sdp(ALICE, 30002, *more))
        site.far.reply(site.far.take("INVITE"), 200, sdp(FAR, 40000))
        site.net.run(0.3)
        return again.last.body

    same = change(*THEIRS)
    assert len(site.relay.ice) == 1 and lines(same, "ice-ufrag") == [f"ice-ufrag:{first.ufrag}"]
    other = change("a=ice-ufrag:anew", *THEIRS[1:])
    assert len(site.relay.ice) == 2 and site.relay.ice[1].ufrag != first.ufrag
    assert lines(other, "ice-ufrag") == [f"ice-ufrag:{site.relay.ice[1].ufrag}"]
    assert not lines(change(), "ice")
    assert (site.relay.ice[2].ufrag, site.relay.ice[2].stream) == ("", 0)


def test_no_candidate_yet_is_no_hold() -> None:
    """RFC 8840 §4.1.1: 0.0.0.0 with ICE says only that candidates will follow."""
    site = Site()
    site.alice.start("sip:123@example.test", sdp("0.0.0.0", 9, *THEIRS[:2]))
    came = site.far.take("INVITE")
    assert b"a=sendrecv" in came.body and b"sendonly" not in came.body
    assert len(site.relay.ice) == 1


def test_with_encryption() -> None:
    site = Site(media_encryption="force-encrypted")
    site.relay.fingerprint = ":".join(["0D"] * 32)
    fingerprint = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
    offer = sdp(ALICE, 30000, *THEIRS, fingerprint, "a=setup:actpass").replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVPF")
    sent = site.alice.start("sip:123@example.test", offer)
    came = site.far.take("INVITE")
    far = came.body.replace(CORE.encode(), FAR.encode())
    assert not lines(came.body, "ice")
    crypto = lines(came.body, "crypto:4")[0]
    keep = b"\r\n".join(
        each for each in far.split(b"\r\n") if not each.startswith((b"a=crypto", b"a=fingerprint", b"a=setup"))
    )
    key = crypto.replace(crypto.split("inline:")[1], "A" * 40)
    site.far.reply(came, 200, keep + b"a=" + key.encode() + b"\r\n")
    site.net.run(0.3)
    assert (
        sent.final == 200 and lines(sent.last.body, "ice-lite") and lines(sent.last.body, "setup") == ["setup:passive"]
    )
    assert {each.leg: each.mode for each in site.relay.security} == {"a": "dtls", "b": "srtp"}


def test_rtcp_shares_the_port_where_both_want_it_and_the_other_side_hears_nothing_of_it() -> None:
    """RFC 5761 §5.1.1, RFC 8839 §4.2.1.2: then there is one component."""
    site = Site()
    sent = site.alice.start("sip:123@example.test", sdp(ALICE, 30000, *THEIRS, "a=rtcp-mux", "a=mid:zero"))
    came = site.far.take("INVITE")
    assert not lines(came.body, "rtcp-mux") and not lines(came.body, "mid")
    (told,) = site.relay.ice
    assert told.mux and told.remote == "thrs"
    site.far.reply(came, 200, sdp(FAR, 40000, "a=rtcp-mux"))
    site.net.run(0.3)
    body = sent.last.body
    port = int(body.split(b"m=audio ")[1].split(b" ")[0])
    assert lines(body, "rtcp-mux") == ["rtcp-mux"] and lines(body, "mid") == ["mid:zero"]
    assert lines(body, "rtcp:") == [f"rtcp:{port}"]
    assert lines(body, "candidate") == [f"candidate:1 1 UDP 2130706431 {CORE} {port} typ host"]
    assert lines(body, "end-of") == ["end-of-candidates"] and lines(body, "ice-options") == ["ice-options:ice2"]
    assert site.relay.ice == [told], "the leg that has no ICE has no such thing"


def test_our_offer_has_rtcp_mux_and_an_answer_without_ice_may_take_it() -> None:
    site = Site()
    site.far.start("sip:alice@example.test", sdp(FAR, 40000))
    came = site.alice.take("INVITE")
    assert lines(came.body, "rtcp-mux") == ["rtcp-mux"] and len(lines(came.body, "candidate")) == 2
    site.alice.reply(came, 200, sdp(ALICE, 30000, "a=rtcp-mux"))
    site.net.run(0.3)
    assert site.relay.ice == [Ice(site.relay.ice[0].session, 0, "b", mux=True)]


def test_a_lite_agent_is_served_without_ice() -> None:
    site = Site()
    sent = site.alice.start(
        "sip:123@example.test", sdp(ALICE, 30000, *THEIRS).replace(b"t=0 0", b"t=0 0\r\na=ice-lite")
    )
    site.far.reply(site.far.take("INVITE"), 200, sdp(FAR, 40000))
    site.net.run(0.3)
    assert sent.final == 200 and not lines(sent.last.body, "ice") and not site.relay.ice


def test_an_offer_without_a_usable_fragment_has_no_ice() -> None:
    for bad in ("abc", "x" * 300, "a:bcd", "\u00e4\u00e4\u00e4"):
        site = Site()
        sent = site.alice.start("sip:123@example.test", sdp(ALICE, 30000, f"a=ice-ufrag:{bad}", *THEIRS[1:]))
        site.far.reply(site.far.take("INVITE"), 200, sdp(FAR, 40000))
        site.net.run(0.3)
        assert sent.final == 200 and not lines(sent.last.body, "ice") and not site.relay.ice


def test_a_restart_that_is_refused_leaves_the_credential() -> None:
    site = Site()
    sent = site.alice.start("sip:123@example.test", sdp(ALICE, 30000, *THEIRS))
    site.far.reply(site.far.take("INVITE"), 200, sdp(FAR, 40000))
    site.net.run(0.3)
    dialog = sent.dialogs[next(iter(sent.acked))]
    site.alice.ask(dialog, "INVITE", sdp(ALICE, 30002, "a=ice-ufrag:anew", *THEIRS[1:]))
    site.far.reply(site.far.take("INVITE"), 488)
    site.net.run(0.3)
    first, other, last = site.relay.ice
    assert other.ufrag != first.ufrag and last == first


def test_a_fork_with_another_fragment_is_no_restart() -> None:
    """The credential of our offer stands, whoever answers."""
    site = Site()
    site.far.start("sip:alice@example.test", sdp(FAR, 40000))
    came = site.alice.take("INVITE")
    site.alice.reply(came, 183, sdp(ALICE, 30000, *THEIRS))
    site.net.run(0.3)
    site.alice.reply(came, 200, sdp(ALICE, 30000, "a=ice-ufrag:anew", *THEIRS[1:]))
    site.net.run(0.3)
    assert [each.remote for each in site.relay.ice] == ["thrs", "anew"]
    (offered,) = lines(came.body, "ice-ufrag")
    assert {f"ice-ufrag:{each.ufrag}" for each in site.relay.ice} == {offered}


def test_the_first_line_alone_stays_in_a_bundle() -> None:
    """RFC 9143 §7.3.3: the others are moved out of it; each has a port of its own."""
    video = "m=video 30004 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=mid:v\r\na=ice-ufrag:thrs\r\na=ice-pwd:{}\r\n"
    offer = sdp(ALICE, 30000, *THEIRS, "a=mid:a").replace(b"t=0 0", b"t=0 0\r\na=group:BUNDLE a v")
    site = Site()
    sent = site.alice.start("sip:123@example.test", offer + video.format("p" * 22).encode())
    came = site.far.take("INVITE")
    assert not lines(came.body, "group")
    answer = sdp(FAR, 40000) + b"m=video 40002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
    site.far.reply(came, 200, answer)
    site.net.run(0.3)
    body = sent.last.body
    assert lines(body, "group") == ["group:BUNDLE a"] and lines(body, "mid") == ["mid:a", "mid:v"]
    ports = {each.split(b" ")[1] for each in body.split(b"\r\n") if each.startswith(b"m=")}
    assert len(ports) == 2 and [each.stream for each in site.relay.ice] == [0, 1]


def test_an_offer_of_ours_has_one_line_in_a_bundle_and_an_answer_only_what_was_offered() -> None:
    site = Site()
    site.far.start("sip:alice@example.test", sdp(FAR, 40000))
    came = site.alice.take("INVITE")
    assert lines(came.body, "group") == ["group:BUNDLE 0"] and lines(came.body, "mid") == ["mid:0"]
    other = Site()
    sent = other.alice.start("sip:123@example.test", sdp(ALICE, 30000, *THEIRS, "a=mid:0"))
    other.far.reply(other.far.take("INVITE"), 200, sdp(FAR, 40000))
    other.net.run(0.3)
    assert not lines(sent.last.body, "group")


def test_a_search_says_why_media_was_refused() -> None:
    """Somebody with plain RTP calls where only encrypted media may be."""
    site = Site(media_encryption="force-encrypted")
    sent = site.alice.start("sip:123@example.test", sdp(ALICE, 30000))
    site.net.run(0.3)
    assert sent.final == 488
    (row,) = site.core.snapshot("searches", site.net.now)
    assert "RTP/AVP is offered, and the zone has encrypted media only" in str(row["why"])
