"""SRTP and DTLS-SRTP that end at the relay, with independent peers: baresip (libsrtp, OpenSSL) and aiortc."""

from __future__ import annotations

import asyncio
import subprocess
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from interop.srtp_ends import Answerer, Ends, ends, take_dtls, take_sdes
from seaway.lab.phones.baresip import Account, Baresip, Encryption
from seaway.lab.phones.sound import tone_share
from seaway.media.protocol import Fingerprint, Secured, SecurityFailed
from seaway.wire.sdp.session import Session
from tests.runtime.loopback_pair import Phone, rtcp_of, rtp

_TONE = 440
_ENGINES = pytest.mark.parametrize("worker", [True, False], ids=["userspace", "python"])


def _linear(octet: int) -> int:
    """A-law (ITU-T G.711)."""
    octet ^= 0x55
    segment, step = octet >> 4 & 7, octet & 15
    value = (step << 4) + 8 if segment == 0 else ((step << 4) + 264) << (segment - 1)
    return value if octet & 0x80 else -value


def _tone_in(packets: list[bytes]) -> float:
    return tone_share(array("h", [_linear(each) for packet in packets for each in packet[12:]]), _TONE)


def _started(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)


async def _call(folder: Path, made: Ends, encryption: Encryption, answer: Callable[[Session], list[str]]) -> Baresip:
    """A call of a baresip phone, two seconds long."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Answerer(made.leg, answer), local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    account = Account("alice", "-", "127.0.0.1", "udp", f"127.0.0.1:{port}", register=0)
    phone = Baresip(
        "alice", folder / "phone", account, _TONE, _started, listen="127.0.0.1:15990", control=14990,
        rtp_ports="21000-21998", interface="127.0.0.1", encryption=encryption,
    )  # fmt: skip
    try:
        await asyncio.to_thread(phone.launch)
        await asyncio.to_thread(phone.dial, f"sip:echo@127.0.0.1:{port}")
        event = await asyncio.to_thread(phone.wait, "CALL_ESTABLISHED", "CALL_CLOSED", "GONE")
        assert event is not None and event["type"] == "CALL_ESTABLISHED", (event, phone.tail())
        await asyncio.sleep(2.0)
        await asyncio.to_thread(phone.hang_up)
    finally:
        await asyncio.to_thread(phone.close)
        transport.close()
    return phone


async def _heard(made: Ends, phone: Baresip) -> None:
    """Its tone came out in clear, and it heard itself."""
    assert len(made.heard) > 60 and _tone_in(made.heard[10:60]) > 0.8
    sound = phone.heard(_TONE)
    assert sound is not None and sound.tone > 0.5 and sound.seconds > 1.0, sound
    stats = await made.stats()
    assert stats.from_a.packets > 60 and stats.from_a.unauthenticated <= 3, stats


@_ENGINES
def test_baresip_with_keys_in_sdp(tmp_path: Path, worker: bool) -> None:
    async def run() -> None:
        async with ends(tmp_path, worker=worker) as made:
            await _heard(made, await _call(tmp_path, made, "srtp-mand", take_sdes(made)))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("worker", "role"),
    [(True, "passive"), (True, "active"), (False, "passive")],
    ids=["userspace-passive", "userspace-active", "python-passive"],
)
def test_baresip_with_dtls(tmp_path: Path, worker: bool, role: str) -> None:
    async def run() -> None:
        async with ends(tmp_path, worker=worker) as made:
            await _heard(made, await _call(tmp_path, made, "dtls_srtp", take_dtls(made, role)))

    asyncio.run(run())


class _Path:
    """What aiortc takes for a checked ICE pair: a socket and where to send."""

    role = "controlled"
    state = "completed"

    def __init__(self, phone: Phone, to: tuple[str, int], lost: int = 0) -> None:
        self._phone, self._to = phone, to
        self._lost = lost  # number of the datagram that does not arrive, from 1 on

    async def _recv(self) -> bytes:
        try:
            data = (await self._phone.receive(10.0))[0]
            self._lost -= 1
            return data if self._lost != 0 else (await self._phone.receive(10.0))[0]
        except (TimeoutError, OSError):
            raise ConnectionError from None

    async def _send(self, data: bytes) -> None:
        self._phone.send(data, self._to)


async def _aiortc(made: Ends, role: str, *, wrong: bool = False, lost: int = 0) -> tuple[RTCDtlsTransport, Phone]:
    """An aiortc transport that has begun; `role` is ours."""
    phone, certificate = Phone("127.0.0.1"), RTCCertificate.generateCertificate()
    transport = RTCDtlsTransport(_Path(phone, made.leg.rtp, lost), [certificate])  # type: ignore[arg-type]
    transport._role = "client" if role == "passive" else "server"
    shown = next(each for each in certificate.getFingerprints() if each.algorithm == "sha-256")
    value = shown.value.upper()
    if wrong:
        value = f"{int(value[:2], 16) ^ 1:02X}{value[2:]}"
    made.dtls(role, Fingerprint("sha-256", value))
    made.remote(phone.address, rtcp_of(phone.address))
    ours = RTCDtlsFingerprint(algorithm="sha-256", value=made.identity.fingerprint)
    await asyncio.wait_for(transport.start(RTCDtlsParameters(fingerprints=[ours])), 5.0)
    return transport, phone


@pytest.mark.parametrize("role", ["passive", "active"])
@_ENGINES
def test_aiortc_with_dtls(tmp_path: Path, worker: bool, role: str) -> None:
    async def run() -> None:
        async with ends(tmp_path, worker=worker) as made:
            transport, phone = await _aiortc(made, role)
            try:
                assert transport.state == "connected"
                assert (await made.signal.expect(Secured)).leg == "a"
                back: list[bytes] = []

                async def keep(data: bytes, arrival_time_ms: int) -> None:
                    back.append(data)

                transport._handle_rtp_data = keep  # type: ignore[method-assign]
                for number in range(1, 40):
                    await transport._send_rtp(rtp(number, b"voice" * 30))
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.2)
                assert rtp(30, b"voice" * 30) in made.heard and rtp(30, b"voice" * 30) in back
                assert len(back) > 30
            finally:
                await transport.stop()
                phone.close()

    asyncio.run(run())


@pytest.mark.parametrize("lost", [1, 2, 3], ids=["cookie", "flight", "last-flight"])
def test_a_lost_datagram_of_a_handshake_comes_again(tmp_path: Path, lost: int) -> None:
    """Our last flight as well: the other side repeats its own, after we had ended."""

    async def run() -> None:
        async with ends(tmp_path, worker=False) as made:
            transport, phone = await _aiortc(made, "passive", lost=lost)
            try:
                assert transport.state == "connected"
            finally:
                await transport.stop()
                phone.close()

    asyncio.run(run())


def test_r16_aiortc_with_another_certificate_than_the_signalled_one(tmp_path: Path) -> None:
    async def run() -> None:
        async with ends(tmp_path, worker=True) as made:
            transport, phone = await _aiortc(made, "passive", wrong=True)
            try:
                failed = await asyncio.wait_for(made.signal.expect(SecurityFailed), 1.0)
                assert (failed.what, failed.leg) == ("fingerprint", "a")
                assert made.heard == []
            finally:
                await transport.stop()
                phone.close()

    asyncio.run(run())
