"""A site with IPv4 and IPv6: TURN over both, relays in both, with coturn's client and echo; phones over IPv6.

One lab of the dual-stack variant for all tests here. The clients take seconds, mostly waiting, so they run at once.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from interop.conftest import lab_name, wait_for
from seaway.lab.firewall import deployment_text
from seaway.lab.network import Network
from seaway.lab.relaying import ECHO_PORT, client_command, outcome_of
from seaway.lab.stage import Stage

pytestmark = pytest.mark.interop

CLIENT, PEER = "peer-out", "scanner"


@pytest.fixture(scope="module")
def site() -> Iterator[Stage]:
    text = deployment_text("dual-stack").replace("\n[hosts]", "\n[sip]\nedge_tcp = true\nedge_udp = true\n[hosts]")
    turn = ("tcp_relays = true", "binding_open = true")
    with Stage.in_namespaces(lab_name("six"), "dual-stack", text, turn=turn) as made:
        made.pair.start()
        assert made.pair.wait_zone(10.0), made.pair.crash_report()
        yield made
        made.pair.stop()


@pytest.fixture(scope="module")
def network(site: Stage) -> Iterator[Network]:
    """The lab with coturn's echo on both addresses of the peer."""
    assert site.network is not None
    net = site.network
    host = net.plan.host(PEER)
    echoes: list[subprocess.Popen[bytes]] = []
    for address in (host.address, host.address6):
        command = ["turnutils_peer", "-L", address, "-p", str(ECHO_PORT)]
        echoes.append(net.start(PEER, command, net.dir / f"turn-peer-{len(echoes)}.log"))
    ready = (f"{host.address}:{ECHO_PORT}", f"[{host.address6}]:{ECHO_PORT}")
    wait_for(lambda: all(each in net.run(PEER, ["ss", "-Huln"]) for each in ready), 5.0, "turnutils_peer is not there")
    yield net
    for echo in echoes:
        echo.terminate()
        echo.wait(5)


RUNS: dict[str, tuple[str, int, int, tuple[str, ...]]] = {
    # name: host, family of the server's address, family of the peer, options of turnutils_uclient
    "ipv6-to-ipv6": (CLIENT, 6, 6, ("-x", "-c")),
    "ipv6-to-ipv6-indications": (CLIENT, 6, 6, ("-x", "-s", "-c")),
    "ipv6-to-ipv4": (CLIENT, 6, 4, ("-X", "-c")),
    "ipv4-to-ipv6": (CLIENT, 4, 6, ("-x", "-c")),
    "ipv6-tcp": (CLIENT, 6, 6, ("-x", "-t", "-c")),
    "ipv6-tls": (CLIENT, 6, 6, ("-x", "-t", "-S", "-p", "3478", "-c")),
    "both-relays-at-once": (CLIENT, 6, 6, ("-Z",)),
    "both-relays-at-once-from-ipv4": (CLIENT, 4, 4, ("-Z",)),
    "from-the-core": ("core1", 6, 6, ("-x", "-c")),
    "behind-a-home-router": ("phone-out", 6, 6, ("-x", "-c")),
}
REFUSED = {
    "inside": ("-x", "-c", "-e", "2001:db8:1::60"),
    "loopback": ("-x", "-c", "-e", "::1"),
    "the-edge": ("-x", "-c", "-e", "2001:db8:3::20"),
    "mapped": ("-x", "-c", "-e", "::ffff:10.0.1.60"),
}


@pytest.fixture(scope="module")
def outputs(network: Network) -> dict[str, str]:
    """What each client said in the end."""
    plan = network.plan
    far = {4: plan.host(PEER).address, 6: plan.host(PEER).address6}
    jobs = {**RUNS, **{name: (CLIENT, 6, 6, options) for name, options in REFUSED.items()}}
    running = {}
    for name, (host, server, peer, options) in jobs.items():
        edge = {4: plan.edge_public, 6: plan.edge_inner6 if host == "core1" else plan.edge_public6}[server]
        log = network.dir / f"turn-{name}.log"
        log.unlink(missing_ok=True)
        command = client_command(edge, far[peer], *options, messages=20)
        patience = "8" if name in REFUSED else "25"
        running[name] = (network.start(host, ["timeout", patience, *command], log), log)
    for process, _ in running.values():
        process.wait(40)
    return {name: log.read_text(errors="replace") for name, (_, log) in running.items()}


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_lost(outputs: dict[str, str], name: str) -> None:
    found = outcome_of(outputs[name])
    assert found.complete and found.received >= 20, outputs[name][-800:]


@pytest.mark.parametrize("name", REFUSED)
def test_ipv6_peers_that_are_none(outputs: dict[str, str], name: str) -> None:
    assert "403" in outputs[name] and not outcome_of(outputs[name]).received, outputs[name][-800:]


def test_binding_over_ipv6(network: Network) -> None:
    output = network.run(CLIENT, ["timeout", "5", "turnutils_stunclient", network.plan.edge_public6])
    assert network.plan.host(CLIENT).address6 in output


def test_the_view_of_a_dual_allocation(site: Stage, network: Network) -> None:
    """Two relayed addresses, each with its socket and rows; channels of the client's own family have a fast path."""
    plan = network.plan
    command = client_command(plan.edge_public6, plan.host(PEER).address6, "-Z", messages=400)
    running = network.start(CLIENT, command, network.dir / "turn-view.log")
    try:

        def relaying() -> list[dict[str, Any]]:
            rows = site.pair.status("edge1", "turn")
            return [each for each in rows if len(each["relay"]) == 2 and each["packets_to_client"] > 100]

        wait_for(relaying, 8.0, "no dual allocation in `seaway status turn`")
        row = relaying()[-1]
        four, six = sorted(row["relay"], key=lambda each: each.startswith("["))
        assert four.startswith(f"{plan.edge_public}:") and six.startswith(f"[{plan.edge_public6}]:")
        sockets = {each["local"]: each for each in site.pair.status("edge1", "sockets") if each["process"] == "turn"}
        assert sockets[six.removesuffix("/udp")]["rows"] == sockets[four.removesuffix("/udp")]["rows"]
        assert row["client"].startswith(f"[{plan.host(CLIENT).address6}]:")
    finally:
        running.terminate()
        running.wait(5)
