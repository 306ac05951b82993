"""Encryption by zone: profiles and keys of each leg, and no way from SRTP to RTP that nobody has asked for (R17)."""

from __future__ import annotations

import random
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import pytest

from seaway.call.b2bua.profiles import SPOKEN
from seaway.call.b2bua.secure import Translation, enforced
from seaway.media import protocol as media
from seaway.policy.zone_settings import DefaultZone
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.session import Session, parse_sdp

from ...support.messages import sdp
from .bench import ALICE, BOB, SETTINGS, Bench

FINGERPRINT = ":".join(["AB"] * 32)
OURS = ":".join(["0D"] * 32)
KEY = b64encode(bytes(range(30))).decode()
OTHER = b64encode(bytes(range(1, 31))).decode()
LINE = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31"
DTLS = (f"a=fingerprint:sha-256 {FINGERPRINT}", "a=setup:actpass")


def described(proto: str = "RTP/AVP", *lines: str) -> Session:
    return parse_sdp(sdp("192.0.2.1", 30000, *lines).replace(b"RTP/AVP", proto.encode()))


def made(a: str, b: str) -> Translation:
    return Translation((a, b), random.Random(1).randbytes, lambda: OURS)  # type: ignore[arg-type]


def offered(translation: Translation, session: Session, side: str = "a") -> tuple[list[media.Security], Session]:
    return translation.described("s", session, side, answer=False), session  # type: ignore[arg-type]


def answered(translation: Translation, session: Session, side: str = "b") -> dict[str, media.Security]:
    found = translation.described("s", session, side, answer=True)  # type: ignore[arg-type]
    return {each.leg: each for each in found}


def ours(session: Session) -> dict[str, tuple[int, str]]:
    """Our lines: suite -> (tag, key)."""
    lines = [each.decode().split(" ") for each in session.media[0].attributes(b"crypto")]
    return {suite: (int(tag), key.removeprefix("inline:")) for tag, suite, key in lines}


def taking(session: Session, suite: str = "AES_CM_128_HMAC_SHA1_80", key: str = OTHER) -> str:
    """The a=crypto of an answer to what is offered in `session`."""
    return f"a=crypto:{ours(session)[suite][0]} {suite} inline:{key}"


@pytest.mark.parametrize(
    ("a", "b", "offer", "out"),
    [
        # policies of the two zones, what the caller offers -> what the callee is offered; None: refused
        ("force-encrypted", "force-unencrypted", "srtp", "RTP/AVP"),
        ("force-encrypted", "force-unencrypted", "rtp", None),
        ("force-encrypted", "force-encrypted", "srtp", "RTP/SAVP"),
        ("force-encrypted", "auto", "srtp", "RTP/SAVP"),
        ("force-encrypted", "auto", "dtls", "RTP/SAVP"),
        ("force-encrypted", "best-effort", "srtp", "RTP/AVP+"),
        ("force-unencrypted", "force-encrypted", "rtp", "RTP/SAVP"),
        ("force-unencrypted", "force-encrypted", "srtp", None),
        ("force-unencrypted", "force-encrypted", "soft", "RTP/SAVP"),
        ("force-unencrypted", "auto", "rtp", "RTP/AVP"),
        ("auto", "force-encrypted", "rtp", "RTP/SAVP"),
        ("auto", "force-unencrypted", "srtp", "RTP/AVP"),
        ("auto", "best-effort", "rtp", "RTP/AVP+"),
        ("best-effort", "auto", "srtp", "RTP/SAVP"),
        ("best-effort", "auto", "soft", "RTP/AVP+"),
        ("best-effort", "auto", "rtp", "RTP/AVP"),
        ("best-effort", "force-encrypted", "dtls", "RTP/SAVP"),
    ],
)  # fmt: skip
def test_offers(a: str, b: str, offer: str, out: str | None) -> None:
    session = {
        "rtp": described(), "srtp": described("RTP/SAVP", LINE), "soft": described("RTP/AVP", LINE),
        "dtls": described("UDP/TLS/RTP/SAVP", *DTLS),
    }[offer]  # fmt: skip
    translation = made(a, b)
    if out is None:
        with pytest.raises(SdpError) as refused:
            offered(translation, session)
        assert refused.value.status == 488
        return
    told, _ = offered(translation, session)
    lines = ours(session)
    text = session.serialise()
    assert KEY.encode() not in text and FINGERPRINT.encode() not in text
    assert (OURS.encode() in text) is (b"a=setup:actpass" in text) is (out != "RTP/AVP")
    assert session.media[0].proto.decode() == out.rstrip("+")
    assert bool(lines) is (out != "RTP/AVP"), "keys in an offer of SRTP, and in one of best effort"
    assert tuple(lines) in (SPOKEN, ())
    # Until the answer nothing crosses: the far leg has a mode, and no keys.
    assert [(each.leg, each.mode, each.receive, each.send) for each in told] == [
        ("b", "srtp" if out == "RTP/SAVP" else "rtp", (), None)
    ]


def test_srtp_on_one_side_only() -> None:
    translation = made("force-encrypted", "force-unencrypted")
    line = "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:" + KEY + "|2^31|1:4"
    first, _ = offered(translation, described("RTP/SAVP", line))
    assert first == [media.Security("s", 0, "b", "rtp")]
    answer = described()
    told = answered(translation, answer)
    assert told["a"].mode == "srtp"
    assert told["a"].receive == (media.SrtpKey("AES_CM_128_HMAC_SHA1_80", KEY, "00000001"),)
    assert answer.media[0].proto == b"RTP/SAVP"
    assert told["a"].send is not None
    assert ours(answer) == {"AES_CM_128_HMAC_SHA1_80": (7, told["a"].send.key)}, "their tag, our key"
    assert len(b64decode(told["a"].send.key)) == 30 and told["a"].send.key != KEY
    assert not answered(translation, described()), "the same again is no news"


def test_rtp_towards_srtp() -> None:
    translation = made("force-unencrypted", "force-encrypted")
    _, offer = offered(translation, described())
    answer = described("RTP/SAVP", taking(offer))
    told = answered(translation, answer)
    assert told["b"].receive == (media.SrtpKey("AES_CM_128_HMAC_SHA1_80", OTHER),)
    assert told["b"].send == media.SrtpKey("AES_CM_128_HMAC_SHA1_80", ours(offer)["AES_CM_128_HMAC_SHA1_80"][1])
    assert told["a"].mode == "rtp"
    assert answer.media[0].proto == b"RTP/AVP" and not answer.media[0].has(b"crypto")


def test_each_leg_has_a_key_of_its_own() -> None:
    translation = made("force-encrypted", "force-encrypted")
    _, offer = offered(translation, described("RTP/SAVP", LINE))
    answer = described("RTP/SAVP", taking(offer))
    told = answered(translation, answer)
    keys = [told[leg].send for leg in "ab"] + [told[leg].receive[0] for leg in "ab"]
    assert len({each.key for each in keys if each is not None}) == 4


@pytest.mark.parametrize(
    ("proto", "lines"),
    [
        ("RTP/AVP", ()),  # R17: SRTP was offered
        ("RTP/SAVP", ()),  # no key
        ("RTP/SAVP", ("a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:" + KEY,)),  # a tag that was not offered
        ("RTP/SAVP", ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + KEY,)),  # the tag of another suite
        ("RTP/SAVP", ("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:" + KEY + " UNENCRYPTED_SRTP",)),
        ("RTP/SAVP", ("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:" + KEY[:-4],)),
        ("UDP/TLS/RTP/SAVP", DTLS),
        ("RTP/SAVP", ("a=fingerprint:sha-1 AB:CD", "a=setup:active")),
        ("UDP/BFCP", ()),
    ],
)  # fmt: skip
def test_answers_that_are_less_than_the_offer(proto: str, lines: tuple[str, ...]) -> None:
    translation = made("force-unencrypted", "force-encrypted")
    offered(translation, described())
    answer = parse_sdp(described("RTP/AVP", *lines).serialise().replace(b"RTP/AVP 0 101", proto.encode() + b" 0 101"))
    with pytest.raises(SdpError) as refused:
        answered(translation, answer)
    assert refused.value.status == 488
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" + KEY, "AES_CM_128_HMAC_SHA1_32"),
        ("a=crypto:1 F8_128_HMAC_SHA1_80 inline:" + KEY, "F8_128_HMAC_SHA1_80"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + KEY + " UNENCRYPTED_SRTCP", "UNENCRYPTED_SRTCP"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + KEY + " UNAUTHENTICATED_SRTP", "UNAUTHENTICATED_SRTP"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + KEY + " KDR=1", "KDR"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + KEY[:20], "30 octets"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 uri:x", "inline"),
        ("a=nothing", "no a=crypto"),
    ],
)  # fmt: skip
def test_an_offer_of_srtp_without_a_key_that_can_be_taken_says_why(line: str, why: str) -> None:
    with pytest.raises(SdpError, match=why) as refused:
        offered(made("force-encrypted", "force-unencrypted"), described("RTP/SAVP", line))
    assert KEY[:20] not in str(refused.value)


def test_the_first_line_that_can_be_taken_is() -> None:
    translation = made("best-effort", "force-unencrypted")
    gcm = b64encode(bytes(28)).decode()
    offered(
        translation,
        described(
            "RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" + KEY,
            f"a=crypto:2 AEAD_AES_128_GCM inline:{gcm} WSH=128", LINE.replace(":1 ", ":3 "),
        ),
    )  # fmt: skip
    answer = described()
    answered(translation, answer)
    assert list(ours(answer)) == ["AEAD_AES_128_GCM"] and ours(answer)["AEAD_AES_128_GCM"][0] == 2


def test_best_effort_is_encrypted_when_the_peer_can() -> None:
    translation = made("auto", "best-effort")
    _, offer = offered(translation, described())
    told = answered(translation, described("RTP/AVP", taking(offer, "AEAD_AES_256_GCM", b64encode(bytes(44)).decode())))
    assert (told["b"].mode, told["a"].mode) == ("srtp", "rtp")
    plain = made("auto", "best-effort")
    offered(plain, described())
    told = answered(plain, described())
    assert told["a"].mode == "rtp" and "b" not in told, "rtp is what its leg was told with the offer"


def test_best_effort_does_not_fall_back_once_it_is_encrypted() -> None:
    translation = made("auto", "best-effort")
    _, offer = offered(translation, described())
    answered(translation, described("RTP/AVP", taking(offer)))
    _, again = offered(translation, described())
    assert ours(again) == ours(offer), "our keys stay, so the packets go on"
    with pytest.raises(SdpError):
        answered(translation, described())
    assert not answered(translation, described("RTP/AVP", taking(again)))


@pytest.mark.parametrize(
    ("setup", "role", "back"),
    [("actpass", "passive", b"passive"), ("active", "passive", b"passive"), ("passive", "active", b"active")],
)
def test_dtls_is_answered(setup: str, role: str, back: bytes) -> None:
    translation = made("auto", "force-unencrypted")
    lines = (f"a=fingerprint:SHA-256 {FINGERPRINT.lower()}", f"a=setup:{setup}")
    offered(translation, described("UDP/TLS/RTP/SAVPF", *lines))
    answer = described("RTP/AVPF")
    told = answered(translation, answer)
    assert told["a"] == media.Security(
        "s",
        0,
        "a",
        "dtls",
        role=role,
        fingerprints=(media.Fingerprint("sha-256", FINGERPRINT),),  # type: ignore[arg-type]
    )
    assert told["b"].mode == "rtp" if "b" in told else True
    assert answer.media[0].proto == b"UDP/TLS/RTP/SAVPF"
    assert answer.media[0].attribute(b"setup") == back
    assert answer.media[0].attribute(b"fingerprint") == b"sha-256 " + OURS.encode()


def test_an_offer_of_both_may_be_answered_with_dtls() -> None:
    translation = made("force-unencrypted", "force-encrypted")
    offered(translation, described())
    told = answered(translation, described("RTP/SAVP", DTLS[0], "a=setup:active"))
    assert (told["b"].mode, told["b"].role, told["a"].mode) == ("dtls", "passive", "rtp")
    _, again = offered(translation, described())
    assert again.media[0].proto == b"UDP/TLS/RTP/SAVPF" and not ours(again)


def test_opportunistic_dtls() -> None:
    """RFC 8643: a fingerprint in RTP/AVP."""
    translation = made("best-effort", "force-unencrypted")
    offered(translation, described("RTP/AVP", *DTLS))
    answer = described()
    assert answered(translation, answer)["a"].mode == "dtls"
    assert answer.media[0].proto == b"RTP/AVP" and answer.media[0].has(b"fingerprint")


def test_dtls_fingerprint_of_the_session_part() -> None:
    translation = made("auto", "force-unencrypted")
    text = described("UDP/TLS/RTP/SAVPF").serialise()
    text = text.replace(b"t=0 0\r\n", f"t=0 0\r\n{DTLS[0]}\r\n{DTLS[1]}\r\n".encode())
    _, offer = offered(translation, parse_sdp(text))
    assert b"fingerprint" not in offer.serialise() and b"setup" not in offer.serialise()
    assert answered(translation, described("RTP/AVPF"))["a"].mode == "dtls"


@pytest.mark.parametrize(
    "lines",
    [
        ("a=setup:actpass",), ("a=fingerprint:sha-1 AB:CD", "a=setup:actpass"),
        ("a=fingerprint:sha-256 xyz", "a=setup:actpass"), (DTLS[0], "a=setup:holdconn"),
    ],
)  # fmt: skip
def test_dtls_that_cannot_be(lines: tuple[str, ...]) -> None:
    """R16: a weak hash is no hash."""
    with pytest.raises(SdpError):
        offered(made("auto", "force-unencrypted"), described("UDP/TLS/RTP/SAVPF", *lines))


def test_a_relay_without_dtls() -> None:
    translation = Translation(("auto", "force-unencrypted"), random.Random(1).randbytes, lambda: "")
    with pytest.raises(SdpError, match="none"):
        offered(translation, described("UDP/TLS/RTP/SAVPF", *DTLS))


def test_a_leg_that_has_dtls_is_offered_dtls_again() -> None:
    translation = made("auto", "force-unencrypted")
    offered(translation, described("UDP/TLS/RTP/SAVPF", *DTLS))
    answered(translation, described("RTP/AVPF"))
    _, offer = offered(translation, described("RTP/AVPF"), "b")
    assert offer.media[0].proto == b"RTP/AVPF", "auto: the other zone has media in clear"
    both = made("best-effort", "force-encrypted")
    offered(both, described("UDP/TLS/RTP/SAVPF", *DTLS))
    key = b64encode(bytes(30)).decode()
    answered(both, described("RTP/SAVPF", f"a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{key}"))
    _, again = offered(both, described("RTP/SAVPF", f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}"), "b")
    assert again.media[0].proto == b"UDP/TLS/RTP/SAVPF" and again.media[0].attribute(b"setup") == b"actpass"
    told = answered(both, described("UDP/TLS/RTP/SAVPF", DTLS[0], "a=setup:active"), "a")
    assert "a" not in told, "the same fingerprint and role: the association is left alone"


def test_other_lines_are_refused_where_encryption_is_demanded() -> None:
    bfcp = b"m=application 5070 UDP/BFCP *\r\n"
    for policy, port in (("force-encrypted", 0), ("force-unencrypted", 5070)):
        session = parse_sdp(described().serialise() + bfcp)
        offered(made("auto", policy), session)
        assert session.media[1].port == port


def test_a_refused_stream_keeps_its_profile() -> None:
    translation = made("force-encrypted", "force-unencrypted")
    offered(translation, described("RTP/SAVP", LINE))
    answer = parse_sdp(described().serialise().replace(b"m=audio 30000", b"m=audio 0"))
    assert not answered(translation, answer)
    assert answer.media[0].proto == b"RTP/SAVP" and not answer.media[0].has(b"crypto")


def test_enforced() -> None:
    assert not enforced("auto", "auto")
    assert enforced("auto", "best-effort") and enforced("force-encrypted", "force-encrypted")


# -- whole calls


def zoned(encryption: str, **more: Any) -> Bench:
    """The local zone, where everybody is, demands this."""
    local = replace(SETTINGS, b2bua="auto", media_encryption=encryption)
    return Bench(local_zone=local, default_zone=DefaultZone(local), **more)


def test_a_call_between_encrypted_phones() -> None:
    bench = zoned("force-encrypted")
    offer = sdp(ALICE, 30000, LINE).replace(b"RTP/AVP", b"RTP/SAVP")
    _, bob, sent, came = bench.calling(offer)
    assert bench.calls()[0]["mode"] == "b2bua"
    told = parse_sdp(came.body)
    bob.reply(came, 200, sdp(BOB, 40000, taking(told)).replace(b"RTP/AVP", b"RTP/SAVP"))
    bench.net.run(0.3)
    assert sent.final == 200 and KEY.encode() not in sent.last.body and b"RTP/SAVP" in sent.last.body
    assert {each.leg: each.mode for each in bench.relay.security} == {"a": "srtp", "b": "srtp"}
    order = [type(each).__name__ for each in bench.relay.log if isinstance(each, (media.Security, media.SetRemote))]
    assert order == ["Security", "SetRemote", "Security", "Security", "SetRemote"], "keys ahead of addresses"
    assert not any(KEY in str(each.fields) for each in bench.host.log)


def test_a_caller_without_encryption_is_refused() -> None:
    bench = zoned("force-encrypted")
    alice, bob = bench.ua("alice"), bench.ua("bob")
    sent = alice.start(bob.uri, sdp(ALICE, 30000))
    bench.net.run(1)
    assert sent.final == 488 and not bob.history
    bench.over()


def test_a_callee_without_encryption_ends_the_call() -> None:
    bench = zoned("force-encrypted")
    _, bob, sent, came = bench.calling(sdp(ALICE, 30000, LINE).replace(b"RTP/AVP", b"RTP/SAVP"))
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(1)
    assert sent.final == 488
    assert len(bob.acks) == 1 and bob.history[-1].request.method == b"BYE"
    bench.over()


def test_a_certificate_that_is_not_the_signalled_one_ends_the_call() -> None:
    """R16."""
    bench = zoned("best-effort")
    bench.relay.fingerprint = FINGERPRINT
    alice, bob, sent, came = bench.calling(sdp(ALICE, 30000, *DTLS).replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVP"))
    bob.reply(came, 200, sdp(BOB, 40000).replace(b"RTP/AVP", parse_sdp(came.body).media[0].proto))
    bench.net.run(0.5)
    assert sent.final == 200 and b"a=setup:passive" in sent.last.body
    session = str(bench.calls()[0]["session"])
    bench.core.media_reply(media.SecurityFailed(session, 0, "a", "fingerprint", "another certificate"), bench.net.now)
    bench.net.drain(bench.host)
    bench.net.run(0.5)
    assert alice.history[-1].request.method == bob.history[-1].request.method == b"BYE"
    bench.over()
