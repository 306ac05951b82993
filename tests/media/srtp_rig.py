"""A relay of one session with one stream, and SRTP senders for its far sides."""

from __future__ import annotations

from base64 import b64encode

from seaway.catalog.ports import PortRange
from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.suites import SUITES
from seaway.core.srtp.transform import transform_of
from seaway.identity.dtls import create_identity
from seaway.media.engine import Engine, SendPacket
from seaway.media.fast import FastFlows
from seaway.media.pool import PortPool
from seaway.media.protocol import (
    Address,
    Close,
    Closed,
    DirectionStats,
    LegAddress,
    LegName,
    Open,
    Opened,
    Security,
    SecurityMode,
    SetRemote,
    SrtpKey,
    Stats,
    StatsReply,
    StreamRequest,
)

from .cases import ALICE, ALICE_RTCP, BOB, BOB_RTCP, PLAIN_INNER, PLAIN_OUTER, rtp
from .harness import FakePorts, Random, demux_pair, drain

IDENTITY = create_identity()
SUITE = "AES_CM_128_HMAC_SHA1_80"
REPORT = bytes.fromhex("80c90001 00000007")


def octets(number: int, suite: str = SUITE) -> bytes:
    return bytes([number]) * (SUITES[suite].key + SUITES[suite].salt)


def key(number: int, suite: str = SUITE, mki: str = "") -> SrtpKey:
    return SrtpKey(suite, b64encode(octets(number, suite)).decode(), mki)  # type: ignore[arg-type]


class Srtp:
    """One direction under one key."""

    def __init__(self, number: int, suite: str = SUITE) -> None:
        self.transform = transform_of(MasterKey.joined(suite, octets(number, suite)))

    def rtp(self, index: int, payload: bytes = b"voice", ssrc: int = 7) -> bytes:
        return self.transform.seal_rtp(
            rtp(index & 0xFFFF, payload, ssrc)[:4] + bytes(4) + rtp(1, payload, ssrc)[8:], index
        )

    def rtcp(self, index: int) -> bytes:
        return self.transform.seal_rtcp(REPORT, index)


def clear(sequence: int, payload: bytes = b"voice") -> bytes:
    packet = rtp(sequence & 0xFFFF, payload)
    return packet[:4] + bytes(4) + packet[8:]


class Rig:
    """Leg a faces Alice, leg b Bob; `now` moves by hand."""

    def __init__(
        self, fast: FastFlows | None = None, *, opened: bool = True, dtls: bool = False, signalled: bool = True
    ) -> None:
        self.now = 1.0
        self.ports = FakePorts()
        self.engine = Engine(
            self.ports,
            PortPool(PortRange(36000, 36199)),
            Random(),
            demux=[demux_pair(self.ports)],
            fast=fast,
            identity=IDENTITY if dtls else None,
        )
        self.legs: dict[str, LegAddress] = {}
        self.fingerprint = ""
        if opened:
            self._open()
        if opened and signalled:
            self.remote("a", ALICE, ALICE_RTCP)
            self.remote("b", BOB, BOB_RTCP)

    def _open(self) -> None:
        reply = self.engine.command(Open(1, "s", "label", (StreamRequest(PLAIN_OUTER, PLAIN_INNER),)), 0.0)
        assert isinstance(reply, Opened)
        self.fingerprint = reply.fingerprint
        self.legs |= {"a": reply.streams[0].a, "b": reply.streams[0].b}

    def remote(self, leg: LegName, hint: Address, rtcp: Address) -> None:
        assert self.engine.command(SetRemote("s", 0, leg, hint, rtcp, (hint[0],)), self.now) is None

    def secure(self, leg: LegName, mode: SecurityMode, *receive: SrtpKey, send: SrtpKey | None = None) -> None:
        assert self.engine.command(Security("s", 0, leg, mode, receive, send), self.now) is None

    def heard(self, leg: LegName, source: Address, data: bytes, *, rtcp: bool = False) -> list[object]:
        """What the relay does with a packet: datagrams as (leg, data), events as they are."""
        address = self.legs[leg].rtcp if rtcp else self.legs[leg].rtp
        self.engine.receive(data, self.ports.key_of(address), source, self.now)
        return self.outputs()

    def outputs(self) -> list[object]:
        found: list[object] = []
        for output in drain(self.engine):
            if isinstance(output, SendPacket):
                (leg,) = (
                    name for name, at in self.legs.items() if output.local in map(self.ports.key_of, (at.rtp, at.rtcp))
                )
                found.append((leg, output.data))
            else:
                found.append(output)
        return found

    def stats(self, leg: LegName) -> DirectionStats:
        reply = self.engine.command(Stats(9, "s"), self.now)
        assert isinstance(reply, StatsReply)
        stream = reply.sessions[0].streams[0]
        return stream.from_a if leg == "a" else stream.from_b

    def close(self) -> Closed:
        reply = self.engine.command(Close(2, "s"), self.now)
        assert isinstance(reply, Closed)
        return reply
