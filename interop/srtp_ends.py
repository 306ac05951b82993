"""A relay on loopback whose calls end here, for independent SRTP peers: one leg faces the peer, the other a plain echo.

Signalling is played: `Answerer` answers one INVITE of a phone with what the relay's ports and keys are.
"""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from seaway.call.media_security import usable
from seaway.call.sdp_anchor import read_remote
from seaway.core.srtp.suites import SUITES
from seaway.identity.dtls import DtlsIdentity, create_identity
from seaway.media.encoding import MAX_COMMAND
from seaway.media.fast import FastFlows
from seaway.media.protocol import (
    Address,
    Fingerprint,
    LegAddress,
    Security,
    SetRemote,
    SrtpKey,
    Stats,
    StatsReply,
    StreamStats,
)
from seaway.runtime.fastpath.worker import Owner, WorkerTable, start_worker
from seaway.runtime.ipc import serve
from seaway.runtime.relay import Relay, demux_ports
from seaway.runtime.sockets import Sockets
from seaway.wire.sdp.crypto import parse_crypto
from seaway.wire.sdp.session import Session, parse_sdp
from tests.runtime.loopback_pair import OUTER, OUTSIDE, Phone, Signal, open_call, remote_of, resolution

__all__ = ["Answerer", "Ends", "ends"]

SESSION = "call-1"


class Ends:
    """`leg` is where the peer sends; `echo` sends everything back that comes out in clear, and keeps it."""

    def __init__(self, signal: Signal, identity: DtlsIdentity, leg: LegAddress, far: LegAddress) -> None:
        self.signal, self.identity, self.leg, self._far = signal, identity, leg, far
        self.phone = Phone(OUTSIDE)
        self.heard: list[bytes] = []
        self._echoing = asyncio.create_task(self._echo())
        self.signal.client.send(Security(SESSION, 0, "b", "rtp"))
        self.signal.client.send(remote_of(SESSION, "b", self.phone))
        self.phone.send(b"\x80\x08" + bytes(10), far.rtp)  # so that it is known where we are

    async def _echo(self) -> None:
        while True:
            with suppress(TimeoutError):
                data, _ = await self.phone.receive(1.0)
                self.heard.append(data)
                self.phone.send(data, self._far.rtp)

    def sdes(self, theirs: SrtpKey) -> SrtpKey:
        """Leg a has SRTP with keys of SDP; returns ours."""
        size = SUITES[theirs.suite].key + SUITES[theirs.suite].salt
        ours = SrtpKey(theirs.suite, b64encode(secrets.token_bytes(size)).decode())
        self.signal.client.send(Security(SESSION, 0, "a", "srtp", (theirs,), ours))
        return ours

    def dtls(self, role: str, *fingerprints: Fingerprint) -> None:
        command = Security(SESSION, 0, "a", "dtls", role=role, fingerprints=fingerprints)  # type: ignore[arg-type]
        self.signal.client.send(command)

    def remote(self, rtp: Address, rtcp: Address) -> None:
        self.signal.client.send(SetRemote(SESSION, 0, "a", rtp, rtcp, (rtp[0],)))

    async def stats(self) -> StreamStats:
        reply = await self.signal.ask(Stats(7, SESSION), StatsReply)
        return reply.sessions[0].streams[0]

    async def close(self) -> None:
        self._echoing.cancel()
        with suppress(asyncio.CancelledError):
            await self._echoing
        self.phone.close()


@asynccontextmanager
async def ends(folder: Path, *, worker: bool) -> AsyncIterator[Ends]:
    """With the userspace worker, or all in Python."""
    found, identity = resolution(), create_identity()
    process = start_worker(folder / "worker.sock") if worker else None
    table = WorkerTable(folder / "worker.sock", Owner.RELAY) if worker else None
    relay = Relay(
        Sockets(found, "edge1"), found.deployment.ports.media, demux_ports(found, "edge1"), table=table,
        fast=FastFlows(table), identity=identity,
    )  # fmt: skip
    server = await serve(folder / "relay.sock", relay, max_line=MAX_COMMAND)
    signal = Signal(folder / "relay.sock")
    await signal.client.connect()
    streams = await open_call(signal, OUTER, OUTER)
    made = Ends(signal, identity, streams.a, streams.b)
    try:
        yield made
    finally:
        await made.close()
        await signal.client.close()
        server.close()
        relay.shut()
        if process is not None:
            process.terminate()
            process.wait(5)


class Answerer(asyncio.DatagramProtocol):
    """A user agent that answers one INVITE; `answer` makes the attributes of its SDP out of the offer."""

    def __init__(self, leg: LegAddress, answer: Callable[[Session], list[str]]) -> None:
        self._leg, self._answer = leg, answer
        self._transport: Any = None
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, source: Address) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        method = lines[0].partition(b" ")[0]
        if method == b"INVITE" and not self._body:
            self._body = self._sdp(parse_sdp(body))
        if method in (b"INVITE", b"BYE", b"REGISTER", b"OPTIONS"):
            self._reply(lines, self._body if method == b"INVITE" else b"", source)

    def _reply(self, lines: list[bytes], body: bytes, source: Address) -> None:
        kept = [
            each for each in lines if each.lower().startswith((b"via:", b"from:", b"call-id:", b"cseq:", b"contact:"))
        ]
        to = next(each for each in lines if each.lower().startswith(b"to:"))
        assert self._transport is not None
        own = self._transport.get_extra_info("sockname")
        kept = [each for each in kept if not each.lower().startswith(b"contact")]
        kept.append(b"Contact: <sip:echo@%b:%d>" % (own[0].encode(), own[1]))
        if b"tag=" not in to:
            to += b";tag=echo"
        kind = [b"Content-Type: application/sdp"] if body else []
        reply = [b"SIP/2.0 200 OK", *kept, to, *kind, b"Content-Length: %d" % len(body), b"", body]
        self._transport.sendto(b"\r\n".join(reply), source)

    def _sdp(self, offer: Session) -> bytes:
        media = offer.media[0]
        host, port = self._leg.rtp
        lines = [
            "v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0",
            f"m=audio {port} {media.proto.decode()} 8", "a=rtpmap:8 PCMA/8000", f"a=rtcp:{self._leg.rtcp[1]}",
            *self._answer(offer), "",
        ]  # fmt: skip
        return "\r\n".join(lines).encode()


def take_sdes(ends: Ends) -> Callable[[Session], list[str]]:
    """Answer with the first key that is spoken here."""

    def answer(offer: Session) -> list[str]:
        media, (remote, *_) = offer.media[0], read_remote(offer)
        assert remote is not None
        line, key = next(
            (line, keys[0]) for line in map(parse_crypto, media.attributes(b"crypto")) if (keys := usable(line))
        )
        ours = ends.sdes(key)
        ends.remote(remote.rtp, remote.rtcp)
        return [f"a=crypto:{line.tag} {ours.suite} inline:{ours.key}"]

    return answer


def take_dtls(ends: Ends, role: str) -> Callable[[Session], list[str]]:
    def answer(offer: Session) -> list[str]:
        media, (remote, *_) = offer.media[0], read_remote(offer)
        assert remote is not None
        value = media.attribute(b"fingerprint") or offer.attribute(b"fingerprint")
        assert value is not None
        name, _, digest = value.decode().partition(" ")
        assert name.lower() == "sha-256"
        ends.dtls(role, Fingerprint("sha-256", digest.upper()))
        ends.remote(remote.rtp, remote.rtcp)
        return [f"a=setup:{role}", f"a=fingerprint:sha-256 {ends.identity.fingerprint}"]

    return answer
