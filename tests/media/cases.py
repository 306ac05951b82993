"""Packet-in, packet-out cases of the relay as data. Any engine that speaks `media/protocol.py` can run them.

A case is a list of steps. Times are seconds. Local ports are named, not numbered: `"0.a.rtp"` is the RTP port of leg a
of stream 0. After each step exactly the listed `Out` and `Told` must come, in this order, `Timer` steps included.
Probe packets depend on the credential which the relay made, so they are described and built by the runner.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field

from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.suites import SUITES
from seaway.core.srtp.transform import transform_of
from seaway.media.protocol import Address, Command, LegRequest, Open, Pause, Security, SetRemote, SrtpKey, StreamRequest

__all__ = ["CASES", "Case", "Do", "In", "Out", "Probe", "ProbeAnswer", "ProbeRequest", "Step", "Timer", "Told"]

ALICE, ALICE_RTCP = ("192.0.2.10", 40000), ("192.0.2.10", 40001)
BOB, BOB_RTCP = ("198.51.100.20", 50000), ("198.51.100.20", 50001)
CORE, CORE_MOVED = ("10.0.0.5", 36010), ("10.0.0.5", 44444)
EDGE, EDGE_RTCP = ("10.0.1.1", 2776), ("10.0.1.1", 2777)
EVIL = ("203.0.113.66", 6666)


@dataclass(frozen=True)
class Probe:
    """A probe made with the credential of demux leg `leg` ("0.a"), unless spoilt."""

    leg: str
    sequence: int
    user: str | None = None
    password: str | None = None
    sha256: bool = False
    extra: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True)
class ProbeAnswer:
    """On output: a Binding success with integrity of leg `leg`, mapping `mapped`. `code` 420: an error instead."""

    leg: str
    mapped: Address
    code: int = 0


@dataclass(frozen=True)
class ProbeRequest:
    """On output: a probe with these values."""

    user: str
    password: str
    sequence: int


@dataclass(frozen=True)
class Success:
    """On input: the answer to the last probe that the engine sent to `In.source`, made with `password`."""

    password: str
    mapped: Address


Data = bytes | Probe | Success


@dataclass(frozen=True)
class Out:
    local: str
    remote: Address
    data: bytes | ProbeAnswer | ProbeRequest


@dataclass(frozen=True)
class Told:
    """An event: `Latched` with leg and source, or `Idle` with its seconds."""

    what: str
    where: str = ""
    source: Address | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Do:
    at: float
    command: Command
    fails: str = ""
    then: tuple[Out | Told, ...] = ()


@dataclass(frozen=True)
class In:
    at: float
    local: str
    source: Address
    data: Data
    then: tuple[Out | Told, ...] = ()


@dataclass(frozen=True)
class Timer:
    """`handle_timeout(at)`. `due`: what `next_deadline()` must have said before."""

    at: float
    then: tuple[Out | Told, ...] = ()
    due: float | None = None


Step = Do | In | Timer


@dataclass(frozen=True)
class Case:
    name: str
    steps: tuple[Step, ...]
    refused: dict[str, int] = field(default_factory=dict)  # "0.a" -> packets refused on that leg at the end


def rtp(sequence: int = 1, payload: bytes = b"voice", ssrc: int = 7) -> bytes:
    return (
        b"\x80\x00"
        + sequence.to_bytes(2, "big")
        + (160 * sequence).to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
        + payload
    )


EVENT = b"\x80\x65" + rtp(3, bytes.fromhex("050a00a0"))[2:]  # digit 5 (RFC 4733 §2.3)
RTCP = bytes.fromhex("80c90001 00000007")
APP = bytes.fromhex("80cc0002 00000007 44544d46")  # RTCP APP "DTMF" (RFC 3550 §6.7)
BFCP = bytes.fromhex("400b0000 00000001 00010002")  # Hello over UDP (RFC 8855 §5.1)
DTLS = b"\x16\xfe\xfd" + bytes(20)
STUN = bytes.fromhex("00110000 2112a442") + bytes(12)  # a Binding indication, as a keep-alive

BETWEEN = LegRequest("plain", "inner", ("T10-03", "T10-03"), knocks=True)
PLAIN_OUTER = LegRequest("plain", "outer", ("T11-11", "T11-12"))
PLAIN_INNER = LegRequest("plain", "inner", ("Y01-06", "Y01-07"))
DEMUX = LegRequest("demux", "inner", ("T11-09", "T11-10"))
PROBE = LegRequest("probe", "inner", ("T11-09", "T11-10"))


def opened(a: LegRequest, b: LegRequest, streams: int = 1) -> Do:
    return Do(0.0, Open(1, "s", "label", (StreamRequest(a, b),) * streams))


def remote(
    at: float, leg: str, rtp_hint: Address, rtcp_hint: Address, *allowed: str, then: tuple[Out | Told, ...] = ()
) -> Do:
    return Do(at, SetRemote("s", 0, "a" if leg == "a" else "b", rtp_hint, rtcp_hint, allowed), then=then)


A_LATCHED = Told("Latched", "0.a.rtp", ALICE)
B_LATCHED = Told("Latched", "0.b.rtp", BOB)
BOTH_KNOWN = (
    opened(PLAIN_OUTER, PLAIN_INNER),
    remote(0.1, "a", ALICE, ALICE_RTCP, "192.0.2.10"),
    remote(0.1, "b", BOB, BOB_RTCP, "198.51.100.20"),
)
BOTH_LATCHED = (
    *BOTH_KNOWN,
    In(1.0, "0.a.rtp", ALICE, rtp(1), then=(A_LATCHED,)),
    In(1.1, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED, Out("0.a.rtp", ALICE, rtp(1)))),
)
BOUND = Told("Latched", "0.a.rtp", CORE)
DEMUX_BOUND = (
    opened(DEMUX, PLAIN_OUTER),
    remote(0.1, "b", BOB, BOB_RTCP, "198.51.100.20"),
    In(1.0, "0.a.rtp", CORE, Probe("0.a", 1), then=(Out("0.a.rtp", CORE, ProbeAnswer("0.a", CORE)), BOUND)),
    In(1.1, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED, Out("0.a.rtp", CORE, rtp(1)))),
)
CREDENTIAL = ("user", "long-password-of-the-edge")
START_PROBES = Do(
    10.0,
    SetRemote("s", 0, "a", EDGE, EDGE_RTCP, ("10.0.1.1",), *CREDENTIAL),
    then=(
        Out("0.a.rtp", EDGE, ProbeRequest(*CREDENTIAL, 1)),
        Out("0.a.rtcp", EDGE_RTCP, ProbeRequest(*CREDENTIAL, 1)),
    ),
)
PROBE_BOUND = (
    opened(PROBE, PLAIN_INNER),
    remote(0.1, "b", BOB, BOB_RTCP, "198.51.100.20"),
    START_PROBES,
    In(10.02, "0.a.rtp", EDGE, Success(CREDENTIAL[1], CORE), then=(Told("Latched", "0.a.rtp", EDGE),)),
)

_SRTP, _GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"


def _octets(number: int, suite: str) -> bytes:
    return bytes([number]) * (SUITES[suite].key + SUITES[suite].salt)


def key(number: int, suite: str = _SRTP) -> SrtpKey:
    return SrtpKey(suite, b64encode(_octets(number, suite)).decode())  # type: ignore[arg-type]


def sealed(number: int, index: int, suite: str = _SRTP) -> bytes:
    """`rtp(index)` under a key."""
    return transform_of(MasterKey.joined(suite, _octets(number, suite))).seal_rtp(rtp(index), index)


def sealed_rtcp(number: int, index: int, suite: str = _SRTP) -> bytes:
    return transform_of(MasterKey.joined(suite, _octets(number, suite))).seal_rtcp(RTCP, index)


VERIFYING = (
    *BOTH_KNOWN,
    Do(0.2, Security("s", 0, "a", "verify", (key(1),))),
    Do(0.2, Security("s", 0, "b", "verify", (key(2),))),
)
ENDING = (
    *BOTH_KNOWN,
    Do(0.2, Security("s", 0, "a", "srtp", (key(1, _GCM),), key(2, _GCM))),
    Do(0.2, Security("s", 0, "b", "rtp")),
    In(1.0, "0.a.rtp", ALICE, sealed(1, 1, _GCM), then=(A_LATCHED,)),
    In(1.1, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED, Out("0.a.rtp", ALICE, sealed(2, 1, _GCM)))),
)

CASES = (
    Case("R13: only what authenticates latches, and it passes as it is", (
        *VERIFYING,
        In(1.0, "0.a.rtp", ("192.0.2.10", 1025), rtp(1, bytes(40))),
        In(1.0, "0.a.rtp", ("192.0.2.10", 1025), STUN),
        In(1.0, "0.a.rtp", ("192.0.2.10", 1025), sealed(2, 1)),
        In(1.1, "0.a.rtp", ALICE, sealed(1, 1), then=(A_LATCHED,)),
        In(1.2, "0.b.rtp", BOB, sealed(2, 1), then=(B_LATCHED, Out("0.a.rtp", ALICE, sealed(2, 1)))),
        In(1.3, "0.a.rtp", ALICE, sealed(1, 2), then=(Out("0.b.rtp", BOB, sealed(1, 2)),)),
        In(1.4, "0.a.rtp", ("192.0.2.10", 1025), sealed(1, 3)),
    ), {"0.a": 4}),
    Case("SRTP ends on one side and the other has RTP", (
        *ENDING,
        In(1.2, "0.a.rtp", ALICE, sealed(1, 2, _GCM), then=(Out("0.b.rtp", BOB, rtp(2)),)),
        In(1.2, "0.a.rtp", ALICE, sealed(1, 2, _GCM)),
        In(1.2, "0.a.rtp", ALICE, rtp(3, bytes(50))),
        In(1.3, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", ALICE, sealed(2, 2, _GCM)),)),
        In(1.4, "0.b.rtp", BOB, RTCP, then=(Out("0.a.rtp", ALICE, sealed_rtcp(2, 0, _GCM)),)),
        In(1.4, "0.b.rtp", BOB, RTCP, then=(Out("0.a.rtp", ALICE, sealed_rtcp(2, 1, _GCM)),)),
        In(1.5, "0.a.rtp", ALICE, sealed_rtcp(1, 0, _GCM), then=(Out("0.b.rtp", BOB, RTCP),)),
    ), {"0.a": 2}),
    Case("SRTP of an old key, sealed with a new one", (
        *BOTH_KNOWN,
        Do(0.2, Security("s", 0, "a", "srtp", (key(1),), key(2))),
        Do(0.2, Security("s", 0, "b", "srtp", (key(3, _GCM),), key(4, _GCM))),
        In(1.0, "0.a.rtp", ALICE, sealed(1, 1), then=(A_LATCHED,)),
        In(1.1, "0.b.rtp", BOB, sealed(3, 1, _GCM), then=(B_LATCHED, Out("0.a.rtp", ALICE, sealed(2, 1)))),
        In(1.2, "0.a.rtp", ALICE, sealed(1, 2), then=(Out("0.b.rtp", BOB, sealed(4, 2, _GCM)),)),
        Do(2.0, Security("s", 0, "a", "srtp", (key(5),), key(2))),
        In(2.1, "0.a.rtp", ALICE, sealed(1, 3)),
        In(2.1, "0.a.rtp", ALICE, sealed(5, 4), then=(Out("0.b.rtp", BOB, sealed(4, 4, _GCM)),)),
        In(2.2, "0.b.rtp", BOB, sealed(3, 2, _GCM), then=(Out("0.a.rtp", ALICE, sealed(2, 2)),)),
    ), {"0.a": 1}),
    Case("R17: nothing crosses while it is not known that both sides end", (
        *BOTH_LATCHED,
        Do(1.2, Security("s", 0, "a", "srtp", (key(1),), key(2))),
        In(1.3, "0.a.rtp", ALICE, sealed(1, 2)),
        In(1.3, "0.b.rtp", BOB, rtp(2)),
        Do(1.4, Security("s", 0, "b", "rtp")),
        In(1.5, "0.a.rtp", ALICE, sealed(1, 3), then=(Out("0.b.rtp", BOB, rtp(3)),)),
        In(1.5, "0.b.rtp", BOB, rtp(3), then=(Out("0.a.rtp", ALICE, sealed(2, 3)),)),
    )),
    Case("R20: a side that is not to send is not heard, telephone-event and RTCP APP included", (
        *BOTH_LATCHED,
        In(1.2, "0.a.rtcp", ALICE_RTCP, RTCP, then=(Told("Latched", "0.a.rtcp", ALICE_RTCP),)),
        In(1.2, "0.b.rtcp", BOB_RTCP, RTCP,
           then=(Told("Latched", "0.b.rtcp", BOB_RTCP), Out("0.a.rtcp", ALICE_RTCP, RTCP))),
        Do(1.3, Pause("s", 0, "a", True)),
        In(1.4, "0.a.rtp", ALICE, rtp(2)),
        In(1.4, "0.a.rtp", ALICE, EVENT),
        In(1.4, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", ALICE, rtp(2)),)),
        In(1.5, "0.a.rtcp", ALICE_RTCP, RTCP, then=(Out("0.b.rtcp", BOB_RTCP, RTCP),)),
        In(1.5, "0.a.rtcp", ALICE_RTCP, RTCP + APP),
        In(1.5, "0.a.rtcp", ALICE_RTCP, APP),
        In(1.5, "0.b.rtcp", BOB_RTCP, APP, then=(Out("0.a.rtcp", ALICE_RTCP, APP),)),
        In(1.6, "0.a.rtp", ("192.0.2.10", 1025), rtp(3)),  # what was learned holds, and is learned on
        In(1.6, "0.b.rtp", BOB, rtp(3), then=(Out("0.a.rtp", ALICE, rtp(3)),)),
        Do(1.7, Pause("s", 0, "a", False)),
        In(1.8, "0.a.rtp", ALICE, rtp(4), then=(Out("0.b.rtp", BOB, rtp(4)),)),
        In(1.8, "0.a.rtcp", ALICE_RTCP, APP, then=(Out("0.b.rtcp", BOB_RTCP, APP),)),
        Do(1.9, Pause("s", 1, "a", True), fails="no-stream"),
        Do(1.9, Pause("t", 0, "a", True), fails="no-session"),
    ), {"0.a": 1}),
    Case("R20: paused before anything was heard", (
        *BOTH_KNOWN,
        Do(0.5, Pause("s", 0, "a", True)),
        In(1.0, "0.a.rtp", ALICE, rtp(1), then=(A_LATCHED,)),
        In(1.1, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED, Out("0.a.rtp", ALICE, rtp(1)))),
        In(1.2, "0.a.rtp", ALICE, rtp(2)),
        Do(1.3, Pause("s", 0, "a", False)),
        In(1.4, "0.a.rtp", ALICE, rtp(3), then=(Out("0.b.rtp", BOB, rtp(3)),)),
    )),
    Case("R20: SRTP that ends is not heard either", (
        *ENDING,
        Do(1.2, Pause("s", 0, "a", True)),
        In(1.3, "0.a.rtp", ALICE, sealed(1, 2, _GCM)),
        Do(1.4, Pause("s", 0, "a", False)),
        In(1.5, "0.a.rtp", ALICE, sealed(1, 3, _GCM), then=(Out("0.b.rtp", BOB, rtp(3)),)),
    )),
    Case("nothing is sent to the SDP address before its first packet", (
        *BOTH_KNOWN,
        In(1.0, "0.a.rtp", ALICE, rtp(1), then=(A_LATCHED,)),
        In(1.1, "0.a.rtp", ALICE, rtp(2)),
    )),
    Case("a DTLS handshake goes to the signalled address of a passive side, and nothing else does", (
        *BOTH_KNOWN,
        In(1.0, "0.b.rtp", BOB, DTLS, then=(B_LATCHED, Out("0.a.rtp", ALICE, DTLS))),
        In(1.1, "0.b.rtp", BOB, rtp(1)),
        In(1.2, "0.a.rtp", ("192.0.2.10", 1025), DTLS,
           then=(Told("Latched", "0.a.rtp", ("192.0.2.10", 1025)), Out("0.b.rtp", BOB, DTLS))),
        In(1.3, "0.b.rtp", BOB, DTLS, then=(Out("0.a.rtp", ("192.0.2.10", 1025), DTLS),)),
    )),
    Case("both latched: packets pass unchanged both ways", (
        *BOTH_LATCHED,
        In(1.2, "0.a.rtp", ALICE, rtp(2, b"\x00\xff" * 600), then=(Out("0.b.rtp", BOB, rtp(2, b"\x00\xff" * 600)),)),
        In(1.2, "0.b.rtp", BOB, DTLS, then=(Out("0.a.rtp", ALICE, DTLS),)),
    )),
    Case("the source port may differ from the signalled one", (
        *BOTH_KNOWN,
        In(1.0, "0.a.rtp", ("192.0.2.10", 1025), rtp(), then=(Told("Latched", "0.a.rtp", ("192.0.2.10", 1025)),)),
    )),
    Case("RTP and RTCP latch apart", (
        *BOTH_LATCHED,
        In(1.2, "0.a.rtcp", ALICE_RTCP, RTCP, then=(Told("Latched", "0.a.rtcp", ALICE_RTCP),)),
        In(1.3, "0.b.rtcp", BOB_RTCP, RTCP,
           then=(Told("Latched", "0.b.rtcp", BOB_RTCP), Out("0.a.rtcp", ALICE_RTCP, RTCP))),
    )),
    Case("with a signalled SSRC only RTP and RTCP of it latches, and any packet of the latched source passes", (
        opened(PLAIN_OUTER, PLAIN_INNER),
        Do(0.1, SetRemote("s", 0, "a", ALICE, ALICE_RTCP, ("192.0.2.10",), ssrcs=(7, 9))),
        remote(0.1, "b", BOB, BOB_RTCP, "198.51.100.20"),
        In(0.9, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED,)),
        In(1.0, "0.a.rtp", ("192.0.2.10", 40999), rtp(1, ssrc=8)),
        In(1.0, "0.a.rtcp", ALICE_RTCP, RTCP[:4] + bytes(4)),
        In(1.1, "0.a.rtp", ALICE, rtp(1), then=(A_LATCHED, Out("0.b.rtp", BOB, rtp(1)))),
        In(1.2, "0.a.rtp", ALICE, rtp(2, ssrc=8), then=(Out("0.b.rtp", BOB, rtp(2, ssrc=8)),)),
        In(1.2, "0.a.rtcp", ALICE_RTCP, RTCP, then=(Told("Latched", "0.a.rtcp", ALICE_RTCP),)),
    ), {"0.a": 2}),
    Case("before SetRemote nobody may latch", (
        opened(PLAIN_OUTER, PLAIN_INNER), In(1.0, "0.a.rtp", ALICE, rtp()),
    ), {"0.a": 1}),
    Case("a source that was not signalled never latches and is never answered", (
        *BOTH_KNOWN,
        In(1.0, "0.a.rtp", EVIL, rtp()),
        In(1.0, "0.a.rtp", EVIL, STUN),
        In(1.1, "0.b.rtp", BOB, rtp(), then=(B_LATCHED,)),
        In(1.2, "0.a.rtp", ALICE, rtp(), then=(A_LATCHED, Out("0.b.rtp", BOB, rtp()))),
        In(1.3, "0.a.rtp", EVIL, rtp(9)),
    ), {"0.a": 3}),
    Case("no second source while media flows, even from the same host", (
        *BOTH_LATCHED,
        In(3.0, "0.a.rtp", ALICE, rtp(2), then=(Out("0.b.rtp", BOB, rtp(2)),)),
        In(7.9, "0.a.rtp", ("192.0.2.10", 40002), rtp(3)),
    ), {"0.a": 1}),
    Case("after more than 5 s of silence an allowed source takes over", (
        *BOTH_LATCHED,
        In(6.0, "0.a.rtp", ("192.0.2.10", 40002), rtp(3)),
        In(6.1, "0.a.rtp", EVIL, rtp(3)),
        In(6.2, "0.a.rtp", ("192.0.2.10", 40002), rtp(3),
           then=(Told("Latched", "0.a.rtp", ("192.0.2.10", 40002)), Out("0.b.rtp", BOB, rtp(3)))),
    ), {"0.a": 2}),
    Case("a moved hint lets an allowed source take over at once, and only one", (
        *BOTH_LATCHED,
        remote(2.0, "a", ("192.0.2.11", 41000), ("192.0.2.11", 41001), "192.0.2.10", "192.0.2.11"),
        In(2.1, "0.a.rtp", ALICE, rtp(2), then=(Out("0.b.rtp", BOB, rtp(2)),)),
        In(2.2, "0.a.rtp", ("192.0.2.11", 41000), rtp(3),
           then=(Told("Latched", "0.a.rtp", ("192.0.2.11", 41000)), Out("0.b.rtp", BOB, rtp(3)))),
        In(2.3, "0.a.rtp", ALICE, rtp(4)),
    ), {"0.a": 1}),
    Case("the same hint again opens nothing", (
        *BOTH_LATCHED,
        remote(2.0, "a", ALICE, ALICE_RTCP, "192.0.2.10"),
        In(2.2, "0.a.rtp", ("192.0.2.10", 40002), rtp(3)),
    ), {"0.a": 1}),
    Case("the window after a moved hint ends", (
        *BOTH_LATCHED,
        remote(2.0, "a", ("192.0.2.10", 41000), ("192.0.2.10", 41001), "192.0.2.10"),
        In(6.9, "0.a.rtp", ALICE, rtp(2), then=(Out("0.b.rtp", BOB, rtp(2)),)),
        In(7.1, "0.a.rtp", ("192.0.2.10", 41000), rtp(3)),
    ), {"0.a": 1}),
    Case("a learned source that is no longer allowed is forgotten", (
        *BOTH_LATCHED,
        remote(2.0, "a", ("192.0.2.99", 41000), ("192.0.2.99", 41001), "192.0.2.99"),
        In(2.1, "0.b.rtp", BOB, rtp(2)),
        In(2.2, "0.a.rtp", ALICE, rtp(2)),
    ), {"0.a": 1}),
    Case("malformed packets neither latch nor pass", (
        *BOTH_KNOWN,
        In(1.0, "0.a.rtp", ALICE, b""),
        In(1.0, "0.a.rtp", ALICE, b"\x80"),
        In(1.0, "0.a.rtp", ALICE, rtp()[:11]),
        In(1.0, "0.a.rtp", ALICE, b"\x8f" + rtp()[1:]),
        In(1.0, "0.a.rtp", ALICE, b"\x90" + rtp(payload=b"\xbe\xde\xff\xff")[1:]),
        In(1.0, "0.a.rtp", ALICE, RTCP[:7]),
        In(1.0, "0.a.rtp", ALICE, b"\x41" + bytes(20)),  # TURN channel
        In(1.0, "0.a.rtp", ALICE, DTLS[:12]),
        In(1.0, "0.a.rtp", ALICE, STUN + b"\0"),
        In(1.0, "0.a.rtcp", ALICE_RTCP, rtp()),  # RTP on the RTCP port
    ), {"0.a": 10}),
    Case("SRTP with its padding bit set passes", (
        *BOTH_LATCHED,
        In(1.2, "0.a.rtp", ALICE, b"\xa0" + rtp(payload=b"\xff" * 14)[1:],
           then=(Out("0.b.rtp", BOB, b"\xa0" + rtp(payload=b"\xff" * 14)[1:]),)),
    )),
    Case("RTCP on the RTP port stays there", (
        *BOTH_LATCHED, In(1.2, "0.a.rtp", ALICE, RTCP, then=(Out("0.b.rtp", BOB, RTCP),)),
    )),
    Case("a STUN keep-alive opens the way but ends here", (
        *BOTH_KNOWN,
        In(1.0, "0.b.rtp", BOB, STUN, then=(B_LATCHED,)),
        In(1.1, "0.a.rtp", ALICE, rtp(), then=(A_LATCHED, Out("0.b.rtp", BOB, rtp()))),
        In(1.2, "0.b.rtp", BOB, STUN),
    )),
    Case("demux: a valid probe binds, media passes both ways", (
        *DEMUX_BOUND,
        In(1.2, "0.a.rtp", CORE, rtp(2), then=(Out("0.b.rtp", BOB, rtp(2)),)),
    )),
    Case("demux: SHA-256 is answered with SHA-256", (
        opened(DEMUX, PLAIN_OUTER),
        In(1.0, "0.a.rtp", CORE, Probe("0.a", 1, sha256=True),
           then=(Out("0.a.rtp", CORE, ProbeAnswer("0.a", CORE)), BOUND)),
    )),
    Case("demux: nothing goes out and nothing passes before a probe", (
        opened(DEMUX, PLAIN_OUTER),
        remote(0.1, "b", BOB, BOB_RTCP, "198.51.100.20"),
        remote(0.1, "a", CORE, ("10.0.0.5", 36011), "10.0.0.5"),
        In(1.0, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED,)),
        In(1.1, "0.a.rtp", CORE, rtp(1)),
    )),
    Case("demux: probes that are not right get no answer", (
        opened(DEMUX, PLAIN_OUTER),
        In(1.0, "0.a.rtp", CORE, Probe("0.a", 1, password="wrong")),
        In(1.0, "0.a.rtp", CORE, Probe("0.a", 1, user="nobody")),
        In(1.0, "0.a.rtp", CORE, STUN),
        In(1.0, "0.a.rtp", CORE, bytes.fromhex("00010000 2112a442") + bytes(12)),
        In(1.0, "0.a.rtp", CORE, b"\x00" * 40),
    )),
    Case("demux: unknown required attribute is 420 and binds nothing", (
        opened(DEMUX, PLAIN_OUTER),
        In(1.0, "0.a.rtp", CORE, Probe("0.a", 1, extra=((0x7777, b"what"),)),
           then=(Out("0.a.rtp", CORE, ProbeAnswer("0.a", CORE, code=420)),)),
        In(1.1, "0.a.rtp", CORE, rtp()),
    )),
    Case("demux: RTP and RTCP bind apart", (
        *DEMUX_BOUND,
        In(1.2, "0.a.rtcp", CORE, RTCP),
        In(1.3, "0.a.rtcp", CORE, Probe("0.a", 1),
           then=(Out("0.a.rtcp", CORE, ProbeAnswer("0.a", CORE)), Told("Latched", "0.a.rtcp", CORE))),
    )),
    Case("demux: a new valid probe moves the flow", (
        *DEMUX_BOUND,
        In(2.0, "0.a.rtp", CORE_MOVED, Probe("0.a", 2),
           then=(Out("0.a.rtp", CORE_MOVED, ProbeAnswer("0.a", CORE_MOVED)), Told("Latched", "0.a.rtp", CORE_MOVED))),
        In(2.1, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", CORE_MOVED, rtp(2)),)),
        In(2.2, "0.a.rtp", CORE, rtp(2)),
    )),
    Case("demux: a probe heard before moves nothing", (
        *DEMUX_BOUND,
        In(2.0, "0.a.rtp", CORE, Probe("0.a", 2), then=(Out("0.a.rtp", CORE, ProbeAnswer("0.a", CORE)),)),
        In(2.1, "0.a.rtp", EVIL, Probe("0.a", 2)),
        In(2.2, "0.a.rtp", EVIL, Probe("0.a", 1)),
        In(2.3, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", CORE, rtp(2)),)),
    )),
    Case("demux: consent ends 30 s after the last probe", (
        *DEMUX_BOUND,
        In(20.0, "0.a.rtp", CORE, Probe("0.a", 2), then=(Out("0.a.rtp", CORE, ProbeAnswer("0.a", CORE)),)),
        Timer(31.1, then=(Told("Idle", seconds=30.0),)),
        In(49.8, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", CORE, rtp(2)),)),
        Timer(50.0),
        In(50.1, "0.b.rtp", BOB, rtp(3)),
        In(50.2, "0.a.rtp", CORE, rtp(3)),
    )),
    Case("probe: bursts, then each second", (
        opened(PROBE, PLAIN_INNER),
        START_PROBES,
        *(
            Timer(at, due=at, then=(
                Out("0.a.rtp", EDGE, ProbeRequest(*CREDENTIAL, number)),
                Out("0.a.rtcp", EDGE_RTCP, ProbeRequest(*CREDENTIAL, number)),
            ))
            for number, at in enumerate((10.05, 10.1, 10.2, 10.4, 11.4, 12.4), start=2)
        ),
    )),
    Case("probe: media waits for the answer and comes only from the edge", (
        *PROBE_BOUND[:-1],
        In(10.01, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED,)),
        PROBE_BOUND[-1],
        In(10.03, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", EDGE, rtp(2)),)),
        In(10.04, "0.a.rtp", EDGE, rtp(1), then=(Out("0.b.rtp", BOB, rtp(1)),)),
        In(10.04, "0.a.rtp", EDGE_RTCP, rtp(2)),
        In(10.04, "0.a.rtp", EVIL, rtp(2)),
    ), {"0.a": 2}),
    Case("probe: an answer with the wrong key or from elsewhere is none", (
        *PROBE_BOUND[:-1],
        In(10.01, "0.a.rtp", EDGE, Success("wrong", CORE)),
        In(10.02, "0.a.rtp", EVIL, Success(CREDENTIAL[1], CORE)),
        In(10.03, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED,)),
    ), {"0.a": 2}),
    Case("probe: before SetRemote nobody is heard", (
        opened(PROBE, PLAIN_INNER), In(1.0, "0.a.rtp", EDGE, rtp()),
    ), {"0.a": 1}),
    Case("probe: without a credential it fails", (
        opened(PROBE, PLAIN_INNER), Do(1.0, SetRemote("s", 0, "a", EDGE, EDGE_RTCP, ()), fails="bad-address"),
    )),
    Case("probe: a multicast destination is refused", (
        opened(PROBE, PLAIN_INNER),
        Do(1.0, SetRemote("s", 0, "a", ("224.0.0.1", 2776), EDGE_RTCP, (), *CREDENTIAL), fails="bad-address"),
    )),
    Case("what is no RTP passes when signalling says so", (
        opened(PLAIN_OUTER, PLAIN_INNER),
        Do(0.1, SetRemote("s", 0, "a", ALICE, ALICE_RTCP, ("192.0.2.10",), opaque=True)),
        Do(0.1, SetRemote("s", 0, "b", BOB, BOB_RTCP, ("198.51.100.20",), opaque=True)),
        # A floor control server says nothing before it is asked: its signalled place is where to ask.
        In(1.0, "0.a.rtp", ALICE, BFCP, then=(A_LATCHED, Out("0.b.rtp", BOB, BFCP))),
        In(1.1, "0.b.rtp", EVIL, BFCP),
        In(1.2, "0.b.rtp", BOB, BFCP, then=(B_LATCHED, Out("0.a.rtp", ALICE, BFCP))),
        In(1.3, "0.a.rtp", ALICE, b"\x01", then=(Out("0.b.rtp", BOB, b"\x01"),)),
        In(1.4, "0.a.rtp", ALICE, STUN),
    ), {"0.b": 1}),
    Case("media knocks where the far side is another relay, which waits for ours", (
        opened(PLAIN_OUTER, BETWEEN),
        Do(0.1, SetRemote("s", 0, "a", ALICE, ALICE_RTCP, ("192.0.2.10",))),
        Do(0.1, SetRemote("s", 0, "b", BOB, BOB_RTCP, ("198.51.100.20",))),
        In(1.0, "0.a.rtp", ALICE, rtp(1), then=(A_LATCHED, Out("0.b.rtp", BOB, rtp(1)))),
        In(1.1, "0.b.rtp", EVIL, rtp(1)),
        In(1.2, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED, Out("0.a.rtp", ALICE, rtp(1)))),
    ), {"0.b": 1}),
    Case("media does not knock at a place that signalling does not allow", (
        opened(PLAIN_OUTER, BETWEEN),
        Do(0.1, SetRemote("s", 0, "a", ALICE, ALICE_RTCP, ("192.0.2.10",))),
        Do(0.1, SetRemote("s", 0, "b", EVIL, EVIL, ("198.51.100.20",))),
        In(1.0, "0.a.rtp", ALICE, rtp(1), then=(A_LATCHED,)),
    )),
    Case("what is no RTP does not pass else", (
        *BOTH_LATCHED,
        In(2.0, "0.a.rtp", ALICE, BFCP),
    ), {"0.a": 1}),
    Case("idle is told after 30 s and again each 30 s", (
        *BOTH_KNOWN,
        In(2.0, "0.a.rtp", ALICE, rtp(), then=(A_LATCHED,)),
        Timer(30.0, due=30.0),
        Timer(32.0, due=32.0, then=(Told("Idle", seconds=30.0),)),
        Timer(62.0, due=62.0, then=(Told("Idle", seconds=60.0),)),
    )),
)  # fmt: skip
