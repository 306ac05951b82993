"""Tables for people that fit a terminal: columns that are empty everywhere go when there is no room for them, long
cells are folded between words and after commas, and rows that do not fit even so are shown down the page."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["WIDTH", "down", "fitted"]

WIDTH = 100
"""Columns that a table takes at most, where it can."""

_GAP = "  "
_NARROW = 12  # no cell is folded to less
_EMPTY = ("", "-")
_PIECE = re.compile(r"[^ ,;]*[,;]+ *|[^ ,;]+ *| +")


def fitted(head: Sequence[str], lines: Sequence[Sequence[str]], *, width: int = WIDTH) -> str:
    """Text without a final newline."""
    columns = range(len(head))
    if _total([_widest(head, lines, at) for at in columns]) > width:
        columns = [at for at in columns if any(line[at] not in _EMPTY for line in lines)]  # type: ignore[assignment]
    head = [head[at] for at in columns]
    lines = [[line[at] for at in columns] for line in lines]
    widths = _fold(head, lines, width)
    if widths is None:
        return "\n\n".join(down(head, line, width) for line in lines)
    return "\n".join(text for line in (head, *lines) for text in _folded(line, widths))


def _fold(head: Sequence[str], lines: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """How wide each column gets: the widest give way, down to their longest word; `None` when that is not enough."""
    widths = [_widest(head, lines, at) for at in range(len(head))]
    least = [
        max(_NARROW if widths[at] > _NARROW else 0, len(head[at]), *(_word(line[at]) for line in lines))
        for at in range(len(head))
    ]
    while (over := _total(widths) - width) > 0:
        slack = [at for at in range(len(head)) if widths[at] > least[at]]
        if not slack:
            return None
        at = max(slack, key=lambda each: widths[each])
        widths[at] = max(least[at], widths[at] - over)
    return widths


def _folded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    cells = [_wrap(cell, width) for cell, width in zip(line, widths, strict=True)]
    return [
        _GAP.join(
            (cell[at] if at < len(cell) else "").ljust(width) for cell, width in zip(cells, widths, strict=True)
        ).rstrip()
        for at in range(max(map(len, cells)))
    ]


def down(head: Sequence[str], line: Sequence[str], width: int = WIDTH, *, empty: bool = False) -> str:
    """One row, a line for each field; without `empty` only those that are not."""
    left = max(map(len, head))
    room = max(width - left - len(_GAP), _NARROW)
    found = []
    for name, cell in zip(head, line, strict=True):
        if empty or cell not in _EMPTY:
            first, *rest = _wrap(cell, room)
            found += [f"{name:<{left}}{_GAP}{first}", *(" " * left + _GAP + each for each in rest)]
    return "\n".join(found)


def _widest(head: Sequence[str], lines: Sequence[Sequence[str]], at: int) -> int:
    return max(len(head[at]), *(len(line[at]) for line in lines)) if lines else len(head[at])


def _word(cell: str) -> int:
    return max(len(each.rstrip()) for each in _PIECE.findall(cell) or [""])


def _wrap(cell: str, width: int) -> list[str]:
    """Lines of at most `width` characters, but for a piece that is longer by itself."""
    lines = [""]
    for piece in _PIECE.findall(cell):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += piece
    return [each.rstrip() for each in lines]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)
