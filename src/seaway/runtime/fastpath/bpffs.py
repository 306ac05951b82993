"""Directories of the BPF file system, where pins keep maps and links beyond the life of processes."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from seaway.media.flows import FlowError

__all__ = ["clean_pins", "is_bpffs", "mount_bpffs", "pin_name", "unmount_bpffs"]

_MAGIC = 0xCAFE4A11  # of statfs(2)
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8


def is_bpffs(directory: Path) -> bool:
    buffer = ctypes.create_string_buffer(256)
    if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(directory), buffer) != 0:
        return False
    return int(ctypes.c_ulong.from_buffer(buffer).value) & 0xFFFFFFFF == _MAGIC


def mount_bpffs(directory: Path) -> None:
    """Make `directory` a bpffs, only for its owner, unless it is on one. Raises `FlowError`."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise FlowError(f"{directory}: cannot be made ({problem.strerror})") from None
    if is_bpffs(directory):
        return
    library = ctypes.CDLL(None, use_errno=True)
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    if library.mount(b"bpf", os.fsencode(directory), b"bpf", flags, b"mode=0700") != 0:
        reason = os.strerror(ctypes.get_errno()).lower()
        raise FlowError(f"{directory}: no bpffs can be mounted there ({reason}); it needs CAP_SYS_ADMIN")


def clean_pins(directory: Path) -> None:
    """Remove what is pinned in `directory`: links without another holder leave their interfaces. Nothing happens when
    it is no bpffs or is not there. Raises `FlowError`."""
    if not is_bpffs(directory):
        return
    try:
        for each in directory.iterdir():
            if "." not in each.name:  # files with dots are the kernel's own
                each.unlink()
    except OSError as problem:
        raise FlowError(f"{directory}: a pin cannot be removed ({problem.strerror})") from None


def pin_name(name: str) -> str:
    """A bpffs has no names with dots, which VLAN interfaces have."""
    return name.replace(".", "+")


def unmount_bpffs(directory: Path) -> None:
    """Undo `mount_bpffs`; nothing happens where nothing is mounted."""
    ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(directory), 0)
