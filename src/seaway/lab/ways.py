"""The site of the proof in which every way of SIP signalling is open, and one independent peer for each of them.

Phones outside and inside register over each transport, one of them with a client certificate, two over WebSocket.
Beside core and edge stands a neighbour each, which the node dials over TLS when somebody calls it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from seaway.identity.ca import issue
from seaway.lab.accounts import ALICE, BOB, LabUser
from seaway.lab.dns import DOMAIN
from seaway.lab.expectations import Feature
from seaway.lab.firewall import deployment_text
from seaway.lab.measure import Measured
from seaway.lab.network import Network
from seaway.lab.pair import Pair
from seaway.lab.phones.baresip import Account, Baresip
from seaway.lab.phones.websip import WebPhone
from seaway.lab.plan import Variant
from seaway.lab.session import Session
from seaway.lab.sites import Site

__all__ = ["WAYS", "ways_text", "without_turn"]

_F = Feature

_SITE = """
[sip]
edge_udp = true
edge_tcp = true
edge_wss = true
core_wss = true

[hosts]
"""

_NEIGHBOUR = """
[[neighbour]]
name = "{name}"
addresses = ["{address}"]
port = 5061
transport = "tls"
nic = "{nic}"
monitor = 0
verify_name = "{name}.{domain}"
[[rule]]
priority = 5
match = '{name}@example\\.test'
target = "{name}"
"""

_HOSTS = {"desk": "peer-in", "guest": "peer-out"}
"""The neighbours of core and edge, and where they are."""


def without_turn(variant: Variant) -> str:
    """The deployment of a variant without TURN, whose relays over TCP share source ports with SIP (K-09)."""
    return deployment_text(variant).replace("turn = true\n", "")


def ways_text(variant: Variant) -> str:
    """The same with every listener of SIP switched on."""
    return without_turn(variant).replace("\n[hosts]\n", _SITE)


def _users() -> tuple[LabUser, ...]:
    """One for each way in."""
    outside = (
        LabUser(f"out-{way}", f"out-{way}-in-the-lab", "edge1", "phone-out", 400)
        for way in ("udp", "tcp", "mtls", "wss")
    )
    inside = (LabUser(f"in-{way}", f"in-{way}-in-the-lab", "core1", "phone-in", 400) for way in ("tcp", "tls", "wss"))
    return (*outside, *inside)


def _prepare(pair: Pair, network: Network) -> None:
    """Certificates of the peers, and neighbours in the files of the nodes."""
    tls = pair.dir / "tls"
    for name in (*_HOSTS, "out-mtls"):
        certificate, key = issue(tls, name, [f"{name}.{DOMAIN}"])
        both = tls / f"{name}.both.pem"
        both.touch(mode=0o600)
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
    for node, name, nic in (("core1", "desk", "inner"), ("edge1", "guest", "outer")):
        address = network.plan.host(_HOSTS[name]).address
        config = pair.config(node)
        more = _NEIGHBOUR.format(name=name, address=address, nic=nic, domain=DOMAIN)
        config.write_text(config.read_text() + more)


@dataclass(slots=True)
class _Peers:
    """Phones and neighbours of one measurement."""

    network: Network
    session: Session
    _phones: list[Baresip] = field(default_factory=list)

    def neighbours(self) -> None:
        """Start those that the nodes dial. Raises LabError."""
        for name, host in _HOSTS.items():
            account = Account(name, "", DOMAIN, "tls", "", register=0)
            self._launch(name, host, 5060, (account,), certificate=name, control=4444)

    def phones(self) -> tuple[Baresip, Baresip]:
        """Start those that register, outside and inside. Raises LabError."""
        plan = self.network.plan
        edge, core = plan.edge_public, plan.host("core1").address
        users = {each.name: each.password for each in _users()}

        def account(name: str, transport: str, proxy: str) -> Account:
            return Account(name, users[name], DOMAIN, transport, proxy)  # type: ignore[arg-type]

        outside = (
            account("out-udp", "udp", f"{edge}:5060"),
            account("out-tcp", "tcp", f"{edge}:5060"),
            account("out-mtls", "tls", f"edge1.{DOMAIN}:5062"),
        )
        inside = (account("in-tcp", "tcp", f"{core}:5060"), account("in-tls", "tls", f"core1.{DOMAIN}:5061"))
        return (
            self._launch("outside", "phone-out", 5070, outside, certificate="out-mtls", dns="dns-out"),
            self._launch("inside", "phone-in", 5070, inside, dns="dns"),
        )

    def _launch(
        self,
        name: str,
        host: str,
        port: int,
        accounts: tuple[Account, ...],
        *,
        certificate: str = "",
        dns: str = "",
        control: int = 4445,
    ) -> Baresip:
        machines = self.session.machines
        phone = Baresip(
            name,
            machines.dir / f"ways-{name}",
            accounts[0],
            400,
            lambda command, log: machines.start(host, command, log),
            listen=f"0.0.0.0:{port}",
            namespace=machines.namespace(host),
            ca=self.session.pair.ca(),
            dns=f"{self.network.plan.host(dns).address}:53" if dns else None,
            control=control,
            rtp_ports="20000-21998",
            more=accounts[1:],
            certificate=self.session.pair.dir / "tls" / f"{certificate}.both.pem" if certificate else None,
            four=True,
        )
        self._phones.append(phone)
        phone.launch()
        return phone

    def web(self, name: str) -> WebPhone:
        user = next(each for each in _users() if each.name == name)
        plan = self.network.plan
        address = plan.edge_public if user.node == "edge1" else plan.host("core1").address
        namespace = self.session.machines.namespace(user.host)
        return WebPhone(
            name, user.password, DOMAIN, f"{user.node}.{DOMAIN}", (address, 7443), self.session.pair.ca(), namespace
        )

    def close(self) -> None:
        for each in self._phones:
            each.end()
        for each in self._phones:
            each.close(0.4)  # where the row is away it cannot say goodbye
        self._phones.clear()


def _measure(session: Session, network: Network, expected: frozenset[Feature]) -> Measured:
    """Each way in and out."""
    result = Measured()

    def patience(feature: Feature) -> float:
        return 1.0 if feature in expected else 8.0

    with contextlib.closing(_Peers(network, session)) as peers:
        peers.neighbours()
        outside, inside = peers.phones()
        result.note(_F.ZONE, session.pair.wait_zone(8.0))
        result.note(_F.REGISTRATION_OUT, session.registered(ALICE.name, 8.0))
        result.note(_F.REGISTRATION_IN, session.registered(BOB.name, 8.0))
        _call_neighbours(session, result, patience)
        for name, feature in (("out-udp", _F.OUT_UDP), ("out-tcp", _F.OUT_TCP), ("out-mtls", _F.OUT_MTLS)):
            result.note(feature, outside.registered_as(name, patience(feature)))
        for name, feature in (("in-tcp", _F.IN_TCP), ("in-tls", _F.IN_TLS)):
            result.note(feature, inside.registered_as(name, patience(feature)))
        for name, feature in (("out-wss", _F.OUT_WSS), ("in-wss", _F.IN_WSS)):
            result.note(feature, peers.web(name).registered(patience(feature)))
    return result


def _call_neighbours(session: Session, result: Measured, patience: Callable[[Feature], float]) -> None:
    calls = ((BOB, "desk", _F.NEIGHBOUR_IN), (ALICE, "guest", _F.NEIGHBOUR_OUT))
    marks = {}
    for user, name, _ in calls:
        phone = session.phones[user.name]
        marks[name] = phone.mark()
        phone.dial(f"sip:{name}@{DOMAIN}")
    for user, name, feature in calls:
        phone = session.phones[user.name]
        event = phone.wait("CALL_ESTABLISHED", "CALL_CLOSED", "GONE", since=marks[name], patience=patience(feature))
        result.note(feature, event is not None and event["type"] == "CALL_ESTABLISHED")
    for user, name, _ in calls:
        phone = session.phones[user.name]
        phone.hang_up()
        phone.wait("CALL_CLOSED", since=marks[name], patience=1.0)


WAYS = Site(
    "signalling",
    "every way of SIP signalling, in a site where all of them are on",
    ways_text,
    _users(),
    _prepare,
    _measure,
    kept={
        "T11-05": _F.OUT_UDP,
        "T11-06": _F.OUT_TCP,
        "T11-08": _F.OUT_MTLS,
        "Y01-02": _F.IN_TCP,
        "Y01-03": _F.IN_TLS,
        "Y11-01": _F.OUT_WSS,
        "Y11-02": _F.IN_WSS,
    },
    fresh={"T11-03": _F.NEIGHBOUR_IN, "T11-04": _F.NEIGHBOUR_OUT},
)
