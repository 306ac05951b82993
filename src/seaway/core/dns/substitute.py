"""The substitution expression of a NAPTR record (RFC 3402 §3.2): `!ERE!replacement!flags`.

The expression comes from whoever owns the zone, so it must not be able to hold us up (R70): only a part of POSIX ERE is
taken, which Python's engine evaluates in bounded time on the short texts it is used for. Anything else is refused. Left
out: back-references inside the expression, repetition of groups that repeat or choose, named classes, and more than
four repetitions. Where alternatives overlap the first one counts, not the longest.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["SubstitutionError", "substitute"]

_MOST = 255  # octets of an expression: one character-string of the DNS
_MOST_TEXT = 64  # of what it is applied to
_MOST_REPETITIONS = 4
_MOST_COUNT = 32  # in {m,n}
_RESULT = 2048  # octets
_BRACKET = re.compile(r"\[\^?\]?[^\]\[\\]*\]")
_COUNT = re.compile(r"\{(\d{1,3})(?:(,)(\d{0,3}))?\}", re.ASCII)
_LITERAL = re.compile(r"[A-Za-z0-9 !\"#%&',/:;<=>@_`~-]")
_ESCAPED = frozenset("\\.+*?()[]{}|^$/-")


class SubstitutionError(Exception):
    """An expression that is malformed or not taken, or that did not match. `str()` is one line."""


def substitute(expression: str, text: str) -> str:
    """`text` rewritten by `expression`. Raises `SubstitutionError`."""
    if len(expression) > _MOST:
        raise SubstitutionError(f"the expression is longer than {_MOST} octets")
    if len(text) > _MOST_TEXT:
        raise SubstitutionError(f"the text is longer than {_MOST_TEXT} octets")
    pattern, replacement, flags = _parts(expression)
    if flags not in ("", "i"):
        raise SubstitutionError(f'flag "{flags[:8]}" is unknown')
    found = _compiled(pattern, flags).search(text)
    if found is None:
        raise SubstitutionError("the expression does not match")
    out = text[: found.start()] + _filled(replacement, found) + text[found.end() :]
    if len(out) > _RESULT:
        raise SubstitutionError(f"the result is longer than {_RESULT} octets")
    return out


def _parts(expression: str) -> tuple[str, str, str]:
    """RFC 3402 §3.2: the first octet is the delimiter; a back-slash takes its meaning away."""
    delimiter = expression[:1]
    if not delimiter or delimiter in "\\123456789i":
        raise SubstitutionError("the expression has no delimiter")
    parts: list[str] = [""]
    position = 1
    while position < len(expression):
        octet = expression[position]
        if octet == "\\" and position + 1 < len(expression):
            following = expression[position + 1]
            parts[-1] += following if following == delimiter else octet + following
            position += 2
            continue
        if octet == delimiter:
            parts.append("")
        else:
            parts[-1] += octet
        position += 1
    if len(parts) != 3:
        raise SubstitutionError("the expression has not three parts")
    return parts[0], parts[1], parts[2]


def _filled(replacement: str, found: re.Match[str]) -> str:
    out, position = "", 0
    while position < len(replacement):
        octet = replacement[position]
        if octet == "\\" and position + 1 < len(replacement):
            following = replacement[position + 1]
            if following in "123456789":
                number = ord(following) - ord("0")
                if number > found.re.groups:
                    raise SubstitutionError(f"\\{following} has no group")
                out += found.group(number) or ""
            else:
                out += following
            position += 2
            continue
        out += octet
        position += 1
    return out


@lru_cache(maxsize=500)
def _compiled(pattern: str, flags: str) -> re.Pattern[str]:
    try:
        return re.compile(_translated(pattern), re.ASCII | (re.IGNORECASE if flags else 0))
    except (re.error, OverflowError, RecursionError):
        raise SubstitutionError("the expression is malformed") from None


def _translated(pattern: str) -> str:
    """The same expression for Python's engine. Raises `SubstitutionError`."""
    out: list[str] = []
    groups: list[bool] = []  # of each open group: whether it repeats or chooses inside
    repetitions = 0
    simple: bool | None = None  # whether what stands before may be repeated; `None`: nothing is there
    position = 0
    while position < len(pattern):
        octet = pattern[position]
        position += 1
        if octet in "*+?{":
            count = octet
            if octet == "{":
                found = _COUNT.match(pattern, position - 1)
                if found is None or any(_number(each) > _MOST_COUNT for each in found.group(1, 3) if each):
                    raise SubstitutionError("a count is malformed or too large")
                count, position = found.group(), found.end()
            repetitions += 1
            if not simple:
                raise SubstitutionError("a repetition of nothing, of a repetition, or of a choice is not taken")
            if repetitions > _MOST_REPETITIONS:
                raise SubstitutionError(f"more than {_MOST_REPETITIONS} repetitions are not taken")
            out.append(count)
            simple = None
            groups[:] = [True] * len(groups)
        elif octet == "(":
            groups.append(False)
            out.append("(")
            simple = None
            if len(groups) > _MOST_REPETITIONS * 2 or pattern[position : position + 1] == "?":
                raise SubstitutionError("a group is malformed")
        elif octet == ")":
            if not groups:
                raise SubstitutionError("a group is not opened")
            inside = groups.pop()
            out.append(")")
            simple = not inside
        elif octet == "|":
            groups[:] = [True] * len(groups)
            out.append("|")
            simple = None
        elif octet in "^$":
            out.append("^" if octet == "^" else r"\Z")
            simple = None
        else:
            text, position = _atom(pattern, octet, position)
            out.append(text)
            simple = True
    if groups:
        raise SubstitutionError("a group is not closed")
    return "".join(out)


def _atom(pattern: str, octet: str, position: int) -> tuple[str, int]:
    """One character, class or escape, and where it ends."""
    if octet == ".":
        return ".", position
    if octet == "[":
        found = _BRACKET.match(pattern, position - 1)
        if found is None or "[" in found.group()[1:] or "--" in found.group():
            raise SubstitutionError("a bracket expression is malformed")
        inside = found.group()[1:-1]
        negated = inside.startswith("^")
        inside = inside[1:] if negated else inside
        if not inside:
            raise SubstitutionError("a bracket expression is empty")
        safe = (
            inside.replace("]", r"\]").replace("^", r"\^").replace("&", r"\&").replace("~", r"\~").replace("|", r"\|")
        )
        return f"[{'^' if negated else ''}{safe}]", found.end()
    if octet == "\\":
        following = pattern[position : position + 1]
        if following not in _ESCAPED or not following:
            raise SubstitutionError("an escape is not taken")
        return re.escape(following), position + 1
    if not _LITERAL.match(octet):
        raise SubstitutionError("an octet of the expression is not taken")
    return re.escape(octet), position


def _number(text: str) -> int:
    value = 0
    for digit in text:
        value = value * 10 + ord(digit) - ord("0")
    return value
