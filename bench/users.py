"""Users of the benchmarks: `user0`, `user1`...."""

from __future__ import annotations

from pathlib import Path

__all__ = ["names", "user_file"]


def names(count: int) -> list[str]:
    return [f"user{number}" for number in range(count)]


def user_file(folder: Path, count: int) -> Path:
    """The injection file of sipp: one name to a line, each in its turn."""
    path = folder / f"users{count}.csv"
    path.write_text("\n".join(["SEQUENTIAL", *(f"{name};" for name in names(count)), ""]), encoding="ascii")
    return path
