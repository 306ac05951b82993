"""WebRTC through the TURN server: aiortc and a headless Chromium, by relay alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.browser import Browser
from seaway.lab.accounts import TURN_PASSWORD, TURN_USER
from seaway.lab.network import Network
from seaway.lab.stage import Stage

pytestmark = pytest.mark.interop

_HERE = Path(__file__).parent


@pytest.fixture
def network(stage: Stage) -> Network:
    assert stage.network is not None
    return stage.network


@pytest.mark.parametrize(
    ("host", "transport", "port", "far"),
    [
        pytest.param("phone-out", "udp", 3478, "relay", id="both-relayed-behind-nat"),
        pytest.param("peer-out", "udp", 3478, "all", id="relay-to-a-public-host"),
        pytest.param("phone-out", "tcp", 3478, "relay", id="over-tcp"),
    ],
)
def test_aiortc(network: Network, host: str, transport: str, port: int, far: str) -> None:
    """A data channel and audio between two peers."""
    url = f"turn:{network.plan.edge_public}:{port}?transport={transport}"
    script = str(_HERE / "aiortc_peers.py")
    output = network.run(host, ["timeout", "25", sys.executable, script, url, TURN_USER, TURN_PASSWORD, far])
    found = json.loads(output.strip().splitlines()[-1])
    assert found["done"] and found["echoed"] == 20 and found["frames"] >= 25, found
    assert found["near"] == ["relay"] and (far == "all" or found["far"] == ["relay"]), found


@pytest.fixture(scope="module")
def browser(stage: Stage) -> Iterator[Browser]:
    """Behind the home router, with the page loaded."""
    assert stage.network is not None
    net = stage.network
    made = Browser(net, "phone-out", net.dir / "tls" / "edge1.pem", {"edge1.example.test": net.plan.edge_public})
    try:
        made.load((_HERE / "webrtc.html").as_uri())
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        # Over UDP Chromium asks the system for names, and the system asks nobody here.
        pytest.param("turn:203.0.113.20:3478?transport=udp", "udp", id="udp"),
        pytest.param("turn:edge1.example.test:3478?transport=tcp", "tcp", id="tcp"),
        pytest.param("turn:edge1.example.test:443?transport=tcp", "tcp", id="tcp-443"),
        pytest.param("turns:edge1.example.test:443?transport=tcp", "tls", id="tls-443"),
    ],
)
def test_chromium(network: Network, browser: Browser, url: str, protocol: str) -> None:
    """Camera, microphone and a data channel from one page to itself, all of it by the edge's relays."""
    found = browser.call("run", url, TURN_USER, TURN_PASSWORD)
    assert found["done"] == 20, found
    assert found["audio"] > 50 and found["video"] > 20, found
    assert found["pair"]["local"] == found["pair"]["remote"] == "relay", found
    assert found["pair"]["protocol"] == protocol and found["pair"]["address"] == network.plan.edge_public, found
