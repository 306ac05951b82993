"""TURN through the lab's firewalls with clients that are not ours: coturn's tools over UDP, TCP, TLS, and RFC 6062.

The clients take seconds each, most of them waiting, so they all run at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from interop.conftest import wait_for
from seaway.lab.accounts import TURN_PASSWORD, TURN_USER
from seaway.lab.network import Network
from seaway.lab.relaying import ECHO_PORT, client_command, outcome_of
from seaway.lab.stage import Stage

pytestmark = pytest.mark.interop

CLIENT, PEER = "peer-out", "scanner"


@pytest.fixture(scope="module")
def network(stage: Stage) -> Iterator[Network]:
    """The lab with coturn's echo at the peer."""
    assert stage.network is not None
    net = stage.network
    address = net.plan.host(PEER).address
    peer = net.start(PEER, ["turnutils_peer", "-L", address, "-p", str(ECHO_PORT)], net.dir / "turn-peer.log")
    wait_for(lambda: str(ECHO_PORT) in net.run(PEER, ["ss", "-Huln"]), 5.0, "turnutils_peer does not listen")
    yield net
    peer.terminate()
    peer.wait(5)


RUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    # name: host, options of turnutils_uclient
    "udp-channels": (CLIENT, ()),
    "udp-indications": (CLIENT, ("-s", "-c")),
    "tcp-channels": (CLIENT, ("-t",)),
    "tcp-indications": (CLIENT, ("-t", "-s", "-c")),
    "tls-3478": (CLIENT, ("-t", "-S", "-p", "3478", "-c")),
    "tls-443": (CLIENT, ("-t", "-S", "-p", "443", "-c")),
    "tcp-443": (CLIENT, ("-t", "-p", "443", "-s", "-c")),
    "many-requests": (CLIENT, ("-G", "-c")),
    "four-clients": (CLIENT, ("-m", "4", "-c")),
    "behind-a-home-router": ("phone-out", ("-c",)),
    "from-the-core": ("core1", ("-c",)),
    "two-relays-of-the-edge": (CLIENT, ("-y", "-c")),
    "tcp-relays": (CLIENT, ("-T",)),  # RFC 6062: relayed addresses connect to each other
}
REFUSED = {
    "wrong-password": ("-c", "-w", "wrong"),
    "peer-inside": ("-c", "-e", "10.0.1.60"),
    "peer-loopback": ("-c", "-e", "127.0.0.1"),
    "peer-is-the-edge": ("-c", "-e", "203.0.113.20"),
}


@pytest.fixture(scope="module")
def outputs(network: Network) -> dict[str, str]:
    """What each client said in the end."""
    jobs = {**RUNS, **{name: (CLIENT, options) for name, options in REFUSED.items()}}
    running = {}
    for name, (host, options) in jobs.items():
        server = network.plan.edge_inner if host == "core1" else network.plan.edge_public
        command = client_command(server, network.plan.host(PEER).address, *options, messages=20)
        patience = "8" if name in REFUSED else "30"
        log = network.dir / f"turn-{name}.log"
        log.unlink(missing_ok=True)
        running[name] = (network.start(host, ["timeout", patience, *command], log), log)
    for process, _ in running.values():
        process.wait(40)
    return {name: log.read_text(errors="replace") for name, (_, log) in running.items()}


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_lost(outputs: dict[str, str], name: str) -> None:
    found = outcome_of(outputs[name])
    assert found.complete and found.received >= 20, outputs[name][-800:]


def test_a_wrong_password_gets_nothing(outputs: dict[str, str]) -> None:
    assert not outcome_of(outputs["wrong-password"]).allocated


@pytest.mark.parametrize("name", [name for name in REFUSED if name.startswith("peer")])
def test_peers_inside_and_the_edge_itself_are_refused(outputs: dict[str, str], name: str) -> None:
    """By default such addresses are no peers, whatever the firewalls would do."""
    assert "403" in outputs[name] and not outcome_of(outputs[name]).received, outputs[name][-800:]


def test_binding(network: Network) -> None:
    output = network.run(CLIENT, ["timeout", "5", "turnutils_stunclient", network.plan.edge_public])
    assert network.plan.host(CLIENT).address in output


def test_binding_behind_a_home_router(network: Network) -> None:
    output = network.run("phone-out", ["timeout", "5", "turnutils_stunclient", network.plan.edge_public])
    assert network.plan.host("home").address in output and "192.168." not in output.replace("192.168.1.20", "")


@pytest.mark.parametrize("option", ["-m", "-f"])
def test_discovery_of_a_nat(network: Network, option: str) -> None:
    """Its first test, a Binding; the further ones need RFC 5780, which this server does not offer."""
    command = ["timeout", "20", "turnutils_natdiscovery", option, network.plan.edge_public]
    output = network.run("phone-out", command)
    assert f"UDP reflexive addr: {network.plan.host('home').address}:" in output


def test_the_views(stage: Stage, network: Network) -> None:
    """`seaway status turn` while a client relays, and the sockets with their rows."""
    command = client_command(network.plan.edge_public, network.plan.host(PEER).address, "-c", messages=400)
    running = network.start(CLIENT, command, network.dir / "turn-view.log")
    try:

        def relaying() -> list[dict[str, Any]]:
            # Clients of other tests are still there: over UDP they leave without a word.
            return [each for each in stage.pair.status("edge1", "turn") if each["packets_to_client"] > 100]

        wait_for(relaying, 8.0, "no allocation in `seaway status turn`")
        (row,) = relaying()
        assert row["user"] == TURN_USER and row["client"].startswith(network.plan.host(CLIENT).address)
        peer = network.plan.host(PEER).address
        assert row["permissions"] == [peer]
        assert any(each.startswith(f"{peer}:{ECHO_PORT} ") for each in row["channels"].values())
        assert TURN_PASSWORD not in str(row)
        relay = row["relay"][0].removesuffix("/udp")
        sockets = {each["local"]: each for each in stage.pair.status("edge1", "sockets") if each["process"] == "turn"}
        assert sockets[relay]["rows"] == ["T11-16", "T11-17"]
        assert ["T11-14", "T11-15"] in [each["rows"] for each in sockets.values()]
        counted = {each["name"] for each in stage.pair.status("edge1", "counters")}
        assert {"media.flows", "media.sessions", "media.unknown_source"} <= counted
    finally:
        running.terminate()
        running.wait(5)
