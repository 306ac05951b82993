"""bpf(2) by ctypes: maps, programs, links, pins. No library of the host is needed.

Every call raises `OSError` with the call's name; nothing here knows what the maps are for.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from struct import Struct, pack

__all__ = [
    "TCX_INGRESS", "XDP", "XDP_GENERIC", "XDP_NATIVE", "VerifierError", "add", "create_map", "delete", "link_create",
    "load_program", "lookup", "lookup_batch", "lookup_delete", "map_entries", "pin", "pinned", "test_run", "update",
]  # fmt: skip

XDP, TCX_INGRESS = 37, 46  # what a link attaches as
XDP_GENERIC, XDP_NATIVE = 1 << 1, 1 << 2
_TEST_LIVE_FRAMES = 1 << 1
_NO_EXIST = 1  # BPF_NOEXIST

_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361, "armv7l": 386}
_MAP_CREATE, _LOOKUP, _UPDATE, _DELETE, _PROG_LOAD, _PIN, _GET = 0, 1, 2, 3, 5, 6, 7
_TEST_RUN, _INFO, _LOOKUP_DELETE, _LOOKUP_BATCH, _LINK_CREATE = 10, 15, 21, 24, 28
_ELEMENT = Struct("=I4xQQQ")
_BATCH = Struct("=QQQQIIQQ")
_LOG_SIZE = 1 << 20
_LOAD_ATTEMPTS = 5

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_number = ctypes.c_long(_NUMBERS.get(platform.machine(), -1))


# One call at a time, in processes without threads: what a call on an element points to is not made anew for each.
_ROOM = 1024
_key, _value = ctypes.create_string_buffer(256), ctypes.create_string_buffer(_ROOM)
_attributes = ctypes.create_string_buffer(_ELEMENT.size)
_KEY, _VALUE = ctypes.addressof(_key), ctypes.addressof(_value)


class VerifierError(OSError):
    """The kernel refused a program. `log` has its reasons."""

    def __init__(self, code: int, name: str, log: str) -> None:
        lines = [line for line in log.splitlines() if line.strip() and not line.startswith("processed ")]
        super().__init__(
            code, f"program {name}: {os.strerror(code).lower()}" + (f" ({lines[-1][:120]})" if lines else "")
        )
        self.log = log


def _bpf(command: int, attributes: bytes, what: str) -> tuple[int, bytes]:
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result = _syscall(_number, command, buffer, len(attributes))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code).lower()}")
    return result, buffer.raw


def _address(buffer: ctypes.Array[ctypes.c_char]) -> int:
    return ctypes.addressof(buffer)


def create_map(kind: int, key_size: int, value_size: int, max_entries: int, flags: int, name: str) -> int:
    attributes = pack("=7I16sI", kind, key_size, value_size, max_entries, flags, 0, 0, name.encode()[:15], 0)
    return _bpf(_MAP_CREATE, attributes, f"map {name}")[0]


def load_program(kind: int, code: bytes, licence: bytes, name: str) -> int:
    """Raises `VerifierError`; tried without a log first, which is faster."""
    body, terms = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(licence)
    log = ctypes.create_string_buffer(_LOG_SIZE)

    def attempt(level: int) -> int:
        place = (level, _LOG_SIZE, _address(log)) if level else (0, 0, 0)
        attributes = pack(
            "=IIQQIIQII16s", kind, len(code) // 8, _address(body), _address(terms), *place, 0, 0, name.encode()[:15]
        )
        return _bpf(_PROG_LOAD, attributes, f"program {name}")[0]

    for left in reversed(range(_LOAD_ATTEMPTS)):
        try:
            return attempt(0)
        except OSError as problem:
            if problem.errno == errno.EAGAIN and left:
                continue  # a signal interrupted the verifier
            if problem.errno not in (errno.EACCES, errno.EINVAL):
                raise
            break
    try:
        return attempt(1)
    except OSError as problem:
        raise VerifierError(problem.errno or 0, name, log.value.decode("ascii", "replace")) from None


def _element(command: int, fd: int, key: bytes, value: int = 0, flags: int = 0) -> None:
    """`value`: where it is in memory; 0: nowhere."""
    if len(key) > len(_key):
        raise ValueError(f"map element: a key of {len(key)} octets")
    ctypes.memmove(_KEY, key, len(key))
    _ELEMENT.pack_into(_attributes, 0, fd, _KEY, value, flags)
    if _syscall(_number, command, _attributes, _ELEMENT.size) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"map element: {os.strerror(code).lower()}")


def _put(fd: int, key: bytes, value: bytes, flags: int) -> None:
    if len(value) <= _ROOM:
        ctypes.memmove(_VALUE, value, len(value))
        _element(_UPDATE, fd, key, _VALUE, flags)
    else:
        _element(_UPDATE, fd, key, _address(ctypes.create_string_buffer(value, len(value))), flags)


def lookup(fd: int, key: bytes, size: int) -> bytes | None:
    return _fetch(_LOOKUP, fd, key, size)


def lookup_delete(fd: int, key: bytes, size: int) -> bytes | None:
    """The value of the entry, which is gone."""
    return _fetch(_LOOKUP_DELETE, fd, key, size)


def _fetch(command: int, fd: int, key: bytes, size: int) -> bytes | None:
    value = _value if size <= _ROOM else ctypes.create_string_buffer(size)
    try:
        _element(command, fd, key, _address(value))
    except OSError as problem:
        if problem.errno == errno.ENOENT:
            return None
        raise
    return ctypes.string_at(value, size)


def add(fd: int, key: bytes, value: bytes) -> bool:
    """A new entry; false when there is one of this key."""
    try:
        _put(fd, key, value, _NO_EXIST)
    except OSError as problem:
        if problem.errno == errno.EEXIST:
            return False
        raise
    return True


def update(fd: int, key: bytes, value: bytes) -> None:
    _put(fd, key, value, 0)


def delete(fd: int, key: bytes) -> bool:
    try:
        _element(_DELETE, fd, key)
    except OSError as problem:
        if problem.errno == errno.ENOENT:
            return False
        raise
    return True


def lookup_batch(fd: int, key_size: int, value_size: int, at_once: int = 1024) -> list[tuple[bytes, bytes]]:
    """All entries of a hash map."""
    keys, values = ctypes.create_string_buffer(key_size * at_once), ctypes.create_string_buffer(value_size * at_once)
    place = ctypes.create_string_buffer(max(key_size, 8))
    found: list[tuple[bytes, bytes]] = []
    first = True
    while True:
        attributes = _BATCH.pack(
            0 if first else _address(place), _address(place), _address(keys), _address(values), at_once, fd, 0, 0
        )
        buffer = ctypes.create_string_buffer(attributes, len(attributes))
        failed = _syscall(_number, _LOOKUP_BATCH, buffer, len(attributes)) < 0
        code = ctypes.get_errno() if failed else 0
        if failed and code == errno.ENOSPC and at_once < 1 << 20:  # a bucket longer than our buffers
            return lookup_batch(fd, key_size, value_size, at_once * 8)
        if failed and code != errno.ENOENT:
            raise OSError(code, f"map entries: {os.strerror(code).lower()}")
        count = _BATCH.unpack(buffer.raw)[4]
        keys_raw, values_raw = keys.raw, values.raw
        for number in range(count):
            key = keys_raw[number * key_size : (number + 1) * key_size]
            found.append((key, values_raw[number * value_size : (number + 1) * value_size]))
        if failed:
            return found
        first = False


def map_entries(fd: int) -> int:
    """How many entries a map may have."""
    info = ctypes.create_string_buffer(80)
    _bpf(_INFO, pack("=IIQ", fd, 80, _address(info)), "map information")
    return int.from_bytes(info.raw[16:20], "little" if pack("=H", 1)[0] else "big")


def link_create(program: int, interface: int, attach_type: int, flags: int = 0) -> int:
    """Attach; the program stays as long as the link's descriptor or a pin of it does."""
    return _bpf(_LINK_CREATE, pack("=4I48x", program, interface, attach_type, flags), "attach")[0]


def pin(fd: int, path: str) -> None:
    name = ctypes.create_string_buffer(os.fsencode(path))
    _bpf(_PIN, pack("=QII", _address(name), fd, 0), f"pin {path}")


def pinned(path: str) -> int:
    """A descriptor of what is pinned there."""
    name = ctypes.create_string_buffer(os.fsencode(path))
    return _bpf(_GET, pack("=QII", _address(name), 0, 0), f"pin {path}")[0]


def test_run(program: int, frame: bytes, times: int, interface: int) -> None:
    """Run an XDP program on live frames, as if `interface` had received them: what it redirects is really sent."""
    data = ctypes.create_string_buffer(frame, len(frame))
    context = ctypes.create_string_buffer(pack("=6I", 0, len(frame), 0, interface, 0, 0), 24)
    attributes = pack(
        "=IIIIQQIIIIQQIII4x", program, 0, len(frame), 0, _address(data), 0, times, 0, 24, 0, _address(context), 0,
        _TEST_LIVE_FRAMES, 0, 1,
    )  # fmt: skip
    _bpf(_TEST_RUN, attributes, "trial of redirects")
