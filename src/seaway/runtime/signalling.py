"""The `signal` process: SIP and the traversal zones of one node. asyncio on uvloop around call control.

Made in two steps: `prepare` runs as root (files are read, listening sockets are opened), `run_signal` runs after the
privileges are gone. Media is the relay's; when this process dies media goes on, and the next one asks for it.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import uvloop

from seaway.call.config import ControlConfig, Listener
from seaway.call.control import Control
from seaway.call.explaining import Explaining
from seaway.call.underway import Underway
from seaway.catalog.deployment import Deployment
from seaway.catalog.model import Transport
from seaway.catalog.resolve import Resolution
from seaway.core.sip.io import Address
from seaway.media.protocol import Command, Event, Reply
from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.policy.intrusion import Network
from seaway.runtime.alarms import AlarmBooks
from seaway.runtime.config import ConfigError, NodeConfig
from seaway.runtime.control_config import control_config, web_origins
from seaway.runtime.dialer import Dialer
from seaway.runtime.driver import Core, Driver
from seaway.runtime.keeping import Keeping
from seaway.runtime.listener import Connections, StreamListener
from seaway.runtime.lookups import Lookups
from seaway.runtime.overload import OverloadControl
from seaway.runtime.policy_service import PolicyService, policy_context
from seaway.runtime.protection import Protection
from seaway.runtime.protection_settings import exempt_networks, triggers
from seaway.runtime.relay import SOCKET_NAME, demux_ports
from seaway.runtime.relay_client import RelayClient, RelayLost
from seaway.runtime.reloading import ReloadEnd
from seaway.runtime.resolver import Resolver
from seaway.runtime.sip_rows import SIP_UDP_ROWS
from seaway.runtime.sockets import RowSocket, Sockets
from seaway.runtime.status import StatusServer
from seaway.runtime.stream import StreamConnection
from seaway.runtime.tls import TlsContexts, load_contexts
from seaway.runtime.tls_files import read_files
from seaway.runtime.tuning import calm_collector, raise_descriptor_limit
from seaway.runtime.udp import UdpListener
from seaway.runtime.websocket import WebSocketConnection
from seaway.runtime.zone_alarms import ZoneAlarms
from seaway.wire.endpoint import version_of

__all__ = ["MediaCore", "Prepared", "prepare", "run_signal"]


_LINKS = 2000  # connections at the traversal ports: one for each zone, and room for reconnects
_LINKS_PER_SOURCE = 50
_CLOCK = 60.0  # seconds between looks at the wall clock


class MediaCore(Core, Protocol):
    """Call control with its media side and its views."""

    explaining: Explaining

    def media_ready(self, now: float) -> None: ...
    def media_lost(self, now: float) -> None: ...
    def media_reply(self, message: Reply | Event, now: float) -> None: ...
    def policy_answered(self, token: int, body: bytes | None, problem: str, now: float) -> None: ...
    def clock(self, wall: float, now: float) -> None: ...
    @property
    def underway(self) -> Underway: ...
    def disconnect(self, session: str | None, now: float) -> list[str]: ...
    def snapshot(self, kind: str, now: float) -> list[dict[str, object]]: ...


@dataclass(slots=True)
class Prepared:
    """What was read and opened as root."""

    config: NodeConfig
    deployment: Deployment
    control: ControlConfig
    sockets: Sockets
    contexts: TlsContexts | None
    open: list[tuple[Listener, RowSocket]]
    relay_ports: tuple[Address, ...]  # the relay's standing ports: demultiplexing on the edge
    exempt: tuple[Network, ...] = ()  # who is never blocked
    reload: socket.socket | None = None  # where new TLS files come from
    policy: ssl.SSLContext | None = None  # who may say to be the policy service


def prepare(config: NodeConfig, deployment: Deployment, resolution: Resolution, secret: bytes) -> Prepared:
    """Check files, make TLS contexts, open the listening sockets.

    Raises `ConfigError`, `CertificateError` or `SocketError`; each is one line.
    """
    control = control_config(config, deployment, resolution, secret)
    contexts = None
    if config.tls is not None:
        contexts = load_contexts(read_files(config.tls, [deployment.node(config.node).fqdn]))
    elif any(each.transport in ("tls", "wss") for each in control.listeners) or control.traversal:
        raise ConfigError("tls", None, "is missing, and this node has TLS", "give ca, certificate and key under [tls]")
    sockets = Sockets(resolution, config.node)
    opened = []
    for each in control.listeners:
        port, family = each.address[1], version_of(each.address)
        if each.transport == "udp":
            opened.append((each, sockets.udp(each.rows, each.nic, port, family=family)))
        else:
            opened.append((each, sockets.listen(each.rows, each.nic, port, family=family)))
    standing = tuple(
        (each.address, port) for each in demux_ports(resolution, config.node) for port in (each.rtp, each.rtcp)
    )
    exempt = exempt_networks(config, deployment, resolution)
    policy = _policy(config)
    return Prepared(config, deployment, control, sockets, contexts, opened, standing, exempt, policy=policy)


def _policy(config: NodeConfig) -> ssl.SSLContext | None:
    """Who may say to be the policy service, when there is one."""
    service = config.policy.service
    if service is None:
        return None
    ca = service.ca or (config.tls.ca if config.tls is not None else None)
    if ca is None:
        raise ConfigError("policy.service.ca", None, "is missing", "name the CA of the service's certificate")
    return policy_context(ca)


def run_signal(
    prepared: Prepared,
    *,
    alarms: AlarmBooks | None = None,
    guard: socket.socket | None = None,
    ready: Callable[[], None] | None = None,
    make_core: Callable[[ControlConfig, Callable[[int], bytes]], MediaCore] = Control,
) -> None:
    """The main of the process, until SIGTERM or SIGINT. `ready` is called once when everything is open. `guard`: the
    socket to the process that blocks sources in the kernel."""
    raise_descriptor_limit()
    calm_collector()
    uvloop.run(_serve(prepared, alarms or AlarmBooks(), guard, ready, make_core))


async def _serve(
    prepared: Prepared,
    alarms: AlarmBooks,
    guard: socket.socket | None,
    ready: Callable[[], None] | None,
    make_core: Callable[[ControlConfig, Callable[[int], bytes]], MediaCore],
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    node = _Node(prepared, make_core(prepared.control, secrets.token_bytes), alarms, guard)
    try:
        await node.start()
        if ready is not None:
            ready()
        await stop.wait()
    finally:
        await node.stop()


class _Node:
    """Everything of this process, wired together."""

    def __init__(self, prepared: Prepared, core: MediaCore, alarms: AlarmBooks, guard: socket.socket | None) -> None:
        config, sockets = prepared.config, prepared.sockets
        self._core = core
        self._config = config
        self._counters = Counters()
        self.driver = driver = Driver(core, self._counters)
        self._log = log.get(part="signal")
        servers = config.dns.servers or _servers(prepared.deployment, config.node)
        node = prepared.deployment.node(config.node)
        families = frozenset(each.version for _, nic in node.nics for each in nic.addresses)
        self._resolver = Resolver(sockets, servers, self._counters, timeout=config.dns.timeout, families=families)
        self._connections = Connections(
            driver,
            limit=config.limits.connections,
            per_source=config.limits.connections_per_source,
            patience=config.limits.first_request,
        )
        # Traversal links have room of their own: a crowd at the public ports never keeps the core out.
        self._links = Connections(
            driver, limit=_LINKS, per_source=_LINKS_PER_SOURCE, patience=config.limits.first_request
        )
        self._listeners: list[StreamListener] = []
        asked = frozenset(
            address for each in prepared.control.neighbours if each.transport == "tls" for address in each.addresses
        )
        websocket = partial(WebSocketConnection, origins=web_origins(config, prepared.deployment))
        self._datagrams: dict[tuple[str, int], UdpListener] = {}  # by NIC and IP version
        for listener, sock in prepared.open:
            if listener.transport == "udp":
                self._datagrams[listener.nic, version_of(listener.address)] = self._udp(listener, sock, sockets)
                continue
            room = self._connections if listener.zone is None else self._links
            make = websocket if listener.transport == "wss" else StreamConnection
            named = partial(sockets.row_of, listener.rows, Transport.TCP, nic=listener.nic)
            self._listeners.append(StreamListener(sock, listener, prepared.contexts, room, driver, make, named, asked))
        self._dialer = Dialer(sockets, driver, prepared.contexts, self._resolver.addresses, self._datagrams)
        self._reload = None
        if prepared.reload is not None and prepared.contexts is not None:
            self._reload = ReloadEnd(prepared.reload, prepared.contexts.reload)
        driver.send_to = self._dialer.send
        self._lookups = Lookups(driver, self._resolver)
        driver.resolve = self._lookups.ask
        driver.media = self._to_relay
        self._policy: PolicyService | None = None
        if prepared.control.policy.service is not None and prepared.policy is not None:
            self._policy = PolicyService(
                prepared.control.policy.service, sockets, driver, prepared.policy, self._resolver.addresses,
                core.policy_answered,
            )  # fmt: skip
            driver.policy = self._policy.ask
        self._relay = RelayClient(
            config.run_dir / SOCKET_NAME, self._from_relay, relay_lost=self._relay_lost, connected=self._relay_ready
        )
        self._relay_task: asyncio.Task[None] | None = None
        self._clock: asyncio.TimerHandle | None = None
        book = alarms.book("signal")
        self._keeping = Keeping(config.state_dir, core.keeper, book) if isinstance(core, Control) else None
        if self._keeping is not None:
            driver.keep = self._keeping.due
        self._zones = ZoneAlarms(book, lambda: core.snapshot("zones", time.monotonic()))
        self._protection = Protection(
            config.run_dir, triggers(config.protection), prepared.exempt, self._counters, link=guard
        )
        self._protection.closing = self._connections.drop
        driver.offence, driver.blocked = self._protection.report, self._protection
        driver.relief = self._protection.relieve
        self._overload = OverloadControl(driver, prepared.control, core.underway, self._datagrams)
        self._status = StatusServer(
            config.run_dir, prepared, core, self._resolver, self._connections, self._counters, self._datagrams,
            alarms, book, self._protection, {"overload": self._overload.state, "blocked": self._protection.__len__},
            self._disconnect,
        )  # fmt: skip

    def _disconnect(self, session: str | None) -> list[str]:
        """End one call that goes through the B2BUA, or all. Raises `KeyError`."""
        now = time.monotonic()
        ended = self._core.disconnect(session, now)
        self.driver.settle(now)
        return ended

    def _udp(self, listener: Listener, sock: RowSocket, sockets: Sockets) -> UdpListener:
        def permitted(remote: tuple[str, int]) -> None:
            sockets.choose(SIP_UDP_ROWS, Transport.UDP, remote, listener.nic)

        named = partial(sockets.row_of, listener.rows, Transport.UDP, nic=listener.nic)
        return UdpListener(sock, listener, self.driver, permitted, named=named)

    async def start(self) -> None:
        await self._status.start()
        hosts = [each.host for each in self._status.prepared.control.traversal if each.host]
        self._resolver.watch([*self._config.dns.check, *hosts], self._config.dns.interval)
        # The relay starts beside us; a call that comes before it is there is refused by call control.
        self._relay_task = asyncio.get_running_loop().create_task(self._relay.connect(timeout=86400.0))
        now = self._tell_time()
        if self._keeping is not None:
            self._keeping.start(now)
        self.driver.tell(self._core.start, now)
        self.driver.settle(now)
        self._zones.start()
        self._overload.start()
        self._protection.start()
        self._log.info("signal.ready", listeners=len(self._listeners) + len(self._datagrams))

    def _tell_time(self) -> float:
        """Tell the core what the wall clock shows, now and every minute: it may be set. Returns monotonic seconds."""
        now = time.monotonic()
        self.driver.tell(self._core.clock, time.time(), now)
        self._clock = asyncio.get_running_loop().call_later(_CLOCK, self._tell_time)
        return now

    async def stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
        self._overload.stop()
        self._protection.stop()
        for listener in self._listeners:
            listener.close()
        self._dialer.close()
        if self._policy is not None:
            self._policy.close()
        if self._reload is not None:
            self._reload.close()
        self._connections.close()
        self._links.close()
        for datagrams in self._datagrams.values():
            datagrams.close()
        self._lookups.close()
        self._resolver.close()
        self._zones.stop()
        self.driver.stop()
        if self._relay_task is not None:
            self._relay_task.cancel()
        await self._relay.close()
        await self._status.stop()
        if self._keeping is not None:
            self._keeping.stop()
        await asyncio.sleep(0)  # let the transports close

    # -- the relay

    def _to_relay(self, command: Command) -> None:
        # When the connection is gone call control has been told; the command is void.
        with suppress(RelayLost):
            self._relay.send(command)

    def _from_relay(self, message: Reply | Event) -> None:
        now = time.monotonic()
        self.driver.tell(self._core.media_reply, message, now)
        self.driver.settle(now)

    def _relay_ready(self) -> None:
        now = time.monotonic()
        self._log.info("relay.connected")
        self.driver.tell(self._core.media_ready, now)
        self.driver.settle(now)

    def _relay_lost(self, reason: str) -> None:
        now = time.monotonic()
        self._log.warning("relay.lost", reason=reason)
        self.driver.tell(self._core.media_lost, now)
        self.driver.settle(now)


def _servers(deployment: Deployment, node: str) -> list[str]:
    """The name servers of the deployment: the single hosts of `internal_dns`, or of `external_dns`."""
    outside = deployment.node(node).role == "edge" and deployment.choices.edge_dns == "external"
    networks = deployment.hosts.get("external_dns" if outside else "internal_dns", ())
    return [str(each.network_address) for each in networks if each.num_addresses == 1]
