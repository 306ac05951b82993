"""Call policy and bandwidth in a node's file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seaway.policy.bandwidth import Link, Pipe, Place
from seaway.policy.call_rules import Caller
from seaway.policy.subzones import Membership
from seaway.runtime.config import ConfigError, parse_node_config
from seaway.runtime.control_config import control_config
from tests.runtime.rig import deployment, resolution
from tests.runtime.test_config import GOOD, parse
from tests.runtime.test_control_config import ZONE, build

RULES = """
[[call_rule]]
priority = 10
action = "reject"
destination_type = "prefix"
destination = "9"
status = 603
reason = "No outside line"
[bandwidth]
default_call = 512
downspeed_total = false
[[subzone]]
name = "ward"
within = 1000
[[membership]]
priority = 1
subzone = "ward"
subnet = "10.0.7.0/24"
[[pipe]]
name = "line"
total = 2000
[[link]]
name = "out"
ends = ["ward", "pair"]
pipes = ["line"]
"""


def test_they_reach_call_control() -> None:
    config = build("core1", ZONE + RULES)
    rule = config.policy.rules.decide(Caller("default", "a@b", True), "9123@example.test")
    assert rule is not None and (rule.status, rule.reason) == (603, "No outside line")
    policy = config.bandwidth
    assert policy is not None
    assert (policy.default_call, policy.downspeed_per_call, policy.downspeed_total) == (512, True, False)
    assert set(policy.places) == {
        Place("ward", within=1000), Place("DefaultSubZone"), Place("DefaultZone"), Place("pair"),
    }  # fmt: skip
    assert policy.pipes == (Pipe("line", 2000),)
    assert policy.links == (
        Link("out", ("ward", "pair"), ("line",)),
        Link("DefaultZone (automatic)", ("DefaultZone", "DefaultSubZone")),
    )
    assert config.memberships == (Membership(1, "subnet", "10.0.7.0/24", "ward"),)


def test_nothing_of_it_by_default() -> None:
    config = build("core1")
    assert config.bandwidth is None
    assert not config.policy


def test_a_script(tmp_path: Path) -> None:
    (tmp_path / "policy.xml").write_text("<cpl><incoming><reject status='busy'/></incoming></cpl>")
    text = f'node = "core1"\ndeployment = "d.toml"\nrun_dir = "run"\n{ZONE}[policy]\ncpl = "policy.xml"\n'
    config = parse_node_config(text, tmp_path / "node.toml")
    assert control_config(config, deployment(), resolution(), b"s" * 32).policy.script is not None
    (tmp_path / "policy.xml").write_text("<cpl>\n<incoming><rejct/></incoming></cpl>")
    with pytest.raises(ConfigError, match=r"policy\.xml: line 2: 'rejct' is no node of CPL"):
        control_config(config, deployment(), resolution(), b"s" * 32)
    (tmp_path / "policy.xml").unlink()
    with pytest.raises(ConfigError, match="cannot be read: no such file"):
        control_config(config, deployment(), resolution(), b"s" * 32)


SERVICE = '[policy.service]\nurl = "https://policy.example.test/"\n'


def test_a_service_is_for_the_core() -> None:
    service = build("core1", ZONE + SERVICE).policy.service
    assert service is not None and (service.timeout, service.default, service.status) == (3.0, "reject", 504)
    with pytest.raises(ConfigError, match="edge asks no policy service"):
        build("edge1", ZONE + SERVICE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[call_rule]]\npriority = 1\naction = "reject"\nsource = "("\n', "call rule 1: no regular expression"),
        ('[[call_rule]]\npriority = 1\naction = "deny"\n', r"call_rule\.1\.action"),
        ('[[call_rule]]\npriority = 1\naction = "allow"\n' * 2, "call rule priority 1 occurs twice"),
        (SERVICE.replace("https", "http"), "url is no URL like https"),
        (SERVICE + 'user = "x"\n', "user and password belong together"),
        (SERVICE + "timeout = 60\n", "timeout is above 30"),
        (SERVICE + '[policy]\ncpl = "x"\n', "policy has cpl and service"),
        ('[[link]]\nname = "l"\nends = ["DefaultSubZone", "cumc"]\n', r"link l: there is no place \"cumc\"; did you"),
        ('[[link]]\nname = "l"\nends = ["cucm", "pair"]\npipes = ["p"]\n', "names pipe p, which does not exist"),
        ('[[subzone]]\nname = "a"\n' * 2, "a subzone occurs twice"),
        ('[[membership]]\npriority = 1\nsubzone = "a"\n', "needs subnet or alias"),
        ('[[membership]]\npriority = 1\nsubzone = "a"\nsubnet = "10.0.0.1/8"\n', "no network"),
        ('[[membership]]\npriority = 1\nsubzone = "a"\nalias = "x"\n', r"there is no subzone \"a\""),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD + text)
    assert re.search(expected, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)
