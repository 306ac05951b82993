"""The rules of the house hold for every file, and each rule fails on a bad sample."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import house
from tests.house import ROOT, Module

_SOURCE = ROOT / "src" / "seaway"
_FILES = sorted(str(path.relative_to(_SOURCE)) for path in _SOURCE.rglob("*.py"))
_RULES = (house.imports, house.purity, house.sockets, house.loose_reading, house.header, house.length)


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: rule.__name__)
def test_rule_holds_everywhere(rule: Callable[[Module], list[str]]) -> None:
    broken = [line for path in _FILES for line in rule(Module(path, (_SOURCE / path).read_text()))]
    assert not broken, "\n".join(broken)


def test_every_room_is_there_and_no_other() -> None:
    assert {path.split("/")[0] for path in _FILES if "/" in path} == set(house.ROOMS)


def test_the_documented_order_is_the_tested_one() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    places = [text.index(f"| `{room}/` |") for room in house.ROOMS]
    assert places == sorted(places)


BAD = [
    (house.imports, "wire/sip/x.py", "from seaway.runtime.sockets import Sockets"),
    (house.imports, "wire/x.py", "import seaway.core.sip.io"),
    (house.imports, "core/sip/x.py", "from ...call import control"),
    (house.imports, "catalog/x.py", "def f():\n    from seaway.wire import digits"),
    (house.imports, "gadgets/x.py", "x = 1"),
    (house.imports, "admin/status.py", "from seaway.lab.cli import main"),
    (house.purity, "core/x.py", "import time"),
    (house.purity, "wire/x.py", "from asyncio import sleep"),
    (house.purity, "call/x.py", "def f():\n    import secrets"),
    (house.purity, "policy/x.py", "import logging"),
    (house.purity, "wire/x.py", "from pathlib import Path"),
    (house.purity, "core/x.py", "x = open('f')"),
    (house.purity, "policy/cpl/times.py", "x = datetime.now()"),
    (house.sockets, "runtime/udp.py", "import socket\nx = socket.socket()"),
    (house.sockets, "media/x.py", "from socket import socket\nx = socket()"),
    (house.sockets, "runtime/x.py", "import socket\nclass Mine(socket.socket): ..."),
    (house.sockets, "runtime/x.py", "s.bind(('0.0.0.0', 5060))"),
    (house.sockets, "admin/x.py", "s.connect(('192.0.2.1', 80))"),
    (house.sockets, "runtime/x.py", "async def f():\n    await loop.create_connection(P, 'host', 80)"),
    (house.sockets, "runtime/x.py", "async def f():\n    await loop.create_server(P, 'host', 80)"),
    (house.sockets, "lab/x.py", "async def f():\n    await asyncio.open_connection('host', 80)"),
    (house.sockets, "admin/x.py", "loop.create_connection(P, sock=s)"),
    (house.sockets, "runtime/ipc.py", "loop.create_connection(P, 'host', 80)"),
    (house.sockets, "runtime/ipc.py", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"),
    (house.sockets, "runtime/ipc.py", "made.connect(('192.0.2.1', 80))"),
    (house.loose_reading, "wire/sip/x.py", "x = int(data)"),
    (house.loose_reading, "core/x.py", "x = int(data, 16)"),
    (house.loose_reading, "call/paths.py", "def other():\n    x = int(data)"),
    (house.loose_reading, "call/x.py", "x = text.splitlines()"),
    (house.loose_reading, "wire/x.py", "x = text.isdecimal()"),
    (house.loose_reading, "wire/x.py", "import re\nx = re.compile('\\\\d+')"),
    (house.loose_reading, "wire/x.py", "import re\nx = re.match(r'a\\s*b', t)"),
    (house.header, "wire/x.py", "x = 1"),
    (house.header, "wire/x.py", "# a comment\n'''text'''"),
    (house.length, "wire/x.py", "x = 1\n" * 401),
]


@pytest.mark.parametrize(
    ("rule", "path", "text"), BAD, ids=[f"{rule.__name__}-{n}" for n, (rule, _, _) in enumerate(BAD)]
)
def test_rule_fails_on_a_bad_sample(rule: Callable[[Module], list[str]], path: str, text: str) -> None:
    found = rule(Module(path, text))
    assert found and all(line.startswith(path) for line in found)


GOOD = [
    (house.imports, "call/x.py", "from seaway.core.sip.io import Flow\nfrom seaway.identity import digest"),
    (house.purity, "observe/x.py", "import logging, time"),
    (house.purity, "catalog/x.py", "from pathlib import Path"),
    (house.purity, "policy/cpl/times.py", "from datetime import datetime"),
    (house.sockets, "runtime/sockets.py", "import socket\nx = socket.socket()\nx.bind(a)"),
    (house.sockets, "runtime/ipc.py", "loop.create_unix_server(P, path)"),
    (house.sockets, "runtime/ipc.py", "socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind(str(path))"),
    (house.sockets, "runtime/x.py", "loop.create_connection(P, sock=s, ssl=c)"),
    (house.loose_reading, "wire/digits.py", "x = int(data)"),
    (house.loose_reading, "call/paths.py", "def _flow_of():\n    x = int(data)"),
    (house.loose_reading, "wire/x.py", "import re\nx = re.compile(rb'\\d+')"),
    (house.loose_reading, "runtime/x.py", "x = int(text)"),
    (house.header, "wire/__init__.py", ""),
    (house.length, "wire/x.py", "x = 1\n" * 400),
]


@pytest.mark.parametrize(
    ("rule", "path", "text"), GOOD, ids=[f"{rule.__name__}-{n}" for n, (rule, _, _) in enumerate(GOOD)]
)
def test_rule_passes_a_good_sample(rule: Callable[[Module], list[str]], path: str, text: str) -> None:
    assert rule(Module(path, text)) == []


def test_repository_files_name_nothing_of_a_machine() -> None:
    """No registry hosts, no local paths, in what everybody gets."""
    names = ["requirements.lock", "requirements-dev.lock", "Makefile", "pyproject.toml", ".ci/run", "CONTRIBUTING.md"]
    names += [str(path.relative_to(ROOT)) for path in (ROOT / "scripts").iterdir() if path.is_file()]
    for name in names:
        text = (ROOT / name).read_text()
        for word in ("://", "/root/", "/home/", "--index-url", "--find-links"):
            assert word not in text, f"{name} has {word}"


def test_lock_files_pin_by_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        blocks = [block for block in (ROOT / name).read_text().split("\n") if block and block[0].isalpha()]
        assert len(blocks) > 10
        for line in blocks:
            assert "==" in line and line.endswith("\\"), f"{name}: {line}"
