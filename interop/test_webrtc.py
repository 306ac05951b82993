"""WebRTC through the TURN server: aiortc and a headless Chromium, by relay alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

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
