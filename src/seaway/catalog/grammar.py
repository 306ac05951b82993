"""The port grammar of the catalog: text in normal form <-> typed expression. Pure; knows no settings and no deployment.

| text | expression |
|---|---|
| `443` | `Fixed` |
| `1024-65535`, `36000-59998/even`, `36001-59999/odd` | `Range` |
| `>=1024` | `AtLeast` |
| `22\\|5022` | `Alternatives`: one of them is in use |
| `small,medium: 3478; large: 3478-3483` | `BySize`: depends on the size of the edge system |
| `ephemeral`, `endpoint_media`, `user_defined`, `n/a`, `unspecified` | one class each |

`parse` accepts exactly the normal form, so `format_ports(parse(text)) == text` for every text that it accepts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from seaway.catalog.ports import MAX_PORT, PortRange

__all__ = [
    "SIZES", "Alternatives", "AtLeast", "BySize", "EndpointMedia", "Ephemeral", "Expression", "Fixed", "GrammarError",
    "NotApplicable", "Parity", "Range", "Simple", "Single", "Unspecified", "UserDefined", "format_ports", "parse",
]  # fmt: skip

SIZES = ("small", "medium", "large")

_PORT = re.compile(r"0|[1-9][0-9]{0,5}", re.ASCII)
_RANGE = re.compile(r"([0-9]+)-([0-9]+)(?:/(even|odd))?", re.ASCII)


class GrammarError(ValueError):
    """A text that is no port expression. `part` is the offending piece, `problem` what is wrong with it."""

    def __init__(self, text: str, part: str, problem: str) -> None:
        self.text = text
        self.part = part
        self.problem = problem
        where = f"{part!r} in {text!r}" if part != text else repr(text)
        super().__init__(f"no port expression: {where}: {problem}")


class Parity(StrEnum):
    EVEN = "even"
    ODD = "odd"


@dataclass(frozen=True, slots=True)
class Fixed:
    port: int

    def __str__(self) -> str:
        return str(self.port)


@dataclass(frozen=True, slots=True)
class Range:
    """Ports `low` to `high`, both included; with a parity both ends have it and the others in between are left out."""

    low: int
    high: int
    parity: Parity | None = None

    def ports(self) -> PortRange:
        return PortRange(self.low, self.high, 1 if self.parity is None else 2)

    def __str__(self) -> str:
        return f"{self.low}-{self.high}" + (f"/{self.parity}" if self.parity else "")


@dataclass(frozen=True, slots=True)
class AtLeast:
    low: int

    def __str__(self) -> str:
        return f">={self.low}"


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """A client's own choice; no numbers printed."""

    def __str__(self) -> str:
        return "ephemeral"


@dataclass(frozen=True, slots=True)
class EndpointMedia:
    """The media range of the far device; no numbers printed."""

    def __str__(self) -> str:
        return "endpoint_media"


@dataclass(frozen=True, slots=True)
class UserDefined:
    """Set by the user; there is no default."""

    def __str__(self) -> str:
        return "user_defined"


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """No ports on this side."""

    def __str__(self) -> str:
        return "n/a"


@dataclass(frozen=True, slots=True)
class Unspecified:
    """The connection is named, this value is not."""

    def __str__(self) -> str:
        return "unspecified"


Single = Fixed | Range | AtLeast | Ephemeral | EndpointMedia | UserDefined | NotApplicable | Unspecified


@dataclass(frozen=True, slots=True)
class Alternatives:
    """At least two; the deployment uses one of them."""

    options: tuple[Single, ...]

    def __str__(self) -> str:
        return "|".join(str(each) for each in self.options)


Simple = Single | Alternatives


@dataclass(frozen=True, slots=True)
class BySize:
    """`cases` in the order written; a size that is missing has no value (`small,medium: 3478`)."""

    cases: tuple[tuple[tuple[str, ...], Simple], ...]

    def for_size(self, size: str) -> Simple | None:
        return next((value for sizes, value in self.cases if size in sizes), None)

    def __str__(self) -> str:
        return "; ".join(f"{','.join(sizes)}: {value}" for sizes, value in self.cases)


Expression = Simple | BySize

_WORDS: dict[str, Single] = {
    str(each): each for each in (Ephemeral(), EndpointMedia(), UserDefined(), NotApplicable(), Unspecified())
}
_ALONE = (NotApplicable, Unspecified)  # these say that there is nothing to choose from


@lru_cache(maxsize=1024)
def parse(text: str) -> Expression:
    """Read one expression in normal form. Raises `GrammarError`."""
    if ": " not in text:
        return _simple(text, text)
    cases: list[tuple[tuple[str, ...], Simple]] = []
    seen: set[str] = set()
    for part in text.split("; "):
        names, found, value = part.partition(": ")
        if not found:
            raise GrammarError(text, part, "write 'size: ports', for instance 'large: 3478-3483'")
        sizes = tuple(names.split(","))
        for size in sizes:
            if size not in SIZES:
                raise GrammarError(text, part, f"{size!r} is no size; sizes are {', '.join(SIZES)}")
            if size in seen:
                raise GrammarError(text, part, f"{size!r} has two values")
            seen.add(size)
        cases.append((sizes, _simple(text, value)))
    return BySize(tuple(cases))


def format_ports(expression: Expression) -> str:
    """The normal form: what `parse` reads."""
    return str(expression)


def _simple(text: str, part: str) -> Simple:
    if "|" not in part:
        return _single(text, part)
    options = tuple(_single(text, each) for each in part.split("|"))
    if len(set(options)) != len(options):
        raise GrammarError(text, part, "an alternative is given twice")
    for option in options:
        if isinstance(option, _ALONE):
            raise GrammarError(text, part, f"'{option}' is no alternative")
    return Alternatives(options)


def _single(text: str, part: str) -> Single:
    word = _WORDS.get(part)
    if word is not None:
        return word
    if part.startswith(">="):
        return AtLeast(_port(text, part[2:]))
    match = _RANGE.fullmatch(part)
    if match is None:
        return Fixed(_port(text, part))
    low, high = _port(text, match[1]), _port(text, match[2])
    if low >= high:
        raise GrammarError(text, part, "a range runs from a lower to a higher port")
    parity = Parity(match[3]) if match[3] else None
    if parity is not None and not low % 2 == high % 2 == (parity is Parity.ODD):
        raise GrammarError(text, part, f"both ends must be {parity}")
    return Range(low, high, parity)


def _port(text: str, part: str) -> int:
    if _PORT.fullmatch(part) is None:
        raise GrammarError(text, part, "not a port number, a range or one of the words of the grammar")
    port = int(part)
    if not 0 < port <= MAX_PORT:
        raise GrammarError(text, part, f"a port is 1 to {MAX_PORT}")
    return port
