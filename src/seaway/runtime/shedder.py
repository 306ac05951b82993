"""Reads a UDP socket in C under overload: most new requests are refused before Python sees them (`dataplane/shed/`).

A refusal costs half of what it costs in Python, which decides how much else is left to do. Where the
library was not built `load_shedder` gives `None`, and `overload.py` refuses by itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from seaway.core.sip.io import Address

__all__ = ["Outcome", "Shedder", "load_shedder"]

_LIBRARY = Path(__file__).parent / "fastpath" / "native" / "libseaway-shed.so"
_BATCH, _RANKS = 64, 3


class _Passed(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p), ("length", ctypes.c_uint32), ("scope", ctypes.c_uint32), ("port", ctypes.c_uint16),
        ("host", ctypes.c_char * 46),
    )  # fmt: skip


class _Outcome(ctypes.Structure):
    _fields_ = (
        ("read", ctypes.c_uint32), ("passed", ctypes.c_uint32), ("refused", ctypes.c_uint32),
        ("dropped", ctypes.c_uint32), ("acks", ctypes.c_uint32), ("passed_on", _Passed * _BATCH),
    )  # fmt: skip


@dataclass(slots=True)
class Outcome:
    """What one call came to: `read` datagrams, of which `passed` are for Python and the others are dealt with."""

    read: int
    passed: list[tuple[bytes, Address]]
    refused: int
    dropped: int


class Shedder:
    """`trusted`: addresses whose requests go before others. For one process; call `close` at the end."""

    def __init__(self, library: ctypes.CDLL, trusted: Sequence[str] = ()) -> None:
        self._library = library
        self._state = library.shed_new()
        if not self._state:
            raise MemoryError("no memory for the shedder")
        for address in trusted:
            library.shed_trust(self._state, address.encode())
        self._outcome = _Outcome()
        self._admit = (ctypes.c_uint32 * _RANKS)()

    def read(self, socket: int, admit: Sequence[int], refusals: int, retry_after: int) -> Outcome:
        """Read what waits at the descriptor `socket`. `admit`: how many new requests to pass on of trusted sources,
        with credentials, of others. Raises `OSError`."""
        for rank, count in enumerate(admit):
            self._admit[rank] = count
        outcome = self._outcome
        got: int = self._library.shed_read(
            self._state, socket, self._admit, refusals, retry_after, ctypes.byref(outcome)
        )  # fmt: skip
        if got < 0:
            raise OSError(-got, "cannot read")
        if got == 0:
            return Outcome(0, [], 0, 0)
        passed: list[tuple[bytes, Address]] = []
        for each in outcome.passed_on[: outcome.passed]:
            host = each.host.decode("ascii")
            remote = (f"{host}%{each.scope}" if each.scope else host, each.port)
            passed.append((ctypes.string_at(each.data, each.length), remote))
        return Outcome(got, passed, outcome.refused, outcome.dropped)

    def close(self) -> None:
        if self._state:
            self._library.shed_free(self._state)
            self._state = None


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(str(_LIBRARY))
    except OSError:
        return None
    library.shed_new.restype = ctypes.c_void_p
    library.shed_free.argtypes = [ctypes.c_void_p]
    library.shed_trust.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.shed_read.argtypes = [
        ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_uint32), ctypes.c_uint32, ctypes.c_uint,
        ctypes.POINTER(_Outcome),
    ]  # fmt: skip
    return library


def load_shedder(trusted: Sequence[str] = ()) -> Shedder | None:
    """`None` when this installation was built without it."""
    library = _library()
    return Shedder(library, trusted) if library is not None else None
