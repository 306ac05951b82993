"""Bursts of datagrams: the same from the compiled form and from plain Python."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import seaway.runtime
from seaway.runtime import burst


def _plain() -> ModuleType:
    spec = spec_from_file_location("plain_burst", Path(seaway.runtime.__path__[0]) / "burst.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["as it runs", "plain"])
def form(request: pytest.FixtureRequest) -> ModuleType:
    return burst if request.param == "as it runs" else _plain()  # type: ignore[return-value]


@pytest.fixture(params=["127.0.0.1", "::1"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as near, socket.socket(family, socket.SOCK_DGRAM) as far:
        for each in (near, far):
            each.setblocking(False)
            each.bind((request.param, 0))
        yield near, far


def test_all_arrive_in_order_with_their_source(form: ModuleType, ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    to, source = far.getsockname()[:2], near.getsockname()[:2]
    queue = [(b"%d" % number, to) for number in range(150)]
    assert form.send(near, queue) == (150, [])
    got: list[tuple[bytes, tuple[str, int]]] = []
    sizes = []
    while True:
        found, errors = form.receive(far)
        assert errors == 0
        if not found:
            break
        sizes.append(len(found))
        got += found
    assert got == [(data, source) for data, _ in queue]
    assert sizes == [form.MOST, form.MOST, 150 - 2 * form.MOST]


def test_the_longest_and_the_empty_datagram(form: ModuleType, ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    to = far.getsockname()[:2]
    longest = b"x" * 65507
    assert form.send(near, [(longest, to), (b"", to), (b"y", to)]) == (3, [])
    assert [data for data, _ in form.receive(far)[0]] == [longest, b"", b"y"]


def test_one_that_cannot_go_does_not_stop_the_others(
    form: ModuleType, ends: tuple[socket.socket, socket.socket]
) -> None:
    near, far = ends
    to = far.getsockname()[:2]
    queue = [(b"x" * 70_000, to), (b"a", to), (b"b", (to[0], 65536)), (b"x" * 70_000, to), (b"c", to)]
    assert form.send(near, queue) == (5, [(0, errno.EMSGSIZE), (2, errno.EINVAL), (3, errno.EMSGSIZE)])
    assert [data for data, _ in form.receive(far)[0]] == [b"a", b"c"]


def test_nothing_waits(form: ModuleType, ends: tuple[socket.socket, socket.socket]) -> None:
    assert form.receive(ends[1]) == ([], 0)
    assert form.send(ends[0], []) == (0, [])


def test_what_is_no_queue_is_refused(form: ModuleType, ends: tuple[socket.socket, socket.socket]) -> None:
    for wrong in ([b"data"], [(b"data",)], [("text", ("127.0.0.1", 1))]):
        with pytest.raises((TypeError, ValueError)):
            form.send(ends[0], wrong)


def test_a_closed_socket_is_an_error_not_a_crash(form: ModuleType, ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].close()
    try:
        done, failed = form.send(ends[0], [(b"x", ends[1].getsockname()[:2])])
    except (OSError, ValueError):
        return
    assert (done, failed) == (1, [(0, errno.EBADF)])
