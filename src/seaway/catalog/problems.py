"""What is reported about a deployment that cannot be used: typed errors with one clear line each."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["DeploymentError", "Refused", "did_you_mean"]


class DeploymentError(Exception):
    """A deployment is wrong. `setting` is its path in the file ("ports.media"), `value` what stands there.

    `reason` says what is wrong and `remedy` what to write instead; `str()` is one line with all four.
    """

    def __init__(self, setting: str, value: object, reason: str, remedy: str, *, origin: str = "") -> None:
        super().__init__(setting, value, reason, remedy)
        self.setting = setting
        self.value = value
        self.reason = reason
        self.remedy = remedy
        self.origin = origin  # file name; empty when the deployment did not come from a file

    def __str__(self) -> str:
        shown = "" if self.value is None else f" = {_short(self.value)}"
        where = f"{self.origin}: " if self.origin else ""
        return f"{where}{self.setting}{shown}: {self.reason}; {self.remedy}".replace("\n", " ")


class Refused(ValueError):
    """A single value is refused. Raised by field validators, which do not know the path of their setting."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy


def did_you_mean(word: str, known: Iterable[str], *, plural: str) -> str:
    """A remedy for an unknown name: the nearest known one, else the list of all."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known {plural}: {', '.join(names)}"


def _short(value: object, limit: int = 60) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
