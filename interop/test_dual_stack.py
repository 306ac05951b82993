"""A site with IPv4 and IPv6: TURN over both, relays in both, with coturn's client and echo; phones over IPv6.

One lab of the dual-stack variant for all tests here. The clients take seconds, mostly waiting, so they run at once.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from interop.conftest import Peers, lab_name, two_phones, wait_for
from interop.dual_allocation import DualClient
from seaway.lab.accounts import CAROL, DAVE, TURN_PASSWORD, TURN_USER, LabUser
from seaway.lab.firewall import deployment_text
from seaway.lab.inside import inside
from seaway.lab.network import Network
from seaway.lab.relaying import ECHO_PORT, client_command, outcome_of
from seaway.lab.session import Session
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
    "tcp-relays": (CLIENT, 6, 6, ("-x", "-T")),  # RFC 6062
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


@pytest.mark.parametrize("node", ["core1", "edge1"])
def test_names_have_addresses_of_both_families(site: Stage, node: str) -> None:
    (row,) = site.pair.status(node, "dns")
    assert site.network is not None
    assert row["addresses"] == [site.network.plan.edge_inner, site.network.plan.edge_inner6]


def test_the_traversal_link_is_over_ipv6(site: Stage) -> None:
    assert site.network is not None
    (zone,) = site.pair.status("core1", "zones")
    assert zone["peer"] == f"[{site.network.plan.edge_inner6}]:7001"


@pytest.fixture(scope="module")
def phones(site: Stage) -> Iterator[Session]:
    """alice outside and bob inside, over IPv4."""
    with two_phones(site) as session:
        yield session


@pytest.fixture
def six(site: Stage) -> Iterator[Peers]:
    """Peers that have and know IPv6 only."""
    made = Peers(site, 6)
    yield made
    made.close()
    made.wait_idle()


def carried(site: Stage, node: str) -> tuple[list[str], int]:
    """Of the call that ended last: the addresses of the legs' ports, and the packets that came from the poorer side."""
    last = site.pair.status(node, "history")[-1]
    (stream,), (stats,) = last["streams"], last["media"]
    ways = (stats["from_a"]["packets"], stats["from_b"]["packets"])
    return [stream["a"][0], stream["b"][0]], min(ways)


@pytest.mark.parametrize(("user", "transport"), [(DAVE, "udp"), (DAVE, "tcp"), (CAROL, "udp"), (CAROL, "tls")])
def test_an_ipv6_peer_calls_an_ipv4_phone(six: Peers, phones: Session, user: LabUser, transport: str) -> None:
    """Media changes the family at the node where the IPv6 peer is."""
    far = phones.phones["alice" if user.node == "core1" else "bob"]
    far.forget_recordings()
    mark = far.mark()
    six.sipp(user, transport).call(far.name, milliseconds=1500)
    assert far.wait("CALL_ESTABLISHED", since=mark), "the phone saw no call"
    assert far.wait("CALL_CLOSED", since=mark), "the phone was not told of the end"
    if transport != "tls":  # through the TLS pipe SIPp's SDP names 127.0.0.1
        heard = far.heard(user.tone)
        assert heard is not None and heard.good, heard


def test_an_ipv4_phone_calls_an_ipv6_peer(six: Peers, phones: Session) -> None:
    far = phones.phones["bob"]
    sipp = six.sipp(CAROL, "udp")
    waiting = sipp.answer(milliseconds=3500)
    six.wait_registered(CAROL, "udp")
    far.forget_recordings()
    mark = far.mark()
    far.dial("sip:carol@example.test")
    event = far.wait("CALL_ESTABLISHED", "CALL_CLOSED", since=mark, patience=8.0)
    assert event is not None and event["type"] == "CALL_ESTABLISHED", event
    time.sleep(1.5)
    heard = far.heard(CAROL.tone)
    far.hang_up()
    sipp.finish(waiting, "answer")
    assert heard is not None and heard.good, heard


def test_ipv6_from_end_to_end(site: Stage, six: Peers) -> None:
    """Both peers have IPv6 only: each node's ports towards its peer are IPv6, and packets pass both ways."""
    assert site.network is not None
    plan = site.network.plan
    sipp = six.sipp(DAVE, "udp")
    waiting = sipp.answer(milliseconds=3500)
    six.wait_registered(DAVE, "udp")
    six.sipp(CAROL, "tcp").call("dave", milliseconds=1500)
    sipp.finish(waiting, "answer")
    six.wait_idle()
    for node, wanted in (("edge1", plan.edge_public6), ("core1", plan.host("core1").address6)):
        places, packets = carried(site, node)
        assert wanted in places and packets > 50, (node, places, packets)


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
