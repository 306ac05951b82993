"""Who may use the kernel fast path, how long it lives, and what it says when it cannot be had. As root."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path as FilePath

import pytest

from seaway.media.flows import Flow, FlowError, FlowKind, PortKind
from seaway.runtime.fastpath import attach
from seaway.runtime.fastpath import bpf_syscall as bpf
from seaway.runtime.fastpath.attach import close_all
from seaway.runtime.fastpath.bpffs import clean_pins, is_bpffs, mount_bpffs
from seaway.runtime.fastpath.confined import NEEDED, WANTED, confine
from seaway.runtime.fastpath.kernel import (
    RELAY,
    TURN,
    KernelFastPath,
    KernelTable,
    interfaces_of,
    load,
    load_confined,
)
from tests.runtime.fastpath.kernel_fixtures import ENGINES, network
from tests.runtime.fastpath.kernel_rig import A4, RA4, RA6, RB4, Network, Path, run

__all__ = ["network"]  # fixture

pytestmark = pytest.mark.interop


@pytest.fixture
def fast(network: Network) -> Iterator[KernelFastPath]:
    with network.inside("r"):
        made = load_confined(["ra", "rb"], "tc", max_flows=3)
    yield made
    made.close()


@pytest.fixture
def table(fast: KernelFastPath) -> KernelTable:
    return KernelTable(fast, RELAY)


@pytest.fixture
def way(network: Network, table: KernelTable) -> Iterator[Path]:
    made = Path(network, table)
    yield made
    made.close()


def in_child(action: Callable[[], None]) -> str:
    """What `action` raised in a forked child; empty when it did not."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            action()
            said = ""
        except BaseException as problem:  # noqa: BLE001
            said = repr(problem)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 4000).decode()
    os.close(reader)
    os.waitpid(child, 0)
    return said


def test_maps_need_no_capability(fast: KernelFastPath, way: Path) -> None:
    def use() -> None:
        confine(0)
        with open("/proc/self/status") as status:
            assert "CapEff:\t0000000000000000" in status.read()
        mine = KernelTable(fast, TURN)
        mine.attach(way.out_port, PortKind.PLAIN)
        key = replace(way.flow()).key._replace(local=way.out_port.getsockname())
        mine.add(replace(way.flow(), key=key))
        assert mine.keys() == [key]
        assert mine.read(key) is not None and mine.remove(key) is not None
        assert mine.global_counters() == {} or "fast" not in mine.global_counters()
        mine.detach(way.out_port.getsockname())

    assert in_child(use) == ""


def test_the_child_that_loads_has_three_capabilities() -> None:
    def check() -> None:
        confine(WANTED)
        with open("/proc/self/status") as status:
            lines = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
        for name in ("CapEff", "CapPrm", "CapBnd"):
            assert lines[name] == f"{1 << 12 | 1 << 38 | 1 << 39:016x}", (name, lines[name])
        assert lines["Uid"].split()[0] == "65534"
        try:
            os.setuid(0)
        except PermissionError:
            return
        raise AssertionError("became root again")

    assert in_child(check) == ""


@pytest.mark.parametrize("engine", ENGINES)
def test_two_capabilities_are_enough(network: Network, engine: str) -> None:
    """Without CAP_PERFMON the verifier is stricter: no calculation with pointers that might be wrong."""

    def make() -> None:
        confine(NEEDED)
        assert load(["ra", "rb"], engine).engine == engine

    with network.inside("r"):
        assert in_child(make) == ""


def test_a_flow_of_another_owner_is_not_listed(fast: KernelFastPath, table: KernelTable, way: Path) -> None:
    table.add(way.flow())
    assert table.keys() == [way.key()]
    assert KernelTable(fast, TURN).keys() == []
    assert KernelTable(fast, RELAY).keys() == [way.key()]  # a successor of the same owner


def test_a_full_map_is_one_line(table: KernelTable, way: Path) -> None:
    for port in range(3):
        table.add(replace(way.flow(), key=way.key()._replace(remote=(A4, 1000 + port))))
    with pytest.raises(FlowError, match="3 of 3 flows in use"):
        table.add(way.flow())
    table.add(replace(way.flow(), key=way.key()._replace(remote=(A4, 1000))))  # replaced
    table.remove(way.key()._replace(remote=(A4, 1001)))
    table.add(way.flow())


def test_ends_of_two_families_are_refused(table: KernelTable, way: Path) -> None:
    with pytest.raises(FlowError, match="differ in family"):
        table.add(Flow(way.key(), ("fd77:2::2", 1), ("fd77:2::1", 2)))
    with pytest.raises(FlowError, match="families"):
        table.add(Flow(way.key()._replace(remote=("fd77:1::1", 1)), (RB4, 1), (A4, 2)))
    with pytest.raises(FlowError, match="not an IP address"):
        table.add(Flow(way.key(), ("rtp.example", 1), (A4, 2)))


def test_a_port_is_read_in_one_way(network: Network, fast: KernelFastPath, table: KernelTable, way: Path) -> None:
    port = way.in_port.getsockname()[1]
    other = network.udp("r", RB4, port)
    with pytest.raises(FlowError, match="another way"):
        table.attach(other, PortKind.MUX)
    with pytest.raises(FlowError, match="another way"):
        KernelTable(fast, TURN).attach(other, PortKind.CHANNEL)
    table.attach(other, PortKind.PLAIN)
    table.detach(other.getsockname())
    table.add(way.flow(kind=FlowKind.DATA))
    way.send(b"still attached")
    assert way.passed() == b"still attached"
    other.close()


def test_packets_pass_while_anybody_holds_it(
    network: Network, table: KernelTable, fast: KernelFastPath, way: Path
) -> None:
    """The loading child is gone from the start; then the supervisor dies, and another process holds the rest."""
    table.add(way.flow())
    holder = os.fork()
    if holder == 0:
        signal.pause()
        os._exit(0)
    fast.close()
    table.close()
    try:
        way.send(b"the supervisor is dead")
        assert way.passed() == b"the supervisor is dead"
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    way.table = KernelTableGone()
    limit = time.monotonic() + 2.0
    while True:  # the kernel takes it away a little later
        way.send(b"everybody is dead")
        way.in_port.settimeout(0.1)
        try:
            assert way.went_up() == b"everybody is dead"
            return
        except TimeoutError:
            assert time.monotonic() < limit


class KernelTableGone(KernelTable):
    def __init__(self) -> None:
        pass

    def detach(self, local: tuple[str, int]) -> None:
        pass


def test_pins_hold_it_too(
    network: Network, fast: KernelFastPath, table: KernelTable, way: Path, tmp_path: FilePath
) -> None:
    table.add(way.flow())
    with pytest.raises(FlowError, match="bpffs"):
        fast.pin(tmp_path)
    pins = tmp_path / "pins"
    mount_bpffs(pins)
    try:
        assert is_bpffs(pins) and pins.stat().st_mode & 0o777 == 0o700
        fast.pin(pins)
        assert names_in(pins) == sorted(fast.fds)
        fast.close()
        way.send(b"pinned")
        assert way.passed() == b"pinned"
        clean_pins(pins)
        assert names_in(pins) == []
    finally:
        clean_pins(pins)
        run(f"umount {pins}")
    clean_pins(pins)  # no bpffs: nothing


def test_a_start_right_after_an_end(network: Network, tmp_path: FilePath) -> None:
    """The kernel takes pinned programs away a little after the pins are gone; native XDP must not be lost by that."""
    pins = tmp_path / "pins"
    mount_bpffs(pins)
    try:
        with network.inside("r"):
            for _ in range(3):
                made = load_confined(["ra", "rb"], "xdp-native")
                made.pin(pins)
                made.close()
                clean_pins(pins)
            load_confined(["ra", "rb"], "xdp-native").close()
    finally:
        clean_pins(pins)
        run(f"umount {pins}")


def names_in(pins: FilePath) -> list[str]:
    return sorted(each.name for each in pins.iterdir() if "." not in each.name)


def test_interfaces_of(network: Network) -> None:
    with network.inside("r"):
        assert interfaces_of([RB4, RA6, RA4, "192.0.2.1", "127.0.0.1"]) == ["rb", "ra", "lo"]
    with network.inside("a"):
        assert interfaces_of([RB4]) == []


def test_native_that_would_drop_gives_way(network: Network) -> None:
    """The far end neither polls nor has XDP: redirects to it are lost without a word."""
    run(f"ip netns exec {network.name('b')} ethtool -K kb gro off")
    try:
        with network.inside("r"):
            with pytest.raises(FlowError, match="rb drops redirected packets"):
                load_confined(["ra", "rb"], "xdp-native")
            made = load_confined(["ra", "rb"], "auto")
        assert made.engine == "tc"
        assert "rb drops redirected packets" in made.reason and "\n" not in made.reason
        made.close()
    finally:
        run(f"ip netns exec {network.name('b')} ethtool -K kb gro on")
    with network.inside("r"):
        made = load_confined(["ra", "rb"], "auto")
    assert (made.engine, made.reason) == ("xdp-native", "works on ra, rb")
    made.close()


def test_clsact_where_there_is_no_tcx(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux before 6.6. The filter outlives its processes: `close` takes it away, and so does the next start."""

    def no_tcx(*_: object) -> int:
        raise OSError(errno.EINVAL, "attach: invalid argument")

    link_create = bpf.link_create
    monkeypatch.setattr(bpf, "link_create", no_tcx)
    with network.inside("r"):
        fast = load_confined(["ra", "rb"], "tc")
        assert filters(network) == 2 and "link:ra" not in fast.fds
        table = KernelTable(fast, RELAY)
        way = Path(network, table)
        table.add(way.flow())
        way.send(b"by a filter")
        assert way.passed() == b"by a filter"
        way.close()
        fast.close()
        assert filters(network) == 0
        crashed = load_confined(["ra", "rb"], "tc")
        close_all(crashed.fds)
        assert filters(network) == 2
        monkeypatch.setattr(bpf, "link_create", link_create)
        fast = load_confined(["ra", "rb"], "tc")
        assert filters(network) == 0
        fast.close()


def filters(network: Network) -> int:
    command = ["tc", "-n", network.name("r"), "filter", "show", "dev"]
    shown = [subprocess.run([*command, device, "ingress"], capture_output=True, text=True) for device in ("ra", "rb")]
    return sum(" seaway direct-action" in each.stdout for each in shown)


def test_refusals_are_one_line(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    with network.inside("r"):
        for interfaces, mode, match in (
            (["ra"], "fast", "mode fast, but it is one of"),
            ([], "auto", "no interface"),
            (["nowhere"], "auto", "nowhere"),
        ):
            with pytest.raises(FlowError, match=match) as caught:
                load_confined(interfaces, mode)
            assert "\n" not in str(caught.value)
        first = load(["ra"], "xdp-native")
        with pytest.raises(FlowError, match="ra has another XDP program"):
            load_confined(["ra"], "xdp-native")
        first.close()
        assert in_child(lambda: refused(lambda: (confine(0), load(["ra"], "tc"))[1])) == ""
        monkeypatch.setattr(attach, "_OBJECT", FilePath("/nonexistent/seaway.bpf.o"))
        with pytest.raises(FlowError, match="was not built"):
            load_confined(["ra"], "auto")


def refused(action: Callable[[], object]) -> None:
    try:
        action()
    except FlowError as problem:
        assert "it needs CAP_BPF and CAP_NET_ADMIN" in str(problem), str(problem)
        return
    raise AssertionError("not refused")


def test_nothing_else_of_the_host_forwards(network: Network, fast: KernelFastPath) -> None:
    """Lookups of routes need one forwarding interface: it is `lo`, and no packet goes between others."""
    with network.inside("r"):
        shown = subprocess.run(
            [sys.executable, "-c", _READ_FORWARDING], check=True, capture_output=True, text=True
        ).stdout
    values = json.loads(shown)
    assert values == {"4/all": "0", "4/ra": "0", "4/rb": "0", "4/lo": "1", "6/all": "0", "6/ra": "0", "6/lo": "1"}


_READ_FORWARDING = """
import json
wanted = ["4/all", "4/ra", "4/rb", "4/lo", "6/all", "6/ra", "6/lo"]
path = "/proc/sys/net/ipv{}/conf/{}/forwarding"
print(json.dumps({each: open(path.format(*each.split("/"))).read().strip() for each in wanted}))
"""
