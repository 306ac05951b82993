"""The node's file: each mistake is one line with setting, value and remedy, and no line shows a secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seaway.runtime.config import ConfigError, load_node_config, parse_node_config
from tests.runtime.rig import DEPLOYMENT

GOOD = """
node = "core1"
deployment = "deployment.toml"
run_dir = "run/core1"
[tls]
ca = "tls/ca.pem"
certificate = "tls/core1.pem"
key = "/etc/seaway/core1.key"
[[traversal]]
name = "pair"
user = "core1"
password = "planted-canary"
[[user]]
name = "alice"
password = "planted-canary"
[[user]]
name = "bob"
ha1_sha256 = "{sha}"
[[neighbour]]
name = "cucm"
addresses = ["10.0.1.30"]
transport = "tls"
verify_name = "cucm.example.test"
[[rule]]
priority = 10
match = '.*@example\\.test'
target = "registrations"
[[rule]]
priority = 20
match = ".*"
target = "cucm"
""".replace("{sha}", "a" * 64)


def parse(text: str, path: str = "/etc/seaway/core1.toml") -> object:
    return parse_node_config(text, Path(path))


def test_a_whole_file() -> None:
    config = parse_node_config(GOOD, Path("/etc/seaway/core1.toml"))
    assert config.deployment_path == Path("/etc/seaway/deployment.toml")
    assert config.run_dir == Path("/etc/seaway/run/core1") and config.run_as == "nobody"
    assert config.tls is not None and config.tls.ca == Path("/etc/seaway/tls/ca.pem")
    assert config.tls.key == Path("/etc/seaway/core1.key")
    assert [each.target for each in config.rules] == ["registrations", "cucm"]
    assert "planted-canary" not in repr(config)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('run_dir = "run/core1"', "", "run_dir: is missing; add run_dir there"),
        ('run_dir = "run/core1"', 'rundir = "x"', "(rundir|run_dir)"),
        ("[tls]", 'run_ass = "nobody"\n[tls]', r'run_ass = "nobody": unknown setting; did you mean \'run_as\'\?'),
        ("[tls]", "[log]\nlevl = 1\n[tls]", r"log\.levl = 1: unknown setting; did you mean 'level'\?"),
        ("[tls]", '[log]\nformat = "xml"\n[tls]', r"log\.format = \"xml\": input should be 'text' or 'json'"),
        ("[tls]", '[sip]\nwebsocket_origins = ["app.test"]\n[tls]', r"websocket_origins\.1 .*is no web origin"),
        ("[tls]", "[limits]\nconnections = 0\n[tls]", r"limits\.connections = 0: "),
        ("[tls]", "[registrar]\nminimum = 5000\n[tls]", "registrar.minimum is above registrar.maximum"),
        ('name = "bob"', 'name = "alice"', "user alice occurs twice"),
        ('name = "cucm"\n', 'name = "pair"\n', "zone pair occurs twice"),
        ("priority = 20", "priority = 10", "rule priority 10 occurs twice"),
        ("priority = 20", "priority = 0", r"rule\.2\.priority = 0: "),
        ('match = ".*"', 'match = "("', r"rule\.2\.match = \"\(\": is no regular expression"),
        ('target = "cucm"', 'target = "cumc"', r"rule 20: there is no zone \"cumc\"; did you mean 'cucm'\?"),
        ('verify_name = "cucm.example.test"', "", "neighbour cucm: TLS needs verify_name"),
        ("a" * 64, "A" * 64, "ha1_sha256 is not 64 lower-case hex digits"),
        ('ha1_sha256 = "', 'password = "x"\nha1_sha256 = "', "give either password or ha1_sha256"),
        (
            'password = "planted-canary"\n[[user]]\nname = "bob"',
            '[[user]]\nname = "bob"',
            "user alice: give either password",
        ),
        ('addresses = ["10.0.1.30"]', "addresses = []", r"neighbour\.1\.addresses"),
        ('node = "core1"', "node = core1", "not valid TOML"),
        ('user = "core1"\npassword = "planted-canary"', 'user = "core1"\npassword = 5', r"traversal\.1\.password: "),
    ],
)
def test_each_mistake_is_one_clear_line(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace(old, new, 1))
    line = str(caught.value)
    assert re.search(expected, line), line
    assert line.startswith("/etc/seaway/core1.toml: ") and "\n" not in line and "; " in line
    assert "planted-canary" not in line


def test_the_node_must_be_in_its_deployment(tmp_path: Path) -> None:
    (tmp_path / "deployment.toml").write_text(DEPLOYMENT)
    path = tmp_path / "node.toml"
    path.write_text(GOOD)
    config, deployment = load_node_config(path)
    assert config.node == "core1" and deployment.name == "rig"
    path.write_text(GOOD.replace('node = "core1"', 'node = "core2"'))
    with pytest.raises(ConfigError, match=r"node = \"core2\": .* has no such node; did you mean 'core1'\?"):
        load_node_config(path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(No such file"):
        load_node_config(tmp_path / "none.toml")
    path = tmp_path / "node.toml"
    path.write_text(GOOD)
    with pytest.raises(
        ConfigError, match=rf"deployment: there is no file {re.escape(str(tmp_path))}/deployment\.toml; "
    ):
        load_node_config(path)
