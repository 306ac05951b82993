"""`[[domain]]` in a node's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.call.config import Registrations
from seaway.runtime.config import ConfigError, parse_node_config
from seaway.runtime.registration_config import registrations

_NODE = 'node = "edge1"\ndeployment = "d.toml"\nrun_dir = "run"\n'
_ZONES = """
[[traversal]]
name = "pair"
user = "core1"
password = "a long enough secret"
[[neighbour]]
name = "trunk"
addresses = ["10.0.1.30"]
[[neighbour]]
name = "safe"
addresses = ["10.0.1.31"]
transport = "tls"
verify_name = "safe.example.test"
"""


def parse(text: str) -> tuple[Registrations, ...]:
    return tuple(registrations(each) for each in parse_node_config(_NODE + text + _ZONES, Path("n.toml")).domain_tables)


def test_what_may_stand_there() -> None:
    (one, two) = parse(
        """
[[domain]]
name = "Example.test"
[[domain]]
name = "b.test"
register_on = "pair"
allow = [{ type = "suffix", pattern = "@b.test" }]
deny = [{ pattern = "guest@b.test" }]
"""
    )
    assert one == Registrations("example.test")
    assert two == Registrations("b.test", "pair", (("suffix", "@b.test"),), (("exact", "guest@b.test"),))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[[domain]]\nname = "a.test"\nregister_on = "pear"\n', 'there is no traversal zone "pear"'),
        ('[[domain]]\nname = "a.test"\nregister_on = "trunk"\n', 'zone "trunk"'),
        ('[[domain]]\nname = "a.test"\nregister_on = "safe"\n', 'zone "safe"'),
        ('[[domain]]\nname = "a.test"\n[[domain]]\nname = "A.test"\n', "occurs twice"),
        ('[[domain]]\nname = "a.test"\nallow = [{ type = "regex", pattern = "(" }]\n', "domain a.test"),
        ('[[domain]]\nname = "a.test"\nalow = []\n', "unknown setting"),
        ('[[identity]]\nuser = "a"\nmay_be = []\n', "identity.1.may_be"),
        ('[[identity]]\nuser = "a"\nmay_be = [{ type = "regex", pattern = "(" }]\n', "identity of a"),
        ('[registrar]\nservice_route = ["sip:core1"]\n', "is no SIP URI with lr"),
        ('[registrar]\nservice_route = ["core1;lr"]\n', "is no SIP URI"),
    ],
)
def test_mistakes_are_one_line(text: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert part in str(caught.value) and "\n" not in str(caught.value)
