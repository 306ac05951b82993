"""A site with IPv4 and IPv6: TURN over both, relays in both, with coturn's client and echo; phones over IPv6.

One lab of the dual-stack variant for all tests here. The clients take seconds, mostly waiting, so they run at once.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator

import pytest

from interop.conftest import lab_name, wait_for
from interop.dual_allocation import DualClient
from seaway.lab.accounts import TURN_PASSWORD, TURN_USER
from seaway.lab.firewall import deployment_text
from seaway.lab.inside import inside
from seaway.lab.network import Network
from seaway.lab.relaying import ECHO_PORT, client_command, outcome_of
from seaway.lab.stage import Stage
from seaway.wire.endpoint import shown

pytestmark = pytest.mark.interop

CLIENT, PEER = "peer-out", "scanner"


@pytest.fixture(scope="module")
def site() -> Iterator[Stage]:
    text = deployment_text("dual-stack").replace("\n[hosts]", "\n[sip]\nedge_tcp = true\nedge_udp = true\n[hosts]")
    turn = ("tcp_relays = true", "binding_open = true")
    with Stage.in_namespaces(lab_name("six"), "dual-stack", text, turn=turn) as made:
        made.pair.start()
        assert made.pair.wait_zone(10.0), made.pair.crash_report()

        def serves() -> bool:
            return any(each["process"] == "turn" for each in made.pair.status("edge1", "sockets"))

        wait_for(serves, 5.0, "the TURN process does not start")
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


@pytest.mark.parametrize("family", [4, 6])
def test_a_dual_allocation(site: Stage, network: Network, family: int) -> None:
    """Two relayed addresses at once, each with its socket, its rows and a peer of its family (RFC 8656 §7.2)."""
    plan = network.plan
    server = plan.edge_public6 if family == 6 else plan.edge_public
    peers = {4: (plan.host(PEER).address, ECHO_PORT), 6: (plan.host(PEER).address6, ECHO_PORT)}

    def dial() -> socket.socket:
        made = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
        made.connect((server, 3478))
        return made

    client = DualClient(inside(network.namespace(CLIENT), dial), TURN_USER, TURN_PASSWORD)
    try:
        four, six = client.allocate()
        assert (four[0], six[0]) == (plan.edge_public, plan.edge_public6)
        for number, each in peers.items():
            assert client.bind(0x4000 + number, each) == 0
            assert all(client.echoed(0x4000 + number, b"%d over %d" % (count, number)) for count in range(20))
        assert client.bind(0x4010, ("2001:db8:1::60", 4000)) == 403
        (row,) = [each for each in site.pair.status("edge1", "turn") if len(each["relay"]) == 2]
        assert row["relay"] == [f"{shown(four)}/udp", f"{shown(six)}/udp"]
        assert row["packets_to_client"] == 40
        # A channel within one family is on the fast path, one that changes the family is relayed by the core.
        carriers = {number: row["channels"][f"{0x4000 + number:#x}"] for number in peers}
        assert ("(python)" in carriers[family], "(python)" in carriers[10 - family]) == (False, True)
        sockets = {each["local"]: each["rows"] for each in site.pair.status("edge1", "sockets")}
        assert sockets[shown(four)] == sockets[shown(six)] == ["T11-16", "T11-17"]
        assert client.refresh(0) == 0
        assert not [each for each in site.pair.status("edge1", "turn") if len(each["relay"]) == 2]
    finally:
        client.close()
