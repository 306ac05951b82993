"""The documents: every TOML example is loaded as `seaway node check` and `seaway map check` load it, every command that
a document shows is one that the command line has, and every local link leads somewhere."""

from __future__ import annotations

import argparse
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from seaway.admin.cli import _parser as seaway_parser
from seaway.admin.cli import main
from seaway.identity.ca import create_authority, issue, revoke
from seaway.lab.cli import _parser as lab_parser
from tests.house import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLE = ROOT / "examples" / "first-call.toml"

# What an example that is a part of a file is joined to.
BASE = """
node = "{node}"
deployment = "deployment.toml"
run_dir = "run"
[tls]
ca = "tls/ca.pem"
certificate = "tls/{node}.pem"
key = "tls/{node}.key"
[[traversal]]
name = "pair"
user = "core1"
password = "in-a-test"
"""


# Warnings about what the example is joined to.
USUAL = ("no search rule leads to zone", "ports.relay 24000-29999 and ports.sip_source")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page, with the line it begins at."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(language: str) -> list[Block]:
    found = []
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if match[1] == language:
                found.append(Block(path.name, text.count("\n", 0, match.start()) + 1, match[1], match[2]))
    return found


def is_deployment(block: Block) -> bool:
    return "firewall" in tomllib.loads(block.text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files that the examples name."""
    folder = tmp_path_factory.mktemp("site")
    deployment = EXAMPLE.read_text(encoding="utf-8")
    deployment = deployment.replace("[services]\n", "[services]\ncall_policy = true\n")
    (folder / "deployment.toml").write_text(
        deployment.replace(
            "[hosts]\n", '[hosts]\npolicy_server = ["10.0.1.80"]\nunified_cm = ["10.0.1.30", "10.0.1.31"]\n'
        )
    )
    (folder / "policy.xml").write_text(blocks("xml")[0].text)
    authority = create_authority(folder / "tls", "CA of the examples")
    for name in ("core1", "edge1", "meet"):
        issue(folder / "tls", name, [f"{name}.example.test"])
    revoke(folder / "tls", [])
    (folder / "tls" / "policy-ca.pem").write_bytes(authority.read_bytes())
    return folder


@pytest.mark.parametrize("block", [each for each in blocks("toml") if not is_deployment(each)], ids=str)
def test_an_example_of_a_nodes_file_loads(block: Block, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = "core1" if "core only" in block.text and "edge only" not in block.text else "edge1"
    text = block.text
    if node == "edge1":  # a page that shows all settings has some that only the other node takes
        text = "".join(line for line in text.splitlines(keepends=True) if "# core only" not in line)
    path = site / f"{block.page}-{block.line}.toml"
    path.write_text(text if "node" in tomllib.loads(text) else BASE.replace("{node}", node) + text)
    status = main(["node", "check", str(path)])
    said = [each for each in capsys.readouterr().err.splitlines() if not any(usual in each for usual in USUAL)]
    assert (status, said) == (0, [])


@pytest.mark.parametrize("block", [each for each in blocks("toml") if is_deployment(each)], ids=str)
def test_an_example_of_a_deployment_loads(block: Block, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deployment.toml"
    path.write_text(block.text)
    status = main(["map", "check", str(path)])
    assert (status, capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.name)
def test_the_example_files_load(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", "check", str(path)]) == 0


def commands() -> list[tuple[str, str]]:
    """(page, command) of every `seaway ...` in code, in blocks and in running text."""
    found = set()
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        spans = re.findall(r"(?<!`)`(seaway [^`]+)`", text)
        for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            spans += re.findall(r"^(?:\$ )?(?:sudo )?(?:\.venv/bin/)?(seaway [^\n]+)$", block, re.MULTILINE)
        found |= {(path.name, " ".join(each.split())) for each in spans}
    return sorted(found)


def problem(words: list[str], parser: argparse.ArgumentParser) -> str:
    """What `parser` does not know of a command line as a document shows it; "" when it knows all."""
    choices: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            if not words or not re.fullmatch(r"[a-z0-9]+", words[0]):
                return ""  # the command as such
            if words[0] not in action.choices:
                return f"there is no command {words[0]}"
            return problem(words[1:], action.choices[words[0]])
        choices += [] if action.option_strings else [str(each) for each in action.choices or ()]
    known = {each for action in parser._actions for each in action.option_strings}
    for word in words:
        if word == "--":
            break
        option = word.strip("[]").partition("|")[2] or word.strip("[]")
        if option.startswith("--") and option not in known:
            return f"there is no option {option}"
    if choices and words and re.fullmatch(r"[a-z]+", words[0]) and words[0] not in choices:
        return f"{words[0]} is none of {', '.join(choices)}"
    return ""


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_that_a_document_shows_is_there(page: str, command: str) -> None:
    words = command.split()[1:]
    lab = words[:1] == ["lab"]
    assert problem(words[1:] if lab else words, lab_parser() if lab else seaway_parser()) == ""


def test_a_command_that_is_not_there_is_seen() -> None:
    assert problem(["stauts"], seaway_parser()) == "there is no command stauts"
    assert problem(["status", "zonse"], seaway_parser()).startswith("zonse is none of status, zones")
    assert problem(["alarms", "[--jsn]"], seaway_parser()) == "there is no option --jsn"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_local_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [each for each in targets if not (path.parent / each).exists()] == []
