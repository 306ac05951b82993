"""Keys and profiles of an offer and its answer (rules R13 and R17)."""

from __future__ import annotations

from base64 import b64encode

import pytest

from seaway.call.media_security import MediaSecurity, usable
from seaway.media.protocol import SrtpKey
from seaway.wire.sdp.crypto import parse_crypto
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.session import Session, parse_sdp

from ..support.messages import sdp
from ..support.nodes import Pair
from .test_anchor import answering, talk

SUITE = "AES_CM_128_HMAC_SHA1_80"
SHORT = "AES_CM_128_HMAC_SHA1_32"
GCM = "AEAD_AES_128_GCM"


def text(number: int, size: int = 30) -> str:
    return b64encode(bytes([number]) * size).decode()


def line(tag: int, suite: str, number: int, size: int = 30) -> str:
    return f"a=crypto:{tag} {suite} inline:{text(number, size)}"


def key(suite: str, number: int, size: int = 30) -> SrtpKey:
    return SrtpKey(suite, text(number, size))  # type: ignore[arg-type]


def described(*lines: str, proto: str = "RTP/SAVP") -> Session:
    return parse_sdp(secure(*lines, proto=proto))


def secure(*lines: str, proto: str = "RTP/SAVP", address: str = "192.0.2.9") -> bytes:
    return sdp(address, 4000, *lines).replace(b"RTP/AVP", proto.encode())


TWO = (line(1, SUITE, 1), line(2, SHORT, 2))
DTLS = ("a=setup:actpass", "a=fingerprint:sha-256 " + ":".join(["AB"] * 32))


def told(security: MediaSecurity, session: Session, side: str, *, answer: bool = False) -> dict[str, object]:
    found = security.described("s", session, side, answer=answer)  # type: ignore[arg-type]
    assert all(each.session == "s" and each.stream == 0 for each in found)
    return {each.leg: (each.mode, each.receive) for each in found}


def test_any_offered_key_counts_until_the_answer_says_which() -> None:
    security = MediaSecurity()
    assert told(security, described(*TWO), "a") == {"a": ("verify", (key(SUITE, 1), key(SHORT, 2)))}
    assert security.unanswered == "a"
    assert told(security, described(line(2, SHORT, 9)), "b", answer=True) == {
        "a": ("verify", (key(SHORT, 2),)),
        "b": ("verify", (key(SHORT, 9),)),
    }
    assert security.unanswered is None
    assert told(security, described(line(2, SHORT, 9)), "b", answer=True) == {}  # 183, then 200


def test_with_an_offered_line_that_is_not_spoken_here_no_key_is_known_before_the_answer() -> None:
    security = MediaSecurity()
    assert told(security, described(line(1, "F8_128_HMAC_SHA1_80", 1), line(2, SUITE, 2)), "a") == {}
    assert told(security, described(line(2, SUITE, 9)), "b", answer=True) == {
        "a": ("verify", (key(SUITE, 2),)), "b": ("verify", (key(SUITE, 9),)),
    }  # fmt: skip
    assert told(security, described(line(1, "F8_128_HMAC_SHA1_80", 1)), "a") == {"a": ("pass", ())}


def test_a_key_in_use_counts_while_another_is_offered() -> None:
    security = MediaSecurity()
    told(security, described(line(1, SUITE, 1)), "a")
    told(security, described(line(1, SUITE, 9)), "b", answer=True)
    assert told(security, described(line(1, SUITE, 3)), "a") == {"a": ("verify", (key(SUITE, 3), key(SUITE, 1)))}
    assert told(security, described(line(1, SUITE, 9)), "b", answer=True) == {"a": ("verify", (key(SUITE, 3),))}


def test_srtp_that_ends_is_told() -> None:
    security = MediaSecurity()
    told(security, described(line(1, SUITE, 1)), "a")
    told(security, described(line(1, SUITE, 9)), "b", answer=True)
    told(security, described(proto="RTP/AVP"), "a")
    assert told(security, described(proto="RTP/AVP"), "b", answer=True) == {"b": ("pass", ())}


def test_plain_calls_tell_nothing_unless_an_earlier_process_may_have() -> None:
    assert told(MediaSecurity(), described(proto="RTP/AVP"), "a") == {}
    assert told(MediaSecurity(told_before=True), described(proto="RTP/AVP"), "a") == {"a": ("pass", ())}


@pytest.mark.parametrize("proto", ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF", "rtp/savp"])
def test_r17_a_plain_answer_to_srtp_is_refused(proto: str) -> None:
    security = MediaSecurity()
    told(security, described(*TWO, proto=proto), "a")
    with pytest.raises(SdpError, match="was offered") as caught:
        told(security, described(proto="RTP/AVP"), "b", answer=True)
    assert caught.value.status == 488


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (TWO, ()),
        (TWO, DTLS),
        (TWO, (line(3, SUITE, 9),)),
        (TWO, (line(1, SHORT, 9),)),
        (TWO, ("a=crypto:nonsense",)),
        ((*TWO, *DTLS), ()),
    ],
)  # fmt: skip
def test_r17_an_answer_with_keys_that_were_not_offered_is_refused(offer: tuple[str], answer: tuple[str]) -> None:
    security = MediaSecurity()
    told(security, described(*offer), "a")
    with pytest.raises(SdpError) as caught:
        told(security, described(*answer), "b", answer=True)
    assert caught.value.status == 488 and text(9) not in str(caught.value)


@pytest.mark.parametrize(
    ("offer", "answer", "proto"),
    [
        (DTLS, DTLS, "UDP/TLS/RTP/SAVPF"),
        ((*TWO, *DTLS), DTLS, "RTP/SAVPF"),
        ((), (), "RTP/SAVP"),  # MIKEY in SIP, ZRTP without a hash: not our business
        (TWO, (line(2, SHORT, 9),), "RTP/SAVP"),
    ],
)  # fmt: skip
def test_r17_what_is_as_secure_as_the_offer_passes(offer: tuple[str], answer: tuple[str], proto: str) -> None:
    security = MediaSecurity()
    told(security, described(*offer, proto=proto), "a")
    told(security, described(*answer, proto=proto), "b", answer=True)


def test_r17_a_refused_stream_is_no_plain_answer() -> None:
    security = MediaSecurity()
    told(security, described(*TWO), "a")
    refused = parse_sdp(sdp("192.0.2.9", 0))
    told(security, refused, "b", answer=True)


def test_optional_srtp_may_be_answered_without() -> None:
    """RTP/AVP with a=crypto: some phones offer SRTP so that others may ignore it."""
    security = MediaSecurity()
    assert told(security, described(*TWO, proto="RTP/AVP"), "a")
    assert told(security, described(proto="RTP/AVP"), "b", answer=True) == {"a": ("pass", ())}


@pytest.mark.parametrize(
    "value",
    [
        f"1 AES_192_CM_HMAC_SHA1_80 inline:{text(1, 38)}", f"1 {SUITE} inline:{text(1, 28)}",
        f"1 {SUITE} inline:{text(1)} UNAUTHENTICATED_SRTP", f"1 {SUITE} inline:{text(1)} KDR=1",
        f"1 {GCM} inline:{text(1, 28)} UNENCRYPTED_SRTCP", f"1 {SUITE} inline:{text(1)};inline:{text(1, 20)}",
    ],
)  # fmt: skip
def test_lines_of_which_nothing_can_be_verified(value: str) -> None:
    assert usable(parse_crypto(value.encode())) == ()


def test_lines_that_can() -> None:
    assert usable(parse_crypto(f"1 {GCM} inline:{text(1, 28)}|2^20|5:1 WSH=64".encode())) == (
        SrtpKey("AEAD_AES_128_GCM", text(1, 28), "05"),
    )
    assert usable(parse_crypto(f"1 {SUITE} inline:{text(1)} UNENCRYPTED_SRTP".encode())) == (key(SUITE, 1),)


def test_very_many_lines_are_no_lines() -> None:
    assert told(MediaSecurity(), described(*(line(each, SUITE, each) for each in range(1, 18))), "a") == {}
    assert told(MediaSecurity(), described(*(line(each, SUITE, each) for each in range(1, 17))), "a")


def test_r13_both_relays_of_a_pair_know_the_keys_of_both_sides() -> None:
    pair = Pair()
    alice, bob = pair.inside("alice"), pair.outside("bob")
    answering(bob, (0.1, 200, secure(line(1, SUITE, 9), address=bob.address[0])))
    talk(pair, alice, bob, secure(*TWO, address=alice.address[0]))
    for relay in (pair.core_relay, pair.edge_relay):
        last = {each.leg: each.receive for each in relay.security}
        assert last == {"a": (key(SUITE, 1),), "b": (key(SUITE, 9),)}
        kinds = [type(each).__name__ for each in relay.log]
        assert kinds.index("Security") < kinds.index("SetRemote")


def test_r17_a_plain_answer_to_srtp_ends_the_call_with_488() -> None:
    pair = Pair()
    alice, bob = pair.inside("alice"), pair.outside("bob")
    answering(bob, (0.1, 180, b""), (0.2, 200, sdp(bob.address[0], 4000)))
    dialog, _ = talk(pair, alice, bob, secure(*TWO, address=alice.address[0]))
    assert dialog.statuses[-1] == 488 and 200 not in dialog.statuses
    assert not pair.core_relay.sessions and not pair.edge_relay.sessions


def test_no_key_in_what_is_shown_or_logged() -> None:
    pair = Pair()
    alice, bob = pair.inside("alice"), pair.outside("bob")
    answering(bob, (0.1, 200, secure(line(1, SUITE, 9), address=bob.address[0])))
    talk(pair, alice, bob, secure(*TWO, address=alice.address[0]))
    for host in (pair.core, pair.edge):
        shown = repr(host.core.snapshot("calls", pair.net.now)) + repr(host.log)
        assert text(1) not in shown and text(9) not in shown


@pytest.mark.parametrize("plain", [False, True])
def test_r17_an_offer_in_the_200_and_its_answer_in_the_ack(plain: bool) -> None:
    """RFC 3261 §13.2.1: INVITE without a body. A plain answer tells the relay nothing of where to send."""
    pair = Pair()
    alice, bob = pair.inside("alice"), pair.outside("bob")
    answering(bob, (0.1, 200, secure(*TWO, address=bob.address[0])))
    answer = sdp(alice.address[0], 4000) if plain else secure(line(2, SHORT, 9), address=alice.address[0])
    alice.ack_body = answer
    talk(pair, alice, bob)
    last = {each.leg: (each.mode, each.receive) for each in pair.edge_relay.security}
    remotes = {each.leg for each in pair.core_relay.remotes}
    if plain:
        assert "a" not in remotes and "a" not in last
    else:
        assert remotes == {"a", "b"}
        assert last == {"a": ("verify", (key(SHORT, 9),)), "b": ("verify", (key(SHORT, 2),))}
