"""Core and edge as `Control` instances on the virtual network, with a relay that answers media commands."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from seaway.call.config import ControlConfig, Listener, Rule, TraversalZone, User
from seaway.call.control import Control
from seaway.core.sip.io import Hop
from seaway.core.sip.registrar import Bounds
from seaway.identity.digest import ha1
from seaway.media import protocol as media

from .net import Host, Listening, Network
from .phone import Phone

__all__ = ["CORE", "EDGE", "EDGE_INNER", "SIX", "FakeRelay", "Pair", "config", "control", "node", "users"]

CORE = "10.0.0.1"
EDGE = "203.0.113.1"
EDGE_INNER = "172.16.0.1"
DOMAIN = "example.test"
SIX = {CORE: "fd00::1", EDGE: "2001:db8:3::1", EDGE_INNER: "fd00:2::1"}
"""The IPv6 addresses of nodes with both families."""


def users(*names: str) -> tuple[User, ...]:
    return tuple(
        User(name, {each: ha1(each, name, DOMAIN, f"secret-{name}") for each in ("SHA-256", "MD5")}) for name in names
    )


def config(**changes: Any) -> ControlConfig:
    """A core with UDP, TCP and TLS on one inner address, three users, and registrations only."""
    base = ControlConfig(
        node="core1",
        role="core",
        domains=(DOMAIN,),
        realm=DOMAIN,
        listeners=(
            Listener("udp", (CORE, 5060), (CORE, 5060), "inner", "Y01-01"),
            Listener("tcp", (CORE, 5060), (CORE, 5060), "inner", "Y01-02"),
            Listener("tls", (CORE, 5061), (CORE, 5061), "inner", "Y01-03"),
        ),
        users=users("alice", "bob", "carol"),
        registrar=Bounds(contacts_per_user=3),
        rules=(Rule(10, ".*@example\\.test", "registrations"),),
        secret=b"a secret of the node, at least 16",
    )
    return replace(base, **changes)


def _twice(made: ControlConfig) -> ControlConfig:
    """The same listeners on IPv6 addresses as well."""
    six = [replace(each, address=(SIX[each.address[0]], each.address[1])) for each in made.listeners]
    return replace(made, listeners=(*made.listeners, *(replace(each, advertised=each.address) for each in six)))


def control(seed: int = 7, **changes: Any) -> Control:
    return Control(config(**changes), random.Random(seed).randbytes)


def node(net: Network, core: Control, names: tuple[str, ...] = (), name: str | None = None) -> Host:
    """Put a `Control` on the network with its own listeners."""
    listening = {
        (each.transport, each.address): Listening(each.nic, each.row, each.zone) for each in core.config.listeners
    }
    host = net.add(Host(name or core.config.node, core, listening, names))  # type: ignore[arg-type]
    net.start(host)
    return host


class FakeRelay:
    """Answers media commands as the relay does, after `delay` seconds; `fail`: with Failed, `mute`: not at all."""

    def __init__(self, inner: str, outer: str | None = None, delay: float = 0.02) -> None:
        self.addresses = {"inner": inner, "outer": outer or inner}
        self.addresses6 = {nic: SIX[host] for nic, host in self.addresses.items()}
        self.delay = delay
        self.fail: str | None = None
        self.fingerprint = ""  # of its DTLS certificate
        self.mute = False
        self.sessions: dict[str, tuple[str, list[media.StreamAddress]]] = {}
        self.remotes: list[media.SetRemote] = []
        self.security: list[media.Security] = []
        self.ice: list[media.Ice] = []
        self.paused: dict[tuple[int, str], bool] = {}  # by stream and leg, as told last
        self.closed: list[str] = []
        self.log: list[Any] = []
        self._port = 36000

    def __call__(self, command: media.Command) -> list[tuple[float, Any]]:
        self.log.append(command)
        reply = self._answer(command)
        return [] if reply is None or self.mute else [(self.delay, reply)]

    def _answer(self, command: media.Command) -> Any:
        if isinstance(command, (media.Open, media.AddStreams)):
            if self.fail is not None:
                return media.Failed(command.request, command.session, "ports-exhausted", self.fail)
            if isinstance(command, media.Open):
                if command.session in self.sessions:
                    return media.Failed(command.request, command.session, "session-exists", "opened twice")
                self.sessions[command.session] = (command.label, [])
            elif command.session not in self.sessions:
                return media.Failed(command.request, command.session, "no-session", "not open")
            made = tuple(media.StreamAddress(self._leg(each.a), self._leg(each.b)) for each in command.streams)
            self.sessions[command.session][1].extend(made)
            return media.Opened(command.request, command.session, made, self.fingerprint)
        if isinstance(command, media.SetRemote):
            assert command.session in self.sessions, "SetRemote for a session that is not open"
            assert command.stream < len(self.sessions[command.session][1])
            self.remotes.append(command)
            return None
        if isinstance(command, media.Ice):
            assert command.stream < len(self.sessions[command.session][1])
            self.ice.append(command)
            return None
        if isinstance(command, media.Security):
            assert command.stream < len(self.sessions[command.session][1])
            self.security.append(command)
            return None
        if isinstance(command, media.Pause):
            assert command.stream < len(self.sessions[command.session][1])
            self.paused[command.stream, command.leg] = command.paused
            return None
        if isinstance(command, media.Relabel):
            self.sessions[command.session] = (command.label, self.sessions[command.session][1])
            return None
        if isinstance(command, media.Close):
            self.closed.append(command.session)
            if self.sessions.pop(command.session, None) is None:
                return media.Failed(command.request, command.session, "no-session", "not open")
            return media.Closed(command.request, command.session, ())
        if isinstance(command, media.List):
            kept = self.sessions.items()
            infos = tuple(media.SessionInfo(name, label, (), tuple(streams)) for name, (label, streams) in kept)
            return media.Listed(command.request, infos)
        raise AssertionError(command)

    def _leg(self, leg: media.LegRequest) -> media.LegAddress:
        host = self.addresses6[leg.nic] if leg.family == 6 else self.addresses[leg.nic]
        if leg.kind == "demux":
            number = len(self.log)
            return media.LegAddress((host, 2776), (host, 2777), f"ufrag{number}", f"password{number}")
        self._port += 2
        return media.LegAddress((host, self._port), (host, self._port + 1))


class Pair:
    """Core and edge with a traversal zone between them, each with a relay; phones join on either side."""

    def __init__(
        self, seed: int = 1, *, start: bool = True, core: dict[str, Any] | None = None,
        edge: dict[str, Any] | None = None, zone: dict[str, Any] | None = None, dual: bool = False, **network: float,
    ) -> None:  # fmt: skip
        self.net = Network(seed, **network)
        self.net.names["edge.example.test"] = EDGE_INNER
        link = TraversalZone("traversal", "client", "core1", "zone-password", "edge.example.test", "edge.example.test")
        self.core_config = config(
            **{
                "users": users("alice", "carol"),
                "traversal": (replace(link, **(zone or {})),),
                "rules": (Rule(10, ".*@example\\.test", "registrations"), Rule(20, ".*", "traversal")),
                **(core or {}),
            }
        )
        self.edge_config = config(
            node="edge1",
            role="edge",
            listeners=(
                Listener("udp", (EDGE, 5060), (EDGE, 5060), "outer", "T11-05"),
                Listener("tcp", (EDGE, 5060), (EDGE, 5060), "outer", "T11-06"),
                Listener("tls", (EDGE, 5061), (EDGE, 5061), "outer", "T11-07"),
                Listener("tls", (EDGE_INNER, 7001), (EDGE_INNER, 7001), "inner", "T11-01", True, "traversal"),
            ),
            **{
                "users": users("bob", "dave"),
                "traversal": (replace(link, role="server", verify_name="core.example.test", host=""),),
                "rules": (Rule(10, ".*@example\\.test", "registrations"), Rule(20, ".*", "traversal")),
                **(edge or {}),
            },
        )
        if dual:
            self.core_config, self.edge_config = _twice(self.core_config), _twice(self.edge_config)
        self.core_relay, self.edge_relay = FakeRelay(CORE), FakeRelay(EDGE_INNER, EDGE)
        self.edge = node(self.net, Control(self.edge_config, random.Random(seed + 1).randbytes), ("edge.example.test",))
        self.core = node(self.net, Control(self.core_config, random.Random(seed + 2).randbytes), ("core.example.test",))
        self.edge.relay, self.core.relay = self.edge_relay, self.core_relay
        if start:
            for host in (self.edge, self.core):
                self.media(host, lambda c: c.media_ready(self.net.now))
            self.net.run(1)

    def media(self, host: Host, action: Callable[[Any], None]) -> None:
        action(host.core)
        self.net.drain(host)

    def inside(self, user: str, transport: str = "udp", address: str = "10.0.0.20", **more: Any) -> Phone:
        port = 5061 if transport == "tls" else 5060
        return self._phone(user, transport, address, CORE, port, more)

    def outside(self, user: str, transport: str = "tls", address: str = "198.51.100.20", **more: Any) -> Phone:
        port = 5061 if transport == "tls" else 5060
        return self._phone(user, transport, address, EDGE, port, more)

    def _phone(self, user: str, transport: str, address: str, host: str, port: int, more: dict[str, Any]) -> Phone:
        phone = Phone(self.net, user, (address, 5060), Hop(transport, host, port, "inner"), **more)  # type: ignore[arg-type]
        assert phone.register() == 200, phone.registered
        return phone

    def zones(self) -> tuple[str, str]:
        """State of the zone at the core and at the edge."""
        states = [host.core.snapshot("zones", self.net.now)[0]["state"] for host in (self.core, self.edge)]
        return str(states[0]), str(states[1])

    def idle(self) -> None:
        """After the longest time-out nothing of any call is left."""
        self.net.run(70)
        for host in (self.core, self.edge):
            assert not host.core.snapshot("calls", self.net.now)
            counters = {row["name"]: row["value"] for row in host.core.snapshot("counters", self.net.now)}
            left = counters["sip.transactions"]
            assert left <= 1, f"{host.name} keeps {left} transactions"  # one keep-alive may be under way
