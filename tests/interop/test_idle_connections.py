"""Ten thousand connections that say nothing: memory bounded, the next good request answered, all gone in time."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.runtime.rig import EDGE_OUTER, message
from tests.runtime.test_supervisor import Nodes, nodes, wait

__all__ = ["nodes"]

_COUNT = 9_900
_SOURCES = 60
_PATIENCE = 10.0
_NET = EDGE_OUTER.rsplit(".", 2)[0]


@pytest.fixture
def descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * _COUNT:
        pytest.skip(f"needs {2 * _COUNT} descriptors, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def octets(pid: int) -> int:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def connect(number: int) -> socket.socket:
    source = (f"{_NET}.9.{1 + number % _SOURCES}", 0)
    return socket.create_connection((EDGE_OUTER, 5060), timeout=5, source_address=source)


def ask() -> bytes:
    with connect(0 if _SOURCES > 200 else _SOURCES - 1) as link:
        link.sendall(message())
        return link.recv(4096)


@pytest.mark.usefixtures("descriptors")
def test_idle_connections_cost_little_and_end(nodes: Nodes) -> None:
    limits = f"[limits]\nfirst_request = {_PATIENCE}\n"
    ready = nodes.ready("edge1", nodes.start(nodes.write("edge1", extra=limits)))
    assert ask().startswith(b"SIP/2.0 ")
    before = octets(ready["signal"])
    begin = time.monotonic()
    with ExitStack() as held:
        for number in range(_COUNT):
            held.enter_context(connect(number))
        opened = time.monotonic() - begin
        (summary,) = nodes.status("edge1", "status")
        if opened < _PATIENCE * 0.8:
            assert summary["connections"] > _COUNT * 0.9
        assert ask().startswith(b"SIP/2.0 ")
        each = (octets(ready["signal"]) - before) / _COUNT
        assert each < 16 * 1024, f"{each:.0f} octets for an idle connection"
        wait(lambda: nodes.status("edge1", "status")[0]["connections"] == 0, _PATIENCE + 15)
    assert ask().startswith(b"SIP/2.0 ")
    (summary,) = nodes.status("edge1", "status")
    assert summary["defects"] == 0
    print(f"{_COUNT} connections in {opened:.1f} s, {each:.0f} octets each")
