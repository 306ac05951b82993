"""What is wrong with a script."""

from __future__ import annotations

__all__ = ["CplError"]


class CplError(ValueError):
    """A script that cannot be used. `line` counts from 1, 0 when unknown; `problem` is one clear phrase."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)
        self.line = line
        self.problem = problem
