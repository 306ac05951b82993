"""Fixtures of the interop tier: real phones through a real lab. Needs root; one line says so otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seaway.identity.digest import ha1
from seaway.lab.accounts import ALICE, BOB, LabUser
from seaway.lab.dns import DOMAIN
from seaway.lab.errors import LabError
from seaway.lab.firewall import deployment_text
from seaway.lab.pair import NODES
from seaway.lab.phones.baresip import Account
from seaway.lab.phones.linphone import Linphone
from seaway.lab.phones.sipp import Sipp
from seaway.lab.session import Session
from seaway.lab.stage import Stage
from seaway.wire.endpoint import shown

_TOOLS = Path(__file__).parent

# SIP over TCP and UDP from outside is off by default (S-01, S-02); the interop lab switches both on.
# TURN is on 443 as well, where web administration must make room.
_SETTINGS = "\n[sip]\nedge_tcp = true\nedge_udp = true\nedge_wss = true\n"
_SETTINGS += "[ports]\nturn_tcp443 = true\nweb_admin = 7443\nsip_wss = 5063\n"
# Hostile clients are to be met by the node itself, not by the kernel after the fiftieth time.
_PATIENT = "".join(f"[protection.{each}]\nthreshold = 1000\n" for each in ("malformed", "flood", "handshake"))
WEB_USER = ("web", "web-in-the-lab")
"""A user of the edge for browsers, whose page comes from an origin that it allows."""
_WEB = """
[sip]
websocket_origins = ["http://page.example.test:8000"]
[[user]]
name = "{}"
ha1_md5 = "{}"
"""
_TURN = ("tcp_relays = true", "binding_open = true")


def lab_name(name: str) -> str:
    """`name` as a lab's name; with SEAWAY_LAB set two working copies can test on one machine."""
    return name + os.environ.get("SEAWAY_LAB", "")


def web_config() -> str:
    """What makes the browsers' user known to an edge."""
    return _WEB.format(WEB_USER[0], ha1("MD5", WEB_USER[0], DOMAIN, WEB_USER[1]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.geteuid() != 0:
        skip = pytest.mark.skip(reason="interop needs root: it makes network namespaces")
        for item in items:  # of the whole session: only ours
            if _TOOLS in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """One lab with a running pair for all tests of this tier; UDP and TCP from outside are on."""
    text = deployment_text("dual").replace("\n[hosts]", f"{_SETTINGS}\n[hosts]")
    with Stage.in_namespaces(lab_name("interop"), "dual", text, turn=_TURN) as made:
        for node in NODES:
            config = made.pair.config(node)
            config.write_text(config.read_text() + _PATIENT)
        config = made.pair.config("edge1")
        config.write_text(config.read_text() + web_config())
        made.pair.start()
        assert made.pair.wait_zone(10.0), made.pair.crash_report()
        yield made
        made.pair.stop()


@contextmanager
def two_phones(stage: Stage) -> Iterator[Session]:
    """alice outside and bob inside, registered; both answer by themselves."""
    session = stage.session()
    try:
        session.launch()
        for name in ("alice", "bob"):
            assert session.registered(name), f"{name} does not register: {session.phones[name].tail()}"
        yield session
    finally:
        session.close()


@pytest.fixture(scope="session")
def phones(stage: Stage) -> Iterator[Session]:
    with two_phones(stage) as session:
        yield session


class Peers:
    """Makes SIPp and Linphone peers in the lab's spare hosts and ends them."""

    def __init__(self, stage: Stage, family: int = 4) -> None:
        self.stage = stage
        self.family = family
        self._started: list[Linphone] = []
        self._pipes: list[subprocess.Popen[bytes]] = []
        self._port = 5070

    def proxy(self, user: LabUser, transport: str) -> str:
        assert self.stage.network is not None
        plan = self.stage.network.plan
        if self.family == 6:
            host = plan.edge_public6 if user.node == "edge1" else plan.host("core1").address6
        else:
            host = plan.edge_public if user.node == "edge1" else plan.host("core1").address
        return shown((host, 5061 if transport == "tls" else 5060))

    def sipp(self, user: LabUser, transport: str) -> Sipp:
        network = self.stage.network
        assert network is not None
        self._port += 2
        remote = self.proxy(user, transport)
        there = network.plan.host(user.host)
        address = there.address6 if self.family == 6 else there.address
        if transport == "tls":
            remote, address = self._pipe(user, remote), "127.0.0.1"
        return Sipp(
            user.name,
            user.password,
            DOMAIN,
            address,
            self._port,
            remote,
            "udp" if transport == "udp" else "tcp",
            network.dir / f"sipp-{user.name}-{transport}-{self.family}",
            lambda command, log: self.stage.machines.start(user.host, command, log),
            tone=user.tone,
        )

    def _pipe(self, user: LabUser, remote: str) -> str:
        network = self.stage.network
        assert network is not None
        host, _, port = remote.rpartition(":")
        local = self._port + 1000
        log = network.dir / f"pipe-{local}.log"
        log.unlink(missing_ok=True)
        command = [sys.executable, str(_TOOLS / "tls_pipe.py"), str(local), host.strip("[]"), port]
        command += [f"{user.node}.{DOMAIN}", str(self.stage.pair.ca())]
        self._pipes.append(self.stage.machines.start(user.host, command, log))
        wait_for(lambda: "ready" in log.read_text(), 5.0, f"pipe: {log.read_text()}")
        return f"127.0.0.1:{local}"

    def linphone(self, user: LabUser, transport: str) -> Linphone:
        network = self.stage.network
        assert network is not None
        outside = user.node == "edge1"
        proxy = f"{user.node}.{DOMAIN}:5061" if transport == "tls" else self.proxy(user, transport)
        directory = network.dir / f"linphone-{user.name}-{transport}"
        self._port += 2

        def start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
            return network.start(user.host, command, log, stdin=subprocess.PIPE)

        phone = Linphone(
            directory,
            Account(user.name, user.password, DOMAIN, transport, proxy),  # type: ignore[arg-type]
            user.tone,
            start,
            ca=self.stage.pair.ca(),
            dns=network.plan.host("dns-out" if outside else "dns").address,
            sip_port=self._port,
            rtp_port=17000 + 10 * (self._port - 5070),
        )
        self._started.append(phone)
        phone.launch()
        return phone

    def wait_registered(self, user: LabUser, transport: str) -> None:
        """Until the node has a binding of `user` over `transport`. Raises LabError."""

        def there() -> bool:
            rows = self.stage.pair.status(user.node, "registrations")
            mine = [row["via"] for row in rows if row["user"].startswith(f"{user.name}@")]
            return any(via.endswith(f"/{transport}") for via in mine)

        wait_for(there, 8.0, f"{user.name} does not register over {transport}")

    def wait_idle(self) -> None:
        """Until neither node has a call. Raises LabError."""
        pair = self.stage.pair
        wait_for(lambda: not any(pair.status(node, "calls") for node in NODES), 5.0, "a call does not end")

    def close(self) -> None:
        for phone in self._started:
            phone.close()
        for pipe in self._pipes:
            pipe.terminate()
            pipe.wait(5)


def wait_for(done: object, patience: float, otherwise: str) -> None:
    """Poll until `done()` is true. Raises LabError."""
    assert callable(done)
    limit = time.monotonic() + patience
    while not done():
        if time.monotonic() > limit:
            raise LabError(otherwise)
        time.sleep(0.02)


@pytest.fixture
def peers(stage: Stage) -> Iterator[Peers]:
    made = Peers(stage)
    yield made
    made.close()


@pytest.fixture
def good_call(phones: Session) -> Iterator[None]:
    """After a test: the next good call still works."""
    yield
    report = phones.call(ALICE, BOB, talk=1.2)
    assert report.good, report.problem()
