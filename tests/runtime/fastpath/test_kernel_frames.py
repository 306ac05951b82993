"""The programs on single frames, damaged ones too: a frame is relayed with right sums, or not touched at all."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from typing import cast

import pytest

from seaway.media.flows import Flow, FlowKey, FlowKind, PortKind, Prefix
from seaway.runtime.fastpath.kernel import RELAY, KernelFastPath, KernelTable, load_confined
from tests.runtime.fastpath.kernel_fixtures import ENGINES, network
from tests.runtime.fastpath.kernel_frames import frame, residue, run_program, udp_residue
from tests.runtime.fastpath.kernel_rig import A4, A6, B4, B6, MTU_B, RA4, RA6, RB4, RB6, Network, Path, rtp

__all__ = ["network"]  # fixture

pytestmark = pytest.mark.interop

RELAYED = {"xdp-native": 4, "xdp-generic": 4, "tc": 7}
PASSED = {"xdp-native": 2, "xdp-generic": 2, "tc": 0xFFFFFFFF}
PLAIN, CHANNEL, MUX = 4000, 4001, 4002
ADD = {PLAIN: None, CHANNEL: None, MUX: Prefix(PortKind.CHANNEL, 0x4001)}
PREFIX = {PLAIN: b"", CHANNEL: b"\x40\x00\x00\xac", MUX: b"\x00\x00\x00\x09"}
KEYS = {PLAIN: None, CHANNEL: 0x4000, MUX: 9}
KINDS = {PLAIN: PortKind.PLAIN, CHANNEL: PortKind.CHANNEL, MUX: PortKind.MUX}
MEDIA = rtp(1)  # 172 octets


class Bound:
    """As much of a socket as a table looks at."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int]:
        return self._address


class Stage:
    def __init__(self, network: Network, engine: str) -> None:
        self.network, self.engine = network, engine
        self.least = 54 if engine == "tc" else 14  # the kernel runs it on no shorter ones
        with network.inside("r"):
            self.fast: KernelFastPath = load_confined(["ra", "rb"], engine)
        self.table = KernelTable(self.fast, RELAY)
        for v6 in (False, True):
            Path(network, self.table, v6).close()  # makes the neighbours known
        for port in KINDS:
            for here, there, out, target in ((RA4, A4, RB4, B4), (RA6, A6, RB6, B6)):
                self.table.attach(cast(socket.socket, Bound((here, port))), KINDS[port])
                key = FlowKey((here, port), (there, 5000), KEYS[port])
                self.table.add(Flow(key, (out, 6000), (target, 7000), ADD[port], FlowKind.MEDIA))

    def run(self, whole: bytes) -> bytes | None:
        """The relayed frame; `None` when it was passed up, and then it is as it was."""
        with self.network.inside("r"):
            verdict, after = run_program(self.fast.fds["program"], whole)
        if verdict == PASSED[self.engine]:
            assert after == whole
            return None
        assert verdict == RELAYED[self.engine]
        return after


@pytest.fixture(scope="module", params=ENGINES)
def stage(request: pytest.FixtureRequest, network: Network) -> Iterator[Stage]:
    made = Stage(network, request.param)
    yield made
    made.fast.close()


def whole(v6: bool = False, port: int = PLAIN, data: bytes | None = None, checksum: int | None = None) -> bytes:
    data = PREFIX[port] + MEDIA if data is None else data
    return frame((A6 if v6 else A4, 5000), (RA6 if v6 else RA4, port), data, checksum)


def expected(v6: bool, data: bytes) -> bytes:
    return frame((RB6 if v6 else RB4, 6000), (B6 if v6 else B4, 7000), data)[12:]


@pytest.mark.parametrize("port", KINDS)
@pytest.mark.parametrize("v6", [False, True])
def test_every_octet_of_a_relayed_frame(stage: Stage, v6: bool, port: int) -> None:
    after = stage.run(whole(v6, port))
    assert after is not None
    added = b"\x40\x01\x00\xac" if ADD[port] else b""
    assert after[12:] == expected(v6, added + MEDIA)


def test_padding_of_short_frames(stage: Stage) -> None:
    report = bytes([0x80, 201, 0, 1]) + b"ssrc"
    after = stage.run(whole(data=report) + bytes(10))
    assert after is not None and after[12:].startswith(expected(False, report))


@pytest.mark.parametrize("v6", [False, True])
def test_sum_of_nought_is_sent_as_ones(stage: Stage, v6: bool) -> None:
    """RFC 768: a computed checksum of 0 goes out as 0xFFFF; 0 would say that there is none."""
    before = expected(v6, MEDIA)
    at = (34 if not v6 else 54) - 12 + 6
    raised = int.from_bytes(before[at : at + 2], "big")  # the last two octets take it up
    tail = residue(int.from_bytes(MEDIA[-2:], "big").to_bytes(2, "big") + raised.to_bytes(2, "big"))
    data = MEDIA[:-2] + tail.to_bytes(2, "big")
    after = stage.run(whole(v6, data=data))
    assert after is not None
    assert after[12 + at : 14 + at] == b"\xff\xff" and udp_residue(after) == 0xFFFF


def changed(at: int, value: bytes, **of: bool) -> bytes:
    made = whole(**of)
    return made[:at] + value + made[at + len(value) :]


TOUCHED = {
    "vlan": lambda: whole()[:12] + b"\x81\x00\x00\x05" + whole()[12:],
    "arp": lambda: changed(12, b"\x08\x06"),
    "to a group": lambda: changed(0, b"\x01"),
    "options": lambda: changed(14, b"\x46"),
    "version": lambda: changed(14, b"\x55"),
    "first fragment": lambda: changed(20, b"\x20\x00"),
    "later fragment": lambda: changed(20, b"\x00\x07"),
    "tcp": lambda: changed(23, b"\x06"),
    "ttl 1": lambda: changed(22, b"\x01"),
    "ttl 0": lambda: changed(22, b"\x00"),
    "ip longer than the frame": lambda: changed(16, b"\x05\x00"),
    "ip shorter than udp": lambda: changed(16, b"\x00\x60"),
    "udp length": lambda: changed(38, b"\x00\xb3"),
    "udp length of nothing": lambda: changed(38, b"\x00\x00"),
    "cut in the udp header": lambda: whole()[:41],
    "cut in the payload": lambda: whole()[:-1],
    "other source": lambda: changed(29, b"\x63"),
    "other source port": lambda: changed(34, b"\x00\x01"),
    "other local address": lambda: changed(33, b"\x63"),
    "ipv6 extension header": lambda: changed(20, b"\x00", v6=True),
    "ipv6 hop limit": lambda: changed(21, b"\x01", v6=True),
    "ipv6 version": lambda: changed(14, b"\x40", v6=True),
    "ipv6 without checksum": lambda: whole(True, checksum=0),
    "ipv6 cut": lambda: whole(True)[:60],
    "too long for the way out": lambda: whole(data=rtp(1, size=MTU_B)),
}


@pytest.mark.parametrize("make", TOUCHED.values(), ids=TOUCHED)
def test_what_is_not_for_the_fast_path_is_left_alone(stage: Stage, make: object) -> None:
    assert callable(make)
    assert stage.run(make()) is None


def test_damage_anywhere(stage: Stage) -> None:
    """One octet is another: passed up untouched, or relayed with the sum as wrong as it was."""
    chance = random.Random(8656)
    relayed = 0
    for v6 in (False, True):
        for port in KINDS:
            good = whole(v6, port)
            for at in [*range(86), *chance.sample(range(86, len(good)), 20)]:
                value = good[at] ^ chance.randrange(1, 256)
                bad = good[:at] + bytes([value]) + good[at + 1 :]
                after = stage.run(bad)
                if after is None:
                    continue
                relayed += 1
                assert udp_residue(after) == udp_residue(bad), at
                assert v6 or residue(after[14:34]) == 0xFFFF, at
    assert relayed > 200


def test_cut_anywhere(stage: Stage) -> None:
    for v6 in (False, True):
        for port in KINDS:
            good = whole(v6, port)
            for size in range(stage.least, len(good)):
                assert stage.run(good[:size]) is None


def test_random_frames(stage: Stage) -> None:
    chance = random.Random(5761)
    for _ in range(300):
        size = chance.randrange(14, 200)
        head = chance.choice([whole()[:42], whole(True)[:62], whole(port=MUX)[:46], b""])
        stage.run((head + chance.randbytes(200))[: max(size, stage.least)])


def test_unfinished_sums(stage: Stage) -> None:
    """As senders with checksum offload leave them: the sum of the pseudo header alone. Native XDP finishes them. In
    these frames nothing says that the hardware would, so that TC has to leave the sum as wrong as it was."""
    for v6 in (False, True):
        for size in (0, 1, 115, 116, 117, 128, 243, 1000):
            data = rtp(1, size=size)
            made = whole(v6, data=data)
            ends, length = (made[22:54], made[18:20]) if v6 else (made[26:34], made[38:40])
            pseudo = residue(ends + b"\x00\x11" + length)
            after = stage.run(whole(v6, data=data, checksum=pseudo))
            if stage.engine == "xdp-native":
                assert after is not None and after[12:] == expected(v6, data)
            elif stage.engine == "xdp-generic":
                assert after is None
            else:
                assert after is not None
                assert udp_residue(after) == udp_residue(whole(v6, data=data, checksum=pseudo))
