"""Cases of `cases.py` with ICE on leg a: its checks, what they move, and RTCP on the RTP port of one leg alone."""

from __future__ import annotations

from collections.abc import Sequence

from seaway.media.protocol import Address, Ice
from seaway.wire.stun.address import xor_mapped_address
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.message import encode
from seaway.wire.stun.text import username

from .cases import (
    ALICE,
    ALICE_RTCP,
    B_LATCHED,
    BOB,
    BOB_RTCP,
    BOTH_KNOWN,
    EVIL,
    RTCP,
    STUN,
    Case,
    Do,
    In,
    Out,
    Told,
    remote,
    rtp,
)  # fmt: skip

__all__ = ["ICE_CASES", "MOVED", "OURS", "answer", "check", "ice"]

OURS = ("ours", "our-password-of-22-or-more")
NEXT = ("next", "the-password-after-a-restart")
THEIRS = "them"
MOVED: Address = ("192.0.2.77", 47000)
USE = Attribute(AttributeType.USE_CANDIDATE, b"")


def check(
    number: int, *, use: bool = False, ours: tuple[str, str] = OURS, user: str = "", priority: int = 100,
    more: Sequence[Attribute] = (), kind: MessageClass = MessageClass.REQUEST, fingerprint: bool = True,
    method: int = BINDING,
) -> bytes:  # fmt: skip
    """A connectivity check of the far side, in transaction `number`."""
    attributes = [
        username(user or f"{ours[0]}:{THEIRS}"),
        Attribute(AttributeType.PRIORITY, priority.to_bytes(4, "big")),
        Attribute(AttributeType.ICE_CONTROLLING, bytes(8)),
        *([USE] if use else ()),
        *more,
    ]
    key = ours[1].encode()
    return encode(kind, method, number.to_bytes(12, "big"), attributes, key=key, fingerprint=fingerprint)


def answer(number: int, mapped: Address, ours: tuple[str, str] = OURS) -> bytes:
    transaction = number.to_bytes(12, "big")
    attributes = [xor_mapped_address(mapped, transaction)]
    return encode(MessageClass.SUCCESS, BINDING, transaction, attributes, key=ours[1].encode())


def ice(at: float, remote: str = THEIRS, *, ours: tuple[str, str] = OURS, mux: bool = False) -> Do:
    return Do(at, Ice("s", 0, "a", *ours, remote, mux))


def checked(at: float, number: int, source: Address, *, use: bool = False, told: bool = False, priority: int = 100,
            ours: tuple[str, str] = OURS) -> In:  # fmt: skip
    """A good check and its answer; `told`: it selects its source."""
    then: tuple[Out | Told, ...] = (Out("0.a.rtp", source, answer(number, source, ours)),)
    if told:
        then += (Told("Latched", "0.a.rtp", source),)
    return In(at, "0.a.rtp", source, check(number, use=use, priority=priority, ours=ours), then=then)


NOMINATED = (
    *BOTH_KNOWN,
    In(0.2, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED,)),
    ice(0.3),
    checked(1.0, 1, ALICE, use=True, told=True),
)
MUX = (
    *BOTH_KNOWN,
    In(0.2, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED,)),
    In(0.2, "0.b.rtcp", BOB_RTCP, RTCP, then=(Told("Latched", "0.b.rtcp", BOB_RTCP),)),
    ice(0.3, mux=True),
    checked(1.0, 1, ALICE, use=True, told=True),
)

ICE_CASES = (
    Case("ICE: nothing comes in and nothing goes out before a check; the first valid pair serves until a nomination", (
        *BOTH_KNOWN,
        In(0.2, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED,)),
        ice(0.3),
        In(0.4, "0.a.rtp", ALICE, rtp(1)),
        In(0.4, "0.a.rtp", ALICE, STUN),
        In(0.5, "0.b.rtp", BOB, rtp(2)),
        checked(1.0, 1, MOVED, told=True),
        checked(1.0, 2, ALICE),
        In(1.1, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", MOVED, rtp(2)),)),
        In(1.1, "0.a.rtp", ALICE, rtp(2), then=(Out("0.b.rtp", BOB, rtp(2)),)),
        checked(1.2, 4, ALICE, use=True, told=True, priority=1),
        In(1.3, "0.b.rtp", BOB, rtp(3), then=(Out("0.a.rtp", ALICE, rtp(3)),)),
        In(1.4, "0.a.rtp", ALICE, rtp(3), then=(Out("0.b.rtp", BOB, rtp(3)),)),
        In(1.4, "0.a.rtp", ALICE, STUN),
        checked(6.0, 3, ALICE),
    ), {"0.a": 2}),
    Case("R10: after nomination media goes only to the selected pair, and no unauthenticated packet moves it", (
        *NOMINATED,
        In(1.1, "0.a.rtp", EVIL, rtp(1)),
        In(1.1, "0.a.rtp", EVIL, STUN),
        In(1.1, "0.a.rtp", EVIL, check(9, use=True, ours=("ours", "another-password-that-is-long"))),
        In(1.1, "0.a.rtp", EVIL, check(9, use=True, user="ours:another")),
        In(1.1, "0.a.rtp", EVIL, check(9, use=True, user="other:them")),
        In(1.1, "0.a.rtp", EVIL, check(9, use=True, fingerprint=False)),
        In(1.1, "0.a.rtp", EVIL, check(9, use=True)[:-1]),
        In(1.1, "0.a.rtp", EVIL, check(1, use=True)),
        In(1.2, "0.a.rtp", (ALICE[0], 40002), rtp(1)),
        In(9.0, "0.a.rtp", EVIL, rtp(1)),
        In(9.1, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", ALICE, rtp(2)),)),
    ), {"0.a": 10}),
    Case("ICE: another nominated pair takes over by its priority, and media from the old one still counts", (
        *NOMINATED,
        checked(1.1, 2, MOVED, use=True, priority=99),
        In(1.2, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", ALICE, rtp(2)),)),
        checked(1.3, 3, MOVED, use=True, priority=101, told=True),
        In(1.4, "0.b.rtp", BOB, rtp(3), then=(Out("0.a.rtp", MOVED, rtp(3)),)),
        In(1.5, "0.a.rtp", ALICE, rtp(3), then=(Out("0.b.rtp", BOB, rtp(3)),)),
        In(1.6, "0.a.rtp", MOVED, rtp(4), then=(Out("0.b.rtp", BOB, rtp(4)),)),
        checked(6.4, 4, ALICE, use=True, told=True),  # the other is not nominated any more
        In(6.5, "0.b.rtp", BOB, rtp(5), then=(Out("0.a.rtp", ALICE, rtp(5)),)),
    )),
    Case("RFC 7675: media from a pair that is not selected ends with its consent", (
        *NOMINATED,
        checked(1.1, 2, MOVED),
        In(31.0, "0.a.rtp", MOVED, rtp(2), then=(Out("0.b.rtp", BOB, rtp(2)),)),
        In(31.2, "0.a.rtp", MOVED, rtp(3)),
        In(31.2, "0.a.rtp", ALICE, rtp(3), then=(Out("0.b.rtp", BOB, rtp(3)),)),
    ), {"0.a": 1}),
    Case("ICE restart: media goes on until the next nomination, which ends the old credential", (
        *NOMINATED,
        ice(2.0, ours=NEXT),
        In(2.1, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", ALICE, rtp(2)),)),
        checked(2.2, 2, ALICE),
        checked(2.3, 3, MOVED, ours=NEXT),
        In(2.4, "0.a.rtp", ALICE, rtp(2), then=(Out("0.b.rtp", BOB, rtp(2)),)),
        checked(2.5, 4, MOVED, ours=NEXT, use=True, told=True),
        In(2.6, "0.a.rtp", ALICE, check(5, use=True)),
        In(2.7, "0.a.rtp", ALICE, rtp(3)),
        In(2.8, "0.b.rtp", BOB, rtp(3), then=(Out("0.a.rtp", MOVED, rtp(3)),)),
    ), {"0.a": 2}),
    Case("ICE: checks name the far side that signalling named; of a fork that lost nothing counts", (
        *BOTH_KNOWN,
        In(0.2, "0.b.rtp", BOB, rtp(1), then=(B_LATCHED,)),
        ice(0.3, ""),
        checked(1.0, 1, ALICE, told=True),
        In(1.1, "0.a.rtp", MOVED, check(2, use=True, user="ours:loser"),
           then=(Out("0.a.rtp", MOVED, answer(2, MOVED)), Told("Latched", "0.a.rtp", MOVED))),
        ice(1.3),
        In(1.4, "0.b.rtp", BOB, rtp(3)),
        checked(1.5, 3, ALICE, use=True, told=True),
        In(1.6, "0.b.rtp", BOB, rtp(4), then=(Out("0.a.rtp", ALICE, rtp(4)),)),
        In(1.7, "0.a.rtp", MOVED, rtp(1)),
    ), {"0.a": 1}),
    Case("ICE restart that was called off: the credential of before counts, as if nothing had been", (
        *NOMINATED,
        ice(2.0, ours=NEXT),
        ice(2.1),
        In(2.2, "0.a.rtp", ALICE, check(2, use=True, ours=NEXT)),
        checked(2.3, 3, ALICE),
        In(2.4, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", ALICE, rtp(2)),)),
    ), {"0.a": 1}),
    Case("an answer without ICE: the latch as ever", (
        *BOTH_KNOWN,
        ice(0.3, ""),
        In(0.4, "0.a.rtp", ALICE, rtp(1)),
        Do(0.5, Ice("s", 0, "a")),
        remote(0.5, "a", ALICE, ALICE_RTCP, "192.0.2.10"),
        In(0.6, "0.a.rtp", EVIL, check(1, use=True)),
        In(0.7, "0.a.rtp", ALICE, rtp(2), then=(Told("Latched", "0.a.rtp", ALICE),)),
    ), {"0.a": 2}),
    Case("RTCP on the RTP port of one leg leaves by the RTCP port of the other, and back (RFC 5761)", (
        *MUX,
        In(1.1, "0.a.rtp", ALICE, rtp(1), then=(Out("0.b.rtp", BOB, rtp(1)),)),
        In(1.2, "0.a.rtp", ALICE, RTCP, then=(Out("0.b.rtcp", BOB_RTCP, RTCP),)),
        In(1.3, "0.b.rtcp", BOB_RTCP, RTCP, then=(Out("0.a.rtp", ALICE, RTCP),)),
        In(1.4, "0.b.rtp", BOB, RTCP, then=(Out("0.a.rtp", ALICE, RTCP),)),
        In(1.5, "0.b.rtp", BOB, rtp(2), then=(Out("0.a.rtp", ALICE, rtp(2)),)),
        In(1.6, "0.a.rtp", ALICE, rtp(2), then=(Out("0.b.rtp", BOB, rtp(2)),)),
        In(1.7, "0.a.rtp", ALICE, RTCP, then=(Out("0.b.rtcp", BOB_RTCP, RTCP),)),
    )),
    Case("ICE is for plain legs, with a password that is long enough", (
        *BOTH_KNOWN,
        Do(0.3, Ice("s", 0, "a", "ours", "a-short-password", "them"), fails="bad-ice"),
        Do(0.3, Ice("s", 1, "a", *OURS, "them"), fails="no-stream"),
        Do(0.3, Ice("t", 0, "a", *OURS, "them"), fails="no-session"),
    )),
)  # fmt: skip
