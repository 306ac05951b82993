"""A virtual network with its own clock: datagrams with loss, latency, reordering and duplicates, and streams.

Hosts hold a core with the contract of `call/control.py`. Nothing sleeps; all chance comes from one seed. Whatever
crosses is kept in `Network.wire`, in the order in which it was sent.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from seaway.call.events import AskPolicy, KeepDue, KeepFlow, LogEvent, MediaCommand, Offence, Proved
from seaway.core.dns.io import Answer, Resolve
from seaway.core.sip.io import Address, CloseFlow, Flow, Hop, Send, SendTo

__all__ = ["Crossing", "Host", "Listening", "Network"]


@dataclass(frozen=True)
class Listening:
    nic: str = "inner"
    row: str = "test"
    zone: str | None = None


@dataclass(frozen=True)
class Crossing:
    """One message or datagram at the moment it was sent; `source` and `target` are host names."""

    time: float
    source: str
    target: str
    transport: str
    data: bytes

    @property
    def first(self) -> str:
        return self.data.partition(b"\r\n")[0].decode("latin-1")


@dataclass
class Host:
    """A core with its sockets. `names` are those of its certificate; `silent`: it answers no pings."""

    name: str
    core: Any
    listening: dict[tuple[str, Address], Listening]
    names: tuple[str, ...] = ()
    silent: bool = False
    relay: Callable[[Any], list[tuple[float, Any]]] | None = None  # command -> (delay, reply)
    policy: Callable[[dict[str, str]], tuple[float, bytes | None, str]] | None = None  # form -> delay, script, problem
    log: list[LogEvent] = field(default_factory=list)
    offences: list[Offence] = field(default_factory=list)
    proved: list[Proved] = field(default_factory=list)
    promised: list[KeepFlow] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)  # what a store has of its registrations
    commands: list[Any] = field(default_factory=list)
    dials: list[tuple[float, Hop]] = field(default_factory=list)
    udp: dict[tuple[Address, Address], Flow] = field(default_factory=dict)
    streams: dict[int, Stream] = field(default_factory=dict)
    reuse: dict[Hop, Flow] = field(default_factory=dict)

    def events(self, name: str) -> list[dict[str, object]]:
        return [each.fields for each in self.log if each.event == name]


class Stream:
    """One connection. `ends[i]` is (host, its flow)."""

    def __init__(self, ends: list[tuple[Host, Flow]]) -> None:
        self.ends = ends
        self.open = True
        self.ready = 0.0  # when the octets sent last arrive: streams keep order

    def other(self, flow: Flow) -> tuple[Host, Flow]:
        return self.ends[1] if self.ends[0][1] is flow else self.ends[0]


class Network:
    """`latency` and `jitter` in seconds (jitter reorders datagrams), `loss` and `duplicate` as shares of datagrams."""

    def __init__(
        self, seed: int = 1, *, latency: float = 0.01, jitter: float = 0.0, loss: float = 0.0, duplicate: float = 0.0
    ) -> None:
        self.now = 100.0
        self.rng = random.Random(seed)
        self.latency, self.jitter, self.loss, self.duplicate = latency, jitter, loss, duplicate
        self.hosts: list[Host] = []
        self.names: dict[str, str] = {}  # DNS
        self.records: dict[tuple[str, str], tuple[Any, ...]] = {}  # by name and kind
        self.nat: dict[Address, Address] = {}  # private -> public, UDP
        self.wire: list[Crossing] = []
        self.unreachable: set[Address] = set()
        self._where: dict[tuple[str, Address], Host] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count(1)
        self._ports = count(40000)

    # -- hosts

    def add(self, host: Host) -> Host:
        self.hosts.append(host)
        for place in host.listening:
            self._where[place] = host
        return host

    def start(self, host: Host) -> None:
        host.core.start(self.now)
        self.drain(host)

    def replace(self, host: Host, core: Any) -> None:
        """The process of `host` dies and another starts: streams end, the core is new."""
        for stream in list(host.streams.values()):
            self._close(stream, host, "process ended", tell_self=False)
        host.core = core
        host.reuse.clear()
        self.start(host)

    # -- time

    def at(self, delay: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._numbers), action))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(200_000):
            times = [host.core.next_deadline() for host in self.hosts]
            due = min((each for each in times if each is not None), default=float("inf"))
            event = self._events[0][0] if self._events else float("inf")
            if min(due, event) > end:
                self.now = end
                return
            if event <= due:
                self.now = max(self.now, event)
                heapq.heappop(self._events)[2]()
                continue
            self.now = max(self.now, due)
            for host, deadline in zip(self.hosts, times, strict=True):
                if deadline is not None and deadline <= self.now:
                    host.core.handle_timeout(self.now)
                    self.drain(host)
        raise AssertionError("the network does not come to rest")

    # -- outputs of the cores

    def drain(self, host: Host) -> None:
        while (output := host.core.next_output()) is not None:
            if isinstance(output, Send):
                self._send(host, output.flow, output.data)
            elif isinstance(output, SendTo):
                self._send_to(host, output)
            elif isinstance(output, CloseFlow):
                stream = host.streams.get(output.flow.id)
                if stream is not None:
                    self._close(stream, host, output.reason)
            elif isinstance(output, MediaCommand):
                host.commands.append(output.command)
                for delay, reply in host.relay(output.command) if host.relay is not None else []:
                    self.at(delay, self._reply(host, reply))
            elif isinstance(output, LogEvent):
                host.log.append(output)
            elif isinstance(output, AskPolicy):
                assert host.policy is not None, "nobody plays the policy service"
                delay, body, problem = host.policy(output.form)
                self.at(delay, self._policy(host, output.token, body, problem))
            elif isinstance(output, Offence):
                host.offences.append(output)
            elif isinstance(output, Proved):
                host.proved.append(output)
            elif isinstance(output, KeepFlow):
                host.promised.append(output)
            elif isinstance(output, KeepDue):
                for key, value, _ in host.core.keeper.changes():
                    host.kept.pop(key, None)
                    if value is not None:
                        host.kept[key] = value
            elif isinstance(output, Resolve):
                self.at(self.latency, self._resolution(host, output))
            else:
                raise AssertionError(f"no such output: {output!r}")

    def _reply(self, host: Host, reply: Any) -> Callable[[], None]:
        def deliver() -> None:
            host.core.media_reply(reply, self.now)
            self.drain(host)

        return deliver

    def _policy(self, host: Host, token: int, body: bytes | None, problem: str) -> Callable[[], None]:
        def deliver() -> None:
            host.core.policy_answered(token, body, problem, self.now)
            self.drain(host)

        return deliver

    def _resolution(self, host: Host, question: Resolve) -> Callable[[], None]:
        def deliver() -> None:
            address = self.names.get(question.name)
            known = (address,) if address is not None and question.kind == "ADDRESS" else ()
            records = self.records.get((question.name, question.kind), known)
            host.core.resolved(question.token, Answer(records), self.now)
            self.drain(host)

        return deliver

    # -- datagrams

    def _send(self, host: Host, flow: Flow, data: bytes) -> None:
        if flow.transport != "udp":
            self._write(host, flow, data)
            return
        source = self.nat.get(flow.local, flow.local)
        self.datagram(host.name, source, flow.remote, data)

    def datagram(self, sender: str, source: Address, target: Address, data: bytes) -> None:
        """Put a datagram on the network; also for tests that forge one."""
        inside = next((private for private, public in self.nat.items() if public == target), target)
        receiver = self._where.get(("udp", inside))
        self.wire.append(Crossing(self.now, sender, receiver.name if receiver else str(target), "udp", data))
        if receiver is None:
            return
        for _ in range(2 if self.rng.random() < self.duplicate else 1):
            if self.rng.random() >= self.loss:
                delay = self.latency + self.rng.random() * self.jitter
                self.at(delay, self._arrival(receiver, inside, source, data))

    def _arrival(self, host: Host, local: Address, remote: Address, data: bytes) -> Callable[[], None]:
        def arrive() -> None:
            flow = host.udp.get((local, remote))
            if flow is None:
                info = host.listening["udp", local]
                flow = Flow(next(self._numbers), "udp", local, remote, info.nic, info.row, info.zone)
                host.udp[local, remote] = flow
            host.core.receive(data, flow, self.now)
            self.drain(host)

        return arrive

    # -- streams

    def _send_to(self, host: Host, output: SendTo) -> None:
        hop = output.hop
        host.dials.append((self.now, hop))
        known = host.reuse.get(hop)
        if known is not None and known.id in host.streams:
            host.core.sent_on(output.token, known, self.now)
            self._write(host, known, output.data)
            return
        self.at(self.latency, lambda: self._connected(host, output))

    def _connected(self, host: Host, output: SendTo) -> None:
        hop = output.hop
        place = (self.names.get(hop.host, hop.host), hop.port)
        target = self._where.get((hop.transport, place))
        if target is None or place in self.unreachable:
            reason = f"{hop.host}:{hop.port} does not answer"
        elif hop.verify_name is not None and hop.verify_name not in target.names:
            reason = f"the certificate of {hop.host} carries {', '.join(target.names)}, not {hop.verify_name}"
        else:
            reason = ""
        if target is None or reason:
            host.core.send_failed(output.token, reason, self.now)
            self.drain(host)
            return
        if hop.transport == "udp":
            six = ":" in place[0]
            local = next(at for (way, at) in host.listening if way == "udp" and (":" in at[0]) == six)
            flow = Flow(next(self._numbers), "udp", local, place, hop.nic, "dial")
            host.core.sent_on(output.token, flow, self.now)
            self._send(host, flow, output.data)
            return
        flow = self.connect(host, target, hop.transport, place, hop)
        host.core.sent_on(output.token, flow, self.now)
        self._write(host, flow, output.data)
        self.drain(host)

    def connect(self, host: Host, target: Host, transport: str, place: Address, hop: Hop | None = None) -> Flow:
        """Open a stream from `host` to the listener at `place`; both ends are told. Returns the flow of `host`."""
        info = target.listening[transport, place]
        hosts = [address[0] for _, address in host.listening]
        here = next((each for each in hosts if (":" in each) == (":" in place[0])), hosts[0])
        local: Address = (here, next(self._ports))
        tls = transport == "tls"
        ours = Flow(
            next(self._numbers), transport, local, place, hop.nic if hop else "inner", "dial",  # type: ignore[arg-type]
            hop.zone if hop else None, target.names if tls else (),
        )  # fmt: skip
        theirs = Flow(
            next(self._numbers), transport, place, local, info.nic, info.row, info.zone,  # type: ignore[arg-type]
            host.names if tls else (),
        )  # fmt: skip
        stream = Stream([(host, ours), (target, theirs)])
        host.streams[ours.id] = target.streams[theirs.id] = stream
        if hop is not None:
            host.reuse[hop] = ours
        host.core.flow_opened(ours, self.now)

        def accept() -> None:
            target.core.flow_opened(theirs, self.now)
            self.drain(target)

        stream.ready = self.now + self.latency
        self.at(self.latency, accept)
        return ours

    def _write(self, host: Host, flow: Flow, data: bytes) -> None:
        stream = host.streams.get(flow.id)
        if stream is None or not stream.open:
            return
        receiver, theirs = stream.other(flow)
        self.wire.append(Crossing(self.now, host.name, receiver.name, flow.transport, data))
        stream.ready = max(stream.ready, self.now + self.latency)

        def arrive() -> None:
            if not stream.open:
                return
            if data == b"\r\n\r\n":  # what the framer of the runtime does (RFC 5626 §4.4.1)
                if not receiver.silent:
                    self._write(receiver, theirs, b"\r\n")
            elif data == b"\r\n":
                receiver.core.pong(theirs, self.now)
            else:
                assert b"\r\nContent-Length:" in data or b"\r\nl:" in data, "a message on a stream without a length"
                receiver.core.receive(data, theirs, self.now)
            self.drain(receiver)

        self.at(stream.ready - self.now, arrive)

    def cut(self, host: Host, flow: Flow, reason: str = "connection lost") -> None:
        """The connection breaks; both ends are told at once."""
        self._close(host.streams[flow.id], host, reason)

    def _close(self, stream: Stream, host: Host, reason: str, tell_self: bool = True) -> None:
        if not stream.open:
            return
        stream.open = False
        for end, flow in stream.ends:
            end.streams.pop(flow.id, None)
            if end is host and not tell_self:
                continue
            end.core.flow_closed(flow, self.now, reason if end is host else "closed by the peer")
            self.at(0.0, lambda end=end: self.drain(end))  # type: ignore[misc]

    # -- for assertions

    def sent(self, source: str | None = None, target: str | None = None, start: str = "") -> list[Crossing]:
        return [
            each for each in self.wire
            if source in (None, each.source) and target in (None, each.target) and each.first.startswith(start)
        ]  # fmt: skip
