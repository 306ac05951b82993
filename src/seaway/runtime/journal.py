"""What a relay process notes for its successor: in memory that the supervisor holds, never on a disk.

Two anonymous memory files (memfd) take turns. Each line is `[name, value]`, `null` for a value that is gone; the last
line of a name counts. When the lines of things gone outgrow those that count, everything is written into the other
file and `["", generation]` behind it; the file with the highest generation is the true one. A process killed while it
writes leaves half a line at the end, which is not read.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Mapping

__all__ = ["Journal"]

_SLACK = 1024 * 1024  # octets that may be out of date before the file is written anew
_LARGEST = 256 * 1024 * 1024


class Journal:
    """`descriptors` are inherited by fork; the same two serve one process after the other, never two at a time."""

    def __init__(self, descriptors: tuple[int, int]) -> None:
        self._files = descriptors
        self._generation = 0
        self._at = 0
        self._live: dict[str, bytes] = {}
        self._size = 0

    @classmethod
    def create(cls) -> Journal:
        """In files of its own, which are closed with it."""
        files = os.memfd_create("seaway-journal"), os.memfd_create("seaway-journal")
        made = cls(files)
        for each in files:
            weakref.finalize(made, os.close, each)
        return made

    def load(self) -> dict[str, object]:
        """What an earlier process left, by name. Reads from the file on; `note` goes on where it ends."""
        found = [self._read(descriptor) for descriptor in self._files]
        self._at = 0 if found[0][0] >= found[1][0] else 1
        self._generation, values = found[self._at]
        self._live = {name: _line(name, value) for name, value in values.items()}
        self._rewrite()
        return values

    def look(self) -> dict[str, object]:
        """What the process that owns it has noted so far, by name; for other processes. Changes nothing."""
        return max((self._read(descriptor) for descriptor in self._files), key=lambda each: each[0])[1]

    def note(self, changed: Mapping[str, object | None]) -> None:
        """Values that changed; `None`: gone."""
        lines = []
        for name, value in changed.items():
            line = _line(name, value)
            if value is None:
                self._live.pop(name, None)
            else:
                self._live[name] = line
            lines.append(line)
        data = b"".join(lines)
        if self._size + len(data) > 2 * sum(map(len, self._live.values())) + _SLACK:
            self._rewrite()
        elif data:
            os.pwrite(self._files[self._at], data, self._size)
            self._size += len(data)

    def _rewrite(self) -> None:
        other = 1 - self._at
        descriptor = self._files[other]
        os.ftruncate(descriptor, 0)
        data = b"".join(self._live.values()) + _line("", self._generation + 1)
        os.pwrite(descriptor, data, 0)
        self._at, self._size, self._generation = other, len(data), self._generation + 1

    @staticmethod
    def _read(descriptor: int) -> tuple[int, dict[str, object]]:
        data = os.pread(descriptor, min(os.fstat(descriptor).st_size, _LARGEST), 0)
        generation, values = 0, dict[str, object]()
        for line in data.split(b"\n")[:-1]:
            try:
                name, value = json.loads(line)
            except ValueError:
                continue
            if name == "":
                generation = value
            elif value is None:
                values.pop(name, None)
            else:
                values[name] = value
        return generation, values


def _line(name: str, value: object) -> bytes:
    return json.dumps([name, value], separators=(",", ":")).encode() + b"\n"
