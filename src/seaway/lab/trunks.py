"""The site of the proof with trunks and a second core: a call manager, a meeting server, and a cluster peer.

Kamailio stands for the first two: calls over each trunk go on to a phone inside, and the call manager's phone calls
over it. The second core is a node of ours with a phone of its own; both cores are neighbours of each other.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from seaway.identity.ca import issue
from seaway.lab.accounts import ALICE, BOB, LabUser
from seaway.lab.dns import DOMAIN
from seaway.lab.errors import LabError
from seaway.lab.expectations import Feature
from seaway.lab.inside import connect
from seaway.lab.measure import Measured
from seaway.lab.network import Network
from seaway.lab.pair import Pair
from seaway.lab.phones.baresip import Account, Baresip
from seaway.lab.phones.kamailio import Kamailio
from seaway.lab.plan import Variant
from seaway.lab.session import Session
from seaway.lab.sites import Site
from seaway.lab.ways import without_turn

__all__ = ["TRUNKS", "trunks_text"]

_F = Feature

_TO: dict[str, tuple[str, Feature]] = {
    "T25-02": ("bridge-udp", _F.BRIDGE_UDP),
    "T25-03": ("bridge-tls", _F.BRIDGE_TLS),
    "T27-03": ("bridge-tcp", _F.BRIDGE_TCP),
    "T27-05": ("cm-tls", _F.MANAGER_TLS),
    "T27-06": ("cm-tcp", _F.MANAGER_TCP),
}
"""Rows by which the core dials; whom somebody calls then, which is also the name of the zone."""

_FROM: dict[str, tuple[str, Feature]] = {
    "T27-07": (f"tls-{BOB.name}", _F.FROM_MANAGER_TLS),
    "T27-08": (f"tcp-{BOB.name}", _F.FROM_MANAGER_TCP),
}
"""Rows by which the call manager comes; whom its phone calls then."""

_ERIN = LabUser("erin", "erin-in-the-lab", "core2", "peer-in", 620)
_EXTENSION = "ext"  # the phone behind both trunks

_NODE = """
[[node]]
name = "core2"
role = "core"
fqdn = "core2.{domain}"
[node.nic.inner]
address = "10.0.1.11/24"

[rows]
on = ["T25-02", "T27-03", "T27-06", "T27-08"]

[hosts]
unified_cm = ["10.0.1.30"]
meeting_server = ["10.0.1.35"]
"""

_NEIGHBOUR = """
[[neighbour]]
name = "{name}"
addresses = ["{address}"]
port = {port}
transport = "{transport}"
monitor = 0
{more}[[rule]]
priority = {priority}
match = '{user}@example\\.test'
target = "{name}"
"""


def trunks_text(variant: Variant) -> str:
    """The deployment of a variant with both services of trunks, their plain rows too, and a cluster of two cores."""
    text = without_turn(variant).replace(
        "[services]\n", "[services]\nsip_edge = true\nms_point_to_point = true\ncluster_sip = true\n"
    )
    # Hosts of trunks are no endpoints: what two rows allow belongs to the first.
    text = text.replace('sip_endpoint = ["10.0.1.0/24"', 'sip_endpoint = ["10.0.1.50", "10.0.1.60"')
    return text.replace("\n[hosts]\n", _NODE.format(domain=DOMAIN))


def _prepare(pair: Pair, network: Network) -> None:
    """Certificates of the trunks' far ends, neighbours in the files of both cores."""
    for name in ("cm", "bridge"):
        issue(pair.dir / "tls", name, [f"{name}.{DOMAIN}"])

    def neighbour(node: str, name: str, transport: str, host: str, user: str, priority: int = 9) -> None:
        more = f'verify_name = "{host}.{DOMAIN}"\n' if transport == "tls" else ""
        more += "b2bua = true\n" if host.startswith("core") else ""  # so that media takes the way of the calls
        text = _NEIGHBOUR.format(
            name=name, address=network.plan.host(host).address, port=5061 if transport == "tls" else 5060,
            transport=transport, more=more, user=user, priority=priority,
        )  # fmt: skip
        config = pair.config(node)
        config.write_text(config.read_text() + text)

    for priority, (user, _) in enumerate(_TO.values(), 1):
        host, _, transport = user.partition("-")
        neighbour("core1", user, transport, host, user, priority)
    neighbour("core1", "core2", "tls", "core2", _ERIN.name)
    neighbour("core2", "core1", "tls", "core1", BOB.name)


@dataclass(slots=True)
class _Peers:
    network: Network
    session: Session
    _phones: list[Baresip] = field(default_factory=list)
    _servers: list[Kamailio] = field(default_factory=list)

    def start(self) -> tuple[Baresip, Baresip]:
        """Both servers, the phone behind them, and that of the second core. Raises LabError."""
        plan, machines = self.network.plan, self.session.machines
        there = plan.host("peer-in").address
        for name in ("cm", "bridge"):
            made = Kamailio(
                name,
                plan.host(name).address,
                plan.host("core1").address,
                f"{_EXTENSION}@{there}:5080",
                self.session.pair.dir / "tls",
                machines.dir / name,
                lambda command, log, host=name: machines.start(host, command, log),  # type: ignore[misc]
            )
            self._servers.append(made)
            made.launch()
        manager, core2 = plan.host("cm").address, plan.host("core2").address
        behind = self._phone(Account(_EXTENSION, "", DOMAIN, "udp", f"{manager}:5060", register=0), 5080, 4444, 500)
        erin = self._phone(Account(_ERIN.name, _ERIN.password, DOMAIN, "udp", f"{core2}:5060"), 5060, 4445, _ERIN.tone)
        for made in self._servers:
            address = plan.host(made.name).address
            made.ready(lambda host=made.name, at=address: self._open(host, at))  # type: ignore[misc]
        return behind, erin

    def _open(self, host: str, address: str) -> bool:
        try:
            connect(self.session.machines.namespace(host), (address, 5061), 0.5).close()
        except OSError:
            return False
        return True

    def _phone(self, account: Account, port: int, control: int, tone: int) -> Baresip:
        machines = self.session.machines
        made = Baresip(
            account.user,
            machines.dir / f"phone-{account.user}",
            account,
            tone,
            lambda command, log: machines.start("peer-in", command, log),
            listen=f"0.0.0.0:{port}",
            namespace=machines.namespace("peer-in"),
            control=control,
            rtp_ports=f"{20000 + 2 * port}-{20998 + 2 * port}",
            four=True,
        )
        self._phones.append(made)
        made.launch()
        return made

    def close(self) -> None:
        for phone in self._phones:
            phone.end()
        for server in self._servers:
            server.end()
        for phone in self._phones:
            phone.close(0.4)
        for server in self._servers:
            server.close()


def _measure(session: Session, network: Network, expected: frozenset[Feature]) -> Measured:
    """A call over each trunk, both ways, and one to the other core."""
    result = Measured()
    bob = session.phones[BOB.name]

    def patience(feature: Feature) -> float:
        return 1.0 if feature in expected else 8.0

    def call(phone: Baresip, user: str, feature: Feature) -> None:
        mark = phone.mark()
        phone.dial(f"sip:{user}@{DOMAIN}")
        result.note(feature, _established(phone, mark, patience(feature)))
        _end(phone, mark)

    with contextlib.closing(_Peers(network, session)) as peers:
        behind, erin = peers.start()
        result.note(_F.ZONE, session.pair.wait_zone(8.0))
        result.note(_F.REGISTRATION_OUT, session.registered(ALICE.name, 8.0))
        result.note(_F.REGISTRATION_IN, session.registered(BOB.name, 8.0))
        if not erin.registered(8.0):
            raise LabError("the phone of the second core does not register", "peer-in", erin.tail())
        for user, feature in _TO.values():
            call(bob, user, feature)
        for user, feature in _FROM.values():
            call(behind, user, feature)
        _call_core(bob, erin, result, patience)
    return result


def _call_core(bob: Baresip, erin: Baresip, result: Measured, patience: Callable[[Feature], float]) -> None:
    for phone in (bob, erin):
        phone.forget_recordings()
    marks = bob.mark(), erin.mark()
    bob.dial(f"sip:{_ERIN.name}@{DOMAIN}")
    if result.note(_F.CALL_CORE, _established(bob, marks[0], patience(_F.CALL_CORE))):
        erin.wait("CALL_ESTABLISHED", since=marks[1], patience=1.0)
        time.sleep(1.2)
        heard = bob.heard(_ERIN.tone), erin.heard(BOB.tone)
        result.note(_F.AUDIO_CORE, all(each is not None and each.good for each in heard))
    _end(bob, marks[0])


def _established(phone: Baresip, mark: int, patience: float) -> bool:
    event = phone.wait("CALL_ESTABLISHED", "CALL_CLOSED", "GONE", since=mark, patience=patience)
    return event is not None and event["type"] == "CALL_ESTABLISHED"


def _end(phone: Baresip, mark: int) -> None:
    phone.hang_up()
    phone.wait("CALL_CLOSED", since=mark, patience=1.0)


TRUNKS = Site(
    "trunks",
    "trunks to a call manager and a meeting server, and a second core",
    trunks_text,
    (_ERIN,),
    _prepare,
    _measure,
    kept={row: feature for row, (_, feature) in (_TO | _FROM).items()},
    fresh={"T10-02": _F.CALL_CORE, "T10-03": _F.AUDIO_CORE},
    nodes=("core2",),
)
