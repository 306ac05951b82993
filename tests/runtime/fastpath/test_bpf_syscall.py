"""Calls of bpf(2) without a kernel: what is repeated, and what never reaches it."""

from __future__ import annotations

import ctypes
import errno

import pytest

from seaway.runtime.fastpath import bpf_syscall as bpf


class Kernel:
    """Answers each call with the next of `codes` (0: it works)."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.calls = 0

    def __call__(self, *arguments: object) -> int:
        self.calls += 1
        code = self.codes.pop(0) if self.codes else 0
        ctypes.set_errno(code)
        return -1 if code else 7


def with_kernel(monkeypatch: pytest.MonkeyPatch, *codes: int) -> Kernel:
    kernel = Kernel(*codes)
    monkeypatch.setattr(bpf, "_syscall", kernel)
    return kernel


def test_a_verifier_that_a_signal_interrupted_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program was refused with EAGAIN at a node's start, and media fell back to the worker."""
    kernel = with_kernel(monkeypatch, errno.EAGAIN, errno.EAGAIN)
    assert bpf.load_program(6, bytes(8), b"GPL", "x") == 7 and kernel.calls == 3
    kernel = with_kernel(monkeypatch, *[errno.EAGAIN] * 100)
    with pytest.raises(OSError, match="temporarily unavailable"):
        bpf.load_program(6, bytes(8), b"GPL", "x")
    assert kernel.calls == 5
    kernel = with_kernel(monkeypatch, errno.EPERM)
    with pytest.raises(OSError, match="not permitted"):
        bpf.load_program(6, bytes(8), b"GPL", "x")
    assert kernel.calls == 1


def test_an_entry_that_is_there_is_told_apart_from_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with_kernel(monkeypatch)
    assert bpf.add(1, b"key", b"value")
    with_kernel(monkeypatch, errno.EEXIST)
    assert not bpf.add(1, b"key", b"value")
    with_kernel(monkeypatch, errno.E2BIG)
    with pytest.raises(OSError, match="too long"):
        bpf.add(1, b"key", b"value")


def test_values_that_do_not_fit_the_shared_room_have_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with_kernel(monkeypatch)
    assert bpf.add(1, b"key", bytes(100_000))
    assert len(bpf.lookup(1, b"key", 100_000) or b"") == 100_000
    kernel = with_kernel(monkeypatch)
    with pytest.raises(ValueError, match="a key of 1000 octets"):
        bpf.add(1, bytes(1000), b"")
    assert kernel.calls == 0
