"""A Python engine with ports of its own, and the runner of `cases.py`."""

from __future__ import annotations

from itertools import count

from seaway.catalog.ports import PortRange
from seaway.media.allocate import PortRefused
from seaway.media.engine import Engine, SendPacket
from seaway.media.legs import DemuxPair, PortKey
from seaway.media.pool import PortPool
from seaway.media.protocol import Address, Failed, Idle, Latched, LegAddress, Opened, Stats, StatsReply
from seaway.wire.stun.address import decode_xor_address, xor_mapped_address
from seaway.wire.stun.attribute import Attribute, AttributeType
from seaway.wire.stun.error_code import decode_error_code
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.message import decode, encode
from seaway.wire.stun.text import username

from .cases import Case, Do, In, Out, Probe, ProbeAnswer, ProbeRequest, Success, Told

HOSTS = {"inner": "10.9.0.1", "outer": "203.0.113.1"}


class FakePorts:
    def __init__(self) -> None:
        self.opened: dict[PortKey, tuple[str, str, int]] = {}
        self.busy: set[int] = set()
        self.broken = False
        self._keys = count(100)

    def open(self, row: str, nic: str, port: int, family: int | None = None) -> tuple[PortKey, Address]:
        if self.broken:
            raise PortRefused(f"row {row}: no permission")
        if port in self.busy:
            raise PortRefused(f"row {row}: port {port} is in use", in_use=True)
        assert (nic, port) not in {(n, p) for _, n, p in self.opened.values()}
        key = next(self._keys)
        self.opened[key] = (row, nic, port)
        return key, (HOSTS[nic], port)

    def close(self, key: PortKey) -> None:
        del self.opened[key]

    def key_of(self, address: Address) -> PortKey:
        (key,) = (k for k, (_, nic, port) in self.opened.items() if (HOSTS[nic], port) == address)
        return key


def demux_pair(ports: FakePorts, port: int = 2776) -> DemuxPair:
    rtp, rtp_address = ports.open("T11-09", "inner", port)
    rtcp, rtcp_address = ports.open("T11-10", "inner", port + 1)
    return DemuxPair("inner", rtp, rtcp, (rtp_address, rtcp_address), {rtp: {}, rtcp: {}})


class Random:
    """Different octets each time; the first one 127, so that consent intervals are 5 s (almost)."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self, size: int) -> bytes:
        return b"\x7f" + next(self._numbers).to_bytes(size - 1, "big")


def make_engine(ports: FakePorts, *, pairs: int = 1, low: int = 36000, high: int = 36199, **limits: int) -> Engine:
    demux = [demux_pair(ports, 2776 + 2 * number) for number in range(pairs)]
    return Engine(ports, PortPool(PortRange(low, high)), Random(), demux=demux, **limits)


def drain(engine: Engine) -> list[object]:
    outputs: list[object] = []
    while (output := engine.next_output()) is not None:
        outputs.append(output)
    return outputs


class Runner:
    """Runs one case; every assertion names the step."""

    def __init__(self) -> None:
        self.ports = FakePorts()
        self.engine = make_engine(self.ports)
        self.legs: dict[str, LegAddress] = {}
        self.transactions: dict[Address, bytes] = {}

    def run(self, case: Case) -> None:
        for number, step in enumerate(case.steps):
            where = f"{case.name}, step {number}: {step}"
            if isinstance(step, Do):
                reply = self.engine.command(step.command, step.at)
                if step.fails:
                    assert isinstance(reply, Failed) and reply.what == step.fails, where
                elif isinstance(reply, Opened):
                    for index, stream in enumerate(reply.streams):
                        self.legs |= {f"{index}.a": stream.a, f"{index}.b": stream.b}
                else:
                    assert not isinstance(reply, Failed), f"{where}: {reply}"
            elif isinstance(step, In):
                self.engine.receive(self._input(step), self._key(step.local), step.source, step.at)
            else:
                if step.due is not None:
                    deadline = self.engine.next_deadline()
                    assert deadline is not None and abs(deadline - step.due) < 1e-6, f"{where}: {deadline}"
                self.engine.handle_timeout(step.at)
            self._compare(step.then, drain(self.engine), where)
        reply = self.engine.command(Stats(9, "s"), 1000.0)
        assert isinstance(reply, StatsReply)
        for index, stream in enumerate(reply.sessions[0].streams):
            for leg, direction in (("a", stream.from_a), ("b", stream.from_b)):
                assert direction.refused == case.refused.get(f"{index}.{leg}", 0), f"{case.name}: refused on leg {leg}"

    def _address(self, name: str) -> Address:
        leg, _, component = name.rpartition(".")
        return self.legs[leg].rtp if component == "rtp" else self.legs[leg].rtcp

    def _key(self, name: str) -> PortKey:
        return self.ports.key_of(self._address(name))

    def _input(self, step: In) -> bytes:
        match step.data:
            case bytes():
                return step.data
            case Probe():
                leg = self.legs[step.data.leg]
                user, password = step.data.user or leg.ufrag, step.data.password or leg.password
                assert user and password
                attributes = [
                    username(user),
                    Attribute(AttributeType.PROBE_SEQUENCE, step.data.sequence.to_bytes(4, "big")),
                    *(Attribute(kind, value) for kind, value in step.data.extra),
                ]
                return encode(
                    MessageClass.REQUEST, BINDING, bytes(12), attributes, key=password.encode(), sha256=step.data.sha256
                )
            case Success():
                transaction = self.transactions.get(step.source, next(iter(self.transactions.values())))
                mapped = xor_mapped_address(step.data.mapped, transaction)
                return encode(MessageClass.SUCCESS, BINDING, transaction, [mapped], key=step.data.password.encode())

    def _compare(self, expected: tuple[Out | Told, ...], outputs: list[object], where: str) -> None:
        assert len(outputs) == len(expected), f"{where}: {outputs}"
        for want, got in zip(expected, outputs, strict=True):
            if isinstance(want, Told):
                assert type(got).__name__ == want.what, f"{where}: {got}"
                if isinstance(got, Latched):
                    assert f"{got.stream}.{got.leg}.{got.component}" == want.where, where
                    assert got.source == want.source, where
                elif isinstance(got, Idle):
                    assert got.seconds == want.seconds, f"{where}: {got}"
                continue
            assert isinstance(got, SendPacket), f"{where}: {got}"
            assert (got.local, got.remote) == (self._key(want.local), want.remote), where
            if isinstance(want.data, bytes):
                assert got.data == want.data, where
            elif isinstance(want.data, ProbeAnswer):
                self._check_answer(want.data, got.data, where)
            else:
                self._check_request(want.data, got, where)

    def _check_answer(self, want: ProbeAnswer, data: bytes, where: str) -> None:
        message = decode(data)
        password = self.legs[want.leg].password
        assert password and message.has_integrity(password.encode()) and message.fingerprint_ok(), where
        if want.code:
            code = message.first(AttributeType.ERROR_CODE)
            assert message.message_class is MessageClass.ERROR and code, where
            assert decode_error_code(code.value).code == want.code, where
            return
        mapped = message.first(AttributeType.XOR_MAPPED_ADDRESS)
        assert message.message_class is MessageClass.SUCCESS and mapped, where
        assert decode_xor_address(mapped.value, message.transaction_id) == want.mapped, where

    def _check_request(self, want: ProbeRequest, got: SendPacket, where: str) -> None:
        message = decode(got.data)
        name, sequence = message.first(AttributeType.USERNAME), message.first(AttributeType.PROBE_SEQUENCE)
        assert name and name.value.decode() == want.user, where
        assert sequence and int.from_bytes(sequence.value, "big") == want.sequence, where
        assert message.has_integrity(want.password.encode()) and message.fingerprint_ok(), where
        self.transactions[got.remote] = message.transaction_id
