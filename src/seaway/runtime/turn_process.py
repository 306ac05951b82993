"""The `turn` process of an edge: real sockets around the TURN core, on UDP, TCP and TLS.

Channels go to a fast path when there is one (`turn_flows.py`); what it does not take is relayed here. Streams are in
`turn_streams.py`, who accepts them in `turn_accept.py`, relays in `turn_ports.py` and, over TCP, `turn_peers.py`.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from seaway.catalog.model import Transport
from seaway.core.turn import io
from seaway.core.turn.allocation import Allocation, Channel
from seaway.core.turn.config import TurnConfig
from seaway.core.turn.io import Address, ClientKey, Family, RelayKey
from seaway.core.turn.server import TurnServer
from seaway.media.flows import FlowError, FlowTable, PortKind
from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.runtime.alarms import AlarmBook
from seaway.runtime.sockets import RowSocket, Sockets
from seaway.runtime.timer import DeadlineTimer
from seaway.runtime.tls import TlsContexts
from seaway.runtime.turn_accept import Acceptor, Crowd
from seaway.runtime.turn_alarms import TurnAlarms
from seaway.runtime.turn_flows import TurnFlows
from seaway.runtime.turn_peers import TurnPeers
from seaway.runtime.turn_places import Place, RelayPlaces, main_port
from seaway.runtime.turn_ports import TurnPorts
from seaway.runtime.turn_settings import Turn
from seaway.runtime.turn_streams import ClientStream, PeerStream
from seaway.runtime.turn_traffic import Traffic, TrafficBook, flow_of
from seaway.wire.endpoint import scoped, shown

__all__ = ["PreparedTurn", "TurnProcess"]

_BATCH = 64  # datagrams read from one socket before others get their turn
_LARGEST = 65535
_SWEEP = 1.0  # seconds between looks for slow senders
_WEB_PATIENCE = 5.0  # seconds for a first octet on the port of HTTPS


@dataclass(slots=True)
class PreparedTurn:
    """What was read and opened as root."""

    turn: Turn
    core: TurnConfig
    sockets: Sockets
    relays: RelayPlaces
    contexts: dict[bool, TlsContexts]  # for the port of HTTPS, and for others
    open: list[tuple[Place, RowSocket]]
    reload: socket.socket | None = None  # where new TLS files come from


class TurnProcess:
    """Sockets, streams and timer of one TURN core, in the running event loop."""

    def __init__(self, prepared: PreparedTurn, table: FlowTable | None, alarms: AlarmBook | None = None) -> None:
        self.counters = Counters()
        self.clients: dict[ClientKey, ClientStream] = {}
        self.sockets = prepared.sockets
        self.flows = TurnFlows(table, self.counters)
        self._book = TrafficBook(self.flows)
        self.ports = TurnPorts(
            prepared.sockets, prepared.relays, table, self.counters, self._relay_opened, self._relay_closing
        )
        self.core = TurnServer(prepared.core, self.ports, secrets.token_bytes, time.monotonic(), time.time())
        self.core.set_alternate(self._alternate)
        self._alarms = TurnAlarms(alarms, self.core, prepared.core.max_allocations)
        self.peers = TurnPeers(self.core, self, self.counters)
        self.log = log.get(part="turn").new(part="turn")  # made once, not for each line
        self._turn = prepared.turn
        self._port = main_port([place for place, _ in prepared.open])
        self._table = table
        self._loop = asyncio.get_running_loop()
        self._crowd = Crowd(prepared.turn.connections, prepared.turn.connections_per_source)
        self._datagrams: dict[Address, RowSocket] = {}
        self._attached: list[Address] = []  # those that the fast path has
        self._acceptors: list[Acceptor] = []
        self._number = 0
        self._timer = DeadlineTimer(self._loop, self._due)
        for place, made in prepared.open:
            if place.transport is Transport.UDP:
                self._serve_datagrams(made)
            else:
                self._serve_streams(place, made, prepared.contexts[place.web])
        if table is not None and table.reads_sockets:
            self._loop.add_reader(table.fileno(), self._from_table)
        self._sweeper = self._loop.call_later(_SWEEP, self._sweep)

    def _alternate(self, family: Family) -> Address | None:
        """Where a client may go that finds this server full: any of the others, at the port of TURN."""
        others = [str(each) for each in self._turn.alternates if each.version == family]
        return (secrets.choice(others), self._port) if others else None

    # -- listeners

    def _serve_datagrams(self, made: RowSocket) -> None:
        self._datagrams[made.entry.local] = made
        if self._table is not None:
            try:
                self._table.attach(made, PortKind.CHANNEL)
            except FlowError as error:
                self.log.warning("flow.refused", reason=str(error))
            else:
                self._attached.append(made.entry.local)
                if self._table.reads_sockets:
                    return
        self._loop.add_reader(made.fileno(), self._readable, made)

    def _serve_streams(self, place: Place, made: RowSocket, contexts: TlsContexts) -> None:
        def make(accepted: socket.socket, tls: bool, left: Callable[[], None]) -> ClientStream:
            self._number += 1
            stream = ClientStream(accepted, tls, place.web, self, self._number, left)
            self.clients[stream.key] = stream
            return stream

        patience = _WEB_PATIENCE if place.web else self._turn.first_request
        self._acceptors.append(Acceptor(made, contexts, self._crowd, self.counters, make, patience=patience))

    # -- relay ports

    def _relay_opened(self, key: RelayKey, made: RowSocket, attached: bool) -> None:
        self._book.opened(key)
        if key.transport == "tcp":
            self.peers.listen(key, made)
        elif self._table is None or not (attached and self._table.reads_sockets):
            self._loop.add_reader(made.fileno(), self._from_peer, key, made)

    def _relay_closing(self, key: RelayKey, made: RowSocket) -> None:
        for out, back in self.flows.relay_closes(key):
            self._book.add(key, Traffic(out.packets, out.octets, back.packets, back.octets))
        self._book.closed(key)
        self._loop.remove_reader(made.fileno())

    # -- packets

    def _readable(self, made: RowSocket) -> None:
        receive, recvfrom, local = self.core.receive, made.recvfrom, made.entry.local
        now, wall = time.monotonic(), time.time()
        for _ in range(_BATCH):
            try:
                data, source = recvfrom(_LARGEST)
            except BlockingIOError:
                break
            except OSError:  # an ICMP error of an earlier datagram
                continue
            if scoped(source[0]):
                self.counters.add("turn.client.link_local")
                continue
            receive(data, ClientKey("udp", local, source[:2]), now, wall)
        self.settle()

    def _from_peer(self, key: RelayKey, made: RowSocket) -> None:
        peer_data, recvfrom, now = self.core.peer_data, made.recvfrom, time.monotonic()
        for _ in range(_BATCH):
            try:
                data, source = recvfrom(_LARGEST)
            except BlockingIOError:
                break
            except OSError:
                continue
            peer_data(key, source[:2], data, now)
            self._book.from_peer(key, len(data))
        self.settle()

    def _from_table(self) -> None:
        """Datagrams without a flow, from an engine that reads the sockets itself."""
        assert self._table is not None
        now, wall = time.monotonic(), time.time()
        for each in self._table.receive():
            if each.local in self._datagrams:
                self.core.receive(each.data, ClientKey("udp", each.local, each.source), now, wall)
            else:
                key = RelayKey("udp", each.local)
                self.core.peer_data(key, each.source, each.data, now)
                self._book.from_peer(key, len(each.data))
        self.settle()

    # -- streams (StreamOwner)

    def client_data(self, stream: ClientStream, frames: list[bytes]) -> None:
        now, wall = time.monotonic(), time.time()
        for frame in frames:
            self.core.receive(frame, stream.key, now, wall)
        self.settle()

    def client_gone(self, stream: ClientStream, reason: str) -> None:
        if self.clients.pop(stream.key, None) is not None:
            self.log.debug("client.closed", remote=stream.key.remote, reason=reason)
            self.core.client_closed(stream.key, time.monotonic())
            self.settle()

    def web_request(self, stream: ClientStream, first: bytes) -> bool:
        """The hook of a web service on the port of HTTPS; there is none yet, so such requests are refused."""
        return False

    def peer_gone(self, stream: PeerStream, reason: str) -> None:
        self.peers.forget(stream.key)
        self.core.peer_closed(stream.key, time.monotonic())
        self.settle()

    # -- views

    def allocations(self) -> list[Allocation]:
        return self.core.snapshot()

    def traffic(self, allocation: Allocation) -> Traffic:
        return self._book.of(allocation)

    def total_traffic(self) -> Traffic:
        """Of all allocations since the start."""
        return self._book.total(self.core.snapshot())

    def engine_of(self, allocation: Allocation, channel: Channel) -> str:
        """What relays this channel."""
        return self.flows.engine if self.flows.has(flow_of(allocation, channel)) else "python"

    # -- what the core wants

    def settle(self) -> None:
        """Carry out all outputs, then set the timer."""
        next_output = self.core.next_output
        while (output := next_output()) is not None:
            if type(output) is io.SendToPeer:
                self.ports.send(output.relay, output.remote, output.data)
                self._book.to_peer(output.relay, len(output.data))
            elif type(output) is io.SendToClient:
                self._to_client(output.client, output.data)
            else:
                self._other(output)
        self._timer.arm(self.core.next_deadline())

    def _to_client(self, client: ClientKey, data: bytes) -> None:
        if client.transport == "udp":
            try:
                self._datagrams[client.local].sendto(data, client.remote)
            except OSError:
                self.counters.add("turn.client.unsent")
            return
        stream = self.clients.get(client)
        if stream is not None:
            # ChannelData begins with bits 01, an indication has class bits 01 of a STUN header (RFC 8489 §5).
            stream.send(data, droppable=bool(data[0] & 0x40) or (data[0] & 1, data[1] & 0x10) == (0, 0x10))

    def _other(self, output: io.Output) -> None:
        if isinstance(output, io.ChannelFlowAdded):
            self.flows.add(output)
        elif isinstance(output, io.ChannelFlowRemoved):
            counted = self.flows.remove(output)
            if counted is not None:
                out, back = counted
                self._book.add(output.relay, Traffic(out.packets, out.octets, back.packets, back.octets))
        elif isinstance(output, io.ConnectToPeer):
            self.peers.dial(output, self.ports)
        elif isinstance(output, io.JoinConnections):
            self._join(output)
        elif isinstance(output, io.CloseConnection):
            self.peers.close(output.connection, "the allocation ended")
        elif isinstance(output, io.CloseClient):
            stream = self.clients.get(output.client)
            if stream is not None:
                stream.close(output.reason)
        elif not isinstance(output, io.SendToClient | io.SendToPeer):
            self._event(output)

    def _join(self, output: io.JoinConnections) -> None:
        client, peer = self.clients.get(output.client), self.peers.get(output.connection)
        if client is None or peer is None:
            for each in (client, peer):
                if each is not None:
                    each.close("the other end has gone")
            return
        client.join(peer)
        peer.join(client)

    def _event(self, event: io.Event) -> None:
        name = type(event).__name__
        self.counters.add(f"turn.{name}")
        if isinstance(event, io.AllocationRefused):
            self._alarms.refused(event)
        refusal = isinstance(event, io.AllocationRefused | io.AuthenticationFailed)
        if refusal and self.counters.get(f"turn.{name}") % 100 > 10:
            return  # the log is no sink for a flood
        client = f"{shown(event.client.remote)}/{event.client.transport}"
        fields = {key: value for key, value in event._asdict().items() if key not in ("client", "relayed")}
        if not isinstance(event, io.AllocationRefused | io.AuthenticationFailed):
            fields["relayed"] = ",".join(map(shown, event.relayed))
        (self.log.warning if refusal else self.log.info)(_NAMES[name], client=client, **fields)

    # -- time

    def _due(self) -> None:
        self.core.handle_timeout(time.monotonic())
        self.settle()

    def _sweep(self) -> None:
        self._sweeper = self._loop.call_later(_SWEEP, self._sweep)
        now = time.monotonic()
        for stream in list(self.clients.values()):
            reason = stream.overdue(now, self._turn.first_request)
            if reason is not None:
                self.counters.add("turn.stream.slow")
                stream.abort(reason)

    def stop(self) -> None:
        """Close every socket. The core is not used afterwards."""
        self._timer.cancel()
        self._alarms.stop()
        self._sweeper.cancel()
        for acceptor in self._acceptors:
            acceptor.close()
        for stream in list(self.clients.values()):
            stream.abort("the node stops")
        self.peers.close_all()
        self.ports.close_all()
        if self._table is not None:
            if self._table.reads_sockets:
                self._loop.remove_reader(self._table.fileno())
            for local in self._attached:
                self._table.detach(local)
        for made in self._datagrams.values():
            self._loop.remove_reader(made.fileno())
            made.close()


_NAMES = {
    "AllocationCreated": "allocation.created",
    "AllocationDeleted": "allocation.deleted",
    "AllocationExpired": "allocation.expired",
    "AllocationRefused": "allocation.refused",
    "AuthenticationFailed": "authentication.failed",
}
