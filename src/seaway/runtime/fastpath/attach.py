"""Puts the BPF programs on interfaces: native XDP, generic XDP, or TC, whichever works here, and tries it.

Whether native XDP works cannot be known from the driver's name: attaching may fail, and a redirect out of a veth whose
far end does not poll (no GRO, no XDP there) is dropped without a word. So interfaces without hardware are tried with
some frames of the local experimental ethertype 0x88B5 (IEEE 802) before media depends on them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from struct import pack

from seaway.media.flows import FlowError
from seaway.runtime.fastpath import bpf_syscall as bpf
from seaway.runtime.fastpath import clsact, elf
from seaway.runtime.fastpath.interfaces import is_hardware, number_of, sent_by

__all__ = ["MODES", "attach", "close_all", "create_maps", "read_object", "remove_filters"]

MODES = ("auto", "xdp-native", "xdp-generic", "tc")
_AUTO = ("xdp-native", "tc", "xdp-generic")
_OBJECT = Path(__file__).parent / "native" / "seaway.bpf.o"
_PROGRAM_TC, _PROGRAM_XDP = 3, 6
_SECTIONS = {"xdp-native": "xdp/native", "xdp-generic": "xdp/generic", "tc": "tc/relay"}
_SIZED = ("flows4", "flows6")
_TRIAL_FRAMES = 32
_TRIAL_PATIENCE = 0.5  # seconds until a frame is counted
_BUSY_PATIENCE = 0.5  # seconds until the kernel has taken away a program that was let go of


def read_object() -> elf.Object:
    """Raises `FlowError`."""
    try:
        return elf.parse(_OBJECT.read_bytes())
    except OSError:
        raise FlowError(
            "kernel fast path: its BPF object was not built (no clang when Seaway was installed); install clang and "
            "install Seaway again"
        ) from None
    except elf.ElfError as problem:
        raise FlowError(f"kernel fast path: {problem}; install Seaway again") from None


def create_maps(made: elf.Object, max_flows: int) -> dict[str, int]:
    """Descriptors by name. Raises `OSError`."""
    maps: dict[str, int] = {}
    try:
        for name, each in made.maps.items():
            size = max_flows if name in _SIZED else each.max_entries
            maps[name] = bpf.create_map(each.kind, each.key_size, each.value_size, size, each.flags, name)
    except OSError:
        close_all(maps)
        raise
    return maps


def attach(
    made: elf.Object, maps: dict[str, int], interfaces: Sequence[str], mode: str
) -> tuple[str, str, dict[str, int]]:
    """Engine, reason, and the descriptors of program and links. Raises `FlowError`."""
    if mode not in MODES:
        raise FlowError(f"kernel fast path: mode {mode}, but it is one of {', '.join(MODES)}")
    if not interfaces:
        raise FlowError("kernel fast path: no interface holds an address of the media ports")
    remove_filters(interfaces)  # of a node that crashed
    refused: list[str] = []
    for engine in _AUTO if mode == "auto" else (mode,):
        try:
            descriptors = _attach_engine(made, maps, interfaces, engine)
        except _Refused as problem:
            refused.append(f"{engine} not: {problem}")
            continue
        where = ", ".join(interfaces)
        reason = "; ".join([f"{'works' if mode == 'auto' else 'as configured'} on {where}", *refused])
        return engine, reason, descriptors
    raise FlowError(f"kernel fast path on {', '.join(interfaces)}: {'; '.join(refused)}")


class _Refused(Exception):
    """This engine cannot be used here; the next may."""


def _attach_engine(made: elf.Object, maps: dict[str, int], interfaces: Sequence[str], engine: str) -> dict[str, int]:
    descriptors: dict[str, int] = {}
    try:
        kind = _PROGRAM_TC if engine == "tc" else _PROGRAM_XDP
        program = made.programs[_SECTIONS[engine]]
        descriptors["program"] = bpf.load_program(kind, elf.link(program, maps), made.licence, "seaway")
        for interface in interfaces:
            link = _attach_one(descriptors["program"], interface, engine)
            if link is not None:
                descriptors[f"link:{interface}"] = link
        if engine == "xdp-native":
            _try_redirects(made, interfaces)
        for interface in interfaces:
            bpf.update(maps["links"], pack("=I", number_of(interface)), pack("=I", 1))
    except (OSError, KeyError, elf.ElfError) as problem:
        remove_filters(interfaces)
        close_all(descriptors)
        raise _Refused(_line(problem)) from None
    except _Refused:
        remove_filters(interfaces)
        close_all(descriptors)
        raise
    return descriptors


def _attach_one(program: int, interface: str, engine: str) -> int | None:
    """The link's descriptor; `None` for a filter, which needs none."""
    number = number_of(interface)
    limit = time.monotonic() + _BUSY_PATIENCE
    while True:
        try:
            if engine == "tc":
                return _attach_tc(program, number)
            mode = bpf.XDP_NATIVE if engine == "xdp-native" else bpf.XDP_GENERIC
            return bpf.link_create(program, number, bpf.XDP, mode)
        except OSError as problem:
            if problem.errno != errno.EBUSY:
                raise _Refused(f"{interface}: {_line(problem)}") from None
            if time.monotonic() > limit:
                raise _Refused(f"{interface} has another XDP program") from None
        time.sleep(0.01)


def _attach_tc(program: int, number: int) -> int | None:
    try:
        return bpf.link_create(program, number, bpf.TCX_INGRESS)
    except OSError as problem:
        if problem.errno != errno.EINVAL:
            raise
    clsact.attach(program, number)  # a kernel before 6.6
    return None


def remove_filters(interfaces: Sequence[str]) -> None:
    """Of clsact, on these interfaces; no word when it cannot be done."""
    for interface in interfaces:
        with contextlib.suppress(OSError):
            clsact.detach(number_of(interface))


def _try_redirects(made: elf.Object, interfaces: Sequence[str]) -> None:
    virtual = [interface for interface in interfaces if not is_hardware(interface)]
    if not virtual:
        return
    program = bpf.load_program(_PROGRAM_XDP, made.programs["xdp/trial"].code, made.licence, "seaway_trial")
    try:
        for interface in virtual:
            number = number_of(interface)
            before = sent_by(interface)
            frame = (b"\xff" * 6 + b"\x02" + bytes(5) + b"\x88\xb5" + pack("!I", number)).ljust(60, b"\0")
            bpf.test_run(program, frame, _TRIAL_FRAMES, number)
            limit = time.monotonic() + _TRIAL_PATIENCE
            while sent_by(interface) < before + _TRIAL_FRAMES:
                if time.monotonic() > limit:
                    raise _Refused(f"{interface} drops redirected packets (its far end has neither GRO nor XDP)")
                time.sleep(0.002)
    finally:
        os.close(program)


def close_all(descriptors: dict[str, int]) -> None:
    for descriptor in descriptors.values():
        with contextlib.suppress(OSError):
            os.close(descriptor)
    descriptors.clear()


def _line(problem: Exception) -> str:
    if isinstance(problem, KeyError):
        return f"the BPF object has no {problem}"
    return (getattr(problem, "strerror", None) or str(problem)).splitlines()[0]
