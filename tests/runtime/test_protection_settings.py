"""The [protection] table, and who is exempt in a deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.catalog.resolve import resolve
from seaway.policy.intrusion import DEFAULTS, Category, Intrusion, Trigger
from seaway.runtime.config import ConfigError, NodeConfig, parse_node_config
from seaway.runtime.protection_settings import exempt_networks, triggers
from tests.runtime.rig import CORE, DNS, EDGE_OUTER, INSIDE, OUTSIDE, deployment


def config(text: str) -> NodeConfig:
    base = 'node = "edge1"\ndeployment = "d.toml"\nrun_dir = "run"\n'
    return parse_node_config(base + text, Path("/etc/seaway/edge1.toml"))


def test_the_usual() -> None:
    assert triggers(config("").protection) == dict(DEFAULTS)


def test_what_is_set() -> None:
    text = "[protection.authentication]\nthreshold = 3\nblock = 60.0\n[protection.flood]\nenabled = false\n"
    found = triggers(config(text).protection)
    usual = DEFAULTS[Category.AUTHENTICATION]
    assert found[Category.AUTHENTICATION] == Trigger(3, usual.window, 60.0)
    assert not found[Category.FLOOD].enabled and found[Category.SCANNER] == DEFAULTS[Category.SCANNER]
    assert not any(each.enabled for each in triggers(config("[protection]\nenabled = false\n").protection).values())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[protection]\nexempt = ["198.51.100.7/24"]', "is no address or network"),
        ("[protection.scanner]\nthreshold = 0", "protection.scanner.threshold"),
        ("[protection.scaner]\nthreshold = 1", "unknown setting"),
    ],
)
def test_mistakes_are_one_line(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(text)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_our_own_are_exempt() -> None:
    """The other node, neighbours, hosts named in the deployment, and what is configured; nobody else."""
    zone = '[[neighbour]]\nname = "cm"\naddresses = ["192.0.2.30", "cm.example.test"]\n'
    made = config(f'[protection]\nexempt = ["203.0.113.0/24"]\n{zone}')
    there = deployment()
    policy = Intrusion(exempt=exempt_networks(made, there, resolve(there)))
    for address in (CORE, EDGE_OUTER, DNS, INSIDE, "192.0.2.30", "203.0.113.9", "::1"):
        assert policy.exempts(address), address
    for address in ("192.0.2.31", "198.51.100.1", "2001:db8::1"):
        assert not policy.exempts(address), address
    assert OUTSIDE.startswith("127."), "the rig lives on loopback"
